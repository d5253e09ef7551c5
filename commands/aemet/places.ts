/** A station's and a municipality's messages, one after the other. */
import type { Message } from "../../src/net/mqtt/message.ts";
import { bytesOf } from "../../src/text.ts";
import { entitiesOf } from "./home-assistant.ts";
import { FIELD_NAMES, type FieldName } from "./observations.ts";
import type { MunicipalitySpool, StationSpool, Waiting } from "./spool.ts";

const HOUR_MS = 3_600_000;
/** Without a newer observation for so long, in ms, a station is stale: each hour's comes within the next one. */
const STATION_STALE_MS = 3 * HOUR_MS;
/** Without a newer forecast; AEMET makes some a day. */
const FORECAST_STALE_MS = 24 * HOUR_MS;

export type PlaceStatus = "online" | "stale";

/** What a publisher takes messages from. Messages are at QoS 1. */
export interface Place {
	/** What its topics begin with. */
	readonly topic: string;
	/** For a person. */
	readonly name: string;
	/** Messages' worth that the broker has not taken. */
	readonly waiting: number;
	/** The message that leaves next: the same until `taken` is called for it. */
	next(): Message | undefined;
	/** The broker has it. */
	taken(message: Message): void;
	/** The broker does not take it. Returns whether it is tried again. */
	refused(message: Message): boolean;
	/** The broker has lost its session, and what it retained perhaps. */
	newSession(): void;
	/** `now`: in ms since 1970. */
	status(now: number): PlaceStatus;
}

function retained(topic: string, text: string): Message {
	return { topic, payload: bytesOf(text), qos: 1, retain: true };
}

/** How a station is published. */
export interface StationSettings {
	/** AEMET's `idema`. */
	readonly id: string;
	/** What its topics begin with. */
	readonly topic: string;
	/** Topics of quantities' values. */
	readonly valueTopics: { readonly [name in FieldName]?: string };
}

/** How a municipality is published. */
export interface MunicipalitySettings {
	/** By INE. */
	readonly id: string;
	/** What its topics begin with. */
	readonly topic: string;
}

/** By time: each observation at `state`; one that comes when a newer one has been there, at `late`. Then what Home Assistant is told. */
export class StationPlace implements Place {
	readonly topic: string;
	readonly name: string;
	private readonly _settings: StationSettings;
	private readonly _spool: StationSpool;
	/** Home Assistant's prefix of topics; empty: it is told nothing. */
	private readonly _homeAssistant: string;
	/** The messages of the first observation that have not been taken. */
	private _messages: Message[] = [];
	private _of: Waiting | undefined;
	private _entity: { readonly message: Message; readonly payload: string } | undefined;
	/** Home Assistant's messages are not taken here. */
	private _isEntityRefused = false;

	constructor(settings: StationSettings, spool: StationSpool, homeAssistant: string) {
		this.topic = settings.topic;
		this.name = `station ${settings.id}`;
		this._settings = settings;
		this._spool = spool;
		this._homeAssistant = homeAssistant;
	}

	get waiting(): number {
		return this._spool.waiting;
	}

	next(): Message | undefined {
		const { first } = this._spool;
		if (first !== this._of || this._messages.length === 0) {
			this._of = first;
			this._messages = first ? this._messagesOf(first) : [];
		}
		return this._messages[0] ?? this._nextEntity();
	}

	taken(message: Message): void {
		if (message === this._entity?.message) {
			this._spool.entityTaken(message.topic, this._entity.payload);
			this._entity = undefined;
			return;
		}
		if (!this._of || this._messages[0] !== message) return;
		this._messages.shift();
		if (this._messages.length > 0) return;
		this._spool.taken(this._of, this._of.isLate ? undefined : this._valuesOf(this._of).map(({ topic }) => topic));
	}

	refused(message: Message): boolean {
		if (message !== this._entity?.message) return true;
		// Observations are not to wait for it.
		this._isEntityRefused = true;
		return false;
	}

	newSession(): void {
		this._spool.again();
		this._entity = undefined;
		this._isEntityRefused = false;
	}

	status(now: number): PlaceStatus {
		return now - this._spool.newest <= STATION_STALE_MS ? "online" : "stale";
	}

	private _messagesOf(waiting: Waiting): Message[] {
		const { isLate, report } = waiting;
		if (isLate) return [{ ...retained(`${this.topic}/late`, report), retain: false }];
		const values = this._valuesOf(waiting);
		// A value that is not measured any more would stay, and look new; so would one at an earlier topic.
		const gone = this._spool.valueTopics.filter((topic) => !values.some((value) => value.topic === topic));
		return [
			retained(`${this.topic}/state`, report),
			...values.map(({ topic, value }) => retained(topic, value)),
			...gone.map((topic) => retained(topic, "")),
		];
	}

	private _valuesOf(waiting: Waiting): readonly { readonly topic: string; readonly value: string }[] {
		const { valueTopics } = this._settings;
		return Object.entries(quantitiesIn(waiting)).flatMap(([name, value]) => {
			const topic = valueTopics[name as FieldName];
			return topic === undefined ? [] : [{ topic, value: String(value) }];
		});
	}

	private _nextEntity(): Message | undefined {
		if (this._isEntityRefused) return undefined;
		const { id, topic } = this._settings;
		const { name, quantities } = this._spool;
		const prefix = this._homeAssistant;
		const wanted = prefix === "" ? NOTHING : entitiesOf(prefix, { id, topic, name, quantities });
		const next = this._spool.nextEntity(wanted);
		const { message } = this._entity ?? {};
		if (next && (next.topic !== message?.topic || next.payload !== this._entity?.payload))
			this._entity = { message: retained(next.topic, next.payload), payload: next.payload };
		return next && this._entity?.message;
	}
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function quantitiesIn({ report }: Waiting): Readonly<Record<string, unknown>> {
	const members = JSON.parse(report) as Record<string, unknown>;
	return Object.fromEntries(Object.entries(members).filter(([name]) => (FIELD_NAMES as string[]).includes(name)));
}

export class MunicipalityPlace implements Place {
	readonly topic: string;
	readonly name: string;
	private readonly _spool: MunicipalitySpool;
	private _next:
		| { readonly message: Message; readonly of: NonNullable<ReturnType<MunicipalitySpool["next"]>> }
		| undefined;

	constructor({ id, topic }: MunicipalitySettings, spool: MunicipalitySpool) {
		this.topic = topic;
		this.name = `municipality ${id}`;
		this._spool = spool;
	}

	get waiting(): number {
		return this._spool.waiting;
	}

	next(): Message | undefined {
		const of = this._spool.next();
		if (of?.payload !== this._next?.of.payload)
			this._next = of && { message: retained(`${this.topic}/forecast/${of.kind}`, of.payload), of };
		return this._next?.message;
	}

	taken(message: Message): void {
		if (this._next?.message !== message) return;
		const { kind, payload } = this._next.of;
		this._next = undefined;
		this._spool.taken(kind, payload);
	}

	refused(): boolean {
		return true;
	}

	newSession(): void {
		this._spool.again();
	}

	status(now: number): PlaceStatus {
		return now - this._spool.newest <= FORECAST_STALE_MS ? "online" : "stale";
	}
}

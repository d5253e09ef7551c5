/** A station's and a municipality's messages, one after the other. */
import type { Message } from "../../src/net/mqtt/message.ts";
import { bytesOf } from "../../src/text.ts";
import { entitiesOf } from "./home-assistant.ts";
import { FIELD_NAMES, type FieldName } from "./observations.ts";
import { forecastTopics, type MunicipalitySpool, type StationSpool, type Waiting } from "./spool.ts";

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

/** Topics of a station where something is retained. */
export function topicsOf({ topic, valueTopics }: StationSettings): readonly string[] {
	return [`${topic}/state`, `${topic}/status`, ...Object.values(valueTopics)];
}

/** By time: each observation at `state`; one that comes when a newer one has been there, at `late`. Then what Home Assistant is told. */
export class StationPlace implements Place {
	readonly topic: string;
	readonly name: string;
	private readonly _settings: StationSettings;
	private readonly _spool: StationSpool;
	/** Home Assistant's prefix of topics; empty: it is told nothing. */
	private readonly _homeAssistant: string;
	/** Topics of all places: what is retained there is not to be removed. */
	private readonly _owned: ReadonlySet<string>;
	/** The messages of an observation that have not been taken; its report is the last one. */
	private _messages: Message[] = [];
	private _of: Waiting | undefined;
	private _entity: { readonly message: Message; readonly payload: string } | undefined;
	/** Values, and what removes them, that the broker does not take. */
	private readonly _refusedTopics = new Set<string>();
	/** The same of Home Assistant's messages. */
	private _isEntityRefused = false;

	constructor(
		settings: StationSettings,
		spool: StationSpool,
		homeAssistant: string,
		owned: ReadonlySet<string> = new Set(topicsOf(settings)),
	) {
		this.topic = settings.topic;
		this.name = `station ${settings.id}`;
		this._settings = settings;
		this._spool = spool;
		this._homeAssistant = homeAssistant;
		this._owned = owned;
	}

	get waiting(): number {
		return this._spool.waiting;
	}

	next(): Message | undefined {
		const of = this._spool.first ?? this._unretained;
		if (of !== this._of || this._messages.length === 0) {
			this._of = of;
			this._messages = of ? this._messagesOf(of) : [];
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
		this._spool.taken(this._of, this._of.isLate ? undefined : this._retainedBy(this._of));
	}

	refused(message: Message): boolean {
		// Observations are not to wait for it.
		if (message === this._entity?.message) this._isEntityRefused = true;
		else if (this._of && this._messages[0] === message && this._messages.length > 1) {
			this._refusedTopics.add(message.topic);
			this._messages.shift();
		} else return true;
		return false;
	}

	/** What is on its way stays: the session sends it. */
	newSession(): void {
		this._spool.again();
		this._isEntityRefused = false;
		this._refusedTopics.clear();
	}

	status(now: number): PlaceStatus {
		return now - this._spool.newest <= STATION_STALE_MS ? "online" : "stale";
	}

	/** The last one, where the broker may not have it: at another topic than before, or after it has lost its memory. */
	private get _unretained(): Waiting | undefined {
		const { last, retained } = this._spool;
		return retained.includes(`${this.topic}/state`) ? undefined : last;
	}

	/** The report comes last: what is interrupted before begins again with values, which stay the same, and the report is there once. */
	private _messagesOf(waiting: Waiting): Message[] {
		const { isLate, report } = waiting;
		if (isLate) return [{ ...retained(`${this.topic}/late`, report), retain: false }];
		const values = this._valuesOf(waiting).filter(({ topic }) => !this._refusedTopics.has(topic));
		// A value that is not measured any more would stay, and look new; so would what is at an earlier topic.
		const valueTopics = Object.values(this._settings.valueTopics);
		const isValue = (topic: string) => valueTopics.includes(topic) && !values.some((value) => value.topic === topic);
		const gone = this._spool.retained.filter((topic) => isValue(topic) || !this._owned.has(topic));
		return [
			...values.map(({ topic, value }) => retained(topic, value)),
			...gone.filter((topic) => !this._refusedTopics.has(topic)).map((topic) => retained(topic, "")),
			retained(`${this.topic}/state`, report),
		];
	}

	/** Topics with something retained when the broker has an observation. */
	private _retainedBy(waiting: Waiting): string[] {
		const values = this._valuesOf(waiting).map(({ topic }) => topic);
		return [`${this.topic}/state`, `${this.topic}/status`, ...values];
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

	private _emptying: Message | undefined;
	private readonly _owned: ReadonlySet<string>;

	/** `owned`: topics of all places. */
	constructor(
		{ id, topic }: MunicipalitySettings,
		spool: MunicipalitySpool,
		owned: ReadonlySet<string> = new Set(forecastTopics(topic)),
	) {
		this._owned = owned;
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
		return this._next?.message ?? this._nextEmpty();
	}

	/** Of where the municipality was before. */
	private _nextEmpty(): Message | undefined {
		const [topic] = this._spool.gone.filter((topic) => !this._owned.has(topic));
		if (topic !== this._emptying?.topic) this._emptying = topic === undefined ? undefined : retained(topic, "");
		return this._emptying;
	}

	taken(message: Message): void {
		if (message === this._emptying) {
			this._emptying = undefined;
			return this._spool.emptied(message.topic);
		}
		if (this._next?.message !== message) return;
		const { kind, payload } = this._next.of;
		this._next = undefined;
		this._spool.taken(kind, payload);
	}

	refused(message: Message): boolean {
		if (message !== this._emptying) return true;
		// It has to stay there.
		this._emptying = undefined;
		this._spool.emptied(message.topic);
		return false;
	}

	newSession(): void {
		this._spool.again();
	}

	status(now: number): PlaceStatus {
		return now - this._spool.newest <= FORECAST_STALE_MS ? "online" : "stale";
	}
}

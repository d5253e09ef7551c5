/** A station's and a municipality's messages, one after the other. */
import type { Message } from "../../src/net/mqtt/message.ts";
import { bytesOf } from "../../src/text.ts";
import { FIELD_NAMES } from "./observations.ts";
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
	/** The broker has lost its session, and what it retained perhaps. */
	newSession(): void;
	/** `now`: in ms since 1970. */
	status(now: number): PlaceStatus;
}

function retained(topic: string, text: string): Message {
	return { topic, payload: bytesOf(text), qos: 1, retain: true };
}

/** By time: each observation at `state`; one that comes when a newer one has been there, at `late`. */
export class StationPlace implements Place {
	readonly topic: string;
	readonly name: string;
	private readonly _spool: StationSpool;
	private readonly _hasValues: boolean;
	/** The messages of the first observation that have not been taken. */
	private _messages: Message[] = [];
	private _of: Waiting | undefined;

	constructor(id: string, topic: string, spool: StationSpool, hasValues: boolean) {
		this.topic = topic;
		this.name = `station ${id}`;
		this._spool = spool;
		this._hasValues = hasValues;
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
		return this._messages[0];
	}

	taken(message: Message): void {
		if (!this._of || this._messages[0] !== message) return;
		this._messages.shift();
		if (this._messages.length > 0) return;
		const hasValues = this._hasValues && !this._of.isLate;
		this._spool.taken(this._of, hasValues ? Object.keys(quantitiesIn(this._of)) : undefined);
	}

	newSession(): void {}

	status(now: number): PlaceStatus {
		return now - this._spool.newest <= STATION_STALE_MS ? "online" : "stale";
	}

	private _messagesOf(waiting: Waiting): Message[] {
		const { isLate, report } = waiting;
		if (isLate) return [{ ...retained(`${this.topic}/late`, report), retain: false }];
		const quantities = this._hasValues ? quantitiesIn(waiting) : {};
		// A value that is not measured any more would stay, and look new.
		const gone = this._spool.valued.filter((name) => quantities[name] === undefined);
		return [
			retained(`${this.topic}/state`, report),
			...Object.entries(quantities).map(([name, value]) => retained(`${this.topic}/${name}`, String(value))),
			...gone.map((name) => retained(`${this.topic}/${name}`, "")),
		];
	}
}

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

	constructor(id: string, topic: string, spool: MunicipalitySpool) {
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

	newSession(): void {
		this._spool.again();
	}

	status(now: number): PlaceStatus {
		return now - this._spool.newest <= FORECAST_STALE_MS ? "online" : "stale";
	}
}

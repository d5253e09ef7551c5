/**
 * A machine that sleeps between its readings: when it has done what it woke
 * for, and how long it sleeps then. Sleep costs the RAM; what has to outlive it
 * is in flash.
 */
import { SESSION_EXPIRY_S } from "./net/mqtt/session-options.js";
import type { Settings } from "./settings.js";

/** A machine that is late sleeps for so long all the same, in ms: shorter is not worth the start. */
const SHORTEST_MS = 1_000;
/** Intervals without a word from the station, after which it is lost and not asleep. */
const LOST_AFTER_INTERVALS = 2.5;

export class SleepCycle {
	/** Seconds from the last word to the will (MQTT 5.0, 3.1.3.2.2). */
	readonly lostAfter: number;
	/** Seconds; longer, or the will would not wait for its time (MQTT 5.0, 3.1.3.2.2). */
	readonly sessionExpiryInterval: number;
	/** When the machine sleeps whatever it has done, in ms. */
	readonly deadline: number;
	private readonly _interval: number;
	private readonly _startedAt: number;
	private _sampled = false;

	/** The machine woke at `now`, monotonic ms. */
	constructor({ interval, awake }: Pick<Settings, "interval" | "awake">, now: number) {
		this.lostAfter = Math.ceil(LOST_AFTER_INTERVALS * interval + awake);
		this.sessionExpiryInterval = Math.max(SESSION_EXPIRY_S, 2 * this.lostAfter);
		this.deadline = now + awake * 1_000;
		this._interval = interval * 1_000;
		this._startedAt = now;
	}

	/** The reading that the machine woke for is in the outbox, or there will be none. */
	sampled(): void {
		this._sampled = true;
	}

	get isDone(): boolean {
		return this._sampled;
	}

	/** Ms until the next reading is due. */
	sleepFor(now: number): number {
		return Math.max(SHORTEST_MS, this._startedAt + this._interval - now);
	}
}

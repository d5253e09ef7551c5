/**
 * A machine that sleeps between its readings: when it has done what it woke
 * for, and how long it sleeps then. Sleep costs the RAM; what has to outlive it
 * is in flash.
 */
import { Alarm } from "../alarm.js";
import type { Clock, TimerPort } from "../host.js";
import { SESSION_EXPIRY_S } from "../net/mqtt/session-options.js";
import type { Settings } from "../settings.js";

/** The shortest sleep, in ms: a machine that is late sleeps as long, since a start costs more than a shorter one saves. */
const SHORTEST_MS = 1_000;
/** Intervals without a word from the station, after which it is lost and not asleep. */
export const LOST_AFTER_INTERVALS = 2.5;
/** A machine that an update keeps awake looks again after this time, in ms. */
const BUSY_MS = 10_000;

export interface SleepCycleOptions {
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly settings: Pick<Settings, "interval" | "awake">;
	/** Whether something goes on that must not be interrupted. */
	readonly isBusy: () => boolean;
	/** Whether the broker has all there is, and nobody waits for anything; asked while nothing is in flight. */
	readonly isDone: () => boolean;
	/** The machine is to sleep. */
	readonly onEnd: () => void;
}

export class SleepCycle {
	/** Seconds from the last word to the will (MQTT 5.0, 3.1.3.2.2). */
	readonly lostAfter: number;
	/** Seconds; longer, or the will would not wait for its time (MQTT 5.0, 3.1.3.2.2). */
	readonly sessionExpiryInterval: number;
	private readonly _options: SleepCycleOptions;
	private readonly _alarm: Alarm;
	private readonly _wokeAt: number;
	private _sampled = false;

	/** The machine has just woken. */
	constructor(options: SleepCycleOptions) {
		const { interval, awake } = options.settings;
		this.lostAfter = Math.ceil(LOST_AFTER_INTERVALS * interval + awake);
		this.sessionExpiryInterval = Math.max(SESSION_EXPIRY_S, 2 * this.lostAfter);
		this._options = options;
		this._alarm = new Alarm(options.timer);
		this._wokeAt = options.clock.now();
	}

	/** The machine sleeps when its time awake is over, whatever it has done: what was not delivered waits in flash. */
	start(): void {
		this._alarm.set(() => this._end(), this._options.settings.awake * 1_000);
	}

	/** The reading that the machine woke for is in the outbox, or there will be none. */
	sampled(): void {
		this._sampled = true;
	}

	/** Nothing is in flight: what the machine woke for may be done. */
	nothingInFlight(): void {
		if (this._sampled && this._options.isDone()) this._end();
	}

	close(): void {
		this._alarm.clear();
	}

	/** Ms until the next reading is due. */
	get duration(): number {
		const { clock, settings } = this._options;
		return Math.max(SHORTEST_MS, this._wokeAt + settings.interval * 1_000 - clock.now());
	}

	private _end(): void {
		const { isBusy, onEnd } = this._options;
		if (isBusy()) this._alarm.set(() => this._end(), BUSY_MS);
		else onEnd();
	}
}

/**
 * The rules for a station that sleeps between its readings: it is awake for no
 * longer than it may be, nor for nothing; what it says of its sleep is true; and
 * a wake in which nothing is wrong brings its reading and makes the backlog less.
 */
import type { Clock } from "../../../../src/host.ts";
import type { Counters } from "../../../../src/station/station.ts";
import { JOIN_MS } from "../board/board.ts";
import type { Health } from "../faults/health.ts";
import type { Plan } from "../plan.ts";
import { type Entry, isMissing } from "./entry.ts";

/** Time for the station's goodbye, in ms. */
const FAREWELL_MS = 2_000;
/** A sleep is not shorter than this, in ms. */
const SHORTEST_MS = 1_000;
/** Timers that fire late, on a clock that runs fast or slow, in ms. */
const LATENESS_MS = 200;
/** The station's and the world's rounding of a sleep, in ms. */
const ROUNDING_MS = 3;
/** Time from the end of faults, in ms, until a wake is free of their traces. */
const AFTERMATH_MS = 120_000;
/** A DHT's power-up and two frames with the time between them, in ms. */
const MEASUREMENT_MS = 3_300;
/**
 * Ways through the network to an orderly sleep, at most: name, connection and
 * CONNECT with their answers, for each of three versions and for the end of an
 * old session; the reading, twice at QoS 2; the status.
 */
const WAYS_TO_CONNECT = 6;
const WAYS = 4 * WAYS_TO_CONNECT + 4 + 2;
/** Until the first attempt after a failed one, in ms, at most. */
const RETRY_MS = 1_000;
/** Of a board with Wi-Fi, in ms, on top of `JOIN_MS`. */
const JOIN_LEAST_MS = 200;

export interface SleepRulesOptions {
	readonly plan: Plan;
	readonly sleep: NonNullable<Plan["sleep"]>;
	readonly health: Health;
	readonly violate: (kind: string, text: string) => void;
}

/** Whether the broker keeps the will of a station that has said goodbye for a while, and whether that is certain. */
export function keepsWill({ settings, sleep }: Plan, version: 3 | 4 | 5): boolean {
	return sleep !== undefined && version === 5 && settings.qos !== 2;
}

export class SleepRules {
	private readonly _options: SleepRulesOptions;
	private _repliedAt = Number.NEGATIVE_INFINITY;
	private _wokeAt = 0;
	/** Since when it has had power, sleep included; `Infinity`: it has none. */
	private _aliveSince = Number.POSITIVE_INFINITY;
	private _clock: Clock | undefined;
	/** The clock at the start, and whether the time was known then. */
	private _startedAt = 0;
	private _timeKnown = false;
	private _queued = 0;
	private _readings: Entry[] = [];
	/** What the broker was told in this wake, and when it was told that last. */
	private _statuses: string[] = [];
	private _toldAt = 0;
	private _version: 3 | 4 | 5 = 5;
	/** When the wake began after which nothing was left to do, and the station said so. */
	private _rested: number | undefined;

	constructor(options: SleepRulesOptions) {
		this._options = options;
	}

	poweredOn(now: number, wakes: boolean): void {
		if (!wakes) this._aliveSince = now;
		this._wokeAt = now;
		this._readings = [];
		this._statuses = [];
	}

	powerLost(): void {
		this._aliveSince = Number.POSITIVE_INFINITY;
	}

	/** With what it has found in its flash. */
	started({ queued }: Counters, clock: Clock): void {
		this._queued = queued;
		this._clock = clock;
		this._startedAt = clock.now();
		this._timeKnown = clock.time() !== undefined;
	}

	accepted(entry: Entry): void {
		this._readings.push(entry);
	}

	connected(version: 3 | 4 | 5): void {
		this._version = version;
	}

	/** A status message of the station's has arrived. */
	told(status: string, now: number): void {
		this._statuses.push(status);
		this._toldAt = now;
	}

	/** The broker publishes the will: a station that keeps its word gives no reason for that. */
	willPublished(now: number): void {
		const { sleep, health, violate, plan } = this._options;
		// Where the last packet was lost, the broker learns of the end by the keep-alive.
		if (sleep.hasty && !keepsWill(plan, this._version)) return;
		const calm = now - Math.max(this._aliveSince, health.wellSince("connection", "power", "flash"));
		if (calm > sleep.lostAfter + 2 * sleep.cycle) {
			violate("status", `the will is published, and nothing has been wrong for ${seconds(calm)} s`);
		}
	}

	/** Whether the station wakes for its time only, and has nothing left to do since `time`. */
	restsSince(time: number): boolean {
		return this._rested !== undefined && this._rested > time;
	}

	/** The time awake is over, and the station says goodbye. */
	isEnding(now: number): boolean {
		return now - this._wokeAt > this._options.sleep.awake * 1_000 - LATENESS_MS;
	}

	tick(now: number): void {
		this._judgeTime(now);
		const said = this._statuses.at(-1) === "asleep" && now - this._toldAt > FAREWELL_MS + LATENESS_MS;
		if (said && this._isCalm)
			this._options.violate("status", `it said asleep, and is awake ${seconds(now - this._toldAt)} s later`);
	}

	fellAsleep(now: number, duration: number, { queued }: Counters, sockets: number): void {
		const { plan, violate } = this._options;
		this._judgeTime(now);
		const due = this._startedAt + plan.settings.interval * 1_000 - this._clock!.now();
		if (Math.abs(duration - Math.max(SHORTEST_MS, due)) > ROUNDING_MS) {
			violate("sleep", `asleep for ${seconds(duration)} s, and the next reading is due in ${seconds(due)} s`);
		}
		if (sockets > 0) violate("levels", `${sockets} sockets are open when it falls asleep`);
		if (this._isCalm) this._judgeCalmWake(now, queued);
		this._rested = queued === 0 && this._statuses.at(-1) === "asleep" ? this._wokeAt : undefined;
	}

	/** Whatever is wrong: it is not awake for longer than it may be. */
	private _judgeTime(now: number): void {
		const { sleep, plan, violate } = this._options;
		const awake = now - this._wokeAt;
		if (awake > sleep.awake * 1_000 + FAREWELL_MS + plan.lateness + LATENESS_MS) {
			violate("sleep", `awake for ${seconds(awake)} s, and ${sleep.awake} s are the most`);
		}
	}

	/** Whether nothing has been wrong in this wake, nor not long before. */
	private get _isCalm(): boolean {
		const { health, plan } = this._options;
		const well = health.wellSince("connection", "power", "sensor", "flash", "time");
		return well + AFTERMATH_MS < this._wokeAt && plan.worn === 0 && plan.blocks > 0;
	}

	/** It has answered a command. */
	replied(time: number): void {
		this._repliedAt = time;
	}

	private _judgeCalmWake(now: number, queued: number): void {
		const { plan, violate } = this._options;
		const { order, full } = plan.settings;
		const awake = now - this._wokeAt;
		const limited = this._isLimited;
		if (this._readings.length === 0 && !(full === "newest" && this._queued > 0)) {
			violate("sleep", "a wake without a reading");
		}
		const behind = order === "oldest" && this._queued > 0;
		const missing = behind ? undefined : this._readings.find(isMissing);
		if (missing) violate("sleep", `asleep, and reading ${missing.seq} has not arrived`);
		const statuses = this._statuses.join(", ");
		// A limit of the broker's may cost a connection whose CONNACK was not waited for.
		if (!(limited ? /^(online, ){1,2}asleep$/ : /^online, asleep$/).test(statuses))
			violate("status", `what it said in a wake: ${statuses || "nothing"}`);
		if (plan.asksForTime && this._clock!.time() === undefined) {
			violate("sleep", "asleep before it has got the time: its readings will never have theirs");
		}
		if (this._queued > 0 && queued >= this._queued) {
			violate("backlog", `${this._queued} readings waited when it woke, and ${queued} when it fell asleep`);
		}
		// Readings so close together that there were more of them in this wake wait like a backlog.
		const hasBacklog = this._queued > 0 || this._readings.length > 1;
		const wasAsked = this._repliedAt >= this._wokeAt;
		if (!wasAsked && !hasBacklog && (this._timeKnown || !plan.asksForTime) && awake > this._needed) {
			violate("sleep", `awake for ${seconds(awake)} s, and there was nothing to wait for`);
		}
	}

	private get _isLimited(): boolean {
		return Object.keys(this._options.plan.broker.limits ?? {}).length > 0;
	}

	/** Ms for a reading and its delivery. */
	private get _needed(): number {
		const { conditions, hasWifi, lateness } = this._options.plan;
		const way = conditions.latency + conditions.jitter + lateness;
		const join = hasWifi ? JOIN_LEAST_MS + JOIN_MS : 0;
		const retry = this._isLimited ? RETRY_MS + WAYS_TO_CONNECT * way : 0;
		return MEASUREMENT_MS + join + retry + WAYS * way + LATENESS_MS;
	}
}

function seconds(ms: number): string {
	return (ms / 1_000).toFixed(1);
}

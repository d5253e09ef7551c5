/**
 * The rules for a station that sleeps between its readings: it is awake for no
 * longer than it may be, nor for nothing; what it says of its sleep is true; and
 * a wake in which nothing is wrong brings its reading and makes the backlog less.
 */
import type { Clock } from "../../../src/host.ts";
import type { Counters } from "../../../src/station.ts";
import { JOIN_MS } from "./board.ts";
import type { Health } from "./health.ts";
import type { Plan } from "./plan.ts";
import { type Entry, isMissing } from "./readings.ts";

/** For its goodbye a station has so long, in ms. */
const FAREWELL_MS = 2_000;
/** A sleep is not shorter than this, in ms. */
const SHORTEST_MS = 1_000;
/** Timers that fire late, on a clock that runs fast or slow, in ms. */
const LATENESS_MS = 200;
/** The station's and the world's rounding of a sleep, in ms. */
const ROUNDING_MS = 3;
/** So long after faults, in ms, a wake may begin that is as it should be. */
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
	readonly #options: SleepRulesOptions;
	#wokeAt = 0;
	/** Since when it has had power, sleep included; `Infinity`: it has none. */
	#aliveSince = Number.POSITIVE_INFINITY;
	#clock: Clock | undefined;
	/** The clock at the start, and whether the time was known then. */
	#startedAt = 0;
	#timeKnown = false;
	#queued = 0;
	#readings: Entry[] = [];
	/** What the broker was told in this wake, and when it was told that last. */
	#statuses: string[] = [];
	#toldAt = 0;
	#version: 3 | 4 | 5 = 5;
	/** When the wake began after which nothing was left to do, and the station said so. */
	#rested: number | undefined;

	constructor(options: SleepRulesOptions) {
		this.#options = options;
	}

	poweredOn(now: number, wakes: boolean): void {
		if (!wakes) this.#aliveSince = now;
		this.#wokeAt = now;
		this.#readings = [];
		this.#statuses = [];
	}

	powerLost(): void {
		this.#aliveSince = Number.POSITIVE_INFINITY;
	}

	/** With what it has found in its flash. */
	started({ queued }: Counters, clock: Clock): void {
		this.#queued = queued;
		this.#clock = clock;
		this.#startedAt = clock.now();
		this.#timeKnown = clock.time() !== undefined;
	}

	accepted(entry: Entry): void {
		this.#readings.push(entry);
	}

	connected(version: 3 | 4 | 5): void {
		this.#version = version;
	}

	/** A status message of the station's has arrived. */
	told(status: string, now: number): void {
		this.#statuses.push(status);
		this.#toldAt = now;
	}

	/** The broker publishes the will: a station that keeps its word gives no reason for that. */
	willPublished(now: number): void {
		const { sleep, health, violate, plan } = this.#options;
		// Where the last packet was lost, the broker learns of the end by the keep-alive.
		if (sleep.hasty && !keepsWill(plan, this.#version)) return;
		const calm = now - Math.max(this.#aliveSince, health.wellSince("connection", "power", "flash"));
		if (calm > sleep.lostAfter + 2 * sleep.cycle) {
			violate("status", `the will is published, and nothing has been wrong for ${seconds(calm)} s`);
		}
	}

	/** Whether the station wakes for its time only, and has nothing left to do since `time`. */
	restsSince(time: number): boolean {
		return this.#rested !== undefined && this.#rested > time;
	}

	/** The time awake is over, and the station says goodbye. */
	isEnding(now: number): boolean {
		return now - this.#wokeAt > this.#options.sleep.awake * 1_000 - LATENESS_MS;
	}

	tick(now: number): void {
		this.#judgeTime(now);
		const said = this.#statuses.at(-1) === "asleep" && now - this.#toldAt > FAREWELL_MS + LATENESS_MS;
		if (said && this.#isCalm)
			this.#options.violate("status", `it said asleep, and is awake ${seconds(now - this.#toldAt)} s later`);
	}

	fellAsleep(now: number, duration: number, { queued }: Counters, sockets: number): void {
		const { plan, violate } = this.#options;
		this.#judgeTime(now);
		const due = this.#startedAt + plan.settings.interval * 1_000 - this.#clock!.now();
		if (Math.abs(duration - Math.max(SHORTEST_MS, due)) > ROUNDING_MS) {
			violate("sleep", `asleep for ${seconds(duration)} s, and the next reading is due in ${seconds(due)} s`);
		}
		if (sockets > 0) violate("levels", `${sockets} sockets are open when it falls asleep`);
		if (this.#isCalm) this.#judgeCalmWake(now, queued);
		this.#rested = queued === 0 && this.#statuses.at(-1) === "asleep" ? this.#wokeAt : undefined;
	}

	/** Whatever is wrong: it is not awake for longer than it may be. */
	#judgeTime(now: number): void {
		const { sleep, plan, violate } = this.#options;
		const awake = now - this.#wokeAt;
		if (awake > sleep.awake * 1_000 + FAREWELL_MS + plan.lateness + LATENESS_MS) {
			violate("sleep", `awake for ${seconds(awake)} s, and ${sleep.awake} s are the most`);
		}
	}

	/** Whether nothing has been wrong in this wake, nor not long before. */
	get #isCalm(): boolean {
		const { health, plan } = this.#options;
		const well = health.wellSince("connection", "power", "sensor", "flash", "time");
		return well + AFTERMATH_MS < this.#wokeAt && plan.worn === 0 && plan.blocks > 0;
	}

	#judgeCalmWake(now: number, queued: number): void {
		const { plan, violate } = this.#options;
		const { order, full } = plan.settings;
		const awake = now - this.#wokeAt;
		const limited = this.#isLimited;
		if (this.#readings.length === 0 && !(full === "newest" && this.#queued > 0)) {
			violate("sleep", "a wake without a reading");
		}
		const behind = order === "oldest" && this.#queued > 0;
		const missing = behind ? undefined : this.#readings.find(isMissing);
		if (missing) violate("sleep", `asleep, and reading ${missing.seq} has not arrived`);
		const statuses = this.#statuses.join(", ");
		// A limit of the broker's may cost a connection whose CONNACK was not waited for.
		if (!(limited ? /^(online, ){1,2}asleep$/ : /^online, asleep$/).test(statuses))
			violate("status", `what it said in a wake: ${statuses || "nothing"}`);
		if (plan.asksForTime && this.#clock!.time() === undefined) {
			violate("sleep", "asleep before it has got the time: its readings will never have theirs");
		}
		if (this.#queued > 0 && queued >= this.#queued) {
			violate("backlog", `${this.#queued} readings waited when it woke, and ${queued} when it fell asleep`);
		}
		// Readings so close together that there were more of them in this wake wait like a backlog.
		const hasBacklog = this.#queued > 0 || this.#readings.length > 1;
		if (!hasBacklog && (this.#timeKnown || !plan.asksForTime) && awake > this.#needed) {
			violate("sleep", `awake for ${seconds(awake)} s, and there was nothing to wait for`);
		}
	}

	get #isLimited(): boolean {
		return Object.keys(this.#options.plan.broker.limits ?? {}).length > 0;
	}

	/** Ms for a reading and its delivery. */
	get #needed(): number {
		const { conditions, hasWifi, lateness } = this.#options.plan;
		const way = conditions.latency + conditions.jitter + lateness;
		const join = hasWifi ? JOIN_LEAST_MS + JOIN_MS : 0;
		const retry = this.#isLimited ? RETRY_MS + WAYS_TO_CONNECT * way : 0;
		return MEASUREMENT_MS + join + retry + WAYS * way + LATENESS_MS;
	}
}

function seconds(ms: number): string {
	return (ms / 1_000).toFixed(1);
}

/** The rules for a station that nothing keeps from working: it connects, its backlog falls, and what is fresh goes first. */
import type { Counters } from "../../../../src/station/station.ts";
import type { Health } from "../faults/health.ts";
import type { Plan } from "../plan.ts";
import type { Entry } from "./entry.ts";

/** Longest of all timeouts after which an end of TCP gives up; the network's default, in ms. */
const TCP_GIVES_UP_MS = 125_000;
/** The longest delay between attempts, and the longest attempt, in ms. */
const RETRY_MS = 120_000;
const ATTEMPT_MS = 27_000;
/** Longest time from a fresh reading to its arrival, in ms. */
const FRESH_MS = 10_000;
/** Time over which the backlog's pace is measured, in ms. */
const WINDOW_MS = 60_000;
/** Longest time until the station looks again for readings that the flash refused, in ms. */
const FLASH_AFTERMATH_MS = 120_000;
/** Readings in flight at once, and some that the ends of a window blur. */
const IN_FLIGHT = 8;
/** Readings that fit into RAM while the flash refuses. */
const RAM_READINGS = 85;
const BLUR = 4;
/** Wakes without faults within which a station that sleeps has been connected. */
const SLEEP_CYCLES = 3;

export interface ProgressOptions {
	readonly plan: Plan;
	readonly health: Health;
	readonly violate: (kind: string, text: string) => void;
}

interface Window {
	readonly time: number;
	readonly published: number;
	readonly readings: number;
	readonly queued: number;
	calm: boolean;
}

export class Progress {
	/** Longest time without faults until the station is connected, in ms. */
	readonly settleMs: number;
	private readonly _options: ProgressOptions;
	/** Backlog that leaves in a second, at least. */
	private readonly _pace: number;
	private _fresh: Entry[] = [];
	private _window: Window | undefined;
	private _connected = false;

	constructor(options: ProgressOptions) {
		this._options = options;
		const { settings, conditions, broker } = options.plan;
		const detection =
			1_000 * (Math.max(settings.keepAlive, broker.limits?.serverKeepAlive ?? 0) + settings.interval) + TCP_GIVES_UP_MS;
		const { sleep } = options.plan;
		this.settleMs = sleep ? SLEEP_CYCLES * sleep.cycle : detection + RETRY_MS + 2 * ATTEMPT_MS;
		const roundTrip = (2 * (conditions.latency + conditions.jitter) + 100) / 1_000;
		const window = Math.min(IN_FLIGHT, broker.limits?.receiveMaximum ?? IN_FLIGHT);
		const trips = settings.qos === 0 ? 0 : settings.qos;
		const reachable = trips === 0 ? Number.POSITIVE_INFINITY : (0.5 * window) / (trips * roundTrip);
		const pace = 0.8 * Math.min(settings.backlogRate, reachable);
		// Of the backlog of a station that sleeps, one reading at least leaves in each wake.
		this._pace = sleep ? Math.min(pace, 1_000 / sleep.cycle) : pace;
	}

	/** Readings of the backlog that leave in a second, at least. */
	get pace(): number {
		return this._pace;
	}

	/** The station has begun anew. */
	interrupted(_time: number): void {
		this._window = undefined;
		this._fresh = [];
		this._connected = false;
	}

	accepted(entry: Entry): void {
		if (this._connected && this._options.plan.settings.order === "newest") this._fresh.push(entry);
	}

	delivered(entry: Entry, _time: number): void {
		const at = this._fresh.indexOf(entry);
		if (at >= 0) this._fresh.splice(at, 1);
	}

	/** `connectedSince`: as the broker sees it. */
	tick(now: number, counters: Counters, connectedSince: number | undefined, poweredAt: number): void {
		const { health, violate } = this._options;
		// Without a keep-alive, only readings show that a connection is half-open.
		const needed = this._options.plan.settings.keepAlive === 0 ? (["sensor"] as const) : [];
		const wellSince = Math.max(health.wellSince("connection", "power", ...needed), poweredAt);
		const settled = now - wellSince > this.settleMs;
		if (settled && connectedSince === undefined) {
			violate(
				"progress",
				`nothing has been wrong for ${Math.round((now - wellSince) / 1_000)} s, and the station is not connected`,
			);
		}
		this._connected = settled && connectedSince !== undefined && now - connectedSince > FRESH_MS;
		if (!this._connected) this._fresh = [];
		for (const { at, seq } of this._fresh) {
			if (now - at > FRESH_MS)
				violate("fresh", `reading ${seq} has not arrived ${Math.round((now - at) / 1_000)} s after it was taken`);
		}
		this._judgePace(now, counters);
	}

	private _judgePace(now: number, { published, readings, queued }: Counters): void {
		const { violate, health, plan } = this._options;
		const window = this._window;
		const calm = this._connected && health.wellSince("flash") < now - FLASH_AFTERMATH_MS;
		if (window) {
			window.calm &&= calm;
			if (now - window.time < WINDOW_MS) return;
			const seconds = (now - window.time) / 1_000;
			const gone = published - window.published;
			// What had to wait in RAM keeps no pace.
			const inRam = plan.blocks === 0 || health.wellSince("flash") > 0 ? RAM_READINGS : 0;
			const most = plan.settings.backlogRate * seconds + (readings - window.readings) + inRam + IN_FLIGHT + BLUR;
			if (gone > most)
				violate("backlog", `${gone} readings left within ${Math.round(seconds)} s, and ${Math.round(most)} may`);
			const least = Math.min(window.queued - IN_FLIGHT, this._pace * seconds) - BLUR;
			if (window.calm && gone < least) {
				violate(
					"backlog",
					`${gone} readings left within ${Math.round(seconds)} s, and ${Math.round(least)} should have`,
				);
			}
		}
		this._window = { time: now, published, readings, queued, calm };
	}
}

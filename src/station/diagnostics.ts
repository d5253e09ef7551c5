/** What the station knows of itself, at `<topic>/diagnostics`: with each connection, and again after a while. */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import type { Link } from "../net/link.js";
import type { Settings } from "../settings.js";
import { bytesOf, isoTime } from "../text.js";
import { GIVEN_UP_PAUSE_MS, type Outcome, type Outgoing, type Source } from "./outgoing.js";
import type { Reports } from "./reports.js";

/** How long diagnostics wait for the readings before them, in ms: a reading in flight is no backlog. */
const HOLD_MS = 5_000;

export class Diagnostics implements Source {
	readonly noun = "the diagnostics";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _link: Pick<Link<Outgoing>, "connected" | "wake">;
	private readonly _reports: Pick<Reports, "queued" | "refusal" | "wear">;
	private readonly _progress: () => object;
	private readonly _alarm: Alarm;
	/** While diagnostics wait: the time in ms from which on they go with readings still queued. */
	private _heldUntil: number | undefined;
	/** Until the broker has them: what would be newer then can wait. */
	private _inFlight = false;
	/** Whether the last ones told of queued readings. */
	private _toldOfQueue = false;
	private _earliest = Number.NEGATIVE_INFINITY;
	private _closed = false;

	/** `progress` gives what the station has done so far. */
	constructor(
		host: Host,
		settings: Settings,
		link: Pick<Link<Outgoing>, "connected" | "wake">,
		reports: Pick<Reports, "queued" | "refusal" | "wear">,
		progress: () => object,
	) {
		this._host = host;
		this._settings = settings;
		this._link = link;
		this._reports = reports;
		this._progress = progress;
		this._alarm = new Alarm(host.timer);
	}

	/** The broker has accepted a connection: they are wanted now, and after each interval. */
	connected(): void {
		const { diagnostics } = this._settings;
		if (diagnostics === 0 || this._closed) return;
		this._alarm.set(() => this.connected(), diagnostics * 1_000);
		const now = this._host.clock.now();
		if (this._link.connected && now >= this._earliest) this._want(now + HOLD_MS);
	}

	/** Nothing is in flight: the end of a backlog makes what was told of it untrue. */
	nothingInFlight(): void {
		if (!this._closed && this._toldOfQueue && this._reports.queued === 0) this._want(Number.NEGATIVE_INFINITY);
	}

	/**
	 * The station stops: the last ones go when no reading is queued, or at the
	 * monotonic time `until` in ms; where nothing has changed, only if it is `forGood`.
	 */
	finish(until: number, forGood: boolean): void {
		const wanted = forGood || this._toldOfQueue || this._heldUntil !== undefined;
		const { diagnostics } = this._settings;
		this._closed = true;
		this._alarm.clear();
		if (diagnostics === 0 || !wanted || !this._link.connected) return;
		const { clock } = this._host;
		this._alarm.set(() => this._link.wake(), until - clock.now());
		if (clock.now() >= this._earliest) this._heldUntil = until;
	}

	/** Whether some are to come before the last status. */
	get held(): boolean {
		return this._heldUntil !== undefined && !this._inFlight;
	}

	next(now: number): Outgoing | undefined {
		if (this._heldUntil === undefined || this._inFlight) return undefined;
		const { queued, refusal, wear } = this._reports;
		if (queued > 0 && now < this._heldUntil) return undefined;
		this._heldUntil = undefined;
		this._inFlight = true;
		this._toldOfQueue = queued > 0;
		const host = this._host;
		const payload = bytesOf(
			JSON.stringify({
				time: isoTime(host.clock.time()),
				...this._progress(),
				refusal,
				...wear,
				// JSON leaves it out.
				unconfirmed: host.update?.unconfirmed || undefined,
				...host.diagnostics?.(),
			}),
		);
		return { topic: `${this._settings.topic}/diagnostics`, payload, qos: 1, retain: true, source: this, tag: 0 };
	}

	settled(_tag: number, outcome: Outcome): void {
		this._inFlight = false;
		if (outcome !== "given up") return;
		this._heldUntil = undefined;
		this._toldOfQueue = false;
		this._earliest = this._host.clock.now() + GIVEN_UP_PAUSE_MS;
	}

	close(): void {
		this._closed = true;
		this._alarm.clear();
	}

	private _want(heldUntil: number): void {
		this._heldUntil = heldUntil;
		this._toldOfQueue = false;
		this._link.wake();
	}
}

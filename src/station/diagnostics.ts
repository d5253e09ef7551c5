/**
 * What the station knows of itself, at `<topic>/diagnostics`: with each connection, and again when there is something new.
 * On a wire that is paid by the byte they would outweigh the readings otherwise.
 */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import type { Link } from "../net/link.js";
import type { Settings } from "../settings.js";
import { bytesOf, isoTime } from "../text.js";
import { GIVEN_UP_PAUSE_MS, type Outcome, type Outgoing, type Source } from "./outgoing.js";
import type { Reports } from "./reports.js";
import type { Progress } from "./station.js";

/** How long diagnostics wait for the readings before them, in ms: a reading in flight is no backlog. */
const HOLD_MS = 5_000;
/** So many times the setting `diagnostics` after the last ones they go with nothing new: six hours by default. */
const QUIET_INTERVALS = 24;
/** A machine's number is news when it differs by this part of what was told: by 8 dB at -64 dBm. */
const NEWS_PART = 1 / 8;

type Facts = Readonly<Record<string, string | number>>;

export class Diagnostics implements Source {
	readonly noun = "the diagnostics";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _link: Pick<Link<Outgoing>, "connected" | "wake">;
	private readonly _reports: Pick<Reports, "queued" | "refusal" | "wear">;
	private readonly _station: { readonly progress: Progress };
	private readonly _alarm: Alarm;
	/** While diagnostics wait: the time in ms from which on they go with readings still queued. */
	private _heldUntil: number | undefined;
	/** Until the broker has them: what would be newer then can wait. */
	private _inFlight = false;
	/** Whether the last ones told of queued readings. */
	private _toldOfQueue = false;
	/** What the last ones told, of which a change is news: the station's part as JSON, and the machine's. */
	private _told = "";
	private _toldFacts: Facts = {};
	/** Intervals since the last ones. */
	private _quiet = 0;
	private _earliest = Number.NEGATIVE_INFINITY;
	private _closed = false;

	constructor(
		host: Host,
		settings: Settings,
		link: Pick<Link<Outgoing>, "connected" | "wake">,
		reports: Pick<Reports, "queued" | "refusal" | "wear">,
		station: { readonly progress: Progress },
	) {
		this._host = host;
		this._settings = settings;
		this._link = link;
		this._reports = reports;
		this._station = station;
		this._alarm = new Alarm(host.timer);
	}

	/** They go as soon as they can: the broker has accepted a connection, or somebody waits for what they tell. */
	wanted(): void {
		if (this._settings.diagnostics === 0 || this._closed) return;
		this._quiet = 0;
		const interval = this._interval;
		const hold = Math.min(HOLD_MS, interval);
		this._alarm.set(() => {
			// Of those that were held nothing else may remind the link: a refused reading waits for minutes.
			this._link.wake();
			this._lookIn(interval - hold);
		}, hold);
		const now = this._host.clock.now();
		if (this._link.connected && now >= this._earliest) this._want(this._heldUntil ?? now + hold);
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
		this._told = this._news;
		const facts = this._facts;
		this._toldFacts = facts;
		const payload = bytesOf(
			JSON.stringify({
				time: isoTime(this._host.clock.time()),
				...this._station.progress,
				refusal,
				...wear,
				unconfirmed: this._unconfirmed,
				...facts,
			}),
		);
		return { topic: `${this._settings.topic}/diagnostics`, payload, qos: 1, retain: true, source: this, tag: 0 };
	}

	settled(_tag: number, outcome: Outcome): void {
		this._inFlight = false;
		if (outcome !== "acknowledged") this._told = "";
		if (outcome !== "given up") return;
		this._heldUntil = undefined;
		this._toldOfQueue = false;
		this._earliest = this._host.clock.now() + GIVEN_UP_PAUSE_MS;
	}

	close(): void {
		this._closed = true;
		this._alarm.clear();
	}

	/** Looks for news, `delay` ms from now, and then at each interval. */
	private _lookIn(delay: number): void {
		this._alarm.set(() => {
			// One reading may be on its way just now.
			const isBacklog = this._reports.queued > 1;
			const isNew = isBacklog || this._told !== this._news || differ(this._facts, this._toldFacts);
			if (isNew || ++this._quiet === QUIET_INTERVALS) this.wanted();
			else this._lookIn(this._interval);
		}, delay);
	}

	/** In ms. */
	private get _interval(): number {
		return this._settings.diagnostics * 1_000;
	}

	/** Of what the station tells, that which changes only when something happens. */
	private get _news(): string {
		const { refusal } = this._reports;
		const { interval, faults, redelivered, rejected, connections, dropped } = this._station.progress;
		return JSON.stringify([interval, faults, redelivered, rejected, connections, dropped, refusal, this._unconfirmed]);
	}

	/** JSON leaves it out where it is not `true`. */
	private get _unconfirmed(): true | undefined {
		return this._host.update?.unconfirmed || undefined;
	}

	private get _facts(): Facts {
		return this._host.diagnostics?.() ?? {};
	}

	private _want(heldUntil: number): void {
		this._heldUntil = heldUntil;
		this._toldOfQueue = false;
		this._link.wake();
	}
}

/** Whether any of a machine's facts is news. */
function differ(facts: Facts, told: Facts): boolean {
	return Object.entries(facts).some(([name, fact]) => {
		const before = told[name];
		if (typeof fact !== "number" || typeof before !== "number") return fact !== before;
		return Math.abs(fact - before) > Math.abs(before) * NEWS_PART;
	});
}

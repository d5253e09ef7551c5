/** The rules for a station's attempts to connect: in the backoff's envelope, not more often and not later, and not longer than they may be. */

/** As in `src/net/backoff.ts`, whose promise this is. */
const BASE_MS = 1_000;
const LIMIT_MS = 120_000;
const STABLE_AFTER_MS = 60_000;
const SHORTEST_MS = 100;
/**
 * The longest delay after an attempt that did not open a connection, as a part of the time away, and in ms, at least
 * and at most: where nothing answered, and where somebody refused, or had ended a connection.
 */
const UNANSWERED = { share: 1 / 8, least: 1_000, most: 13_750 };
const REFUSED = { share: 1 / 4, least: 5_625, most: 27_500 };
/** The shortest delays after the first of several such failures, in ms. */
const UNANSWERED_LEAST_MS = 500;
const REFUSED_LEAST_MS = 4_500;
/** The bound after short lives, in ms. */
const DOUBTFUL_MS = 8_000;
/** The longest attempt without an answer, likewise; or twice what the last one took to open. */
const PATIENCE = { share: 1 / 8, least: 2_000, most: 15_000 };
/** What comes late is refused no more, in ms. */
const PROMPT_MS = 3_000;
/** From an attempt to its end, where the broker does not accept it: 15 s to open, 10 s to the CONNACK, and something for late timers. */
const ATTEMPT_MAXIMUM_MS = 27_000;
/** Between the broker's acceptance and the station's knowledge of it, in ms, at most: the CONNACK's timeout. */
const ACCEPTANCE_MS = 10_000;
/** What a clock that runs slow makes of a time, at most. */
const DRIFT = 0.001;
/** Attempts that may follow each other closely; and the least average time between later ones, in ms, with a wide margin. */
const BURST = 12;
const MEAN_MINIMUM_MS = 8_000;

export interface CallsOptions {
	/** How late a timer may be, in ms, for all reasons. */
	readonly lateness: number;
	readonly violate: (kind: string, text: string) => void;
}

export class Calls {
	attempts = 0;
	private readonly _options: CallsOptions;
	private _state: "idle" | "calling" | "connected" | "waiting" = "idle";
	private _since = 0;
	/** Delays since the last success; `undefined` while it is not certain whether there was one. */
	private _delays: number | undefined = 0;
	private _countedFrom = 0;
	private _counted = 0;
	private _acceptedAt: number | undefined;
	private _immediate = false;
	/** Whether the broker has taken a message on this connection, so that the delays may start over. */
	private _mayHaveDelivered = false;
	/** The connection may have been for an earlier session's end only, as one in a power-on period is. */
	private _mayReturn = false;
	private _returned = false;
	/** When it failed to reach the broker first since it reached it last; what became of the last attempt, and how long the last opening took. */
	private _awaySince: number | undefined;
	/** Attempts in a row that failed to reach the broker. */
	private _failures = 0;
	private _reached: "no answer" | "refused" | "unclear" | "opened" = "opened";
	private _opening = Number.POSITIVE_INFINITY;

	constructor(options: CallsOptions) {
		this._options = options;
	}

	/** The station begins anew; or it has lost its power, or its network, and `idle` says so. */
	reset(time: number, idle: boolean): void {
		this._state = idle ? "idle" : "waiting";
		this._since = time;
		this._start(time);
		this._immediate = true;
		this._acceptedAt = undefined;
		this._mayReturn = false;
		if (idle) this._returned = false;
		this._awaySince = undefined;
		this._failures = 0;
		this._reached = "opened";
		if (idle) this._opening = Number.POSITIVE_INFINITY;
	}

	/** The attempt has opened a connection. */
	opened(time: number): void {
		this._reached = "opened";
		this._opening = time - this._since;
	}

	/** The attempt has failed, and not for want of an answer. */
	refused(time: number): void {
		const late = time - this._since - PROMPT_MS;
		// Nobody knows how late the station looked at its clock.
		if (Math.abs(late) <= this._options.lateness) this._reached = "unclear";
		else this._reached = late < 0 ? "refused" : "no answer";
	}

	/** The network has come: a station that waits calls at once. */
	networkReady(time: number): void {
		if (this._state === "calling" || this._state === "connected") this._delays = undefined;
		else this.reset(time, false);
	}

	/** The network has gone: attempts without one are not seen from outside. */
	networkLost(): void {
		if (this._state === "waiting") this._state = "idle";
		this._delays = undefined;
	}

	attempt(time: number): void {
		const { violate, lateness } = this._options;
		this.attempts++;
		if (this._state === "waiting") {
			const delay = time - this._since;
			if (delay < SHORTEST_MS && !this._immediate && this._mayReturn && !this._returned) {
				this._returned = true;
				this.triesAtOnce();
			}
			const bound = this._bound;
			if (delay > bound + lateness) {
				violate("backoff", `the next attempt came after ${Math.round(delay)} ms, and ${bound} are the most`);
			}
			const least = this._least;
			if (!this._immediate && delay < least * (1 - DRIFT) - 1) {
				violate("backoff", `the next attempt came after ${Math.round(delay)} ms, and ${least} are the least`);
			}
			if (!this._immediate && this._reached === "opened") this._counted++;
			const beyond = this._counted - BURST;
			if (beyond > 0 && time - this._countedFrom < beyond * MEAN_MINIMUM_MS) {
				violate("backoff", `${this._counted} attempts within ${Math.round(time - this._countedFrom)} ms`);
			}
		} else if (this._state !== "idle") {
			violate("backoff", "a second attempt beside the first");
		}
		this._state = "calling";
		this._reached = "no answer";
		this._since = time;
		this._immediate = this._mayReturn = this._mayHaveDelivered = false;
		this._acceptedAt = undefined;
	}

	/** The shortest delay that may precede the next attempt, in ms: after several failures to reach the broker their step. */
	private get _least(): number {
		if (this._failures < 2) return SHORTEST_MS;
		return this._reached === "refused" ? REFUSED_LEAST_MS : UNANSWERED_LEAST_MS;
	}

	/** The longest delay that may precede the next attempt, in ms. */
	private get _bound(): number {
		if (this._reached !== "opened") {
			return share(
				this._reached === "no answer" ? UNANSWERED : REFUSED,
				this._since - (this._awaySince ?? this._since),
			);
		}
		if (this._delays === undefined) return LIMIT_MS;
		const lived = this._mayHaveDelivered ? DOUBTFUL_MS : share(REFUSED, this._since - (this._awaySince ?? this._since));
		return Math.min(LIMIT_MS, Math.max(lived, BASE_MS * 2 ** Math.max(0, this._delays - 1)));
	}

	/** The broker has accepted the attempt. `mayReturn`: the station may be back without a delay. */
	accepted(time: number, mayReturn: boolean): void {
		if (this._state !== "calling") return;
		this._mayReturn = mayReturn;
		this._state = "connected";
		this._acceptedAt = time;
	}

	/** The broker has taken a message; what a connection that was given up delivers late, the station does not hear of. */
	delivered(): void {
		if (this._state !== "waiting") this._mayHaveDelivered = true;
	}

	/** The station has one more reason to be back without a delay. */
	mayReturnAgain(): void {
		this._returned = false;
	}

	/** The station has given up what it had. */
	givenUp(time: number): void {
		if (this._state !== "calling" && this._state !== "connected") return;
		const { violate, lateness } = this._options;
		const lasted = time - this._since;
		this._state = "waiting";
		this._since = time;
		if (this._reached === "opened") {
			// An earlier time allows more: the station may not have got the CONNACK.
			if (this._acceptedAt !== undefined && time - this._acceptedAt > ACCEPTANCE_MS) this._awaySince = undefined;
			this._awaySince ??= time;
			this._failures = 0;
		} else {
			this._failures++;
			const away = this._awaySince === undefined ? 0 : time - this._awaySince;
			const most = this._opening === Number.POSITIVE_INFINITY && away === 0 ? PATIENCE.most : share(PATIENCE, away);
			const slow = this._opening === Number.POSITIVE_INFINITY ? 0 : 2 * this._opening;
			if (lasted > Math.min(PATIENCE.most, Math.max(most, slow)) * (1 + DRIFT) + lateness) {
				violate(
					"backoff",
					`an attempt without an answer took ${Math.round(lasted)} ms, ${Math.round(away)} ms after the first`,
				);
			}
			this._awaySince ??= time;
			return;
		}
		const lived = this._acceptedAt === undefined ? 0 : time - this._acceptedAt;
		const certain =
			lived >= STABLE_AFTER_MS + ACCEPTANCE_MS || (lived < STABLE_AFTER_MS - 100 && !this._mayHaveDelivered);
		if (lived >= STABLE_AFTER_MS + ACCEPTANCE_MS) this._start(time);
		else if (!certain) {
			this._delays = undefined;
			this._countedFrom = time;
			this._counted = 0;
		}
		if (this._delays !== undefined) this._delays++;
	}

	/** It tries again at once, with an older version of MQTT for instance, which is no delay of the backoff's. */
	triesAtOnce(): void {
		this._immediate = true;
		if (this._delays !== undefined) this._delays--;
	}

	private _start(time: number): void {
		this._delays = 0;
		this._countedFrom = time;
		this._counted = 0;
	}

	/** To be asked from time to time. `expected`: whether the station may call at all. */
	tick(time: number, expected: boolean): void {
		const { violate, lateness } = this._options;
		if (!expected) return;
		const waited = time - this._since;
		if (this._state === "waiting" && waited > LIMIT_MS + lateness) {
			violate("backoff", `no attempt to connect for ${Math.round(waited / 1_000)} s`);
		}
		if (this._state === "calling" && waited > ATTEMPT_MAXIMUM_MS + lateness) {
			violate("stuck", `an attempt to connect goes on for ${Math.round(waited / 1_000)} s`);
		}
	}
}

function share({ share, least, most }: typeof REFUSED, away: number): number {
	return Math.min(most, Math.max(least, share * away)) * (1 + DRIFT);
}

/** The rules for a station's attempts to connect: in the backoff's envelope, not more often and not later. */

/** As in `src/net/backoff.ts`, whose promise this is. */
const BASE_MS = 1_000;
const LIMIT_MS = 120_000;
const STABLE_AFTER_MS = 60_000;
const SHORTEST_MS = 100;
/** From an attempt to its end, where the broker does not accept it: 15 s to open, 10 s to the CONNACK, and something for late timers. */
const ATTEMPT_MAXIMUM_MS = 27_000;
/** Between the broker's acceptance and the station's knowledge of it, in ms, at most: the CONNACK's timeout. */
const ACCEPTANCE_MS = 10_000;
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
			if (!this._immediate && delay < SHORTEST_MS - 1) {
				violate("backoff", `the next attempt came after ${Math.round(delay)} ms, and ${SHORTEST_MS} are the least`);
			}
			if (!this._immediate) this._counted++;
			const beyond = this._counted - BURST;
			if (beyond > 0 && time - this._countedFrom < beyond * MEAN_MINIMUM_MS) {
				violate("backoff", `${this._counted} attempts within ${Math.round(time - this._countedFrom)} ms`);
			}
		} else if (this._state !== "idle") {
			violate("backoff", "a second attempt beside the first");
		}
		this._state = "calling";
		this._since = time;
		this._immediate = this._mayReturn = this._mayHaveDelivered = false;
		this._acceptedAt = undefined;
	}

	private get _bound(): number {
		if (this._delays === undefined) return LIMIT_MS;
		return Math.min(LIMIT_MS, BASE_MS * 2 ** Math.max(0, this._delays - 1));
	}

	/** The broker has accepted the attempt. `mayReturn`: the station may be back without a delay. */
	accepted(time: number, mayReturn: boolean): void {
		if (this._state !== "calling") return;
		this._mayReturn = mayReturn;
		this._state = "connected";
		this._acceptedAt = time;
	}

	/** The broker has taken a message. */
	delivered(): void {
		this._mayHaveDelivered = true;
	}

	/** The station has one more reason to be back without a delay. */
	mayReturnAgain(): void {
		this._returned = false;
	}

	/** The station has given up what it had. */
	givenUp(time: number): void {
		if (this._state !== "calling" && this._state !== "connected") return;
		this._state = "waiting";
		this._since = time;
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

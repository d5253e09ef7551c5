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
/** So many attempts may follow each other closely; then they are so far apart on average, in ms, by a wide margin. */
const BURST = 12;
const MEAN_MINIMUM_MS = 20_000;

export interface CallsOptions {
	/** How late a timer may be, in ms, for all reasons. */
	readonly lateness: number;
	readonly violate: (kind: string, text: string) => void;
}

export class Calls {
	attempts = 0;
	readonly #options: CallsOptions;
	#state: "idle" | "calling" | "connected" | "waiting" = "idle";
	#since = 0;
	/** Delays since the last success; `undefined` while it is not certain whether there was one. */
	#delays: number | undefined = 0;
	#countedFrom = 0;
	#counted = 0;
	#acceptedAt: number | undefined;
	#immediate = false;
	/** The connection may have been for an earlier session's end only, as one in a power-on period is. */
	#mayReturn = false;
	#returned = false;

	constructor(options: CallsOptions) {
		this.#options = options;
	}

	/** The station begins anew; or it has lost its power, or its network, and `idle` says so. */
	reset(time: number, idle: boolean): void {
		this.#state = idle ? "idle" : "waiting";
		this.#since = time;
		this.#start(time);
		this.#immediate = true;
		this.#acceptedAt = undefined;
		this.#mayReturn = false;
		if (idle) this.#returned = false;
	}

	/** The network has come: whoever waits calls at once. */
	networkReady(time: number): void {
		if (this.#state === "calling" || this.#state === "connected") this.#delays = undefined;
		else this.reset(time, false);
	}

	/** The network has gone: attempts without one are not seen from outside. */
	networkLost(): void {
		if (this.#state === "waiting") this.#state = "idle";
		this.#delays = undefined;
	}

	attempt(time: number): void {
		const { violate, lateness } = this.#options;
		this.attempts++;
		if (this.#state === "waiting") {
			const delay = time - this.#since;
			if (delay < SHORTEST_MS && !this.#immediate && this.#mayReturn && !this.#returned) {
				this.#returned = true;
				this.triesAtOnce();
			}
			const bound = this.#bound;
			if (delay > bound + lateness) {
				violate("backoff", `the next attempt came after ${Math.round(delay)} ms, and ${bound} are the most`);
			}
			if (!this.#immediate && delay < SHORTEST_MS - 1) {
				violate("backoff", `the next attempt came after ${Math.round(delay)} ms, and ${SHORTEST_MS} are the least`);
			}
			if (!this.#immediate) this.#counted++;
			const beyond = this.#counted - BURST;
			if (beyond > 0 && time - this.#countedFrom < beyond * MEAN_MINIMUM_MS) {
				violate("backoff", `${this.#counted} attempts within ${Math.round(time - this.#countedFrom)} ms`);
			}
		} else if (this.#state !== "idle") {
			violate("backoff", "a second attempt beside the first");
		}
		this.#state = "calling";
		this.#since = time;
		this.#immediate = this.#mayReturn = false;
		this.#acceptedAt = undefined;
	}

	get #bound(): number {
		if (this.#delays === undefined) return LIMIT_MS;
		return Math.min(LIMIT_MS, BASE_MS * 2 ** Math.max(0, this.#delays - 1));
	}

	/** The broker has accepted the attempt. `mayReturn`: the station may be back without a delay. */
	accepted(time: number, mayReturn: boolean): void {
		if (this.#state !== "calling") return;
		this.#mayReturn = mayReturn;
		this.#state = "connected";
		this.#acceptedAt = time;
	}

	/** The station has one more reason to be back without a delay. */
	mayReturnAgain(): void {
		this.#returned = false;
	}

	/** The station has given up what it had. */
	givenUp(time: number): void {
		if (this.#state !== "calling" && this.#state !== "connected") return;
		this.#state = "waiting";
		this.#since = time;
		const lived = this.#acceptedAt === undefined ? 0 : time - this.#acceptedAt;
		const certain = lived >= STABLE_AFTER_MS + ACCEPTANCE_MS || lived < STABLE_AFTER_MS - 100;
		if (lived >= STABLE_AFTER_MS + ACCEPTANCE_MS) this.#start(time);
		else if (!certain) {
			this.#delays = undefined;
			this.#countedFrom = time;
			this.#counted = 0;
		}
		if (this.#delays !== undefined) this.#delays++;
	}

	/** It tries again at once, with an older version of MQTT for instance, which is no delay of the backoff's. */
	triesAtOnce(): void {
		this.#immediate = true;
		if (this.#delays !== undefined) this.#delays--;
	}

	#start(time: number): void {
		this.#delays = 0;
		this.#countedFrom = time;
		this.#counted = 0;
	}

	/** To be asked from time to time. `expected`: whether the station may call at all. */
	tick(time: number, expected: boolean): void {
		const { violate, lateness } = this.#options;
		if (!expected) return;
		const waited = time - this.#since;
		if (this.#state === "waiting" && waited > LIMIT_MS + lateness) {
			violate("backoff", `no attempt to connect for ${Math.round(waited / 1_000)} s`);
		}
		if (this.#state === "calling" && waited > ATTEMPT_MAXIMUM_MS + lateness) {
			violate("stuck", `an attempt to connect goes on for ${Math.round(waited / 1_000)} s`);
		}
	}
}

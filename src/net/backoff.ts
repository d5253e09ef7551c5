/** Delays between attempts to connect: exponential backoff with full jitter. */

export interface BackoffOptions {
	/** Bound of the first delay, in ms. */
	readonly base?: number;
	/** Bound of every delay, in ms. */
	readonly limit?: number;
	/** A connection that lived this long, in ms, counts as a success whatever it achieved. */
	readonly stableAfter?: number;
	/** Uniform in [0, 1). */
	readonly random: () => number;
}

const BASE_MS = 1_000;
const LIMIT_MS = 120_000;
/** Bound of a delay after a failure to reach the broker, in ms: it may be back at any moment. */
export const AWAY_LIMIT_MS = 30_000;
/** Bound of a delay after several short connections in a row that all delivered, in ms. */
export const DOUBTFUL_LIMIT_MS = 8_000;
/** A connection that delivered nothing must last this long before the delays start over, in ms. */
const STABLE_AFTER_MS = 60_000;
/** Full jitter may draw a delay near 0, which would burden the broker. */
const SHORTEST_MS = 100;

export class Backoff {
	private readonly _base: number;
	private readonly _limit: number;
	private readonly _stableAfter: number;
	private readonly _random: () => number;
	private _attempts = 0;

	constructor({ base = BASE_MS, limit = LIMIT_MS, stableAfter = STABLE_AFTER_MS, random }: BackoffOptions) {
		this._base = base;
		this._limit = limit;
		this._stableAfter = stableAfter;
		this._random = random;
	}

	/** Delays drawn since the last success. */
	get attempts(): number {
		return this._attempts;
	}

	/**
	 * The next delay in ms: uniform between `SHORTEST_MS` and a bound that doubles
	 * with each call, up to the limit or to `limit`.
	 */
	next(limit = this._limit): number {
		const bound = Math.min(this._limit, limit, this._base * 2 ** Math.min(this._attempts, 30));
		this._attempts++;
		return SHORTEST_MS + Math.floor(this._random() * Math.max(0, bound - SHORTEST_MS));
	}

	/**
	 * A connection has ended. `duration`: from the broker's acceptance to its end, in
	 * ms; `delivered`: whether the broker has acknowledged a message on it.
	 */
	lived(duration: number, delivered: boolean): void {
		if (delivered || duration >= this._stableAfter) this._attempts = 0;
	}

	/** Starts over: the network itself has come back. */
	reset(): void {
		this._attempts = 0;
	}
}

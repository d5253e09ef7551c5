/**
 * When to connect again, and how long to wait for a connection.
 *
 * A broker that accepts connections and then takes nothing is tried ever more
 * rarely: exponential backoff with full jitter. One that cannot be reached may be
 * back at any moment, so the delays are a part of the time that it has been away:
 * a small one where nothing answers, as the network is likely gone. Where somebody
 * refuses, or the broker has just closed the connection, all its clients come back
 * together: there the first delay spreads them, and the further ones, which differ
 * little, keep them apart.
 */

export interface BackoffOptions {
	/** Bound of the first delay, in ms. */
	readonly base?: number;
	/** Bound of every delay, in ms. */
	readonly limit?: number;
	/** Uniform in [0, 1). */
	readonly random: () => number;
}

const BASE_MS = 1_000;
const LIMIT_MS = 120_000;
/** Bound of a delay after the broker closed a connection before its CONNACK, in ms: it, or what is before it, may just be starting. */
export const AWAY_LIMIT_MS = 30_000;
/** Bound of a delay after several short connections in a row that all delivered, in ms. */
export const DOUBTFUL_LIMIT_MS = 8_000;
/** A connection that delivered nothing must last this long before the delays start over, in ms. */
export const STABLE_AFTER_MS = 60_000;
/** Full jitter may draw a delay near 0, which would burden the broker. */
const SHORTEST_MS = 100;
/** A delay may be longer than its step by this part, so that clients that came together part. */
const SPREAD = 1 / 4;

/**
 * The step of the delays where nothing answers: a tenth of the time away, within these
 * limits in ms. With the spread and an attempt as long as that, a quarter, and less than 30 s.
 */
const UNANSWERED_LEAST_MS = 500;
const UNANSWERED_MOST_MS = 11_000;
/** Where somebody refuses, twice that, from 4.5 s on: 10,000 clients make 2,400 attempts in a second. */
const REFUSED_LEAST_MS = 4_500;

/** How long an attempt to connect may get no answer, in ms, at least and at most: the SYN leaves once more in it. */
const PATIENCE_LEAST_MS = 2_000;
const PATIENCE_MOST_MS = 15_000;

export class Backoff {
	private readonly _base: number;
	private readonly _limit: number;
	private readonly _random: () => number;
	private _attempts = 0;
	/** When the first attempt failed since a broker accepted one, or that connection ended, in ms. */
	private _awaySince: number | undefined;
	/** What the last connection took to open, in ms; 0: none ever did. */
	opening = 0;

	constructor({ base = BASE_MS, limit = LIMIT_MS, random }: BackoffOptions) {
		this._base = base;
		this._limit = limit;
		this._random = random;
	}

	/**
	 * The delay after a connection that achieved nothing, in ms: uniform between
	 * `SHORTEST_MS` and a bound that doubles with each call, up to the limit or to `limit`.
	 */
	next(limit = this._limit): number {
		const bound = Math.min(this._limit, limit, this._base * 2 ** Math.min(this._attempts, 30));
		this._attempts++;
		return this.spread(bound);
	}

	/**
	 * The delay after a failure to reach the broker, or the loss of a connection that
	 * worked, in ms. `isRefused`: somebody answered.
	 */
	away(now: number, isRefused: boolean): number {
		const since = this._awaySince;
		const share = Math.min(UNANSWERED_MOST_MS, (now - (since ?? now)) / 10);
		const step = isRefused ? Math.max(REFUSED_LEAST_MS, 2 * share) : Math.max(UNANSWERED_LEAST_MS, share);
		if (since !== undefined) return Math.min(this._limit, Math.floor(step * (1 + SPREAD * this._random())));
		this._awaySince = now;
		return this.spread(Math.min(this._limit, isRefused ? step : this._base));
	}

	/**
	 * How long an attempt to connect may get no answer, in ms: TCP repeats its SYN ever
	 * more rarely, so an attempt that began in an outage must end soon after it. On a
	 * slow link it takes as long as the last one needed, twice, and more in a longer
	 * outage. The first attempt knows neither.
	 */
	patience(now: number): number {
		if (this._awaySince === undefined && this.opening === 0) return PATIENCE_MOST_MS;
		const away = now - (this._awaySince ?? now);
		return Math.round(Math.min(PATIENCE_MOST_MS, Math.max(PATIENCE_LEAST_MS, 2 * this.opening, away / 8)));
	}

	/**
	 * A connection has ended. `duration`: from the broker's acceptance to its end, in
	 * ms; `delivered`: whether the broker has acknowledged a message on it. Returns whether
	 * the delays start over.
	 */
	lived(duration: number, delivered: boolean): boolean {
		this._awaySince = undefined;
		const isProven = delivered || duration >= STABLE_AFTER_MS;
		if (isProven) this._attempts = 0;
		return isProven;
	}

	/** Starts over: the network itself has come back. */
	reset(): void {
		this._attempts = 0;
		this._awaySince = undefined;
	}

	/** A delay that is uniform between `SHORTEST_MS` and `bound`, in ms. */
	spread(bound: number): number {
		return SHORTEST_MS + Math.floor(this._random() * Math.max(0, bound - SHORTEST_MS));
	}
}

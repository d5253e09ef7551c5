/**
 * Simulated time: real time multiplied by a speed, but at its real pace while an
 * answer from the network is due or the engine is at work. The broker, the wire
 * and the engine are real; ten seconds must not pass in the millisecond that
 * they need.
 */

/** A silent broker slows simulated time down for this long, in real ms, and no longer. */
const PATIENCE_MS = 1_000;
/** The real time that a late timer may cost and that is made up for, in ms: a busy computer is behind for ever. */
const CATCH_UP_MS = 4;

export class SimulatedClock {
	private readonly _speed: number;
	private readonly _realNow: () => number;
	private readonly _wallStart: number;
	private _real: number;
	private _simulated = 0;
	private _limit = Number.POSITIVE_INFINITY;
	/** What simulated time is behind, as it waited for a timer, in simulated ms. */
	private _behind = 0;
	private _holds = 0;
	private _awaitingSince: number | undefined;

	/**
	 * @param speed simulated seconds per real second
	 * @param realNow monotonic real time in ms
	 * @param wallStart wall-clock time in ms at the beginning
	 */
	constructor(speed: number, realNow: () => number, wallStart: number) {
		this._speed = speed;
		this._realNow = realNow;
		this._wallStart = wallStart;
		this._real = realNow();
	}

	/** Simulated ms since the beginning. */
	now(): number {
		const real = this._realNow();
		const passed = real - this._real;
		const patience = this._patience();
		const slowly = Math.min(passed, patience);
		let simulated = this._simulated + slowly + (passed - slowly) * this._speed;
		if (patience <= passed) {
			simulated += this._behind;
			this._behind = 0;
		}
		this._simulated = Math.max(this._simulated, Math.min(simulated, this._limit));
		this._behind = Math.min(this._behind + Math.max(0, simulated - this._simulated), CATCH_UP_MS * this._speed);
		this._real = real;
		return this._simulated;
	}

	/** Simulated wall-clock time in ms. */
	time(): number {
		return this._wallStart + this.now();
	}

	/** Whether an answer from the network is due, from now on. */
	await(awaiting: boolean): void {
		this.now();
		this._awaitingSince = awaiting ? this._real : undefined;
	}

	/** Something has arrived: the patience begins anew. */
	renewPatience(): void {
		if (this._awaitingSince !== undefined) this.await(true);
	}

	/** The engine is at work, until as many calls of `release`. */
	hold(): void {
		this.now();
		this._holds++;
	}

	release(): void {
		this.now();
		this._holds--;
	}

	/**
	 * The engine's next timer. At a higher speed than real, a timer of Node's that is
	 * a millisecond late would be seconds late: time waits for it, and goes on by as much
	 * as soon as it may be fast.
	 */
	set nextTimer(due: number) {
		this.now();
		if (this._speed > 1) this._limit = due;
	}

	/** Real ms until the simulated time `due`, if nothing changes until then. */
	realDelayUntil(due: number): number {
		const missing = due - this.now();
		if (missing <= 0) return 0;
		const patience = this._patience();
		return missing <= patience ? missing : patience + (missing - patience) / this._speed;
	}

	/** Real ms for which time has its real pace, counted from when it was last read. */
	private _patience(): number {
		if (this._holds > 0) return Number.POSITIVE_INFINITY;
		return this._awaitingSince === undefined ? 0 : Math.max(0, this._awaitingSince + PATIENCE_MS - this._real);
	}
}

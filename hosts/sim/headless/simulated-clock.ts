/**
 * Simulated time: real time multiplied by a speed, but at its real pace while an
 * answer from the network is due or the engine is at work. The broker, the wire
 * and the engine are real; ten seconds must not pass in the millisecond that
 * they need.
 */

/** A silent broker slows simulated time down for this long, in real ms, and no longer. */
const PATIENCE_MS = 1_000;

export class SimulatedClock {
	readonly #speed: number;
	readonly #realNow: () => number;
	readonly #wallStart: number;
	#real: number;
	#simulated = 0;
	#limit = Number.POSITIVE_INFINITY;
	#holds = 0;
	#awaitingSince: number | undefined;

	/**
	 * @param speed simulated seconds per real second
	 * @param realNow monotonic real time in ms
	 * @param wallStart wall-clock time in ms at the beginning
	 */
	constructor(speed: number, realNow: () => number, wallStart: number) {
		this.#speed = speed;
		this.#realNow = realNow;
		this.#wallStart = wallStart;
		this.#real = realNow();
	}

	/** Simulated ms since the beginning. */
	now(): number {
		const real = this.#realNow();
		const slowly = Math.min(real - this.#real, this.#patience());
		const simulated = this.#simulated + slowly + (real - this.#real - slowly) * this.#speed;
		this.#simulated = Math.max(this.#simulated, Math.min(simulated, this.#limit));
		this.#real = real;
		return this.#simulated;
	}

	/** Simulated wall-clock time in ms. */
	time(): number {
		return this.#wallStart + this.now();
	}

	/** Whether an answer from the network is due, from now on. */
	await(awaiting: boolean): void {
		this.now();
		this.#awaitingSince = awaiting ? this.#real : undefined;
	}

	/** Something has arrived: the patience begins anew. */
	renewPatience(): void {
		if (this.#awaitingSince !== undefined) this.await(true);
	}

	/** The engine is at work, until as many calls of `release`. */
	hold(): void {
		this.now();
		this.#holds++;
	}

	release(): void {
		this.now();
		this.#holds--;
	}

	/**
	 * The engine's next timer. At a higher speed than real, a timer of Node's that is
	 * a millisecond late would be seconds late: time waits for it.
	 */
	set nextTimer(due: number) {
		this.now();
		if (this.#speed > 1) this.#limit = due;
	}

	/** Real ms until the simulated time `due`, if nothing changes until then. */
	realDelayUntil(due: number): number {
		const missing = due - this.now();
		if (missing <= 0) return 0;
		const patience = this.#patience();
		return missing <= patience ? missing : patience + (missing - patience) / this.#speed;
	}

	/** Real ms for which time has its real pace, counted from when it was last read. */
	#patience(): number {
		if (this.#holds > 0) return Number.POSITIVE_INFINITY;
		return this.#awaitingSince === undefined ? 0 : Math.max(0, this.#awaitingSince + PATIENCE_MS - this.#real);
	}
}

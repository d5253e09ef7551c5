/**
 * Simulated time: real time multiplied by a speed, but never while an answer
 * from the network is due. The broker and the wire are real; ten seconds of
 * their time must not pass in ten milliseconds.
 */

/** A silent broker slows simulated time down for this long, in real ms, and no longer. */
const PATIENCE_MS = 1_000;

export class SimulatedClock {
	readonly #speed: number;
	readonly #realNow: () => number;
	readonly #wallStart: number;
	#real: number;
	#simulated = 0;
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
		const patienceEnds = this.#awaitingSince === undefined ? this.#real : this.#awaitingSince + PATIENCE_MS;
		const slowly = Math.max(0, Math.min(real, patienceEnds) - this.#real);
		this.#simulated += slowly + (real - this.#real - slowly) * this.#speed;
		this.#real = real;
		return this.#simulated;
	}

	/** Simulated wall-clock time in ms. */
	time(): number {
		return this.#wallStart + this.now();
	}

	/** Whether an answer from the network is due, from now on. Each activity renews the patience. */
	await(awaiting: boolean): void {
		this.now();
		this.#awaitingSince = awaiting ? this.#real : undefined;
	}

	/** Real ms until the simulated time `due`, if nothing changes until then. */
	realDelayUntil(due: number): number {
		const missing = due - this.now();
		if (missing <= 0) return 0;
		const patience =
			this.#awaitingSince === undefined ? 0 : Math.max(0, this.#awaitingSince + PATIENCE_MS - this.#real);
		return missing <= patience ? missing : patience + (missing - patience) / this.#speed;
	}
}

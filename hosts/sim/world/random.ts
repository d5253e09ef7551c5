/**
 * Pseudorandom numbers of a simulated world. A stream is decided by the world's
 * seed and the labels on the way to it, and by nothing else: how much one part
 * of the world draws does not change what another part gets.
 */

/** Numbers thrown away at first, until the state is well mixed. */
const WARM_UP = 12;

export class Random {
	private readonly _key: string;
	private _a: number;
	private _b: number;
	private _c: number;
	private _counter = 1;

	/** @param seed of the world; a number is as good as its decimal digits */
	constructor(seed: number | string) {
		this._key = String(seed);
		this._a = hash(this._key, 0x9e3779b9);
		this._b = hash(this._key, 0x7f4a7c15);
		this._c = hash(this._key, 0xf39cc060);
		for (let index = 0; index < WARM_UP; index++) this.next();
	}

	/** Uniform in [0, 1), in steps of 2^-32: "small fast counting" (Doty-Humphrey, PractRand). */
	next(): number {
		const sum = (this._a + this._b + this._counter) | 0;
		this._counter = (this._counter + 1) | 0;
		this._a = this._b ^ (this._b >>> 9);
		this._b = (this._c + (this._c << 3)) | 0;
		this._c = (((this._c << 21) | (this._c >>> 11)) + sum) | 0;
		return (sum >>> 0) / 0x1_0000_0000;
	}

	/** A whole number from `lowest` to `highest`, both included. */
	integer(lowest: number, highest: number): number {
		return lowest + Math.floor(this.next() * (highest - lowest + 1));
	}

	/** True with the probability `p`; at 0 and below never, at 1 and above always. Draws in any case. */
	chance(p: number): boolean {
		return this.next() < p;
	}

	/** One of `list`, which must not be empty. */
	pick<T>(list: readonly T[]): T {
		return list[this.integer(0, list.length - 1)]!;
	}

	/** Exponentially distributed: the time until something that happens every `mean` on average. */
	exponential(mean: number): number {
		return -mean * Math.log(1 - this.next());
	}

	/** A stream of its own. It depends on the label, not on what was drawn before: one label, one stream. */
	fork(label: string): Random {
		return new Random(`${this._key}/${label}`);
	}
}

/** 32 bits of a text: FNV-1a, and at the end a mixing of all bits with all others. */
function hash(text: string, start: number): number {
	let bits = start | 0;
	for (let index = 0; index < text.length; index++) bits = Math.imul(bits ^ text.charCodeAt(index), 0x01000193);
	bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
	bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
	return bits ^ (bits >>> 16);
}

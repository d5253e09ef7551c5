/** Pseudorandom numbers that two numbers decide: the seed of a run and the number of a dialogue in it. */
export class Random {
	private _a: number;
	private _b: number;
	private _c: number;
	private _counter = 1;

	constructor(seed: number, stream = 0) {
		this._a = seed | 0;
		this._b = stream | 0;
		this._c = Math.floor(seed / 0x1_0000_0000) | 0;
		for (let index = 0; index < 12; index++) this.next();
	}

	/** 32 bits: "small fast counting" (Doty-Humphrey, PractRand), which needs no more than additions and shifts. */
	next(): number {
		const sum = (this._a + this._b + this._counter) | 0;
		this._counter = (this._counter + 1) | 0;
		this._a = this._b ^ (this._b >>> 9);
		this._b = (this._c + (this._c << 3)) | 0;
		this._c = (((this._c << 21) | (this._c >>> 11)) + sum) | 0;
		return sum >>> 0;
	}

	/** 0 to `bound` - 1. */
	below(bound: number): number {
		return this.next() % bound;
	}

	/** From `least` to `most`. */
	between(least: number, most: number): number {
		return least + this.below(most - least + 1);
	}

	/** True once in `times` on average. */
	oneIn(times: number): boolean {
		return this.next() % times === 0;
	}

	pick<T>(list: readonly T[]): T {
		return list[this.next() % list.length]!;
	}
}

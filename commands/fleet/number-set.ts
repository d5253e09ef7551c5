/** Numbers of readings, as ranges in rising order: they come nearly in order, so that the ranges are few. */
export class NumberSet {
	private readonly _ranges: { first: number; last: number }[] = [];

	/** 0 where there is none. */
	get highest(): number {
		return this._ranges.at(-1)?.last ?? 0;
	}

	/** Returns whether it is new. */
	add(number: number): boolean {
		const ranges = this._ranges;
		const index = this._placeOf(number);
		const [before, behind] = [ranges[index - 1], ranges[index]];
		if (behind && behind.first <= number) return false;
		const joinsBefore = before?.last === number - 1;
		const joinsBehind = behind?.first === number + 1;
		if (joinsBefore && joinsBehind) {
			before.last = behind.last;
			ranges.splice(index, 1);
		} else if (joinsBefore) before.last = number;
		else if (joinsBehind) behind.first = number;
		else ranges.splice(index, 0, { first: number, last: number });
		return true;
	}

	has(number: number): boolean {
		const range = this._ranges[this._placeOf(number)];
		return range !== undefined && range.first <= number;
	}

	/** The numbers that the other set does not have. */
	*without(other: NumberSet): Generator<number> {
		for (const { first, last } of this._ranges) {
			const around = other._ranges[other._placeOf(first)];
			if (around && around.first <= first && around.last >= last) continue;
			for (let number = first; number <= last; number++) if (!other.has(number)) yield number;
		}
	}

	/** The index of the first range that does not end before the number; looked for from the end, where most of them come. */
	private _placeOf(number: number): number {
		let index = this._ranges.length;
		while (index > 0 && this._ranges[index - 1]!.last >= number) index--;
		return index;
	}
}

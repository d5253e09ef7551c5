/** The numbers of a run that have not come: ranges in rising order. */

/** Ranges of one run. Beyond them the two that lie closest become one, which then has numbers that came: they are asked for once more, and known again. */
const GAPS_MAXIMUM = 1_000;

export interface Gap {
	readonly first: number;
	readonly last: number;
	/** Whether the station has said that it has them no more. */
	readonly isGone: boolean;
}

export function hasGap(gaps: readonly Gap[], seq: number): boolean {
	return gaps.some(({ first, last }) => first <= seq && seq <= last);
}

/** How many numbers are missing, or gone for good. */
export function sizeOf(gaps: readonly Gap[], isGone: boolean): number {
	return gaps.reduce((sum, gap) => sum + (gap.isGone === isGone ? gap.last - gap.first + 1 : 0), 0);
}

/** The gaps with another one behind them. */
export function withGap(gaps: readonly Gap[], first: number, last: number): Gap[] {
	if (first > last) return [...gaps];
	return bounded([...gaps, { first, last, isGone: false }]);
}

/** The gaps without a number, which has come. */
export function without(gaps: readonly Gap[], seq: number): Gap[] {
	return gaps.flatMap((gap) => {
		if (seq < gap.first || seq > gap.last) return [gap];
		return [
			{ ...gap, last: seq - 1 },
			{ ...gap, first: seq + 1 },
		].filter(({ first, last }) => first <= last);
	});
}

/** The gaps, of which the numbers of a range are gone. */
export function withGone(gaps: readonly Gap[], first: number, last: number): Gap[] {
	const parts = gaps.flatMap((gap) => {
		if (gap.isGone || last < gap.first || first > gap.last) return [gap];
		const from = Math.max(first, gap.first);
		const to = Math.min(last, gap.last);
		return [
			{ ...gap, last: from - 1 },
			{ first: from, last: to, isGone: true },
			{ ...gap, first: to + 1 },
		].filter((part) => part.first <= part.last);
	});
	return bounded(joined(parts));
}

/** Neighbours that are gone are one. */
function joined(gaps: readonly Gap[]): Gap[] {
	const result: Gap[] = [];
	for (const gap of gaps) {
		const before = result.at(-1);
		if (before?.isGone && gap.isGone && before.last + 1 === gap.first)
			result[result.length - 1] = { ...before, last: gap.last };
		else result.push(gap);
	}
	return result;
}

function bounded(gaps: Gap[]): Gap[] {
	while (gaps.length > GAPS_MAXIMUM) {
		let closest = 1;
		const distance = (index: number) => gaps[index]!.first - gaps[index - 1]!.last;
		for (let index = 2; index < gaps.length; index++) if (distance(index) < distance(closest)) closest = index;
		const [before, behind] = [gaps[closest - 1]!, gaps[closest]!];
		// What is asked for in vain is lost again; what is held for lost is never asked for.
		const merged = { first: before.first, last: behind.last, isGone: before.isGone && behind.isGone };
		gaps.splice(closest - 1, 2, merged);
	}
	return gaps;
}

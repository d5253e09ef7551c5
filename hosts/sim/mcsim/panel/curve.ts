/** The curve of a quantity's last readings, as it is drawn. */

/** The last readings; earlier ones make room. */
export const CURVE_READINGS = 60;
/** Pixels. */
const THICKNESS = 2;

/** A quantity's last readings, the newest last, and the ends of its scale in words: empty without readings. */
export interface Curve {
	readonly values: readonly number[];
	readonly least: string;
	readonly greatest: string;
}

export function curveOf(values: readonly number[], inWords: (value: number) => string): Curve {
	if (values.length === 0) return { values, least: "", greatest: "" };
	return { values, least: inWords(leastOf(values)), greatest: inWords(greatestOf(values)) };
}

/** What is drawn in one column of pixels: from `top`, so many pixels downwards. */
export interface Column {
	readonly top: number;
	readonly height: number;
}

/**
 * The line through `values`, the first at the left edge and the last at the right
 * one. The least is at the bottom and the greatest at the top; where all are equal,
 * the line is in the middle. No columns without values.
 */
export function columnsOf(values: readonly number[], width: number, height: number): readonly Column[] {
	const last = values.length - 1;
	if (last < 0) return [];
	const least = leastOf(values);
	const greatest = greatestOf(values);
	const y = (value: number) =>
		Math.round((height - THICKNESS) * (greatest > least ? (greatest - value) / (greatest - least) : 0.5));
	return Array.from({ length: width }, (_, x) => {
		const heights = valuesBetween(values, (x * last) / width, ((x + 1) * last) / width).map(y);
		const top = leastOf(heights);
		return { top, height: greatestOf(heights) - top + THICKNESS };
	});
}

/** The line's values at two positions, counted in readings, and those of the readings between them. */
function valuesBetween(values: readonly number[], from: number, to: number): readonly number[] {
	return [valueAt(values, from), ...values.slice(Math.ceil(from), Math.floor(to) + 1), valueAt(values, to)];
}

function valueAt(values: readonly number[], position: number): number {
	const before = values[Math.floor(position)]!;
	const after = values[Math.ceil(position)]!;
	return before + (after - before) * (position - Math.floor(position));
}

function leastOf(values: readonly number[]): number {
	return values.reduce((one, other) => Math.min(one, other));
}

function greatestOf(values: readonly number[]): number {
	return values.reduce((one, other) => Math.max(one, other));
}

/** What a chart shows of a series: values, or summaries of equal length where there are many. */
import type { Chart } from "../api.ts";
import type { Driver, Query } from "./driver.ts";
import { type Level, merged, type Summary, single, summaryOf } from "./summaries.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, startOf } from "./times.ts";

/** Lengths of a point, in ms: those that people count in. */
const STEPS = [1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1_000);
STEPS.push(...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS));
STEPS.push(...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS), ...[1, 2, 7, 14, 28].map((days) => days * DAY_MS));
/** A line is broken where nothing came for more than so many times as long as usual. */
const UNUSUAL = 3;
/** Of fewer values in a chart the latest of the series tell what is usual, so many of them. */
const FEW = 12;
const USUAL_OF = 60;

/** Throws an Error for a station or a quantity that there is not, a `StoreError` where the store cannot be read. */
export async function chartOf(
	{ query }: Driver,
	topic: string,
	quantity: string,
	from: number,
	to: number,
	points: number,
): Promise<Chart> {
	const [row] = await query(
		`SELECT series.id, series.station, series.pruned FROM series JOIN station ON station.id = series.station
			WHERE station.topic = ? AND series.quantity = ?`,
		[topic, quantity],
	);
	if (!row) throw new Error("there is no such station, or it has no such quantity");
	const pruned = Number(row.pruned);
	const series = { query, id: Number(row.id), station: Number(row.station), pruned };
	const shortest = from < pruned ? HOUR_MS : 0;
	const length = STEPS.find((step) => step >= shortest && (to - from) / step <= points) ?? STEPS.at(-1)!;
	const level = length >= DAY_MS ? DAY_MS : length >= HOUR_MS ? HOUR_MS : length >= MINUTE_MS ? MINUTE_MS : 0;
	const parts = await read(series, level, from, to);
	const isSingle = parts.length <= points && parts.every(({ isValue }) => isValue);
	const shown = isSingle ? parts : merged(parts, length);
	return {
		...{ topic, quantity, from, to, step: isSingle ? 0 : length },
		...lines(shown, isSingle ? 0 : length, await usualDistance(series, to)),
	};
}

interface Series {
	readonly query: Query;
	readonly id: number;
	readonly station: number;
	/** Values from before this time, in ms, are in summaries only. */
	readonly pruned: number;
}

/** What there is of a level, from `from` up to `to`; where it is not summed up, of finer ones. */
async function read(series: Series, level: Level | 0, from: number, to: number): Promise<Summary[]> {
	const { query, id, station, pruned } = series;
	if (level === 0) {
		const rows = await query(
			"SELECT time, value FROM value WHERE series = ? AND time >= ? AND time < ? ORDER BY time",
			[...[id, from, to]],
		);
		return rows.map(single);
	}
	const unit = Math.max(level, HOUR_MS);
	// Before the summaries: an hour that is summed up meanwhile is read twice, and not left out.
	const dirty = await query("SELECT hour FROM dirty WHERE station = ? AND hour >= ? AND hour < ?", [
		...[station, startOf(from, unit), to],
	]);
	const rows = await query(
		"SELECT * FROM summary WHERE series = ? AND level = ? AND start >= ? AND start < ? ORDER BY start",
		[id, level, from - level + 1, to],
	);
	// Hours that have no minutes have as many values.
	const bare =
		level === MINUTE_MS
			? await query("SELECT start FROM summary WHERE series = ? AND level = ? AND start >= ? AND start < ?", [
					...[id, HOUR_MS, from - HOUR_MS + 1, to],
				])
			: [];
	const summed = new Set(rows.map(({ start }) => startOf(Number(start), unit)));
	const finer = new Set(dirty.map(({ hour }) => startOf(Number(hour), unit)));
	for (const { start } of bare) if (!summed.has(Number(start))) finer.add(Number(start));
	// Of a pruned hour, values are those that came since.
	const isKept = (start: number) => level === HOUR_MS && start < pruned;
	const parts = rows.map(summaryOf).filter(({ start }) => isKept(start) || !finer.has(startOf(start, unit)));
	const next = level === DAY_MS ? HOUR_MS : level === HOUR_MS ? MINUTE_MS : 0;
	for (const [first, end] of spans(finer, unit)) {
		const span = await read(series, next, Math.max(from, first), Math.min(to, end));
		for (const part of span) parts.push(part);
	}
	return finer.size === 0 ? parts : parts.sort((a, b) => a.start - b.start);
}

/** Neighbours together, so that each is asked for once. */
function spans(starts: ReadonlySet<number>, length: number): (readonly [first: number, end: number])[] {
	const result: [number, number][] = [];
	for (const start of [...starts].sort((a, b) => a - b)) {
		const last = result.at(-1);
		if (last?.[1] === start) last[1] += length;
		else result.push([start, start + length]);
	}
	return result;
}

/** Between two of the latest values, in ms, the median. */
async function usualDistance({ query, id }: Series, to: number): Promise<number | undefined> {
	const rows = await query(
		`SELECT time FROM value WHERE series = ? AND time < ? ORDER BY time DESC LIMIT ${USUAL_OF + 1}`,
		[id, to],
	);
	return medianOf(rows.slice(1).map(({ time }, index) => Number(rows[index]!.time) - Number(time)));
}

function medianOf(distances: number[]): number | undefined {
	return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)];
}

function lines(
	summaries: readonly Summary[],
	step: number,
	latest = Number.POSITIVE_INFINITY,
): Pick<Chart, "times" | "means" | "minima" | "maxima"> {
	const times: number[] = [];
	const means: (number | null)[] = [];
	const minima: (number | null)[] = [];
	const maxima: (number | null)[] = [];
	const distances = summaries.slice(1).map(({ start }, index) => start - summaries[index]!.start);
	const own = medianOf(distances) ?? 0;
	const usual = Math.max(step, distances.length < FEW ? Math.min(own, latest) : own);
	let before: number | undefined;
	for (const { start, minimum, maximum, sum, count } of summaries) {
		if (before !== undefined && start - before > UNUSUAL * usual) {
			times.push(before + Math.max(1, step, Math.round(usual)));
			for (const line of [means, minima, maxima]) line.push(null);
		}
		times.push(start);
		means.push(sum / count);
		minima.push(minimum);
		maxima.push(maximum);
		before = start;
	}
	return { times, means, minima, maxima };
}

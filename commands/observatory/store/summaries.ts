/**
 * Roll-ups: of each hour its minimum, maximum, sum and count; of each minute in it, where it has more values than minutes;
 * and of each day. They follow from the values, and are made anew for an hour that a late reading has touched.
 */
import { among, type Driver, inChunks, type Query, type Row } from "./driver.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, startOf } from "./times.ts";

/** A length of time that is summed up, in ms; each consists of those before it. */
export type Level = typeof MINUTE_MS | typeof HOUR_MS | typeof DAY_MS;

/** An hour is summed up once it has been over for so long, in ms: the last of its readings are on their way. */
const SETTLED_MS = 60_000;
/** Hours in one transaction: others wait for it. */
const HOURS_AT_ONCE = 50;

/** Values that are summed up. */
export interface Summary {
	/** The beginning, in ms since 1970. */
	readonly start: number;
	readonly minimum: number;
	readonly maximum: number;
	readonly sum: number;
	readonly count: number;
	/** Whether it is a single value, whose time is `start`. */
	readonly isValue?: true;
}

export function summaryOf({ start, minimum, maximum, sum, count }: Row): Summary {
	return {
		start: Number(start),
		minimum: Number(minimum),
		maximum: Number(maximum),
		sum: Number(sum),
		count: Number(count),
	};
}

/** Sums up by `length` in ms what rises by its start. */
export function merged(parts: Iterable<Summary>, length: number): Summary[] {
	const results: Summary[] = [];
	for (const part of parts) {
		const start = startOf(part.start, length);
		const last = results.at(-1);
		if (last?.start !== start) {
			const { minimum, maximum, sum, count } = part;
			results.push({ start, minimum, maximum, sum, count });
		} else {
			results[results.length - 1] = {
				start,
				minimum: Math.min(last.minimum, part.minimum),
				maximum: Math.max(last.maximum, part.maximum),
				sum: last.sum + part.sum,
				count: last.count + part.count,
			};
		}
	}
	return results;
}

/** Each value as a summary of itself. */
export function single({ time, value }: Row): Summary {
	const [start, number] = [Number(time), Number(value)];
	return { start, minimum: number, maximum: number, sum: number, count: 1, isValue: true };
}

/** Sums up hours that are over at `now`, the oldest first. Resolves with whether there may be more. Throws a `StoreError`. */
export async function sumUp(driver: Driver, now: number): Promise<boolean> {
	return driver.transaction(async (query) => {
		// First of all: whoever stores a value of such an hour meanwhile waits, and then notes it anew.
		const due = await query(
			`DELETE FROM dirty WHERE (station, hour) IN
				(SELECT station, hour FROM dirty WHERE hour <= ? ORDER BY hour LIMIT ${HOURS_AT_ONCE}) RETURNING station, hour`,
			[now - HOUR_MS - SETTLED_MS],
		);
		if (due.length === 0) return false;
		const stations = [...new Set(due.map(({ station }) => station!))];
		const series = await among(
			query,
			stations,
			(list) => `SELECT id, station, pruned FROM series WHERE station IN ${list}`,
		);
		const hours: { series: number; hour: number }[] = [];
		for (const { station, hour } of due) {
			for (const { id, pruned } of series.filter((row) => row.station === station)) {
				await sumUpHour(query, Number(id), Number(hour), Number(hour) < Number(pruned));
				hours.push({ series: Number(id), hour: Number(hour) });
			}
		}
		await daysOf(query, hours);
		return due.length === HOURS_AT_ONCE;
	});
}

/** `isPruned`: other values of this hour were removed, and are in its summary. */
async function sumUpHour(query: Query, series: number, hour: number, isPruned: boolean): Promise<void> {
	const own = [series, hour, hour + HOUR_MS];
	const rows = await query(
		"SELECT time, value FROM value WHERE series = ? AND time >= ? AND time < ? ORDER BY time",
		own,
	);
	const values = rows.map(single);
	if (isPruned) {
		if (values.length === 0) return;
		const [before] = await query("SELECT * FROM summary WHERE series = ? AND level = ? AND start = ?", [
			...[series, HOUR_MS, hour],
		]);
		const [whole] = merged([...(before ? [summaryOf(before)] : []), ...values], HOUR_MS);
		await put(query, series, HOUR_MS, [whole!]);
		// They would count again next time.
		await query("DELETE FROM value WHERE series = ? AND time >= ? AND time < ?", own);
		return;
	}
	// A reading that has got its time leaves the one that it had.
	await query("DELETE FROM summary WHERE series = ? AND level = ? AND start >= ? AND start < ?", [
		...[series, MINUTE_MS, hour, hour + HOUR_MS],
	]);
	if (values.length === 0) {
		await query("DELETE FROM summary WHERE series = ? AND level = ? AND start = ?", [series, HOUR_MS, hour]);
		return;
	}
	const minutes = merged(values, MINUTE_MS);
	// As many minutes as values say nothing that these do not.
	if (minutes.length < values.length) await put(query, series, MINUTE_MS, minutes);
	await put(query, series, HOUR_MS, merged(minutes, HOUR_MS));
}

/** The days of these hours, of all their hours. */
async function daysOf(query: Query, hours: readonly { series: number; hour: number }[]): Promise<void> {
	const days = new Map<string, readonly [series: number, day: number]>();
	for (const { series, hour } of hours) {
		const day = startOf(hour, DAY_MS);
		days.set(`${series} ${day}`, [series, day]);
	}
	for (const [series, day] of days.values()) {
		const rows = await query(
			"SELECT * FROM summary WHERE series = ? AND level = ? AND start >= ? AND start < ? ORDER BY start",
			[series, HOUR_MS, day, day + DAY_MS],
		);
		if (rows.length > 0) await put(query, series, DAY_MS, merged(rows.map(summaryOf), DAY_MS));
		else await query("DELETE FROM summary WHERE series = ? AND level = ? AND start = ?", [series, DAY_MS, day]);
	}
}

async function put(query: Query, series: number, level: Level, summaries: readonly Summary[]): Promise<void> {
	await inChunks(
		query,
		summaries.map(({ start, minimum, maximum, sum, count }) => [series, level, start, minimum, maximum, sum, count]),
		(placeholders) => `INSERT INTO summary (series, level, start, minimum, maximum, sum, count) VALUES ${placeholders}
			ON CONFLICT (series, level, start) DO UPDATE SET minimum = excluded.minimum, maximum = excluded.maximum,
			sum = excluded.sum, count = excluded.count, version = summary.version +
			CASE WHEN summary.minimum = excluded.minimum AND summary.maximum = excluded.maximum
			AND summary.sum = excluded.sum AND summary.count = excluded.count THEN 0 ELSE 1 END`,
	);
}

/** Old readings are removed, and what is left of them are the summaries of their hours and days. */
import type { Driver, Query } from "./driver.ts";
import { HOUR_MS, MINUTE_MS, startOf } from "./times.ts";

/** Readings in one transaction: others wait for it. */
const READINGS_AT_ONCE = 2_000;

/**
 * Removes readings from before `horizon`, in ms since 1970, with their values and minutes. An hour that is not summed up
 * yet stays. Resolves with whether there may be more. Throws a `StoreError`. Another collector that stores something of a
 * station waits meanwhile.
 */
export async function prune(driver: Driver, horizon: number): Promise<boolean> {
	const end = startOf(horizon, HOUR_MS);
	const runs = await driver.query("SELECT station, run, pruned FROM run ORDER BY station, run");
	let isMore = false;
	for (const { station, run, pruned } of runs) {
		const more = await driver.transaction((query) =>
			pruneRun(query, Number(station), Number(run), Number(pruned), end, driver.dialect.forUpdate),
		);
		isMore ||= more;
	}
	const series = await driver.query("SELECT id, station, pruned FROM series ORDER BY id");
	for (const { id, station, pruned } of series) {
		const more = await driver.transaction((query) =>
			pruneSeries(query, Number(id), Number(station), Number(pruned), end, driver.dialect.forUpdate),
		);
		isMore ||= more;
	}
	return isMore;
}

/** The readings of a run, in the order of their numbers; of those from before `end`, one from the future keeps no other. */
async function pruneRun(
	query: Query,
	station: number,
	run: number,
	pruned: number,
	end: number,
	lock: string,
): Promise<boolean> {
	await query(`SELECT id FROM station WHERE id = ?${lock}`, [station]);
	const rows = await query(
		`SELECT seq, COALESCE(time, received) AS time FROM reading WHERE station = ? AND run = ? AND seq > ?
			ORDER BY seq LIMIT ${READINGS_AT_ONCE}`,
		[station, run, pruned],
	);
	const limit = await firstDirty(query, station, end);
	const last = rows.findLast(({ time }) => Number(time) < limit)?.seq;
	if (last === undefined) return false;
	await query("DELETE FROM reading WHERE station = ? AND run = ? AND seq <= ? AND COALESCE(time, received) < ?", [
		...[station, run, last, limit],
	]);
	await query("UPDATE run SET pruned = ? WHERE station = ? AND run = ?", [last, station, run]);
	// What was missing there is not missed any more; a gap may have numbers that came, and these are not known from now on.
	await query("DELETE FROM gap WHERE station = ? AND run = ? AND last <= ?", [station, run, last]);
	await query("UPDATE gap SET first = ? WHERE station = ? AND run = ? AND first <= ?", [
		Number(last) + 1,
		station,
		run,
		last,
	]);
	return rows.length === READINGS_AT_ONCE;
}

async function pruneSeries(
	query: Query,
	series: number,
	station: number,
	pruned: number,
	end: number,
	lock: string,
): Promise<boolean> {
	await query(`SELECT id FROM station WHERE id = ?${lock}`, [station]);
	const limit = await firstDirty(query, station, end);
	if (limit <= pruned) return false;
	const [nth] = await query(
		`SELECT time FROM value WHERE series = ? AND time < ? ORDER BY time LIMIT 1 OFFSET ${READINGS_AT_ONCE}`,
		[series, limit],
	);
	// Whole hours, one at least: what is pruned is never summed up anew.
	const hour = nth && startOf(Number(nth.time), HOUR_MS);
	const until = hour === undefined ? limit : Math.min(limit, Math.max(hour, pruned + HOUR_MS));
	await query("DELETE FROM value WHERE series = ? AND time < ?", [series, until]);
	await query("DELETE FROM summary WHERE series = ? AND level = ? AND start < ?", [series, MINUTE_MS, until]);
	await query("UPDATE series SET pruned = ? WHERE id = ?", [until, series]);
	return until < limit;
}

/** `end`, or the beginning of an hour before it that is not summed up. */
async function firstDirty(query: Query, station: number, end: number): Promise<number> {
	const [row] = await query("SELECT MIN(hour) AS hour FROM dirty WHERE station = ?", [station]);
	return row?.hour == null ? end : Math.min(end, Number(row.hour));
}

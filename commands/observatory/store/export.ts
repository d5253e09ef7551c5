/** All readings as CSV (RFC 4180), a line each, with a column for each quantity that any station has. */
import type { Driver, Row, Value } from "./driver.ts";
import { quantityView } from "./store.ts";

/** Rows that are read at a time. */
const ROWS_AT_ONCE = 1_000;

/**
 * The lines with their ends, the first of which names the columns: by station, in the order of numbers. Values without a
 * number have a line each, behind the readings. Throws a `StoreError`.
 */
export async function* csvOf({ query }: Driver): AsyncGenerator<string> {
	const series = await query("SELECT id, station, quantity FROM series ORDER BY id");
	const names = [...new Set(series.map(({ quantity }) => String(quantity)))];
	yield line(["station", "run", "seq", "time", "received", ...names.map(titleOf)]);
	for (const { id, topic } of await query("SELECT id, topic FROM station ORDER BY topic")) {
		const own = series.filter(({ station }) => station === id);
		const cellsOf = async (time: Value, seq: Value) => {
			const cells = new Map<string, Value>();
			for (const { id, quantity } of own) {
				const [row] = await query("SELECT value FROM value WHERE series = ? AND time = ? AND seq = ?", [
					id!,
					time,
					seq,
				]);
				if (row) cells.set(String(quantity), row.value!);
			}
			return names.map((name) => cells.get(name) ?? null);
		};
		let [run, seq]: Value[] = [0, 0];
		for (;;) {
			const rows: readonly Row[] = await query(
				`SELECT run, seq, time, received FROM reading WHERE station = ? AND (run > ? OR (run = ? AND seq > ?))
					ORDER BY run, seq LIMIT ${ROWS_AT_ONCE}`,
				[id!, run!, run!, seq!],
			);
			for (const row of rows) {
				const { time, received } = row;
				const cells = await cellsOf(time ?? received!, row.seq!);
				yield line([topic!, row.run!, row.seq!, isoOf(time!), isoOf(received!), ...cells]);
			}
			if (rows.length < ROWS_AT_ONCE) break;
			({ run, seq } = rows.at(-1)! as { run: Value; seq: Value });
		}
		for (const { id, quantity } of own) {
			let time: Value = -1;
			for (;;) {
				const rows: readonly Row[] = await query(
					`SELECT time, value FROM value WHERE series = ? AND seq = 0 AND time > ? ORDER BY time LIMIT ${ROWS_AT_ONCE}`,
					[id!, time],
				);
				for (const row of rows) {
					const cells = names.map((name) => (name === quantity ? row.value! : null));
					yield line([topic!, null, null, isoOf(row.time!), null, ...cells]);
				}
				if (rows.length < ROWS_AT_ONCE) break;
				time = rows.at(-1)!.time!;
			}
		}
	}
}

function titleOf(name: string): string {
	const { unit } = quantityView(name);
	return unit === null ? name : `${name} (${unit})`;
}

function isoOf(time: Value): Value {
	return time === null ? null : new Date(Number(time)).toISOString();
}

/** A cell that a spreadsheet would take for a formula, as a stranger's topic may be, begins with an apostrophe. */
function line(cells: readonly Value[]): string {
	const texts = cells.map((cell) => {
		if (cell === null) return "";
		if (typeof cell === "number") return `${cell}`;
		const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
		return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
	});
	return `${texts.join(",")}\r\n`;
}

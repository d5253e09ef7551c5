/**
 * The readings of all stations, each once. What arrives is stored a batch at a time, all of it or nothing, so that it may
 * be acknowledged then.
 */
import { quantitiesWith } from "../../../src/net/quantities.ts";
import type { LastReading, Loss, Quantities, QuantityView, StationView, Status, Summary } from "../api.ts";
import type { Arrival, ArrivedAnswer, ArrivedReading, ArrivedValues } from "./arrival.ts";
import { among, type Driver, inChunks, type Query, type Row, type Value } from "./driver.ts";
import { type Gap, sizeOf } from "./gaps.ts";
import { type Known, markGone, type Place, place, type Run } from "./placement.ts";
import { migrate } from "./schema.ts";
import { HOUR_MS, startOf } from "./times.ts";

/** Stations, and quantities of one: what comes of more is not stored. A stranger may make up names. */
export const STATIONS_MAXIMUM = 20_000;
const QUANTITIES_MAXIMUM = 64;
/** Runs of a station that a reading is looked for in, the newest. Two stations with one topic begin a run with each reading. */
const RUNS_MAXIMUM = 8;
/** Values without a time of their own that come within one ms are put one behind the other, up to so many ms ahead. */
const AHEAD_MS = 60_000;
/** Stations of which summaries are read at once; then others have their turn. */
const SUMMARIES_AT_ONCE = 250;

/** What has become of a batch. */
export interface Saved {
	/** Readings and values that are new, in their order. */
	readonly fresh: readonly Fresh[];
	/** Readings and values that were stored before. */
	readonly duplicates: number;
	/** What there is no room for: there are too many stations, or quantities of one. */
	readonly refused: number;
	/** Stations of which something has changed, by their topics. */
	readonly changed: ReadonlySet<string>;
	/** Stations of which something else than their last reading has changed, by their topics. */
	readonly altered: ReadonlySet<string>;
	/** Stations of which numbers are missing that may still come, by their topics. */
	readonly incomplete: ReadonlySet<string>;
}

export interface Fresh {
	readonly topic: string;
	readonly reading: LastReading;
	/** Whether newer ones came before it. */
	readonly isLate: boolean;
}

/** A station in the course of a batch. */
interface Station {
	readonly id: number;
	readonly topic: string;
	status: Status;
	since: number | null;
	diagnostics: string | null;
	diagnosticsTime: number | null;
	last: LastReading | null;
	readonly runs: Run[];
	/** The runs as they were, to know which have changed. */
	readonly before: ReadonlyMap<number, Run>;
	changed: boolean;
	/** Whether it is something else than its last reading. */
	altered: boolean;
}

/** A row of the table `value`. */
interface NewValue {
	readonly station: Station;
	readonly quantity: string;
	readonly time: number;
	readonly seq: number;
	readonly value: number;
}

/** A reading as it is stored. */
interface Stored extends Known {
	readonly received: number;
}

export class Store {
	readonly driver: Driver;
	/** Ids by station and quantity: they never change. */
	private readonly _series = new Map<string, number>();

	private constructor(driver: Driver) {
		this.driver = driver;
	}

	/** Throws a `StoreError`. */
	static async open(driver: Driver): Promise<Store> {
		await migrate(driver);
		return new Store(driver);
	}

	/** Throws a `StoreError`: then nothing of it is stored. */
	async save(arrivals: readonly Arrival[]): Promise<Saved> {
		try {
			return await this.driver.transaction((query) => new Batch(query, this.driver, this._series).save(arrivals));
		} catch (error) {
			// Of ids that were given in it.
			this._series.clear();
			throw error;
		}
	}

	/** Those with these topics, or all, by topic. Throws a `StoreError`. */
	async stations(topics?: readonly string[]): Promise<StationView[]> {
		const { query } = this.driver;
		const rows =
			topics === undefined
				? await query("SELECT * FROM station ORDER BY topic")
				: await among(query, topics, (list) => `SELECT * FROM station WHERE topic IN ${list} ORDER BY topic`);
		return this._views(rows, topics === undefined);
	}

	/** All, by topic, so many at a time, so that others have their turn between. Throws a `StoreError`. */
	async *allStations(count: number): AsyncGenerator<StationView[]> {
		let last: string | undefined;
		for (;;) {
			const rows = await this.driver.query(
				`SELECT * FROM station ${last === undefined ? "" : "WHERE topic > ?"} ORDER BY topic LIMIT ?`,
				last === undefined ? [count] : [last, count],
			);
			if (rows.length > 0) yield await this._views(rows, false);
			if (rows.length < count) return;
			last = String(rows.at(-1)!.topic);
			await immediate();
		}
	}

	/** `isAll`: then nothing need be asked by station. */
	private async _views(rows: readonly Row[], isAll: boolean): Promise<StationView[]> {
		const { query } = this.driver;
		const ids = rows.map(({ id }) => id!);
		const rowsOf = (select: string, order = "") =>
			isAll ? query(`${select} ${order}`) : among(query, ids, (list) => `${select} WHERE station IN ${list} ${order}`);
		const series = groups(await rowsOf("SELECT station, quantity FROM series", "ORDER BY id"));
		const gaps = groups(await rowsOf("SELECT station, first, last, is_gone FROM gap"));
		const runs = groups(await rowsOf("SELECT DISTINCT station FROM run"));
		return rows.map((row) => {
			const id = Number(row.id);
			const missing = (gaps.get(id) ?? []).map(gapOf);
			return {
				topic: String(row.topic),
				status: row.status as Status,
				since: numberOf(row.since),
				last: row.last === null ? null : (JSON.parse(String(row.last)) as LastReading),
				quantities: (series.get(id) ?? []).map(({ quantity }) => quantityView(String(quantity))).sort(inOrder),
				diagnostics:
					row.diagnostics === null
						? null
						: { time: Number(row.diagnostics_time), members: JSON.parse(String(row.diagnostics)) },
				missing: sizeOf(missing, false),
				lost: sizeOf(missing, true),
				takesCommands: runs.has(id),
			};
		});
	}

	/** Of the stations with these topics, or of all, in any order. Throws a `StoreError`. */
	async summaries(topics?: readonly string[]): Promise<Summary[]> {
		const { query } = this.driver;
		if (topics) {
			const rows = await among(query, topics, (list) => `SELECT id, topic, status FROM station WHERE topic IN ${list}`);
			return summariesOf(rows, (sql) =>
				among(
					query,
					rows.map(({ id }) => id!),
					(list) => sql(`station IN ${list}`),
				),
			);
		}
		const all: Summary[] = [];
		for (let last = 0; ; ) {
			const rows = await query("SELECT id, topic, status FROM station WHERE id > ? ORDER BY id LIMIT ?", [
				...[last, SUMMARIES_AT_ONCE],
			]);
			const first = last;
			last = Number(rows.at(-1)?.id ?? last);
			const found = await summariesOf(rows, (sql) => query(sql("station > ? AND station <= ?"), [first, last]));
			for (const summary of found) all.push(summary);
			if (rows.length < SUMMARIES_AT_ONCE) return all;
			await immediate();
		}
	}

	/** What is missing of a station, newest first. Throws a `StoreError`. */
	async losses(topic: string): Promise<Loss[]> {
		const rows = await this.driver.query(
			`SELECT gap.run, gap.first, gap.last, gap.is_gone,
				(SELECT time FROM reading WHERE reading.station = gap.station AND reading.run = gap.run AND seq = gap.first - 1) AS after,
				(SELECT time FROM reading WHERE reading.station = gap.station AND reading.run = gap.run AND seq = gap.last + 1) AS before
			FROM gap JOIN station ON station.id = gap.station WHERE station.topic = ? ORDER BY gap.run DESC, gap.first DESC`,
			[topic],
		);
		return rows.map(({ run, first, last, is_gone, after, before }) => ({
			run: Number(run),
			first: Number(first),
			last: Number(last),
			isGone: is_gone === 1,
			after: numberOf(after),
			before: numberOf(before),
		}));
	}

	/** The missing numbers of each station's newest run that may still come, oldest first. Throws a `StoreError`. */
	async missing(topics?: readonly string[]): Promise<Map<string, Gap[]>> {
		const { query } = this.driver;
		const sql = `SELECT station.topic, gap.first, gap.last, gap.is_gone FROM gap JOIN station ON station.id = gap.station
			WHERE gap.is_gone = 0 AND gap.run = (SELECT MAX(run) FROM run WHERE run.station = gap.station)`;
		const order = "ORDER BY gap.station, gap.first";
		const rows =
			topics === undefined
				? await query(`${sql} ${order}`)
				: await among(query, topics, (list) => `${sql} AND station.topic IN ${list} ${order}`);
		const found = new Map<string, Gap[]>();
		for (const row of rows) {
			const topic = String(row.topic);
			found.set(topic, [...(found.get(topic) ?? []), gapOf(row)]);
		}
		return found;
	}

	close(): Promise<void> {
		return this.driver.close();
	}
}

/** One batch, in its transaction. */
class Batch {
	private readonly _query: Query;
	private readonly _driver: Driver;
	private readonly _series: Map<string, number>;
	private _stations = new Map<string, Station>();
	/** What is stored of the numbers at hand: by station, number and run. */
	private readonly _stored = new Map<string, Map<number, Stored>>();
	private readonly _newReadings: Value[][] = [];
	private readonly _newValues: NewValue[] = [];
	private readonly _dirty = new Map<string, Value[]>();
	private readonly _fresh: Fresh[] = [];
	private _duplicates = 0;
	private _refused = 0;

	constructor(query: Query, driver: Driver, series: Map<string, number>) {
		this._query = query;
		this._driver = driver;
		this._series = series;
	}

	async save(arrivals: readonly Arrival[]): Promise<Saved> {
		this._stations = await this._load(new Set(arrivals.map(({ station }) => station)));
		await this._find(arrivals);
		for (const arrival of arrivals) {
			const station = this._stations.get(arrival.station);
			if (station) await this._take(station, arrival);
			else this._refused++;
		}
		await this._write();
		const changed = [...this._stations.values()].filter(({ changed }) => changed);
		return {
			fresh: this._fresh,
			duplicates: this._duplicates,
			refused: this._refused,
			changed: new Set(changed.map(({ topic }) => topic)),
			altered: new Set(changed.filter(({ altered }) => altered).map(({ topic }) => topic)),
			incomplete: new Set(
				changed.filter(({ runs }) => runs.at(-1)?.gaps.some(({ isGone }) => !isGone)).map(({ topic }) => topic),
			),
		};
	}

	/** The stations of the batch; those that are new are made, as long as there is room. */
	private async _load(topics: ReadonlySet<string>): Promise<Map<string, Station>> {
		const names = [...topics].sort();
		const find = (list: string) =>
			`SELECT * FROM station WHERE topic IN ${list} ORDER BY id${this._driver.dialect.forUpdate}`;
		let rows = await among(this._query, names, find);
		if (rows.length < names.length) {
			const known = new Set(rows.map(({ topic }) => String(topic)));
			const [{ count } = { count: 0 }] = await this._query("SELECT COUNT(*) AS count FROM station");
			const added = names.filter((name) => !known.has(name)).slice(0, Math.max(0, STATIONS_MAXIMUM - Number(count)));
			await inChunks(
				this._query,
				added.map((name) => [name, "unknown"]),
				(placeholders) => `INSERT INTO station (topic, status) VALUES ${placeholders} ON CONFLICT (topic) DO NOTHING`,
			);
			rows = await among(this._query, names, find);
		}
		const ids = rows.map(({ id }) => id!);
		const isRecent = (table: string) =>
			`run > (SELECT MAX(run) - ${RUNS_MAXIMUM} FROM run AS other WHERE other.station = ${table}.station)`;
		const runs = groups(
			await among(
				this._query,
				ids,
				(list) => `SELECT * FROM run WHERE station IN ${list} AND ${isRecent("run")} ORDER BY station, run`,
			),
		);
		const gaps = groups(
			await among(
				this._query,
				ids,
				(list) => `SELECT * FROM gap WHERE station IN ${list} AND ${isRecent("gap")} ORDER BY station, run, first`,
			),
		);
		return new Map(
			rows.map((row) => {
				const id = Number(row.id);
				const own = (runs.get(id) ?? []).map((run) => runOf(run, gaps.get(id) ?? []));
				return [
					String(row.topic),
					{
						id,
						topic: String(row.topic),
						status: row.status as Status,
						since: numberOf(row.since),
						diagnostics: row.diagnostics as string | null,
						diagnosticsTime: numberOf(row.diagnostics_time),
						last: row.last === null ? null : JSON.parse(String(row.last)),
						runs: own,
						before: new Map(own.map((run) => [run.run, { ...run }])),
						changed: false,
						// New ones, too.
						altered: row.last === null,
					},
				];
			}),
		);
	}

	/** What is stored of numbers that have come before, perhaps. */
	private async _find(arrivals: readonly Arrival[]): Promise<void> {
		const keys: Value[][] = [];
		for (const arrival of arrivals) {
			if (arrival.kind !== "reading") continue;
			const station = this._stations.get(arrival.station);
			for (const { run, last } of station?.runs ?? []) {
				if (arrival.seq <= last) keys.push([station!.id, run, arrival.seq]);
			}
		}
		const rows = await inChunks(this._query, keys, (placeholders) => {
			// PostgreSQL has to be told of which type such values are, in the first row.
			const typed = placeholders.replace("(?, ?, ?)", "(CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))");
			return `WITH wanted (station, run, seq) AS (VALUES ${typed}) SELECT reading.* FROM wanted JOIN reading
				ON reading.station = wanted.station AND reading.run = wanted.run AND reading.seq = wanted.seq`;
		});
		for (const { station, run, seq, time, received } of rows) {
			this._know(Number(station), Number(seq), {
				run: Number(run),
				time: numberOf(time) ?? undefined,
				received: Number(received),
			});
		}
	}

	private _know(station: number, seq: number, stored: Stored): void {
		const key = `${station} ${seq}`;
		const runs = this._stored.get(key) ?? new Map<number, Stored>();
		runs.set(stored.run, stored);
		this._stored.set(key, runs);
	}

	private async _take(station: Station, arrival: Arrival): Promise<void> {
		switch (arrival.kind) {
			case "reading":
				return this._reading(station, arrival);
			case "values":
				return this._values(station, arrival);
			case "answer":
				return this._answer(station, arrival);
			case "status":
				// Of one that the broker has kept it is not known since when it holds, unless it has held before.
				if (arrival.status === station.status && station.since !== null) return;
				station.status = arrival.status;
				station.since = arrival.isRetained ? null : arrival.receivedAt;
				station.changed = true;
				station.altered = true;
				return;
			case "diagnostics":
				station.diagnostics = JSON.stringify(arrival.members);
				station.diagnosticsTime = arrival.receivedAt;
				station.changed = true;
				station.altered = true;
		}
	}

	private async _reading(station: Station, reading: ArrivedReading): Promise<void> {
		const { seq, time, receivedAt, quantities } = reading;
		const stored = this._stored.get(`${station.id} ${seq}`);
		const placed = place(reading, station.runs, [...(stored?.values() ?? [])]);
		if (placed.kind === "duplicate") {
			this._duplicates++;
			return;
		}
		if (placed.kind === "timed") {
			await this._timed(station, seq, time!, stored!.get(placed.run)!);
			return;
		}
		this._know(station.id, seq, { run: placed.run, time, received: receivedAt });
		this._newReadings.push([station.id, placed.run, seq, time ?? null, receivedAt]);
		this._fill(station, quantities, time ?? receivedAt, seq);
		this._tell(station, { time: time ?? receivedAt, isTimed: time !== undefined, seq, quantities }, placed);
	}

	/** A reading gets its time: its values move there. */
	private async _timed(station: Station, seq: number, time: number, stored: Stored): Promise<void> {
		const { run, received } = stored;
		const own = [station.id, run, seq];
		// It may be one of this batch.
		await this._flush();
		await this._query("UPDATE reading SET time = ? WHERE station = ? AND run = ? AND seq = ?", [time, ...own]);
		// Not by UPDATE: TimescaleDB cannot move a row from one of its parts to another.
		const where = "series IN (SELECT id FROM series WHERE station = ?) AND time = ? AND seq = ?";
		const old = [station.id, received, seq];
		const rows = await this._query(`SELECT series, value FROM value WHERE ${where}`, old);
		await this._query(`DELETE FROM value WHERE ${where}`, old);
		await this._putValues(rows.map(({ series, value }) => [series!, time, seq, value!]));
		this._know(station.id, seq, { run, time, received });
		this._soil(station, time);
		this._soil(station, received);
		if (station.last?.seq === seq && run === station.runs.at(-1)?.run) {
			station.last = { ...station.last, time, isTimed: true };
		}
		station.changed = true;
		station.altered = true;
	}

	private async _values(station: Station, arrived: ArrivedValues): Promise<void> {
		const { receivedAt, isRetained } = arrived;
		const { last } = station;
		if (arrived.time !== undefined && (await this._isKnown(station, arrived.time))) {
			this._duplicates++;
			return;
		}
		// The same that the broker had when we last asked is no new value.
		const quantities = Object.fromEntries(
			Object.entries(arrived.quantities).filter(
				([name, value]) => !(isRetained && arrived.time === undefined && last?.quantities[name] === value),
			),
		);
		if (Object.keys(quantities).length === 0) {
			this._duplicates++;
			return;
		}
		const isClose = last !== null && last.time >= receivedAt && last.time < receivedAt + AHEAD_MS;
		const time = arrived.time ?? (isClose ? last.time + 1 : receivedAt);
		this._fill(station, quantities, time, 0);
		// A time from the future does not keep later values from being the newest.
		const isLate = last !== null && time < Math.min(last.time, receivedAt);
		const reading = {
			...{ time, isTimed: arrived.time !== undefined, seq: null },
			quantities: { ...last?.quantities, ...quantities },
		};
		this._fresh.push({ topic: station.topic, reading: { ...reading, quantities }, isLate });
		if (!isLate) station.last = reading;
		station.changed = true;
	}

	/** Whether there are values without a number of this time: of such a report, the time is its name. */
	private async _isKnown(station: Station, time: number): Promise<boolean> {
		if (this._newValues.some((value) => value.station === station && value.time === time && value.seq === 0))
			return true;
		const rows = await this._query(
			"SELECT 1 AS found FROM series JOIN value ON value.series = series.id WHERE series.station = ? AND value.time = ? AND value.seq = 0",
			[station.id, time],
		);
		return rows.length > 0;
	}

	private _answer(station: Station, { gone }: ArrivedAnswer): void {
		markGone(station.runs, gone);
		station.changed = true;
	}

	private _fill(station: Station, quantities: Quantities, time: number, seq: number): void {
		for (const [quantity, value] of Object.entries(quantities)) {
			this._newValues.push({ station, quantity, time, seq, value });
		}
		this._soil(station, time);
	}

	private _soil(station: Station, time: number): void {
		const hour = startOf(time, HOUR_MS);
		this._dirty.set(`${station.id} ${hour}`, [station.id, hour]);
	}

	private _tell(station: Station, reading: LastReading, { isNewest }: Place & { kind: "new" }): void {
		this._fresh.push({ topic: station.topic, reading, isLate: !isNewest });
		if (isNewest) station.last = reading;
		station.changed = true;
	}

	/** Readings and values; the rest comes last. */
	private async _flush(): Promise<void> {
		const query = this._query;
		await inChunks(
			query,
			this._newReadings.splice(0),
			(placeholders) => `INSERT INTO reading (station, run, seq, time, received) VALUES ${placeholders}`,
		);
		const values = this._newValues.splice(0);
		await this._number(values);
		const rows = values.flatMap(({ station, quantity, time, seq, value }) => {
			const series = this._series.get(keyOf(station.id, quantity));
			return series === undefined ? [] : [[series, time, seq, value]];
		});
		await this._putValues(rows);
	}

	private async _putValues(rows: readonly (readonly Value[])[]): Promise<void> {
		await inChunks(
			this._query,
			rows,
			(placeholders) => `INSERT INTO value (series, time, seq, value) VALUES ${placeholders} ON CONFLICT DO NOTHING`,
		);
	}

	/** The ids of series; those that are new are made, as long as there is room. */
	private async _number(values: readonly NewValue[]): Promise<void> {
		const wanted = values.filter(({ station, quantity }) => !this._series.has(keyOf(station.id, quantity)));
		if (wanted.length === 0) return;
		const ids = [...new Set(wanted.map(({ station }) => station.id))];
		const find = async () => {
			const rows = await among(this._query, ids, (list) => `SELECT * FROM series WHERE station IN ${list}`);
			for (const { id, station, quantity } of rows) {
				this._series.set(keyOf(Number(station), String(quantity)), Number(id));
			}
			return groups(rows);
		};
		const known = await find();
		const room = new Map(ids.map((id) => [id, QUANTITIES_MAXIMUM - (known.get(id)?.length ?? 0)]));
		const added = new Map<string, Value[]>();
		for (const { station, quantity } of wanted) {
			const key = keyOf(station.id, quantity);
			if (this._series.has(key) || added.has(key)) continue;
			const left = room.get(station.id)!;
			if (left > 0) {
				added.set(key, [station.id, quantity]);
				station.altered = true;
			} else this._refused++;
			room.set(station.id, left - 1);
		}
		if (added.size === 0) return;
		await inChunks(
			this._query,
			[...added.values()],
			(placeholders) =>
				`INSERT INTO series (station, quantity) VALUES ${placeholders} ON CONFLICT (station, quantity) DO NOTHING`,
		);
		await find();
	}

	private async _write(): Promise<void> {
		await this._flush();
		const query = this._query;
		await inChunks(
			query,
			[...this._dirty.values()].sort(([a, b], [c, d]) => Number(a) - Number(c) || Number(b) - Number(d)),
			// With this an hour that is being summed up by another collector waits for us.
			(placeholders) => `INSERT INTO dirty (station, hour) VALUES ${placeholders}
				ON CONFLICT (station, hour) DO UPDATE SET hour = excluded.hour`,
		);
		const changed = [...this._stations.values()].filter(({ changed }) => changed);
		await inChunks(
			query,
			changed.map(({ id, topic, status, since, diagnostics, diagnosticsTime, last }) => [
				...[id, topic, status, since, diagnostics, diagnosticsTime],
				last && JSON.stringify(last),
			]),
			(
				placeholders,
			) => `INSERT INTO station (id, topic, status, since, diagnostics, diagnostics_time, last) VALUES ${placeholders}
				ON CONFLICT (id) DO UPDATE SET status = excluded.status, since = excluded.since, diagnostics = excluded.diagnostics,
				diagnostics_time = excluded.diagnostics_time, last = excluded.last`,
		);
		const runs = changed.flatMap((station) =>
			station.runs.filter((run) => isChanged(run, station.before.get(run.run))).map((run) => ({ station, run })),
		);
		await inChunks(
			query,
			runs.map(({ station, run: { run, last, lastTime, newestTime, pruned } }) => [
				...[station.id, run, last, lastTime ?? null, newestTime ?? null, pruned],
			]),
			// What is pruned is another's affair.
			(placeholders) => `INSERT INTO run (station, run, last, last_time, newest_time, pruned) VALUES ${placeholders}
				ON CONFLICT (station, run) DO UPDATE SET last = excluded.last, last_time = excluded.last_time,
				newest_time = excluded.newest_time`,
		);
		const holed = runs.filter(
			({ station, run }) =>
				run.gaps !== (station.before.get(run.run)?.gaps ?? run.gaps) || !station.before.has(run.run),
		);
		for (const { station, run } of holed) {
			station.altered = true;
			await query("DELETE FROM gap WHERE station = ? AND run = ?", [station.id, run.run]);
		}
		await inChunks(
			query,
			holed.flatMap(({ station, run: { run, gaps } }) =>
				gaps.map(({ first, last, isGone }) => [station.id, run, first, last, isGone ? 1 : 0]),
			),
			(placeholders) => `INSERT INTO gap (station, run, first, last, is_gone) VALUES ${placeholders}`,
		);
	}
}

function isChanged(run: Run, before: Run | undefined): boolean {
	if (!before) return true;
	return (["last", "lastTime", "newestTime", "gaps"] as const).some((name) => run[name] !== before[name]);
}

function keyOf(station: number, quantity: string): string {
	return `${station} ${quantity}`;
}

/** `sqlOf` gets a statement that is made for a condition on the column `station`. */
async function summariesOf(
	stations: readonly Row[],
	ask: (sqlOf: (condition: string) => string) => Promise<readonly Row[]>,
): Promise<Summary[]> {
	const series = groups(
		await ask((condition) => `SELECT station, quantity FROM series WHERE ${condition} ORDER BY station, id`),
	);
	const gaps = groups(
		await ask(
			(condition) => `SELECT station, is_gone, SUM(last - first + 1) AS size FROM gap WHERE ${condition}
				GROUP BY station, is_gone`,
		),
	);
	/** One object for all that have it. */
	const views = new Map<string, QuantityView>();
	const viewOf = (name: string) => {
		const view = views.get(name) ?? quantityView(name);
		views.set(name, view);
		return view;
	};
	return stations.map(({ id, topic, status }) => {
		const size = (isGone: number) => gaps.get(Number(id))?.find(({ is_gone }) => is_gone === isGone)?.size ?? 0;
		return {
			...{ topic: String(topic), status: status as Status, missing: Number(size(0)), lost: Number(size(1)) },
			quantities: (series.get(Number(id)) ?? []).map(({ quantity }) => viewOf(String(quantity))).sort(inOrder),
		};
	});
}

/** Lets others have their turn. */
function immediate(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}

/** Rows by their station. */
function groups(rows: readonly Row[]): Map<number, Row[]> {
	const byStation = new Map<number, Row[]>();
	for (const row of rows) {
		const station = Number(row.station);
		const group = byStation.get(station);
		if (group) group.push(row);
		else byStation.set(station, [row]);
	}
	return byStation;
}

function gapOf({ first, last, is_gone }: Row): Gap {
	return { first: Number(first), last: Number(last), isGone: is_gone === 1 };
}

function runOf(row: Row, gaps: readonly Row[]): Run {
	return {
		run: Number(row.run),
		last: Number(row.last),
		lastTime: numberOf(row.last_time) ?? undefined,
		newestTime: numberOf(row.newest_time) ?? undefined,
		pruned: Number(row.pruned),
		gaps: gaps.filter(({ run }) => run === row.run).map(gapOf),
	};
}

function numberOf(value: Value | undefined): number | null {
	return value === null || value === undefined ? null : Number(value);
}

/** The quantities of a report, in its order. */
const QUANTITIES = quantitiesWith("bme280", {
	altitude: 0,
	derived: ["dewPoint", "absoluteHumidity", "heatIndex"],
});

export function quantityView(name: string): QuantityView {
	const { unit = null, decimals = null } = QUANTITIES.find((quantity) => quantity.name === name) ?? {};
	return { name, unit, decimals };
}

function inOrder(a: QuantityView, b: QuantityView): number {
	const place = ({ name }: QuantityView) => {
		const index = QUANTITIES.findIndex((quantity) => quantity.name === name);
		return index < 0 ? QUANTITIES.length : index;
	};
	return place(a) - place(b) || (a.name < b.name ? -1 : 1);
}

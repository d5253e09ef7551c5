/** The tables. A new version is a further entry: what an earlier one has made stays. Times are ms since 1970. */
import { type Dialect, type Driver, type Query, StoreError } from "./driver.ts";
import { HOUR_MS } from "./times.ts";

/** By version, the statements that make it of the one before. */
const MIGRATIONS: readonly ((dialect: Dialect) => readonly string[])[] = [
	({ id, clustered, partitioned, partitions }) => [
		// `last` and `diagnostics` are JSON: the newest reading, and what the station tells of itself.
		`CREATE TABLE station (id ${id}, topic TEXT NOT NULL UNIQUE, status TEXT NOT NULL, since BIGINT,
			diagnostics TEXT, diagnostics_time BIGINT, last TEXT)`,
		`CREATE TABLE run (station BIGINT NOT NULL, run BIGINT NOT NULL, last BIGINT NOT NULL, last_time BIGINT,
			newest_time BIGINT, pruned BIGINT NOT NULL, PRIMARY KEY (station, run)) ${clustered}`,
		`CREATE TABLE gap (station BIGINT NOT NULL, run BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
			is_gone BIGINT NOT NULL, PRIMARY KEY (station, run, first)) ${clustered}`,
		// Without a time, its values have the time at which it was received.
		`CREATE TABLE reading (station BIGINT NOT NULL, run BIGINT NOT NULL, seq BIGINT NOT NULL, time BIGINT,
			received BIGINT NOT NULL, PRIMARY KEY (station, run, seq)) ${clustered}`,
		// `pruned`: values from before this time were removed, and are in the summaries only.
		`CREATE TABLE series (id ${id}, station BIGINT NOT NULL, quantity TEXT NOT NULL, pruned BIGINT NOT NULL DEFAULT 0,
			UNIQUE (station, quantity))`,
		// `seq` 0: a plain number.
		`CREATE TABLE value (series BIGINT NOT NULL, time BIGINT NOT NULL, seq BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,
			PRIMARY KEY (series, time, seq)) ${clustered}${partitioned}`,
		...partitions("value"),
		// `level`: the length of what is summed up, in ms. `version` counts its changes; `told` is the one that Home Assistant has.
		`CREATE TABLE summary (series BIGINT NOT NULL, level BIGINT NOT NULL, start BIGINT NOT NULL,
			minimum DOUBLE PRECISION NOT NULL, maximum DOUBLE PRECISION NOT NULL, sum DOUBLE PRECISION NOT NULL,
			count BIGINT NOT NULL, version BIGINT NOT NULL DEFAULT 1, told BIGINT NOT NULL DEFAULT 0,
			PRIMARY KEY (series, level, start)) ${clustered}`,
		`CREATE INDEX summary_untold ON summary (start) WHERE level = ${HOUR_MS} AND told <> version`,
		// Hours whose summaries are not what their values are.
		`CREATE TABLE dirty (station BIGINT NOT NULL, hour BIGINT NOT NULL, PRIMARY KEY (station, hour)) ${clustered}`,
		// For people and dashboards: docs/observatory.md.
		`CREATE VIEW measurement AS SELECT station.topic AS station, series.quantity, value.time, value.seq, value.value
			FROM value JOIN series ON series.id = value.series JOIN station ON station.id = series.station`,
	],
];

/** Brings the tables up to date. Throws a `StoreError` for those of a later version of this program. */
export async function migrate(driver: Driver): Promise<void> {
	// Whoever only reads does not wait for one who writes.
	const isMade = (await driver.query(driver.dialect.isMade)).length > 0;
	if (isMade && (await versionOf(driver.query)) === MIGRATIONS.length) return;
	await driver.transaction(async (query) => {
		if (driver.dialect.exclusive !== undefined) await query(driver.dialect.exclusive);
		await query("CREATE TABLE IF NOT EXISTS veleta_schema (version BIGINT NOT NULL)");
		const version = await versionOf(query);
		if (version > MIGRATIONS.length) {
			throw new StoreError(`the store is of a later version of this program (${version}, here ${MIGRATIONS.length})`);
		}
		for (const statements of MIGRATIONS.slice(version)) {
			for (const statement of statements(driver.dialect)) await query(statement);
		}
		await query("DELETE FROM veleta_schema");
		await query("INSERT INTO veleta_schema (version) VALUES (?)", [MIGRATIONS.length]);
	});
}

async function versionOf(query: Query): Promise<number> {
	const [row] = await query("SELECT version FROM veleta_schema");
	return Number(row?.version ?? 0);
}

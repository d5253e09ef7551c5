/**
 * Twenty stations report each second while everything else is killed in turn. `KILLS` says how often, for a longer run:
 * `KILLS=20 npm test -- observatory-kills`.
 */
import assert from "node:assert/strict";
import { keysUpTo, Observatory } from "../harness/observatory.ts";
import { NO_POSTGRES, Postgres } from "../harness/postgres.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { pause, until } from "../harness/wait.ts";

const STATIONS = 20;
const KILLS = Number(process.env.KILLS ?? 2);
/** From one kill to the next, in ms: some readings arrive between. */
const BETWEEN_MS = 1_500;

async function kill(parts: Parts, database: Postgres | undefined): Promise<void> {
	// What is in its memory is lost with it: sessions, and what waits for the observatory.
	const broker = await parts.mosquitto();
	const store = database ? ["--store", database.url] : [];
	const observatory = await Observatory.start(parts, ["--broker", `mqtt://127.0.0.1:${broker.port}`, ...store]);
	const ids = Array.from({ length: STATIONS }, (_, index) => `s${`${index}`.padStart(2, "0")}`);
	const stations = ids.map((id) =>
		parts.station(broker, "--id", id, "--interval", "1s", "--state", `${id}.flash`, "--seed", `${ids.indexOf(id)}`),
	);
	await until("all stations", async () => (await observatory.stations()).length === STATIONS);

	for (let count = 0; count < KILLS; count++) {
		await observatory.kill();
		await pause(BETWEEN_MS);
		await observatory.restart();
		await pause(BETWEEN_MS);
		await broker.kill();
		await broker.restart();
		await pause(BETWEEN_MS);
		if (!database) continue;
		await database.kill();
		await pause(BETWEEN_MS);
		await database.restart();
		await pause(BETWEEN_MS);
	}

	// A gap shows when something newer comes.
	const lasts = async () => new Map((await observatory.stations()).map(({ topic, last }) => [topic, last?.seq ?? 0]));
	for (const [topic, last] of await lasts()) await observatory.reaches(topic, last + 2);
	const missing = async () => (await observatory.stations()).reduce((sum, station) => sum + station.missing, 0);
	await until("everything that was missing", async () => (await missing()) === 0, missing);
	for (const station of stations) station.signal("SIGINT");
	const ends = new Map<string, number>();
	for (const [index, id] of ids.entries()) ends.set(id, await parts.delivered(stations[index]!));
	for (const [id, end] of ends) await observatory.reaches(`veleta/${id}`, end);
	await until("what came last", async () => (await missing()) === 0);
	const views = await observatory.stations();
	assert.deepEqual(
		views.map(({ topic, lost }) => [topic, lost]),
		ids.map((id) => [`veleta/${id}`, 0]),
	);
	assert.deepEqual(
		await observatory.exported(),
		ids.flatMap((id) => keysUpTo(`veleta/${id}`, ends.get(id)!)),
	);
}

scenario("SQLite: whatever is killed, the store has every number once.", (parts) => kill(parts, undefined));

scenario(
	"PostgreSQL: whatever is killed, and the database, too, the store has every number once.",
	async (parts) => {
		const database = await Postgres.start();
		parts.onEnd(() => database.remove());
		parts.shows("PostgreSQL", database.log);
		await kill(parts, database);
	},
	{ skip: NO_POSTGRES },
);

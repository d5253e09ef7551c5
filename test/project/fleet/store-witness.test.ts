/** What the store of an observatory has of a fleet's readings. */
import assert from "node:assert/strict";
import test from "node:test";
import { Ledger } from "../../../commands/fleet/ledger.ts";
import { topicOf } from "../../../commands/fleet/options.ts";
import { StoreWitness } from "../../../commands/fleet/witness.ts";
import type { Driver } from "../../../commands/observatory/store/driver.ts";
import { IN_MEMORY, openSqlite } from "../../../commands/observatory/store/sqlite.ts";
import { Store } from "../../../commands/observatory/store/store.ts";
import { MINUTE, NOON, reading } from "../../harness/store.ts";

const PREFIX = "fleet";

async function stored(stations: number, readings: number): Promise<Driver> {
	const store = await Store.open(await openSqlite(IN_MEMORY));
	for (let seq = 1; seq <= readings; seq++) {
		const numbers = Array.from({ length: stations }, (_, station) => topicOf(PREFIX, station));
		await store.save(numbers.map((station) => reading(seq, seq, { station })));
	}
	return store.driver;
}

test("all of many stations are found, without all of their readings in memory", async () => {
	const [stations, readings] = [450, 4];
	const driver = await stored(stations, readings);
	let most = 0;
	const watched: Driver = {
		...driver,
		query: async (...asked) => {
			const rows = await driver.query(...asked);
			most = Math.max(most, rows.length);
			return rows;
		},
	};
	const ledger = new Ledger(stations);
	for (let station = 0; station < stations; station++)
		for (let seq = 1; seq <= readings + 1; seq++) ledger.onTaken(station, seq);
	ledger.onAcknowledged(7, readings + 1);
	ledger.close();
	const witness = new StoreWitness(watched, { stations, prefix: PREFIX }, ledger, NOON);
	await witness.look();
	assert.deepEqual(ledger.balance(), { lost: 1, undelivered: stations - 1 });
	assert.ok(most <= 100 * readings, `${most} rows at once`);
	assert.equal(await witness.twice(), 0);
	await witness.close();
});

test("readings from before the run are nobody's, and a number of two runs of a station is one that is stored twice", async () => {
	const driver = await stored(2, 3);
	const store = await Store.open(driver);
	await store.save([reading(1, 60, { station: topicOf(PREFIX, 1) })]);
	for (const [since, twice] of [
		[NOON, 1],
		[NOON + 30 * MINUTE, 0],
	] as const) {
		const ledger = new Ledger(2);
		for (const station of [0, 1]) ledger.onTaken(station, 1);
		ledger.close();
		const witness = new StoreWitness(driver, { stations: 2, prefix: PREFIX }, ledger, since);
		await witness.look();
		assert.equal(ledger.balance().undelivered, since === NOON ? 0 : 1);
		assert.equal(await witness.twice(), twice);
	}
	await driver.close();
});

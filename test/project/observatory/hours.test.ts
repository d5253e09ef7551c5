/** Which hours Home Assistant is to have: all, and those again that have changed since it has them. */
import assert from "node:assert/strict";
import nodeTest from "node:test";
import type { HourStatistics } from "../../../commands/observatory/home-assistant/history.ts";
import { Hours } from "../../../commands/observatory/store/hours.ts";
import { Store } from "../../../commands/observatory/store/store.ts";
import { sumUp } from "../../../commands/observatory/store/summaries.ts";
import { HOUR_MS } from "../../../commands/observatory/store/times.ts";
import { late, NOON, reading, value } from "../../harness/store.ts";
import { STORE_KINDS } from "../../harness/store-kinds.ts";

/** `veleta/terrace temperature 0h 20..22 v1`, the hour counted from noon. */
const show = (hours: readonly HourStatistics[]) =>
	hours.map(
		({ topic, quantity, start, min, max, version }) =>
			`${topic} ${quantity} ${(start - NOON) / HOUR_MS}h ${min}..${max} v${version}`,
	);

for (const { name, skip, open } of STORE_KINDS) {
	const test = (title: string, run: (store: Store, hours: Hours) => Promise<void>) =>
		nodeTest(`${name}: ${title}`, { skip }, async () => {
			const store = await Store.open(await open());
			await run(store, new Hours(store.driver));
		});
	const due = (hours: Hours) => hours.due(100, 0, []);
	const of = (temperature: number) => ({ quantities: { temperature } });

	test("hours that are over, oldest first, until they are confirmed", async (store, hours) => {
		await store.save([reading(1, 10, of(20)), reading(2, 50, of(22)), reading(3, 70, of(21)), reading(4, 130, of(5))]);
		await sumUp(store.driver, NOON + 130 * 60_000);
		const first = await due(hours);
		assert.deepEqual(show(first), [
			"veleta/terrace temperature 0h 20..22 v1",
			"veleta/terrace temperature 1h 21..21 v1",
		]);
		assert.equal(first[0]!.mean, 21);
		assert.equal(first[0]!.unit, "°C");
		await hours.confirmed(first.slice(0, 1));
		assert.deepEqual(show(await due(hours)), ["veleta/terrace temperature 1h 21..21 v1"]);
	});

	test("an hour that a late reading has touched is due again, also if it was confirmed meanwhile", async (store, hours) => {
		await store.save([reading(1, 10, of(20)), reading(5, 50, of(22))]);
		await sumUp(store.driver, NOON + 5 * HOUR_MS);
		const first = await due(hours);
		await store.save([late(3, 30, of(30))]);
		await sumUp(store.driver, NOON + 5 * HOUR_MS);
		await hours.confirmed(first);
		const second = await due(hours);
		assert.deepEqual(show(second), ["veleta/terrace temperature 0h 20..30 v2"]);
		await hours.confirmed(second);
		assert.deepEqual(await due(hours), []);
	});

	test("one that is summed up again and is the same is not", async (store, hours) => {
		await store.save([reading(1, 10, of(20))]);
		await sumUp(store.driver, NOON + 5 * HOUR_MS);
		await hours.confirmed(await due(hours));
		await store.driver.transaction((query) =>
			query("INSERT INTO dirty (station, hour) SELECT id, ? FROM station", [NOON]),
		);
		await sumUp(store.driver, NOON + 5 * HOUR_MS);
		assert.deepEqual(await due(hours), []);
	});

	test("those of subjects that are left alone are not told, and as many as are wanted", async (store, hours) => {
		await store.save([reading(1, 10, of(20)), value("Casa/Cocina", "Temperatura", 21, 10), reading(2, 70, of(20))]);
		await sumUp(store.driver, NOON + 5 * HOUR_MS);
		assert.equal((await hours.due(2, 0, [])).length, 2);
		const told = await hours.due(100, 0, [{ topic: "veleta/terrace", quantity: "temperature" }]);
		assert.deepEqual(show(told), ["Casa/Cocina Temperatura 0h 21..21 v1"]);
		assert.equal(told[0]!.unit, null);
	});
}

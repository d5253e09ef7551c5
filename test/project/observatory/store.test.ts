/** Every reading once, whatever comes how often, in which order, and whatever fails meanwhile. */
import assert from "node:assert/strict";
import nodeTest from "node:test";
import { STATUSES } from "../../../commands/observatory/api.ts";
import type { Arrival, ArrivedReading } from "../../../commands/observatory/store/arrival.ts";
import { Store } from "../../../commands/observatory/store/store.ts";
import { Random } from "../../fuzz/random.ts";
import { FailingDriver, failure, late, MINUTE, NOON, reading, value } from "../../harness/store.ts";
import { STORE_KINDS } from "../../harness/store-kinds.ts";

const numbers = async (store: Store) =>
	(await store.driver.query("SELECT run, seq FROM reading ORDER BY run, seq"))
		.map(({ run, seq }) => `${run}:${seq}`)
		.join(" ");
const status = (status: (typeof STATUSES)[number], minutes: number, isRetained = false): Arrival => ({
	...{ kind: "status", station: "veleta/terrace", receivedAt: NOON + minutes * MINUTE, isRetained, status },
});
const only = async (store: Store) => {
	const [station, ...others] = await store.stations();
	assert.equal(others.length, 0);
	return station!;
};

for (const { name, skip, open } of STORE_KINDS) {
	const test = (title: string, run: () => Promise<void>) => nodeTest(`${name}: ${title}`, { skip }, run);
	const emptyStore = async () => Store.open(await open());

	test("a batch tells what is new, what is known, and what is late", async () => {
		const store = await emptyStore();
		const first = await store.save([reading(1, 1), reading(1, 1), reading(4, 4), late(2, 2)]);
		assert.deepEqual(
			first.fresh.map(({ reading: { seq }, isLate }) => [seq, isLate]),
			[
				[1, false],
				[4, false],
				[2, true],
			],
		);
		assert.equal(first.duplicates, 1);
		assert.deepEqual([...first.incomplete], ["veleta/terrace"]);
		const second = await store.save([late(3, 3), late(2, 2), reading(4, 4, { isRetained: true })]);
		assert.equal(second.duplicates, 2);
		assert.deepEqual([...second.incomplete], []);
		assert.equal(await numbers(store), "1:1 1:2 1:3 1:4");
	});

	test("a batch tells of which stations more than the last reading has changed", async () => {
		const store = await emptyStore();
		const altered = async (...arrivals: Arrival[]) => [...(await store.save(arrivals)).altered];
		const all = ["veleta/terrace"];
		assert.deepEqual(await altered(reading(1, 1)), all, "a new one");
		assert.deepEqual(await altered(reading(2, 2)), []);
		assert.deepEqual(await altered(reading(2, 2)), []);
		assert.deepEqual(await altered(reading(5, 5)), all, "readings are missing");
		assert.deepEqual(await altered(late(3, 3)), all, "fewer are missing");
		assert.deepEqual(await altered(reading(6, 6, { quantities: { temperature: 1, humidity: 2 } })), all, "a quantity");
		assert.deepEqual(await altered(reading(7, 7, { quantities: { temperature: 1, humidity: 2 } })), []);
		assert.deepEqual(await altered(status("online", 8)), all);
		assert.deepEqual(await altered(status("online", 9)), []);
		assert.deepEqual(await altered(reading(8, 10, { time: undefined })), []);
		assert.deepEqual(await altered(reading(8, 9)), all, "a reading has its time now");
		assert.deepEqual(await altered(reading(1, 20)), all, "numbers begin anew");
		assert.deepEqual(await altered(value("veleta/kitchen", "temperature", 1, 1)), ["veleta/kitchen"]);
		assert.deepEqual(await altered(value("veleta/kitchen", "temperature", 2, 2)), []);
	});

	test("a summary says of a station what its view says, of some or of all", async () => {
		const store = await emptyStore();
		const arrivals: Arrival[] = [];
		// More than are read at once.
		for (let number = 0; number < 600; number++) {
			const station = `veleta/${number}`;
			arrivals.push(reading(1, 1, { station }), reading(2 + (number % 3), 5, { station }));
		}
		arrivals.push(status("offline", 6), value("veleta/5", "wind", 3, 6), reading(1, 50, { station: "veleta/5" }));
		await store.save(arrivals);
		const { receivedAt } = arrivals[0]!;
		await store.save([
			{ kind: "answer", station: "veleta/2", receivedAt, isRetained: false, gone: [[2, 2]] },
			reading(4, 52, { station: "veleta/5" }),
		]);
		const views = await store.stations();
		assert.equal(views.length, 601);
		const expected = views.map(({ topic, status, missing, lost, quantities }) => ({
			...{ topic, status, missing, lost, quantities },
		}));
		const byTopic = <Kind extends { topic: string }>(some: Kind[]) => some.sort((a, b) => (a.topic < b.topic ? -1 : 1));
		assert.deepEqual(byTopic(await store.summaries()), byTopic(expected));
		const some = ["veleta/2", "veleta/5", "veleta/none"];
		assert.deepEqual(
			byTopic(await store.summaries(some)),
			expected.filter(({ topic }) => some.includes(topic)),
		);
		assert.deepEqual(
			(await store.summaries(some)).map(({ missing, lost }) => [missing, lost]).sort(),
			[
				[1, 1],
				[4, 0],
			].sort(),
		);
		for (const count of [1, 600, 601, 602]) {
			const parts: (typeof views)[] = [];
			for await (const part of store.allStations(count)) parts.push(part);
			assert.deepEqual(parts.flat(), views);
			assert.ok(parts.every(({ length }) => length > 0 && length <= count));
		}
		assert.deepEqual(await (await emptyStore()).summaries(), []);
	});

	test("the newest reading of a station stands, whatever comes late", async () => {
		const store = await emptyStore();
		await store.save([reading(5, 5), late(4, 4)]);
		const { last, missing, quantities, takesCommands } = await only(store);
		assert.equal(last?.seq, 5);
		assert.equal(last?.time, NOON + 5 * MINUTE);
		assert.equal(missing, 3);
		assert.deepEqual(quantities, [{ name: "temperature", unit: "°C", decimals: 2 }]);
		assert.ok(takesCommands);
	});

	test("a reading without a time stands at the time it came, and moves when its time comes", async () => {
		const store = await emptyStore();
		await store.save([reading(1, 100, { time: undefined })]);
		const values = () => store.driver.query("SELECT time FROM value");
		assert.deepEqual(await values(), [{ time: NOON + 100 * MINUTE }]);
		assert.equal((await only(store)).last?.isTimed, false);
		await store.save([late(1, 3)]);
		assert.deepEqual(await values(), [{ time: NOON + 3 * MINUTE }]);
		assert.deepEqual((await only(store)).last, {
			...{ time: NOON + 3 * MINUTE, isTimed: true, seq: 1, quantities: { temperature: 20.01 } },
		});
	});

	test("both in one batch, too", async () => {
		const store = await emptyStore();
		await store.save([reading(1, 100, { time: undefined }), late(1, 3)]);
		assert.deepEqual(await store.driver.query("SELECT time FROM value"), [{ time: NOON + 3 * MINUTE }]);
		assert.deepEqual(await store.driver.query("SELECT time FROM reading"), [{ time: NOON + 3 * MINUTE }]);
	});

	test("two readings without a time that came in one ms are two", async () => {
		const store = await emptyStore();
		await store.save([reading(1, 1, { time: undefined }), reading(2, 1, { time: undefined })]);
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 2);
	});

	test("a station that has begun anew keeps what it had before", async () => {
		const store = await emptyStore();
		await store.save([reading(1, 1), reading(2, 2)]);
		const { fresh } = await store.save([reading(1, 10), reading(2, 11)]);
		assert.equal(fresh.length, 2);
		assert.equal(await numbers(store), "1:1 1:2 2:1 2:2");
	});

	test("since when a status holds is known if it came when it changed", async () => {
		const store = await emptyStore();
		await store.save([status("online", 1, true)]);
		assert.deepEqual([(await only(store)).status, (await only(store)).since], ["online", null]);
		await store.save([status("offline", 2)]);
		await store.save([status("offline", 3, true), status("offline", 4)]);
		assert.deepEqual([(await only(store)).status, (await only(store)).since], ["offline", NOON + 2 * MINUTE]);
	});

	test("each status is kept, and is in a summary, too", async () => {
		const store = await emptyStore();
		for (const [minutes, one] of STATUSES.entries()) {
			const { altered } = await store.save([status(one, minutes)]);
			assert.deepEqual([...altered], ["veleta/terrace"]);
			const { status: kept, since } = await only(store);
			assert.deepEqual([kept, since], [one, NOON + minutes * MINUTE]);
			assert.equal((await store.summaries(["veleta/terrace"]))[0]!.status, one);
		}
	});

	test("what the station has no more is lost, and what was before anybody listened is no loss", async () => {
		const store = await emptyStore();
		const answer = (...gone: [number, number][]): Arrival => ({
			...{ kind: "answer", station: "veleta/terrace", receivedAt: NOON, isRetained: false, gone },
		});
		await store.save([reading(10, 1), reading(15, 6)]);
		assert.deepEqual((await store.missing()).get("veleta/terrace"), [
			{ first: 1, last: 9, isGone: false },
			{ first: 11, last: 14, isGone: false },
		]);
		await store.save([answer([1, 6], [12, 13])]);
		const { missing, lost } = await only(store);
		assert.deepEqual([missing, lost], [5, 2]);
		assert.deepEqual(
			(await store.losses("veleta/terrace")).map(({ first, last, isGone, after, before }) => [
				first,
				last,
				isGone,
				after,
				before,
			]),
			[
				[14, 14, false, null, NOON + 6 * MINUTE],
				[12, 13, true, null, null],
				[11, 11, false, NOON + MINUTE, null],
				[7, 9, false, null, NOON + MINUTE],
			],
		);
		// It comes all the same: from a broker that had kept it.
		await store.save([late(12, 2)]);
		assert.equal((await only(store)).lost, 1);
	});

	test("plain numbers: one that the broker has kept is none, unless it is another one", async () => {
		const store = await emptyStore();
		await store.save([value("Casa/Cocina", "Temperatura", 21, 1), value("Casa/Cocina", "Humedad", 40, 2)]);
		const again = await store.save([value("Casa/Cocina", "Temperatura", 21, 9, true)]);
		assert.deepEqual([again.fresh.length, again.duplicates], [0, 1]);
		await store.save([value("Casa/Cocina", "Temperatura", 22, 10, true), value("Casa/Cocina", "Humedad", 40, 11)]);
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 4);
		const { last, takesCommands, quantities } = await only(store);
		assert.deepEqual(last?.quantities, { Temperatura: 22, Humedad: 40 });
		assert.equal(takesCommands, false);
		assert.deepEqual(quantities, [
			{ name: "Humedad", unit: null, decimals: null },
			{ name: "Temperatura", unit: null, decimals: null },
		]);
	});

	test("plain numbers that come in one ms are all kept, one behind the other", async () => {
		const store = await emptyStore();
		const burst = (from: number) => Array.from({ length: 100 }, (_, index) => value("Casa/a", "t", from + index, 1));
		await store.save(burst(0));
		await store.save(burst(100));
		const rows = await store.driver.query("SELECT value FROM value ORDER BY time");
		assert.deepEqual(
			rows.map(({ value }) => value),
			Array.from({ length: 200 }, (_, index) => index),
		);
	});

	test("of reports without a number each time comes once; one from the future keeps no later one from being the newest", async () => {
		const store = await emptyStore();
		const report = (minutes: number, t: number): Arrival => ({
			...(value("aemet/3195", "t", t, minutes) as Arrival & { kind: "values" }),
			...{ receivedAt: NOON + 5 * MINUTE, time: NOON + minutes * MINUTE },
		});
		const saved = await store.save([report(1, 1), report(1, 1), report(1_000_000, 9), report(2, 2)]);
		assert.deepEqual([saved.fresh.length, saved.duplicates], [3, 1]);
		assert.equal((await store.save([report(2, 2)])).duplicates, 1);
		await store.save([report(6, 6)]);
		assert.equal((await only(store)).last?.quantities.t, 6);
	});

	test("two stations with one topic begin a run with each reading: all are kept, and it does not take longer and longer", async () => {
		const store = await emptyStore();
		let most = 0;
		const query = store.driver.query;
		for (let round = 0; round < 60; round++) {
			await store.save([reading(1_000 + round, 10 * round), reading(1 + round, 10 * round + 1)]);
		}
		const counting = new FailingDriver(store.driver);
		const again = await Store.open(counting);
		counting.onRows = (rows) => {
			most = Math.max(most, rows.length);
		};
		await again.save([reading(2_000, 1_000)]);
		assert.ok(most <= 16, `${most} rows at once`);
		assert.deepEqual(await query("SELECT COUNT(*) AS readings FROM reading"), [{ readings: 121 }]);
	});

	test("a station has room for 64 quantities; those beyond are refused, and the others stored", async () => {
		const store = await emptyStore();
		const quantities = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`q${index}`, index]));
		const saved = await store.save([reading(1, 1, { quantities }), reading(2, 2, { quantities: { q0: 5 } })]);
		assert.equal(saved.refused, 6);
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 65);
	});

	test("a batch that fails leaves nothing behind, and can be tried again", async () => {
		const driver = new FailingDriver(await open());
		const store = await Store.open(driver);
		await store.save([reading(1, 1)]);
		const batch = [reading(4, 4, { quantities: { temperature: 1, humidity: 2 } }), late(2, 2), status("online", 1)];
		for (let statement = 1; ; statement++) {
			let count = 0;
			driver.onStatement = () => {
				if (++count === statement) throw failure();
			};
			try {
				await store.save(batch);
				break;
			} catch (error) {
				assert.equal((error as Error).message, "the disk is full");
			}
			assert.equal(await numbers(store), "1:1");
			assert.equal((await only(store)).status, "unknown");
		}
		assert.equal(await numbers(store), "1:1 1:2 1:4");
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 4);
	});

	test("whatever the order, the duplicates and the failures: each number once, with its values", async () => {
		for (let seed = 1; seed <= 40; seed++) {
			const random = new Random(seed);
			const driver = new FailingDriver(await open());
			const store = await Store.open(driver);
			let lives = 0;
			driver.onStatement = () => {
				if (--lives === 0) throw failure();
			};
			const expected = new Set<string>();
			const backlog: ArrivedReading[] = [];
			let batch: Arrival[] = [];
			for (let seq = 1; seq <= 200; seq++) {
				expected.add(`1:${seq}`);
				// In an outage they wait, and come behind newer ones.
				if (random.below(3) === 0) backlog.push(late(seq, seq, { time: undefined }));
				else batch.push(reading(seq, seq));
				if (random.below(4) === 0) batch.push(...backlog.splice(0, 1 + random.below(5)));
				if (random.below(5) === 0 && batch.length > 0) batch.push(batch[random.below(batch.length)]!);
				if (random.below(20) === 0 || seq === 200) {
					if (seq === 200) batch.push(...backlog.splice(0));
					lives = random.below(12);
					await store.save(batch).catch(() => store.save(batch));
					// The broker did not get the acknowledgements.
					if (random.below(3) === 0) await store.save(batch).catch(() => {});
					batch = [];
				}
			}
			assert.equal(await numbers(store), [...expected].join(" "), `seed ${seed}`);
			assert.equal((await store.driver.query("SELECT * FROM value")).length, 200, `seed ${seed}`);
			assert.deepEqual([...(await store.missing())], [], `seed ${seed}`);
			assert.equal((await only(store)).last?.seq, 200, `seed ${seed}`);
		}
	});
}

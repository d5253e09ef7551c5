/** Charts, the summaries that they are made of, and what is removed with time. */
import assert from "node:assert/strict";
import nodeTest from "node:test";
import { chartOf } from "../../../commands/observatory/store/chart.ts";
import { csvOf } from "../../../commands/observatory/store/export.ts";
import { prune } from "../../../commands/observatory/store/retention.ts";
import { Store } from "../../../commands/observatory/store/store.ts";
import { sumUp } from "../../../commands/observatory/store/summaries.ts";
import { DAY_MS, HOUR_MS } from "../../../commands/observatory/store/times.ts";
import { Random } from "../../fuzz/random.ts";
import { late, MINUTE, NOON, reading, value } from "../../harness/store.ts";
import { STORE_KINDS } from "../../harness/store-kinds.ts";

const STATION = "veleta/terrace";
const chart = (store: Store, from: number, to: number, points = 1_000) =>
	chartOf(store.driver, STATION, "temperature", NOON + from * MINUTE, NOON + to * MINUTE, points);
async function sumUpAll(store: Store, now: number): Promise<void> {
	while (await sumUp(store.driver, now));
}

for (const { name, skip, open } of STORE_KINDS) {
	const test = (title: string, run: () => Promise<void>) => nodeTest(`${name}: ${title}`, { skip }, run);
	const emptyStore = async () => Store.open(await open());

	/** A station that reports each `step` minutes a value that is its number, from the minute `from` on. */
	async function filled(count: number, step: number, from = 0): Promise<Store> {
		const store = await emptyStore();
		const readings = Array.from({ length: count }, (_, index) =>
			reading(index + 1, from + index * step, { quantities: { temperature: index } }),
		);
		for (let at = 0; at < count; at += 5_000) await store.save(readings.slice(at, at + 5_000));
		return store;
	}

	test("few values are shown as they are", async () => {
		const store = await filled(5, 1);
		const { step, times, means, minima } = await chart(store, 0, 60);
		assert.equal(step, 0);
		assert.deepEqual(means, [0, 1, 2, 3, 4]);
		assert.deepEqual(minima, means);
		assert.equal(times[4], NOON + 4 * MINUTE);
	});

	test("many values are summed up, by lengths that people count in", async () => {
		const store = await filled(600, 1);
		const { step, times, means, minima, maxima } = await chart(store, 0, 600, 60);
		assert.equal(step, 10 * MINUTE);
		assert.equal(times.length, 60);
		assert.deepEqual([minima[1], means[1], maxima[1]], [10, 14.5, 19]);
	});

	test("where nothing came the line is broken, and late readings mend it", async () => {
		const store = await emptyStore();
		const batch = [1, 2, 3, 20, 21].map((seq) => reading(seq, seq, { quantities: { temperature: seq } }));
		await store.save(batch);
		assert.deepEqual((await chart(store, 0, 60)).means, [1, 2, 3, null, 20, 21]);
		const others = Array.from({ length: 16 }, (_, index) =>
			late(index + 4, index + 4, { quantities: { temperature: index + 4 } }),
		);
		await store.save(others);
		assert.deepEqual(
			(await chart(store, 0, 60)).means,
			Array.from({ length: 21 }, (_, index) => index + 1),
		);
	});

	test("in a chart of few values, most of them apart, the line is broken all the same", async () => {
		const store = await emptyStore();
		const minutes = [...Array.from({ length: 40 }, (_, index) => index), 100, 149, 150];
		await store.save(
			minutes.map((minute, index) => reading(index + 1, minute, { quantities: { temperature: minute } })),
		);
		assert.deepEqual((await chart(store, 90, 200)).means, [100, null, 149, 150]);
	});

	test("a station that reports every ten minutes has no gaps between", async () => {
		const store = await filled(20, 10);
		assert.ok(!(await chart(store, 0, 200)).means.includes(null));
	});

	test("a station that is not there, or a quantity, is told of", async () => {
		const store = await filled(1, 1);
		await assert.rejects(chartOf(store.driver, "veleta/x", "temperature", 0, 1, 10), /no such station/);
		await assert.rejects(chartOf(store.driver, STATION, "x", 0, 1, 10), /no such station, or it has no such quantity/);
	});

	test("summed up or not, a chart is the same; nor does it matter when it was summed up, or what came late", async () => {
		for (let seed = 1; seed <= 12; seed++) {
			const random = new Random(seed);
			const store = await emptyStore();
			const step = random.pick([0.1, 0.5, 1, 7, 45]);
			const count = random.between(50, 600);
			const all = Array.from({ length: count }, (_, index) =>
				reading(index + 1, index * step + random.below(50) / 1_000, {
					quantities: { temperature: random.below(400) / 4 },
				}),
			);
			const isLate = all.map(() => random.oneIn(5));
			await store.save(all.filter((_, index) => !isLate[index]));
			const end = NOON + count * step * MINUTE;
			for (let at = 0; at < 4; at++) {
				await sumUpAll(store, NOON + random.below(Math.ceil(end - NOON) + 3 * HOUR_MS));
				const some = all.filter((_, index) => isLate[index] && index % 4 === at);
				await store.save(some.map((arrival) => ({ ...arrival, isState: false })));
				if (random.oneIn(2)) await sumUpAll(store, end + 2 * HOUR_MS);
			}
			for (const points of [7, 30, 200]) {
				for (const [from, to] of [
					[0, count * step + 1],
					[-3 * 24 * 60, count * step + 24 * 60],
				] as const) {
					const told = await chart(store, from, to, points);
					const values = all.map(({ time, quantities }) => ({ time: time!, value: quantities.temperature! }));
					const length = told.step || 1;
					const expected = new Map<number, number[]>();
					for (const { time, value } of values.sort((a, b) => a.time - b.time)) {
						const start = Math.floor(time / length) * length;
						expected.set(start, [...(expected.get(start) ?? []), value]);
					}
					const shown = told.times.flatMap((time, index) =>
						told.means[index] === null
							? []
							: [[time, told.minima[index], told.means[index]!.toFixed(6), told.maxima[index]]],
					);
					assert.deepEqual(
						shown,
						[...expected].map(([start, values]) => [
							...[start, Math.min(...values)],
							(values.reduce((a, b) => a + b) / values.length).toFixed(6),
							Math.max(...values),
						]),
						`seed ${seed}, ${points} points from ${from} to ${to}`,
					);
				}
			}
		}
	});

	test("what is removed stays in the summaries, and a late reading joins them", async () => {
		const store = await filled(3 * 24 * 60, 1, -3 * 24 * 60);
		await sumUpAll(store, NOON + 2 * HOUR_MS);
		while (await prune(store.driver, NOON - DAY_MS));
		const [row] = await store.driver.query("SELECT COUNT(*) AS readings, MIN(seq) AS first FROM reading");
		assert.deepEqual(row, { readings: 1_440, first: 2_881 });
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 1_440);
		const hours = () => chart(store, -3 * 24 * 60, 0, 100);
		const before = await hours();
		assert.equal(before.step, HOUR_MS);
		assert.deepEqual([before.means.length, before.means[0], before.maxima[71]], [72, 29.5, 4_319]);
		// Of a number that was missing; the others are known although they are gone.
		await store.save([late(1, -3 * 24 * 60)]);
		assert.deepEqual(await hours(), before);
		await store.save([late(5_000, -3 * 24 * 60 + 30, { quantities: { temperature: 1_000 } })]);
		for (let time = 0; time < 2; time++) {
			await sumUpAll(store, NOON + 2 * HOUR_MS);
			const after = await hours();
			assert.equal(after.maxima[0], 1_000);
			assert.equal(after.means[0], (29.5 * 60 + 1_000) / 61);
			assert.equal(after.means[1], before.means[1]);
		}
	});

	test("an hour that is not summed up is not removed", async () => {
		const store = await filled(120, 1, -2 * 24 * 60);
		while (await prune(store.driver, NOON - DAY_MS));
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 120);
		await sumUpAll(store, NOON);
		while (await prune(store.driver, NOON - DAY_MS));
		assert.equal((await store.driver.query("SELECT * FROM value")).length, 0);
		assert.equal((await chart(store, -3 * 24 * 60, 0, 100)).maxima[0], 59);
	});

	test("more readings than are removed at a time are removed, too", async () => {
		const store = await filled(9_000, 0.01, -2 * 24 * 60);
		await sumUpAll(store, NOON);
		while (await prune(store.driver, NOON - DAY_MS));
		const left = await store.driver.query(
			"SELECT (SELECT COUNT(*) FROM value) AS a, (SELECT COUNT(*) FROM reading) AS b",
		);
		assert.deepEqual(left, [{ a: 0, b: 0 }]);
	});

	test("a reading that gets its time leaves nothing where it was", async () => {
		const store = await emptyStore();
		const untimed = { time: undefined, quantities: { temperature: 5 } };
		await store.save([reading(1, 61.5, untimed), reading(2, 61.9, { ...untimed, quantities: { temperature: 6 } })]);
		await sumUpAll(store, NOON + 3 * HOUR_MS);
		await store.save([late(1, 1, { quantities: { temperature: 5 } }), late(2, 2, { quantities: { temperature: 6 } })]);
		await sumUpAll(store, NOON + 3 * HOUR_MS);
		const rows = await store.driver.query("SELECT level, start, count FROM summary ORDER BY level, start");
		assert.deepEqual(rows, [
			{ level: HOUR_MS, start: NOON, count: 2 },
			{ level: DAY_MS, start: NOON - 12 * HOUR_MS, count: 2 },
		]);
		assert.deepEqual((await chart(store, -600, 600, 100)).means, [5, 6]);
	});

	test("an hour's mean stands at its beginning, and is no single value", async () => {
		const store = await filled(1, 1, 45);
		await sumUpAll(store, NOON + 3 * HOUR_MS);
		const { step, times } = await chart(store, -24 * 60, 24 * 60, 50);
		assert.deepEqual([step, times], [HOUR_MS, [NOON]]);
	});

	test("a pruned hour with a late value that is not summed up shows both", async () => {
		const store = await filled(60, 1, -2 * 24 * 60);
		await sumUpAll(store, NOON);
		while (await prune(store.driver, NOON - DAY_MS));
		await store.save([late(100, -2 * 24 * 60 + 30, { quantities: { temperature: 1_000 } })]);
		const { means, maxima } = await chart(store, -3 * 24 * 60, 0, 100);
		assert.equal(maxima[0], 1_000);
		assert.equal(means[0], (29.5 * 60 + 1_000) / 61);
	});

	test("one reading from the future keeps no other from being removed; what was missing is not missed any more", async () => {
		const store = await emptyStore();
		const old = Array.from({ length: 300 }, (_, index) => reading(index + 10, index - 3 * 24 * 60));
		await store.save([reading(1, 40_000_000), ...old.map((arrival) => ({ ...arrival, isState: false }))]);
		await sumUpAll(store, NOON);
		while (await prune(store.driver, NOON - DAY_MS));
		assert.deepEqual(await store.driver.query("SELECT seq FROM reading"), [{ seq: 1 }]);
		assert.deepEqual([...(await store.missing())], []);
		// They are known although they are gone.
		const { duplicates } = await store.save([late(50, 40 - 3 * 24 * 60), reading(1, 40_000_000)]);
		assert.equal(duplicates, 2);
	});

	test("everything as CSV", async () => {
		const store = await emptyStore();
		await store.save([
			reading(1, 1, { quantities: { temperature: 20.5, humidity: 40 } }),
			reading(2, 2, { time: undefined, quantities: { temperature: 20.25 } }),
			value("Casa/Cocina", "Temperatura", 21, 3),
			value('=HYPERLINK("x"),', "n", -1.5, 3),
		]);
		let text = "";
		for await (const line of csvOf(store.driver)) text += line;
		assert.equal(
			text,
			[
				"station,run,seq,time,received,temperature (°C),humidity (%),Temperatura,n",
				`"'=HYPERLINK(""x""),",,,2026-11-29T12:03:00.000Z,,,,,-1.5`,
				"Casa/Cocina,,,2026-11-29T12:03:00.000Z,,,,21,",
				"veleta/terrace,1,1,2026-11-29T12:01:00.000Z,2026-11-29T12:01:00.000Z,20.5,40,,",
				"veleta/terrace,1,2,,2026-11-29T12:02:00.000Z,20.25,,,",
				"",
			].join("\r\n"),
		);
	});

	test("thousands of lines as CSV: each once, in order", async () => {
		const store = await filled(2_500, 1);
		const seqs: string[] = [];
		for await (const line of csvOf(store.driver)) seqs.push(line.split(",")[2]!);
		assert.deepEqual(
			seqs.slice(1),
			Array.from({ length: 2_500 }, (_, index) => `${index + 1}`),
		);
	});
}

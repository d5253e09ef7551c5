/** The streams to pages: each is told of what it shows, in few messages; a page that does not read costs nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListQuestion, LiveEvent } from "../../../commands/observatory/api.ts";
import { answered, EventPages } from "../../harness/event-pages.ts";
import { PageSource } from "../../harness/page-source.ts";

const START = Date.UTC(2026, 10, 21, 12);
const LIST: ListQuestion = { text: "", show: "all", quantity: undefined, from: 0, count: 48 };

const reading = (topic: string, seq: number, isLate = false) => ({
	...{ topic, isLate },
	reading: { time: START + seq, isTimed: true, seq, quantities: { temperature: seq } },
});
const ofType = <Type extends LiveEvent["type"]>(events: readonly LiveEvent[], type: Type) =>
	events.filter((event): event is Extract<LiveEvent, { type: Type }> => event.type === type);

test("with 10,000 stations a list gets 48, two messages a second, and no reading of another one", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	for (let number = 0; number < 10_000; number++) source.add(`veleta/${number}`);
	const pages = new EventPages(source);
	const page = pages.open(LIST);
	await answered();
	assert.equal(ofType(page.events, "station").length, 48);
	assert.equal(ofType(page.events, "list")[0]!.list.total, 10_000);
	assert.equal(page.messages.length, 1);
	assert.ok(page.bytes < 32_768, `${page.bytes} bytes`);
	page.written.length = 0;
	source.asked.length = 0;
	// 5,000 readings a second, for ten seconds, of each station every two seconds.
	let seq = 0;
	for (let round = 0; round < 100; round++) {
		pages.now += 100;
		const readings = Array.from({ length: 500 }, () => reading(`veleta/${seq % 10_000}`, ++seq));
		source.emit({ readings });
		context.mock.timers.tick(100);
	}
	assert.ok(page.messages.length > 0 && page.messages.length <= 21, `${page.messages.length} messages`);
	assert.ok(page.bytes < 10 * 48 * 200, `${page.bytes} bytes`);
	const told = ofType(page.events, "reading");
	assert.deepEqual(
		new Set(told.map(({ topic }) => topic)),
		new Set(Array.from({ length: 48 }, (_, n) => `veleta/${n}`)),
	);
	assert.equal(told.at(-1)!.reading.seq, 40_048, "the newest of the last one");
	assert.deepEqual(source.asked, [], "the store is not asked for what a reading says");
	pages.stream.close();
});

test("an open station gets each of its readings, whatever the others do", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	for (let number = 0; number < 1_000; number++) source.add(`veleta/${number}`);
	const pages = new EventPages(source);
	const page = pages.open({ topics: ["veleta/7"] });
	await answered();
	for (let seq = 1; seq <= 200; seq++) {
		pages.now += 50;
		const readings = Array.from({ length: 1_000 }, (_, number) => reading(`veleta/${number}`, seq));
		source.emit({ readings });
		context.mock.timers.tick(50);
	}
	pages.now += 500;
	context.mock.timers.tick(500);
	assert.deepEqual(
		ofType(page.events, "reading").map(({ topic, reading: { seq } }) => `${topic} ${seq}`),
		Array.from({ length: 200 }, (_, index) => `veleta/7 ${index + 1}`),
	);
	assert.ok(page.messages.length <= 23, `${page.messages.length} messages`);
	pages.stream.close();
});

test("a status that changes is told live, with the counts", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	source.add("aemet/3195", { takesCommands: false });
	source.add("veleta/terrace");
	const pages = new EventPages(source);
	const list = pages.open(LIST);
	const single = pages.open({ topics: ["aemet/3195"] });
	const other = pages.open({ topics: ["veleta/terrace"] });
	await answered();
	for (const page of [list, single, other]) page.written.length = 0;
	for (const status of ["stale", "offline", "stale", "online"] as const) {
		source.change("aemet/3195", { status });
		for (let step = 0; step < 12; step++) {
			pages.now += 100;
			context.mock.timers.tick(100);
			await answered();
		}
	}
	for (const page of [list, single])
		assert.deepEqual(
			ofType(page.events, "station").map(({ station }) => station.status),
			["stale", "offline", "stale", "online"],
		);
	assert.deepEqual(
		ofType(list.events, "list").map(({ list: { counts } }) => [counts.online, counts.stale, counts.offline]),
		[
			[1, 1, 0],
			[1, 0, 1],
			[1, 1, 0],
			[2, 0, 0],
		],
	);
	assert.deepEqual(other.events, []);
	pages.stream.close();
});

test("changes of thousands of stations are asked for once a second, for all pages together", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	for (let number = 0; number < 1_500; number++) source.add(`veleta/${number}`);
	const pages = new EventPages(source);
	const all = pages.open(LIST);
	const same = pages.open(LIST);
	const offline = pages.open({ ...LIST, show: "offline" });
	await answered();
	assert.deepEqual(ofType(offline.events, "list")[0]!.list.topics, []);
	for (const page of [all, same, offline]) page.written.length = 0;
	source.asked.length = 0;
	for (let number = 0; number < 1_500; number++) source.change(`veleta/${number}`, { status: "offline" });
	await answered();
	assert.deepEqual(source.asked, [], "not at each batch");
	pages.now += 1_000;
	context.mock.timers.tick(1_000);
	await answered();
	assert.equal(source.asked.shift(), 1_500, "the roll");
	assert.equal(
		source.asked.reduce((sum, count) => sum + count, 0),
		48,
		"what is shown, once for all three",
	);
	for (const page of [all, same, offline]) {
		assert.equal(page.messages.length, 1);
		assert.equal(ofType(page.events, "station").length, 48);
		assert.equal(ofType(page.events, "list")[0]!.list.counts.offline, 1_500);
	}
	pages.stream.close();
});

test("what others write to the same store is told each minute", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	source.add("veleta/a");
	const pages = new EventPages(source);
	const list = pages.open(LIST);
	const single = pages.open({ topics: ["veleta/a"] });
	await answered();
	// Nobody tells of it.
	const { emit } = source;
	source.emit = () => {};
	source.change("veleta/a", { status: "offline" });
	source.add("veleta/b");
	source.emit = emit;
	for (let passed = 0; passed < 60_000; passed += 15_000) {
		pages.now += 15_000;
		context.mock.timers.tick(15_000);
	}
	context.mock.timers.tick(1_000);
	await answered();
	assert.equal(ofType(list.events, "list").at(-1)!.list.total, 2);
	assert.equal(ofType(single.events, "station").at(-1)!.station.status, "offline");
	assert.equal(ofType(single.events, "missed").length, 1, "and its charts are loaded anew");
	pages.stream.close();
});

test("what comes while stations are asked for is told behind them", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	source.add("veleta/a");
	const pages = new EventPages(source);
	const page = pages.open({ topics: ["veleta/a", "veleta/moon"] });
	source.emit({ readings: [reading("veleta/a", 1)] });
	assert.deepEqual(page.messages, []);
	await answered();
	assert.deepEqual(
		page.events.map(({ type }) => type),
		["station", "list", "reading"],
	);
	assert.deepEqual(ofType(page.events, "list")[0]!.list.topics, ["veleta/a"]);
	source.add("veleta/moon");
	pages.now += 1_000;
	context.mock.timers.tick(1_000);
	await answered();
	assert.equal(ofType(page.events, "station").at(-1)!.station.topic, "veleta/moon");
	pages.stream.close();
});

test("a page that knows nothing yet comes again when the store fails; the others are told when it works", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	source.add("veleta/a");
	const pages = new EventPages(source);
	const known = pages.open({ topics: ["veleta/a"] });
	await answered();
	source.failure = new Error("the disk is full");
	source.change("veleta/a", { status: "offline" });
	const beginner = pages.open(LIST);
	await answered();
	assert.ok(beginner.isGone);
	assert.ok(!known.isGone);
	source.failure = undefined;
	pages.now += 1_000;
	context.mock.timers.tick(1_000);
	await answered();
	assert.equal(ofType(known.events, "station").at(-1)!.station.status, "offline");
	pages.stream.close();
});

test("a page that does not read gets one message, and is dropped; the others go on", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	source.add("veleta/terrace");
	const pages = new EventPages(source);
	const idle = pages.open({ topics: ["veleta/terrace"] }, false);
	const reader = pages.open({ topics: ["veleta/terrace"] });
	await answered();
	for (let seq = 1; seq <= 100_000; seq++) source.emit({ readings: [reading("veleta/terrace", seq)] });
	assert.equal(idle.messages.length, 1, "the station");
	context.mock.timers.tick(44_999);
	assert.ok(!idle.isGone);
	context.mock.timers.tick(1);
	assert.ok(idle.isGone);
	assert.equal(idle.messages.length, 1);
	assert.ok(!reader.isGone);
	assert.equal(pages.stream.size, 1);
	pages.now = 60_000;
	const before = reader.messages.length;
	source.emit({ readings: [reading("veleta/terrace", 100_001)] });
	assert.equal(reader.messages.length, before + 1);
	assert.equal(ofType(reader.events, "reading").at(-1)!.reading.seq, 100_001);
	pages.stream.close();
	assert.equal(source.listeners, 0);
});

test("when the last page has gone, news are heard for five seconds more", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const source = new PageSource();
	source.add("veleta/a");
	const pages = new EventPages(source);
	const open = async () => {
		const page = pages.open(LIST);
		await answered();
		return page;
	};
	(await open()).destroy();
	source.asked.length = 0;
	context.mock.timers.tick(4_999);
	const next = await open();
	assert.deepEqual(source.asked, [1], "the station, and not the roll");
	next.destroy();
	assert.equal(source.listeners, 1);
	context.mock.timers.tick(5_000);
	assert.equal(source.listeners, 0);
	source.asked.length = 0;
	for (let passed = 0; passed < 120_000; passed += 1_000) {
		pages.now += 1_000;
		context.mock.timers.tick(1_000);
		await new Promise((resolve) => setImmediate(resolve));
	}
	assert.deepEqual(source.asked, [], "for nobody the store is not asked");
	pages.stream.close();
});

test("a stream without events is kept open by empty messages", async (context) => {
	context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
	const pages = new EventPages(new PageSource());
	const { written } = pages.open({ topics: [] });
	await answered();
	assert.equal(written.splice(0)[0], "retry: 2000\n\n");
	context.mock.timers.tick(14_999);
	assert.deepEqual(written, []);
	context.mock.timers.tick(1);
	assert.deepEqual(written, ["data: []\n\n"]);
	pages.stream.close();
});

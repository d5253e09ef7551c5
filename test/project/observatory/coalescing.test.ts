/** What waits for a page: few messages, and none of them large, however much comes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveEvent, StationView } from "../../../commands/observatory/api.ts";
import { Coalescer, PAUSE_MS, READINGS_MAXIMUM } from "../../../commands/observatory/page/coalescing.ts";

type ReadingEvent = Extract<LiveEvent, { type: "reading" }>;

const reading = (topic: string, seq: number | null, isLate = false, quantities = { temperature: seq ?? 0 }) =>
	({
		type: "reading",
		topic,
		isLate,
		reading: { time: seq ?? 0, isTimed: true, seq, quantities },
	}) satisfies ReadingEvent;
const station = (topic: string, missing = 0): StationView => ({
	...{ topic, status: "online", since: null, last: null, quantities: [], diagnostics: null },
	...{ missing, lost: 0, takesCommands: true },
});
const seqs = (events: readonly LiveEvent[] | undefined) =>
	events?.map((event) => (event.type === "reading" ? event.reading.seq : event.type));

test("the first one goes at once, then a message each half second at the most", () => {
	const waiting = new Coalescer(true);
	assert.equal(waiting.take(1_000), undefined, "nothing is nothing to tell");
	waiting.reading(reading("a", 1));
	assert.deepEqual(seqs(waiting.take(1_000)), [1]);
	waiting.reading(reading("a", 2));
	assert.equal(waiting.dueAt, 1_000 + PAUSE_MS);
	assert.equal(waiting.take(1_000 + PAUSE_MS - 1), undefined);
	waiting.reading(reading("a", 3));
	assert.deepEqual(seqs(waiting.take(1_000 + PAUSE_MS)), [2, 3]);
	assert.equal(waiting.dueAt, undefined);
	assert.equal(waiting.take(9_000), undefined);
});

test("of a list the newest reading of each station is told, and of late ones the last", () => {
	const waiting = new Coalescer(false);
	for (let seq = 1; seq <= 1_000; seq++) {
		waiting.reading(reading("a", seq));
		waiting.reading(reading("b", 10 * seq));
		waiting.reading(reading("a", seq - 500, true));
	}
	assert.deepEqual(
		waiting.take(0)?.map((event) => event.type === "reading" && [event.topic, event.reading.seq, event.isLate]),
		[
			["a", 500, true],
			["a", 1_000, false],
			["b", 10_000, false],
		],
	);
});

test("plain numbers come one by one, and are told together", () => {
	const waiting = new Coalescer(false);
	waiting.reading(reading("a", null, false, { temperature: 1, humidity: 2 } as never));
	waiting.reading(reading("a", null, false, { temperature: 3 }));
	const [event] = waiting.take(0) as [ReadingEvent];
	assert.deepEqual(event.reading.quantities, { temperature: 3, humidity: 2 });
	// Of a numbered reading what it does not have was not measured.
	waiting.reading(reading("a", 1, false, { temperature: 1, humidity: 2 } as never));
	waiting.reading(reading("a", 2, false, { temperature: 3 }));
	const [numbered] = waiting.take(1_000) as [ReadingEvent];
	assert.deepEqual(numbered.reading.quantities, { temperature: 3 });
});

test("a page of single stations gets each reading; of too many the newest, and it is told that some are missing", () => {
	const waiting = new Coalescer(true);
	for (let seq = 1; seq <= READINGS_MAXIMUM; seq++) waiting.reading(reading("a", seq));
	const all = waiting.take(0)!;
	assert.deepEqual(
		seqs(all),
		Array.from({ length: READINGS_MAXIMUM }, (_, index) => index + 1),
	);
	for (let seq = 1; seq <= 50 * READINGS_MAXIMUM; seq++) waiting.reading(reading(seq % 2 ? "a" : "b", seq));
	assert.deepEqual(seqs(waiting.take(1_000)), ["missed", 50 * READINGS_MAXIMUM - 1, 50 * READINGS_MAXIMUM]);
	// And each again, when there are fewer.
	for (let seq = 1; seq <= 3; seq++) waiting.reading(reading("a", seq));
	assert.deepEqual(seqs(waiting.take(2_000)), [1, 2, 3]);
});

test("a station comes once, as it is last, before the list and before its readings", () => {
	const waiting = new Coalescer(true);
	waiting.reading(reading("a", 1));
	waiting.station(station("a", 1));
	waiting.list({ total: 1, counts: {} as never, topics: ["a"] });
	waiting.station(station("a", 2));
	const events = waiting.take(0)!;
	assert.deepEqual(seqs(events), ["station", "list", 1]);
	assert.equal(events[0]!.type === "station" && events[0]!.station.missing, 2);
});

/** Readings that somebody asks for again. */
import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { startCommanded } from "../../harness/commanded.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";

const SLOT_BYTES = 24;
const chip = (blockLength = 4_096, blocks = 16) => new FlashChip({ blockLength, blocks });

/** A station that has given a reading a second for so long, all of which the broker has. */
function start(seconds: number, settings: Record<string, unknown> = {}, flash = chip()) {
	const parts = startCommanded({ interval: 1, diagnostics: 0, ...settings }, { flash });
	const { broker, commands, replies } = parts;
	broker.advanceTo(seconds * 1_000);
	const before = [...broker.received];
	return {
		...parts,
		flash,
		/** As it was first sent. */
		original: (seq: number) => before.find(({ payload }) => payload.includes(`"seq":${seq}}`))?.payload,
		asks: (from?: number, to?: number) => commands("readings", JSON.stringify({ from, to })),
		/** What has come at `late` since the last command. */
		late: () => broker.received.filter(({ topic }) => topic.endsWith("/late")),
		seqs: () =>
			broker.received.filter(({ topic }) => topic.endsWith("/late")).map(({ payload }) => JSON.parse(payload).seq),
		pass: (ms: number) => broker.advanceTo(broker.now + ms),
		reply: () => replies()[0],
	};
}

test("acknowledged readings come once more at late, as they were, and not retained; then the reply says so", () => {
	const { asks, late, pass, reply, original, broker } = start(30);
	asks(5, 9);
	pass(2_000);
	deepEqual(
		late().map(({ payload }) => payload),
		[5, 6, 7, 8, 9].map(original),
	);
	ok(late().every(({ retain, dup }) => !retain && !dup));
	deepEqual(reply(), { command: "readings", ok: true, from: 5, to: 9, sent: 5, missing: [] });
	pass(10_000);
	equal(late().length, 5, "and not again");
	equal(broker.received.filter(({ topic }) => topic.endsWith("/state")).length, 12, "new ones come meanwhile");
});

test("in CBOR, too, they come as they were", () => {
	const { asks, late, pass, broker } = start(30, { payload: "cbor" });
	// A map of five, and the number 5.
	const isFive = (payload: string) => payload.replaceAll(" ", "").startsWith("a50005");
	const state = broker.received.find(({ topic, payload }) => topic.endsWith("/state") && isFive(payload))!.payload;
	asks(5, 5);
	pass(2_000);
	deepEqual(
		late().map(({ payload }) => payload),
		[state],
	);
});

test("they come at the backlog's pace", () => {
	const { asks, pass, late, reply } = start(30, { backlogRate: 2 });
	asks(1, 20);
	for (let half = 0; half < 19; half++) {
		const before = late().length;
		pass(500);
		ok(late().length - before <= 1, `${late().length - before} in half a second`);
	}
	equal(reply(), undefined);
	pass(1_500);
	equal(late().length, 20);
	equal(reply().sent, 20);
});

test("without an end it is the newest; beyond the newest there is nothing", () => {
	const { asks, pass, seqs, reply } = start(20);
	asks(17);
	pass(900);
	deepEqual(seqs(), [17, 18, 19, 20]);
	deepEqual(reply(), { command: "readings", ok: true, from: 17, to: 20, sent: 4, missing: [] });
	asks(400, 500);
	pass(900);
	deepEqual(reply(), { command: "readings", ok: true, from: 400, to: 21, sent: 0, missing: [] });
});

test("what the flash has no more is named", () => {
	// Blocks of eight readings, of which two or three are kept.
	const { asks, pass, seqs, reply } = start(60, {}, chip(256, 4));
	asks(10, 58);
	pass(8_000);
	const { sent, missing } = reply();
	equal(missing.length, 1);
	const [[first, last]] = missing;
	equal(first, 10);
	ok(last >= 30 && last <= 50, `up to ${last}`);
	equal(sent, 58 - last);
	deepEqual(
		seqs(),
		Array.from({ length: sent }, (_, index) => last + 1 + index),
	);
});

test("a station without flash has none of them", () => {
	const { commands, replies, broker } = startCommanded({ interval: 1 });
	broker.advanceTo(10_000);
	commands("readings", '{"from":1,"to":5}');
	broker.advanceTo(11_000);
	deepEqual(replies(), [{ command: "readings", ok: true, from: 1, to: 0, sent: 0, missing: [] }]);
});

test("damaged readings are gaps; of more gaps than sixteen the answer ends before the next", () => {
	const { asks, pass, seqs, reply, flash } = start(60);
	// In the block that is opened first, behind its two headers; every other one of the first 40.
	for (let seq = 2; seq <= 40; seq += 2) {
		const at = 4_096 + (seq + 1) * SLOT_BYTES;
		flash.image.fill(0, at + 3, at + 20);
	}
	asks(1, 50);
	pass(12_000);
	const { to, sent, missing } = reply();
	deepEqual(
		missing,
		Array.from({ length: 16 }, (_, index) => [2 * index + 2, 2 * index + 2]),
	);
	deepEqual([to, sent], [33, 17]);
	deepEqual(
		seqs(),
		Array.from({ length: 17 }, (_, index) => 2 * index + 1),
	);
	asks(to + 1, 50);
	pass(12_000);
	deepEqual(
		reply().missing.map(([first]: number[]) => first),
		[34, 36, 38, 40],
	);
	equal(reply().sent, 13);
});

test("what waits still is not sent a second time, and is not missing", () => {
	const { broker, asks, pass, reply } = start(20, { backlogRate: 1 });
	broker.up = false;
	pass(30_000);
	broker.up = true;
	pass(10_000);
	const taken = new Set(broker.readings.map(({ seq }) => seq));
	asks(18);
	pass(90_000);
	equal(reply().ok, true);
	deepEqual(reply().missing, []);
	const times = new Map<unknown, number>();
	for (const { seq } of broker.readings) times.set(seq, (times.get(seq) ?? 0) + 1);
	for (let seq = 18; seq <= reply().to; seq++) {
		const count = times.get(seq) ?? 0;
		// Of those that wait some may have left by the time that their place is looked at.
		ok(taken.has(seq) ? count === 1 : count === 1 || count === 2, `${seq}: ${count}`);
	}
});

for (const payload of [
	"",
	"17",
	"[]",
	"null",
	"{}",
	'{"to":5}',
	'{"from":0}',
	'{"from":1.5}',
	'{"from":"1"}',
	'{"from":5,"to":4}',
	'{"from":1,"to":4294967296}',
	'{"from":1,"to":null}',
])
	test(`${payload || "no payload"} is refused`, () => {
		const { commands, replies } = start(2);
		commands("readings", payload);
		deepEqual(replies(), [{ command: "readings", ok: false, error: 'needs numbers such as {"from":17,"to":42}' }]);
	});

test("one request is carried out at a time", () => {
	const { asks, pass, reply, late } = start(30);
	asks(1, 10);
	asks(1, 10);
	deepEqual(reply(), { command: "readings", ok: false, error: "another request for readings is carried out" });
	pass(3_000);
	// The first had left at once.
	equal(late().length, 9);
	asks(1, 2);
	pass(1_000);
	equal(reply().sent, 2);
});

test("where the broker refuses readings, it ends, and says so", () => {
	const { asks, broker, pass, replies } = start(30);
	broker.refusal = (topic) => (topic.endsWith("/reply") ? undefined : 0x97);
	pass(2_000);
	asks(1, 10);
	pass(2_000);
	deepEqual(replies(), [{ command: "readings", ok: false, error: "the broker does not take readings" }]);
});

test("a station that stops says that it ends, and begins no other", () => {
	const { asks, station, pass, replies } = start(30);
	asks(1, 20);
	pass(300);
	station.stop(() => {});
	pass(100);
	deepEqual(replies(), [{ command: "readings", ok: false, error: "the station stops" }]);
});

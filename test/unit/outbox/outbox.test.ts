/** What waits for the broker, in which order it goes, and what a restart leaves of it. */
import { FlashChip, type FlashOperation } from "../../../hosts/sim/devices/flash-chip.ts";
import type { Clock, Flash, Host } from "../../../src/host.ts";
import { crc16 } from "../../../src/outbox/crc16.ts";
import { Log } from "../../../src/outbox/log.ts";
import { Outbox, type OutboxSettings } from "../../../src/outbox/outbox.ts";
import { encodeReading, MEMO_NOTE } from "../../../src/outbox/record.ts";
import { parseSettings } from "../../../src/settings.ts";
import { bytesOf } from "../../../src/text.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";
import { makeEarlier } from "./drive-log.ts";

const NOON = Date.UTC(2026, 10, 21, 12);
const sampleOf = (temperature: number) => ({ thermometer: { temperature } });

type BoardOptions = Partial<OutboxSettings> & { readonly flash?: Flash | undefined };

/** A station's memory: flash that stays, and what is gone at each start. */
class Board {
	flash: Flash = new FlashChip({ blockLength: 256, blocks: 4 });
	now = 0;
	wall: number | undefined = NOON;
	readonly clock: Clock = {
		now: () => this.now,
		time: () => (this.wall === undefined ? undefined : this.wall + this.now),
	};
	readonly told: string[] = [];
	outbox!: Outbox;
	private readonly _options: BoardOptions;

	constructor(options: BoardOptions = {}) {
		this._options = options;
		this.start();
	}

	start(): this {
		const log: Host["log"] = (level, text) => this.told.push(`${level}: ${text}`);
		const { flash, ...settings } = { flash: this.flash, ...this._options };
		this.outbox = new Outbox(
			{ clock: this.clock, log, ...(flash && { flash }) },
			{ ...parseSettings({ outbox: 1_024, broker: "broker.example:1883" }), ...settings },
		);
		return this;
	}

	/** The power goes, and with it the time since the start. */
	restart(): this {
		this.now = 0;
		return this.start();
	}

	pushes(count: number): (number | undefined)[] {
		return Array.from({ length: count }, () => this.outbox.push(sampleOf(20), this.now));
	}

	/** The number of the next reading, unless there is none now; it stays in flight. */
	takes(now = this.now): number | undefined {
		return this.outbox.take(now)?.reading.seq;
	}

	/** Takes and acknowledges all that waits, in its time, and returns the numbers in their order. */
	delivers(): number[] {
		const numbers: number[] = [];
		for (;;) {
			const taken = this.outbox.take(this.now);
			if (taken) {
				numbers.push(taken.reading.seq);
				this.outbox.acknowledge(taken.handle);
				continue;
			}
			const { deadline } = this.outbox;
			ok(deadline > this.now, "who is told to wait is told until when");
			if (deadline === Number.POSITIVE_INFINITY) return numbers;
			this.now = deadline;
		}
	}
}

/** A board whose flash refuses one kind of operation while the fault is on. */
function failable(refused: FlashOperation, blockLength = 256) {
	const chip = new FlashChip({ blockLength, blocks: 4 });
	const fault = { on: false };
	chip.failing = (operation) => fault.on && operation === refused;
	return { board: new Board({ flash: chip }), fault };
}

/** All operations throw. */
const refusing = (flash: Flash): Flash => {
	const refuse = () => {
		throw new Error("worn out");
	};
	return { status: () => flash.status(), read: refuse, write: refuse, eraseBlock: refuse };
};

test("a reading goes at once, and leaves when it is acknowledged", () => {
	const { outbox } = new Board();
	equal(outbox.push(sampleOf(21.5), 0), 1);
	const taken = outbox.take(0)!;
	deepEqual(taken.reading, { seq: 1, time: NOON, sample: sampleOf(21.5) });
	equal(outbox.length, 1);
	equal(outbox.take(1_000), undefined, "it is not taken twice");
	equal(outbox.deadline, Number.POSITIVE_INFINITY);
	outbox.acknowledge(taken.handle);
	equal(outbox.length, 0);
});

test("after an outage the newest goes first, then the oldest, a tenth of a second apart", () => {
	const board = new Board();
	board.pushes(4);
	equal(board.takes(0), 4);
	equal(board.takes(0), 1);
	equal(board.takes(0), undefined);
	equal(board.outbox.deadline, 100);
	equal(board.takes(99), undefined);
	equal(board.takes(100), 2);
	equal(board.takes(200), 3);
	equal(board.takes(300), undefined);
	equal(board.outbox.deadline, Number.POSITIVE_INFINITY);
});

test("a reading of the meantime goes before what waits, and each goes once", () => {
	const board = new Board();
	board.pushes(3);
	equal(board.takes(0), 3);
	equal(board.takes(0), 1);
	board.pushes(1);
	equal(board.takes(1), 4, "it does not wait for the pace either");
	equal(board.takes(100), 2);
	equal(board.takes(10_000), undefined);
});

test("of two new readings that could not go at once, one waits its turn", () => {
	const board = new Board();
	board.pushes(2);
	deepEqual(board.delivers(), [2, 1]);
	board.pushes(3);
	deepEqual(board.delivers(), [5, 3, 4]);
});

test("in strict order the oldest goes first, always", () => {
	const board = new Board({ order: "oldest" });
	board.pushes(3);
	equal(board.takes(0), 1);
	board.pushes(1);
	equal(board.takes(100), 2);
	equal(board.takes(200), 3);
	equal(board.takes(300), 4);
});

test("what waited when the power went waits again, and the numbers go on", () => {
	const board = new Board();
	board.pushes(3);
	equal(board.takes(), 3);
	board.restart();
	equal(board.outbox.length, 3);
	deepEqual(board.pushes(1), [4]);
	deepEqual(board.delivers(), [4, 1, 2, 3]);
	board.restart();
	equal(board.outbox.length, 0);
	deepEqual(board.pushes(1), [5]);
});

test("a full log drops its oldest readings and counts them, across restarts, too", () => {
	const board = new Board();
	board.pushes(100);
	const { dropped } = board.outbox;
	equal(board.outbox.length + dropped, 100);
	ok(dropped > 50);
	equal(board.restart().outbox.dropped, dropped);
	const numbers = board.delivers();
	deepEqual(
		numbers,
		Array.from({ length: 100 - dropped }, (_, index) => dropped + 1 + index),
	);
});

test("a full log drops the newest if it is asked to; their numbers are gaps", () => {
	const board = new Board({ full: "newest" });
	const accepted = board.pushes(100).filter((seq) => seq !== undefined);
	equal(board.outbox.dropped, 100 - accepted.length);
	deepEqual(
		accepted,
		accepted.map((_, index) => index + 1),
	);
	deepEqual(board.delivers(), [accepted.at(-1), ...accepted.slice(0, -1)]);
	deepEqual(board.pushes(1), [101]);
});

test("a reading that was in flight when its block was given up is dropped only if it is not acknowledged", () => {
	const board = new Board();
	board.pushes(1);
	const { handle } = board.outbox.take(0)!;
	board.pushes(99);
	const { dropped } = board.outbox;
	board.outbox.acknowledge(handle);
	equal(board.outbox.dropped, dropped - 1);
});

test("flash that refuses is told of once; readings wait in RAM meanwhile, and go oldest first", () => {
	const board = new Board();
	board.pushes(1);
	const { flash } = board;
	board.flash = refusing(flash);
	board.start();
	deepEqual(board.told, ["error: flash: worn out; readings wait in RAM"]);
	board.pushes(3);
	deepEqual(board.told.length, 1);
	equal(board.outbox.length, 3);
	deepEqual(board.delivers(), [1, 2, 3]);
	equal(board.outbox.length, 0);
});

test("flash that works again is told of, and used", () => {
	const { board, fault } = failable("write");
	board.pushes(1);
	fault.on = true;
	board.pushes(2);
	fault.on = false;
	board.pushes(1);
	equal(board.told.length, 2);
	equal(board.told[1], "info: flash: works again");
	deepEqual(board.delivers().sort(), [1, 2, 3, 4]);
});

test("flash that cannot be read at the start is read as soon as it can be", () => {
	const { board, fault } = failable("read");
	board.pushes(3);
	fault.on = true;
	board.restart();
	deepEqual(board.pushes(1), [1]);
	fault.on = false;
	deepEqual(board.pushes(1), [4]);
	deepEqual(board.told, ["error: flash: flash read failed; readings wait in RAM", "info: flash: works again"]);
	equal(board.outbox.length, 5);
	deepEqual(board.delivers(), [4, 1, 1, 2, 3]);
});

test("without flash, readings wait in RAM, and go without a pace: new ones would not keep up with it", () => {
	const board = new Board({ flash: undefined });
	board.pushes(3);
	deepEqual([board.takes(0), board.takes(0)], [1, 2]);
	board.restart().pushes(3);
	equal(board.outbox.wear, undefined);
	deepEqual(board.delivers(), [1, 2, 3]);
	equal(board.restart().outbox.length, 0);
});

test("in strict order a new reading does not wait when nothing else does", () => {
	const board = new Board({ order: "oldest" });
	equal(board.takes(0), undefined);
	board.pushes(1);
	equal(board.takes(0), 1);
});

test("a reading that could not be read goes later, not never", () => {
	const { board, fault } = failable("read");
	board.pushes(3);
	board.restart();
	fault.on = true;
	equal(board.takes(0), undefined);
	fault.on = false;
	equal(board.outbox.deadline, 60_000);
	deepEqual(board.delivers(), [1, 2, 3]);
	equal(board.outbox.length, 0);
});

test("a new reading goes whether the flash can be read or not, and from the flash when it comes back", () => {
	const { board, fault } = failable("read");
	board.pushes(1);
	fault.on = true;
	const { handle, reading } = board.outbox.take(0)!;
	deepEqual(reading, { seq: 1, time: NOON, sample: sampleOf(20) });
	board.outbox.putBack(handle);
	equal(board.takes(0), undefined);
	fault.on = false;
	deepEqual(board.delivers(), [1]);
});

test("a reading that cannot be marked as acknowledged is not sent again, and marked when it can be", () => {
	const { board, fault } = failable("write");
	board.pushes(2);
	fault.on = true;
	deepEqual(board.delivers(), [2, 1]);
	board.now += 3_600_000;
	deepEqual(board.delivers(), []);
	equal(board.outbox.length, 0);
	fault.on = false;
	board.pushes(1);
	equal(board.outbox.length, 1);
	deepEqual(board.restart().delivers(), [3]);
});

test("while many readings cannot be marked, those that wait go on waiting, but new ones go", () => {
	const { board, fault } = failable("write", 4_096);
	board.pushes(100);
	fault.on = true;
	const takeAll = () => {
		const numbers: number[] = [];
		for (let taken = board.outbox.take(board.now, true); taken; taken = board.outbox.take(board.now, true)) {
			numbers.push(taken.reading.seq);
			board.outbox.acknowledge(taken.handle);
			ok(numbers.length < 300, "it ends");
		}
		return numbers;
	};
	const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
	deepEqual(takeAll(), [100, ...upTo(1, 63)], "a restart would send all of these again: that is enough");
	board.pushes(1);
	deepEqual(takeAll(), [101], "a new one goes, from RAM");
	fault.on = false;
	board.now += 60_000;
	deepEqual(takeAll(), upTo(64, 99));
	equal(board.outbox.length, 0);
});

test("a mark that the flash took and would not show hides no other reading that waits", () => {
	const chip = new FlashChip({ blockLength: 256, blocks: 4 });
	const board = new Board({ flash: chip, order: "oldest" });
	board.pushes(2);
	const first = board.outbox.take(0)!;
	let shown = 0;
	// The slot and no more can be read: the mark is written, and nobody sees it.
	chip.failing = (operation) => operation === "read" && ++shown > 1;
	board.outbox.acknowledge(first.handle);
	// The other one cannot be read either, so that the log doubts what it knows of the block.
	equal(board.takes(1_000), undefined);
	chip.failing = undefined;
	equal(board.outbox.length, 1);
	deepEqual(board.delivers(), [2]);
});

test("a reading that could not be marked before a restart is sent again", () => {
	const { board, fault } = failable("write");
	board.pushes(2);
	fault.on = true;
	deepEqual(board.delivers(), [2, 1]);
	fault.on = false;
	deepEqual(board.restart().delivers(), [1, 2]);
});

test("a sample that cannot be kept is refused, and uses up no number", () => {
	const board = new Board();
	throws(() => board.outbox.push(sampleOf(Number.NaN), 0), /temperature of NaN/);
	deepEqual(board.pushes(1), [1]);
});

const times = (board: Board) => {
	const found: Record<number, number | undefined> = {};
	for (let taken = board.outbox.take(1e9); taken; taken = board.outbox.take(1e9, true)) {
		found[taken.reading.seq] = taken.reading.time;
	}
	return found;
};

test("a reading from before the clock was set gets its time as soon as it is", () => {
	const board = new Board();
	board.wall = undefined;
	board.now = 5_000;
	board.pushes(1);
	board.now = 8_000;
	board.wall = NOON;
	deepEqual(times(board), { 1: NOON + 5_000 });
});

test("a reading from before the clock was set has no time until it is, and keeps that of its run after a restart", () => {
	const board = new Board();
	board.wall = undefined;
	board.now = 5_000;
	board.pushes(1);
	deepEqual(times(board), { 1: undefined });
	board.wall = NOON;
	board.now = 60_000;
	board.pushes(1);
	board.wall = NOON + 7_000_000;
	board.restart();
	deepEqual(times(board), { 1: NOON + 5_000, 2: NOON + 60_000 });
});

test("a run that ended before its clock was set leaves readings without a time, whatever came later", () => {
	const board = new Board();
	board.wall = undefined;
	board.now = 5_000;
	board.pushes(1);
	board.restart();
	board.now = 1_000;
	board.pushes(1);
	board.wall = NOON;
	board.restart();
	board.pushes(1);
	deepEqual(times(board), { 1: undefined, 2: undefined, 3: NOON });
});

test("each run's readings get their own run's time", () => {
	const board = new Board();
	for (const hour of [1, 2, 3]) {
		board.wall = undefined;
		board.restart();
		board.now = 1_000;
		board.pushes(1);
		board.wall = NOON + hour * 3_600_000;
		board.now = 2_000;
		equal(board.outbox.push(sampleOf(20), board.now), hour * 2);
	}
	board.restart();
	deepEqual(
		times(board),
		Object.fromEntries(
			[1, 2, 3, 4, 5, 6].map((seq) => [seq, NOON + Math.ceil(seq / 2) * 3_600_000 + (seq % 2 ? 1_000 : 2_000)]),
		),
	);
});

test("a run that could read its flash late gives its time to no reading of another run", () => {
	const { board, fault } = failable("read");
	board.wall = undefined;
	board.restart();
	board.now = 5_000;
	board.pushes(1);
	fault.on = true;
	board.wall = NOON;
	board.restart();
	board.now = 1_000;
	deepEqual(times(board), {});
	fault.on = false;
	board.now = 2_000;
	board.pushes(1);
	deepEqual(times(board), { 1: undefined, 2: NOON + 2_000 });
});

test("a clock that is set anew changes no label that was given", () => {
	const board = new Board();
	board.wall = undefined;
	board.pushes(2);
	board.wall = NOON;
	const first = board.outbox.take(0)!.reading.time;
	board.wall = NOON + 3_600_000;
	equal(board.outbox.take(0)!.reading.time, first);
});

for (const [what, newFlash] of [
	["in flash", () => new FlashChip({ blockLength: 256, blocks: 4 })],
	["in RAM", () => undefined],
] as const) {
	test(`a reading ${what} that is set aside waits for six hours, and what is behind it goes on`, () => {
		const board = new Board({ flash: newFlash(), order: "oldest" });
		board.pushes(1);
		const { handle } = board.outbox.take(0)!;
		board.pushes(2);
		board.outbox.setAside(handle, 0);
		deepEqual(board.delivers(), [2, 3]);
		deepEqual([board.outbox.length, board.outbox.aside, board.outbox.deadline], [1, 1, Number.POSITIVE_INFINITY]);
		equal(board.takes(21_599_999), undefined);
		equal(board.takes(21_600_000), 1);
		deepEqual([board.outbox.length, board.outbox.aside, board.outbox.dropped], [1, 0, 0]);
	});

	test(`of nine readings ${what} that are set aside, the first waits to be sent again`, () => {
		const board = new Board({ flash: newFlash(), order: "oldest" });
		board.pushes(9);
		for (let now = 0; now < 9_000; now += 1_000) board.outbox.setAside(board.outbox.take(now)!.handle, now);
		deepEqual([board.outbox.length, board.outbox.aside], [9, 8]);
		equal(board.takes(9_000), 1);
		equal(board.takes(10_000), undefined);
	});
}

test("a restart brings back what was set aside", () => {
	const board = new Board();
	board.pushes(2);
	board.outbox.setAside(board.outbox.take(0)!.handle, 0);
	deepEqual(board.restart().delivers(), [1, 2]);
});

test("readings that are set aside in RAM take up no room in the ring", () => {
	const board = new Board({ flash: undefined, outbox: 3 * 24 });
	board.pushes(1);
	board.outbox.setAside(board.outbox.take(0)!.handle, 0);
	for (let round = 0; round < 5; round++) {
		board.pushes(3);
		equal(board.delivers().length, 3);
	}
	equal(board.outbox.dropped, 0);
});

test("behind the last number there is none: what waits goes, no number comes twice, and a restart changes nothing", () => {
	const board = new Board();
	const last = 0xffff_ffff;
	new Log(board.flash).append(encodeReading({ seq: last - 2, when: NOON, run: undefined, sample: sampleOf(20) }));
	board.restart();
	deepEqual(board.pushes(2), [last - 1, last]);
	const ended = /^all numbers are used; erase the flash to begin anew$/;
	throws(() => board.pushes(1), ended);
	throws(() => board.restart().pushes(1), ended);
	equal(board.outbox.length, 3);
	deepEqual(board.delivers(), [last - 2, last - 1, last]);
	throws(() => board.restart().pushes(1), ended);
	deepEqual(board.told, []);
});

test("damaged readings behind the last number but one use up no more than there is", () => {
	const chip = new FlashChip({ blockLength: 256, blocks: 4 });
	const log = new Log(chip);
	const last = 0xffff_ffff;
	for (const seq of [last - 1, last, last]) log.append({ kind: 0, seq, body: new Uint8Array(0) });
	// In the body of the second and of the third, behind two headers.
	for (const slot of [3, 4]) chip.flipBit(8 * (256 + slot * 24 + 10));
	equal(new Log(chip).lastSeq, last);
});

test("the version that the broker took outlives a restart, but not another broker", () => {
	const flash = new FlashChip({ blockLength: 256, blocks: 4 });
	const board = new Board({ flash });
	equal(board.outbox.brokerTraits, undefined);
	board.outbox.keepBrokerTraits(4);
	board.pushes(3);
	equal(board.restart().outbox.brokerTraits, 4);
	board.outbox.keepBrokerTraits(3);
	equal(board.outbox.brokerTraits, 3);
	equal(board.restart().outbox.brokerTraits, 3);
	deepEqual(board.delivers(), [1, 2, 3]);
	const moved = new Board({ flash, broker: { host: "broker.example", port: 1884, tls: false } });
	equal(moved.outbox.brokerTraits, undefined);
	moved.outbox.keepBrokerTraits(4);
	equal(board.restart().outbox.brokerTraits, undefined);
});

test("the broker's version counts for 200 readings, however soon the log has gone round", () => {
	const board = new Board({ flash: new FlashChip({ blockLength: 4_096, blocks: 4 }) });
	board.outbox.keepBrokerTraits(4);
	const pass = (readings: number) => {
		for (let reading = 0; reading < readings; reading++) {
			board.pushes(1);
			board.delivers();
		}
	};
	pass(199);
	equal(board.outbox.brokerTraits, 4);
	equal(board.restart().outbox.brokerTraits, 4);
	pass(1);
	equal(board.outbox.brokerTraits, 4, "a run keeps what it has found");
	equal(board.restart().outbox.brokerTraits, undefined);
	const small = new Board();
	small.outbox.keepBrokerTraits(4);
	// Eight slots to a block, two blocks that are not open.
	for (let reading = 0; reading < 32; reading++) {
		small.pushes(1);
		small.delivers();
	}
	equal(small.restart().outbox.brokerTraits, 4);
	for (let reading = 32; reading < 200; reading++) {
		small.pushes(1);
		small.delivers();
	}
	equal(small.outbox.brokerTraits, 4);
	equal(small.restart().outbox.brokerTraits, undefined);
});

test("a note makes no reading go that a full log is to keep", () => {
	const board = new Board({ full: "newest" });
	const kept = board.pushes(40).filter((seq) => seq !== undefined);
	ok(kept.length < 40);
	const { dropped } = board.outbox;
	board.outbox.keepBrokerTraits(4);
	equal(board.outbox.dropped, dropped);
	board.wall = undefined;
	deepEqual(board.restart().delivers(), kept);
});

test("without flash the broker's version is known until the restart", () => {
	const board = new Board({ flash: undefined });
	board.outbox.keepBrokerTraits(4);
	equal(board.outbox.brokerTraits, 4);
	equal(board.restart().outbox.brokerTraits, undefined);
});

test("a memo outlives restarts, whatever its length; an empty one is none", () => {
	const board = new Board();
	equal(board.outbox.memo, undefined);
	for (const memo of ["a", "13-characters", "14 characters.", "1a2bhomeassistant", "x".repeat(68), "", "b"]) {
		board.outbox.keepMemo(memo);
		equal(board.outbox.memo, memo);
		board.pushes(1);
		equal(board.restart().outbox.memo, memo);
		equal(board.delivers().length, 1);
	}
	const ram = new Board({ flash: undefined });
	ram.outbox.keepMemo("a");
	equal(ram.outbox.memo, "a");
	equal(ram.restart().outbox.memo, undefined);
});

test("a memo of several notes that a power cut has left incomplete does not count: the one before it does", () => {
	const flash = new FlashChip({ blockLength: 256, blocks: 4 });
	const board = new Board({ flash });
	board.outbox.keepMemo("the one before it");
	const notes = ["<one that is lo", "nger than it>"].map((part) => ({ kind: MEMO_NOTE, seq: 0, body: bytesOf(part) }));
	const log = new Log(flash);
	log.append(notes[0]!);
	equal(board.restart().outbox.memo, "the one before it");
	// What follows is no end of it.
	board.outbox.keepMemo("a third one, behind it");
	equal(board.restart().outbox.memo, "a third one, behind it");
	const torn = new FlashChip({ blockLength: 256, blocks: 4 });
	new Log(torn).append(notes[1]!);
	equal(new Board({ flash: torn }).outbox.memo, undefined);
});

test("a memo is written again before the log has gone round, also where its first notes would be gone", () => {
	const board = new Board({ flash: new FlashChip({ blockLength: 4_096, blocks: 16 }) });
	board.outbox.keepMemo("1a2bhomeassistant");
	for (let readings = 0; readings < 6_000; readings += 100) {
		board.pushes(100);
		board.delivers();
	}
	equal(board.restart().outbox.memo, "1a2bhomeassistant");
});

test("a memo and what is known of the broker are taken over from a flash of an earlier version", () => {
	const flash = new FlashChip({ blockLength: 256, blocks: 4 });
	const log = new Log(flash);
	const address = bytesOf("broker.example:1883");
	const broker = crc16(address, 0, address.length);
	log.append({ kind: 0x81, seq: 0, body: Uint8Array.of(broker >> 8, broker & 0xff, 21) });
	for (const part of ["<of two notes, ", "so it is>"]) log.append({ kind: 0x82, seq: 0, body: bytesOf(part) });
	for (let seq = 1; seq <= 17; seq++) {
		const reading = { seq, when: NOON, run: undefined, sample: sampleOf(20) };
		log.acknowledge(log.append(encodeReading(reading)));
	}
	makeEarlier(flash);
	const board = new Board({ flash });
	for (let readings = 0; readings < 200; readings++) {
		if (readings % 10 === 0) {
			const { memo, brokerTraits } = board.restart().outbox;
			deepEqual([memo, brokerTraits], ["of two notes, so it is", 17 + readings < 200 ? 21 : undefined]);
		}
		board.pushes(1);
		board.delivers();
	}
});

test("a power cut at any moment loses no number, no memo and nothing that is known of the broker", () => {
	const board = new Board();
	board.outbox.keepMemo("a text over two notes");
	board.outbox.keepBrokerTraits(21);
	let cuts = 0;
	for (let seq = 1; seq <= 40; seq++) {
		const image = (board.flash as FlashChip).image.slice();
		const { length, dropped } = board.outbox;
		for (let cutAfter = 0, isCut = true; isCut; cutAfter++) {
			const flash = new FlashChip({ blockLength: 256, blocks: 4, image: image.slice() });
			const other = new Board({ flash });
			flash.cutAfter = cutAfter;
			other.pushes(1);
			isCut = !flash.powered;
			if (isCut) cuts++;
			flash.powerOn();
			const { outbox } = other.restart();
			deepEqual([outbox.memo, outbox.brokerTraits], ["a text over two notes", 21], `${seq}, ${cutAfter}`);
			const kept = outbox.length + outbox.dropped - length - dropped;
			deepEqual(other.pushes(1), [seq + kept], `${seq}, ${cutAfter}`);
		}
		board.pushes(1);
		if (seq % 3 === 0) board.outbox.acknowledge(board.outbox.take(board.now)!.handle);
	}
	ok(cuts > 1_000, `${cuts} cuts`);
});

test("a memo makes no reading go that a full log is to keep", () => {
	const board = new Board({ full: "newest" });
	const kept = board.pushes(40).filter((seq) => seq !== undefined);
	const { dropped } = board.outbox;
	board.outbox.keepMemo("x".repeat(100));
	equal(board.outbox.memo, "x".repeat(100));
	equal(board.outbox.dropped, dropped);
	deepEqual(board.restart().delivers(), kept);
});

/** All that a search finds from a number on: the numbers, those that wait with a ! behind them. */
function searched({ outbox }: Board, from: number): string[] {
	const seen: string[] = [];
	let steps = 0;
	for (let found = outbox.search(outbox.placeOf(from), from); found; found = outbox.search(found.place, from)) {
		if (found.reading) seen.push(`${found.reading.seq}${found.isWaiting ? "!" : ""}`);
		ok(++steps < 1_000, "it comes to an end");
	}
	return seen;
}

test("a search finds what is still in the flash, acknowledged or not, also after a restart", () => {
	const board = new Board({ flash: new FlashChip({ blockLength: 1_024, blocks: 4 }) });
	deepEqual(searched(board, 1), []);
	board.pushes(3);
	board.delivers();
	board.pushes(2);
	const taken = board.outbox.take(board.now)!;
	for (const { outbox } of [board, board.restart()]) {
		deepEqual(searched(board, 1), ["1", "2", "3", "4!", "5!"]);
		deepEqual(searched(board, 3), ["3", "4!", "5!"]);
		deepEqual(searched(board, 6), []);
		equal(outbox.lastKept, 5);
	}
	equal(taken.reading.seq, 5);
});

test("a search of a log that has gone round begins with what is left, and near the number", () => {
	const chip = new FlashChip({ blockLength: 256, blocks: 4 });
	const board = new Board({ flash: chip });
	let reads = 0;
	chip.failing = (operation) => {
		if (operation === "read") reads++;
		return false;
	};
	for (let seq = 1; seq <= 60; seq++) {
		board.pushes(1);
		board.delivers();
		board.now += 1_000;
	}
	// A block has eight readings; three blocks are in use.
	const all = searched(board, 1);
	ok(all.length >= 16 && all.length <= 24, `${all.length}`);
	deepEqual(
		all,
		Array.from({ length: all.length }, (_, index) => `${61 - all.length + index}`),
	);
	reads = 0;
	deepEqual(searched(board, 60), ["60"]);
	ok(reads < 20, `${reads} reads`);
});

test("a reading that is acknowledged, and not marked yet, does not wait; of damaged records none is found", () => {
	const chip = new FlashChip({ blockLength: 1_024, blocks: 4 });
	const board = new Board({ flash: chip });
	board.pushes(3);
	const taken = board.outbox.take(board.now)!;
	chip.failing = (operation) => operation === "write";
	board.outbox.acknowledge(taken.handle);
	chip.failing = undefined;
	deepEqual(searched(board, 1), ["1!", "2!", "3"]);
	chip.image.fill(0, 1_024 + 3 * 24 + 4, 1_024 + 3 * 24 + 8);
	deepEqual(searched(board, 1), ["1!", "3"]);
});

test("an acknowledged reading of an earlier run whose time was never written has none, and not this run's", () => {
	const board = new Board({ flash: new FlashChip({ blockLength: 1_024, blocks: 4 }) });
	board.wall = undefined;
	board.pushes(1);
	board.delivers();
	board.restart();
	board.now = 5_000;
	board.pushes(1);
	board.wall = NOON;
	board.pushes(1);
	const found = [1, 2, 3].map((seq) => board.outbox.search(board.outbox.placeOf(seq), seq)!.reading!);
	deepEqual(
		found.map(({ seq, time }) => [seq, time]),
		[
			[1, undefined],
			[2, NOON + 5_000],
			[3, NOON + 5_000],
		],
	);
});

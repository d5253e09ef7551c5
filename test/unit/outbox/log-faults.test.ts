import type { FlashChip, FlashOperation } from "../../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../../hosts/sim/devices/random.ts";
import type { Bytes } from "../../../src/host.ts";
import { isLog, Log } from "../../../src/outbox/log.ts";
import { SLOT_BYTES } from "../../../src/outbox/slot.ts";
import { deepEqual, equal, fail, ok, test, throws } from "../../harness/harness.ts";
import {
	attempt,
	BLOCK_LENGTH,
	BLOCKS,
	create,
	fill,
	filled,
	mount,
	NOTE,
	positions,
	record,
	SMALL,
	type State,
	seqs,
} from "./drive-log.ts";

/** Readings, notes and acknowledgements over a good turn of the ring, each as what is done to a log. */
function script(): ((log: Log) => void)[] {
	const steps: ((log: Log) => void)[] = [];
	const append = (count: number) => {
		for (let done = 0; done < count; done++) steps.push((log) => log.append(record(log.lastSeq + 1)));
	};
	const acknowledge = (...indexes: number[]) => {
		for (const index of indexes) steps.push((log) => log.acknowledge(positions(log)[index]!));
	};
	append(2);
	acknowledge(1);
	steps.push((log) => log.append(record(log.lastSeq, NOTE)));
	append(7);
	acknowledge(3, 0);
	append(3);
	steps.push((log) => log.append(record(log.lastSeq, NOTE)));
	acknowledge(4);
	append(6);
	return steps;
}

/** What a log may be after a cut: as before, as after the operation, or with the block open that it needs. */
function outcomes(image: Bytes, operation: (log: Log) => void): { states: State[]; after: Bytes } {
	const chip = create(image, ...SMALL);
	const { log, state: before } = mount(chip, ...SMALL);
	const { erases } = log;
	operation(log);
	const after = mount(chip.image, ...SMALL).state;
	const states = [before, after];
	if (log.erases > erases)
		states.push({ ...mount(withoutLast(chip.image, log), ...SMALL).state, lastSeq: before.lastSeq });
	return { states, after: chip.image };
}

/** The image of a log without the record that was just the first of its block. */
function withoutLast(image: Bytes, log: Log): Bytes {
	const at = (log.erases % SMALL[1]) * SMALL[0] + 2 * 24;
	return image.slice().fill(0xff, at, at + 24);
}

/** The image that a power cut leaves after `cutAfter` steps of an operation, or `undefined` if it was done by then. */
function cut(image: Bytes, cutAfter: number, operation: (log: Log) => void, seed: number): Bytes | undefined {
	const chip = create(image, ...SMALL, seed);
	chip.cutAfter = cutAfter;
	attempt(() => operation(new Log(chip)));
	equal(chip.overwrites, 0);
	return chip.powered ? undefined : chip.image;
}

const oneOf = (state: State, states: State[], where: string) => {
	const text = JSON.stringify(state);
	if (!states.some((other) => JSON.stringify(other) === text)) fail(`${where}: ${text} of ${JSON.stringify(states)}`);
};

test("a power cut at any moment loses no reading, no count and no number, nor does a second one", () => {
	const appendNext = (log: Log) => void log.append(record(log.lastSeq + 1));
	let image: Bytes = create(undefined, ...SMALL).image;
	let cuts = 0;
	for (const [index, operation] of script().entries()) {
		const { states, after } = outcomes(image, operation);
		for (let cutAfter = 0; ; cutAfter++) {
			const where = `operation ${index} cut after ${cutAfter}`;
			const left = cut(image, cutAfter, operation, index * 1_000 + cutAfter);
			if (left === undefined) break;
			cuts++;
			const { state } = mount(left, ...SMALL);
			oneOf(state, states, where);
			// The log goes on, also after a second cut while it starts or goes on.
			const second = (cutAfter * 7) % 83;
			const again = cut(left, second, appendNext, cutAfter);
			const { states: nextStates, after: next } = outcomes(left, appendNext);
			deepEqual(nextStates[1]!.lastSeq, state.lastSeq + 1);
			equal(nextStates[1]!.waiting + nextStates[1]!.dropped, state.waiting + state.dropped + 1);
			if (again) oneOf(mount(again, ...SMALL).state, nextStates, `${where} and again after ${second}`);
			else deepEqual(mount(next, ...SMALL).state, nextStates[1]);
		}
		image = after;
	}
	ok(cuts > 900, `${cuts} cuts`);
});

test("a reading that a cut left without its mark is as good as any other from the next start on", () => {
	const { image } = filled(1, ...SMALL);
	const second = SMALL[0] + 3 * 24;
	let unmarked = 0;
	for (let seed = 0; seed < 20; seed++) {
		// The cut comes within the mark, which is the 25th byte.
		const chip = create(cut(image, 24, (log) => fill(log, 2, 2), seed)!, ...SMALL);
		if (chip.image[second] === 0xff) unmarked++;
		equal(mount(chip, ...SMALL).state.lastSeq, 2);
		// It may have been sent by now: a bit error must not free its number.
		chip.flipBit((second + 9) * 8);
		deepEqual(mount(chip, ...SMALL).state, { records: ["1:2"], waiting: 1, dropped: 1, lastSeq: 2 });
	}
	ok(unmarked > 0);
});

test("a start that writes a mark sets no bit of what is there", () => {
	const chip = filled(2, ...SMALL);
	const second = SMALL[0] + 3 * 24;
	chip.image[second] = 0xbf;
	equal(mount(chip, ...SMALL).state.waiting, 2);
	deepEqual([chip.image[second], chip.overwrites], [0xb0, 0]);
});

/** A small log with all there can be: given up, acknowledged, waiting, void, torn, blank, notes. */
function assorted(): FlashChip {
	const chip = create(undefined, ...SMALL);
	const log = new Log(chip);
	const [, , , fourth] = fill(log, 1, 5);
	log.append(record(5, NOTE));
	log.acknowledge(fourth!);
	fill(log, 6, 6);
	let writes = 0;
	chip.failing = (operation) => operation === "write" && ++writes === 1 && 0.5;
	fill(log, 7, 7);
	chip.failing = undefined;
	fill(log, 8, 8);
	log.append(record(8, NOTE));
	const [ninth, tenth] = fill(log, 9, 11);
	log.acknowledge(ninth!);
	log.acknowledge(tenth!);
	equal(log.erases, 5);
	return chip;
}

test("a single bit error loses no more than the reading it is in, which is counted", () => {
	const { image } = assorted();
	const { state: before } = mount(image, ...SMALL);
	deepEqual(before, { records: ["6:2", "7:3", "8:4", "8:132", "11:2"], waiting: 4, dropped: 4, lastSeq: 11 });
	let lost = 0;
	for (let bit = 0; bit < image.length * 8; bit++) {
		const chip = create(image, ...SMALL);
		const running = new Log(chip);
		chip.flipBit(bit);
		const { log, state } = mount(chip.image, ...SMALL);
		equal(state.waiting + state.dropped, before.waiting + before.dropped, `bit ${bit}`);
		ok(state.dropped === before.dropped || state.dropped === before.dropped + 1, `bit ${bit}`);
		lost += state.dropped - before.dropped;
		ok(state.records.length >= before.records.length - 1, `bit ${bit}`);
		const missing = before.records.filter((text) => !state.records.includes(text));
		equal(state.records.length + missing.length, before.records.length);
		equal(state.lastSeq, 11, `bit ${bit}`);
		// The log that was running meanwhile finds the same.
		deepEqual(positions(running), positions(log));
		deepEqual([running.waiting, running.dropped], [log.waiting, log.dropped], `bit ${bit}`);
		if (Math.floor(bit / 8 / SMALL[0]) !== log.erases % SMALL[1]) continue;
		running.append(record(12));
		ok(seqs(running).includes(12), `bit ${bit}`);
	}
	equal(lost, 4 * 23 * 8, "each bit but those of the marks");
});

test("a note behind the last reading uses no number, whatever one bit of it became, but for its kind and its number", () => {
	const { image } = assorted();
	const log = new Log(create(image, ...SMALL));
	const position = log.append(record(11, NOTE));
	const chip = create(image, ...SMALL);
	new Log(chip).append(record(11, NOTE));
	const slots = Math.floor(SMALL[0] / 24);
	const offset = (Math.floor(position / slots) % SMALL[1]) * SMALL[0] + (position % slots) * 24;
	equal(chip.image[offset + 3], NOTE);
	for (let bit = 0; bit < 24 * 8; bit++) {
		const damaged = create(chip.image, ...SMALL);
		damaged.flipBit(offset * 8 + bit);
		const { lastSeq } = mount(damaged.image, ...SMALL).state;
		// Bit 7 of the kind may be that of a reading, whose number would then be in use.
		const isDoubtful = bit === 3 * 8 + 7 || (bit >= 4 * 8 && bit < 8 * 8);
		equal(lastSeq, isDoubtful ? 12 : 11, `bit ${bit}`);
	}
});

test("numbers of damaged readings are not given again", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 4);
	log.acknowledge(15);
	for (const slot of [4, 5]) chip.flipBit((BLOCK_LENGTH + slot * 24 + 9) * 8);
	const { state } = mount(chip.image);
	deepEqual(state, { records: ["1:2", "2:3"], waiting: 2, dropped: 1, lastSeq: 4 });
	fill(log, 5, 5);
	deepEqual(mount(chip.image).state.lastSeq, 5);
	fill(log, 6, 9);
	deepEqual(mount(chip.image).state.lastSeq, 9);
});

test("damage that a running log finds is counted once, however often it is read, and not again by a later start", () => {
	const chip = create();
	const log = new Log(chip);
	const [first, second] = fill(log, 1, 4);
	chip.flipBit((BLOCK_LENGTH + 2 * 24 + 20) * 8);
	for (let times = 0; times < 3; times++) {
		equal(log.read(first!), undefined);
		equal(log.next(0), second);
		deepEqual([log.waiting, log.dropped, log.lastSeq], [3, 1, 4]);
	}
	fill(log, 5, 24);
	for (let starts = 0; starts < 2; starts++) equal(mount(chip).state.dropped, 1);
	log.append(record(25));
	deepEqual([log.waiting, log.dropped], [17, 8]);
	equal(mount(chip.image).state.dropped, 8);
});

test("a reading that is damaged while its acknowledgement is on the way was not lost", () => {
	for (const noticed of [false, true]) {
		const chip = create();
		const log = new Log(chip);
		const [, second] = fill(log, 1, 3);
		chip.flipBit((BLOCK_LENGTH + 3 * 24 + 20) * 8);
		if (noticed) equal(log.read(second!), undefined);
		log.acknowledge(second!);
		deepEqual([log.waiting, log.dropped], [2, 0]);
		deepEqual(mount(chip.image).state, { records: ["1:2", "3:4"], waiting: 2, dropped: 0, lastSeq: 3 });
	}
});

test("damage that goes away again leaves the counts right", () => {
	const chip = filled(1);
	const bit = (BLOCK_LENGTH + 2 * 24 + 20) * 8;
	chip.flipBit(bit);
	const log = new Log(chip);
	deepEqual([log.waiting, log.dropped], [0, 1]);
	chip.flipBit(bit);
	deepEqual(log.read(12), record(1));
	log.acknowledge(12);
	deepEqual([log.waiting, log.dropped], [0, 0]);
});

test("a header whose copies are damaged in different bits, up to four in each, is read", () => {
	const { image } = filled(5);
	const { state: expected } = mount(image);
	// The first block that is opened is the second one.
	const start = BLOCK_LENGTH;
	const random = createRandom(7);
	const damaged = (first: readonly number[], second: readonly number[]) => {
		const copy = image.slice();
		for (const bit of first) copy[start + (bit >> 3)]! ^= 1 << (bit & 7);
		for (const bit of second) copy[start + SLOT_BYTES + (bit >> 3)]! ^= 1 << (bit & 7);
		return copy;
	};
	// The mark decides nothing.
	const [least, bits] = [8, 8 * SLOT_BYTES];
	for (let bit = least; bit < bits; bit++) {
		const other = least + ((bit - least + 1 + Math.floor(random() * (bits - least - 1))) % (bits - least));
		deepEqual(mount(damaged([bit], [other])).state, expected, `${bit} and ${other}`);
	}
	for (let round = 0; round < 40; round++) {
		const drawn = new Set<number>();
		while (drawn.size < 8) drawn.add(least + Math.floor(random() * (bits - least)));
		const all = [...drawn];
		deepEqual(mount(damaged(all.slice(0, 4), all.slice(4))).state, expected, all.join());
	}
	// In the same bit: nobody can tell, and the log begins anew.
	equal(mount(damaged([77], [77])).state.lastSeq, 0);
});

test("what is no header is not taken for one, in however few bits its halves differ", () => {
	const random = createRandom(11);
	for (let round = 0; round < 200; round++) {
		const image = Uint8Array.from({ length: BLOCKS * BLOCK_LENGTH }, () => Math.floor(random() * 256));
		for (let block = 0; block < BLOCKS; block++) {
			const at = block * BLOCK_LENGTH;
			image.copyWithin(at + SLOT_BYTES, at, at + SLOT_BYTES);
			for (let count = 0; count < 8; count++) image[at + Math.floor(random() * SLOT_BYTES)]! ^= 1 << (count & 7);
		}
		deepEqual(mount(image).state, { records: [], waiting: 0, dropped: 0, lastSeq: 0 });
		equal(isLog(image, BLOCK_LENGTH), false);
	}
});

test("a block whose header is damaged twice keeps its readings if a newer one follows", () => {
	const chip = filled(24);
	for (const block of [1, 2]) for (const copy of [0, 1]) chip.flipBit((block * BLOCK_LENGTH + copy * 24 + 9) * 8);
	const { log, state } = mount(chip);
	deepEqual([state.waiting, state.dropped, state.lastSeq], [24, 0, 24]);
	fill(log, 25, 33);
	deepEqual([mount(chip).state.waiting, mount(chip).state.dropped], [17, 16]);
});

/**
 * Appends readings and notes and acknowledges some, with the operation number `index` failing after `done` of its work.
 * Returns whether there was one.
 */
function failOnce(index: number, done: boolean | number): boolean {
	const chip = create();
	let asked = 0;
	let failed: FlashOperation | undefined;
	const log = new Log(chip);
	chip.failing = (operation) => {
		if (asked++ !== index) return false;
		failed = operation;
		return done;
	};
	const where = () => `${failed} ${index} failing with ${done} done`;
	let seq = 0;
	let acknowledged = 0;
	for (let step = 0; step < 34; step++) {
		for (const next of [record(++seq), ...(step % 11 === 5 ? [record(seq, NOTE)] : [])]) {
			// Only an erase has no second try; the owner's next one succeeds.
			if (attempt(() => log.append(next))) continue;
			equal(failed, "erase", where());
			log.append(next);
		}
		if (step % 3 === 0) {
			const oldest = log.next(0);
			if (oldest !== undefined) {
				log.acknowledge(oldest);
				acknowledged++;
			}
		}
		ok(log.waiting + log.dropped + acknowledged >= seq, where());
	}
	chip.failing = undefined;
	const { state } = mount(chip.image);
	deepEqual([state.waiting, state.dropped, state.lastSeq], [log.waiting, log.dropped, seq], where());
	// A note does no harm twice.
	const readings = state.records.filter((text) => Number(text.split(":")[1]) < 0x80);
	equal(new Set(readings).size, readings.length, where());
	// An acknowledgement that failed is repeated: it counts twice here.
	const count = state.waiting + state.dropped + acknowledged;
	ok(count === seq || (failed !== "erase" && count === seq + 1), `${where()}: ${count} for ${seq}`);
	return failed !== undefined;
}

test("any one operation may fail, with or without its work done: no reading is lost or doubled", () => {
	for (const done of [true, 0.4, 1]) {
		let index = 0;
		while (failOnce(index, done)) index += done === true ? 1 : 3;
		ok(index > 150, `${index} operations`);
	}
});

test("a flash that keeps nothing makes append throw after a bounded number of operations, and serves again later", () => {
	const chip = create();
	const log = new Log(chip);
	const given = fill(log, 1, 7);
	let operations = 0;
	chip.failing = (operation) => {
		operations++;
		return operation === "write";
	};
	throws(() => log.append(record(8)), /^the flash (does not keep written data|keeps no header)$/);
	ok(operations < 12, `${operations} operations`);
	for (let times = 0; times < 5; times++) ok(!attempt(() => log.append(record(8))));
	log.acknowledge(given[0]!);
	deepEqual([log.waiting, log.dropped, log.lastSeq], [7, 0, 7]);
	chip.failing = () => true;
	equal(log.next(0), undefined);
	equal(log.read(given[0]!), undefined);
	log.acknowledge(given[0]!);
	ok(!attempt(() => log.append(record(8))));
	equal(log.waiting, 7);
	chip.failing = undefined;
	log.acknowledge(given[0]!);
	fill(log, 8, 8);
	deepEqual(seqs(log), [2, 3, 4, 5, 6, 7, 8]);
	deepEqual(mount(chip.image).state.records.length, 7);
});

test("slots that keep a bit are skipped, also into the next block", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 7);
	// The last slot of block 1 and the first one of block 2.
	chip.failing = (operation, offset) =>
		operation === "write" && (offset === BLOCK_LENGTH + 9 * 24 || offset === 2 * BLOCK_LENGTH + 2 * 24) && 0.9;
	equal(log.append(record(8)), 23);
	deepEqual(seqs(log), [1, 2, 3, 4, 5, 6, 7, 8]);
	const { state } = mount(chip.image);
	deepEqual([state.waiting, state.dropped, state.lastSeq], [8, 0, 8]);
});

test("a header that is kept once is enough, and with none the block is opened anew", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 24);
	chip.failing = (operation, offset) => operation === "write" && offset === 0;
	fill(log, 25, 25);
	chip.failing = (operation, offset) => operation === "write" && offset >= BLOCK_LENGTH && offset < BLOCK_LENGTH + 48;
	fill(log, 26, 32);
	deepEqual([log.waiting, log.dropped], [24, 8]);
	throws(() => log.append(record(33)), /^the flash keeps no header$/);
	deepEqual([log.waiting, log.dropped, log.erases], [24, 8, 4]);
	equal(mount(chip.image).state.dropped, 8);
	chip.failing = undefined;
	fill(log, 33, 33);
	deepEqual([log.waiting, log.dropped, log.erases], [17, 16, 5]);
	equal(mount(chip.image).state.dropped, 16);
});

/** Appends `seq` so that what its first slot holds can neither be read at first nor voided: it is in two slots then. */
function appendTwice(chip: FlashChip, log: Log, seq: number): void {
	let asked = 0;
	// The slot is written, not verified, not voided, and its mark not read.
	chip.failing = () => ++asked >= 2 && asked <= 4;
	log.append(record(seq));
	chip.failing = undefined;
}

test("a reading that is in two slots, because the flash would not say, waits once", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 2);
	appendTwice(chip, log, 3);
	deepEqual(seqs(log), [1, 2, 3]);
	deepEqual(mount(chip.image).state.records.length, 4, "the next start would find both");
	fill(log, 4, 4);
	deepEqual(mount(chip.image).state.records.length, 4, "the first one is void as soon as the flash voids it");
	deepEqual(seqs(log), [1, 2, 3, 4]);
});

test("a slot that could not be voided is left alone when its block is in use again", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 1);
	appendTwice(chip, log, 2);
	// Voiding goes on failing until the block holds other readings.
	const write = chip.write.bind(chip);
	let refused = 0;
	chip.write = (bytes, offset) => {
		if (bytes.length > 1 || bytes[0] !== 0x0f || ++refused > 44) return write(bytes, offset);
		throw new Error("refused");
	};
	fill(log, 3, 52);
	deepEqual(
		seqs(log),
		Array.from({ length: log.waiting }, (_, index) => 53 - log.waiting + index),
	);
	equal(log.waiting + log.dropped, 52);
});

test("slots that took nothing are left behind, whatever is counted anew meanwhile", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 2);
	chip.failing = (operation) => operation === "write";
	throws(() => log.append(record(3)), /^the flash does not keep written data$/);
	chip.failing = undefined;
	// Damage to the first reading has its block counted anew.
	chip.flipBit((2 * 24 + 9) * 8 + BLOCK_LENGTH * 8);
	deepEqual(seqs(log), [2]);
	fill(log, 3, 4);
	deepEqual(seqs(log), [2, 3, 4]);
});

test("damage is found when a reading is read, and by each start from then on", () => {
	const chip = create();
	const log = new Log(chip);
	// Kinds that no note belongs to: a start does not read them.
	for (let seq = 1; seq <= 10; seq++) log.append(record(seq, 1));
	chip.flipBit((BLOCK_LENGTH + 4 * 24 + 20) * 8);
	const before = new Log(chip);
	deepEqual([before.waiting, before.dropped], [10, 0]);
	equal(before.read(14), undefined);
	deepEqual([before.waiting, before.dropped], [9, 1]);
	for (let starts = 0; starts < 2; starts++) {
		const again = new Log(chip);
		deepEqual([again.waiting, again.dropped], [9, 1]);
	}
	// The header that says so is read in spite of it, also with damage of its own.
	for (const bit of [9 * 8, 12 * 8 + 3]) chip.flipBit(BLOCK_LENGTH * 8 + bit);
	chip.flipBit((BLOCK_LENGTH + 24 + 17) * 8);
	deepEqual([new Log(chip).waiting, new Log(chip).dropped], [9, 1]);
	equal(chip.overwrites, 0);
});

test("a power cut while damage is noted leaves it found or not, and all else as it was", () => {
	const { image } = filled(10);
	let cuts = 0;
	for (let cutAfter = 0; ; cutAfter++) {
		const chip = create(image, undefined, undefined, cutAfter);
		// Of the fifth, to which no note belongs.
		chip.flipBit((BLOCK_LENGTH + 6 * 24 + 20) * 8);
		const log = new Log(chip);
		chip.cutAfter = cutAfter;
		let counted = 0;
		chip.onPowerCut = () => (counted = log.dropped);
		log.read(16);
		if (!attempt(() => ok(log.dropped === 1 && chip.powered))) {
			cuts++;
			equal(counted, 0, "it does not count before it is noted");
		}
		const again = new Log(create(chip.image));
		ok(again.waiting + again.dropped === 10 && again.lastSeq === 10);
		if (chip.powered) break;
	}
	ok(cuts === 2, `${cuts} cuts`);
});

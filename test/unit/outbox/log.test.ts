import type { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../../hosts/sim/devices/random.ts";
import type { Bytes } from "../../../src/host.ts";
import { crc16 } from "../../../src/outbox/crc16.ts";
import { Log } from "../../../src/outbox/log.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";
import {
	BLOCK_LENGTH,
	BLOCKS,
	create,
	fill,
	filled,
	makeEarlier,
	mount,
	NOTE,
	positions,
	record,
	SLOTS,
	seqs,
} from "./drive-log.ts";

test("the CRC is the catalogued one, and neither erased nor zeroed flash has a right one", () => {
	// The digits 1 to 9 give the check value of CRC catalogues.
	const digits = Uint8Array.from({ length: 11 }, (_, index) => 0x30 + index);
	equal(crc16(digits, 1, 10), 0x29b1);
	ok(crc16(new Uint8Array(21).fill(0xff), 0, 21) !== 0xffff);
	ok(crc16(new Uint8Array(21), 0, 21) !== 0);
});

test("a blank flash is an empty log, and nothing is written before the first record", () => {
	const chip = create();
	const { log, state } = mount(chip);
	deepEqual(state, { records: [], waiting: 0, dropped: 0, lastSeq: 0 });
	deepEqual([log.erases, log.writes, chip.writes, log.full], [0, 0, 0, false]);
	equal(log.next(0), undefined);
	equal(log.read(0), undefined);
	equal(log.read(13), undefined);
});

test("a flash that is too small or cannot be read is refused", () => {
	throws(() => new Log(create(undefined, 256, 2)), /^the flash is too small$/);
	throws(() => new Log(create(undefined, 71, 4)), /^the flash is too small$/);
	equal(new Log(create(undefined, 72, 3)).append(record(1)), 5);
	const chip = create();
	chip.failing = () => true;
	throws(() => new Log(chip), /^flash read failed$/);
});

test("readings are read as they were written, until they are acknowledged", () => {
	const chip = create();
	const { log } = mount(chip);
	const [first, second, third] = fill(log, 1, 3);
	ok(first! < second! && second! < third!);
	deepEqual(seqs(log), [1, 2, 3]);
	deepEqual(log.read(second!), record(2));
	log.acknowledge(second!);
	equal(log.read(second!), undefined);
	deepEqual(seqs(log), [1, 3]);
	log.acknowledge(second!);
	equal(log.waiting, 2);
	equal(log.next(first! + 1), third);
	deepEqual(mount(chip.image).state, { records: ["1:2", "3:4"], waiting: 2, dropped: 0, lastSeq: 3 });
	log.acknowledge(first!);
	log.acknowledge(third!);
	equal(log.next(0), undefined);
	deepEqual(mount(chip.image).state, { records: [], waiting: 0, dropped: 0, lastSeq: 3 });
	deepEqual([log.erases, log.writes, chip.overwrites], [1, 3, 0]);
});

test("a flash may answer with parts of larger arrays", () => {
	const chip = create();
	const log = new Log({
		status: () => chip.status(),
		read: (length, offset) => new Uint8Array(chip.read(length + 3, offset)).subarray(0, length),
		write: (bytes, offset) => chip.write(bytes, offset),
		eraseBlock: (block) => chip.eraseBlock(block),
	});
	fill(log, 1, 3);
	deepEqual(seqs(log), [1, 2, 3]);
});

test("a short body is filled up with zeros, and one that is too long is refused", () => {
	const chip = create();
	const log = new Log(chip);
	const position = log.append({ kind: 0, seq: 0xffff_ffff, body: Uint8Array.of(7) });
	const body = new Uint8Array(15);
	body[0] = 7;
	deepEqual(log.read(position), { kind: 0, seq: 0xffff_ffff, body });
	const { writes } = chip;
	ok(throws(() => log.append({ kind: 1, seq: 2, body: new Uint8Array(16) }), /./) instanceof RangeError);
	equal(chip.writes, writes);
});

test("notes never wait, use no number, and are told with the waiting readings in the order they were written", () => {
	const chip = create();
	const log = new Log(chip);
	const [first] = fill(log, 1, 2);
	const note = log.append(record(2, NOTE));
	fill(log, 3, 3);
	log.append(record(3, 0x80));
	deepEqual(seqs(log), [1, 2, 3]);
	equal(log.read(note), undefined);
	log.acknowledge(note);
	log.acknowledge(first!);
	equal(log.waiting, 2);
	deepEqual(mount(chip.image).state, { records: ["2:3", "2:132", "3:4", "3:128"], waiting: 2, dropped: 0, lastSeq: 3 });
});

test("a full log drops its oldest block and counts what was waiting in it", () => {
	const chip = create();
	const log = new Log(chip);
	const [first, second] = fill(log, 1, 24);
	equal(log.full, true);
	log.acknowledge(first!);
	log.append(record(25));
	deepEqual([log.waiting, log.dropped, log.full], [17, 7, false]);
	deepEqual(
		seqs(log),
		Array.from({ length: 17 }, (_, index) => 9 + index),
	);
	equal(log.read(second!), undefined);
	deepEqual([mount(chip.image).state.dropped, mount(chip.image).state.lastSeq], [7, 25]);
});

test("a block whose readings are all acknowledged is used again without dropping any", () => {
	const chip = create();
	const log = new Log(chip);
	for (const position of fill(log, 1, 8)) log.acknowledge(position);
	fill(log, 9, 24);
	equal(log.full, false);
	log.append(record(25));
	deepEqual([log.waiting, log.dropped, log.erases], [17, 0, 4]);
});

test("a dropped reading that is acknowledged after all was not lost", () => {
	const chip = create();
	const log = new Log(chip);
	const [first, second] = fill(log, 1, 25);
	equal(log.dropped, 8);
	log.acknowledge(first!);
	log.acknowledge(second!);
	equal(log.dropped, 6);
	fill(log, 26, 33);
	equal(mount(chip.image).state.dropped, 14);
	for (let extra = 0; extra < 20; extra++) log.acknowledge(first!);
	equal(log.dropped, 0);
});

test("what its owner dropped is counted, and in flash with the next block", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 7);
	log.drop();
	log.drop();
	fill(log, 8, 8);
	equal(log.dropped, 2);
	equal(mount(chip.image).state.dropped, 0);
	fill(log, 9, 9);
	equal(mount(chip.image).state.dropped, 2);
});

test("over many turns of the ring the log agrees with a model and with its own next start, and wears evenly", () => {
	for (const [blockLength, blocks, steps] of [
		[256, 4, 700],
		[80, 3, 150],
		[360, 5, 330],
	] as const) {
		const slots = Math.floor(blockLength / 24);
		const random = createRandom(blockLength);
		const chip = create(undefined, blockLength, blocks);
		let log = new Log(chip);
		/** What waits, oldest first, by block. */
		let model: { seq: number; position: number; block: number }[] = [];
		let [block, used, seq, lost, written] = [0, slots - 2, 0, 0, 0];
		const evicted: number[] = [];
		for (let step = 0; step < steps; step++) {
			const dice = random();
			if (dice < 0.62) {
				const note = random() < 0.15;
				const opens = used === slots - 2;
				const goes = opens ? model.filter((entry) => entry.block <= block + 1 - (blocks - 1)) : [];
				equal(log.full, goes.length > 0);
				if (!note) seq++;
				const position = log.append(record(seq, note ? NOTE : undefined));
				if (opens) [block, used] = [block + 1, 0];
				used++;
				lost += goes.length;
				evicted.push(...goes.map((entry) => entry.position));
				model = model.filter((entry) => !goes.includes(entry));
				if (!note) model.push({ seq, position, block });
				written++;
			} else if (dice < 0.9) {
				const [gone] = model.splice(Math.floor(random() ** 3 * model.length), 1);
				if (gone) log.acknowledge(gone.position);
			} else if (dice < 0.93) {
				const late = evicted.pop();
				if (late !== undefined) {
					log.acknowledge(late);
					lost--;
				}
			} else if (dice < 0.96) {
				log.drop();
				lost++;
			} else {
				const again = mount(chip, blockLength, blocks);
				deepEqual(again.state.waiting, model.length);
				log = again.log;
				// What the owner dropped and what was taken back since the last header is not in flash.
				lost = log.dropped;
				evicted.length = written = 0;
			}
			deepEqual([log.waiting, log.dropped, log.lastSeq], [model.length, lost, seq]);
			deepEqual([log.erases, log.writes], [block, written]);
			if (step % 7 === 0)
				deepEqual(
					positions(log),
					model.map(({ position }) => position),
				);
			if (step % 7 === 0)
				deepEqual(
					seqs(log),
					model.map((entry) => entry.seq),
				);
		}
		ok(Math.max(...chip.erases) - Math.min(...chip.erases) <= 1, `erases: ${chip.erases}`);
		equal(
			chip.erases.reduce((sum, count) => sum + count, 0),
			block,
		);
		ok(block > 2 * blocks, `${block} blocks were opened`);
		equal(chip.overwrites, 0);
	}
});

test("a record costs two writes of 25 bytes, and blocks with nothing waiting are not read", () => {
	const chip = create();
	const log = new Log(chip);
	for (const position of fill(log, 1, 18)) if (position < 2 * SLOTS) log.acknowledge(position);
	const operations: string[] = [];
	chip.failing = (operation, offset) => {
		operations.push(`${operation} ${offset}`);
		return false;
	};
	const at = 3 * BLOCK_LENGTH + 4 * 24;
	log.append(record(19));
	deepEqual(operations, [`write ${at}`, `read ${at}`, `write ${at}`, `read ${at}`]);
	operations.length = 0;
	equal(log.next(0), 22);
	deepEqual(
		operations.filter((operation) => Number(operation.split(" ")[1]) < 2 * BLOCK_LENGTH),
		[],
	);
	operations.length = 0;
	log.acknowledge(22);
	equal(operations.length, 3);
	equal(log.next(34), 34);
	equal(log.next(35), undefined);
});

test("what another program left in the flash counts as empty", () => {
	const random = createRandom(5);
	const size = BLOCK_LENGTH * BLOCKS;
	const { image: other } = filled(30, 128, 8);
	const { image: full } = filled(30);
	const images: Bytes[] = [
		new Uint8Array(size),
		new Uint8Array(size).fill(0x55),
		Uint8Array.from({ length: size }, () => Math.floor(random() * 256)),
		Uint8Array.from({ length: size }, (_, index) => 0x20 + (index % 64)),
		other,
		Uint8Array.from({ length: size }, (_, index) => full[(index + BLOCK_LENGTH) % size]!),
	];
	for (const image of images) {
		const chip = create(image);
		const { log, state } = mount(chip);
		deepEqual(state, { records: [], waiting: 0, dropped: 0, lastSeq: 0 });
		fill(log, 1, 60);
		deepEqual(
			seqs(log),
			Array.from({ length: 20 }, (_, index) => 41 + index),
		);
		deepEqual([mount(chip.image).state.dropped, mount(chip.image).state.lastSeq], [40, 60]);
	}
});

/** How often a flash is read. */
function readsOf(chip: FlashChip, run: () => void): number {
	let reads = 0;
	chip.failing = (operation) => {
		if (operation === "read") reads++;
		return false;
	};
	run();
	chip.failing = undefined;
	return reads;
}

test("a start finds the newest block, wherever in the ring it is, and however the next one to be opened looks", () => {
	const random = createRandom(3);
	for (const blocks of [3, 4, 5, 16, 32]) {
		const chip = create(undefined, 128, blocks);
		const log = new Log(chip);
		for (let opened = 1; opened <= 3 * blocks; opened++) {
			// Three records to a block.
			for (const position of fill(log, 3 * opened - 2, 3 * opened)) log.acknowledge(position);
			equal(log.erases, opened);
			const state = { records: [], waiting: 0, dropped: 0, lastSeq: 3 * opened };
			const next = ((opened + 1) % blocks) * 128;
			const torn = Uint8Array.from({ length: 128 }, () => Math.floor(random() * 256));
			for (const content of [undefined, new Uint8Array(128).fill(0xff), torn]) {
				const copy = create(chip.image, 128, blocks);
				if (content) copy.image.set(content, next);
				const { log: again, state: found } = mount(copy, 128, blocks);
				deepEqual([again.erases, again.end, found], [opened, log.end, state], `${opened} of ${blocks}`);
			}
			const reads = readsOf(chip, () => mount(chip, 128, blocks));
			ok(reads <= 4 + 2 * Math.log2(blocks), `${reads} reads for ${opened} of ${blocks}`);
		}
	}
});

test("a start finds the newest block where another block's header is damaged beyond repair", () => {
	const blocks = 8;
	const chip = create(undefined, 128, blocks);
	const log = new Log(chip);
	for (let opened = 1; opened <= 3 * blocks; opened++) {
		fill(log, 3 * opened - 2, 3 * opened);
		const { state: expected } = mount(chip, 128, blocks);
		for (let block = 0; block < blocks; block++) {
			if (block === opened % blocks) continue;
			const copy = create(chip.image, 128, blocks);
			for (const slot of [0, 1]) copy.flipBit(8 * (128 * block + 24 * slot + 9));
			deepEqual(mount(copy, 128, blocks).state, expected, `${block} damaged, ${opened} opened`);
		}
	}
});

test("a start reads the newest block, and those from the first on that had something waiting when it was opened", () => {
	for (const oldest of [1, 100, 700, 1_200]) {
		const chip = create(undefined, 4_096, 16);
		const log = new Log(chip);
		let kept = 0;
		for (let seq = 1; seq <= 8 * 168 + 20; seq++) {
			const position = log.append(record(seq, 1));
			if (seq === oldest) kept = position;
			else if (seq % 500 !== 0 || seq < oldest) log.acknowledge(position);
		}
		let again!: Log;
		const reads = readsOf(chip, () => (again = new Log(chip)));
		const waits = oldest < 1_000 ? 1 + [500, 1_000].filter((seq) => seq > oldest).length : 1;
		deepEqual([again.waiting, again.next(0), again.lastSeq], [waits, kept, 8 * 168 + 20]);
		const blocks = 9 - Math.floor((oldest - 1) / 168);
		// Three reads for a block, five for headers, and two at the end of the log.
		ok(reads <= 3 * blocks + 7 && reads >= 3 * blocks, `${reads} reads of ${blocks} blocks`);
		again.acknowledge(kept);
		for (let at = again.next(0); at !== undefined; at = again.next(at + 1)) again.acknowledge(at);
		for (let seq = 8 * 168 + 21; seq <= 9 * 168 + 1; seq++) again.acknowledge(again.append(record(seq)));
		ok(readsOf(chip, () => new Log(chip)) <= 11, "nothing waits any longer");
	}
});

test("a flash of an earlier version is read as a whole, and in part once a block was opened", () => {
	const chip = create();
	const log = new Log(chip);
	const given = fill(log, 1, 19);
	log.append(record(19, 0x85));
	for (const position of given.slice(2)) log.acknowledge(position);
	makeEarlier(chip);
	const { log: again, state } = mount(chip);
	deepEqual(state, { records: ["1:2", "2:3", "19:133"], waiting: 2, dropped: 0, lastSeq: 19 });
	fill(again, 20, 23);
	deepEqual(mount(chip).state.waiting, 6);
	for (const position of positions(again)) again.acknowledge(position);
	fill(again, 24, 24);
	deepEqual(mount(chip).state, { records: ["24:5"], waiting: 1, dropped: 0, lastSeq: 24 });
});

test("each block begins with its owner's notes, which a start then finds in the newest one", () => {
	const chip = create();
	const log = new Log(chip);
	let notes = [record(0, 0x83), record(0, 0x85)];
	log.owner = { notes: () => notes };
	fill(log, 1, 6);
	deepEqual([log.writes, log.erases], [8, 1]);
	notes = [record(6, 0x87)];
	fill(log, 7, 9);
	log.acknowledge(log.next(0)!);
	deepEqual(mount(chip).state.records, ["2:3", "3:4", "4:5", "5:1", "6:2", "6:135", "7:3", "8:4", "9:5"]);
	notes = [];
	fill(log, 10, 17);
	deepEqual(mount(chip).state.records.slice(-2), ["16:2", "17:3"]);
});

test("a slot that does not keep an owner's note is left behind; with no slot that does, the block is not opened", () => {
	const chip = create();
	const log = new Log(chip);
	fill(log, 1, 8);
	log.owner = { notes: () => [record(8, 0x83)] };
	const start = 2 * BLOCK_LENGTH;
	chip.failing = (operation, offset) => operation === "write" && offset >= start + 48 && offset < start + 96 && 0.5;
	equal(log.append(record(9)), 25);
	deepEqual(mount(chip).state.records.slice(-2), ["8:131", "9:5"]);
	fill(log, 10, 13);
	chip.failing = (operation, offset) => operation === "write" && offset >= 3 * BLOCK_LENGTH;
	throws(() => log.append(record(14)), /^the flash does not keep written data$/);
	deepEqual([log.waiting, log.dropped, log.erases], [13, 0, 2]);
	chip.failing = undefined;
	fill(log, 14, 14);
	equal(mount(chip).state.waiting, 14);
});

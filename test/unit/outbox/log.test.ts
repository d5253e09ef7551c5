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
	deepEqual(mount(chip.image).state, { records: ["2:3", "2:131", "3:4", "3:128"], waiting: 2, dropped: 0, lastSeq: 3 });
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

import { ERASE_STEPS, FlashChip, type FlashOperation, PowerCut } from "../../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../../hosts/sim/devices/random.ts";
import type { Bytes } from "../../../src/host.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";

const create = (image?: Bytes) => new FlashChip({ blockLength: 64, blocks: 2, ...(image && { image }) });
const read = (chip: FlashChip, length: number, offset: number) => [...new Uint8Array(chip.read(length, offset))];
/** Bits that are set. */
const ones = (bytes: Bytes) => bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);

test("a new chip is blank, and tells its blocks", () => {
	const chip = create();
	deepEqual(chip.status(), { blockLength: 64, blocks: 2 });
	deepEqual(new Set(chip.image).size, 1);
	deepEqual(read(chip, 2, 126), [0xff, 0xff]);
});

test("a write clears bits, and what it would set stays cleared and is counted", () => {
	const chip = create();
	chip.write(Uint8Array.of(0xf0, 0x55), 63);
	deepEqual(read(chip, 4, 62), [0xff, 0xf0, 0x55, 0xff]);
	equal(chip.overwrites, 0);
	chip.write(Uint8Array.of(0x30, 0x0f), 63);
	deepEqual(read(chip, 2, 63), [0x30, 0x05]);
	equal(chip.overwrites, 1);
	equal(chip.writes, 2);
});

test("an erase sets all bits of its block and no others, and is counted", () => {
	const chip = create(new Uint8Array(128));
	chip.eraseBlock(1);
	deepEqual(chip.image, new Uint8Array(128).fill(0xff, 64));
	deepEqual(chip.erases, [0, 1]);
});

test("what was read is a copy", () => {
	const chip = create();
	new Uint8Array(chip.read(4, 0)).fill(0);
	deepEqual(read(chip, 4, 0), [255, 255, 255, 255]);
});

test("operations outside the chip throw and change nothing", () => {
	const chip = create();
	throws(() => chip.read(2, 127), /^read of 2 bytes at 127 in a flash of 128$/);
	throws(() => chip.write(Uint8Array.of(0, 0), 127), /^write of 2 bytes at 127 in a flash of 128$/);
	throws(() => chip.write(Uint8Array.of(0), -1), /^write of 1 bytes at -1/);
	throws(() => chip.eraseBlock(2), /^erase of 64 bytes at 128 in a flash of 128$/);
	throws(() => create(new Uint8Array(127)), /^an image of 127 bytes for 128$/);
	equal(ones(chip.image), 128 * 8);
});

test("a power cut leaves the bytes before it written and some of the next one's bits", () => {
	const outcomes = new Set<number>();
	for (let seed = 0; seed < 50; seed++) {
		const chip = new FlashChip({ blockLength: 64, blocks: 2, random: createRandom(seed) });
		let cuts = 0;
		chip.onPowerCut = () => cuts++;
		chip.cutAfter = 2;
		throws(() => chip.write(Uint8Array.of(1, 2, 0x0f, 4), 8), /the power is off/);
		const [first, second, torn, last] = read2(chip, 8);
		deepEqual([first, second, last], [1, 2, 0xff]);
		equal(torn! & 0x0f, 0x0f, "bits that were not to be cleared");
		outcomes.add(torn!);
		equal(cuts, 1);
		equal(chip.powered, false);
	}
	ok(outcomes.size > 8, `${outcomes.size} outcomes`);
});

/** Four bytes of a chip that has no power. */
const read2 = (chip: FlashChip, offset: number) => [...chip.image.subarray(offset, offset + 4)];

test("a power cut leaves an erase half done, its parts in any order", () => {
	const images = new Set<string>();
	for (let seed = 0; seed < 20; seed++) {
		const random = createRandom(seed);
		const chip = new FlashChip({ blockLength: 64, blocks: 2, image: new Uint8Array(128), random });
		chip.cutAfter = ERASE_STEPS - 1;
		throws(() => chip.eraseBlock(0), /the power is off/);
		const erased = chip.image.subarray(0, 64).filter((byte) => byte === 0xff).length;
		ok(erased >= 60 && erased <= 64, `${erased} bytes are erased`);
		deepEqual(chip.image.slice(64), new Uint8Array(64));
		images.add(chip.image.join());
	}
	ok(images.size > 10, `${images.size} outcomes`);
});

test("byte-programs and steps of erases count down to the cut, reads do not", () => {
	const chip = create();
	chip.cutAfter = ERASE_STEPS + 3;
	chip.eraseBlock(0);
	chip.write(Uint8Array.of(1, 2, 3), 0);
	chip.read(64, 0);
	throws(() => chip.write(Uint8Array.of(4), 3), /the power is off/);
});

test("without power every operation throws, until it is back", () => {
	const chip = create();
	chip.cutAfter = 0;
	const operations = [
		() => chip.eraseBlock(0),
		() => chip.write(Uint8Array.of(1), 0),
		() => chip.read(1, 0),
		() => chip.status(),
	];
	for (const operation of operations) ok(throws(operation, /the power is off/) instanceof PowerCut);
	chip.powerOn();
	for (const operation of operations) operation();
	equal(chip.image[0], 1);
});

test("bits flip as often as asked, at places that the random numbers tell", () => {
	const flipped = (seed: number) => {
		const chip = new FlashChip({ blockLength: 64, blocks: 2, random: createRandom(seed) });
		chip.flipBits(3);
		equal(ones(chip.image), 128 * 8 - 3);
		return chip.image.join();
	};
	equal(flipped(1), flipped(1));
	ok(flipped(1) !== flipped(2));
	const chip = create();
	chip.flipBit(13);
	deepEqual(read(chip, 3, 0), [0xff, 0xdf, 0xff]);
});

test("operations fail where they are asked to, with none, a part, or all of their work done", () => {
	const chip = create(new Uint8Array(128).fill(0xff, 0, 64));
	const asked: [FlashOperation, number][] = [];
	let answer: boolean | number = true;
	chip.failing = (operation, offset) => {
		asked.push([operation, offset]);
		return answer;
	};
	throws(() => chip.read(1, 3), /^flash read failed$/);
	throws(() => chip.write(Uint8Array.of(1, 2), 4), /^flash write failed$/);
	throws(() => chip.eraseBlock(1), /^flash erase failed$/);
	deepEqual(asked, [
		["read", 3],
		["write", 4],
		["erase", 64],
	]);
	deepEqual(chip.image, new Uint8Array(128).fill(0xff, 0, 64));
	answer = 0.5;
	throws(() => chip.write(Uint8Array.of(1, 2), 4), /^flash write failed$/);
	throws(() => chip.eraseBlock(1), /^flash erase failed$/);
	deepEqual([...chip.image.subarray(4, 6)], [1, 0xff]);
	equal(ones(chip.image.subarray(64)), 32 * 8);
	answer = 1;
	throws(() => chip.write(Uint8Array.of(1, 2), 4), /^flash write failed$/);
	answer = false;
	deepEqual(read(chip, 2, 4), [1, 2]);
	equal(chip.powered, true);
});

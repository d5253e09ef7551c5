/** Firmware images, the keys that sign updates, and the simulated board's two slots. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { BOARD_MARK, createImage, idOf, NO_NETWORK, readImage } from "../../hosts/node/update-image.ts";
import { createKeyFile, isSigned, publicPoint, readPrivateKey, signBytes } from "../../hosts/node/update-key.ts";
import { FlashChip } from "../../hosts/sim/devices/flash-chip.ts";
import { FIRMWARE_SLOT_BYTES, FirmwareSlots, slotBlocks } from "../../hosts/sim/headless/firmware-slots.ts";
import { answerSlots, RemoteSlots } from "../../hosts/sim/headless/firmware-slots-remote.ts";
import { SIMULATED_BOARD } from "../../hosts/sim/headless/protocol.ts";
import type { Bytes, UpdatePort } from "../../src/host.ts";
import { parseSettings } from "../../src/settings.ts";

/** With a program, whose id is known, and a private key. */
async function inFolder(run: (folder: string, program: string) => void | Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-slots-"));
	const program = join(folder, "program.js");
	writeFileSync(program, "abc");
	try {
		await run(folder, program);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** The first bytes of the SHA-256 of "abc" (FIPS 180-2, appendix B.1), and the rest. */
const PROGRAM_ID = "ba7816bf";
const ABC_SHA256 = `${PROGRAM_ID}8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad`;
const BLOCK_BYTES = 4_096;
/** Of slots that need no file. */
const SLOT_BYTES = 24 * BLOCK_BYTES;

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEY: Bytes = Uint8Array.from(publicPoint(privateKey));
const bytes = (...values: number[]): Bytes => Uint8Array.from(values);
const hashOf = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

const newChip = () => new FlashChip({ blockLength: BLOCK_BYTES, blocks: slotBlocks(SLOT_BYTES) });

/** Writes a whole image to the slot that does not run. */
function update(slots: UpdatePort, image: Buffer, hash = hashOf(image)): void {
	slots.reserve(image.length);
	for (let at = 0; at < image.length; at += 1_000) slots.write(Uint8Array.from(image.subarray(at, at + 1_000)), at);
	slots.complete(image.length, hash);
}

/** An image with texts in place of some of its bytes, and its checksum and hash as they have to be. */
function withTexts(...texts: readonly string[]): Buffer {
	const image = createImage("", 2_000);
	// Over the mark that is there.
	let at = image.indexOf(BOARD_MARK);
	image.fill(0, at, at + 64);
	for (const text of texts) at += image.write(text, at, "latin1") + 10;
	const end = image.length - 32;
	image[end - 1] = image.subarray(32, end - 1).reduce((checksum, byte) => checksum ^ byte, 0xef);
	image.set(createHash("sha256").update(image.subarray(0, end)).digest(), end);
	return image;
}

test("an image says what it is, and no two are the same", () => {
	const image = createImage("1.2", 10_000);
	const { id, version } = readImage(image);
	assert.match(id, /^[0-9a-f]{8}$/);
	assert.equal(version, "1.2");
	assert.notEqual(readImage(createImage("1.2", 10_000)).id, id);
	// Where esptool and ESP-IDF have the SHA-256 of the program.
	assert.equal(idOf(image.subarray(32 + 144)), id);
	assert.equal(image.length % 16, 0);
	for (let size = 300; size < 320; size++) readImage(createImage("", size));
	readImage(createImage("", 0));
});

test("an image that is damaged anywhere is refused with a reason", () => {
	const image = createImage("1.2", 300);
	const reasons = new Set<string>();
	for (let at = 0; at < image.length; at++) {
		const damaged = Buffer.from(image);
		damaged[at]! ^= 0x10;
		let error: unknown;
		try {
			readImage(damaged);
		} catch (thrown) {
			error = thrown;
		}
		// The header's hash flag is the only byte without which there is no hash to check.
		if (at === 23) continue;
		assert.ok(error instanceof Error, `byte ${at}`);
		reasons.add(error.message);
	}
	assert.deepEqual([...reasons].sort(), [
		"it does not begin as firmware does",
		"it ends before its end",
		"it has 17 segments",
		"its SHA-256 is wrong",
		"its checksum is wrong",
	]);
	for (let length = 0; length < image.length; length++) {
		assert.throws(() => readImage(image.subarray(0, length)), /./, `${length} bytes`);
	}
});

test("an image without a description is refused", () => {
	const image = createImage("", 256).subarray(0, -32);
	image[23] = 0;
	image[32]! ^= 1;
	image[image.length - 1]! ^= 1;
	assert.throws(() => readImage(image), { message: "it does not say what it is" });
});

test("an image tells what board it is made for, if it does so in one way", () => {
	assert.equal(readImage(createImage("", 0)).board, SIMULATED_BOARD);
	assert.equal(readImage(createImage("", 3_000, "esp32c3_devkit")).board, "esp32c3_devkit");
	const longest = "b".repeat(32);
	for (const [board, ...texts] of [
		["esp32", "veleta-board:esp32\0"],
		["esp32", "veleta-board:esp32\0", "veleta-board:esp32\0"],
		// The program that looks for the mark has it, too.
		["esp32", "veleta-board:\0", "veleta-board:$\0", "veleta-board:esp32\0", "veleta-board:Esp32\0"],
		["esp32", "veleta-board:veleta-board:esp32\0"],
		[longest, `veleta-board:${longest}\0`],
		[undefined],
		[undefined, "veleta-board:\0"],
		[undefined, `veleta-board:${longest}b\0`],
		[undefined, "veleta-board:esp32\0", "veleta-board:esp32c3\0"],
	] as const) {
		assert.equal(readImage(withTexts(...texts)).board, board, texts.join(" "));
	}
});

test("a new key is its owner's alone, is not overwritten, and its setting is one that a station takes", () =>
	inFolder((folder) => {
		const path = join(folder, "key.pem");
		const setting = createKeyFile(path);
		assert.equal(statSync(path).mode & 0o777, 0o600);
		const { updateKeys } = parseSettings({ updateKeys: setting });
		const key = readPrivateKey(path);
		assert.deepEqual(
			updateKeys.map((point) => Buffer.from(point)),
			[publicPoint(key)],
		);
		const text = Buffer.from("manifest");
		assert.ok(verify("sha256", text, createPublicKey(key), signBytes(text, key)));
		const before = readFileSync(path);
		assert.throws(() => createKeyFile(path), { message: `${path}: is there already, and is left as it is` });
		assert.deepEqual(readFileSync(path), before);
	}));

test("what is no private key of P-256 is told in one line, without what is in it", () =>
	inFolder((folder) => {
		const path = join(folder, "key.pem");
		assert.throws(() => readPrivateKey(path), { message: `${path}: there is no such file` });
		const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
		const wrong = [
			"secret",
			"",
			privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "secret" }),
			createPublicKey(privateKey).export({ type: "spki", format: "pem" }),
		];
		for (const text of wrong) {
			writeFileSync(path, text);
			assert.throws(() => readPrivateKey(path), { message: `${path}: is no private key in PEM, or needs a password` });
		}
		writeFileSync(path, p384.export({ type: "pkcs8", format: "pem" }));
		assert.throws(() => readPrivateKey(path), {
			message: `${path}: is no key of P-256; npm run update -- --new-key FILE makes one`,
		});
		writeFileSync(path, privateKey.export({ type: "sec1", format: "pem" }));
		assert.deepEqual(publicPoint(readPrivateKey(path)), Buffer.from(KEY));
	}));

test("a signature is checked as on a board", () => {
	const text = Buffer.from("manifest");
	const signed = Uint8Array.from(signBytes(text, privateKey));
	assert.equal(isSigned(text, signed, KEY), true);
	assert.equal(isSigned(text.subarray(1), signed, KEY), false);
	assert.equal(isSigned(text, bytes(1, 2, 3), KEY), false);
	const other = Uint8Array.from(KEY);
	other[64]! ^= 1;
	const noKey = { message: "an update key is no public key of P-256" };
	assert.throws(() => isSigned(text, signed, other), noKey);

	const slots = new FirmwareSlots(newChip(), PROGRAM_ID);
	const manifest = Uint8Array.from(text);
	const wrong = { message: "the signature is wrong" };
	slots.verify(manifest, signed, KEY);
	assert.throws(() => slots.verify(manifest.subarray(1), signed, KEY), wrong);
	assert.throws(() => slots.verify(manifest, bytes(), KEY), wrong);
	assert.throws(() => slots.verify(manifest, signed, other), noKey);
	assert.equal(slots.hash(bytes(0x61, 0x62, 0x63)), ABC_SHA256);
});

test("a new board runs the program that the simulator was built with", () =>
	inFolder((folder, program) => {
		const path = join(folder, "memory/slots");
		const slots = FirmwareSlots.open(path, program);
		assert.equal(slots.id, PROGRAM_ID);
		assert.equal(slots.unconfirmed, false);
		assert.equal(slots.hasNetwork, true);
		assert.equal(slots.kept(), "");
		slots.judge(false);
		slots.boot();
		assert.equal(slots.id, PROGRAM_ID, "there is nothing to go back to");
		slots.keep("with settings in it");
		assert.equal(statSync(path).mode & 0o777, 0o600);
		slots.end();
	}));

test("an update runs after the restart, and stays if it is confirmed", () =>
	inFolder((folder, program) => {
		for (const path of [undefined, join(folder, "slots")]) {
			const slots = FirmwareSlots.open(path, program);
			const images = [createImage("1", 5_000), createImage("2", 70_000), createImage("3", 300)];
			for (const image of images) {
				const before = slots.id;
				update(slots, image);
				assert.equal(slots.id, before, "until the restart");
				const waits = { message: "the new firmware waits for a restart" };
				assert.throws(() => slots.reserve(1_000), waits);
				assert.throws(() => slots.write(bytes(0xe9), 0), waits);
				assert.throws(() => slots.complete(image.length, hashOf(image)), waits);
				slots.boot();
				assert.equal(slots.id, readImage(image).id);
				assert.equal(slots.unconfirmed, true);
				const refuses = { message: "the flash refuses an update" };
				assert.throws(() => slots.reserve(1_000), refuses);
				assert.throws(() => slots.write(bytes(0xe9), 0), refuses);
				assert.throws(() => slots.complete(image.length, hashOf(image)), refuses);
				slots.judge(true);
				assert.equal(slots.unconfirmed, false);
				slots.boot();
				assert.equal(slots.id, readImage(image).id);
			}
			slots.judge(false);
			slots.boot();
			assert.equal(slots.id, readImage(images[1]!).id, "the one before");
			slots.end();
		}
	}));

test("an update that is not confirmed runs once", () => {
	const slots = new FirmwareSlots(newChip(), PROGRAM_ID);
	update(slots, createImage("1", 5_000));
	slots.boot();
	slots.boot();
	assert.equal(slots.id, PROGRAM_ID);
	assert.equal(slots.unconfirmed, false);
	update(slots, createImage("2", 5_000));
	slots.boot();
	slots.judge(false);
	slots.boot();
	assert.equal(slots.id, PROGRAM_ID);
	slots.boot();
	assert.equal(slots.id, PROGRAM_ID);
});

test("the file holds what the board knows, whenever the process ends", () =>
	inFolder((folder, program) => {
		const path = join(folder, "slots");
		const image = createImage("1", 15_000);
		const life = <Result>(run: (slots: FirmwareSlots) => Result): Result => {
			const slots = FirmwareSlots.open(path, program);
			try {
				return run(slots);
			} finally {
				slots.end();
			}
		};
		const id = () => life((slots) => slots.id);
		const part = (slots: FirmwareSlots, from: number, to: number) =>
			slots.write(Uint8Array.from(image.subarray(from, to)), from);
		life((slots) => part(slots, 0, 6_000));
		assert.equal(id(), PROGRAM_ID, "half of an image is none");
		life((slots) => slots.keep("6000"));
		life((slots) => {
			assert.equal(slots.kept(), "6000");
			part(slots, 6_000, 9_000);
		});
		// What was written last is written once more.
		life((slots) => {
			part(slots, 6_000, 9_000);
			part(slots, 9_000, image.length);
			slots.complete(image.length, hashOf(image));
		});
		life((slots) => {
			assert.equal(slots.id, readImage(image).id);
			assert.equal(slots.unconfirmed, true);
			assert.equal(slots.kept(), "6000");
		});
		assert.equal(id(), PROGRAM_ID, "killed before it was confirmed");
		life((slots) => update(slots, image));
		life((slots) => slots.judge(true));
		assert.equal(id(), readImage(image).id);
		life((slots) => {
			slots.keep("");
			slots.judge(false);
		});
		assert.equal(id(), PROGRAM_ID);
		assert.equal(
			life((slots) => slots.kept()),
			"",
		);
	}));

test("a process that ended within the first thing that it wrote leaves a file that can be used", () =>
	inFolder((folder, program) => {
		const path = join(folder, "slots");
		const first = FirmwareSlots.open(path, program);
		first.keep("text");
		first.end();
		const whole = readFileSync(path);
		for (const length of [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, BLOCK_BYTES + 20, BLOCK_BYTES + 80]) {
			writeFileSync(path, whole.subarray(0, length));
			const slots = FirmwareSlots.open(path, program);
			assert.equal(slots.kept(), "", `${length} bytes`);
			slots.keep("another");
			slots.end();
			const again = FirmwareSlots.open(path, program);
			assert.equal(again.kept(), "another");
			again.end();
		}
	}));

test("what is kept is a text of at most 256 bytes, and outlives all that happens to the firmware", () => {
	const slots = new FirmwareSlots(newChip(), PROGRAM_ID);
	const longest = "é".repeat(128);
	slots.keep(longest);
	for (const text of [`${longest}x`, "é".repeat(129), "x".repeat(257)])
		assert.throws(() => slots.keep(text), { message: "the flash refuses" });
	assert.equal(slots.kept(), longest);
	update(slots, createImage("1", 5_000));
	assert.equal(slots.kept(), longest);
	slots.boot();
	assert.equal(slots.kept(), longest);
	slots.keep('{"quotes":"\\"}\n');
	slots.judge(false);
	slots.boot();
	assert.equal(slots.kept(), '{"quotes":"\\"}\n');
	slots.keep("x".repeat(256));
	slots.boot();
	assert.equal(slots.kept(), "x".repeat(256));
});

test("where the newest record is damaged in any bit, the one before is taken", () => {
	const chip = newChip();
	const slots = new FirmwareSlots(chip, PROGRAM_ID);
	const image = createImage("1", 5_000);
	update(slots, image);
	slots.boot();
	slots.keep("before");
	const before = chip.image.slice();
	slots.judge(true);
	const blocks = [0, 1].filter((block) => {
		const part = (content: Bytes) => Buffer.from(content.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
		return !part(before).equals(part(chip.image));
	});
	assert.equal(blocks.length, 1, "a record is in one block");
	const begin = blocks[0]! * BLOCK_BYTES;
	const record = chip.image.subarray(begin, begin + BLOCK_BYTES);
	const length = record.findLastIndex((byte) => byte !== 0xff) + 1;
	assert.ok(length > 80 && length < 200);
	for (let bit = 0; bit < length * 8; bit++) {
		const copy = new FlashChip({
			blockLength: BLOCK_BYTES,
			blocks: slotBlocks(SLOT_BYTES),
			image: chip.image.slice(),
		});
		copy.flipBit(begin * 8 + bit);
		const after = new FirmwareSlots(copy, PROGRAM_ID);
		assert.equal(after.kept(), "before");
		// As if it had not been confirmed.
		assert.equal(after.id, PROGRAM_ID, `bit ${bit}`);
		// What is written next does not touch the record that is whole.
		copy.failing = (operation) => operation === "write";
		assert.throws(() => after.keep("lost"), /flash write failed/);
		copy.failing = undefined;
		after.boot();
		assert.equal(after.kept(), "before");
		assert.equal(after.id, PROGRAM_ID);
	}
	slots.boot();
	assert.equal(slots.id, readImage(image).id, "the record that is whole");
});

test("where the flash refuses, what it holds stays", () => {
	const chip = newChip();
	const slots = new FirmwareSlots(chip, PROGRAM_ID);
	const image = createImage("1", 5_000);
	slots.keep("kept");
	for (const refused of ["erase", "write"] as const) {
		chip.failing = (operation) => operation === refused && 0.5;
		const refusal = { message: `flash ${refused} failed` };
		assert.throws(() => slots.keep("another"), refusal);
		assert.throws(() => slots.write(Uint8Array.from(image), 0), refusal);
		slots.judge(true);
		slots.judge(false);
		assert.equal(slots.kept(), "kept");
		chip.failing = undefined;
		slots.boot();
		assert.equal(slots.kept(), "kept");
		assert.equal(slots.id, PROGRAM_ID);
	}
	slots.write(Uint8Array.from(image), 0);
	chip.failing = (operation) => operation === "write";
	assert.throws(() => slots.complete(image.length, hashOf(image)), { message: "flash write failed" });
	chip.failing = undefined;
	slots.boot();
	assert.equal(slots.id, PROGRAM_ID);
	slots.complete(image.length, hashOf(image));
	slots.boot();
	assert.equal(slots.id, readImage(image).id);
	// Not confirmed, it is not started once more.
	for (const works of [true, false]) {
		chip.failing = (operation) => operation === "erase";
		slots.judge(works);
		chip.failing = undefined;
		assert.equal(slots.unconfirmed, true);
	}
	slots.boot();
	assert.equal(slots.id, PROGRAM_ID);
});

test("a full disk is told, and nothing changes", () =>
	inFolder((_folder, program) => {
		// Its size is 0, it reads as zeros, and takes nothing.
		const slots = FirmwareSlots.open("/dev/full", program);
		const full = { code: "ENOSPC" };
		assert.throws(() => slots.keep("text"), full);
		assert.throws(() => slots.write(bytes(0xe9), 0), full);
		slots.judge(true);
		assert.equal(slots.kept(), "");
		assert.equal(slots.id, PROGRAM_ID);
		slots.end();
	}));

test("there is nothing to go back to from the first piece of an update on", () => {
	const slots = new FirmwareSlots(newChip(), PROGRAM_ID);
	const image = createImage("1", 5_000);
	update(slots, image);
	slots.boot();
	slots.judge(true);
	slots.write(bytes(0xe9), 0);
	slots.judge(false);
	slots.boot();
	assert.equal(slots.id, readImage(image).id);
});

test("an image for tries does not get into the network", () => {
	const slots = new FirmwareSlots(newChip(), PROGRAM_ID);
	update(slots, createImage(NO_NETWORK, 5_000));
	assert.equal(slots.hasNetwork, true);
	slots.boot();
	assert.equal(slots.hasNetwork, false);
	slots.boot();
	assert.equal(slots.hasNetwork, true);
});

test("what a chip would refuse is refused, and the firmware from before stays", () =>
	inFolder((_folder, program) => {
		const slots = FirmwareSlots.open(undefined, program);
		const image = createImage("1", 5_000);
		const tooLong = { message: `firmware has 1 to ${FIRMWARE_SLOT_BYTES} bytes` };
		for (const length of [0, -1, Number.NaN, FIRMWARE_SLOT_BYTES + 1]) {
			assert.throws(() => slots.reserve(length), tooLong);
			assert.throws(() => slots.complete(length, hashOf(image)), tooLong);
		}
		slots.reserve(1);
		slots.reserve(FIRMWARE_SLOT_BYTES);
		assert.throws(() => slots.write(bytes(0xe9, 1), FIRMWARE_SLOT_BYTES - 1), tooLong);
		const lost = { message: "the flash has not kept what was written" };
		assert.throws(() => slots.complete(image.length, hashOf(image)), lost, "nothing is written yet");
		assert.throws(() => update(slots, image, hashOf(Buffer.from("another"))), lost);
		assert.throws(() => update(slots, image, ""), lost);
		const damaged = Buffer.from(image);
		damaged[4_000]! ^= 1;
		assert.throws(() => update(slots, damaged), { message: "its checksum is wrong" });
		assert.throws(() => update(slots, Buffer.from("no firmware")), { message: "it does not begin as firmware does" });
		// Written over what is not erased, bits stay cleared.
		update(new FirmwareSlots(newChip(), PROGRAM_ID), image);
		slots.write(new Uint8Array(BLOCK_BYTES), 0);
		slots.write(Uint8Array.from(image.subarray(100)), 100);
		assert.throws(() => slots.complete(image.length, hashOf(image)), lost);
		slots.boot();
		assert.equal(slots.id, PROGRAM_ID);
		assert.equal(slots.unconfirmed, false);
		// All of a slot.
		slots.write(new Uint8Array(FIRMWARE_SLOT_BYTES).fill(0xe9), 0);
		update(slots, image);
	}));

test("each block is erased once, before the first of its bytes is written", () => {
	const chip = newChip();
	const slots = new FirmwareSlots(chip, PROGRAM_ID);
	const image = createImage("1", SLOT_BYTES - 1_000);
	update(slots, image);
	assert.deepEqual(chip.erases.slice(-24), new Array(24).fill(1));
	assert.deepEqual(chip.erases.slice(2, -24), new Array(24).fill(0), "of what runs");
	assert.equal(chip.overwrites, 0);
});

test("a file that holds no slots is named in one line and left as it was", () =>
	inFolder((folder, program) => {
		const path = join(folder, "slots");
		// VLTA was the mark of another format.
		for (const text of ["something", "VLTA", `VLTA${"\0".repeat(10_000)}`, "x".repeat(10_000)]) {
			writeFileSync(path, text);
			assert.throws(() => FirmwareSlots.open(path, program), {
				message: `${path} holds no firmware slots; remove it to begin anew`,
			});
			assert.equal(readFileSync(path, "utf8"), text);
		}
		assert.throws(() => FirmwareSlots.open(folder, program), { message: `${folder} cannot be used (EISDIR)` });
		assert.ok(existsSync(program));
	}));

test("what one side of the board does, the other side's slots have", () =>
	inFolder((_folder, program) => {
		const slots = FirmwareSlots.open(undefined, program);
		let restarts = 0;
		const call = (request: ArrayBuffer) => {
			// What the engine hands over is a piece of a larger buffer.
			const received = new Uint8Array(request.byteLength + 3);
			received.set(new Uint8Array(request), 3);
			return answerSlots(slots, received.subarray(3)).buffer;
		};
		const remote = new RemoteSlots(call, () => restarts++);
		const image = createImage("1", 5_000);
		assert.equal(remote.unconfirmed, false);
		assert.equal(remote.id, PROGRAM_ID);
		assert.equal(remote.kept(), "");
		remote.keep("é \0");
		assert.equal(remote.kept(), "é \0");
		assert.equal(slots.kept(), "é \0");
		assert.throws(() => remote.keep("x".repeat(257)), { message: "the flash refuses" });
		assert.equal(remote.hash(bytes(0x61, 0x62, 0x63)), ABC_SHA256);
		assert.equal(remote.hash(bytes()), hashOf(bytes()));

		const manifest = bytes(1, 2, 3);
		const signed = Uint8Array.from(signBytes(manifest, privateKey));
		remote.verify(manifest, signed, KEY);
		remote.verify(bytes(), Uint8Array.from(signBytes(bytes(), privateKey)), KEY);
		for (const signature of [bytes(), signed.subarray(1)]) {
			assert.throws(() => remote.verify(manifest, signature, KEY), { message: "the signature is wrong" });
		}
		assert.throws(() => remote.verify(manifest, signed, new Uint8Array(65)), {
			message: "an update key is no public key of P-256",
		});

		assert.throws(() => update(remote, image, hashOf(Buffer.from("another"))), {
			message: "the flash has not kept what was written",
		});
		for (const length of [2 ** 32 + 1, Number.NaN]) {
			assert.throws(() => remote.reserve(length), { message: /^firmware has 1 to/ });
			assert.throws(() => remote.write(bytes(0xe9), length), { message: /^firmware has 1 to/ });
		}
		update(remote, image);
		slots.boot();
		assert.equal(remote.unconfirmed, true);
		assert.equal(remote.id, readImage(image).id);
		remote.judge(false);
		assert.equal(restarts, 1);
		slots.boot();
		assert.equal(remote.id, PROGRAM_ID);
		update(remote, image);
		slots.boot();
		remote.judge(true);
		assert.equal(remote.unconfirmed, false);
		assert.equal(restarts, 1);
	}));

test("a request that nobody knows is refused", () => {
	assert.equal(answerSlots(new FirmwareSlots(newChip(), PROGRAM_ID), bytes(99))[0], 1);
});

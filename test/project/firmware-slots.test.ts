/** Firmware images, the keys that sign them, and the simulated board's two slots. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { createImage, idOf, NO_NETWORK, readImage } from "../../hosts/node/update-image.ts";
import { createKeyFile, isSigned, publicPoint, readPrivateKey, signImage } from "../../hosts/node/update-key.ts";
import { FIRMWARE_SLOT_BYTES, FirmwareSlots } from "../../hosts/sim/headless/firmware-slots.ts";
import { answerSlots, RemoteSlots } from "../../hosts/sim/headless/firmware-slots-remote.ts";
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

/** The first bytes of the SHA-256 of "abc" (FIPS 180-2, appendix B.1). */
const PROGRAM_ID = "ba7816bf";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEY: Bytes = Uint8Array.from(publicPoint(privateKey));
const bytes = (...values: number[]): Bytes => Uint8Array.from(values);

function signature(image: Buffer): string {
	return signImage(image, privateKey).toString("hex");
}

/** Writes a whole image to the slot that does not run. */
function update(slots: UpdatePort, image: Buffer, signed = signature(image)): void {
	slots.open(image.length);
	for (let at = 0; at < image.length; at += 1_000) slots.write(Uint8Array.from(image.subarray(at, at + 1_000)));
	slots.complete(signed, KEY);
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
	for (const size of [0, 256, 257, 263, 264, 265, 271, 272]) readImage(createImage("", size));
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

test("a new key is its owner's alone, is not overwritten, and its setting is one that a station takes", () =>
	inFolder((folder) => {
		const path = join(folder, "key.pem");
		const setting = createKeyFile(path);
		assert.equal(statSync(path).mode & 0o777, 0o600);
		const { updateKey } = parseSettings({ updateKey: setting });
		const key = readPrivateKey(path);
		assert.deepEqual(Buffer.from(updateKey!), publicPoint(key));
		const image = Buffer.from("image");
		assert.ok(verify("sha256", image, createPublicKey(key), signImage(image, key)));
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
	const image = createImage("", 1_000);
	const signed = signImage(image, privateKey);
	assert.equal(isSigned(image, signed, KEY), true);
	assert.equal(isSigned(image.subarray(1), signed, KEY), false);
	assert.equal(isSigned(image, bytes(1, 2, 3), KEY), false);
	const other = Uint8Array.from(KEY);
	other[64]! ^= 1;
	assert.throws(() => isSigned(image, signed, other), { message: "updateKey is no public key of P-256" });
});

test("a new board runs the program that the simulator was built with", () =>
	inFolder((folder, program) => {
		const slots = new FirmwareSlots(join(folder, "memory/slots"), program);
		assert.equal(slots.id, PROGRAM_ID);
		assert.equal(slots.unconfirmed, false);
		assert.equal(slots.hasNetwork, true);
		slots.judge(false);
		slots.boot();
		assert.equal(slots.id, PROGRAM_ID, "there is nothing to go back to");
		slots.end();
	}));

test("an update runs after the restart, and stays if it is confirmed", () =>
	inFolder((folder, program) => {
		for (const path of [undefined, join(folder, "slots")]) {
			const slots = new FirmwareSlots(path, program);
			const images = [createImage("1", 5_000), createImage("2", 70_000), createImage("3", 300)];
			for (const image of images) {
				const before = slots.id;
				update(slots, image);
				assert.equal(slots.id, before, "until the restart");
				assert.throws(() => slots.open(1_000), { message: "the new firmware waits for a restart" });
				slots.boot();
				assert.equal(slots.id, readImage(image).id);
				assert.equal(slots.unconfirmed, true);
				assert.throws(() => slots.open(1_000), { message: "the flash refuses an update" });
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

test("an update that is not confirmed runs once", () =>
	inFolder((_folder, program) => {
		const slots = new FirmwareSlots(undefined, program);
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
	}));

test("the file holds what the board knows, whenever the process ends", () =>
	inFolder((folder, program) => {
		const path = join(folder, "slots");
		const image = createImage("1", 5_000);
		const life = <Result>(run: (slots: FirmwareSlots) => Result): Result => {
			const slots = new FirmwareSlots(path, program);
			try {
				return run(slots);
			} finally {
				slots.end();
			}
		};
		life((slots) => {
			slots.open(image.length);
			slots.write(Uint8Array.from(image.subarray(0, 4_000)));
		});
		assert.equal(
			life((slots) => slots.id),
			PROGRAM_ID,
			"half of an image is none",
		);
		life((slots) => update(slots, image));
		life((slots) => {
			assert.equal(slots.id, readImage(image).id);
			assert.equal(slots.unconfirmed, true);
		});
		assert.equal(
			life((slots) => slots.id),
			PROGRAM_ID,
			"killed before it was confirmed",
		);
		life((slots) => update(slots, image));
		life((slots) => slots.judge(true));
		assert.equal(
			life((slots) => slots.id),
			readImage(image).id,
		);
	}));

test("an image for tries does not get into the network", () =>
	inFolder((_folder, program) => {
		const slots = new FirmwareSlots(undefined, program);
		update(slots, createImage(NO_NETWORK, 5_000));
		assert.equal(slots.hasNetwork, true);
		slots.boot();
		assert.equal(slots.hasNetwork, false);
		slots.boot();
		assert.equal(slots.hasNetwork, true);
	}));

test("what a chip would refuse is refused, and the firmware from before stays", () =>
	inFolder((_folder, program) => {
		const slots = new FirmwareSlots(undefined, program);
		const image = createImage("1", 5_000);
		for (const length of [0, -1, Number.NaN, FIRMWARE_SLOT_BYTES + 1]) {
			assert.throws(() => slots.open(length), { message: `firmware has 1 to ${FIRMWARE_SLOT_BYTES} bytes` });
		}
		const refusal = { message: "the flash does not take it" };
		slots.open(10);
		assert.throws(() => slots.write(bytes(0xe8, 1)), refusal);
		assert.throws(() => update(slots, image, signature(Buffer.from("another"))), {
			message: "the signature is wrong",
		});
		const damaged = Buffer.from(image);
		damaged[4_000]! ^= 1;
		assert.throws(() => update(slots, damaged), { message: "its checksum is wrong" });
		slots.open(FIRMWARE_SLOT_BYTES);
		slots.write(bytes());
		slots.write(new Uint8Array(FIRMWARE_SLOT_BYTES).fill(0xe9));
		slots.write(bytes());
		assert.throws(() => slots.write(bytes(1)), refusal);
		slots.close();
		assert.throws(() => slots.write(bytes(0xe9)), { message: "no update is open" });
		assert.throws(() => slots.complete(signature(image), KEY), { message: "no update is open" });
		slots.boot();
		assert.equal(slots.id, PROGRAM_ID);
		assert.equal(slots.unconfirmed, false);
	}));

test("a file that holds no slots is named in one line and left as it was", () =>
	inFolder((folder, program) => {
		const path = join(folder, "slots");
		for (const text of ["something", "VLTA", "x".repeat(10_000)]) {
			writeFileSync(path, text);
			assert.throws(() => new FirmwareSlots(path, program), {
				message: `${path} holds no firmware slots; remove it to begin anew`,
			});
			assert.equal(readFileSync(path, "utf8"), text);
		}
		assert.throws(() => new FirmwareSlots(folder, program), { message: `${folder} cannot be used (EISDIR)` });
		assert.ok(existsSync(program));
	}));

test("what one side of the board does, the other side's slots have", () =>
	inFolder((_folder, program) => {
		const slots = new FirmwareSlots(undefined, program);
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
		assert.throws(() => update(remote, image, signature(Buffer.from("another"))), {
			message: "the signature is wrong",
		});
		for (const length of [2 ** 32 + 1, Number.NaN]) {
			assert.throws(() => remote.open(length), { message: /^firmware has 1 to/ });
		}
		remote.open(10);
		remote.close();
		assert.throws(() => remote.write(bytes(0xe9)), { message: "no update is open" });
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

test("a request that nobody knows is refused", () =>
	inFolder((_folder, program) => {
		assert.equal(answerSlots(new FirmwareSlots(undefined, program), bytes(99))[0], 1);
	}));

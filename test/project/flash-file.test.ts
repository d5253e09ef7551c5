/** The file that holds the simulated board's flash. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	chmodSync,
	fstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { FlashChip } from "../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../hosts/sim/devices/random.ts";
import { Engine } from "../../hosts/sim/headless/engine.ts";
import { FLASH_BYTES, FlashFile } from "../../hosts/sim/headless/flash-file.ts";
import { Log } from "../../src/outbox/log.ts";
import { bundleProgram } from "../harness/bundle.ts";

async function inFolder(run: (path: string, folder: string) => void | Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-flash-"));
	try {
		await run(join(folder, "memory/station.flash"), folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** The first slot of a block that a log has opened. */
function header(block: number): Uint8Array {
	const chip = new FlashChip({ blockLength: 4_096, blocks: FLASH_BYTES / 4_096 });
	const log = new Log(chip);
	for (let seq = 1; chip.image[block * 4_096] === 0xff && chip.erases[block] === 0; seq++)
		log.append({ kind: 0, seq, body: new Uint8Array(0) });
	return chip.image.slice(block * 4_096, block * 4_096 + 24);
}

test("a new file is an erased flash, in a folder that is made for it", () =>
	inFolder((path) => {
		const flash = new FlashFile(path);
		assert.deepEqual(readFileSync(path), Buffer.alloc(FLASH_BYTES, 0xff));
		flash.close();
		assert.deepEqual(readdirSync(join(path, "..")), ["station.flash"]);
	}));

test("what is there is left as it is, and the descriptor is the file's", () =>
	inFolder((path) => {
		new FlashFile(path).close();
		const image = Buffer.alloc(FLASH_BYTES, 0x5a);
		image.set(header(3), 3 * 4_096);
		writeFileSync(path, image);
		const flash = new FlashFile(path);
		assert.deepEqual(readFileSync(path), image);
		writeSync(flash.file, Uint8Array.of(7), 0, 1, FLASH_BYTES - 1);
		assert.equal(readFileSync(path)[FLASH_BYTES - 1], 7);
		flash.close();
	}));

test("without a path nothing stays anywhere", () =>
	inFolder((_path, folder) => {
		// A folder of its own: tests beside this one make theirs in the machine's.
		const temporary = process.env.TMPDIR;
		process.env.TMPDIR = folder;
		try {
			const flash = new FlashFile(undefined);
			assert.deepEqual(readdirSync(folder), []);
			assert.equal(fstatSync(flash.file).size, FLASH_BYTES);
			flash.close();
		} finally {
			if (temporary === undefined) delete process.env.TMPDIR;
			else process.env.TMPDIR = temporary;
		}
	}));

test("a file that is no flash image, or cannot be used, is named in one line and left as it was", () =>
	inFolder((path, folder) => {
		mkdirSync(join(path, ".."));
		for (const text of ["", '{"seq":"7"}', "x".repeat(FLASH_BYTES + 1)]) {
			writeFileSync(path, text);
			assert.throws(() => new FlashFile(path), {
				message: `${path} is not a flash image of 65536 bytes; remove it to begin anew`,
			});
			assert.equal(readFileSync(path, "utf8"), text);
			assert.deepEqual(readdirSync(join(path, "..")), ["station.flash"]);
		}
		assert.throws(() => new FlashFile(join(path, "..")), { message: `${join(path, "..")} cannot be used (EISDIR)` });
		writeFileSync(join(folder, "file"), "");
		const below = join(folder, "file/station.flash");
		assert.throws(
			() => new FlashFile(below),
			(error: Error) => error.message.startsWith(`${below} cannot be used (E`),
		);
	}));

test("a file that may not be written is refused at the start", () =>
	inFolder((path) => {
		new FlashFile(path).close();
		chmodSync(path, 0o400);
		// Root may write everything.
		if (process.getuid?.() === 0) new FlashFile(path).close();
		else assert.throws(() => new FlashFile(path), { message: `${path} cannot be used (EACCES)` });
	}));

test("a file that is in use is not opened a second time", () =>
	inFolder((path) => {
		const flash = new FlashFile(path);
		assert.throws(() => new FlashFile(path, 0), { message: `${path} is in use by another station` });
		flash.close();
		new FlashFile(path).close();
		assert.deepEqual(readdirSync(join(path, "..")), ["station.flash"]);
	}));

test("an engine that has it as its flash keeps it locked, and the lock goes when it is killed", () =>
	inFolder(async (path) => {
		const flash = new FlashFile(path);
		const engine = new Engine({ flash: flash.file });
		const ended = new Promise((resolve) => engine.process.once("close", resolve));
		flash.close();
		assert.throws(() => new FlashFile(path, 0), { message: `${path} is in use by another station` });
		engine.process.kill("SIGKILL");
		await ended;
		new FlashFile(path, 0).close();
	}));

test("a file full of zeros or noise is no station's flash: numbers would begin anew without a word", () =>
	inFolder((path) => {
		new FlashFile(path).close();
		const random = createRandom(3);
		const noise = Buffer.from(Uint8Array.from({ length: FLASH_BYTES }, () => Math.floor(random() * 256)));
		const blank = Buffer.alloc(FLASH_BYTES, 0xff);
		blank[FLASH_BYTES - 1] = 0;
		for (const image of [Buffer.alloc(FLASH_BYTES), noise, blank]) {
			writeFileSync(path, image);
			assert.throws(() => new FlashFile(path), {
				message: `${path} is not a station's flash: none of its blocks has a header; remove it to begin anew`,
			});
			assert.deepEqual(readFileSync(path), image);
		}
		// One of all headers is enough, and the second of a block as good as the first.
		noise.set(header(15), 15 * 4_096 + 24);
		writeFileSync(path, noise);
		new FlashFile(path).close();
	}));

test("where a new file cannot be written, nothing stays of it", () =>
	inFolder(async (path) => {
		const program = await bundleProgram("commands/start/start.ts");
		mkdirSync(join(path, ".."));
		// 8 KB for each file.
		const limited = `ulimit -f 16; exec "$0" "$1" --state "$2" --duration 1s`;
		const { status, stderr } = spawnSync("sh", ["-c", limited, process.execPath, program, path], {
			encoding: "utf8",
		});
		assert.deepEqual({ status, stderr }, { status: 1, stderr: `${path} cannot be used (EFBIG)\n` });
		assert.deepEqual(readdirSync(join(path, "..")), []);
	}));

/** The file that holds the simulated board's flash. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { FLASH_BYTES, FlashFile } from "../../hosts/sim/headless/flash-file.ts";

async function inFolder(run: (path: string, folder: string) => void | Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-flash-"));
	try {
		await run(join(folder, "memory/station.flash"), folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

const bytes = (...values: number[]) => Uint8Array.from(values);

test("a new file is an erased flash, in a folder that is made for it", () =>
	inFolder((path) => {
		const flash = new FlashFile(path);
		assert.deepEqual(flash.status(), { blockLength: 4_096, blocks: 16 });
		assert.deepEqual(readFileSync(path), Buffer.alloc(FLASH_BYTES, 0xff));
		flash.close();
		assert.deepEqual(readdirSync(join(path, "..")), ["station.flash"]);
	}));

test("a write and an erase are in the file when they return, and nothing else changes", () =>
	inFolder((path) => {
		const flash = new FlashFile(path);
		flash.write(bytes(1, 2, 3), 4_094);
		const expected = Buffer.alloc(FLASH_BYTES, 0xff);
		expected.set([1, 2, 3], 4_094);
		assert.deepEqual(readFileSync(path), expected);
		flash.eraseBlock(1);
		expected[4_096] = 0xff;
		assert.deepEqual(readFileSync(path), expected);
		flash.close();
	}));

test("the next one finds what the one before left", () =>
	inFolder((path) => {
		const first = new FlashFile(path);
		first.write(bytes(7, 8), FLASH_BYTES - 2);
		first.close();
		const second = new FlashFile(path);
		assert.deepEqual(new Uint8Array(second.read(3, FLASH_BYTES - 3)), bytes(0xff, 7, 8));
		second.close();
	}));

test("without a path nothing is written anywhere", () => {
	const flash = new FlashFile(undefined);
	flash.write(bytes(5), 9);
	assert.deepEqual(new Uint8Array(flash.read(1, 9)), bytes(5));
	flash.close();
});

test("a file that is no flash image, or cannot be used, is named in one line and left as it was", () =>
	inFolder((path, folder) => {
		mkdirSync(join(path, ".."));
		for (const text of ["", '{"seq":"7"}', "x".repeat(FLASH_BYTES + 1)]) {
			writeFileSync(path, text);
			assert.throws(() => new FlashFile(path), {
				message: `${path} is not a flash image of 65536 bytes; remove it to begin anew`,
			});
			assert.equal(readFileSync(path, "utf8"), text);
			assert.ok(!existsSync(`${path}.lock`), "a lock stayed");
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
		assert.throws(() => new FlashFile(path), {
			message: `${path} is in use by process ${process.pid}; if that is no station, remove ${path}.lock`,
		});
		flash.write(bytes(1), 0);
		flash.close();
		new FlashFile(path).close();
	}));

/** The number of a process that is no more. */
async function deadProcess(): Promise<number> {
	const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
	const { pid } = child;
	child.kill("SIGKILL");
	await new Promise((resolve) => child.once("close", resolve));
	return pid!;
}

test("the lock of a process that was killed is in nobody's way", () =>
	inFolder(async (path) => {
		mkdirSync(join(path, ".."));
		writeFileSync(`${path}.lock`, `${await deadProcess()} 12345\n`);
		const flash = new FlashFile(path);
		assert.equal(readFileSync(`${path}.lock`, "utf8").split(" ")[0], String(process.pid));
		flash.close();
		assert.deepEqual(readdirSync(join(path, "..")), ["station.flash"]);
	}));

test("the lock of a process whose number another one has now is in nobody's way", () =>
	inFolder((path) => {
		mkdirSync(join(path, ".."));
		// This process has not started at the first tick of the computer.
		writeFileSync(`${path}.lock`, `${process.pid} 1\n`);
		new FlashFile(path).close();
		assert.ok(!existsSync(`${path}.lock`));
	}));

test("a lock without a process is being written, or was left by a power cut", () =>
	inFolder((path) => {
		mkdirSync(join(path, ".."));
		writeFileSync(`${path}.lock`, "");
		assert.throws(() => new FlashFile(path), /is in use by process \?/);
		const aMinuteAgo = new Date(Date.now() - 60_000);
		utimesSync(`${path}.lock`, aMinuteAgo, aMinuteAgo);
		new FlashFile(path).close();
	}));

/** The file that holds the simulated board's flash. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
	chmodSync,
	existsSync,
	fstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	utimesSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Worker } from "node:worker_threads";
import { FLASH_BYTES, FlashFile } from "../../hosts/sim/headless/flash-file.ts";

async function inFolder(run: (path: string, folder: string) => void | Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-flash-"));
	try {
		await run(join(folder, "memory/station.flash"), folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
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
		writeFileSync(path, image);
		const flash = new FlashFile(path);
		assert.deepEqual(readFileSync(path), image);
		writeSync(flash.file, Uint8Array.of(7), 0, 1, FLASH_BYTES - 1);
		assert.equal(readFileSync(path)[FLASH_BYTES - 1], 7);
		flash.close();
	}));

test("without a path nothing stays anywhere", () => {
	const before = readdirSync(tmpdir()).filter((name) => name.startsWith("veleta-"));
	const flash = new FlashFile(undefined);
	assert.deepEqual(
		readdirSync(tmpdir()).filter((name) => name.startsWith("veleta-") && !before.includes(name)),
		[],
	);
	assert.equal(fstatSync(flash.file).size, FLASH_BYTES);
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

test("a lock without a process was left by a power cut, when it is older than the writing of one takes", () =>
	inFolder((path) => {
		mkdirSync(join(path, ".."));
		writeFileSync(`${path}.lock`, "");
		const aMinuteAgo = new Date(Date.now() - 60_000);
		utimesSync(`${path}.lock`, aMinuteAgo, aMinuteAgo);
		new FlashFile(path).close();
	}));

test("a lock that is being written is waited for, and then says whose it is", () =>
	inFolder(async (path) => {
		mkdirSync(join(path, ".."));
		const writing = `
			const { parentPort, workerData } = require("node:worker_threads");
			parentPort.once("message", ([path, text]) => require("node:fs").writeFileSync(path, text));
			parentPort.postMessage("ready");`;
		const holder = new Worker(writing, { eval: true });
		await new Promise((resolve) => holder.once("message", resolve));
		// What a process of this computer writes: here this one's own.
		const other = join(path, "..", "other.flash");
		const flash = new FlashFile(other);
		writeFileSync(`${path}.lock`, "");
		holder.postMessage([`${path}.lock`, readFileSync(`${other}.lock`, "utf8")]);
		assert.throws(() => new FlashFile(path), {
			message: `${path} is in use by process ${process.pid}; if that is no station, remove ${path}.lock`,
		});
		flash.close();
		await holder.terminate();
	}));

/** The lock file of a folder in which one process at a time builds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Worker } from "node:worker_threads";
import { takeLock } from "../../hosts/node/lock-file.js";
import { until } from "../harness/wait.ts";

async function inFolder(run: (path: string, folder: string) => void | Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-lock-"));
	try {
		await run(join(folder, "lock"), folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** What this process writes: its number, when it started, and where it is. */
function ownText(path: string): string[] {
	const release = takeLock(path);
	const text = readFileSync(path, "utf8");
	release();
	return text.trimEnd().split(" ");
}

/** Makes a lock older by so many s. */
function age(path: string, seconds: number): void {
	const then = new Date(Date.now() - 1_000 * seconds);
	utimesSync(path, then, then);
}

/** The number of a process that is no more. */
async function deadProcess(): Promise<number> {
	const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
	const { pid } = child;
	child.kill("SIGKILL");
	await new Promise((resolve) => child.once("close", resolve));
	return pid!;
}

const HELD = { name: "LockedError", message: `is in use by process ${process.pid}` };

test("a lock is taken once, and given back", () =>
	inFolder((path, folder) => {
		const release = takeLock(path);
		assert.throws(() => takeLock(path), HELD);
		release();
		assert.deepEqual(readdirSync(folder), []);
	}));

test("the lock of a process that was killed is in nobody's way", () =>
	inFolder(async (path, folder) => {
		const [, start, place] = ownText(path);
		writeFileSync(path, `${await deadProcess()} ${start} ${place}\n`);
		const release = takeLock(path);
		assert.equal(readFileSync(path, "utf8").split(" ")[0], String(process.pid));
		release();
		assert.deepEqual(readdirSync(folder), []);
	}));

test("the lock of a process whose number another one has now is in nobody's way", () =>
	inFolder((path) => {
		const [pid, , place] = ownText(path);
		// This process has not started at the first tick of the computer.
		writeFileSync(path, `${pid} 1 ${place}\n`);
		takeLock(path)();
		assert.ok(!existsSync(path));
	}));

test("a lock from before a power cut is in nobody's way, whatever the clock says", () =>
	inFolder((path) => {
		const [, , place] = ownText(path);
		const [, namespace, host] = place!.split("/");
		for (const seconds of [-3_000, 0, 3_000]) {
			writeFileSync(path, `${process.pid} 1 another-boot/${namespace}/${host}\n`);
			age(path, seconds);
			takeLock(path)();
		}
	}));

test("the lock of a process that has ended, and whose parent does not ask after it, is in nobody's way", () =>
	inFolder(async (path) => {
		const [, , place] = ownText(path);
		// The shell becomes a program that never waits for its child.
		const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"]);
		try {
			const [line] = (await once(parent.stdout, "data")) as [Buffer];
			const pid = Number(String(line));
			const stat = () => readFileSync(`/proc/${pid}/stat`, "latin1").split(" ");
			await until("its end", () => stat()[2] === "Z");
			writeFileSync(path, `${pid} ${stat()[21]} ${place}\n`);
			takeLock(path)();
		} finally {
			parent.kill("SIGKILL");
		}
	}));

test("a process of another container cannot be seen, and is not taken for dead until a build would be over", () =>
	inFolder(async (path) => {
		const [, start, place] = ownText(path);
		writeFileSync(path, `${await deadProcess()} ${start} ${place}0\n`);
		assert.throws(() => takeLock(path), { name: "LockedError" });
		age(path, 600);
		takeLock(path)();
	}));

test("a lock without a process was left by a power cut, when it is older than the writing of one takes", () =>
	inFolder((path) => {
		writeFileSync(path, "");
		age(path, 60);
		takeLock(path)();
	}));

test("a lock that is being written is waited for, and then says whose it is", () =>
	inFolder(async (path) => {
		const writing = `
			const { parentPort, workerData } = require("node:worker_threads");
			parentPort.once("message", ([path, text]) => require("node:fs").writeFileSync(path, text));
			parentPort.postMessage("ready");`;
		const holder = new Worker(writing, { eval: true });
		await new Promise((resolve) => holder.once("message", resolve));
		const text = `${ownText(path).join(" ")}\n`;
		writeFileSync(path, "");
		holder.postMessage([path, text]);
		assert.throws(() => takeLock(path), HELD);
		await holder.terminate();
	}));

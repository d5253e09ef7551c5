/**
 * The simulated board's flash, in a file that outlives the process.
 *
 * The engine writes through to the file, so it keeps all writes of a killed process;
 * when the file refuses one, the station ends. Nothing is forced to the disk
 * (no fsync): when the computer itself loses its power, the file may have an older
 * content, in part or as a whole, by some seconds. Then the station may use numbers
 * again, and send acknowledged readings again.
 */
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isLog } from "../../../src/outbox/log.ts";
import { closeToOthers, makeFolder } from "../../node/folders.js";
import { lockFile } from "./engine.ts";
import { createWhole } from "./whole-file.ts";

/** The engine takes it for NOR flash with blocks of 4,096 bytes. */
const BLOCK_LENGTH = 4_096;
export const FLASH_BYTES = 16 * BLOCK_LENGTH;

/** How long the lock is waited for, in ms: the engine of a station that was killed lives on for a moment. */
const LOCK_WAIT_MS = 5_000;

export class FlashFile {
	/** The descriptor of the open file. */
	readonly file: number;
	/** For a person. */
	readonly name: string;
	/** The outermost folder that was made for it, if one was. */
	readonly madeFolder: string | undefined;

	/**
	 * @param path the file, which is made if it is not there; without it, nothing outlives the process
	 * Throws an Error that names the file if it cannot be used, or another station uses it.
	 */
	constructor(path: string | undefined, lockWait = LOCK_WAIT_MS) {
		this.name = path ?? "the flash's temporary file";
		if (path === undefined) {
			this.file = openTemporary();
			return;
		}
		try {
			this.madeFolder = makeFolder(dirname(path));
			this.file = openLocked(path, lockWait);
		} catch (error) {
			const { code, message } = error as NodeJS.ErrnoException;
			throw new Error(`${path} ${code === undefined ? message : `cannot be used (${code})`}`);
		}
	}

	/** Gives the file back. */
	close(): void {
		closeSync(this.file);
	}
}

/** A file without a name, for the engines of one run. */
function openTemporary(): number {
	const folder = mkdtempSync(join(tmpdir(), "veleta-"));
	try {
		return openFile(join(folder, "flash"));
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** The lock is the file's own, so it goes with the last process that has the file open. */
function openLocked(path: string, wait: number): number {
	for (;;) {
		const file = openFile(path);
		try {
			if (!lockFile(file, wait)) throw new Error("is in use by another station");
			// Meanwhile another file may have got the name, whose lock this is not.
			if (isNamed(file, path)) {
				check(file);
				return file;
			}
		} catch (error) {
			closeSync(file);
			throw error;
		}
		closeSync(file);
	}
}

function isNamed(file: number, path: string): boolean {
	const [open, named] = [fstatSync(file), statSync(path, { throwIfNoEntry: false })];
	return open.ino === named?.ino && open.dev === named.dev;
}

/** The station would take what is no log for an empty flash, and begin with number 1. */
function check(file: number): void {
	const anew = "remove it to begin anew";
	if (fstatSync(file).size !== FLASH_BYTES) throw new Error(`is not a flash image of ${FLASH_BYTES} bytes; ${anew}`);
	const image = new Uint8Array(FLASH_BYTES);
	readSync(file, image, 0, FLASH_BYTES, 0);
	if (!isLog(image, BLOCK_LENGTH))
		throw new Error(`is not a station's flash: none of its blocks has a header; ${anew}`);
}

function openFile(path: string): number {
	for (;;) {
		try {
			closeToOthers(path);
			return openSync(path, "r+");
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		}
		createWhole(path, new Uint8Array(FLASH_BYTES).fill(0xff));
	}
}

/**
 * The simulated board's flash, in a file that outlives the process.
 *
 * The engine maps the file, so it keeps all writes of a killed process. Nothing is
 * forced to the disk (no fsync): when the computer itself loses its power, the file
 * may have an older content, in part or as a whole, by some seconds. Then the
 * station may use numbers again, and send acknowledged readings again.
 */
import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LockedError, takeLock } from "../../node/lock-file.js";

/** The engine takes it for NOR flash with blocks of 4,096 bytes. */
export const FLASH_BYTES = 16 * 4_096;

export class FlashFile {
	/** The descriptor of the open file. */
	readonly file: number;
	private _release: (() => void) | undefined;

	/**
	 * @param path the file, which is made if it is not there; without it, nothing outlives the process
	 * Throws an Error that names the file if it cannot be used, or another process uses it.
	 */
	constructor(path: string | undefined) {
		this.file = path === undefined ? openTemporary() : this._open(path);
	}

	/** Gives the file back. */
	close(): void {
		closeSync(this.file);
		this._release?.();
		this._release = undefined;
	}

	private _open(path: string): number {
		let file: number | undefined;
		try {
			mkdirSync(dirname(path), { recursive: true });
			this._release = takeLock(`${path}.lock`);
			file = openFile(path);
			if (fstatSync(file).size === FLASH_BYTES) return file;
			throw new Error(`is not a flash image of ${FLASH_BYTES} bytes; remove it to begin anew`);
		} catch (error) {
			if (file !== undefined) closeSync(file);
			this._release?.();
			if (error instanceof LockedError) {
				throw new Error(`${path} ${error.message}; if that is no station, remove ${path}.lock`);
			}
			const { code, message } = error as NodeJS.ErrnoException;
			throw new Error(`${path} ${code === undefined ? message : `cannot be used (${code})`}`);
		}
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

/** A new file gets its name when it is whole, so that a kill leaves no half of one. */
function openFile(path: string): number {
	try {
		return openSync(path, "r+");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
	writeFileSync(`${path}.new`, new Uint8Array(FLASH_BYTES).fill(0xff));
	renameSync(`${path}.new`, path);
	return openSync(path, "r+");
}

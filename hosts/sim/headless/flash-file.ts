/**
 * The simulated board's flash, in a file: what is in it outlives the process.
 *
 * Each write and each erase goes to the file before it returns, so a process
 * that is killed loses none. They are not forced to the disk (no fsync): when
 * the computer itself loses its power, the file may hold what it held some
 * seconds before, in part or as a whole. Then the station may use numbers
 * again, and send again what was acknowledged.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Bytes, Flash } from "../../../src/host.js";
import { FlashChip } from "../devices/flash-chip.js";
import { LockFile } from "./lock-file.ts";

/** NOR flash as on a board: erased in blocks of 4,096 bytes. */
const BLOCK_LENGTH = 4_096;
const BLOCKS = 16;
export const FLASH_BYTES = BLOCK_LENGTH * BLOCKS;

export class FlashFile implements Flash {
	readonly #chip: FlashChip;
	#file: number | undefined;
	#lock: LockFile | undefined;

	/**
	 * @param path the file, which is made if it is not there; without it, nothing outlives the process
	 * Throws an Error that names the file if it cannot be used, or another process uses it.
	 */
	constructor(path: string | undefined) {
		const image = new Uint8Array(FLASH_BYTES).fill(0xff);
		if (path !== undefined) this.#open(path, image);
		this.#chip = new FlashChip({ blockLength: BLOCK_LENGTH, blocks: BLOCKS, image });
	}

	status(): { readonly blockLength: number; readonly blocks: number } {
		return this.#chip.status();
	}

	read(byteLength: number, byteOffset: number): ArrayBuffer | Uint8Array {
		return this.#chip.read(byteLength, byteOffset);
	}

	write(bytes: Bytes, byteOffset: number): void {
		this.#chip.write(bytes, byteOffset);
		this.#save(byteOffset, bytes.length);
	}

	eraseBlock(block: number): void {
		this.#chip.eraseBlock(block);
		this.#save(block * BLOCK_LENGTH, BLOCK_LENGTH);
	}

	/** Gives the file back. */
	close(): void {
		if (this.#file !== undefined) closeSync(this.#file);
		this.#file = undefined;
		this.#lock?.release();
		this.#lock = undefined;
	}

	#open(path: string, image: Bytes): void {
		try {
			mkdirSync(dirname(path), { recursive: true });
			this.#lock = new LockFile(`${path}.lock`);
			this.#file = openFile(path, image);
			if (
				fstatSync(this.#file).size !== FLASH_BYTES ||
				readSync(this.#file, image, 0, FLASH_BYTES, 0) !== FLASH_BYTES
			) {
				throw new Error(`is not a flash image of ${FLASH_BYTES} bytes; remove it to begin anew`);
			}
		} catch (error) {
			this.close();
			const { code, message } = error as NodeJS.ErrnoException;
			throw new Error(`${path} ${code === undefined ? message : `cannot be used (${code})`}`);
		}
	}

	#save(byteOffset: number, byteLength: number): void {
		if (this.#file === undefined) return;
		writeSync(this.#file, this.#chip.image, byteOffset, byteLength, byteOffset);
	}
}

/** A new file gets its name when it is whole, so that a kill leaves no half of one. */
function openFile(path: string, image: Bytes): number {
	try {
		return openSync(path, "r+");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
	writeFileSync(`${path}.new`, image);
	renameSync(`${path}.new`, path);
	return openSync(path, "r+");
}

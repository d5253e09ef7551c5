/** The simulator's flash: a file that holds its image. */
import { File } from "file";
import type { Bytes, Flash } from "../../../src/host.js";

/** As a board's, only smaller. */
const BLOCK_LENGTH = 4_096;
const BLOCKS = 16;
/** Bytes that an erase writes at a time: more would be garbage that no board has. */
const STEP = 256;

/**
 * The SDK's `file`, which it has for every computer that mcsim runs on
 * (`embedded:storage/files` is missing on Windows). RAM holds nothing of it, as on a
 * board. Two simulators at a time must not share the file; this is not checked.
 */
export class FileFlash implements Flash {
	private readonly _file: File;

	/** Throws an Error where the file can be neither opened nor made. A file of another size is begun anew. */
	constructor(path: string) {
		this._file = new File(path, true);
		if (this._file.length === BLOCK_LENGTH * BLOCKS) return;
		for (let block = 0; block < BLOCKS; block++) this.eraseBlock(block);
	}

	status(): { readonly blockLength: number; readonly blocks: number } {
		return { blockLength: BLOCK_LENGTH, blocks: BLOCKS };
	}

	read(byteLength: number, byteOffset: number): ArrayBuffer {
		this._file.position = byteOffset;
		return this._file.read(ArrayBuffer, byteLength);
	}

	/** Clears bits and sets none. */
	write(bytes: Bytes, byteOffset: number): void {
		const image = new Uint8Array(this.read(bytes.length, byteOffset));
		for (let index = 0; index < image.length; index++) image[index]! &= bytes[index]!;
		this._file.position = byteOffset;
		this._file.write(image.buffer);
	}

	eraseBlock(block: number): void {
		const erased = new Uint8Array(STEP).fill(0xff);
		this._file.position = block * BLOCK_LENGTH;
		for (let written = 0; written < BLOCK_LENGTH; written += STEP) this._file.write(erased.buffer);
	}
}

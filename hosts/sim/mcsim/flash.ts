/** The simulator's flash: a file that holds its image. */
import { File } from "file";
import type { Bytes, Flash } from "../../../src/host.js";
import { FlashChip } from "../devices/flash-chip.js";

/** As a board's, only smaller. */
const BLOCK_LENGTH = 4_096;
const BLOCKS = 16;

/**
 * The SDK's `file`, which it has for every computer that mcsim runs on
 * (`embedded:storage/files` is missing on Windows). Two simulators at a time
 * must not share the file, and nothing here keeps them from it.
 */
export class FileFlash implements Flash {
	readonly #file: File;
	readonly #chip: FlashChip;

	/** Throws an Error where the file can be neither opened nor made. One of another size is begun anew. */
	constructor(path: string) {
		this.#file = new File(path, true);
		const size = BLOCK_LENGTH * BLOCKS;
		const usable = this.#file.length === size;
		const image = usable ? new Uint8Array(this.#file.read(ArrayBuffer, size)) : new Uint8Array(size).fill(0xff);
		this.#chip = new FlashChip({ blockLength: BLOCK_LENGTH, blocks: BLOCKS, image });
		if (!usable) this.#save(0, size);
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

	#save(byteOffset: number, byteLength: number): void {
		this.#file.position = byteOffset;
		this.#file.write(this.#chip.image.slice(byteOffset, byteOffset + byteLength).buffer);
	}
}

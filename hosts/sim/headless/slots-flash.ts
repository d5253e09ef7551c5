/** Flash in a file that outlives the process, as far as the firmware slots need it. */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Bytes, Flash } from "../../../src/host.js";
import { closeToOthers, makeFolder } from "../../node/folders.js";

export class SlotsFile implements Flash {
	private readonly _file: number;
	private readonly _blockLength: number;
	private readonly _blocks: number;

	/** The file is made if it is not there, readable for its owner alone: firmware has settings in it. Throws an Error that names it. */
	constructor(path: string, blockLength: number, blocks: number) {
		this._blockLength = blockLength;
		this._blocks = blocks;
		try {
			makeFolder(dirname(path));
			this._file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
			closeToOthers(path);
		} catch (error) {
			throw new Error(`${path} cannot be used (${(error as NodeJS.ErrnoException).code})`);
		}
	}

	status(): { blockLength: number; blocks: number } {
		return { blockLength: this._blockLength, blocks: this._blocks };
	}

	read(byteLength: number, byteOffset: number): Uint8Array {
		const bytes = new Uint8Array(byteLength).fill(0xff);
		readSync(this._file, bytes, 0, byteLength, byteOffset);
		return bytes;
	}

	write(bytes: Bytes, byteOffset: number): void {
		// A short write is followed by one of the rest, which tells why.
		for (let done = 0; done < bytes.length; )
			done += writeSync(this._file, bytes, done, bytes.length - done, byteOffset + done);
	}

	eraseBlock(block: number): void {
		this.write(new Uint8Array(this._blockLength).fill(0xff), block * this._blockLength);
	}

	/** Gives the file back. */
	close(): void {
		closeSync(this._file);
	}
}

/**
 * The byte list in which mqtt-packet's parser collects received bytes.
 *
 * One buffer is enough: the codec hands over whole packets, so that `append`
 * finds the list empty and copies nothing. Reading and consuming never copy.
 */
import { Buffer } from "./buffer.js";

const EMPTY = Buffer.alloc(0);

class BufferList {
	length = 0;
	private _bytes = EMPTY;
	private _start = 0;

	append(bytes: Uint8Array<ArrayBuffer>): void {
		if (this.length === 0) {
			this._bytes = new Buffer(bytes.buffer, bytes.byteOffset, bytes.length);
		} else {
			const joined = Buffer.alloc(this.length + bytes.length);
			joined.set(this.slice(0, this.length));
			joined.set(bytes, this.length);
			this._bytes = joined;
		}
		this._start = 0;
		this.length = this._bytes.length;
	}

	consume(count: number): void {
		const rest = this.length - count;
		if (rest > 0) {
			this._start += count;
			this.length = rest;
		} else {
			this._bytes = EMPTY;
			this._start = this.length = 0;
		}
	}

	/** A view, not a copy. */
	slice(start: number, end: number): Buffer {
		return this._bytes.subarray(this._start + start, this._start + end) as Buffer;
	}

	toString(_encoding: "utf8", start: number, end: number): string {
		return this.slice(start, end).toString();
	}

	readUInt8(offset: number): number {
		const byte = this._bytes[this._start + offset];
		if (byte === undefined) throw new RangeError("out of range");
		return byte;
	}

	readUInt16BE(offset: number): number {
		return this.readUInt8(offset) * 0x100 + this.readUInt8(offset + 1);
	}

	readUInt32BE(offset: number): number {
		return this.readUInt16BE(offset) * 0x10000 + this.readUInt16BE(offset + 2);
	}
}

/** mqtt-packet calls the import without `new`. */
export default () => new BufferList();

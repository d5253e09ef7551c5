/** Bytes in pieces, first in, first out. */
import type { Bytes } from "../../../../src/host.ts";

export class ByteQueue {
	private _pieces: Bytes[] = [];
	/** Bytes of the first piece that were taken. */
	private _taken = 0;
	private _length = 0;

	/** Bytes in all. */
	get length(): number {
		return this._length;
	}

	/** Bytes of the first piece; 0 where there is none. */
	get first(): number {
		return this._length === 0 ? 0 : this._pieces[0]!.length - this._taken;
	}

	push(piece: Bytes): void {
		if (piece.length === 0) return;
		this._pieces.push(piece);
		this._length += piece.length;
	}

	/** Puts pieces in front of the others, in their order. */
	unshift(pieces: readonly Bytes[]): void {
		if (this._taken > 0) this._pieces[0] = this._pieces[0]!.subarray(this._taken);
		this._taken = 0;
		this._pieces.unshift(...pieces);
		for (const { length } of pieces) this._length += length;
	}

	/** The first `size` bytes of all pieces, of which there must be as many. */
	take(size: number): Bytes {
		if (size <= this.first) return this.takeOfFirst(size);
		const bytes = new Uint8Array(size);
		for (let at = 0; at < size; ) {
			const part = this.takeOfFirst(size - at);
			bytes.set(part, at);
			at += part.length;
		}
		return bytes;
	}

	/** At most `size` bytes of the first piece, which must be there. */
	takeOfFirst(size: number): Bytes {
		const piece = this._pieces[0]!;
		const begin = this._taken;
		const end = Math.min(piece.length, begin + size);
		if (end === piece.length) {
			this._pieces.shift();
			this._taken = 0;
		} else this._taken = end;
		this._length -= end - begin;
		return end - begin === piece.length ? piece : piece.slice(begin, end);
	}

	clear(): void {
		this._pieces = [];
		this._taken = this._length = 0;
	}
}

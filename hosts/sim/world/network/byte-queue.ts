/** Bytes in pieces, first in, first out. */
import type { Bytes } from "../../../../src/host.ts";

export class ByteQueue {
	private _pieces: Bytes[] = [];
	private _length = 0;

	/** Bytes in all. */
	get length(): number {
		return this._length;
	}

	/** Bytes of the first piece; 0 where there is none. */
	get first(): number {
		return this._pieces[0]?.length ?? 0;
	}

	push(piece: Bytes): void {
		if (piece.length === 0) return;
		this._pieces.push(piece);
		this._length += piece.length;
	}

	/** Puts pieces in front of the others, in their order. */
	unshift(pieces: readonly Bytes[]): void {
		this._pieces.unshift(...pieces);
		for (const { length } of pieces) this._length += length;
	}

	/** The first `size` bytes of all pieces, of which there must be as many. */
	take(size: number): Bytes {
		const first = this.takeOfFirst(size);
		if (first.length === size) return first;
		const bytes = new Uint8Array(size);
		bytes.set(first);
		for (let at = first.length; at < size; ) {
			const part = this.takeOfFirst(size - at);
			bytes.set(part, at);
			at += part.length;
		}
		return bytes;
	}

	/** At most `size` bytes of the first piece, which must be there. */
	takeOfFirst(size: number): Bytes {
		const first = this._pieces[0]!;
		const part = first.subarray(0, size);
		if (part.length === first.length) this._pieces.shift();
		else this._pieces[0] = first.subarray(part.length);
		this._length -= part.length;
		return part;
	}

	clear(): void {
		this._pieces = [];
		this._length = 0;
	}
}

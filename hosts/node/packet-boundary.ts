/** Finds the ends of packets, so that no read goes beyond the end of one. */

/** More bytes follow in the remaining length (3.1.1, section 2.2.3). */
const CONTINUATION = 0x80;

export class PacketBoundary {
	/** Bytes of the fixed header that were read; 0 between packets, and inside of the rest. */
	private _header = 0;
	/** The remaining length as far as it was read. */
	private _length = 0;
	/** Unread bytes of the packet, once its fixed header is known. */
	private _rest = 0;

	/** Bytes that may be read next without reading beyond the packet at hand. */
	get allowed(): number {
		return this._rest > 0 ? this._rest : 1;
	}

	/** Takes note of bytes that were read: at most `allowed`. */
	read(bytes: Uint8Array): void {
		const [first] = bytes;
		if (this._rest > 0) {
			this._rest -= bytes.length;
		} else if (first !== undefined && this._header++ > 0) {
			this._length += (first % CONTINUATION) * CONTINUATION ** (this._header - 2);
			if (first >= CONTINUATION) return;
			this._rest = this._length;
			this._header = this._length = 0;
		}
	}
}

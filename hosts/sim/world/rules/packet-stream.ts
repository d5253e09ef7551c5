/** Follows a stream of MQTT packets that is written in pieces. */
import type { Bytes } from "../../../../src/host.ts";

export class PacketStream {
	/** Bytes of the present packet that are still to come, behind its fixed header. */
	private _rest = 0;
	/** The fixed header's bytes so far, and the remaining length that they tell (section 2.1). */
	private _header = 0;
	private _length = 0;

	/** Takes the next piece; returns whether it begins in the middle of a packet. */
	push(bytes: Bytes): boolean {
		const continues = this._rest > 0 || this._header > 0;
		for (let at = 0; at < bytes.length; ) {
			if (this._rest > 0) {
				const taken = Math.min(this._rest, bytes.length - at);
				this._rest -= taken;
				at += taken;
				continue;
			}
			const byte = bytes[at++]!;
			if (this._header++ === 0) continue;
			this._length += (byte & 0x7f) * 0x80 ** (this._header - 2);
			if (byte >= 0x80) continue;
			this._rest = this._length;
			this._header = this._length = 0;
		}
		return continues;
	}

	/** Another connection. */
	reset(): void {
		this._rest = this._header = this._length = 0;
	}
}

/** Reads MQTT's data types (5.0, 1.5) out of a received packet. `[MQTT-…]` names a normative statement of 5.0. */
import { Buffer } from "mqtt-packet";
import type { Bytes } from "../../host.js";
import { MALFORMED_PACKET, ProtocolError } from "./packet.js";

export function malformed(fault: string): ProtocolError {
	return new ProtocolError(fault, MALFORMED_PACKET);
}

/** A place in a packet. Throws a `ProtocolError` at what is not as it should be. */
export class Cursor {
	at: number;
	/** What is read has to end there. */
	end: number;
	private readonly _bytes: Bytes;

	constructor(bytes: Bytes, at: number) {
		this._bytes = bytes;
		this.at = at;
		this.end = bytes.length;
	}

	/** Where the skipped bytes begin. */
	skip(length: number): number {
		const begin = this.at;
		this.at += length;
		if (this.at > this.end) throw malformed("a property is longer than the properties");
		return begin;
	}

	/** An integer of 1, 2 or 4 bytes. */
	number(size: number): number {
		let value = 0;
		for (let at = this.skip(size); at < this.at; at++) value = value * 0x100 + this._bytes[at]!;
		return value;
	}

	/** A variable byte integer (1.5.5). */
	variable(): number {
		let value = 0;
		for (let factor = 1; factor <= 0x20_0000; factor *= 0x80) {
			const byte = this.number(1);
			value += (byte & 0x7f) * factor;
			if (byte >= 0x80) continue;
			if (byte === 0 && factor > 1) break;
			return value;
		}
		throw malformed("a variable byte integer of more bytes than it needs or may have [MQTT-1.5.5-1]");
	}

	/** Reads over a string. An object is made of it only where its bytes do not tell that they are UTF-8. */
	text(): void {
		const length = this.number(2);
		const begin = this.skip(length);
		let isAscii = true;
		for (let at = begin; at < this.at; at++) {
			const byte = this._bytes[at]!;
			if (byte === 0) throw malformed("a property with U+0000 [MQTT-1.5.4-2]");
			if (byte >= 0x80) isAscii = false;
		}
		// Throws where it is not UTF-8 [MQTT-1.5.4-1].
		if (!isAscii) new Buffer(this._bytes.buffer, this._bytes.byteOffset + begin, length).toString();
	}
}

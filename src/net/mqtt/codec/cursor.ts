/** Reads MQTT's data types (5.0, 1.5) out of a received packet. `[MQTT-…]` names a normative statement of 5.0. */
import type { ByteList } from "mqtt-packet";
import type { Bytes } from "../../../host.js";
import { malformed } from "../errors.js";

/** A place in a packet. Throws a `ProtocolError` for a malformed value. */
export class Cursor {
	at: number;
	/** The end of the properties: no value may go beyond it. */
	end: number;
	private readonly _list: ByteList;

	constructor(list: ByteList, at: number) {
		this._list = list;
		this.at = at;
		this.end = list.length;
	}

	/** An integer of 1, 2 or 4 bytes. */
	number(size: number): number {
		const at = this._skip(size);
		if (size === 1) return this._list.readUInt8(at);
		return size === 2 ? this._list.readUInt16BE(at) : this._list.readUInt32BE(at);
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

	/** A string (1.5.4). Throws a TypeError where it is not UTF-8 [MQTT-1.5.4-1]. */
	text(): string {
		const length = this.number(2);
		if (length === 0) return "";
		const begin = this._skip(length);
		const text = this._list.toString("utf8", begin, this.at);
		if (text.includes("\0")) throw malformed("a property with U+0000 [MQTT-1.5.4-2]");
		return text;
	}

	/** Binary data (1.5.6): a view of the packet. */
	binary(): Bytes {
		const begin = this._skip(this.number(2));
		return this._list.slice(begin, this.at);
	}

	/** Goes on by `length` bytes, and returns where they begin. */
	private _skip(length: number): number {
		const begin = this.at;
		this.at += length;
		if (this.at > this.end) throw malformed("a property is longer than the properties");
		return begin;
	}
}

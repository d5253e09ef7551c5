/**
 * Node's Buffer as far as mqtt-packet calls it. The methods are the class's
 * own, not assigned later: on a board the prototypes they override are frozen.
 */
import TextDecoder from "text/decoder";
import TextEncoder from "text/encoder";

// An encoder for each text: in a variable it would take RAM, and the linker of a firmware image cannot make one.
const utf8 = (text: string) => new TextEncoder().encode(text);

export class Buffer extends Uint8Array {
	// Written out: a derived class's own default constructor collects its arguments in an array, at twice the cost.
	constructor(value: number | ArrayLike<number> | ArrayBuffer, byteOffset?: number, length?: number) {
		super(value as ArrayBuffer, byteOffset, length);
	}

	// The rest parameter is for the compiler only: a static `from` has to accept what Uint8Array's accepts.
	static override from(value: string | ArrayLike<unknown> | Iterable<unknown>, ..._: unknown[]): Buffer {
		if (typeof value !== "string") {
			// Not by Uint8Array's constructor, which would iterate: mqtt-packet calls this where the stack is deepest.
			const { length } = value as ArrayLike<number>;
			const bytes = new Buffer(length);
			for (let at = 0; at < length; at++) bytes[at] = (value as ArrayLike<number>)[at]!;
			return bytes;
		}
		const { buffer, byteOffset, length } = utf8(value);
		return new Buffer(buffer, byteOffset, length);
	}

	static alloc(size: number): Buffer {
		return new Buffer(size);
	}

	static allocUnsafe(size: number): Buffer {
		return new Buffer(size);
	}

	static isBuffer(value: unknown): value is Buffer {
		return value instanceof Buffer;
	}

	static byteLength(value: string | Uint8Array): number {
		return typeof value === "string" ? utf8(value).length : value.byteLength;
	}

	copy(target: Uint8Array, targetStart: number): void {
		target.set(this, targetStart);
	}

	write(text: string, offset: number): void {
		this.set(utf8(text), offset);
	}

	writeUInt8(value: number, offset: number): void {
		this[offset] = value;
	}

	writeUInt32BE(value: number, offset: number): void {
		this[offset] = value >>> 24;
		this[offset + 1] = value >>> 16;
		this[offset + 2] = value >>> 8;
		this[offset + 3] = value;
	}

	/** Keeps a byte order mark [MQTT-1.5.3-3]. Throws where Node would put U+FFFD: MQTT closes the connection [MQTT-1.5.3-1]. */
	override toString(): string {
		try {
			return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this);
		} catch {
			throw new TypeError("invalid UTF-8"); // each engine has a text of its own
		}
	}
}

/**
 * One direction of a WebSocket (RFC 6455), as it is read: a header of HTTP, and then frames, which arrive in pieces. Strict:
 * what the RFC forbids to who sends in this direction throws.
 */
import type { Bytes } from "../../../../src/host.ts";
import { acceptOf } from "../../../../src/net/websocket.ts";
import { bytesOf } from "../../../../src/text.ts";

/** Opcodes [RFC 6455, 5.2]. */
export const CONTINUATION = 0;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Bytes of the header of HTTP, and of a control frame's payload. */
const HEAD_MAXIMUM = 4_096;
const CONTROL_MAXIMUM = 125;
const END_OF_HEAD = "\r\n\r\n";

export interface StreamListener {
	/** The header's lines. */
	head(lines: readonly string[]): void;
	/** Payload of binary messages, as far as it is there. */
	data(bytes: Bytes): void;
	/** A control frame. */
	control(opcode: number, payload: Bytes): void;
}

export class WebSocketStream {
	private readonly _isMasked: boolean;
	private readonly _listener: StreamListener;
	/** Of HTTP, until it is complete. */
	private _head: string | undefined = "";
	private _header: number[] = [];
	private _left = 0;
	private _control: number[] = [];
	private _isFragmented = false;

	/** @param from whose frames these are: a client masks them, a server does not */
	constructor(from: "client" | "server", listener: StreamListener) {
		this._isMasked = from === "client";
		this._listener = listener;
	}

	/** Throws an Error where the bytes are none of a WebSocket. */
	push(bytes: Bytes): void {
		let at = 0;
		while (this._head !== undefined && at < bytes.length) {
			this._head += String.fromCharCode(bytes[at++]!);
			if (this._head.length > HEAD_MAXIMUM) throw new Error("a header of HTTP without end");
			if (!this._head.endsWith(END_OF_HEAD)) continue;
			const lines = this._head.slice(0, -END_OF_HEAD.length).split("\r\n");
			this._head = undefined;
			this._listener.head(lines);
		}
		while (at < bytes.length) {
			if (this._header.length < this._headerSize) {
				this._header.push(bytes[at++]!);
				if (this._header.length === this._headerSize) this._begin();
				continue;
			}
			const part = bytes.slice(at, at + this._left);
			at += part.length;
			this._pass(part);
		}
	}

	/** Bytes of the frame's header: with its length, and with its mask. */
	private get _headerSize(): number {
		const second = this._header[1];
		if (second === undefined) return 2;
		const length = second & 0x7f;
		return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4);
	}

	private get _opcode(): number {
		return this._header[0]! & 0x0f;
	}

	/** A frame's header is there. */
	private _begin(): void {
		const [first = 0, second = 0] = this._header;
		const isFinal = (first & 0x80) !== 0;
		if ((first & 0x70) !== 0) throw new Error("a frame with reserved bits");
		const isMasked = (second & 0x80) !== 0;
		if (isMasked !== this._isMasked)
			throw new Error(isMasked ? "a server's frame is masked" : "a client's frame is bare");
		const short = second & 0x7f;
		const extended = this._header.slice(2, isMasked ? -4 : undefined);
		this._left = short < 126 ? short : extended.reduce((sum, byte) => 256 * sum + byte, 0);
		if (this._left < (short < 126 ? 0 : short === 126 ? 126 : 65_536)) throw new Error("a length that is too long");
		if (this._opcode >= CLOSE) {
			if (!isFinal || this._left > CONTROL_MAXIMUM) throw new Error("a control frame that is too long");
		} else {
			if (this._opcode !== (this._isFragmented ? CONTINUATION : BINARY)) throw new Error(`opcode ${this._opcode}`);
			this._isFragmented = !isFinal;
		}
		if (this._left === 0) this._end();
	}

	private _pass(part: Bytes): void {
		if (this._isMasked) {
			const mask = this._header.slice(-4);
			// As it is consumed the mask turns, so that the next part begins with its first byte.
			for (let index = 0; index < part.length; index++) part[index]! ^= mask[index & 3]!;
			for (let index = 0; index < 4; index++)
				this._header[this._header.length - 4 + index] = mask[(part.length + index) & 3]!;
		}
		this._left -= part.length;
		if (this._opcode < CLOSE) this._listener.data(part);
		else this._control.push(...part);
		if (this._left === 0) this._end();
	}

	private _end(): void {
		const opcode = this._opcode;
		const control = Uint8Array.from(this._control);
		this._header = [];
		this._control = [];
		if (opcode >= CLOSE) this._listener.control(opcode, control);
	}
}

/** A header's fields, by their names in small letters. */
export function fieldsOf(lines: readonly string[]): Map<string, string> {
	return new Map(
		lines.slice(1).map((line) => {
			const colon = line.indexOf(":");
			return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
		}),
	);
}

/** A server's answer to a request for a WebSocket with MQTT. */
export function switchingProtocols(request: readonly string[]): Bytes {
	return bytesOf(
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			`Sec-WebSocket-Accept: ${acceptOf(fieldsOf(request).get("sec-websocket-key") ?? "")}\r\n` +
			"Sec-WebSocket-Protocol: mqtt\r\n\r\n",
	);
}

/** A frame as a server sends it. */
export function serverFrame(opcode: number, payload: Bytes, isFinal = true): Bytes {
	const { length } = payload;
	const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
	const frame = new Uint8Array(2 + extended + length);
	frame[0] = (isFinal ? 0x80 : 0) | opcode;
	frame[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
	for (let index = 0, rest = length; index < extended; index++, rest = Math.floor(rest / 256)) {
		frame[1 + extended - index] = rest % 256;
	}
	frame.set(payload, 2 + extended);
	return frame;
}

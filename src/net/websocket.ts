/**
 * A WebSocket (RFC 6455) as a socket around another one, of TCP or TLS: MQTT's bytes are the payload of binary frames, in
 * which packets begin and end anywhere [MQTT-6.0.0-1, MQTT-6.0.0-2]. It does no I/O of its own, has no timer, and keeps
 * no frame: payloads pass through as they arrive.
 */
import { asBytes } from "../bytes.js";
import type { Bytes, Socket, SocketConstructor, SocketOptions } from "../host.js";
import { because, bytesOf, printable } from "../text.js";
import { withoutZone } from "./broker-url.js";
import { sha1 } from "./sha1.js";

/** Bytes of a line of the answer's header, and of all of it: behind them something else answers. */
const LINE_MAXIMUM = 1_024;
const HEADER_MAXIMUM = 8_192;
/** Bytes that are read at once before the connection is open. */
const READ_BYTES = 256;
/** Frames without payload that one read passes over. An end that has no more to say than that says too much. */
const EMPTY_FRAMES_MAXIMUM = 64;
/** Bytes of a frame's payload: two bytes in its header tell them. */
const PAYLOAD_MAXIMUM = 16_384;
/** Bytes of its header: two, the length, and the mask. */
const HEADER_BYTES = 2 + 2 + 4;
/** Bytes of a control frame's payload [RFC 6455, 5.5], and of the whole frame. */
const CONTROL_MAXIMUM = 125;
const CONTROL_BYTES = 2 + 4 + CONTROL_MAXIMUM;
/** Bytes of a frame: it may hold several of MQTT's packets, whose limit is a sixteenth of that. */
const FRAME_MAXIMUM = 0xffff_ffff;

/** RFC 6455, section 1.3: no other protocol has it. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE_FEED = 0x0a;

/** Opcodes [RFC 6455, 5.2]. */
const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Status codes of a close frame [RFC 6455, 7.4.1]. */
const NORMAL = 1000;
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED = 1003;
const TOO_BIG = 1009;

export interface WebSocketUrl {
	/** The class of the socket around which it is; it gets the options of all sockets. */
	readonly stream: SocketConstructor;
	/** Of the request: `/mqtt`. */
	readonly path: string;
	/** The port that a URL with this scheme does not name. */
	readonly defaultPort: number;
	/** Uniform in [0, 1): masks keep no secret, they keep proxies from reading requests into a payload. */
	readonly random: () => number;
}

/** What the server has answered so far. */
interface Answer {
	readonly accept: string;
	line: string;
	size: number;
	status: number | undefined;
	location: string;
	isUpgraded: boolean;
	isAccepted: boolean;
	hasProtocol: boolean;
}

export class WebSocket implements Socket {
	// Not the options: they hold certificates, and names that are asked for once.
	private readonly _onReadable: SocketOptions["onReadable"];
	private readonly _onWritable: SocketOptions["onWritable"];
	private readonly _onError: SocketOptions["onError"];
	private readonly _random: WebSocketUrl["random"];
	private readonly _stream: Socket;
	/** Until the connection is open. */
	private _answer: Answer | undefined;
	private _phase: "connecting" | "upgrading" | "open" | "closing" | "closed" = "connecting";
	/** Whether the stream has ended: then it may be read, and not written to. */
	private _isOver = false;
	/** Of the close frame at the end. */
	private _status = NORMAL;
	/** Why the server has closed, once it has. */
	private _farewell: string | undefined;
	/** What the stream takes; of it, what the program was told that it may write. */
	private _writable = 0;
	private _room = 0;
	/** The request, or the answer to a ping, for which there was no room. */
	private _waiting: Bytes | undefined;
	/** Bytes that arrived together with the end of the header. */
	private _early: Bytes | undefined;
	/** The header of the next frame, or the payload of a control frame, as far as it is there. */
	private _partial: number[] = [];
	/** Of the frame that arrives: its opcode, and how many bytes of payload are to come. */
	private _opcode = BINARY;
	private _left = 0;
	/** Whether the message goes on in a continuation frame. */
	private _isFragmented = false;

	/** `onError` gets an Error whose message is for people where the server does not open a WebSocket, and where it closes it. */
	constructor(options: SocketOptions, { stream, path, defaultPort, random }: WebSocketUrl) {
		const { host, port, onReadable, onWritable, onError } = options;
		this._onReadable = onReadable;
		this._onWritable = onWritable;
		this._onError = onError;
		this._random = random;
		const key = base64(this._randomBytes(16));
		this._answer = {
			accept: acceptOf(key),
			line: "",
			size: 0,
			status: undefined,
			location: "",
			isUpgraded: false,
			isAccepted: false,
			hasProtocol: false,
		};
		const name = host.includes(":") ? `[${withoutZone(host)}]` : host;
		// The opening handshake's request [RFC 6455, 4.1].
		this._waiting = bytesOf(
			`GET ${path} HTTP/1.1\r\nHost: ${name}${port === defaultPort ? "" : `:${port}`}\r\n` +
				`Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\n` +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
		);
		this._stream = new stream({
			...options,
			onReadable: (count) => this._readableNow(count),
			onWritable: (count) => this._writableNow(count),
			onError: (reason) => this._ended(reason),
		});
	}

	/** Throws an Error whose message is for people where the server breaks the protocol; then the connection is to be closed. */
	read(byteLength = READ_BYTES): Bytes | undefined {
		for (let empty = 0; this._phase === "open"; empty++) {
			if (empty > EMPTY_FRAMES_MAXIMUM) throw this._violation("sends nothing but empty frames");
			if (this._left === 0 && !this._nextFrame()) return undefined;
			if (this._opcode < CLOSE) {
				if (this._left === 0) continue;
				const payload = this._take(Math.min(this._left, byteLength));
				this._left -= payload?.length ?? 0;
				return payload;
			}
			while (this._left > 0) {
				const part = this._take(this._left);
				if (!part) return undefined;
				this._left -= part.length;
				for (const byte of part) this._partial.push(byte);
			}
			this._controlled();
		}
		return undefined;
	}

	write(bytes: Bytes): number {
		if (this._phase !== "open" || bytes.length === 0) return this._room;
		this._send(this._frame(BINARY, bytes));
		this._room = 0;
		this._flush();
		this._room = this._free;
		return this._room;
	}

	close(): void {
		if (this._phase === "closed") return;
		const isOpen = this._phase === "open";
		this._phase = "closed";
		this._early = undefined;
		try {
			if (isOpen) this._sendClose(this._status);
		} catch {
			// The stream had ended before.
		}
		this._stream.close();
	}

	/** Bytes that the program may write: what is left of the stream's is for a frame's header, and for an answer to a ping. */
	private get _free(): number {
		if (this._phase !== "open" || this._waiting) return 0;
		return Math.max(0, Math.min(PAYLOAD_MAXIMUM, this._writable - HEADER_BYTES - CONTROL_BYTES));
	}

	private _writableNow(count: number): void {
		this._writable = count;
		if (this._phase === "connecting") this._phase = "upgrading";
		const told = this._room;
		this._room = 0;
		this._flush();
		this._tellRoom(told);
	}

	/** `told`: what the program may write as it was told before, which does not hold any more. */
	private _tellRoom(told = 0): void {
		this._room = this._free;
		if (this._room > 0 || told > 0) this._onWritable(this._room);
	}

	private _readableNow(count: number): void {
		if (this._phase === "upgrading") this._upgrade();
		else if (this._phase === "open") this._onReadable(count);
	}

	/** The stream has ended. */
	private _ended(reason: unknown): void {
		this._isOver = true;
		if (this._phase === "upgrading") this._upgrade();
		if (this._phase === "closed") return;
		const error =
			this._farewell ?? (this._phase === "upgrading" ? `no WebSocket was opened${because(reason)}` : undefined);
		this._onError(error === undefined ? reason : new Error(error));
	}

	/** Reads the answer; what is behind its header is of frames. */
	private _upgrade(): void {
		while (this._phase === "upgrading") {
			const bytes = this._arrived(READ_BYTES);
			if (!bytes) return;
			const answer = this._answer!;
			for (let at = 0; at < bytes.length; at++) {
				const byte = bytes[at]!;
				if (++answer.size > HEADER_MAXIMUM || answer.line.length > LINE_MAXIMUM)
					return this._refuse("the answer's header is too long");
				if (byte !== LINE_FEED) {
					answer.line += String.fromCharCode(byte);
					continue;
				}
				const line = answer.line.trim();
				answer.line = "";
				if (line === "" && answer.status !== undefined) {
					this._early = bytes.subarray(at + 1);
					this._answer = undefined;
					return this._answered(answer);
				}
				if (!this._understands(answer, line)) return this._refuse("the answer is not HTTP");
			}
		}
	}

	/** A line of the answer's header: the first has the status, the others a name and a value each. */
	private _understands(answer: Answer, line: string): boolean {
		if (answer.status === undefined) {
			if (!line.startsWith("HTTP/1.1 ")) return false;
			answer.status = Number(line.slice(9, 12));
			return answer.status >= 100 && answer.status < 600;
		}
		const colon = line.indexOf(":");
		const value = line.slice(colon + 1).trim();
		const token = value.toLowerCase();
		switch (line.slice(0, Math.max(0, colon)).toLowerCase()) {
			case "upgrade":
				answer.isUpgraded = token === "websocket";
				break;
			case "location":
				answer.location = value;
				break;
			case "sec-websocket-accept":
				answer.isAccepted = value === answer.accept;
				break;
			case "sec-websocket-protocol":
				answer.hasProtocol = value === "mqtt";
				break;
		}
		return true;
	}

	private _answered({ status, location, isUpgraded, isAccepted, hasProtocol }: Answer): void {
		if (status !== 101) {
			if (location !== "") return this._refuse(`it is redirected to ${printable(location)}: name that address`);
			return this._refuse(`HTTP status ${status}${wordsOf(status!)}`);
		}
		if (!isUpgraded || !isAccepted) return this._refuse("the answer is that of another protocol, or of a cache");
		// [MQTT-6.0.0-4]
		if (!hasProtocol) return this._refuse("the server does not say that it speaks MQTT there (no subprotocol mqtt)");
		this._phase = "open";
		this._tellRoom();
		if (this._early && this._early.length > 0) this._onReadable(this._early.length);
	}

	private _refuse(reason: string): void {
		this._onError(new Error(`no WebSocket: ${reason}`));
		this.close();
	}

	/** Bytes of frames, at most `maximum`. */
	private _take(maximum: number): Bytes | undefined {
		const early = this._early;
		if (!early) return this._arrived(maximum);
		this._early = early.length > maximum ? early.subarray(maximum) : undefined;
		return early.length === 0 ? this._take(maximum) : early.subarray(0, maximum);
	}

	/** Bytes of the stream's, at most `maximum`. */
	private _arrived(maximum: number): Bytes | undefined {
		const bytes = this._stream.read(maximum);
		return bytes && bytes.byteLength > 0 ? asBytes(bytes) : undefined;
	}

	/** The next frame's header [RFC 6455, 5.2]. Returns whether it is there as a whole. */
	private _nextFrame(): boolean {
		const header = this._partial;
		while (header.length < sizeOf(header)) {
			const bytes = this._take(sizeOf(header) - header.length);
			if (!bytes) return false;
			for (const byte of bytes) header.push(byte);
			if (header.length === 2) this._judge(header[0]!, header[1]!);
		}
		const [first = 0, second = 0] = header;
		const opcode = first & 0x0f;
		let length = second & 0x7f;
		if (length > CONTROL_MAXIMUM) {
			const least = length === 126 ? 126 : 0x1_0000;
			length = header.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
			if (length < least) throw this._violation("tells a length in more bytes than it needs");
			if (length > FRAME_MAXIMUM) throw this._violation("begins a frame without end", TOO_BIG);
		}
		this._partial = [];
		this._opcode = opcode;
		this._left = length;
		if (opcode < CLOSE) this._isFragmented = (first & 0x80) === 0;
		return true;
	}

	/** Throws an Error for what a frame must not begin with. */
	private _judge(first: number, second: number): void {
		const opcode = first & 0x0f;
		const isFinal = (first & 0x80) !== 0;
		if ((first & 0x70) !== 0) throw this._violation("sets bits that are reserved");
		if ((second & 0x80) !== 0) throw this._violation("masks its frames");
		// [MQTT-6.0.0-1]
		if (opcode === TEXT) throw this._violation("sends text", UNSUPPORTED);
		if (opcode >= CLOSE) {
			if (opcode > PONG) throw this._violation("sends a frame of an unknown kind");
			if (!isFinal || (second & 0x7f) > CONTROL_MAXIMUM)
				throw this._violation("sends a control frame that is too long");
		} else if (opcode !== (this._isFragmented ? CONTINUATION : BINARY)) {
			throw this._violation(opcode > BINARY ? "sends a frame of an unknown kind" : "mixes the parts of messages");
		}
	}

	/** A control frame is there as a whole. */
	private _controlled(): void {
		const payload = Uint8Array.from(this._partial);
		this._partial = [];
		if (this._opcode === PING) {
			// Of several that wait, the last one is answered [RFC 6455, 5.5.3].
			const pong = this._frame(PONG, payload);
			const hasRoom = this._writable - pong.length >= this._reserved;
			this._waiting = hasRoom ? undefined : pong;
			if (hasRoom) this._send(pong);
		}
		if (this._opcode !== CLOSE) return;
		if (payload.length === 1) throw this._violation("closes with half a status code");
		const status = payload.length < 2 ? 0 : payload[0]! * 256 + payload[1]!;
		this._farewell = `the broker has closed the WebSocket${closingWords(status)}`;
		this._phase = "closing";
		this._room = 0;
		// The server ends the connection then [RFC 6455, 7.1.1].
		this._sendClose(status === 0 ? NORMAL : status);
	}

	/** What the program may still write, with its header. */
	private get _reserved(): number {
		return this._room > 0 ? this._room + HEADER_BYTES : 0;
	}

	private _sendClose(status: number): void {
		this._waiting = undefined;
		const frame = this._frame(CLOSE, Uint8Array.of(status >> 8, status & 0xff));
		if (frame.length <= this._writable) this._send(frame);
	}

	private _send(bytes: Bytes): void {
		if (!this._isOver) this._writable = this._stream.write(bytes);
	}

	/** Writes what waits for room: the request in as many parts as it takes, a frame whole, as another may follow it. */
	private _flush(): void {
		const waiting = this._waiting;
		if (!waiting || this._room > 0) return;
		const { length } = this._phase === "open" ? waiting : waiting.subarray(0, this._writable);
		if (length === 0 || length > this._writable) return;
		this._waiting = length < waiting.length ? waiting.subarray(length) : undefined;
		this._send(waiting.subarray(0, length));
	}

	/** A frame as a client sends it: whole, and masked [RFC 6455, 5.3]. */
	private _frame(opcode: number, payload: Uint8Array): Bytes {
		const { length } = payload;
		const isLong = length > CONTROL_MAXIMUM;
		const at = isLong ? 8 : 6;
		const frame = new Uint8Array(at + length);
		frame[0] = 0x80 | opcode;
		frame[1] = 0x80 | (isLong ? 126 : length);
		if (isLong) {
			frame[2] = length >> 8;
			frame[3] = length & 0xff;
		}
		const mask = this._randomBytes(4);
		frame.set(mask, at - 4);
		for (let index = 0; index < length; index++) frame[at + index] = payload[index]! ^ mask[index & 3]!;
		return frame;
	}

	private _randomBytes(count: number): Bytes {
		return Uint8Array.from({ length: count }, () => Math.floor(this._random() * 256));
	}

	private _violation(what: string, status = PROTOCOL_ERROR): Error {
		this._status = status;
		return new Error(`WebSocket: the broker ${what}`);
	}
}

/** Bytes of a frame's header, as far as they tell. */
function sizeOf([, second = 0]: readonly number[]): number {
	const length = second & 0x7f;
	return length === 126 ? 4 : length === 127 ? 10 : 2;
}

/** The answer to a key that shows that a server knows of WebSockets [RFC 6455, 4.2.2]. */
export function acceptOf(key: string): string {
	return base64(sha1(bytesOf(key + GUID)));
}

/** RFC 4648, section 4. */
function base64(bytes: Bytes): string {
	let text = "";
	for (let at = 0; at < bytes.length; at += 3) {
		const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
		for (let shift = 18; shift >= 0; shift -= 6) text += BASE64[(group >> shift) & 0x3f];
	}
	const padding = (3 - (bytes.length % 3)) % 3;
	return text.slice(0, text.length - padding) + "==".slice(0, padding);
}

/** The status codes that a person may do something about. */
function wordsOf(status: number): string {
	switch (status) {
		case 401:
		case 403:
			return ": access is refused before MQTT begins";
		case 400:
		case 404:
		case 405:
			return ": there is no WebSocket at this path";
		case 426:
			return ": another version of HTTP or of WebSocket is wanted";
		case 200:
			return ": a page, and no WebSocket";
		default:
			return status >= 500 ? ": the server, or a proxy before it, fails" : "";
	}
}

/** Of a close frame; 0: it has no status code. */
function closingWords(status: number): string {
	switch (status) {
		case 0:
		case NORMAL:
			return "";
		case 1001:
			return ": it goes away";
		case PROTOCOL_ERROR:
			return ": protocol error";
		case 1008:
			return ": against its policy";
		case TOO_BIG:
			return ": too much data";
		case 1011:
			return ": it fails";
		case 1012:
			return ": it restarts";
		case 1013:
			return ": it is overloaded";
		default:
			return ` with status ${status}`;
	}
}

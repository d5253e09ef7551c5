/**
 * One dialogue over a WebSocket: the station's end, driven as the link drives it, against a server that is conforming,
 * broken or malicious by turns. A seed decides all of it. What the server sends is read by a reference beside it, whose
 * word counts: payload arrives complete and in order up to the first frame that the RFC forbids, and what is behind
 * that does not arrive at all.
 */

import {
	BINARY,
	CLOSE,
	CONTINUATION,
	PING,
	PONG,
	serverFrame,
	WebSocketStream,
} from "../../hosts/sim/world/websocket/stream.ts";
import type { Bytes, Socket, SocketOptions } from "../../src/host.ts";
import { acceptOf, WebSocket } from "../../src/net/websocket.ts";
import { bytesOf } from "../../src/text.ts";
import { FuzzFailure, failed } from "./broker.ts";
import { mutate } from "./mutations.ts";
import { Random } from "./random.ts";
import type { Tally } from "./tally.ts";
import { RECEIVED, Trace } from "./trace.ts";

/** Bytes that the stream takes at most: so few, and no room is left for a program's. */
const WINDOW_LEAST = 200;
const WINDOW_MOST = 6_000;
/** Bytes that the link reads at once. */
const READ_BYTES = [1, 7, 256, 4_096] as const;
/** Lengths at which a frame's header changes its size. */
const LENGTHS = [0, 1, 2, 125, 126, 127, 200] as const;
const RARE_LENGTHS = [1_000, 10_000, 65_535, 65_536] as const;
const CONTROL_MAXIMUM = 125;
/** Frames that arrive before the link looks: more are a flood. */
const BURST = 40;
const FLOOD = 200;
const STEPS = 300;
/** Reads that end in nothing at last: more are without end. */
const READS_MAXIMUM = 200_000;
/** Calls of the stream until everything that waits has left. */
const ROUNDS_TO_REST = 200;
/** A header of HTTP that is longer has to be refused. */
const HEAD_REFUSED_BYTES = 10_000;

/** What an error of the station's end may begin with. */
const REASON = /^(WebSocket: the broker |no WebSocket: |no WebSocket was opened|the broker has closed the WebSocket)/;

/** The stream below the WebSocket, of which the dialogue plays the other end. */
class Stream implements Socket {
	readonly options: SocketOptions;
	readonly writes: Bytes[] = [];
	readonly arrived: number[] = [];
	isClosed = false;
	isOver = false;
	room = 0;

	constructor(options: SocketOptions) {
		this.options = options;
	}

	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		if (this.isClosed) failed("a stream is read after its end");
		return this.arrived.length === 0 ? undefined : Uint8Array.from(this.arrived.splice(0, byteLength));
	}

	write(bytes: Bytes): number {
		if (this.isClosed || this.isOver) failed("a stream is written to after its end");
		if (bytes.length > this.room) failed(`${bytes.length} bytes to write, ${this.room} may be`);
		this.room -= bytes.length;
		this.writes.push(bytes.slice());
		return this.room;
	}

	close(): void {
		this.isClosed = true;
	}
}

class WebSocketDialogue {
	private readonly _random: Random;
	private readonly _tally: Tally;
	private readonly _trace = new Trace();
	private readonly _window: number;
	private readonly _reference: WebSocketStream;
	private readonly _client: WebSocketStream;
	private _stream!: Stream;
	private readonly _socket: WebSocket;
	/** Payload: what the reference has read and the link has not; what the link has written and the server has not read. */
	private readonly _due: number[] = [];
	private readonly _written: number[] = [];
	/** The request's key, once it is there. */
	private _key: string | undefined;
	/** What the server has asked by pings, in order; and how many at most are answered, as the last may stand for all. */
	private _pings: string[] = [];
	private _isMessageOpen = false;
	private _isOpen = false;
	/** The reference has met what the RFC forbids; nobody knows what becomes of the rest. */
	private _isForbidden = false;
	/** The two ends may not agree where the answer's header ends, if it is one: nobody knows what stands behind it. */
	private _isBadlyOpened = false;
	private _isUnknown = false;
	/** The server has sent a close frame. */
	private _isClosing = false;
	/** Of the station's end. */
	private _error: string | undefined;
	private _closes = 0;
	private _room = 0;
	private _step = 0;

	constructor(seed: number, number: number, tally: Tally) {
		const random = new Random(seed, number);
		this._random = random;
		this._tally = tally;
		this._window = random.between(WINDOW_LEAST, WINDOW_MOST);
		this._reference = new WebSocketStream("server", {
			head: () => {},
			data: (bytes) => {
				if (!this._isClosing) for (const byte of bytes) this._due.push(byte);
			},
			control: (opcode, payload) => this._referred(opcode, payload),
		});
		this._client = new WebSocketStream("client", {
			head: (lines) => this._requested(lines),
			data: (bytes) => this._sent(bytes),
			control: (opcode, payload) => this._answered(opcode, payload),
		});
		const self = this;
		this._socket = new WebSocket(
			{
				host: "broker.example",
				port: 80,
				onReadable: () => this._note("readable"),
				onWritable: (count) => this._writable(count),
				onError: (reason) => this._ended(reason),
			},
			{
				stream: class extends Stream {
					constructor(options: SocketOptions) {
						super(options);
						self._stream = this;
					}
				},
				path: "/mqtt",
				defaultPort: 80,
				random: () => random.next() / 0x1_0000_0000,
			},
		);
	}

	run(): void {
		this._tally.dialogues++;
		this._tally.connections++;
		try {
			this._open();
			const steps = this._random.between(1, STEPS);
			for (; this._step < steps && !this._stream.isClosed && !this._stream.isOver; this._step++) this._takeStep();
			if (!this._stream.isClosed && !this._stream.isOver) this._rest();
			this._stop();
		} catch (error) {
			throw new FuzzFailure(`step ${this._step}: ${(error as Error).stack}\n${this._trace}`);
		}
	}

	private _note(what: string, bytes?: Bytes): void {
		this._trace.note(this._step, what, bytes);
	}

	/** The opening handshake, which goes well most of the time. */
	private _open(): void {
		for (let round = 0; this._key === undefined; round++) {
			if (round > this._window) failed("no request");
			this._drain();
		}
		const lines = [
			"Upgrade: websocket",
			"Connection: Upgrade",
			`Sec-WebSocket-Accept: ${acceptOf(this._key)}`,
			"Sec-WebSocket-Protocol: mqtt",
			...(this._random.oneIn(3) ? [`X-Filler: ${"x".repeat(this._random.below(900))}`] : []),
		].sort(() => this._random.below(3) - 1);
		const answer = bytesOf(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
		if (this._random.oneIn(4)) return this._openBadly(answer);
		this._receive(answer);
		// It is told when something may be written.
		for (let round = 0; !this._isOpen && round < ROUNDS_TO_REST; round++) this._drain();
		if (!this._isOpen) failed(`no WebSocket: ${this._error}`);
	}

	/** An answer of which nobody knows whether it is one. */
	private _openBadly(answer: Bytes): void {
		this._isUnknown = this._isBadlyOpened = true;
		const random = this._random;
		const bad = random.oneIn(3)
			? Uint8Array.from({ length: random.below(2 * HEAD_REFUSED_BYTES) }, () => random.below(128))
			: mutate(random, answer);
		this._receive(bad);
		if (this._isOpen) {
			// What it has taken is an answer to its key in spite of the changes.
			const text = String.fromCharCode(...bad);
			if (!text.includes(acceptOf(this._key!)) || !/^HTTP\/1\.1 101/.test(text)) failed("a wrong answer opens it");
		} else if (bad.length > HEAD_REFUSED_BYTES && this._error === undefined) failed("a header without end");
	}

	private _takeStep(): void {
		const random = this._random;
		switch (random.below(8)) {
			case 0:
			case 1:
				return this._write();
			case 2:
				return this._drain();
			case 3:
				return this._read();
			default:
				return this._serve();
		}
	}

	/** The program writes. */
	private _write(): void {
		const most = Math.min(this._room, this._random.oneIn(4) ? this._room : 40);
		const payload = Uint8Array.from({ length: most === 0 ? 0 : this._random.between(1, most) }, () =>
			this._random.below(256),
		);
		for (const byte of payload) this._written.push(byte);
		this._note("write", payload);
		this._room = this._socket.write(payload);
		if (this._room < 0) failed(`room for ${this._room} bytes`);
		this._look();
	}

	/** The stream has sent what it had, and takes more. */
	private _drain(): void {
		const { _stream: stream, _random: random } = this;
		stream.room = Math.min(this._window, stream.room + random.between(1, this._window));
		this._note(`drained, ${stream.room} bytes of room`);
		stream.options.onWritable(stream.room);
		this._look();
	}

	/** What has left reaches the server. */
	private _look(): void {
		for (const bytes of this._stream.writes.splice(0)) {
			this._note("leaves", bytes);
			this._client.push(bytes);
		}
	}

	private _writable(count: number): void {
		if (this._error !== undefined) failed("writable after its end");
		if (this._key === undefined) failed("writable before the request");
		// It may be told that what it was told of is gone.
		if (!(count > 0 || (count === 0 && this._room > 0))) failed(`${count} bytes may be written`);
		this._isOpen = true;
		this._room = count;
	}

	/** The server sends something. */
	private _serve(): void {
		const random = this._random;
		const frames: Bytes[] = [];
		const kind = random.below(40);
		const count = kind === 0 ? FLOOD : random.between(1, random.oneIn(10) ? BURST : 4);
		for (let index = 0; index < count; index++) frames.push(kind === 0 ? this._flooding() : this._frame());
		// More frames without a byte of payload than one read passes over.
		if (kind === 0) this._isUnknown = true;
		if (kind === 1) frames.push(this._forbidden());
		if (kind === 2) {
			const at = random.below(frames.length);
			frames[at] = mutate(random, frames[at]!);
			this._isUnknown = true;
		}
		this._tally.received += frames.length;
		for (const frame of frames) this._receive(frame, kind > 2);
		if (kind <= 2 || random.oneIn(2)) this._read();
		if (kind !== 2) return;
		if (this._error === undefined) this._tally.taken++;
		else this._tally.refused++;
	}

	private _payload(length: number): Bytes {
		return Uint8Array.from({ length }, () => this._random.below(256));
	}

	private _frame(): Bytes {
		const random = this._random;
		if (random.oneIn(6))
			return serverFrame(random.oneIn(3) ? PONG : PING, this._payload(random.below(CONTROL_MAXIMUM + 1)));
		if (random.oneIn(400)) return serverFrame(CLOSE, Uint8Array.of(3, random.pick([232, 233, 234, 243, 245])));
		const isFinal = !random.oneIn(4);
		const opcode = this._isMessageOpen ? CONTINUATION : BINARY;
		this._isMessageOpen = !isFinal;
		const length = random.oneIn(300)
			? random.pick(RARE_LENGTHS)
			: random.oneIn(3)
				? random.pick(LENGTHS)
				: random.below(40);
		return serverFrame(opcode, this._payload(length), isFinal);
	}

	private _flooding(): Bytes {
		const opcode = this._isMessageOpen ? CONTINUATION : BINARY;
		this._isMessageOpen = true;
		return this._random.oneIn(2) ? serverFrame(PING, this._payload(1)) : serverFrame(opcode, this._payload(0), false);
	}

	/** A frame that the RFC forbids, or MQTT does. */
	private _forbidden(): Bytes {
		const random = this._random;
		const next = this._isMessageOpen ? CONTINUATION : BINARY;
		const other = this._isMessageOpen ? BINARY : CONTINUATION;
		return random.pick([
			() => serverFrame(next | random.pick([0x10, 0x20, 0x40, 0x70]), this._payload(3)),
			() => serverFrame(other, this._payload(3)),
			() => serverFrame(1, bytesOf("text")),
			() => serverFrame(random.pick([3, 7, 11, 15]), this._payload(random.below(4))),
			() => serverFrame(random.pick([PING, PONG, CLOSE]), this._payload(2), false),
			() => serverFrame(random.pick([PING, PONG, CLOSE]), this._payload(random.between(126, 300))),
			() => Uint8Array.of(0x80 | next, 0x80 | 2, 1, 2, 3, 4, 5, 6),
			() => Uint8Array.of(0x80 | next, 126, 0, random.below(126)),
			() => Uint8Array.of(0x80 | next, 127, 0, 0, 0, 0, 0, 0, random.below(256), random.below(256)),
			() => {
				// To the reference it is a frame that takes long.
				this._isUnknown = true;
				return Uint8Array.of(0x80 | next, 127, random.pick([0x80, 1, 0]), 0, 0, random.between(1, 255), 0, 0, 0, 0);
			},
			() => serverFrame(CLOSE, this._payload(1)),
		] as const)();
	}

	/** Bytes of the server's arrive; `inPieces`: in as many as it likes. */
	private _receive(bytes: Bytes, inPieces = true): void {
		const random = this._random;
		for (let at = 0; at < bytes.length && !this._stream.isClosed; ) {
			const size = inPieces && random.oneIn(4) ? random.between(1, bytes.length - at) : bytes.length - at;
			const piece = bytes.subarray(at, at + size);
			at += size;
			this._trace.note(this._step, RECEIVED, [...piece]);
			try {
				// The reference is a step ahead: what the station's end hands on is due by then.
				if (!this._isForbidden && !this._isClosing) this._reference.push(piece);
			} catch (error) {
				this._isForbidden = true;
				this._note(`forbidden: ${(error as Error).message}`);
			}
			for (const byte of piece) this._stream.arrived.push(byte);
			this._stream.options.onReadable(this._stream.arrived.length);
			this._look();
			if (random.oneIn(8)) this._read();
		}
	}

	/** The link reads until there is nothing. */
	private _read(): void {
		const size = this._random.pick(READ_BYTES);
		for (let reads = 0; !this._stream.isClosed; reads++) {
			if (reads > READS_MAXIMUM) failed("reads without end");
			let bytes: ArrayBuffer | Uint8Array | undefined;
			try {
				bytes = this._socket.read(size);
			} catch (error) {
				if (error instanceof FuzzFailure) throw error;
				this._ended(error);
				this._socket.close();
				break;
			}
			if (!bytes) break;
			if (bytes.byteLength === 0 || bytes.byteLength > size) failed(`${bytes.byteLength} bytes of ${size}`);
			if (this._isBadlyOpened) continue;
			for (const byte of new Uint8Array(bytes)) {
				const due = this._due.shift();
				if (due === undefined) failed(`a byte that nobody has sent: ${byte}`);
				if (due !== byte) failed(`${byte} in place of ${due}`);
			}
		}
		this._look();
		if (this._error !== undefined || this._stream.isClosed || !this._isOpen) return;
		// What stands before a frame that must not be is the program's all the same.
		if (this._due.length > 0 && !this._isBadlyOpened) failed(`${this._due.length} bytes do not arrive`);
		if (this._isForbidden && !this._isUnknown) failed("what is forbidden is taken");
	}

	private _ended(reason: unknown): void {
		const text = reason instanceof Error ? reason.message : String(reason);
		this._note(`ends: ${text}`);
		if (reason instanceof FuzzFailure) throw reason;
		if (this._error !== undefined) failed(`a second end: ${text}`);
		if (!REASON.test(text) && !this._stream.isOver) failed(`an end for no good reason: ${text}`);
		const isExpected = this._isForbidden || this._isUnknown || this._isClosing || this._stream.isOver;
		if (!isExpected) failed(`an end without a cause: ${text}`);
		this._error = text;
		const kind = text.startsWith("no WebSocket: ") ? "no WebSocket" : text;
		this._tally.ends.set(kind, (this._tally.ends.get(kind) ?? 0) + 1);
	}

	/** Where the server waits, everything leaves, and every ping has been answered or a later one has. */
	private _rest(): void {
		this._read();
		for (let round = 0; round < ROUNDS_TO_REST && !this._stream.isClosed; round++) this._drain();
		if (this._stream.isClosed || this._error !== undefined || this._isUnknown || this._isClosing || !this._isOpen)
			return;
		if (this._written.length > 0) failed(`${this._written.length} bytes have not left`);
		if (this._pings.length > 0) failed(`the last ping is not answered, of ${this._pings.length}`);
		if (this._room === 0) failed("nothing more may be written");
	}

	/** One end or the other has enough. */
	private _stop(): void {
		const { _stream: stream, _random: random } = this;
		if (!stream.isClosed && random.oneIn(2)) {
			stream.isOver = true;
			stream.options.onError("closed");
			if (this._error === undefined) failed("an end of which nothing is told");
		}
		this._socket.close();
		if (!stream.isClosed) failed("the stream stays open");
		this._look();
		if (this._closes > 1) failed(`${this._closes} close frames`);
		if (this._socket.read(256) !== undefined) failed("something to read after the end");
		this._socket.close();
		this._look();
	}

	/** The reference has read a control frame. */
	private _referred(opcode: number, payload: Bytes): void {
		if (this._isClosing) return;
		if (opcode > PONG) throw new Error(`opcode ${opcode}`);
		if (opcode === PING) this._pings.push(String(payload));
		if (opcode !== CLOSE) return;
		if (payload.length === 1) throw new Error("half a status code");
		this._isClosing = true;
	}

	private _requested(lines: readonly string[]): void {
		if (lines[0] !== "GET /mqtt HTTP/1.1") failed(`the request is ${lines[0]}`);
		this._key = lines.find((line) => line.startsWith("Sec-WebSocket-Key: "))?.slice(19) ?? failed("no key");
	}

	private _sent(bytes: Bytes): void {
		this._tally.sent++;
		for (const byte of bytes) if (byte !== this._written.shift()) failed("another byte than was written leaves");
	}

	/** The station's end has sent a control frame. */
	private _answered(opcode: number, payload: Bytes): void {
		this._tally.sent++;
		if (this._closes > 0) failed("a frame behind the close frame");
		if (opcode === CLOSE) this._closes++;
		else if (opcode !== PONG) failed(`opcode ${opcode}`);
		else {
			const answered = this._pings.indexOf(String(payload));
			if (answered < 0 && !this._isUnknown) failed("a pong without a ping");
			this._pings.splice(0, answered + 1);
		}
	}
}

/** Throws a `FuzzFailure`. */
export function runWebSocketDialogue(seed: number, number: number, tally: Tally): void {
	new WebSocketDialogue(seed, number, tally).run();
}

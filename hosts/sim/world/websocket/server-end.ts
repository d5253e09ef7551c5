/** The broker's end of a connection with a WebSocket on it: it takes and gives MQTT's bytes, as one without does. */
import type { Bytes } from "../../../../src/host.ts";
import { bytesOf } from "../../../../src/text.ts";
import type { EndReason, HalfOpenAnswer, ServerConnection } from "../network/network.ts";
import type { Random } from "../random.ts";
import {
	BINARY,
	CLOSE,
	CONTINUATION,
	fieldsOf,
	PING,
	PONG,
	serverFrame,
	switchingProtocols,
	WebSocketStream,
} from "./stream.ts";

/** What its request has to say [RFC 6455, 4.2.1; MQTT-6.0.0-3]. */
const REQUIRED: readonly (readonly [name: string, value: RegExp])[] = [
	["host", /^broker\.example$/],
	["upgrade", /^websocket$/i],
	["connection", /^upgrade$/i],
	["sec-websocket-key", /^[A-Za-z0-9+/]{22}==$/],
	["sec-websocket-version", /^13$/],
	["sec-websocket-protocol", /^mqtt$/],
];
const REQUEST = "GET /mqtt HTTP/1.1";
/** Going away [RFC 6455, 7.4.1]. */
const GOING_AWAY = Uint8Array.of(1_001 >> 8, 1_001 & 0xff);
/** Of what the broker writes: how much comes in several frames, and is preceded by a ping. */
const FRAGMENTED = 0.1;
const PINGED = 0.02;
const PING_MAXIMUM = 125;
const NOTHING: Bytes = new Uint8Array(0);

export class WebSocketEnd implements ServerConnection {
	onData: (bytes: Bytes) => void = () => {};
	onEnd: (reason: EndReason) => void = () => {};
	private readonly _connection: ServerConnection;
	private readonly _random: Random;
	private readonly _stream: WebSocketStream;
	/** Of pings without an answer, the payloads. */
	private readonly _pings: string[] = [];
	private _isOpen = false;
	private _isClosing = false;

	/** `onRequest`: of a request that is in order, before it is answered. */
	constructor(connection: ServerConnection, random: Random, onRequest: (end: WebSocketEnd) => void) {
		this._connection = connection;
		this._random = random;
		this._stream = new WebSocketStream("client", {
			head: (lines) => this._requested(lines, onRequest),
			data: (bytes) => {
				if (!this._isOpen) throw new Error("a frame before the WebSocket is open");
				if (!this._isClosing) this.onData(bytes);
			},
			control: (opcode, payload) => this._controlled(opcode, payload),
		});
		connection.onData = (bytes) => this._stream.push(bytes);
		connection.onEnd = (reason) => this.onEnd(reason);
	}

	get id(): number {
		return this._connection.id;
	}

	get open(): boolean {
		return this._connection.open;
	}

	get buffered(): number {
		return this._connection.buffered;
	}

	write(bytes: Bytes): void {
		if (this._isClosing) return;
		const random = this._random;
		if (random.chance(PINGED)) this._ping();
		if (bytes.length < 2 || !random.chance(FRAGMENTED)) {
			return this._connection.write(serverFrame(BINARY, bytes));
		}
		const at = random.integer(1, bytes.length - 1);
		this._connection.write(serverFrame(BINARY, bytes.subarray(0, at), false));
		if (random.chance(0.5)) this._ping();
		if (random.chance(0.5)) this._connection.write(serverFrame(CONTINUATION, NOTHING, false));
		this._connection.write(serverFrame(CONTINUATION, bytes.subarray(at)));
	}

	end(): void {
		if (this._isOpen && !this._isClosing) this._connection.write(serverFrame(CLOSE, GOING_AWAY));
		this._isClosing = true;
		this._connection.end();
	}

	/** Answers the request otherwise, and ends the connection. */
	refuse(status: string): void {
		this._isClosing = true;
		this._connection.write(bytesOf(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`));
		this._connection.end();
	}

	reset(): void {
		this._connection.reset();
	}

	vanish(answer?: HalfOpenAnswer): void {
		this._connection.vanish(answer);
	}

	pause(): void {
		this._connection.pause();
	}

	resume(): void {
		this._connection.resume();
	}

	/** Throws an Error where it is no request for MQTT over a WebSocket. */
	private _requested(lines: readonly string[], onRequest: (end: WebSocketEnd) => void): void {
		if (lines[0] !== REQUEST) throw new Error(`not a request for the WebSocket: ${lines[0]}`);
		const fields = fieldsOf(lines);
		for (const [name, value] of REQUIRED) {
			if (!value.test(fields.get(name) ?? "")) throw new Error(`the request has ${name}: ${fields.get(name)}`);
		}
		onRequest(this);
		if (this._isClosing) return;
		this._isOpen = true;
		this._connection.write(switchingProtocols(lines));
	}

	private _ping(): void {
		const payload = Uint8Array.from({ length: this._random.integer(0, PING_MAXIMUM) }, () =>
			this._random.integer(0, 255),
		);
		this._pings.push(String(payload));
		this._connection.write(serverFrame(PING, payload));
	}

	/** Throws an Error for an answer to no ping: the last of several may be answered alone [RFC 6455, 5.5.3]. */
	private _controlled(opcode: number, payload: Bytes): void {
		if (opcode === PONG) {
			const answered = this._pings.indexOf(String(payload));
			if (answered < 0) throw new Error("a pong without a ping");
			this._pings.splice(0, answered + 1);
		}
		if (opcode === PING) this._connection.write(serverFrame(PONG, payload));
		if (opcode !== CLOSE || this._isClosing) return;
		this._isClosing = true;
		this._connection.write(serverFrame(CLOSE, payload));
	}
}

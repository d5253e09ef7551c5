/**
 * TCP, or TLS, on Node's sockets, as `src/host.ts` wants it.
 *
 * Node takes any number of bytes to write and goes on reading by itself. Here both
 * are bounded: by a window of bytes that the system has not taken, and by a window
 * of unread bytes.
 */
import { connect, type Socket as NetSocket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Bytes, Socket, SocketOptions } from "../../src/host.ts";
import { lookup, NO_ANSWER } from "./names.ts";
import { isTrusted, type TlsAddress, TRUSTED, tlsReason } from "./tls.ts";

/** Bytes unsent, and bytes unread, unless the options tell otherwise; unread bytes may exceed it by one chunk. */
const WINDOW = 65_536;
/** Time for a closed connection to send its last bytes and to receive the other side's end, in ms. */
const LINGER_MS = 1_000;

export interface NodeSocketOptions extends SocketOptions {
	readonly window?: number;
	/** Opens the connection, if it is not to be a plain one. */
	readonly connect?: (options: TlsAddress) => NetSocket;
}

export class NodeSocket implements Socket {
	/** Resolves when nothing is left of the connection. */
	readonly closed: Promise<void>;
	private readonly _options: NodeSocketOptions;
	private readonly _window: number;
	private readonly _socket: NetSocket;
	private _arrived: Bytes[] = [];
	private _unread = 0;
	private _unsent = 0;
	private _opened = false;
	/** No callback is called any more. */
	private _ended = false;
	private _onDrained: (() => void)[] = [];

	/** Throws a RangeError for an impossible port, and the errors of `connect`. */
	constructor(options: NodeSocketOptions) {
		const { window = WINDOW } = options;
		this._options = options;
		this._window = window;
		const socket = options.connect?.(options) ?? connectTcp(options);
		this._socket = socket;
		socket.on(openEvent(socket), () => {
			this._opened = true;
			if (!this._ended) options.onWritable(window);
		});
		socket.on("data", (data) => this._receive(data));
		socket.on("error", (error) => this._end(reasonOf(error, socket)));
		socket.on("end", () => this._end("by the broker"));
		this.closed = new Promise((resolve) => {
			socket.on("close", () => {
				this._end("");
				this._drained();
				resolve();
			});
		});
	}

	/** Bytes that arrived before `onError` can still be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		const [first] = this._arrived;
		if (!first) return undefined;
		const bytes = first.subarray(0, byteLength);
		if (bytes.length === first.length) this._arrived.shift();
		else this._arrived[0] = first.subarray(bytes.length);
		this._unread -= bytes.length;
		if (this._unread < this._window) this._socket.resume();
		return bytes;
	}

	write(bytes: Bytes): number {
		const writable = this._window - this._unsent;
		if (bytes.length > writable) throw new RangeError(`${bytes.length} bytes to write, ${writable} may be`);
		this._unsent += bytes.length;
		// A copy: Node keeps the bytes, and their owner may use them again.
		this._socket.write(Uint8Array.from(bytes), (error) => {
			if (error) return;
			this._unsent -= bytes.length;
			if (this._unsent === 0) this._drained();
			if (!this._ended) this._options.onWritable(this._window - this._unsent);
		});
		return this._window - this._unsent;
	}

	/** Written bytes still leave, for a second at the most. */
	close(): void {
		this._ended = true;
		this._arrived = [];
		const socket = this._socket;
		if (!this._opened) return void socket.destroy();
		socket.end();
		// Reads on: the system answers unread bytes with a reset, which can overtake written bytes.
		socket.resume();
		const timer = setTimeout(() => socket.destroy(), LINGER_MS);
		socket.once("close", () => clearTimeout(timer));
	}

	/** Resolves when the system has taken all written bytes, or the connection has ended. */
	drained(): Promise<void> {
		if (this._unsent === 0 || this._socket.destroyed) return Promise.resolve();
		return new Promise((resolve) => this._onDrained.push(resolve));
	}

	private _receive(data: Buffer): void {
		if (this._ended) return;
		this._arrived.push(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.length));
		this._unread += data.length;
		if (this._unread >= this._window) this._socket.pause();
		this._options.onReadable(this._unread);
	}

	private _end(reason: string): void {
		if (this._ended) return;
		this._ended = true;
		this._options.onError(reason);
		this._socket.destroy();
	}

	private _drained(): void {
		for (const resolve of this._onDrained.splice(0)) resolve();
	}
}

export function connectTcp({ address, host, port, noDelay = false }: TlsAddress): NetSocket {
	return connect({ host: address ?? host, port, noDelay, lookup });
}

/**
 * Cuts a connection with a RST. One that is not open yet, or that is ending already, is destroyed without it: in the
 * latter case `resetAndDestroy` leaves a handle that never closes, and Node.js (20.20) then runs for ever when the
 * process is to exit.
 */
export function reset(socket: NetSocket): void {
	if (socket.connecting || socket.writableEnded) socket.destroy();
	else socket.resetAndDestroy();
}

/** The event of a socket when bytes can be written. */
export function openEvent(socket: NetSocket): string {
	return socket instanceof TLSSocket ? TRUSTED : "connect";
}

/** Why a connection ended: the error codes of the system and of TLS in words, other errors unchanged. */
export function reasonOf(error: NodeJS.ErrnoException, socket?: NetSocket): string {
	const { code = error.message } = error;
	if (code === "ECONNRESET" && socket instanceof TLSSocket && !isTrusted(socket)) {
		return "closed by the broker during the TLS handshake";
	}
	return tlsReason(error) ?? REASONS[code] ?? code;
}

const REASONS: Readonly<Record<string, string>> = {
	ECONNREFUSED: "connection refused",
	ECONNRESET: "reset by the broker",
	EPIPE: "reset by the broker",
	ENOTFOUND: "there is no such host",
	[NO_ANSWER]: "the name server does not answer, or fails",
	ETIMEDOUT: "no answer",
	EINVAL: "the address cannot be used; one that begins with fe80 needs its interface: [fe80::1%eth0]",
	EHOSTUNREACH: "no route to the broker",
	ENETUNREACH: "no route to the broker",
};

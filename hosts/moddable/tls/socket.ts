/**
 * The socket port with TLS: moves bytes between a TCP socket and Mbed TLS
 * (`mbedtls.ts`), which does all that is secret.
 *
 * As long as a part of the handshake is under way, in a task of its own, nothing is
 * asked of it, and nothing is taken from TCP. An end of TCP meanwhile is kept
 * until that part is done.
 */
import { asBytes, joined } from "../../../src/bytes.js";
import type { Bytes, Socket, SocketConstructor, SocketOptions, TlsOptions } from "../../../src/host.js";
import { HANDSHAKE, type MbedTls, OPEN, RECORD_OVERHEAD, type TlsConnection } from "./mbedtls.js";

/** Bytes that are encrypted at once: encrypting takes as many bytes of RAM again. */
const WRITE_MAXIMUM = 4_096;
/** Bytes that are decrypted before somebody asks for them, to know that there are some: as many as a link asks for. */
const AHEAD = 256;
/** Bytes that a read without a number gets at most. */
const READ_MAXIMUM = 1_024;
/** Portions that one read takes from TCP in vain: then everything else has its turn, whatever more a broker sends. */
const PORTIONS_MAXIMUM = 64;

/** Keeps what resumes the connection to a broker, one at a time. Secret. */
export interface Sessions {
	load(): ArrayBuffer | undefined;
	/** No bytes: there is nothing to resume any more. */
	save(bytes: ArrayBuffer): void;
}

export interface TlsSocketOptions extends SocketOptions, TlsOptions {
	/** The class of TCP; it gets all options. */
	readonly tcp: SocketConstructor;
	readonly mbedtls: MbedTls;
	/** ms since 1970, or `undefined` while it is not known. */
	readonly time: () => number | undefined;
	/** Calls back in a later turn. */
	readonly defer: (callback: () => void) => void;
	readonly sessions?: Sessions;
}

export class TlsSocket implements Socket {
	private readonly _options: TlsSocketOptions;
	private _connection: TlsConnection | undefined;
	private _tcp: Socket | undefined;
	private _phase: "new" | "handshake" | "open" | "failed" | "closed" = "new";
	/** A part of the handshake is under way. */
	private _isBusy = false;
	private _isResuming = false;
	/** Encrypted bytes on their way to TCP, and how many TCP takes, these included. */
	private _leaving: Bytes[] = [];
	private _size = 0;
	private _writable = 0;
	/** They wait for what the program writes in this turn. */
	private _isGathering = false;
	/** Decrypted bytes, not read yet. */
	private _arrived: Bytes | undefined;
	/** Once TCP has ended: why, and the bytes from before. */
	private _end: { readonly reason: unknown; rest: Bytes } | undefined;

	/** `onError` gets a fault of the options, too, in a later turn. */
	constructor(options: TlsSocketOptions) {
		this._options = options;
		const { mbedtls, host, time, ca, certificate, key, fingerprint, alpn, sessions } = options;
		this._guard(() => {
			const now = time();
			const saved = sessions?.load();
			this._isResuming = saved !== undefined;
			const seconds = now === undefined ? undefined : Math.floor(now / 1_000);
			this._connection = mbedtls.open(host, seconds, ca, certificate, key, fingerprint, alpn, saved);
			this._tcp = new options.tcp({
				...options,
				onReadable: () => this._readableNow(),
				onWritable: (count) => this._writableNow(count),
				onError: (reason) => this._ended(reason),
			});
		});
	}

	/** Bytes that arrived before `onError` can still be read inside of it. */
	read(byteLength = READ_MAXIMUM): Bytes | undefined {
		if (!this._arrived) return this._decrypted(Math.min(byteLength, READ_MAXIMUM));
		const arrived = this._arrived;
		this._arrived = byteLength < arrived.length ? arrived.subarray(byteLength) : undefined;
		return arrived.subarray(0, byteLength);
	}

	write(bytes: Bytes): number {
		if (this._phase !== "open" || this._end) return 0;
		this._guard((mbedtls, connection) => {
			let taken = 0;
			while (taken < bytes.length) {
				const count = mbedtls.write(connection, bytes.subarray(taken));
				if (count === 0) return this._failed();
				taken += count;
			}
			this._send();
		});
		return this._room;
	}

	close(): void {
		if (this._phase === "open") {
			this._isGathering = false;
			this._guard((mbedtls, connection) => {
				mbedtls.close(connection);
				this._send();
			});
		}
		this._phase = "closed";
		this._arrived = this._end = undefined;
		const { _connection: connection, _tcp: tcp } = this;
		this._connection = this._tcp = undefined;
		if (connection) this._options.mbedtls.free(connection);
		tcp?.close();
	}

	/** Bytes that may be written. */
	private get _room(): number {
		if (this._phase !== "open" || this._end) return 0;
		return Math.max(0, Math.min(WRITE_MAXIMUM, this._writable - this._size - RECORD_OVERHEAD));
	}

	private _writableNow(count: number): void {
		this._writable = count;
		if (this._phase === "new") {
			this._phase = "handshake";
			return this._guard(() => this._shakeHands());
		}
		this._guard(() => this._send());
		this._tellRoom();
	}

	private _tellRoom(): void {
		const room = this._room;
		if (room > 0) this._options.onWritable(room);
	}

	private _readableNow(): void {
		if (this._phase === "handshake" && !this._isBusy) return this._guard(() => this._goOn());
		if (this._phase !== "open") return;
		this._lookAhead();
		if (this._arrived) this._options.onReadable(this._arrived.length);
	}

	/** TCP has ended. */
	private _ended(reason: unknown): void {
		const tcp = this._tcp;
		this._tcp = undefined;
		if (!this._isUsed) return;
		if (this._phase === "new") return this._tell(reason);
		this._guard(() => {
			this._end = { reason, rest: drained(tcp) };
		});
		if (this._isBusy || !this._isUsed) return;
		if (this._phase === "handshake") return this._guard(() => this._goOn());
		this._tellEnd();
	}

	private _tellEnd(): void {
		// An alert right before the end tells more.
		this._lookAhead();
		if (this._isUsed) this._tell(this._end?.reason);
	}

	/** Whether the callbacks may still be called. */
	private get _isUsed(): boolean {
		return this._phase !== "closed" && this._phase !== "failed";
	}

	/** Bytes of TCP's, at most `maximum`. */
	private _take(maximum: number): Bytes | undefined {
		if (maximum <= 0) return undefined;
		if (this._end) {
			const { rest } = this._end;
			this._end.rest = rest.subarray(maximum);
			return rest.length > 0 ? rest.subarray(0, maximum) : undefined;
		}
		const bytes = this._tcp?.read(maximum);
		return bytes && bytes.byteLength > 0 ? asBytes(bytes) : undefined;
	}

	/** The next part of the handshake. */
	private _shakeHands(): void {
		this._isBusy = true;
		this._options.mbedtls.handshake(this._connection!, () => {
			this._isBusy = false;
			if (this._phase === "handshake") this._partDone();
		});
	}

	private _partDone(): void {
		let isOpen = false;
		this._guard((mbedtls, connection) => {
			const state = mbedtls.state(connection);
			isOpen = state === OPEN;
			if (isOpen) {
				this._phase = "open";
				this._save();
				this._isGathering = true;
			} else if (state !== HANDSHAKE) return this._failed();
			this._send();
			if (!isOpen) this._goOn();
		});
		if (isOpen) this._opened();
	}

	/** Gives the handshake what has arrived. */
	private _goOn(): void {
		const { _connection: connection } = this;
		const { mbedtls } = this._options;
		const bytes = this._take(mbedtls.wanted(connection!));
		if (bytes) {
			mbedtls.push(connection!, bytes);
			this._shakeHands();
		} else if (this._end) {
			mbedtls.ended(connection!);
			this._failed();
		}
	}

	/** The last bytes of the handshake and the program's first ones leave in one segment. */
	private _opened(): void {
		try {
			this._tellRoom();
		} finally {
			this._isGathering = false;
			this._guard(() => this._send());
		}
		if (this._end) this._tellEnd();
		else this._readableNow();
	}

	/** Decrypts some, so that there are bytes to read if any have arrived. */
	private _lookAhead(): void {
		this._arrived ??= this._decrypted(AHEAD);
	}

	private _decrypted(maximum: number): Bytes | undefined {
		let decrypted: Bytes | undefined;
		this._guard((mbedtls, connection) => {
			for (let portions = 0; this._phase === "open"; portions++) {
				const bytes = mbedtls.read(connection, maximum);
				if (bytes && bytes.byteLength > 0) decrypted = new Uint8Array(bytes);
				this._save();
				if (mbedtls.state(connection) !== OPEN) return this._failed();
				// An answer to a message that is none of the program's.
				this._send();
				if (decrypted) return;
				if (portions >= PORTIONS_MAXIMUM && !this._end) return this._options.defer(() => this._readableNow());
				const portion = this._take(mbedtls.wanted(connection));
				if (!portion) return;
				mbedtls.push(connection, portion);
			}
		});
		return decrypted;
	}

	private _save(): void {
		const { sessions, mbedtls } = this._options;
		if (!sessions) return;
		const saved = mbedtls.save(this._connection!);
		if (saved) sessions.save(saved);
	}

	/** Takes no more bytes than there is room for: the others wait in C. */
	private _send(): void {
		const { mbedtls } = this._options;
		while (this._tcp) {
			while (!this._isBusy && this._connection && this._size < this._writable) {
				const bytes = mbedtls.pull(this._connection, this._writable - this._size);
				if (!bytes || bytes.byteLength === 0) break;
				this._leaving.push(new Uint8Array(bytes));
				this._size += bytes.byteLength;
			}
			if (this._isGathering || this._size === 0) return;
			const bytes = joined(this._leaving, this._size);
			this._leaving = [];
			this._size = 0;
			this._writable = this._tcp.write(bytes);
		}
	}

	/** Mbed TLS has ended the connection. */
	private _failed(): void {
		const { mbedtls, sessions } = this._options;
		const connection = this._connection!;
		const error = new Error(mbedtls.reason(connection));
		// Whatever it was: the next attempt has nothing in common with this one.
		if (this._phase === "handshake" && this._isResuming) sessions?.save(new ArrayBuffer(0));
		this._fail(error);
	}

	/** `onError` follows in a later turn. */
	private _fail(error: Error): void {
		this._phase = "failed";
		this._options.defer(() => this._tell(error));
		try {
			this._send();
		} catch {
			// The alert is best effort.
		}
	}

	/** An exception ends the connection. */
	private _guard(run: (mbedtls: MbedTls, connection: TlsConnection) => void): void {
		try {
			run(this._options.mbedtls, this._connection!);
		} catch (error) {
			this._fail(error instanceof Error ? error : new Error(`TLS: ${error}`));
		}
	}

	private _tell(reason: unknown): void {
		if (this._phase === "closed") return;
		try {
			this._options.onError(reason);
		} finally {
			this.close();
		}
	}
}

/** TCP is not to be used after it has told its end; its window bounds what it still has. */
function drained(tcp: Socket | undefined): Bytes {
	const parts: Bytes[] = [];
	for (;;) {
		const bytes = tcp?.read();
		if (!bytes || bytes.byteLength === 0) return joined(parts);
		parts.push(asBytes(bytes));
	}
}

/**
 * The socket port with TLS, on a session such as the SDK's, on a board and in mcsim.
 *
 * The SDK's session throws every fault of a broker, also of its certificate, out of
 * the callback that called it, where no one catches it and XS ends. This class
 * catches it, ends the connection, and gives `onError` an Error with the reason in
 * a later turn.
 */
import type { Bytes, Socket, TlsOptions } from "../../../src/host.js";
import { SdkSocket, type SdkSocketOptions } from "../sdk-socket.js";
import { alertReason, CLOSE_NOTIFY, TlsError } from "./alerts.js";
import { joined, TlsRecords } from "./records.js";

/** Bytes of a record beside its content: the header, and a nonce and a tag of AES-GCM (RFC 5288). */
const RECORD_OVERHEAD = 5 + 8 + 16;
/** Bytes that are encrypted at once: encrypting takes as many bytes of RAM again. */
const WRITE_MAXIMUM = 4_096;

/** A session reads from it and writes to it. */
export interface Wire {
	/** Bytes of the record at hand. */
	readable: number;
	writable: number;
	/** The record at hand, once. */
	take(): Bytes;
	write(packet: Bytes): number;
}

/** One for each connection. It throws at every fault. */
export interface TlsSession {
	/** Sends the messages that are due, and takes the record at hand, if there is one; returns whether the handshake is over. */
	handshake(wire: Wire): boolean;
	/** Takes the record at hand, and returns its content, or `null` where the broker ends the connection. */
	read(wire: Wire): Bytes | null | undefined;
	write(wire: Wire, bytes: Bytes): unknown;
	tell(wire: Wire, alert: number): void;
	/** Whether both directions are encrypted. */
	readonly encrypts: boolean;
	/** The alert that has arrived, if one has. */
	readonly alerted: number | undefined;
	checkSignature(signature: Bytes): void;
}

export interface TlsSessionOptions extends TlsOptions {
	readonly host: string;
	/** ms since 1970, or `undefined` while it is not known. */
	readonly time: number | undefined;
}

export interface TlsSocketOptions extends SdkSocketOptions, TlsOptions {
	/** Throws an Error for options that it cannot use. */
	readonly session: new (
		options: TlsSessionOptions,
	) => TlsSession;
	readonly time: () => number | undefined;
}

export class TlsSocket implements Socket {
	private readonly _options: TlsSocketOptions;
	private readonly _records: TlsRecords;
	private readonly _wire: Wire;
	private _session: TlsSession | undefined;
	private _tcp: SdkSocket | undefined;
	/** The record that the session is to take. */
	private _record: Bytes | undefined;
	/** Encrypted bytes that TCP has not taken, and how many it takes. */
	private _unsent: Bytes[] = [];
	private _writable = 0;
	/** Decrypted bytes, not read yet. No more are decrypted as long as there are some. */
	private _arrived: Bytes | undefined;
	private _phase: "new" | "handshake" | "open" | "failed" | "closed" = "new";

	/** `onError` gets a fault of the options, too, in a later turn. */
	constructor(options: TlsSocketOptions) {
		this._options = options;
		this._records = new TlsRecords(
			(signature) => this._session!.checkSignature(signature),
			options.certificate !== undefined,
		);
		this._wire = {
			readable: 0,
			writable: 0,
			take: () => {
				const record = this._record!;
				this._record = undefined;
				this._wire.readable = 0;
				return record;
			},
			write: (packet) => {
				this._unsent.push(packet);
				return 0;
			},
		};
		this._guard(() => {
			const { host, time, ca, certificate, key } = options;
			this._session = new options.session({
				...{ host, time: time() },
				...(ca === undefined ? {} : { ca }),
				...(certificate === undefined ? {} : { certificate }),
				...(key === undefined ? {} : { key }),
			});
			this._tcp = new SdkSocket({
				...options,
				onReadable: () => this._readableNow(),
				onWritable: (count) => this._writableNow(count),
				onError: (reason) => this._ended(reason),
			});
		});
	}

	/** Bytes that arrived before `onError` can still be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		if (this._phase === "open") this._guard(() => this._receive());
		const arrived = this._arrived;
		if (!arrived) return undefined;
		this._arrived = byteLength < arrived.length ? arrived.subarray(byteLength) : undefined;
		return arrived.subarray(0, byteLength);
	}

	write(bytes: Bytes): number {
		if (this._phase !== "open") return 0;
		this._guard(() => {
			this._session?.write(this._wire, bytes);
			this._send();
		});
		return this._room;
	}

	close(): void {
		if (this._phase === "open") {
			this._guard(() => {
				this._session?.tell(this._wire, CLOSE_NOTIFY);
				this._send();
			});
		}
		this._phase = "closed";
		this._arrived = this._session = undefined;
		this._unsent = [];
		this._tcp?.close();
	}

	/** Bytes that may be written. */
	private get _room(): number {
		if (this._phase !== "open" || this._unsent.length > 0) return 0;
		return Math.max(0, Math.min(WRITE_MAXIMUM, this._writable - RECORD_OVERHEAD));
	}

	private _readableNow(): void {
		const wasOpen = this._phase === "open";
		this._guard(() => this._receive());
		if (!wasOpen && this._room > 0) this._options.onWritable(this._room);
		if (this._arrived && this._isUsed) this._options.onReadable(this._arrived.length);
	}

	private _writableNow(count: number): void {
		this._writable = count;
		this._guard(() => {
			if (this._phase === "new") {
				this._phase = "handshake";
				this._session?.handshake(this._wire);
			}
			this._send();
		});
		if (this._room > 0) this._options.onWritable(this._room);
	}

	/** TCP has ended. */
	private _ended(reason: unknown): void {
		// An alert right before the end tells more.
		if (this._phase === "handshake") this._guard(() => this._receive());
		if (!this._isUsed) return;
		if (this._phase !== "handshake") return this._tell(reason);
		this._tell(this._records.refusal());
	}

	/** Whether the callbacks may still be called. */
	private get _isUsed(): boolean {
		return this._phase !== "closed" && this._phase !== "failed";
	}

	/** Decrypts until there are bytes to read, or no more records. */
	private _receive(): void {
		while (!this._arrived && this._isUsed) {
			this._record = this._records.next();
			if (!this._record) {
				const bytes = this._tcp?.read();
				if (!bytes) return;
				this._records.push(bytes);
				continue;
			}
			this._wire.readable = this._record.length;
			if (this._phase === "handshake") this._shakeHands();
			else {
				const data = this._session!.read(this._wire);
				if (data === null) throw new TlsError(alertReason(this._session!.alerted ?? CLOSE_NOTIFY));
				if (data && data.length > 0) this._arrived = data;
			}
		}
	}

	private _shakeHands(): void {
		const session = this._session!;
		// The second call sends the answer to the record.
		const isOver = session.handshake(this._wire) || session.handshake(this._wire);
		this._send();
		if (!isOver) return;
		// A session that an alert has stopped also says that the handshake is over.
		if (session.alerted !== undefined || !session.encrypts) {
			throw this._records.refusal(session.alerted);
		}
		this._phase = "open";
	}

	/** Sends as much as TCP takes, in one segment: a broker that refuses the first record would reset the connection at the next. */
	private _send(): void {
		if (this._writable === 0 || this._unsent.length === 0) return;
		const bytes = joined(this._unsent);
		const part = bytes.subarray(0, this._writable);
		this._unsent = part.length < bytes.length ? [bytes.subarray(part.length)] : [];
		this._writable = this._tcp!.write(part);
	}

	/** Runs a call of the session: an exception ends the connection. */
	private _guard(run: () => void): void {
		try {
			run();
		} catch (error) {
			const reason = this._reasonOf(error);
			if (!this._isUsed) return;
			if (error instanceof TlsError && error.alert !== undefined) this._tellBroker(error.alert);
			this._phase = "failed";
			this._options.defer(() => this._tell(reason));
		}
	}

	private _tellBroker(alert: number): void {
		try {
			this._session?.tell(this._wire, alert);
			this._send();
		} catch {
			// The alert is best effort.
		}
	}

	/** The session's exceptions have no words for a user, but an alert that has arrived has. */
	private _reasonOf(error: unknown): Error {
		if (error instanceof TlsError) return error;
		const alert = this._session?.alerted;
		if (alert !== undefined) return new Error(alertReason(alert));
		return new Error(`TLS failed: ${error instanceof Error ? error.message || error.name : error}`);
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

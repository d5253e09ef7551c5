/**
 * The socket port with TLS, on a session such as the SDK's, on a board and in mcsim.
 *
 * The SDK's session throws whatever is wrong with a broker, its certificate
 * included, out of the callback that it was called in, where nobody catches it
 * and XS ends. Here nothing gets out: it ends the connection, and `onError` gets
 * an Error with the reason in a later turn.
 */
import type { Bytes, Socket, TlsOptions } from "../../src/host.js";
import { TcpSocket, type TcpSocketOptions } from "./tcp-socket.js";
import { alertReason, CLOSE_NOTIFY, TlsError } from "./tls-alerts.js";
import { joined, TlsRecords } from "./tls-records.js";

/** Bytes that a record has more than what is in it: its header, and a nonce and a tag of AES-GCM (RFC 5288). */
const RECORD_OVERHEAD = 5 + 8 + 16;
/** Bytes that are encrypted at once: that many more are needed while it happens. */
const WRITE_MAXIMUM = 4_096;

/** What a session reads from and writes to. */
export interface Wire {
	/** Bytes of the record at hand. */
	readable: number;
	writable: number;
	/** The record at hand, once. */
	take(): Bytes;
	write(packet: Bytes): number;
}

/** One for each connection. Whatever is wrong, it throws. */
export interface TlsSession {
	/** Sends what is due, and takes the record at hand, if there is one; whether the handshake is over. */
	handshake(wire: Wire): boolean;
	/** Takes the record at hand: what was in it, or `null` where the broker ends the connection. */
	read(wire: Wire): Bytes | null | undefined;
	write(wire: Wire, bytes: Bytes): unknown;
	tell(wire: Wire, alert: number): void;
	/** Whether what is sent and what is received are encrypted. */
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

export interface TlsSocketOptions extends TcpSocketOptions, TlsOptions {
	/** Throws an Error where it cannot do with its options. */
	readonly session: new (
		options: TlsSessionOptions,
	) => TlsSession;
	readonly time: () => number | undefined;
}

export class TlsSocket implements Socket {
	readonly #options: TlsSocketOptions;
	readonly #records: TlsRecords;
	readonly #wire: Wire;
	#session: TlsSession | undefined;
	#tcp: TcpSocket | undefined;
	/** The record that the session is to take. */
	#record: Bytes | undefined;
	/** Encrypted, and not taken by TCP, which takes so much. */
	#unsent: Bytes[] = [];
	#writable = 0;
	/** Decrypted, and not read. Nothing more is decrypted as long as there is some. */
	#arrived: Bytes | undefined;
	#phase: "new" | "handshake" | "open" | "failed" | "closed" = "new";

	/** What is wrong with the options is told to `onError` too, in a later turn. */
	constructor(options: TlsSocketOptions) {
		this.#options = options;
		this.#records = new TlsRecords(
			(signature) => this.#session!.checkSignature(signature),
			options.certificate !== undefined,
		);
		this.#wire = {
			readable: 0,
			writable: 0,
			take: () => {
				const record = this.#record!;
				this.#record = undefined;
				this.#wire.readable = 0;
				return record;
			},
			write: (packet) => {
				this.#unsent.push(packet);
				return 0;
			},
		};
		this.#guard(() => {
			const { host, time, ca, certificate, key } = options;
			this.#session = new options.session({
				...{ host, time: time() },
				...(ca === undefined ? {} : { ca }),
				...(certificate === undefined ? {} : { certificate }),
				...(key === undefined ? {} : { key }),
			});
			this.#tcp = new TcpSocket({
				...options,
				onReadable: () => this.#readableNow(),
				onWritable: (count) => this.#writableNow(count),
				onError: (reason) => this.#ended(reason),
			});
		});
	}

	/** What arrived before `onError` can still be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		if (this.#phase === "open") this.#guard(() => this.#receive());
		const arrived = this.#arrived;
		if (!arrived) return undefined;
		this.#arrived = byteLength < arrived.length ? arrived.subarray(byteLength) : undefined;
		return arrived.subarray(0, byteLength);
	}

	write(bytes: Bytes): number {
		if (this.#phase !== "open") return 0;
		this.#guard(() => {
			this.#session?.write(this.#wire, bytes);
			this.#send();
		});
		return this.#room;
	}

	close(): void {
		if (this.#phase === "open") {
			this.#guard(() => {
				this.#session?.tell(this.#wire, CLOSE_NOTIFY);
				this.#send();
			});
		}
		this.#phase = "closed";
		this.#arrived = this.#session = undefined;
		this.#unsent = [];
		this.#tcp?.close();
	}

	/** Bytes that may be written. */
	get #room(): number {
		if (this.#phase !== "open" || this.#unsent.length > 0) return 0;
		return Math.max(0, Math.min(WRITE_MAXIMUM, this.#writable - RECORD_OVERHEAD));
	}

	#readableNow(): void {
		const wasOpen = this.#phase === "open";
		this.#guard(() => this.#receive());
		if (!wasOpen && this.#room > 0) this.#options.onWritable(this.#room);
		if (this.#arrived && this.#isUsed) this.#options.onReadable(this.#arrived.length);
	}

	#writableNow(count: number): void {
		this.#writable = count;
		this.#guard(() => {
			if (this.#phase === "new") {
				this.#phase = "handshake";
				this.#session?.handshake(this.#wire);
			}
			this.#send();
		});
		if (this.#room > 0) this.#options.onWritable(this.#room);
	}

	/** TCP has ended. */
	#ended(reason: unknown): void {
		// An alert that came right before tells more.
		if (this.#phase === "handshake") this.#guard(() => this.#receive());
		if (!this.#isUsed) return;
		if (this.#phase !== "handshake") return this.#tell(reason);
		this.#tell(this.#records.refusal());
	}

	/** Whether somebody still wants to hear of it. */
	get #isUsed(): boolean {
		return this.#phase !== "closed" && this.#phase !== "failed";
	}

	/** Decrypts until there is something to read, or nothing more to decrypt. */
	#receive(): void {
		while (!this.#arrived && this.#isUsed) {
			this.#record = this.#records.next();
			if (!this.#record) {
				const bytes = this.#tcp?.read();
				if (!bytes) return;
				this.#records.push(bytes);
				continue;
			}
			this.#wire.readable = this.#record.length;
			if (this.#phase === "handshake") this.#shakeHands();
			else {
				const data = this.#session!.read(this.#wire);
				if (data === null) throw new TlsError(alertReason(this.#session!.alerted ?? CLOSE_NOTIFY));
				if (data && data.length > 0) this.#arrived = data;
			}
		}
	}

	#shakeHands(): void {
		const session = this.#session!;
		// The second time it sends what the record asked for.
		const isOver = session.handshake(this.#wire) || session.handshake(this.#wire);
		this.#send();
		if (!isOver) return;
		// A session that was told to stop says that it is over, too.
		if (session.alerted !== undefined || !session.encrypts) {
			throw this.#records.refusal(session.alerted);
		}
		this.#phase = "open";
	}

	/** As much as TCP takes, in one segment: a broker that refuses the first record would reset the connection at the next. */
	#send(): void {
		if (this.#writable === 0 || this.#unsent.length === 0) return;
		const bytes = joined(this.#unsent);
		const part = bytes.subarray(0, this.#writable);
		this.#unsent = part.length < bytes.length ? [bytes.subarray(part.length)] : [];
		this.#writable = this.#tcp!.write(part);
	}

	/** Runs what may throw: that ends the connection. */
	#guard(run: () => void): void {
		try {
			run();
		} catch (error) {
			const reason = this.#reasonOf(error);
			if (!this.#isUsed) return;
			if (error instanceof TlsError && error.alert !== undefined) this.#tellBroker(error.alert);
			this.#phase = "failed";
			this.#options.defer(() => this.#tell(reason));
		}
	}

	#tellBroker(alert: number): void {
		try {
			this.#session?.tell(this.#wire, alert);
			this.#send();
		} catch {
			// It has no right to know.
		}
	}

	/** What the session throws has no words for a user, but where an alert has arrived. */
	#reasonOf(error: unknown): Error {
		if (error instanceof TlsError) return error;
		const alert = this.#session?.alerted;
		if (alert !== undefined) return new Error(alertReason(alert));
		return new Error(`TLS failed: ${error instanceof Error ? error.message || error.name : error}`);
	}

	#tell(reason: unknown): void {
		if (this.#phase === "closed") return;
		try {
			this.#options.onError(reason);
		} finally {
			this.close();
		}
	}
}

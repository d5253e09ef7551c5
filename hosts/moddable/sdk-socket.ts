/**
 * The socket port on the SDK's `embedded:io/socket/tcp`, on a board and in mcsim.
 *
 * That class follows ECMA-419 except in these points, read in its C sources (SDK
 * 8.2.3, `lwip` for boards, `lin` for Linux):
 * - `read` ignores its argument and returns all bytes that have arrived;
 * - it takes addresses only, and spells `noDelay` as `nodelay`;
 * - after an error it keeps itself and its callbacks alive until `close`;
 * - `lwip` may report one error twice;
 * - `lin` reports no failed write, and in one turn still calls `onReadable` of a
 *   socket that was closed in `onWritable`.
 */
import type { Bytes, Socket, SocketOptions } from "../../src/host.js";

/** The SDK's class, as far as it is used here. */
export interface Transport {
	read(): number | ArrayBuffer | undefined;
	/** Returns how many bytes may be written after it, or `undefined` where the connection is gone. */
	write(bytes: Bytes): number | undefined;
	close(): void;
}
export interface TransportOptions {
	readonly address: string;
	readonly port: number;
	readonly nodelay?: boolean;
	readonly onReadable: (count: number) => void;
	readonly onWritable: (count: number) => void;
	readonly onError: () => void;
}

export interface SdkSocketOptions extends SocketOptions {
	/** The SDK's TCP class. */
	readonly transport: new (
		options: TransportOptions,
	) => Transport;
	/** Calls back in a later turn. */
	readonly defer: (callback: () => void) => void;
}

export class SdkSocket implements Socket {
	private readonly _options: SdkSocketOptions;
	private _transport: Transport | undefined;
	/** Bytes from the transport, not read yet. No more are taken as long as there are some: TCP's window bounds the rest. */
	private _arrived: Bytes | undefined;
	private _inCallback = false;
	private _ended = false;

	/** `onError` gets a fault of the options, too, in a later turn. */
	constructor(options: SdkSocketOptions) {
		this._options = options;
		try {
			this._transport = new options.transport({
				address: options.address ?? options.host,
				port: options.port,
				...(options.noDelay === undefined ? {} : { nodelay: options.noDelay }),
				onReadable: (count) => this._readable(count),
				onWritable: (count) => this._call(() => options.onWritable(count)),
				onError: () => this._fail(),
			});
		} catch (error) {
			options.defer(() => this._fail(error));
		}
	}

	/** Bytes that arrived before `onError` can still be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		this._take();
		const arrived = this._arrived;
		if (!arrived) return undefined;
		this._arrived = byteLength < arrived.length ? arrived.subarray(byteLength) : undefined;
		return arrived.subarray(0, byteLength);
	}

	write(bytes: Bytes): number {
		if (this._ended) return 0;
		const writable = this._transport?.write(bytes);
		if (writable !== undefined) return writable;
		this._options.defer(() => this._fail("write failed"));
		return 0;
	}

	close(): void {
		this._ended = true;
		this._arrived = undefined;
		this._release();
	}

	private _readable(count: number): void {
		const unread = this._arrived?.length ?? 0;
		this._take();
		this._call(() => this._options.onReadable(unread > 0 ? unread + count : (this._arrived?.length ?? 0)));
	}

	private _take(): void {
		if (this._arrived || !this._transport) return;
		const buffer = this._transport.read();
		if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) this._arrived = new Uint8Array(buffer);
	}

	private _fail(reason?: unknown): void {
		if (this._ended) return;
		this._take();
		this._ended = true;
		this._inCallback = true;
		try {
			this._options.onError(reason);
		} finally {
			this._inCallback = false;
			this.close();
		}
	}

	private _call(callback: () => void): void {
		if (this._ended) return;
		this._inCallback = true;
		try {
			callback();
		} finally {
			this._inCallback = false;
			if (this._ended) this._release();
		}
	}

	/** Not inside a callback: the transport may call the next callback, which the garbage collector may have taken by then. */
	private _release(): void {
		if (this._inCallback) return;
		this._transport?.close();
		this._transport = undefined;
	}
}

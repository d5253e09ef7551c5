/**
 * The socket port on the SDK's `embedded:io/socket/tcp`, on a board and in mcsim.
 *
 * That class is ECMA-419's but for these points, read in its C sources (SDK
 * 8.2.3, `lwip` for boards, `lin` for Linux):
 * - `read` ignores its argument and returns all that has arrived;
 * - it takes addresses only, and spells `noDelay` as `nodelay`;
 * - after an error it keeps itself and its callbacks alive until `close`;
 * - `lwip` may report one error twice;
 * - `lin` tells nobody of a write that failed, and in one turn still calls
 *   `onReadable` of a socket that was closed in `onWritable`.
 */
import type { Bytes, Socket, SocketOptions } from "../../src/host.js";

/** The SDK's class, as far as it is used here. */
export interface Transport {
	read(): number | ArrayBuffer | undefined;
	/** Returns what may be written after it, or `undefined` where the connection is gone. */
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

export interface TcpSocketOptions extends SocketOptions {
	/** The SDK's TCP class. */
	readonly transport: new (
		options: TransportOptions,
	) => Transport;
	/** Calls back in a later turn. */
	readonly defer: (callback: () => void) => void;
}

export class TcpSocket implements Socket {
	readonly #options: TcpSocketOptions;
	#transport: Transport | undefined;
	/** Taken from the transport, not read yet. Nothing more is taken as long as it has bytes: TCP's window bounds the rest. */
	#arrived: Bytes | undefined;
	#inCallback = false;
	#ended = false;

	/** What is wrong with the options is told to `onError` too, in a later turn. */
	constructor(options: TcpSocketOptions) {
		this.#options = options;
		try {
			this.#transport = new options.transport({
				address: options.address ?? options.host,
				port: options.port,
				...(options.noDelay === undefined ? {} : { nodelay: options.noDelay }),
				onReadable: (count) => this.#readable(count),
				onWritable: (count) => this.#call(() => options.onWritable(count)),
				onError: () => this.#fail(),
			});
		} catch (error) {
			options.defer(() => this.#fail(error));
		}
	}

	/** What arrived before `onError` can still be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		this.#take();
		const arrived = this.#arrived;
		if (!arrived) return undefined;
		this.#arrived = byteLength < arrived.length ? arrived.subarray(byteLength) : undefined;
		return arrived.subarray(0, byteLength);
	}

	write(bytes: Bytes): number {
		if (this.#ended) return 0;
		const writable = this.#transport?.write(bytes);
		if (writable !== undefined) return writable;
		this.#options.defer(() => this.#fail("write failed"));
		return 0;
	}

	close(): void {
		this.#ended = true;
		this.#arrived = undefined;
		this.#release();
	}

	#readable(count: number): void {
		const unread = this.#arrived?.length ?? 0;
		this.#take();
		this.#call(() => this.#options.onReadable(unread > 0 ? unread + count : (this.#arrived?.length ?? 0)));
	}

	#take(): void {
		if (this.#arrived || !this.#transport) return;
		const buffer = this.#transport.read();
		if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) this.#arrived = new Uint8Array(buffer);
	}

	#fail(reason?: unknown): void {
		if (this.#ended) return;
		this.#take();
		this.#ended = true;
		this.#inCallback = true;
		try {
			this.#options.onError(reason);
		} finally {
			this.#inCallback = false;
			this.close();
		}
	}

	#call(callback: () => void): void {
		if (this.#ended) return;
		this.#inCallback = true;
		try {
			callback();
		} finally {
			this.#inCallback = false;
			if (this.#ended) this.#release();
		}
	}

	/** Not inside a callback: the transport may call the next one, which it would by then no longer keep from collection. */
	#release(): void {
		if (this.#inCallback) return;
		this.#transport?.close();
		this.#transport = undefined;
	}
}

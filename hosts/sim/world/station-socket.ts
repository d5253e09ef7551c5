/** The station's end of simulated TCP connections, to the letter of `Socket` in `src/host.ts`. */
import type { Bytes, Socket, SocketOptions } from "../../../src/host.ts";
import type { Connection, StationEnd } from "./tcp-connection.ts";
import { WINDOW } from "./tcp-flow.ts";

/** The network below the sockets of one power-on. */
export interface SocketNetwork {
	/** Whether the station that the sockets belong to is on, and runs. */
	readonly on: () => boolean;
	/** Opens a connection for this end. Throws an Error where there is no socket left. */
	connect(station: StationEnd): Connection;
}

export class StationSocket implements Socket, StationEnd {
	readonly #options: SocketOptions;
	readonly #network: SocketNetwork;
	readonly #connection: Connection | undefined;
	#state: "connecting" | "open" | "failing" | "ended" = "connecting";

	constructor(options: SocketOptions, network: SocketNetwork) {
		this.#options = options;
		this.#network = network;
		if (network.on()) this.#connection = network.connect(this);
	}

	/** At most `byteLength` bytes of those that arrived together, where there are any. What arrived before `onError` may be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		if (!this.#network.on()) return undefined;
		if (this.#state === "ended") throw new Error("a socket is read that is not to be used any more");
		return byteLength > 0 ? this.#connection?.down.read(byteLength) : undefined;
	}

	/** Throws a RangeError for more bytes than may be written, and an Error after the end. */
	write(bytes: Bytes): number {
		if (!this.#network.on() || this.#state === "failing") return 0;
		if (this.#state === "ended") throw new Error("a socket is written to that is not to be used any more");
		const writable = this.#writable;
		if (bytes.length > writable) throw new RangeError(`${bytes.length} bytes to write, ${writable} may be`);
		this.#connection?.up.write(bytes.slice());
		return this.#writable;
	}

	/** What was written still leaves. Calling it twice, or after `onError`, does no harm. */
	close(): void {
		this.#state = "ended";
		if (this.#network.on()) this.#connection?.closeStation();
	}

	onReadable(): void {
		if (this.#listens) this.#options.onReadable(this.#connection!.down.unread);
	}

	onWritable(): void {
		if (!this.#listens) return;
		this.#state = "open";
		this.#options.onWritable(this.#writable);
	}

	onError(reason: string): void {
		if (!this.#listens) return;
		this.#state = "failing";
		try {
			this.#options.onError(reason);
		} finally {
			this.#state = "ended";
		}
	}

	get #listens(): boolean {
		return this.#network.on() && this.#state !== "ended" && this.#state !== "failing";
	}

	get #writable(): number {
		return this.#state === "open" ? WINDOW - (this.#connection?.up.unacknowledged ?? 0) : 0;
	}
}

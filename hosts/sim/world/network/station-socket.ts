/** The station's end of simulated TCP connections, to the letter of `Socket` in `src/host.ts`. */
import type { Bytes, Socket, SocketOptions } from "../../../../src/host.ts";
import { WINDOW } from "./flow.ts";
import type { StationEnd, TcpConnection } from "./tcp-connection.ts";

/** The network below the sockets of one power-on. */
export interface SocketNetwork {
	/** Whether the station that the sockets belong to is on, and runs. */
	readonly on: () => boolean;
	/** Opens a connection for this end. Throws an Error where there is no socket left. */
	connect(station: StationEnd): TcpConnection;
}

/** What a socket's constructor gets from its port. */
export interface StationSocketOptions extends SocketOptions {
	readonly below: SocketNetwork;
}

export class StationSocket implements Socket, StationEnd {
	private readonly _options: SocketOptions;
	private readonly _network: SocketNetwork;
	private readonly _connection: TcpConnection | undefined;
	private _state: "connecting" | "open" | "failing" | "ended" = "connecting";

	constructor(options: SocketOptions) {
		this._options = options;
		this._network = (options as StationSocketOptions).below;
		if (this._network.on()) this._connection = this._network.connect(this);
	}

	/** At most `byteLength` bytes of those that arrived together, where there are any. What arrived before `onError` may be read inside of it. */
	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		if (!this._network.on()) return undefined;
		if (this._state === "ended") throw new Error("a socket is read that is not to be used any more");
		return byteLength > 0 ? this._connection?.down.read(byteLength) : undefined;
	}

	/** Throws a RangeError for more bytes than may be written, and an Error after the end. */
	write(bytes: Bytes): number {
		if (!this._network.on() || this._state === "failing") return 0;
		if (this._state === "ended") throw new Error("a socket is written to that is not to be used any more");
		const writable = this._writable;
		if (bytes.length > writable) throw new RangeError(`${bytes.length} bytes to write, ${writable} may be`);
		this._connection?.up.write(bytes.slice());
		return this._writable;
	}

	/** What was written still leaves. Calling it twice, or after `onError`, does no harm. */
	close(): void {
		this._state = "ended";
		if (this._network.on()) this._connection?.closeStation();
	}

	onReadable(): void {
		if (this._listens) this.tellReadable(this._connection!.down.unread);
	}

	onWritable(): void {
		if (!this._listens) return;
		this._state = "open";
		this.tellWritable(this._writable);
	}

	onError(reason: string): void {
		if (!this._listens) return;
		this._state = "failing";
		try {
			this.tellError(reason);
		} finally {
			this._state = "ended";
		}
	}

	protected tellReadable(count: number): void {
		this._options.onReadable(count);
	}

	protected tellWritable(count: number): void {
		this._options.onWritable(count);
	}

	protected tellError(reason: string): void {
		this._options.onError(reason);
	}

	private get _listens(): boolean {
		return this._network.on() && this._state !== "ended" && this._state !== "failing";
	}

	private get _writable(): number {
		return this._state === "open" ? WINDOW - (this._connection?.up.unacknowledged ?? 0) : 0;
	}
}

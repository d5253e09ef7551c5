/** A board's sockets and name requests, watched, and dead as soon as the board has no power. */
import type { Bytes, NetworkPort, Resolver, SocketOptions } from "../../../../src/host.ts";
import { NameResolver } from "../network/name-resolver.ts";
import type { Network } from "../network/network.ts";
import { StationSocket } from "../network/station-socket.ts";
import { WebSocketWatch } from "../websocket/watch.ts";
import type { BoardObserver } from "./observer.ts";

/** The power-on period that they belong to. */
export interface Power {
	readonly alive: boolean;
	/** Sockets that are open. */
	sockets: number;
}

/** Who watches, and what. */
export interface Watch {
	readonly observer: BoardObserver;
	readonly power: Power;
	/** The broker's name: others are asked for, too. */
	readonly broker: string;
	/** Whether MQTT goes over a WebSocket. */
	readonly isWebSocket: boolean;
	/** Runs the station's code, and catches what it throws. */
	readonly guard: (run: () => void) => void;
}

/** What the constructors get from their ports. */
interface Watched {
	readonly watch: Watch;
	readonly [option: string]: unknown;
}

export function watchedNetwork(network: Network, watch: Watch): Pick<NetworkPort, "socket" | "dns"> {
	const { socket, dns } = network.ports(() => watch.power.alive);
	return { socket: { ...socket, io: WatchedSocket, watch }, dns: { ...dns, io: WatchedResolver, watch } };
}

class WatchedResolver extends NameResolver {
	private readonly _watch: Watch;
	private _isAttempt = false;

	constructor(options: { readonly [option: string]: unknown }) {
		super(options);
		this._watch = (options as Watched).watch;
		if (!this._watch.power.alive) throw new Error("no power");
	}

	override resolve({ host, onResolved, onError }: Parameters<Resolver["resolve"]>[0]): void {
		const { observer, broker, guard } = this._watch;
		this._isAttempt = host === broker;
		if (this._isAttempt) observer.onAttempt();
		super.resolve({
			host,
			onResolved: (name, address) => guard(() => onResolved(name, address)),
			onError: (reason) => guard(() => onError(reason)),
		});
	}

	override close(): void {
		const { observer, power } = this._watch;
		if (this._isAttempt && power.alive) observer.onGivenUp();
		super.close();
	}
}

class WatchedSocket extends StationSocket {
	private readonly _watch: Watch;
	private readonly _webSocket: WebSocketWatch | undefined;
	private _isClosed = false;
	private _wasOpened = false;
	private _wasRefused = false;

	constructor(options: SocketOptions) {
		super(options);
		const { watch } = options as SocketOptions & Watched;
		this._watch = watch;
		this._webSocket = watch.isWebSocket
			? new WebSocketWatch({
					onOpened: () => this._opened(),
					onRefused: () => this._refused(),
					onBytes: (direction, bytes) => watch.observer.onBytes(direction, bytes),
				})
			: undefined;
		watch.power.sockets++;
	}

	override read(byteLength?: number) {
		const bytes = this._watch.power.alive ? super.read(byteLength) : undefined;
		if (bytes && bytes.length > 0) this._passed("received", bytes);
		return bytes;
	}

	override write(bytes: Bytes): number {
		if (!this._watch.power.alive) return 0;
		this._passed("sent", bytes);
		return super.write(bytes);
	}

	override close(): void {
		const { power, observer } = this._watch;
		if (!this._isClosed && power.alive) {
			power.sockets--;
			observer.onGivenUp();
		}
		this._isClosed = true;
		super.close();
	}

	protected override tellReadable(count: number): void {
		this._watch.guard(() => super.tellReadable(count));
	}

	protected override tellWritable(count: number): void {
		this._watch.guard(() => {
			if (!this._webSocket) this._opened();
			super.tellWritable(count);
		});
	}

	protected override tellError(reason: string): void {
		this._watch.guard(() => {
			this._refused();
			super.tellError(reason);
		});
	}

	private _opened(): void {
		if (!this._wasOpened) this._watch.observer.onOpened();
		this._wasOpened = true;
	}

	private _refused(): void {
		if (!this._wasOpened && !this._wasRefused) this._watch.observer.onRefused();
		this._wasRefused = true;
	}

	private _passed(direction: "sent" | "received", bytes: Bytes): void {
		if (this._webSocket) this._webSocket[direction](bytes);
		else this._watch.observer.onBytes(direction, bytes);
	}
}

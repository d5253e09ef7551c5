/** A board's sockets and name requests, watched, and dead as soon as the board has no power. */
import type { Bytes, NetworkPort, Resolver, SocketOptions } from "../../../../src/host.ts";
import type { Network } from "../network/network.ts";
import { WebSocketWatch } from "../websocket/watch.ts";
import type { BoardObserver } from "./observer.ts";

/** The power-on period that they belong to. */
export interface Power {
	readonly alive: boolean;
	/** Sockets that are open. */
	sockets: number;
}

export interface WatchOptions {
	readonly observer: BoardObserver;
	/** The broker's name: others are asked for, too. */
	readonly broker: string;
	/** Whether MQTT goes over a WebSocket. */
	readonly isWebSocket: boolean;
	/** Runs the station's code, and catches what it throws. */
	readonly guard: (run: () => void) => void;
}

export function watchedNetwork(
	network: Network,
	power: Power,
	{ observer, broker, isWebSocket, guard }: WatchOptions,
): Pick<NetworkPort, "socket" | "dns"> {
	const { socket, dns } = network.ports(() => power.alive);
	const guarded =
		<Arguments extends unknown[]>(callback: (...all: Arguments) => void) =>
		(...all: Arguments) =>
			guard(() => callback(...all));
	class WatchedResolver extends dns.io {
		private _isAttempt = false;

		constructor(options: { readonly [option: string]: unknown }) {
			if (!power.alive) throw new Error("no power");
			super(options);
		}

		override resolve(request: Parameters<Resolver["resolve"]>[0]): void {
			this._isAttempt = request.host === broker;
			if (this._isAttempt) observer.onAttempt();
			const onResolved = guarded(request.onResolved);
			super.resolve({ ...request, onResolved, onError: guarded(request.onError) });
		}

		override close(): void {
			if (this._isAttempt && power.alive) observer.onGivenUp();
			super.close?.();
		}
	}
	class WatchedSocket extends socket.io {
		private _open = true;
		private readonly _webSocket: WebSocketWatch | undefined;

		constructor(options: SocketOptions) {
			let opened = false;
			let refused = false;
			const onOpened = () => {
				if (!opened) observer.onOpened();
				opened = true;
			};
			const onRefused = () => {
				if (!opened && !refused) observer.onRefused();
				refused = true;
			};
			super({
				...options,
				onReadable: guarded(options.onReadable),
				onWritable: guarded((count: number) => {
					if (!isWebSocket) onOpened();
					options.onWritable(count);
				}),
				onError: guarded((reason?: unknown) => {
					onRefused();
					options.onError(reason);
				}),
			});
			if (isWebSocket)
				this._webSocket = new WebSocketWatch({
					onOpened,
					onRefused,
					onBytes: (direction, bytes) => observer.onBytes(direction, bytes),
				});
			power.sockets++;
		}

		override read(byteLength?: number) {
			const bytes = power.alive ? super.read(byteLength) : undefined;
			if (bytes && bytes.byteLength > 0) this._passed("received", new Uint8Array(bytes));
			return bytes;
		}

		override write(bytes: Bytes): number {
			if (!power.alive) return 0;
			this._passed("sent", bytes);
			return super.write(bytes);
		}

		private _passed(direction: "sent" | "received", bytes: Bytes): void {
			if (this._webSocket) this._webSocket[direction](bytes);
			else observer.onBytes(direction, bytes);
		}

		override close(): void {
			if (this._open && power.alive) {
				power.sockets--;
				observer.onGivenUp();
			}
			this._open = false;
			super.close();
		}
	}
	return { socket: { ...socket, io: WatchedSocket }, dns: { ...dns, io: WatchedResolver } };
}

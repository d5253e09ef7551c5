/** Where a simulated broker listens for WebSockets: itself, or a proxy before it, which answers when the broker does not. */
import type { Network, ServerConnection } from "../network/network.ts";
import type { Random } from "../random.ts";
import { WebSocketEnd } from "./server-end.ts";

/** What proxies say when nobody is behind them, and then end the connection. */
const UNREACHABLE = ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"];

export class WebSocketListener implements Pick<Network, "listen"> {
	private readonly _network: Pick<Network, "listen">;
	private readonly _random: Random;
	private readonly _isProxied: boolean;
	private _handler: ((connection: ServerConnection) => void) | undefined;

	constructor(network: Pick<Network, "listen">, random: Random, isProxied: boolean) {
		this._network = network;
		this._random = random;
		this._isProxied = isProxied;
		if (isProxied) network.listen((connection) => this._accept(connection));
	}

	listen(handler: (connection: ServerConnection) => void): () => void {
		this._handler = handler;
		const unlisten = this._isProxied ? () => {} : this._network.listen((connection) => this._accept(connection));
		return () => {
			if (this._handler === handler) this._handler = undefined;
			unlisten();
		};
	}

	private _accept(connection: ServerConnection): void {
		new WebSocketEnd(connection, this._random, (end) => {
			if (this._handler) this._handler(end);
			else end.refuse(this._random.pick(UNREACHABLE));
		});
	}
}

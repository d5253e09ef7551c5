/** What passes over a station's WebSocket, for who watches its TCP connection: MQTT's bytes, both ways. */
import type { Bytes } from "../../../../src/host.ts";
import { WebSocketStream } from "./stream.ts";

export interface WatchListener {
	/** The WebSocket is open: what follows is MQTT's. */
	onOpened(): void;
	/** There will be none. */
	onRefused(): void;
	onBytes(direction: "sent" | "received", bytes: Bytes): void;
}

export class WebSocketWatch {
	private readonly _sent: WebSocketStream;
	private readonly _received: WebSocketStream;

	constructor(listener: WatchListener) {
		const nothing = () => {};
		this._sent = new WebSocketStream("client", {
			head: nothing,
			data: (bytes) => listener.onBytes("sent", bytes),
			control: nothing,
		});
		this._received = new WebSocketStream("server", {
			head: ([status = ""]) => (status.startsWith("HTTP/1.1 101 ") ? listener.onOpened() : listener.onRefused()),
			data: (bytes) => listener.onBytes("received", bytes),
			control: nothing,
		});
	}

	sent(bytes: Bytes): void {
		this._sent.push(bytes);
	}

	received(bytes: Bytes): void {
		this._received.push(bytes);
	}
}

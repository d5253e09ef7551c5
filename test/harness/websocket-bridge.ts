/**
 * A server of WebSockets before a broker, by the npm package `ws`, which is strict with its client. What the broker says
 * arrives in other frames than it was said in: cut and joined at random, with empty frames and pings between.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { createRandom } from "../../hosts/sim/devices/random.ts";
import { freePort } from "./ports.ts";

/** Bytes of a frame at most, and of what is joined to one message. */
const FRAME_MAXIMUM = 40;

export class WebSocketBridge {
	readonly port: number;
	/** Connections accepted. */
	accepted = 0;
	/** Pings sent, and those that were answered. */
	pings = 0;
	pongs = 0;
	/** What clients did that they must not, in the words of `ws`. */
	readonly violations: string[] = [];
	/** The status codes of clients' close frames; 1006: there was none. */
	readonly closes: number[] = [];
	private readonly _server: WebSocketServer;
	private readonly _random: () => number;

	private constructor(port: number, target: number, seed: number) {
		this.port = port;
		this._random = createRandom(seed);
		this._server = new WebSocketServer({
			host: "127.0.0.1",
			port,
			path: "/mqtt",
			handleProtocols: (protocols) => (protocols.has("mqtt") ? "mqtt" : false),
		});
		this._server.on("connection", (client) => this._accept(client, target));
	}

	/** @param target the broker's port */
	static async start(target: number, seed = 1): Promise<WebSocketBridge> {
		const bridge = new WebSocketBridge(await freePort(), target, seed);
		await once(bridge._server, "listening");
		return bridge;
	}

	close(): void {
		this._server.close();
		this.cut();
	}

	/** Closes each connection with a status code and a reason of its own, or ends it without a word. */
	cut(code?: number): void {
		for (const client of this._server.clients) {
			if (code === undefined) client.terminate();
			else client.close(code, "as \u001b[2J asked");
		}
	}

	private _accept(client: WebSocket, target: number): void {
		this.accepted++;
		const broker = connect({ host: "127.0.0.1", port: target, noDelay: true });
		client.on("message", (data: RawData) => broker.write(data as Buffer));
		client.on("pong", () => this.pongs++);
		client.on("error", ({ message }) => this.violations.push(message));
		client.on("close", (code) => {
			this.closes.push(code);
			broker.destroy();
		});
		broker.on("data", (data: Buffer) => this._pass(client, data));
		broker.on("error", () => {}); // followed by "close"
		broker.on("close", () => client.close(1_001));
	}

	/** As one message, in many frames. */
	private _pass(client: WebSocket, data: Buffer): void {
		for (let at = 0; at < data.length; ) {
			const size = Math.floor(this._random() * (FRAME_MAXIMUM + 1));
			const part = data.subarray(at, at + size);
			at += part.length;
			client.send(part, { binary: true, fin: at === data.length });
			if (this._random() > 0.1) continue;
			this.pings++;
			client.ping(data.subarray(0, Math.floor(this._random() * 126)));
		}
	}
}

/**
 * Shows what a subscriber receives: an MQTT client of its own, beside the
 * station's, on the same codec. It subscribes at QoS 1, acknowledges, and comes
 * back when the broker does.
 */
import { connect, type Socket } from "node:net";
import type { BrokerAddress } from "../../../src/net/broker-url.ts";
import { Decoder, encode, type Packet } from "../../../src/net/mqtt/codec.ts";
import { RefusedError } from "../../../src/net/mqtt/session.ts";

/** Seconds. A PINGREQ leaves at half of it. */
const KEEP_ALIVE_S = 30;
const RETRY_MS = 500;

export interface SubscriberOptions {
	readonly broker: BrokerAddress;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly filter: string;
	readonly onMessage: (topic: string, payload: string) => void;
	/** The broker lets the client in but does not let it subscribe, or does not let it in; told once. */
	readonly onRefused: (reason: string) => void;
}

export class Subscriber {
	readonly #options: SubscriberOptions;
	#socket: Socket | undefined;
	#ping: NodeJS.Timeout | undefined;
	#retry: NodeJS.Timeout | undefined;
	#closed = false;
	#onSubscribed: () => void = () => {};
	/** Resolves when the first subscription stands, or was refused. */
	readonly subscribed = new Promise<void>((resolve) => {
		this.#onSubscribed = resolve;
	});

	constructor(options: SubscriberOptions) {
		this.#options = options;
		this.#connect();
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#retry);
		clearInterval(this.#ping);
		if (this.#socket?.readyState === "open") this.#socket.write(encode({ cmd: "disconnect" }));
		// Does not wait for the broker to close its side: a silent one never would.
		this.#socket?.destroySoon();
	}

	#connect(): void {
		const { broker, username, password } = this.#options;
		const socket = connect({ ...broker, noDelay: true });
		const decoder = new Decoder({ maximumPacketSize: 1 << 20 });
		this.#socket = socket;
		socket.on("connect", () => {
			const clientId = `veleta-watch-${process.pid}`;
			this.#send({ cmd: "connect", clientId, cleanSession: true, keepAlive: KEEP_ALIVE_S, username, password });
			this.#ping = setInterval(() => this.#send({ cmd: "pingreq" }), (KEEP_ALIVE_S / 2) * 1_000);
		});
		socket.on("data", (data: Buffer) => {
			try {
				for (const packet of decoder.push(Uint8Array.from(data))) this.#packet(packet);
			} catch {
				socket.destroy();
			}
		});
		socket.on("error", () => {}); // followed by "close"
		socket.on("close", () => {
			clearInterval(this.#ping);
			if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
		});
	}

	#packet(packet: Packet): void {
		const { filter, onMessage } = this.#options;
		if (packet.cmd === "connack") {
			if (packet.returnCode !== 0) return this.#refused(new RefusedError(packet.returnCode).message);
			this.#send({ cmd: "subscribe", packetId: 1, subscriptions: [{ topicFilter: filter, qos: 1 }] });
		} else if (packet.cmd === "suback") {
			if (packet.returnCodes.includes(0x80)) this.#refused(`the broker refused the subscription to ${filter}`);
			this.#onSubscribed();
		} else if (packet.cmd === "publish") {
			if (packet.qos === 1) this.#send({ cmd: "puback", packetId: packet.packetId ?? 0 });
			onMessage(packet.topic, Buffer.from(packet.payload).toString());
		}
	}

	#refused(reason: string): void {
		this.close();
		this.#onSubscribed();
		this.#options.onRefused(reason);
	}

	#send(packet: Packet): void {
		this.#socket?.write(encode(packet));
	}
}

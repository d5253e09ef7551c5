/**
 * How many flights a new connection takes on Node until its first PUBACK: changes of the direction of bytes, counted by
 * a proxy that is slower than each side. The opening of TCP, a round trip, is none.
 */
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { createServer, type SecureVersion } from "node:tls";
import { clock, network, timer } from "../hosts/node/ports.ts";
import { Backoff } from "../src/net/backoff.ts";
import { Link } from "../src/net/link.ts";
import type { Message } from "../src/net/mqtt/message.ts";
import { Session } from "../src/net/mqtt/session.ts";
import { RecordingProxy } from "../test/harness/recording-proxy.ts";
import { WebSocketBridge } from "../test/harness/websocket-bridge.ts";
import type { BrokerIdentity } from "./tls-broker.ts";

/** How MQTT gets to the broker. */
export interface Way {
	readonly tls?: SecureVersion;
	readonly isWebSocket?: boolean;
	/** Whether messages leave with the CONNECT. */
	readonly pipelining?: boolean;
}

/** The flights of one connection, and of the next one of the same program. `identity`: the broker's, whose certificate is its own issuer's. */
export async function openings(brokerPort: number, identity: BrokerIdentity, way: Way): Promise<number[]> {
	const { tls, isWebSocket = false } = way;
	const bridge = isWebSocket ? await WebSocketBridge.start(brokerPort) : undefined;
	const plainPort = bridge?.port ?? brokerPort;
	const secure = tls && (await startTls(plainPort, identity, tls));
	const proxy = await RecordingProxy.start(secure ? secure.port : plainPort);
	try {
		return [await opening(proxy, identity, way), await opening(proxy, identity, way)];
	} finally {
		proxy.close();
		secure?.close();
		bridge?.close();
	}
}

async function opening(proxy: RecordingProxy, { certificate }: BrokerIdentity, way: Way): Promise<number> {
	const { tls, isWebSocket = false, pipelining = true } = way;
	const queue: Message[] = [{ topic: "bench/state", payload: new Uint8Array(98), qos: 1, retain: false }];
	return new Promise((resolve) => {
		const session = new Session({
			clientId: "veleta-bench",
			cleanSession: true,
			keepAlive: 60,
			// The embedded broker knows no 5.0, which would cost one attempt.
			protocolVersion: 4,
			pipelining,
			nextMessage: () => queue.shift(),
			onAcknowledge: () => {
				resolve(proxy.connections.at(-1)!.length);
				link.stop();
			},
		});
		const link = new Link<Message>({
			network,
			clock,
			timer,
			broker: { host: "127.0.0.1", port: proxy.port, tls: tls !== undefined, ...(isWebSocket && { path: "/mqtt" }) },
			tls: { ca: certificate },
			random: Math.random,
			backoff: new Backoff({ random: Math.random }),
			session,
		});
		link.start();
	});
}

/** A broker's TLS before one that has none. */
async function startTls(target: number, { certificate, key }: BrokerIdentity, version: SecureVersion) {
	const server = createServer({ cert: certificate, key, minVersion: version, maxVersion: version }, (client) => {
		const broker = connect({ host: "127.0.0.1", port: target, noDelay: true });
		client.pipe(broker).pipe(client);
		for (const socket of [client, broker]) socket.on("error", () => {}); // followed by "close"
		client.on("close", () => broker.destroy());
	});
	server.on("connection", (socket) => socket.setNoDelay(true));
	await once(server.listen(0, "127.0.0.1"), "listening");
	return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

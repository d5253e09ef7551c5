/**
 * Round trips of a new connection to its first PUBACK, through a proxy that delays
 * all bytes by 100 ms each way. The opening of the socket, which a proxy on the
 * same machine cannot delay, counts as one round trip.
 */
import { connect, createServer, type Socket } from "node:net";
import { clock, network, timer } from "../hosts/node/ports.ts";
import { Backoff } from "../src/net/backoff.ts";
import { Link } from "../src/net/link.ts";
import type { Message } from "../src/net/mqtt/message.ts";
import { Session } from "../src/net/mqtt/session.ts";

const DELAY_MS = 100;

/** Round trips, opening included, from the attempt to connect to the PUBACK of the first message. */
export async function roundTrips(brokerPort: number, pipelining: boolean): Promise<number> {
	const proxy = await startProxy(brokerPort);
	const queue: Message[] = [{ topic: "bench/state", payload: new Uint8Array(98), qos: 1, retain: false }];
	const begin = performance.now();
	const elapsed = await new Promise<number>((resolve) => {
		const session = new Session({
			clientId: `veleta-bench-${pipelining}`,
			cleanSession: true,
			keepAlive: 60,
			// The embedded broker knows no 5.0, which would cost one attempt.
			protocolVersion: 4,
			pipelining,
			nextMessage: () => queue.shift(),
			onAcknowledge: () => {
				resolve(performance.now() - begin);
				link.stop();
			},
		});
		const link = new Link<Message>({
			network: { ...network },
			clock,
			timer,
			broker: { host: "127.0.0.1", port: proxy.port },
			random: Math.random,
			backoff: new Backoff({ random: Math.random }),
			session,
		});
		link.start();
	});
	proxy.close();
	return 1 + elapsed / (2 * DELAY_MS);
}

async function startProxy(brokerPort: number): Promise<{ port: number; close: () => void }> {
	const sockets = new Set<Socket>();
	const server = createServer((client) => {
		const broker = connect({ host: "127.0.0.1", port: brokerPort, noDelay: true });
		for (const [from, to] of [
			[client, broker],
			[broker, client],
		] as const) {
			sockets.add(from);
			from.setNoDelay(true);
			from.on("data", (data) => setTimeout(() => to.write(data), DELAY_MS));
			from.on("error", () => {}); // followed by "close"
			from.on("close", () => to.destroy());
		}
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	return {
		port,
		close: () => {
			server.close();
			for (const socket of sockets) socket.destroy();
		},
	};
}

/** A session joined by a link to a socket whose other end the test holds, for what only the two together can show. */
import { Backoff } from "../../src/net/backoff.ts";
import { Link } from "../../src/net/link.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { Session, type SessionOptions } from "../../src/net/mqtt/session.ts";
import { World } from "./world.ts";

/** MQTT 3.1.1 without pipelining, unless the options ask for something else. The socket is open, and `connack` is received. */
export function linked(connack: string, options: Partial<SessionOptions<Message>> = {}): World {
	const world = new World();
	const { network, clock, timer } = world;
	const session = new Session({ clientId: "c", keepAlive: 60, pipelining: false, protocolVersion: 4, ...options });
	const random = () => 0.5;
	const backoff = new Backoff({ random });
	new Link({ network, clock, timer, broker: { host: "broker.test", port: 1883 }, random, backoff, session }).start();
	world.socket.opens();
	world.socket.takeWritten();
	world.socket.receives(connack);
	return world;
}

/** The project's session and link, in MQTT 5.0: from a message that waits to its acknowledgement. */
import type { Bytes, Socket, SocketOptions } from "../../src/host.ts";
import { Backoff } from "../../src/net/backoff.ts";
import { Link } from "../../src/net/link.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { Session } from "../../src/net/mqtt/session.ts";
import { others, PAYLOAD, pubackFor, type Subject, TOPIC } from "./subject.ts";

const CONNACK = Uint8Array.of(0x20, 3, 0, 0, 0);
const SUBACK = (id: number) => Uint8Array.of(0x90, 4, 0, id, 0, 1);
const WINDOW = 5_744;
/** As a station's is, so that there is something to look at. */
const SUBSCRIPTION = { topicFilter: "veleta/bench/cmd/#", qos: 1 } as const;

let socket: BrokerSocket;

/** The socket, whose peer is told by hand what to answer. */
class BrokerSocket implements Socket {
	readonly options: SocketOptions;
	written: Bytes | undefined;
	private _waiting: Bytes | undefined;

	constructor(options: SocketOptions) {
		this.options = options;
		socket = this;
	}

	read(): Bytes | undefined {
		const bytes = this._waiting;
		this._waiting = undefined;
		return bytes;
	}

	write(bytes: Bytes): number {
		this.written = bytes;
		return WINDOW;
	}

	answer(bytes: Bytes): void {
		this._waiting = bytes;
		this.options.onReadable(bytes.length);
	}

	close(): void {}
}

export const subject: Subject = (acknowledged) => {
	const queue: Message[] = [];
	let now = 0;
	const session = new Session<Message>({
		clientId: "veleta-bench",
		keepAlive: 60,
		nextMessage: () => queue.pop(),
		onAcknowledge: acknowledged,
	});
	session.subscribe(SUBSCRIPTION);
	const random = () => 0;
	const link = new Link({
		network: { socket: { io: BrokerSocket } },
		clock: { now: () => now, time: () => undefined },
		timer: { set: () => 1, clear: () => {} },
		broker: { host: "localhost", port: 1883, tls: false },
		backoff: new Backoff({ random }),
		random,
		session,
	});
	link.start();
	socket.options.onWritable(WINDOW);
	socket.answer(CONNACK);
	socket.answer(SUBACK(1));
	return () => {
		now += 1_000;
		queue.push({ topic: TOPIC, payload: PAYLOAD, qos: 1, retain: false });
		link.wake();
		// Each write is followed by the socket's word that it has room again.
		socket.options.onWritable(WINDOW);
		socket.answer(others(() => pubackFor(socket.written!)));
	};
};

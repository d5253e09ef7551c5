/** The client of the Moddable SDK, from the SDK that is installed here: MQTT 3.1.1, as it knows no other. */
import MQTTClient from "embedded:network/mqtt/client";
import { others, PAYLOAD, pubackFor, type Subject, TOPIC } from "./subject.ts";

const CONNACK = Uint8Array.of(0x20, 2, 0, 0);
const WINDOW = 5_744;

interface SocketOptions {
	onReadable(count: number): void;
	onWritable(count: number): void;
}

let socket: BrokerSocket;

class BrokerSocket {
	format = "buffer";
	readonly options: SocketOptions;
	parts: Uint8Array[] = [];
	private _waiting = CONNACK;
	private _at = 0;

	constructor(options: SocketOptions) {
		this.options = options;
		socket = this;
	}

	read(): number {
		return this._waiting[this._at++]!;
	}

	write(part: Uint8Array): number {
		this.parts.push(part);
		return WINDOW;
	}

	answer(bytes: Uint8Array<ArrayBuffer>): void {
		this._waiting = bytes;
		this._at = 0;
		this.options.onReadable(bytes.length);
	}
}

class Resolver {
	resolve({ host, onResolved }: { host: string; onResolved(host: string, address: string): void }): void {
		onResolved(host, "127.0.0.1");
	}
}

export const subject: Subject = (acknowledged) => {
	const client = new MQTTClient({
		host: "localhost",
		id: "veleta-bench",
		dns: { io: Resolver },
		socket: { io: BrokerSocket },
		onControl: ({ operation }) => {
			if (operation === MQTTClient.PUBACK) acknowledged();
		},
	});
	socket.options.onWritable(WINDOW);
	socket.answer(CONNACK);
	return () => {
		socket.parts = [];
		client.write(PAYLOAD, { topic: TOPIC, QoS: 1 });
		socket.options.onWritable(WINDOW);
		socket.answer(others(() => pubackFor(Uint8Array.from(socket.parts.flatMap((part) => Array.from(part))))));
	};
};

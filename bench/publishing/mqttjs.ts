/** MQTT.js in its bundle for browsers, in MQTT 5.0, on a stream that does no work. */
import "./browser.ts";
import mqtt from "mqtt/dist/mqtt.esm";
import { others, PAYLOAD, pubackFor, type Subject, TOPIC } from "./subject.ts";

interface Reader {
	write(bytes: Uint8Array): void;
}

/** A stream of Node's as far as MQTT.js asks for one. */
class Stream {
	parts: Uint8Array[] = [];
	reader!: Reader;
	writable = true;

	pipe(reader: Reader): void {
		this.reader = reader;
	}

	write(part: Uint8Array): boolean {
		this.parts.push(part);
		return true;
	}

	on(): void {}
	once(): void {}
	removeListener(): void {}
	setMaxListeners(): void {}
}

export const subject: Subject = (acknowledged) => {
	const stream = new Stream();
	const client = new mqtt.MqttClient(() => stream, {
		protocolVersion: 5,
		clientId: "veleta-bench",
		keepalive: 60,
		reconnectPeriod: 0,
		// A Buffer for each number of 16 bits: no board could hold them.
		writeCache: false,
	});
	stream.reader.write(Uint8Array.of(0x20, 3, 0, 0, 0));
	return () => {
		stream.parts = [];
		client.publish(TOPIC, PAYLOAD, { qos: 1 }, acknowledged);
		const puback = others(() => pubackFor(Uint8Array.from(stream.parts.flatMap((part) => Array.from(part)))));
		stream.reader.write(puback);
	};
};

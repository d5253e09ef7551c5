/** The broker by MQTT: what it says of itself reaches a terminal. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import test from "node:test";
import { MqttFeed } from "../../../commands/observatory/collecting/mqtt-feed.ts";

const NOT_AUTHORIZED = 0x87;
const REASON_STRING = 0x1f;

test("a refusal in a broker's own words does nothing to a terminal", async () => {
	const words = Buffer.from("\x1b[31mno\nbroker: all is well");
	const properties = [REASON_STRING, 0, words.length, ...words];
	const server = createServer((socket) => {
		const connack = [0x20, 3 + properties.length, 0, NOT_AUTHORIZED, properties.length, ...properties];
		socket.once("data", () => socket.end(Uint8Array.from(connack)));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	const reason = await new Promise<string>((resolve) => {
		const nothing = () => {};
		const events = { onConnected: nothing, onMessage: nothing, onOversized: nothing, onSubscribed: nothing };
		const feed = new MqttFeed(
			{
				...{ broker: { host: "127.0.0.1", port, tls: false }, tls: {}, username: undefined, password: undefined },
				...{ clientId: "me", bases: ["veleta/+"], topics: [], unwanted: [], group: undefined },
			},
			{
				...events,
				onDisconnected: (reason) => {
					void feed.stop();
					resolve(reason);
				},
			},
		);
		feed.start();
	});
	server.close();
	assert.equal(reason, "the broker refused the connection: not authorized (0x87): ?[31mno?broker: all is well");
});

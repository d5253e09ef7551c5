/** No message keeps a station off: what it cannot take, and what its broker does not bear, with a real mosquitto. */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { describe } from "node:test";
import { stopDelivered } from "../harness/delivery.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

/** More than the station takes, and than a TCP segment. */
const LARGE = "x".repeat(6_000);
/** Mosquitto takes 200 separators in a topic. */
const LEVELS = "/".repeat(201);

/** A way to the broker for clients of MQTT 3.1.1 alone: one of 5.0 is told so, as a broker of that time would. */
async function speaks311(parts: Parts, { port }: Mosquitto): Promise<{ readonly port: number }> {
	const server = createServer((client) => {
		client.on("error", () => {});
		client.once("data", (first) => {
			// Behind the fixed header come the name's length and its four letters.
			if (first[first[1]! < 0x80 ? 8 : 9] === 5) return void client.end(Buffer.of(0x20, 2, 0, 1));
			const broker = connect(port, "127.0.0.1");
			broker.on("error", () => client.destroy());
			broker.write(first);
			client.pipe(broker).pipe(client);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	parts.onEnd(() => server.close());
	return { port: (server.address() as { port: number }).port };
}

describe("Messages that could keep a station off", { concurrency: 3 }, () => {
	for (const version of ["3.1.1", "5.0"] as const) {
		scenario(
			`In MQTT ${version}, a command of 6,000 bytes ends nothing, on a connection and queued.`,
			async (parts) => {
				const broker = await parts.mosquitto();
				const way = version === "5.0" ? broker : await speaks311(parts, broker);
				const subscriber = await parts.subscriber(broker, "veleta/sim/#");
				const replies = () => subscriber.messages.filter(({ topic }) => topic === "veleta/sim/reply");
				const reply = (count: number) => until(`reply ${count}`, () => replies().length >= count);
				const first = parts.station(way, "--interval", "1s");
				await first.line(new RegExp(`connected with MQTT ${version.replaceAll(".", "\\.")}`));
				await until("the subscription to commands", () => broker.count(/Sending SUBACK to veleta-sim$/) > 0);
				await broker.publish("veleta/sim/cmd/large", "-m", LARGE);
				await broker.publish("veleta/sim/cmd/status", "-n");
				await reply(1);
				await subscriber.reaches(subscriber.reports().length + 2);
				assert.deepEqual(await first.stop(), { code: 0, signal: null });
				for (let count = 0; count < 3; count++) await broker.publish("veleta/sim/cmd/large", "-m", LARGE);
				await broker.publish("veleta/sim/cmd/status", "-n");
				const second = parts.station(way, "--interval", "1s");
				await reply(2);
				await subscriber.reaches(subscriber.reports().length + 2);
				const { readings, acknowledged } = await stopDelivered(parts, second, subscriber);
				assert.equal(first.summary.acknowledged + acknowledged, first.summary.readings + readings);
				for (const station of [first, second]) {
					assert.deepEqual(station.disconnects, []);
					assert.equal(station.count(/has a command of 60\d\d bytes/), 1);
				}
			},
		);
	}

	scenario(
		"A reply to a topic of more levels than the broker takes is given up, and the readings go on.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "veleta/sim/#");
			const station = parts.station(broker, "--interval", "2s", "--speed", "2");
			await until("the subscription to commands", () => broker.count(/Sending SUBACK to veleta-sim$/) > 0);
			await broker.publish("veleta/sim/cmd/status", "-n", "-V", "5", "-D", "publish", "response-topic", LEVELS);
			await station.line(/closes the connection when it gets a reply: it is left out$/);
			// More, where a reading was unacknowledged as well: nobody can tell then which of the two it was.
			assert.ok(station.disconnects.length >= 3, `${station.disconnects.length} connections ended`);
			await subscriber.reaches(subscriber.reports().length + 2);
			const { acknowledged, readings } = await stopDelivered(parts, station, subscriber);
			assert.equal(acknowledged, readings);
		},
	);
});

/** Commands from mosquitto_pub to a station, through a real broker. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

describe("Commands", { concurrency: 4 }, () => {
	scenario("Each command is carried out and replied to; a bad one is told what is wrong.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = parts.station(broker, "--interval", "1h");
		await subscriber.reaches(1);
		await until("the subscription to commands", () => broker.count(/Sending SUBACK to veleta-sim$/) > 0);
		const reply = (command: string) =>
			subscriber.message(
				`the reply to ${command}`,
				({ topic, payload }) => topic === "veleta/sim/reply" && JSON.parse(payload).command === command,
			);
		await broker.publish("veleta/sim/cmd/sample", "-n");
		assert.deepEqual(JSON.parse((await reply("sample")).payload), { command: "sample", ok: true, seq: 2 });
		await subscriber.reaches(2);
		await broker.publish("veleta/sim/cmd/fly", "-n");
		assert.match((await reply("fly")).payload, /"ok":false,"error":"no such command; there are sample, /);
		await broker.publish("veleta/sim/cmd/interval", "-m", "1");
		assert.deepEqual(JSON.parse((await reply("interval")).payload), { command: "interval", ok: true, interval: 1 });
		await subscriber.reaches(4);
		await broker.publish("veleta/sim/cmd/status", "-n");
		const status = JSON.parse((await reply("status")).payload);
		assert.equal(status.interval, 1);
		assert.ok(status.acknowledged >= 4);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
	});

	scenario("The answer goes to the response topic with the correlation data.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "me/#");
		parts.station(broker, "--interval", "1h");
		await until("the subscription to commands", () => broker.count(/Sending SUBACK to veleta-sim$/) > 0);
		const properties = [
			"-V",
			"5",
			"-D",
			"publish",
			"response-topic",
			"me/here",
			"-D",
			"publish",
			"correlation-data",
			"7",
		];
		await broker.publish("veleta/sim/cmd/status", "-n", ...properties);
		const { payload } = await subscriber.message("the reply", ({ topic }) => topic === "me/here");
		assert.equal(JSON.parse(payload).ok, true);
	});

	scenario(
		"Readings that nobody got are asked for, also after a restart, and come with their numbers.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const station = parts.station(broker, "--interval", "1s", "--state", "flash");
			await until("readings that go to nobody", () => broker.count(/Received PUBLISH from veleta-sim .*\/state'/) >= 4);
			await station.kill();
			const subscriber = await parts.subscriber(broker, "veleta/sim/#");
			const next = parts.again(station);
			await until("both subscriptions to commands", () => broker.count(/Sending SUBACK to veleta-sim$/) > 1);
			await subscriber.reaches(6);
			await broker.publish("veleta/sim/cmd/readings", "-m", '{"from":1,"to":4}');
			const { payload } = await subscriber.message("the reply", ({ topic }) => topic === "veleta/sim/reply");
			assert.deepEqual(JSON.parse(payload), { command: "readings", ok: true, from: 1, to: 4, sent: 4, missing: [] });
			assertComplete(subscriber.reports(), subscriber.highest());
			const late = subscriber.messages.filter(({ topic }) => topic === "veleta/sim/late");
			const numbers = late.map(({ payload }) => JSON.parse(payload).seq);
			assert.deepEqual(
				numbers.filter((seq) => seq <= 4),
				[1, 2, 3, 4],
			);
			assert.deepEqual(await next.stop(), { code: 0, signal: null });
		},
	);

	scenario("Restart restarts once, loses no reading, and uses no number twice.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(2);
		await broker.publish("veleta/sim/cmd/restart", "-n");
		await station.line(/^station +restarts$/);
		const before = subscriber.reports().length;
		await subscriber.reaches(before + 3);
		const { acknowledged, readings, lives } = await stopDelivered(parts, station, subscriber);
		assert.equal(station.count(/^station +restarts$/), 1);
		assert.equal(acknowledged, readings);
		assertComplete(subscriber.reports(), readings);
		assert.deepEqual(
			subscriber.messages.filter(({ topic }) => topic.endsWith("/status")).map(({ payload }) => payload),
			["online", "offline", ...lives.flatMap(() => ["online", "offline"])],
		);
	});

	scenario("A retained restart does not restart, now or at the next start.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		await broker.publish("veleta/sim/cmd/restart", "-n", "-r");
		await broker.publish("veleta/sim/cmd/restart", "-m", "now", "-r");
		const station = parts.station(broker, "--interval", "1s");
		const { payload } = await subscriber.message("the reply", ({ topic }) => topic === "veleta/sim/reply");
		assert.match(payload, /a retained command is not carried out: publish it without retain/);
		await subscriber.reaches(3);
		await station.stop();
		assert.equal(station.count(/restarts/), 0);
	});
});

/** What Home Assistant finds at a real broker, whether it leads to readings and commands, and how it goes away. No Home Assistant runs here. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { entityOf, faultsOf } from "../harness/home-assistant.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { Message } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

/** What a subscriber gets that comes now. */
async function retained(parts: Parts, broker: Mosquitto, filter: string): Promise<Message[]> {
	const subscriber = await parts.subscriber(broker, filter);
	await subscriber.caughtUp();
	return subscriber.messages.filter(({ retain }) => retain);
}

describe("Home Assistant", () => {
	scenario("Its messages lead to each value and command; they are gone after homeAssistant false.", async (parts) => {
		const broker = await parts.mosquitto();
		const [found, replies] = [
			await parts.subscriber(broker, "homeassistant/#"),
			await parts.subscriber(broker, "veleta/sim/reply"),
		];
		const replay = ["--replay", `${join(process.cwd(), "test/data/bme280-vectors.json")}#periph-i2c`];
		const state = [...replay, "--interval", "1s", "--state", join(parts.folder, "station.flash")];
		// Warm enough for a heat index.
		const settings = {
			offsets: { temperature: 6 },
			altitude: 667,
			derived: ["dewPoint", "absoluteHumidity", "heatIndex"],
		};
		const station = parts.station(broker, ...parts.config({ ...settings, homeAssistant: true }), ...state);
		await until("the last message", () => found.messages.some(({ topic }) => topic.endsWith("/interval/config")));
		await until("diagnostics", async () => (await retained(parts, broker, "veleta/sim/diagnostics")).length === 1);

		const messages = await retained(parts, broker, "homeassistant/#");
		for (const message of messages) assert.deepEqual(faultsOf(message), [], message.payload);
		assert.deepEqual(messages.map(({ topic }) => topic.split("/").slice(1, 4).join(" ")).sort(), [
			"button veleta-sim restart",
			"button veleta-sim sample",
			"number veleta-sim interval",
			...["absoluteHumidity", "dewPoint", "heatIndex", "humidity", "pressure", "queued", "seaLevelPressure"]
				.concat("temperature", "uptime")
				.map((key) => `sensor veleta-sim ${key}`),
		]);
		const values = new Map(
			(await retained(parts, broker, "veleta/sim/#")).map(({ topic, payload }) => [topic, payload]),
		);
		const entities = messages.map(({ payload }) => entityOf(payload));
		for (const { state_topic, value_template, name } of entities) {
			if (state_topic === undefined) continue;
			const [, member] = /^\{\{value_json\.(\w+)\|default\(None\)\}\}$/.exec(value_template ?? "") ?? [];
			assert.equal(typeof JSON.parse(values.get(state_topic)!)[member!], "number", `${name}`);
		}
		assert.ok(entities.every((entity) => values.get(String(entity.availability_topic)) === "online"));
		// A button's payload, and a number's.
		for (const { command_topic, name, min } of entities) {
			if (command_topic === undefined || name === "Restart") continue;
			const { length } = replies.messages;
			await broker.publish(command_topic, "-m", min === undefined ? "PRESS" : "2", "-q", "1");
			await until(`a reply to ${name}`, () => replies.messages.length > length);
			assert.equal(JSON.parse(replies.messages.at(-1)!.payload).ok, true, replies.messages.at(-1)!.payload);
		}
		const restart = String(entities.find(({ name }) => name === "Restart")!.command_topic);
		await broker.publish(restart, "-m", "PRESS", "-q", "1");
		const connections = () => station.lines.filter((line) => line.includes(": connected with")).length;
		await until("the connection after the restart", () => connections() === 2);
		assert.equal(JSON.parse(replies.messages.at(-1)!.payload).command, "restart");
		await station.stop();

		const second = parts.station(broker, ...parts.config(settings), ...state);
		await until("an empty message for each", () => {
			const emptied = new Set(found.messages.filter(({ payload }) => !payload).map(({ topic }) => topic));
			return messages.every(({ topic }) => emptied.has(topic));
		});
		await second.stop();
		assert.deepEqual(await retained(parts, broker, "homeassistant/#"), []);
		const { length } = found.messages;
		const third = parts.station(broker, ...parts.config(settings), ...state);
		await third.line(/: connected with/);
		await third.stop();
		await found.caughtUp();
		assert.equal(found.messages.length, length, "they are removed once");
	});
});

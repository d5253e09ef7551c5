/** Plain numbers at topics of their own, as courses and dashboards have them. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

describe("Values at topics of their own", { concurrency: 4 }, () => {
	scenario(
		"The course's topics reach Casa/+/Temperatura, and who comes later sees the last numbers.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const temperatures = await parts.subscriber(broker, "Casa/+/Temperatura");
			const all = await parts.subscriber(broker, "#");
			const values = { temperature: "Casa/Cocina/Temperatura", humidity: "Casa/Cocina/Humedad" };
			const station = parts.station(broker, ...parts.config({ values, state: false, interval: 1, id: "cocina" }));
			await until("three temperatures", () => temperatures.messages.length >= 3);
			await station.stop();
			await all.caughtUp();
			for (const { topic, payload } of temperatures.messages) {
				assert.equal(topic, "Casa/Cocina/Temperatura");
				assert.match(payload, /^-?\d+(\.\d{1,2})?$/);
			}
			assert.deepEqual(
				all.messages.filter(({ topic }) => topic === "veleta/cocina/state"),
				[],
			);
			const { readings, acknowledged, queued } = station.summary;
			assert.deepEqual({ acknowledged, queued }, { acknowledged: readings, queued: 0 });
			const later = await parts.subscriber(broker, "Casa/#");
			await later.caughtUp();
			const last = (topic: string) => all.messages.filter((message) => message.topic === topic).at(-1)!.payload;
			assert.deepEqual(later.messages.map(({ topic, payload, retain }) => [topic, payload, retain]).sort(), [
				["Casa/Cocina/Humedad", last("Casa/Cocina/Humedad"), true],
				["Casa/Cocina/Temperatura", last("Casa/Cocina/Temperatura"), true],
			]);
		},
	);

	scenario("Topics that something else has, and quantities that no reading has, are refused.", async (parts) => {
		for (const [settings, message] of [
			[{ values: { temperature: "a", humidity: "a" } }, /^values\.humidity: is the topic of values\.temperature, too$/],
			[
				{ values: { pressure: "veleta/x/state" }, id: "x" },
				/^values\.pressure: is the topic of the station's state, too$/,
			],
			[{ values: { pressure: "veleta/x/cmd/y" }, id: "x" }, /^values\.pressure: is the topic of its commands, too$/],
			[
				{ values: { pressure: "p" }, sensor: "dht22" },
				/^values\.pressure: a dht22 with these settings gives no pressure$/,
			],
			[{ values: { dewPoint: "d" } }, /^values\.dewPoint: a bme280 with these settings gives no dewPoint$/],
		] as const) {
			const station = parts.station(undefined, ...parts.config(settings));
			assert.deepEqual(await station.ended(), { code: 2, signal: null });
			assert.ok(
				station.errors.some((line) => message.test(line.replace(/^.*?(values)/, "$1"))),
				station.errors.join("\n"),
			);
		}
	});
});

/** What a subscriber sees of a station that nothing bad happens to. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

describe("A station and a real broker", { concurrency: 4 }, () => {
	scenario("Readings arrive at QoS 1, numbered without a gap, and the newest is retained.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const started = Date.now();
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(4);
		const { acknowledged, dropped, connections, lives } = await stopDelivered(parts, station, subscriber);
		assert.deepEqual({ dropped, connections }, { dropped: 0, connections: lives.length });

		assert.ok(subscriber.messages.every(({ qos }) => qos === 1));
		assertComplete(subscriber.reports(), acknowledged);
		const atState = subscriber.reports("veleta/sim/state").map(({ seq }) => seq);
		assert.deepEqual(
			atState,
			atState.toSorted((a, b) => a - b),
		);
		let before = started - 1_000;
		for (const report of subscriber.reports().toSorted((a, b) => a.seq - b.seq)) {
			assert.deepEqual(Object.keys(report), ["temperature", "humidity", "pressure", "time", "seq"]);
			assert.ok(report.temperature > -30 && report.temperature < 45, `${report.temperature} °C`);
			assert.ok(report.humidity! > 5 && report.humidity! <= 100, `${report.humidity} %`);
			assert.ok(report.pressure! > 950 && report.pressure! < 1_060, `${report.pressure} hPa`);
			const time = Date.parse(report.time!);
			assert.ok(time > before && time <= Date.now(), `${report.time} comes after the reading before it, and is past`);
			before = time;
		}
		const later = await parts.subscriber(broker, "veleta/sim/+");
		await later.caughtUp();
		const found = later.messages.filter(({ topic }) => /\/(state|late)$/.test(topic));
		const newest = subscriber.reports("veleta/sim/state").at(-1)!;
		assert.deepEqual(
			found.map(({ topic, payload, retain }) => ({ topic, retain, ...JSON.parse(payload) })),
			[{ topic: "veleta/sim/state", retain: true, ...newest }],
			"who subscribes later has the newest reading, and no other",
		);
	});

	scenario("Whoever subscribes between two readings has the newest one at once.", async (parts) => {
		const broker = await parts.mosquitto();
		const early = await parts.subscriber(broker, "veleta/sim/state");
		parts.station(broker, "--interval", "1h");
		await early.reaches(1);
		const between = await parts.subscriber(broker, "veleta/+/state");
		const { payload, retain } = await between.message("the retained reading", () => true);
		assert.deepEqual({ retain, ...JSON.parse(payload) }, { retain: true, ...early.reports()[0] });
	});

	scenario(
		"A late subscriber learns that the station is online, and after Ctrl-C that it is offline.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const early = await parts.subscriber(broker, "veleta/sim/status");
			const station = parts.station(broker, "--interval", "1s");
			await early.message("online", ({ payload }) => payload === "online");
			const late = await parts.subscriber(broker, "veleta/sim/status");
			const online = await late.message("the retained status", () => true);
			assert.deepEqual(online, { topic: "veleta/sim/status", payload: "online", qos: 1, retain: true });

			assert.deepEqual(await station.stop(), { code: 0, signal: null });
			assert.ok(station.summary.readings > 0);
			await early.message("offline", ({ payload }) => payload === "offline");
			const afterwards = await parts.subscriber(broker, "veleta/sim/status");
			const offline = await afterwards.message("the retained status", () => true);
			assert.deepEqual(offline, { topic: "veleta/sim/status", payload: "offline", qos: 1, retain: true });

			// It said so itself, and took its leave: the broker had no will to publish.
			assert.equal(broker.count(/Received DISCONNECT from veleta-sim$/), 1);
			assert.deepEqual(
				early.messages.map(({ payload }) => payload),
				["online", "offline"],
			);
		},
	);

	scenario("The broker says offline, retained, for a station that was killed.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(2);
		await station.kill();
		await subscriber.message("the last will", ({ payload }) => payload === "offline");
		assert.equal(broker.count(/Received DISCONNECT from veleta-sim$/), 0);
		const late = await parts.subscriber(broker, "veleta/sim/#");
		const will = await late.message("the retained status", () => true);
		assert.deepEqual(will, { topic: "veleta/sim/status", payload: "offline", qos: 1, retain: true });
	});

	scenario("A base topic of the user's reaches wildcard subscriptions.", async (parts) => {
		const broker = await parts.mosquitto();
		const states = await parts.subscriber(broker, "casa/+/+");
		const house = await parts.subscriber(broker, "casa/#");
		const others = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--topic", "casa/cocina", "--interval", "1s");
		await states.reaches(2);
		await station.stop();
		for (const subscriber of [states, house, others]) await subscriber.caughtUp();
		for (const { messages } of [states, house]) {
			const topics = new Set(messages.map(({ topic }) => topic));
			// On a busy machine a reading may be overtaken.
			topics.delete("casa/cocina/late");
			assert.deepEqual([...topics].sort(), ["casa/cocina/diagnostics", "casa/cocina/state", "casa/cocina/status"]);
		}
		assert.deepEqual(others.messages, []);
		// The simulator's own subscriber shows the same.
		await until("the simulator to show a reading", () => station.count(/^casa\/cocina\/state \{"temperature"/) > 0);
	});

	scenario(
		"Without a broker of the user's, the simulator brings one, and every reading is acknowledged.",
		async (parts) => {
			const station = parts.station(undefined, "--duration", "4s", "--interval", "1s");
			assert.deepEqual(await station.ended(), { code: 0, signal: null });
			const { readings, acknowledged, dropped, queued, connections } = station.summary;
			// The slot at the very end may be in or out; a busy machine misses some.
			assert.ok(readings >= 1 && readings <= 5, `${readings} readings`);
			assert.deepEqual(
				{ acknowledged, dropped, queued, connections },
				{ acknowledged: readings, dropped: 0, queued: 0, connections: 1 },
			);
			assert.equal(station.count(/^veleta\/sim\/(state|late) /), readings);
			assert.equal(station.count(/^veleta\/sim\/status online$/), 1);
			assert.equal(station.count(/^veleta\/sim\/status offline$/), 1);
			assert.deepEqual(station.errors, []);
		},
	);

	scenario("The simulator's time can run faster.", async (parts) => {
		const station = parts.station(undefined, "--duration", "20m", "--interval", "1m", "--speed", "500");
		// Nobody waits twenty minutes for an end.
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		const { readings, acknowledged, queued } = station.summary;
		// Time waits for a late timer: a busy machine misses no slot.
		assert.ok(readings >= 20 && readings <= 21, `${readings} readings`);
		assert.equal(acknowledged + queued, readings);
	});
});

/** A day in seconds. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertComplete } from "../harness/delivery.ts";
import { scenario } from "../harness/scenario.ts";

describe("The simulator's time", () => {
	scenario("At the sensor's shortest interval every slot has its reading.", async (parts) => {
		const station = parts.station(undefined, "--interval", "1s", "--duration", "10m", "--speed", "200");
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		const { readings, faults, acknowledged } = station.summary;
		assert.equal(faults, 0);
		assert.ok(readings >= 600 && readings <= 602, `${readings} readings in 600 slots`);
		assert.equal(acknowledged, readings);
	});

	scenario("A day of a reading a minute is delivered in seconds, over one connection.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/+");
		const station = parts.station(broker, "--interval", "60s", "--duration", "24h", "--speed", "10000");
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		const { readings, acknowledged, dropped, queued, connections } = station.summary;
		// 1440, and the one at midnight may be in or out.
		assert.ok(readings >= 1_440 && readings <= 1_442, `${readings} readings`);
		assert.deepEqual(
			{ acknowledged, dropped, queued, connections },
			{ acknowledged: readings, dropped: 0, queued: 0, connections: 1 },
		);
		await subscriber.reaches(readings);
		assertComplete(subscriber.reports(), readings);
		// Each is labelled with its own minute: a late timer of the computer's is no late reading.
		const reports = subscriber.reports().toSorted((a, b) => a.seq - b.seq);
		const times = reports.map(({ time }) => Date.parse(time!));
		for (const [index, time] of times.entries()) {
			const expected = times[0]! + index * 60_000;
			assert.ok(Math.abs(time - expected) < 2_000, `reading ${index + 1} is ${time - expected} ms off`);
		}
	});
});

/** A station that sleeps between its readings, with a real broker. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertComplete } from "../harness/delivery.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { StationProcess } from "../harness/station.ts";
import type { MosquittoSub } from "../harness/subscriber.ts";
import { observe, until } from "../harness/wait.ts";

const ASLEEP = /^station +asleep for \d+\.\d s$/;
/** The subscriber's own delays after an outage come on top, in real ms. */
const COMES_BACK = 60_000;
/** From the last word to the will of a station with `SHORT`: two and a half intervals and the time awake, in ms. */
const LOST_AFTER_MS = 8_000;
const SHORT = { sleep: true, interval: 1, awake: 5 };

function sleeps(station: StationProcess, times: number, within?: number): Promise<unknown> {
	return until(`${times} sleeps`, () => station.count(ASLEEP) >= times, within);
}

function statuses(subscriber: MosquittoSub): string[] {
	return subscriber.messages.filter(({ topic }) => topic.endsWith("/status")).map(({ payload }) => payload);
}

/** What whoever comes now is told. */
async function retainedStatus(parts: Parts, broker: Parameters<Parts["subscriber"]>[0]): Promise<string> {
	const late = await parts.subscriber(broker, "veleta/sim/status");
	return (await late.message("the retained status", ({ retain }) => retain)).payload;
}

describe("A station that sleeps between readings", { concurrency: 4 }, () => {
	scenario(
		"Each wake brings a reading; online and asleep alternate, and Ctrl-C is heard in its sleep.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "veleta/#");
			const station = parts.station(broker, ...parts.config({ sleep: true, interval: 3 }));
			await sleeps(station, 4);
			assert.deepEqual(await station.stop(), { code: 0, signal: null });
			const { readings, acknowledged, connections, queued } = station.summary;
			assert.deepEqual(
				{ readings, acknowledged, connections, queued },
				{ readings: 4, acknowledged: 4, connections: 4, queued: 0 },
			);
			assert.deepEqual(
				subscriber.reports().map(({ seq }) => seq),
				[1, 2, 3, 4],
			);
			assert.deepEqual(statuses(subscriber), Array.from({ length: 4 }, () => ["online", "asleep"]).flat());
			assert.equal(await retainedStatus(parts, broker), "asleep");
			// Each after the first resumes the session: the broker has kept what came meanwhile.
			assert.equal(station.count(/connected with .*, session resumed/), 3);
			const times = subscriber.reports().map(({ time }) => Date.parse(time!));
			for (const [index, time] of times.slice(1).entries()) {
				const between = time - times[index]!;
				assert.ok(between > 2_900 && between < 6_000, `${between} ms from one reading to the next`);
			}
		},
	);

	scenario("A broker that is away for some wakes costs no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
		const station = parts.station(broker, ...parts.config({ ...SHORT, interval: 5 }), "--speed", "10");
		await subscriber.reaches(2);
		await broker.save();
		await broker.kill();
		const before = station.count(ASLEEP);
		// Each of these is awake for as long as it may be.
		await sleeps(station, before + 3, COMES_BACK);
		assert.ok(station.count(/readings? (was|were) not delivered/) >= 2);
		await broker.restart();
		await subscriber.subscribed(2);
		await subscriber.reaches(station.count(ASLEEP) + 3, COMES_BACK);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
		const { readings, acknowledged, dropped, queued } = station.summary;
		assert.deepEqual({ acknowledged, dropped, queued }, { acknowledged: readings, dropped: 0, queued: 0 });
		await subscriber.reaches(readings);
		assertComplete(subscriber.reports(), readings);
	});

	scenario(
		"A station that does not wake again is offline, when the time for it is over and not before.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "veleta/#");
			const station = parts.station(broker, ...parts.config(SHORT));
			await sleeps(station, 2);
			await station.kill();
			const killed = performance.now();
			assert.equal(await retainedStatus(parts, broker), "asleep");
			await subscriber.message("the last will", ({ payload }) => payload === "offline");
			const waited = performance.now() - killed;
			// Mosquitto counts whole seconds, and the kill came some time after the last word.
			assert.ok(waited > LOST_AFTER_MS - 2_500 && waited < LOST_AFTER_MS + 5_000, `offline after ${waited} ms`);
			assert.deepEqual(statuses(subscriber), ["online", "asleep", "online", "asleep", "offline"]);
			assert.equal(await retainedStatus(parts, broker), "offline");
		},
	);

	scenario("A station that wakes regularly is never offline, however long that goes on.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, ...parts.config(SHORT));
		await observe(LOST_AFTER_MS + 4_000);
		await station.stop();
		assert.ok(station.count(ASLEEP) >= 3);
		// The last one, where Ctrl-C has met it awake, is its own.
		assert.ok(!statuses(subscriber).slice(0, -1).includes("offline"), statuses(subscriber).join(", "));
	});

	scenario("A command that is sent in its sleep is answered when it wakes.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, ...parts.config({ sleep: true, interval: 4 }));
		await sleeps(station, 1);
		const before = subscriber.messages.length;
		broker.publish("veleta/sim/cmd/sample", "-n");
		const { payload } = await subscriber.message("the reply", ({ topic }) => topic === "veleta/sim/reply");
		assert.deepEqual(JSON.parse(payload), { command: "sample", ok: true, seq: 2 });
		await sleeps(station, 2);
		const after = subscriber.messages
			.slice(before)
			.filter(({ topic }) => !topic.endsWith("/diagnostics"))
			.map(({ topic }) => topic.slice("veleta/sim/".length));
		// The reading that it woke for is the sample.
		assert.deepEqual(after.toSorted(), ["cmd/sample", "reply", "state", "status", "status"]);
		assert.equal(subscriber.messages.at(-1)!.payload, "asleep");
	});

	scenario("With the simulator's own broker and simulated time, the duration may end in its sleep.", async (parts) => {
		const args = ["--duration", "90s", "--speed", "100", ...parts.config({ sleep: true, interval: 60 })];
		const station = parts.station(undefined, ...args);
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		const { readings, acknowledged, connections } = station.summary;
		assert.deepEqual({ readings, acknowledged, connections }, { readings: 2, acknowledged: 2, connections: 2 });
		assert.equal(station.count(ASLEEP), 2);
		assert.equal(station.count(/^veleta\/sim\/status asleep$/), 2);
	});
});

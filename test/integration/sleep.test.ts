/** A station that sleeps between its readings, with a real broker. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { StationProcess } from "../harness/station.ts";
import type { MosquittoSub } from "../harness/subscriber.ts";
import { pause, until } from "../harness/wait.ts";

const ASLEEP = /^station +asleep for \d+\.\d s$/;
/** Sleeps short enough for a test, and seconds from the last word of such a station to its will: two and a half intervals and the time awake. */
const SHORT = { sleep: true, interval: 4, awake: 5 };
const LOST_AFTER_S = 15;
const TRIES_MAXIMUM = 10;
/** Sleeps longer than any test takes. */
const LONG = { sleep: true, interval: 3_600 };

function sleeps(station: StationProcess, times: number): Promise<unknown> {
	return until(`${times} sleeps`, () => station.count(ASLEEP) >= times);
}

function statuses(subscriber: MosquittoSub): string[] {
	return subscriber.messages.filter(({ topic }) => topic.endsWith("/status")).map(({ payload }) => payload);
}

/** What whoever comes now is told. */
async function retainedStatus(parts: Parts, broker: Mosquitto): Promise<string> {
	const late = await parts.subscriber(broker, "veleta/sim/status");
	return (await late.message("the retained status", ({ retain }) => retain)).payload;
}

/** When the broker logged what matches, in whole seconds of its own clock. */
function timesOf({ log }: Mosquitto, pattern: RegExp): number[] {
	return log.filter((line) => pattern.test(line)).map((line) => Number.parseInt(line, 10));
}
const LAST_WORD = /: Received DISCONNECT from veleta-sim$/;
const FIRST_WORD = /: New client connected from .* as veleta-sim /;

/** Kills a station with short sleeps in its sleep: a busy machine may come too late for that, and then it tries again. */
async function killedAsleep(parts: Parts, broker: Mosquitto): Promise<void> {
	for (let tries = 0; tries < TRIES_MAXIMUM; tries++) {
		const before = timesOf(broker, FIRST_WORD).length;
		const station = parts.station(broker, ...parts.config(SHORT));
		await sleeps(station, 1);
		await station.kill();
		// The broker says who has connected before whoever comes now.
		await retainedStatus(parts, broker);
		if (timesOf(broker, FIRST_WORD).length === before + station.count(ASLEEP)) return;
	}
	assert.fail(`awake at each of ${TRIES_MAXIMUM} kills`);
}

describe("A station that sleeps between readings", { concurrency: 4 }, () => {
	scenario("Each wake brings a reading; online and asleep alternate.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const args = [...parts.config({ sleep: true, interval: 20 }), "--duration", "90s", "--speed", "5"];
		const station = parts.station(broker, ...args);
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		await subscriber.caughtUp();
		const { readings, acknowledged, queued } = station.summary;
		assert.deepEqual({ readings, acknowledged, queued }, { readings: 5, acknowledged: 5, queued: 0 });
		const reports = subscriber.reports();
		assert.deepEqual(
			reports.map(({ seq }) => seq),
			[1, 2, 3, 4, 5],
		);
		assert.deepEqual(statuses(subscriber), Array.from({ length: 5 }, () => ["online", "asleep"]).flat());
		assert.equal(await retainedStatus(parts, broker), "asleep");
		// Each after the first resumes the session: the broker has kept what came meanwhile.
		assert.equal(station.count(/connected with .*, session resumed/), 4);
		const times = reports.map(({ time }) => Date.parse(time!));
		for (const [index, time] of times.slice(1).entries()) {
			const between = time - times[index]!;
			// Of simulated time; the start of the engine takes real time, of which a busy machine needs some.
			assert.ok(between > 15_000 && between < 25_000, `${between} ms from one reading to the next`);
		}
	});

	scenario("Ctrl-C is heard in its sleep.", async (parts) => {
		const broker = await parts.mosquitto();
		const station = parts.station(broker, ...parts.config(LONG));
		await sleeps(station, 1);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
		const { readings, acknowledged, connections } = station.summary;
		assert.deepEqual({ readings, acknowledged, connections }, { readings: 1, acknowledged: 1, connections: 1 });
		assert.equal(await retainedStatus(parts, broker), "asleep");
	});

	scenario("A broker that is away for some wakes costs no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
		const station = parts.station(broker, ...parts.config({ ...SHORT, interval: 5 }), "--speed", "10");
		await subscriber.reaches(2);
		await broker.save();
		await broker.kill();
		const before = station.count(ASLEEP);
		// Each of these is awake for as long as it may be.
		await sleeps(station, before + 3);
		assert.ok(station.count(/readings? (was|were) not delivered/) >= 2);
		await broker.restart();
		await subscriber.subscribed(2);
		await subscriber.reaches(station.count(ASLEEP) + 3);
		const { readings, acknowledged, dropped } = await stopDelivered(parts, station, subscriber);
		assert.deepEqual({ acknowledged, dropped }, { acknowledged: readings, dropped: 0 });
		assertComplete(subscriber.reports(), readings);
	});

	scenario(
		"A station that does not wake again is offline, when the time for it is over and not before.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "veleta/#");
			await killedAsleep(parts, broker);
			assert.equal(await retainedStatus(parts, broker), "asleep");
			await until("the last will", () => statuses(subscriber).at(-1) === "offline");
			const lastWord = timesOf(broker, LAST_WORD).at(-1);
			// Of the messages with a status, only "offline" has seven bytes.
			const will = timesOf(broker, /Sending PUBLISH to subscriber.*'veleta\/sim\/status', \.\.\. \(7 bytes\)/).at(-1);
			assert.ok(will! - lastWord! >= LOST_AFTER_S - 1, `offline after ${will! - lastWord!} s`);
			assert.deepEqual(statuses(subscriber).slice(-3), ["online", "asleep", "offline"]);
			assert.equal(await retainedStatus(parts, broker), "offline");
		},
	);

	scenario("A station that wakes regularly is never offline, however long that goes on.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, ...parts.config(SHORT));
		await sleeps(station, 1);
		await pause((LOST_AFTER_S + 4) * 1_000);
		await sleeps(station, 3);
		const lastWords = timesOf(broker, LAST_WORD);
		const silences = timesOf(broker, FIRST_WORD)
			.slice(1)
			.map((time, index) => time - lastWords[index]!);
		assert.ok(silences.length >= 2);
		// A machine on which a start takes so long is too busy for these sleeps.
		if (Math.max(...silences) < LOST_AFTER_S - 1) assert.ok(!statuses(subscriber).includes("offline"));
	});

	scenario("A command that is sent in its sleep is answered when it wakes.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, ...parts.config({ sleep: true, interval: 20 }));
		await sleeps(station, 1);
		const before = subscriber.messages.length;
		await broker.publish("veleta/sim/cmd/sample", "-n");
		const { payload } = await subscriber.message("the reply", ({ topic }) => topic === "veleta/sim/reply");
		const { seq, ...reply } = JSON.parse(payload);
		assert.deepEqual(reply, { command: "sample", ok: true });
		await sleeps(station, 2);
		await subscriber.caughtUp();
		const after = subscriber.messages
			.slice(before)
			.filter(({ topic }) => !topic.endsWith("/diagnostics"))
			.map(({ topic }) => topic.slice("veleta/sim/".length));
		// The reading that it woke for is the sample; or, on a busy machine, it was taken before the command came.
		const states = Array.from({ length: seq - 1 }, () => "state");
		assert.deepEqual(after.toSorted(), ["cmd/sample", "reply", ...states, "status", "status"]);
		assert.ok(seq === 2 || seq === 3, payload);
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

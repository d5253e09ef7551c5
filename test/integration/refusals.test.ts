/** Brokers that do not want the station, or not for long. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

/**
 * Attempts that are looked at. Delays are drawn uniformly between 0.1 s and a bound
 * that doubles: 1, 2, 4, 8, 16 s (src/net/backoff.ts). Seeds make the draws the
 * same in every run.
 */
const ATTEMPTS = 6;

/** When the broker logged what matches, in whole seconds of its own clock. */
function timesOf({ log }: Mosquitto, pattern: RegExp): number[] {
	return log.filter((line) => pattern.test(line)).map((line) => Number.parseInt(line, 10));
}

/** Each attempt after a lost connection came when the delay was over that the station had told, or later, as on a busy machine. */
function assertWaits(times: readonly number[], delays: readonly number[]): void {
	for (const [index, time] of times.slice(1).entries()) {
		const waited = time - times[index]!;
		// The broker tells whole seconds.
		assert.ok(waited > delays[index]! - 1, `attempt ${index + 2} came after ${waited} s, and not ${delays[index]} s`);
	}
}

describe("A station that is not welcome", { concurrency: 4 }, () => {
	scenario("A wrong password is refused with the reason, retried ever more rarely, and never shown.", async (parts) => {
		const broker = await parts.mosquitto({ users: { casa: "right-and-secret" } });
		const address = `mqtt://casa:wrong-and-secret@127.0.0.1:${broker.port}`;
		const station = parts.station(undefined, "--broker", address, "--interval", "1s");
		await until("attempts", () => station.disconnects.length >= ATTEMPTS);
		// The simulator's own subscriber tries once.
		assert.equal(station.count(/^watch .*the broker refused the connection: not authorized \(0x87\)$/), 1);
		const { disconnects } = station;
		for (const [index, { reason, delay }] of disconnects.entries()) {
			// What the station had sent besides makes the broker's end a reset, which may overtake the refusal.
			assert.match(reason, /not authorized|reset by the broker/);
			assert.ok(delay <= 2 ** index, `after attempt ${index + 1} it waits ${delay} s`);
		}
		const delays = disconnects.map(({ delay }) => delay);
		assert.ok(Math.max(...delays) > 2, "the delays grow");
		assertWaits(timesOf(broker, /: Sending CONNACK to veleta-sim \(0, 135\)$/), delays);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
		assert.equal(station.summary.connections, 0);
		assert.equal(station.summary.queued, station.summary.readings, "the readings wait");
		assert.deepEqual(
			station.lines.filter((line) => line.includes("secret")),
			[],
		);
	});

	scenario("The right password is let in, and never shown.", async (parts) => {
		const broker = await parts.mosquitto({ users: { casa: "right@and/secret" } });
		const account = { username: "casa", password: "right@and/secret" };
		const subscriber = await parts.subscriber(broker, "veleta/#", account);
		const address = `mqtt://casa:right%40and%2Fsecret@127.0.0.1:${broker.port}`;
		const station = parts.station(undefined, "--broker", address, "--interval", "1s");
		await subscriber.reaches(2);
		await station.stop();
		assert.equal(
			station.count(/^veleta\/sim\/(state|late) /),
			station.summary.acknowledged,
			"the simulator's subscriber was let in, too",
		);
		assert.deepEqual(
			station.lines.filter((line) => line.includes("secret")),
			[],
		);
	});

	scenario("An access list that allows no readings costs none: they wait, and come when it does.", async (parts) => {
		const broker = await parts.mosquitto({ access: "topic read #\n" });
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--interval", "1s");
		const refused = () => broker.count(/Denied PUBLISH from veleta-sim .*'veleta\/sim\/(state|late)'/);
		await until("refusals", () => refused() >= 4);
		assert.equal(station.count(/does not take a reading: not authorized$/), 1, "told once");
		assert.equal(station.count(/does not take the status: not authorized$/), 1);
		broker.grant("topic readwrite #\n");
		await subscriber.reaches(12);
		await until("the status", () => subscriber.messages.some(({ payload }) => payload === "online"));
		await station.stop();
		const { readings, published, acknowledged, dropped, queued } = station.summary;
		assert.deepEqual({ dropped, queued, acknowledged }, { dropped: 0, queued: 0, acknowledged: readings });
		assert.equal(published, acknowledged + refused());
		assert.equal(station.count(new RegExp(`^readings .*, refused ${refused()},`)), 1);
	});

	scenario("Two stations with one client id do not storm the broker, and both deliver.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "+/+");
		// In strict order, so that no reading is on its way out of turn when it is looked.
		const common = [...parts.config({ order: "oldest" }), "--id", "twin", "--interval", "1s"];
		const start = (name: string, seed: string) =>
			parts.station(broker, ...common, "--topic", name, "--seed", seed, "--state", `${name}.flash`);
		const stations = [start("castor", "1"), start("pollux", "2")];
		await until("the fight for the client id", () => stations.every(({ disconnects }) => disconnects.length >= 3));
		// Each attempt succeeds, and throws the other one out.
		const times = timesOf(broker, /: New client connected from .* as veleta-twin /);
		const delays = stations.map(({ disconnects }) => disconnects.map(({ delay }) => delay));
		assert.ok(times.length <= delays.flat().length + stations.length, `${times.length} connections`);
		for (const waits of delays) {
			// A connection that worked is followed by the next within 4.5 s, and within 8 s when it looks like a fight.
			for (const [index, delay] of waits.entries()) assert.ok(delay <= (index < 2 ? 4.5 : 8), `it waits ${delay} s`);
			const waited = waits.slice(0, -2).reduce((sum, delay) => sum + delay, 0);
			assert.ok(times.at(-1)! - times[0]! > waited - 2, `it has not waited for ${waited} s`);
		}
		const hint = /keeps closing the connection: is another client using the client id veleta-twin\?/;
		await until("the hint", () => stations.some((station) => station.count(hint) > 0));
		for (const topic of ["castor/state", "pollux/state"]) {
			await subscriber.reaches(3, topic);
			const reports = subscriber.reports(topic);
			const seqs = [...new Set(reports.map(({ seq }) => seq))];
			assert.deepEqual(
				seqs,
				seqs.map((_, index) => index + 1),
				`${topic} has no gap`,
			);
		}
	});
});

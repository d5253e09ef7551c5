/** Brokers that do not want the station, or not for long. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { scenario } from "../harness/scenario.ts";
import { observe, until } from "../harness/wait.ts";

/** Time in real ms in which a storm of connections would show. */
const OBSERVED_MS = 15_000;
/**
 * Attempts within it. Delays are drawn uniformly between 0.1 s and a bound that
 * doubles: 1, 2, 4, 8, 16 s (src/net/backoff.ts). On average five attempts fill
 * 15 s; eight in that time come less than once in a thousand runs. The seeds
 * make the draws the same in every run.
 */
const ATTEMPTS_MAXIMUM = 8;
/** Of two stations: each attempt succeeds and throws the other out, which draws its next delay; five each, and two to begin with. */
const TWINS_MAXIMUM = 12;

describe("A station that is not welcome", { concurrency: 4 }, () => {
	scenario("A wrong password is refused with the reason, retried ever more rarely, and never shown.", async (parts) => {
		const broker = await parts.mosquitto({ users: { casa: "right-and-secret" } });
		const address = `mqtt://casa:wrong-and-secret@127.0.0.1:${broker.port}`;
		const station = parts.station(undefined, "--broker", address, "--interval", "1s");
		await station.line(/the broker refused the connection: not authorized/);
		await observe(OBSERVED_MS);
		// The simulator's own subscriber tries once.
		const attempts = broker.count(/Sending CONNACK to .* \(0, 135\)$/) - 1;
		assert.ok(attempts >= 3 && attempts <= ATTEMPTS_MAXIMUM, `${attempts} attempts`);
		assert.equal(attempts, station.disconnects.length);
		assert.equal(station.count(/^watch .*the broker refused the connection: not authorized \(0x87\)$/), 1);
		for (const [index, { reason, delay }] of station.disconnects.entries()) {
			assert.match(reason, /not authorized/);
			assert.ok(delay <= 2 ** index, `after attempt ${index + 1} it waits ${delay} s`);
		}
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
			station.count(/^veleta\/sim\/state /),
			station.summary.acknowledged,
			"the simulator's subscriber was let in, too",
		);
		assert.deepEqual(
			station.lines.filter((line) => line.includes("secret")),
			[],
		);
	});

	scenario("Two stations with one client id do not storm the broker, and both deliver.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "+/state");
		// In strict order, so that no reading is on its way out of turn when it is looked.
		const common = [...parts.config({ order: "oldest" }), "--id", "twin", "--interval", "1s"];
		const start = (name: string, seed: string) =>
			parts.station(broker, ...common, "--topic", name, "--seed", seed, "--state", `${name}.flash`);
		const stations = [start("castor", "1"), start("pollux", "2")];
		await until("the fight for the client id", () => broker.count(/Client veleta-twin already connected/) >= 1);
		await observe(OBSERVED_MS);
		const connections = broker.connections("veleta-twin");
		assert.ok(connections <= TWINS_MAXIMUM, `${connections} connections`);
		const hint = /keeps closing the connection: is another client using the client id veleta-twin\?/;
		await until("the hint", () => stations.some((station) => station.count(hint) > 0));
		for (const topic of ["castor/state", "pollux/state"]) {
			const reports = subscriber.reports(topic);
			const seqs = [...new Set(reports.map(({ seq }) => seq))];
			assert.ok(seqs.length >= 3, `${topic} has ${seqs.length} readings`);
			assert.deepEqual(
				seqs,
				seqs.map((_, index) => index + 1),
				`${topic} has no gap`,
			);
		}
	});
});

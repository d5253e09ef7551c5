/** The station itself dies and comes back. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { firstSeqs } from "../harness/delivery.ts";
import { scenario } from "../harness/scenario.ts";

describe("A station that is started again", { concurrency: 4 }, () => {
	scenario("A killed station goes on with the next number, and resumes its session.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const state = join(parts.folder, "memory", "station.json");
		const first = parts.station(broker, "--state", state, "--interval", "1s");
		await first.line(/connected with .*, new session/);
		await subscriber.reaches(3);
		await first.kill();
		await subscriber.message("the last will", ({ payload }) => payload === "offline");
		const { seq } = JSON.parse(readFileSync(state, "utf8"));
		assert.ok(Number(seq) >= subscriber.highest(), "the number was remembered before it was used");

		const second = parts.station(broker, "--state", state, "--interval", "1s");
		await second.line(/connected with .*, session resumed/);
		await subscriber.reaches(Number(seq) + 3);
		await second.stop();
		const seqs = subscriber.reports().map(({ seq }) => seq);
		assert.deepEqual(seqs, firstSeqs(subscriber.reports()), "no number was used twice");
		assert.deepEqual(
			seqs,
			seqs.toSorted((a, b) => a - b),
		);
		assert.deepEqual(
			seqs.filter((number) => number > Number(seq)),
			Array.from({ length: second.summary.readings }, (_, index) => Number(seq) + 1 + index),
		);
	});

	scenario("With a broker of the user's, the number is remembered without being asked for.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		for (const readings of [2, 4]) {
			const station = parts.station(broker, "--id", "attic", "--interval", "1s");
			await subscriber.reaches(readings);
			await station.stop();
		}
		assert.ok(existsSync(join(parts.folder, ".veleta/attic.json")));
		const seqs = subscriber.reports().map(({ seq }) => seq);
		assert.deepEqual(
			seqs,
			seqs.map((_, index) => index + 1),
		);
	});

	scenario("A damaged memory is told in one line, and nothing is published.", async (parts) => {
		const broker = await parts.mosquitto();
		const state = join(parts.folder, "station.json");
		for (const text of ['{"seq":', "null", "[]"]) {
			writeFileSync(state, text);
			const station = parts.station(broker, "--state", state);
			assert.deepEqual(await station.ended(), { code: 1, signal: null });
			assert.deepEqual(station.errors, [`${state} is damaged; remove it to begin anew`]);
		}
		assert.equal(broker.connections("veleta-sim"), 0);
	});
});

/** The station itself dies and comes back. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import { Program } from "../harness/program.ts";
import { scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM } from "../harness/station.ts";
import { until } from "../harness/wait.ts";

const FLASH_BYTES = 65_536;
const BLOCK_LENGTH = 4_096;

describe("A station that is started again", { concurrency: 4 }, () => {
	scenario("A killed station goes on with the next number, and resumes its session.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const state = join(parts.folder, "memory", "station.flash");
		const first = parts.station(broker, "--state", state, "--interval", "1s");
		await first.line(/^veleta {3}made the folder .*memory for the station's flash$/);
		await first.line(/connected with .*, new session/);
		await subscriber.reaches(3);
		await first.kill();
		await subscriber.message("the last will", ({ payload }) => payload === "offline");
		assert.equal(statSync(state).size, FLASH_BYTES);
		const before = subscriber.highest();

		const second = parts.station(broker, "--state", state, "--interval", "1s");
		await second.line(/connected with .*, session resumed/);
		await subscriber.reaches(before + 3);
		const { readings } = await stopDelivered(parts, second, subscriber);
		const contents = new Map(subscriber.arrivals.map(({ seq, payload }) => [seq, payload]));
		for (const { seq, payload } of subscriber.arrivals) assert.equal(payload, contents.get(seq), "a number used twice");
		assert.deepEqual(
			[...contents.keys()].sort((a, b) => a - b),
			Array.from({ length: contents.size }, (_, index) => index + 1),
		);
		// At most the reading under way when it was killed was left to the second one.
		const own = contents.size - readings;
		assert.ok(own === before || own === before + 1, `${before} numbers before, ${own} that are not of the second one`);
	});

	scenario("With a broker of the user's, the number is remembered without being asked for.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		for (const readings of [2, 4]) {
			const station = parts.station(broker, "--id", "attic", "--interval", "1s");
			await subscriber.reaches(readings);
			await stopDelivered(parts, station, subscriber);
		}
		assert.equal(statSync(join(parts.folder, ".veleta/attic.flash")).size, FLASH_BYTES);
		assertComplete(subscriber.reports(), subscriber.highest());
	});

	scenario("A station that nobody has named is its folder's: it has an id of its own, and keeps it.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const first = parts.nameless(broker, "--interval", "1s");
		await first.line(/^veleta {3}made the folder \.veleta for the station's flash$/);
		const told = await first.line(/^station {2}no id is set: /);
		const [, id = ""] = /: this is (sim-[0-9a-f]{4}), and publishes below veleta\/\1$/.exec(told) ?? [];
		assert.equal(readFileSync(join(parts.folder, ".veleta/id"), "utf8"), `${id}\n`);
		await subscriber.reaches(2);
		assert.ok(subscriber.messages.every(({ topic }) => topic.startsWith(`veleta/${id}/`)));
		assert.equal(broker.connections(`veleta-${id}`), 1);

		// A second one in the same folder is the same station, and there is one of it.
		const twin = parts.nameless(broker, "--interval", "1s");
		assert.deepEqual(await twin.ended(), { code: 1, signal: null });
		assert.deepEqual(twin.errors, [`.veleta/${id}.flash is in use by another station`]);
		assert.equal(broker.connections(`veleta-${id}`), 1);

		// With a flash of its own it is another one.
		const other = parts.nameless(broker, "--interval", "1s", "--state", "other.flash");
		const own = (await other.line(/^station {2}no id is set: /)).replace(/^.*veleta\//, "");
		assert.equal(readFileSync(join(parts.folder, "other.flash.id"), "utf8"), `${own}\n`);
		await other.line(/connected with/);
		await other.stop();
		await first.stop();

		const newest = () => Math.max(...subscriber.reports(`veleta/${id}/state`).map(({ seq }) => seq));
		const before = newest();
		const again = parts.nameless(broker, "--interval", "1s");
		assert.equal(await again.line(/^station {2}no id is set: /), told);
		await again.line(/connected with .*, session resumed/);
		await until("more readings of the same station", () => newest() > before);
		await again.stop();
	});

	scenario("A station with a broker of its own, or an id, keeps no id, and says nothing of it.", async (parts) => {
		const broker = await parts.mosquitto();
		const stations = [parts.nameless(undefined), parts.nameless(broker, "--id", "roof")];
		for (const station of [...stations, parts.nameless(broker, ...parts.config({ id: "shed" }))]) {
			await station.line(/connected with/);
			await station.stop();
			assert.equal(station.count(/no id is set/), 0);
		}
		assert.deepEqual(
			["roof", "shed"].map((id) => broker.connections(`veleta-${id}`)),
			[1, 1],
		);
		assert.equal(existsSync(join(parts.folder, ".veleta/id")), false);
	});

	scenario("A station that restarts itself keeps its flash.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(2);
		await broker.publish("veleta/sim/cmd/restart", "-n");
		await until("a second connection", () => station.count(/connected with/) >= 2);
		await subscriber.reaches(subscriber.highest() + 2);
		const { readings, dropped } = await stopDelivered(parts, station, subscriber);
		// Of both times.
		assertComplete(subscriber.reports(), readings);
		assert.equal(dropped, 0);
	});

	scenario("A station goes on with the firmware that it began with, whatever is built meanwhile.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const [program, firmware] = [join(parts.folder, "programs/start.js"), join(parts.folder, "firmware.js")];
		mkdirSync(join(parts.folder, "programs"));
		copyFileSync(STATION_PROGRAM, program);
		copyFileSync(join(process.cwd(), "build/firmware.js"), firmware);
		symlinkSync(join(process.cwd(), "node_modules"), join(parts.folder, "node_modules"));
		const args = [program, "--broker", `mqtt://127.0.0.1:${broker.port}`, "--interval", "1s", "--id", "sim"];
		const station = new Program("the station", process.execPath, args, parts.folder);
		await subscriber.reaches(2);
		writeFileSync(firmware, "half of a prog");
		await broker.publish("veleta/sim/cmd/restart", "-n");
		await until("a second connection", () => station.count(/connected with/) >= 2);
		await subscriber.reaches(subscriber.highest() + 2);
		station.signal("SIGINT");
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
	});

	scenario("A file that is no flash image is told in one line, and nothing is published.", async (parts) => {
		const broker = await parts.mosquitto();
		const state = join(parts.folder, "station.flash");
		for (const text of ['{"seq":"7"}', "", "x".repeat(FLASH_BYTES - 1), "\0".repeat(FLASH_BYTES)]) {
			writeFileSync(state, text);
			const station = parts.station(broker, "--state", state);
			assert.deepEqual(await station.ended(), { code: 1, signal: null });
			assert.deepEqual(station.errors, [
				text.length === FLASH_BYTES
					? `${state} is not a station's flash: none of its blocks has a header; remove it to begin anew`
					: `${state} is not a flash image of ${FLASH_BYTES} bytes; remove it to begin anew`,
			]);
			assert.equal(readFileSync(state, "utf8"), text, "it was not touched");
		}
		assert.equal(broker.connections("veleta-sim"), 0);
	});

	scenario("Of three stations with one flash, one runs and the others say so in one line.", async (parts) => {
		const broker = await parts.mosquitto();
		const state = join(parts.folder, "station.flash");
		const killed = parts.station(broker, "--state", state, "--interval", "1s");
		await killed.line(/connected with/);
		await killed.kill();
		const stations = [1, 2, 3].map((id) =>
			parts.station(broker, "--state", state, "--interval", "1s", "--id", `s${id}`),
		);
		await until("two to give up", () => stations.filter(({ exit }) => exit).length >= 2);
		for (const { exit, errors } of stations) {
			if (!exit) continue;
			assert.deepEqual(exit, { code: 1, signal: null });
			assert.equal(errors.length, 1);
			assert.match(errors[0]!, /station\.flash is in use by another station$/);
		}
		const last = stations.find(({ exit }) => !exit)!;
		await last.line(/connected with/);
		assert.deepEqual(await last.stop(), { code: 0, signal: null });
	});

	scenario("A disk that takes no more ends it with one line, and no number stands for two readings.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const state = join(parts.folder, "station.flash");
		const first = parts.station(broker, "--state", state, "--interval", "1s");
		await subscriber.reaches(2);
		// In the middle of a slot of the first block that a log opens, so that the write that meets it is short.
		const limit = BLOCK_LENGTH + 24 * 8 + 4;
		const engine = await first.child("engine/xs");
		const { status } = spawnSync("prlimit", ["--pid", String(engine), `--fsize=${limit}`]);
		assert.equal(status, 0, "prlimit");
		assert.deepEqual(await first.ended(), { code: 1, signal: null });
		assert.deepEqual(first.errors, [`${state} cannot be written (File too large)`]);
		const before = subscriber.highest();

		const second = parts.station(broker, "--state", state, "--interval", "1s");
		await subscriber.reaches(before + 2);
		await stopDelivered(parts, second, subscriber);
		const contents = new Map(subscriber.arrivals.map(({ seq, payload }) => [seq, payload]));
		for (const { seq, payload } of subscriber.arrivals) assert.equal(payload, contents.get(seq), "a number used twice");
		assertComplete(subscriber.reports(), subscriber.highest());
	});

	scenario("A block full of rubbish costs the readings in it at most, and no number is used twice.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const state = join(parts.folder, "station.flash");
		const first = parts.station(broker, "--state", state, "--interval", "1s", "--speed", "100");
		await subscriber.reaches(400);
		await stopDelivered(parts, first, subscriber);
		const last = subscriber.highest();
		const before = subscriber.reports().length;
		const image = readFileSync(state);
		// The log opens blocks in turn, from the second one on: this one is the oldest.
		for (let at = BLOCK_LENGTH; at < 2 * BLOCK_LENGTH; at++) image[at] = (at * 151) & 0xff;
		writeFileSync(state, image);

		const second = parts.station(broker, "--state", state, "--interval", "1s");
		await subscriber.reaches(last + 2);
		await stopDelivered(parts, second, subscriber);
		const reports = subscriber.reports();
		assertComplete(reports, subscriber.highest());
		const again = reports.slice(before).filter(({ seq }) => seq <= last);
		assert.deepEqual(again, [], "a reading that was acknowledged came again");
	});
});

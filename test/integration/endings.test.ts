/** How the simulator ends, whatever it is doing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { Program } from "../harness/program.ts";
import { scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM } from "../harness/station.ts";
import { until } from "../harness/wait.ts";

describe("The simulator ends", { concurrency: 4 }, () => {
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		scenario(`${signal} ends it in good order.`, async (parts) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "veleta/sim/status");
			// The duration has long to go, and must not be waited for.
			const station = parts.station(broker, "--interval", "1s", "--duration", "10m");
			await subscriber.message("online", ({ payload }) => payload === "online");
			station.signal(signal);
			assert.deepEqual(await station.ended(), { code: 0, signal: null });
			await subscriber.message("offline", ({ payload }) => payload === "offline");
			assert.equal(station.summary.queued, 0);
			assert.deepEqual(station.errors, []);
		});
	}

	scenario("One Ctrl-C that is told twice is one: npm hands on what the terminal tells already.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/status");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.message("online", ({ payload }) => payload === "online");
		// Both wait until it goes on, and are there at the same time then, however busy the machine is.
		station.signal("SIGSTOP");
		station.signal("SIGINT");
		station.signal("SIGTERM");
		station.signal("SIGCONT");
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		await subscriber.message("offline", ({ payload }) => payload === "offline");
	});

	scenario("With a silent broker, it ends after its farewell's two seconds.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(1);
		broker.pause();
		const started = performance.now();
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
		assert.ok(performance.now() - started > 1_500, "it did wait for the broker");
		assert.equal(station.errors.length, 0);
	});

	scenario("A second Ctrl-C does not wait for the farewell.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(1);
		// A farewell without an end: one of two seconds might be over before, on a busy machine.
		const goesOn = await station.haltEngine();
		station.signal("SIGINT");
		// One that comes too soon is taken for the same.
		const again = setInterval(() => station.signal("SIGINT"), 300);
		try {
			assert.deepEqual(await station.ended(), { code: 130, signal: null });
		} finally {
			clearInterval(again);
			// It went with the station, or should have.
			if (!station.exit) goesOn();
		}
		assert.deepEqual(station.errors, []);
	});

	scenario("A broker that dies during the farewell does not keep it.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(1);
		broker.pause();
		station.signal("SIGINT");
		await broker.kill();
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		assert.deepEqual(station.errors, []);
	});

	scenario("Without any broker it ends, and tells what it did not deliver.", async (parts) => {
		const broker = await parts.mosquitto();
		await broker.kill();
		const station = parts.station(broker, "--interval", "1s", "--speed", "2");
		await until("some attempts", () => station.disconnects.length >= 2);
		assert.match(station.disconnects[0]!.reason, /^cannot connect: connection refused$/);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
		const { readings, queued } = station.summary;
		assert.ok(readings > 0);
		assert.equal(queued, readings);
		assert.equal(station.count(new RegExp(`warning: ${queued} readings? (was|were) not delivered$`)), 1);
	});

	scenario("It ends in good order when nobody reads its output any more.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/status");
		const command = `"$0" "$1" --broker mqtt://127.0.0.1:${broker.port} --interval 1s --id sim | head -n 2`;
		const shell = spawn("sh", ["-c", command, process.execPath, STATION_PROGRAM], { cwd: parts.folder });
		let output = "";
		let errors = "";
		shell.stdout.on("data", (text) => (output += text));
		shell.stderr.on("data", (text) => (errors += text));
		let ended = false;
		shell.on("close", () => (ended = true));
		try {
			await until("the end of the pipe", () => ended);
		} finally {
			shell.kill("SIGKILL");
		}
		assert.equal(output.split("\n").length, 3);
		assert.equal(errors, "");
		await subscriber.message("offline", ({ payload }) => payload === "offline");
		assert.equal(broker.count(/Received DISCONNECT from veleta-sim$/), 1);
	});

	scenario("A full disk under its output ends it in good order, with one line and exit code 1.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/status");
		const command = `exec "$0" "$1" --broker mqtt://127.0.0.1:${broker.port} --interval 1s --id sim > /dev/full`;
		const station = new Program("the station", "sh", ["-c", command, process.execPath, STATION_PROGRAM], parts.folder);
		assert.deepEqual(await station.ended(), { code: 1, signal: null });
		assert.deepEqual(station.errors, ["the output cannot be written (ENOSPC)"]);
		assert.equal(broker.count(/Received DISCONNECT from veleta-sim$/), 1);
		await subscriber.message("offline", ({ payload }) => payload === "offline");
	});

	scenario("A memory that cannot be written ends it with one line.", async (parts) => {
		writeFileSync(join(parts.folder, "file"), "");
		const station = parts.station(undefined, "--state", "file/station.flash", "--interval", "1s", "--duration", "3s");
		assert.deepEqual(await station.ended(), { code: 1, signal: null });
		assert.equal(station.errors.length, 1);
	});
});

/** `npm start` at a terminal of 80 columns, as a newcomer sees it. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Parts, scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM } from "../harness/station.ts";
import { COLUMNS, Terminal } from "../harness/terminal.ts";
import { until } from "../harness/wait.ts";

const ROW =
	/^\d\d:\d\d:\d\d {2}[ -]*\d+\.\d\d °C {2} *\d+\.\d % {2} *\d+\.\d\d hPa {2}#(\d+) +([a-z]+), (\d+) waiting$/;

function start(parts: Parts, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Terminal {
	const terminal = new Terminal(parts.folder, STATION_PROGRAM, ["--id", "sim", ...args], environment);
	parts.own(terminal);
	return terminal;
}

/** Resolves with the first row that fits. */
function row(terminal: Terminal, fits: (seq: number, state: string, waiting: number) => boolean): Promise<string> {
	return until("a row", () => {
		if (terminal.exit) throw new Error("it has ended");
		return terminal.seen.find((line) => {
			const [, seq, state = "", waiting] = ROW.exec(line) ?? [];
			return seq !== undefined && fits(Number(seq), state, Number(waiting));
		});
	});
}

async function stop(terminal: Terminal): Promise<void> {
	terminal.signal("SIGINT");
	assert.deepEqual(await terminal.ended(), { code: 0, signal: null });
	for (const line of terminal.seen) assert.ok(line.length <= COLUMNS, line);
}

describe("At a terminal", { concurrency: 4 }, () => {
	scenario("readings are a table, with what a person needs before it, and a summary behind it.", async (parts) => {
		const terminal = start(parts, ["--interval", "1s"]);
		await row(terminal, (seq, state, waiting) => seq === 2 && state === "online" && waiting === 0);
		await stop(terminal);
		const [first, broker, ...lines] = terminal.seen;
		assert.equal(first, "veleta   simulated bme280, a reading every 1 s");
		const [, port] = /^broker {3}127\.0\.0\.1:(\d+), started for this run$/.exec(broker!) ?? [];
		assert.deepEqual(lines.slice(0, 4), [
			`watch    npm run mqtt -- sub -p ${port} -v -t 'veleta/#'`,
			`         mosquitto_sub -p ${port} -v -t 'veleta/#'`,
			"station  BME280 found at 0x76",
			`station  127.0.0.1:${port}: connected with MQTT 3.1.1, new session`,
		]);
		const others = lines.slice(4).filter((line) => !ROW.test(line));
		assert.deepEqual(
			others.map((line) => line.replace(/^\^C/, "").replace(/ .*/, "")),
			["", "", "readings", "redelivered"],
		);
		assert.equal(terminal.count(/^readings \d+, published \d+, acknowledged \d+, dropped 0, not delivered 0\r?$/), 1);
		assert.equal(terminal.count(/[{}]|RAM|warning/), 0);
		assert.ok(terminal.times("\x1b[32monline, 0 waiting\x1b[0m") >= 2);
	});

	scenario("an outage shows in each row, in colours, and so does its end.", async (parts) => {
		const broker = await parts.mosquitto();
		const terminal = start(parts, ["-h", "127.0.0.1", "-p", String(broker.port), "--interval", "1s", "--speed", "2"]);
		await row(terminal, (_, state, waiting) => state === "online" && waiting === 0);
		await broker.kill();
		await row(terminal, (_, state, waiting) => state === "offline" && waiting >= 2);
		assert.ok(terminal.times("\x1b[33moffline, ") >= 2);
		assert.ok(terminal.times("\x1b[33mstation  warning: ") >= 1);
		await broker.restart();
		await until("the end of the outage", () =>
			terminal.seen.includes("station  all readings that waited have arrived"),
		);
		await stop(terminal);
		assert.equal(terminal.seen.filter((line) => line.startsWith("watch")).length, 0);
	});

	scenario("strange texts are neither raw nor wider than it, and an answer to a command is seen.", async (parts) => {
		const broker = await parts.mosquitto();
		const terminal = start(parts, ["--broker", `127.0.0.1:${broker.port}`]);
		await row(terminal, () => true);
		await broker.publish("veleta/sim/strange", "-m", `\x1b[2J\r\u202e${"気".repeat(200)}`);
		await broker.publish("veleta/sim/state", "-m", `\x1b[2J`);
		await broker.publish("veleta/sim/cmd/interval", "-m", "soon");
		const reply = /^message {2}veleta\/sim\/reply \{"command":"interval","ok":false,/;
		await until("the answer", () => terminal.seen.find((line) => reply.test(line)));
		await stop(terminal);
		assert.equal(
			terminal.seen.filter((line) => /^message {2}veleta\/sim\/strange \?\[2J\?\?気+…$/.test(line)).length,
			1,
		);
		assert.equal(terminal.seen.join("").includes("\x1b"), false);
	});

	for (const [environment, name] of [
		[{ NO_COLOR: "1" }, "NO_COLOR"],
		[{ TERM: "dumb" }, "a dumb terminal"],
		[{ CI: "true" }, "continuous integration"],
	] as const) {
		scenario(`there are no colours with ${name}.`, async (parts) => {
			const terminal = start(parts, ["-h", "127.0.0.1", "-p", "1"], environment);
			await terminal.line(/warning: .*cannot connect/);
			await row(terminal, (_, state) => state === "offline");
			await stop(terminal);
			assert.equal(terminal.lines.join("").includes("\x1b"), false);
		});
	}

	scenario("--json has lines with topics, and --verbose the station's memory.", async (parts) => {
		const terminal = start(parts, ["--json", "--verbose", "--interval", "1s"]);
		await terminal.line(/^veleta\/sim\/state \{.*"seq":1\}\r$/);
		terminal.signal("SIGINT");
		assert.deepEqual(await terminal.ended(), { code: 0, signal: null });
		assert.equal(terminal.seen.filter((line) => ROW.test(line) || line.startsWith("watch")).length, 0);
		assert.equal(terminal.count(/^RAM \d+ bytes, \d+ at the most; stack \d+ of 640 slots\r$/), 1);
	});
});

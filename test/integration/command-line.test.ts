/** The simulator's command line. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe } from "node:test";
import { LINE } from "../../commands/start/options.ts";
import { startBroker } from "../../hosts/sim/headless/broker.ts";
import { SENSORS } from "../../src/sensors/models.ts";
import { freePort } from "../harness/ports.ts";
import { Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM, type StationProcess } from "../harness/station.ts";

/** Files that a command line names, by name. */
const FILES = {
	"text.json": "Wetter",
	"C#/text.json": "Wetter",
	"comma.json": '{\n\t"username": "casa",\n\t"password": "secret",\n}\n',
	"unquoted.json": '{\n\t"username": "casa",\n\t"password": secret\n}\n',
	"list.json": "[]",
	"unknown.json": '{ "passwort": "secret" }',
	"wrong.json": '{ "interval": "secret" }',
	"nested.json": '{ "pins": { "sda": 21 } }',
	"no-sensor.json": "{}",
	"broker.json": '{ "broker": "mqtt://localhost" }',
	password: "secret\n",
	lines: "secret\nsecret\n",
	empty: "\n",
	"dht11.json": '{ "frames": [] }',
};

const MODELS = Object.keys(SENSORS).join(", ");

/** Arguments, and the one line that they get. */
const UNUSABLE: readonly [args: string[], line: RegExp][] = [
	[["--sensr", "dht22"], /^Unknown option '--sensr'; npm start -- --help lists the options$/],
	[["dht22"], /^Unexpected argument 'dht22'; npm start/],
	[["--sensor"], /^Option '--sensor <value>' argument missing; npm start/],
	[["--seed", "-1"], /^--seed -1: must be a whole number from 0 to 4294967295$/],
	[["--seed=-1"], /^--seed -1: must be a whole number from 0 to 4294967295$/],
	[["--seed", "3.5"], /^--seed 3\.5: must be a whole number from 0 to 4294967295$/],
	[["--seed", "--speed"], /^Option '--seed' argument is ambiguous/],
	[["--sensor", "dht23"], new RegExp(`^--sensor: must be one of ${MODELS}$`)],
	[["--interval", "soon"], /^--interval soon: must be a time such as 5s, 1m or 1h$/],
	[["--interval", "-1"], /^--interval -1: must be a time such as 5s, 1m or 1h$/],
	[["--interval", "500ms"], /^--interval: must be a number from 1 to 86400 for a bme280$/],
	[["--interval", "1", "--sensor", "dht22"], /^--interval: must be a number from 2 to 86400 for a dht22$/],
	[["--duration", "-5s"], /^--duration -5s: must be a time such as 5s, 1m or 1h$/],
	[["--duration", "1y"], /^--duration 1y: must be a time such as/],
	[["--speed", "0"], /^--speed 0: must be a number from 1 to 10000$/],
	[["--speed", "fast"], /^--speed fast: must be a number from 1 to 10000$/],
	[["--id", "my station"], /^--id: needs 1 to 64 letters, digits/],
	[["--topic", "casa/#"], /^--topic: must not contain \+ or #/],
	[["--topic", "/casa"], /^--topic: must not begin or end with \/$/],
	[["--broker", "mqtt//localhost"], /^--broker: must look like mqtt:\/\/host/],
	[["--broker", "192.168.1.300"], /^--broker: the host must be a name, or an IPv4 address/],
	[["--broker", "mqtt://casa:secret@localhost/mqtt"], /^--broker: must look like mqtt:\/\/host/],
	[
		["--broker", "http://casa:secret@localhost"],
		/^--broker: must begin with mqtt:\/\/, mqtts:\/\/, ws:\/\/ or wss:\/\/, not http:\/\/$/,
	],
	[["--broker", "mqtt://casa:secret@localhost:port"], /^--broker: must look like/],
	[["--broker", "mqtt://casa:%secret@localhost"], /^--broker: user or password has a %/],
	[["-h"], /^Option '-h, --host <value>' argument missing; npm start/],
	[["-x"], /^Unknown option '-x'; npm start/],
	[["-h", ""], /^--host: must be a name or an address alone; --broker takes a URL$/],
	[["-h", "casa:secret@localhost"], /^--host: must be a name or an address alone; --broker takes a URL$/],
	[["-h", "localhost:1884"], /^--host: must be a name or an address alone/],
	[["-h", "192.168.1.300"], /^--host: the host must be a name, or an IPv4 address/],
	[["-h", "localhost", "--broker", "localhost"], /^--host: is in the URL of --broker$/],
	[["-p", "1884", "--broker", "localhost"], /^--port: is in the URL of --broker$/],
	[["-p", "1884", "--config", "broker.json"], /^--port: is in the URL of the broker in the file$/],
	[["-p", "0"], /^--port 0: must be a whole number from 1 to 65535$/],
	[["--port", "65536"], /^--port 65536: must be a whole number from 1 to 65535$/],
	[["-h", "localhost", "-p", "mqtt"], /^--port mqtt: must be a whole number/],
	[["-q", "3"], /^--qos: must be a number from 0 to 2$/],
	[["-i", "my station"], /^--id: needs 1 to 64 letters, digits/],
	[["-t", "casa/#"], /^--topic: must not contain \+ or #/],
	[["-u", ""], /^--username: must not be empty$/],
	[["-P", "secret"], /^-P: needs a username beside it$/],
	[["--password-file", "password"], /^--password-file: needs a username beside it$/],
	[["-u", "casa", "-P", "secret", "--password-file", "password"], /^-P and --password-file both give a password$/],
	[["-u", "casa", "--password-file", "missing"], /^--password-file missing: there is no such file$/],
	[["-u", "casa", "--password-file", "."], /^--password-file \.: cannot be read \(EISDIR\)$/],
	[["-u", "casa", "--password-file", "lines"], /^--password-file lines: needs one line, with the password alone$/],
	[["-u", "casa", "--password-file", "empty"], /^--password-file empty: needs one line/],
	[["--config", "missing.json"], /^--config missing\.json: there is no such file$/],
	[["--config", "."], /^--config \.: cannot be read \(EISDIR\)$/],
	[["--config", "text.json"], /^--config text\.json: is not JSON: Unexpected token/],
	[["--config", "comma.json"], /^--config comma\.json: is not JSON: .* in line 4$/],
	[["--config", "unquoted.json"], /^--config unquoted\.json: is not JSON: Unexpected token 's'.* in line 3$/],
	[["--config", "list.json"], /^--config list\.json: must hold one object$/],
	[["--config", "unknown.json"], /^passwort: is no setting; there are sensor, /],
	[["--config", "wrong.json"], /^interval: must be a number from 1 to 86400/],
	[["--config", "nested.json"], /^pins\.sda: is no setting; there are data, clock/],
	[["--replay", "missing.json"], /^--replay missing\.json: there is no such file$/],
	[["--replay", "text.json"], /^--replay text\.json: the file is not JSON/],
	[["--replay", "C#/text.json"], /^--replay C#\/text\.json: the file is not JSON/],
	[["--replay", "C#/text.json#one"], /^--replay C#\/text\.json#one: the file is not JSON/],
	[["--replay", "C#/missing.json#one"], /^--replay C#\/missing\.json: there is no such file$/],
	[["--replay", "no-sensor.json"], /^--replay no-sensor\.json: the file has neither/],
	[["--replay", "dht11.json"], /^--replay dht11\.json: the file has no recording$/],
];

function writeFiles({ folder }: Parts): void {
	mkdirSync(join(folder, "C#"));
	for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
}

describe("The command line", { concurrency: 2 }, () => {
	for (const [args, line] of UNUSABLE) {
		scenario(`${args.join(" ")} is answered in one line.`, async (parts) => {
			writeFiles(parts);
			const station = parts.station(undefined, ...args);
			assert.deepEqual(await station.ended(), { code: 2, signal: null });
			assert.equal(station.errors.length, 1, station.errors.join("\n"));
			assert.match(station.errors[0]!, line);
			assert.deepEqual(station.lines, station.errors, "nothing on stdout");
			assert.doesNotMatch(station.lines.join(), /secret/);
		});
	}

	scenario("--help lists every option.", async (parts) => {
		const station = parts.station(undefined, "--help");
		assert.deepEqual(await station.ended(), { code: 0, signal: null });
		assert.deepEqual(station.errors, []);
		const options = Object.keys(LINE.options);
		assert.ok(options.includes("sensor") && options.length > 10, options.join());
		for (const option of options) assert.equal(station.count(new RegExp(`^  (?:-\\w, )?--${option}\\b`)), 1, option);
		for (const line of station.lines) assert.ok(line.length <= 80, `fits a terminal: ${line}`);
	});

	scenario("A broker is named as mosquitto_pub does it, and a password comes from a file.", async (parts) => {
		const broker = await parts.mosquitto({ users: { casa: "secret" } });
		writeFiles(parts);
		const at = ["-h", "127.0.0.1", "-p", String(broker.port), "-u", "casa", "--password-file", "password"];
		const station = parts.station(undefined, ...at, "-i", "patio", "-t", "casa/patio", "-q", "2");
		const subscriber = await parts.subscriber(broker, "casa/#", { username: "casa", password: "secret" });
		await subscriber.message("a reading", ({ topic }) => topic === "casa/patio/state");
		assert.ok(broker.count(/Received PUBLISH from veleta-patio \(d0, q2, r\d, .*casa\/patio\/state/) > 0);
		assert.equal(broker.connections("veleta-patio"), 1);
		await station.stop();
		assert.doesNotMatch(station.lines.join(), /secret/);
	});

	scenario("A password comes from the environment, unless the command line has one.", async (parts) => {
		const broker = await parts.mosquitto({ users: { casa: "secret" } });
		const run = (password: string, ...args: string[]) => {
			const environment = [`VELETA_PASSWORD=${password}`, process.execPath, STATION_PROGRAM];
			return parts.own(new Program("the station", "/usr/bin/env", [...environment, ...args], parts.folder));
		};
		const config = parts.config({ username: "casa", password: "old", broker: `mqtt://127.0.0.1:${broker.port}` });
		const at = ["-h", "127.0.0.1", "-p", String(broker.port), "-u", "casa"];
		for (const [password, ...args] of [
			["secret", ...config],
			["wrong", ...at, "-P", "secret"],
			["", ...at, "-P", "secret"],
		] as const) {
			const station = run(password, ...args);
			await station.line(/: connected with MQTT 5\.0, /);
			await station.kill();
		}
		const refused = run("wrong", ...at, "--interval", "1s");
		await refused.line(/warning: .*not authorized/);
		await refused.kill();
		// Without a user name it is nobody's.
		const alone = run("secret", "--duration", "1s");
		assert.deepEqual(await alone.ended(), { code: 0, signal: null });
		assert.doesNotMatch(alone.lines.join("\n"), /secret|warning/);
	});

	scenario("The broker that comes along listens where it is told to, and a taken port is told.", async (parts) => {
		const port = await freePort();
		const station = parts.station(undefined, "--port", String(port));
		await station.line(new RegExp(`^broker {3}127\\.0\\.0\\.1:${port}, started for this run$`));
		const other = parts.station(undefined, "-p", String(port));
		assert.deepEqual(await other.ended(), { code: 1, signal: null });
		assert.deepEqual(other.lines, [`port ${port}: another program has this port`]);
		await station.line(/: connected with MQTT 3\.1\.1, new session$/);
		// It is known to speak no 5.0, so nothing is tried in vain.
		assert.equal(station.count(/newer version|trying/), 0);
		await station.stop();
	});

	scenario("It takes the first port that it can have.", async (parts) => {
		const ports = [await freePort(), await freePort()];
		for (const port of ports) {
			const broker = await startBroker(ports);
			parts.onEnd(() => broker.close());
			assert.equal(broker.port, port);
		}
		await assert.rejects(startBroker(ports), new Error(`port ${ports[1]}: another program has this port`));
	});

	scenario("Where 1883 is taken, it listens at another port.", async (parts) => {
		let station: StationProcess;
		let isOurs: boolean;
		let line: string;
		do {
			// By others, if not by this test: another one's station, which may end before this one's begins.
			const taken = createServer();
			parts.onEnd(() => taken.close());
			isOurs = await new Promise<boolean>((resolve) => {
				taken.once("error", () => resolve(false)).listen(1_883, "127.0.0.1", () => resolve(true));
			});
			station = parts.station(undefined, "--duration", "1s");
			assert.deepEqual(await station.ended(), { code: 0, signal: null });
			line = await station.line(/^broker {3}127\.0\.0\.1:\d+, started for this run$/);
		} while (!isOurs && line.includes(":1883,"));
		assert.doesNotMatch(line, /:1883,/);
		// What a terminal gets, and no file.
		assert.equal(station.count(/^(?:watch|RAM) /), 0);
	});

	scenario("Settings come from a file, and options go before them.", async (parts) => {
		const broker = await parts.mosquitto({ users: { casa: "secret" } });
		const config = join(parts.folder, "config.json");
		const settings = {
			sensor: "dht11",
			id: "patio",
			topic: "casa/patio",
			interval: 30,
			username: "casa",
			password: "secret",
		};
		writeFileSync(config, JSON.stringify({ ...settings, broker: `mqtt://127.0.0.1:${broker.port}` }));
		const subscriber = await parts.subscriber(broker, "casa/+/+", { username: "casa", password: "secret" });
		const station = parts.station(
			undefined,
			"--config",
			config,
			"--interval",
			"1s",
			"--topic",
			"casa/azotea",
			"--speed",
			"2",
		);
		await subscriber.reaches(2);
		await station.stop();
		assert.ok(
			subscriber.messages.every(({ topic }) => topic.startsWith("casa/azotea/")),
			"the option's topic",
		);
		assert.equal(broker.connections("veleta-patio"), 1, "the file's id");
		assert.deepEqual(
			Object.keys(subscriber.reports()[0]!),
			["temperature", "humidity", "time", "seq"],
			"the file's sensor",
		);
		assert.doesNotMatch(station.lines.join(), /secret/);
	});

	scenario("The example of a configuration can be used as it is.", async (parts) => {
		const config = join(process.cwd(), "config.example.json");
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/terrace/#");
		const station = parts.station(broker, "--config", config);
		await subscriber.reaches(1);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
	});
});

/** The simulator's command line. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { LINE } from "../../commands/start/options.ts";
import { SENSORS } from "../../src/sensors/models.ts";
import { type Parts, scenario } from "../harness/scenario.ts";

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
	[["--broker", "wss://casa:secret@localhost"], /^--broker: wss:\/\/ is not supported; use mqtt:\/\/ or mqtts:\/\/$/],
	[["--broker", "http://casa:secret@localhost"], /^--broker: must begin with mqtt:\/\/ or mqtts:\/\/, not http:\/\/$/],
	[["--broker", "mqtt://casa:secret@localhost:port"], /^--broker: must look like/],
	[["--broker", "mqtt://casa:%secret@localhost"], /^--broker: user or password has a %/],
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
		for (const option of options) assert.equal(station.count(new RegExp(`^  --${option}\\b`)), 1, option);
		for (const line of station.lines) assert.ok(line.length <= 80, `fits a terminal: ${line}`);
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
		const subscriber = await parts.subscriber(broker, "#");
		const station = parts.station(broker, "--config", config);
		await subscriber.reaches(1);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
	});
});

/** The command line of `npm run aemet`, and its file of settings. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FindOptions, type Options, parseOptions, USAGE } from "../../../commands/aemet/options.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-aemet-options-"));
after(() => rmSync(folder, { recursive: true }));
const KEY = "key-of.the_environment";
const ENVIRONMENT = { AEMET_API_KEY: KEY };
const STATION = ["--station", "3195"];

const parsed = (args: string[], environment: NodeJS.ProcessEnv = ENVIRONMENT) =>
	parseOptions(args, environment) as Options;
const file = (name: string, text: string) => {
	const path = join(folder, name);
	writeFileSync(path, text);
	return path;
};
const config = (settings: object) => ["--config", file("config.json", JSON.stringify(settings))];

test("stations and municipalities, several of each, each once, as AEMET writes them", () => {
	const { stations, municipalities, base, values, data, broker, apiKey } = parsed([
		...[...STATION, "--station", "5906x", "--station", "3195"],
		...["--municipality", "28065", "--municipality", "id08019"],
	]);
	assert.deepEqual(
		[stations, municipalities],
		[
			["3195", "5906X"],
			["28065", "08019"],
		],
	);
	assert.deepEqual([base, values, data, broker.host, apiKey], ["aemet", false, ".veleta/aemet", "127.0.0.1", KEY]);
});

test("the key: a file before the variable, the variable before the settings", () => {
	const path = file("key", "key-in.a_file\n");
	assert.equal(parsed([...STATION, "--api-key-file", path]).apiKey, "key-in.a_file");
	const settings = config({ apiKey: "key-of.the_settings", stations: ["3195"] });
	assert.equal(parsed(settings).apiKey, KEY);
	assert.equal(parsed(settings, {}).apiKey, "key-of.the_settings");
	assert.equal(parsed(settings, { AEMET_API_KEY: "" }).apiKey, "key-of.the_settings");
	// Named as from the file of settings.
	assert.equal(parsed(config({ apiKeyFile: "key", stations: ["3195"] }), {}).apiKey, "key-in.a_file");
});

test("all settings; an option takes the place of its setting", () => {
	const settings = config({
		...{ stations: ["3195"], municipalities: ["28065"], broker: "mqtt://a.example", username: "u", password: "p" },
		...{ base: "casa/aemet", values: true },
	});
	const { stations, municipalities, broker, username, password, base, values } = parsed(settings);
	assert.deepEqual([stations, municipalities, broker.host], [["3195"], ["28065"], "a.example"]);
	assert.deepEqual([username, password, base, values], ["u", "p", "casa/aemet", true]);
	const other = parsed([...settings, "--station", "5906X", "--base", "x", "--broker", "mqtt://b.example"]);
	assert.deepEqual([other.stations, other.municipalities], [["5906X"], ["28065"]]);
	assert.deepEqual([other.base, other.broker.host], ["x", "b.example"]);
});

const SECRET = "a secret, and no key";
for (const [args, environment, message] of [
	[[], ENVIRONMENT, /^--station or --municipality: one at the least;/],
	[STATION, {}, /^AEMET's key is missing: AEMET_API_KEY, --api-key-file or apiKey/],
	[STATION, { AEMET_API_KEY: SECRET }, /^AEMET_API_KEY: is no key of AEMET's/],
	[[...STATION, "--api-key-file", join(folder, "none")], ENVIRONMENT, /: there is no such file$/],
	[[...STATION, "--api-key-file", file("two", `${SECRET}\nline\n`)], ENVIRONMENT, /two: is no key of AEMET's/],
	[["--station", "../x"], ENVIRONMENT, /^--station \.\.\/x: must look like 3195/],
	[["--station", "a\u001b[2J"], ENVIRONMENT, /^--station a\?\[2J: must look like 3195/],
	[["--municipality", "2806"], ENVIRONMENT, /^--municipality 2806: must have five digits/],
	[
		Array(33)
			.fill(0)
			.flatMap((_, at) => ["--municipality", `${10_000 + at}`]),
		ENVIRONMENT,
		/^at most 32 stations/,
	],
	[[...STATION, "--base", "a/#"], ENVIRONMENT, /^--base: topic name with a wildcard/],
	[[...STATION, "--base", "/a"], ENVIRONMENT, /^--base: must be levels of a topic/],
	[[...STATION, "--broker", "http://x:secret@y"], ENVIRONMENT, /^--broker: must begin with mqtt:/],
	[[...STATION, "--broker", "public:mosquitto"], ENVIRONMENT, /everybody's, and needs a --base of your own$/],
	[[...STATION, "--cafile", "x"], ENVIRONMENT, /^--cafile is for a --broker at mqtts/],
	[[...STATION, "--password-file", file("password", "secret\n")], ENVIRONMENT, /needs a user name: -u$/],
	[["--config", join(folder, "none")], ENVIRONMENT, /none: there is no such file$/],
	[["--config", file("wrong", `{"apiKey": "${SECRET}"`)], ENVIRONMENT, /is not JSON/],
	[["--config", file("more", `{"apikey": "${SECRET}"}`)], ENVIRONMENT, /apikey: there is no such setting$/],
	[["--config", file("both", '{"stations":["3195"],"apiKey":"x","apiKeyFile":"y"}')], {}, /one of the two$/],
	[["--config", file("list", '{"stations":"3195"}')], ENVIRONMENT, /^stations: must be a list$/],
	[["--config", file("types", '{"stations":[3195]}')], ENVIRONMENT, /^stations: must look like 3195/],
	[["--config", file("flag", '{"stations":["3195"],"values":1}')], ENVIRONMENT, /^values: must be true or false$/],
] as const) {
	test(`refused: ${message}`, () => {
		assert.throws(
			() => parsed([...args], environment),
			(error: Error) => {
				assert.equal(error.name, "UsageError");
				assert.match(error.message, message);
				assert.doesNotMatch(error.message, /secret/);
				return true;
			},
		);
	});
}

test("to find a place needs no station, and a key only when the lists are not there", () => {
	const { find, data, apiKey } = parseOptions(["--find", "getafe", "--data", "x"], {}) as FindOptions;
	assert.deepEqual([find, data], ["getafe", "x"]);
	assert.throws(apiKey, /^UsageError: AEMET's key is missing/);
	assert.throws(() => parseOptions(["--find", " "], ENVIRONMENT), /^UsageError: --find: needs a part of a name$/);
});

test("the help fits a terminal", () => {
	for (const line of USAGE.split("\n")) assert.ok(line.length <= 80, line);
	assert.equal(parseOptions(["--help"], {}), undefined);
});

/** The command line of `npm run aemet`, and its file of settings. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { type FindOptions, type Options, parseOptions, USAGE } from "../../../commands/aemet/options.ts";
import { Certificates } from "../../harness/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-aemet-options-"));
after(() => rmSync(folder, { recursive: true }));
const KEY = "key-of.the_environment";
const ENVIRONMENT = { AEMET_API_KEY: KEY };
const STATION = ["--station", "3195"];
const { certificate: CA_FILE } = new Certificates(join(folder, "certificates")).authority();

const parsed = (args: string[], environment: NodeJS.ProcessEnv = ENVIRONMENT) =>
	parseOptions(args, environment) as Options;
const file = (name: string, text: string) => {
	const path = join(folder, name);
	writeFileSync(path, text);
	return path;
};
const config = (settings: object) => ["--config", file("config.json", JSON.stringify(settings))];

test("stations and municipalities, several of each, each once, as AEMET writes them", () => {
	const { stations, municipalities, homeAssistant, data, broker, apiKey } = parsed([
		...[...STATION, "--station", "5906x", "--station", "3195"],
		...["--municipality", "28065", "--municipality", "id08019"],
	]);
	assert.deepEqual(
		[stations, municipalities],
		[
			[
				{ id: "3195", topic: "aemet/3195", valueTopics: {} },
				{ id: "5906X", topic: "aemet/5906X", valueTopics: {} },
			],
			[
				{ id: "28065", topic: "aemet/28065" },
				{ id: "08019", topic: "aemet/08019" },
			],
		],
	);
	assert.deepEqual([homeAssistant, data, broker.host, apiKey], ["", ".veleta/aemet", "127.0.0.1", KEY]);
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
		...{ base: "casa/aemet", values: true, homeAssistant: true },
	});
	const { stations, municipalities, broker, username, password, homeAssistant } = parsed(settings);
	assert.deepEqual([topics(stations), topics(municipalities)], [["casa/aemet/3195"], ["casa/aemet/28065"]]);
	assert.equal(stations[0]?.valueTopics.windDirection, "casa/aemet/3195/windDirection");
	assert.deepEqual([broker.host, username, password, homeAssistant], ["a.example", "u", "p", "homeassistant"]);
	const other = parsed([...settings, "--station", "5906X", "--base", "x", "--broker", "mqtt://b.example"]);
	assert.deepEqual([topics(other.stations), topics(other.municipalities)], [["x/5906X"], ["x/28065"]]);
	assert.equal(other.broker.host, "b.example");
});

test("topics of one's own, of a place and of its values", () => {
	const { stations, municipalities, homeAssistant } = parsed(
		config({
			stations: [
				"3195",
				{ id: "5906x", topic: "Casa/Fuera", values: { temperature: "Casa/Fuera/Temperatura", wind: "Viento" } },
				{ id: "C447A", values: true },
			],
			municipalities: [{ id: "id28065", topic: "Casa/Tiempo/Getafe" }],
			homeAssistant: "ha",
		}),
	);
	assert.deepEqual(topics(stations), ["aemet/3195", "Casa/Fuera", "aemet/C447A"]);
	assert.deepEqual(stations[0]?.valueTopics, {});
	assert.deepEqual(stations[1]?.valueTopics, { temperature: "Casa/Fuera/Temperatura", wind: "Viento" });
	assert.equal(stations[2]?.valueTopics.gust, "aemet/C447A/gust");
	assert.deepEqual(municipalities, [{ id: "28065", topic: "Casa/Tiempo/Getafe" }]);
	assert.equal(homeAssistant, "ha");
});

test("TLS as stations have it, in files beside the settings; an option takes the place of all of it", () => {
	const ca = readFileSync(CA_FILE, "utf8");
	const path = relative(folder, CA_FILE);
	const settings = config({ stations: ["3195"], broker: "mqtts://a.example", tls: { ca: path, alpn: "mqtt" } });
	assert.deepEqual([parsed(settings).tls.ca, parsed(settings).tls.alpn], [ca, "mqtt"]);
	const { tls } = parsed([...settings, "--fingerprint", "ab".repeat(32)]);
	assert.deepEqual([tls.ca, tls.alpn, tls.fingerprint], [undefined, undefined, "ab".repeat(32)]);
});

test("the settings that docs/aemet.md shows are taken", () => {
	const page = readFileSync(join(process.cwd(), "docs/aemet.md"), "utf8");
	const [, settings] = /^```json\n(\{\n\t"stations".*?)^```$/ms.exec(page)!;
	file("home.pem", readFileSync(CA_FILE, "utf8"));
	file("aemet.key", KEY);
	const { stations, municipalities, apiKey, homeAssistant } = parsed(["--config", file("page.json", settings!)], {});
	assert.deepEqual(topics(stations), ["aemet/3195", "Casa/Chipiona"]);
	assert.deepEqual(Object.keys(stations[1]!.valueTopics), ["temperature", "wind"]);
	assert.deepEqual(topics(municipalities), ["aemet/28065", "Casa/Chipiona/Tiempo"]);
	assert.deepEqual([apiKey, homeAssistant], [KEY, "homeassistant"]);
});

function topics(places: readonly { readonly topic: string }[]): string[] {
	return places.map(({ topic }) => topic);
}

const SECRET = "a secret, and no key";
for (const [args, environment, message] of [
	[[], ENVIRONMENT, /^--station or --municipality: one at the least;/],
	[STATION, {}, /^AEMET's key is missing: AEMET_API_KEY, --api-key-file or apiKey/],
	[STATION, { AEMET_API_KEY: SECRET }, /^AEMET_API_KEY: is no key of AEMET's/],
	[[...STATION, "--api-key-file", join(folder, "none")], ENVIRONMENT, /: there is no such file$/],
	[[...STATION, "--api-key-file", file("two", `${SECRET}\nline\n`)], ENVIRONMENT, /two: is no key of AEMET's/],
	[["--station", "../x"], ENVIRONMENT, /^--station \.\.\/x: must look like 3195/],
	[["--station", "a\u001b[2J"], ENVIRONMENT, /^--station a\?\[2J: must look like 3195/],
	[["--station", "madrid"], ENVIRONMENT, /^--station madrid: must look like 3195 .*--find NAME finds$/],
	[["--api-key-file", "eyJ0.secret-key", ...STATION], ENVIRONMENT, /^--api-key-file eyJ…: there is no such file$/],
	[["eyJ0.secret-key"], ENVIRONMENT, /^Unexpected argument 'eyJ…'/],
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
	[["--config", file("types", '{"stations":[3195]}')], ENVIRONMENT, /^stations: must look like 3195.*, in quotes$/],
	...(
		[
			[{ stations: ["3195", { id: "3195" }] }, /^stations\.3195: is there twice$/],
			[{ stations: [{ id: "3195", tpic: "x" }] }, /^stations\.3195\.tpic: there is no such setting$/],
			[
				{ municipalities: [{ id: "28065", values: true }] },
				/^municipalities\.28065\.values: there is no such setting$/,
			],
			[{ stations: [{ id: "3195", topic: "a/#" }] }, /^stations\.3195\.topic: topic name with a wildcard/],
			[{ stations: [{ id: "3195", topic: 7 }] }, /^stations\.3195\.topic: must be a text$/],
			[{ stations: [{ id: "3195", values: 7 }] }, /^stations\.3195\.values: must be true, false or topics/],
			[
				{ stations: [{ id: "3195", values: { temp: "x" } }] },
				/^stations\.3195\.values\.temp: there is no such quantity$/,
			],
			[{ stations: [{ id: "3195", values: { wind: null } }] }, /^stations\.3195\.values\.wind: must be a text$/],
			[
				{ stations: [{ id: "3195", values: { wind: "a", gust: "a" } }] },
				/^stations\.3195\.values\.gust: a is the topic of stations\.3195\.values\.wind, too$/,
			],
			[
				{ stations: [{ id: "3195", values: { wind: "aemet/3195/state" } }] },
				/^stations\.3195\.values\.wind: aemet\/3195\/state is the topic of stations\.3195, too$/,
			],
			[
				{ stations: [{ id: "3195", topic: "t" }], municipalities: [{ id: "28065", topic: "t" }] },
				/^municipalities\.28065: t\/status is the topic of stations\.3195, too$/,
			],
			[{ stations: ["3195"], homeAssistant: "a/#" }, /^homeAssistant: must be true, false or a prefix/],
			[{ stations: ["3195"], tls: { alpn: "mqtt" } }, /^tls: is for a broker at mqtts/],
			[
				{ stations: ["3195"], broker: "mqtts://x", tls: { ca: "none.pem" } },
				/tls\.ca: none\.pem: there is no such file$/,
			],
			[{ stations: ["3195"], broker: "mqtts://x", tls: { alpn: 7 } }, /^tls\.alpn: /],
		] as const
	).map(
		([settings, message], at) =>
			[["--config", file(`places-${at}.json`, JSON.stringify(settings))], ENVIRONMENT, message] as const,
	),
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

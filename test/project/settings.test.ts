/**
 * What else is made of the table of settings: the schema, which takes what the
 * validation takes, the docs, and the options of `npm start`. And what is not
 * made of it: the texts are for people, and no part of the firmware.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv } from "ajv";
import { docsFile, readmeFile, schemaFile } from "../../commands/settings-files.ts";
import { parseOptions, settingOf, USAGE, withOptionNames } from "../../commands/start/options.ts";
import { checkBrokerUrl, checkSettings } from "../../hosts/node/settings-check.ts";
import { rows, type SettingName, TEXTS } from "../../src/settings/texts.ts";
import { parseSettings } from "../../src/settings.ts";
import { NO_HOSTS, REFUSED, SENSOR_NEEDS, TAKEN } from "../harness/settings-cases.ts";

const read = (path: string) => readFileSync(path, "utf8");
const takes = new Ajv({ strict: true, allowUnionTypes: true }).compile(JSON.parse(read("config.schema.json")));

/** What the schema takes although the validation refuses it, and why. */
const WIDER: readonly [why: string, ...cases: object[]][] = [
	[
		"a URL is more than a pattern",
		{ broker: "http://localhost" },
		{ broker: "mqtt://h:0" },
		{ broker: "mqtt://h:65536" },
		{ broker: "mqtt://u:%zz@h" },
		{ broker: "mqtt://:p@h" },
	],
	["the user may be in the URL", { password: "p" }],
	[
		"what MQTT allows is known to the codec",
		{ topic: "a\u0000b" },
		{ topic: "a\ud800b" },
		{ values: { temperature: "a\u0000" } },
	],
	[
		"two members are compared",
		{ pins: { data: 21, clock: 21 } },
		{ state: false },
		{ tls: { ca: "-----BEGIN ", fingerprint: "0f".repeat(32) } },
		{ samples: 4, interval: 3 },
		{ sensor: "dht22", samples: 3, interval: 5.9 },
		{ sensor: "dht22", samples: 9, awake: 28.9, sleep: true },
		{ samples: 2, awake: 9, sleep: true },
		{ change: { temperature: 0.2 }, sleep: true },
		{ homeAssistant: true, topic: "homeassistant" },
		{ homeAssistant: "veleta/station" },
		{ payload: "cbor", homeAssistant: true },
	],
	["in a file it is the path of a file", { tls: { ca: "ca.pem" } }],
	[
		"a schema counts characters, and these are bytes",
		{ wifi: { ssid: "ñ".repeat(17) } },
		{ wifi: { ssid: "casa", password: "short" } },
		{ wifi: { ssid: "casa", password: "ñ".repeat(32) } },
	],
];

test("what the validation takes the schema takes", () => {
	for (const [name, raw] of Object.entries(TAKEN)) {
		assert.ok(parseSettings(raw), name);
		assert.ok(takes(raw), `${name}: ${JSON.stringify(takes.errors)}`);
	}
});

test("a computer takes what a board takes, but for hosts that cannot be there", () => {
	for (const [name, raw] of Object.entries(TAKEN)) assert.deepEqual(checkSettings(raw), parseSettings(raw), name);
	assert.deepEqual(checkSettings(undefined), parseSettings(undefined));
	for (const [raw, message] of REFUSED) assert.throws(() => checkSettings(raw), { message });
	for (const host of NO_HOSTS) {
		for (const broker of [`mqtt://${host}`, `mqtts://ana:secret@${host}:8884/`, `tcp://${host}`, `${host}:1883`]) {
			const message = /^(?:broker: )?(?:the host must be a name, or an IPv4 address|in \[\] must be)/;
			assert.throws(() => checkSettings({ broker }), { message }, broker);
			assert.throws(() => checkBrokerUrl(broker), { message }, broker);
		}
	}
	assert.throws(
		() => checkSettings({ interval: 0, broker: "mqtt://a..b" }),
		/^Error: interval: [^\n]*\nbroker: the host[^\n]*$/,
	);
});

test("a setting about a quantity that the sensor does not measure is refused by a computer, and taken by a board", () => {
	for (const { raw, message } of SENSOR_NEEDS) {
		assert.ok(parseSettings(raw));
		assert.ok(takes(raw), JSON.stringify(raw));
		if (message === undefined) assert.deepEqual(checkSettings(raw), parseSettings(raw));
		else assert.throws(() => checkSettings(raw), { message }, JSON.stringify(raw));
	}
	const refused = SENSOR_NEEDS.filter(({ message }) => message !== undefined);
	assert.ok(refused.length > 10 && refused.length < SENSOR_NEEDS.length / 2, `${refused.length}`);
	const faults = (raw: unknown) => {
		try {
			checkSettings(raw);
		} catch (error) {
			return (error as Error).message.split("\n");
		}
		return [];
	};
	// All that is wrong at once, and each fault once.
	assert.deepEqual(faults({ sensor: "dht22", altitude: 5, offsets: { pressure: 1 }, qos: 7 }), [
		"qos: must be a number from 0 to 2",
		"offsets.pressure: needs the pressure, which a dht22 does not measure",
		"altitude: needs the pressure, which a dht22 does not measure",
	]);
	assert.deepEqual(faults({ sensor: "dht", altitude: 5 }), ["sensor: must be one of bme280, bmp280, dht22, dht11"]);
	for (const derived of [null, true, "dewPoint", ["dew"], {}])
		assert.deepEqual(faults({ sensor: "bmp280", derived }).length, 1, JSON.stringify(derived));
	for (const offsets of [null, 5, "humidity", ["humidity"]])
		assert.deepEqual(faults({ sensor: "bmp280", offsets }).length, 1, JSON.stringify(offsets));
});

test("a time server is a name or an IPv4 address alone", () => {
	for (const timeServer of ["pool.ntp.org", "fritz.box.", "router", "192.168.1.1"])
		assert.equal(checkSettings({ timeServer }).timeServer, timeServer);
	const wrong = NO_HOSTS.filter((host) => !host.startsWith("["));
	assert.ok(wrong.length > 10);
	for (const timeServer of [
		...wrong,
		" ",
		"2001:db8::1",
		"192.168.001.010",
		"pool.ntp.org ",
		" pool.ntp.org",
		"pool.ntp.org\n",
		"pool ntp org",
		"0.pool.ntp.org 1.pool.ntp.org",
		"ntp://pool.ntp.org",
		"ntp:pool.ntp.org",
		"https://pool.ntp.org",
		"pool.ntp.org:123",
		"pool.ntp.org/",
		"[2001:db8::1]",
		"fe80::1%eth0",
		"::::::",
	])
		assert.throws(
			() => checkSettings({ timeServer }),
			{ message: /^timeServer: must be a name or an IPv4 address alone, [^\n]*$/ },
			timeServer,
		);
	assert.throws(() => checkSettings({ timeServer: "" }), { message: "timeServer: must not be empty" });
	assert.throws(() => checkSettings({ timeServer: "a b", broker: "mqtt://a..b" }), {
		message: /^broker: .*\ntimeServer: .*$/,
	});
});

test("of a user or password with @ or / as they are the way to write them is told", () => {
	const refused = (broker: string) => {
		const messages = [() => checkSettings({ broker }), () => checkBrokerUrl(broker)].map((check) => {
			try {
				check();
				return "taken";
			} catch (error) {
				return (error as Error).message;
			}
		});
		assert.equal(messages[0], `broker: ${messages[1]}`);
		return messages[1]!;
	};
	for (const secrets of ["ana:se@cret", "ana:se/cret", "an@a:secret", "a/b", "a@b", "ana:@", "ana:/", "ana:12/34"]) {
		for (const scheme of ["mqtt", "mqtts", "tcp"]) {
			const message = refused(`${scheme}://${secrets}@broker.lan:1884`);
			assert.match(message, /^must look like .*; in a user or password write %40 for @ and %2F for \/$/, secrets);
			assert.doesNotMatch(message, /secret|cret|ana/);
		}
	}
	for (const broker of ["mqtt//broker", "mqtt://", "mqtt://ana:secret@", "ana@broker.lan", "mqtt://a b", "mqtt://h:x"])
		assert.match(refused(broker), /^must look like [^;]*$/, broker);
	const { username, password } = checkBrokerUrl("mqtt://an%40a:s%2Fe:c@broker.lan");
	assert.deepEqual([username, password], ["an@a", "s/e:c"]);
	assert.throws(() => checkSettings({ interval: 0, broker: "mqtt://a:b@c@d", qos: 7 }), {
		message: /^interval: .*\n(?:.*\n)?broker: .* for \/(?:\n.*)?$/,
	});
});

test("what the validation refuses the schema refuses, but for what it cannot say", () => {
	const wider = WIDER.flatMap(([, ...cases]) => cases.map((raw) => JSON.stringify(raw)));
	for (const [raw] of REFUSED) {
		assert.throws(() => parseSettings(raw));
		const shown = JSON.stringify(raw);
		assert.equal(takes(raw), wider.includes(shown), shown);
	}
	const refused = REFUSED.map(([raw]) => JSON.stringify(raw));
	for (const raw of wider) assert.ok(refused.includes(raw), `${raw} is no case`);
});

test("the schema refuses nothing that the validation takes, whatever is put together", () => {
	const members = [...Object.values(TAKEN), ...REFUSED.map(([raw]) => raw)].flatMap((raw) =>
		Object.entries(Object(raw)),
	);
	let taken = 0;
	for (let first = 0; first < members.length; first++) {
		for (let second = 0; second < first; second++) {
			const raw = Object.fromEntries([members[first]!, members[second]!]);
			try {
				parseSettings(raw);
			} catch {
				continue;
			}
			taken++;
			assert.ok(takes(raw), `${JSON.stringify(raw)}: ${JSON.stringify(takes.errors)}`);
		}
	}
	assert.ok(taken > 500, `${taken} of ${members.length ** 2 / 2}`);
});

test("schema, table in the docs and help in README are those of the table: npm run settings", () => {
	assert.equal(read("config.schema.json"), schemaFile());
	assert.equal(read("docs/settings.md"), docsFile(read("docs/settings.md")));
	assert.equal(read("README.md"), readmeFile(read("README.md")));
	assert.ok(read("README.md").includes(`\`\`\`\n${USAGE}\`\`\`\n`));
	const other = read("README.md").replace("  --sensor", "  --sensors");
	assert.equal(readmeFile(other), read("README.md"));
});

test("the example names the schema, and can be used", () => {
	const example = JSON.parse(read("config.example.json"));
	assert.equal(example.$schema, "./config.schema.json");
	assert.ok(takes(example), JSON.stringify(takes.errors));
	assert.ok(parseSettings(example));
});

test("the example publishes where README and the docs look for it: below veleta/", () => {
	const { id, topic } = parseSettings(JSON.parse(read("config.example.json")));
	assert.equal(topic, `veleta/${id}`);
	assert.match(read("README.md"), new RegExp(`^\\$ mosquitto_sub -v -t 'veleta/#'\n${topic}/status online$`, "m"));
	assert.match(read("README.md"), /^\$ mosquitto_sub -h your-broker -v -t 'veleta\/#'$/m);
	assert.match(read("docs/esp32.md"), /`mosquitto_sub -h your-broker -v -t 'veleta\/#'`/);
});

test("each setting is in the docs, with a text", () => {
	const documentation = read("docs/settings.md");
	assert.deepEqual(
		rows()
			.map(([name]) => name)
			.sort(),
		Object.keys(TEXTS).sort(),
	);
	for (const [name, text] of Object.entries(TEXTS)) {
		assert.match(text, /\S/, name);
		const lines = documentation.split("\n").filter((line) => line.startsWith(`| \`${name}\` |`));
		assert.equal(lines.length, 1, name);
		assert.ok(lines[0]!.endsWith(` | ${text} |`), name);
	}
	assert.ok(rows().length > 30);
});

test("each option of npm start is in its help", () => {
	const options = Array.from(USAGE.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm), ([, name]) => name!);
	assert.ok(options.length > 10, options.join());
	for (const name of options) {
		// A file that is not there, or no number: the option is known.
		const given = name === "help" ? [] : ["missing", "--id", "sim"];
		try {
			parseOptions([`--${name}`, ...given]);
		} catch (error) {
			assert.doesNotMatch((error as Error).message, /Unknown option/, name);
		}
	}
	assert.throws(() => parseOptions(["--sensr", "dht22"]), /Unknown option/);
	for (const line of USAGE.split("\n")) assert.ok(line.length <= 80, line);
});

test("a fault of an option's value names the option, and with it a setting of another name", () => {
	const pem = "--cafile or tls.ca, --cert or tls.certificate, --key or tls.key";
	assert.equal(withOptionNames("tls.ca, tls.certificate, tls.key"), pem);
	assert.equal(withOptionNames("it (tls.ca)\ntls.key: no"), "it (--cafile or tls.ca)\n--key or tls.key: no");
	for (const text of ["tls.cafile: is no setting", "tls.cert", "wifi.tls.ca", "interval: no", "tls.keys"])
		assert.equal(withOptionNames(text), text);
	const faults = (...args: string[]) => {
		try {
			parseOptions(args);
		} catch (error) {
			return (error as Error).message.split("\n").map((line) => line.replace(/: .*$/, ""));
		}
		return [];
	};
	assert.deepEqual(faults("--interval", "0", "--broker", "mqtt://a..b", "--id", "a b"), [
		"--interval",
		"--id",
		"--broker",
	]);
	assert.deepEqual(faults("--topic", "a/#"), ["--topic"]);
});

test("an option for a setting gives a value of the setting's type", () => {
	const given = (setting: SettingName, text: string) => settingOf("--it", { setting, value: "N" }, text);
	for (const [name, { type }] of rows()) {
		if (type === "number" || type === "integer") {
			assert.deepEqual([given(name, "7"), given(name, "-0.5"), given(name, "1e3")], [7, -0.5, 1_000], name);
			for (const text of ["", " ", "seven", "7s"]) assert.ok(Number.isNaN(given(name, text)), `${name}: ${text}`);
		} else if (type === "boolean") {
			assert.deepEqual([given(name, "true"), given(name, "false"), given(name, "0")], [true, false, "0"], name);
		} else {
			assert.equal(given(name, "7"), "7", name);
		}
	}
});

test("the texts are no part of the firmware, and the table is", () => {
	const firmware = read("build/firmware.js");
	for (const [name, text] of Object.entries(TEXTS)) assert.ok(text.length < 15 || !firmware.includes(text), name);
	assert.ok(firmware.includes("must be an IPv4 address such as"));
});

test("settings of TLS beside a broker that has none are refused: nothing would be encrypted", () => {
	const own = { certificate: "-----BEGIN a", key: "-----BEGIN b" };
	for (const tls of [{ fingerprint: "0f".repeat(32) }, { ca: "-----BEGIN " }, { alpn: "mqtt" }, own]) {
		for (const broker of [undefined, "mqtt://broker.lan:8883", "ws://broker.lan", "broker.lan"]) {
			const message = "tls: is for a broker at mqtts:// or wss://";
			assert.throws(() => checkSettings({ tls, ...(broker !== undefined && { broker }) }), { message }, broker);
		}
		for (const broker of ["mqtts://broker.lan", "wss://broker.lan", "ssl://broker.lan"]) checkSettings({ tls, broker });
	}
	assert.ok(checkSettings({ tls: {} }));
});

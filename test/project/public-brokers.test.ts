/** Names of public brokers become URLs on the computer. Nothing here connects to one. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { parseOptions } from "../../commands/start/options.ts";
import { parseUpdateCommand } from "../../commands/update/options.ts";
import { PUBLIC_BROKERS, withoutPreset } from "../../hosts/node/public-brokers.ts";
import { checkBrokerUrl } from "../../hosts/node/settings-check.ts";
import { readSettings } from "../../hosts/node/settings-file.ts";
import { isPublic, parseSettings } from "../../src/settings.ts";

const URLS: Readonly<Record<string, string>> = {
	"public:mosquitto": "mqtt://test.mosquitto.org",
	"public-tls:mosquitto": "mqtts://test.mosquitto.org:8886",
	"public-ws:mosquitto": "ws://test.mosquitto.org:8080",
	"public-wss:mosquitto": "wss://test.mosquitto.org:8081",
	"public:hivemq": "mqtt://broker.hivemq.com",
	"public-tls:hivemq": "mqtts://broker.hivemq.com",
	"public-ws:hivemq": "ws://broker.hivemq.com:8000",
	"public-wss:hivemq": "wss://broker.hivemq.com:8884",
	"public:eclipse": "mqtt://mqtt.eclipseprojects.io",
	"public-tls:eclipse": "mqtts://mqtt.eclipseprojects.io",
	"public-ws:eclipse": "ws://mqtt.eclipseprojects.io",
	"public-wss:eclipse": "wss://mqtt.eclipseprojects.io",
	"public:shiftr": "mqtt://public:public@public.cloud.shiftr.io",
	"public-tls:shiftr": "mqtts://public:public@public.cloud.shiftr.io",
	"public-ws:shiftr": "ws://public:public@public.cloud.shiftr.io",
	"public-wss:shiftr": "wss://public:public@public.cloud.shiftr.io",
};
const THERE_ARE = "there is no such public broker: there are mosquitto, hivemq, eclipse, shiftr";

/** Settings as they are read from a file, which is what a board gets. */
function readFrom(settings: object) {
	const folder = mkdtempSync(join(tmpdir(), "veleta-public-"));
	try {
		const file = join(folder, "config.json");
		writeFileSync(file, JSON.stringify(settings));
		return readSettings(file);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

test("each name is a URL that can be used, whose host the station knows as public", () => {
	assert.deepEqual(Object.keys(URLS).sort(), [...PUBLIC_BROKERS].sort());
	for (const [name, url] of Object.entries(URLS)) {
		assert.equal(withoutPreset(name), url);
		const broker = checkBrokerUrl(url);
		assert.ok(isPublic(broker), name);
		assert.equal(broker.tls, /^public-(tls|wss):/.test(name));
		assert.equal(broker.path, /^public-wss?:/.test(name) ? "/mqtt" : undefined);
	}
});

test("what is no such name stays as it is: a host that is called mosquitto, or public", () => {
	for (const broker of [
		"mosquitto",
		"hivemq:1884",
		"mqtt://mosquitto",
		"public",
		"public:1883",
		"mqtt://public:mosquitto@h",
		"",
	])
		assert.equal(withoutPreset(broker), broker);
	assert.deepEqual(parseSettings({ broker: withoutPreset("mosquitto") }).broker, {
		host: "mosquitto",
		port: 1883,
		tls: false,
	});
	assert.deepEqual(parseSettings({ broker: withoutPreset("public:1884") }).broker, {
		host: "public",
		port: 1884,
		tls: false,
	});
});

test("a name that there is not is told with those that there are, and not shown", () => {
	for (const name of ["public:secret", "public-tls:secret", "public:Mosquitto", "public:toString"])
		assert.throws(() => withoutPreset(name), new Error(THERE_ARE));
	assert.throws(() => readFrom({ broker: "public:secret" }), {
		message: new RegExp(`config\\.json: broker: ${THERE_ARE}$`),
	});
	for (const args of [
		["--broker", "public:secret"],
		["--broker", "public:secret", "--id", "sim"],
	])
		assert.throws(() => parseOptions(args), { name: "UsageError", message: `--broker: ${THERE_ARE}` });
});

test("a file gives a board the URL, and the station takes no commands there unless it is told to", () => {
	assert.deepEqual(readFrom({ id: "roof", broker: "public:shiftr" }), { id: "roof", broker: URLS["public:shiftr"] });
	const { broker, username, password, commands } = parseSettings(readFrom({ broker: "public:shiftr" }));
	assert.deepEqual([broker.host, username, password, commands], ["public.cloud.shiftr.io", "public", "public", []]);
	assert.deepEqual(parseSettings(readFrom({ broker: "public:hivemq", commands: ["sample"] })).commands, ["sample"]);
	// A user of one's own goes before the public one.
	assert.equal(parseSettings(readFrom({ broker: "public:shiftr", username: "casa" })).username, "casa");
});

test("an option gives the URL, too", () => {
	const options = parseOptions(["--broker", "public-tls:mosquitto", "--id", "sim"])!;
	assert.equal(options.rawSettings.broker, URLS["public-tls:mosquitto"]);
	assert.deepEqual(options.settings.broker, { host: "test.mosquitto.org", port: 8886, tls: true });
	assert.deepEqual(options.settings.commands, []);
	assert.equal(options.embedded, false);
	const update = parseUpdateCommand(["--broker", "public:hivemq", "--id", "roof", "--key", "key.pem", "image.bin"]);
	assert.equal(update?.name === "push" && update.broker.host, "broker.hivemq.com");
});

test("the page about brokers has each name and its hosts, and the firmware has no name", () => {
	const page = readFileSync("docs/brokers.md", "utf8");
	const firmware = readFileSync("build/firmware.js", "utf8");
	for (const [name, url] of Object.entries(URLS)) {
		const host = checkBrokerUrl(url).host;
		const rows = page.split("\n").filter((line) => line.startsWith("| `public:") && line.includes(`\`${host}\``));
		assert.equal(rows.length, 1, host);
		if (name.startsWith("public:")) assert.ok(rows[0]!.startsWith(`| \`${name}\` |`), name);
		assert.ok(!firmware.includes(name), name);
	}
});

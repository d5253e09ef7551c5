import { parseSettings } from "../../src/settings.ts";
import { deepEqual, equal, ok, test, throws } from "../harness/harness.ts";

test("nothing set is valid: every setting has a default", () => {
	deepEqual(parseSettings({}), {
		sensor: "bme280",
		interval: 60,
		broker: { host: "localhost", port: 1883, tls: false },
		username: undefined,
		password: undefined,
		id: "station",
		topic: "veleta/station",
		commands: ["sample", "interval", "restart", "status", "update"],
		keepAlive: 90,
		qos: 1,
		order: "newest",
		full: "oldest",
		backlogRate: 10,
		diagnostics: 900,
		timeServer: "pool.ntp.org",
		outbox: 2_048,
		tls: {},
		sleep: false,
		awake: 20,
		updateKey: undefined,
		pins: {},
		wifi: [],
	});
	deepEqual(parseSettings(undefined), parseSettings({}));
});

test("what is set is taken", () => {
	const settings = parseSettings({
		sensor: "dht22",
		interval: 2,
		broker: "mqtt://ana:s%40l@broker.lan:1884",
		id: "cocina",
		topic: "Casa/Cocina",
		keepAlive: 0,
		pins: { dht: 4 },
		wifi: { ssid: "casa", password: "contraseña" },
	});
	deepEqual(settings.broker, { host: "broker.lan", port: 1884, tls: false });
	equal(settings.username, "ana");
	equal(settings.password, "s@l");
	equal(settings.topic, "Casa/Cocina");
	deepEqual(settings.wifi, [{ ssid: "casa", password: "contraseña" }]);
});

test("there may be several networks, with fixed addresses or without", () => {
	const fixed = { ssid: "a", address: "192.168.1.20", mask: "255.255.255.0", gateway: "192.168.1.1", dns: "9.9.9.9" };
	deepEqual(parseSettings({ wifi: [fixed, { ssid: "b", password: "" }] }).wifi, [fixed, { ssid: "b" }]);
	deepEqual(parseSettings({ wifi: [] }).wifi, []);
});

test("a pin that is null is not set", () => {
	deepEqual(parseSettings({ pins: { led: null, dht: 5 } }).pins, { dht: 5 });
});

test("certificates are texts in PEM", () => {
	const tls = { ca: "-----BEGIN CERTIFICATE-----\n…", certificate: "-----BEGIN a", key: "-----BEGIN b" };
	deepEqual(parseSettings({ tls }).tls, tls);
});

test("the key of updates is a point on P-256", () => {
	const key = parseSettings({ updateKey: `04${"0f".repeat(64)}` }).updateKey!;
	deepEqual([key.length, key[0], key[1], key[64]], [65, 4, 15, 15]);
});

const ALL = ["sample", "interval", "restart", "status", "update"];

test("all commands are allowed, or those in a list, or none", () => {
	deepEqual(parseSettings({}).commands, ALL);
	deepEqual(parseSettings({ commands: false }).commands, []);
	deepEqual(parseSettings({ commands: [] }).commands, []);
	deepEqual(parseSettings({ commands: ["status", "sample", "status"] }).commands, ["sample", "status"]);
});

for (const host of [
	"test.mosquitto.org",
	"broker.hivemq.com",
	"broker.emqx.io",
	"mqtt.eclipseprojects.io",
	"mqtt.eclipse.org",
	"broker.shiftr.io",
	"public.cloud.shiftr.io",
	"TEST.Mosquitto.ORG",
	"test.mosquitto.org.",
]) {
	test(`at ${host} no command is allowed but what the settings say`, () => {
		for (const scheme of ["mqtt", "mqtts"]) {
			const broker = `${scheme}://${host}`;
			deepEqual(parseSettings({ broker }).commands, []);
			deepEqual(parseSettings({ broker, commands: ["status"] }).commands, ["status"]);
			deepEqual(parseSettings({ broker, commands: ALL }).commands, ALL);
		}
	});
}

test("a broker with a name like a public one's is nobody's but the user's", () => {
	for (const host of ["mosquitto.org", "test.mosquitto.org.example", "xtest.mosquitto.org", "test-mosquitto.org"])
		deepEqual(parseSettings({ broker: `mqtt://${host}` }).commands, ALL, host);
});

test("user and password of their own go before the URL's", () => {
	const { username, password } = parseSettings({ broker: "mqtt://a:b@h", username: "c", password: "d" });
	deepEqual([username, password], ["c", "d"]);
});

test("a broker's address may be a name, an IPv4 or an IPv6 address", () => {
	deepEqual(parseSettings({ broker: "mqtt://192.0.2.7" }).broker, { host: "192.0.2.7", port: 1883, tls: false });
	deepEqual(parseSettings({ broker: "MQTT://[2001:db8::1]:99/" }).broker, {
		host: "2001:db8::1",
		port: 99,
		tls: false,
	});
});

for (const [raw, message] of [
	[[], /^settings: must be an object/],
	["x", /^settings: must be an object/],
	[{ sensor: "bme680" }, /^sensor: must be one of bme280, bmp280, dht22, dht11$/],
	[{ interval: 0 }, /^interval: must be a number from 1 to 86400 for a bme280$/],
	[{ interval: 1, sensor: "dht22" }, /^interval: must be a number from 2 to 86400 for a dht22$/],
	[{ qos: 3 }, /^qos: must be a number from 0 to 2$/],
	[{ qos: 0.5 }, /^qos: must be a whole number$/],
	[{ order: "seq" }, /^order: must be one of newest, oldest$/],
	[{ full: "all" }, /^full: must be one of newest, oldest$/],
	[{ backlogRate: 0 }, /^backlogRate: must be a number from 0.1 to 1000$/],
	[{ diagnostics: -1 }, /^diagnostics: must be a number from 0 to 86400$/],
	[{ timeServer: 7 }, /^timeServer: must be a text in quotes$/],
	[{ interval: "60" }, /^interval: must be a number/],
	[{ interval: Number.NaN }, /^interval: must be a number/],
	[{ broker: "localhost" }, /^broker: must look like mqtt:\/\/host/],
	[{ broker: "http://localhost" }, /^broker: must begin with mqtt:\/\/ or mqtts:\/\/, not http:\/\//],
	[{ broker: "wss://localhost" }, /^broker: wss:\/\/ is not supported/],
	[{ broker: "mqtt://h:0" }, /^broker: the port must be from 1 to 65535/],
	[{ broker: "mqtt://h:65536" }, /^broker: the port must be from 1 to 65535/],
	[{ broker: "mqtt://u:%zz@h" }, /^broker: user or password has a %/],
	[{ broker: 5 }, /^broker: must be a text in quotes/],
	[{ password: "p" }, /^password: needs a username/],
	[{ broker: "mqtt://:p@h" }, /^username: must not be empty/],
	[{ id: "a b" }, /^id: needs 1 to 64 letters/],
	[{ id: "" }, /^id: needs 1 to 64 letters/],
	[{ topic: "" }, /^topic: must not be empty/],
	[{ commands: true }, /^commands: must be false, or a list of sample, interval, restart, status, update$/],
	[{ commands: null }, /^commands: must be false, or a list/],
	[{ commands: "status" }, /^commands: must be false, or a list/],
	[{ commands: ["reboot"] }, /^commands: must be false, or a list/],
	[{ commands: ["status", ["sample"]] }, /^commands: must be false, or a list/],
	[{ topic: "casa/+" }, /^topic: must not contain \+ or #/],
	[{ topic: "$SYS/x" }, /^topic: must not begin with \$/],
	[{ topic: "/casa" }, /^topic: must not begin or end with \//],
	[{ topic: "casa/" }, /^topic: must not begin or end with \//],
	[{ topic: "a\u0000b" }, /^topic: contains a character/],
	[{ topic: "a\ud800b" }, /^topic: contains a character/],
	[{ topic: "x".repeat(1_025) }, /^topic: has more than 1024 characters/],
	[{ keepAlive: 65_536 }, /^keepAlive: must be a number from 0 to 65535/],
	[{ keepAlive: 1.5 }, /^keepAlive: must be a whole number/],
	[{ outbox: 10 }, /^outbox: must be a number from 192 to 65536/],
	[{ pins: { dht: -1 } }, /^pins\.dht: must be a number/],
	[{ pins: { sda: 4 } }, /^pins\.sda: is no setting; there are data, clock, dht, led$/],
	[{ pins: { led: 2, sda: 1 } }, /^pins\.sda: is no setting; there are data, clock, dht, led$/],
	[{ pins: { data: 21, clock: 21 } }, /^pins\.clock: is the pin of pins\.data, too$/],
	[{ timeServer: "" }, /^timeServer: must not be empty$/],
	[{ wifi: Array(6).fill({ ssid: "casa" }) }, /^wifi: has more than 5 networks$/],
	[{ wifi: [{ ssid: "casa" }, {}] }, /^wifi\[1\]\.ssid: needs 1 to 32 bytes/],
	[{ wifi: { ssid: "casa", address: "192.168.1.300" } }, /^wifi\.address: must be an IPv4 address/],
	[{ wifi: { ssid: "casa", address: "192.168.1.20" } }, /^wifi\.address: goes with wifi\.mask and wifi\.gateway$/],
	[{ wifi: { ssid: "casa", mask: "255.255.255.0" } }, /^wifi\.address: goes with/],
	[{ wifi: { ssid: "casa", dns: "router" } }, /^wifi\.dns: must be an IPv4 address/],
	[{ tls: { ca: "ca.pem" } }, /^tls\.ca: must be in PEM/],
	[{ tls: { key: "-----BEGIN " } }, /^tls\.certificate: goes with tls\.key/],
	[{ tls: { cert: "-----BEGIN " } }, /^tls\.cert: is no setting; there are ca, certificate, key$/],
	[{ sleep: "true" }, /^sleep: must be true or false/],
	[{ awake: 1 }, /^awake: must be a number from 5 to 600$/],
	[{ updateKey: `03${"0f".repeat(64)}` }, /^updateKey: needs 04 and 128 hexadecimal digits/],
	[{ updateKey: `04${"0F".repeat(64)}` }, /^updateKey: needs/],
	[{ updateKey: "04" }, /^updateKey: needs/],
	[{ wifi: "casa" }, /^wifi: must be an object/],
	[{ wifi: {} }, /^wifi\.ssid: needs 1 to 32 bytes/],
	[{ wifi: { ssid: "ñ".repeat(17) } }, /^wifi\.ssid: needs 1 to 32 bytes/],
	[{ wifi: { ssid: "casa", password: "short" } }, /^wifi\.password: needs 8 to 63/],
	[{ intervall: 5 }, /^intervall: is no setting; there are sensor, interval, broker/],
] as const) {
	test(`${JSON.stringify(raw).slice(0, 60)} is refused`, () => {
		throws(() => parseSettings(raw), message);
	});
}

test("no error shows a secret", () => {
	for (const raw of [
		{ broker: "http://u:secret-word@h" },
		{ broker: "mqtt://u:secret-word@h:99999" },
		{ wifi: { ssid: "casa", password: "secret" } },
		{ password: "secret-word" },
	]) {
		ok(!throws(() => parseSettings(raw), /./).message.includes("secret"));
	}
});

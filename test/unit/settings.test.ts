import { type Row, SETTINGS } from "../../src/settings/table.ts";
import { parseSettings } from "../../src/settings.ts";
import { deepEqual, equal, ok, test, throws } from "../harness/harness.ts";
import { REFUSED, TAKEN } from "../harness/settings-cases.ts";

test("nothing set is valid: every setting has a default", () => {
	const settings: Readonly<Record<string, unknown>> = { ...parseSettings({}) };
	const { username, password, updateKeys, ...present } = parseSettings({});
	deepEqual([username, password, updateKeys], [undefined, undefined, []]);
	const { sensor, interval, broker, id, topic, commands, keepAlive, qos, tls, pins, wifi } = present;
	deepEqual(
		{ sensor, interval, broker, id, topic, commands, keepAlive, qos, tls, pins, wifi },
		{
			sensor: "bme280",
			interval: 60,
			broker: { host: "localhost", port: 1883, tls: false },
			id: "station",
			topic: "veleta/station",
			commands: ["sample", "interval", "restart", "status", "readings", "update"],
			keepAlive: 90,
			qos: 1,
			tls: {},
			pins: {},
			wifi: [],
		},
	);
	for (const [name, row] of Object.entries<Row>(SETTINGS)) {
		if (name !== "broker" && row.default !== undefined) equal(settings[name], row.default, name);
		// Without a threshold there is no `change`.
		if (name !== "change" && (row.default !== undefined || row.properties)) ok(settings[name] !== undefined, name);
	}
	// And nothing that the table does not have.
	deepEqual(
		Object.keys(settings).filter((name) => !(name in SETTINGS)),
		[],
	);
	deepEqual(parseSettings(undefined), parseSettings({}));
});

test("the keep-alive is one and a half intervals, within bounds, or what is set", () => {
	const keepAlives = [2, 60, 61.4, 100, 160, 161, 86_400].map((interval) => parseSettings({ interval }).keepAlive);
	deepEqual(keepAlives, [90, 90, 93, 150, 240, 240, 240]);
	deepEqual(
		[0, 5, 600].map((keepAlive) => parseSettings({ interval: 100, keepAlive }).keepAlive),
		[0, 5, 600],
	);
});

test("a station that the settings do not name has the host's id, and a named one its own", () => {
	const unnamed = parseSettings({}, "a1b2c3");
	deepEqual([unnamed.id, unnamed.topic], ["a1b2c3", "veleta/a1b2c3"]);
	deepEqual({ ...unnamed, id: "", topic: "" }, { ...parseSettings({}), id: "", topic: "" });
	const named = parseSettings({ id: "roof" }, "a1b2c3");
	deepEqual([named.id, named.topic], ["roof", "veleta/roof"]);
	deepEqual(parseSettings({ topic: "casa" }, "a1b2c3").topic, "casa");
});

test("what is set is taken", () => {
	const settings = parseSettings(TAKEN.some);
	deepEqual(settings.broker, { host: "broker.lan", port: 1884, tls: false });
	equal(settings.username, "ana");
	equal(settings.password, "s@l");
	equal(settings.topic, "Casa/Cocina");
	deepEqual(settings.wifi, [{ ssid: "casa", password: "contraseña" }]);
});

test("there may be several networks, with fixed addresses or without", () => {
	deepEqual(parseSettings(TAKEN.networks).wifi, [TAKEN.networks.wifi[0], { ssid: "b" }]);
	deepEqual(parseSettings(TAKEN.noNetwork).wifi, []);
});

test("the sensor's address is searched for unless it is set", () => {
	equal(parseSettings(TAKEN.secondAddress).address, "0x77");
	ok(!("address" in parseSettings({})));
	ok(!("address" in parseSettings(TAKEN.nullAddress)));
});

test("a pin that is null is not set", () => {
	deepEqual(parseSettings(TAKEN.nullPin).pins, { dht: 5 });
});

test("certificates are texts in PEM", () => {
	deepEqual(parseSettings(TAKEN.certificates).tls, TAKEN.certificates.tls);
});

test("keys of updates are points on P-256: one, or a list, or as settings of before have it", () => {
	const shapesOf = (raw: object) => parseSettings(raw).updateKeys.map((key) => [key.length, key[0], key[1], key[64]]);
	const shape = [65, 4, 15, 15];
	deepEqual(shapesOf(TAKEN.updateKey), [shape]);
	deepEqual(shapesOf(TAKEN.oneUpdateKey), [shape]);
	deepEqual(shapesOf(TAKEN.updateKeys), [shape, [65, 4, 30, 30]]);
	deepEqual(shapesOf({ ...TAKEN.updateKey, ...TAKEN.updateKeys }), [shape, shape, [65, 4, 30, 30]]);
});

const ALL = TAKEN.allCommands.commands;

test("all commands are allowed, or those in a list, or none", () => {
	deepEqual(parseSettings({}).commands, ALL);
	deepEqual(parseSettings(TAKEN.noCommands).commands, []);
	deepEqual(parseSettings(TAKEN.emptyCommands).commands, []);
	deepEqual(parseSettings(TAKEN.someCommands).commands, ["sample", "status"]);
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
	const { username, password } = parseSettings(TAKEN.twoUsers);
	deepEqual([username, password], ["c", "d"]);
});

test("a broker's address may be a name, an IPv4 or an IPv6 address", () => {
	deepEqual(parseSettings(TAKEN.address).broker, { host: "192.0.2.7", port: 1883, tls: false });
	for (const zone of ["%wlan0", "%25wlan0"]) {
		const broker = `mqtt://[fe80::1${zone}]`;
		deepEqual(parseSettings({ broker }).broker, { host: "fe80::1%wlan0", port: 1883, tls: false });
	}
	deepEqual(parseSettings(TAKEN.address6).broker, {
		host: "2001:db8::1",
		port: 99,
		tls: false,
	});
});

test("a broker may be written without a scheme, or with tcp for mqtt", () => {
	for (const [broker, host, port] of [
		["localhost", "localhost", 1883],
		["test.mosquitto.org:1884", "test.mosquitto.org", 1884],
		["[::1]:99", "::1", 99],
		["tcp://broker.lan/", "broker.lan", 1883],
	] as const)
		deepEqual(parseSettings({ broker }).broker, { host, port, tls: false }, broker);
	deepEqual(parseSettings({ broker: "test.mosquitto.org:1883" }).commands, []);
});

for (const [name, raw] of Object.entries(TAKEN)) test(`${name} can be used`, () => void parseSettings(raw));

for (const [raw, message] of REFUSED) {
	test(`${JSON.stringify(raw).slice(0, 60)} is refused`, () => {
		const error = throws(() => parseSettings(raw), message);
		equal(error.message.includes("\n"), message.source.includes("\\n"), error.message);
	});
}

const faultsOf = (raw: unknown) => throws(() => parseSettings(raw), /./).message.split("\n");

test("all that is wrong is told at once, a line for each", () => {
	deepEqual(
		faultsOf({
			intervall: 5,
			interval: 1,
			sensor: "dht22",
			broker: "mqtt//localhost",
			password: "p",
			topic: "/casa/",
			keepAlive: "90",
			tls: { key: "-----BEGIN k", cert: "c" },
			wifi: [
				{ ssid: "casa", mask: "255.255.255.0" },
				{ ssid: "", password: "short" },
			],
			username: 5,
			station: "x",
		}),
		[
			"interval: must be a number from 2 to 86400 for a dht22",
			"username: must be a text in quotes",
			"topic: must not begin or end with /",
			"keepAlive: must be a number from 0 to 65535",
			"tls.certificate: goes with tls.key",
			`tls.cert: is no setting; there are ${Object.keys(SETTINGS.tls.properties).join(", ")}`,
			"wifi[0].address: goes with wifi[0].mask and wifi[0].gateway",
			"wifi[1].ssid: needs 1 to 32 bytes",
			"wifi[1].password: needs 8 to 63 characters, or 64 hexadecimal digits",
			`intervall: is no setting; there are ${Object.keys(SETTINGS).join(", ")}`,
			"and 2 more",
		],
	);
});

test("one fault does not look like another", () => {
	deepEqual(faultsOf({ username: 5, password: "p" }), ["username: must be a text in quotes"]);
	deepEqual(faultsOf({ broker: "mqtt//ana:p@h", password: "p" }).length, 1);
	deepEqual(faultsOf({ sensor: "bme", interval: 1 }).length, 1);
	deepEqual(faultsOf({ pins: { data: "a", clock: "b" } }).length, 2);
	deepEqual(faultsOf({ tls: { certificate: "a.pem", key: "-----BEGIN k" } }), [
		"tls.certificate: must be in PEM: -----BEGIN …",
	]);
	deepEqual(faultsOf({ id: "a b", topic: undefined }).length, 1);
	deepEqual(faultsOf({ wifi: [5, null] }), ["wifi[0]: must be an object", "wifi[1]: must be an object"]);
});

test("the names that there are come once, and ten faults are told", () => {
	const unknown = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`x${index}`, index]));
	const lines = faultsOf(unknown);
	ok(lines[0]!.startsWith("x0: is no setting; there are sensor, "));
	deepEqual(lines.slice(1, 3), ["x1: is no setting", "x2: is no setting"]);
	deepEqual(lines.slice(9), ["x9: is no setting", "and 490 more"]);
	equal(faultsOf(Object.fromEntries(Object.entries(unknown).slice(0, 10))).length, 10);
});

test("a name that is none is shown as far as a line can show it", () => {
	deepEqual(faultsOf({ pins: { "a\nb: c\u001b": 1 } }), [
		`pins.a?b: c?: is no setting; there are ${Object.keys(SETTINGS.pins.properties).join(", ")}`,
	]);
	const [line] = faultsOf({ pins: { ["x".repeat(5_000)]: 1 } });
	ok(line!.length < 350, `${line!.length}`);
});

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

test("no error shows a value, wherever it was written", () => {
	for (const name of Object.keys(parseSettings({}))) {
		for (const raw of [{ [name]: "mqtt:secret" }, { [name]: ["secret"] }, { [name]: { secret: { a: "secret" } } }]) {
			try {
				parseSettings(raw);
			} catch (error) {
				// The name of a member may be shown.
				ok(!/secret(?!: is no setting)/.test((error as Error).message), (error as Error).message);
			}
		}
	}
	for (const member of Object.keys(SETTINGS.wifi.properties)) {
		const message = faultsOf({ wifi: [{ [member]: "s".repeat(70) }, { [member]: 123_456_789 }] }).join();
		ok(!/sss|123/.test(message), message);
	}
});

/** Settings that are taken, and such that are refused: for the validation, and for the schema beside it. */
import { DERIVED } from "../../src/net/derived.ts";
import { SENSORS, type SensorModel } from "../../src/sensors/models.ts";
import { type Row, SETTINGS, type Table } from "../../src/settings/table.ts";
import { rows } from "../../src/settings/texts.ts";

const fixed = { ssid: "a", address: "192.168.1.20", mask: "255.255.255.0", gateway: "192.168.1.1", dns: "9.9.9.9" };
const ALL = ["sample", "interval", "restart", "status", "readings", "update"];

/** A range of a number, and for which sensor it holds, if it is one's. */
interface Range {
	readonly name: string;
	readonly whole: boolean;
	readonly lowest: number;
	readonly highest: number;
	readonly sensor?: string;
}

/** Each number of the table, with each of its ranges. */
const RANGES = rows().flatMap(([name, { type, minimum = 0, maximum }]: [string, Row]): Range[] => {
	if (type !== "number" && type !== "integer") return [];
	const range = { name, whole: type === "integer", highest: maximum! };
	if (typeof minimum === "number") return [{ ...range, lowest: minimum }];
	return Object.entries(minimum).map(([sensor, lowest]) => ({ ...range, lowest, sensor }));
});

/** Settings with this one. */
function withValue({ name, sensor }: Range, value: number): object {
	const [object = "", member] = name.split(".");
	return { ...(sensor && { sensor }), [object]: member === undefined ? value : { [member]: value } };
}

/** The lowest and the highest value of each number. */
const LIMITS: Readonly<Record<string, object>> = Object.fromEntries(
	RANGES.flatMap((range) =>
		(["lowest", "highest"] as const).map((limit) => [
			[limit, range.name, range.sensor].join(" ").trim(),
			withValue(range, range[limit]),
		]),
	),
);

/** A value beyond each of them; and, of a whole number, one between. */
const BEYOND = RANGES.flatMap((range): (readonly [object, RegExp])[] => {
	const { name, whole, lowest, highest, sensor } = range;
	const step = whole ? 1 : 0.001;
	const begin = `^${name.replace(".", "\\.")}: must be a`;
	const message = new RegExp(`${begin} number from ${lowest} to ${highest}${sensor ? ` for a ${sensor}` : ""}$`);
	return [
		[withValue(range, lowest - step), message],
		[withValue(range, highest + step), message],
		...(whole ? ([[withValue(range, lowest + 0.5), new RegExp(`${begin} whole number$`)]] as const) : []),
	];
});

/** The message about a member that there is not, with those that there are. */
const unknown = (name: string, table: Table) =>
	new RegExp(`^${name}: is no setting; there are ${Object.keys(table).join(", ")}$`);

/** A setting's values as cases. */
const casesOf = <T extends string>(values: readonly T[], settings: (value: T) => object): Record<string, object> =>
	Object.fromEntries(values.map((value) => [value, settings(value)]));

/** Hosts of the broker that can be there. */
const HOSTS = [
	"localhost",
	"broker",
	"broker.",
	"test.mosquitto.org",
	"home_assistant.lan",
	"xn--caf-dma.example",
	"café.local",
	"7-zip.4you.example",
	"1.a",
	"a".repeat(63),
	`${`${"a".repeat(49)}.`.repeat(5)}b`,
	"0.0.0.1",
	"192.168.1.20",
	"[::]",
	"[::1]",
	"[1::]",
	"[2001:DB8::1]",
	"[1:2:3:4:5:6:7:8]",
	"[1:2:3:4:5:6:7::]",
	"[::2:3:4:5:6:7:8]",
	"[::ffff:192.0.2.7]",
	"[64:ff9b::192.0.2.7]",
	"[1:2:3:4:5:6:192.0.2.7]",
];

/** Hosts that cannot: a computer refuses them, and a board never gets them. */
export const NO_HOSTS = [
	"192.168.1.300",
	"192.168.1",
	"192.168.1.20.1",
	"192.168.1.20.",
	"1883",
	"broker.1",
	"a..b",
	".a",
	"a..",
	".",
	"-a",
	"a.-b",
	"a%20b",
	"a,b",
	"a*b",
	"a\\b",
	"a\u0000b",
	"a".repeat(64),
	`${"a.".repeat(127)}b`,
	"[]",
	"[:]",
	"[::::::]",
	"[12345]",
	"[1::2::3]",
	"[:::1]",
	"[12345::]",
	"[g::1]",
	"[1:2:3:4:5:6:7]",
	"[1:2:3:4:5:6:7:8:9]",
	"[1:2:3:4:5:6:7:8::]",
	"[1:2:3:4::5:6:7:8]",
	"[:1:2:3:4:5:6:7]",
	"[1:2:3:4:5:6:7:]",
	"[192.0.2.7]",
	"[::192.0.2.300]",
	"[::192.0.2.7:1]",
	"[1:2:3:4:5:6:7:192.0.2.7]",
	"[fe80::1%]",
	"[fe80::1%25]",
	"[fe80::1%a%b]",
	"[fe80::1%an interface]",
	"[%eth0]",
	"[broker.lan]",
];

/** What a sensor does not measure. */
const UNMEASURED: Readonly<Record<SensorModel, string | undefined>> = {
	bme280: undefined,
	bmp280: "humidity",
	dht22: "pressure",
	dht11: "pressure",
};
/** Settings with the quantity that they need, and the name of the setting. */
const NEEDS: readonly (readonly [settings: object, quantity: string, name: string])[] = [
	[{ offsets: { temperature: 0 } }, "temperature", "offsets.temperature"],
	[{ offsets: { temperature: 1, humidity: 0 } }, "humidity", "offsets.humidity"],
	[{ offsets: { pressure: 0.5 } }, "pressure", "offsets.pressure"],
	[{ change: { temperature: 0 } }, "temperature", "change.temperature"],
	[{ change: { temperature: 1, humidity: 2 } }, "humidity", "change.humidity"],
	[{ change: { pressure: 0.5, atMost: 5 } }, "pressure", "change.pressure"],
	[{ altitude: 0 }, "pressure", "altitude"],
	[{ altitude: -20.5, derived: false }, "pressure", "altitude"],
	...DERIVED.map((name) => [{ derived: [name] }, "humidity", "derived"] as const),
	[{ derived: DERIVED, altitude: null }, "humidity", "derived"],
];
/**
 * Settings about what is measured, of each sensor; `undefined`: they can be used.
 * Otherwise a computer refuses them with this message, and a board leaves out what it
 * does not measure.
 */
export const SENSOR_NEEDS = (Object.entries(UNMEASURED) as [SensorModel, string | undefined][]).flatMap(
	([sensor, unmeasured]) =>
		NEEDS.map(([settings, quantity, name]) => ({
			raw: { ...settings, sensor },
			message:
				quantity === unmeasured ? `${name}: needs the ${quantity}, which a ${sensor} does not measure` : undefined,
		})),
);

export const TAKEN = {
	...LIMITS,
	...casesOf(HOSTS, (host) => ({ broker: `mqtt://${host}:1884` })),
	...casesOf(
		["test.mosquitto.org:1883", "192.0.2.7", "[::1]:1883", "tcp://broker.lan", "TCP://a:b@broker.lan:1/"],
		(broker) => ({
			broker,
		}),
	),
	nothing: {},
	some: {
		sensor: "dht22",
		interval: 2,
		broker: "mqtt://ana:s%40l@broker.lan:1884",
		id: "cocina",
		topic: "Casa/Cocina",
		keepAlive: 0,
		pins: { dht: 4 },
		wifi: { ssid: "casa", password: "contraseña" },
	},
	schema: { $schema: "./config.schema.json", id: "cocina" },
	networks: { wifi: [fixed, { ssid: "b", password: "" }] },
	noNetwork: { wifi: [] },
	longNetwork: { wifi: { ssid: "ñ".repeat(16), password: "ñ".repeat(31) } },
	shortPassphrase: { wifi: { ssid: "ñ", password: "ñ".repeat(4) } },
	...casesOf(["0123456789abcdef".repeat(4), "0123456789ABCDEF".repeat(4)], (password) => ({
		wifi: { ssid: "casa", password },
	})),
	ownNameServer: { wifi: { ssid: "casa", dns: "9.9.9.9" } },
	firstAddress: { address: "0x76" },
	secondAddress: { sensor: "bmp280", address: "0x77" },
	nullAddress: { address: null },
	nullPin: { pins: { led: null, dht: 5 } },
	nullMembers: { sensor: null, interval: null, qos: null, order: null, sleep: null, outbox: null, altitude: null },
	plainValues: { values: true },
	noValues: { values: false },
	courseTopics: { values: { temperature: "Casa/Cocina/Temperatura", humidity: "Casa/Cocina/Humedad" }, state: false },
	offsets: { offsets: { temperature: -1.5, humidity: 3, pressure: 0.25 } },
	noOffsets: { offsets: {} },
	nullOffset: { sensor: "dht22", offsets: { temperature: null, humidity: -3, pressure: null } },
	allDerived: { altitude: 667.5, derived: DERIVED },
	...casesOf(DERIVED, (name) => ({ sensor: "dht11", derived: [name] })),
	nothingDerived: { sensor: "bmp280", derived: false, altitude: 0 },
	emptyDerived: { sensor: "bmp280", derived: [], offsets: { temperature: 1 } },
	certificates: {
		broker: "mqtts://broker.lan",
		tls: { ca: "-----BEGIN CERTIFICATE-----\n…", certificate: "-----BEGIN a", key: "-----BEGIN b" },
	},
	pinned: { broker: "mqtts://broker.lan", tls: { fingerprint: `${"aB:".repeat(31)}09`, alpn: "x-amzn-mqtt-ca" } },
	"pinned, without colons": { broker: "wss://broker.lan", tls: { fingerprint: "0f".repeat(32) } },
	authority: { broker: "mqtts://broker.lan", tls: { ca: "-----BEGIN CERTIFICATE-----\n…" } },
	updateKey: { updateKey: `04${"0f".repeat(64)}` },
	oneUpdateKey: { updateKeys: `04${"0f".repeat(64)}` },
	updateKeys: { updateKeys: [`04${"0f".repeat(64)}`, `04${"1e".repeat(64)}`] },
	allCommands: { commands: ALL },
	noCommands: { commands: false },
	emptyCommands: { commands: [] },
	someCommands: { commands: ["status", "sample", "status"] },
	twoUsers: { broker: "mqtt://a:b@h", username: "c", password: "d" },
	userInUrl: { broker: "mqtt://a@h", password: "d" },
	address: { broker: "mqtt://192.0.2.7" },
	...casesOf(["ws://broker.lan", "wss://a:b@broker.lan:8084/mqtt?x=%20", "WS://[::1]/"], (broker) => ({ broker })),
	webSocketPath: { broker: `ws://localhost/${"x".repeat(255)}` },
	"an address in a zone": { broker: "mqtt://[fe80::1%eth0]" },
	address6: { broker: "MQTT://[2001:db8::1]:99/" },
	tls: { broker: "ssl://broker.lan" },
	longTopic: { topic: "x".repeat(1_024) },
	nullHomeAssistant: { homeAssistant: null },
	...casesOf(["homeassistant", "ha/test_2", "-", "x".repeat(64)], (homeAssistant) => ({ homeAssistant })),
	homeAssistant: { homeAssistant: true, topic: "homeassistant/roof" },
	samples: { samples: 9, interval: 9 },
	sleepySamples: { sensor: "dht22", samples: 9, awake: 29, sleep: true },
	wakefulSamples: { sensor: "dht22", samples: 9, awake: 5 },
	change: { change: { temperature: 0, humidity: 2.5, pressure: 0.5, atMost: 60 } },
	noChange: { change: {}, sleep: true },
	cbor: { payload: "cbor" },
	cborBesideValues: { payload: "cbor", values: true, homeAssistant: true },
	noHomeAssistant: { homeAssistant: false, topic: "homeassistant" },
} as const;

export const REFUSED: readonly (readonly [raw: unknown, message: RegExp])[] = [
	...BEYOND,
	[[], /^settings: must be an object/],
	["x", /^settings: must be an object/],
	[{ sensor: "bme" }, new RegExp(`^sensor: must be one of ${Object.keys(SENSORS).join(", ")}$`)],
	[{ interval: 0 }, /^interval: must be a number from 1 to 86400 for a bme280$/],
	[{ interval: 1, sensor: "dht22" }, /^interval: must be a number from 2 to 86400 for a dht22$/],
	[{ samples: 4, interval: 3 }, /^samples: an interval of 4 s is the shortest for so many$/],
	[{ sensor: "dht22", samples: 3, interval: 5.9 }, /^samples: an interval of 6 s is the shortest/],
	[{ sensor: "dht22", samples: 9, awake: 28.9, sleep: true }, /^awake: needs 29 s for so many samples$/],
	[{ samples: 2, awake: 9, sleep: true }, /^awake: needs 10 s for so many samples$/],
	[{ change: 0.5 }, /^change: must be an object$/],
	[{ change: { dewPoint: 1 } }, unknown("change\\.dewPoint", SETTINGS.change.properties)],
	[{ change: { temperature: 0.2 }, sleep: true }, /^change: does not go with sleep/],
	[{ qos: 3 }, /^qos: must be a number from 0 to 2$/],
	[{ qos: 0.5 }, /^qos: must be a whole number$/],
	[{ order: "seq" }, /^order: must be one of newest, oldest$/],
	[{ full: "all" }, /^full: must be one of newest, oldest$/],
	[{ backlogRate: 0 }, /^backlogRate: must be a number from 0.1 to 1000$/],
	[{ diagnostics: -1 }, /^diagnostics: must be a number from 0 to 86400$/],
	[{ timeServer: 7 }, /^timeServer: must be a text in quotes$/],
	[{ interval: "60" }, /^interval: must be a number/],
	[{ interval: Number.NaN }, /^interval: must be a number/],
	...[
		"",
		" ",
		"a b",
		"ana@broker.lan",
		"ana:secret@broker.lan",
		"2001:db8::1",
		"mqtt:broker",
		"mqtt//broker",
		"//broker",
	].map((broker) => [{ broker }, /^broker: must look like mqtt:\/\/host/] as const),
	[
		{ broker: "http://localhost" },
		/^broker: must begin with mqtt:\/\/, mqtts:\/\/, ws:\/\/ or wss:\/\/, not http:\/\//,
	],
	[{ broker: "mqtt://localhost/mqtt" }, /^broker: must look like/],
	[{ broker: "localhost/mqtt" }, /^broker: must look like/],
	[{ broker: "wss://localhost/a#b" }, /^broker: must look like/],
	[{ broker: `ws://localhost/${"x".repeat(256)}` }, /^broker: must look like/],
	[{ broker: "ws://localhost/a b" }, /^broker: must look like/],
	[{ broker: "ws://localhost/ñ" }, /^broker: must look like/],
	[{ broker: "mqtt://h:0" }, /^broker: the port must be from 1 to 65535/],
	[{ broker: "mqtt://h:65536" }, /^broker: the port must be from 1 to 65535/],
	[{ broker: "mqtt://u:%zz@h" }, /^broker: user or password has a %/],
	[{ broker: 5 }, /^broker: must be a text in quotes/],
	[{ password: "p" }, /^password: needs a username/],
	[{ broker: "mqtt://:p@h" }, /^username: must not be empty/],
	[{ id: "a b" }, /^id: needs 1 to 64 letters/],
	[{ id: "" }, /^id: needs 1 to 64 letters/],
	[{ values: "yes" }, /^values: must be an object/],
	[{ values: ["a"] }, /^values: must be an object/],
	[{ values: { warmth: "a" } }, /^values\.warmth: is no setting/],
	[{ values: { temperature: 7 } }, /^values\.temperature: must be a text/],
	[{ values: { temperature: "" } }, /^values\.temperature: must not be empty/],
	[{ values: { temperature: "a/#" } }, /^values\.temperature: must not contain \+ or #/],
	[{ values: { temperature: "a\u0000" } }, /^values: contains a character/],
	[{ state: false }, /^state: needs values/],
	[{ state: 1, values: true }, /^state: must be true or false/],
	[{ topic: "" }, /^topic: must not be empty/],
	[{ commands: true }, /^commands: must be false, or a list of sample, interval, restart, status, readings, update$/],
	[{ commands: null }, /^commands: must be false, or a list/],
	[{ commands: "status" }, /^commands: must be false, or a list/],
	[{ commands: ["reboot"] }, /^commands: must be false, or a list/],
	[{ commands: ["status", ["sample"]] }, /^commands: must be false, or a list/],
	[{ derived: true }, /^derived: must be false, or a list of dewPoint, absoluteHumidity, heatIndex$/],
	[{ derived: null }, /^derived: must be false, or a list/],
	[{ derived: "dewPoint" }, /^derived: must be false, or a list/],
	[{ derived: ["dewpoint"] }, /^derived: must be false, or a list/],
	[{ derived: ["dewPoint", "seaLevelPressure"] }, /^derived: must be false, or a list/],
	[{ altitude: "667" }, /^altitude: must be a number from -500 to 9000$/],
	[{ altitude: Number.NaN }, /^altitude: must be a number/],
	[{ offsets: null }, /^offsets: must be an object$/],
	[{ offsets: -1.5 }, /^offsets: must be an object$/],
	[{ offsets: { temperature: "1" } }, /^offsets\.temperature: must be a number from -20 to 20$/],
	[{ offsets: { dewPoint: 1 } }, unknown("offsets\\.dewPoint", SETTINGS.offsets.properties)],
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
	[{ address: "0x40" }, /^address: must be one of 0x76, 0x77$/],
	[{ address: 119 }, /^address: must be one of 0x76, 0x77$/],
	[{ pins: { dht: -1 } }, /^pins\.dht: must be a number/],
	[{ pins: { sda: 4 } }, unknown("pins\\.sda", SETTINGS.pins.properties)],
	[{ pins: { led: 2, sda: 1 } }, unknown("pins\\.sda", SETTINGS.pins.properties)],
	[{ pins: { data: 21, clock: 21 } }, /^pins\.clock: is the pin of pins\.data, too$/],
	[{ timeServer: "" }, /^timeServer: must not be empty$/],
	[{ wifi: Array(6).fill({ ssid: "casa" }) }, /^wifi: has more than 5 networks$/],
	[{ wifi: [{ ssid: "casa" }, {}] }, /^wifi\[1\]\.ssid: needs 1 to 32 bytes/],
	[
		{ wifi: { ssid: "casa", address: "192.168.1.300" } },
		/^wifi\.address: must be an IPv4 address such as 192\.168\.1\.20\nwifi\.address: goes with wifi\.mask and wifi\.gateway$/,
	],
	[{ wifi: { ssid: "casa", address: "192.168.1.20" } }, /^wifi\.address: goes with wifi\.mask and wifi\.gateway$/],
	[{ wifi: { ssid: "casa", mask: "255.255.255.0" } }, /^wifi\.address: goes with/],
	[{ wifi: { ssid: "casa", dns: "router" } }, /^wifi\.dns: must be an IPv4 address/],
	[{ tls: { ca: "ca.pem" } }, /^tls\.ca: must be in PEM/],
	[{ tls: { key: "-----BEGIN " } }, /^tls\.certificate: goes with tls\.key/],
	[{ tls: { fingerprint: "0f".repeat(31) } }, /^tls\.fingerprint: needs the 64 hexadecimal digits of a SHA-256/],
	[{ tls: { fingerprint: `${"0f:".repeat(32)}` } }, /^tls\.fingerprint: needs the 64 hexadecimal digits/],
	[{ tls: { fingerprint: `sha1 ${"0f".repeat(32)}` } }, /^tls\.fingerprint: needs the 64 hexadecimal digits/],
	[
		{ tls: { ca: "-----BEGIN ", fingerprint: "0f".repeat(32) } },
		/^tls\.fingerprint: does not go with tls\.ca: one of the two$/,
	],
	[{ tls: { fingerprint: null, ca: "-----BEGIN " } }, /^tls\.fingerprint: must be a text in quotes$/],
	[{ tls: { alpn: "" } }, /^tls\.alpn: needs 1 to 64 characters of ASCII/],
	[{ tls: { alpn: "mqtt http" } }, /^tls\.alpn: needs 1 to 64 characters of ASCII/],
	[{ tls: { cert: "-----BEGIN " } }, unknown("tls\\.cert", SETTINGS.tls.properties)],
	[{ sleep: "true" }, /^sleep: must be true or false/],
	[{ awake: 1 }, /^awake: must be a number from 5 to 600$/],
	[{ updateKey: `03${"0f".repeat(64)}` }, /^updateKey: needs 04 and 128 hexadecimal digits/],
	[{ updateKey: `04${"0F".repeat(64)}` }, /^updateKey: needs/],
	[{ updateKey: "04" }, /^updateKey: needs/],
	[{ updateKeys: ["04"] }, /^updateKeys\[0\]: needs 04 and 128 hexadecimal digits/],
	[{ updateKeys: [`04${"0f".repeat(64)}`, 7] }, /^updateKeys\[1\]: must be a text/],
	[{ updateKeys: Array(5).fill(`04${"0f".repeat(64)}`) }, /^updateKeys: has more than 4 keys$/],
	[{ wifi: "casa" }, /^wifi: must be an object/],
	[{ wifi: {} }, /^wifi\.ssid: needs 1 to 32 bytes/],
	[{ wifi: { ssid: "ñ".repeat(17) } }, /^wifi\.ssid: needs 1 to 32 bytes/],
	[{ wifi: { ssid: "casa", password: "short" } }, /^wifi\.password: needs 8 to 63/],
	[{ intervall: 5 }, unknown("intervall", SETTINGS)],
	[{ password: null }, /^password: must be a text in quotes$/],
	[{ pins: null }, /^pins: must be an object$/],
	[{ tls: null }, /^tls: must be an object$/],
	[{ wifi: null }, /^wifi: must be an object$/],
	[{ wifi: { ssid: null } }, /^wifi\.ssid: must be a text in quotes$/],
	[{ username: "" }, /^username: must not be empty$/],
	[{ wifi: [{ ssid: "casa" }, "casa"] }, /^wifi\[1\]: must be an object$/],
	[{ wifi: { ssid: "casa", password: "ñ".repeat(32) } }, /^wifi\.password: needs 8 to 63/],
	...["0".repeat(63).concat("g"), "x".repeat(64), "0".repeat(65), `${"0".repeat(64)}\n`].map(
		(password) =>
			[{ wifi: { ssid: "casa", password } }, /^wifi\.password: needs 8 to 63 characters, or 64 hex/] as const,
	),
	...["", "/", "ha/", "/ha", "ha//b", "ha b", "ha/+", "#", "$ha", "casá", "x".repeat(65), `${"x".repeat(64)}/a`].map(
		(homeAssistant) => [{ homeAssistant }, /^homeAssistant: must be true, false or a prefix of topics/] as const,
	),
	[{ homeAssistant: 1 }, /^homeAssistant: must be a text in quotes$/],
	[{ homeAssistant: ["ha"] }, /^homeAssistant: must be a text in quotes$/],
	[{ homeAssistant: true, topic: "homeassistant" }, /^homeAssistant: is the station's topic$/],
	[{ payload: "cbor", homeAssistant: true }, /^payload: Home Assistant does not read cbor: it needs values$/],
	[{ payload: "CBOR" }, /^payload: must be one of json, cbor$/],
	[{ homeAssistant: "veleta/station" }, /^homeAssistant: is the station's topic$/],
	[{ wifi: { $schema: "x", ssid: "casa" } }, unknown("wifi\\.\\$schema", SETTINGS.wifi.properties)],
];

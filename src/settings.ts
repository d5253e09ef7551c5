/**
 * What a user may set: defaults with their reason, and validation with errors
 * that name the field. Everything has a default, so `{}` is valid.
 */
import { Fields, SettingsError } from "./fields.js";
import type { Bytes, TlsOptions } from "./host.js";
import { type BrokerAddress, parseBrokerUrl } from "./net/broker-url.js";
import { isIPv4 } from "./net/ipv4.js";
import type { QoS } from "./net/mqtt/packet.js";
import { SLOT_BYTES } from "./outbox/slot.js";
import { SENSORS, type SensorModel } from "./sensors/models.js";
import { bytesOf, hasControls } from "./text.js";

export { SettingsError } from "./fields.js";

export type Age = "newest" | "oldest";
const AGES: readonly Age[] = Object.freeze(["newest", "oldest"] as const);

/** What a station can be told to do, in the order in which it lists it. */
export const COMMANDS = Object.freeze(["sample", "interval", "restart", "status", "update"] as const);
export type CommandName = (typeof COMMANDS)[number];

/** Brokers at which everybody may read and publish everything: one text, which is smaller than a list. */
const PUBLIC_BROKERS =
	",test.mosquitto.org,broker.hivemq.com,broker.emqx.io,mqtt.eclipseprojects.io,mqtt.eclipse.org," +
	"broker.shiftr.io,public.cloud.shiftr.io,";

export interface Settings {
	readonly sensor: SensorModel;
	/** Seconds between readings. */
	readonly interval: number;
	readonly broker: BrokerAddress;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** Names the station in topics and to the broker. */
	readonly id: string;
	/** What the station's topics begin with. */
	readonly topic: string;
	/** Those that it carries out. */
	readonly commands: readonly CommandName[];
	/** Seconds. */
	readonly keepAlive: number;
	/** Of the readings. */
	readonly qos: QoS;
	/** What goes first after an outage: the newest reading, or the oldest without exception. */
	readonly order: Age;
	/** Which readings are dropped when no more can be kept. */
	readonly full: Age;
	/** Readings per second, of those that waited. */
	readonly backlogRate: number;
	/** Seconds between diagnostics; 0: none. */
	readonly diagnostics: number;
	/** RAM for readings while the flash refuses, in bytes. */
	readonly outbox: number;
	/** Who is asked for the time, on hosts that have to ask. */
	readonly timeServer: string;
	/** For brokers at `mqtts://`. */
	readonly tls: TlsOptions;
	/** Whether the machine sleeps between readings, where it can. */
	readonly sleep: boolean;
	/** Seconds: the longest time awake for one reading. */
	readonly awake: number;
	/** Of whoever signs updates; without it there are none. */
	readonly updateKey: Bytes | undefined;
	/** The board's pins, where they differ from the board's table. */
	readonly pins: Pins;
	/** For hosts with Wi-Fi: the networks that may be joined. */
	readonly wifi: readonly Wifi[];
}

export interface Pins {
	/** I2C data and clock of a BME280 or BMP280. */
	readonly data?: number;
	readonly clock?: number;
	/** The data line of a DHT. */
	readonly dht?: number;
	readonly led?: number;
}
const PINS = Object.freeze(["data", "clock", "dht", "led"] as const);

export interface Wifi {
	readonly ssid: string;
	readonly password?: string;
	/** IPv4 addresses in place of what DHCP would give: all of them or none, but for `dns`. */
	readonly address?: string;
	readonly mask?: string;
	readonly gateway?: string;
	readonly dns?: string;
}

const DEFAULTS = Object.freeze({
	sensor: "bme280" as SensorModel,
	/** Weather changes over minutes, and a DHT warms itself when it is asked too often. */
	interval: 60,
	broker: "mqtt://localhost:1883",
	id: "station",
	/**
	 * Longer than the interval, so that a reading spares the PINGREQ. A lost
	 * station is known to be lost after one and a half times this.
	 */
	keepAlive: 90,
	qos: 1 as QoS,
	/** Somebody who looks after an outage wants to know how it is, and then how it was. */
	order: "newest" as Age,
	full: "oldest" as Age,
	/** A day of readings, one a minute, in two and a half minutes: no burden for a broker, nor for who listens. */
	backlogRate: 10,
	/** A quarter of an hour. */
	diagnostics: 900,
	/** 85 readings, for as long as the flash refuses. */
	outbox: 2_048,
	/** Wi-Fi and MQTT take 1 to 3 s; an access point that has forgotten the board, some more. */
	awake: 20,
	/** A pool of public servers; it answers on nearly every network that has a way out. */
	timeServer: "pool.ntp.org",
});

/** Longest time between readings, in s: a day. */
export const INTERVAL_MAXIMUM_S = 86_400;
/** One a minute would keep a backlog for ever; more than a thousand a second no board sends. */
const BACKLOG_RATE = Object.freeze({ lowest: 0.1, highest: 1_000 });
/** Larger than what a board has to spare. */
const OUTBOX_MAXIMUM = 65_536;
/** Seconds awake. The shortest covers an association, DHCP and a few round trips. */
const AWAKE = Object.freeze({ lowest: 5, highest: 600 });
/** Networks to choose from. */
const WIFI_MAXIMUM = 5;
/** An uncompressed point on P-256: 4, x, y. */
const UPDATE_KEY_BYTES = 65;
/** MQTT strings have 65,535 bytes at the most [MQTT-1.5.3]; a topic needs room for its last level. */
const TOPIC_MAXIMUM = 1_024;
/** IEEE 802.11: an SSID has at most 32 bytes, a passphrase 8 to 63 characters. */
const SSID_MAXIMUM = 32;

/** Validates what a user wrote; throws a `SettingsError` at the first setting that cannot be used. */
export function parseSettings(raw: unknown): Settings {
	const fields = new Fields("", raw ?? {});
	const sensor = fields.choice("sensor", Object.keys(SENSORS) as SensorModel[], DEFAULTS.sensor);
	const interval = fields.number(
		"interval",
		SENSORS[sensor],
		INTERVAL_MAXIMUM_S,
		DEFAULTS.interval,
		` for a ${sensor}`,
	);
	const { username, password, ...broker } = parseBroker(fields.string("broker", DEFAULTS.broker));
	const id = name(fields.string("id", DEFAULTS.id));
	const settings: Settings = {
		sensor,
		interval,
		broker,
		username: fields.optionalString("username") ?? username,
		password: fields.optionalString("password") ?? password,
		id,
		topic: topic(fields.string("topic", `veleta/${id}`)),
		commands: parseCommands(fields.value("commands"), isPublic(broker) ? [] : COMMANDS),
		keepAlive: fields.integer("keepAlive", 0, 65_535, DEFAULTS.keepAlive),
		qos: fields.integer("qos", 0, 2, DEFAULTS.qos) as QoS,
		order: fields.choice("order", AGES, DEFAULTS.order),
		full: fields.choice("full", AGES, DEFAULTS.full),
		backlogRate: fields.number("backlogRate", BACKLOG_RATE.lowest, BACKLOG_RATE.highest, DEFAULTS.backlogRate),
		diagnostics: fields.integer("diagnostics", 0, INTERVAL_MAXIMUM_S, DEFAULTS.diagnostics),
		timeServer: fields.string("timeServer", DEFAULTS.timeServer),
		outbox: fields.integer("outbox", 8 * SLOT_BYTES, OUTBOX_MAXIMUM, DEFAULTS.outbox),
		tls: parseTls(fields.value("tls")),
		sleep: fields.boolean("sleep"),
		awake: fields.number("awake", AWAKE.lowest, AWAKE.highest, DEFAULTS.awake),
		updateKey: parseUpdateKey(fields.optionalString("updateKey")),
		pins: parsePins(fields.value("pins")),
		wifi: parseNetworks(fields.value("wifi")),
	};
	if (settings.timeServer === "") throw new SettingsError("timeServer: must not be empty");
	if (settings.username === "") throw new SettingsError("username: must not be empty");
	if (settings.password !== undefined && settings.username === undefined) {
		throw new SettingsError("password: needs a username beside it");
	}
	fields.nothingElse();
	return settings;
}

function parseBroker(url: string) {
	try {
		return parseBrokerUrl(url);
	} catch (error) {
		throw new SettingsError(`broker: ${(error as Error).message}`);
	}
}

function name(id: string): string {
	if (!/^[A-Za-z0-9_.-]{1,64}$/.test(id)) {
		throw new SettingsError("id: needs 1 to 64 letters, digits, points, hyphens or underscores");
	}
	return id;
}

function topic(topic: string): string {
	const complain = (what: string) => new SettingsError(`topic: ${what}`);
	if (topic === "") throw complain("must not be empty");
	if (topic.length > TOPIC_MAXIMUM) throw complain(`has more than ${TOPIC_MAXIMUM} characters`);
	if (/[+#]/.test(topic)) throw complain("must not contain + or #: they stand for topics only in a subscription");
	if (topic.startsWith("$")) throw complain("must not begin with $: those topics are the broker's");
	if (topic.startsWith("/") || topic.endsWith("/")) throw complain("must not begin or end with /");
	if (hasControls(topic)) throw complain("contains a character that MQTT does not allow");
	return topic;
}

/** Whether everybody may publish at this broker, and so send commands. */
export function isPublic({ host }: BrokerAddress): boolean {
	// A point at the end of a name is its root.
	return PUBLIC_BROKERS.includes(`,${host.toLowerCase()},`.replace(".,", ","));
}

/** `false` for none, or a list. */
function parseCommands(raw: unknown, otherwise: readonly CommandName[]): readonly CommandName[] {
	if (raw === undefined) return otherwise;
	if (raw === false) return [];
	if (!Array.isArray(raw) || !raw.every((name) => COMMANDS.includes(name))) {
		throw new SettingsError(`commands: must be false, or a list of ${COMMANDS.join(", ")}`);
	}
	return COMMANDS.filter((name) => raw.includes(name));
}

function parsePins(raw: unknown): Pins {
	if (raw === undefined) return {};
	const fields = new Fields("pins.", raw);
	const pins: { -readonly [pin in keyof Pins]: Pins[pin] } = {};
	for (const pin of PINS) {
		if ((fields.value(pin) ?? undefined) !== undefined) pins[pin] = fields.integer(pin, 0, 48, 0);
	}
	if (pins.data !== undefined && pins.data === pins.clock)
		throw new SettingsError("pins.clock: is the pin of pins.data, too");
	fields.nothingElse();
	return pins;
}

/** Texts in PEM, which hold secrets: no message shows them. */
function parseTls(raw: unknown): TlsOptions {
	if (raw === undefined) return {};
	const fields = new Fields("tls.", raw);
	const tls: { -readonly [member in keyof TlsOptions]: string } = {};
	for (const member of ["ca", "certificate", "key"] as const) {
		const text = fields.optionalString(member);
		if (text === undefined) continue;
		if (!text.startsWith("-----BEGIN ")) throw new SettingsError(`tls.${member}: must be in PEM: -----BEGIN …`);
		tls[member] = text;
	}
	if ((tls.certificate === undefined) !== (tls.key === undefined)) {
		throw new SettingsError("tls.certificate: goes with tls.key, and the key with it");
	}
	fields.nothingElse();
	return tls;
}

/** Hexadecimal digits, as `npm run update -- --new-key` shows them. */
function parseUpdateKey(text: string | undefined): Bytes | undefined {
	if (text === undefined) return undefined;
	const key = new Uint8Array(UPDATE_KEY_BYTES);
	if (text.length !== 2 * UPDATE_KEY_BYTES || !/^04[0-9a-f]*$/.test(text)) {
		throw new SettingsError(`updateKey: needs 04 and ${2 * UPDATE_KEY_BYTES - 2} hexadecimal digits in lower case`);
	}
	for (let index = 0; index < key.length; index++)
		key[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16);
	return key;
}

/** One network, or a list of them. */
function parseNetworks(raw: unknown): readonly Wifi[] {
	if (raw === undefined) return [];
	if (!Array.isArray(raw)) return [parseWifi("wifi", raw)];
	if (raw.length > WIFI_MAXIMUM) throw new SettingsError(`wifi: has more than ${WIFI_MAXIMUM} networks`);
	return raw.map((network, index) => parseWifi(`wifi[${index}]`, network));
}

function parseWifi(name: string, raw: unknown): Wifi {
	const fields = new Fields(`${name}.`, raw);
	const ssid = fields.string("ssid", "");
	if (ssid === "" || bytesOf(ssid).length > SSID_MAXIMUM)
		throw new SettingsError(`${name}.ssid: needs 1 to ${SSID_MAXIMUM} bytes`);
	const wifi: { -readonly [member in keyof Wifi]: string } & { ssid: string } = { ssid };
	const password = fields.optionalString("password");
	if (password) {
		const { length } = bytesOf(password);
		if (length < 8 || length > 63) {
			throw new SettingsError(`${name}.password: needs 8 to 63 characters`);
		}
		wifi.password = password;
	}
	for (const member of ["address", "mask", "gateway", "dns"] as const) {
		const address = fields.optionalString(member);
		if (address === undefined) continue;
		if (!isIPv4(address)) throw new SettingsError(`${name}.${member}: must be an IPv4 address such as 192.168.1.20`);
		wifi[member] = address;
	}
	const { address, mask, gateway } = wifi;
	if ([address, mask, gateway].some((given) => (given === undefined) !== (address === undefined))) {
		throw new SettingsError(`${name}.address: goes with ${name}.mask and ${name}.gateway`);
	}
	fields.nothingElse();
	return wifi;
}

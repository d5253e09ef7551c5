/**
 * What a user may set: defaults with their reason, and validation with errors
 * that name the field. Everything has a default, so `{}` is valid.
 */
import { type BrokerAddress, parseBrokerUrl } from "./net/broker-url.js";
import type { QoS } from "./net/mqtt/packet.js";
import { SLOT_BYTES } from "./outbox/slot.js";

/** Sensor models with the shortest interval in seconds that each can be sampled at. */
export const SENSORS = Object.freeze({ bme280: 1, bmp280: 1, dht22: 2, dht11: 1 });
export type SensorModel = keyof typeof SENSORS;

export type Age = "newest" | "oldest";
const AGES: readonly Age[] = Object.freeze(["newest", "oldest"] as const);

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
	/** The board's pins, where they differ from the board's table. */
	readonly pins: Pins;
	/** For hosts with Wi-Fi. */
	readonly wifi: Wifi | undefined;
}

export interface Pins {
	/** I2C data and clock of a BME280 or BMP280. */
	readonly data?: number;
	readonly clock?: number;
	/** The data line of a DHT. */
	readonly dht?: number;
}

export interface Wifi {
	readonly ssid: string;
	readonly password?: string;
}

/** A setting that cannot be used; the message begins with the setting's name. */
export class SettingsError extends Error {
	override name = "SettingsError";
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
	/** A pool of public servers; it answers on nearly every network that has a way out. */
	timeServer: "pool.ntp.org",
});

/** Longest time between readings, in s: a day. */
export const INTERVAL_MAXIMUM_S = 86_400;
/** One a minute would keep a backlog for ever; more than a thousand a second no board sends. */
const BACKLOG_RATE = Object.freeze({ lowest: 0.1, highest: 1_000 });
/** Larger than what a board has to spare. */
const OUTBOX_MAXIMUM = 65_536;
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
		keepAlive: fields.integer("keepAlive", 0, 65_535, DEFAULTS.keepAlive),
		qos: fields.integer("qos", 0, 2, DEFAULTS.qos) as QoS,
		order: fields.choice("order", AGES, DEFAULTS.order),
		full: fields.choice("full", AGES, DEFAULTS.full),
		backlogRate: fields.number("backlogRate", BACKLOG_RATE.lowest, BACKLOG_RATE.highest, DEFAULTS.backlogRate),
		diagnostics: fields.integer("diagnostics", 0, INTERVAL_MAXIMUM_S, DEFAULTS.diagnostics),
		timeServer: fields.string("timeServer", DEFAULTS.timeServer),
		outbox: fields.integer("outbox", 8 * SLOT_BYTES, OUTBOX_MAXIMUM, DEFAULTS.outbox),
		pins: parsePins(fields.value("pins")),
		wifi: parseWifi(fields.value("wifi")),
	};
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
	for (const character of topic) {
		if (isForbidden(character.codePointAt(0)!)) throw complain("contains a character that MQTT does not allow");
	}
	return topic;
}

/** Control characters, which should not be in MQTT's strings, and halves of surrogate pairs, which must not [MQTT-1.5.3-1]. */
function isForbidden(codePoint: number): boolean {
	return codePoint < 0x20 || (codePoint >= 0x7f && codePoint < 0xa0) || (codePoint >= 0xd800 && codePoint < 0xe000);
}

function parsePins(raw: unknown): Pins {
	if (raw === undefined) return {};
	const fields = new Fields("pins.", raw);
	const pins: { -readonly [pin in keyof Pins]: Pins[pin] } = {};
	for (const pin of ["data", "clock", "dht"] as const) {
		if (fields.value(pin) !== undefined) pins[pin] = fields.integer(pin, 0, 48, 0);
	}
	fields.nothingElse();
	return pins;
}

function parseWifi(raw: unknown): Wifi | undefined {
	if (raw === undefined) return undefined;
	const fields = new Fields("wifi.", raw);
	const ssid = fields.string("ssid", "");
	const password = fields.optionalString("password");
	if (ssid === "" || utf8Length(ssid) > SSID_MAXIMUM)
		throw new SettingsError(`wifi.ssid: needs 1 to ${SSID_MAXIMUM} bytes`);
	if (password !== undefined && password !== "" && (password.length < 8 || password.length > 63)) {
		throw new SettingsError("wifi.password: needs 8 to 63 characters");
	}
	fields.nothingElse();
	return password ? { ssid, password } : { ssid };
}

/** Bytes of a text in UTF-8. */
function utf8Length(text: string): number {
	let length = 0;
	for (const character of text) {
		const codePoint = character.codePointAt(0)!;
		length += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
	}
	return length;
}

/** The members of an object that a user wrote, taken one by one. */
class Fields {
	readonly #prefix: string;
	readonly #raw: Record<string, unknown>;
	readonly #known: string[] = [];

	constructor(prefix: string, raw: unknown) {
		if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
			throw new SettingsError(
				prefix === "" ? "settings: must be an object" : `${prefix.slice(0, -1)}: must be an object`,
			);
		}
		this.#prefix = prefix;
		this.#raw = raw as Record<string, unknown>;
	}

	value(name: string): unknown {
		this.#known.push(name);
		return this.#raw[name];
	}

	optionalString(name: string): string | undefined {
		const value = this.value(name);
		// The value is not shown: it may be a secret in the wrong place.
		if (value !== undefined && typeof value !== "string") throw this.#error(name, "must be a text in quotes");
		return value;
	}

	string(name: string, fallback: string): string {
		return this.optionalString(name) ?? fallback;
	}

	number(name: string, lowest: number, highest: number, fallback: number, whose = ""): number {
		const value = this.value(name) ?? fallback;
		if (typeof value !== "number" || !(value >= lowest && value <= highest)) {
			throw this.#error(name, `must be a number from ${lowest} to ${highest}${whose}`);
		}
		return value;
	}

	integer(name: string, lowest: number, highest: number, fallback: number): number {
		const value = this.number(name, lowest, highest, fallback);
		if (!Number.isInteger(value)) throw this.#error(name, "must be a whole number");
		return value;
	}

	choice<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice {
		const value = this.value(name) ?? fallback;
		const choice = choices.find((choice) => choice === value);
		if (choice === undefined) throw this.#error(name, `must be one of ${choices.join(", ")}`);
		return choice;
	}

	/** Throws for a member that nobody has taken: most likely a slip of the pen. */
	nothingElse(): void {
		for (const name of Object.keys(this.#raw)) {
			if (!this.#known.includes(name)) throw this.#error(name, `is no setting; there are ${this.#known.join(", ")}`);
		}
	}

	#error(name: string, problem: string): SettingsError {
		return new SettingsError(`${this.#prefix}${name}: ${problem}`);
	}
}

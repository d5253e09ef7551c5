/**
 * The settings: their types, limits and defaults, in JSON Schema's words where it
 * has one. `texts.ts`, which no board has, describes them; `../settings.ts` checks
 * what a row cannot express.
 */
import { DERIVED } from "../net/derived.js";
import { IPV4 } from "../net/ipv4.js";
import { SLOT_BYTES } from "../outbox/slot.js";
import { SENSORS, type SensorModel } from "../sensors/models.js";

/** Patterns are texts: XS (SDK 8.2.3) spoils its heap when it uses a preloaded regular expression. */
export interface Rule {
	readonly pattern?: string;
	/** A pattern that must not match. */
	readonly not?: string;
	/** Characters. */
	readonly maxLength?: number;
	/** In UTF-8. With `minBytes` an empty text counts as left out. */
	readonly minBytes?: number;
	readonly maxBytes?: number;
	/** A pattern of texts for which the rest of the rule does not hold. */
	readonly or?: string;
	/** The message for a text that breaks the rule. It shows nothing of the text, which may be a secret. */
	readonly problem?: string;
}

export interface Row extends Rule {
	/** A row without a type has one of `enum`, `some`, `properties` and `items`. */
	readonly type?: "string" | "number" | "integer" | "boolean";
	/** If the default breaks the rule, as an empty text may, the user has to set a value. */
	readonly default?: string | number | boolean;
	/** Several rules: the message is that of the first broken one. */
	readonly allOf?: readonly Rule[];
	/** A number's minimum, by default 0; or one for each sensor. */
	readonly minimum?: number | Readonly<Record<SensorModel, number>>;
	readonly maximum?: number;
	/** One of these texts. */
	readonly enum?: readonly string[];
	/** `false`, or a list of some of these texts. */
	readonly some?: readonly string[];
	/** An object. */
	readonly properties?: Table;
	/** Properties that are given all or none. */
	readonly together?: readonly string[];
	/** `true` or `false` may stand in place of the object or the text, which by default is `false`. */
	readonly orBoolean?: boolean;
	/** One object, or one of `items`, or a list of at most `maxItems` of them. */
	readonly maxItems?: number;
	readonly items?: Row;
}

export interface ObjectRow<T extends Table> extends Row {
	readonly properties: T;
}

export interface Table {
	readonly [name: string]: Row;
}

/** The type of a row's value. */
type ValueOf<R> = R extends { readonly enum: readonly (infer Choice)[] }
	? Choice
	: R extends { readonly some: readonly (infer Choice)[] }
		? false | readonly Choice[]
		: R extends { readonly maxItems: number; readonly properties: infer T }
			? readonly Values<T>[]
			: R extends { readonly items: infer Item }
				? readonly ValueOf<Item>[]
				: R extends { readonly properties: infer T }
					? Values<T> | (R extends { readonly orBoolean: true } ? boolean : never)
					: R extends { readonly type: "string" }
						? string | (R extends { readonly orBoolean: true } ? boolean : never)
						: R extends { readonly type: "boolean" }
							? boolean
							: number;
/** A row that always has a value. */
type Certain =
	| { readonly default: unknown }
	| { readonly properties: unknown }
	| { readonly items: unknown }
	| { readonly orBoolean: true };
/** The type of a table's values. */
export type Values<T> = {
	readonly [N in keyof T as T[N] extends Certain ? N : never]: ValueOf<T[N]>;
} & { readonly [N in keyof T as T[N] extends Certain ? never : N]?: ValueOf<T[N]> };

/** Longest time between readings, in s: a day. */
export const INTERVAL_MAXIMUM_S = 86_400;

/** A station's commands, in the order in which it lists them. */
export const COMMANDS = Object.freeze(["sample", "interval", "restart", "status", "readings", "update"] as const);
export type CommandName = (typeof COMMANDS)[number];

const AGES = ["newest", "oldest"] as const;
const ADDRESS = { type: "string", pattern: IPV4, problem: "must be an IPv4 address such as 192.168.1.20" } as const;
const PEM = { type: "string", pattern: "^-----BEGIN ", problem: "must be in PEM: -----BEGIN …" } as const;
/** No chip has a higher GPIO number. */
const PIN = { type: "integer", maximum: 48 } as const;
/** In hexadecimal digits an uncompressed point on P-256: 4, x, y. */
const KEY = {
	type: "string",
	pattern: "^04[0-9a-f]{128}$",
	problem: "needs 04 and 128 hexadecimal digits in lower case",
} as const;
const EMPTY = { not: "^$", problem: "must not be empty" } as const;

const TOPIC = {
	type: "string",
	allOf: [
		EMPTY,
		// MQTT strings have 65,535 bytes at the most [MQTT-1.5.3]; a topic needs room for its last level.
		{ maxLength: 1_024, problem: "has more than 1024 characters" },
		{ not: "[+#]", problem: "must not contain + or #: they stand for topics only in a subscription" },
		{ not: "^\\$", problem: "must not begin with $: those topics are the broker's" },
		{ not: "^/|/$", problem: "must not begin or end with /" },
	],
} as const;

/** XS's `freeze` has a second argument for deep freezing: an unfrozen object would be in a board's RAM. */
type Freezing = { freeze<const T extends Table>(table: T, deep: true): T };

export const SETTINGS = (Object as Freezing).freeze(
	{
		sensor: { enum: Object.keys(SENSORS) as SensorModel[], default: "bme280" },
		/** Seconds. Weather changes over minutes, and a DHT warms itself when it is asked too often. */
		interval: { type: "number", minimum: SENSORS, maximum: INTERVAL_MAXIMUM_S, default: 60 },
		/** A median of more is not better, and takes a DHT longer than a reading should. */
		samples: { type: "integer", minimum: 1, maximum: 9, default: 1 },
		/** Thresholds in a report's units. A quantity that has none is no reason to publish. */
		change: {
			properties: {
				temperature: { type: "number", maximum: 20 },
				humidity: { type: "number", maximum: 50 },
				pressure: { type: "number", maximum: 100 },
				/** Intervals: a day of minutes. */
				atMost: { type: "integer", minimum: 1, maximum: 1_440, default: 10 },
			},
		},
		/** In a report's units. A sensor that is further off is broken, or in the wrong place. */
		offsets: {
			properties: {
				temperature: { type: "number", minimum: -20, maximum: 20 },
				humidity: { type: "number", minimum: -50, maximum: 50 },
				pressure: { type: "number", minimum: -100, maximum: 100 },
			},
		},
		/** Metres: beyond all places where people live, and a BME280's range of pressures. */
		altitude: { type: "number", minimum: -500, maximum: 9_000 },
		derived: { some: DERIVED },
		broker: { type: "string", default: "mqtt://localhost:1883" },
		username: { type: "string", ...EMPTY },
		password: { type: "string" },
		id: {
			type: "string",
			pattern: "^[A-Za-z0-9_.-]{1,64}$",
			problem: "needs 1 to 64 letters, digits, points, hyphens or underscores",
		},
		topic: TOPIC,
		payload: { enum: ["json", "cbor"], default: "json" },
		state: { type: "boolean", default: true },
		values: {
			properties: {
				temperature: TOPIC,
				humidity: TOPIC,
				pressure: TOPIC,
				seaLevelPressure: TOPIC,
				dewPoint: TOPIC,
				absoluteHumidity: TOPIC,
				heatIndex: TOPIC,
			},
			orBoolean: true,
		},
		/** A prefix of topics. */
		homeAssistant: {
			type: "string",
			pattern: "^[\\w-]+(/[\\w-]+)*$",
			maxLength: 64,
			problem: "must be true, false or a prefix of topics such as homeassistant",
			orBoolean: true,
		},
		commands: { some: COMMANDS },
		/** Seconds. */
		keepAlive: { type: "integer", maximum: 65_535 },
		qos: { type: "integer", maximum: 2, default: 1 },
		/** After an outage the current weather matters first, then the past. */
		order: { enum: AGES, default: "newest" },
		full: { enum: AGES, default: "oldest" },
		/**
		 * A second. A day of readings, one a minute, takes two and a half minutes: no burden for a broker, nor for who
		 * listens. One a minute would keep a backlog for ever; more than a thousand a second no board sends.
		 */
		backlogRate: { type: "number", minimum: 0.1, maximum: 1_000, default: 10 },
		/** Seconds; 0: none. */
		diagnostics: { type: "integer", maximum: INTERVAL_MAXIMUM_S, default: 900 },
		log: { enum: ["off", "warning", "info"], default: "off" },
		/** A pool of public servers; it answers on nearly every network that has a way out. */
		timeServer: { type: "string", ...EMPTY, default: "pool.ntp.org" },
		/** Bytes. 85 readings, for as long as the flash refuses; the maximum is more than a board has to spare. */
		outbox: { type: "integer", minimum: 8 * SLOT_BYTES, maximum: 65_536, default: 2_048 },
		tls: {
			properties: {
				ca: PEM,
				certificate: PEM,
				key: PEM,
				fingerprint: {
					type: "string",
					pattern: "^[\\dA-Fa-f]{2}(:?[\\dA-Fa-f]{2}){31}$",
					problem: "needs the 64 hexadecimal digits of a SHA-256, with colons or without",
				},
				/** RFC 7301 allows 255 bytes of any kind; protocols have names of a few letters. */
				alpn: {
					type: "string",
					pattern: "^[!-~]{1,64}$",
					problem: "needs 1 to 64 characters of ASCII, without spaces",
				},
			},
			together: ["certificate", "key"],
		},
		sleep: { type: "boolean", default: false },
		/**
		 * Seconds. Wi-Fi and MQTT take 1 to 3; an access point that has forgotten the board, some more. The shortest
		 * covers an association, DHCP and a few round trips.
		 */
		awake: { type: "number", minimum: 5, maximum: 600, default: 20 },
		updateKeys: { items: KEY, maxItems: 4, problem: "has more than 4 keys" },
		/** What `updateKeys` was when there was one. */
		updateKey: KEY,
		/** In JSON a text: it has no hexadecimal numbers. */
		address: { enum: ["0x76", "0x77"] },
		pins: { properties: { data: PIN, clock: PIN, dht: PIN, led: PIN } },
		wifi: {
			maxItems: 5,
			problem: "has more than 5 networks",
			properties: {
				// IEEE 802.11: an SSID has at most 32 bytes, a passphrase 8 to 63 characters, and an open network none.
				ssid: { type: "string", default: "", not: "^$", maxBytes: 32, problem: "needs 1 to 32 bytes" },
				// Or the key that is made of it, which has 256 bits.
				password: {
					type: "string",
					minBytes: 8,
					maxBytes: 63,
					or: "^[\\dA-Fa-f]{64}$",
					problem: "needs 8 to 63 characters, or 64 hexadecimal digits",
				},
				address: ADDRESS,
				mask: ADDRESS,
				gateway: ADDRESS,
				dns: ADDRESS,
			},
			together: ["address", "mask", "gateway"],
		},
	},
	true,
);

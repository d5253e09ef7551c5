/**
 * Home Assistant's rules for a discovery message, as its documentation has them, and a check of messages against them:
 * https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery and the pages of MQTT sensors, buttons and numbers;
 * units and classes: https://developers.home-assistant.io/docs/core/entity/sensor/#available-device-classes
 */
import { Ajv, type ValidateFunction } from "ajv";

export interface DiscoveryMessage {
	readonly topic: string;
	readonly payload: string;
}

/** A message with its abbreviations written out. */
export interface DiscoveredEntity {
	readonly [member: string]: unknown;
	readonly state_topic?: string;
	readonly command_topic?: string;
	readonly value_template?: string;
}

const ABBREVIATIONS: Readonly<Record<string, string>> = {
	avty_t: "availability_topic",
	avty_tpl: "availability_template",
	cmd_t: "command_topic",
	def_ent_id: "default_entity_id",
	dev: "device",
	dev_cla: "device_class",
	ent_cat: "entity_category",
	exp_aft: "expire_after",
	o: "origin",
	pl_prs: "payload_press",
	stat_cla: "state_class",
	stat_t: "state_topic",
	sug_dsp_prc: "suggested_display_precision",
	uniq_id: "unique_id",
	unit_of_meas: "unit_of_measurement",
	val_tpl: "value_template",
};
const DEVICE_ABBREVIATIONS: Readonly<Record<string, string>> = {
	cns: "connections",
	cu: "configuration_url",
	hw: "hw_version",
	ids: "identifiers",
	mdl: "model",
	mf: "manufacturer",
	sa: "suggested_area",
	sw: "sw_version",
};

/** A topic to publish to, without wildcards. */
const TOPIC = { type: "string", pattern: "^[^+#\\u0000]+$" } as const;
/** A text with one expression in it. Not Jinja's grammar. */
const TEMPLATE = { type: "string", pattern: "^\\{\\{[^{}]+\\}\\}$" } as const;
const TEXT = { type: "string", minLength: 1 } as const;

/** Of sensors, with their units. */
const UNITS: Readonly<Record<string, readonly string[]>> = {
	temperature: ["°C", "°F", "K"],
	humidity: ["%"],
	absolute_humidity: ["g/m³", "mg/m³"],
	atmospheric_pressure: ["cbar", "bar", "hPa", "mmHg", "inHg", "kPa", "mbar", "Pa", "psi"],
	signal_strength: ["dB", "dBm"],
	duration: ["d", "h", "min", "s", "ms", "μs"],
	wind_speed: ["ft/s", "in/d", "in/h", "km/h", "kn", "m/s", "mph", "mm/d"],
	precipitation: ["cm", "in", "mm"],
	distance: ["km", "m", "cm", "mm", "mi", "nmi", "yd", "in"],
	data_size: ["bit", "kbit", "B", "kB", "MB", "KiB", "MiB"],
};

/** `required` beyond Home Assistant's own: what a station's message has to have. */
const common = (component: string) => ({
	name: TEXT,
	unique_id: TEXT,
	default_entity_id: { type: "string", pattern: `^${component}\\.[a-z0-9_]+$` },
	availability_topic: TOPIC,
	availability_template: TEMPLATE,
	qos: { enum: [0, 1, 2] },
	device: {
		type: "object",
		properties: {
			identifiers: { anyOf: [TEXT, { type: "array", items: TEXT, minItems: 1 }] },
			connections: { type: "array", minItems: 1 },
			name: TEXT,
			manufacturer: TEXT,
			model: TEXT,
			sw_version: TEXT,
			hw_version: TEXT,
			suggested_area: TEXT,
			configuration_url: TEXT,
		},
		anyOf: [{ required: ["identifiers"] }, { required: ["connections"] }],
		additionalProperties: false,
	},
	origin: {
		type: "object",
		properties: { name: TEXT, sw: TEXT, url: TEXT },
		required: ["name"],
		additionalProperties: false,
	},
});
const REQUIRED = [
	"name",
	"unique_id",
	"default_entity_id",
	"availability_topic",
	"availability_template",
	"device",
	"origin",
];

const SCHEMAS: Readonly<Record<string, object>> = {
	sensor: {
		type: "object",
		properties: {
			...common("sensor"),
			state_topic: TOPIC,
			value_template: TEMPLATE,
			device_class: { enum: Object.keys(UNITS) },
			state_class: { enum: ["measurement", "measurement_angle", "total", "total_increasing"] },
			unit_of_measurement: TEXT,
			suggested_display_precision: { type: "integer", minimum: 0 },
			expire_after: { type: "integer", minimum: 1 },
			// A sensor has nothing to be configured.
			entity_category: { const: "diagnostic" },
		},
		required: [...REQUIRED, "state_topic"],
		additionalProperties: false,
		allOf: Object.entries(UNITS).map(([deviceClass, units]) => ({
			if: { properties: { device_class: { const: deviceClass } }, required: ["device_class"] },
			// biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
			then: { properties: { unit_of_measurement: { enum: units } }, required: ["unit_of_measurement"] },
		})),
	},
	button: {
		type: "object",
		properties: {
			...common("button"),
			command_topic: TOPIC,
			payload_press: { type: "string" },
			device_class: { enum: ["identify", "restart", "update"] },
			entity_category: { enum: ["config", "diagnostic"] },
		},
		required: [...REQUIRED, "command_topic"],
		additionalProperties: false,
	},
	number: {
		type: "object",
		properties: {
			...common("number"),
			command_topic: TOPIC,
			state_topic: TOPIC,
			value_template: TEMPLATE,
			device_class: { const: "duration" },
			unit_of_measurement: { enum: UNITS.duration },
			min: { type: "number" },
			max: { type: "number" },
			step: { type: "number", minimum: 0.001 },
			mode: { enum: ["auto", "box", "slider"] },
			entity_category: { enum: ["config", "diagnostic"] },
		},
		required: [...REQUIRED, "command_topic", "min", "max"],
		additionalProperties: false,
	},
};

const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
const VALIDATORS: Readonly<Record<string, ValidateFunction>> = Object.fromEntries(
	Object.entries(SCHEMAS).map(([component, schema]) => [component, ajv.compile(schema)]),
);

function written(value: object, abbreviations: Readonly<Record<string, string>>): Record<string, unknown> {
	return Object.fromEntries(Object.entries(value).map(([name, member]) => [abbreviations[name] ?? name, member]));
}

/** What Home Assistant makes of a payload, before it checks it. */
export function entityOf(payload: string): DiscoveredEntity {
	const { "~": base, ...members } = written(JSON.parse(payload), ABBREVIATIONS);
	for (const [name, value] of Object.entries(members)) {
		if (!name.endsWith("topic") || typeof value !== "string" || typeof base !== "string") continue;
		if (value.startsWith("~")) members[name] = base + value.slice(1);
		else if (value.endsWith("~")) members[name] = value.slice(0, -1) + base;
	}
	if (members.device) members.device = written(members.device, DEVICE_ABBREVIATIONS);
	return members;
}

/** Why Home Assistant would not take a message; an empty list: it takes it. */
export function faultsOf({ topic, payload }: DiscoveryMessage, prefix = "homeassistant"): string[] {
	const [, component = "", ids] =
		/^\/([a-z_]+)\/((?:[a-zA-Z0-9_-]+\/)?[a-zA-Z0-9_-]+)\/config$/.exec(topic.slice(prefix.length)) ?? [];
	const validate = VALIDATORS[component];
	if (!topic.startsWith(prefix) || !ids || !validate) return [`no topic of a discovery message: ${topic}`];
	if (payload === "") return [];
	const entity = entityOf(payload);
	if (validate(entity)) return [];
	return validate.errors!.map(({ instancePath, message, params }) =>
		[instancePath.slice(1), message, ...Object.values(params)].join(" ").trim(),
	);
}

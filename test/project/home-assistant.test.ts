/** The messages for Home Assistant against a schema of its documentation, which finds wrong ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimulatedSensor } from "../../hosts/sim/devices/simulated-sensor.ts";
import { DERIVED } from "../../src/net/derived.ts";
import { SENSORS } from "../../src/sensors/models.ts";
import { parseSettings } from "../../src/settings.ts";
import { Station } from "../../src/station/station.ts";
import { AnsweringBroker } from "../harness/answering-broker.ts";
import { type DiscoveryMessage, entityOf, faultsOf } from "../harness/home-assistant.ts";
import { hostOf } from "../harness/host.ts";
import { World } from "../harness/world.ts";

/** What a station publishes below the prefix. */
function messagesWith(raw: object): DiscoveryMessage[] {
	const world = new World();
	const broker = new AnsweringBroker(world);
	const settings = parseSettings({ id: "roof", homeAssistant: true, ...raw });
	const host = hostOf(world, {
		...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
		restart: () => {},
		diagnostics: () => ({ restart: "power-on", rssi: -60 }),
	});
	new Station(host, settings).start();
	broker.advanceTo(10_000);
	return broker.received.filter(({ topic }) => topic.endsWith("/config"));
}

const CASES: readonly object[] = [
	...Object.keys(SENSORS).map((sensor) => ({ sensor })),
	{ altitude: 667, derived: DERIVED },
	{ state: false, values: true },
	{ state: false, values: { temperature: "Casa/Cocina/Temperatura", pressure: "p" } },
	{ sleep: true, interval: 0.5 + 3_600 },
	{ commands: false },
	{ diagnostics: 0 },
	{ id: "Casa.del-Sur_1", topic: "Casa/Áéí ñ/☀" },
	{ id: "x".repeat(64), topic: "y".repeat(180) },
	{ homeAssistant: "ha/test" },
];

test("every message of every station is one that Home Assistant takes", () => {
	let largest = 0;
	for (const raw of CASES) {
		const { homeAssistant: prefix } = { homeAssistant: "homeassistant", ...raw };
		const messages = messagesWith(raw);
		assert.equal(messages.length, 14, "a message for each, or its removal");
		const entities = messages.filter(({ payload }) => payload !== "");
		assert.ok(entities.length >= 4, JSON.stringify(raw));
		for (const message of messages) assert.deepEqual(faultsOf(message, prefix), [], message.payload);
		for (const unique of [
			(payload: string) => entityOf(payload).unique_id,
			(payload: string) => entityOf(payload).default_entity_id,
		])
			assert.equal(new Set(entities.map(({ payload }) => unique(payload))).size, entities.length);
		if (!("id" in raw)) largest = Math.max(largest, ...entities.map(({ payload }) => Buffer.byteLength(payload)));
	}
	assert.ok(largest < 512, `${largest} bytes`);
});

test("the schema finds what is wrong", () => {
	const messages = messagesWith({});
	const of = (key: string) => {
		const found = messages.find(({ topic }) => topic.includes(`/${key}/`))!;
		return { topic: found.topic, members: JSON.parse(found.payload) };
	};
	const wrong: readonly (readonly [key: string, members: object, fault: RegExp])[] = [
		["temperature", { unit_of_meas: "%" }, /^unit_of_measurement must be equal to one of/],
		["temperature", { unit_of_meas: undefined }, /required property 'unit_of_measurement'/],
		["temperature", { dev_cla: "pressure_of_the_air" }, /^device_class must be equal to one of/],
		["temperature", { stat_cla: "measured" }, /^state_class must be/],
		["temperature", { stat_t: undefined }, /required property 'state_topic'/],
		["temperature", { stat_t: "veleta/+/state" }, /^state_topic must match/],
		["temperature", { val_tpl: "{{value_json.temperature" }, /^value_template must match/],
		["temperature", { val_tpl: "temperature" }, /^value_template must match/],
		["temperature", { exp_aft: -1 }, /^expire_after must be/],
		["temperature", { exp_aft: 172.5 }, /^expire_after must be integer/],
		["temperature", { sug_dsp_prc: "2" }, /^suggested_display_precision must be integer/],
		["temperature", { uniq_id: "" }, /^unique_id must NOT have fewer/],
		["temperature", { uniq_id: undefined }, /required property 'unique_id'/],
		["temperature", { def_ent_id: "roof_temperature" }, /^default_entity_id must match/],
		["temperature", { def_ent_id: "sensor.Roof-1" }, /^default_entity_id must match/],
		["temperature", { dev: { name: "roof" } }, /^device must have required property 'identifiers'/],
		["temperature", { dev: undefined }, /required property 'device'/],
		["temperature", { o: {} }, /^origin must have required property 'name'/],
		["temperature", { avty_tpl: "offline" }, /^availability_template must match/],
		["temperature", { avty_t: undefined }, /required property 'availability_topic'/],
		["temperature", { unit: "°C" }, /additional properties unit$/],
		["uptime", { ent_cat: "config" }, /^entity_category must be/],
		["sample", { cmd_t: undefined }, /required property 'command_topic'/],
		["sample", { stat_t: "~/state" }, /additional properties state_topic$/],
		["restart", { dev_cla: "reboot" }, /^device_class must be/],
		["restart", { qos: 3 }, /^qos must be/],
		["interval", { mode: "text" }, /^mode must be/],
		["interval", { min: undefined }, /required property 'min'/],
		["interval", { unit_of_meas: "seconds" }, /^unit_of_measurement must be/],
	];
	for (const [key, members, fault] of wrong) {
		const { topic, members: right } = of(key);
		const faults = faultsOf({ topic, payload: JSON.stringify({ ...right, ...members }) });
		assert.ok(
			faults.some((text) => fault.test(text)),
			`${key} ${JSON.stringify(members)}: ${faults.join("; ")}`,
		);
	}
	const { payload } = messages[0]!;
	for (const topic of [
		"homeassistant/sensor/a.b/temperature/config",
		"homeassistant/sensor/a/b/c/config",
		"homeassistant/sensor/a/b",
		"homeassistant/thermometer/a/b/config",
		"hass/sensor/a/b/config",
	])
		assert.match(faultsOf({ topic, payload })[0] ?? "", /^no topic/, topic);
});

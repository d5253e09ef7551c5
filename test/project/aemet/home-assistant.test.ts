/** AEMET's stations in Home Assistant: the messages against a schema of its documentation, and when they leave. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { entitiesOf } from "../../../commands/aemet/home-assistant.ts";
import { FIELD_NAMES, FIELDS, type Observation } from "../../../commands/aemet/observations.ts";
import { StationPlace } from "../../../commands/aemet/places.ts";
import { StationSpool } from "../../../commands/aemet/spool.ts";
import { entityOf, faultsOf } from "../../harness/home-assistant.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-aemet-ha-"));
after(() => rmSync(folder, { recursive: true }));
const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 5, 1, 12);
const STATION = { id: "3195", topic: "aemet/3195", valueTopics: {} };

const spoolOf = (id: string) => new StationSpool(folder, id, (problem) => assert.fail(problem));
const observation = (hour: number, quantities: Observation["quantities"]): Observation => ({
	time: NOON + hour * HOUR_MS,
	quantities,
});

/** Home Assistant's messages of a place: topics, with `-` before removed ones. Each message is taken at once. */
function discovery(place: StationPlace): string[] {
	const sent: string[] = [];
	for (let message = place.next(); message; message = place.next()) {
		assert.equal(message, place.next());
		if (message.topic.endsWith("/config")) {
			assert.ok(message.retain);
			sent.push(`${message.payload.length === 0 ? "-" : ""}${message.topic}`);
		}
		place.taken(message);
	}
	return sent;
}

const topic = (quantity: string, prefix = "homeassistant") => `${prefix}/sensor/aemet_3195/${quantity}/config`;

test("each quantity is an entity that Home Assistant takes, with a name and ids of its own", () => {
	const name = 'MADRID "RETIRO"';
	const entities = entitiesOf("homeassistant", { id: "3195", name, topic: "casa/Año", quantities: FIELD_NAMES });
	assert.deepEqual(
		[...entities.keys()],
		FIELD_NAMES.map((quantity) => topic(quantity)),
	);
	const written = [...entities].map(([topic, payload]) => {
		assert.deepEqual(faultsOf({ topic, payload }, "homeassistant"), [], payload);
		return entityOf(payload);
	});
	for (const of of ["unique_id", "default_entity_id", "name", "value_template"])
		assert.equal(new Set(written.map((entity) => entity[of])).size, FIELD_NAMES.length, of);
	const at = FIELD_NAMES.indexOf("seaLevelPressure");
	const { state_topic, device, ...pressure } = written[at]!;
	assert.equal(state_topic, "casa/Año/state");
	assert.deepEqual(device, { identifiers: "aemet_3195", name: `AEMET ${name}`, manufacturer: "AEMET", model: "3195" });
	assert.deepEqual(
		[pressure.name, pressure.default_entity_id, pressure.unit_of_measurement, pressure.device_class],
		[
			"Sea level pressure",
			"sensor.aemet_3195_sea_level_pressure",
			FIELDS.seaLevelPressure.unit,
			"atmospheric_pressure",
		],
	);
});

test("they leave behind the observations, once, also over restarts; a quantity that comes later has its own then", () => {
	const spool = spoolOf("3195");
	spool.put([observation(0, { temperature: 1, wind: 2 })], "MADRID RETIRO");
	const place = new StationPlace(STATION, spool, "homeassistant");
	assert.equal(place.next()?.topic, "aemet/3195/state");
	assert.deepEqual(discovery(place), [topic("temperature"), topic("wind")]);
	assert.deepEqual(discovery(place), []);
	const next = spoolOf("3195");
	next.put([observation(1, { temperature: 1, snow: 2 })]);
	assert.deepEqual(discovery(new StationPlace(STATION, next, "homeassistant")), [topic("snow")]);
});

test("another prefix, another topic, none at all: what does not hold any more is removed", () => {
	const change = (settings: typeof STATION, prefix: string) =>
		discovery(new StationPlace(settings, spoolOf("3195"), prefix));
	const three = ["temperature", "wind", "snow"];
	assert.deepEqual(change(STATION, "ha"), [
		...three.map((quantity) => topic(quantity, "ha")),
		...three.map((quantity) => `-${topic(quantity)}`),
	]);
	assert.deepEqual(
		change({ ...STATION, topic: "casa" }, "ha"),
		three.map((quantity) => topic(quantity, "ha")),
	);
	assert.deepEqual(
		change(STATION, ""),
		three.map((quantity) => `-${topic(quantity, "ha")}`),
	);
	assert.deepEqual(change(STATION, ""), []);
});

test("a broker that has lost its memory is told again; one that does not take them keeps no observation waiting", () => {
	const spool = spoolOf("5906X");
	spool.put([observation(0, { temperature: 1, wind: 2 })]);
	const place = new StationPlace({ ...STATION, id: "5906X" }, spool, "homeassistant");
	assert.equal(discovery(place).length, 2);
	place.newSession();
	assert.equal(discovery(place).length, 2);
	place.newSession();
	const state = place.next()!;
	assert.equal(state.topic, "aemet/3195/state");
	place.taken(state);
	assert.equal(place.refused(place.next()!), false);
	assert.equal(place.next(), undefined);
	spool.put([observation(1, { temperature: 1 })]);
	const report = place.next()!;
	assert.equal(report.topic, "aemet/3195/state");
	assert.equal(place.refused(report), true, "an observation is tried again");
	assert.equal(place.next(), report);
});

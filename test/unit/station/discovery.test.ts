/** What Home Assistant is told of a station, and when. */
import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import type { Host } from "../../../src/host.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker, type Received } from "../../harness/answering-broker.ts";
import { deepEqual, equal, match, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BOARD = { restart: () => {}, diagnostics: () => ({ restart: "power-on", heap: 1, rssi: -61 }) };
/** In the order in which they come: a BME280 on a board. */
const OWN = [
	"sensor/rssi",
	"sensor/uptime",
	"sensor/queued",
	"sensor/restart",
	"button/sample",
	"button/restart",
	"number/interval",
];
const BME280 = ["sensor/temperature", "sensor/humidity", "sensor/pressure", ...OWN];
const ABSENT = ["sensor/seaLevelPressure", "sensor/dewPoint", "sensor/absoluteHumidity", "sensor/heatIndex"];
const ALL = [...BME280.slice(0, 3), ...ABSENT, ...OWN];

interface Entity {
	readonly topic: string;
	readonly component: string;
	readonly node: string;
	/** `undefined`: removed. */
	readonly config: { readonly [member: string]: unknown } | undefined;
}

/** A machine that starts anew with the flash that it had. */
class Machine {
	readonly flash = new FlashChip({ blockLength: 4_096, blocks: 16 });
	readonly log: string[] = [];
	sleeps = 0;
	world!: World;
	broker!: AnsweringBroker;
	station!: Station;

	start(raw: Record<string, unknown> = {}, ports: Partial<Host> = {}): this {
		this.world = new World();
		this.broker = new AnsweringBroker(this.world);
		const settings = parseSettings({ id: "roof", homeAssistant: true, ...raw });
		const sensor = createSimulatedSensor({ sensor: settings.sensor, clock: this.world.clock, seed: 1 });
		const sleep = () => void this.sleeps++;
		const host = hostOf(this.world, { flash: this.flash, sleep, ...BOARD, ...sensor, ...ports }, this.log);
		this.station = new Station(host, settings);
		this.station.start();
		return this;
	}

	runs(duration = 5_000): this {
		this.broker.advanceTo(this.broker.now + duration);
		return this;
	}

	/** Until `count` messages for Home Assistant have left, the last of them unacknowledged; from then on the broker is silent. */
	runsUntilTold(count: number): this {
		const { broker } = this;
		while (broker.connects === 0) this.runs(10);
		broker.answers = false;
		while (this.entities().length < count) {
			this.runs(10);
			if (this.entities().length < count && broker.unanswered.length > 0) broker.accepts(broker.unanswered.shift()!);
		}
		equal(this.entities().length, count);
		return this;
	}

	/** The discovery messages so far, or since the message with this index. */
	entities(prefix = "homeassistant", from = 0): Entity[] {
		return this.broker.received.slice(from).flatMap(({ topic, payload, retain }: Received) => {
			if (!topic.startsWith(`${prefix}/`)) return [];
			ok(retain, `${topic} is retained`);
			const [component, node, key, config] = topic.slice(prefix.length + 1).split("/");
			equal(config, "config");
			return [
				{
					topic: `${component}/${key}`,
					component: component!,
					node: node!,
					config: payload === "" ? undefined : JSON.parse(payload),
				},
			];
		});
	}

	/** The topics of those that are there, and of those that were removed. */
	told(prefix?: string, from?: number): { there: string[]; removed: string[] } {
		const entities = this.entities(prefix, from);
		return {
			there: entities.filter(({ config }) => config).map(({ topic }) => topic),
			removed: entities.filter(({ config }) => !config).map(({ topic }) => topic),
		};
	}

	config(topic: string): NonNullable<Entity["config"]> {
		const { config } = this.entities().findLast((entity) => entity.topic === topic)!;
		return config!;
	}

	/** When Home Assistant's next messages have come, in s; `undefined`: not until then. */
	untilTold(within: number): number | undefined {
		const [from, start] = [this.broker.received.length, this.broker.now];
		for (let time = 100; time <= within; time += 100) {
			this.broker.advanceTo(start + time);
			if (this.entities("homeassistant", from).length > 0) return time / 1_000;
		}
		return undefined;
	}

	says(payload: string, header = 0x30): void {
		this.broker.publishes("homeassistant/status", payload, { header });
	}
}

test("after the first reading each entity is told of, retained, one after the other", () => {
	const machine = new Machine().start().runs();
	const { received } = machine.broker;
	const first = received.findIndex(({ topic }) => topic.startsWith("homeassistant/"));
	deepEqual(
		received.slice(0, first).map(({ topic }) => topic),
		["veleta/roof/status", "veleta/roof/state", "veleta/roof/diagnostics"],
	);
	deepEqual(
		machine.told(),
		{ there: BME280, removed: ABSENT },
		"the flash does not know what there was before it was erased",
	);
	deepEqual(machine.config("sensor/temperature"), {
		"~": "veleta/roof",
		name: "Temperature",
		uniq_id: "veleta_roof_sensor_temperature",
		def_ent_id: "sensor.roof_temperature",
		stat_t: "~/state",
		val_tpl: "{{value_json.temperature|default(None)}}",
		dev_cla: "temperature",
		stat_cla: "measurement",
		unit_of_meas: "°C",
		sug_dsp_prc: 2,
		exp_aft: 170,
		avty_t: "~/status",
		avty_tpl: "{{'offline' if value=='offline' else 'online'}}",
		dev: { ids: "veleta_roof", name: "roof", mf: "Veleta", mdl: "BME280" },
		o: { name: "Veleta" },
	});
	for (const { topic, payload } of received.slice(first)) ok(payload.length < 500, `${topic}: ${payload.length} bytes`);
	const before = received.length;
	machine.runs(HOUR);
	deepEqual(machine.told("homeassistant", before), { there: [], removed: [] });
});

test("never more than one of them waits for its acknowledgement, and none leaves before the first reading", () => {
	const machine = new Machine().start().runsUntilTold(1);
	const { broker } = machine;
	deepEqual(
		broker.received.map(({ topic }) => topic),
		["status", "diagnostics", "state"]
			.map((level) => `veleta/roof/${level}`)
			.concat("homeassistant/sensor/veleta-roof/temperature/config"),
	);
	for (let count = 1; count <= ALL.length; count++) {
		machine.runs(100);
		deepEqual(
			machine.entities().map(({ topic }) => topic),
			ALL.slice(0, count),
		);
		for (const id of broker.unanswered.splice(0)) broker.accepts(id);
	}
	equal(broker.connects, 1);
});

test("without a reading, as with a broken sensor, they come all the same; without homeAssistant nothing does", () => {
	const { i2c } = createSimulatedSensor({ sensor: "bme280", clock: new World().clock, seed: 1 });
	class Broken extends i2c!.io {
		override read(): never {
			throw new Error("read failed");
		}
	}
	const machine = new Machine().start({}, { i2c: { ...i2c, io: Broken } }).runs(MINUTE);
	deepEqual(machine.broker.readings, []);
	deepEqual(machine.told().there, BME280);
	const off = new Machine().start({ homeAssistant: false }).runs(MINUTE);
	ok(off.broker.received.every(({ topic }) => topic.startsWith("veleta/roof/")));
	equal(off.broker.subscribes, 1);
});

test("derived quantities have classes, units and decimals; what the host does not know, or the settings do not allow, is left out", () => {
	const derived = { altitude: 667, derived: ["dewPoint", "absoluteHumidity", "heatIndex"] };
	const machine = new Machine().start({ ...derived, commands: ["interval"] }, { diagnostics: () => ({}) }).runs();
	const gone = ["sensor/rssi", "sensor/restart", "button/sample", "button/restart"];
	deepEqual(
		machine.told().there,
		ALL.filter((topic) => !gone.includes(topic)),
	);
	const about = (key: string) => {
		const { name, def_ent_id, dev_cla, unit_of_meas, sug_dsp_prc } = machine.config(`sensor/${key}`);
		return [name, def_ent_id, dev_cla, unit_of_meas, sug_dsp_prc];
	};
	deepEqual(about("humidity"), ["Humidity", "sensor.roof_humidity", "humidity", "%", 1]);
	deepEqual(about("seaLevelPressure"), [
		"Sea level pressure",
		"sensor.roof_sea_level_pressure",
		"atmospheric_pressure",
		"hPa",
		2,
	]);
	deepEqual(about("absoluteHumidity"), [
		"Absolute humidity",
		"sensor.roof_absolute_humidity",
		"absolute_humidity",
		"g/m³",
		2,
	]);
	deepEqual(about("heatIndex").slice(2), ["temperature", "°C", 2]);
	const bare = new Machine().start({ commands: false, diagnostics: 0, sensor: "dht22" }).runs(10_000);
	deepEqual(bare.told().there, ["sensor/temperature", "sensor/humidity"]);
});

test("where the state is CBOR, which Home Assistant does not read, the values' topics are those of the entities, too", () => {
	const machine = new Machine().start({ payload: "cbor", values: true }).runs();
	const { stat_t, val_tpl } = machine.config("sensor/temperature");
	deepEqual([stat_t, val_tpl], ["~/temperature", undefined]);
	equal(machine.config("sensor/uptime").val_tpl, "{{value_json.uptime|default(None)}}");
});

test("where there is no state, the values' topics are those of the entities, as plain numbers", () => {
	const values = { temperature: "Casa/Cocina/Temperatura" };
	const machine = new Machine().start({ state: false, values, diagnostics: 0, commands: false }).runs();
	deepEqual(machine.told().there, ["sensor/temperature"]);
	const { stat_t, val_tpl } = machine.config("sensor/temperature");
	deepEqual([stat_t, val_tpl], ["Casa/Cocina/Temperatura", undefined]);
	const own = new Machine().start({ state: false, values: true }).runs();
	equal(own.config("sensor/pressure").stat_t, "~/pressure");
});

test("ids and topics of the messages come from the station's id alone; one with points and capitals gives valid ones", () => {
	const ids = (raw: object) => {
		const machine = new Machine().start({ ...raw }).runs();
		return machine.entities().map(({ topic, node, config }) => [topic, node, config?.uniq_id, config?.def_ent_id]);
	};
	deepEqual(ids({ topic: "Casa/Terraza" }), ids({}));
	const [first] = ids({ id: "Casa.Sur-1" });
	deepEqual(first, [
		"sensor/temperature",
		"veleta-Casa_2e_Sur-1",
		"veleta_Casa.Sur-1_sensor_temperature",
		"sensor.casa_sur_1_temperature",
	]);
});

test("a quantity that is gone is removed, once", () => {
	const machine = new Machine().start({ derived: ["dewPoint"] }).runs();
	ok(machine.told().there.includes("sensor/dewPoint"));
	machine.start().runs();
	deepEqual(machine.told(), { there: BME280, removed: ABSENT });
	machine.start().runs();
	deepEqual(machine.told(), { there: BME280, removed: [] });
});

test("with homeAssistant false all are removed, once, also those that were interrupted by a power cut", () => {
	const machine = new Machine().start().runs();
	machine.start({ homeAssistant: false }).runs();
	deepEqual(machine.told(), { there: [], removed: ALL });
	equal(machine.broker.unsubscribes, 1);
	machine.start({ homeAssistant: false }).runs(HOUR);
	deepEqual([machine.entities(), machine.broker.unsubscribes], [[], 0]);

	const cut = new Machine().start().runsUntilTold(3);
	cut.start({ homeAssistant: false }).runs();
	deepEqual(cut.told(), { there: [], removed: ALL });

	const removing = new Machine().start().runs().start({ homeAssistant: false });
	removing.broker.answers = false;
	removing.runs();
	removing.start({ homeAssistant: false }).runs();
	deepEqual(removing.told().removed, ALL);
});

test("another prefix: those at the one before are removed first", () => {
	const machine = new Machine().start({ homeAssistant: "ha/test" }).runs();
	deepEqual(machine.told("ha/test").there, BME280);
	machine.start().runs();
	deepEqual(machine.told("ha/test"), { there: [], removed: ALL });
	deepEqual(machine.told(), { there: BME280, removed: ABSENT });
	const topics = machine.broker.received.map(({ topic }) => topic.split("/")[0]);
	ok(topics.lastIndexOf("ha") < topics.indexOf("homeassistant"));
	equal(machine.broker.unsubscribes, 1);
});

test("Home Assistant's online brings them again after some seconds, without removals, and no more than once a minute", () => {
	const machine = new Machine().start().runs(2 * MINUTE);
	const before = machine.broker.received.length;
	machine.says("online");
	const delay = machine.untilTold(MINUTE)!;
	ok(delay > 1 && delay <= 10.1, `${delay} s`);
	machine.runs();
	deepEqual(machine.told("homeassistant", before), { there: BME280, removed: [] });
	const count = machine.entities().length;
	for (let seconds = 0; seconds < 600; seconds++) {
		machine.says("online");
		machine.runs(1_000);
	}
	machine.runs(2 * MINUTE);
	const rounds = (machine.entities().length - count) / BME280.length;
	ok(rounds >= 9 && rounds <= 11, `${rounds} times in ten minutes`);
	equal(machine.untilTold(HOUR), undefined);
});

test("what else is said there brings nothing: offline, a retained online, other texts, other topics", () => {
	const machine = new Machine().start().runs(2 * MINUTE);
	const { broker } = machine;
	machine.says("offline");
	machine.says("onlime");
	machine.says("online!");
	machine.says("");
	machine.says("online", 0x31);
	broker.publishes("homeassistant/status/x", "online", { header: 0x30 });
	broker.publishes("hass/status", "online", { header: 0x30 });
	equal(machine.untilTold(2 * MINUTE), undefined);
	equal(broker.connects, 1);
});

test("a station that takes no commands hears Home Assistant, and nobody else", () => {
	const machine = new Machine().start({ commands: false, homeAssistant: "ha" }).runs(2 * MINUTE);
	equal(machine.broker.subscribes, 1);
	const { length } = machine.broker.received;
	machine.broker.publishes("ha/status", "online", { header: 0x30 });
	machine.runs(15_000);
	equal(machine.told("ha", length).there.length, 7);
});

test("another interval by command shows at once, and readings are expected by it", () => {
	const machine = new Machine().start().runs(2 * MINUTE);
	const interval = () =>
		JSON.parse(machine.broker.received.findLast(({ topic }) => topic.endsWith("/diagnostics"))!.payload).interval;
	equal(interval(), 60);
	machine.broker.publishes("veleta/roof/cmd/interval", "3600");
	machine.runs();
	equal(interval(), 3_600);
	equal(machine.config("sensor/temperature").exp_aft, 9_020);
	const { stat_t, val_tpl, cmd_t, min, max, qos } = machine.config("number/interval");
	deepEqual(
		[stat_t, val_tpl, cmd_t, min, max, qos],
		["~/diagnostics", "{{value_json.interval|default(None)}}", "~/cmd/interval", 1, 86_400, 1],
	);
	equal(new Machine().start({ diagnostics: 0 }).runs().config("number/interval").stat_t, undefined);
});

test("readings that come only when something changes are expected by the longest silence, and an interval by the samples", () => {
	const machine = new Machine().start({ change: { temperature: 0.2, atMost: 10 }, samples: 5 }).runs();
	equal(machine.config("sensor/temperature").exp_aft, 2.5 * 600 + 20);
	equal(machine.config("number/interval").min, 5);
});

test("a start that is no wake tells all, and a wake nothing, unless the settings have changed", () => {
	const machine = new Machine();
	const sleeping = BME280.filter((topic) => topic !== "number/interval");
	machine.start({ sleep: true }).runs();
	deepEqual(machine.told().there, sleeping);
	deepEqual([machine.sleeps, machine.broker.received.at(-1)!.payload], [1, "asleep"], "then it sleeps");
	equal(machine.config("sensor/temperature").exp_aft, 170);
	const wake = { startedOnRequest: true };
	machine.start({ sleep: true }, wake).runs();
	deepEqual([machine.entities(), machine.sleeps], [[], 2]);
	equal(machine.broker.subscribes, 1);
	machine.start({ sleep: true, derived: ["dewPoint"] }, wake).runs();
	equal(machine.told().there.length, sleeping.length + 1);
	machine.start({ sleep: true, derived: ["dewPoint"] }, wake).runs();
	deepEqual([machine.entities(), machine.sleeps], [[], 4]);
	machine.start({ sleep: true, derived: ["dewPoint"] }).runs();
	equal(machine.told().there.length, sleeping.length + 1);
	machine.start({ sleep: true, homeAssistant: false }, wake).runs();
	deepEqual([machine.told().removed, machine.sleeps], [ALL, 6]);
	machine.start({ homeAssistant: true, sleep: false }, wake).runs();
	deepEqual(machine.told().there, BME280);
	machine.start({ homeAssistant: true, sleep: false }, wake).runs();
	deepEqual(machine.told().there, BME280, "a restart that was asked for is no wake without sleep");
});

test("a wake that is over before all have arrived goes on with them at the next", () => {
	const machine = new Machine().start({ sleep: true, awake: 5 }).runsUntilTold(3).runs(10_000);
	equal(machine.sleeps, 1);
	machine.start({ sleep: true }, { startedOnRequest: true }).runs();
	equal(machine.told().there.length, BME280.length - 1);
	machine.start({ sleep: true }, { startedOnRequest: true }).runs();
	deepEqual(machine.entities(), []);
});

test("a lost connection costs none of them", () => {
	const machine = new Machine().start().runsUntilTold(3);
	machine.broker.up = false;
	machine.runs(MINUTE);
	machine.broker.answers = true;
	machine.broker.up = true;
	machine.runs(MINUTE);
	equal(machine.broker.received.filter(({ dup, topic }) => dup && topic.startsWith("homeassistant/")).length, 1);
	deepEqual([...new Set(machine.told().there)], BME280);
});

test("a broker that ends the connection on them, or refuses them, gets the readings; the log says so, and they come not soon again", () => {
	const closing = new Machine().start();
	closing.broker.poison = (topic) => topic.startsWith("homeassistant/");
	closing.runs(HOUR / 2);
	ok(closing.broker.readings.length >= 29);
	ok(closing.broker.connects <= 6, `${closing.broker.connects} connections`);
	equal(
		closing.log.filter((line) => line.includes("closes the connection when it gets a message for Home Assistant"))
			.length,
		1,
	);
	closing.broker.poison = undefined;
	closing.says("online");
	equal(closing.untilTold(MINUTE), undefined);
	closing.runs(HOUR);
	deepEqual(closing.told().there, BME280);

	const refusing = new Machine().start();
	refusing.broker.refusal = (topic) => (topic.startsWith("homeassistant/") ? 0x87 : undefined);
	refusing.runs(HOUR / 2);
	ok(refusing.broker.readings.length >= 29);
	equal(refusing.broker.refused.length, 1);
	match(
		refusing.log.find((line) => line.includes("Home Assistant"))!,
		/does not take a message for Home Assistant: not authorized/,
	);
	refusing.broker.refusal = undefined;
	refusing.says("online");
	refusing.runs(15_000);
	deepEqual(refusing.told().there, BME280);
});

test("a station that stops says offline behind what has left, and no more of it", () => {
	const machine = new Machine().start().runsUntilTold(3);
	const { broker } = machine;
	machine.station.stop(() => {});
	broker.answers = true;
	for (const id of broker.unanswered.splice(0)) broker.accepts(id);
	machine.runs();
	equal(broker.received.at(-1)!.payload, "offline");
	equal(machine.entities().length, 3);
});

test("a machine that sleeps does not try again at each wake what the broker does not bear, nor tell of an interval that does not hold", () => {
	const poison = (topic: string) => topic.startsWith("homeassistant/");
	const machine = new Machine().start({ sleep: true });
	machine.broker.poison = poison;
	machine.runs(MINUTE);
	ok(machine.broker.connects > 1);
	machine.start({ sleep: true }, { startedOnRequest: true });
	machine.broker.poison = poison;
	machine.runs();
	deepEqual([machine.broker.connects, machine.broker.readings.length], [1, 1]);
	machine.start({ sleep: true }, { startedOnRequest: true });
	while (machine.broker.connects === 0) machine.runs(10);
	machine.broker.publishes("veleta/roof/cmd/interval", "5");
	machine.runs(3 * MINUTE);
	ok(machine.broker.received.some(({ topic }) => topic === "veleta/roof/reply"));
	deepEqual(machine.entities(), []);
});

test("an online before the first message brings all again a minute after it, not at once", () => {
	const machine = new Machine().start();
	while (machine.broker.connects === 0) machine.runs(10);
	machine.says("online");
	deepEqual(machine.entities(), []);
	machine.runs(55_000);
	deepEqual(machine.told().there, BME280);
	machine.runs(15_000);
	deepEqual(machine.told().there, [...BME280, ...BME280]);
});

test("all begin anew while one of them is in flight: none is left out", () => {
	const machine = new Machine().start().runsUntilTold(3);
	const { broker } = machine;
	broker.publishes("veleta/roof/cmd/interval", "3600");
	broker.up = false;
	machine.runs(3 * MINUTE);
	broker.answers = broker.up = true;
	const { length } = broker.received;
	machine.runs(MINUTE);
	const after = machine.entities("homeassistant", length);
	deepEqual(
		after.map(({ topic }) => topic),
		["sensor/pressure", ...ALL],
	);
	equal(machine.config("sensor/temperature").exp_aft, 9_020);
});

/** A station that sleeps between its readings: what it does while it is awake, and when it sleeps. */
import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { createSensor, createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import type { Host, I2C } from "../../../src/host.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker } from "../../harness/answering-broker.ts";
import { deepEqual, equal, match, ok, test, throws } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { FakeUdp } from "../../harness/time-server.ts";
import { World } from "../../harness/world.ts";

/**
 * Properties of a CONNACK. RabbitMQ's, from 3.13 to 4.3, as its source has them: maximum QoS 1, topic aliases, the largest packet, no shared
 * subscriptions, the session's expiry.
 */
const RABBITMQ = "24 01 22 00 10 27 01 00 00 00 2a 00 11 00 01 51 80";
/** As mosquitto 2.0.11 sends them: topic aliases and the receive maximum. */
const MOSQUITTO = "22 00 0a 21 00 14";

/** A machine that wakes anew, with the flash that it had. */
class Machine {
	readonly flash = new FlashChip({ blockLength: 4_096, blocks: 16 });
	readonly log: string[] = [];
	readonly states: string[] = [];
	/** The durations that it was told to sleep for, with the time at which it was. */
	readonly sleeps: { at: number; duration: number }[] = [];
	world!: World;
	broker!: AnsweringBroker;
	station!: Station;
	private readonly _raw: Record<string, unknown>;
	private readonly _ports: (world: World) => Partial<Host>;

	constructor(raw: Record<string, unknown> = {}, ports: (world: World) => Partial<Host> = () => ({})) {
		this._raw = { id: "roof", sleep: true, ...raw };
		this._ports = ports;
	}

	wake(answers = true): this {
		const world = new World();
		this.world = world;
		this.broker = new AnsweringBroker(world);
		this.broker.answers = answers;
		const settings = parseSettings(this._raw);
		const host = hostOf(
			world,
			{
				flash: this.flash,
				sleep: (duration) => this.sleeps.push({ at: world.clock.now(), duration }),
				observer: { onState: (state) => this.states.push(state) },
				...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
				...this._ports(world),
			},
			this.log,
		);
		this.station = new Station(host, settings);
		this.station.start();
		return this;
	}

	get messages(): (readonly [string, string])[] {
		return this.broker.received.map(({ topic, payload }) => [topic.slice("veleta/roof/".length), payload]);
	}

	get numbers(): unknown[] {
		return this.broker.readings.map(({ seq }) => seq);
	}
}

test("awake for one reading: delivers it, says asleep, retained, and sleeps until the next is due", () => {
	const machine = new Machine().wake();
	machine.broker.advanceTo(5_000);
	const topics = machine.messages.map(([topic]) => topic);
	deepEqual(topics, ["status", "state", "diagnostics", "status"]);
	const last = machine.broker.received.at(-1)!;
	deepEqual([last.payload, last.retain], ["asleep", true]);
	equal(machine.sleeps.length, 1);
	const { at, duration } = machine.sleeps[0]!;
	ok(at < 1_000, `it was awake for ${at} ms`);
	equal(at + duration, 60_000);
	deepEqual(machine.states, ["online", "asleep"]);
	machine.broker.advanceTo(120_000);
	equal(machine.broker.received.length, 4, "then it is silent");
	equal(machine.sleeps.length, 1);
});

test("the shortest time awake is enough for a median, also where some measurements fail", () => {
	for (const sensor of ["bme280", "dht22"] as const) {
		const [awake, pace] = sensor === "dht22" ? [29, 2_000] : [17, 1_000];
		throws(() => parseSettings({ sensor, samples: 9, awake: awake - 0.1, sleep: true }), /^awake: /);
		let silence = (_silent: boolean) => {};
		const machine = new Machine({ sensor, samples: 9, awake }, ({ clock }) => {
			const simulated = createSensor({ sensor, clock, seed: 1 });
			silence = (silent) => simulated.silence(silent);
			return simulated.ports;
		}).wake();
		// What fails is tried again.
		machine.broker.advanceTo(5.5 * pace);
		silence(true);
		machine.broker.advanceTo(7.5 * pace);
		silence(false);
		machine.broker.advanceTo(60_000);
		deepEqual(machine.numbers, [1], sensor);
		const { at } = machine.sleeps[0]!;
		ok(at > 10 * pace && at < (awake - 1) * 1_000, `${sensor}: it sleeps at ${at} ms`);
		ok(machine.station.counters.faults > 0);
	}
});

test("the numbers go on from wake to wake", () => {
	const machine = new Machine();
	const numbers: unknown[] = [];
	for (let wakes = 0; wakes < 3; wakes++) {
		machine.wake().broker.advanceTo(5_000);
		numbers.push(...machine.numbers);
	}
	deepEqual(numbers, [1, 2, 3]);
});

test("the will waits for the next wakes: with MQTT 5.0 the broker says offline when they fail to come", () => {
	const machine = new Machine().wake();
	machine.broker.advanceTo(5_000);
	// 170 s: two and a half intervals, and the time awake. Then the session's day.
	match(machine.broker.lastConnect, /\b18 00 00 00 aa\b/);
	match(machine.broker.lastConnect, /\b11 00 01 51 80\b/);
	equal(machine.broker.lastDisconnect, "e0 02 04 00");
});

const FORGETS_WILL =
	"warning: localhost:1883: no QoS 2 and no shared subscriptions, like RabbitMQ, which does not retain a delayed will: should " +
	"this station not wake, new subscribers still get asleep; go by the time of its last reading";

/** The warnings of one start, in which the connection is lost once, at a broker with these properties in its CONNACK. */
function warningsOf(machine: Machine, properties: string): string[] {
	machine.log.length = 0;
	machine.wake().broker.connackProperties = properties;
	// Before there is a reading, for which a DHT needs seconds.
	machine.broker.advanceTo(500);
	machine.broker.up = false;
	machine.broker.advanceTo(600);
	machine.broker.up = true;
	machine.broker.advanceTo(15_000);
	equal(machine.station.counters.connections, 2);
	return machine.log.filter((line) => line.startsWith("warning: ") && !/next attempt/.test(line));
}

test("a broker like RabbitMQ, which does not retain a delayed will, is told of once, and not again at each wake", () => {
	let startedOnRequest = false;
	const machine = new Machine({ sensor: "dht22" }, () => ({ startedOnRequest }));
	deepEqual(warningsOf(machine, RABBITMQ), [FORGETS_WILL]);
	startedOnRequest = true;
	deepEqual(warningsOf(machine, RABBITMQ), [], "a wake");
	deepEqual(warningsOf(machine, RABBITMQ), [], "another");
	startedOnRequest = false;
	deepEqual(warningsOf(machine, RABBITMQ), [FORGETS_WILL], "the power came on");
});

test("at a start that was asked for it is told of, too, where nothing was told before: somebody has just chosen sleep", () => {
	const machine = new Machine({ sensor: "dht22" }, () => ({ startedOnRequest: true }));
	deepEqual(warningsOf(machine, MOSQUITTO), []);
	deepEqual(warningsOf(machine, RABBITMQ), [FORGETS_WILL]);
	deepEqual(warningsOf(machine, RABBITMQ), []);
});

test("that it was told of is no trait of the broker's: QoS 2 is not taken for one that it lacks before 5.0", () => {
	let startedOnRequest = false;
	const machine = new Machine({ sensor: "dht22", qos: 2, awake: 60 }, () => ({ startedOnRequest }));
	deepEqual(warningsOf(machine, RABBITMQ), [FORGETS_WILL]);
	startedOnRequest = true;
	machine.wake().broker.isDeafTo5 = true;
	machine.broker.advanceTo(60_000);
	ok(machine.messages.length > 0, "in 3.1.1");
	ok(!machine.log.some((line) => line.includes("QoS 1 from now on")), machine.log.join("\n"));
});

test("of no other broker is it told that it forgets the will, nor where the will is not delayed", () => {
	for (const properties of [MOSQUITTO, "", "24 01", "2a 00", "24 00 2a 00", "24 01 2a 01"]) {
		deepEqual(warningsOf(new Machine({ sensor: "dht22" }), properties), [], properties);
	}
	const awake = new Machine({ sensor: "dht22", sleep: false });
	deepEqual(warningsOf(awake, RABBITMQ), []);
	const sleepless = new Machine({ sensor: "dht22" }, () => ({ sleep: undefined! }));
	deepEqual(warningsOf(sleepless, RABBITMQ), ["warning: sleep: this machine cannot; it stays awake"]);
});

test("at QoS 2, where each start begins a new session, the will does not stay", () => {
	const machine = new Machine({ qos: 2 }).wake();
	machine.broker.advanceTo(5_000);
	equal(machine.broker.lastDisconnect, "e0 00");
});

test("a station that stays awake keeps its will without delay, and says offline at its end", () => {
	const machine = new Machine({ sleep: false }).wake();
	machine.broker.advanceTo(5_000);
	ok(!/\b18 00 00 00 aa\b/.test(machine.broker.lastConnect));
	machine.station.stop(() => {});
	machine.broker.advanceTo(8_000);
	equal(machine.messages.at(-1)![1], "offline");
	deepEqual(machine.sleeps, []);
});

test("without a broker it gives up when its time awake is over, and delivers the readings at a later wake", () => {
	const machine = new Machine({ awake: 10 }).wake();
	machine.broker.up = false;
	machine.broker.advanceTo(60_000);
	deepEqual(machine.sleeps, [{ at: 10_000, duration: 50_000 }]);
	ok(machine.log.includes("warning: 1 reading was not delivered"), machine.log.join("\n"));
	const sockets = machine.world.sockets.length;
	machine.world.advanceTo(120_000);
	equal(machine.world.sockets.length, sockets, "asleep, it tries nothing");
	machine.wake().broker.advanceTo(5_000);
	deepEqual(machine.numbers, [2, 1]);
	equal(machine.sleeps.length, 2);
});

test("a broker that accepts and then says nothing does not keep it awake", () => {
	const machine = new Machine({ awake: 10 }).wake();
	machine.broker.advanceTo(50, 5);
	machine.broker.answers = false;
	machine.broker.advanceTo(60_000);
	equal(machine.sleeps.length, 1);
	ok(machine.sleeps[0]!.at <= 12_000, `it was awake for ${machine.sleeps[0]!.at} ms`);
});

test("when its time is over it says so at once: what still waits is for the next wake", () => {
	const machine = new Machine({ awake: 5, backlogRate: 0.1 });
	for (let readings = 0; readings < 30; readings++) {
		machine.wake();
		machine.broker.up = false;
		machine.broker.advanceTo(6_000);
	}
	machine.sleeps.length = 0;
	machine.wake().broker.advanceTo(7_000);
	equal(machine.sleeps.length, 1);
	const { at } = machine.sleeps[0]!;
	ok(at >= 5_000 && at < 5_100, `it was awake for ${at} ms`);
	deepEqual(machine.messages.at(-1), ["status", "asleep"]);
	ok(machine.numbers.length < 5, "those that wait keep their pace");
});

for (const [qos, lastDisconnect] of [
	[1, "e0 02 04 00"],
	[2, "e0 00"],
] as const) {
	test(`with QoS ${qos} a broker that is slow to acknowledge asleep is told goodbye all the same`, () => {
		const machine = new Machine({ qos, awake: 5 }).wake();
		const { broker } = machine;
		const isAsleep = () => machine.messages.at(-1)?.[1] === "asleep";
		Object.defineProperty(broker, "answers", { get: () => !isAsleep() });
		broker.advanceTo(4_000);
		ok(isAsleep());
		equal(machine.sleeps.length, 1);
		equal(broker.lastDisconnect, lastDisconnect);
	});
}

test("at a broker that takes nothing above QoS 0 all is said before the goodbye", () => {
	const machine = new Machine().wake();
	machine.broker.connackProperties = "24 00";
	machine.broker.advanceTo(5_000);
	const topics = machine.messages.map(([topic]) => topic);
	deepEqual(topics.slice(topics.indexOf("state")), ["state", "diagnostics", "status"]);
	equal(machine.messages.at(-1)![1], "asleep");
	deepEqual([machine.broker.disconnects, machine.sleeps.length], [1, 1]);
});

test("a sensor that gives nothing does not keep it awake, and does not spare the goodbye", () => {
	const dead = class implements I2C {
		read(): ArrayBuffer {
			throw new Error("nobody there");
		}
		write() {
			throw new Error("nobody there");
		}
		close() {}
	};
	const machine = new Machine({}, () => ({ i2c: { io: dead } })).wake();
	machine.broker.advanceTo(15_000);
	equal(machine.sleeps.length, 1);
	ok(machine.sleeps[0]!.at < 10_000, `it was awake for ${machine.sleeps[0]!.at} ms`);
	deepEqual(machine.messages.at(-1), ["status", "asleep"]);
});

test("who asked for something gets the answer before it sleeps", () => {
	const machine = new Machine().wake();
	machine.broker.advanceTo(20, 5);
	machine.broker.publishes("veleta/roof/cmd/status", "");
	machine.broker.advanceTo(5_000);
	const topics = machine.messages.map(([topic]) => topic);
	ok(topics.indexOf("reply") > 0 && topics.indexOf("reply") < topics.lastIndexOf("status"), topics.join(", "));
	equal(machine.sleeps.length, 1);
});

test("it does not sleep before the clock is set, or the reading would never get its time", () => {
	let wall: number | undefined;
	const udp = new FakeUdp();
	const machine = new Machine({}, ({ clock, network }) => ({
		clock: { now: () => clock.now(), time: () => wall, setTime: (time: number) => void (wall = time) },
		network: { ...network, ...udp.network },
	})).wake();
	udp.resolved();
	machine.broker.advanceTo(9_000);
	deepEqual(machine.numbers, [1]);
	equal(machine.sleeps.length, 0);
	udp.tells(Date.UTC(2026, 10, 21));
	machine.broker.advanceTo(10_000);
	equal(machine.sleeps.length, 1);
});

test("a broker that does not answer to MQTT 5.0 costs one wake, and another after 200 readings", () => {
	const machine = new Machine({ interval: 600 });
	const awake: number[] = [];
	const writes: number[] = [];
	for (let wake = 1; wake <= 210; wake++) {
		machine.wake();
		machine.broker.isDeafTo5 = true;
		machine.broker.advanceTo(60_000, 500);
		equal(machine.sleeps.length, wake);
		awake.push(machine.sleeps.at(-1)!.at);
		writes.push(machine.flash.writes);
		const isLost = awake.at(-1) === 20_000;
		if (!isLost) ok(machine.numbers.includes(wake), `wake ${wake}: ${machine.numbers}`);
	}
	deepEqual(
		awake.flatMap((duration, index) => (duration > 2_000 ? [index + 1] : [])),
		[1, 202],
	);
	// Of the others each writes a reading and its two marks, and not the version.
	const each = new Set(writes.slice(3, 160).map((count, index) => count - writes[index + 2]!));
	deepEqual([...each], [3]);
});

test("that a broker takes no QoS 2 is known at the next wake, also where a wake is short", () => {
	const machine = new Machine({ interval: 60, awake: 5, qos: 2 });
	const connects: number[] = [];
	for (let wake = 1; wake <= 6; wake++) {
		machine.wake();
		machine.broker.qos2 = "ends the connection";
		machine.broker.advanceTo(30_000);
		connects.push(machine.broker.connects);
	}
	equal(machine.station.counters.queued, 0);
	// One connection ends the session of the run before; with 3.1.1 there is no other way.
	deepEqual(connects.slice(-3), [2, 2, 2], connects.join(", "));
});

test("a machine that cannot sleep says so and stays awake", () => {
	const machine = new Machine({}, () => ({ sleep: undefined as never })).wake();
	machine.broker.advanceTo(125_000);
	deepEqual(machine.numbers, [1, 2, 3]);
	deepEqual(
		machine.log.filter((line) => line.includes("sleep")),
		["warning: sleep: this machine cannot; it stays awake"],
	);
});

/** The whole station: simulated chips at one end, a broker that the test plays at the other. */
import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import type { Host } from "../../../src/host.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker } from "../../harness/answering-broker.ts";
import { deepEqual, equal, match, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { FakeUdp } from "../../harness/time-server.ts";
import { isReadingTopic } from "../../harness/topics.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function start(raw: Record<string, unknown> = {}, ports: Partial<Host> = {}, world = new World()) {
	const broker = new AnsweringBroker(world);
	const settings = parseSettings({ id: "roof", ...raw });
	const log: string[] = [];
	const host = hostOf(
		world,
		{
			flash: new FlashChip({ blockLength: 4_096, blocks: 16 }),
			...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
			...ports,
		},
		log,
	);
	const station = new Station(host, settings);
	station.start();
	return { world, broker, station, log };
}

/** The numbers of the readings that a subscriber has, in the order of their arrival. */
const numbers = (broker: AnsweringBroker) => broker.readings.map(({ seq }) => seq as number);
const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test("a station says online, retained, and then a reading a minute", () => {
	const { broker, station } = start();
	broker.advanceTo(2 * MINUTE + 1_000);
	deepEqual(broker.received[0], {
		topic: "veleta/roof/status",
		payload: "online",
		retain: true,
		dup: false,
		properties: "",
	});
	deepEqual(numbers(broker), [1, 2, 3]);
	deepEqual(
		broker.received.slice(1).map(({ topic, retain }) => [topic, retain]),
		[
			["veleta/roof/state", true],
			["veleta/roof/diagnostics", true],
			["veleta/roof/state", true],
			["veleta/roof/state", true],
		],
	);
	deepEqual(Object.keys(broker.readings[0]!), ["temperature", "humidity", "pressure", "time", "seq"]);
	match(String(broker.readings[1]!.time), /^2026-11-21T00:01:00\.\d{3}Z$/);
	const { readings, published, acknowledged, dropped, queued } = station.counters;
	deepEqual([readings, published, acknowledged, dropped, queued], [3, 3, 3, 0, 0]);
});

for (const [sensor, members] of [
	["bmp280", ["temperature", "pressure", "time", "seq"]],
	["dht22", ["temperature", "humidity", "time", "seq"]],
	["dht11", ["temperature", "humidity", "time", "seq"]],
] as const) {
	test(`a ${sensor} reports ${members.join(", ")}`, () => {
		const { broker } = start({ sensor });
		broker.advanceTo(10_000);
		deepEqual(Object.keys(broker.readings[0]!), [...members]);
	});
}

test("a broker that is known to speak no 5.0 is spoken to in 3.1.1 at once", () => {
	for (const [ports, connects] of [
		[{}, 2],
		[{ brokerVersion: 4 }, 1],
	] as const) {
		const { broker, log } = start({}, ports);
		broker.qos2 = "answered by PUBACK";
		broker.advanceTo(10_000);
		deepEqual(numbers(broker), [1]);
		equal(broker.connects, connects);
		equal(log.filter((line) => line.endsWith(": connected with MQTT 3.1.1, new session")).length, 1);
		equal(log.filter((line) => line.includes("newer version")).length, connects - 1);
	}
});

test("a broker that was away for three hours gets every reading, once", () => {
	const { broker, station } = start();
	broker.advanceTo(10 * MINUTE);
	broker.up = false;
	broker.advanceTo(3 * HOUR, 5_000);
	broker.up = true;
	broker.advanceTo(3 * HOUR + 5 * MINUTE + 2_000, 1_000);
	deepEqual(
		[...new Set(numbers(broker))].sort((a, b) => a - b),
		upTo(186),
	);
	ok(numbers(broker)[11]! >= 181, "the newest reading of the outage goes first");
	equal(station.counters.dropped, 0);
	equal(station.counters.queued, 0);
});

test("when no more can be kept, the oldest readings are dropped, counted and told of once; the rest arrive", () => {
	const { broker, station, log } = start({}, { flash: new FlashChip({ blockLength: 1_024, blocks: 4 }) });
	broker.up = false;
	broker.advanceTo(5 * HOUR - 1_000, 5_000);
	const { dropped, queued } = station.counters;
	equal(dropped + queued, 300);
	ok(dropped > 150);
	equal(log.filter((line) => line === "warning: no more readings can be kept: the oldest are dropped").length, 1);
	broker.up = true;
	broker.advanceTo(5 * HOUR + 3 * MINUTE + 2_000, 1_000);
	deepEqual(
		numbers(broker)
			.slice()
			.sort((a, b) => a - b),
		upTo(304).slice(station.counters.dropped),
	);
});

test("diagnostics come with each connection and each six hours, retained, the last ones true", () => {
	const { broker, station } = start();
	const diagnostics = () => broker.received.filter(({ topic }) => topic === "veleta/roof/diagnostics");
	broker.advanceTo(6 * HOUR - 1_000);
	equal(diagnostics().length, 1);
	broker.advanceTo(6 * HOUR + 1_000);
	equal(diagnostics().length, 2);
	broker.up = false;
	broker.advanceTo(7 * HOUR, 1_000);
	broker.up = true;
	broker.advanceTo(7 * HOUR + 10 * MINUTE, 1_000);
	const [early, last] = diagnostics()
		.slice(2)
		.map(({ payload }) => JSON.parse(payload));
	equal(diagnostics().length, 4);
	ok(early.queued > 0, "with the connection, and with a backlog");
	equal(last.queued, 0, "when the backlog is through");
	deepEqual(Object.keys(last), ["time", "uptime", "interval", ...Object.keys(station.counters), "erases", "writes"]);
	equal(last.connections, 2);
	ok(last.uptime >= 7 * 3_600);
	ok(diagnostics().every(({ retain }) => retain));
});

test("diagnostics are left out if they are not wanted, and come as often as there is something new", () => {
	const count = (raw: object, refuses = false) => {
		const { broker } = start({ ...raw });
		if (refuses) broker.refusal = (topic) => (isReadingTopic(topic) ? 0x87 : undefined);
		broker.advanceTo(HOUR);
		return broker.received.filter(({ topic }) => topic.endsWith("/diagnostics")).length;
	};
	equal(count({ diagnostics: 0 }), 0);
	equal(count({ diagnostics: 60 }), 3);
	equal(count({ diagnostics: 60 }, true), 60);
});

test("a broker that goes silent costs a reconnect and no reading; what was in flight comes again with DUP", () => {
	const { broker, station, log } = start();
	broker.advanceTo(MINUTE + 1_000);
	broker.answers = false;
	broker.advanceTo(3 * MINUTE);
	broker.answers = true;
	broker.advanceTo(10 * MINUTE);
	deepEqual([...new Set(numbers(broker))], upTo(10));
	ok(broker.received.some(({ dup }) => dup));
	ok(log.some((line) => /no (acknowledgement|PINGRESP) within/.test(line)));
	equal(station.counters.queued, 0);
});

test("a broker that restarts every three seconds, for minutes, is not left alone for more than eight seconds", () => {
	const { broker, station } = start({ interval: 1 });
	for (let time = 0; time < 150_000; time += 3_000) {
		broker.up = true;
		broker.advanceTo(time + 2_600);
		broker.up = false;
		broker.advanceTo(time + 3_000);
	}
	ok(broker.connects >= 20, `${broker.connects} connections in 50 lives`);
	broker.up = true;
	broker.advanceTo(160_000);
	equal(station.counters.queued, 0);
});

/** How a broker ends the connection of a client whose id another one uses, and the connections in ten minutes. */
const TAKEOVERS: [how: string, most: number, end: (broker: AnsweringBroker, world: World) => void][] = [
	["with a reason, as brokers of 5.0 do,", 20, (_broker, world) => world.socket.receives("e0 02 8e 00")],
	["without a word", 140, (_broker, world) => world.socket.ends("by the broker")],
];
for (const [how, most, end] of TAKEOVERS) {
	test(`a fight for the client id that ends each connection ${how} slows down although readings are delivered`, () => {
		const { broker, world } = start({ interval: 1 });
		let seen = 0;
		for (let time = 500; time < 600_000; time += 500) {
			broker.advanceTo(time);
			// Half a second after each connection the other one has it.
			if (broker.connects > seen && broker.readings.length > 0) end(broker, world);
			seen = broker.connects;
		}
		ok(broker.connects <= most, `${broker.connects} connections in ten minutes`);
		ok(broker.connects >= 6, `${broker.connects} connections in ten minutes`);
	});
}

test("a broker that was away for an hour has the station back within half a minute", () => {
	const { broker } = start();
	broker.advanceTo(10_000);
	broker.up = false;
	broker.advanceTo(HOUR, 500);
	broker.up = true;
	const before = broker.connects;
	broker.advanceTo(HOUR + 31_000);
	equal(broker.connects, before + 1);
});

test("a sensor that fails is told of, costs only its readings, and comes back", () => {
	let absent = false;
	const world = new World();
	const { i2c } = createSimulatedSensor({ sensor: "bme280", clock: world.clock, seed: 1 });
	const Working = i2c!.io;
	class Failing extends Working {
		override read(...args: Parameters<InstanceType<typeof Working>["read"]>) {
			if (absent) throw new Error("read failed");
			return super.read(...args);
		}
	}
	const { broker, station, log } = start({}, { i2c: { ...i2c, io: Failing } }, world);
	broker.advanceTo(90_000);
	absent = true;
	broker.advanceTo(20 * MINUTE);
	absent = false;
	broker.advanceTo(25 * MINUTE + 1_000);
	deepEqual(numbers(broker), upTo(station.counters.readings));
	equal(station.counters.readings, 2 + 5);
	ok(station.counters.faults > 8);
	ok(log.some((line) => /^warning: no reading from the bme280: .*read failed/.test(line)));
	ok(log.some((line) => /^error: the bme280 does not work/.test(line)));
	ok(log.some((line) => /^info: the bme280 works again/.test(line)));
	equal(broker.connects, 1, "the session is not the sensor's business");
});

test("why there is no reading is told once, and again when it is another reason; the observer is told each time", () => {
	let failure: string | undefined = "read failed";
	const world = new World();
	const { i2c } = createSimulatedSensor({ sensor: "bme280", clock: world.clock, seed: 1 });
	const Working = i2c!.io;
	class Failing extends Working {
		override read(...args: Parameters<InstanceType<typeof Working>["read"]>) {
			if (failure !== undefined) throw new Error(failure);
			return super.read(...args);
		}
		override write(...args: Parameters<InstanceType<typeof Working>["write"]>) {
			if (failure !== undefined) throw new Error(failure);
			super.write(...args);
		}
	}
	const observed: string[] = [];
	const observer = { onFault: (reason: string) => observed.push(reason) };
	const { broker, station, log } = start({}, { i2c: { ...i2c, io: Failing }, observer }, world);
	/** What the log has of the sensor since the last time, and gets until then. */
	const told = (until: number) => {
		broker.advanceTo(until);
		return log.splice(0).filter((line) => line.includes("bme280"));
	};
	const [first, second, ...others] = told(10 * MINUTE);
	match(first!, /^warning: no reading from the bme280: .*read failed/);
	match(second!, /^error: the bme280 does not work; readings resume when it does$/);
	deepEqual(others, []);
	deepEqual(told(3 * HOUR), []);
	failure = "bus stuck";
	const another = told(4 * HOUR);
	equal(another.length, 1);
	match(another[0]!, /^warning: no reading from the bme280: .*bus stuck/);
	failure = undefined;
	deepEqual(told(4 * HOUR + 5 * MINUTE), ["info: the bme280 works again"]);
	failure = "bus stuck";
	match(told(4 * HOUR + 10 * MINUTE)[0]!, /^warning: no reading from the bme280: .*bus stuck/);
	equal(observed.length, station.counters.faults);
	ok(observed.length > 4 * 60, `${observed.length} faults`);
});

test("readings from before the clock was set carry the right time", () => {
	const world = new World();
	const clock = { now: world.clock.now, time: () => (world.clock.now() < 3 * MINUTE ? undefined : world.clock.time()) };
	const sensor = createSimulatedSensor({ sensor: "bme280", clock: world.clock, seed: 1 });
	const { broker } = start({}, { clock, ...sensor }, world);
	broker.up = false;
	broker.advanceTo(4 * MINUTE);
	broker.up = true;
	broker.advanceTo(6 * MINUTE);
	deepEqual(
		broker.readings
			.filter(({ seq }) => (seq as number) <= 3)
			.map(({ time }) => String(time).slice(0, 17))
			.sort(),
		["2026-11-21T00:00:", "2026-11-21T00:01:", "2026-11-21T00:02:"],
	);
});

test("while the clock is not set, a reading goes out without a time rather than not at all", () => {
	const world = new World();
	const clock = { now: world.clock.now, time: () => undefined };
	const { broker } = start({}, { clock }, world);
	broker.advanceTo(1_000);
	deepEqual(Object.keys(broker.readings[0]!), ["temperature", "humidity", "pressure", "seq"]);
});

test("a station asks for the time, and its readings tell it", () => {
	const world = new World();
	let wall: number | undefined;
	const clock = {
		now: world.clock.now,
		time: () => wall,
		setTime: (time: number) => {
			wall = time;
		},
	};
	const udp = new FakeUdp();
	const network = Object.assign(world.network, udp.network);
	const { broker } = start({ timeServer: "time.example" }, { clock, network }, world);
	deepEqual(udp.since(), ["resolve time.example", "resolve localhost"]);
	udp.tells(Date.UTC(2027, 0, 1));
	broker.advanceTo(MINUTE + 1_000);
	equal(broker.readings[1]!.time, "2027-01-01T00:00:00.000Z");
});

test("a certificate whose dates do not fit the clock makes it ask for the time at once", () => {
	for (const reason of [
		"certificate: has expired",
		"certificate: is not valid yet",
		"certificate: host name does not match",
	]) {
		const world = new World();
		const clock = { now: world.clock.now, time: world.clock.time, setTime: () => {} };
		const udp = new FakeUdp();
		const network = Object.assign(world.network, udp.network, { tls: world.network.socket });
		const settings = { broker: "mqtts://broker.example", timeServer: "time.example" };
		const { broker } = start(settings, { clock, network }, world);
		udp.tells(Date.UTC(2026, 10, 21));
		broker.advanceTo(HOUR);
		udp.resolved();
		udp.since();
		world.socket.ends(reason);
		deepEqual(udp.since(), reason.includes("host name") ? [] : ["resolve time.example"], reason);
	}
});

/** What the broker has got at each of the station's topics of readings: numbers, in the order of their arrival. */
function topicsOf(broker: AnsweringBroker) {
	const readings = broker.received.filter(({ topic }) => isReadingTopic(topic));
	ok(readings.every(({ topic, retain }) => retain === topic.endsWith("/state")));
	const at = (end: string) =>
		readings.filter(({ topic }) => topic.endsWith(end)).map(({ payload }) => JSON.parse(payload).seq as number);
	return { state: at("/state"), late: at("/late") };
}

test("after an outage the newest reading is retained at state, and those before it come late", () => {
	const { broker } = start();
	broker.advanceTo(MINUTE + 1_000);
	broker.up = false;
	broker.advanceTo(11 * MINUTE + 1_000);
	deepEqual(topicsOf(broker), { state: [1, 2], late: [] });
	broker.up = true;
	broker.advanceTo(13 * MINUTE + 1_000);
	const { state, late } = topicsOf(broker);
	// One was on its way when the connection ended, at state.
	deepEqual(sorted([...state, ...late]), upTo(14));
	deepEqual(state, sorted(state));
	deepEqual(state.slice(-3), [12, 13, 14]);
	ok(late.length >= 8, late.join(", "));
});

test("what waited from before a restart comes late, but for the newest", () => {
	const flash = new FlashChip({ blockLength: 4_096, blocks: 4 });
	const first = start({}, { flash });
	first.broker.up = false;
	first.broker.advanceTo(2 * MINUTE + 1_000);
	const world = new World();
	// Its sensor has nothing to say for now.
	const dead = class {
		read(): never {
			throw new Error("no acknowledgement");
		}
		write(): never {
			throw new Error("no acknowledgement");
		}
		close() {}
	};
	const { broker } = start({}, { flash, i2c: { io: dead } }, world);
	broker.advanceTo(1_000);
	deepEqual(topicsOf(broker), { state: [3], late: [1, 2] });
});

test("a newer reading leaves for state only when the one before it cannot leave again", () => {
	const { broker, world } = start({ interval: 1 });
	broker.advanceTo(1_500);
	broker.answers = false;
	broker.advanceTo(4_500);
	// The fourth was overtaken by the fifth, which waits.
	deepEqual(topicsOf(broker), { state: [1, 2, 3], late: [4] });
	// The connection ends before it is acknowledged.
	world.socket.ends("reset");
	broker.answers = true;
	broker.advanceTo(7_500);
	const { state, late } = topicsOf(broker);
	deepEqual(state, sorted(state));
	equal(state[3], 3);
	deepEqual(sorted([...new Set([...state, ...late])]), upTo(8));
});

test("in the order of their numbers all readings are at state, one after the acknowledgement of the other", () => {
	const { broker } = start({ order: "oldest" });
	broker.advanceTo(MINUTE + 1_000);
	broker.up = false;
	broker.advanceTo(11 * MINUTE + 1_000);
	broker.up = true;
	broker.advanceTo(13 * MINUTE + 1_000);
	deepEqual(topicsOf(broker), { state: upTo(14), late: [] });
});

test("the numbers go on after a restart, and what waited is told of and delivered", () => {
	const flash = new FlashChip({ blockLength: 4_096, blocks: 4 });
	const first = start({}, { flash });
	first.broker.up = false;
	first.broker.advanceTo(MINUTE + 1_000);
	const { broker, log } = start({}, { flash });
	equal(log[0], "info: 2 readings from before wait for the broker");
	broker.advanceTo(MINUTE + 1_000);
	deepEqual(numbers(broker).slice().sort(), [1, 2, 3, 4]);
});

test("an observer learns which readings leave, and which of them the broker has", () => {
	const leave: number[] = [];
	const delivered: number[] = [];
	const byHandle = new Map<number, number>();
	const observer = {
		onSent: (seq: number, handle: number) => {
			leave.push(seq);
			byHandle.set(handle, seq);
		},
		onDelivered: (handle: number) => delivered.push(byHandle.get(handle)!),
	};
	const { broker } = start({}, { observer });
	broker.advanceTo(1_000);
	deepEqual([leave, delivered], [[1], [1]]);
	broker.answers = false;
	broker.advanceTo(MINUTE + 1_000);
	deepEqual([leave, delivered], [[1, 2], [1]]);
	broker.answers = true;
	broker.advanceTo(4 * MINUTE + 1_000);
	deepEqual(sorted(delivered), upTo(5));
	deepEqual(sorted([...new Set(leave)]), upTo(5));
});

test("flash that fails is told of once, and costs no reading", () => {
	const flash = new FlashChip({ blockLength: 4_096, blocks: 4 });
	flash.failing = (operation) => operation === "write";
	const { broker, log } = start({}, { flash });
	broker.advanceTo(2 * MINUTE + 1_000);
	deepEqual(numbers(broker), [1, 2, 3]);
	equal(log.filter((line) => /^error: flash: .*; readings wait in RAM$/.test(line)).length, 1);
});

test("stopped, it delivers, says offline, retained, and disconnects", () => {
	const { broker, world, station } = start();
	broker.advanceTo(1_000);
	let stopped = 0;
	station.stop(() => stopped++);
	broker.work();
	equal(stopped, 1);
	deepEqual(broker.received.at(-1), {
		topic: "veleta/roof/status",
		payload: "offline",
		retain: true,
		dup: false,
		properties: "",
	});
	equal(broker.disconnects, 1);
	ok(world.socket.closed);
	broker.advanceTo(HOUR, 1_000);
	equal(broker.connects, 1);
	deepEqual(numbers(broker), [1]);
});

test("stopped with a reading of QoS 2 on its way, it waits for the last answer", () => {
	const { broker, station, world } = start({ qos: 2 });
	broker.advanceTo(MINUTE - 1_000);
	equal(station.counters.acknowledged, 1);
	world.advanceTo(MINUTE + 100);
	let stopped = 0;
	station.stop(() => stopped++);
	broker.work();
	equal(stopped, 1);
	deepEqual([station.counters.acknowledged, station.counters.queued], [2, 0]);
});

test("stopped, it leaves diagnostics that are true: all delivered, dated, before the last status", () => {
	const { broker, station } = start();
	broker.advanceTo(2 * MINUTE + 1_000);
	station.stop(() => {});
	broker.advanceTo(2 * MINUTE + 2_000);
	const [diagnostics, status] = broker.received.slice(-2);
	equal(status?.payload, "offline");
	const { time, queued, acknowledged } = JSON.parse(diagnostics!.payload);
	deepEqual({ time, queued, acknowledged }, { time: "2026-11-21T00:02:01.000Z", queued: 0, acknowledged: 3 });
});

test("stopped while the broker is away, it waits for two seconds and says what was not delivered", () => {
	const { broker, station, log, world } = start();
	broker.up = false;
	broker.advanceTo(2 * MINUTE + 1_000);
	let stopped = 0;
	station.stop(() => stopped++);
	world.advanceTo(2 * MINUTE + 2_999);
	equal(stopped, 0);
	world.advanceTo(2 * MINUTE + 3_000);
	equal(stopped, 1);
	equal(log.at(-1), "warning: 3 readings were not delivered");
});

test("a refusal tells its reason, but no password", () => {
	const { world, log } = start({ username: "u", password: "secret-word" });
	world.socket.opens();
	world.socket.receives("20 02 00 05");
	match(log.join("\n"), /localhost:1883: the broker refused the connection: not authorized \(5\)/);
	ok(!log.join("\n").includes("secret-word"));
});

test("a broker without QoS 2 that closes the connection gets the readings at QoS 1, which is told once", () => {
	const { world, broker, station, log } = start({ qos: 2 });
	broker.qos2 = "ends the connection";
	broker.advanceTo(10 * MINUTE);
	const sockets = world.sockets.length;
	broker.advanceTo(20 * MINUTE + 1_000);
	equal(world.sockets.length, sockets, "one connection lasts");
	deepEqual(sorted(numbers(broker)), upTo(21));
	deepEqual([station.counters.queued, station.counters.dropped], [0, 0]);
	deepEqual(
		log.filter((line) => line.includes("QoS")),
		["warning: localhost:1883: does not take messages of QoS 2: QoS 1 from now on, so that a reading may come twice"],
	);
});

test("a broker that answers QoS 2 by PUBACK gets each reading once, on one connection, and it is told once", () => {
	const { world, broker, station, log } = start({ qos: 2 });
	broker.qos2 = "answered by PUBACK";
	broker.advanceTo(MINUTE);
	const sockets = world.sockets.length;
	broker.advanceTo(20 * MINUTE + 1_000);
	equal(world.sockets.length, sockets, "one connection lasts");
	deepEqual(numbers(broker), upTo(21));
	deepEqual([station.counters.queued, station.counters.dropped], [0, 0]);
	deepEqual(
		log.filter((line) => line.includes("QoS")),
		["warning: localhost:1883: sends a PUBACK for a message of QoS 2"],
	);
});

test("a reading that the broker ends connections on is set aside and told, the others go on, and after six hours it is tried again", () => {
	const { world, broker, station, log } = start();
	broker.poison = (topic, payload) => isReadingTopic(topic) && payload.includes('"seq":3}');
	broker.advanceTo(20 * MINUTE);
	deepEqual(
		[...new Set(numbers(broker))].sort((a, b) => a - b),
		upTo(20).filter((seq) => seq !== 3),
	);
	deepEqual([station.counters.queued, station.counters.dropped], [1, 0]);
	const told = log.filter((line) => line.includes("closes the connection when it gets a reading"));
	deepEqual(told, [
		"warning: localhost:1883: closes the connection when it gets a reading: it is tried again in six hours, or after a restart",
	]);
	const sockets = world.sockets.length;
	broker.poison = undefined;
	broker.advanceTo(6 * HOUR, 1_000);
	equal(world.sockets.length, sockets, "one connection lasts");
	ok(!numbers(broker).includes(3));
	broker.advanceTo(6 * HOUR + 5 * MINUTE, 1_000);
	equal(numbers(broker).filter((seq) => seq === 3).length, 1);
	equal(station.counters.queued, 0);
});

test("a broker that ends the connection on every reading gets everything else, and all readings when it takes them", () => {
	const { broker, station } = start();
	broker.poison = (topic) => isReadingTopic(topic);
	broker.advanceTo(3 * HOUR, 500);
	ok(broker.received.some(({ topic }) => topic.endsWith("/diagnostics")));
	equal(station.counters.acknowledged, 0);
	broker.poison = undefined;
	broker.advanceTo(10 * HOUR, 1_000);
	const { queued, readings, dropped } = station.counters;
	deepEqual([queued, dropped, new Set(numbers(broker)).size], [0, 0, readings]);
});

/** QoS 1 and 2, and a broker that says why it takes nothing: quota exceeded. */
for (const qos of [1, 2]) {
	test(`with QoS ${qos} refused readings wait: one is tried alone, ever more rarely, and in the end all are there once`, () => {
		const { broker, station, log } = start({ qos, broker: "mqtt://localhost" });
		broker.advanceTo(2 * MINUTE + 1_000);
		deepEqual(numbers(broker), [1, 2, 3]);
		broker.refusal = (topic) => (isReadingTopic(topic) ? 0x97 : undefined);
		broker.advanceTo(17 * MINUTE + 1_000);
		const attempts = broker.refused.map(({ at }) => Math.round(at / 1_000));
		deepEqual(attempts.slice(0, 7), [180, 181, 183, 187, 195, 211, 243]);
		const pauses = attempts.slice(7).map((at, index) => at - attempts[index + 6]!);
		deepEqual(pauses, [64, 120, 120, 120, 120, 120]);
		const { rejected, acknowledged, published, queued, dropped } = station.counters;
		deepEqual([rejected, queued, dropped], [attempts.length, 15, 0]);
		equal(published, acknowledged + rejected);
		// Once in ten minutes.
		const line = "warning: localhost:1883: does not take a reading: quota exceeded";
		deepEqual(
			log.filter((text) => text.includes("does not take")),
			[line, line],
		);
		broker.refusal = undefined;
		broker.advanceTo(20 * MINUTE + 1_000);
		deepEqual(sorted(numbers(broker)), upTo(21));
		equal(log.filter((text) => text === "info: localhost:1883: takes a reading again").length, 1);
	});
}

test("while readings are refused the diagnostics say why, and no longer when they are taken", () => {
	const { broker } = start({ diagnostics: 60 });
	const last = () => JSON.parse(broker.received.filter(({ topic }) => topic.endsWith("/diagnostics")).at(-1)!.payload);
	broker.advanceTo(5_000);
	equal(last().refusal, undefined);
	broker.refusal = (topic) => (isReadingTopic(topic) ? 0x87 : undefined);
	broker.advanceTo(3 * MINUTE);
	equal(last().refusal, "not authorized");
	broker.refusal = undefined;
	broker.advanceTo(7 * MINUTE);
	equal(last().refusal, undefined);
});

test("a reading that the broker refuses while it takes others holds up none of them, and is tried again after six hours", () => {
	const { broker, station, log } = start({ broker: "mqtt://localhost" });
	broker.refusal = (topic, payload) => (isReadingTopic(topic) && payload.includes('"seq":3}') ? 0x99 : undefined);
	broker.advanceTo(30 * MINUTE + 1_000);
	deepEqual(
		sorted(numbers(broker)),
		upTo(31).filter((seq) => seq !== 3),
	);
	equal(station.counters.queued, 1);
	equal(
		log.filter((text) => /does not take a reading, but others: it is tried again in six hours/.test(text)).length,
		1,
	);
	broker.refusal = undefined;
	broker.advanceTo(7 * HOUR, 1_000);
	equal(numbers(broker).filter((seq) => seq === 3).length, 1);
	equal(station.counters.queued, 0);
});

test("stopped while readings are refused, it says how many were not delivered; the next run delivers them", () => {
	const flash = new FlashChip({ blockLength: 4_096, blocks: 16 });
	const { broker, station, log } = start({}, { flash });
	broker.refusal = (topic) => (isReadingTopic(topic) ? 0x97 : undefined);
	broker.advanceTo(3 * MINUTE + 1_000);
	let stopped = false;
	station.stop(() => {
		stopped = true;
	});
	broker.advanceTo(3 * MINUTE + 4_000);
	ok(stopped);
	ok(log.includes("warning: 4 readings were not delivered"), String(log));
	const next = start({}, { flash });
	next.broker.advanceTo(5_000);
	deepEqual(sorted(numbers(next.broker)), upTo(5));
});

test("a reply that the broker ends connections on is dropped and told without its topic, and the readings go on", () => {
	const { broker, log } = start({ broker: "mqtt://localhost" });
	broker.poison = (topic) => topic.startsWith("x/");
	broker.advanceTo(MINUTE / 2);
	const topic = "x/".repeat(60);
	broker.publishes("veleta/roof/cmd/status", "", {
		properties: `08 00 ${topic.length.toString(16)} ${Array.from(topic, (c) => c.charCodeAt(0).toString(16)).join(" ")}`,
	});
	broker.advanceTo(10 * MINUTE);
	deepEqual(numbers(broker), upTo(10));
	equal(log.filter((line) => line.endsWith("closes the connection when it gets a reply: it is left out")).length, 1);
	equal(log.filter((line) => line.includes("x/")).length, 0);
});

test("a status that the broker ends connections on is left out and comes ever more rarely, and the readings go on", () => {
	const { broker, log } = start();
	broker.poison = (topic) => topic.endsWith("/status");
	broker.advanceTo(HOUR, 500);
	deepEqual(new Set(numbers(broker)), new Set(upTo(60)));
	const told = log.filter((line) => line.includes("does not bear the birth message to veleta/roof/status"));
	ok(told.length >= 3 && told.length <= 6, `${told.length} times`);
	broker.poison = undefined;
	broker.advanceTo(2 * HOUR, 1_000);
	equal(broker.received.filter(({ topic }) => topic.endsWith("/status")).length, 1);
});

test("diagnostics that the broker ends connections on are left out for an hour, and the readings go on", () => {
	const { world, broker, log } = start();
	broker.poison = (topic) => topic.endsWith("/diagnostics");
	broker.advanceTo(50 * MINUTE, 500);
	deepEqual(new Set(numbers(broker)), new Set(upTo(50)));
	ok(world.sockets.length <= 5, `${world.sockets.length} connections`);
	equal(log.filter((line) => line.endsWith("when it gets the diagnostics: it is left out")).length, 1);
	broker.poison = undefined;
	broker.advanceTo(2 * HOUR, 1_000);
	ok(broker.received.some(({ topic }) => topic.endsWith("/diagnostics")));
});

test("a broker that ends the connection on a SUBSCRIBE gets every reading, and few SUBSCRIBEs", () => {
	const { world, broker } = start();
	broker.closesOnSubscribe = true;
	broker.advanceTo(6 * HOUR, 500);
	deepEqual(new Set(numbers(broker)), new Set(upTo(360)));
	ok(world.sockets.length < 20, `${world.sockets.length} connections`);
	broker.closesOnSubscribe = false;
	broker.advanceTo(8 * HOUR, 1_000);
	broker.publishes("veleta/roof/cmd/status", "");
	broker.advanceTo(8 * HOUR + 1_000);
	ok(broker.received.some(({ topic }) => topic === "veleta/roof/reply"));
});

test("a command that is larger than the station takes is acknowledged, told once, and costs no connection", () => {
	const { world, broker, log } = start();
	broker.advanceTo(MINUTE / 2);
	for (const packetId of [100, 101]) broker.publishes("veleta/roof/cmd/status", "x".repeat(6_000), { packetId });
	broker.advanceTo(10 * MINUTE);
	deepEqual(numbers(broker), upTo(10));
	deepEqual([world.sockets.length, broker.acknowledged], [1, [100, 101]]);
	equal(log.filter((line) => line.includes("has a command of 60")).length, 1);
});

/** The messages that are no readings' reports, status or diagnostics, in their order. */
const valuesOf = (broker: AnsweringBroker) =>
	broker.received
		.filter(({ topic }) => !/\/(state|late|status|diagnostics)$/.test(topic))
		.map(({ topic, payload, retain }) => `${topic} ${payload}${retain ? "" : " not retained"}`);

test("with values each quantity of the newest reading is a plain number at a topic of its own, retained", () => {
	const { broker } = start({ values: true, derived: ["dewPoint"] });
	broker.advanceTo(MINUTE + 1_000);
	const { temperature, humidity, pressure, dewPoint } = broker.readings[1]!;
	deepEqual(valuesOf(broker).slice(4), [
		`veleta/roof/temperature ${temperature}`,
		`veleta/roof/humidity ${humidity}`,
		`veleta/roof/pressure ${pressure}`,
		`veleta/roof/dewPoint ${dewPoint}`,
	]);
	equal(valuesOf(broker).length, 8);
});

test("values go to the user's topics, and only those that have one", () => {
	const { broker, station } = start({
		values: { temperature: "Casa/Cocina/Temperatura", humidity: "Casa/Cocina/Humedad" },
		state: false,
	});
	broker.advanceTo(2 * MINUTE + 1_000);
	deepEqual(
		valuesOf(broker).map((line) => line.split(" ")[0]),
		[1, 2, 3].flatMap(() => ["Casa/Cocina/Temperatura", "Casa/Cocina/Humedad"]),
	);
	deepEqual(topicsOf(broker), { state: [], late: [] });
	const { published, acknowledged, queued } = station.counters;
	deepEqual([published, acknowledged, queued], [3, 3, 0]);
});

/** A BME280 in weather that a test makes, at 50 % and 1000 hPa. */
function inAir(world: World, temperature: () => number): Partial<Host> {
	const weather = () => ({ temperature: temperature(), humidity: 0.5, pressure: 100_000 });
	return createSimulatedSensor({ sensor: "bme280", clock: world.clock, seed: 1, weather });
}

test("with samples a reading is the median of so many measurements, a second apart", () => {
	const world = new World();
	// In each minute one measurement of five is far off.
	const { broker, station } = start(
		{ samples: 5 },
		inAir(world, () => (Math.floor(world.clock.now() / 1_000) % 5 === 2 ? 60 : 20)),
		world,
	);
	broker.advanceTo(4_000);
	deepEqual(numbers(broker), []);
	broker.advanceTo(10 * MINUTE + 5_000);
	deepEqual(numbers(broker), upTo(11));
	for (const { temperature } of broker.readings) ok(Math.abs((temperature as number) - 20) < 0.1, `${temperature}`);
	equal(station.counters.faults, 0);
});

test("with change a reading comes when something has changed, or after `atMost` intervals, and no number is left out", () => {
	const world = new World();
	const warmFrom = 20 * MINUTE;
	const { broker, station } = start(
		{ change: { temperature: 0.5, atMost: 7 } },
		inAir(world, () => (world.clock.now() < warmFrom ? 20 : 21)),
		world,
	);
	broker.advanceTo(30 * MINUTE + 1_000);
	deepEqual(
		broker.readings.map(({ seq, time }) => `${seq} ${String(time).slice(14, 16)}`),
		["1 00", "2 07", "3 14", "4 20", "5 27"],
	);
	const { readings, faults, queued, dropped } = station.counters;
	deepEqual([readings, faults, queued, dropped], [5, 0, 0, 0]);
	// What is asked for is always published.
	broker.publishes("veleta/roof/cmd/sample", "");
	broker.advanceTo(31 * MINUTE);
	equal(broker.readings.length, 6);
	const reply = broker.received.find(({ topic }) => topic === "veleta/roof/reply");
	deepEqual(JSON.parse(reply!.payload), { command: "sample", ok: true, seq: 6 });
	// The seventh slot after it.
	broker.advanceTo(37 * MINUTE - 1_000);
	equal(broker.readings.length, 6);
	broker.advanceTo(37 * MINUTE + 1_000);
	equal(broker.readings.length, 7);
});

test("with change, what changed in an outage waits for the broker, and what did not takes no room", () => {
	const world = new World();
	const { broker, station } = start(
		{ change: { temperature: 0.5, atMost: 60 } },
		inAir(world, () => 20 + Math.floor(world.clock.now() / (10 * MINUTE))),
		world,
	);
	broker.advanceTo(MINUTE);
	broker.up = false;
	broker.advanceTo(65 * MINUTE);
	equal(station.counters.queued, 6);
	broker.up = true;
	broker.advanceTo(69 * MINUTE);
	deepEqual(sorted(numbers(broker)), upTo(7));
	deepEqual(topicsOf(broker).late, [2, 3, 4, 5, 6]);
});

test("readings that come late give no values", () => {
	for (const state of [true, false]) {
		const { broker, station } = start({ values: { temperature: "t" }, state });
		broker.up = false;
		broker.advanceTo(10 * MINUTE + 1_000);
		broker.up = true;
		broker.advanceTo(12 * MINUTE + 1_000);
		deepEqual(topicsOf(broker).late, upTo(10));
		equal(valuesOf(broker).length, 3);
		equal(station.counters.queued, 0);
	}
});

test("without state a reading waits for the acknowledgement of all its values, and comes again after a restart", () => {
	const flash = new FlashChip({ blockLength: 4_096, blocks: 4 });
	const settings = { values: { temperature: "t", humidity: "h" }, state: false };
	const first = start(settings, { flash });
	first.broker.answers = false;
	first.broker.advanceTo(5_000);
	equal(first.station.counters.acknowledged, 0);
	const { broker, station, log } = start(settings, { flash });
	equal(log[0], "info: 1 reading from before waits for the broker");
	broker.advanceTo(5_000);
	deepEqual([station.counters.acknowledged, station.counters.queued], [2, 0]);
	deepEqual(topicsOf(broker).late, [1]);
});

test("values of a newer reading leave only when those of the one before it cannot leave again", () => {
	const { broker } = start({ values: { temperature: "t" }, diagnostics: 0, interval: 2 });
	broker.advanceTo(1_900);
	broker.answers = false;
	broker.advanceTo(2_300);
	equal(broker.readings.length, 2);
	broker.accepts(broker.unanswered.at(-1)!);
	broker.advanceTo(2_400);
	equal(valuesOf(broker).length, 2);
	// From now on the broker answers to everything but this value.
	const value = broker.unanswered.at(-1)!;
	broker.answers = true;
	broker.advanceTo(9_500);
	deepEqual([broker.readings.length, valuesOf(broker).length], [5, 2]);
	broker.accepts(value);
	broker.advanceTo(9_600);
	deepEqual(valuesOf(broker).slice(2), [`t ${broker.readings[4]!.temperature}`]);
});

test("a value that a formula does not give any more is removed, once", () => {
	const temperature = { now: 25 };
	const world = new World();
	const sensor = createSimulatedSensor({
		sensor: "dht22",
		clock: world.clock,
		seed: 1,
		weather: () => ({ temperature: temperature.now, humidity: 0.5, pressure: 101_325 }),
	});
	const { broker } = start(
		{ sensor: "dht22", derived: ["heatIndex"], values: { heatIndex: "hot" } },
		{ ...sensor },
		world,
	);
	broker.advanceTo(MINUTE + 5_000);
	temperature.now = 10;
	broker.advanceTo(3 * MINUTE + 5_000);
	temperature.now = 30;
	broker.advanceTo(4 * MINUTE + 5_000);
	const values = valuesOf(broker);
	equal(values.length, 4, values.join(", "));
	deepEqual(
		values.map((line) => /^hot \d/.test(line)),
		[true, true, false, true],
	);
	equal(values[2], "hot ");
});

test("a broker that does not bear a value gets none for an hour, and all readings", () => {
	const { broker, station } = start({ values: { temperature: "t" } });
	broker.poison = (topic) => topic === "t";
	broker.advanceTo(HOUR, 500);
	equal(station.counters.queued, 0);
	ok(station.counters.connections <= 5, `${station.counters.connections} connections`);
	broker.poison = undefined;
	broker.advanceTo(2 * HOUR, 500);
	ok(valuesOf(broker).length >= 50);
});

test("a broker that refuses the values takes the readings all the same", () => {
	const { broker, station, log } = start({ values: true });
	broker.refusal = (topic) => (isReadingTopic(topic) || topic.endsWith("status") ? undefined : 0x87);
	broker.advanceTo(5 * MINUTE + 1_000);
	deepEqual([station.counters.acknowledged, station.counters.queued], [6, 0]);
	equal(log.filter((line) => line.includes("does not take a value")).length, 1);
});

test("a station that is stopped while it says goodbye for a restart stops", () => {
	for (const isStopped of [false, true]) {
		const happened: string[] = [];
		const { broker, station } = start({}, { restart: () => happened.push("restarts") });
		broker.advanceTo(1_000);
		broker.answers = false;
		broker.publishes("veleta/roof/cmd/restart", "");
		if (isStopped) station.stop(() => happened.push("stops"));
		broker.advanceTo(10_000);
		deepEqual(happened, [isStopped ? "stops" : "restarts"]);
	}
});

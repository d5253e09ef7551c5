/** Commands to a station and its replies. */
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import { DUP, QOS_0, RETAINED, startCommanded as start } from "../../harness/commanded.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;

test("sample takes a reading now and replies with its number", () => {
	const { broker, commands, replies } = start();
	broker.advanceTo(20_000);
	commands("sample");
	broker.advanceTo(21_000);
	deepEqual(replies(), [{ command: "sample", ok: true, seq: 2 }]);
	deepEqual(
		broker.readings.map(({ seq }) => seq),
		[2],
	);
	broker.advanceTo(59_000);
	equal(broker.readings.length, 1, "the slots stay where they are");
	broker.advanceTo(61_000);
	deepEqual(
		broker.readings.map(({ seq }) => seq),
		[2, 3],
	);
});

test("sample replies with the reason when there is no reading", () => {
	const world = new World();
	const { i2c } = createSimulatedSensor({ sensor: "bme280", clock: world.clock, seed: 1 });
	class Absent extends i2c!.io {
		override read(): never {
			throw new Error("read failed");
		}
	}
	const { broker, commands, replies } = start({}, { i2c: { ...i2c, io: Absent } });
	broker.advanceTo(30_000);
	commands("sample");
	broker.advanceTo(31_000);
	equal(replies().length, 1);
	equal(replies()[0].ok, false);
	ok(/0x76/.test(replies()[0].error), replies()[0].error);
});

test("more senders than four do not wait for one sample", () => {
	const { broker, commands, replies } = start();
	for (let count = 0; count < 4; count++) commands("sample");
	commands("sample");
	deepEqual(replies(), [{ command: "sample", ok: false, error: "too many wait for a sample" }]);
	broker.received.length = 0;
	broker.advanceTo(3_000);
	equal(replies().length, 4);
});

for (const payload of ["10", '{"interval":10}', " 10 "]) {
	test(`interval ${payload} changes the interval from now on`, () => {
		const { broker, commands, replies } = start();
		commands("interval", payload);
		deepEqual(replies(), [{ command: "interval", ok: true, interval: 10 }]);
		broker.advanceTo(9_000);
		equal(broker.readings.length, 0);
		broker.advanceTo(MINUTE + 1_000);
		equal(broker.readings.length, 6, "at 10, 20, … 60 s");
	});
}

for (const [sensor, payload, error] of [
	["bme280", "", 'needs a number of seconds, such as 30 or {"interval":30}'],
	["bme280", "soon", 'needs a number of seconds, such as 30 or {"interval":30}'],
	["bme280", "[10]", 'needs a number of seconds, such as 30 or {"interval":30}'],
	["bme280", "null", 'needs a number of seconds, such as 30 or {"interval":30}'],
	["bme280", "1".repeat(1_025), 'needs a number of seconds, such as 30 or {"interval":30}'],
	["bme280", "0", "a bme280 needs from 1 to 86400 seconds"],
	["dht22", "1", "a dht22 needs from 2 to 86400 seconds"],
	["bme280", "86401", "a bme280 needs from 1 to 86400 seconds"],
] as const) {
	test(`interval ${payload.slice(0, 10)} of a ${sensor} gets a reply that says why not`, () => {
		const { commands, replies, broker } = start({ sensor });
		commands("interval", payload);
		deepEqual(replies(), [{ command: "interval", ok: false, error }]);
		broker.advanceTo(10_000);
		equal(broker.readings.length, sensor === "dht22" ? 1 : 0);
	});
}

test("an interval leaves time for all samples of a reading", () => {
	const { commands, replies } = start({ sensor: "dht22", samples: 5 });
	commands("interval", "9");
	deepEqual(replies(), [{ command: "interval", ok: false, error: "a dht22 needs from 10 to 86400 seconds" }]);
	commands("interval", "10");
	deepEqual(replies(), [{ command: "interval", ok: true, interval: 10 }]);
});

test("status replies with what the station has done", () => {
	const { broker, commands, replies } = start();
	broker.advanceTo(2 * MINUTE + 1_000);
	commands("status");
	const [{ command, ok: fine, sensor, interval, uptime, readings, acknowledged, connections }] = replies();
	deepEqual([command, fine, sensor, interval, uptime], ["status", true, "bme280", 60, 121]);
	deepEqual([readings, acknowledged, connections], [3, 3, 1]);
});

test("restart acknowledges the command, replies, says offline, disconnects, and restarts", () => {
	const { broker, commands, replies, restarts, world } = start();
	commands("restart", "", { packetId: 77 });
	deepEqual(replies(), [{ command: "restart", ok: true }]);
	equal(broker.received.at(-1)!.payload, "offline");
	equal(broker.disconnects, 1);
	equal(restarts(), 1);
	ok(broker.acknowledged.includes(77));
	ok(world.socket.closed);
});

test("a retained restart does not restart, and neither does one that is delivered again", () => {
	const { commands, replies, restarts } = start();
	commands("restart", "", { header: RETAINED });
	deepEqual(replies(), [
		{ command: "restart", ok: false, error: "a retained command is not carried out: publish it without retain" },
	]);
	commands("restart", "", { header: DUP });
	deepEqual(replies(), [
		{ command: "restart", ok: false, error: "a restart that is delivered again is not carried out" },
	]);
	equal(restarts(), 0);
});

test("a station that cannot restart says so", () => {
	const { commands, replies } = start({}, { restart: undefined } as never);
	commands("restart");
	deepEqual(replies(), [{ command: "restart", ok: false, error: "this station cannot restart itself" }]);
});

test("an unknown command gets a reply that lists those there are", () => {
	const { commands, replies } = start();
	commands("reboot");
	deepEqual(replies(), [
		{
			command: "reboot",
			ok: false,
			error: "no such command; there are sample, interval, restart, status, readings, update",
		},
	]);
});

test("the answer goes to the response topic, with the correlation data, if the sender gave them", () => {
	const { broker, commands } = start();
	commands("reboot", "", { header: QOS_0, properties: "08 00 02 6d 65 09 00 02 01 02" });
	const { topic, properties } = broker.received[0]!;
	deepEqual([topic, properties], ["me", "09 00 02 01 02"]);
});

test("a response topic that no message can go to is not used", () => {
	const { broker, commands } = start();
	commands("reboot", "", { header: QOS_0, properties: "08 00 01 23" });
	ok(broker.received.every(({ topic }) => topic !== "#"));
});

test("a command to another topic, from a subscription of the past, is acknowledged and not carried out", () => {
	const { broker, restarts } = start();
	broker.received.length = 0;
	broker.publishes("veleta/shed/cmd/restart", "", { packetId: 9 });
	ok(broker.acknowledged.includes(9));
	equal(restarts(), 0);
	equal(broker.received.length, 0);
});

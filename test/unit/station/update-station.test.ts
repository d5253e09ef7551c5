/** Updates of a station, from the message to the restart. */
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import type { I2CConstructor } from "../../../src/host.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker } from "../../harness/answering-broker.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { BOARD, SimpleSlots, simpleUpdate } from "../../harness/simple-slots.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;
const KEY = Uint8Array.from({ length: 65 }, (_, at) => (at === 0 ? 4 : 0x11));
const UPDATE = simpleUpdate(6, 4, KEY);
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const BEGIN = text(UPDATE.begin);
const pieceAt = (offset: number) => text(UPDATE.pieces.get(offset)!);

class BrokenBus {
	constructor() {
		throw new Error("no pull-ups");
	}
}

function start(raw: Record<string, unknown> = {}, { unconfirmed = false, up = true, hasSensor = true } = {}) {
	const world = new World();
	const broker = new AnsweringBroker(world);
	broker.up = up;
	const settings = parseSettings({ id: "roof", updateKey: `04${"11".repeat(64)}`, ...raw });
	/** What the machine was asked for, with the time in s. */
	const told: string[] = [];
	const tell = (what: string) => told.push(`${Math.round(world.clock.now() / 1_000)} ${what}`);
	const slots = new SimpleSlots(tell);
	slots.unconfirmed = unconfirmed;
	const host = hostOf(world, {
		restart: () => tell("restart"),
		sleep: (duration) => tell(`sleep ${Math.round(duration / 1_000)}`),
		update: slots,
		board: BOARD,
		...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
		...(!hasSensor && { i2c: { io: BrokenBus as unknown as I2CConstructor, data: 1, clock: 2 } }),
	});
	const station = new Station(host, settings);
	station.start();
	const sends = (name: string, payload: string) => broker.publishes(`veleta/roof/cmd/${name}`, payload);
	const heard = (level: string) => broker.received.filter(({ topic }) => topic === `veleta/roof/${level}`);
	return { world, broker, sends, heard, told: () => told.splice(0) };
}

test("an update is replied to piece by piece; then the station says offline and restarts", () => {
	const { broker, sends, heard, told } = start();
	broker.advanceTo(1_000);
	sends("update", BEGIN);
	sends("update/0", pieceAt(0));
	sends("update/5", "x");
	broker.advanceTo(1_100);
	deepEqual(
		heard("reply").map(({ payload }) => JSON.parse(payload)),
		[
			{ command: "update", ok: true, manifest: UPDATE.name, offset: 0 },
			{ command: "update/0", ok: true, manifest: UPDATE.name, offset: 4 },
			{ command: "update/5", ok: false, error: "bytes before these are missing", manifest: UPDATE.name, offset: 4 },
		],
	);
	deepEqual(told(), ["1 keep 0", "1 write 4 at 0"]);
	sends("update/4", pieceAt(4));
	broker.advanceTo(1_200);
	deepEqual(told(), ["1 write 2 at 4", "1 complete 6", "1 keep 6", "1 restart"]);
	// Diagnostics are in between.
	const last = [broker.received.at(-3)!, broker.received.at(-1)!].map(({ topic, payload }) => `${topic} ${payload}`);
	deepEqual(last, [
		`veleta/roof/reply {"command":"update/4","ok":true,"manifest":"${UPDATE.name}","offset":6}`,
		"veleta/roof/status offline",
	]);
	equal(broker.disconnects, 1);
});

test("readings go on during an update", () => {
	const { broker, sends } = start({ interval: 10 });
	broker.advanceTo(1_000);
	sends("update", BEGIN);
	broker.advanceTo(51_000);
	equal(broker.readings.length, 6);
});

test("a retained update is not begun", () => {
	const { broker, heard, told } = start();
	broker.advanceTo(1_000);
	broker.publishes("veleta/roof/cmd/update", BEGIN, { header: 0x33 });
	broker.advanceTo(1_100);
	ok(/retained/.test(heard("reply")[0]!.payload));
	deepEqual(told(), []);
});

test("new firmware is confirmed after three minutes with a broker, its commands, and an acknowledged reading; who sent it is told", () => {
	const { broker, heard, told } = start({}, { unconfirmed: true });
	deepEqual(told(), ["0 keep 0"]);
	broker.advanceTo(3 * MINUTE - 1_000, 1_000);
	deepEqual(told(), []);
	const unconfirmed = () => heard("diagnostics").map(({ payload }) => JSON.parse(payload).unconfirmed);
	deepEqual(unconfirmed(), [true]);
	broker.advanceTo(3 * MINUTE + 10_000, 1_000);
	deepEqual(told(), ["180 confirm"]);
	deepEqual(unconfirmed(), [true, undefined]);
});

test("new firmware without a broker, or without a reading, is rolled back after ten minutes, asleep or not", () => {
	for (const sleep of [false, true]) {
		for (const without of [{ up: false }, { hasSensor: false }]) {
			const { broker, told } = start({ sleep }, { unconfirmed: true, ...without });
			broker.advanceTo(10 * MINUTE - 1_000, 1_000);
			deepEqual(told(), ["0 keep 0"], `sleep ${sleep}`);
			broker.advanceTo(10 * MINUTE + 1_000, 1_000);
			equal(told()[0], "600 roll back");
		}
	}
});

test("new firmware whose readings have no acknowledgement by QoS is confirmed all the same", () => {
	const { broker, told } = start({ qos: 0 }, { unconfirmed: true });
	broker.advanceTo(3 * MINUTE + 1_000, 1_000);
	deepEqual(told(), ["0 keep 0", "180 confirm"]);
});

test("a machine that sleeps stays awake for an update, and sleeps when it is given up", () => {
	const { broker, sends, told } = start({ sleep: true, interval: 600, awake: 20 });
	broker.advanceTo(20, 5);
	sends("update", BEGIN);
	broker.advanceTo(59_000, 500);
	deepEqual(told(), ["0 keep 0"]);
	broker.advanceTo(3 * MINUTE, 500);
	const [left, slept] = told();
	equal(left, "60 keep 0");
	ok(/^\d+ sleep \d+$/.test(slept ?? ""), String(slept));
});

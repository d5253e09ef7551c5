/** Updates of a station, from the message to the restart. */
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker } from "../../harness/answering-broker.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;
const BEGIN = '{"size":6,"signature":"3006020101020101"}';

function start(raw: Record<string, unknown> = {}, { unconfirmed = false, up = true } = {}) {
	const world = new World();
	const broker = new AnsweringBroker(world);
	broker.up = up;
	const settings = parseSettings({ id: "roof", updateKey: `04${"11".repeat(64)}`, ...raw });
	/** What the machine was asked for, with the time in s. */
	const told: string[] = [];
	const tell = (what: string) => told.push(`${Math.round(world.clock.now() / 1_000)} ${what}`);
	const host = hostOf(world, {
		restart: () => tell("restart"),
		sleep: (duration) => tell(`sleep ${Math.round(duration / 1_000)}`),
		update: {
			unconfirmed,
			judge: (works) => tell(works ? "confirm" : "roll back"),
			open: (byteLength) => tell(`open ${byteLength}`),
			write: (bytes) => tell(`write ${bytes}`),
			complete: (signature) => tell(`complete ${signature}`),
			close: () => tell("close"),
		},
		...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
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
	sends("update/0", "abcd");
	sends("update/5", "x");
	broker.advanceTo(1_100);
	deepEqual(
		heard("reply").map(({ payload }) => JSON.parse(payload)),
		[
			{ command: "update", ok: true, offset: 0 },
			{ command: "update/0", ok: true, offset: 4 },
			{ command: "update/5", ok: false, error: "bytes before these are missing", offset: 4 },
		],
	);
	deepEqual(told(), ["1 open 6", "1 write 97,98,99,100"]);
	sends("update/4", "ef");
	broker.advanceTo(1_200);
	deepEqual(told(), ["1 write 101,102", "1 complete 3006020101020101", "1 restart"]);
	// Diagnostics are in between.
	const last = [broker.received.at(-3)!, broker.received.at(-1)!].map(({ topic, payload }) => `${topic} ${payload}`);
	deepEqual(last, ['veleta/roof/reply {"command":"update/4","ok":true,"offset":6}', "veleta/roof/status offline"]);
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

test("new firmware is confirmed by the broker that accepts it", () => {
	const { broker, told } = start({}, { unconfirmed: true });
	broker.advanceTo(1_000);
	deepEqual(told(), ["0 confirm"]);
});

test("new firmware without a broker is rolled back after ten minutes, asleep or not", () => {
	for (const sleep of [false, true]) {
		const { broker, told } = start({ sleep }, { unconfirmed: true, up: false });
		broker.advanceTo(10 * MINUTE - 1_000, 1_000);
		deepEqual(told(), [], `sleep ${sleep}`);
		broker.advanceTo(10 * MINUTE + 1_000, 1_000);
		equal(told()[0], "600 roll back");
	}
});

test("a machine that sleeps stays awake for an update, and sleeps when it is given up", () => {
	const { broker, sends, told } = start({ sleep: true, interval: 600, awake: 20 });
	broker.advanceTo(20, 5);
	sends("update", BEGIN);
	broker.advanceTo(59_000, 500);
	deepEqual(told(), ["0 open 6"]);
	broker.advanceTo(3 * MINUTE, 500);
	const [closed, slept] = told();
	equal(closed, "60 close");
	ok(/^\d+ sleep \d+$/.test(slept ?? ""), String(slept));
});

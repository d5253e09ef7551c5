import type { SimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import { weatherAt } from "../../../hosts/sim/devices/weather.ts";
import { Cable } from "../../../hosts/sim/mcsim/cable.ts";
import type { ToPanel } from "../../../hosts/sim/mcsim/messages.ts";
import { RemotePanel } from "../../../hosts/sim/mcsim/remote-panel.ts";
import { parseSettings } from "../../../src/settings.ts";
import type { Station } from "../../../src/station/station.ts";
import { deepEqual, equal, near, ok, test } from "../../harness/harness.ts";

/** 2026-11-21T12:00Z. */
const TIME = 1_795_262_400_000;
const PATIENCE_MS = 1_000;

function bench() {
	const time = { now: 0 };
	const timers: { callback: () => void; due: number }[] = [];
	const posted: ToPanel[] = [];
	const cable = new Cable();
	const panel = new RemotePanel({
		clock: { now: () => time.now, time: () => TIME + time.now },
		timer: {
			set: (callback, delay) => timers.push({ callback, due: time.now + delay }),
			clear: () => {},
		},
		cable,
		seed: 1,
		post: (message) => posted.push(message),
	});
	const silences: boolean[] = [];
	const sensor: SimulatedSensor = { ports: {}, silence: (silent) => silences.push(silent) };
	const run = (duration: number) => {
		time.now += duration;
		for (const timer of timers.splice(0)) {
			if (timer.due <= time.now) timer.callback();
			else timers.push(timer);
		}
	};
	const taken = () => posted.splice(0);
	return { panel, cable, sensor, silences, run, taken };
}
const station = (counters: object) => ({ counters }) as unknown as Station;

test("the station starts when the sliders and switches are known, and not before", () => {
	const { panel, cable, sensor, silences } = bench();
	let starts = 0;
	panel.whenConfigured(() => {
		starts++;
		equal(cable.cut, true);
		panel.introduce(parseSettings({}), sensor);
		deepEqual(silences, [true]);
	});
	equal(starts, 0);
	equal(panel.startedOnRequest, false);
	panel.configure({ configuration: { sensorFault: true, linkCut: true, startedOnRequest: true } });
	equal(panel.startedOnRequest, true);
	panel.configure({ configuration: { sensorFault: true, linkCut: true } });
	equal(starts, 1);
	panel.configure({ configuration: { sensorFault: false, linkCut: true } });
	deepEqual(silences, [true, true, false]);
});

test("without a word from a panel it starts all the same", () => {
	const { panel, run } = bench();
	let starts = 0;
	panel.whenConfigured(() => starts++);
	run(PATIENCE_MS - 1);
	equal(starts, 0);
	run(1);
	equal(starts, 1);
	panel.configure({ configuration: { sensorFault: false, linkCut: false } });
	equal(starts, 1);
});

test("the weather is the simulated one, or what was set by hand, which does not rest either", () => {
	const { panel, run } = bench();
	deepEqual(panel.weather(), weatherAt(TIME, 1));
	const weather = { temperature: 40, humidity: 1, pressure: 99_000 };
	panel.configure({ configuration: { weather, sensorFault: false, linkCut: false } });
	const first = panel.weather();
	run(1_000);
	const second = panel.weather();
	for (const { temperature, humidity, pressure } of [first, second]) {
		near(temperature, 40, 0.01);
		near(humidity, 1, 0.0004);
		ok(humidity <= 1);
		near(pressure, 99_000, 1);
	}
	ok(first.temperature !== second.temperature);
	panel.configure({ configuration: { sensorFault: false, linkCut: false } });
	deepEqual(panel.weather(), weatherAt(TIME + 1_000, 1));
});

test("the panel is told who the station is, and no secret", () => {
	const { panel, sensor, taken } = bench();
	const raw = { broker: "mqtt://me:secret@10.0.0.1", id: "terrace", interval: 5, keepAlive: 10 };
	panel.introduce(parseSettings(raw), sensor);
	deepEqual(taken(), [
		{
			identity: {
				id: "terrace",
				sensor: "bme280",
				broker: "10.0.0.1:1883",
				interval: 5,
				keepAlive: 10,
				topic: "veleta/terrace",
			},
		},
	]);
});

test("the panel is told of the counters twice a second, and whenever something happens", () => {
	const { panel, sensor, run, taken } = bench();
	panel.introduce(parseSettings({ offsets: { humidity: -0.2 } }), sensor);
	taken();
	panel.watch(station({ queued: 1 }));
	run(500);
	run(500);
	const statuses = taken();
	deepEqual(
		statuses.map((message) => "status" in message && [message.status.uptime, message.status.totals]),
		[0, 0, 1].map((uptime) => [uptime, { queued: 1 }]),
	);
	panel.observer.onState?.("online");
	panel.observer.onReading?.(42, { thermometer: { temperature: 21.534 }, hygrometer: { humidity: 0.452 } }, 0);
	const [connection, , report, status] = taken();
	deepEqual(connection, { connection: "online" });
	// As it is sent.
	deepEqual(report, { report: { temperature: 21.53, humidity: 45, time: "2026-11-21T12:00:01.000Z", seq: 42 } });
	ok(status && "status" in status);
});

test("lines of the log and the wish for a start anew are passed on", () => {
	const { panel, taken } = bench();
	panel.log("warning", "no broker");
	panel.restart(5_000);
	deepEqual(taken(), [{ line: { level: "warning", text: "no broker" } }, { restart: { after: 5_000 } }]);
});

test("the panel is told by its number which reading the broker has", () => {
	const { panel, taken } = bench();
	const { onSent, onDelivered } = panel.observer;
	onSent?.(41, 7);
	onSent?.(42, 8);
	deepEqual(taken(), []);
	onDelivered?.(8);
	// Refused, and sent again by the same handle.
	onSent?.(41, 7);
	onDelivered?.(7);
	deepEqual(taken(), [{ delivered: 42 }, { delivered: 41 }]);
	panel.watch(station({ queued: 0 }));
	taken();
	// With it what waits still.
	onSent?.(43, 9);
	onDelivered?.(9);
	deepEqual(
		taken().map((message) => Object.keys(message)),
		[["delivered"], ["status"]],
	);
});

test("readings on their way are forgotten beyond a number of them, the oldest first", () => {
	const { panel, taken } = bench();
	const { onSent, onDelivered } = panel.observer;
	for (let seq = 1; seq <= 65; seq++) onSent?.(seq, -seq);
	for (const handle of [-1, -2, -65]) onDelivered?.(handle);
	deepEqual(taken(), [{ delivered: 2 }, { delivered: 65 }]);
});

import type { Identity, Report, Status } from "../../../hosts/sim/mcsim/messages.ts";
import { CURVE_READINGS } from "../../../hosts/sim/mcsim/panel/curve.ts";
import { PanelState, REPORTS_SHOWN } from "../../../hosts/sim/mcsim/panel/panel-state.ts";
import type { Scale } from "../../../hosts/sim/mcsim/panel/scales.ts";
import type { SensorModel } from "../../../src/sensors/models.ts";
import { deepEqual, equal, near, ok, test } from "../../harness/harness.ts";

/** Local noon, so that the texts do not depend on where the test runs. */
const NOON = new Date(2026, 10, 21, 12, 0, 0).getTime();
const WEATHER = { temperature: 12.34, humidity: 0.5, pressure: 101_300 };
const IDENTITY: Identity = {
	id: "terrace",
	sensor: "bme280",
	broker: "10.0.0.1:1883",
	interval: 5,
	keepAlive: 10,
	topic: "casa/terraza",
};
const TOTALS = {
	readings: 9,
	faults: 1,
	published: 7,
	redelivered: 2,
	acknowledged: 6,
	rejected: 0,
	dropped: 0,
	queued: 3,
	connections: 1,
};
const status = (totals: Partial<Status["totals"]> = {}, uptime = 3_725): { status: Status } => ({
	status: { uptime, totals: { ...TOTALS, ...totals }, weather: WEATHER },
});

/** A station that runs and has said who it is. */
function running(identity: Partial<Identity> = {}): PanelState {
	const state = new PanelState();
	state.launched(NOON);
	state.receive({ identity: { ...IDENTITY, ...identity } }, NOON);
	state.receive(status(), NOON);
	return state;
}
const scale = (state: PanelState, channel: string): Scale => {
	const found = state.scales.find((one) => one.channel === channel);
	ok(found, `no slider for ${channel}`);
	return found;
};
const shown = (state: PanelState) => {
	const { light, connection, advice } = state.view(NOON);
	return [light, connection, advice];
};

const SLIDERS: Readonly<Record<SensorModel, readonly string[]>> = {
	bme280: ["temperature -40 85 °C", "humidity 0 100 %", "pressure 300 1100 hPa"],
	bmp280: ["temperature -40 85 °C", "pressure 300 1100 hPa"],
	dht22: ["temperature -40 80 °C", "humidity 0 100 %"],
	dht11: ["temperature 0 50 °C", "humidity 20 90 %"],
};

test("each sensor has sliders for what it measures, over its range", () => {
	for (const [sensor, sliders] of Object.entries(SLIDERS) as [SensorModel, readonly string[]][]) {
		const { scales } = running({ sensor });
		const shown = scales.map(({ channel, lowest, highest, unit }) => `${channel} ${lowest} ${highest} ${unit}`);
		deepEqual(shown, sliders, sensor);
	}
	deepEqual(running({ sensor: "dht22" }).view(NOON).heads, ["seq", "time", "°C", "%", ""]);
});

test("the sliders follow the simulated weather until one is moved, which takes over all of them", () => {
	const state = running();
	equal(state.byHand, false);
	deepEqual(state.configuration, { sensorFault: false, linkCut: false });
	near(state.positionOf(scale(state, "humidity"))!, 50, 1e-9);
	state.moveTo(scale(state, "temperature"), 30.5);
	state.moveTo(scale(state, "pressure"), 990);
	equal(state.byHand, true);
	const { temperature, humidity, pressure } = state.configuration.weather!;
	near(temperature, 30.5, 1e-9);
	near(humidity, 0.5, 1e-9);
	near(pressure, 99_000, 1e-6);
	// What the station finds moves no slider any more.
	state.receive(status(), NOON);
	near(state.positionOf(scale(state, "temperature"))!, 30.5, 1e-9);
	state.takeOver(false);
	near(state.positionOf(scale(state, "temperature"))!, 12.34, 1e-9);
	equal(state.configuration.weather, undefined);
});

test("the machine gets to know whether it asked for its start", () => {
	const asked = (change: (state: PanelState) => void) => {
		const state = running();
		change(state);
		state.launched(NOON);
		return state.configuration.startedOnRequest ?? false;
	};
	equal(
		asked(() => {}),
		false,
	);
	ok(asked((state) => state.restarted()));
	ok(asked((state) => state.slept(5_000, NOON)));
	for (const end of [(state: PanelState) => state.halted(NOON), (state: PanelState) => state.ended("abort", NOON)]) {
		equal(
			asked((state) => {
				state.slept(5_000, NOON);
				end(state);
			}),
			false,
		);
	}
});

test("taking over without moving a slider keeps the weather as it is", () => {
	const state = running();
	state.takeOver(true);
	deepEqual(state.configuration.weather, WEATHER);
});

test("before the station has told the weather, a slider has no position and moves nothing", () => {
	const state = new PanelState();
	equal(state.positionOf(scale(state, "temperature")), undefined);
	state.moveTo(scale(state, "temperature"), 20);
	equal(state.byHand, false);
	equal(state.configuration.weather, undefined);
});

test("a weather beyond the sensor's range leaves the slider at its end", () => {
	const state = running({ sensor: "dht11" });
	state.receive({ status: { ...status().status, weather: { ...WEATHER, temperature: -3 } } }, NOON);
	equal(state.positionOf(scale(state, "temperature")), 0);
});

test("the light and the text say how the connection is", () => {
	const state = running();
	deepEqual(shown(state), ["busy", "connecting", ""]);
	state.receive({ connection: "online" }, NOON);
	deepEqual(shown(state), ["good", "online", "Waiting for the broker: 3."]);
	state.receive(status({ queued: 0 }), NOON);
	deepEqual(shown(state), ["good", "online", "Nothing waits for the broker."]);
	state.breakSensor(true, NOON);
	equal(state.configuration.sensorFault, true);
	deepEqual(shown(state), ["good", "online", "The sensor is unplugged: there are no readings."]);
});

test("no broker that answers is said plainly; other reasons in the station's words", () => {
	const state = running();
	state.receive({ connection: "offline" }, NOON);
	state.receive({ line: { level: "warning", text: "10.0.0.1:1883: cannot connect; next attempt in 0.9 s" } }, NOON);
	deepEqual(shown(state), ["bad", "offline", "No broker answers at 10.0.0.1:1883. The station keeps trying."]);
	const refusal = "refused: bad user name or password; next attempt in 2.0 s";
	state.receive({ line: { level: "warning", text: `10.0.0.1:1883: ${refusal}` } }, NOON);
	deepEqual(shown(state), ["bad", "offline", refusal]);
	// Warnings about something else do not explain it.
	state.receive({ line: { level: "warning", text: "no reading from the bme280: cannot connect" } }, NOON);
	equal(shown(state)[2], refusal);
});

test("a reason beside that nobody answers is told: a certificate, for example", () => {
	const state = running();
	state.receive({ connection: "offline" }, NOON);
	const reason = "cannot connect: certificate: it has expired; next attempt in 2.0 s";
	state.receive({ line: { level: "warning", text: `10.0.0.1:1883: ${reason}` } }, NOON);
	equal(shown(state)[2], reason);
});

test("a cut link is told apart from what the station knows of it", () => {
	const state = running();
	state.receive({ connection: "online" }, NOON);
	state.cutLink(true, NOON);
	equal(state.configuration.linkCut, true);
	deepEqual(shown(state), [
		"busy",
		"online",
		'The link is cut, unnoticed. After 15 s of silence the broker says "offline".',
	]);
	state.receive({ connection: "offline" }, NOON);
	deepEqual(shown(state), ["bad", "offline", "The link is cut. Readings wait until it is whole."]);
	const forEver = running({ keepAlive: 0 });
	forEver.receive({ connection: "online" }, NOON);
	forEver.cutLink(true, NOON);
	equal(shown(forEver)[2], "The link is cut, unnoticed, as the keep-alive is off.");
});

test("without power there is nothing but what was seen before, and the switches stay", () => {
	const state = running();
	state.receive({ connection: "online" }, NOON);
	state.cutLink(true, NOON);
	state.halted(NOON);
	equal(state.powered, false);
	deepEqual(shown(state), ["off", "no power", "Nothing runs. What the station has not delivered is in its flash."]);
	state.launched(NOON);
	equal(state.powered, true);
	deepEqual(shown(state).slice(0, 2), ["busy", "starting"]);
	equal(state.configuration.linkCut, true);
});

test("a station that sleeps is told with the time that is left", () => {
	const state = running();
	state.slept(5_900, NOON);
	equal(state.view(NOON + 3_000).connection, "asleep for 3 s");
	equal(state.view(NOON + 60_000).connection, "asleep for 0 s");
	deepEqual([state.view(NOON).light, state.view(NOON).advice], ["off", "The station starts anew when it has slept."]);
});

test("settings that cannot be used, and an engine that gives up, end the program", () => {
	const state = new PanelState();
	state.launched(NOON);
	state.receive({ line: { level: "error", text: "sensor: must be one of bme280" } }, NOON);
	deepEqual(shown(state), ["bad", "ended", "sensor: must be one of bme280"]);
	const aborted = running();
	aborted.ended("stack overflow", NOON);
	deepEqual(shown(aborted), ["bad", "ended", "stack overflow"]);
	// An error of a station that runs is a line like others.
	const sound = running();
	sound.receive({ line: { level: "error", text: "the bme280 does not work" } }, NOON);
	equal(shown(sound)[1], "connecting");
});

test("the facts have the broker, the outbox and the counters, and no secret", () => {
	deepEqual(new PanelState().view(NOON).facts, []);
	deepEqual(running().view(NOON).facts, [
		["Broker", "10.0.0.1:1883"],
		["Topic", "casa/terraza/state"],
		["Station", "terrace, bme280, every 5 s, up 1:02:05"],
		["Readings", "9 taken, 1 failed"],
		["Outbox", "3 queued, 0 dropped"],
		["Delivered", "6 acknowledged, 2 sent again"],
	]);
});

const report = (seq: number, values: Partial<Report> = {}): { report: Report } => ({
	report: { seq, temperature: -0.5, ...values },
});

test("the last reports are listed, the newest first, as they are published", () => {
	const state = running();
	const whole = (seq: number) =>
		report(seq, { humidity: 45, pressure: 1013.2, time: new Date(NOON + seq * 1_000).toISOString() });
	for (let seq = 1; seq <= REPORTS_SHOWN + 2; seq++) state.receive(whole(seq), NOON);
	const { reports } = state.view(NOON);
	equal(reports.length, REPORTS_SHOWN);
	deepEqual(reports[0]!.cells, [`${REPORTS_SHOWN + 2}`, "12:00:07", "-0.50", "45.0", "1013.20"]);
	state.receive(report(9), NOON);
	deepEqual(state.view(NOON).reports[0]!.cells, ["9", "", "-0.50", "", ""]);
});

test("a report waits until the broker has it, whatever its place", () => {
	const state = running();
	const waiting = () => state.view(NOON).reports.flatMap(({ cells, waits }) => (waits ? [cells[0]] : []));
	for (const seq of [1, 2, 3]) state.receive(report(seq), NOON);
	deepEqual(waiting(), ["3", "2", "1"]);
	state.receive({ delivered: 3 }, NOON);
	deepEqual(waiting(), ["2", "1"]);
	state.receive(status({ queued: 2 }), NOON);
	deepEqual(waiting(), ["2", "1"]);
	// The power is cut before the panel learns of an acknowledgement: the next run tells that nothing waits.
	state.halted(NOON);
	deepEqual(waiting(), ["2", "1"]);
	state.receive(status({ queued: 0 }), NOON);
	deepEqual(waiting(), []);
});

test("each slider has a curve of its quantity's last readings, with the ends of its scale", () => {
	const state = running({ sensor: "dht22" });
	deepEqual(state.view(NOON).curves, [
		{ values: [], least: "", greatest: "" },
		{ values: [], least: "", greatest: "" },
	]);
	state.receive(report(1, { temperature: 5 }), NOON);
	for (let seq = 2; seq <= CURVE_READINGS + 1; seq++) {
		state.receive(report(seq, { temperature: seq / 4, humidity: 45.55 }), NOON);
	}
	const [temperature, humidity] = state.view(NOON).curves;
	equal(temperature!.values.length, CURVE_READINGS);
	deepEqual([temperature!.least, temperature!.greatest], ["0.50 °C", "15.25 °C"]);
	deepEqual([humidity!.least, humidity!.greatest], ["45.5 %", "45.5 %"]);
});

test("a typed number is taken as a slider's position is, in its unit", () => {
	const state = running();
	equal(state.type(scale(state, "humidity"), "71,5"), undefined);
	equal(state.type(scale(state, "temperature"), "-12.5"), undefined);
	equal(state.byHand, true);
	const { temperature, humidity, pressure } = state.configuration.weather!;
	near(temperature, -12.5, 1e-9);
	near(humidity, 0.715, 1e-9);
	near(pressure, WEATHER.pressure, 1e-6);
	near(state.positionOf(scale(state, "temperature"))!, -12.5, 1e-9);
});

test("a number beyond the sensor's range, and what is no number, is refused and changes nothing", () => {
	const state = running();
	const temperature = scale(state, "temperature");
	equal(state.type(temperature, "85.1"), "only -40 to 85 °C");
	equal(state.type(temperature, "-40.1"), "only -40 to 85 °C");
	equal(state.type(temperature, "warm"), "not a number");
	equal(state.byHand, false);
	for (const end of ["85", "-40"]) equal(state.type(temperature, end), undefined);
	const early = new PanelState();
	equal(early.type(scale(early, "temperature"), "20"), "no weather yet");
	equal(early.byHand, false);
});

test("the log has the station's lines without its broker's address, and what the user did among them", () => {
	const state = running();
	state.receive({ line: { level: "warning", text: "10.0.0.1:1883: connection lost" } }, NOON);
	state.receive({ line: { level: "warning", text: "10.0.0.1:1883: connection lost" } }, NOON + 1_000);
	state.cutLink(true, NOON + 61_000);
	const { lines } = state.view(NOON);
	deepEqual(lines.slice(0, 2), [
		{ time: "12:01:01", level: "panel", text: "the link is cut", count: 1 },
		{ time: "12:00:01", level: "warning", text: "connection lost", count: 2 },
	]);
});

test("what the switches say outlives the panel's drawing: the power is cut until the machine starts", () => {
	const state = new PanelState();
	equal(state.powerCut, false);
	state.launched(NOON);
	state.halted(NOON);
	equal(state.powerCut, true);
	state.launched(NOON);
	equal(state.powerCut, false);
});

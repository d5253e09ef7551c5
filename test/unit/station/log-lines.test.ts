/** The log as messages, where the setting asks for it. */
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker } from "../../harness/answering-broker.ts";
import { deepEqual, equal, match, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const SECOND = 1_000;
const SECRETS = { username: "me", password: "a secret" };

function start(raw: object) {
	const world = new World();
	const broker = new AnsweringBroker(world);
	const settings = parseSettings({ id: "roof", interval: 10, ...SECRETS, ...raw });
	const log: string[] = [];
	const host = hostOf(world, createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }), log);
	const station = new Station(host, settings);
	station.start();
	const lines = () =>
		broker.received
			.filter(({ topic }) => topic === "veleta/roof/log")
			.map(({ payload }) => JSON.parse(payload) as { level: string; text: string; dropped?: number });
	return { world, broker, station, log, lines };
}

test("by default nothing of the log is published", () => {
	const { broker, log, lines } = start({});
	broker.advanceTo(60 * SECOND);
	ok(log.length > 0);
	deepEqual(lines(), []);
});

test("all of it, or warnings and errors alone; the host's own log has it, too", () => {
	for (const level of ["info", "warning"] as const) {
		const { broker, log, lines } = start({ log: level });
		broker.advanceTo(20 * SECOND);
		broker.up = false;
		broker.advanceTo(25 * SECOND);
		broker.up = true;
		broker.advanceTo(120 * SECOND, SECOND);
		const published = lines().map(({ level, text }) => `${level}: ${text}`);
		const expected = log.filter((line) => level === "info" || !line.startsWith("info"));
		deepEqual(published, expected);
		ok(
			published.some((line) => /^warning: .*; next attempt in/.test(line)),
			published.join("\n"),
		);
		equal(
			published.some((line) => line.startsWith("info")),
			level === "info",
		);
		ok(!JSON.stringify(lines()).includes(SECRETS.password));
	}
});

test("in a long outage the newest 1,024 characters wait, and what is missing is counted", () => {
	const { broker, log, lines } = start({ log: "info" });
	broker.advanceTo(20 * SECOND);
	const before = lines().length;
	broker.up = false;
	broker.advanceTo(20_000 * SECOND, 10 * SECOND);
	broker.up = true;
	broker.advanceTo(22_000 * SECOND, SECOND);
	const after = lines().slice(before);
	const dropped = after.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
	equal(before + after.length + dropped, log.length);
	ok(dropped > 20, `${dropped}`);
	ok(after.length < 16, `${after.length}`);
	match(after.at(-1)!.text, /connected with/);
});

test("a station that stops publishes no line behind its last status", () => {
	const { broker, station } = start({ log: "info" });
	broker.advanceTo(20 * SECOND);
	station.stop(() => {});
	broker.advanceTo(60 * SECOND);
	equal(broker.received.at(-1)?.topic, "veleta/roof/status");
});

/** The command line of `npm run fleet`, what of a computer limits a fleet, and what is said at the end. */
import assert from "node:assert/strict";
import test from "node:test";
import { filesOf, portsOf } from "../../../commands/fleet/limits.ts";
import { parseOptions, stationOf, topicOf, USAGE } from "../../../commands/fleet/options.ts";
import { linesOf, type Summary } from "../../../commands/fleet/summary.ts";
import { showAddress } from "../../../src/net/broker-url.ts";

function refused(...args: string[]): string {
	try {
		parseOptions(args);
	} catch (error) {
		return (error as Error).message;
	}
	throw new assert.AssertionError({ message: `${args.join(" ")} is taken` });
}

test("without an option, a hundred stations at this computer's broker, a reading a minute", () => {
	const { stations, broker, interval, duration, outages, powerCuts, store } = parseOptions([])!;
	assert.deepEqual(
		{ stations, broker: showAddress(broker), interval, duration, outages, powerCuts, store },
		{
			stations: 100,
			broker: "127.0.0.1:1883",
			interval: 60,
			duration: Number.POSITIVE_INFINITY,
			outages: 1,
			powerCuts: 0.2,
			store: undefined,
		},
	);
});

test("each station has an id of its own, and what the command line says of all", () => {
	const { settingsOf } = parseOptions([
		"--broker",
		"mqtt://u:secret@broker.example:1884",
		"--id",
		"roof",
		"--interval",
		"5",
	])!;
	const { id, topic, broker, username, password, interval } = settingsOf(41);
	assert.deepEqual(
		{ id, topic, broker, username, password, interval },
		{
			id: "roof-00042",
			topic: "veleta/roof-00042",
			broker: { host: "broker.example", port: 1_884, tls: false },
			username: "u",
			password: "secret",
			interval: 5,
		},
	);
});

test("times have units, as those of npm start", () => {
	const { interval, duration } = parseOptions(["--interval", "1.5m", "--duration", "2h"])!;
	assert.deepEqual([interval, duration], [90, 7_200_000]);
	assert.equal(parseOptions(["--interval", "5"])!.interval, 5);
});

test("a station is known by its topic", () => {
	for (const station of [0, 41, 49_999]) assert.equal(stationOf("roof", topicOf("roof", station)), station);
	for (const topic of [
		"veleta/terrace",
		"veleta/roof-42",
		"veleta/roof-0004x",
		"veleta/roofs-00042",
		"casa/roof-00042",
	])
		assert.equal(stationOf("roof", topic), undefined, topic);
});

test("what cannot be used is refused in words, without a password", () => {
	assert.match(refused("--stations", "0"), /^--stations 0: must be a whole number from 1 to 50000$/);
	assert.match(refused("--interval", "0.5"), /^--interval 0.5: must be from 1s to 1d$/);
	assert.match(refused("--interval", "soon"), /^--interval soon: must be a time such as 5s, 1m or 1h$/);
	assert.match(refused("--duration", "25d"), /^--duration 25d: must be from 1s to 24d$/);
	assert.match(refused("--outages", "-1"), /^--outages -1: must be a number from 0 to 600$/);
	assert.match(refused("--power-cuts", "x"), /^--power-cuts x: must be a number/);
	assert.match(refused("--id", "a/b"), /^--id: /);
	assert.match(refused("--id", "x".repeat(33)), /^--id: /);
	assert.match(refused("--store", ""), /^--store: must be a path$/);
	assert.match(refused("--store", "mysql://u:secret@db"), /^--store: must be a file, or look like postgres:/);
	assert.match(refused("--store", "readings.db", "-n", "20001"), /^--store: has room for 20000 stations$/);
	assert.match(refused("--curve", ""), /^--curve: must be a path$/);
	assert.match(refused("--cafile", "x"), /^--cafile is for a --broker at mqtts:/);
	assert.match(refused("--password-file", "/dev/null"), /needs one line|needs -u/);
	assert.match(refused("--broker", "public:mosquitto"), /is everybody's/);
	assert.doesNotMatch(refused("--broker", "http://u:secret@broker.example"), /secret/);
});

test("no line of the help is longer than a terminal", () => {
	for (const line of USAGE.split("\n")) assert.ok(line.length <= 80, line);
});

test("the limits of a Linux computer", () => {
	const limits = `Limit                     Soft Limit           Hard Limit           Units
Max processes             95688                95688                processes
Max open files            1024                 20000                files
`;
	assert.equal(filesOf(limits), 1_024);
	assert.equal(filesOf("Max open files            unlimited            unlimited            files\n"), undefined);
	assert.equal(portsOf("32768\t60999\n"), 28_232);
	for (const text of ["", "nothing"]) assert.deepEqual([filesOf(text), portsOf(text)], [undefined, undefined]);
});

const SUMMARY: Summary = {
	...{ stations: 1_000, broker: "127.0.0.1:1883", interval: 60, duration: 300.2, allConnected: 60.04 },
	...{ connections: 2_031, connectsPeak: 301, outages: 80, powerCuts: 17 },
	absences: [{ at: 120_000, stations: 998, firstBack: 10_400, allBack: 17_700, connects: 301 }],
	...{ readings: 5_010, acknowledged: 5_008, acknowledgedRate: 16.7, acknowledgedPeak: 320, dropped: 0 },
	...{ lost: 0, undelivered: 0, store: undefined, twice: 0, again: 3, forgotten: 0, memory: 45_056, processor: 0.5 },
	reasons: [["connection closed: by the broker", 998]],
};

test("the summary of a run in which the broker was away", () => {
	assert.deepEqual(linesOf(SUMMARY), [
		"stations 1,000 at 127.0.0.1:1883, a reading every 60 s, for 300 s",
		"connections 2,031, at most 301 in a second; all after 60.0 s",
		"outages of a station's network 80, power cuts 17",
		"broker away at 120.0 s: 998 lost it; the first was back after 10.4 s, all after 17.7 s, at most 301 in a second",
		"  998 × connection closed: by the broker",
		"readings 5,010, acknowledged 5,008: 16.7 a second, at most 320",
		"lost 0, not delivered 0, dropped 0; came again 3, as QoS 1 allows",
		"here 44 KiB of live memory a station, 0.50 ms of processor time a reading",
	]);
});

test("the summary of a run that ended before all were back, with a store", () => {
	const absences = [{ at: 5_000, stations: 1_000, firstBack: undefined, allBack: undefined, connects: 0 }];
	const lines = linesOf({
		...SUMMARY,
		absences,
		allConnected: undefined,
		store: "readings.db",
		undelivered: 12,
		twice: 1,
	});
	assert.match(lines[1]!, /never all at once$/);
	assert.match(lines[3]!, /none is back, not all are back/);
	assert.equal(lines[6], "lost 0, stored twice 1, not delivered 12, dropped 0; looked for in readings.db");
});

test("where a subscriber misses what the broker has forgotten, it is said who would have it", () => {
	const said = (summary: Partial<Summary>) =>
		linesOf({ ...SUMMARY, ...summary }).filter((line) => line.includes("--store"));
	assert.equal(said({ lost: 2, forgotten: 1 }).length, 1);
	assert.equal(said({ lost: 2 }).length, 0);
	assert.equal(said({ forgotten: 1 }).length, 0);
});

/** What waits for the broker, and what is remembered, over restarts. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { dailyIn } from "../../../commands/aemet/forecast.ts";
import type { Observation } from "../../../commands/aemet/observations.ts";
import { placesOf } from "../../../commands/aemet/place-settings.ts";
import { MunicipalityPlace, StationPlace, topicsOf } from "../../../commands/aemet/places.ts";
import { MunicipalitySpool, removeUnfinished, ScheduleFile, StationSpool } from "../../../commands/aemet/spool.ts";
import { recorded } from "../../harness/aemet-records.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-aemet-"));
after(() => rmSync(folder, { recursive: true }));
let stations = 0;
const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 5, 1, 12);

const noFault = (problem: string | undefined) => assert.fail(problem);
const observation = (hour: number, quantities: Observation["quantities"] = { temperature: hour }): Observation => ({
	time: NOON + hour * HOUR_MS,
	quantities,
});

/** A station's spool and its next lives. */
function station(): { readonly id: string; readonly open: () => StationSpool } {
	const id = `S0${++stations}`;
	return { id, open: () => new StationSpool(folder, id, noFault) };
}

const placeOf = (id: string, topic: string, spool: StationSpool, hasValues: boolean, homeAssistant = "") =>
	new StationPlace(
		placesOf({ stations: [{ id, topic }], base: "aemet", values: hasValues }).stations[0]!,
		spool,
		homeAssistant,
	);

/** All messages that leave, as `topic payload`, each taken at once. */
function messages(place: StationPlace | MunicipalityPlace): string[] {
	const sent: string[] = [];
	for (let message = place.next(); message; message = place.next()) {
		assert.equal(message.qos, 1);
		assert.equal(message, place.next());
		sent.push(`${message.topic}${message.retain ? "" : " (not retained)"} ${Buffer.from(message.payload)}`);
		place.taken(message);
	}
	return sent;
}

const report = (hour: number) => `{"temperature":${hour},"time":"${new Date(NOON + hour * HOUR_MS).toISOString()}"}`;

test("each observation once, by time, also when the same ones come again and the program has ended meanwhile", () => {
	const { id, open } = station();
	const spool = open();
	assert.equal(spool.put([observation(0), observation(1)]), 2);
	assert.equal(spool.put([observation(0), observation(1)]), 0);
	const again = open();
	assert.equal(again.waiting, 2);
	assert.equal(again.put([observation(0), observation(1), observation(2)]), 1);
	assert.deepEqual(messages(placeOf(id, "aemet/x", again, false)), [
		`aemet/x/state ${report(0)}`,
		`aemet/x/state ${report(1)}`,
		`aemet/x/state ${report(2)}`,
	]);
	const last = open();
	assert.equal(last.put([observation(0), observation(1), observation(2)]), 0);
	assert.deepEqual(messages(placeOf(id, "aemet/x", last, false)), []);
	assert.equal(last.newest, NOON + 2 * HOUR_MS);
});

test("one that comes behind a newer one is late, and not retained", () => {
	const { id, open } = station();
	const spool = open();
	spool.put([observation(0), observation(3)]);
	spool.put([observation(0), observation(1), observation(3), observation(4)]);
	assert.deepEqual(messages(placeOf(id, "aemet/x", spool, true)), [
		"aemet/x/temperature 0",
		`aemet/x/state ${report(0)}`,
		"aemet/x/temperature 3",
		`aemet/x/state ${report(3)}`,
		`aemet/x/late (not retained) ${report(1)}`,
		"aemet/x/temperature 4",
		`aemet/x/state ${report(4)}`,
	]);
});

test("one that is older than what is remembered is none", () => {
	const spool = station().open();
	spool.put([observation(100)]);
	assert.equal(spool.put([observation(100 - 73)]), 0);
	assert.equal(spool.put([observation(100 - 71)]), 1);
});

test("a value that is not measured any more is removed, once, also by the next life", () => {
	const { id, open } = station();
	const spool = open();
	spool.put([observation(0, { temperature: 1, wind: 2 })]);
	const sent = messages(placeOf(id, "a/x", spool, true));
	assert.deepEqual(sent.slice(0, -1), ["a/x/temperature 1", "a/x/wind 2"]);
	const again = open();
	again.put([observation(1), observation(2)]);
	assert.deepEqual(messages(placeOf(id, "a/x", again, true)), [
		...["a/x/temperature 1", "a/x/wind ", `a/x/state ${report(1)}`],
		...["a/x/temperature 2", `a/x/state ${report(2)}`],
	]);
});

test("values at topics of one's own; with others than before, the earlier ones are removed", () => {
	const { id, open } = station();
	const of = (values: object, spool: StationSpool) =>
		messages(
			new StationPlace(placesOf({ stations: [{ id, values }], base: "aemet", values: false }).stations[0]!, spool, ""),
		);
	const first = open();
	first.put([observation(0, { temperature: 1, wind: 2 })]);
	assert.deepEqual(of({ temperature: "Casa/Fuera/Temperatura" }, first).slice(0, -1), ["Casa/Fuera/Temperatura 1"]);
	const second = open();
	second.put([observation(1, { temperature: 3, wind: 4 })]);
	assert.deepEqual(of({ temperature: "Casa/Jardín/Temperatura", wind: "Casa/Jardín/Viento" }, second).slice(0, -1), [
		...["Casa/Jardín/Temperatura 3", "Casa/Jardín/Viento 4"],
		"Casa/Fuera/Temperatura ",
	]);
	const third = open();
	third.put([observation(2, { temperature: 5, wind: 6 })]);
	assert.deepEqual(of({}, third).slice(0, -1), ["Casa/Jardín/Temperatura ", "Casa/Jardín/Viento "]);
});

test("a file of before values had topics is taken", () => {
	writeFileSync(
		join(folder, "station-OLD1.json"),
		JSON.stringify({ known: [NOON], waiting: [], dropped: 0, valued: ["temperature"] }),
	);
	const spool = new StationSpool(folder, "OLD1", noFault);
	assert.equal(spool.put([observation(0), observation(1)]), 1);
	assert.deepEqual(messages(placeOf("OLD1", "a/x", spool, true)), ["a/x/temperature 1", `a/x/state ${report(1)}`]);
});

test("too many wait: the oldest are dropped, and counted", () => {
	const { open } = station();
	const spool = open();
	for (let day = 0; day < 300; day++) spool.put(Array.from({ length: 24 }, (_, hour) => observation(24 * day + hour)));
	const all = 300 * 24;
	assert.ok(spool.dropped > 0 && spool.waiting > 40 * 24, `${spool.waiting} wait`);
	assert.equal(spool.waiting + spool.dropped, all);
	assert.equal(spool.first?.time, NOON + spool.dropped * HOUR_MS);
	const again = open();
	assert.deepEqual([again.waiting, again.dropped], [spool.waiting, spool.dropped]);
});

test("dropped while it is on its way: what the broker then takes is not the next one", () => {
	const { id, open } = station();
	const spool = open();
	spool.put([observation(0)]);
	const place = placeOf(id, "a/x", spool, false);
	const message = place.next()!;
	for (let day = 0; day < 300; day++)
		spool.put(Array.from({ length: 24 }, (_, hour) => observation(1 + 24 * day + hour)));
	const { waiting } = spool;
	place.taken(message);
	assert.equal(spool.waiting, waiting);
});

test("a full disk is told once, and again when it is over; nothing is lost meanwhile", () => {
	const faults: (string | undefined)[] = [];
	let isFull = true;
	const write = () => {
		if (isFull) throw Object.assign(new Error("no room"), { code: "ENOSPC" });
	};
	const spool = new StationSpool(folder, "full", (problem) => faults.push(problem), write);
	spool.put([observation(0)]);
	spool.put([observation(1)]);
	isFull = false;
	spool.put([observation(2)]);
	assert.match(faults[0]!, /station-full\.json cannot be written \(ENOSPC\)$/);
	assert.deepEqual(faults.slice(1), [undefined]);
	assert.equal(spool.waiting, 3);
	assert.ok(!readdirSync(folder).includes("station-full.json"));
});

for (const text of ["", "{", "[]", '{"known":["x"]}', '{"known":[],"waiting":[{}],"dropped":0,"valued":[]}']) {
	test(`a file that has ${text || "nothing"} is another's`, () => {
		writeFileSync(join(folder, "station-WRONG.json"), text);
		assert.throws(
			() => new StationSpool(folder, "WRONG", noFault),
			/station-WRONG\.json is not what this program has written: remove it$/,
		);
	});
}

test("a schedule that is another's", () => {
	const file = new ScheduleFile(folder, noFault);
	assert.equal(file.read(), undefined);
	const kept = { due: { "daily 28065": 5 }, pausedUntil: 1, limitedWait: 0 };
	file.write(kept);
	assert.deepEqual(file.read(), kept);
	writeFileSync(join(folder, "schedule.json"), '{"due":{"daily 28065":"x"},"pausedUntil":1,"limitedWait":0}');
	assert.throws(() => file.read(), /schedule\.json is not what/);
});

test("of forecasts the newest, once; again for a broker that has lost them", () => {
	const open = () => new MunicipalitySpool(folder, "28065", "aemet/28065", noFault);
	const spool = open();
	const place = new MunicipalityPlace({ id: "28065", topic: "aemet/28065" }, spool);
	const forecast = dailyIn(recorded("daily-28065"), "28065")!;
	const newer = { ...forecast, issued: "2021-01-09T17:00:00.000Z" };
	assert.equal(spool.put("daily", newer, NOON), true);
	assert.equal(spool.put("daily", newer, NOON), false);
	assert.equal(spool.put("daily", forecast, NOON), false);
	const sent = messages(place);
	assert.deepEqual(sent, [`aemet/28065/forecast/daily ${JSON.stringify(newer)}`]);
	assert.deepEqual(messages(new MunicipalityPlace({ id: "28065", topic: "aemet/28065" }, open())), []);
	place.newSession();
	assert.deepEqual(messages(place), sent);
});

test("a forecast that comes while another one is on its way leaves, too", () => {
	const spool = new MunicipalitySpool(folder, "28079", "aemet/28079", noFault);
	const place = new MunicipalityPlace({ id: "28079", topic: "a/b" }, spool);
	const forecast = dailyIn(recorded("daily-28065"), "28065")!;
	spool.put("daily", forecast, NOON);
	const first = place.next()!;
	spool.put("daily", { ...forecast, issued: "2021-01-09T17:00:00.000Z" }, NOON);
	place.taken(first);
	assert.equal(spool.waiting, 1);
	assert.match(String(Buffer.from(place.next()!.payload)), /T17:00/);
});

test("stale: a station after three hours, forecasts after a day, and what never had any", () => {
	const { id, open } = station();
	const spool = open();
	const place = placeOf(id, "a/x", spool, false);
	assert.equal(place.status(NOON), "stale");
	spool.put([observation(0)]);
	assert.equal(place.status(NOON + 3 * HOUR_MS), "online");
	assert.equal(place.status(NOON + 3 * HOUR_MS + 1), "stale");
	const municipality = new MunicipalitySpool(folder, "08019", "aemet/08019", noFault);
	const forecasts = new MunicipalityPlace({ id: "08019", topic: "a/m" }, municipality);
	const forecast = { ...dailyIn(recorded("daily-28065"), "28065")!, issued: new Date(NOON).toISOString() };
	municipality.put("daily", forecast, NOON);
	assert.equal(forecasts.status(NOON), "stale");
	municipality.put("hourly", forecast, NOON);
	assert.equal(forecasts.status(NOON + 24 * HOUR_MS), "online");
	assert.equal(forecasts.status(NOON + 24 * HOUR_MS + 1), "stale");
});

test("a report is there once, whatever of its values the broker had when the program ended", () => {
	const { id, open } = station();
	open().put([observation(0, { temperature: 1, humidity: 2 })]);
	const sent: string[] = [];
	for (let life = 0; life < 3; life++) {
		const place = placeOf(id, "aemet/x", open(), true);
		for (let count = 0; count <= life; count++) {
			const message = place.next()!;
			sent.push(message.topic);
			place.taken(message);
		}
	}
	assert.equal(sent.filter((topic) => topic === "aemet/x/state").length, 1);
	assert.deepEqual(messages(placeOf(id, "aemet/x", open(), true)), []);
});

test("a value that the broker does not take keeps no report waiting", () => {
	const { id, open } = station();
	const spool = open();
	spool.put([observation(0, { temperature: 1, humidity: 2 }), observation(1, { temperature: 3, humidity: 4 })]);
	const place = placeOf(id, "a/x", spool, true);
	const value = place.next()!;
	assert.equal(value.topic, "a/x/temperature");
	assert.equal(place.refused(value), false);
	assert.deepEqual(
		messages(place).map((text) => text.split(" ")[0]),
		["a/x/humidity", "a/x/state", "a/x/humidity", "a/x/state"],
	);
});

test("another topic: the last report and the forecasts are there at once, and nothing is left at the one before; and back", () => {
	const { id, open } = station();
	const first = open();
	first.put([observation(0)]);
	assert.deepEqual(messages(placeOf(id, "a", first, false)), [`a/state ${report(0)}`]);
	assert.deepEqual(messages(placeOf(id, "b", open(), false)), ["a/state ", "a/status ", `b/state ${report(0)}`]);
	assert.deepEqual(messages(placeOf(id, "b", open(), false)), []);
	assert.deepEqual(messages(placeOf(id, "a", open(), false)), ["b/state ", "b/status ", `a/state ${report(0)}`]);

	const forecast = dailyIn(recorded("daily-28065"), "28065")!;
	const municipality = (topic: string) => new MunicipalitySpool(folder, "11016", topic, noFault);
	const placed = (topic: string) => messages(new MunicipalityPlace({ id: "11016", topic }, municipality(topic)));
	municipality("m").put("daily", forecast, NOON);
	const payload = JSON.stringify(forecast);
	assert.deepEqual(placed("m"), [`m/forecast/daily ${payload}`]);
	const gone = ["n/status ", "n/forecast/daily ", "n/forecast/hourly "];
	assert.deepEqual(placed("n"), [`n/forecast/daily ${payload}`, ...gone.map((text) => text.replace("n/", "m/"))]);
	assert.deepEqual(placed("n"), []);
	assert.deepEqual(placed("m"), [`m/forecast/daily ${payload}`, ...gone]);
});

test("a broker that has lost its memory gets the last report again, unless a newer one waits", () => {
	const { id, open } = station();
	const spool = open();
	spool.put([observation(0)]);
	const place = placeOf(id, "a/x", spool, true);
	const sent = messages(place);
	place.newSession();
	assert.deepEqual(messages(place), sent);
	place.newSession();
	spool.put([observation(1)]);
	assert.deepEqual(messages(place), ["a/x/temperature 1", `a/x/state ${report(1)}`]);
});

test("stations that swap the topics of their values take nothing from each other", () => {
	const [one, two] = [station(), station()];
	const settingsOf = (a: string, b: string) =>
		placesOf({
			stations: [
				{ id: one.id, values: { temperature: a } },
				{ id: two.id, values: { temperature: b } },
			],
			base: "aemet",
			values: false,
		}).stations;
	const run = (a: string, b: string, hour: number) => {
		const all = settingsOf(a, b);
		const owned = new Set(all.flatMap(topicsOf));
		return [one, two].map(({ open }, at) => {
			const spool = open();
			spool.put([observation(hour)]);
			return messages(new StationPlace(all[at]!, spool, "", owned)).slice(0, -1);
		});
	};
	assert.deepEqual(run("T/A", "T/B", 0), [["T/A 0"], ["T/B 0"]]);
	assert.deepEqual(run("T/B", "T/A", 1), [["T/B 1"], ["T/A 1"]]);
});

test("a forecast of the future keeps no later one out", () => {
	const spool = new MunicipalitySpool(folder, "41091", "m", noFault);
	const forecast = dailyIn(recorded("daily-28065"), "28065")!;
	assert.ok(spool.put("daily", { ...forecast, issued: "2099-01-01T00:00:00.000Z" }, NOON));
	assert.ok(spool.put("daily", { ...forecast, issued: new Date(NOON + 1).toISOString() }, NOON + HOUR_MS));
});

test("what a program that was killed has left half written is removed", () => {
	const path = join(folder, "station-3195.json.new-123-abc");
	writeFileSync(path, "{");
	removeUnfinished(folder);
	assert.ok(!existsSync(path));
	removeUnfinished(join(folder, "none"));
});

test("nothing of the program's is left beside its files", () => {
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.includes(".new-")),
		[],
	);
	assert.match(readFileSync(join(folder, "station-S01.json"), "utf8"), /^\{"known":/);
});

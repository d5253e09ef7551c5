/** The history for Home Assistant: its connection, what it sends, and what it does where Home Assistant does not do its part. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import {
	type Clock,
	Connection,
	DisconnectedError,
	RefusedError,
	webSocketUrl,
} from "../../commands/observatory/home-assistant/connection.ts";
import { History, type HourSource, type HourStatistics } from "../../commands/observatory/home-assistant/history.ts";
import {
	metadataForm,
	type Subject,
	statisticId,
	statisticName,
} from "../../commands/observatory/home-assistant/statistic.ts";
import { Certificates } from "../harness/certificates.ts";
import { HistoryServer, type ServerOptions } from "../harness/home-assistant-history.ts";
import { until } from "../harness/wait.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
/** 2026-11-29T08:00:00Z. */
const NOON = Date.UTC(2026, 10, 29, 8);

/** A clock that goes when it is told to. */
class TestClock implements Clock {
	private _now = NOON + 20 * HOUR;
	private _alarms: { readonly at: number; readonly callback: () => void }[] = [];

	now(): number {
		return this._now;
	}

	after(duration: number, callback: () => void): () => void {
		const alarm = { at: this._now + duration, callback };
		this._alarms.push(alarm);
		return () => {
			this._alarms = this._alarms.filter((other) => other !== alarm);
		};
	}

	get alarms(): number {
		return this._alarms.length;
	}

	/** Goes to the next alarm, if there is one. */
	jump(): void {
		const next = Math.min(...this._alarms.map(({ at }) => at));
		if (next < Number.POSITIVE_INFINITY) this.advance(next - this._now);
	}

	advance(duration: number): void {
		const end = this._now + duration;
		for (;;) {
			const next = this._alarms.toSorted((a, b) => a.at - b.at).find(({ at }) => at <= end);
			if (!next) break;
			this._alarms = this._alarms.filter((alarm) => alarm !== next);
			this._now = next.at;
			next.callback();
		}
		this._now = end;
	}
}

/** Lets time go from alarm to alarm, as long as nobody waits for an answer, until the condition holds. */
function passUntil(
	what: string,
	clock: TestClock,
	client: { readonly awaitsAnswer: boolean },
	condition: () => boolean,
): Promise<boolean> {
	return until(what, () => {
		if (condition()) return true;
		if (!client.awaitsAnswer) clock.jump();
		return false;
	});
}

/** Hours in memory, as a store would have them. */
class Hours implements HourSource {
	readonly hours = new Map<string, HourStatistics>();
	/** What was confirmed, by statistic, start and version, in order. */
	readonly confirmations: string[] = [];
	/** The limits that were asked for, and how often. */
	readonly limits = new Set<number>();
	looks = 0;
	/** Thrown at the next question. */
	fault: Error | undefined;
	private readonly _confirmed = new Map<string, number>();

	set(hour: Partial<HourStatistics> = {}): HourStatistics {
		const values = { mean: 17.71, min: 17.6, max: 17.9, ...hour };
		const full = { topic: "veleta/terrace", quantity: "temperature", unit: "°C", start: NOON, version: 1, ...values };
		this.hours.set(keyOf(full), full);
		return full;
	}

	get isDone(): boolean {
		return [...this.hours].every(([key, { version }]) => this._confirmed.get(key) === version);
	}

	async due(limit: number, now: number, except: readonly Subject[]): Promise<HourStatistics[]> {
		this.looks++;
		this.limits.add(limit);
		const { fault } = this;
		this.fault = undefined;
		if (fault) throw fault;
		return [...this.hours.values()]
			.filter((hour) => this._confirmed.get(keyOf(hour)) !== hour.version && hour.start + HOUR <= now)
			.filter(({ topic, quantity }) => !except.some((one) => one.topic === topic && one.quantity === quantity))
			.sort((a, b) => a.start - b.start)
			.slice(0, limit);
	}

	async confirmed(hours: readonly HourStatistics[]): Promise<void> {
		for (const hour of hours) {
			this._confirmed.set(keyOf(hour), hour.version);
			this.confirmations.push(`${statisticId(hour)} ${(hour.start - NOON) / HOUR} v${hour.version}`);
		}
	}
}

const keyOf = ({ topic, quantity, start }: HourStatistics) => JSON.stringify([topic, quantity, start]);

interface Scene {
	readonly server: HistoryServer;
	readonly clock: TestClock;
	readonly hours: Hours;
	readonly history: History;
	readonly lines: string[];
	/** Lets time go until the condition holds. */
	readonly pass: (what: string, condition: () => boolean) => Promise<boolean>;
}

/** A history before a server, not yet started. */
async function sceneOf(context: TestContext, options: ServerOptions = {}): Promise<Scene> {
	const server = await HistoryServer.start(options);
	const clock = new TestClock();
	const hours = new Hours();
	const lines: string[] = [];
	const history = new History({
		url: server.url,
		token: server.token,
		source: hours,
		clock,
		onLine: (line) => lines.push(line),
	});
	context.after(() => {
		history.close();
		server.close();
		for (const line of lines) assert.ok(!line.includes(server.token), line);
	});
	return {
		server,
		clock,
		hours,
		history,
		lines,
		pass: (what, condition) => passUntil(what, clock, history, condition),
	};
}

/** A connection to a server, not yet started. */
async function connectionTo(context: TestContext, options: ServerOptions = {}, token?: string) {
	const server = await HistoryServer.start(options);
	const clock = new TestClock();
	const lines: string[] = [];
	let opened = 0;
	const connection = new Connection({
		url: server.url,
		token: token ?? server.token,
		clock,
		onLine: (line) => lines.push(line.replace(server.url.replace("http", "ws"), "URL")),
		onOpen: () => opened++,
	});
	context.after(() => {
		connection.close();
		server.close();
		for (const line of lines) assert.ok(!line.includes(token ?? server.token), line);
	});
	return { server, clock, lines, connection, opened: () => opened };
}

const ID = "veleta:terrace_temperature";
const VALUES = { mean: 17.71, min: 17.6, max: 17.9 };

test("the API's address is that of Home Assistant's page", () => {
	for (const [url, address] of [
		["http://homeassistant.local:8123", "ws://homeassistant.local:8123/api/websocket"],
		["https://example.org/", "wss://example.org/api/websocket"],
		["https://example.org/home/", "wss://example.org/home/api/websocket"],
		["http://[::1]:8123", "ws://[::1]:8123/api/websocket"],
	] as const)
		assert.equal(webSocketUrl(url), address);
	for (const [url, fault] of [
		["homeassistant.local:8123", /such as http:/],
		["mqtt://homeassistant.local", /such as http:/],
		["", /such as http:/],
		["http://user:secret@example.org", /without a user/],
		["http://example.org/?token=secret", /must end with/],
	] as const) {
		assert.throws(
			() => webSocketUrl(url),
			(error: Error) => fault.test(error.message) && !error.message.includes("secret"),
		);
	}
});

test("a token that cannot be one is refused, and not shown", () => {
	const options = { url: "http://a", clock: new TestClock(), onLine: () => {}, onOpen: () => {} };
	for (const token of ["", "two lines\n", "sécret"]) {
		assert.throws(
			() => new Connection({ ...options, token }),
			(error: Error) => /^the token must be/.test(error.message) && (token === "" || !error.message.includes(token)),
		);
	}
});

test("requests have rising ids, and each gets its answer, or its error", async (context) => {
	const { server, connection, opened } = await connectionTo(context);
	await assert.rejects(connection.request("ping"), DisconnectedError);
	connection.start();
	await until("the connection", () => connection.isOpen);
	assert.equal(connection.version, "2026.11.1");
	const answers = await Promise.allSettled([
		connection.request("recorder/get_statistics_metadata", { statistic_ids: [ID] }),
		connection.request("recorder/rewrite_statistics"),
		connection.request("recorder/statistics_during_period", { start_time: "2026-11-29", statistic_ids: [ID] }),
	]);
	assert.deepEqual(
		answers.map((answer) => (answer.status === "fulfilled" ? answer.value : answer.reason.code)),
		[[], "unknown_command", "invalid_format"],
	);
	assert.deepEqual(
		server.received.map(({ id }) => id),
		[1, 2, 3],
	);
	assert.equal(opened(), 1);
	server.cut();
	await until("the loss", () => !connection.isOpen);
	assert.equal(connection.awaitsAnswer, false);
});

test("a request that is too long, or one too many, is not sent", async (context) => {
	const { server, connection } = await connectionTo(context);
	connection.start();
	await until("the connection", () => connection.isOpen);
	await assert.rejects(connection.request("ping", { text: "x".repeat(1_048_576) }), /too long/);
	server.misbehaves = () => "silent";
	const waiting = Array.from({ length: 16 }, () => connection.request("ping"));
	await assert.rejects(connection.request("ping"), /too many/);
	connection.close();
	for (const { reason } of (await Promise.allSettled(waiting)) as PromiseRejectedResult[])
		assert.ok(reason instanceof DisconnectedError);
});

test("nothing happens any more after the end", async (context) => {
	const { server, clock, connection } = await connectionTo(context);
	connection.start();
	await until("the connection", () => connection.isOpen);
	const request = connection.request("ping");
	connection.close();
	await assert.rejects(request, DisconnectedError);
	assert.equal(clock.alarms, 0);
	await until("the end at the server", () => server.connections === 0);
});

test("a wrong token is told once, and tried every ten minutes only", async (context) => {
	const { server, clock, lines, connection, opened } = await connectionTo(context, {}, "a-wrong-token");
	server.greets = "repeats the token";
	connection.start();
	for (let tries = 1; tries <= 4; tries++) {
		await until("the refusal", () => server.greeted === tries && !connection.awaitsAnswer);
		clock.advance(10 * MINUTE - 1);
		assert.equal(server.asked, tries);
		assert.equal(connection.awaitsAnswer, false);
		clock.advance(1);
		assert.equal(connection.awaitsAnswer, true);
	}
	assert.deepEqual(lines, ["Home Assistant at URL/api/websocket: it refuses the token; tried again every 10 minutes"]);
	assert.equal(opened(), 0);
});

test("an address that Home Assistant has banned is tried every ten minutes only", async (context) => {
	const { server, clock, lines, connection } = await connectionTo(context);
	server.status = 403;
	connection.start();
	await until("the refusal", () => server.asked === 1 && !connection.awaitsAnswer);
	clock.advance(10 * MINUTE - 1);
	assert.equal(connection.awaitsAnswer, false);
	server.status = undefined;
	clock.advance(1);
	await until("the connection", () => connection.isOpen);
	assert.deepEqual(lines, [
		"Home Assistant at URL/api/websocket: HTTP status 403: it has banned this address, or a proxy refuses it; tried again every 10 minutes",
		"Home Assistant 2026.11.1 is connected",
	]);
});

test("the time between two attempts grows to five minutes, and is short again after an answer", async (context) => {
	const { server, clock, lines, connection } = await connectionTo(context);
	server.status = 502;
	connection.start();
	const delays: number[] = [];
	const delay = async () => {
		await until("the failure", () => !connection.isOpen && !connection.awaitsAnswer);
		const before = clock.now();
		clock.jump();
		delays.push((clock.now() - before) / 1_000);
	};
	for (let at = 0; at < 11; at++) await delay();
	assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
	server.status = undefined;
	await until("the failure", () => !connection.awaitsAnswer);
	clock.jump();
	await until("the connection", () => connection.isOpen);
	// It has not been of use yet.
	server.cut();
	delays.length = 0;
	await delay();
	await until("the connection", () => connection.isOpen);
	await connection.request("ping");
	server.cut();
	await delay();
	assert.deepEqual(delays, [300, 1]);
	assert.deepEqual(
		lines.map((line) => line.replace("Home Assistant at URL/api/websocket: ", "")),
		[
			"HTTP status 502: no Home Assistant there; tried again",
			"Home Assistant 2026.11.1 is connected",
			"it has closed the connection; tried again",
			"Home Assistant 2026.11.1 is connected",
			"it has closed the connection; tried again",
		],
	);
});

test("who is no Home Assistant is left, and told once", async (context) => {
	for (const [greets, reason] of [
		["garbage", "what it says is not of Home Assistant's API"],
		["foreign", "what it says is not of Home Assistant's API"],
		["binary", "what it says is not of Home Assistant's API"],
		["oversized", "Max payload size exceeded"],
		["closes", "it has closed the connection"],
	] as const) {
		const { server, clock, lines, connection } = await connectionTo(context);
		server.greets = greets;
		connection.start();
		for (let tries = 1; tries <= 3; tries++) {
			await until(greets, () => server.asked === tries && !connection.awaitsAnswer);
			clock.jump();
		}
		assert.deepEqual(lines, [`Home Assistant at URL/api/websocket: ${reason}; tried again`]);
	}
});

test("who has no certificate that is believed gets no token", async (context) => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-history-"));
	context.after(() => rmSync(folder, { recursive: true }));
	const identity = new Certificates(folder).selfSigned();
	const { server, lines, connection } = await connectionTo(context, { identity });
	connection.start();
	await until("the end", () => !connection.awaitsAnswer);
	assert.deepEqual(lines, ["Home Assistant at URL/api/websocket: self-signed certificate; tried again"]);
	assert.equal(server.asked + server.greeted, 0);
});

test("who does not greet is left after 20 s", async (context) => {
	const { server, clock, lines, connection } = await connectionTo(context);
	server.greets = "silent";
	connection.start();
	await until("the connection", () => server.connections === 1);
	clock.advance(19_999);
	assert.equal(lines.length, 0);
	clock.advance(1);
	assert.deepEqual(lines, ["Home Assistant at URL/api/websocket: it has not answered for 20 s; tried again"]);
	await until("the end at the server", () => server.connections === 0);
});

test("a connection on which nothing is said is asked for a sign of life, and left without one", async (context) => {
	const { server, clock, lines, connection } = await connectionTo(context);
	connection.start();
	await until("the connection", () => connection.isOpen);
	for (let pings = 1; pings <= 3; pings++) {
		clock.advance(30_000);
		await until("the ping", () => server.of("ping").length === pings && !connection.awaitsAnswer);
	}
	assert.equal(server.asked, 1);
	server.misbehaves = () => "silent";
	clock.advance(30_000);
	await until("the ping", () => server.of("ping").length === 4);
	clock.advance(19_999);
	assert.equal(connection.isOpen, true);
	clock.advance(1);
	assert.equal(connection.isOpen, false);
	assert.deepEqual(lines.slice(1), ["Home Assistant at URL/api/websocket: it has not answered for 20 s; tried again"]);
	server.misbehaves = () => undefined;
	clock.advance(1_000);
	await until("the next connection", () => connection.isOpen);
});

test("a request without an answer ends the connection after a minute", async (context) => {
	const { server, clock, connection } = await connectionTo(context);
	connection.start();
	await until("the connection", () => connection.isOpen);
	server.misbehaves = () => "silent";
	const request = connection.request("recorder/get_statistics_metadata");
	clock.advance(59_999);
	assert.equal(connection.isOpen, true);
	clock.advance(1);
	await assert.rejects(request, /has not answered for 60 s/);
	assert.equal(connection.isOpen, false);
});

test("Home Assistant's text is printable, and without the token", async (context) => {
	const { server, connection } = await connectionTo(context);
	connection.start();
	await until("the connection", () => connection.isOpen);
	const request = connection.request("recorder/get_statistics_metadata", { [server.token]: "\u001b[2J" });
	await assert.rejects(
		request,
		(error: Error) => error instanceof RefusedError && error.message === "extra keys not allowed @ data['…']. Got ?[2J",
	);
});

test("ids are those that Home Assistant takes, and no two subjects have the same one", () => {
	const topics = [
		...["veleta/terrace", "veleta/my_station", "veleta/my-station", "veleta/My_station", "veleta/my/station"],
		...["terrace", "Casa/Azotea", "casa/azotea", "casa_azotea", "veleta/casa_azotea", "Casa/Áéí ñ/☀", "☀", "☁", ""],
		...["veleta/a", "veleta/a_sea_level", "veleta/a_absolute", "veleta/_a", "veleta/a_", "veleta/a__b", "veleta/a_b"],
		...["x".repeat(300), "x".repeat(301), `veleta/${"y".repeat(100)}`, `veleta/${"y".repeat(101)}`, "\u0000\u001b[2J"],
	];
	const quantities = [
		...["temperature", "humidity", "pressure", "seaLevelPressure", "dewPoint", "absoluteHumidity", "heatIndex"],
		...["Temperatura", "temperatura", "dew_point", "dewpoint", "index", "q".repeat(300), "☀", ""],
	];
	const ids = new Map<string, string>();
	for (const topic of topics) {
		for (const quantity of quantities) {
			const id = statisticId({ topic, quantity });
			assert.match(id, /^(?!.+__)(?!_)[\da-z_]+(?<!_):(?!_)[\da-z_]+(?<!_)$/);
			assert.ok(id.length <= 255 && Buffer.byteLength(statisticName({ topic, quantity })) <= 255, id);
			assert.equal(ids.get(id), undefined, id);
			ids.set(id, topic);
		}
	}
	const plain = (topic: string, quantity: string) => statisticId({ topic, quantity });
	assert.equal(plain("veleta/terrace", "temperature"), ID);
	assert.equal(plain("veleta/my_station", "dewPoint"), "veleta:my_station_dew_point");
	assert.equal(plain("veleta/a", "seaLevelPressure"), "veleta:a_sea_level_pressure");
	assert.match(plain("veleta/a_sea_level", "pressure"), /^veleta:a_sea_level_pressure_[0-9a-f]{10}$/);
	assert.match(plain("Casa/Jardín", "Temperatura"), /^veleta:casa_jardin_temperatura_[0-9a-f]{10}$/);
	assert.equal(statisticName({ topic: "veleta/terrace", quantity: "seaLevelPressure" }), "terrace sea level pressure");
	assert.equal(statisticName({ topic: "Casa/\u001b", quantity: "t" }), "Casa/? t");
});

test("an hour is there, with all that the newest Home Assistant asks for, and is confirmed", async (context) => {
	const { server, hours, history, lines, pass } = await sceneOf(context);
	hours.set();
	history.start();
	await pass("the confirmation", () => hours.isDone);
	assert.deepEqual(server.of("recorder/import_statistics")[0], {
		id: 2,
		type: "recorder/import_statistics",
		metadata: {
			source: "veleta",
			statistic_id: ID,
			name: "terrace temperature",
			unit_of_measurement: "°C",
			has_sum: false,
			mean_type: 1,
			unit_class: "temperature",
		},
		stats: [{ start: "2026-11-29T08:00:00+00:00", ...VALUES }],
	});
	assert.deepEqual(server.rows(ID), { [NOON]: VALUES });
	assert.deepEqual(hours.confirmations, [`${ID} 0 v1`]);
	assert.deepEqual(lines, ["Home Assistant 2026.11.1 is connected"]);
});

test("an older Home Assistant gets what it asks for", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context, { version: "2024.6.4" });
	hours.set();
	history.start();
	await pass("the confirmation", () => hours.isDone);
	assert.deepEqual(server.of("recorder/import_statistics")[0]?.metadata, {
		source: "veleta",
		statistic_id: ID,
		name: "terrace temperature",
		unit_of_measurement: "°C",
		has_sum: false,
		has_mean: true,
	});
	assert.deepEqual(server.refused, []);
});

test("each version takes all units", async (context) => {
	assert.equal(metadataForm("2025.10.4"), "has_mean");
	assert.equal(metadataForm("2025.11.0b1"), "mean_type");
	assert.equal(metadataForm("2027.1.0.dev0"), "mean_type");
	for (const version of [
		"2023.1.0",
		"2025.4.1",
		"2025.10.4",
		"2025.11.0b1",
		"2026.4.0",
		"2026.11.0",
		"2027.1.0.dev0",
	]) {
		const { server, hours, history, pass } = await sceneOf(context, { version });
		for (const [quantity, unit] of [
			["temperature", "°C"],
			["humidity", "%"],
			["pressure", "hPa"],
			["absoluteHumidity", "g/m³"],
			["Luz", null],
			["Viento", "km/h"],
		] as const)
			hours.set({ quantity, unit });
		history.start();
		await pass(version, () => hours.isDone);
		assert.equal(server.statistics.size, 6);
		assert.deepEqual(server.refused, [], version);
	}
});

test("a Home Assistant that is not of the version that it says gets what it takes", async (context) => {
	for (const [version, rules] of [
		["2024.6.4", "2026.11.1"],
		["nightly", "2024.6.4"],
	] as const) {
		const { server, hours, history, lines, pass } = await sceneOf(context, { version });
		server.rules = rules;
		hours.set();
		hours.set({ quantity: "humidity", unit: "%" });
		history.start();
		await pass("the confirmation", () => hours.isDone);
		// It is asked once what it takes.
		assert.equal(server.refused.length, 1);
		assert.deepEqual(lines, [`Home Assistant ${version} is connected`]);
	}
});

test("what Home Assistant has queued only is not confirmed", async (context) => {
	const { server, clock, hours, history, pass } = await sceneOf(context);
	server.storesByItself = false;
	hours.set();
	hours.set({ start: NOON + HOUR });
	history.start();
	await pass("several looks", () => server.of("recorder/statistics_during_period").length === 4);
	assert.deepEqual(hours.confirmations, []);
	server.store();
	const before = clock.now();
	await pass("the confirmation", () => hours.isDone);
	assert.ok(clock.now() - before < 10_000);
	assert.equal(server.of("recorder/import_statistics").length, 1);
});

test("hours that Home Assistant loses are sent again after five minutes", async (context) => {
	const { server, clock, hours, history, lines, pass } = await sceneOf(context);
	server.misbehaves = (type) => (type === "recorder/import_statistics" ? "loses" : undefined);
	hours.set();
	history.start();
	await pass("the second attempt", () => server.of("recorder/import_statistics").length === 2);
	const second = clock.now();
	await pass("the third one", () => server.of("recorder/import_statistics").length === 3);
	// Five minutes behind the last of the checks, and at the next look.
	assert.ok(clock.now() - second >= 6 * MINUTE && clock.now() - second <= 8 * MINUTE, `${clock.now() - second}`);
	assert.deepEqual(hours.confirmations, []);
	assert.deepEqual(lines.slice(1), [
		`Home Assistant: ${ID}: it has not stored the hours that it took; sent again in 5 minutes`,
	]);
	server.misbehaves = () => undefined;
	await pass("the confirmation", () => hours.isDone);
});

test("where nothing at all is stored, not each statistic is told", async (context) => {
	const { server, clock, hours, history, lines, pass } = await sceneOf(context);
	server.misbehaves = (type) => (type === "recorder/import_statistics" ? "loses" : undefined);
	for (let at = 0; at < 9; at++) hours.set({ topic: `veleta/s${at}` });
	history.start();
	await pass("the complaint", () => lines.length === 5);
	assert.equal(lines[4], "Home Assistant: its recorder stores nothing; tried again every 10 minutes");
	const before = clock.now();
	await pass("the next attempt", () => server.of("recorder/import_statistics").length === 4);
	assert.ok(clock.now() - before >= 10 * MINUTE && clock.now() - before <= 11 * MINUTE);
	await pass("the one after it", () => server.of("recorder/import_statistics").length === 5);
	assert.ok(clock.now() - before >= 21 * MINUTE);
	server.misbehaves = () => undefined;
	await pass("the confirmations", () => hours.isDone);
	assert.equal(lines.length, 5);
});

test("a late reading's hour overwrites the earlier one, and an hour with the earlier values does not count", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	hours.set();
	history.start();
	await pass("the confirmation", () => hours.isDone);
	let isLosing = true;
	server.misbehaves = (type) => (isLosing && type === "recorder/import_statistics" ? "loses" : undefined);
	const changes = [{ mean: 17.5 }, { mean: 17.5, min: 12.25 }, { mean: 17.5, min: 12.25, max: 18 }];
	for (const [at, change] of changes.entries()) {
		isLosing = true;
		const confirmed = hours.confirmations.length;
		const looks = server.of("recorder/statistics_during_period").length;
		hours.set({ ...change, version: at + 2 });
		await pass("several looks", () => server.of("recorder/statistics_during_period").length === looks + 4);
		assert.equal(hours.confirmations.length, confirmed);
		isLosing = false;
		await pass("the confirmation", () => hours.isDone);
		assert.deepEqual(server.rows(ID), { [NOON]: { ...VALUES, ...change } });
	}
	assert.deepEqual(
		hours.confirmations,
		[1, 2, 3, 4].map((version) => `${ID} 0 v${version}`),
	);
});

test("an hour that changes while it is sent is due again", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	server.storesByItself = false;
	hours.set();
	history.start();
	await pass("the import", () => server.of("recorder/import_statistics").length === 1);
	hours.set({ mean: 17.5, version: 2 });
	server.storesByItself = true;
	await pass("the confirmation", () => hours.isDone);
	assert.deepEqual(hours.confirmations, [`${ID} 0 v1`, `${ID} 0 v2`]);
	assert.equal(server.rows(ID)[NOON]?.mean, 17.5);
});

test("hours that are sent again after a confirmation was lost are there once", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	hours.set();
	server.misbehaves = (type) => (type === "recorder/statistics_during_period" ? "closes" : undefined);
	history.start();
	await pass("the second import", () => server.of("recorder/import_statistics").length === 2);
	server.store();
	assert.deepEqual(server.rows(ID), { [NOON]: VALUES });
	assert.deepEqual(hours.confirmations, []);
	server.misbehaves = () => undefined;
	await pass("the confirmation", () => hours.isDone);
	assert.deepEqual(server.rows(ID), { [NOON]: VALUES });
});

test("a statistic that is refused is told once, tried each hour, and holds up no other", async (context) => {
	const { server, clock, hours, history, lines, pass } = await sceneOf(context);
	// Somebody has made °F of it.
	server.statistics.set(ID, {
		metadata: { statistic_id: ID, source: "veleta", unit_of_measurement: "°F" },
		rows: new Map(),
	});
	for (let at = 0; at < 3; at++) hours.set({ start: NOON + at * HOUR });
	for (let at = 0; at < 3; at++) hours.set({ quantity: "humidity", unit: "%", start: NOON + at * HOUR });
	history.start();
	await pass("the others", () => hours.confirmations.length === 3);
	const asked = () =>
		server.of("recorder/get_statistics_metadata").filter(({ statistic_ids: ids }) => String(ids) === ID).length;
	assert.equal(asked(), 1);
	const before = clock.now();
	await pass("the next attempt", () => asked() === 2);
	assert.ok(clock.now() - before >= 59 * MINUTE && clock.now() - before <= 61 * MINUTE);
	await pass("the next but one", () => asked() === 3);
	assert.deepEqual(lines.slice(1), [`Home Assistant: ${ID}: it is in °F there, not in °C; tried again in an hour`]);
	assert.deepEqual(server.rows(ID), {});
	server.statistics.delete(ID);
	await pass("its turn", () => hours.isDone);
	assert.equal(Object.keys(server.rows(ID)).length, 3);
});

test("more hours of a refused statistic than are in memory at a time hold up no other", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	server.statistics.set(ID, {
		metadata: { statistic_id: ID, source: "veleta", unit_of_measurement: "°F" },
		rows: new Map(),
	});
	for (let at = 1; at <= 2_100; at++) hours.set({ start: NOON - at * HOUR });
	hours.set({ quantity: "humidity", unit: "%" });
	history.start();
	await pass("the other one", () => hours.confirmations.length === 1);
	assert.deepEqual(server.rows(ID), {});
});

test("a unit that is not known any more is the one of earlier hours", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	hours.set({ unit: null });
	history.start();
	await pass("the confirmation", () => hours.isDone);
	assert.equal(server.statistics.get(ID)?.metadata.unit_of_measurement, null);
	hours.set({ start: NOON + HOUR });
	await pass("the confirmation", () => hours.isDone);
	hours.set({ unit: null, start: NOON + 2 * HOUR });
	await pass("the confirmation", () => hours.isDone);
	assert.equal(server.statistics.get(ID)?.metadata.unit_of_measurement, "°C");
	assert.equal(Object.keys(server.rows(ID)).length, 3);
});

test("what is no number is never sent, told once, and holds up nothing", async (context) => {
	const { server, hours, history, lines, pass } = await sceneOf(context);
	hours.set({ max: Number.POSITIVE_INFINITY });
	hours.set({ start: NOON + HOUR, mean: Number.NaN });
	hours.set({ start: NOON + 2 * HOUR });
	history.start();
	await pass("the confirmation", () => hours.isDone);
	const { looks } = hours;
	await pass("further looks", () => hours.looks === looks + 3);
	assert.deepEqual(Object.keys(server.rows(ID)), [String(NOON + 2 * HOUR)]);
	assert.deepEqual(lines.slice(1), [`Home Assistant: ${ID} has an hour without numbers: 2026-11-29T08:00:00+00:00`]);
});

test("after days without Home Assistant all hours come, the oldest first, some at a time", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	server.status = 502;
	const count = 50 * 24;
	for (let at = 0; at < count; at++) {
		const start = NOON - at * HOUR;
		for (const topic of ["veleta/terrace", "veleta/roof"]) hours.set({ topic, start, mean: 10 + (at % 24) });
	}
	history.start();
	await pass("some attempts", () => server.asked === 8);
	assert.equal(hours.looks, 0);
	server.status = undefined;
	await pass("the confirmations", () => hours.isDone);
	for (const id of [ID, "veleta:roof_temperature"]) {
		const starts = Object.keys(server.rows(id)).map(Number);
		assert.equal(starts.length, count);
		const sent = server
			.of("recorder/import_statistics")
			.filter(({ metadata }) => Object(metadata).statistic_id === id)
			.flatMap(({ stats }) => (stats as { start: string }[]).map(({ start }) => Date.parse(start)));
		// Each once, and in order.
		assert.deepEqual(sent, starts);
	}
	assert.deepEqual([...hours.limits], [2_000]);
	for (const { stats } of server.of("recorder/import_statistics")) assert.ok((stats as unknown[]).length <= 744);
});

test("hours far apart are not asked for with all that lies between", async (context) => {
	const { server, hours, history, pass } = await sceneOf(context);
	hours.set({ start: NOON - 3 * 8_760 * HOUR });
	hours.set();
	history.start();
	await pass("the confirmations", () => hours.isDone);
	for (const { start_time: from, end_time: to } of server.of("recorder/statistics_during_period"))
		assert.equal(Date.parse(String(to)) - Date.parse(String(from)), HOUR);
});

test("a statistic whose hours end the connection, each time, holds up no other", async (context) => {
	for (const misbehaviour of ["closes", "garbage", "oversized"] as const) {
		const { server, hours, history, lines, pass } = await sceneOf(context);
		server.misbehaves = (type, id) => (type === "recorder/import_statistics" && id === ID ? misbehaviour : undefined);
		hours.set();
		hours.set({ quantity: "humidity", unit: "%", start: NOON + HOUR });
		history.start();
		await pass("the other one", () => hours.confirmations.length === 1);
		assert.deepEqual(hours.confirmations, ["veleta:terrace_humidity 1 v1"]);
		// Whatever ends the connection is told by that, once.
		assert.equal(lines.length, 3, lines.join("\n"));
		server.misbehaves = () => undefined;
		await pass("its turn", () => hours.isDone);
	}
});

test("a Home Assistant that does not answer is left, and goes on where it was", async (context) => {
	const { server, clock, hours, history, pass } = await sceneOf(context);
	let isSilent = true;
	server.misbehaves = (type) => (isSilent && type === "recorder/import_statistics" ? "silent" : undefined);
	hours.set();
	history.start();
	await pass("the import", () => server.of("recorder/import_statistics").length === 1);
	clock.advance(MINUTE);
	assert.equal(history.isConnected, false);
	isSilent = false;
	await pass("the confirmation", () => hours.isDone);
	assert.equal(server.asked, 2);
});

test("a token of somebody who is no administrator is told once, and tried every ten minutes", async (context) => {
	const { server, clock, hours, history, lines, pass } = await sceneOf(context, { isAdministrator: false });
	hours.set();
	hours.set({ quantity: "humidity", unit: "%" });
	history.start();
	const imports = () => server.of("recorder/import_statistics").length;
	await pass("the first attempt", () => imports() === 1);
	for (let attempt = 2; attempt <= 3; attempt++) {
		const before = clock.now();
		await pass("the next attempt", () => imports() === attempt);
		assert.ok(clock.now() - before >= 10 * MINUTE && clock.now() - before <= 11 * MINUTE);
	}
	assert.deepEqual(lines.slice(1), [
		"Home Assistant: the token is not of an administrator; tried again every 10 minutes",
	]);
	server.isAdministrator = true;
	await pass("the confirmations", () => hours.isDone);
});

test("a Home Assistant without a recorder is told once, and gets the hours when it has one", async (context) => {
	const { server, hours, history, lines, pass } = await sceneOf(context, { hasRecorder: false });
	hours.set();
	history.start();
	await pass("some attempts", () => server.refused.length === 3);
	assert.deepEqual(lines.slice(1), ["Home Assistant: it has no recorder, or not yet; tried again every 10 minutes"]);
	server.hasRecorder = true;
	await pass("the confirmation", () => hours.isDone);
});

test("a store that fails is told, and asked again a minute later", async (context) => {
	const { clock, hours, history, lines, pass } = await sceneOf(context);
	hours.set();
	hours.fault = new Error("disk I/O error");
	history.start();
	await pass("the fault", () => lines.length === 2);
	const before = clock.now();
	await pass("the confirmation", () => hours.isDone);
	assert.ok(clock.now() - before <= MINUTE + 1_000);
	assert.deepEqual(lines.slice(1), ["Home Assistant: the hours for it: disk I/O error"]);
});

test("an hour that becomes due later is found within a minute", async (context) => {
	const { clock, hours, history, pass } = await sceneOf(context);
	history.start();
	await pass("the first look", () => hours.looks === 1);
	hours.set();
	const before = clock.now();
	await pass("the confirmation", () => hours.isDone);
	assert.ok(clock.now() - before <= MINUTE + 1_000);
});

test("at its end the history leaves nothing behind, whatever it does", async (context) => {
	for (const stage of ["recorder/get_statistics_metadata", "recorder/import_statistics", "pause", "idle"]) {
		const { server, clock, hours, history, pass } = await sceneOf(context);
		if (stage !== "idle") hours.set();
		if (stage === "pause") server.storesByItself = false;
		server.misbehaves = (type) => (type === stage ? "silent" : undefined);
		history.start();
		await pass(stage, () => {
			if (stage === "idle") return hours.looks === 1 && !history.awaitsAnswer;
			if (stage === "pause")
				return server.of("recorder/statistics_during_period").length === 2 && !history.awaitsAnswer;
			return server.of(stage).length === 1;
		});
		history.close();
		await until("the end", () => server.connections === 0);
		assert.equal(clock.alarms, 0, stage);
		assert.deepEqual(hours.confirmations, []);
	}
});

test("the server of these tests refuses what Home Assistant refuses", async (context) => {
	const metadata = {
		source: "veleta",
		statistic_id: ID,
		name: null,
		unit_of_measurement: "°C",
		has_sum: false,
		mean_type: 1,
		unit_class: "temperature",
	};
	const row = { start: "2026-11-29T08:00:00+00:00", ...VALUES };
	const old = { ...metadata, mean_type: undefined, unit_class: undefined, has_mean: true };
	const period = { start_time: "2026-11-29T08:00:00+00:00", statistic_ids: [ID], period: "hour" };
	const wrong: readonly (readonly [version: string, type: string, members: object, refusal: RegExp])[] = [
		["2026.11.0", "import", { metadata: { ...metadata, mean_type: undefined } }, /required key.*'mean_type'/],
		["2026.11.0", "import", { metadata: { ...metadata, unit_class: undefined } }, /required key.*'unit_class'/],
		["2026.11.0", "import", { metadata: { ...metadata, mean_type: 3 } }, /not a valid value.*'mean_type'/],
		["2026.11.0", "import", { metadata: { ...metadata, unit: "°C" } }, /extra keys.*'unit'/],
		["2026.11.0", "import", { metadata: { ...metadata, unit_class: "heat" } }, /Unsupported unit_class/],
		["2026.11.0", "import", { metadata: { ...metadata, unit_class: "pressure" } }, /Unsupported unit_of_measurement/],
		["2026.11.0", "import", { metadata: { ...metadata, source: "recorder" } }, /Invalid source/],
		["2026.11.0", "import", { metadata: { ...metadata, statistic_id: "veleta:a__b" } }, /Invalid statistic_id/],
		["2026.11.0", "import", { metadata: { ...metadata, statistic_id: "veleta:a-b" } }, /Invalid statistic_id/],
		["2026.11.0", "import", { metadata: { ...metadata, statistic_id: "veleta:a_" } }, /Invalid statistic_id/],
		["2026.11.0", "import", { stats: [{ ...row, start: "2026-11-29T08:00:00" }] }, /Naive timestamp/],
		["2026.11.0", "import", { stats: [{ ...row, start: "2026-11-29T08:30:00+00:00" }] }, /top of the hour/],
		["2026.11.0", "import", { stats: [{ ...row, start: "yesterday" }] }, /not a valid value.*'start'/],
		["2026.11.0", "import", { stats: [{ ...row, mean: null }] }, /not a valid value.*'mean'/],
		["2026.11.0", "import", { stats: [{ ...row, median: 1 }] }, /extra keys.*'median'/],
		["2026.11.0", "import", { stats: [{ ...VALUES }] }, /required key.*'start'/],
		["2024.6.0", "import", { metadata }, /required key.*'has_mean'/],
		["2024.6.0", "import", { metadata: { ...old, mean_type: 1 } }, /extra keys.*'mean_type'/],
		["2024.6.0", "import", { metadata: { ...old, unit_class: null } }, /extra keys.*'unit_class'/],
		["2026.11.0", "during", { period: "decade" }, /not a valid value.*'period'/],
		["2026.11.0", "during", { start_time: "yesterday" }, /invalid_start_time/],
		["2026.11.0", "during", { end_time: "tomorrow" }, /invalid_end_time/],
		["2026.11.0", "during", { statistic_ids: [] }, /not a valid value.*'statistic_ids'/],
		["2026.11.0", "during", { types: ["median"] }, /not a valid value.*'types'/],
	];
	const { server, connection } = await connectionTo(context);
	connection.start();
	await until("the connection", () => connection.isOpen);
	for (const [version, type, members, refusal] of wrong) {
		server.version = version;
		server.refused.length = 0;
		const right = type === "import" ? { metadata, stats: [row] } : period;
		const name = type === "import" ? "recorder/import_statistics" : "recorder/statistics_during_period";
		await assert.rejects(connection.request(name, { ...right, ...members }), RefusedError, JSON.stringify(members));
		assert.match(server.refused[0] ?? "", refusal);
	}
	assert.equal(server.statistics.size, 0);
	await connection.request("recorder/import_statistics", { metadata, stats: [row] });
	// In the queue only.
	assert.equal(server.statistics.size, 0);
	const stats = [
		{ start: "2026-11-29T10:00:00+02:00", mean: 1, min: 0, max: 2 },
		{ start: "2026-11-29T09:00:00Z", mean: 3, min: 2, max: 9 },
	];
	await connection.request("recorder/import_statistics", { metadata, stats });
	const first = { start: NOON, end: NOON + HOUR, mean: 1, min: 0, max: 2 };
	assert.deepEqual(await connection.request("recorder/statistics_during_period", period), {
		[ID]: [first, { start: NOON + HOUR, end: NOON + 2 * HOUR, mean: 3, min: 2, max: 9 }],
	});
	const until9 = { ...period, end_time: "2026-11-29T09:00:00Z", types: ["mean"] };
	assert.deepEqual(await connection.request("recorder/statistics_during_period", until9), {
		[ID]: [{ start: NOON, end: NOON + HOUR, mean: 1 }],
	});
	const day = NOON - 8 * HOUR;
	assert.deepEqual(await connection.request("recorder/statistics_during_period", { ...period, period: "day" }), {
		[ID]: [{ start: day, end: day + 24 * HOUR, mean: 2, min: 0, max: 9 }],
	});
});

test("the server of these tests wants a token first, and rising ids", async (context) => {
	const server = await HistoryServer.start();
	context.after(() => server.close());
	const said: { readonly type?: string; readonly error?: { readonly code: string } }[] = [];
	const connect = () => {
		said.length = 0;
		const client = new WebSocket(`${server.url.replace("http", "ws")}/api/websocket`);
		client.on("message", (data) => said.push(JSON.parse(String(data))));
		return client;
	};
	const early = connect();
	await until("the question", () => said.length === 1);
	early.send(JSON.stringify({ id: 1, type: "ping" }));
	await until("the end", () => early.readyState === WebSocket.CLOSED);
	assert.deepEqual(
		said.map(({ type }) => type),
		["auth_required", "auth_invalid"],
	);
	const client = connect();
	await until("the question", () => said.length === 1);
	client.send(JSON.stringify({ type: "auth", access_token: server.token }));
	for (const id of [5, 5, 4, 0, 6]) client.send(JSON.stringify({ id, type: "ping" }));
	await until("the answers", () => said.length === 7);
	assert.deepEqual(
		said.slice(1).map(({ type, error }) => error?.code ?? type),
		["auth_ok", "pong", "id_reuse", "id_reuse", "invalid_format", "pong"],
	);
});

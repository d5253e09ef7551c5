/** AEMET's observations and forecasts at a real mosquitto, from a server on the loopback that plays AEMET. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Aemet } from "../harness/aemet.ts";
import type { Misbehaviour } from "../harness/aemet-answers.ts";
import { BROKERS } from "../harness/brokers.ts";
import { Certificates } from "../harness/certificates.ts";
import { entityOf, faultsOf } from "../harness/home-assistant.ts";
import { Observatory } from "../harness/observatory.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { Message, MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const PLACES = ["--station", "3195", "--municipality", "28065"];
/** Of the played answers. */
const HOURS = 12;
const HOUR_MS = 3_600_000;

const times = (subscriber: MosquittoSub, topic = "aemet/3195/state"): string[] =>
	subscriber.messages
		.filter((message) => message.topic === topic && !message.retain)
		.map(({ payload }) => JSON.parse(payload).time);

async function parts(parts: Parts) {
	const broker = await parts.mosquitto({ savesChanges: true });
	const subscriber = await parts.subscriber(broker, "aemet/#");
	return { aemet: await Aemet.start(parts), broker, subscriber };
}

scenario(
	"Observations once each and in order, forecasts, retained; status by birth message and last will.",
	async (of) => {
		const { aemet, broker, subscriber } = await parts(of);
		const program = aemet.program(broker, ...PLACES, "--values");
		await until(
			"a forecast of each kind",
			() => subscriber.messages.filter(({ topic }) => /forecast/.test(topic)).length === 2,
		);
		await until("all observations", () => times(subscriber).length >= HOURS);
		await until(
			"the last values",
			() => subscriber.messages.filter(({ topic }) => topic === "aemet/3195/precipitation").length >= HOURS,
		);
		const all = times(subscriber);
		assert.equal(all.length, HOURS);
		assert.deepEqual(all, [...new Set(all)].sort());
		await subscriber.message("online", ({ topic, payload }) => topic === "aemet/3195/status" && payload === "online");
		program.signal("SIGKILL");
		for (const place of ["3195", "28065"])
			await subscriber.message(
				"offline",
				({ topic, payload }) => topic === `aemet/${place}/status` && payload === "offline",
			);
		// Whoever comes later has the last good values.
		const later = await of.subscriber(broker, "aemet/#");
		await later.caughtUp();
		const retained = new Map(later.messages.map(({ topic, payload }) => [topic, payload]));
		const { temperature, humidity, time } = JSON.parse(retained.get("aemet/3195/state")!);
		assert.equal(time, all.at(-1));
		assert.equal(retained.get("aemet/3195/temperature"), String(temperature));
		assert.equal(retained.get("aemet/3195/humidity"), String(humidity));
		const { source, notice, name, forecast } = JSON.parse(retained.get("aemet/28065/forecast/daily")!);
		assert.deepEqual([source, name, forecast.length], ["AEMET", "Getafe", 5]);
		assert.match(notice, /citando a AEMET como autora/);
		assert.equal(JSON.parse(retained.get("aemet/28065/forecast/hourly")!).forecast.length, 16);
		assert.equal(retained.get("aemet/3195/status"), "offline");
		assert.ok(subscriber.messages.every(({ qos }) => qos === 1));
	},
);

scenario(
	"A restart asks for nothing again, and publishes nothing again; Ctrl-C is told by the last will.",
	async (of) => {
		const { aemet, broker, subscriber } = await parts(of);
		const first = aemet.program(broker, ...PLACES);
		await until(
			"all",
			() =>
				times(subscriber).length >= HOURS &&
				subscriber.messages.filter(({ topic }) => /forecast/.test(topic)).length >= 2,
		);
		first.signal("SIGINT");
		assert.deepEqual(await first.ended(), { code: 0, signal: null });
		await subscriber.message("offline", ({ topic, payload }) => topic === "aemet/3195/status" && payload === "offline");
		assert.ok(first.lines.includes("aemet    the broker has all"), first.lines.join("\n"));
		const { length } = subscriber.messages;
		const requests = aemet.server.answers.requests.length;
		const second = aemet.program(broker, ...PLACES);
		await second.line(/^broker .*connected/);
		const isOnline = ({ payload }: { payload: string }) => payload === "online";
		await until("both online", () => subscriber.messages.slice(length).filter(isOnline).length >= 2);
		await subscriber.caughtUp();
		assert.deepEqual(
			subscriber.messages
				.slice(length)
				.map(({ topic }) => topic)
				.sort(),
			["aemet/28065/status", "aemet/3195/status"],
		);
		// All that were due at the start have been made; the next one is due within the next hour.
		assert.ok(aemet.server.answers.requests.length - requests <= 2, "at most an hour's observation");
	},
);

scenario("The broker is away: what comes waits on the disk, also over a kill, and arrives once.", async (of) => {
	const { aemet, broker, subscriber } = await parts(of);
	await broker.stop();
	const first = aemet.program(broker, ...PLACES);
	await first.line(/^aemet .*12 new of MADRID RETIRO/);
	await first.line(/^aemet .*hourly forecast 28065: 16 hours/);
	await first.kill();
	await broker.restart();
	await subscriber.subscribed(2);
	const second = aemet.program(broker, ...PLACES);
	await until("all", () => times(subscriber).length >= HOURS);
	await until("forecasts", () => subscriber.messages.filter(({ topic }) => /forecast/.test(topic)).length >= 2);
	second.signal("SIGTERM");
	await second.ended();
	const all = times(subscriber);
	assert.deepEqual(all, [...new Set(all)].sort());
	assert.equal(all.length, HOURS);
});

scenario("Two steps that misbehave: nothing of the key is told, and what comes later is published.", async (of) => {
	const { aemet, broker, subscriber } = await parts(of);
	const faults: Misbehaviour[] = ["HTML", "data elsewhere", 503];
	aemet.server.answers.misbehave(1, ...faults);
	const program = aemet.program(broker, "--station", "3195", "--station", "5906X", "--municipality", "28065");
	for (const what of [/HTML in place of JSON/, /lie elsewhere: refused/, /status 503/]) await program.line(what);
	// A fourth task is as usual.
	await subscriber.message("a forecast", ({ topic }) => topic === "aemet/28065/forecast/hourly");
	await subscriber.message("stale", ({ topic, payload }) => topic === "aemet/3195/status" && payload === "stale");
	program.signal("SIGINT");
	await program.ended();
	assert.doesNotMatch(program.lines.join("\n"), /eyJ/);
});

scenario("The broker does not take an observation: it is said, and nothing is lost.", async (of) => {
	const broker = await of.mosquitto({ access: "topic readwrite barrier/#\ntopic readwrite aemet/+/status\n" });
	const aemet = await Aemet.start(of);
	const program = aemet.program(broker, "--station", "3195");
	await program.line(/^broker {3}station 3195: not taken: aemet\/3195\/state: .*; trying again$/);
	program.signal("SIGINT");
	await program.ended();
	assert.ok(program.lines.includes("aemet    12 messages kept for the broker"), program.lines.join("\n"));
	broker.grant("topic readwrite #\n");
	await until("the other access list", () => broker.count(/Reloading config/) > 0);
	const subscriber = await of.subscriber(broker, "aemet/#");
	aemet.program(broker, "--station", "3195");
	await until("all observations", () => times(subscriber).length >= HOURS);
	const all = times(subscriber);
	assert.deepEqual(all, [...new Set(all)].sort());
});

scenario("A key that is not taken: a line, and one request.", async (of) => {
	const { aemet, broker } = await parts(of);
	const program = aemet.withKey("another-key", broker, ...PLACES);
	await program.line(/^aemet {4}observations 3195: the key is not taken \(401\); the next request in 60 min$/);
	program.signal("SIGINT");
	await program.ended();
	assert.equal(aemet.server.answers.requests.length, 1);
	assert.doesNotMatch(program.lines.join("\n"), /another-key/);
	const again = aemet.withKey("another-key", broker, ...PLACES);
	await again.line(/^broker .*connected/);
	again.signal("SIGINT");
	await again.ended();
	assert.equal(aemet.server.answers.requests.length, 1);
});

scenario("Places by name: the lists are fetched once, and kept.", async (of) => {
	const aemet = await Aemet.start(of);
	const nobody = { port: 1 };
	const first = aemet.program(nobody, "--find", "ALMERIA");
	assert.deepEqual(await first.ended(), { code: 0, signal: null });
	assert.equal(first.lines.at(-1), "--municipality 04013  Almería");
	const { requests } = aemet.server.answers;
	assert.deepEqual(
		requests.map(({ path, step }) => `${step} ${path.replace("/opendata/api", "")}`),
		["1 /observacion/convencional/todas", "2 /observacion/convencional/todas", "1 /maestro/municipios"],
	);
	const second = aemet.withKey("", nobody, "--find", "madrid");
	assert.deepEqual(await second.ended(), { code: 0, signal: null });
	assert.deepEqual(second.lines, ["--municipality 28079  Madrid", "--station 3195  MADRID RETIRO, 667 m"]);
	const none = aemet.program(nobody, "--find", "atlantis");
	assert.deepEqual(await none.ended(), { code: 1, signal: null });
	assert.equal(requests.length, 3);
});

scenario("A key that is not taken for the lists, either: a line, and one request an hour.", async (of) => {
	const aemet = await Aemet.start(of);
	const first = aemet.withKey("another-key", { port: 1 }, "--find", "madrid");
	assert.deepEqual(await first.ended(), { code: 1, signal: null });
	assert.equal(first.lines.at(-1), "AEMET's list of stations: the key is not taken (401)");
	const again = aemet.withKey("another-key", { port: 1 }, "--find", "madrid");
	assert.deepEqual(await again.ended(), { code: 1, signal: null });
	assert.equal(again.lines.at(-1), "AEMET takes no request now; the next one in 60 min");
	assert.equal(aemet.server.answers.requests.length, 1);
});

scenario("A list that cannot be fetched: one line, and nothing is kept.", async (of) => {
	const aemet = await Aemet.start(of);
	aemet.server.answers.misbehave(1, undefined, 503);
	const program = aemet.program({ port: 1 }, "--find", "madrid");
	assert.deepEqual(await program.ended(), { code: 1, signal: null });
	assert.equal(program.lines.at(-1), "AEMET's list of municipalities: status 503");
	const again = aemet.program({ port: 1 }, "--find", "madrid");
	assert.deepEqual(await again.ended(), { code: 0, signal: null });
});

scenario("A second one in the same folder ends with one line.", async (of) => {
	const { aemet, broker } = await parts(of);
	const first = aemet.program(broker, ...PLACES);
	await first.line(/^broker .*connected/);
	const second = aemet.program(broker, ...PLACES);
	assert.deepEqual(await second.ended(), { code: 1, signal: null });
	assert.match(second.lines.join("\n"), /^\S+ is in use by process \d+; --data takes another folder$/);
});

scenario(
	"Home Assistant is told of the stations, with topics of the user's own; without it, what it was told goes.",
	async (of) => {
		const { aemet, broker, subscriber } = await parts(of);
		const listener = await of.subscriber(broker, ["homeassistant/#", "Casa/#"]);
		const config = join(of.folder, "aemet.json");
		const values = { temperature: "Casa/Fuera/Temperatura" };
		writeFileSync(config, JSON.stringify({ stations: [{ id: "3195", values }] }));
		const program = aemet.program(broker, "--config", config, "--home-assistant");
		const isOf =
			(quantity: string, isThere: boolean) =>
			({ topic, payload, retain }: Message) =>
				topic === `homeassistant/sensor/aemet_3195/${quantity}/config` && !retain && Boolean(payload) === isThere;
		const { topic, payload } = await listener.message("its pressure", isOf("pressure", true));
		assert.deepEqual(faultsOf({ topic, payload }, "homeassistant"), []);
		const { state_topic: stateTopic, device } = entityOf(payload);
		assert.equal((device as { readonly name: string }).name, "AEMET MADRID RETIRO");
		const last = subscriber.messages.filter(({ topic }) => topic === stateTopic).at(-1)!;
		assert.equal(typeof JSON.parse(last.payload).pressure, "number");
		await listener.message(
			"the last temperature",
			({ topic, payload }) => topic === values.temperature && payload === String(JSON.parse(last.payload).temperature),
		);
		program.signal("SIGINT");
		await program.ended();
		aemet.program(broker, "--config", config);
		for (const quantity of ["pressure", "temperature"])
			await listener.message(`no ${quantity} any more`, isOf(quantity, false));
	},
);

scenario("A broker that does not take Home Assistant's messages has the observations.", async (of) => {
	const broker = await of.mosquitto({ access: "topic readwrite barrier/#\ntopic readwrite aemet/#\n" });
	const subscriber = await of.subscriber(broker, "aemet/#");
	const program = (await Aemet.start(of)).program(broker, "--station", "3195", "--home-assistant");
	await program.line(
		/^broker {3}station 3195: not taken: homeassistant\/sensor\/aemet_3195\/temperature\/config: [^;]+$/,
	);
	await until("all observations", () => times(subscriber).length >= HOURS);
	await subscriber.message("online", ({ topic, payload }) => topic === "aemet/3195/status" && payload === "online");
});

scenario("A broker of MQTT 3.1.1, with user and password.", async (of) => {
	const account = { username: "aemet", password: "a pass" };
	const broker = await BROKERS.find(({ name }) => name === "aedes")!.start(join(of.folder, "aedes"), account);
	of.onEnd(() => broker.close());
	const subscriber = await of.subscriber(broker, "aemet/#", account);
	const password = join(of.folder, "password");
	writeFileSync(password, account.password);
	const program = (await Aemet.start(of)).program(
		...([broker, ...PLACES, "-u", account.username, "--password-file", password] as const),
	);
	await program.line(/^broker .*connected with MQTT 3\.1\.1/);
	await until("all observations", () => times(subscriber).length >= HOURS);
	await subscriber.message("a forecast", ({ topic }) => topic === "aemet/28065/forecast/hourly");
	program.signal("SIGKILL");
	await subscriber.message("offline", ({ topic, payload }) => topic === "aemet/3195/status" && payload === "offline");
});

scenario(
	"TLS, by the file of settings; a certificate that is not known is told with the option for it.",
	async (of) => {
		const certificates = new Certificates(join(of.folder, "certificates"));
		const authority = certificates.authority("home's");
		const identity = certificates.issue(authority, { commonName: "broker", names: ["IP:127.0.0.1"] });
		const broker = await of.mosquitto({ tls: { identity } });
		const subscriber = await of.subscriber(broker, "aemet/#");
		const aemet = await Aemet.start(of);
		const url = `mqtts://127.0.0.1:${broker.tlsPort}`;
		const unknown = aemet.program(broker, "--station", "3195", "--broker", url);
		await unknown.line(/^broker .*certificate: .*\(--cafile\).*; trying again$/);
		await unknown.line(/12 new of MADRID RETIRO/);
		unknown.signal("SIGINT");
		await unknown.ended();
		const config = join(of.folder, "aemet.json");
		writeFileSync(config, JSON.stringify({ stations: ["3195"], tls: { ca: authority.certificate } }));
		aemet.program(broker, "--config", config, "--broker", url);
		await until("all observations", () => times(subscriber).length >= HOURS);
	},
);

scenario("The observatory shows a station that has stopped as stale, live, and with its last values.", async (of) => {
	const { aemet, broker, subscriber } = await parts(of);
	aemet.server.answers.stopsAt = Date.now() - 4 * HOUR_MS;
	const url = `mqtt://127.0.0.1:${broker.port}`;
	const observatory = await Observatory.start(of, ["--broker", url, "--base", "veleta/+", "--base", "aemet/+"]);
	const events = await observatory.events("topic=aemet%2F3195");
	const first = aemet.program(broker, "--station", "3195");
	await first.line(/^aemet .*new of MADRID RETIRO/);
	const last = Math.floor(aemet.server.answers.stopsAt / HOUR_MS) * HOUR_MS;
	const isLast = async () => (await observatory.station("aemet/3195"))?.last?.time === last;
	await until("its last observation", isLast);
	const live = () => events.flatMap((event) => (event.type === "station" ? [event.station] : [])).at(-1);
	await until("stale, live", () => live()?.status === "stale");
	const metrics = await observatory.text("/metrics");
	assert.match(metrics, /^veleta_status\{station="aemet\/3195",state="stale"\} 1$/m);
	assert.match(metrics, /^veleta_status\{station="aemet\/3195",state="online"\} 0$/m);
	assert.match(metrics, /^veleta_temperature_celsius\{station="aemet\/3195"\} [\d.-]+$/m);
	await first.kill();
	await until("offline, live", () => live()?.status === "offline");
	aemet.program(broker, "--station", "3195");
	await until("stale again, live", () => live()?.status === "stale");
	assert.ok(await isLast());
	assert.ok(!subscriber.messages.some(({ payload }) => payload === "online"));
	assert.doesNotMatch(observatory.lines.join("\n"), /ignored/);
});

scenario("The observatory shows a station of AEMET's beside the user's own, each observation once.", async (of) => {
	const { aemet, broker, subscriber } = await parts(of);
	const url = `mqtt://127.0.0.1:${broker.port}`;
	const observatory = await Observatory.start(of, ["--broker", url, "--base", "veleta/+", "--base", "aemet/+"]);
	aemet.program(broker, ...PLACES);
	await until("all observations", () => times(subscriber).length >= HOURS);
	const station = await until("the station", async () => {
		const found = await observatory.station("aemet/3195");
		return found?.status === "online" && found.last?.time === Date.parse(times(subscriber).at(-1)!) && found;
	});
	const { temperature, pressure } = JSON.parse(
		subscriber.messages.filter(({ topic }) => topic === "aemet/3195/state").at(-1)!.payload,
	);
	assert.deepEqual([station.last?.quantities.temperature, station.last?.quantities.pressure], [temperature, pressure]);
	const rows = (await observatory.csv()).filter((line) => line.startsWith("aemet/3195,"));
	// A row has a time and, in a column of its own, a value.
	const time = (row: string) => row.split(",")[3]!;
	const key = (row: string) => `${time(row)} ${row.split(",").findIndex((cell, at) => at > 4 && cell !== "")}`;
	assert.deepEqual([...new Set(rows.map(time))].sort(), times(subscriber));
	assert.equal(new Set(rows.map(key)).size, rows.length);
	assert.equal(rows.filter((row) => row.split(",")[5] !== "").length, HOURS);
});

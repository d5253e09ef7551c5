/** The observatory with real parts: stations in XS, mosquitto, its store, its page's server. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "libsql";
import { Certificates } from "../harness/certificates.ts";
import { HistoryServer } from "../harness/home-assistant-history.ts";
import { publish } from "../harness/mosquitto.ts";
import { keysUpTo, Observatory } from "../harness/observatory.ts";
import { freePort } from "../harness/ports.ts";
import { NO_POSTGRES, Postgres } from "../harness/postgres.ts";
import { findProgram, Program } from "../harness/program.ts";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

const TERRACE = "veleta/terrace";
const STATION = ["--id", "terrace", "--interval", "1s", "--state", "terrace.flash"];
const urlOf = ({ port }: { readonly port: number }) => `mqtt://127.0.0.1:${port}`;

scenario("It keeps what came while it was away, and has each reading once.", async (parts) => {
	const broker = await parts.mosquitto();
	const observatory = await Observatory.start(parts, ["--broker", urlOf(broker)]);
	const station = parts.station(broker, ...STATION);
	await observatory.reaches(TERRACE, 3);
	await observatory.kill();
	await until("more readings at the broker", () => broker.count(/Received PUBLISH from veleta-terrace .*state'/) >= 7);
	await observatory.restart();
	await observatory.reaches(TERRACE, 8);
	await station.stop();
	const { acknowledged, readings } = station.summary;
	assert.equal(acknowledged, readings);
	await observatory.reaches(TERRACE, readings);
	await until("its last status", async () => (await observatory.station(TERRACE))?.status === "offline");
	assert.deepEqual(await observatory.exported(), keysUpTo(TERRACE, readings));
	const { code } = await observatory.stop();
	assert.equal(code, 0);
	assert.deepEqual(observatory.program.errors, []);
});

scenario(
	"What a broker has lost with its sessions is asked for, and comes from the station's flash.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const observatory = await Observatory.start(parts, ["--broker", urlOf(broker)]);
		const station = parts.station(broker, ...STATION);
		await observatory.reaches(TERRACE, 3);
		await observatory.kill();
		const before = broker.count(/Received PUBLISH from veleta-terrace .*state'/);
		await until(
			"readings that only the broker has",
			() => broker.count(/Received PUBLISH from veleta-terrace .*state'/) >= before + 4,
		);
		await broker.kill();
		broker.forget();
		await broker.restart();
		await observatory.restart();
		await until("a gap", async () => ((await observatory.station(TERRACE))?.missing ?? 0) >= 3);
		const [gap] = await observatory.losses(TERRACE);
		assert.ok(gap && !gap.isGone && gap.after !== null && gap.before !== null, JSON.stringify(gap));
		await until("the end of the gap", async () => (await observatory.station(TERRACE))?.missing === 0);
		assert.equal(await observatory.counter("veleta_observatory_gap_requests_total"), 1);
		await station.stop();
		await observatory.reaches(TERRACE, station.summary.readings);
		assert.deepEqual(await observatory.exported(), keysUpTo(TERRACE, station.summary.readings));
	},
);

scenario("What the station has no more is lost, and is not asked for again.", async (parts) => {
	const broker = await parts.mosquitto();
	const observatory = await Observatory.start(parts, ["--broker", urlOf(broker)]);
	const requests = await parts.subscriber(broker, `${TERRACE}/cmd/#`);
	const says = (level: string, payload: string) => broker.publish(`${TERRACE}/${level}`, "-m", payload);
	const report = (seq: number) =>
		says(
			"state",
			JSON.stringify({ temperature: 20, time: new Date(1_796_000_000_000 + seq * 1_000).toISOString(), seq }),
		);
	await says("status", "online");
	await report(1);
	await report(6);
	const asked = () => requests.lines.map((line) => JSON.parse(line)).map(({ topic, payload }) => `${topic} ${payload}`);
	await until("a request", () => asked().length === 1);
	await says("reply", '{"command":"readings","ok":true,"from":2,"to":5,"sent":0,"missing":[[2,3],[5,5]]}');
	await until("a loss", async () => (await observatory.station(TERRACE))?.lost === 3);
	assert.deepEqual(
		(await observatory.losses(TERRACE)).map(({ first, last, isGone }) => [first, last, isGone]),
		[
			[5, 5, true],
			[4, 4, false],
			[2, 3, true],
		],
	);
	// It is back: only what may still come is asked for.
	await says("status", "online");
	await until("another request", () => asked().length === 2);
	assert.deepEqual(asked(), [`${TERRACE}/cmd/readings {"from":2,"to":5}`, `${TERRACE}/cmd/readings {"from":4,"to":4}`]);
});

scenario("Numbers at other people's topics are collected, too.", async (parts) => {
	const broker = await parts.mosquitto();
	await publish(broker.port, parts.folder, "Casa/Cocina/Temperatura", "-r", "-m", "21.5");
	const observatory = await Observatory.start(parts, ["--broker", urlOf(broker), "--topic", "Casa/#"]);
	await publish(broker.port, parts.folder, "Casa/Cocina/Humedad", "-m", "45");
	await publish(broker.port, parts.folder, "Casa/Cocina/Luz", "-m", "encendida");
	await until(
		"both numbers",
		async () => Object.keys((await observatory.station("Casa/Cocina"))?.last?.quantities ?? {}).length === 2,
	);
	await observatory.kill();
	await observatory.restart();
	await publish(broker.port, parts.folder, "Casa/Cocina/Humedad", "-m", "46");
	await until("the next one", async () => (await observatory.station("Casa/Cocina"))?.last?.quantities.Humedad === 46);
	const rows = (await observatory.csv()).slice(1).map((line) => line.split(","));
	assert.deepEqual(
		rows.map(([topic, , , , , ...values]) => [topic, ...values]),
		[
			["Casa/Cocina", "21.5", ""],
			["Casa/Cocina", "", "45"],
			["Casa/Cocina", "", "46"],
		],
	);
	assert.equal(
		observatory.lines.filter((line) => /Casa\/Cocina\/Luz, which is no number.*"encendida"/.test(line)).length,
		1,
	);
});

scenario("A store that is locked says so once; nothing is acknowledged meanwhile, and nothing lost.", async (parts) => {
	const broker = await parts.mosquitto();
	const observatory = await Observatory.start(parts, ["--broker", urlOf(broker)]);
	const station = parts.station(broker, ...STATION);
	await observatory.reaches(TERRACE, 2);
	const other = new Database(join(observatory.folder, "readings.db"));
	other.exec("BEGIN IMMEDIATE");
	await observatory.program.line(/readings\.db: another program has locked it .*; readings wait at the broker$/);
	assert.match(await observatory.text("/healthz"), /another program has locked it/);
	const acknowledged = () => broker.count(/Received PUBACK from veleta-observatory-/);
	const before = acknowledged();
	const published = broker.count(/Sending PUBLISH to veleta-observatory-.*state'/);
	await until("more readings", () => broker.count(/Sending PUBLISH to veleta-observatory-.*state'/) >= published + 4);
	assert.equal(acknowledged(), before);
	assert.equal(observatory.lines.filter((line) => /has locked it/.test(line)).length, 1);
	other.exec("ROLLBACK");
	other.close();
	await observatory.program.line(/^store {4}works again$/);
	await station.stop();
	await observatory.reaches(TERRACE, station.summary.readings);
	assert.deepEqual(await observatory.exported(), keysUpTo(TERRACE, station.summary.readings));
	assert.equal(await observatory.text("/healthz"), "ok\n");
});

scenario("A full disk is told of in one line; when there is room again, all is stored.", async (parts) => {
	const broker = await parts.mosquitto();
	const observatory = await Observatory.start(parts, ["--broker", urlOf(broker)]);
	const station = parts.station(broker, ...STATION);
	await observatory.reaches(TERRACE, 2);
	// No file may become longer than it is: writing fails as on a full disk.
	const limit = (bytes: string) =>
		new Program(
			"prlimit",
			findProgram("prlimit"),
			["--pid", String(observatory.program.pid), `--fsize=${bytes}`],
			parts.folder,
		).ended();
	await limit("4096:unlimited");
	await observatory.program.line(/^store {4}.*readings\.db: .*; readings wait at the broker$/);
	await limit("unlimited:unlimited");
	await observatory.program.line(/^store {4}works again$/);
	await station.stop();
	await observatory.reaches(TERRACE, station.summary.readings);
	assert.deepEqual(await observatory.exported(), keysUpTo(TERRACE, station.summary.readings));
});

scenario(
	"It brings mosquitto along, with a user, and ends it; one that a killed run has left is ended, too.",
	async (parts) => {
		const port = await freePort();
		process.env.VELETA_PASSWORD = "secret";
		const observatory = await Observatory.start(parts, ["--broker-port", String(port), "-u", "maria"]);
		delete process.env.VELETA_PASSWORD;
		const config = join(observatory.folder, "mosquitto/mosquitto.conf");
		const pid = () => Number(readFileSync(join(observatory.folder, "mosquitto/mosquitto.pid"), "utf8"));
		// One that has ended, and that nobody has asked after, has no command line.
		const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`).length > 0;
		await publish(
			port,
			parts.folder,
			`${TERRACE}/state`,
			"-u",
			"maria",
			"-P",
			"secret",
			"-m",
			'{"temperature":1,"seq":1}',
		);
		await observatory.reaches(TERRACE, 1);
		await assert.rejects(publish(port, parts.folder, "t", "-m", "1"), /not authori[sz]ed/i);
		assert.ok(!readFileSync(config, "utf8").includes("secret"));
		assert.ok(!readFileSync(join(observatory.folder, "mosquitto/passwords"), "utf8").includes("secret"));
		assert.ok(!observatory.lines.join("\n").includes("secret"));

		// A broker that dies is started again.
		const first = pid();
		process.kill(first, "SIGKILL");
		await observatory.program.line(/mosquitto has ended \(SIGKILL\), and is started again/);
		await until("another one", () => pid() !== first);
		await until(
			"a connection to it",
			() => observatory.lines.filter((line) => /: connected with/.test(line)).length === 2,
		);

		const left = pid();
		await observatory.kill();
		assert.ok(isAlive(left), "it was started as a child that outlives a kill");
		process.env.VELETA_PASSWORD = "secret";
		await observatory.restart();
		delete process.env.VELETA_PASSWORD;
		assert.ok(!isAlive(left));
		const last = pid();
		assert.equal((await observatory.stop()).code, 0);
		assert.ok(!isAlive(last));
	},
);

scenario("A broker with TLS and a password is trusted by its authority, or by its fingerprint.", async (parts) => {
	const certificates = new Certificates(join(parts.folder, "certificates"));
	const authority = certificates.authority("home");
	const identity = certificates.issue(authority, { commonName: "broker", names: ["IP:127.0.0.1"] });
	const broker = await parts.mosquitto({ tls: { identity }, users: { maria: "secret" } });
	const url = `mqtts://maria:secret@127.0.0.1:${broker.tlsPort}`;
	const sha256 = new X509Certificate(readFileSync(identity.certificate)).fingerprint256;
	for (const [name, trust] of [
		["by authority", ["--cafile", authority.certificate]],
		["by fingerprint", ["--fingerprint", sha256]],
	] as const) {
		const observatory = await Observatory.start(parts, ["--broker", url, ...trust], name);
		assert.equal((await observatory.stop()).code, 0);
		assert.ok(!observatory.lines.join("\n").includes("secret"));
	}
	const wrong = await Observatory.begin(parts, ["--broker", url, "--fingerprint", "ab".repeat(32)], "by nothing");
	await wrong.program.line(/^broker {3}.*--fingerprint/);
	assert.match(await wrong.text("/healthz"), /fingerprint/);
});

scenario("Hours go to Home Assistant, and go again when a late reading has changed them.", async (parts) => {
	const broker = await parts.mosquitto();
	const server = await HistoryServer.start();
	parts.onEnd(() => server.close());
	const hour = 3_600_000;
	const start = Math.floor(Date.now() / hour) * hour - 3 * hour;
	const report = (level: string, seq: number, temperature: number) =>
		broker.publish(
			`${TERRACE}/${level}`,
			...["-m", JSON.stringify({ temperature, time: new Date(start + seq * 60_000).toISOString(), seq })],
		);
	process.env.VELETA_HOME_ASSISTANT_TOKEN = server.token;
	const observatory = await Observatory.start(parts, ["--broker", urlOf(broker), "--home-assistant", server.url]);
	const told = () => server.statistics.get("veleta:terrace_temperature")?.rows.get(start);
	await report("state", 1, 20);
	await report("state", 3, 22);
	await observatory.reaches(TERRACE, 3);
	await observatory.stop();
	// It sums up when it starts.
	await observatory.restart();
	await until("the hour", () => told()?.mean === 21);
	await report("late", 2, 30);
	await until("the late reading", async () => (await observatory.station(TERRACE))?.missing === 0);
	await observatory.stop();
	await observatory.restart();
	delete process.env.VELETA_HOME_ASSISTANT_TOKEN;
	await until("the hour as it is now", () => told()?.mean === 24);
	assert.deepEqual([told()?.min, told()?.max], [20, 30]);
	assert.ok(!observatory.lines.join("\n").includes(server.token));
	assert.deepEqual(server.refused, []);
});

scenario(
	"Two collectors of a group divide the readings, and have one store: PostgreSQL.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const postgres = await Postgres.start();
		parts.onEnd(() => postgres.remove());
		parts.shows("PostgreSQL", postgres.log);
		const args = ["--broker", urlOf(broker), "--group", "home", "--store", postgres.url];
		const one = await Observatory.start(parts, args, "one");
		const other = await Observatory.start(parts, args, "other");
		const station = parts.station(broker, ...STATION);
		const stored = "veleta_observatory_readings_stored_total";
		await until("readings at both", async () => (await one.counter(stored)) >= 2 && (await other.counter(stored)) >= 2);
		await one.kill();
		await postgres.kill();
		await other.program.line(/; readings wait at the broker$/);
		await postgres.restart();
		await other.program.line(/^store {4}works again$/);
		await one.restart();
		await station.stop();
		await until("all of them", async () => (await one.station(TERRACE))?.missing === 0);
		await one.reaches(TERRACE, station.summary.readings);
		assert.deepEqual(await one.exported(), keysUpTo(TERRACE, station.summary.readings));
	},
	{ skip: NO_POSTGRES },
);

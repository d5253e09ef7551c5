/**
 * A hundred stations in one process, with outages and power cuts of their own, while their broker, its memory or the
 * observatory is taken away. docs/fleet.md has the figures of ten thousand.
 */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import type { Summary } from "../../commands/fleet/summary.ts";
import { startBroker } from "../../hosts/sim/headless/broker.ts";
import { Certificates } from "../harness/certificates.ts";
import { Fleet } from "../harness/fleet.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { Observatory } from "../harness/observatory.ts";
import { NO_POSTGRES, Postgres } from "../harness/postgres.ts";
import { type Parts, scenario } from "../harness/scenario.ts";

const STATIONS = 100;
/** A station loses its network each minute, and its power every two minutes. */
const FAULTS = ["--outages", "60", "--power-cuts", "30"];

function fleet(parts: Parts, broker: { readonly port: number }, ...args: string[]): Fleet {
	const url = `mqtt://127.0.0.1:${broker.port}`;
	return new Fleet(parts, "-n", `${STATIONS}`, "--broker", url, "--interval", "1", ...args);
}

async function observed(parts: Parts, broker: Mosquitto): Promise<{ observatory: Observatory; store: string[] }> {
	const observatory = await Observatory.start(parts, ["--broker", `mqtt://127.0.0.1:${broker.port}`]);
	return { observatory, store: ["--store", join(observatory.folder, "readings.db")] };
}

function assertWhole({ lost, twice, undelivered, dropped, readings }: Summary): void {
	assert.deepEqual({ lost, twice, undelivered, dropped }, { lost: 0, twice: 0, undelivered: 0, dropped: 0 });
	assert.ok(readings > 0);
}

scenario("The broker is restarted: all come back, and nothing is lost.", async (parts) => {
	const broker = await parts.mosquitto();
	const stations = fleet(parts, broker, "--outages", "0", "--power-cuts", "0");
	await stations.connected({ atLeast: STATIONS });
	await stations.acknowledges(5 * STATIONS);
	await broker.stop();
	await stations.connected({ atMost: 0 });
	await broker.restart();
	await stations.connected({ atLeast: STATIONS });
	await stations.acknowledges(5 * STATIONS);
	const summary = await stations.stop();
	assertWhole(summary);
	assert.deepEqual(await stations.program.ended(), { code: 0, signal: null });
	assert.equal(summary.store, undefined);
	assert.equal(summary.absences.length, 1);
	const [{ stations: lost, firstBack, allBack }] = summary.absences as [Summary["absences"][0]];
	assert.equal(lost, STATIONS);
	assert.ok(firstBack! > 0 && allBack! >= firstBack!, JSON.stringify(summary.absences));
	assert.ok(summary.connections >= 2 * STATIONS);
	// Nothing is left of stations that were never there.
	const subscriber = await parts.subscriber(broker, "veleta/#");
	await subscriber.caughtUp();
	assert.deepEqual(subscriber.messages, []);
});

scenario(
	"Stations lose their network and their power: nothing is lost, and the broker is not blamed.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const stations = fleet(parts, broker, ...FAULTS);
		await stations.connected({ atLeast: 1 });
		await stations.acknowledges(30 * STATIONS);
		const summary = await stations.stop();
		assertWhole(summary);
		assert.ok(summary.outages > 10 && summary.powerCuts > 5, JSON.stringify(summary));
		assert.deepEqual(summary.absences, []);
	},
);

scenario("The broker is killed, and its sessions are lost: the store has every number once.", async (parts) => {
	const broker = await parts.mosquitto();
	const { observatory, store } = await observed(parts, broker);
	const stations = fleet(parts, broker, ...FAULTS, ...store);
	await stations.acknowledges(5 * STATIONS);
	// What waits for the observatory goes with the broker.
	await observatory.kill();
	await stations.acknowledges(2 * STATIONS);
	await broker.kill();
	broker.forget();
	await broker.restart();
	await observatory.restart();
	await stations.acknowledges(2 * STATIONS);
	const summary = await stations.stop();
	assertWhole(summary);
	assert.match(summary.store!, /readings\.db$/);
	assert.ok((await observatory.counter("veleta_observatory_gap_requests_total")) > 0, "nobody was asked");
});

scenario("The observatory is killed again and again: the store has every number once.", async (parts) => {
	const broker = await parts.mosquitto();
	const { observatory, store } = await observed(parts, broker);
	const stations = fleet(parts, broker, ...FAULTS, ...store);
	for (let kill = 0; kill < 3; kill++) {
		await stations.acknowledges(3 * STATIONS);
		await observatory.kill();
		await stations.acknowledges(2 * STATIONS);
		await observatory.restart();
	}
	assertWhole(await stations.stop());
});

scenario(
	"Two observatories share the readings of a group, and each is killed in turn: the store has every number once.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const database = await Postgres.start();
		parts.onEnd(() => database.remove());
		parts.shows("PostgreSQL", database.log);
		const args = ["--broker", `mqtt://127.0.0.1:${broker.port}`, "--group", "home", "--store", database.url];
		const both = [await Observatory.start(parts, args, "one"), await Observatory.start(parts, args, "other")];
		const stations = fleet(parts, broker, ...FAULTS, "--store", database.url);
		for (const observatory of both) {
			await stations.acknowledges(3 * STATIONS);
			await observatory.kill();
			await stations.acknowledges(2 * STATIONS);
			await observatory.restart();
		}
		await stations.acknowledges(3 * STATIONS);
		assertWhole(await stations.stop());
		for (const observatory of both) {
			assert.ok((await observatory.counter("veleta_observatory_readings_stored_total")) > 0, "one had no share");
		}
	},
	{ skip: NO_POSTGRES },
);

scenario(
	"The database is away at the end: it is waited for.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const database = await Postgres.start();
		parts.onEnd(() => database.remove());
		const store = ["--store", database.url];
		await Observatory.start(parts, ["--broker", `mqtt://127.0.0.1:${broker.port}`, ...store]);
		const stations = fleet(parts, broker, ...store);
		await stations.acknowledges(2 * STATIONS);
		await database.kill();
		stations.program.signal("SIGINT");
		await stations.program.line(/^postgres:.*ECONNREFUSED/);
		await database.restart();
		assertWhole(await stations.summary());
	},
	{ skip: NO_POSTGRES },
);

scenario("Ctrl-C long before its time is over ends it.", async (parts) => {
	const broker = await parts.mosquitto();
	const stations = fleet(parts, broker, "--duration", "86400");
	await stations.connected({ atLeast: 1 });
	assertWhole(await stations.stop());
	assert.deepEqual(await stations.program.ended(), { code: 0, signal: null });
});

scenario("What has not been started when its time is over is started no more.", async (parts) => {
	const broker = await parts.mosquitto();
	const stations = fleet(parts, broker, "--interval", "60", "--duration", "1");
	await stations.program.ended(() => stations.program.lines.length);
	const connected = broker.log.filter((line) => /New client connected .* as veleta-fleet-/.test(line));
	assert.ok(connected.length > 0 && connected.length < STATIONS / 2, connected.join("\n"));
});

scenario("A broker of MQTT 3.1.1 that refuses 5.0 is spoken to in 3.1.1.", async (parts) => {
	const broker = await startBroker();
	parts.onEnd(() => broker.close());
	const stations = fleet(parts, broker);
	await stations.connected({ atLeast: STATIONS });
	assertWhole(await stations.stop());
});

scenario(
	"A broker that ends the first connections without a word, as RabbitMQ ends those of MQTT 5.0.",
	async (parts) => {
		const broker = await parts.mosquitto();
		let connections = 0;
		const server = createServer((socket) => {
			socket.on("error", () => {});
			if (++connections <= 2) return void socket.once("data", () => socket.end());
			const behind = connect(broker.port, "127.0.0.1").on("error", () => {});
			socket.pipe(behind).pipe(socket);
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		parts.onEnd(() => server.close());
		const stations = fleet(parts, server.address() as AddressInfo);
		await stations.connected({ atLeast: STATIONS });
		assertWhole(await stations.stop());
	},
);

scenario(
	"A store whose observatory does not run is told of, and Ctrl-C ends the waiting with the summary.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const { observatory, store } = await observed(parts, broker);
		await observatory.kill();
		const stations = fleet(parts, broker, ...store, "--duration", "3s");
		await stations.program.line(/readings\.db has none at all: does its observatory run, at the same broker\?$/);
		const { lost, undelivered, acknowledged } = await stations.stop();
		assert.ok(lost > 0 && lost + undelivered >= acknowledged, `${lost} of ${acknowledged} are lost`);
		assert.equal((await stations.program.ended()).code, 1);
		const subscriber = await parts.subscriber(broker, "veleta/+/status");
		await subscriber.caughtUp();
		assert.deepEqual(subscriber.messages, []);
	},
);

scenario("Without a broker it says so, and ends.", async (parts) => {
	const broker = await parts.mosquitto();
	await broker.kill();
	const { program } = fleet(parts, broker);
	assert.deepEqual(await program.ended(), { code: 1, signal: null });
	assert.match(program.lines.join("\n"), /^cannot connect: connection refused; is there a broker\?/);
});

scenario("A certificate that nobody trusts is told with the option for it.", async (parts) => {
	const certificates = new Certificates(join(parts.folder, "certificates"));
	const authority = certificates.authority("nobody's");
	const identity = certificates.issue(authority, { commonName: "broker", names: ["IP:127.0.0.1"] });
	const { tlsPort } = await parts.mosquitto({ tls: { identity } });
	const { program } = new Fleet(parts, "--broker", `mqtts://127.0.0.1:${tlsPort}`);
	assert.deepEqual(await program.ended(), { code: 1, signal: null });
	assert.match(program.lines.join("\n"), /^cannot connect: certificate: .*\(--cafile\)/);
});

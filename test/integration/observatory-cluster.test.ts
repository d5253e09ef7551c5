/**
 * A RabbitMQ cluster, stations by MQTT, two collectors by AMQP from one quorum queue, PostgreSQL: whatever is killed, the
 * store has every number once.
 */
import assert from "node:assert/strict";
import type { Driver } from "../../commands/observatory/store/driver.ts";
import { openPostgres } from "../../commands/observatory/store/postgres.ts";
import { LoadBalancer } from "../harness/load-balancer.ts";
import { Observatory } from "../harness/observatory.ts";
import { NO_POSTGRES, Postgres } from "../harness/postgres.ts";
import { NO_RABBITMQ, RabbitMqCluster } from "../harness/rabbitmq-cluster.ts";
import { ForeignFailure, type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

const STATIONS = 6;
/** Of what a BME280 measures. */
const QUANTITIES = 3;
const GROUP = "home";
const STORED = "veleta_observatory_readings_stored_total";
const CONNECTIONS = "veleta_observatory_connections_total";
const DUPLICATES = "veleta_observatory_duplicates_total";

interface Fleet {
	/** What the stations' topics begin with. */
	readonly topics: readonly string[];
	/** Resolves when they have ended and the broker has all readings: with the last number of each topic. */
	end(): Promise<ReadonlyMap<string, number>>;
}

/** Stations that report each second, four of which are one. They take no commands: what a queue loses they are asked for in vain. */
function fleetOf(parts: Parts, broker: LoadBalancer): Fleet {
	const silent = parts.config({ commands: false });
	const ids = Array.from({ length: STATIONS }, (_, index) => `s${index}`);
	const stations = ids.map((id, index) => {
		const flash = ["--state", `${id}.flash`, "--seed", String(index)];
		return parts.station(broker, "--id", id, "--interval", "1s", "--speed", "4", ...silent, ...flash);
	});
	return {
		topics: ids.map((id) => `veleta/${id}`),
		end: async () => {
			for (const station of stations) station.signal("SIGINT");
			const ends = await Promise.all(stations.map((station) => parts.delivered(station)));
			return new Map(ids.map((id, index) => [`veleta/${id}`, ends[index]!]));
		},
	};
}

/** Numbers of each topic in the store: how many, and the highest. */
async function storedOf(driver: Driver): Promise<Map<string, { readonly count: number; readonly last: number }>> {
	const rows = await driver.query(
		`SELECT topic, COUNT(*) AS count, MAX(seq) AS last FROM reading JOIN station ON station.id = reading.station
			GROUP BY topic ORDER BY topic`,
	);
	return new Map(rows.map(({ topic, count, last }) => [String(topic), { count: Number(count), last: Number(last) }]));
}

/** Resolves when the store has so many more numbers of each station. */
async function flows(what: string, driver: Driver, topics: readonly string[], more: number): Promise<void> {
	const before = await storedOf(driver);
	const goal = (topic: string) => (before.get(topic)?.count ?? 0) + more;
	await until(
		what,
		async () => {
			const now = await storedOf(driver);
			return topics.every((topic) => (now.get(topic)?.count ?? 0) >= goal(topic));
		},
		async () => [...(await storedOf(driver)).values()].reduce((sum, { count }) => sum + count, 0),
	);
}

async function story(parts: Parts, cluster: RabbitMqCluster): Promise<void> {
	const postgres = await Postgres.start();
	parts.onEnd(() => postgres.remove());
	parts.shows("PostgreSQL", postgres.log);
	const driver = await openPostgres(postgres.url);
	parts.onEnd(() => driver.close());
	const balancer = async (ports: readonly number[], isMqtt: boolean) => {
		const balancer = await LoadBalancer.start(ports, isMqtt);
		parts.onEnd(() => balancer.close());
		return balancer;
	};
	const collector = async (name: string) => {
		const balanced = await balancer(cluster.amqpPorts, false);
		const broker = ["--broker", `amqp://127.0.0.1:${balanced.port}`, "--group", GROUP];
		const observatory = await Observatory.start(parts, [...broker, "--store", postgres.url], name);
		return { observatory, balanced };
	};
	const one = await collector("one");
	const other = await collector("other");
	const shared = `veleta-observatory.${GROUP}`;
	const fleet = fleetOf(parts, await balancer(cluster.ports, true));
	await flows("the first readings", driver, fleet.topics, 3);
	const bothStore = async () =>
		(await one.observatory.counter(STORED)) > 0 && (await other.observatory.counter(STORED)) > 0;
	await until("some at each collector", bothStore);

	// The node with all connections, and with the leader of the queue.
	const { type, node } = (await cluster.queue(shared))!;
	assert.deepEqual([type, node], ["quorum", "a"]);
	const connections = await one.observatory.counter(CONNECTIONS);
	await cluster.kill("a");
	await flows("readings by way of the others", driver, fleet.topics, 5);
	// Where it is connected anew only later, nothing of it is held back.
	const isElsewhere = async () => (await one.observatory.counter(CONNECTIONS)) > connections;
	await until("the first collector at another node", isElsewhere);
	assert.match((await cluster.queue(shared))!.node, /^[bc]$/);

	// A collector whose acknowledgements do not get to the broker any more: what it stores is delivered again.
	const again = await other.observatory.counter(DUPLICATES);
	const cut = one.balanced.holdBack();
	const before = await one.observatory.counter(STORED);
	await until(
		"readings that are stored and not acknowledged",
		async () => (await one.observatory.counter(STORED)) >= before + 5,
	);
	await one.observatory.kill();
	cut();
	await until("them at the other one", async () => (await other.observatory.counter(DUPLICATES)) >= again + 5);
	await flows("readings with one collector", driver, fleet.topics, 2);
	await one.observatory.restart();
	const isBack = async () => (await one.observatory.counter(STORED)) > 0;
	await until("some at the one that is back", isBack);

	// Both are within a transaction, as somebody else has the table; then one of them is killed there.
	let release = () => {};
	const locked = driver.transaction(async (query) => {
		await query("LOCK TABLE reading IN EXCLUSIVE MODE");
		await new Promise<void>((resolve) => {
			release = resolve;
		});
	});
	const waiting = async () => {
		const [row] = await driver.query(
			"SELECT COUNT(*) AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO reading%'",
		);
		return Number(row?.count);
	};
	await until("a batch under way at both", async () => (await waiting()) >= 2);
	await one.observatory.kill();
	release();
	await locked;
	await flows("readings with one collector again", driver, fleet.topics, 2);
	await one.observatory.restart();

	const ends = await fleet.end();
	const isComplete = async () => {
		const now = await storedOf(driver);
		return fleet.topics.every((topic) => (now.get(topic)?.count ?? 0) >= ends.get(topic)!);
	};
	await until("all that the broker has", isComplete, async () => JSON.stringify([...(await storedOf(driver))]));
	const rows = await driver.query(
		`SELECT topic, run, COUNT(*) AS count, COUNT(DISTINCT seq) AS numbers, MIN(seq) AS first, MAX(seq) AS last,
			(SELECT COUNT(*) FROM value JOIN series ON series.id = value.series WHERE series.station = reading.station) AS measured
			FROM reading JOIN station ON station.id = reading.station GROUP BY topic, reading.station, run ORDER BY topic, run`,
	);
	assert.deepEqual(
		rows.map(({ topic, run, count, numbers, first, last, measured }) =>
			[topic, run, count, numbers, first, last, measured].map(String),
		),
		[...ends].map(([topic, last]) => [topic, 1, last, last, 1, last, QUANTITIES * last].map(String)),
	);
	assert.deepEqual(await driver.query("SELECT * FROM gap"), []);
	for (const { observatory } of [one, other]) assert.equal((await observatory.stop()).code, 0);
}

scenario(
	"A node dies, a collector is killed in the middle of a batch: the store has every number once.",
	async (parts) => {
		const cluster = await RabbitMqCluster.start(parts.folder, "quorum");
		parts.onEnd(() => cluster.end());
		try {
			await story(parts, cluster);
		} catch (error) {
			process.stderr.write(`\n${cluster.show()}`);
			// After the death of a node the others hang now and then (RabbitMQ 3.10): then the story says nothing of ours.
			if (await cluster.takes("veleta/witness/state")) throw error;
			throw new ForeignFailure("the cluster takes no message of mosquitto_pub, either", { cause: error });
		}
	},
	{ skip: NO_RABBITMQ || NO_POSTGRES },
);

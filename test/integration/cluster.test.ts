/** A RabbitMQ cluster whose nodes are killed while readings flow: what is lost with which queue, and what is not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { LoadBalancer } from "../harness/load-balancer.ts";
import { findProgram, Program } from "../harness/program.ts";
import { NO_RABBITMQ, type NodeName, type Queue, RabbitMqCluster } from "../harness/rabbitmq-cluster.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { StationProcess, Summary } from "../harness/station.ts";
import { until } from "../harness/wait.ts";

describe("A RabbitMQ cluster", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-test-"));
	let cluster: RabbitMqCluster;
	before(async () => {
		if (NO_RABBITMQ !== false) return;
		cluster = await RabbitMqCluster.start(folder, "quorum");
	});
	after(async () => {
		await cluster?.end();
		rmSync(folder, { recursive: true, force: true });
	});

	/** A session that keeps readings, declared at node a; nobody takes them yet. */
	async function keep(parts: Parts, clientId: string): Promise<void> {
		const program = parts.own(subscriber(parts, cluster.port("a"), clientId, "-E"));
		assert.deepEqual(await program.ended(), { code: 0, signal: null });
	}

	/** Everything that the session has kept, in its order; read at a node. */
	async function take(parts: Parts, clientId: string, node: NodeName): Promise<number[]> {
		// Behind all that the queue has.
		const end = ["-q", "1", "-t", "veleta/end/state", "-m", "end"];
		const where = ["-h", "127.0.0.1", "-p", String(cluster.port(node))];
		const publisher = new Program("mosquitto_pub", findProgram("mosquitto_pub"), [...where, ...end], parts.folder);
		assert.deepEqual(await parts.own(publisher).ended(), { code: 0, signal: null });
		const program = parts.own(subscriber(parts, cluster.port(node), clientId));
		await until(
			`what is kept for ${clientId}`,
			() => program.lines.includes("end"),
			() => program.lines.length,
		);
		await program.kill();
		return program.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).seq);
	}

	/** A station behind the balancer, which prefers node a; four of its seconds are one. */
	async function publish(parts: Parts, id: string): Promise<{ balancer: LoadBalancer; station: StationProcess }> {
		const balancer = await LoadBalancer.start(cluster.ports);
		parts.onEnd(() => balancer.close());
		const station = parts.station(balancer, "--id", id, "--interval", "1s", "--speed", "4");
		await until("the first readings", () => balancer.acknowledged().size >= 5);
		return { balancer, station };
	}

	/** Of both: the subscriber's queue and the station's own, for its commands. */
	async function assertQueues(expected: Pick<Queue, "type" | "node">, ...clients: string[]): Promise<void> {
		for (const client of clients) {
			const { type, node } = (await cluster.queueOf(client))!;
			assert.deepEqual({ client, type, node }, { client, ...expected });
		}
	}

	/** A scenario with three living nodes at its beginning; if it fails, their logs are shown. */
	function clustered(name: string, run: (parts: Parts) => Promise<void>): void {
		scenario(
			name,
			async (parts) => {
				try {
					await cluster.complete();
					await run(parts);
				} catch (error) {
					process.stderr.write(`\n${cluster.show()}`);
					throw error;
				}
			},
			{ skip: NO_RABBITMQ },
		);
	}

	clustered("Quorum queues: the node with leader and connection dies, no reading does.", async (parts) => {
		await keep(parts, "archive");
		const { balancer, station } = await publish(parts, "terrace");
		await assertQueues({ type: "quorum", node: "a" }, "archive", "veleta-terrace");
		await cluster.kill("a");
		const before = balancer.acknowledged().size;
		await until("twenty more", () => balancer.acknowledged().size >= before + 20);
		assert.equal(balancer.passages.at(-1)!.port, cluster.port("b"));
		assert.match((await cluster.queueOf("archive"))!.node, /^[bc]$/);
		const summary = await stop(station);
		assertWhole(await take(parts, "archive", "c"), balancer.acknowledged(), summary);
	});

	clustered("Classic queues: what is acknowledged while their node is away is lost.", async (parts) => {
		await cluster.use("classic");
		parts.onEnd(() => cluster.use("quorum"));
		await keep(parts, "shelf");
		const { balancer, station } = await publish(parts, "attic");
		await assertQueues({ type: "classic", node: "a" }, "shelf", "veleta-attic");
		const connections = () => station.count(/connected with MQTT/);
		const [before, port] = [connections(), cluster.port("b")];
		await cluster.kill("a");
		await until("ten more", () => balancer.acknowledged(port).size >= 10);
		// The station's own queue is away, too: its subscription to commands ends each connection.
		await until("three ends", () => connections() >= before + 3);
		assert.equal((await cluster.queueOf("shelf"))!.state, "down");
		const whileAway = balancer.acknowledged(port);
		await cluster.restart("a");
		const back = balancer.acknowledged().size;
		await until("five more", () => balancer.acknowledged().size >= back + 5);
		const summary = await stop(station);
		assert.ok(balancer.acknowledged().size >= summary.acknowledged);

		const kept = new Set(await take(parts, "shelf", "a"));
		const sentToA = new Set(balancer.passages.filter(({ port }) => port === cluster.port("a")).map(({ seq }) => seq));
		const onlyToB = sorted(whileAway).filter((seq) => !sentToA.has(seq));
		assert.ok(onlyToB.length >= 5, `${onlyToB.length} readings went to b alone`);
		assert.deepEqual(
			onlyToB.filter((seq) => kept.has(seq)),
			[],
		);
		assert.deepEqual(
			sorted(balancer.acknowledged(cluster.port("a"))).filter((seq) => !kept.has(seq)),
			[],
		);
		assert.ok(kept.has(Math.max(...balancer.acknowledged())), "it goes on when the node is back");
	});

	// The last one: its two nodes would take 100 s to come back (RabbitMQ 3.10).
	clustered("Without a majority no reading is acknowledged, and none is lost.", async (parts) => {
		await keep(parts, "cellar");
		const { balancer, station } = await publish(parts, "roof");
		await assertQueues({ type: "quorum", node: "a" }, "cellar", "veleta-roof");
		await cluster.kill("b", "c");
		const [dead, from] = [balancer.passages.length, station.lines.length];
		await station.line(/no acknowledgement within 20 s/, from);
		const unanswered = balancer.passages.slice(dead);
		assert.ok(unanswered.length >= 5, `${unanswered.length} readings were sent`);
		assert.deepEqual(
			unanswered.filter(({ acknowledged }) => acknowledged),
			[],
		);
		cluster.launch("b");
		const last = Math.max(...unanswered.map(({ seq }) => seq)) + 10;
		await until("all that had waited", () => {
			const acknowledged = balancer.acknowledged();
			return upTo(last).every((seq) => acknowledged.has(seq));
		});
		const summary = await stop(station);
		assertWhole(await take(parts, "cellar", "a"), balancer.acknowledged(), summary);
	});
});

/** Every reading that was acknowledged is there; one that is there again was sent again. */
function assertWhole(kept: readonly number[], acknowledged: ReadonlySet<number>, summary: Summary): void {
	const found = new Set(kept);
	assert.deepEqual(
		sorted(acknowledged).filter((seq) => !found.has(seq)),
		[],
	);
	assert.ok(acknowledged.size >= summary.acknowledged);
	assert.ok(Math.max(...found) <= summary.readings);
	const again = kept.length - found.size;
	assert.ok(again <= summary.redelivered, `${again} came again, ${summary.redelivered} were sent again`);
}

/** Stops a station, which has delivered all readings or still has them: on a busy machine it measures faster than they are kept. */
async function stop(station: StationProcess): Promise<Summary> {
	assert.deepEqual(await station.stop(), { code: 0, signal: null });
	const { summary } = station;
	const { readings, acknowledged, dropped, queued } = summary;
	assert.deepEqual({ dropped, all: acknowledged + queued }, { dropped: 0, all: readings });
	return summary;
}

/** mosquitto_sub with a durable session for all readings. */
function subscriber({ folder }: Parts, port: number, clientId: string, ...args: string[]): Program {
	const where = ["-h", "127.0.0.1", "-p", String(port), "-V", "mqttv311"];
	const what = ["-c", "-i", clientId, "-q", "1", "-t", "veleta/+/state", "-t", "veleta/+/late", ...args];
	return new Program(`mosquitto_sub ${clientId}`, findProgram("mosquitto_sub"), [...where, ...what], folder);
}

/** Each number once, in order. */
function sorted(seqs: Iterable<number>): number[] {
	return [...new Set(seqs)].sort((a, b) => a - b);
}

function upTo(last: number): number[] {
	return Array.from({ length: last }, (_, index) => index + 1);
}

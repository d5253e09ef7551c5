/** The collector by AMQP before a real RabbitMQ, to which stations publish by MQTT. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { Collector, type CollectorOptions } from "../../commands/observatory/collecting/collector.ts";
import type { Arrival } from "../../commands/observatory/store/arrival.ts";
import { StoreError } from "../../commands/observatory/store/driver.ts";
import { IN_MEMORY, openSqlite } from "../../commands/observatory/store/sqlite.ts";
import { Store } from "../../commands/observatory/store/store.ts";
import { Certificates } from "../harness/certificates.ts";
import { keysUpTo, Observatory } from "../harness/observatory.ts";
import { NO_RABBITMQ } from "../harness/rabbitmq-cluster.ts";
import { RabbitMqNode } from "../harness/rabbitmq-node.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

interface Scene {
	readonly collector: Collector;
	readonly store: Store;
	readonly lines: string[];
	/** Called before each batch is stored; what it throws is the store's failure. */
	onSave: (arrivals: readonly Arrival[]) => void;
	readonly counter: (name: string) => number;
	readonly connected: (times?: number) => Promise<unknown>;
}

describe("A collector by AMQP", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-test-"));
	const certificates = new Certificates(join(folder, "certificates"));
	const authority = certificates.authority("home");
	const identity = certificates.issue(authority, { commonName: "broker", names: ["IP:127.0.0.1"] });
	let broker: RabbitMqNode;
	let count = 0;
	before(async () => {
		if (NO_RABBITMQ !== false) return;
		broker = await RabbitMqNode.start(folder, identity);
	});
	after(async () => {
		await broker?.end();
		rmSync(folder, { recursive: true, force: true });
	});

	/** A scenario; if it fails, the broker's log is shown. */
	function brokered(name: string, run: (parts: Parts) => Promise<void>): void {
		scenario(
			name,
			async (parts) => {
				parts.shows("RabbitMQ", broker.log);
				await run(parts);
			},
			{ skip: NO_RABBITMQ },
		);
	}

	/** Each has stations and queues of its own. */
	async function sceneOf(parts: Parts, options: Partial<CollectorOptions> = {}): Promise<Scene> {
		const store = await Store.open(await openSqlite(IN_MEMORY));
		const lines: string[] = [];
		parts.shows("the collector", lines);
		const save = store.save.bind(store);
		store.save = async (arrivals) => {
			scene.onSave(arrivals);
			return save(arrivals);
		};
		const { username, password, amqpPort: port } = broker;
		const collector = new Collector({
			broker: { host: "127.0.0.1", port, tls: false, vhost: "/" },
			...{ tls: {}, username, password, group: undefined },
			...{ clientId: `collector-${++count}`, bases: [`p${count}/+`], topics: [], unwanted: [], store },
			tell: (who, text) => void lines.push(`${who} ${text}`),
			onSaved: () => {},
			...options,
		});
		parts.onEnd(() => collector.stop());
		const connections = () =>
			lines.filter((line) => /: connected with AMQP 0-9-1 \(RabbitMQ [\d.]+\), queue/.test(line));
		const scene: Scene = {
			...{ collector, store, lines, onSave: () => {} },
			counter: (name) => collector.counters().find((counter) => counter.name === `veleta_observatory_${name}`)!.value,
			connected: (times = 1) => until("a connection", () => connections().length >= times),
		};
		await collector.start();
		return scene;
	}

	const report = (seq: number) => JSON.stringify({ temperature: 20, seq });
	async function publish(station: string, seqs: readonly number[], level = "state"): Promise<void> {
		for (const seq of seqs) await broker.publish(`${station}/${level}`, "-m", report(seq));
	}

	const stored = async ({ store }: Scene) =>
		(
			await store.driver.query(
				"SELECT topic, run, seq FROM reading JOIN station ON station.id = station ORDER BY topic, run, seq",
			)
		).map(({ topic, run, seq }) => `${topic} ${run} ${seq}`);

	brokered(
		"What came is acknowledged when it is stored, and what came while it was away comes then.",
		async (parts) => {
			const options = { clientId: "archive", bases: ["one/+"] };
			const scene = await sceneOf(parts, options);
			await scene.connected();
			scene.onSave = () => {
				throw new StoreError("away");
			};
			await publish("one/a", [1, 2]);
			await until("two that wait", () => scene.collector.waiting === 2);
			// A quorum queue tells its numbers every 5 s.
			await until("both to be told", async () => (await broker.queue("archive"))!.unacknowledged === 2);
			const waiting = (await broker.queue("archive"))!;
			assert.equal(waiting.type, "quorum");
			assert.match(waiting.arguments, /x-expires[^,]*,[^,]*604800000/);
			scene.onSave = () => {};
			await until("both to be stored", async () => (await stored(scene)).length === 2);
			await until("their end at the broker", async () => (await broker.queue("archive"))!.unacknowledged === 0);
			await scene.collector.stop();

			await publish("one/a", [3, 4]);
			const next = await sceneOf(parts, options);
			await until("what had waited", async () => (await stored(next)).length === 2);
			assert.deepEqual(await stored(next), ["one/a 1 3", "one/a 1 4"]);
		},
	);

	brokered("The end of a connection brings again what was not stored, and it is stored once.", async (parts) => {
		const scene = await sceneOf(parts, { clientId: "killed", bases: ["two/+"] });
		await scene.connected();
		scene.onSave = () => {
			throw new StoreError("away");
		};
		await publish("two/a", [1, 2, 3]);
		await until("three that wait", () => scene.collector.waiting === 3);
		// Killed within its first second, a queue of RabbitMQ 3.10 has no leader any more.
		await until("them to be told", async () => (await broker.queue("killed"))!.unacknowledged === 3);
		await broker.kill();
		await until("the end", () => scene.counter("connected") === 0);
		await broker.restart();
		await scene.connected(2);
		const isAgain = (arrival: Arrival) => arrival.kind === "reading" && arrival.isRedelivered;
		let again = 0;
		scene.onSave = (arrivals) => {
			again += arrivals.filter(isAgain).length;
		};
		await until("all to be stored", async () => (await stored(scene)).length === 3 && scene.collector.waiting === 0);
		assert.deepEqual(await stored(scene), ["two/a 1 1", "two/a 1 2", "two/a 1 3"]);
		assert.equal(again, 3);
		const ofBroker = scene.lines.filter((line) => line.startsWith("broker ") && !/connected with/.test(line));
		assert.ok(ofBroker.length >= 1 && new Set(ofBroker).size === ofBroker.length, ofBroker.join("\n"));
	});

	brokered("Bindings of earlier runs go; a topic's dot is a slash; what is too long is left out.", async (parts) => {
		const first = await sceneOf(parts, { clientId: "bound", bases: ["three/+"], topics: ["Casa/#"] });
		await first.connected();
		await first.collector.stop();
		const forgotten: string[] = [];
		const scene = await sceneOf(parts, {
			...{ clientId: "bound", bases: ["three/+", "jardin"], unwanted: ["Casa/#"] },
			onForgotten: (filter) => forgotten.push(filter),
		});
		await scene.connected();
		const levels = ["diagnostics", "late", "reply", "state", "status"];
		assert.deepEqual(await broker.bindings("bound"), [
			...levels.map((level) => `jardin.${level}`),
			...levels.map((level) => `three.*.${level}`),
		]);
		assert.deepEqual(forgotten, ["Casa/#"]);
		await broker.publish("jardin/state", "-m", JSON.stringify({ temperature: 1, seq: 1, text: "x".repeat(70_000) }));
		// Four levels for RabbitMQ, which no binding takes; and a topic of three, whose station has a slash in its name.
		await publish("three/a.b", [1]);
		await publish("three.c", [1]);
		await publish("jardin", [2]);
		await until("what can be stored", async () => (await stored(scene)).length === 2);
		assert.deepEqual(await stored(scene), ["jardin 1 2", "three/c 1 1"]);
		assert.ok(scene.lines.includes("broker ignored: a message of more than 64 KB"), scene.lines.join("\n"));
		await until("the end of all at the broker", async () => {
			const { ready, unacknowledged } = (await broker.queue("bound"))!;
			return ready + unacknowledged === 0;
		});
	});

	brokered(
		"Of a group one takes what another has not acknowledged, and what waited before there was a group.",
		async (parts) => {
			const bases = ["four/+"];
			const alone = await sceneOf(parts, { clientId: "member", bases });
			await alone.connected();
			await alone.collector.stop();
			await publish("four/a", [1]);
			const one = await sceneOf(parts, { clientId: "member", bases, group: "home", unwanted: ["four/+/state"] });
			await until("what waited", async () => (await stored(one)).length === 1);
			assert.deepEqual(await broker.bindings("member"), []);
			assert.deepEqual(await broker.bindings("member.group"), ["four.*.diagnostics", "four.*.reply", "four.*.status"]);
			assert.deepEqual(await broker.bindings("veleta-observatory.home"), ["four.*.late", "four.*.state"]);
			one.onSave = () => {
				throw new StoreError("away");
			};
			const other = await sceneOf(parts, { clientId: "other", bases, group: "home" });
			await other.connected();
			await publish("four/a", [2, 3, 4, 5, 6, 7]);
			await until("some at each", async () => one.collector.waiting >= 1 && (await stored(other)).length >= 1);
			await until("all of them", async () => one.collector.waiting + (await stored(other)).length === 6);
			await broker.publish("four/a/status", "-m", "online");
			await until("the status at each", async () => (await other.store.stations())[0]?.status === "online");
			await one.collector.stop();
			await until("the share of the other", async () => (await stored(other)).length === 6);
			assert.deepEqual(
				await stored(other),
				[2, 3, 4, 5, 6, 7].map((seq) => `four/a 1 ${seq}`),
			);
		},
	);

	brokered("What the broker refuses is told in words, once, and without the password.", async (parts) => {
		const at = (more: object) => ({
			broker: { host: "127.0.0.1", port: broker.amqpPort, tls: false, vhost: "/", ...more },
		});
		await broker.evaluate(
			`rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<"taken">>), true, false, [], none, <<"test">>)`,
		);
		for (const [options, pattern] of [
			[{ password: "wrong-s3cret" }, /^broker cannot connect: the broker refuses the user name or the password$/],
			[
				at({ vhost: "no\x1bwhere" }),
				/^broker cannot connect: there is no vhost no\?where at the broker, or the user may not use it$/,
			],
			[
				{ clientId: "taken" },
				/^broker cannot connect: the queue taken exists with another x-(queue-type|expires); rabbitmqctl delete_queue taken /,
			],
			[at({ port: 1 }), /^broker cannot connect: connection refused$/],
			[
				at({ port: broker.mqttPort }),
				/^broker cannot connect: (the broker ended it before AMQP was agreed on; is this its port for AMQP\?|reset by the broker)$/,
			],
			[at({ tls: true }), /^broker cannot connect: the broker does not speak TLS on this port$/],
		] as const) {
			const { collector, lines } = await sceneOf(parts, { bases: ["five/+"], ...options });
			await until(`${pattern}`, () => lines.some((line) => pattern.test(line)) || (lines.length > 0 && lines));
			assert.equal(lines.filter((line) => pattern.test(line)).length, 1, lines.join("\n"));
			assert.ok(!lines.join("\n").includes("s3cret"));
			assert.match(collector.problem ?? "", /^cannot connect/);
			await collector.stop();
		}
	});

	brokered("With TLS the broker's certificate has to be of a trusted authority, and for its name.", async (parts) => {
		const ca = readFileSync(authority.certificate, "utf8");
		const tls = { broker: { host: "127.0.0.1", port: broker.amqpsPort, tls: true, vhost: "/" }, bases: ["six/+"] };
		const scene = await sceneOf(parts, { ...tls, tls: { ca } });
		await scene.connected();
		await publish("six/a", [1]);
		await until("it to be stored", async () => (await stored(scene)).length === 1);
		const stranger = await sceneOf(parts, tls);
		const pattern = /^broker cannot connect: certificate: no trusted authority has issued it \(--cafile\)$/;
		await until("a refusal", () => stranger.lines.some((line) => pattern.test(line)));
		const named = { ...tls.broker, host: "localhost" };
		const other = await sceneOf(parts, { ...tls, broker: named, tls: { ca } });
		await until("another", () => other.lines.some((line) => /certificate: host name does not match/.test(line)));
	});

	brokered(
		"While the broker's memory is scarce, what is stored is acknowledged, and no command sent.",
		async (parts) => {
			const scene = await sceneOf(parts, { clientId: "scarce", bases: ["seven/+"] });
			await scene.connected();
			const command = () => scene.collector.command({ topic: "seven/a", command: "sample", payload: "" });
			scene.onSave = () => {
				throw new StoreError("away");
			};
			await publish("seven/a", [1, 2]);
			await until("two that wait", () => scene.collector.waiting === 2);
			await until("them to be told", async () => (await broker.queue("scarce"))!.unacknowledged === 2);
			await broker.control("set_vm_memory_high_watermark", "absolute", "1");
			try {
				// The first one goes into the connection that the broker does not read any more, which it says then.
				void command();
				await until("a refusal", async () => (await Promise.race([command(), undefined]))?.reason === "not connected");
				assert.equal((await command()).error, "the broker takes no messages now");
				scene.onSave = () => {};
				await until("both to be stored", async () => (await stored(scene)).length === 2);
				await until("their end at the broker", async () => (await broker.queue("scarce"))!.unacknowledged === 0);
			} finally {
				await broker.control("set_vm_memory_high_watermark", "0.4");
			}
		},
	);

	brokered("What is not stored within consumer_timeout comes again on another connection.", async (parts) => {
		const set = (name: string, value: string) => broker.evaluate(`application:set_env(rabbit, ${name}, ${value})`);
		// Half an hour, looked at each minute, as it is.
		await set("consumer_timeout", "2000");
		await set("channel_tick_interval", "500");
		try {
			const scene = await sceneOf(parts, { clientId: "slow", bases: ["eight/+"] });
			await scene.connected();
			scene.onSave = () => {
				throw new StoreError("away");
			};
			await publish("eight/a", [1, 2]);
			await scene.connected(2);
			scene.onSave = () => {};
			await until("both to be stored", async () => (await stored(scene)).length === 2);
			const reason =
				"broker connection closed: readings were not stored within the broker's consumer_timeout; it delivers them again";
			assert.ok(scene.lines.includes(reason), scene.lines.join("\n"));
		} finally {
			await set("consumer_timeout", "1800000");
			await set("channel_tick_interval", "60000");
		}
	});

	brokered(
		"A real station: what the broker has lost is asked for, and commands from the page have their replies.",
		async (parts) => {
			const where = ["--broker", broker.mqttUrl, "--interval", "1s", "--state", "terrace.flash"];
			const station = parts.station(undefined, ...where, "--id", "terrace");
			const topic = "veleta/terrace";
			// Its status is retained at the broker, and gets into no queue.
			await station.line(/"seq":2/);
			const observatory = await Observatory.start(parts, ["--broker", broker.amqpUrl]);
			await observatory.reaches(topic, 3);
			await until("its status", async () => (await observatory.station(topic))?.status === "online");
			await observatory.kill();
			const [queue = ""] = observatory.lines.flatMap((line) => /, queue (\S+)$/.exec(line)?.[1] ?? []);
			await until("readings that only the broker has", async () => (await broker.queue(queue))!.ready >= 4);
			await broker.control("delete_queue", queue);
			await observatory.restart();
			await until("a gap", async () => ((await observatory.station(topic))?.missing ?? 0) >= 3);
			await until("the end of the gap", async () => (await observatory.station(topic))?.missing === 0);
			assert.ok((await observatory.counter("veleta_observatory_gap_requests_total")) >= 1);
			const response = await fetch(`http://127.0.0.1:${observatory.port}/api/command`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ topic, command: "sample", payload: "" }),
			});
			assert.equal(((await response.json()) as { ok: boolean }).ok, true);
			await station.stop();
			await observatory.reaches(topic, station.summary.readings);
			assert.deepEqual(await observatory.exported(), keysUpTo(topic, station.summary.readings));
			assert.equal((await observatory.stop()).code, 0);
			assert.ok(!observatory.lines.join("\n").includes("s3cret"));
		},
	);
});

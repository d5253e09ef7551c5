/** The collector before a real mosquitto and a store that fails as it is told to. */
import assert from "node:assert/strict";
import { Collector } from "../../commands/observatory/collecting/collector.ts";
import type { Arrival } from "../../commands/observatory/store/arrival.ts";
import { StoreError } from "../../commands/observatory/store/driver.ts";
import { IN_MEMORY, openSqlite } from "../../commands/observatory/store/sqlite.ts";
import { Store } from "../../commands/observatory/store/store.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

interface Scene {
	readonly collector: Collector;
	readonly store: Store;
	readonly lines: string[];
	readonly broker: Mosquitto;
	/** Called before each batch is stored; what it throws is the store's failure. */
	onSave: (arrivals: readonly Arrival[]) => void;
	readonly counter: (name: string) => number;
	/** Publishes reports with these numbers. */
	readonly publish: (station: string, seqs: readonly number[]) => Promise<void>;
}

async function sceneOf(parts: Parts): Promise<Scene> {
	const broker = await parts.mosquitto();
	const store = await Store.open(await openSqlite(IN_MEMORY));
	const lines: string[] = [];
	parts.shows("the collector", lines);
	const save = store.save.bind(store);
	store.save = async (arrivals) => {
		scene.onSave(arrivals);
		return save(arrivals);
	};
	const collector = new Collector({
		broker: { host: "127.0.0.1", port: broker.port },
		...{ tls: {}, username: undefined, password: undefined, group: undefined },
		...{ clientId: "collector", bases: ["veleta/+"], topics: [], unwanted: [], store },
		tell: (who, text) => void lines.push(`${who} ${text}`),
		onSaved: () => {},
	});
	parts.onEnd(() => collector.stop());
	const scene: Scene = {
		...{ collector, store, lines, broker, onSave: () => {} },
		counter: (name) => collector.counters().find((counter) => counter.name === `veleta_observatory_${name}`)!.value,
		publish: async (station, seqs) => {
			for (const seq of seqs) {
				await broker.publish(`veleta/${station}/state`, "-m", JSON.stringify({ temperature: 20, seq }));
			}
		},
	};
	await collector.start();
	await until("a subscription", () => broker.subscriptions("collector") > 0);
	return scene;
}

const stored = async ({ store }: Scene) =>
	(
		await store.driver.query("SELECT topic, seq FROM reading JOIN station ON station.id = station ORDER BY topic, seq")
	).map(({ topic, seq }) => `${topic} ${seq}`);

scenario("What the store can never take is left out, and told; the others of its batch are stored.", async (parts) => {
	const scene = await sceneOf(parts);
	// So that they make one batch.
	scene.onSave = () => {
		throw new StoreError("away");
	};
	await scene.publish("a", [1, 2]);
	await scene.publish("b", [7]);
	await scene.publish("a", [3]);
	await until("four that wait", () => scene.collector.waiting === 4);
	assert.equal(scene.broker.count(/Received PUBACK from collector/), 0);
	scene.onSave = (arrivals) => {
		if (arrivals.some(({ station }) => station === "veleta/b")) throw new StoreError("no room for such data", true);
	};
	await until("the end of the batch", () => scene.collector.waiting === 0);
	assert.deepEqual(await stored(scene), ["veleta/a 1", "veleta/a 2", "veleta/a 3"]);
	assert.ok(scene.lines.includes("store no room for such data; what veleta/b/state brought is left out"));
	await until("its acknowledgements", () => scene.broker.count(/Received PUBACK from collector/) === 4);
});

scenario("A store that fails is told of once, and once that it works again.", async (parts) => {
	const scene = await sceneOf(parts);
	let failures = 0;
	scene.onSave = () => {
		if (++failures <= 3) throw new StoreError("away");
	};
	await scene.publish("a", [1]);
	await until("it to be stored", async () => (await stored(scene)).length === 1);
	const ofStore = scene.lines.filter((line) => line.startsWith("store "));
	assert.deepEqual(ofStore, ["store away; readings wait at the broker", "store works again"]);
	assert.equal(scene.collector.problem, undefined);
});

scenario("The end of a connection brings again what was not stored, and it is stored once.", async (parts) => {
	const scene = await sceneOf(parts);
	scene.onSave = () => {
		throw new StoreError("away");
	};
	await scene.publish("a", [1, 2, 3]);
	await until("three that wait", () => scene.collector.waiting === 3);
	await scene.broker.save();
	await scene.broker.kill();
	await until("the end", () => scene.collector.problem !== undefined && scene.counter("connected") === 0);
	await scene.broker.restart();
	const sent = () => scene.broker.count(/Sending PUBLISH to collector \(d1/);
	await until("the three once more", () => sent() === 3 && scene.collector.waiting === 3);
	scene.onSave = () => {};
	await until("all to be stored", () => scene.collector.waiting === 0);
	assert.deepEqual(await stored(scene), ["veleta/a 1", "veleta/a 2", "veleta/a 3"]);
	await until("their acknowledgements", () => scene.broker.count(/Received PUBACK from collector/) === 3);
});

scenario("Stopped while the store fails, it ends; what was not acknowledged stays at the broker.", async (parts) => {
	const scene = await sceneOf(parts);
	scene.onSave = () => {
		throw new StoreError("away");
	};
	await scene.publish("a", [1]);
	await until("one that waits", () => scene.collector.waiting === 1);
	await scene.collector.stop();
	assert.equal(scene.broker.count(/Received PUBACK from collector/), 0);
});

scenario("A reply that nobody has asked for says nothing of what is missing.", async (parts) => {
	const scene = await sceneOf(parts);
	await scene.publish("a", [1, 5]);
	await scene.broker.publish(
		...["veleta/a/reply", "-m", '{"command":"readings","ok":true,"from":1,"to":9,"sent":0,"missing":[[2,4]]}'],
	);
	await scene.publish("a", [6]);
	await until("all three", async () => (await stored(scene)).length === 3);
	const [station] = await scene.store.stations();
	assert.deepEqual([station?.missing, station?.lost], [3, 0]);
});

scenario(
	"A command has its reply, and no other one; without one that is said, and the broker does not keep it for long.",
	async (parts) => {
		const scene = await sceneOf(parts);
		const { broker, collector } = scene;
		const commands = await parts.subscriber(broker, "veleta/+/cmd/#");
		await scene.publish("a", [1]);
		const sample = collector.command({ topic: "veleta/a", command: "sample", payload: "" });
		await until("the command", () => commands.lines.some((line) => /veleta\/a\/cmd\/sample/.test(line)));
		const reply = (member: string, ...args: string[]) =>
			broker.publish("veleta/a/reply", "-m", `{"command":${member}}`, ...args);
		await reply('"interval","ok":true');
		// Of somebody else's request.
		await reply('"sample","ok":true,"seq":7', "-V", "5", "-D", "publish", "correlation-data", "another");
		await reply('"sample","ok":true,"seq":8', "-V", "5", "-D", "publish", "correlation-data", "veleta-1");
		assert.deepEqual(await sample, { command: "sample", ok: true, seq: 8 });
		const [away] = await Promise.all([
			collector.command({ topic: "veleta/b", command: "restart", payload: "" }),
			until("the other command", () => commands.lines.some((line) => /veleta\/b\/cmd\/restart/.test(line))),
		]);
		assert.deepEqual(away, { ok: false, reason: "no reply", error: "no reply within 15 s" });
	},
);

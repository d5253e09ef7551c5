/** The collector's broker by AMQP: addresses, queues, and what becomes of what a broker says. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { AmqpConnection, amqpReason, type Connect } from "../../../commands/observatory/collecting/amqp-connection.ts";
import { AmqpFeed } from "../../../commands/observatory/collecting/amqp-feed.ts";
import { keyFault, keyOf, queuesOf, topicOf } from "../../../commands/observatory/collecting/amqp-queues.ts";
import { parseAmqpUrl } from "../../../commands/observatory/collecting/amqp-url.ts";
import { StatusRequests } from "../../../commands/observatory/collecting/status-requests.ts";
import type { ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { until } from "../../harness/wait.ts";

test("addresses", () => {
	const address = (url: string) => Object.values(parseAmqpUrl(url));
	assert.deepEqual(address("amqp://home"), ["home", 5_672, false, "/", undefined, undefined]);
	assert.deepEqual(address("AMQPS://home/"), ["home", 5_671, true, "/", undefined, undefined]);
	assert.deepEqual(address("amqp://ana:p%40ss%2F@[::1]:99/a%2Fb"), ["::1", 99, false, "a/b", "ana", "p@ss/"]);
	assert.deepEqual(address("amqp://ana:1883@home/%2F"), ["home", 5_672, false, "/", "ana", "1883"]);
});

for (const [url, problem] of [
	["amqp://", /^must look like amqp:/],
	["amqp://home/a/b", /^must look like amqp:/],
	["amqp://home?heartbeat=5", /^must look like amqp:/],
	["amqp://ana:s3cr@et@home", /^must look like amqp:/],
	["amqp://ana:s3cret/x@home", /^must look like amqp:/],
	["amqp://ana:12/s3cret@home", /write %40 for @, %2F for \//],
	["amqp://home:0", /^the port must be from 1 to 65535$/],
	["amqp://home/%zz", /^the vhost has a %/],
	["amqp://home/%00", /^the vhost must be a name/],
	[`amqp://home/${"v".repeat(256)}`, /^the vhost must be a name of 255 bytes/],
] as const) {
	test(`no address: ${url.slice(0, 40)}`, () => {
		assert.throws(
			() => parseAmqpUrl(url),
			(error: Error) => problem.test(error.message) && !error.message.includes("s3cr"),
		);
	});
}

test("topics are routing keys with dots, and filters patterns", () => {
	assert.equal(keyOf("veleta/+/state"), "veleta.*.state");
	assert.equal(keyOf("Casa/#"), "Casa.#");
	assert.equal(keyOf("/a//b"), ".a..b");
	assert.equal(topicOf("veleta.terrace.state"), "veleta/terrace/state");
	assert.equal(topicOf(".a..b"), "/a//b");
	// As RabbitMQ gives it to a subscriber by MQTT.
	assert.equal(topicOf(keyOf("casa/v1.2/state")), "casa/v1/2/state");
	for (const key of ["a/b.state", "veleta.+.state", "veleta.#", "a\u0007", ""]) assert.equal(topicOf(key), undefined);
	assert.equal(keyFault("veleta/+"), undefined);
	assert.match(keyFault("casa/v1.2/+") ?? "", /a \. in a topic/);
	assert.match(keyFault("casa/*") ?? "", /\* stands for any level/);
	assert.match(keyFault("ñ".repeat(128)) ?? "", /more than 255 bytes/);
});

const COLLECTED = { clientId: "me", bases: ["veleta/+"], topics: ["Casa/#"], unwanted: [] };
const LEVELS = ["state", "late", "status", "diagnostics", "reply"].map((level) => `veleta.*.${level}`);

test("alone: one queue, which waits for a week", () => {
	const unwanted = ["jardin/+/state", "$share/home/jardin/+/late"];
	assert.deepEqual(queuesOf({ ...COLLECTED, unwanted, group: undefined }), [
		{ name: "me", expiry: 604_800, bound: [...LEVELS, "Casa.#"], unbound: ["jardin.*.state"] },
	]);
});

test("of a group: the readings in its queue, the rest in one's own, and what waited before there was a group", () => {
	const unwanted = ["jardin/+/status", "$share/home/jardin/+/late", "$share/other/a/b/state"];
	const [own, shared, former, ...more] = queuesOf({ ...COLLECTED, unwanted, group: "home" });
	assert.deepEqual(own, { name: "me.group", expiry: 600, bound: LEVELS.slice(2), unbound: ["jardin.*.status"] });
	assert.deepEqual(shared, {
		...{ name: "veleta-observatory.home", expiry: 604_800 },
		...{ bound: [...LEVELS.slice(0, 2), "Casa.#"], unbound: ["jardin.*.late"] },
	});
	assert.deepEqual(former, {
		...{ name: "me", expiry: undefined, bound: [] },
		unbound: [...LEVELS, "Casa.#", "jardin.*.status"],
	});
	assert.deepEqual(more, []);
});

test("reasons in words, with the broker's own where there are no better ones, and nothing raw", () => {
	const said = (code: number, text: string) =>
		Object.assign(new Error(`Channel closed by server: ${code} (X) with message "${text}"`), { code });
	for (const [error, reason] of [
		[Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), /^connection refused$/],
		[new Error("Heartbeat timeout"), /^no heartbeat within 30 s$/],
		[new Error("Unexpected close"), /^by the broker$/],
		[new Error("Frame size 1347703880 exceeds maxFrameSize 131072"), /does not speak AMQP 0-9-1$/],
		[said(403, "ACCESS_REFUSED - Login was refused using…"), /^the broker refuses the user name or the password$/],
		[said(403, "ACCESS_REFUSED - access to queue 'q'\x1b[2J refused"), /^the broker says: .*queue 'q'\?\[2J refused$/],
		[
			said(
				406,
				"PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.",
			),
			/consumer_timeout/,
		],
		[
			said(406, "PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue 'me' in vhost '/': received"),
			/^the queue me exists with another x-expires; rabbitmqctl delete_queue me removes it, and what it has$/,
		],
	] as const) {
		assert.match(amqpReason(error), reason);
	}
});

test("of a station that reports, and has said nothing of itself, it is asked once whether it is there", () => {
	const requests = new StatusRequests();
	requests.told("known");
	for (const topic of ["known", "a", "b", "a"]) requests.heard(topic);
	assert.equal(requests.answered("a"), false);
	assert.deepEqual([requests.due(), requests.due()], [["a", "b"], []]);
	// It falls asleep before its answer.
	requests.told("b");
	assert.deepEqual(
		["a", "a", "b", "other"].map((topic) => requests.answered(topic)),
		[true, false, false, false],
	);
	requests.heard("a");
	assert.deepEqual(requests.due(), []);
	for (let count = 0; count < 20; count++) requests.heard(`s${count}`);
	assert.deepEqual([requests.due().length, requests.due().length, requests.due().length], [8, 8, 4]);
});

/** A broker within this process, as far as the feed uses one. */
class FakeBroker {
	version = "3.10.8";
	/** Queues with the arguments that they were made with. */
	readonly queues = new Map<string, object>();
	readonly acknowledged: number[] = [];
	readonly published: [string, string, object][] = [];
	models: FakeModel[] = [];
	/** Says no to a declaration. */
	refuses: ((name: string, args: object) => Error | undefined) | undefined;

	readonly connect = (async () => {
		const model = new FakeModel(this);
		this.models.push(model);
		return model;
	}) as unknown as Connect;

	get consuming(): FakeModel {
		return this.models.at(-2)!;
	}

	/** To the consumer of a queue. */
	deliver(queue: string, deliveryTag: number, routingKey: string, text: string, redelivered = false): void {
		const fields = { routingKey, redelivered, deliveryTag };
		this.consuming.consumers.get(queue)!({ content: Buffer.from(text), fields });
	}
}

class FakeModel extends EventEmitter {
	readonly consumers = new Map<string, (message: unknown) => void>();
	readonly broker: FakeBroker;

	constructor(broker: FakeBroker) {
		super();
		this.broker = broker;
	}

	get connection() {
		return { serverProperties: { product: "RabbitMQ", version: this.broker.version } };
	}

	async createChannel() {
		const { broker, consumers } = this;
		return Object.assign(new EventEmitter(), {
			assertQueue: async (name: string, { arguments: args }: { arguments: object }) => {
				const refusal = broker.refuses?.(name, args);
				if (refusal) throw refusal;
				broker.queues.set(name, args);
			},
			checkQueue: async (name: string) => {
				if (!broker.queues.has(name)) throw Object.assign(new Error("NOT_FOUND"), { code: 404 });
			},
			consume: async (name: string, consumer: (message: unknown) => void) => void consumers.set(name, consumer),
			ack: ({ fields }: { fields: { deliveryTag: number } }) => void broker.acknowledged.push(fields.deliveryTag),
			publish: (exchange: string, key: string, content: Buffer, options: object) =>
				void broker.published.push([`${exchange} ${key}`, content.toString(), options]),
			...{ prefetch: async () => {}, bindQueue: async () => {}, unbindQueue: async () => {}, close: async () => {} },
		});
	}

	async close() {}
}

interface Scene {
	readonly broker: FakeBroker;
	readonly feed: AmqpFeed;
	readonly messages: ReceivedMessage[];
	readonly told: string[];
}

function sceneOf(group?: string): Scene {
	const broker = new FakeBroker();
	const messages: ReceivedMessage[] = [];
	const told: string[] = [];
	const feed = new AmqpFeed(
		{
			...{ ...COLLECTED, group, tls: {}, username: undefined, password: undefined, connect: broker.connect },
			broker: { host: "home", port: 5_672, tls: false, vhost: "/" },
		},
		{
			onConnected: (text) => told.push(text),
			onDisconnected: (reason) => told.push(reason),
			onMessage: (message) => messages.push(message),
			onOversized: () => told.push("oversized"),
			onSubscribed: () => {},
		},
	);
	return { broker, feed, messages, told };
}

test("whoever has stopped before there was a connection opens none", async () => {
	const { connect, models } = new FakeBroker();
	const broker = { host: "home", port: 5_672, tls: false, vhost: "/" };
	const options = { broker, tls: {}, username: undefined, password: undefined, name: "me" };
	await assert.rejects(AmqpConnection.open(options, connect, AbortSignal.abort()));
	assert.deepEqual(models, []);
});

test("what was delivered on an earlier connection is not acknowledged on the next one", async () => {
	const { broker, feed, messages, told } = sceneOf();
	feed.start();
	await until("a connection", () => feed.connected);
	broker.deliver("me", 1, "veleta.a.state", "{}");
	broker.deliver("me", 2, "veleta.a.late", "{}", true);
	assert.deepEqual(
		messages.map(({ topic, dup, qos }) => [topic, dup, qos]),
		[
			["veleta/a/state", false, 1],
			["veleta/a/late", true, 1],
		],
	);
	feed.acknowledge([messages[1]!, messages[1]!]);
	assert.deepEqual(broker.acknowledged, [2]);
	broker.consuming.emit("error", new Error("Heartbeat timeout"));
	await until("the end", () => !feed.connected);
	feed.acknowledge([messages[0]!]);
	feed.publish({ station: "veleta/a", command: "sample", payload: "", expiry: 60, correlation: undefined });
	await until("another connection", () => feed.connected);
	feed.acknowledge([messages[0]!]);
	assert.deepEqual([broker.acknowledged, broker.published], [[2], []]);
	assert.deepEqual(told, [
		"AMQP 0-9-1 (RabbitMQ 3.10.8), queue me",
		"connection closed: no heartbeat within 30 s",
		"AMQP 0-9-1 (RabbitMQ 3.10.8), queue me",
	]);
	await feed.stop();
});

test("what is too long, or nobody's topic, is acknowledged and left out; a queue that is deleted is declared again", async () => {
	const { broker, feed, messages, told } = sceneOf();
	feed.start();
	await until("a connection", () => feed.connected);
	broker.deliver("me", 1, "veleta.a.state", "x".repeat(65_537));
	broker.deliver("me", 2, "veleta.a/b.state", "{}");
	assert.deepEqual([messages, broker.acknowledged, told.at(-1)], [[], [1, 2], "oversized"]);
	broker.consuming.consumers.get("me")!(null);
	await until("another connection", () => broker.models.length === 4 && feed.connected);
	assert.equal(told[2], "connection closed: the broker takes the queue me away");
	await feed.stop();
});

test("commands are persistent, expire, and wait for a broker that takes none", async () => {
	const { broker, feed } = sceneOf();
	feed.start();
	await until("a connection", () => feed.connected);
	const command = { station: "veleta/a", command: "readings", payload: "{}", expiry: 60, correlation: undefined };
	feed.publish(command);
	feed.publish({ ...command, station: "s".repeat(250) });
	assert.deepEqual(broker.published, [
		["amq.topic veleta.a.cmd.readings", "{}", { persistent: true, expiration: "60000" }],
	]);
	broker.models.at(-1)!.emit("blocked", "low on memory");
	assert.deepEqual([feed.connected, feed.takesCommands], [true, false]);
	broker.models.at(-1)!.emit("unblocked");
	assert.equal(feed.takesCommands, true);
	await feed.stop();
	assert.equal(feed.connected, false);
});

test("from RabbitMQ 4 on nothing is dropped for having been delivered often, unless an earlier version has made the queue", async () => {
	const { broker, feed } = sceneOf("home");
	feed.start();
	await until("a connection", () => feed.connected);
	assert.deepEqual(
		[...broker.queues],
		[
			["me.group", { "x-queue-type": "quorum" }],
			["veleta-observatory.home", { "x-queue-type": "quorum" }],
		],
	);
	// There was no run without a group.
	assert.deepEqual([...broker.consuming.consumers.keys()], ["me.group", "veleta-observatory.home"]);
	await feed.stop();

	const later = sceneOf();
	later.broker.version = "4.1.0";
	later.feed.start();
	await until("a connection", () => later.feed.connected);
	assert.deepEqual([...later.broker.queues], [["me", { "x-queue-type": "quorum", "x-delivery-limit": -1 }]]);
	later.broker.refuses = () =>
		new Error("… with message \"PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'me' in vhost…\"");
	later.broker.consuming.emit("close");
	await until("another connection", () => later.broker.models.length === 4 && later.feed.connected);
	await later.feed.stop();
});

/**
 * What the versions, the levels of QoS and the kinds of session promise, in
 * every combination, between our session and mosquitto's programs, on a network
 * that splits, delays and cuts.
 *
 * Cuts are part of a combination where it promises something in spite of them:
 * not where the session ends with its connection and messages come in, and not
 * at QoS 0 in such a session, which shows that without cuts none is lost.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { clock, network, timer } from "../../hosts/node/ports.ts";
import { createRandom } from "../../hosts/sim/devices/random.ts";
import { Backoff } from "../../src/net/backoff.ts";
import { Link } from "../../src/net/link.ts";
import type { Message, ReceivedMessage } from "../../src/net/mqtt/message.ts";
import type { ProtocolVersion, QoS } from "../../src/net/mqtt/packet.ts";
import { Session } from "../../src/net/mqtt/session.ts";
import { DisturbingProxy } from "../harness/disturbing-proxy.ts";
import { Mosquitto } from "../harness/mosquitto.ts";
import { findProgram, Program } from "../harness/program.ts";
import { pause, until } from "../harness/wait.ts";

/** Messages of a combination, and the ms between them. */
const MESSAGES = 100;
const INTERVAL_MS = 20;
/** Connections that are to be cut in a combination with cuts; some carry too little for it. */
const CUTS = 12;
/** Combinations at a time. */
const CONCURRENCY = 18;
/** Of everything that is drawn at random. */
const SEED = Number(process.env.SEED ?? 1);
/** Delays between attempts to connect, in ms. */
const RETRY = { base: 100, limit: 200 };

const VERSIONS: readonly (readonly [ProtocolVersion, name: string, argument: string])[] = [
	[5, "5.0", "mqttv5"],
	[4, "3.1.1", "mqttv311"],
	[3, "3.1", "mqttv31"],
];

interface Combination {
	readonly name: string;
	readonly topic: string;
	readonly version: ProtocolVersion;
	/** As mosquitto's programs call it. */
	readonly versionArgument: string;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly persistent: boolean;
	readonly seed: number;
	readonly cuts: number;
}

/** The combinations of a direction. */
function combinations(direction: "out" | "in"): Combination[] {
	const found: Combination[] = [];
	for (const [version, versionName, versionArgument] of VERSIONS) {
		for (const qos of [0, 1, 2] as const) {
			for (const retain of [false, true]) {
				for (const persistent of [false, true]) {
					const cut = persistent || (direction === "out" && qos > 0);
					const kinds = [retain ? "retained" : "not retained", persistent ? "persistent" : "clean session"];
					found.push({
						name: `MQTT ${versionName}, QoS ${qos}, ${kinds.join(", ")}${cut ? ", cut" : ""}`,
						topic: `${direction}/${version}/${qos}/${retain ? "r" : "n"}/${persistent ? "p" : "c"}`,
						...{ version, versionArgument, qos, retain, persistent },
						seed: SEED * 1_000 + found.length + (direction === "out" ? 0 : 500),
						cuts: cut ? CUTS : 0,
					});
				}
			}
		}
	}
	return found;
}

const ALL = Array.from({ length: MESSAGES }, (_, index) => index + 1);
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

/** What arrived is what was promised. */
function assertPromised({ qos, cuts, persistent }: Combination, arrived: readonly number[]): void {
	const firsts = [...new Set(arrived)];
	total.duplicates += arrived.length - firsts.length;
	if (cuts === 0 || (qos === 2 && persistent)) assert.deepEqual(arrived, ALL, "each once, in order");
	// A QoS 2 message whose session has ended with its connection is published anew.
	else if (qos > 0) assert.deepEqual(firsts, ALL, "each at least once, for the first time in order");
	else {
		assert.deepEqual(arrived, firsts, "none twice");
		assert.deepEqual(
			arrived,
			arrived.toSorted((a, b) => a - b),
			"in order",
		);
	}
}

let folder = "";
let broker: Mosquitto;
/** Receives whatever our sessions publish. */
let witness: Program;
const total = { cuts: 0, redelivered: 0, duplicates: 0 };

/** A session of ours behind a proxy. */
class Station {
	readonly session: Session<Message>;
	readonly proxy: DisturbingProxy;
	readonly received: ReceivedMessage[] = [];
	readonly versions = new Set<ProtocolVersion>();
	acknowledged = 0;
	private readonly _queue: Message[] = [];
	private readonly _link: Link<Message>;

	constructor({ topic, version, persistent, seed }: Combination, proxy: DisturbingProxy) {
		this.proxy = proxy;
		this.session = new Session<Message>({
			clientId: topic,
			protocolVersion: version,
			cleanSession: !persistent,
			keepAlive: 60,
			nextMessage: () => this._queue.shift(),
			onConnect: (_sessionPresent, version) => this.versions.add(version),
			onPublish: (_message, redelivered) => {
				if (redelivered) total.redelivered++;
			},
			onAcknowledge: () => this.acknowledged++,
			onMessage: (message) => this.received.push({ ...message, payload: message.payload.slice() }),
		});
		this._link = new Link({
			...{ network, clock, timer, session: this.session },
			broker: { host: "127.0.0.1", port: proxy.port },
			random: createRandom(seed),
			backoff: new Backoff({ ...RETRY, random: createRandom(seed) }),
		});
	}

	/** Gives `use` one, which ends with it. */
	static async with(combination: Combination, use: (station: Station) => Promise<void>): Promise<void> {
		const { seed, cuts, version } = combination;
		// A connection that ends before the CONNACK makes a session of MQTT 5.0 try 3.1.1.
		const proxy = await DisturbingProxy.start({ target: broker.port, seed, cuts, sparesConnack: version === 5 });
		const station = new Station(combination, proxy);
		try {
			await use(station);
			if (cuts > 0) assert.ok(proxy.cut > 0, "no connection was cut");
			assert.deepEqual([...station.versions], [version]);
		} finally {
			station._link.stop();
			proxy.close();
			total.cuts += proxy.cut;
		}
	}

	connect(): void {
		this._link.start();
	}

	publish(message: Message): void {
		this._queue.push(message);
		this._link.wake();
	}

	/** Subscribes, once more if need be. */
	subscribe(...subscriptions: { topicFilter: string; qos: QoS }[]): void {
		for (const subscription of subscriptions) this.session.subscribe(subscription);
		this._link.wake();
	}

	/** What has arrived on a topic. */
	arrived(topic: string): ReceivedMessage[] {
		return this.received.filter((message) => message.topic === topic);
	}
}

/** What the witness has seen of a topic. */
function witnessed(topic: string): { payload: string; qos: number }[] {
	return witness.lines
		.filter((line) => line.startsWith(`${topic} `))
		.map((line) => {
			const [, qos, payload = ""] = line.split(" ");
			return { payload, qos: Number(qos) };
		});
}

const numbers = (messages: readonly { payload: string | Uint8Array }[]) =>
	messages.map(({ payload }) => Number(typeof payload === "string" ? payload : Buffer.from(payload).toString()));

/** Publishes with mosquitto_pub, one message a line; resolves when the broker has all of them. */
async function mosquittoPub(args: readonly string[], payloads: readonly (string | number)[]): Promise<void> {
	const publisher = spawn(findProgram("mosquitto_pub"), ["-h", "127.0.0.1", "-p", `${broker.port}`, "-l", ...args], {
		stdio: ["pipe", "ignore", "inherit"],
	});
	for (const payload of payloads) {
		publisher.stdin.write(`${payload}\n`);
		await pause(INTERVAL_MS);
	}
	publisher.stdin.end();
	const code = await new Promise((resolve) => publisher.once("exit", resolve));
	assert.equal(code, 0, "mosquitto_pub");
}

/** The first of what mosquitto_sub receives, as `topic payload retained`. */
async function retainedAt(topic: string, count: number): Promise<string[]> {
	const args = ["-h", "127.0.0.1", "-p", `${broker.port}`, "-t", topic, "-t", "barrier", "-F", "%t %p %r"];
	const program = new Program("mosquitto_sub", findProgram("mosquitto_sub"), [...args, "-C", `${count}`], folder);
	await program.ended();
	return program.lines;
}

describe("Versions × QoS × retain × session", { concurrency: CONCURRENCY }, () => {
	before(async () => {
		folder = mkdtempSync(join(tmpdir(), "veleta-matrix-"));
		broker = await Mosquitto.start(join(folder, "broker"));
		const args = ["-h", "127.0.0.1", "-p", `${broker.port}`, "-t", "out/#", "-q", "2", "-F", "%t %q %p"];
		witness = new Program("the witness", findProgram("mosquitto_sub"), args, folder);
		await until("the witness", () => broker.count(/Sending SUBACK/) > 0);
		await mosquittoPub(["-t", "barrier", "-r"], ["here"]);
	});
	after(async () => {
		await witness.kill();
		await broker.kill();
		rmSync(folder, { recursive: true, force: true });
		const { cuts, redelivered, duplicates } = total;
		process.stdout.write(`${cuts} connections cut, ${redelivered} messages redelivered, ${duplicates} duplicates\n`);
	});

	for (const combination of combinations("out")) {
		const { name, topic, qos, retain } = combination;
		test(`from the session to mosquitto_sub: ${name}`, () =>
			Station.with(combination, async (station) => {
				station.connect();
				for (const number of ALL) {
					station.publish({ topic, payload: bytes(`${number}`), qos, retain });
					await pause(INTERVAL_MS);
				}
				// At QoS 1 at least: when the broker has it, it has dealt with all before it.
				station.publish({ topic: `${topic}/end`, payload: bytes("end"), qos: qos === 2 ? 2 : 1, retain: false });
				await until("the last acknowledgement", () => station.acknowledged === MESSAGES + 1);
				await until("the end at the witness", () => witnessed(`${topic}/end`).length > 0);

				const messages = witnessed(topic);
				assert.ok(messages.every((message) => message.qos === qos));
				assertPromised(combination, numbers(messages));
				const kept = retain ? [`${topic} ${messages.at(-1)!.payload} 1`] : [];
				assert.deepEqual(await retainedAt(topic, kept.length + 1), [...kept, "barrier here 1"]);
			}));
	}

	for (const combination of combinations("in")) {
		const { name, topic, version, versionArgument, qos, retain, persistent } = combination;
		test(`from mosquitto_pub to the session: ${name}`, () =>
			Station.with(combination, async (station) => {
				station.subscribe({ topicFilter: topic, qos }, { topicFilter: `${topic}/end`, qos: 1 });
				station.connect();
				const subscribed = new RegExp(`Sending SUBACK to ${topic}$`);
				await until("the subscription", () => broker.count(subscribed) > 0);
				const args = ["-V", versionArgument, "-q", `${qos}`, ...(retain ? ["-r"] : [])];
				await mosquittoPub([...args, "-t", topic], ALL);
				await station.proxy.calm();
				await until("the connection", () => station.session.connected);
				await mosquittoPub(["-V", versionArgument, "-t", `${topic}/end`, "-q", "1"], ["end"]);
				await until("the end", () => station.arrived(`${topic}/end`).length > 0);

				const arrived = station.arrived(topic);
				// In 3.1 no CONNACK tells of a session, and in the others a CONNECT that was cut off may have begun one: the next
				// connection subscribes again, and is told what is retained.
				const subscribesAgain = version === 3 || persistent;
				const messages = subscribesAgain ? arrived.filter((message) => !message.retain) : arrived;
				assert.ok(messages.every((message) => message.qos === qos && !message.retain));
				assertPromised(combination, numbers(messages));

				// Subscribed to anew, a topic gives what the broker keeps for it.
				station.subscribe({ topicFilter: topic, qos }, { topicFilter: "barrier", qos: 0 });
				await until("the barrier", () => station.arrived("barrier").length > 0);
				const kept = station.arrived(topic).slice(arrived.length);
				// The last connection's subscription may have its answer only now.
				const differing = subscribesAgain ? [...new Set(numbers(kept))] : numbers(kept);
				assert.deepEqual(differing, retain ? [MESSAGES] : []);
				assert.ok(kept.every((message) => message.retain && message.qos === qos));
			}));
	}
});

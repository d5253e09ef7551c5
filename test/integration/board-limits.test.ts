/**
 * The station within a board's memory, whatever it is sent: on the project's own
 * engine, against a real mosquitto and a hostile broker. `project/board-engine`
 * does the same on the SDK's XS.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, type TestContext } from "node:test";
import { connectAsync, type IClientPublishOptions, type MqttClient } from "mqtt";
import { createImage } from "../../hosts/node/update-image.ts";
import { publicPoint } from "../../hosts/node/update-key.ts";
import { SignedUpdate } from "../../hosts/node/update-manifest.ts";
import { FirmwareSlots } from "../../hosts/sim/headless/firmware-slots.ts";
import { FlashFile } from "../../hosts/sim/headless/flash-file.ts";
import { SIMULATED_BOARD } from "../../hosts/sim/headless/protocol.ts";
import { type Memory, Runner } from "../../hosts/sim/headless/runner.ts";
import { mutate } from "../fuzz/mutations.ts";
import { Random } from "../fuzz/random.ts";
import { HostileBroker, hostileMessage, publishOf } from "../harness/hostile-broker.ts";
import { Mosquitto } from "../harness/mosquitto.ts";
import { freePort } from "../harness/ports.ts";
import { findProgram } from "../harness/program.ts";
import { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const FIRMWARE = join(process.cwd(), "build/firmware.js");
/** Bytes that may be live at rest, whatever has been received. */
const RAM_MAXIMUM = 26 * 1_024;
/**
 * The same on a busy computer while more is being received: eight messages without an acknowledgement, a command that
 * waits for its own to leave, half of the next one, and bytes that were just read. `npm run bench` has a row for most of it.
 */
const BUSY_RAM_MAXIMUM = 32 * 1_024;
/** So much of the stack may be used; the rest is for what nobody has tried. */
const STACK_SHARE = 3 / 4;
const ID = "board";
const TOPIC = `veleta/${ID}`;
const SUBSCRIBED = new RegExp(`Sending SUBACK to veleta-${ID}$`);

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const image = createImage("new", 1_060_000);
const update = new SignedUpdate(image, { number: 1, board: SIMULATED_BOARD, station: TOPIC }, privateKey);

const folder = mkdtempSync(join(tmpdir(), "veleta-limits-"));
after(() => rmSync(folder, { recursive: true }));
/** As `npm run update` begins. */
const beginning = join(folder, "beginning");
writeFileSync(beginning, update.begin);

/** A station in an engine, and its flash, which outlives it. */
class BoardStation {
	private readonly _test: TestContext;
	private readonly _port: number;
	private readonly _settings: object;
	private readonly _flash = new FlashFile(undefined);
	private readonly _slots = FirmwareSlots.open(undefined, FIRMWARE);
	private _runner: Runner | undefined;
	private _failure: Error | undefined;
	/** Why its connections ended, but for those that it gave up since nothing came: the broker, or the station, had to wait for a busy computer. */
	readonly endings: string[] = [];
	silences = 0;

	constructor(context: TestContext, port: number, settings: object = {}) {
		this._test = context;
		this._port = port;
		this._settings = settings;
	}

	async start(): Promise<void> {
		const runner = new Runner({
			firmware: FIRMWARE,
			settings: {
				...{ id: ID, interval: 1, keepAlive: 5, diagnostics: 2, backlogRate: 100 },
				broker: `mqtt://127.0.0.1:${this._port}`,
				updateKeys: [publicPoint(privateKey).toString("hex")],
				...this._settings,
			},
			flash: this._flash,
			slots: this._slots,
			seed: 1,
			speed: 1,
			onLog: (_level, text) => {
				if (/: no (CONNACK|PINGRESP|acknowledgement|answer) within/.test(text)) this.silences++;
				else if (/next attempt in/.test(text)) this.endings.push(text);
			},
		});
		this._runner = runner;
		this._failure = undefined;
		// One that was killed ends, too.
		runner.stopped.catch((error: Error) => {
			if (this._runner === runner) this._failure = error;
		});
		await runner.start();
	}

	/** As `until`, but rejects at once with the reason when the station has ended. */
	async alive(what: string, condition: () => boolean): Promise<void> {
		await until(what, () => {
			if (this._failure) throw this._failure;
			return condition();
		});
	}

	/** Holds what it has in use, and has used, against a board's limits. What is still on its way comes to rest. */
	async check(part: string): Promise<void> {
		const memory = await until(`${RAM_MAXIMUM} live bytes at the most, ${part}`, async () => {
			const now = await this._runner!.memory();
			return now.ram <= RAM_MAXIMUM && now;
		});
		await this._checkMemory(part, memory);
	}

	/** The same at this moment, whatever is on its way. */
	async checkBusy(part: string): Promise<void> {
		const memory = await this._runner!.memory();
		ok(memory.ram <= BUSY_RAM_MAXIMUM, `${part}: ${memory.ram} bytes are live`);
		await this._checkMemory(part, memory);
	}

	private async _checkMemory(part: string, { ram, highestRam, highestStack, stack }: Memory): Promise<void> {
		this._test.diagnostic(`${part}: ${ram} B live, ${highestRam} at the most; stack ${highestStack} of ${stack} slots`);
		await this.alive(part, () => true);
		ok(highestStack <= stack * STACK_SHARE, `${part}: ${highestStack} of ${stack} slots of the stack`);
		ok(ram > 1_000 && highestStack > 100, "no station lives with so little");
	}

	/** As a power cut would. */
	kill(): void {
		this._runner?.close();
		this._runner = undefined;
	}

	close(): void {
		this.kill();
		this._slots.end();
		this._flash.close();
	}
}

/** mosquitto, a station in whose session commands wait while it is away, and who listens to both. */
async function withMosquitto(
	context: TestContext,
	settings: object,
	run: (parts: { broker: Mosquitto; station: BoardStation; subscriber: MosquittoSub }) => Promise<void>,
): Promise<void> {
	const own = mkdtempSync(join(folder, "run-"));
	const broker = await Mosquitto.start(join(own, "broker"));
	const station = new BoardStation(context, broker.port, settings);
	let subscriber: MosquittoSub | undefined;
	try {
		subscriber = await MosquittoSub.start(broker, own, { filters: [`${TOPIC}/#`, "answers/#"] });
		await station.start();
		await station.alive("the station's subscription", () => broker.count(SUBSCRIBED) > 0);
		await run({ broker, station, subscriber });
	} finally {
		station.close();
		await subscriber?.kill();
		await broker.kill();
	}
}

/** Publishes each line, at QoS 1, in one connection. */
async function publishLines(
	broker: Mosquitto,
	topic: string,
	lines: readonly string[],
	...args: string[]
): Promise<void> {
	const where = ["-h", "127.0.0.1", "-p", String(broker.port), "-q", "1", "-t", topic, "-l"];
	const child = spawn(findProgram("mosquitto_pub"), [...where, ...args], { stdio: ["pipe", "ignore", "inherit"] });
	child.stdin.end(lines.map((line) => `${line}\n`).join(""));
	equal(await new Promise((resolve) => child.on("close", resolve)), 0);
}

/** A client of MQTT 5.0, for as long as `run` takes. */
async function withPublisher(broker: Mosquitto, run: (publisher: MqttClient) => Promise<void>): Promise<void> {
	const publisher = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
	try {
		await run(publisher);
	} finally {
		await publisher.endAsync(true);
	}
}

const replies = (subscriber: MosquittoSub) =>
	subscriber.messages.filter(({ topic }) => topic === `${TOPIC}/reply`).map(({ payload }) => JSON.parse(payload));

/** Resolves when the subscriber has `more` readings that it did not have. */
async function delivers(station: BoardStation, subscriber: MosquittoSub, more: number): Promise<void> {
	const seq = subscriber.highest() + more;
	await station.alive(`reading ${seq}`, () => subscriber.highest() >= seq);
}

test("an interval in 170 bytes, and in 180 to 256", (context) =>
	withMosquitto(context, {}, async ({ broker, station, subscriber }) => {
		for (const [index, length] of [170, 180, 190, 200, 220, 255, 256].entries()) {
			await broker.publish(`${TOPIC}/cmd/interval`, "-m", "1".padStart(length));
			await station.alive("the reply", () => replies(subscriber).length > index);
			deepEqual(replies(subscriber)[index], { command: "interval", ok: true, interval: 1 });
		}
		await delivers(station, subscriber, 2);
		await station.check("intervals");
	}));

test("the first message of npm run update, given at once and after the station was off", (context) =>
	withMosquitto(context, {}, async ({ broker, station, subscriber }) => {
		ok(update.begin.length > 170);
		await broker.publish(`${TOPIC}/cmd/update`, "-f", beginning);
		await station.alive("the reply", () => replies(subscriber).length > 0);
		deepEqual(replies(subscriber)[0], { command: "update", ok: true, manifest: update.name, offset: 0 });
		station.kill();
		// The broker has the session: the message waits, and is given again and again to a station that dies of it.
		await broker.publish(`${TOPIC}/cmd/update`, "-f", beginning);
		for (let life = 1; life <= 3; life++) {
			await station.start();
			await delivers(station, subscriber, 2);
			await station.check(`life ${life}`);
			station.kill();
		}
	}));

test("4 samples and 40 statuses with 3,900 bytes of correlation data", (context) =>
	withMosquitto(context, {}, async ({ broker, station, subscriber }) => {
		const properties = ["-V", "5", "-D", "publish", "correlation-data", "c".repeat(3_900)];
		const none = (count: number) => Array.from({ length: count }, () => "");
		await publishLines(broker, `${TOPIC}/cmd/sample`, none(4), ...properties);
		await publishLines(broker, `${TOPIC}/cmd/status`, none(40), ...properties);
		await delivers(station, subscriber, 2);
		await station.check("correlation data");
	}));

/** Bytes of each of 1,000 commands that waited while the station was off, and of 500 retained ones. */
const waiting = [
	{ size: 4_000, fate: "read past" },
	{ size: 1_200, fate: "read and answered" },
];
for (const { size, fate } of waiting) {
	test(`a thousand commands of ${size} bytes that waited, and five hundred retained ones, are ${fate}`, (context) =>
		// A busy computer may not let the station say anything for seconds.
		withMosquitto(context, { keepAlive: 60 }, async ({ broker, station, subscriber }) => {
			await station.check("before");
			station.kill();
			const commands = Array.from({ length: 1_000 }, (_, index) => `${index}`.padEnd(size, "x"));
			await publishLines(broker, `${TOPIC}/cmd/interval`, commands);
			await withPublisher(broker, async (publisher) => {
				for (let count = 0; count < 500; count++) {
					const payload = "y".repeat(size);
					await publisher.publishAsync(`${TOPIC}/cmd/status/${count}`, payload, { qos: 1, retain: true });
				}
			});
			await station.start();
			const acknowledged = new RegExp(`Received PUBACK from veleta-${ID} `);
			for (const part of [100, 300, 600, 1_000, 1_100, 1_300, 1_500]) {
				await station.alive(`${part} acknowledgements`, () => broker.count(acknowledged) >= part);
				await station.checkBusy(`${part} commands`);
			}
			await delivers(station, subscriber, 3);
			await station.check("after");
			deepEqual(station.endings, []);
			// A silence that has just ended a connection may not have begun the next one yet.
			ok(broker.connections(`veleta-${ID}`) <= 2 + station.silences);
		}));
}

test("eight hundred user properties, and a response topic of 255 levels", (context) =>
	withMosquitto(context, {}, async ({ broker, station, subscriber }) => {
		await withPublisher(broker, async (publisher) => {
			const publish = (properties: IClientPublishOptions["properties"]) =>
				publisher.publishAsync(`${TOPIC}/cmd/status`, "", { qos: 1, properties: { ...properties } });
			const values = (count: number) => Array.from({ length: count }, () => "");
			for (let count = 0; count < 20; count++) await publish({ userProperties: { k: values(600) } });
			for (let count = 0; count < 20; count++) await publish({ userProperties: { "": values(800) } });
			for (const levels of [201, 255]) {
				await publish({
					responseTopic: Array.from({ length: levels }, () => "r")
						.join("/")
						.slice(0, 256),
				});
				await publish({ responseTopic: "/".repeat(levels) });
			}
		});
		await delivers(station, subscriber, 4);
		await station.check("properties");
	}));

/** Messages in all, and the connections that they come on: each but the last ends with what is perhaps no packet. */
const HOSTILE = { messages: 3_000, connections: 4, seed: 10 };

test(`${HOSTILE.messages} hostile packets with properties`, async (context) => {
	const hostile = await HostileBroker.start(await freePort());
	const station = new BoardStation(context, hostile.port);
	try {
		await station.start();
		const random = new Random(HOSTILE.seed);
		for (let connection = 1; connection <= HOSTILE.connections; connection++) {
			await station.alive("a connection", () => hostile.connections >= connection);
			await hostile.ready();
			for (let count = HOSTILE.messages / HOSTILE.connections; count > 0; count--) {
				await station.alive("the next message", () => true);
				ok(await hostile.publish(hostileMessage(random, TOPIC)), "the station ended the connection");
			}
			await hostile.settled();
			await station.check(`connection ${connection}`);
			if (connection < HOSTILE.connections)
				await hostile.end(mutate(random, publishOf(hostileMessage(random, TOPIC), 1)));
		}
		const seq = Math.max(0, ...hostile.seqs);
		await station.alive("readings", () => Math.max(0, ...hostile.seqs) >= seq + 3);
		ok(hostile.replies > 0, "no command was answered");
	} finally {
		station.close();
		hostile.close();
	}
});

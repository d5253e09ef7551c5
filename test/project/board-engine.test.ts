/**
 * The station on the SDK's own XS within each board's limits: it lives, whatever
 * it is sent, and a quarter of the stack stays free. Needs an SDK.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before, type TestContext } from "node:test";
import { type Creation, creationOf } from "../../hosts/creation.ts";
import { BOARDS } from "../../hosts/esp32/boards.ts";
import { mutate } from "../fuzz/mutations.ts";
import { Random } from "../fuzz/random.ts";
import {
	BoardEngine,
	type BoardStation,
	EXIT,
	type Figures,
	liveBytes,
	NO_BOARD_ENGINE,
} from "../harness/board-engine.ts";
import { Certificates } from "../harness/certificates.ts";
import { deepEqual, equal, match, ok } from "../harness/harness.ts";
import { HostileBroker, hostileMessage, publishOf } from "../harness/hostile-broker.ts";
import { Mosquitto } from "../harness/mosquitto.ts";
import { simpleUpdate } from "../harness/simple-slots.ts";
import { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const options = { skip: NO_BOARD_ENGINE };
/** So much of the stack may be used; the rest is for what nobody has tried. */
const STACK_SHARE = 3 / 4;
/** Bytes that may be live after a collection, TLS and what is simulated among them: half of what a board has. */
const LIVE_MAXIMUM = 47_104;
const ID = "board";
const TOPIC = `veleta/${ID}`;
const SETTINGS = { id: ID, interval: 1, keepAlive: 5, diagnostics: 2, backlogRate: 100 };

/** Boards that have the same creation, which is tried once. */
const groups = new Map<string, { readonly creation: Creation; readonly boards: string[] }>();
for (const [board, { platform }] of Object.entries(BOARDS)) {
	const creation = creationOf(platform);
	const key = JSON.stringify(creation);
	const group = groups.get(key) ?? { creation, boards: [] };
	group.boards.push(board);
	groups.set(key, group);
}

const folder = mkdtempSync(join(tmpdir(), "veleta-board-engine-"));
const UPDATE_KEY = Uint8Array.from({ length: 65 }, (_, at) => (at === 0 ? 4 : 0x11));
let broker: Mosquitto;
let engine: BoardEngine;

before(async () => {
	if (NO_BOARD_ENGINE) return;
	broker = await Mosquitto.start(join(folder, "broker"));
	const updateKeys = [Buffer.from(UPDATE_KEY).toString("hex")];
	engine = BoardEngine.build("board-engine", { ...SETTINGS, updateKeys, broker: `mqtt://127.0.0.1:${broker.port}` });
});

after(async () => {
	await broker?.kill();
	rmSync(folder, { recursive: true });
});

/** A station and whoever watches it, with a broker that knows of nothing before. */
class Bench {
	readonly creation: Creation;
	private readonly _folder: string;
	private _station: BoardStation | undefined;
	private _subscriber: MosquittoSub | undefined;
	private readonly _test: TestContext;

	constructor(creation: Creation, test: TestContext) {
		this.creation = creation;
		this._test = test;
		this._folder = mkdtempSync(join(folder, "station-"));
	}

	get station(): BoardStation {
		return this._station!;
	}

	get subscriber(): MosquittoSub {
		return this._subscriber!;
	}

	/** A broker without sessions or messages from before. */
	async freshBroker(): Promise<void> {
		await broker.kill();
		broker.forget();
		broker.log.length = 0;
		await broker.restart();
		this._subscriber = await MosquittoSub.start(broker, this._folder, { filters: [`${TOPIC}/#`, "answers/#"] });
	}

	start(other = engine): void {
		this._station = other.start(this.creation, this._folder);
	}

	async online(times = 1): Promise<void> {
		const subscribed = new RegExp(`Sending SUBACK to veleta-${ID}$`);
		await this.alive("the station's subscription", () => broker.count(subscribed) >= times);
	}

	/** Resolves when the broker has `more` readings that it did not have. */
	async delivers(more: number): Promise<void> {
		const seq = this.subscriber.highest() + more;
		await this.alive(`reading ${seq}`, () => this.subscriber.highest() >= seq);
	}

	/** As `until`, but fails at once when the station ends. */
	async alive(what: string, condition: () => boolean): Promise<void> {
		await until(what, () => {
			const { exit, lines } = this.station.program;
			if (exit) throw new Error(`the station ended with ${exit.code ?? exit.signal}: ${lines.slice(-4).join("; ")}`);
			return condition();
		});
	}

	/** Holds what the station used since the last time against the limits. */
	async check(part: string): Promise<void> {
		this.checkFigures(part, await this.station.figures());
		await this.alive(part, () => true);
	}

	checkFigures(part: string, figures: Figures): void {
		const { stack } = this.creation;
		const { slots, chunks, peakSlots, peakChunks, reserved } = figures;
		this._test.diagnostic(
			`${part}: ${figures.stack} of ${stack} slots of stack, live ${slots} slots and ${chunks} B of chunks, ` +
				`at the peak ${peakSlots} and ${peakChunks} B, ${reserved} B taken`,
		);
		ok(figures.stack <= stack * STACK_SHARE, `${part}: ${figures.stack} of ${stack} slots of the stack`);
		ok(figures.stack > 100, `${part}: ${figures.stack} slots of the stack, which cannot be`);
		ok(liveBytes(figures) <= LIVE_MAXIMUM, `${part}: ${liveBytes(figures)} bytes live`);
	}

	/** Publishes a command at QoS 1; `args` are more of mosquitto_pub's arguments. */
	async command(name: string, payload: string | Uint8Array, ...args: string[]): Promise<void> {
		const file = join(folder, "payload");
		if (typeof payload !== "string") writeFileSync(file, payload);
		const what = typeof payload !== "string" ? ["-f", file] : payload === "" ? ["-n"] : ["-m", payload];
		await broker.publish(`${TOPIC}/cmd/${name}`, ...what, ...args);
	}

	/** Replies received, as objects. */
	get replies(): { readonly [member: string]: unknown }[] {
		return this.subscriber.messages
			.filter(({ topic }) => topic === `${TOPIC}/reply` || topic.startsWith("answers/"))
			.map(({ payload }) => JSON.parse(payload));
	}

	/** Publishes a command and resolves with the reply to it. */
	async ask(name: string, payload: string | Uint8Array = ""): Promise<{ readonly [member: string]: unknown }> {
		const before = this.replies.length;
		await this.command(name, payload);
		await this.alive(`the reply to ${name}`, () => this.replies.length > before);
		return this.replies[before]!;
	}

	async close(): Promise<void> {
		await this._station?.kill();
		await this._subscriber?.kill();
	}
}

function onEachBoard(name: string, run: (bench: Bench) => Promise<void>): void {
	for (const { creation, boards } of groups.values()) {
		test(`${boards.join(", ")}: ${name}`, options, async (context) => {
			const bench = new Bench(creation, context);
			try {
				await run(bench);
			} finally {
				await bench.close();
			}
		});
	}
}

const PIECE_BYTES = 992;
const update = simpleUpdate(4 * PIECE_BYTES + 1, PIECE_BYTES, UPDATE_KEY, { station: TOPIC });
const BEGUN = { command: "update", ok: true, manifest: update.name, offset: 0 };

onEachBoard("start, readings, every command, an update's beginning, an outage and a restart", async (bench) => {
	await bench.freshBroker();
	bench.start();
	await bench.online();
	await bench.delivers(1);
	await bench.check("start");
	await bench.delivers(5);
	await bench.check("readings");

	deepEqual((await bench.ask("interval", "1")).ok, true);
	deepEqual((await bench.ask("interval", '{"interval":1}')).ok, true);
	deepEqual((await bench.ask("interval", "soon")).ok, false);
	deepEqual((await bench.ask("sample")).ok, true);
	deepEqual((await bench.ask("status")).ok, true);
	deepEqual((await bench.ask("nothing")).ok, false);
	await bench.command("status", "", "-V", "5", "-D", "publish", "response-topic", "answers/here");
	await bench.alive("a reply elsewhere", () => bench.subscriber.messages.some(({ topic }) => topic === "answers/here"));
	await bench.check("commands");

	deepEqual(await bench.ask("update", update.begin), BEGUN);
	for (let offset = 0; offset < 4 * PIECE_BYTES; offset += PIECE_BYTES)
		deepEqual((await bench.ask(`update/${offset}`, update.pieces.get(offset)!)).offset, offset + PIECE_BYTES);
	await bench.check("an update's beginning");

	const taken = bench.station.readings;
	await broker.kill();
	await bench.alive("readings in the outage", () => bench.station.readings >= taken + 5);
	await bench.check("an outage");
	const subscriptions = () => broker.count(/Sending SUBACK to veleta-/);
	const before = subscriptions();
	await broker.restart();
	await bench.delivers(8);
	await bench.check("after the outage");
	// The broker was killed, and has forgotten the station's session.
	await bench.alive("the station's subscription", () => subscriptions() > before);

	await bench.command("restart", "");
	deepEqual(await bench.station.ended(), { code: EXIT.restart, signal: null });
	// The last figures before the end: nothing is collected any more.
	bench.checkFigures("restart", { ...bench.station.last, slots: 0, chunks: 0 });
	bench.start();
	await bench.delivers(2);
	await bench.check("after the restart");
	equal((await bench.ask("status")).dropped, 0);
});

onEachBoard("an interval in 170 bytes, and in 180 to 256", async (bench) => {
	await bench.freshBroker();
	bench.start();
	await bench.online();
	for (const length of [170, 180, 190, 200, 220, 255, 256]) {
		equal((await bench.ask("interval", "1".padStart(length))).ok, true, `${length} bytes`);
	}
	await bench.delivers(2);
	await bench.check("intervals");
});

onEachBoard("the first message of npm run update, given at once and after the station was off", async (bench) => {
	await bench.freshBroker();
	bench.start();
	await bench.online();
	const first = update.begin;
	ok(first.length > 170, `${first.length} bytes`);
	equal((await bench.ask("update", first)).ok, true);
	await bench.station.kill();
	// The broker has the session: the message waits, and is given again and again to a station that dies of it.
	await bench.command("update", first);
	for (let life = 1; life <= 3; life++) {
		bench.start();
		await bench.delivers(2);
		await bench.check(`life ${life}`);
		await bench.station.kill();
	}
});

onEachBoard("4 samples and 40 statuses with 3,900 bytes of correlation data", async (bench) => {
	await bench.freshBroker();
	bench.start();
	await bench.online();
	const properties = ["-V", "5", "-D", "publish", "correlation-data", "c".repeat(3_900)];
	for (let count = 0; count < 4; count++) await bench.command("sample", "", ...properties);
	for (let count = 0; count < 40; count++) await bench.command("status", "", ...properties);
	await bench.delivers(2);
	await bench.check("correlation data");
});

onEachBoard("with TLS: start, readings, an outage and a handshake after it", async (bench) => {
	const certificates = new Certificates(join(folder, "certificates"));
	const authority = certificates.authority("an authority", "rsa");
	const intermediate = certificates.issue(authority, {
		commonName: "another",
		authority: true,
		names: [],
		kind: "rsa",
	});
	const own = certificates.issue(intermediate, { kind: "rsa" });
	// A chain takes the most.
	const certificate = join(folder, "chain.pem");
	writeFileSync(certificate, readFileSync(own.certificate, "utf8") + readFileSync(intermediate.certificate, "utf8"));
	broker.configure({ identity: { certificate, key: own.key } });
	try {
		const withTls = BoardEngine.build("board-engine-tls", {
			...{ ...SETTINGS, broker: `mqtts://127.0.0.1:${broker.tlsPort}` },
			tls: { ca: readFileSync(authority.certificate, "utf8") },
		});
		await bench.freshBroker();
		bench.start(withTls);
		await bench.online();
		await bench.delivers(3);
		await bench.check("start and readings");
		const taken = bench.station.readings;
		await broker.kill();
		await bench.alive("readings in the outage", () => bench.station.readings >= taken + 3);
		await broker.restart();
		await bench.delivers(4);
		await bench.check("after an outage");
	} finally {
		broker.configure(undefined);
	}
});

/** Messages in all, and the connections that they come on: each but the last ends with what is perhaps no packet. */
const HOSTILE = { messages: 3_000, connections: 5, seed: 10 };

onEachBoard(`${HOSTILE.messages} hostile packets with properties`, async (bench) => {
	await broker.kill();
	const hostile = await HostileBroker.start(broker.port);
	try {
		bench.start();
		const random = new Random(HOSTILE.seed);
		for (let connection = 1; connection <= HOSTILE.connections; connection++) {
			await bench.alive("a connection", () => hostile.connections >= connection);
			await hostile.ready();
			for (let count = HOSTILE.messages / HOSTILE.connections; count > 0; count--) {
				const message = hostileMessage(random, TOPIC);
				if (!(await hostile.publish(message))) {
					await bench.alive("the next message", () => true);
					throw new Error(`the station ended the connection: ${bench.station.program.lines.slice(-4).join("; ")}`);
				}
			}
			await hostile.settled();
			await bench.check(`connection ${connection}`);
			if (connection === HOSTILE.connections) break;
			await hostile.end(mutate(random, publishOf(hostileMessage(random, TOPIC), 1)));
		}
		const seq = Math.max(0, ...hostile.seqs);
		await bench.alive("readings", () => Math.max(0, ...hostile.seqs) >= seq + 3);
		ok(hostile.replies > 0, "no command was answered");
	} finally {
		hostile.close();
		await broker.restart();
	}
});

test("a machine that is too small ends, and says of what", options, async (context) => {
	const creation = creationOf("esp32");
	const ends = async (small: Partial<Creation>, code: number, reason: RegExp) => {
		const bench = new Bench({ ...creation, ...small }, context);
		try {
			await bench.freshBroker();
			bench.start();
			deepEqual(await bench.station.ended(), { code, signal: null });
			match(bench.station.program.lines.join("\n"), reason);
		} finally {
			await bench.close();
		}
	};
	await ends({ stack: 256 }, EXIT.stackOverflow, /^XS abort: JavaScript stack overflow$/m);
	await ends({ static: 32_768 }, EXIT.memoryFull, /^XS abort: memory full/m);
	const { static: _, ...without } = creation;
	const fixed = { ...without, chunk: { initial: 8_192, incremental: 0 }, heap: { initial: 1_000, incremental: 0 } };
	await ends({ ...fixed, static: 0 }, EXIT.memoryFull, /^XS abort: memory full/m);
});

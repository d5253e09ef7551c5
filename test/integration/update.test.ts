/** Firmware over the air to a station in XS, through a real broker, by `npm run update`. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { createImage, NO_NETWORK, readImage } from "../../hosts/node/update-image.ts";
import { publicPoint, signImage } from "../../hosts/node/update-key.ts";
import { bundleProgram } from "../harness/bundle.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const command = bundleProgram("commands/update/update.ts", "update-under-test");
const IMAGE_BYTES = 100_000;
/** Bytes of it in a message: nearly as many as the station takes. */
const PIECE = 1_200;
/** Long enough to do something in the middle of it. */
const LARGE_IMAGE_BYTES = 600_000;
const CHUNK = /Sending PUBLISH to veleta-sim \(.*'veleta\/sim\/cmd\/update\/\d+'/;

/** A station that takes updates, and what it takes to give it one. */
class Bench {
	readonly parts: Parts;
	private readonly _privateKey: KeyObject;
	private readonly _keyFile: string;

	constructor(parts: Parts) {
		this.parts = parts;
		this._privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
		this._keyFile = this._file("key.pem", this._privateKey.export({ type: "pkcs8", format: "pem" }));
	}

	private _file(name: string, content: string | Buffer): string {
		const path = join(this.parts.folder, name);
		writeFileSync(path, content);
		return path;
	}

	/** With its settings; `args` are more of its arguments. */
	station(broker: { readonly port: number }, ...args: string[]) {
		const updateKey = publicPoint(this._privateKey).toString("hex");
		const state = join(this.parts.folder, "station.flash");
		return this.parts.station(
			broker,
			...this.parts.config({ updateKey }),
			"--state",
			state,
			"--interval",
			"1s",
			...args,
		);
	}

	image(name: string, { size = IMAGE_BYTES, version = name } = {}) {
		const content = createImage(version, size);
		return { path: this._file(name, content), id: readImage(content).id, content };
	}

	async update(broker: { readonly port: number }, path: string, key = this._keyFile): Promise<Program> {
		const where = ["--broker", `mqtt://127.0.0.1:${broker.port}`, "--id", "sim"];
		const args = [await command, ...where, "--key", key, path];
		return this.parts.own(new Program("npm run update", process.execPath, args, this.parts.folder));
	}

	sign(content: Buffer): string {
		return signImage(content, this._privateKey).toString("hex");
	}
}

/** Resolves with the station's first image, when it has connected and subscribed. */
async function ready(broker: Mosquitto, subscriber: MosquittoSub): Promise<string> {
	await until("the subscription to commands", () => broker.count(/Sending SUBACK to veleta-sim$/) > 0);
	const { payload } = await subscriber.message("diagnostics", ({ topic }) => topic.endsWith("/diagnostics"));
	return JSON.parse(payload).image;
}

/** The program ends in good order; what it printed is there for a failure. `broker`: of one that sends firmware. */
async function endsWith(program: Program, code: number, line: RegExp, broker?: Mosquitto): Promise<void> {
	const ended = program.ended(() => broker?.count(CHUNK));
	assert.deepEqual(await ended, { code, signal: null }, program.lines.join("\n"));
	assert.match(program.lines.at(-1)!, line);
}

/** Resolves when the station has been sent more than so many pieces of an image. */
async function chunks(broker: Mosquitto, count: number): Promise<void> {
	const sent = () => broker.count(CHUNK);
	await until(`${count} chunks`, () => sent() > count, sent);
}

/** Of each life of the station, in order: the image in its first diagnostics. */
function imagesOf(subscriber: MosquittoSub): string[] {
	const images: string[] = [];
	let isNew = false;
	for (const { topic, payload } of subscriber.messages) {
		if (topic.endsWith("/status") && payload === "online") isNew = true;
		if (!topic.endsWith("/diagnostics") || !isNew) continue;
		images.push(JSON.parse(payload).image);
		isNew = false;
	}
	return images;
}

/** No reading is lost, and no number is used twice. */
async function checkReadings(subscriber: MosquittoSub): Promise<void> {
	const arrived = () => new Set(subscriber.arrivals.map(({ seq }) => seq));
	await subscriber.reaches(subscriber.highest() + 2);
	// The newest came first, perhaps.
	await until("every reading", () => arrived().size === subscriber.highest());
	const seqs = new Map(subscriber.arrivals.map(({ seq, payload }) => [seq, payload]));
	for (const { seq, payload } of subscriber.arrivals) assert.equal(payload, seqs.get(seq), "a number used twice");
}

describe("An update over the air", { concurrency: 2 }, () => {
	scenario("New firmware is sent, started and confirmed, and readings go on meanwhile.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker);
		const before = await ready(broker, subscriber);
		const { path, id } = bench.image("new");
		const update = await bench.update(broker, path);
		await endsWith(update, 0, new RegExp(`^veleta/sim: it runs the new firmware, ${id}$`), broker);
		await station.line(/update: confirmed$/);
		await endsWith(
			await bench.update(broker, path),
			0,
			new RegExp(`^veleta/sim: it runs this firmware already, ${id}$`),
		);
		await checkReadings(subscriber);
		assert.deepEqual(imagesOf(subscriber), [before, id]);
		await station.kill();
		// Confirmed: it outlives whatever comes.
		const second = bench.station(broker);
		await second.line(/connected with/);
		await until("its diagnostics", () => imagesOf(subscriber).length >= 3);
		assert.equal(imagesOf(subscriber)[2], id);
		assert.equal(second.count(/confirmed/), 0);
	});

	scenario("A broker that is killed in the middle does not end it.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker);
		await ready(broker, subscriber);
		const { path, id } = bench.image("new", { size: LARGE_IMAGE_BYTES });
		const update = await bench.update(broker, path);
		await chunks(broker, 100);
		await broker.kill();
		await update.line(/next attempt in/);
		assert.equal(update.exit, undefined);
		await broker.restart();
		await endsWith(update, 0, new RegExp(`it runs the new firmware, ${id}$`), broker);
		const first = /Sending PUBLISH to veleta-sim \(.*'veleta\/sim\/cmd\/update\/0'/;
		assert.equal(broker.count(first), 1, "it went on where it was");
		assert.equal(station.count(/given up/), 0);
		// What the broker had when it was killed may have reached nobody.
		await subscriber.reaches(subscriber.highest() + 2);
	});

	scenario("A station that is killed in the middle gets it from the beginning.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const first = bench.station(broker);
		const before = await ready(broker, subscriber);
		const { path, id } = bench.image("new", { size: LARGE_IMAGE_BYTES });
		const update = await bench.update(broker, path);
		await chunks(broker, 100);
		await first.kill();
		const second = bench.station(broker);
		await endsWith(update, 0, new RegExp(`it runs the new firmware, ${id}$`), broker);
		await second.line(/update: confirmed$/);
		assert.deepEqual(imagesOf(subscriber), [before, before, id]);
		await checkReadings(subscriber);
	});

	scenario("Firmware that does not reach the broker gives place to the one before.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker, "--interval", "1m", "--speed", "30");
		const before = await ready(broker, subscriber);
		const { path, id } = bench.image("bad", { version: NO_NETWORK });
		const update = await bench.update(broker, path);
		const line = new RegExp(`^veleta/sim: it went back: it runs ${before} again, and not ${id}$`);
		await endsWith(update, 1, line, broker);
		assert.equal(station.count(/cannot connect: this firmware does not get into the network/) > 3, true);
		assert.equal(station.count(/error: update: no broker; back to the firmware before$/), 1);
		assert.deepEqual(imagesOf(subscriber), [before, before]);
		await checkReadings(subscriber);
	});

	scenario("Firmware that is restarted before it has reached the broker is not started again.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const first = bench.station(broker);
		const before = await ready(broker, subscriber);
		const { path, id } = bench.image("bad", { version: NO_NETWORK });
		const update = await bench.update(broker, path);
		await first.line(/cannot connect: this firmware does not get into the network/);
		await first.kill();
		bench.station(broker);
		await endsWith(update, 1, new RegExp(`it went back: it runs ${before} again, and not ${id}$`), broker);
	});

	scenario("What is not signed by the right key, or not what was signed, changes nothing.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker);
		const before = await ready(broker, subscriber);
		const { path, content } = bench.image("new");
		const other = join(parts.folder, "other.pem");
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		writeFileSync(other, privateKey.export({ type: "pkcs8", format: "pem" }));
		await endsWith(await bench.update(broker, path, other), 1, /^veleta\/sim: it refuses: the signature is wrong$/);

		const replies = () => subscriber.messages.filter(({ topic }) => topic.endsWith("/reply"));
		const published = replies().length;
		const chunk = join(parts.folder, "chunk");
		content[50_000]! ^= 1;
		const begin = { size: content.length, signature: bench.sign(content) };
		content[50_000]! ^= 1;
		await broker.publish("veleta/sim/cmd/update", "-m", JSON.stringify(begin));
		for (let at = 0; at < content.length; at += PIECE) {
			writeFileSync(chunk, content.subarray(at, at + PIECE));
			await broker.publish(`veleta/sim/cmd/update/${at}`, "-f", chunk);
			// The station has room for a few replies only.
			const count = at / PIECE + 2;
			await until(`reply ${count}`, () => replies().length >= published + count);
		}
		assert.deepEqual(JSON.parse(replies().at(-1)!.payload), {
			command: "update/99600",
			ok: false,
			error: "the signature is wrong",
		});
		await broker.publish("veleta/sim/cmd/restart", "-n");
		await until("its diagnostics", () => imagesOf(subscriber).length >= 2);
		assert.deepEqual(imagesOf(subscriber), [before, before]);
		assert.equal(station.count(/confirmed/), 0);
	});

	scenario("Ctrl-C cancels it, and a station without a key takes none.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker);
		await ready(broker, subscriber);
		const { path } = bench.image("new", { size: LARGE_IMAGE_BYTES });
		const update = await bench.update(broker, path);
		await chunks(broker, 50);
		update.signal("SIGINT");
		await endsWith(update, 1, /^veleta\/sim: interrupted; the station keeps the firmware that it has$/);
		await station.line(/update: given up at \d+ of \d+ bytes: by the sender$/);
		await station.stop();

		const open = parts.station(broker, "--interval", "1s");
		await open.line(/connected with/);
		const refused = await bench.update(broker, path);
		await endsWith(refused, 1, /it refuses: no updates without updateKey$/);
	});

	scenario("A command line or a file that cannot be used is told in one line.", async (parts) => {
		const bench = new Bench(parts);
		const broker = { port: 1 };
		const run = async (...args: string[]) =>
			parts.own(new Program("npm run update", process.execPath, [await command, ...args], parts.folder));
		const where = ["--broker", "mqtt://127.0.0.1:1", "--id", "sim", "--key", "key.pem"];
		for (const [args, line] of [
			[[], /^--broker is missing; npm run update -- --help$/],
			[["--fly"], /^Unknown option '--fly'; npm run update/],
			[["--broker", "mqtt://me:secret@[", "--id", "sim", "--key", "key.pem"], /^--broker: must look like/],
			[["--broker", "mqtt://127.0.0.1:1", "--key", "key.pem", "x"], /^the station is missing: --id or --topic/],
			[[...where.slice(0, 4), "x"], /^--key is missing/],
			[[...where, "--id", "#", "x"], /^--id: /],
			[where, /^no firmware is built: npm run build:esp32 does it; or name a file/],
			[[...where, "a", "b"], /^b: one file at a time/],
			[["--no-network"], /^--no-network goes with --new-image/],
			[["--new-key", "k", "x"], /^x: nothing is sent now/],
			[[...where, "--cafile", "none", "x"], /^--cafile and --fingerprint are for mqtts:\/\/ and wss:\/\/$/],
			[[...where, "--broker", "mqtts://localhost", "--cafile", "none"], /^--cafile: none: there is no such file/],
		] as const) {
			const program = await run(...args);
			await endsWith(program, 2, line);
			assert.equal(program.lines.length, 1);
			assert.doesNotMatch(program.lines[0]!, /secret/);
		}
		await endsWith(await bench.update(broker, "none"), 1, /^none: there is no such file$/);
		writeFileSync(join(parts.folder, "text"), "text");
		await endsWith(await bench.update(broker, "text"), 1, /^text: it does not begin as firmware does$/);
		const { path } = bench.image("new");
		await endsWith(
			await bench.update(broker, path, "text"),
			1,
			/^text: is no private key in PEM, or needs a password$/,
		);
		const created = await run("--new-key", "own.pem");
		await endsWith(created, 0, /^"updateKey": "04[0-9a-f]{128}"$/);
		await endsWith(await run("--new-key", "own.pem"), 1, /^own\.pem: is there already, and is left as it is$/);
		await endsWith(await run("--help"), 0, /cannot be used\.$|line that/);
	});
});

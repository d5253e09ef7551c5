/** Firmware over the air to a station in XS, through a real broker, by `npm run update`. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { createImage, NO_NETWORK, readImage } from "../../hosts/node/update-image.ts";
import { publicPoint } from "../../hosts/node/update-key.ts";
import { PIECE_BYTES, SignedUpdate, type UpdateTerms } from "../../hosts/node/update-manifest.ts";
import { SIMULATED_BOARD } from "../../hosts/sim/headless/protocol.ts";
import { bundleProgram } from "../harness/bundle.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const command = bundleProgram("commands/update/update.ts");
const IMAGE_BYTES = 100_000;
/** Simulated time goes so many times as fast: new firmware is tried for three minutes. A minute of silence is a pause of three seconds then. */
const SPEED = "20";
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
		const updateKeys = [publicPoint(this._privateKey).toString("hex")];
		const state = join(this.parts.folder, "station.flash");
		const config = this.parts.config({ updateKeys });
		return this.parts.station(broker, ...config, "--state", state, "--interval", "30s", "--speed", SPEED, ...args);
	}

	image(name: string, { size = IMAGE_BYTES, version = name } = {}) {
		const content = createImage(version, size);
		return { path: this._file(name, content), id: readImage(content).id, content };
	}

	async update(
		broker: { readonly port: number },
		path: string,
		key = this._keyFile,
		...more: readonly string[]
	): Promise<Program> {
		const where = ["--broker", `mqtt://127.0.0.1:${broker.port}`];
		const whose = more.includes("--all") ? [] : ["--id", "sim"];
		const args = [await command, ...where, ...whose, "--key", key, ...more, path];
		return this.parts.own(new Program("npm run update", process.execPath, args, this.parts.folder));
	}

	sign(content: Buffer, terms: Partial<UpdateTerms> = {}): SignedUpdate {
		const usual = { number: 1, board: SIMULATED_BOARD, station: "veleta/sim" };
		return new SignedUpdate(content, { ...usual, ...terms }, this._privateKey);
	}

	/** As whoever has heard it: publishes it without a key, waiting for each reply. Resolves with the last one. */
	async replay(broker: Mosquitto, subscriber: MosquittoSub, update: SignedUpdate, offsets: readonly number[]) {
		const replies = (name: string) =>
			subscriber.messages
				.filter(({ topic }) => topic.endsWith("/reply"))
				.map(({ payload }) => JSON.parse(payload))
				// Late ones of another manifest come in between.
				.filter(({ command, manifest }) => command === name && (name !== "update" || manifest === update.name));
		const sends = async (name: string, payload: Uint8Array) => {
			const before = replies(name).length;
			const path = this._file("payload", Buffer.from(payload));
			// The station leaves a reply out where too many wait.
			await until(`a reply to ${name}`, async () => {
				await broker.publish(`veleta/sim/cmd/${name}`, "-f", path);
				return replies(name).length > before;
			});
			return replies(name).at(-1)!;
		};
		let last = await sends("update", update.begin);
		for (const offset of offsets) last = await sends(`update/${offset}`, update.piece(offset).payload);
		return last;
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

	scenario("A station that is killed in the middle goes on with it, within 64 KB.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const first = bench.station(broker);
		const before = await ready(broker, subscriber);
		const { path, id } = bench.image("new", { size: LARGE_IMAGE_BYTES });
		const update = await bench.update(broker, path);
		await chunks(broker, 100);
		await first.kill();
		const beginning = /Sending PUBLISH to veleta-sim \(.*'veleta\/sim\/cmd\/update\/0'/;
		const begun = broker.count(beginning);
		const second = bench.station(broker);
		await endsWith(update, 0, new RegExp(`it runs the new firmware, ${id}$`), broker);
		assert.equal(broker.count(beginning), begun, "it went on");
		await second.line(/update: confirmed$/);
		assert.deepEqual(imagesOf(subscriber), [before, before, id]);
		await checkReadings(subscriber);
	});

	scenario("Firmware that does not reach the broker gives place to the one before.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker, "--interval", "1m");
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

	scenario("What is not signed by the right key, or for another station or board, changes nothing.", async (parts) => {
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
		for (const [terms, error] of [
			[{ station: "veleta/cellar" }, "it is for another station"],
			[{ board: "esp32c3" }, "this is a board of the kind sim"],
		] as const) {
			const reply = await bench.replay(broker, subscriber, bench.sign(content, terms), []);
			assert.deepEqual([reply.ok, reply.error], [false, error]);
		}
		await broker.publish("veleta/sim/cmd/restart", "-n");
		await until("its diagnostics", () => imagesOf(subscriber).length >= 2);
		assert.deepEqual(imagesOf(subscriber), [before, before]);
		assert.equal(station.count(/confirmed/), 0);
	});

	scenario("What a stranger has heard of an update, or sends into it, changes nothing.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		bench.station(broker);
		await ready(broker, subscriber);
		const [first, second] = [bench.image("first"), bench.image("second", { size: 3 * LARGE_IMAGE_BYTES })];
		const number = (n: number) => ["--number", String(n)];
		await endsWith(await bench.update(broker, first.path, undefined, ...number(1)), 0, /runs the new firmware/, broker);
		const sent = broker.count(CHUNK);
		const update = await bench.update(broker, second.path, undefined, ...number(2));
		// While it is sent: the first one again, pieces of it, an empty message, pieces of nobody's.
		await chunks(broker, sent + 50);
		const heard = bench.sign(first.content, { number: 1 });
		for (let round = 0; round < 3; round++) {
			const reply = await bench.replay(broker, subscriber, heard, [0, PIECE_BYTES]);
			assert.equal(reply.ok, true, "it has that many bytes");
			await broker.publish("veleta/sim/cmd/update", "-n");
			for (const offset of ["x", "", "-1", "0.5", "1e3"])
				await broker.publish(`veleta/sim/cmd/update/${offset}`, "-m", "x");
		}
		await endsWith(update, 0, new RegExp(`it runs the new firmware, ${second.id}$`), broker);
		// Afterwards, as often as they like.
		for (let round = 0; round < 3; round++) {
			const { ok, error } = await bench.replay(broker, subscriber, heard, []);
			assert.deepEqual([ok, error], [false, "its number 1 is not above 2"]);
		}
		assert.equal(imagesOf(subscriber).at(-1), second.id);
		await checkReadings(subscriber);
	});

	scenario("Two senders at once: the one with the higher number gets through.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		bench.station(broker);
		await ready(broker, subscriber);
		const [older, newer] = [
			bench.image("older", { size: LARGE_IMAGE_BYTES }),
			bench.image("newer", { size: LARGE_IMAGE_BYTES }),
		];
		const one = await bench.update(broker, older.path, undefined, "--number", "1");
		await chunks(broker, 50);
		const two = await bench.update(broker, newer.path, undefined, "--number", "2");
		await endsWith(two, 0, new RegExp(`it runs the new firmware, ${newer.id}$`), broker);
		await endsWith(
			one,
			1,
			/it refuses: (its number 1 is not above 2; --number takes a higher one|the running firmware is not confirmed yet|the new firmware waits for a restart)$/,
		);
		assert.equal(imagesOf(subscriber).at(-1), newer.id);
	});

	scenario("An old one is refused, with what to do; a number of one's own.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		bench.station(broker);
		await ready(broker, subscriber);
		const [old, recent] = [bench.image("old"), bench.image("recent")];
		utimesSync(old.path, 1_000_000_000, 1_000_000_000);
		await endsWith(await bench.update(broker, recent.path), 0, /runs the new firmware/, broker);
		const refused = await bench.update(broker, old.path);
		await endsWith(
			refused,
			1,
			/^veleta\/sim: it refuses: its number 1000000000 is not above \d+; --number takes a higher one$/,
		);
		const forced = await bench.update(broker, old.path, undefined, "--number", "4000000000");
		await endsWith(forced, 0, new RegExp(`it runs the new firmware, ${old.id}$`), broker);
	});

	scenario("All stations that are there, one after the other; the first failure ends it.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const own = (id: string) => ["--state", join(parts.folder, `${id}.flash`), "--id", id];
		const stations = ["a", "b", "c"].map((id) => bench.station(broker, ...own(id)));
		await until("all stations", () =>
			["a", "b", "c"].every((id) => subscriber.messages.some(({ topic }) => topic === `veleta/${id}/diagnostics`)),
		);
		const { path, id } = bench.image("new");
		const update = await bench.update(broker, path, undefined, "--all", "veleta/+", "--at-once", "2");
		await endsWith(update, 0, /^3 of 3 stations run it$/, broker);
		for (const name of ["a", "b", "c"])
			assert.ok(update.lines.includes(`veleta/${name}: it runs the new firmware, ${id}`));
		await stations[1]!.stop();
		const bad = bench.image("bad", { version: NO_NETWORK });
		const failing = await bench.update(broker, bad.path, undefined, "--all", "veleta/+");
		await endsWith(failing, 1, /^0 of 2 stations run it, 1 not, 1 not begun$/, broker);
		assert.ok(failing.lines.includes("veleta/b: its status is offline: left out"));
	});

	scenario("Ctrl-C leaves it for later, and a station without a key takes none.", async (parts) => {
		const bench = new Bench(parts);
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/#");
		const station = bench.station(broker);
		await ready(broker, subscriber);
		const { path, id } = bench.image("new", { size: LARGE_IMAGE_BYTES });
		const update = await bench.update(broker, path);
		await chunks(broker, 400);
		update.signal("SIGINT");
		const line =
			/^veleta\/sim: interrupted; the station keeps the firmware that it has; the same update goes on where it is$/;
		await endsWith(update, 1, line);
		await station.line(/update: left at \d+ of \d+ bytes: silence$/);
		const sent = broker.count(CHUNK);
		await endsWith(await bench.update(broker, path), 0, new RegExp(`it runs the new firmware, ${id}$`), broker);
		const more = broker.count(CHUNK) - sent;
		assert.ok(more < 400, `${more} pieces more`);
		await station.stop();

		const open = parts.station(broker, "--interval", "1s");
		await open.line(/connected with/);
		const refused = await bench.update(broker, path);
		await endsWith(refused, 1, /it refuses: no updates without updateKeys$/);
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
			[[...where, "--all", "veleta/+"], /^--all is instead of --id and --topic$/],
			[[...where, "--at-once", "2"], /^--at-once goes with --all$/],
			[[...where.slice(0, 2), "--all", "veleta/#"], /^--all: # cannot be in it$/],
			[[...where, "--number", "0"], /^--number: must be a whole number from 1 to 4294967295$/],
			[[...where, "--board", "toaster"], /^--board toaster: the boards are esp32, /],
			[[...where, "--config", "none"], /^--config none: there is no such file$/],
			[[...where, "--password-file", "x"], /^--password-file x: there is no such file$/],
			[["--no-network"], /^--no-network goes with --new-image/],
			[["--new-key", "k", "x"], /^x: nothing is sent now/],
			[[...where, "--cafile", "none", "x"], /^--cafile, --fingerprint and --tls-alpn are for mqtts/],
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
		await endsWith(created, 0, /^"updateKeys": \["04[0-9a-f]{128}"\]$/);
		await endsWith(await run("--new-key", "own.pem"), 1, /^own\.pem: is there already, and is left as it is$/);
		await endsWith(await run("--help"), 0, /cannot be used\.$|line that/);
	});
});

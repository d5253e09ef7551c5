/** A board's TLS in the XS engine, with a broker and a time that this test plays: what no clock of a computer decides. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { type Connecting, ScriptedStation, type ScriptedTls } from "../../bench/scripted-station.ts";
import { TlsBroker } from "../../bench/tls-broker.ts";
import { SESSION_MAXIMUM, SessionMemory } from "../../hosts/sim/headless/tls-session.ts";
import { buildEngine } from "../../tools/engine.js";
import { Certificates } from "../harness/certificates.ts";

const FIRMWARE = join(process.cwd(), "build/firmware.js");
/** Time that the link gives a broker with TLS to open a connection, in s. */
const OPEN_TIMEOUT_S = 30;
const INTERVAL_S = 2;

const folder = mkdtempSync(join(tmpdir(), "veleta-board-tls-"));
after(() => rmSync(folder, { recursive: true }));
const certificates = new Certificates(folder);
let tls: ScriptedTls;

before(async () => {
	await buildEngine({ withTls: true });
	const authority = certificates.authority("an authority", "rsa");
	const identity = certificates.issue(authority, { kind: "rsa" });
	const [certificate, key] = [readFileSync(identity.certificate, "utf8"), readFileSync(identity.key, "utf8")];
	tls = { broker: new TlsBroker({ certificate, key }), ca: readFileSync(authority.certificate, "utf8") };
});

async function playing(tls: ScriptedTls, play: (station: ScriptedStation) => Promise<void>): Promise<void> {
	const station = new ScriptedStation({ firmware: FIRMWARE, tls });
	try {
		// Certificates are valid today, and the weather is another one each day.
		await station.load({}, { text: readFileSync("test/data/bme280-vectors.json", "utf8"), name: "periph-i2c" });
		await station.start();
		await play(station);
	} finally {
		station.close();
	}
}

test("a broker that sends a byte a second of its first flight has 30 s, while the station measures on", async () => {
	let flight = new Uint8Array(0);
	const broker = {
		open: () => tls.broker.open(),
		wrap: (bytes: Uint8Array) => tls.broker.wrap(bytes),
		receive: async (bytes: Uint8Array) => {
			const { said, answer } = await tls.broker.receive(bytes);
			flight = Uint8Array.from(answer);
			return { said, answer: new Uint8Array(0) };
		},
	};
	await playing({ ...tls, broker }, async (station) => {
		await station.open();
		ok(flight.length > 2 * OPEN_TIMEOUT_S, `${flight.length} bytes in the broker's first flight`);
		const before = (await station.counters()).readings;
		const ended = () => station.log.find((line) => line.includes("cannot connect"));
		let seconds = 0;
		for (; !ended(); seconds++) {
			await station.receiveRaw(flight.subarray(seconds, seconds + 1));
			await station.pass(1_000);
		}
		match(ended()!, /: cannot connect: no answer within 30 s; next attempt in /);
		// It began before the socket opened.
		ok(seconds >= OPEN_TIMEOUT_S - 1 && seconds <= OPEN_TIMEOUT_S, `after ${seconds} s`);
		equal((await station.counters()).readings - before, Math.floor(seconds / INTERVAL_S));
	});
});

test("a handshake costs the same each time, full and resumed: the engine waits for its thread", async () => {
	const lives: (Connecting | undefined)[][] = [];
	for (let life = 0; life < 2; life++) {
		const session = new SessionMemory();
		const costs: (Connecting | undefined)[] = [];
		for (let start = 0; start < 2; start++) {
			await playing({ ...tls, session }, async (station) => {
				await station.connect(true);
				costs.push(station.connecting);
			});
		}
		lives.push(costs);
	}
	deepEqual(lives[0], lives[1]);
	deepEqual(
		lives[0]!.map((cost) => cost!.flights),
		[6, 4],
	);
});

test("a session that does not fit into a board's memory is forgotten, and nothing else is answered", () => {
	const [LOAD, SAVE] = [0x10, 0x11];
	const memory = new SessionMemory();
	const load = () => memory.answer(Uint8Array.of(LOAD))!.length;
	equal(load(), 0);
	const save = (length: number) => memory.answer(Uint8Array.of(SAVE, ...new Uint8Array(length)));
	save(SESSION_MAXIMUM);
	equal(load(), SESSION_MAXIMUM);
	save(SESSION_MAXIMUM + 1);
	equal(load(), 0);
	save(10);
	save(0);
	equal(load(), 0);
	equal(memory.answer(Uint8Array.of(0)), undefined);
});

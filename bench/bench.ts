/**
 * `npm run bench`: what a reading costs. Counts, not times, but for the last
 * lines: XS's own meter, slots and chunks, and bytes on the wire are the same in
 * every run on every machine.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startBroker } from "../hosts/sim/headless/broker.ts";
import { FLASH_BYTES, FlashFile } from "../hosts/sim/headless/flash-file.ts";
import { Runner } from "../hosts/sim/headless/runner.ts";
import type { Memory } from "../hosts/sim/headless/xs-worker.ts";
import { runWorld } from "../hosts/sim/world/world.ts";
import type { Flash } from "../src/host.ts";
import { roundTrips } from "./round-trips.ts";
import { ScriptedStation } from "./scripted-station.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
/** Bytes of a slot on a 32-bit board. */
const SLOT_BYTES = 16;
const READINGS = 100;
/** Readings without a broker: more than the outbox holds. */
const OUTAGE = 400;
/** Simulated time at the simulator's highest speed, and for how long in real ms. */
const SPEED = { simulated: 10_000, real: 3_000 };

/** A board without a partition for readings. */
const REFUSING_FLASH: Flash = {
	status: refuse,
	read: refuse,
	write: refuse,
	eraseBlock: refuse,
};

function refuse(): never {
	throw new Error("no flash");
}

/** Simulated worlds of a day, with all their faults. */
const WORLDS = 10;

/** What the design allows. */
const BUDGET = { ram: 24 * 1_024, outboxRatio: 1.3, roundTrips: 2, linkedJavaScript: 220 * 1_024 };

const rows: [what: string, value: string, budget: string][] = [];
let exceeded = false;

function row(what: string, value: string, measured?: number, budget?: number, unit = ""): void {
	const over = measured !== undefined && budget !== undefined && measured > budget;
	exceeded ||= over;
	rows.push([what, value, budget === undefined ? "" : `≤ ${budget}${unit}${over ? "  EXCEEDED" : ""}`]);
}

/** What a recorded sensor costs: the simulated weather would count, too. */
async function measureReading(sensor: string, file: string, name: string): Promise<void> {
	const station = new ScriptedStation();
	await station.load({ sensor }, { text: readFileSync(file, "utf8"), name });
	const loaded = await station.memory();
	await station.start();
	const roundTrips = await station.connect();
	for (let warmUp = 0; warmUp < 10; warmUp++) await station.reading();
	const total = { compute: 0, slots: 0, bytesSent: 0, bytesReceived: 0 };
	await station.memory(); // collects the garbage, so that none is collected while it is counted
	for (let count = 0; count < READINGS; count++) {
		const cost = await station.reading();
		for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += cost[key];
	}
	const running = await station.memory();
	await station.queue(READINGS + OUTAGE);
	const away = await station.memory();
	station.close();
	const average = (sum: number) => Math.round(sum / READINGS);
	const ramRow = (when: string, memory: Memory) => {
		const slots = memory.slots - loaded.slots;
		const chunkBytes = memory.chunkBytes - loaded.chunkBytes;
		const ram = slots * SLOT_BYTES + chunkBytes;
		row(`${sensor}: live RAM, ${when}`, `${ram} B (${slots} slots, ${chunkBytes} B of chunks)`, ram, BUDGET.ram, " B");
	};
	row(`${sensor}: XS compute, sample to PUBACK`, `${average(total.compute)}`);
	row(`${sensor}: slots of garbage, sample to PUBACK`, `${average(total.slots)}`);
	row(`${sensor}: bytes sent and received`, `${average(total.bytesSent)} + ${average(total.bytesReceived)}`);
	ramRow("running", running);
	ramRow("outbox full, window full", away);
	row(`${sensor}: round trips, socket to first PUBACK`, `${roundTrips}`, roundTrips, BUDGET.roundTrips);
}

/** What a reading of a BME280 takes while it waits: in flash, and in the ring that takes its place where the flash refuses. */
async function measureOutbox(): Promise<void> {
	const inFlash = await queuedWhenFull(new FlashFile(undefined), {});
	const perReading = FLASH_BYTES / inFlash;
	row(
		"outbox: bytes of flash per queued reading",
		`${perReading.toFixed(1)} B (${inFlash} in ${FLASH_BYTES / 1_024} KB)`,
	);
	const ringBytes = 8_192;
	const inRing = await queuedWhenFull(REFUSING_FLASH, { outbox: ringBytes });
	const perReadingInRam = ringBytes / inRing;
	row("outbox: bytes of RAM per queued reading, without flash", `${perReadingInRam.toFixed(1)} B (${inRing} in 8 KB)`);
	const payload = JSON.stringify({ temperature: 21.53, humidity: 45.2, pressure: 1013.25, time: new Date(0), seq: 42 });
	for (const [where, bytes] of [
		["flash", perReading],
		["RAM", perReadingInRam],
	] as const) {
		const ratio = bytes / payload.length;
		row(`outbox: ratio to the payload, ${where}`, ratio.toFixed(2), ratio, BUDGET.outboxRatio);
	}
}

/** Readings that wait when the first one was dropped. */
async function queuedWhenFull(flash: Flash, settings: object): Promise<number> {
	const station = new ScriptedStation(flash);
	await station.load(settings);
	await station.start();
	let queued = 0;
	for (let readings = 10; ; readings += 10) {
		await station.queue(readings);
		const counters = await station.counters();
		if (counters.dropped > 0) break;
		queued = counters.queued;
	}
	station.close();
	return queued;
}

/** On one processor; the first worlds compile. */
function measureWorlds(): void {
	for (let seed = 1; seed <= WORLDS; seed++) runWorld(seed, 1);
	const start = performance.now();
	for (let seed = WORLDS + 1; seed <= 4 * WORLDS; seed++) runWorld(seed, 1);
	const seconds = (performance.now() - start) / 1_000;
	row("worlds: simulated device-hours per second", `${Math.round((3 * WORLDS * 24) / seconds)} (this machine, now)`);
}

async function measureSpeed(): Promise<void> {
	const broker = await startBroker();
	const runner = new Runner({
		firmware: FIRMWARE,
		settings: { id: "bench", interval: 60, broker: `mqtt://127.0.0.1:${broker.port}` },
		flash: new FlashFile(undefined),
		seed: 1,
		speed: SPEED.simulated,
		onLog: () => {},
	});
	await runner.start();
	await new Promise((resolve) => setTimeout(resolve, SPEED.real));
	const { acknowledged } = await runner.counters();
	await runner.stop();
	runner.close();
	await broker.close();
	row(
		"simulator: acknowledged readings per second",
		`${Math.round((acknowledged * 1_000) / SPEED.real)} (this machine, now)`,
	);
}

async function measureRoundTrips(): Promise<void> {
	const broker = await startBroker();
	await roundTrips(broker.port, true); // the first one compiles
	for (const pipelining of [true, false]) {
		const trips = await roundTrips(broker.port, pipelining);
		const what = pipelining ? "pipelined" : "step by step";
		row(`100 ms each way: round trips to first PUBACK, ${what}`, trips.toFixed(1));
	}
	await broker.close();
}

/** Links it where the SDK is; otherwise tells what the last build or link there left. */
function reportLinkedSize(): void {
	const file = fileURLToPath(new URL("../esp32-size.json", import.meta.url));
	if (process.env.MODDABLE) {
		const { status, stderr } = spawnSync(process.execPath, ["tools/esp32.js", "size"], { encoding: "utf8" });
		if (status !== 0) throw new Error(`tools/esp32.js size: ${stderr}`);
	}
	if (!existsSync(file)) return row("esp32: linked JavaScript", "not linked: needs the Moddable SDK");
	const { board, linkedJavaScript } = JSON.parse(readFileSync(file, "utf8"));
	row(`${board}: linked JavaScript`, `${linkedJavaScript} B`, linkedJavaScript, BUDGET.linkedJavaScript, " B");
}

await measureReading("bme280", "test/data/bme280-vectors.json", "periph-i2c");
await measureReading("dht22", "test/data/dht-pulse-trains.json", "am2301");
await measureOutbox();
reportLinkedSize();
await measureRoundTrips();
await measureSpeed();
measureWorlds();

const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
for (const [what, value, budget] of rows) {
	const line = `${what.padEnd(widths[0]! + 2)}${value.padEnd(widths[1]! + 2)}${budget}`;
	process.stdout.write(`${line.trimEnd()}\n`);
}
process.exit(exceeded ? 1 : 0);

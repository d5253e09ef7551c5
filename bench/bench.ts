/**
 * `npm run bench`: the cost of a reading. All but the last lines are counts, not
 * times: XS's own meter, slots and chunks, and bytes on the wire are the same in
 * every run on every machine.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, EXIT_DONE, EXIT_FAILED, HELP, readLine, type Values } from "../commands/frame.ts";
import { type Creation, creationOf, XS_SLOT_BYTES } from "../hosts/creation.ts";
import { startBroker } from "../hosts/sim/headless/broker.ts";
import { EngineError } from "../hosts/sim/headless/engine.ts";
import { FLASH_BYTES, FlashFile } from "../hosts/sim/headless/flash-file.ts";
import type { Configuration } from "../hosts/sim/headless/protocol.ts";
import { Runner } from "../hosts/sim/headless/runner.ts";
import { SessionMemory } from "../hosts/sim/headless/tls-session.ts";
import { runWorld } from "../hosts/sim/world/world.ts";
import { DERIVED } from "../src/net/derived.ts";
import type { SensorModel } from "../src/sensors/models.ts";
import { Certificates, type KeyKind } from "../test/harness/certificates.ts";
import { buildEngine, MissingMbedTlsError } from "../tools/engine.js";
import { observatoryCost } from "./observatory.ts";
import { openings, type Way } from "./openings.ts";
import { publishingCost, SUBJECTS } from "./publishing.ts";
import {
	type Connecting,
	type Cost,
	ScriptedStation,
	type ScriptedStationOptions,
	type ScriptedTls,
	type StationSettings,
} from "./scripted-station.ts";
import { TlsBroker } from "./tls-broker.ts";

const USAGE = `Usage: npm run bench

Shows what a reading costs. Ends with 1 when a budget is exceeded.
`;

const LINE = { name: "npm run bench", options: { help: HELP } };

export const command: Command<Values<typeof LINE.options>> = {
	...LINE,
	help: USAGE,
	read: (args) => readLine(args, LINE)?.values,
	run: bench,
};

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
const READINGS = 100;
/** Readings without a broker: more than the outbox holds in RAM. */
const OUTAGE = 400;
/** Readings after which the simulator's flash has gone round. */
const AROUND = 3_300;
/** The simulator's highest speed, at which it has always something to do, and real ms to run at it before it is measured, and then. */
const SPEED = { simulated: 10_000, interval: 10, warmUp: 1_000, real: 3_000 };

const BOARD = creationOf("esp32");
/** Large enough that no garbage is collected while a reading's is counted. */
const ROOMY: Creation = {
	...BOARD,
	static: 16 * 1_024 * 1_024,
	heap: { initial: 65_536, incremental: 4_096 },
	chunk: { initial: 1_024 * 1_024, incremental: 65_536 },
};
/** Small initial sizes, so that the block decides. */
const GROWING: Creation = {
	...BOARD,
	heap: { initial: 32, incremental: 32 },
	chunk: { initial: 256, incremental: 256 },
};
/** Steps of the search for the smallest heap, in bytes. */
const HEAP_STEP = 1_024;

/** Lines of the results about TLS. */
const TLS_ROWS = 22;

/** In the simulated weather, whose noise is a sensor's; with the most bytes that a reading may take. */
const DAYS: readonly (readonly [what: string, settings: StationSettings, bytes?: number])[] = [
	["day of minutes", {}, 116],
	["day of minutes, values", { values: true }],
	["day of minutes, change 0.2 °C, 1 %, 0.5 hPa", { change: { temperature: 0.2, humidity: 1, pressure: 0.5 } }],
	["day of minutes, CBOR", { payload: "cbor" }, 50],
	["day of ten minutes", { interval: 600 }, 140],
	["day of ten minutes, CBOR", { interval: 600, payload: "cbor" }],
];
const DAY_MS = 86_400_000;

/** Simulated worlds of a day, with all their faults: until most is compiled, as in a run of thousands, and those that are measured. */
const WARM_WORLDS = 40;
const WORLDS = 60;

/** The design's limits. */
const BUDGET = {
	/** Of a BME280's reading. */
	compute: 16_000,
	garbage: 14_500,
	ram: 16 * 1_024,
	crowdedRam: 23 * 1_024,
	discoveryRam: 17 * 1_024,
	smallestHeap: 27 * 1_024,
	stack: (BOARD.stack * 3) / 4,
	outboxRatio: 1.3,
	mount: 30_000,
	mountReads: 20,
	/** For each of the simulator's 64 KB: what waits is counted slot by slot. */
	fullMount: 100_000,
	roundTrips: 2,
	tcpFlights: 2,
	upgradeFlights: 2,
	/** Up to the flight with the first PUBACK; the JavaScript TLS of earlier versions took 13 KB. */
	flights: 6,
	resumedFlights: 4,
	tls13Flights: 4,
	tlsRam: 1_536,
	/** What resumes a session, while it is in RAM. */
	tlsSession: 1_152,
	webSocketRam: 1_024,
	/** A thousand engines have 3 GB then. */
	engineMemory: 3 * 2 ** 20,
	linkedJavaScript: 353_000,
	bytesPerReading: 150,
	observatoryHeap: 1_024 * 1_024,
	pageBytes: 150_000,
};

const rows: [what: string, value: string, budget: string][] = [];
let exceeded = false;

function row(what: string, value: string, measured?: number, budget?: number, unit = ""): void {
	const over = measured !== undefined && budget !== undefined && measured > budget;
	exceeded ||= over;
	rows.push([what, value, budget === undefined ? "" : `≤ ${budget}${unit}${over ? "  EXCEEDED" : ""}`]);
}

/** With a recorded sensor: the simulated weather would count, too. */
async function measureReading(sensor: SensorModel, file: string, name: string): Promise<void> {
	const replay = { text: readFileSync(file, "utf8"), name };
	const station = await started({ sensor }, ROOMY, replay);
	const roundTrips = await station.connect();
	for (let warmUp = 0; warmUp < 10; warmUp++) await station.reading();
	const costs: Cost[] = [];
	for (let count = 0; count < READINGS; count++) costs.push(await station.reading());
	station.close();
	const average = (key: keyof Cost) => Math.round(costs.reduce((sum, cost) => sum + cost[key], 0) / READINGS);
	const budget = sensor === "bme280" ? BUDGET : undefined;
	const compute = average("compute");
	row(`${sensor}: XS compute, sample to PUBACK`, `${compute}`, compute, budget?.compute);
	row(`${sensor}: XS compute of simulated chip and sockets beside it`, `${average("asideCompute")}`);
	const garbage = average("slots") * XS_SLOT_BYTES + average("chunks");
	const what = `${garbage} B (${average("slots")} slots, ${average("chunks")} B of chunks)`;
	row(`${sensor}: garbage, sample to PUBACK`, what, garbage, budget?.garbage, " B");
	row(`${sensor}: bytes sent and received`, `${average("bytesSent")} + ${average("bytesReceived")}`);
	row(`${sensor}: round trips, socket to first PUBACK`, `${roundTrips}`, roundTrips, BUDGET.roundTrips);
}

/** A message of 100 bytes at QoS 1 with its PUBACK: by the station's session, and by others. */
async function measurePublishing(): Promise<void> {
	let limit: number | undefined;
	for (const [name, what, budget] of SUBJECTS) {
		const cost = await publishingCost(name);
		const label = `100 B and PUBACK, ${what}`;
		if (!cost) row(label, "not measured: needs the Moddable SDK");
		if (!cost) continue;
		const compute = Math.round(cost.compute);
		limit ??= compute;
		const garbage = `${Math.round(cost.slots)} slots, ${Math.round(cost.chunks)} B of chunks`;
		row(label, `${compute} (${(compute / limit).toFixed(1)} × limit; ${garbage})`, compute, budget);
	}
}

/**
 * A day's MQTT, both ways, at a broker that takes topic aliases, as most do: readings, PINGREQs, diagnostics and what
 * answers them. It begins behind the first reading: connecting is another matter.
 */
async function measureDays(): Promise<void> {
	for (const [what, settings, budget] of DAYS) {
		const all = { sensor: "bme280", interval: 60, ...settings } as const;
		const station = await started(all, BOARD, undefined, { takesAliases: true });
		await station.connect();
		await station.serve(0);
		const before = (await station.counters()).acknowledged;
		const { messages, bytesSent, bytesReceived } = await station.serve(DAY_MS);
		const readings = (await station.counters()).acknowledged - before;
		station.close();
		const bytes = Math.round((bytesSent + bytesReceived) / readings);
		row(`bme280: a ${what}`, `${messages} messages, ${bytes} B per acknowledged reading`, bytes, budget, " B");
	}
}

async function started(
	settings: StationSettings,
	creation: Creation,
	replay?: Configuration["replay"],
	options: Pick<ScriptedStationOptions, "tls" | "isWebSocket" | "takesAliases"> = {},
): Promise<ScriptedStation> {
	const station = new ScriptedStation({ creation, flash: new FlashFile(undefined), ...options });
	await station.load(settings, replay);
	await station.start();
	return station;
}

/** A station's life: start, readings, an outage, and recovery. Calls `look` after each part. */
async function live(station: ScriptedStation, look: (when: string) => Promise<void> = async () => {}): Promise<void> {
	await station.connect();
	for (let count = 0; count < READINGS; count++) await station.reading();
	await look("running");
	await station.disconnect();
	await station.queue(2 * READINGS + OUTAGE);
	await look("in an outage");
	await station.connect();
	for (let count = 0; count < READINGS; count++) await station.reading();
	await look("after an outage");
	await station.crowd();
	await look("commands come and nothing is acknowledged");
}

/** RAM and stack of a station's life. `extra`: bytes of RAM for what is between MQTT and the wire. */
async function measureLife(what: string, station: ScriptedStation, extra = 0): Promise<void> {
	await live(station, async (when) => {
		const { figures } = station.engine;
		const ram = await station.ram();
		const isCrowded = when.startsWith("commands");
		row(`${what}: live RAM, ${when}`, `${ram} B`, ram, extra + (isCrowded ? BUDGET.crowdedRam : BUDGET.ram), " B");
		if (!isCrowded) return;
		const { highestStack } = figures;
		row(`${what}: highest stack`, `${highestStack} of ${BOARD.stack} slots`, highestStack, BUDGET.stack);
	});
	station.close();
}

async function measureMemory(sensor: SensorModel): Promise<void> {
	await measureLife(sensor, await started({ sensor }, BOARD));
	const smallest = await smallestHeap({ sensor });
	// A simulated DHT makes its pulse trains in the same heap; on a board the hardware captures them.
	const budget = sensor === "bme280" ? BUDGET.smallestHeap : undefined;
	row(`${sensor}: smallest heap for all this`, `${smallest} B`, smallest, budget, " B");
}

/** What Home Assistant's discovery takes: all entities there are. */
async function measureDiscovery(): Promise<void> {
	const station = new ScriptedStation({ creation: BOARD, flash: new FlashFile(undefined) });
	const derived = { altitude: 667, derived: DERIVED };
	await station.load({ sensor: "bme280", homeAssistant: true, ...derived }, recorded());
	await station.start();
	await station.connect();
	const { highestRam, sizes } = await station.discovery("homeassistant/");
	const { highestStack } = station.engine.figures;
	const what = "bme280, Home Assistant";
	row(`${what}: live RAM, highest while discovery is sent`, `${highestRam} B`, highestRam, BUDGET.discoveryRam, " B");
	const ram = await station.ram();
	row(`${what}: live RAM behind it`, `${ram} B`, ram, BUDGET.ram, " B");
	row(`${what}: highest stack`, `${highestStack} of ${BOARD.stack} slots`, highestStack, BUDGET.stack);
	const total = sizes.reduce((sum, size) => sum + size, 0);
	row(`${what}: messages`, `${sizes.filter(Boolean).length}, up to ${Math.max(...sizes)} B, together ${total} B`);
	station.close();
	const smallest = await smallestHeap({ sensor: "bme280", homeAssistant: true });
	row(`${what}: smallest heap for all this`, `${smallest} B`, smallest, BUDGET.smallestHeap, " B");
}

/** The smallest block of chunks and slots, without the stack, in which a station runs. */
async function smallestHeap(settings: StationSettings, tls?: ScriptedTls): Promise<number> {
	let dies = 0;
	let lives = BUDGET.smallestHeap * 2;
	while (lives - dies > HEAP_STEP) {
		const heap = Math.round((lives + dies) / 2 / HEAP_STEP) * HEAP_STEP;
		let station: ScriptedStation | undefined;
		try {
			const creation = { ...GROWING, static: heap + BOARD.stack * XS_SLOT_BYTES };
			station = await started(settings, creation, tls && recorded(), { tls });
			await live(station);
			lives = heap;
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			dies = heap;
		} finally {
			station?.close();
		}
	}
	return lives;
}

/** MQTT over a WebSocket, in which each packet of the broker's has a frame of its own. */
async function measureWebSocket(): Promise<void> {
	const [tcp, webSocket] = [await connected(), await connected(undefined, true)];
	row("TCP: flights to first PUBACK", `${tcp.flights}`, tcp.flights, BUDGET.tcpFlights);
	row(
		"ws: flights to first PUBACK",
		`${webSocket.flights}`,
		webSocket.flights,
		BUDGET.tcpFlights + BUDGET.upgradeFlights,
	);
	const sent = webSocket.bytesSent - tcp.bytesSent;
	row("ws: more bytes sent and received until then", `${sent} + ${webSocket.bytesReceived - tcp.bytesReceived}`);
	const station = await started({ sensor: "bme280" }, BOARD, undefined, { isWebSocket: true });
	await measureLife("ws", station, BUDGET.webSocketRam);
}

/** A board's TLS, in the engine that has it. */
async function measureTls(): Promise<void> {
	try {
		await buildEngine({ withTls: true });
	} catch (error) {
		if (!(error instanceof MissingMbedTlsError)) throw error;
		return row("TLS: rows that are not measured", `${TLS_ROWS}: needs libmbedtls-dev`);
	}
	const folder = mkdtempSync(join(tmpdir(), "veleta-bench-"));
	const before = rows.length;
	try {
		const plain = await connected();
		await measureHandshakes("ec", folder, plain);
		await measureHandshakes("rsa", folder, plain);
		await measureTlsMemory(folder);
		await measureSecureWebSocket(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
	if (rows.length - before !== TLS_ROWS) throw new Error(`${rows.length - before} rows about TLS, and not ${TLS_ROWS}`);
}

/** Certificates are valid today, and the weather is another one each day. */
function recorded(): NonNullable<Configuration["replay"]> {
	return { text: readFileSync("test/data/bme280-vectors.json", "utf8"), name: "periph-i2c" };
}

/** OpenSSL's signatures with an elliptic curve differ by some bytes from time to time: what counts bytes has RSA. */
function tlsWith(kind: KeyKind, folder: string): ScriptedTls {
	const certificates = new Certificates(join(folder, kind));
	const authority = certificates.authority("an authority", kind);
	const identity = certificates.issue(authority, { kind });
	const [certificate, key] = [readFileSync(identity.certificate, "utf8"), readFileSync(identity.key, "utf8")];
	return { broker: new TlsBroker({ certificate, key }), ca: readFileSync(authority.certificate, "utf8") };
}

/** What it takes to connect, and to be connected. */
interface Connected extends Connecting {
	readonly ram: number;
	readonly tlsHeap: number;
	readonly highestTlsHeap: number;
}

async function connected(tls?: ScriptedTls, isWebSocket = false): Promise<Connected> {
	const station = await started({ sensor: "bme280" }, BOARD, recorded(), { tls, isWebSocket });
	await station.connect(true);
	const ram = await station.ram();
	const { tlsHeap, highestTlsHeap } = station.engine.figures;
	station.close();
	return { ...station.connecting!, ram, tlsHeap, highestTlsHeap };
}

/** A full handshake, and one of the machine's next start that resumes it. */
async function measureHandshakes(kind: KeyKind, folder: string, plain: Connected): Promise<void> {
	const session = new SessionMemory();
	const tls = { ...tlsWith(kind, folder), session };
	for (const [name, budget] of [
		["full", BUDGET.flights],
		["resumed", BUDGET.resumedFlights],
	] as const) {
		const cost = await connected(tls);
		const what = `TLS, ${kind}, ${name}`;
		row(`${what}: flights to first PUBACK`, `${cost.flights}`, cost.flights, budget);
		const [ram, highest] = [cost.ram - plain.ram, cost.highestRam - plain.highestRam];
		row(
			`${what}: live RAM of XS, more than without`,
			`${ram} B, ${highest} B while connecting`,
			highest,
			BUDGET.tlsRam,
			" B",
		);
		if (kind !== "rsa") continue;
		row(`${what}: bytes sent and received until then`, `${cost.bytesSent} + ${cost.bytesReceived}`);
		row(`${what}: heap of Mbed TLS`, `${cost.tlsHeap} B, ${cost.highestTlsHeap} B while connecting`);
	}
	if (kind === "rsa") row(`TLS, ${kind}: bytes that resume it`, `${session.bytes.length} B`);
}

/** The same over a WebSocket: the upgrade comes on top. */
async function measureSecureWebSocket(folder: string): Promise<void> {
	const tls = { ...tlsWith("ec", join(folder, "wss")), session: new SessionMemory() };
	for (const [name, budget] of [
		["full", BUDGET.flights],
		["resumed", BUDGET.resumedFlights],
	] as const) {
		const { flights } = await connected(tls, true);
		row(`wss, ec, ${name}: flights to first PUBACK`, `${flights}`, flights, budget + BUDGET.upgradeFlights);
	}
	const station = await started({ sensor: "bme280" }, BOARD, recorded(), { tls, isWebSocket: true });
	await measureLife("wss", station, BUDGET.tlsRam + BUDGET.tlsSession + BUDGET.webSocketRam);
}

async function measureTlsMemory(folder: string): Promise<void> {
	const tls = tlsWith("rsa", join(folder, "memory"));
	const heap = await smallestHeap({ sensor: "bme280" }, tls);
	row("bme280: smallest heap for all this, with TLS", `${heap} B`);
	const station = await started({ sensor: "bme280" }, BOARD, recorded(), { tls });
	await live(station);
	const { highestStack } = station.engine.figures;
	station.close();
	row("bme280: highest stack, with TLS", `${highestStack} of ${BOARD.stack} slots`, highestStack, BUDGET.stack);
}

/** Bytes of a waiting reading of a BME280: in flash, and in the ring in RAM that replaces a failing flash. */
async function measureOutbox(): Promise<void> {
	const inFlash = await queuedWhenFull({}, new FlashFile(undefined));
	const perReading = FLASH_BYTES / inFlash;
	row(
		"outbox: bytes of flash per queued reading",
		`${perReading.toFixed(1)} B (${inFlash} in ${FLASH_BYTES / 1_024} KB)`,
	);
	const ringBytes = 8_192;
	const inRing = await queuedWhenFull({ outbox: ringBytes });
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

/** What the log costs at each start, and so at each wake: with nothing that waits, and with all that fits. */
async function measureWakes(): Promise<void> {
	const { compute: without } = await startOf();
	for (const times of [1, 2]) {
		const size = `${(times * FLASH_BYTES) / 1_024} KB of flash`;
		// More than once round, so that a block behind the newest one has been used before.
		const readings = times * AROUND;
		const steady = await startOf(await usedFlash(times, readings, true));
		const full = await startOf(await usedFlash(times, readings, false));
		const compute = steady.compute - without;
		row(`wake, ${size}, nothing waits: XS compute of the log`, `${compute}`, compute, BUDGET.mount);
		row(`wake, ${size}, nothing waits: flash reads`, `${steady.reads}`, steady.reads, BUDGET.mountReads);
		const most = times * BUDGET.fullMount;
		row(`wake, ${size}, full: XS compute of the log`, `${full.compute - without}`, full.compute - without, most);
		row(`wake, ${size}, full: flash reads`, `${full.reads}`);
	}
}

/** So many times the simulator's flash, after so many readings: each of them acknowledged, or none. */
async function usedFlash(times: number, readings: number, isAcknowledged: boolean): Promise<FlashFile> {
	const flash = new FlashFile(undefined);
	writeSync(flash.file, new Uint8Array(times * FLASH_BYTES).fill(0xff), 0, times * FLASH_BYTES, 0);
	const station = new ScriptedStation({ flash });
	await station.load({ diagnostics: 0, interval: 60 }, recorded());
	await station.start();
	if (isAcknowledged) {
		await station.connect();
		await station.serve(readings * 60_000);
	} else await station.queue(readings);
	station.close();
	return flash;
}

async function startOf(flash?: FlashFile): Promise<{ compute: number; reads: number }> {
	const station = new ScriptedStation({ ...(flash && { flash }) });
	await station.load({}, recorded());
	await station.start();
	const { compute, flashReads: reads } = station.engine.figures;
	station.close();
	return { compute, reads };
}

/** Readings that wait when the first one was dropped. */
async function queuedWhenFull(settings: StationSettings, flash?: FlashFile): Promise<number> {
	const station = new ScriptedStation({ ...(flash && { flash }) });
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

/** Seconds of processors that this process has used. */
function cpuSeconds(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1_000_000;
}

/** A world's hours are those that passed in it: some of a day, some of a part of one. */
function measureWorlds(): void {
	for (let seed = 1; seed <= WARM_WORLDS; seed++) runWorld(seed, 1);
	const awake = { hours: 0, seconds: 0 };
	const sleeping = { hours: 0, seconds: 0 };
	for (let seed = WARM_WORLDS + 1; seed <= WARM_WORLDS + WORLDS; seed++) {
		const before = cpuSeconds();
		const { plan, stats } = runWorld(seed, 1);
		const sum = plan.sleep ? sleeping : awake;
		sum.seconds += cpuSeconds() - before;
		sum.hours += stats.simulated / 3_600_000;
	}
	for (const [what, { hours, seconds }] of [
		["", { hours: awake.hours + sleeping.hours, seconds: awake.seconds + sleeping.seconds }],
		[", station that sleeps", sleeping],
		[", station that does not", awake],
	] as const)
		row(`worlds${what}: device-hours per CPU-second`, `${Math.round(hours / seconds)} (this machine, now)`);
}

/** Seconds of processors that another process has used, on Linux. Its counts are of 10 ms. */
function cpuSecondsOf(pid: number): number {
	const [, fields] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
	const [user, system] = fields!.split(" ").slice(11, 13).map(Number);
	return (user! + system!) / 100;
}

/** Bytes of memory that each such process takes, on Linux: what it has written to, without the program's own. */
function ownMemoryOf(pid: number): number {
	const [, size] = /^Private_Dirty: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))!;
	return 1_024 * Number(size);
}

/** A station in its engine, its runner and the broker that `npm start` brings along. */
async function measureSimulator(): Promise<void> {
	const what = "simulator: acknowledged readings per CPU-second";
	if (process.platform !== "linux") return row(what, "not measured: needs Linux");
	const broker = await startBroker();
	const runner = new Runner({
		firmware: FIRMWARE,
		settings: { id: "bench", interval: SPEED.interval, broker: `mqtt://127.0.0.1:${broker.port}` },
		flash: new FlashFile(undefined),
		seed: 1,
		speed: SPEED.simulated,
		onLog: () => {},
	});
	await runner.start();
	const look = async () => ({
		acknowledged: (await runner.counters()).acknowledged,
		seconds: cpuSeconds() + cpuSecondsOf(runner.pid!),
	});
	await new Promise((resolve) => setTimeout(resolve, SPEED.warmUp));
	const before = await look();
	await new Promise((resolve) => setTimeout(resolve, SPEED.real));
	const after = await look();
	const memory = ownMemoryOf(runner.pid!);
	await runner.stop();
	runner.close();
	await broker.close();
	const rate = (after.acknowledged - before.acknowledged) / (after.seconds - before.seconds);
	row(what, `${Math.round(rate)} (this machine, now)`);
	const megabytes = `${(memory / 2 ** 20).toFixed(1)} MB`;
	row("simulator: an engine's own memory on this computer", megabytes, memory, BUDGET.engineMemory, " B");
}

/** Its store, and its page. */
async function measureObservatory(): Promise<void> {
	const { bytesPerReading, heapGrowth, pageBytes } = await observatoryCost();
	const bytes = Math.round(bytesPerReading);
	row("observatory: bytes of disk per reading", `${bytes} B`, bytes, BUDGET.bytesPerReading, " B");
	// To the MB: what Node's heap has in use differs a little from run to run.
	const growth = `${(Math.max(0, heapGrowth) / 2 ** 20).toFixed(0)} MB`;
	row("observatory: heap that 40,000 readings leave behind", growth, heapGrowth, BUDGET.observatoryHeap, " B");
	row("observatory: page, not compressed", `${pageBytes} B`, pageBytes, BUDGET.pageBytes, " B");
}

/** The Node side, whose TLS is Node's: a first connection, and one that resumes its session. */
async function measureOpenings(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-bench-"));
	const broker = await startBroker();
	const { certificate, key } = new Certificates(folder).selfSigned();
	const identity = { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
	const { tcpFlights, upgradeFlights, flights, resumedFlights, tls13Flights } = BUDGET;
	const ways: readonly (readonly [name: string, way: Way, first: number, again: number])[] = [
		["TCP", {}, tcpFlights, tcpFlights],
		["TCP, step by step", { pipelining: false }, tcpFlights + 2, tcpFlights + 2],
		["TLS 1.2", { tls: "TLSv1.2" }, flights, resumedFlights],
		["TLS 1.3", { tls: "TLSv1.3" }, tls13Flights, tls13Flights],
		["ws", { isWebSocket: true }, tcpFlights + upgradeFlights, tcpFlights + upgradeFlights],
		["wss, TLS 1.2", { tls: "TLSv1.2", isWebSocket: true }, flights + upgradeFlights, resumedFlights + upgradeFlights],
		[
			"wss, TLS 1.3",
			{ tls: "TLSv1.3", isWebSocket: true },
			tls13Flights + upgradeFlights,
			tls13Flights + upgradeFlights,
		],
	];
	try {
		for (const [name, way, ...budgets] of ways) {
			for (const [index, flights] of (await openings(broker.port, identity, way)).entries()) {
				const what = `Node, ${name}, ${index === 0 ? "first" : "again"}`;
				row(`${what}: flights to first PUBACK`, `${flights}`, flights, budgets[index]);
			}
		}
	} finally {
		await broker.close();
		rmSync(folder, { recursive: true });
	}
}

/** Links anew: an earlier build or link may be of other sources. */
function reportLinkedSize(): void {
	const what = "esp32: linked JavaScript";
	if (!process.env.MODDABLE) return row(what, "not linked: needs the Moddable SDK");
	const file = fileURLToPath(new URL("../esp32-size.json", import.meta.url));
	const { status, stderr } = spawnSync(process.execPath, ["tools/run.js", "commands/board/size.ts"], {
		encoding: "utf8",
	});
	if (status !== 0) throw new Error(`npm run size:esp32: ${stderr}`);
	const { board, linkedJavaScript } = JSON.parse(readFileSync(file, "utf8"));
	row(`${board}: linked JavaScript`, `${linkedJavaScript} B`, linkedJavaScript, BUDGET.linkedJavaScript, " B");
}

async function bench(): Promise<number> {
	await measureReading("bme280", "test/data/bme280-vectors.json", "periph-i2c");
	await measureReading("dht22", "test/data/dht-pulse-trains.json", "am2301");
	await measurePublishing();
	await measureMemory("bme280");
	await measureMemory("dht22");
	await measureDiscovery();
	await measureDays();
	await measureWebSocket();
	await measureTls();
	await measureOutbox();
	await measureWakes();
	reportLinkedSize();
	await measureOpenings();
	await measureObservatory();
	await measureSimulator();
	measureWorlds();

	const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
	for (const [what, value, budget] of rows) {
		const line = `${what.padEnd(widths[0]! + 2)}${value.padEnd(widths[1]! + 2)}${budget}`;
		process.stdout.write(`${line.trimEnd()}\n`);
	}
	return exceeded ? EXIT_FAILED : EXIT_DONE;
}

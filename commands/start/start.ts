/** `npm start`: the station in the simulator, and a subscriber's view of it. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { ANY_PORT, EMBEDDED_VERSION, type EmbeddedBroker, startBroker } from "../../hosts/sim/headless/broker.ts";
import { FirmwareSlots } from "../../hosts/sim/headless/firmware-slots.ts";
import { FlashFile } from "../../hosts/sim/headless/flash-file.ts";
import { Runner } from "../../hosts/sim/headless/runner.ts";
import { Subscriber } from "../../hosts/sim/headless/subscriber.ts";
import { type BrokerAddress, defaultPort, showAddress } from "../../src/net/broker-url.ts";
import type { ProtocolVersion } from "../../src/net/mqtt/packet.ts";
import type { Settings } from "../../src/settings.ts";
import { buildEngine, MissingMbedTlsError } from "../../tools/engine.js";
import { type Command, EXIT_DONE, onInterrupt, UsageError } from "../frame.ts";
import { type Observing, startObserving } from "../observatory/observing.ts";
import { LOOPBACK, PAGE_PORT } from "../observatory/options.ts";
import { IN_MEMORY, openSqlite } from "../observatory/store/sqlite.ts";
import { Store } from "../observatory/store/store.ts";
import { Lines } from "./lines.ts";
import { LINE, type Options, parseOptions, USAGE, withOptionNames } from "./options.ts";
import { Table } from "./table.ts";
import type { View } from "./view.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
/** Time for the station's last message to reach the subscriber, in ms. */
const FAREWELL_MS = 200;

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run };

/** A table at a terminal. */
function viewOf({ json, settings }: Options): View {
	const write = (line: string) => void process.stdout.write(`${line}\n`);
	if (json || !process.stdout.isTTY) return new Lines(write);
	// None where NO_COLOR or TERM=dumb asks for none.
	return new Table({ write, hasColours: process.stdout.hasColors(), topic: settings.topic });
}

/** How the messages can be seen in another terminal. */
function watchers(port: number, { id, topic }: Settings): string[] {
	const filter = topic === `veleta/${id}` ? "veleta/#" : `${topic}/#`;
	const args = `-p ${port} -v -t '${filter.replaceAll("'", "'\\''")}'`;
	return [`npm run mqtt -- sub ${args}`, `mosquitto_sub ${args}`];
}

async function run(options: Options): Promise<number> {
	if (options.boardTls) await buildTls();
	const interrupted = interruption();
	const view = viewOf(options);
	interrupted.then(() => view.interrupted?.());
	const flash = new FlashFile(options.state);
	const madeFolder = options.kept?.madeFolder ?? flash.madeFolder;
	if (madeFolder !== undefined) view.say("veleta", `made the folder ${madeFolder} for the station's flash`);
	// The flash's lock holds for the slots, too.
	const slots = FirmwareSlots.open(options.state && `${options.state}.slots`, FIRMWARE);
	const broker = options.embedded
		? await startBroker(options.port ? [options.port] : [defaultPort({}), ANY_PORT])
		: undefined;
	const address = broker ? { host: LOOPBACK, port: broker.port } : options.settings.broker;
	const settings = broker
		? { ...options.rawSettings, broker: `mqtt://${LOOPBACK}:${broker.port}` }
		: options.rawSettings;
	const { sensor, interval, topic, username, password } = options.settings;

	const source = options.replay ? "recorded" : "simulated";
	view.say(
		"veleta",
		`${source} ${sensor}, a reading every ${interval} s${options.speed === 1 ? "" : `, time ${options.speed}×`}`,
	);
	view.say("broker", `${showAddress(address)}${broker ? ", started for this run" : ""}`);
	if (broker) view.hint?.("watch", watchers(broker.port, options.settings));

	const runner = new Runner({
		firmware: FIRMWARE,
		settings,
		...(options.kept && { defaultId: options.kept.id }),
		sensor,
		flash,
		slots,
		seed: options.seed,
		speed: options.speed,
		boardTls: options.boardTls,
		...(broker && { brokerVersion: EMBEDDED_VERSION }),
		...(options.replay && { replay: options.replay }),
		onLog: (level, text) => view.say("station", level === "info" ? text : withOptionNames(text), level),
		onProgress: view.progress?.bind(view),
	});
	const subscriber = new Subscriber({
		broker: address,
		tls: options.settings.tls,
		...(broker && { protocolVersion: EMBEDDED_VERSION }),
		username,
		password,
		filter: `${topic}/#`,
		// A message may arrive before the station's own log of it.
		onMessage: (topic, payload) => {
			// Firmware is not printed.
			if (!topic.includes("/cmd/update/")) runner.whenSettled(() => view.message(topic, payload));
		},
		onRefused: (reason) => view.say("watch", `cannot show what arrives: ${reason}`),
	});
	if (broker) await subscriber.subscribed;
	const page = options.page ? await openPage(options, address, broker && EMBEDDED_VERSION, view) : undefined;

	await runner.start();
	await Promise.race([runner.stopped, interrupted, elapsed(runner, options)]);
	await page?.stop();
	view.end(await finish(runner, subscriber, broker, options.verbose));
	slots.end();
	flash.close();
	return EXIT_DONE;
}

/** The observatory's page for this one station; what it shows is in memory, and gone at the end. */
async function openPage(
	{ settings: { topic, tls, username, password } }: Options,
	broker: BrokerAddress,
	protocolVersion: ProtocolVersion | undefined,
	view: View,
): Promise<Observing> {
	const store = await Store.open(await openSqlite(IN_MEMORY));
	const start = (port: number) =>
		startObserving({
			...{ store, keep: undefined, commands: true, homeAssistant: undefined },
			page: { host: LOOPBACK, port, password: undefined },
			collecting: {
				...{ broker, tls, username, password, protocolVersion, topics: [], unwanted: [], group: undefined },
				bases: [topic],
				cleanSession: true,
				clientId: `veleta-page-${randomBytes(4).toString("hex")}`,
			},
			// What goes wrong at the broker the station tells itself.
			tell: (who, text) => {
				if (who === "page") view.say(who, text);
			},
		});
	return start(PAGE_PORT).catch(() => start(ANY_PORT));
}

/** At its first use. */
async function buildTls(): Promise<void> {
	try {
		await buildEngine({ withTls: true });
	} catch (error) {
		throw error instanceof MissingMbedTlsError ? new UsageError(error.message) : error;
	}
}

/** Resolves at the first Ctrl-C, or when the output has lost its reader (`| head`): time to stop in good order. */
function interruption(): Promise<void> {
	return new Promise((resolve) => {
		onInterrupt(resolve);
		process.stdout.on("error", () => resolve());
	});
}

/** Resolves when the station has run for the duration, if there is one. */
function elapsed(runner: Runner, { duration = Number.POSITIVE_INFINITY, speed }: Options): Promise<void> {
	return new Promise((resolve) => {
		const end = runner.clock.now() + duration;
		const check = () => {
			const left = end - runner.clock.now();
			if (left <= 0) resolve();
			// `unref`: does not keep an interrupted process alive.
			else setTimeout(check, Math.min(100, left / speed)).unref();
		};
		check();
	});
}

/** Resolves with the summary. */
async function finish(
	runner: Runner,
	subscriber: Subscriber,
	broker: EmbeddedBroker | undefined,
	verbose: boolean,
): Promise<string[]> {
	await runner.stop();
	const counters = await runner.counters();
	const memory = await runner.memory();
	runner.close();
	await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
	subscriber.close();
	await broker?.close();

	const { readings, published, redelivered, acknowledged, rejected, dropped, queued, faults, connections } = counters;
	const refused = rejected > 0 ? `, refused ${rejected}` : "";
	const { ram, highestRam, highestStack, stack } = memory;
	return [
		`readings ${readings}, published ${published}, acknowledged ${acknowledged}${refused}, dropped ${dropped}, not delivered ${queued}`,
		`redelivered ${redelivered}, measurements without a reading ${faults}, connections ${connections}`,
		...(verbose ? [`RAM ${ram} bytes, ${highestRam} at the most; stack ${highestStack} of ${stack} slots`] : []),
	];
}

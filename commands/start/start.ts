/** `npm start`: the station in the simulator, and a subscriber's view of it. */
import { fileURLToPath } from "node:url";
import { ANY_PORT, EMBEDDED_VERSION, type EmbeddedBroker, startBroker } from "../../hosts/sim/headless/broker.ts";
import { FirmwareSlots } from "../../hosts/sim/headless/firmware-slots.ts";
import { FlashFile } from "../../hosts/sim/headless/flash-file.ts";
import { Runner } from "../../hosts/sim/headless/runner.ts";
import { Subscriber } from "../../hosts/sim/headless/subscriber.ts";
import { DEFAULT_PORT, showAddress } from "../../src/net/broker-url.ts";
import { hasControls } from "../../src/text.ts";
import { buildEngine, MissingMbedTlsError } from "../../tools/engine.js";
import { type Command, EXIT_DONE, onInterrupt, UsageError } from "../frame.ts";
import { LINE, type Options, parseOptions, USAGE, withOptionNames } from "./options.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
/** Time for the station's last message to reach the subscriber, in ms. */
const FAREWELL_MS = 200;

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run };

function say(who: string, text: string): void {
	process.stdout.write(`${who.padEnd(9)}${text}\n`);
}

async function run(options: Options): Promise<number> {
	if (options.boardTls) await buildTls();
	const interrupted = interruption();
	const flash = new FlashFile(options.state);
	if (flash.madeFolder !== undefined) say("veleta", `made the folder ${flash.madeFolder} for the station's flash`);
	// The flash's lock holds for the slots, too.
	const slots = new FirmwareSlots(options.state && `${options.state}.slots`, FIRMWARE);
	const broker = options.embedded
		? await startBroker(options.port ? [options.port] : [DEFAULT_PORT, ANY_PORT])
		: undefined;
	const address = broker ? { host: "127.0.0.1", port: broker.port } : options.settings.broker;
	const settings = broker ? { ...options.rawSettings, broker: `mqtt://127.0.0.1:${broker.port}` } : options.rawSettings;
	const { sensor, interval, topic, username, password } = options.settings;

	const source = options.replay ? "recorded" : "simulated";
	say(
		"veleta",
		`${source} ${sensor}, a reading every ${interval} s${options.speed === 1 ? "" : `, time ${options.speed}×`}`,
	);
	say("broker", `${showAddress(address)}${broker ? ", started for this run" : ""}`);

	const runner = new Runner({
		firmware: FIRMWARE,
		settings,
		sensor,
		flash,
		slots,
		seed: options.seed,
		speed: options.speed,
		boardTls: options.boardTls,
		...(broker && { brokerVersion: EMBEDDED_VERSION }),
		...(options.replay && { replay: options.replay }),
		onLog: (level, text) => say("station", level === "info" ? text : withOptionNames(`${level}: ${text}`)),
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
			if (!topic.includes("/cmd/update/"))
				runner.whenSettled(() => process.stdout.write(`${plain(`${topic} ${payload}`)}\n`));
		},
		onRefused: (reason) => say("watch", `cannot show what arrives: ${reason}`),
	});
	if (broker) await subscriber.subscribed;

	await runner.start();
	await Promise.race([runner.stopped, interrupted, elapsed(runner, options)]);
	await finish(runner, subscriber, broker);
	slots.end();
	flash.close();
	return EXIT_DONE;
}

/** At its first use. */
async function buildTls(): Promise<void> {
	try {
		await buildEngine({ withTls: true });
	} catch (error) {
		throw error instanceof MissingMbedTlsError ? new UsageError(error.message) : error;
	}
}

/** A foreign text, for a terminal. */
function plain(text: string): string {
	return Array.from(text, (character) => (hasControls(character) ? "?" : character)).join("");
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

async function finish(runner: Runner, subscriber: Subscriber, broker: EmbeddedBroker | undefined): Promise<void> {
	await runner.stop();
	const counters = await runner.counters();
	const memory = await runner.memory();
	runner.close();
	await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
	subscriber.close();
	await broker?.close();

	const { readings, published, redelivered, acknowledged, rejected, dropped, queued, faults, connections } = counters;
	const refused = rejected > 0 ? `, refused ${rejected}` : "";
	process.stdout.write(
		`
readings ${readings}, published ${published}, acknowledged ${acknowledged}${refused}, dropped ${dropped}, not delivered ${queued}
redelivered ${redelivered}, measurements without a reading ${faults}, connections ${connections}
RAM ${memory.ram} bytes, ${memory.highestRam} at the most; stack ${memory.highestStack} of ${memory.stack} slots
`,
	);
}

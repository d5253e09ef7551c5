/** `npm start`: the station in the simulator, and what a subscriber sees of it. */
import { fileURLToPath } from "node:url";
import { type Options, parseOptions, USAGE, UsageError } from "../../../commands/start/options.ts";
import { showAddress } from "../../../src/net/broker-url.ts";
import { hasControls, messageOf } from "../../../src/text.ts";
import { type EmbeddedBroker, startBroker } from "./broker.ts";
import { FirmwareSlots } from "./firmware-slots.ts";
import { FlashFile } from "./flash-file.ts";
import { Runner } from "./runner.ts";
import { Subscriber } from "./subscriber.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
/** How long the simulator waits for the station's farewell to arrive at the subscriber, in ms. */
const FAREWELL_MS = 200;
/** A signal that follows another within so many ms is the same Ctrl-C: npm hands on what the terminal told us, too. */
const SAME_INTERRUPT_MS = 250;

/** Exit codes: as usual, 2 for a command line that cannot be used. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

function say(who: string, text: string): void {
	process.stdout.write(`${who.padEnd(9)}${text}\n`);
}

async function run(options: Options): Promise<void> {
	const interrupted = interruption();
	const flash = new FlashFile(options.state);
	// Whoever has the flash has the slots, too.
	const slots = new FirmwareSlots(options.state && `${options.state}.slots`, FIRMWARE);
	const broker = options.embedded ? await startBroker() : undefined;
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
		flash,
		slots,
		seed: options.seed,
		speed: options.speed,
		...(options.replay && { replay: options.replay }),
		onLog: (level, text) => say("station", level === "info" ? text : `${level}: ${text}`),
	});
	const subscriber = new Subscriber({
		broker: address,
		tls: options.settings.tls,
		username,
		password,
		filter: `${topic}/#`,
		// A message may be here before the station has told what led to it.
		onMessage: (topic, payload) => {
			// Firmware is nothing for a terminal.
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
}

/** What anybody may have sent, for a terminal. */
function plain(text: string): string {
	return Array.from(text, (character) => (hasControls(character) ? "?" : character)).join("");
}

/**
 * Resolves at the first Ctrl-C or SIGTERM, or when nobody reads the output any
 * more (`| head`): time to stop in good order. A second Ctrl-C does not wait for that.
 */
function interruption(): Promise<void> {
	return new Promise((resolve) => {
		let interruptedAt: number | undefined;
		const interrupt = () => {
			interruptedAt ??= performance.now();
			if (performance.now() - interruptedAt > SAME_INTERRUPT_MS) process.exit(EXIT_INTERRUPTED);
			resolve();
		};
		process.on("SIGINT", interrupt);
		process.on("SIGTERM", interrupt);
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
			// Does not keep a process alive that was interrupted.
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

	const { readings, published, redelivered, acknowledged, dropped, queued, faults, connections } = counters;
	process.stdout.write(
		`
readings ${readings}, published ${published}, acknowledged ${acknowledged}, dropped ${dropped}, not delivered ${queued}
redelivered ${redelivered}, measurements without a reading ${faults}, connections ${connections}
RAM ${memory.ram} bytes, ${memory.highestRam} at the most; stack ${memory.highestStack} of ${memory.stack} slots
`,
	);
}

// `--help | head`: who has read enough closes its end.
process.stdout.on("error", () => {});
try {
	const options = parseOptions(process.argv.slice(2));
	if (!options) process.stdout.write(USAGE);
	else await run(options);
} catch (error) {
	process.stderr.write(`${messageOf(error)}\n`);
	process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED);
}

/** `npm start`: the station in the simulator, and what a subscriber sees of it. */
import { fileURLToPath } from "node:url";
import { showAddress } from "../../../src/net/broker-url.ts";
import { type EmbeddedBroker, startBroker } from "./broker.ts";
import { type Options, parseOptions, USAGE, UsageError } from "./options.ts";
import { Runner } from "./runner.ts";
import { StorageFile } from "./storage-file.ts";
import { Subscriber } from "./subscriber.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
/** How long the simulator waits for the station's farewell to arrive at the subscriber, in ms. */
const FAREWELL_MS = 200;

/** Exit codes: as usual, 2 for a command line that cannot be used. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

function say(who: string, text: string): void {
	process.stdout.write(`${who.padEnd(9)}${text}\n`);
}

async function run(options: Options): Promise<void> {
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

	const subscriber = new Subscriber({
		broker: address,
		username,
		password,
		filter: `${topic}/#`,
		onMessage: (topic, payload) => process.stdout.write(`${topic} ${payload}\n`),
		onRefused: (reason) => say("watch", `the broker does not let a subscriber in: ${reason}`),
	});
	if (broker) await subscriber.subscribed;

	const runner = new Runner({
		firmware: FIRMWARE,
		settings,
		storage: new StorageFile(options.state),
		seed: options.seed,
		speed: options.speed,
		...(options.replay && { replay: options.replay }),
		onLog: (level, text) => say("station", level === "info" ? text : `${level}: ${text}`),
	});
	await runner.start();
	await ending(runner, options);
	await finish(runner, subscriber, broker);
}

/** Resolves when it is time to stop: the duration is over, Ctrl-C, or the station has stopped itself. */
function ending(runner: Runner, { duration }: Options): Promise<void> {
	return new Promise((resolve, reject) => {
		runner.stopped.then(resolve, reject);
		let interrupted = false;
		const interrupt = () => {
			if (interrupted) process.exit(EXIT_INTERRUPTED);
			interrupted = true;
			resolve();
		};
		process.on("SIGINT", interrupt);
		process.on("SIGTERM", interrupt);
		if (duration === undefined) return;
		const end = runner.clock.now() + duration;
		const check = () => {
			if (runner.clock.now() >= end) resolve();
			else setTimeout(check, Math.min(100, runner.clock.realDelayUntil(end)));
		};
		check();
	});
}

async function finish(runner: Runner, subscriber: Subscriber, broker: EmbeddedBroker | undefined): Promise<void> {
	await runner.stop();
	const counters = await runner.counters();
	const peakSlots = runner.worker.peakSlots;
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
XS slots ${memory.slots} live, ${peakSlots} at the peak; chunks ${memory.chunkBytes} bytes live
`,
	);
}

try {
	const options = parseOptions(process.argv.slice(2));
	if (!options) process.stdout.write(USAGE);
	else await run(options);
} catch (error) {
	process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
	process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED);
}

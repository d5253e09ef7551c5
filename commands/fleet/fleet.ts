/** `npm run fleet`: thousands of simulated stations at a real broker, and what became of their readings. */
import { closeSync, openSync, writeSync } from "node:fs";
import { plainJson } from "../../hosts/node/plain-text.ts";
import { Random } from "../../hosts/sim/world/random.ts";
import { showAddress } from "../../src/net/broker-url.ts";
import { messageOf } from "../../src/text.ts";
import { type Command, EXIT_DONE, EXIT_FAILED, onInterrupt, print, say } from "../frame.ts";
import { showProgress } from "../simulate/progress.ts";
import { Faults } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { checkLimits } from "./limits.ts";
import { liveMemory } from "./live-memory.ts";
import { LINE, type Options, parseOptions, USAGE } from "./options.ts";
import { type Second, Stations } from "./stations.ts";
import { linesOf, type Summary } from "./summary.ts";
import { sweep } from "./sweep.ts";
import { StoreWitness, SubscriberWitness, type Witness } from "./witness.ts";

const SECOND_MS = 1_000;
/** With no new connection for so long, in s, while some are missing, it is said what may be the reason. */
const STALLED_S = 20;
/** A look each second: from which on it is said what is waited for. */
const TOLD_AT_LOOK = 4;
const CURVE_HEAD = "second,connected,connects,readings,acknowledged";

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run };

async function run(options: Options): Promise<number> {
	checkLimits(options.stations);
	// The reader has enough, as `head` has.
	process.stdout.on("error", () => process.exit(EXIT_DONE));
	const summary = await observed(options);
	for (const line of options.json ? [plainJson(summary)] : linesOf(summary)) print(line);
	return summary.lost + summary.twice > 0 ? EXIT_FAILED : EXIT_DONE;
}

async function observed(options: Options): Promise<Summary> {
	const { stations: count, store, seed, duration } = options;
	const curve = options.curve === undefined ? undefined : openCurve(options.curve);
	const memoryBefore = liveMemory();
	const ledger = new Ledger(count);
	const since = Date.now();
	const witness: Witness = await (store === undefined
		? SubscriberWitness.start(options, ledger, since)
		: StoreWitness.open(store, options, ledger, since));
	let isOver = false;
	/** Ctrl-C behind the end of `duration`: nothing is waited for any more. */
	let isHurried = false;
	const over = new Promise<void>((resolve) => {
		const end = () => {
			// After Ctrl-C the process would wait for it.
			clearTimeout(timer);
			isOver = true;
			resolve();
		};
		const timer = duration === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, duration);
		onInterrupt(() => {
			isHurried = isOver;
			end();
		});
	});
	const stations = new Stations(options, ledger);
	const line = `${count.toLocaleString("en")} stations begin within ${(stations.startsWithin / SECOND_MS).toFixed(0)} s at ${showAddress(options.broker)}`;
	if (options.json) say(line);
	else print(line);
	const endSeconds = eachSecond(options, curve, stations, ledger);
	await stations.start(() => isOver);
	const started = { taken: ledger.taken, processor: process.cpuUsage() };
	const faults = new Faults(stations.machines, options, new Random(seed));
	await over;
	const elapsed = stations.now / SECOND_MS;
	const { taken, acknowledged } = ledger;
	const used = process.cpuUsage(started.processor);
	// With few stations the garbage from before counts more than they do.
	const memory = Math.max(0, liveMemory() - memoryBefore) / count;
	faults.end();
	const twice = await settle(ledger, witness, () => isHurried);
	const summary: Summary = {
		...{ stations: count, broker: showAddress(options.broker), interval: options.interval, duration: elapsed },
		...{ allConnected: stations.allConnected, connections: stations.connections, connectsPeak: stations.peak.connects },
		...{ outages: faults.outages, powerCuts: faults.powerCuts, absences: stations.absences.all },
		...{ readings: taken, acknowledged, acknowledgedRate: acknowledged / elapsed },
		...{ acknowledgedPeak: stations.peak.acknowledged, ...ledger.balance(), dropped: stations.dropped },
		...{ store: witness.name, twice, again: witness.again, forgotten: witness.forgotten },
		...{ memory, processor: (used.user + used.system) / 1_000 / Math.max(1, taken - started.taken) },
		reasons: stations.reasons,
	};
	await stations.stop();
	await witness.close();
	const retained = await sweep(options);
	if (retained > 0) say(`the broker does not answer: it may retain ${retained} messages of these stations`);
	endSeconds();
	return summary;
}

/** What has been taken until now is waited for, while more is taken. Returns how many readings the store has twice. */
async function settle(ledger: Ledger, witness: Witness, isHurried: () => boolean): Promise<number> {
	ledger.close();
	let [fewest, since] = [Number.POSITIVE_INFINITY, performance.now()];
	let problem: string | undefined;
	for (let looks = 1; ; looks++) {
		const isOver = () => isHurried() || performance.now() - since > witness.patience;
		try {
			await witness.look();
			const { lost, undelivered } = ledger.balance();
			const missing = lost + undelivered;
			if (missing < fewest) [fewest, since] = [missing, performance.now()];
			if (missing === 0 || isOver()) return await witness.twice();
			// The first ones that are missing are just on their way.
			if (looks === TOLD_AT_LOOK) {
				say(`${missing} readings have not arrived yet, and are waited for; Ctrl-C ends that`);
				if (ledger.found === 0 && witness.name !== undefined)
					say(`${witness.name} has none at all: does its observatory run, at the same broker?`);
			}
		} catch (error) {
			// A store that is away may be back soon; a long run would have been in vain.
			if (isOver()) throw error;
			if (problem !== messageOf(error)) say(messageOf(error));
			problem = messageOf(error);
		}
		await new Promise((resolve) => setTimeout(resolve, SECOND_MS));
	}
}

/** Throws an Error for a person. */
function openCurve(path: string): number {
	try {
		return openSync(path, "w");
	} catch (error) {
		throw new Error(`--curve ${path}: cannot be written (${(error as NodeJS.ErrnoException).code})`);
	}
}

/** Shows how far it is, and writes the curve. Returns what ends it. */
function eachSecond(
	{ stations: count, curve, json }: Options,
	file: number | undefined,
	stations: Stations,
	ledger: Ledger,
): () => void {
	const write = (line: string) => {
		if (file !== undefined) writeSync(file, `${line}\n`);
	};
	write(CURVE_HEAD);
	let stalled = 0;
	const onSecond = ({ second, connected, connects, readings, acknowledged }: Second) => {
		write([second, connected, connects, readings, acknowledged].join(","));
		const ready = stations.machines.filter(({ isReady }) => isReady).length;
		stalled = connected < ready && connects === 0 ? stalled + 1 : 0;
		if (stalled !== STALLED_S) return;
		const [[reason] = ["the broker does not answer"]] = stations.reasons;
		const hint = reason.endsWith("refused") ? "" : "; it may have a limit: ulimit -n (LimitNOFILE), max_connections";
		say(`${connected} of ${count} stations are connected, and no more for ${STALLED_S} s: ${reason}${hint}`);
	};
	const timer = setInterval(() => {
		try {
			onSecond(stations.tick());
		} catch (error) {
			say(`--curve ${curve}: ${messageOf(error)}`);
			process.exit(EXIT_FAILED);
		}
	}, SECOND_MS);
	const progress = () => {
		const number = (value: number) => value.toLocaleString("en");
		return `${(stations.now / SECOND_MS).toFixed(0)} s: ${number(stations.connected)} connected, ${number(ledger.taken)} readings, ${number(ledger.acknowledged)} acknowledged`;
	};
	// Whoever reads JSON reads nothing else.
	const endProgress = showProgress(progress, json ? process.stderr : process.stdout);
	return () => {
		clearInterval(timer);
		endProgress();
		if (file !== undefined) closeSync(file);
	};
}

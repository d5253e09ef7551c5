/** `npm run simulate`: many simulated worlds on all processors, until one breaks a rule or all are survived. */
import { Worker } from "node:worker_threads";
import { MUTANTS } from "../../hosts/sim/world/mutants.ts";
import { Totals } from "../../hosts/sim/world/totals.ts";
import { showTime } from "../../hosts/sim/world/trace.ts";
import type { Order, Report } from "../../hosts/sim/world/worker.ts";
import { runWorld } from "../../hosts/sim/world/world.ts";
import { bundleWorker } from "../../tools/world-worker.js";
import { type Command, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, onInterrupt } from "../frame.ts";
import { LINE, type Options, parseOptions, USAGE } from "./options.ts";

/** A world that takes longer, in ms, hangs: most take less than a second. */
const HANG_MS = 120_000;
/** How often the progress is shown, in ms: rewritten on a terminal, in lines of its own elsewhere. */
const TERMINAL_MS = 250;
const LINE_MS = 30_000;
/** How many worlds a mutant may survive. */
const MUTANT_SEEDS = 1_000;
/** Of the column with the mutants' names. */
const NAME_WIDTH = 54;

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run: simulate };

/** `mutant`: the name of a bug to be in the station. */
export function simulate(options: Options, mutant?: string): number | Promise<number> {
	// Whoever reads has seen enough, as `head` has.
	process.stdout.on("error", () => process.exit(EXIT_DONE));
	if (options.seed !== undefined) return tellStory(options.seed, options);
	return options.mutants ? runMutants(options) : runSwarm(options, mutant);
}

/** One world, with what happens in it. */
function tellStory(seed: number, { days, verbose }: Options): number {
	const isPacket = /^\S+ \S+ {2}[→←]/;
	const { violation, stats, faults, plan } = runWorld(seed, days, {
		onLine: (line) => {
			if (verbose || !isPacket.test(line)) process.stdout.write(`${line}\n`);
		},
	});
	const totals = new Totals();
	totals.add({ stats, faults: [...faults] });
	process.stdout.write(`\nsettings: ${JSON.stringify(plan.settings)}\n${totals.table()}`);
	if (violation) process.stdout.write(`\nseed ${seed}: ${violation.kind}: ${violation.text}\n`);
	return violation ? EXIT_FAILED : EXIT_DONE;
}

function explain({ seed, violation }: Report, days: number): string {
	const { kind, text, time, lastLines } = violation!;
	return `${lastLines.join("\n")}\n\nseed ${seed}, ${showTime(time)}: ${kind}: ${text}\nrepeat with: npm run simulate -- --seed ${seed} --days ${days}\n`;
}

async function runSwarm({ seeds, days, from, workers }: Options, mutant?: string): Promise<number> {
	const path = await bundleWorker();
	const totals = new Totals();
	const stride = Math.min(workers, seeds);
	let failure: string | undefined;
	let interrupted = false;
	const threads = new Set<Runner>();
	const stopAll = () => {
		for (const thread of threads) thread.stop();
	};
	onInterrupt(() => {
		interrupted = true;
		stopAll();
	});
	process.stdout.write(`${seeds} worlds of ${days} days, ${stride} threads\n`);
	const stopProgress = showProgress(() => totals.progress);
	await Promise.all(
		Array.from({ length: stride }, (_, index) => {
			const order = { first: from + index, stride, count: Math.ceil((seeds - index) / stride), days, mutant };
			const thread = new Runner(path, order, (report) => {
				if (failure !== undefined) return;
				totals.add(report);
				if (!report.violation) return;
				failure = explain(report, days);
				stopAll();
			});
			threads.add(thread);
			return thread.ended.then((problem) => {
				threads.delete(thread);
				if (problem === undefined || failure !== undefined) return;
				failure = `${problem.message}\n`;
				stopAll();
			});
		}),
	);
	stopProgress();
	process.stdout.write(totals.table());
	if (failure !== undefined) process.stdout.write(`\n${failure}`);
	else if (!interrupted) process.stdout.write(`\nseeds ${from} to ${from + seeds - 1}: no rule was broken\n`);
	return failure !== undefined ? EXIT_FAILED : interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
}

/** Each mutant until the first world that notices it. */
async function runMutants({ days, from, workers }: Options): Promise<number> {
	const path = await bundleWorker();
	const waiting = [...MUTANTS];
	const running = new Set<Runner>();
	const rows: string[] = [];
	const failures: string[] = [];
	let noticed = 0;
	let interrupted = false;
	onInterrupt(() => {
		interrupted = true;
		waiting.length = 0;
		for (const runner of running) runner.stop();
	});
	/** Of a world without a bug, by its seed: what is wrong there, too, does not tell of one. */
	const sound = new Map<number, boolean>();
	const isSound = (seed: number): boolean => {
		if (!sound.has(seed)) sound.set(seed, runWorld(seed, days).violation === undefined);
		return sound.get(seed)!;
	};
	/** Resolves with the seed that notices it, and how; `undefined`: none does. */
	const search = async (mutant: string, first: number, count: number): Promise<[number, string] | undefined> => {
		let noticed: [number, string] | undefined;
		for (let seed = first; !noticed && !interrupted && seed < first + count; seed++) {
			const order = { first: seed, stride: 1, count: first + count - seed, days, mutant };
			const runner = new Runner(path, order, (report) => {
				({ seed } = report);
				if (report.violation && isSound(seed)) noticed = [seed, report.violation.kind];
			});
			running.add(runner);
			const problem = await runner.ended;
			running.delete(runner);
			if (problem instanceof Hang) noticed = [problem.seed, "hang"];
			else if (problem) throw problem;
		}
		return noticed;
	};
	const stopProgress = showProgress(() => `${rows.length} of ${MUTANTS.length} mutants`);
	const next = async (): Promise<void> => {
		for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
			const { name, seed } = mutant;
			try {
				const [told, kind] = (await search(name, seed, 1)) ?? (await search(name, from, MUTANT_SEEDS)) ?? [];
				if (interrupted) return;
				if (kind !== undefined) noticed++;
				rows.push(`${name.padEnd(NAME_WIDTH)} ${String(told ?? "").padStart(5)}  ${kind ?? "SURVIVED"}\n`);
			} catch (error) {
				failures.push(`${name}: ${(error as Error).message}\n`);
			}
		}
	};
	await Promise.all(Array.from({ length: workers }, next));
	stopProgress();
	process.stdout.write(`${"deliberate bug".padEnd(NAME_WIDTH)}  seed  violation\n${rows.sort().join("")}`);
	if (interrupted) return EXIT_INTERRUPTED;
	process.stderr.write(failures.join(""));
	process.stdout.write(`\n${noticed} of ${MUTANTS.length} deliberate bugs were noticed\n`);
	return noticed < MUTANTS.length ? EXIT_FAILED : EXIT_DONE;
}

/** A world takes too long. */
class Hang extends Error {
	readonly seed: number;

	constructor(seed: number) {
		super(`the world of seed ${seed} hangs`);
		this.seed = seed;
	}
}

/** A thread and what it tells. */
class Runner {
	/** Resolves at its end, with the problem if it did not end by itself. */
	readonly ended: Promise<Error | undefined>;
	private readonly _worker: Worker;
	private _stopped = false;

	constructor(path: string, order: Order, onReport: (report: Report) => void) {
		this._worker = new Worker(path, { workerData: order, execArgv: ["--enable-source-maps"] });
		let seed = order.first;
		let problem: Error | undefined;
		const hangs = () => {
			problem = new Hang(seed);
			void this._worker.terminate();
		};
		let watch = setTimeout(hangs, HANG_MS);
		this._worker.on("message", (report: Report) => {
			seed = report.seed + order.stride;
			clearTimeout(watch);
			watch = setTimeout(hangs, HANG_MS);
			if (!this._stopped) onReport(report);
		});
		this._worker.on("error", (error: Error) => {
			problem = new Error(`the thread failed before seed ${seed} was done: ${error.stack ?? error.message}`);
		});
		this.ended = new Promise((resolve) => {
			this._worker.on("exit", () => {
				clearTimeout(watch);
				resolve(this._stopped ? undefined : problem);
			});
		});
	}

	stop(): void {
		this._stopped = true;
		void this._worker.terminate();
	}
}

/** Returns what ends it. */
function showProgress(text: () => string): () => void {
	const terminal = process.stdout.isTTY;
	const timer = setInterval(
		() => process.stdout.write(terminal ? `\r\x1b[K${text()}` : `${text()}\n`),
		terminal ? TERMINAL_MS : LINE_MS,
	);
	return () => {
		clearInterval(timer);
		if (terminal) process.stdout.write("\r\x1b[K");
	};
}

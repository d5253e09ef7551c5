/** `npm run simulate`: many simulated worlds on all processors, until one breaks a rule or all are survived. */
import { Totals } from "../../hosts/sim/world/totals.ts";
import { showTime } from "../../hosts/sim/world/trace.ts";
import type { Report } from "../../hosts/sim/world/worker.ts";
import { runWorld } from "../../hosts/sim/world/world.ts";
import { bundleWorker } from "../../tools/world-worker.js";
import { type Command, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, onInterrupt } from "../frame.ts";
import { runMutants } from "./mutants.ts";
import { LINE, type Options, parseOptions, USAGE } from "./options.ts";
import { showProgress } from "./progress.ts";
import { Runner } from "./runner.ts";

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run: simulate };

/** `mutant`: the name of a bug to be in the station. */
export function simulate(options: Options, mutant?: string): number | Promise<number> {
	// The reader has enough, as `head` has.
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
				failure = `${problem}\n`;
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

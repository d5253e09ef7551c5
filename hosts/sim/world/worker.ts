/** A thread that runs worlds, one seed after another, and tells what each came to. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort, workerData } from "node:worker_threads";
import { MUTANTS } from "./mutants.ts";
import { replace } from "./seams.ts";
import type { Stats } from "./world.ts";
import { runWorld } from "./world.ts";

/** What a worker has to do: every `stride`th seed from `first` on, `count` of them at most. */
export interface Order {
	readonly first: number;
	readonly stride: number;
	readonly count: number;
	readonly days: number;
	/** The name of a bug that the station has. */
	readonly mutant?: string | undefined;
}

/** What a worker tells after each world. */
export interface Report {
	readonly seed: number;
	readonly stats: Stats;
	readonly faults: readonly (readonly [kind: string, count: number])[];
	readonly digest: number;
	readonly violation?:
		| { readonly kind: string; readonly text: string; readonly time: number; readonly lastLines: readonly string[] }
		| undefined;
}

/** Worlds until compiled code and caches have their size. */
const WARM_WORLDS = 40;
/** How often the heap is measured, in worlds, and what it may gain, in bytes. */
const MEASURED_EVERY = 40;
const GROWTH_MAXIMUM = 12_000_000;

/** Throws an Error where there is no such bug, or no place for it. */
function plant(bug: string): void {
	const mutant = MUTANTS.find(({ name }) => name === bug);
	if (!mutant) throw new Error("there is no such bug");
	replace(mutant.original, mutant.changed);
}

function work({ first, stride, count, days, mutant }: Order): void {
	if (mutant !== undefined) plant(mutant);
	setFlagsFromString("--expose-gc");
	const collect = runInNewContext("gc") as () => void;
	const liveHeap = () => {
		collect();
		return process.memoryUsage().heapUsed;
	};
	let warm = 0;
	for (let number = 0; number < count; number++) {
		const seed = first + number * stride;
		const { stats, faults, digest, violation } = runWorld(seed, days);
		let report: Report = { seed, stats, faults: [...faults], digest, violation };
		if (number === WARM_WORLDS) warm = liveHeap();
		else if (number > WARM_WORLDS && number % MEASURED_EVERY === 0) {
			const heap = liveHeap();
			if (heap - warm > GROWTH_MAXIMUM && !violation) {
				const text = `the heap grew from ${warm} to ${heap} bytes in ${number - WARM_WORLDS} worlds`;
				report = { ...report, violation: { kind: "memory", text, time: 0, lastLines: [] } };
			}
		}
		parentPort!.postMessage(report);
		if (report.violation) return;
	}
}

work(workerData as Order);

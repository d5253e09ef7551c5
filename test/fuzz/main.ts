/**
 * The fuzzer's long run: `npm run fuzz [-- --packets N] [--minutes N] [--seed N]`.
 *
 * A dialogue is decided by the run's seed and its own number, so that
 * `--seed N --dialogue N` repeats the one that failed. Each processor has a
 * process of its own; one that says nothing for a minute hangs.
 */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { runDialogue } from "./dialogue.ts";
import { newTally, type Tally } from "./tally.ts";

const PACKETS = 1_000_000;
/** How often a worker tells how far it is, and after what silence it hangs, in ms. */
const REPORT_MS = 2_000;
const HANG_MS = 60_000;
/** Heap that a worker may gain after the warm-up, in bytes. */
const GROWTH_MAXIMUM = 8_000_000;
/** Packets after which compiled code and caches have their size. */
const WARM_UP_PACKETS = 100_000;
const PROGRESS_MS = 30_000;

interface Order {
	readonly seed: number;
	readonly packets: number;
	readonly ending: number;
	readonly worker: number;
	readonly workers: number;
}

/** What a worker tells. */
interface Report {
	readonly received: number;
	readonly sent: number;
	readonly connections: number;
	readonly dialogues: number;
	readonly refused: number;
	readonly taken: number;
	readonly ends: readonly [kind: string, count: number][];
	/** Bytes of live heap after the warm-up, and now. */
	readonly heap: readonly [number, number];
	readonly dialogue: number;
	readonly failure?: string;
	readonly done: boolean;
}

function option(name: string): number | undefined {
	const at = process.argv.indexOf(`--${name}`);
	if (at < 0) return undefined;
	const value = Number(process.argv[at + 1]);
	if (!Number.isSafeInteger(value) || value < 0) {
		process.stderr.write(`--${name} takes a whole number\n`);
		process.exit(2);
	}
	return value;
}

const liveHeap = () => {
	globalThis.gc?.();
	return process.memoryUsage().heapUsed;
};

function work({ seed, packets, ending, worker, workers }: Order): void {
	const tally = newTally();
	let warm = 0;
	let reported = Date.now();
	const report = (dialogue: number, more: Partial<Report>) => {
		reported = Date.now();
		const heap = liveHeap();
		if (warm === 0 && tally.received >= WARM_UP_PACKETS) warm = heap;
		const grown = warm > 0 && heap - warm > GROWTH_MAXIMUM;
		const message: Report = {
			...tally,
			ends: [...tally.ends],
			heap: [warm, heap],
			dialogue,
			done: false,
			...(grown ? { failure: `the heap grew from ${warm} to ${heap} bytes`, done: true } : {}),
			...more,
		};
		return new Promise<boolean>((resolve) => process.send!(message, () => resolve(!grown)));
	};
	/** One dialogue after another, with pauses in which messages leave. */
	const next = async (dialogue: number): Promise<void> => {
		for (let number = dialogue; ; number += workers) {
			try {
				runDialogue(seed, number, tally);
			} catch (error) {
				await report(number, { failure: (error as Error).message, done: true });
				return process.disconnect();
			}
			if (tally.received >= packets || Date.now() > ending) {
				await report(number, { done: true });
				return process.disconnect();
			}
			if (Date.now() - reported > REPORT_MS && !(await report(number, {}))) return process.disconnect();
		}
	};
	void next(worker);
}

function total(reports: Iterable<Report>): Tally {
	const sum = newTally();
	for (const report of reports) {
		sum.received += report.received;
		sum.sent += report.sent;
		sum.connections += report.connections;
		sum.dialogues += report.dialogues;
		sum.refused += report.refused;
		sum.taken += report.taken;
		for (const [kind, count] of report.ends) sum.ends.set(kind, (sum.ends.get(kind) ?? 0) + count);
	}
	return sum;
}

function lead(): void {
	const seed = option("seed") ?? Date.now();
	const dialogue = option("dialogue");
	if (dialogue !== undefined) {
		runDialogue(seed, dialogue, newTally());
		process.stdout.write(`dialogue ${dialogue} of seed ${seed} passes\n`);
		return;
	}
	const minutes = option("minutes");
	const packets = option("packets") ?? (minutes === undefined ? PACKETS : Number.MAX_SAFE_INTEGER);
	const ending = minutes === undefined ? Number.MAX_SAFE_INTEGER : Date.now() + minutes * 60_000;
	const workers = option("workers") ?? availableParallelism();
	const began = Date.now();
	const reports = new Map<number, Report>();
	const heard = new Map<number, number>();
	const children: ChildProcess[] = [];
	const failures: string[] = [];
	let running = workers;
	process.stdout.write(`seed ${seed}, ${workers} workers\n`);

	const progress = () => {
		const { received, dialogues } = total(reports.values());
		const seconds = (Date.now() - began) / 1_000;
		process.stdout.write(
			`${Math.round(seconds)} s: ${received} packets in ${dialogues} dialogues, ${Math.round(received / seconds)} packets/s\n`,
		);
	};
	const finish = () => {
		clearInterval(watch);
		progress();
		const tally = total(reports.values());
		const ends = [...tally.ends].sort(([, one], [, other]) => other - one);
		for (const [kind, count] of ends) process.stdout.write(`${String(count).padStart(9)}  ${kind}\n`);
		const heaps = [...reports.values()].map(({ heap }) =>
			heap.map((bytes) => `${Math.round(bytes / 1_000)} kB`).join(" → "),
		);
		process.stdout.write(
			`${tally.received} packets received and ${tally.sent} sent in ${tally.connections} connections; ` +
				`of the mutated packets ${tally.refused} were refused and ${tally.taken} taken; heap ${heaps.join(", ")}\n`,
		);
		for (const failure of failures) process.stdout.write(`\nFAILED: ${failure}\n`);
		process.stdout.write(`seed ${seed}: ${failures.length === 0 ? "no failure" : `${failures.length} failed`}\n`);
		process.exitCode = failures.length === 0 ? 0 : 1;
	};
	const ended = (worker: number, failure?: string) => {
		if (failure)
			failures.push(`${failure}\nrepeat with: --seed ${seed} --dialogue ${reports.get(worker)?.dialogue ?? worker}`);
		if (--running === 0) finish();
	};
	let shown = began;
	const watch = setInterval(() => {
		for (const [worker, time] of heard) {
			if (Date.now() - time < HANG_MS) continue;
			failures.push(`worker ${worker} hangs, in a dialogue after number ${reports.get(worker)?.dialogue}`);
			children[worker]!.kill("SIGKILL");
			heard.delete(worker);
		}
		if (Date.now() - shown < PROGRESS_MS) return;
		shown = Date.now();
		progress();
	}, 1_000);
	for (let worker = 0; worker < workers; worker++) {
		const order: Order = { seed, packets: Math.ceil(packets / workers), ending, worker, workers };
		const child = fork(fileURLToPath(import.meta.url), ["--order", JSON.stringify(order)], {
			execArgv: ["--expose-gc", "--enable-source-maps"],
		});
		children.push(child);
		heard.set(worker, Date.now());
		let failure: string | undefined = `worker ${worker} ended early`;
		child.on("message", (report: Report) => {
			reports.set(worker, report);
			heard.set(worker, Date.now());
			if (report.done) failure = report.failure;
		});
		child.on("exit", () => {
			heard.delete(worker);
			ended(worker, failure);
		});
	}
}

const order = process.argv.indexOf("--order");
if (order > 0) work(JSON.parse(process.argv[order + 1]!));
else lead();

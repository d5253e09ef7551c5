/** `npm run simulate -- --mutants`: each mutant in worlds until the first that notices it. */
import { MUTANTS, type Mutant } from "../../hosts/sim/world/mutants.ts";
import { runWorld } from "../../hosts/sim/world/world.ts";
import { bundleWorker } from "../../tools/world-worker.js";
import { EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, onInterrupt } from "../frame.ts";
import type { Options } from "./options.ts";
import { showProgress } from "./progress.ts";
import { Runner } from "./runner.ts";

/** How many worlds a mutant may survive, beside its own. */
const SEEDS = 1_000;
/** Of the column with the mutants' names. */
const NAME_WIDTH = 54;

/** How a mutant was noticed. */
interface Notice {
	readonly seed: number;
	readonly kind: string;
}

export async function runMutants({ days, from, workers }: Options): Promise<number> {
	const hunt = new Hunt(await bundleWorker(), days);
	const waiting = [...MUTANTS];
	const rows: string[] = [];
	const problems: string[] = [];
	let noticed = 0;
	onInterrupt(() => {
		waiting.length = 0;
		hunt.stop();
	});
	const next = async (): Promise<void> => {
		for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
			const { name, seed } = mutant;
			try {
				const notice = (await hunt.run(mutant, seed, 1)) ?? (await hunt.run(mutant, from, SEEDS));
				if (hunt.stopped) return;
				if (notice) noticed++;
				rows.push(row(mutant, notice));
			} catch (error) {
				problems.push(`${name}: ${(error as Error).message}\n`);
			}
		}
	};
	const stopProgress = showProgress(() => `${rows.length} of ${MUTANTS.length} mutants`);
	await Promise.all(Array.from({ length: workers }, next));
	stopProgress();
	process.stdout.write(`${"deliberate bug".padEnd(NAME_WIDTH)}  seed  violation\n${rows.sort().join("")}`);
	if (hunt.stopped) return EXIT_INTERRUPTED;
	process.stderr.write(problems.join(""));
	process.stdout.write(`\n${noticed} of ${MUTANTS.length} deliberate bugs were noticed\n`);
	return noticed < MUTANTS.length ? EXIT_FAILED : EXIT_DONE;
}

function row({ name, seed }: Mutant, notice: Notice | undefined): string {
	const stale = notice && notice.seed !== seed ? `; seed ${seed} does not notice it` : "";
	return `${name.padEnd(NAME_WIDTH)} ${String(notice?.seed ?? "").padStart(5)}  ${notice?.kind ?? "SURVIVED"}${stale}\n`;
}

/** Worlds with mutants in them. */
class Hunt {
	stopped = false;
	private readonly _path: string;
	private readonly _days: number;
	private readonly _running = new Set<Runner>();
	/** Whether no rule is broken in the world of a seed without a mutant. */
	private readonly _sound = new Map<number, boolean>();

	constructor(path: string, days: number) {
		this._path = path;
		this._days = days;
	}

	/** Resolves with the first violation in `count` worlds from the seed `first` on. Rejects where a world could not be run. */
	async run({ name: mutant }: Mutant, first: number, count: number): Promise<Notice | undefined> {
		let notice: Notice | undefined;
		for (let seed = first; !notice && !this.stopped && seed < first + count; seed++) {
			const order = { first: seed, stride: 1, count: first + count - seed, days: this._days, mutant };
			// It ends with the first violation.
			const runner = new Runner(this._path, order, (report) => {
				({ seed } = report);
				const { violation } = report;
				if (violation && this._isSound(seed)) notice = { seed, kind: violation.kind };
			});
			this._running.add(runner);
			const problem = await runner.ended;
			this._running.delete(runner);
			if (problem !== undefined) throw new Error(problem);
		}
		return notice;
	}

	stop(): void {
		this.stopped = true;
		for (const runner of this._running) runner.stop();
	}

	/** What is wrong without the mutant, too, does not tell of it. */
	private _isSound(seed: number): boolean {
		const known = this._sound.get(seed) ?? runWorld(seed, this._days).violation === undefined;
		this._sound.set(seed, known);
		return known;
	}
}

/**
 * `npm run fuzz:tls`: hostile TLS servers against the C of hosts/moddable/tls.
 *
 * As in `npm run fuzz`, a dialogue is decided by the run's seed and its own number.
 * The dialogues are C (main.c), in a process for each processor.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import {
	type Command,
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_INTERRUPTED,
	HELP,
	numberOf,
	onInterrupt,
	readLine,
	UsageError,
	VALUE,
} from "../../commands/frame.ts";
import { buildFuzzer } from "./build.ts";

const RECORDS = 1_000_000;
const PROGRESS_MS = 30_000;

const USAGE = `Usage: npm run fuzz:tls -- [OPTION…]

Lets the TLS client of the boards, in C, talk to a server whose records,
messages and certificates are wrong in places, on all processors and under the
sanitizers. Ends with 1 when a dialogue fails.

  --records N      records to receive (default ${RECORDS})
  --seed N         decides every dialogue (default: the time)
  --dialogue N     with --seed: this dialogue of the run, and its steps
  --workers N      processes (default: one for each processor)
  --help           this text
`;

const LINE = {
	name: "npm run fuzz:tls",
	options: { records: VALUE, seed: VALUE, dialogue: VALUE, workers: VALUE, help: HELP },
};

interface Options {
	readonly records: number;
	readonly seed: number;
	readonly dialogue: number | undefined;
	readonly workers: number;
}

export const command: Command<Options> = {
	...LINE,
	help: USAGE,
	read: parseOptions,
	run: async ({ dialogue, ...options }) => {
		const program = await buildFuzzer();
		return dialogue === undefined ? new Run(program, options).run() : repeat(program, options.seed, dialogue);
	},
};

/** Throws a `UsageError`; returns `undefined` for `--help`. */
function parseOptions(args: string[]): Options | undefined {
	const values = readLine(args, LINE)?.values;
	if (!values) return undefined;
	const whole = (name: keyof typeof values, lowest: number, highest = Number.MAX_SAFE_INTEGER) => {
		const text = values[name] as string | undefined;
		return text === undefined ? undefined : numberOf(`--${name}`, text, lowest, highest, true);
	};
	if (values.dialogue !== undefined) {
		if (values.seed === undefined) throw new UsageError("--dialogue: needs --seed");
		for (const name of ["records", "workers"] as const) {
			if (values[name] !== undefined) throw new UsageError(`--${name}: does not go with --dialogue`);
		}
	}
	return {
		records: whole("records", 1) ?? RECORDS,
		seed: whole("seed", 0) ?? Date.now(),
		dialogue: whole("dialogue", 0, 0x7fff_ffff),
		workers: whole("workers", 1, 256) ?? availableParallelism(),
	};
}

/** One dialogue. */
async function repeat(program: string, seed: number, dialogue: number): Promise<number> {
	const child = spawn(program, ["dialogue", String(seed), String(dialogue)], { stdio: "inherit" });
	const [code] = await ended(child);
	process.stdout.write(`dialogue ${dialogue} of seed ${seed} ${code === 0 ? "passes" : "fails"}\n`);
	return code === 0 ? EXIT_DONE : EXIT_FAILED;
}

const ended = (child: ChildProcess) =>
	new Promise<[number | null, string | null]>((resolve) => {
		child.on("close", (code, signal) => resolve([code, signal]));
	});

/** A process and what it has told. */
interface Told {
	readonly child: ChildProcess;
	/** That it is in, or was a moment ago. */
	dialogue: number;
	records: number;
	/** What is wrong, and the steps that led to it. */
	readonly violation: string[];
}

class Run {
	private readonly _program: string;
	private readonly _options: Omit<Options, "dialogue">;
	private readonly _began = performance.now();
	private readonly _told: Told[] = [];
	private readonly _failures: string[] = [];
	private readonly _counts = new Map<string, number>();
	private readonly _most = new Map<string, number>();
	private readonly _ends = new Map<string, number>();
	private _interrupted = false;

	constructor(program: string, options: Omit<Options, "dialogue">) {
		this._program = program;
		this._options = options;
	}

	/** Resolves with the exit code. */
	async run(): Promise<number> {
		const { seed, workers } = this._options;
		onInterrupt(() => {
			this._interrupted = true;
			for (const { child } of this._told) child.kill("SIGTERM");
		});
		process.stdout.write(`seed ${seed}, ${workers} workers\n`);
		const progress = setInterval(() => this._showProgress(), PROGRESS_MS);
		await Promise.all(Array.from({ length: workers }, (_, worker) => this._work(worker)));
		clearInterval(progress);
		this._showTotal();
		if (this._failures.length > 0) return EXIT_FAILED;
		return this._interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
	}

	/** Resolves when the worker has ended, and all that it told has arrived. */
	private async _work(worker: number): Promise<void> {
		const { seed, records, workers } = this._options;
		const args = ["run", ...[seed, worker, workers, Math.ceil(records / workers)].map(String)];
		const child = spawn(this._program, args, { stdio: ["ignore", "pipe", "inherit"] });
		const told: Told = { child, dialogue: worker, records: 0, violation: [] };
		this._told.push(told);
		createInterface(child.stdout!).on("line", (line) => this._take(told, line));
		const [code, signal] = await ended(child);
		if (code === 0 || this._interrupted) return;
		const { violation, dialogue } = told;
		const again = `repeat with: npm run fuzz:tls -- --seed ${seed}`;
		this._failures.push(
			violation.length > 0
				? `dialogue ${dialogue}: ${violation.join("\n")}\n${again} --dialogue ${dialogue}`
				: `worker ${worker} ended early, in dialogue ${dialogue} or later: ${signal ?? `exit code ${code}`}\n${again} --workers ${workers} --records ${records}`,
		);
	}

	private _take(told: Told, line: string): void {
		const [what = "", first = "", ...rest] = line.split(" ");
		if (told.violation.length > 0) told.violation.push(line);
		else if (what === "violation") told.violation.push([first, ...rest].join(" "));
		else if (what === "at") [told.dialogue, told.records] = [Number(first), Number(rest[0])];
		else if (what === "end") add(this._ends, rest.join(" ") || "open to the end", Number(first));
		else if (what === "count") {
			add(this._counts, first, Number(rest[0]));
			if (first === "records") told.records = Number(rest[0]);
		} else if (what === "most") this._most.set(first, Math.max(this._most.get(first) ?? 0, Number(rest[0])));
	}

	private _showProgress(): void {
		const records = this._told.reduce((sum, told) => sum + told.records, 0);
		const seconds = (performance.now() - this._began) / 1_000;
		process.stdout.write(`${Math.round(seconds)} s: ${records} records, ${Math.round(records / seconds)} records/s\n`);
	}

	private _showTotal(): void {
		this._showProgress();
		for (const [reason, count] of [...this._ends].sort(([, one], [, other]) => other - one)) {
			process.stdout.write(`${String(count).padStart(9)}  ${reason}\n`);
		}
		const count = (what: string) => this._counts.get(what) ?? 0;
		process.stdout.write(
			`${count("records")} records in ${count("dialogues")} dialogues and ${count("connections")} connections; ` +
				`${count("open")} were open, ${count("resumed")} of them by a saved session; ${count("bytes")} bytes read; ` +
				`at most ${this._most.get("signatures") ?? 0} signatures checked and ${this._most.get("heap") ?? 0} bytes of heap\n`,
		);
		for (const failure of this._failures) process.stdout.write(`\nFAILED: ${failure}\n`);
		const outcome = this._failures.length > 0 ? `${this._failures.length} failed` : "no failure";
		process.stdout.write(
			`seed ${this._options.seed}: ${outcome}${this._interrupted ? " until it was interrupted" : ""}\n`,
		);
	}
}

function add(sums: Map<string, number>, key: string, count: number): void {
	sums.set(key, (sums.get(key) ?? 0) + count);
}

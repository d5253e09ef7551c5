/**
 * `npm run fuzz`: the fuzzer's long run.
 *
 * A dialogue is decided by the run's seed and its own number, so that
 * `--seed N --dialogue N` repeats the one that failed. Each processor has a
 * process of its own.
 */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import {
	type Command,
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_INTERRUPTED,
	FLAG,
	HELP,
	numberOf,
	onInterrupt,
	readLine,
	UsageError,
	VALUE,
} from "../../commands/frame.ts";
import { bundleProgram } from "../../tools/build.js";
import { HANG_S, HANG_SIGNAL, type Order, type Report } from "./messages.ts";
import { DIALOGUES, type Subject } from "./subjects.ts";
import { newTally, type Tally } from "./tally.ts";

const PACKETS = 1_000_000;
const PROGRESS_MS = 30_000;

const USAGE = `Usage: npm run fuzz -- [OPTION…]

Lets the MQTT session talk to a model broker that is conforming, broken or
malicious by turns, on all processors. Ends with 1 when a dialogue fails.

  --websocket      instead: the WebSocket and a server, in frames for packets
  --packets N      packets to receive (default ${PACKETS}; with --minutes, any number)
  --minutes N      how long
  --seed N         decides every dialogue (default: the time)
  --dialogue N     with --seed: this dialogue of the run, and no other
  --workers N      processes (default: one for each processor)
  --help           this text
`;

const LINE = {
	name: "npm run fuzz",
	options: {
		websocket: FLAG,
		packets: VALUE,
		minutes: VALUE,
		seed: VALUE,
		dialogue: VALUE,
		workers: VALUE,
		help: HELP,
	},
};

interface Options {
	readonly subject: Subject;
	readonly packets: number;
	/** In ms since 1970, when all end at the latest. */
	readonly ending: number;
	readonly seed: number;
	readonly dialogue: number | undefined;
	readonly workers: number;
}

export const command: Command<Options> = {
	...LINE,
	help: USAGE,
	read: parseOptions,
	run: ({ dialogue, ...options }) =>
		dialogue === undefined ? new Run(options).run() : repeat(options.subject, options.seed, dialogue),
};

/** Throws a `UsageError`; returns `undefined` for `--help`. */
function parseOptions(args: string[]): Options | undefined {
	const values = readLine(args, LINE)?.values;
	if (!values) return undefined;
	const whole = (name: keyof typeof values, lowest: number, highest = Number.MAX_SAFE_INTEGER) => {
		const text = values[name] as string | undefined;
		return text === undefined ? undefined : numberOf(`--${name}`, text, lowest, highest, true);
	};
	const minutes = values.minutes === undefined ? undefined : numberOf("--minutes", values.minutes, 0, 1e6);
	if (values.dialogue !== undefined) {
		if (values.seed === undefined) throw new UsageError("--dialogue: needs --seed");
		for (const name of ["packets", "minutes", "workers"] as const) {
			if (values[name] !== undefined) throw new UsageError(`--${name}: does not go with --dialogue`);
		}
	}
	return {
		subject: values.websocket ? "websocket" : "session",
		packets: whole("packets", 1) ?? (minutes === undefined ? PACKETS : Number.MAX_SAFE_INTEGER),
		ending: minutes === undefined ? Number.MAX_SAFE_INTEGER : Date.now() + minutes * 60_000,
		seed: whole("seed", 0) ?? Date.now(),
		dialogue: whole("dialogue", 0, 0x7fff_ffff),
		workers: whole("workers", 1, 256) ?? availableParallelism(),
	};
}

/** One dialogue, in this process. */
function repeat(subject: Subject, seed: number, dialogue: number): number {
	try {
		DIALOGUES[subject](seed, dialogue, newTally());
	} catch (error) {
		process.stdout.write(`FAILED: ${(error as Error).message}\n`);
		return EXIT_FAILED;
	}
	process.stdout.write(`dialogue ${dialogue} of seed ${seed} passes\n`);
	return EXIT_DONE;
}

/** A process and what it has told. */
interface Told {
	readonly child: ChildProcess;
	/** That it is in. */
	dialogue: number;
	report: Report | undefined;
}

class Run {
	private readonly _options: Omit<Options, "dialogue">;
	private readonly _began = performance.now();
	private readonly _told: Told[] = [];
	private readonly _failures: string[] = [];
	private _interrupted = false;

	constructor(options: Omit<Options, "dialogue">) {
		this._options = options;
	}

	/** Resolves with the exit code. */
	async run(): Promise<number> {
		const { seed, workers } = this._options;
		const program = await bundleProgram("test/fuzz/worker.ts");
		onInterrupt(() => {
			this._interrupted = true;
			for (const { child } of this._told) child.kill("SIGKILL");
		});
		process.stdout.write(`seed ${seed}, ${workers} workers\n`);
		const progress = setInterval(() => this._showProgress(), PROGRESS_MS);
		await Promise.all(Array.from({ length: workers }, (_, worker) => this._work(program, worker)));
		clearInterval(progress);
		this._showTotal();
		if (this._failures.length > 0) return EXIT_FAILED;
		return this._interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
	}

	/** Resolves when the worker has ended, and all that it told has arrived. */
	private async _work(program: string, worker: number): Promise<void> {
		const order: Order = {
			...this._options,
			packets: Math.ceil(this._options.packets / this._options.workers),
			worker,
		};
		const execArgv = ["--expose-gc", "--enable-source-maps"];
		const child = fork(program, [JSON.stringify(order)], { execArgv });
		const told: Told = { child, dialogue: worker, report: undefined };
		this._told.push(told);
		child.on("message", (message: number | Report) => {
			if (typeof message === "number") told.dialogue = message;
			else told.report = message;
		});
		// Its end may be heard of before its last message.
		const disconnected = new Promise((resolve) => child.on("disconnect", resolve));
		const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
			child.on("exit", (code, signal) => resolve([code, signal]));
		});
		await disconnected;
		// It was told of a Ctrl-C before it could leave that to us, and we are told in a moment.
		if (signal === "SIGINT") this._interrupted = true;
		const problem = this._problemOf(told, worker, signal ?? `exit code ${code}`);
		if (problem !== undefined) this._failures.push(problem);
	}

	/** What is wrong with how a worker ended, and what repeats it. */
	private _problemOf({ dialogue, report }: Told, worker: number, end: string): string | undefined {
		const { subject, seed, packets, workers } = this._options;
		const again = `repeat with: npm run fuzz --${subject === "websocket" ? " --websocket" : ""} --seed ${seed}`;
		if (report?.failure !== undefined)
			return `dialogue ${dialogue}: ${report.failure}\n${again} --dialogue ${dialogue}`;
		if (report?.grown) {
			const [warm, now] = report.heap;
			return `worker ${worker}: the heap grew from ${warm} to ${now} bytes\n${again} --workers ${workers} --packets ${packets}`;
		}
		if (report?.done || this._interrupted) return undefined;
		const how = end === HANG_SIGNAL ? `it hangs: ${HANG_S} s of processor time` : end;
		return `worker ${worker} ended early, in dialogue ${dialogue}: ${how}\n${again} --dialogue ${dialogue}`;
	}

	private get _unit(): string {
		return this._options.subject === "websocket" ? "frames" : "packets";
	}

	private get _total(): Tally {
		const sum = newTally();
		for (const { report } of this._told) {
			if (!report) continue;
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

	private _showProgress(): void {
		const { received, dialogues } = this._total;
		const seconds = (performance.now() - this._began) / 1_000;
		process.stdout.write(
			`${Math.round(seconds)} s: ${received} ${this._unit} in ${dialogues} dialogues, ${Math.round(received / seconds)} ${this._unit}/s\n`,
		);
	}

	private _showTotal(): void {
		this._showProgress();
		const { ends, received, sent, connections, refused, taken } = this._total;
		for (const [kind, count] of [...ends].sort(([, one], [, other]) => other - one)) {
			process.stdout.write(`${String(count).padStart(9)}  ${kind}\n`);
		}
		const heaps = this._told.map(({ report }) =>
			(report?.heap ?? []).map((bytes) => `${Math.round(bytes / 1_000)} kB`).join(" → "),
		);
		process.stdout.write(
			`${received} ${this._unit} received and ${sent} sent in ${connections} connections; ` +
				`of the mutated ${this._unit} ${refused} were refused and ${taken} taken; heap ${heaps.join(", ")}\n`,
		);
		for (const failure of this._failures) process.stdout.write(`\nFAILED: ${failure}\n`);
		const outcome = this._failures.length > 0 ? `${this._failures.length} failed` : "no failure";
		process.stdout.write(
			`seed ${this._options.seed}: ${outcome}${this._interrupted ? " until it was interrupted" : ""}\n`,
		);
	}
}

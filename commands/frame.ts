/** The common part of all commands: options, help, errors in one line, exit codes, Ctrl-C. */
import { parseArgs } from "node:util";
import { plain } from "../hosts/node/plain-text.ts";
import { SettingsError } from "../hosts/node/settings-error.ts";
import { messageOf } from "../src/text.ts";
import { Interrupts } from "./interrupts.ts";

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
/** The event of `process` that `tools/run.js` emits. */
const SHELL_ENDED = "shell-ended";
/** For a command line that cannot be used. */
const EXIT_USAGE = 2;
/** A shell's exit code of a program that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130;

/** A command line that cannot be used, in one line. */
export class UsageError extends Error {
	override name = "UsageError";
}

/** By their long names. */
export type Options = Readonly<
	Record<string, { readonly type: "string" | "boolean"; readonly short?: string; readonly multiple?: true }>
>;

/** An option with a value, one that may be given several times, one without, and `--help`, which every command has. */
export const VALUE = { type: "string" } as const;
export const LIST = { type: "string", multiple: true } as const;
export const FLAG = { type: "boolean" } as const;
export const HELP = { type: "boolean", short: "h" } as const;

/** A command, which a file in this folder exports as `command`, for `tools/run.js`. `Wanted`: a parsed command line. */
export interface Command<Wanted> {
	/** Its name on a command line. */
	readonly name: string;
	readonly help: string;
	/** All its options. */
	readonly options: Options;
	/** Throws a `UsageError`; returns `undefined` where help is asked for. */
	readonly read: (args: string[]) => Wanted | undefined;
	/** Resolves with the exit code. Its Errors are for a person, in one line. */
	readonly run: (wanted: Wanted) => number | Promise<number>;
}

/** Runs a command to its end. */
export async function main<Wanted>({ name, options, help, read, run }: Command<Wanted>): Promise<void> {
	process.stdout.on("error", (error: NodeJS.ErrnoException) => outputFailed(error));
	// There is nowhere to tell it.
	process.stderr.on("error", () => {});
	try {
		const kept = keptByNpm(name, options);
		if (kept !== undefined)
			throw new UsageError(`npm keeps --${kept} for itself; write it behind a --: ${name} -- --${kept}`);
		const wanted = read(process.argv.slice(2));
		if (wanted === undefined) process.stdout.write(help);
		else process.exitCode = await run(wanted);
	} catch (error) {
		for (const line of linesOf(error)) say(line);
		// Also with open sockets or timers.
		process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED);
	}
}

let toldOutput = false;

/**
 * A reader that has enough closes its end (`| head`), and a terminal goes; a command that would go on without a reader
 * sees to that itself. A full disk is a failure: one line, and exit code 1, at once unless the command wants to end in good order.
 */
function outputFailed({ code }: NodeJS.ErrnoException): void {
	if (code === "EPIPE" || process.stdout.isTTY || toldOutput) return;
	toldOutput = true;
	say(`the output cannot be written (${code})`);
	process.on("exit", () => {
		process.exitCode = EXIT_FAILED;
	});
	if (process.stdout.listenerCount("error") === 1) process.exit(EXIT_FAILED);
}

/** The syntax of a command line. */
export interface Syntax<O extends Options> {
	readonly name: string;
	readonly options: O;
	readonly takesArguments?: boolean;
}

/** Options as `readLine` gives them. */
export type Values<O extends Options> = NonNullable<ReturnType<typeof readLine<O>>>["values"];

/**
 * The options of a command line, and its arguments if it takes some; `undefined`
 * for `--help`. Throws a `UsageError` that names `--help`.
 */
export function readLine<O extends Options>(args: string[], { name, options, takesArguments = false }: Syntax<O>) {
	const parse = () => parseArgs({ args: withNegative(args, options), options, allowPositionals: takesArguments });
	let parsed: ReturnType<typeof parse>;
	try {
		parsed = parse();
	} catch (error) {
		// Only the first sentence, for the rest guesses what was meant; but a form that works is worth a line.
		const [problem, ...rest] = messageOf(error).split(/\.\s/);
		// Not the value itself: it may be a secret.
		const [, form] = / use '(--[\w-]+=-)XYZ'/.exec(rest.join(" ")) ?? [];
		const help = form ? `: write ${form}VALUE where the value begins with a hyphen` : "";
		throw new UsageError(`${problem}${help}; ${name} -- --help lists the options`);
	}
	return "help" in parsed.values ? undefined : parsed;
}

/** Options that npm has, too: its own are often set. */
const NPM_OPTIONS = ["ca", "cafile", "cert", "force", "help", "json", "key", "message", "quiet", "user", "verbose"];

/** An option of the command that npm took for one of its own, as there was no `--` before it. */
function keptByNpm(name: string, options: Options): string | undefined {
	const { env } = process;
	// Not one that another command of npm's was given, which runs this one.
	if (env.npm_lifecycle_event === undefined || env.npm_lifecycle_event !== name.split(" ").at(-1)) return undefined;
	const names = Object.keys(options).filter((option) => !NPM_OPTIONS.includes(option));
	return names.find((option) => env[`npm_config_${option.replaceAll("-", "_")}`]);
}

/** `--option -1` as `--option=-1`: a negative number is a value that the command has an answer for. */
function withNegative(args: string[], options: Options): string[] {
	const joined: string[] = [];
	for (const [index, arg] of args.entries()) {
		if (arg === "--") return [...joined, ...args.slice(index)];
		const before = joined.at(-1);
		const takesValue = before?.startsWith("--") && options[before.slice(2)]?.type === "string";
		if (takesValue && /^-\.?\d/.test(arg)) joined[joined.length - 1] = `${before}=${arg}`;
		else joined.push(arg);
	}
	return joined;
}

/** Throws a `UsageError` unless an option's value is a number in the range. */
export function numberOf(option: string, text: string, lowest: number, highest: number, whole = false): number {
	const value = Number(text);
	if (text.trim() === "" || !(value >= lowest && value <= highest) || (whole && !Number.isInteger(value))) {
		throw new UsageError(`${option} ${text}: must be a ${whole ? "whole " : ""}number from ${lowest} to ${highest}`);
	}
	return value;
}

const UNITS_MS: Readonly<Record<string, number>> = {
	ms: 1,
	s: 1_000,
	m: 60_000,
	h: 3_600_000,
	d: 86_400_000,
	"": 1_000,
};

/** In ms, of a time such as `5s`, `1.5m` or, in seconds, `30`. Throws a `UsageError`. */
export function durationOf(option: string, text: string): number {
	const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|)$/.exec(text) ?? [];
	if (digits === undefined) throw new UsageError(`${option} ${text}: must be a time such as 5s, 1m or 1h`);
	return Number(digits) * UNITS_MS[unit ?? ""]!;
}

/** Turns an Error of `check` into a `UsageError`, behind a prefix. */
export function explained<Result>(check: () => Result, prefix = ""): Result {
	try {
		return check();
	} catch (error) {
		throw new UsageError(`${prefix}${messageOf(error)}`);
	}
}

/** The user's own settings may have several faults; any other text may be a stranger's, and is one line. */
function linesOf(error: unknown): string[] {
	const text = messageOf(error);
	return error instanceof UsageError || error instanceof SettingsError ? text.split("\n") : [text];
}

/** To a terminal: goes to the beginning of a line that is half written, and clears it. */
export const CLEAR_LINE = "\r\x1b[K";

/** One line for a person, beside the output. `before`: for the terminal, as it is. */
export function say(text: string, before = ""): void {
	process.stderr.write(`${before}${plain(text)}\n`);
}

/** One line of the output, for a person. */
export function print(text: string): void {
	process.stdout.write(`${plain(text)}\n`);
}

/**
 * Calls back at the first Ctrl-C or SIGTERM, when the terminal goes (SIGHUP), and
 * when npm's shell was ended without us (`tools/run.js`): time to end in good
 * order. A second signal does not wait for that. A command that has nothing to put
 * in order calls nothing, and is ended at once.
 */
export function onInterrupt(callback: () => void): void {
	const interrupts = new Interrupts();
	const interrupt = () => {
		const wanted = interrupts.told(performance.now());
		if (wanted === "end at once") process.exit(EXIT_INTERRUPTED);
		if (wanted === "end") callback();
	};
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);
	// It comes with a signal to both, and then asks for nothing more.
	(process as NodeJS.EventEmitter).on(SHELL_ENDED, () => {
		if (!interrupts.began) interrupt();
	});
}

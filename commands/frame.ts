/** The common part of all commands: options, help, errors in one line, exit codes, Ctrl-C. */
import { parseArgs } from "node:util";
import { messageOf } from "../src/text.ts";
import { Interrupts } from "./interrupts.ts";

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
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

/** An option with a value, an option without, and `--help`, which every command has. */
export const VALUE = { type: "string" } as const;
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
export async function main<Wanted>({ help, read, run }: Command<Wanted>): Promise<void> {
	// A reader that has enough closes its end (`| head`). A command that goes on without a reader sees to that itself.
	process.stdout.on("error", () => {});
	try {
		const wanted = read(process.argv.slice(2));
		if (wanted === undefined) process.stdout.write(help);
		else process.exitCode = await run(wanted);
	} catch (error) {
		say(messageOf(error));
		// Also with open sockets or timers.
		process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED);
	}
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
	const parse = () => parseArgs({ args, options, allowPositionals: takesArguments });
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

/** Throws a `UsageError` unless an option's value is a number in the range. */
export function numberOf(option: string, text: string, lowest: number, highest: number, whole = false): number {
	const value = Number(text);
	if (text.trim() === "" || !(value >= lowest && value <= highest) || (whole && !Number.isInteger(value))) {
		throw new UsageError(`${option} ${text}: must be a ${whole ? "whole " : ""}number from ${lowest} to ${highest}`);
	}
	return value;
}

/** Turns an Error of `check` into a `UsageError`, behind a prefix. */
export function explained<Result>(check: () => Result, prefix = ""): Result {
	try {
		return check();
	} catch (error) {
		throw new UsageError(`${prefix}${messageOf(error)}`);
	}
}

/** One line for a person, beside the output. */
export function say(text: string): void {
	process.stderr.write(`${text}\n`);
}

/**
 * Calls back at the first Ctrl-C or SIGTERM: time to end in good order. A second
 * one does not wait for that. A command that has nothing to put in order calls
 * nothing, and is ended at once.
 */
export function onInterrupt(callback: () => void): void {
	const interrupts = new Interrupts();
	const interrupt = () => {
		const wanted = interrupts.told(performance.now());
		if (wanted === "end at once") process.exit(EXIT_INTERRUPTED);
		if (wanted === "end") callback();
	};
	process.on("SIGINT", interrupt);
	process.on("SIGTERM", interrupt);
}

/** The command line of `npm run simulate`. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

export const USAGE = `Usage: npm run simulate -- [OPTION…]

Runs simulated worlds: the station's code with a simulated sensor, flash, network
and broker, and everything that can go wrong between them. A world is decided by
its seed. Ends with 1 at the first world in which a rule is broken.

  --seeds N          how many worlds (default 1000)
  --days D           simulated days of faults in each, 0.01 to 100 (default 1)
  --from N           the first seed (default 1)
  --seed N           one world, and its story
  --verbose          with --seed: every packet, too
  --mutants          instead: puts one deliberate bug after another into the
                     station, and runs worlds until one of them tells
  --workers N        threads (default: one for each processor)
  --help             this text
`;

export interface Options {
	readonly seeds: number;
	readonly days: number;
	readonly from: number;
	readonly seed: number | undefined;
	readonly verbose: boolean;
	readonly mutants: boolean;
	readonly workers: number;
}

/** A command line that cannot be used, in one line. */
export class UsageError extends Error {
	override name = "UsageError";
}

const SEED_MAXIMUM = Number.MAX_SAFE_INTEGER - 1e9;

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(args: string[]): Options | undefined {
	const values = parse(args);
	if (values.help) return undefined;
	const whole = (name: "seeds" | "from" | "seed" | "workers", lowest: number, highest: number) => {
		const text = values[name];
		return text === undefined ? undefined : number(`--${name}`, text, lowest, highest, true);
	};
	const seed = whole("seed", 0, SEED_MAXIMUM);
	const mutants = values.mutants ?? false;
	for (const name of ["seeds", "from", "workers", "mutants"] as const) {
		if (seed !== undefined && values[name] !== undefined) throw new UsageError(`--${name}: does not go with --seed`);
	}
	if (values.verbose && seed === undefined) throw new UsageError("--verbose: needs --seed");
	return {
		seeds: whole("seeds", 1, 1e9) ?? 1_000,
		days: values.days === undefined ? 1 : number("--days", values.days, 0.01, 100, false),
		from: whole("from", 0, SEED_MAXIMUM) ?? 1,
		seed,
		verbose: values.verbose ?? false,
		mutants,
		workers: whole("workers", 1, 256) ?? availableParallelism(),
	};
}

function parse(args: string[]) {
	const text = { type: "string" } as const;
	const flag = { type: "boolean" } as const;
	try {
		return parseArgs({
			args,
			options: {
				seeds: text,
				days: text,
				from: text,
				seed: text,
				workers: text,
				mutants: flag,
				verbose: flag,
				help: { ...flag, short: "h" },
			},
		}).values;
	} catch (error) {
		const [problem = ""] = (error as Error).message.split(/\.\s/);
		throw new UsageError(`${problem}; npm run simulate -- --help lists the options`);
	}
}

function number(option: string, text: string, lowest: number, highest: number, whole: boolean): number {
	const value = Number(text);
	if (text.trim() === "" || !(value >= lowest && value <= highest) || (whole && !Number.isInteger(value))) {
		throw new UsageError(`${option} ${text}: must be a ${whole ? "whole " : ""}number from ${lowest} to ${highest}`);
	}
	return value;
}

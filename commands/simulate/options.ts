/** The command line of `npm run simulate`. */
import { availableParallelism } from "node:os";
import { FLAG, HELP, numberOf, readLine, UsageError, VALUE } from "../frame.ts";

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

export const LINE = {
	name: "npm run simulate",
	options: {
		seeds: VALUE,
		days: VALUE,
		from: VALUE,
		seed: VALUE,
		workers: VALUE,
		mutants: FLAG,
		verbose: FLAG,
		help: HELP,
	},
};

export interface Options {
	readonly seeds: number;
	readonly days: number;
	readonly from: number;
	readonly seed: number | undefined;
	readonly verbose: boolean;
	readonly mutants: boolean;
	readonly workers: number;
}

const SEED_MAXIMUM = Number.MAX_SAFE_INTEGER - 1e9;

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(args: string[]): Options | undefined {
	const values = readLine(args, LINE)?.values;
	if (!values) return undefined;
	const whole = (name: "seeds" | "from" | "seed" | "workers", lowest: number, highest: number) => {
		const text = values[name];
		return text === undefined ? undefined : numberOf(`--${name}`, text, lowest, highest, true);
	};
	const seed = whole("seed", 0, SEED_MAXIMUM);
	const mutants = values.mutants ?? false;
	for (const name of ["seeds", "from", "workers", "mutants"] as const) {
		if (seed !== undefined && values[name] !== undefined) throw new UsageError(`--${name}: does not go with --seed`);
	}
	if (values.verbose && seed === undefined) throw new UsageError("--verbose: needs --seed");
	return {
		seeds: whole("seeds", 1, 1e9) ?? 1_000,
		days: values.days === undefined ? 1 : numberOf("--days", values.days, 0.01, 100),
		from: whole("from", 0, SEED_MAXIMUM) ?? 1,
		seed,
		verbose: values.verbose ?? false,
		mutants,
		workers: whole("workers", 1, 256) ?? availableParallelism(),
	};
}

/** Simulated worlds with one of the deliberate bugs in the station: its name, and the options of `npm run simulate`. */
import { parseOptions } from "../../commands/simulate/options.ts";
import { simulate } from "../../commands/simulate/simulate.ts";

const [bug, ...args] = process.argv.slice(2);
process.exitCode = await simulate(parseOptions(args)!, bug);

/** Simulated worlds with one of the deliberate bugs in the station: its name, and the options of `npm run simulate`. */
import { parseOptions } from "../../commands/simulate/options.ts";
import { simulate } from "../../commands/simulate/simulate.ts";
import { MUTANTS } from "../../hosts/sim/world/mutants.ts";

const [bug, ...args] = process.argv.slice(2);
const planted = MUTANTS.find(({ name }) => name === bug);
if (!planted) throw new Error(`there is no bug named "${bug}"`);
process.exitCode = await simulate(parseOptions(args)!, planted);

/** `npm run aemet` with a server of a test's in place of AEMET, named by the environment. */
import { command as aemet, run } from "../../commands/aemet/aemet.ts";
import type { FindOptions, Options } from "../../commands/aemet/options.ts";
import type { Command } from "../../commands/frame.ts";

const { AEMET_TEST_ORIGIN: origin } = process.env;
if (!origin?.startsWith("http://127.0.0.1:")) throw new Error("AEMET_TEST_ORIGIN has to name a server on the loopback");

export const command: Command<Options | FindOptions> = {
	...aemet,
	run: (options) => run(options, { origin, spacing: 0 }),
};

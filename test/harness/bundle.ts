/** Programs of the project for tests to run, bundled as `tools/run.js` does it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, bundleProgram as bundle, bundlePath } from "../../tools/build.js";

/** Emptied by `tools/test.js`: what is there is of this run. As deep as the folder of all programs, which find the firmware beside it. */
export const PROGRAMS_UNDER_TEST = join(buildFolder, "programs-under-test");

const programs = new Map<string, Promise<string>>();

/** Bundles the program `entry`, a path in the project, once for all tests of a run; resolves with the file to give to Node. */
export function bundleProgram(entry: string): Promise<string> {
	const path = bundlePath(entry, PROGRAMS_UNDER_TEST);
	const program =
		programs.get(entry) ?? (existsSync(path) ? Promise.resolve(path) : bundle(entry, PROGRAMS_UNDER_TEST));
	programs.set(entry, program);
	return program;
}

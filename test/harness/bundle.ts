/** Programs of the project for tests to run, bundled as `tools/run.js` does it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Bundles the program `entry`, a path in the project; resolves with the file to give to Node. Tests run in the project's folder. */
export async function bundleProgram(entry: string, name: string): Promise<string> {
	const script = `
		import { bundleProgram } from "./tools/build.js";
		process.stdout.write(await bundleProgram(${JSON.stringify(entry)}, ${JSON.stringify(name)}));`;
	const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
	return stdout;
}

/** Programs of the project for tests to run, bundled as `tools/run.js` does it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Bundles the program `entry`, a path in the project; resolves with the file to give to Node. Tests run in the project's folder. */
export async function bundleProgram(entry: string, name: string): Promise<string> {
	const outfile = join(process.cwd(), "build/programs", `${name}.js`);
	const options = JSON.stringify({ entryPoints: [entry], outfile });
	const script = `import { bundleForNode } from "./tools/build.js"; await bundleForNode(${options});`;
	await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
	return outfile;
}

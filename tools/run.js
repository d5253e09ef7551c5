/** Runs a TypeScript program of this project: `node tools/run.js [--engine] FILE [ARGUMENT…]`; with the XS engine, if it runs that. */
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildFirmware, buildFolder, bundleForNode } from "./build.js";
import { buildEngine, EngineBuildError } from "./engine.js";

const engine = process.argv[2] === "--engine";
const [file, ...rest] = process.argv.slice(engine ? 3 : 2);
if (file === undefined) {
	process.stderr.write("usage: node tools/run.js [--engine] FILE [ARGUMENT…]\n");
	process.exit(2);
}
try {
	// Who only wants to know the options need not wait.
	if (engine && !rest.includes("--help")) await buildEngine();
} catch (error) {
	if (!(error instanceof EngineBuildError)) throw error;
	process.stderr.write(`${error.message}\n`);
	process.exit(1);
}
const outfile = join(buildFolder, "programs", `${basename(file, ".ts")}.js`);
await buildFirmware();
await bundleForNode({ entryPoints: [file], outfile });
process.argv.splice(1, process.argv.length, outfile, ...rest);
await import(pathToFileURL(outfile).href);

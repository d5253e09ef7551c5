/** Runs a TypeScript program of this project: `node tools/run.js FILE [ARGUMENT…]`. */
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildFirmware, buildFolder, bundleForNode } from "./build.js";

const [file, ...rest] = process.argv.slice(2);
if (file === undefined) {
	process.stderr.write("usage: node tools/run.js FILE [ARGUMENT…]\n");
	process.exit(2);
}
const outfile = join(buildFolder, "programs", `${basename(file, ".ts")}.js`);
await buildFirmware();
await bundleForNode({ entryPoints: [file], outfile });
process.argv.splice(1, process.argv.length, outfile, ...rest);
await import(pathToFileURL(outfile).href);

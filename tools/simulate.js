/**
 * `npm run simulate [-- OPTION…]`: simulated worlds, on all processors; see
 * hosts/sim/world/simulate.ts. Bundles what a worker runs, also with a
 * deliberate bug in it.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildFolder, buildMqttPacket, bundleForNode, root, textModules } from "./build.js";

const folder = join(buildFolder, "programs");

/** An esbuild plugin: one source edited. Throws where `find` does not occur exactly once. */
const editing = ({ name, file, find, replace }) => ({
	name: "editing",
	setup(build) {
		const path = join(root, file);
		let edited = false;
		build.onLoad({ filter: /\.ts$/ }, (args) => {
			if (args.path !== path) return undefined;
			edited = true;
			const parts = readFileSync(path, "utf8").split(find);
			if (parts.length !== 2) {
				const times = parts.length === 1 ? "not at all" : `${parts.length - 1} times`;
				return { errors: [{ text: `the bug "${name}" is to be made of text that is in ${file} ${times}` }] };
			}
			return { contents: parts.join(replace), loader: "ts" };
		});
		build.onEnd(() => {
			if (!edited) return { errors: [{ text: `the bug "${name}" is in ${file}, which is no part of the world` }] };
			return undefined;
		});
	},
});

/**
 * Bundles what a worker runs; returns the bundle's path. `mutant`: one of
 * hosts/sim/world/mutants.ts.
 */
export async function bundleWorker(mutant) {
	const name = mutant === undefined ? "world" : `world-${mutant.name.replaceAll(/\W+/g, "-")}`;
	const outfile = join(folder, `${name}.js`);
	await bundleForNode({
		entryPoints: ["hosts/sim/world/worker.ts"],
		outfile,
		...(mutant && { logLevel: "silent" }),
		plugins: [...(mutant ? [editing(mutant)] : []), textModules],
	});
	return outfile;
}

/** Runs the program with these arguments, with a bug in the station if its name is given; returns the exit code. */
export async function simulate(args, bug) {
	await buildMqttPacket();
	const outfile = join(folder, "simulate.js");
	await bundleForNode({ entryPoints: ["hosts/sim/world/simulate.ts"], outfile });
	const { main, MUTANTS } = await import(pathToFileURL(outfile).href);
	const planted = MUTANTS.find(({ name }) => name === bug);
	if (bug !== undefined && !planted) throw new Error(`there is no bug named "${bug}"`);
	return main(args, { bundleWorker: (mutant = planted) => bundleWorker(mutant) });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
	process.exitCode = await simulate(process.argv.slice(2));
}

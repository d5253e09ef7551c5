/** Bundles the program of a thread with simulated worlds, also with a deliberate bug in it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, bundleForNode, root, textModules } from "./build.js";

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
 * Bundles it; resolves with the bundle's path.
 * @param {import("../hosts/sim/world/mutants.ts").Mutant} [mutant]
 */
export async function bundleWorker(mutant) {
	const name = mutant === undefined ? "world" : `world-${mutant.name.replaceAll(/\W+/g, "-")}`;
	const outfile = join(buildFolder, "programs", `${name}.js`);
	await bundleForNode({
		entryPoints: ["hosts/sim/world/worker.ts"],
		outfile,
		...(mutant && { logLevel: "silent" }),
		plugins: [...(mutant ? [editing(mutant)] : []), textModules],
	});
	return outfile;
}

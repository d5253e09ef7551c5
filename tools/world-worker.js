/** What a thread with simulated worlds runs. */
import { readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { buildFolder, bundleForNode, root, textModules } from "./build.js";

const sources = join(root, "src") + sep;
const seams = join(root, "hosts/sim/world/seams.ts");

/** An esbuild plugin: what a source of `src/` exports, it offers to deliberate bugs, too. */
const offering = {
	name: "offering",
	setup(build) {
		build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
			if (!path.startsWith(sources)) return undefined;
			const source = readFileSync(path, "utf8");
			const names = [...source.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
			const offers = names.map((name) => `offer(${name}, (changed) => { ${name} = changed; });`);
			// Behind the source: its lines keep their numbers.
			const imported = `import { offer } from ${JSON.stringify(seams)};`;
			return { contents: [source, imported, ...offers].join("\n"), loader: "ts" };
		});
	},
};

/** Bundles it; resolves with the bundle's path. */
export async function bundleWorker() {
	const outfile = join(buildFolder, "programs/world.js");
	await bundleForNode({ entryPoints: ["hosts/sim/world/worker.ts"], outfile, plugins: [offering, textModules] });
	return outfile;
}

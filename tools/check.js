/**
 * `npm run check`: the type checks of all projects, so that one run names all
 * places, each once. Ends with 1 where there is one.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./build.js";

/** `src/` without any host's types, then the files for Node, those for Moddable, and those for a browser. */
const PROJECTS = ["tsconfig.json", "tsconfig.node.json", "tsconfig.moddable.json", "tsconfig.page.json"];
const COMPILER = join(root, "node_modules/typescript/bin/tsc");

const faults = new Set();
for (const project of PROJECTS) {
	const { status, stdout, stderr, error } = spawnSync(
		process.execPath,
		[COMPILER, "-p", project, "--pretty", "false"],
		{
			cwd: root,
			encoding: "utf8",
			maxBuffer: Number.POSITIVE_INFINITY,
		},
	);
	if (error) throw error;
	// A fault begins at a line's beginning; its further lines are indented.
	const told = `${stdout}${stderr}`.split(/\r?\n(?! )/).filter((fault) => fault !== "");
	if (status !== 0 && told.length === 0) told.push(`${project}: the compiler ended with ${status}`);
	for (const fault of told) faults.add(fault);
}
for (const fault of faults) process.stdout.write(`${fault}\n`);
if (faults.size > 0) process.exitCode = 1;

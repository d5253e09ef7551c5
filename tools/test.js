/**
 * `npm test [-- WORD…]`: every test, or those whose file name has one of the
 * words. Unit tests (`test/unit`) run on Node and inside XS, the others on Node.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildFirmware, buildFolder, bundleForNode, bundleForXs, bundleProgram, root } from "./build.js";
import { buildEngine } from "./engine.js";

const words = process.argv.slice(2);
const out = join(buildFolder, "test");

/** The test files below a folder of `test/`, without their ending. */
const testFiles = (folder) =>
	readdirSync(join(root, "test", folder), { recursive: true })
		.filter((name) => name.endsWith(".test.ts"))
		.map((name) => join(folder, name.slice(0, -".test.ts".length)))
		.filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
		.sort();

/** A bundle's entry: the harness and one unit test file, run by `runner`. */
const unitEntry = (name, runner) => ({
	stdin: {
		contents: `
			import { tests } from "./test/harness/harness.ts";
			import "./test/${name}.test.ts";
			import { run } from "./test/harness/${runner}.ts";
			run(${JSON.stringify(name)}, tests);`,
		resolveDir: root,
		loader: "ts",
	},
});

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await buildEngine();
await buildFirmware();

const units = testFiles("unit");
const integrations = testFiles("integration");
const others = [...integrations, ...testFiles("project")];
const files = [];
const forNode = async (name, options) => {
	const outfile = join(out, `${name}.test.js`);
	files.push(outfile);
	await bundleForNode({ outfile, ...options });
};
await Promise.all([
	...units.map((name) => forNode(name, unitEntry(name, "node"))),
	...units.map((name) => bundleForXs({ ...unitEntry(name, "xs"), outfile: join(out, "xs", `${name}.js`) })),
	...others.map((name) => forNode(name, { entryPoints: [`test/${name}.test.ts`] })),
]);
if (units.length > 0) {
	writeFileSync(join(out, "xs/units.json"), JSON.stringify(units));
	await forNode("unit-on-xs", { entryPoints: ["test/harness/unit-on-xs.ts"] });
}
if (integrations.length > 0) {
	// Once for all tests: they run the simulator as `npm start` does, the observatory and the fleet; AEMET's with a server of ours.
	await bundleProgram("commands/start/start.ts");
	await bundleProgram("commands/observatory/observatory.ts");
	await bundleProgram("commands/fleet/fleet.ts");
	await bundleProgram("test/harness/aemet-program.ts");
	await bundleProgram("test/harness/aemet-server-program.ts");
}
if (files.length === 0) {
	process.stderr.write(`no test file has ${words.join(" or ")} in its name\n`);
	process.exit(2);
}

const runner = spawn(
	process.execPath,
	["--enable-source-maps", "--test", "--test-reporter=spec", "--test-concurrency=4", ...files.sort()],
	{
		stdio: "inherit",
		cwd: root,
	},
);
runner.on("exit", (code) => process.exit(code ?? 1));

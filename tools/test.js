/**
 * `npm test [-- [--times] WORD…]`: every test, or those whose file name has one of the
 * words. Unit tests (`test/unit`) run on Node and inside XS, the others on Node.
 * `--times` tells at the end which files took most of the processors' time, on Linux.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { buildFirmware, buildFolder, bundleForNode, bundleForXs, bundleProgram, root, writeWhole } from "./build.js";
import { buildEngine } from "./engine.js";

const showsTimes = process.argv.includes("--times");
const words = process.argv.slice(2).filter((word) => word !== "--times");
const out = join(buildFolder, "test");
const timesFile = join(out, "times");
/** Files that are told with their times. */
const DEAREST = 25;

/** The test files below a folder of `test/`, without their ending. */
const testFiles = (folder) =>
	readdirSync(join(root, "test", folder), { recursive: true })
		.filter((name) => name.endsWith(".test.ts"))
		.map((name) => join(folder, name.slice(0, -".test.ts".length)))
		.filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
		.sort();

/** Writes a bundle's entry: the harness and one unit test file, run by `runner`. Returns its path. */
function unitEntry(name, runner) {
	const path = join(out, "entries", `${name}.${runner}.js`);
	const file = (name) => JSON.stringify(join(root, "test", name));
	writeWhole(
		path,
		`import { tests } from ${file("harness/harness.ts")};
		import ${file(`${name}.test.ts`)};
		import { run } from ${file(`harness/${runner}.ts`)};
		run(${JSON.stringify(name)}, tests);`,
	);
	return path;
}

/**
 * What a test has that takes long, the longest first: simulated worlds by the thousand, or other programs, for which it
 * waits while others compute. What takes longest has to begin first, or it is alone at the end.
 */
const SLOW_PARTS = [
	"hosts/sim/world/world.ts",
	"test/harness/rabbitmq.ts",
	"test/harness/unit-on-xs.ts",
	"test/harness/program.ts",
];

/** How early a bundle with these inputs has to begin: 0 is the first. */
function turnOf(inputs) {
	const index = SLOW_PARTS.findIndex((part) => part in inputs);
	return index < 0 ? SLOW_PARTS.length : index;
}

rmSync(out, { recursive: true, force: true });
// What tests bundle, each program once for all of them: `test/harness/bundle.ts`.
rmSync(join(buildFolder, "programs-under-test"), { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await buildEngine();
await buildFirmware();

const units = testFiles("unit");
const integrations = testFiles("integration");
const others = [...integrations, ...testFiles("project")];
const entries = [
	...units.map((name) => ({ in: unitEntry(name, "node"), out: `${name}.test` })),
	...others.map((name) => ({ in: `test/${name}.test.ts`, out: `${name}.test` })),
	...(units.length > 0 ? [{ in: "test/harness/unit-on-xs.ts", out: "unit-on-xs.test" }] : []),
];
if (entries.length === 0) {
	process.stderr.write(`no test file has ${words.join(" or ")} in its name\n`);
	process.exit(2);
}
// All at once: esbuild reads what they share once.
const { metafile } = await bundleForNode({ entryPoints: entries, outdir: out, metafile: true });
const files = Object.entries(metafile.outputs)
	.filter(([, { entryPoint }]) => entryPoint !== undefined)
	.map(([path, { inputs }]) => ({ path: join(root, path), turn: turnOf(inputs) }))
	.sort((one, other) => one.turn - other.turn || (one.path < other.path ? -1 : 1))
	.map(({ path }) => path);
if (units.length > 0) {
	const scripts = units.map((name) => ({ in: unitEntry(name, "xs"), out: name }));
	await bundleForXs({ entryPoints: scripts, outdir: join(out, "xs") });
	writeFileSync(join(out, "xs/units.json"), JSON.stringify(units));
}
if (integrations.length > 0) {
	// Once for all tests: they run the simulator as `npm start` does, the observatory and the fleet; AEMET's with a server of ours.
	await bundleProgram("commands/start/start.ts");
	await bundleProgram("commands/observatory/observatory.ts");
	await bundleProgram("commands/fleet/fleet.ts");
	await bundleProgram("test/harness/aemet-program.ts");
	await bundleProgram("test/harness/aemet-server-program.ts");
}

/** The seconds of processors that files took, those of the programs included that they ran, and how long they lasted. */
function tellTimes() {
	if (!existsSync(timesFile)) return;
	const all = readFileSync(timesFile, "utf8")
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line))
		.map(({ file, times: [own, childrens, lasted] }) => ({ file: relative(out, file), own, childrens, lasted }))
		.sort((one, other) => other.own + other.childrens - one.own - one.childrens);
	const sum = all.reduce((total, { own, childrens }) => total + own + childrens, 0);
	process.stdout.write(`${sum.toFixed(0)} s of processors; own, of programs that it ran, until its end:\n`);
	for (const { file, own, childrens, lasted } of all.slice(0, DEAREST))
		process.stdout.write(`${[own, childrens, lasted].map((s) => s.toFixed(1).padStart(7)).join("")}  ${file}\n`);
}

const measured = showsTimes ? ["--import", join(root, "tools/test-times.js")] : [];
const runner = spawn(
	process.execPath,
	[...measured, "--enable-source-maps", "--test", "--test-reporter=spec", "--test-concurrency=4", ...files],
	{
		stdio: "inherit",
		cwd: root,
		env: { ...process.env, TEST_TIMES: timesFile },
	},
);
runner.on("exit", (code) => {
	if (showsTimes) tellTimes();
	process.exit(code ?? 1);
});

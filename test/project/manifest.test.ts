/** The manifests that mcconfig reads, held against the files: a module that is missing is found without the SDK. */
import assert from "node:assert/strict";
import test from "node:test";
import {
	importsOf,
	loadProject,
	type Project,
	problemsOf,
	SDK_MODULES,
	SDK_PATHS,
	SDK_VERSION,
	SIBLINGS,
	sdkProblems,
	undeclaredIn,
} from "../harness/manifests.ts";
import { WITH_SDK } from "../harness/sdk-installation.ts";

const project = loadProject();

/** The project with a file that is changed, or left out. */
function changed(path: string, change: (source: string) => string | undefined): Project {
	const source = project.get(path);
	assert.ok(source !== undefined, `there is no ${path}`);
	const text = change(source);
	assert.notEqual(text, source, "nothing was changed");
	const files = new Map(project);
	if (text === undefined) files.delete(path);
	else files.set(path, text);
	return files;
}
const without = (path: string) => changed(path, () => undefined);
const replaced = (path: string, text: string | RegExp, by: string) =>
	changed(path, (source) => source.replace(text, by));
const added = (path: string, line: string) => changed(path, (source) => `${line}\n${source}`);

/** That a change has brought exactly these problems. */
function finds(files: Project, ...problems: string[]) {
	const before = problemsOf(project);
	const brought = problemsOf(files).filter((problem) => !before.includes(problem));
	assert.deepEqual(brought.sort(), problems.sort());
}

test("every module that a manifest names is there, and every import is brought by a manifest", () => {
	assert.deepEqual(problemsOf(project), []);
});

test("what a manifest names of the SDK stands in the table of what is there, and the table has no more", () => {
	const manifests = [...project].filter(([path]) => path.endsWith("manifest.json")).map(([, text]) => text);
	const named = manifests.flatMap((text) => Array.from(text.matchAll(/"(\$\([^"]*)"/g), ([, path]) => path!));
	assert.deepEqual([...new Set(named)].sort(), [...SDK_PATHS].sort());
	finds(
		replaced("manifest.json", "manifest_net.json", "manifest_nets.json"),
		"manifest.json names $(MODDABLE)/examples/manifest_nets.json, which is not there",
		...["esp32", "esp32/esp32c3", "lin", "mac", "win"].map(
			(platform) => `hosts/moddable/ports.ts imports net, which no manifest brings for ${platform}`,
		),
	);
});

test("the SDK of the tables is the one that the tools ask for", () => {
	assert.equal(/\bSDK_VERSION = "(.*)"/.exec(project.get("tools/moddable.js")!)?.[1], SDK_VERSION);
});

test("with an SDK, the tables are true, and a wrong one is found", WITH_SDK, () => {
	const sdk = process.env.MODDABLE!;
	assert.deepEqual(sdkProblems(sdk), []);
	assert.deepEqual(problemsOf(project, sdk), []);
	const wrong = {
		version: "8.2.2",
		paths: [...SDK_PATHS, "$(MODULES)/pins/analogue"],
		modules: { ...SDK_MODULES, "$(MODDABLE)/examples/manifest_net.json": ["net", "nets"] },
		siblings: { ...SIBLINGS, "$(MODDABLE)/modules/io/socket/lin/tcp": { xs_listener_destruction: "" } },
	};
	assert.deepEqual(sdkProblems(sdk, wrong), [
		`the tables are of version 8.2.2, and the SDK is ${SDK_VERSION}`,
		"$(MODULES)/pins/analogue is said to be there, and is not",
		"$(MODDABLE)/modules/io/socket/lin/tcp is said to want xs_listener_destruction, and does not",
		"$(MODDABLE)/examples/manifest_net.json is said to bring nets, and does not",
	]);
	const { files, problems } = withoutSibling();
	assert.deepEqual(problemsOf(files, sdk), problems);
});

test("a module of a manifest without its file is found", () => {
	finds(
		replaced("hosts/esp32/manifest.json", "esp32/station", "esp32/statoin"),
		"hosts/esp32/manifest.json names ../../build/modules/esp32/statoin, which is not there",
	);
	finds(
		replaced("manifest.json", "./build/modules/config", "./build/config"),
		"manifest.json names ./build/config, which is not there",
	);
});

test("a manifest that includes one that is not there is found", () => {
	const problems = problemsOf(without("hosts/sim/mcsim/manifest.json"));
	assert.ok(problems.includes("manifest.json names ./hosts/sim/mcsim/manifest.json, which is not there"));
});

test("a partition table and options of ESP-IDF that are not there are found", () => {
	finds(without("hosts/esp32/partitions.csv"), "hosts/esp32/manifest.json names ./partitions.csv, which is not there");
	finds(
		without("hosts/esp32/sdkconfig/sdkconfig.defaults"),
		"hosts/esp32/manifest.json names ./sdkconfig, which is not there",
	);
});

test("a file in C that is missing, or that no manifest names, is found", () => {
	finds(
		without("hosts/esp32/machine/machine-rules.c"),
		"hosts/esp32/machine/manifest.json names ./machine-rules.c, which is not there",
	);
	finds(
		replaced("hosts/esp32/machine/manifest.json", '"./machine-rules.c"', '"./machine.c"'),
		"hosts/esp32/machine/machine-rules.c: no manifest names it",
	);
});

test("a native function with no counterpart is found on either side", () => {
	finds(
		replaced("hosts/esp32/machine/machine.ts", '"xs_machine_sleep"', '"xs_machine_slep"'),
		"hosts/esp32/machine/machine.ts calls xs_machine_slep, which no file in C of a manifest has",
		"xs_machine_sleep: there is such a function in C, which nobody calls",
	);
	finds(
		replaced("hosts/esp32/machine/machine.c", "void xs_machine_restart(", "static void xs_machine_restart("),
		"hosts/esp32/machine/machine.ts calls xs_machine_restart, which no file in C of a manifest has",
	);
	finds(
		replaced(
			"hosts/esp32/sensors/pulse-capture.ts",
			'Native("xs_pulsecapture_destructor")',
			'Native("xs_pulsecapture_gone")',
		),
		"hosts/esp32/sensors/pulse-capture.ts calls xs_pulsecapture_gone, which no file in C of a manifest has",
		"xs_pulsecapture_destructor: there is such a function in C, which nobody calls",
	);
});

/** The project without the module that the SDK's sockets want beside them, and the problems that this brings. */
function withoutSibling() {
	const files = replaced("hosts/esp32/manifest.json", /\n\t*"embedded:io\/socket\/listener": .*/, "");
	const problems = ["esp32", "esp32/esp32c3"].map(
		(platform) =>
			`hosts/esp32/manifest.json names $(MODDABLE)/modules/io/socket/lwip/tcp, whose C wants xs_listener_destructor_, which no module declares for ${platform}`,
	);
	return { files, problems };
}

test("a module of the SDK whose C wants the declarations of a sibling that no manifest names is found", () => {
	const { files, problems } = withoutSibling();
	finds(files, ...problems);
});

test("a native is wanted of others where C uses it before its declaration", () => {
	const hooks = "static const xsHostHooks hooks = {\n\txs_a_destructor,\n\txs_a_mark\n};\n";
	const mark = "static void xs_a_mark(xsMachine* the, void* it);\n";
	const definition = "void xs_a_destructor(void *data)\n{\n}\n";
	assert.deepEqual(undeclaredIn(mark + hooks + definition), ["xs_a_destructor"]);
	assert.deepEqual(undeclaredIn(definition + mark + hooks), []);
	assert.deepEqual(undeclaredIn("const xsHostHooks xs_a_hooks = { NULL };\nvoid *a = &xs_a_hooks;\n"), []);
	assert.deepEqual(undeclaredIn("/* xs_b */ // xs_c\nxsCall(xs_d);\n"), ["xs_d"]);
});

test("an import that no manifest brings is found, on each platform that runs the file", () => {
	const everywhere = ["esp32", "esp32/esp32c3", "lin", "mac", "win"];
	finds(
		added("src/station/station.ts", 'import Digital from "pins/digital";'),
		...everywhere.map(
			(platform) => `src/station/station.ts imports pins/digital, which no manifest brings for ${platform}`,
		),
	);
	finds(
		added("hosts/esp32/machine/machine.ts", 'import Digital from "embedded:io/digital";'),
		...["esp32", "esp32/esp32c3"].map(
			(platform) =>
				`hosts/esp32/machine/machine.ts imports embedded:io/digital, which no manifest brings for ${platform}`,
		),
	);
});

test("a manifest of the SDK that is left out is found by what its modules are missed", () => {
	finds(
		replaced("manifest.json", /\n.*text\/encoder\/manifest.json",/, ""),
		...["esp32", "esp32/esp32c3", "lin", "mac", "win"].flatMap((platform) =>
			[...project]
				.filter(([path, source]) => path.startsWith("src/") && importsOf(source).includes("text/encoder"))
				.map(([path]) => `${path} imports text/encoder, which no manifest brings for ${platform}`),
		),
	);
});

test("a module that one platform lacks is found for that platform", () => {
	const sockets = /\n\s*"embedded:io\/socket\/tcp": "\$\(MODDABLE\)\/modules\/io\/socket\/mac\/tcp",/;
	finds(
		replaced("hosts/sim/mcsim/manifest.json", sockets, ""),
		"hosts/moddable/ports.ts imports embedded:io/socket/tcp, which no manifest brings for mac",
		"hosts/sim/mcsim/manifest.json preloads embedded:io/socket/tcp, which no manifest brings for mac",
	);
});

test("an imported file of the project that is missing is found", () => {
	const problems = problemsOf(without("src/net/backoff.ts"));
	assert.ok(problems.includes("src/station/station.ts imports ../net/backoff.js, which is not there"));
});

test("a preloaded module that nobody brings is found", () => {
	finds(
		replaced("hosts/esp32/manifest.json", '"preload": [', '"preload": ["statoin", '),
		...["esp32", "esp32/esp32c3"].map(
			(platform) => `hosts/esp32/manifest.json preloads statoin, which no manifest brings for ${platform}`,
		),
	);
});

test("a file for the board that no program imports is found", () => {
	const files = new Map(project).set("hosts/esp32/orphan.ts", "export const orphan = 1;\n");
	finds(files, "hosts/esp32/orphan.ts: no program imports it");
});

test("a panel's import that mcsim does not have is found", () => {
	const [panel] = [...project.keys()].filter((path) => path.startsWith("hosts/sim/mcsim/panel/"));
	finds(added(panel!, 'import Dial from "piu/Dials";'), `${panel} imports piu/Dials, which mcsim does not have`);
});

test("types are no imports, and neither are comments; calls are", () => {
	const source = `
		import type { A } from "types-only";
		export type { B } from "types-too";
		/** import c from "comment"; */
		// import d from "comment-too";
	`.replace(/^\t+/gm, "");
	assert.deepEqual(importsOf(source), []);
	const real = `import a, {\n\ttype B,\n\tc,\n} from "one";\nexport * from "two";\nimport "three";\nconst d = await import("four");\n`;
	assert.deepEqual(importsOf(real), ["one", "two", "three", "four"]);
});

/** The docs name paths that exist, and all sensors. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { SENSORS } from "../../src/sensors/models.ts";
import { deepEqual, ok } from "../harness/harness.ts";
import { NPM_COMMANDS } from "../harness/npm-commands.ts";

const FOLDERS = ["bench", "commands", "docs", "hosts", "src", "test", "tools"];
const PAGES = [
	"README.md",
	"README.es.md",
	"CONTRIBUTING.md",
	"SECURITY.md",
	...["docs", "docs/es"].flatMap((folder) =>
		readdirSync(folder)
			.filter((name) => name.endsWith(".md"))
			.map((name) => join(folder, name)),
	),
];
const FILES = FOLDERS.flatMap((folder) =>
	readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join("/", folder, path)),
).filter((path) => !path.includes("/node_modules/"));

/** In backticks: a path from a folder of the project on, or the end of one: `outbox.ts`, `world/mutants.ts`. */
function pathsIn(page: string): string[] {
	const text = readFileSync(page, "utf8").replace(/^```.*?^```$/gms, "");
	const quoted = [...text.matchAll(/`([\w./-]+)`/g)].map(([, path]) => path!);
	return quoted.filter(
		(path) => FOLDERS.some((folder) => path.startsWith(`${folder}/`)) || /\.(?:ts|c|csv)$/.test(path),
	);
}

for (const page of PAGES) {
	test(`each path that ${page} names exists`, () => {
		const missing = pathsIn(page).filter(
			(path) => !existsSync(path) && !FILES.some((file) => file.endsWith(`/${path}`)),
		);
		deepEqual(missing, []);
	});
}

test("paths are found in CONTRIBUTING.md", () => {
	const paths = pathsIn("CONTRIBUTING.md");
	for (const path of ["src/net/link.ts", "in-flight.ts", "hosts/sim/devices/"]) ok(paths.includes(path), path);
});

test("each sensor is in README's wiring and has a heading on the page about boards", () => {
	for (const [page, begin] of [
		["README.md", "| "],
		["docs/esp32.md", "### "],
	] as const) {
		const lines = readFileSync(page, "utf8").split("\n");
		const text = lines.filter((line) => line.startsWith(begin)).join("\n");
		for (const model of Object.keys(SENSORS)) ok(text.toLowerCase().includes(model), `${page}: ${model}`);
	}
});

test("each promise of SECURITY.md names tests and commands that there are", () => {
	const page = readFileSync("SECURITY.md", "utf8");
	const [, promises = ""] = /\n## What is promised\n(.*?)\n## /s.exec(page) ?? [];
	const rows = promises.split("\n").filter((line) => /^\| (?!promise|-)/.test(line));
	ok(rows.length >= 10, `${rows.length} promises`);
	const tests = FILES.filter((file) => file.startsWith("/test/") && file.endsWith(".test.ts"));
	for (const row of rows) {
		const [, , shown = ""] = row.split("|");
		ok(/`/.test(shown), row);
		for (const [, words] of shown.matchAll(/`npm test -- ([^`]+)`/g))
			for (const word of words!.split(" "))
				ok(
					tests.some((file) => file.slice("/test/".length, -".test.ts".length).includes(word)),
					`no test has ${word} in its name`,
				);
		for (const [, name] of shown.matchAll(/`npm run ([\w:]+)/g)) ok(NPM_COMMANDS.has(name!), name!);
	}
});

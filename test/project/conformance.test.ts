/**
 * `docs/mqtt-conformance.md` against the standards' ids, against the tests
 * that it names, and against its own numbers.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "node:test";
import { build, type Plugin } from "esbuild";

/** How many statements each section of a standard has; they are numbered from 1, where nothing else is said. */
type Sections = Readonly<Record<string, number>>;

const MQTT_3_1_1: Sections = {
	...{ "1.5.3": 3, "2.2.2": 2, "2.3.1": 7, "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5, "3.2.0": 1, "3.2.2": 6 },
	...{ "3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2, "3.6.1": 1, "3.8.1": 1, "3.8.3": 4, "3.8.4": 6, "3.9.3": 2 },
	...{ "3.10.1": 1, "3.10.3": 2, "3.10.4": 6, "3.12.4": 1, "3.14.1": 1, "3.14.4": 3, "4.1.0": 2, "4.3.1": 1 },
	...{ "4.3.2": 2, "4.3.3": 2, "4.4.0": 1, "4.5.0": 2, "4.6.0": 6, "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2 },
	...{ "6.0.0": 4, "7.0.0": 2, "7.1.1": 1, "7.1.2": 1 },
};
const MQTT_5: Sections = {
	...{ "1.5.4": 3, "1.5.5": 1, "1.5.7": 1, "2.1.3": 1, "2.2.1": 6, "2.2.2": 1, "3.1.0": 2, "3.1.2": 30, "3.1.3": 12 },
	...{ "3.1.4": 6, "3.2.0": 2, "3.2.2": 22, "3.3.1": 13, "3.3.2": 20, "3.3.4": 10, "3.4.2": 3, "3.5.2": 3, "3.6.1": 1 },
	...{ "3.6.2": 3, "3.7.2": 3, "3.8.1": 1, "3.8.3": 5, "3.8.4": 8, "3.9.2": 2, "3.9.3": 2, "3.10.1": 1, "3.10.3": 2 },
	...{ "3.10.4": 6, "3.11.2": 2, "3.11.3": 2, "3.12.4": 1, "3.14.0": 1, "3.14.1": 1, "3.14.2": 4, "3.14.4": 3 },
	...{ "3.15.1": 1, "3.15.2": 3, "4.1.0": 2, "4.2": 1, "4.3.1": 1, "4.3.2": 5, "4.3.3": 13, "4.4.0": 2, "4.5.0": 2 },
	...{ "4.6.0": 6, "4.7.0": 1, "4.7.1": 2, "4.7.2": 1, "4.7.3": 4, "4.8.2": 6, "4.9.0": 3, "4.12.0": 7, "4.12.1": 2 },
	...{ "4.13.1": 1, "4.13.2": 1, "6.0.0": 4 },
};

/** Ids that the standards print in another way than the others. */
const AS_PRINTED: Readonly<Record<string, string>> = { "3.1.2-7": "3.1.2.7", "3.8.3-4": "3-8.3-4" };

const idsOf = (sections: Sections) =>
	Object.entries(sections).flatMap(([section, count]) =>
		Array.from({ length: count }, (_, index) => `${section}-${index + 1}`),
	);

const STANDARDS = {
	"MQTT 3.1.1": { total: 141, ids: idsOf(MQTT_3_1_1).map((id) => AS_PRINTED[id] ?? id) },
	// There is no 2.2.1-1.
	"MQTT 5.0": { total: 251, ids: idsOf(MQTT_5).filter((id) => id !== "2.2.1-1") },
} as const;

const page = readFileSync(join(process.cwd(), "docs/mqtt-conformance.md"), "utf8");
const units = join(process.cwd(), "test/unit");

/** Of a standard: its part of the page. */
function part(standard: string): string {
	const begin = page.indexOf(`\n## ${standard}\n`);
	ok(begin >= 0, `${standard} has no part of its own`);
	const end = page.indexOf("\n## ", begin + 1);
	return page.slice(begin, end < 0 ? undefined : end);
}

interface Row {
	readonly id: string;
	readonly proof: string;
}

function rows(standard: string): Row[] {
	const lines = part(standard)
		.split("\n")
		.filter((line) => line.startsWith("|") && !/^\|(---| id )/.test(line));
	return lines.map((line) => {
		const [, id, proof] = /^\| ([\d.-]+) \| [^|]+ \| ([^|]+) \|$/.exec(line) ?? [];
		ok(id !== undefined && proof !== undefined, `not a row: ${line}`);
		return { id, proof };
	});
}

/** What a row says of its statement. */
function verdict({ id, proof }: Row): "proved" | "not applicable" | "not proved yet" {
	if (/^not applicable: \S/.test(proof)) return "not applicable";
	if (/^not proved yet: \S/.test(proof)) return "not proved yet";
	match(proof, /^`[^`]+`: "[^"]+"(; `[^`]+`: "[^"]+")*$/, `${id} has neither test nor reason`);
	return "proved";
}

const proofs = ({ proof }: Row) =>
	Array.from(proof.matchAll(/`([^`]+)`: "([^"]+)"/g), ([, file, name]) => ({ file: file!, name: name! }));

/** As in a bundle of the unit tests. */
const textModules: Plugin = {
	name: "text-modules",
	setup({ onResolve, onLoad }) {
		onResolve({ filter: /^text\/(encoder|decoder)$/ }, ({ path }) => ({ path, namespace: "text" }));
		onLoad({ filter: /.*/, namespace: "text" }, ({ path }) => ({
			contents: `export default globalThis.${path === "text/encoder" ? "TextEncoder" : "TextDecoder"};`,
		}));
	},
};

/** The tests that a unit test file registers. They are not run. */
async function testNames(file: string): Promise<string[]> {
	const paths = readdirSync(units, { recursive: true, encoding: "utf8" }).filter((path) => basename(path) === file);
	equal(paths.length, 1, `files named ${file}`);
	const { outputFiles } = await build({
		stdin: {
			contents: `
				import { tests } from "./test/harness/harness.ts";
				import ${JSON.stringify(`./test/unit/${paths[0]}`)};
				export const names = tests.map(({ name }) => name);`,
			resolveDir: process.cwd(),
			loader: "ts",
		},
		bundle: true,
		write: false,
		format: "esm",
		platform: "neutral",
		alias: { "mqtt-packet": join(process.cwd(), "build/modules/mqtt-packet.js") },
		plugins: [textModules],
	});
	const { names } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]!.text)}`);
	return names;
}

/** "…" at the end of a name stands for its rest. */
const isNamed = (by: string, name: string) =>
	by.endsWith("…") ? name.startsWith(by.slice(0, -1).trim()) : name === by;

for (const [standard, { total, ids }] of Object.entries(STANDARDS)) {
	test(`every statement of ${standard} is listed once`, () => {
		equal(ids.length, total);
		const [, alone] = /\nBind the broker alone: ([\d., -]+)\.\n/.exec(part(standard)) ?? [];
		ok(alone, "no list of those that bind the broker alone");
		const listed = [...rows(standard).map(({ id }) => id), ...alone.split(", ")];
		deepEqual(listed.toSorted(), ids.toSorted());
	});

	test(`every statement of ${standard} that binds a client has a test or a reason, and the numbers are right`, () => {
		const listed = rows(standard);
		const verdicts = listed.map(verdict);
		const count = (wanted: string) => verdicts.filter((found) => found === wanted).length;
		const numbers = [
			total,
			total - listed.length,
			listed.length,
			...["proved", "not applicable", "not proved yet"].map(count),
		];
		ok(page.includes(`| ${standard} | ${numbers.join(" | ")} |`), `${standard}: ${numbers.join(", ")}`);
	});
}

test("every test that is named exists, and only one is meant", async () => {
	const named = Object.keys(STANDARDS).flatMap((standard) => rows(standard).flatMap(proofs));
	ok(named.length > 0);
	for (const file of new Set(named.map(({ file }) => file))) {
		const names = await testNames(file);
		const inFile = named.filter((proof) => proof.file === file);
		const wrong = inFile.filter((proof) => names.filter((name) => isNamed(proof.name, name)).length !== 1);
		deepEqual(wrong, []);
	}
});

test("every conformance test is named", async () => {
	const named = Object.keys(STANDARDS).flatMap((standard) => rows(standard).flatMap(proofs));
	for (const file of ["conformance-3.1.1.test.ts", "conformance-5.test.ts"]) {
		const by = named.filter((proof) => proof.file === file).map(({ name }) => name);
		const unnamed = (await testNames(file)).filter((name) => !by.some((beginning) => isNamed(beginning, name)));
		deepEqual(unnamed, []);
	}
});

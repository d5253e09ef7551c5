/** What XS is created with on a board: one place says it, and mcconfig and the project's own engines read the same there. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import test from "node:test";
import { creationIn, creationOf, type Manifest, XS_SLOT_BYTES } from "../../hosts/creation.ts";
import { BOARDS } from "../../hosts/esp32/boards.ts";
import { deepEqual, equal, ok, throws } from "../harness/harness.ts";
import { copyOfProject } from "../harness/mcsim.ts";
import { WITH_SDK } from "../harness/sdk-installation.ts";

/** mcconfig's name for this computer. */
const COMPUTER = process.platform === "darwin" ? "mac" : "lin";

const said = {
	creation: { static: 0, chunk: { initial: 1, incremental: 2 }, heap: { initial: 3, incremental: 4 }, stack: 5 },
} as const;

test("every board has a creation that the manifest says itself, stack and heap within its one block", () => {
	for (const [board, { platform }] of Object.entries(BOARDS)) {
		const { static: block, chunk, heap, stack } = creationOf(platform);
		ok(block !== undefined, `${board}: XS's memory has no limit`);
		const atFirst = chunk.initial + (heap.initial + stack) * XS_SLOT_BYTES;
		ok(atFirst < block, `${board}: ${atFirst} bytes at first do not fit into ${block}`);
	}
});

test("what a platform says overrides what is said for all, and nothing else does", () => {
	const { static: _, ...all } = said.creation;
	deepEqual(creationIn(said, "esp32"), all);
	const own: Manifest = { creation: { static: 9, heap: { initial: 8 }, stack: 7 } };
	const overridden = { static: 9, chunk: all.chunk, heap: { initial: 8, incremental: 4 }, stack: 7 };
	deepEqual(creationIn({ ...said, platforms: { esp32: own } }, "esp32"), overridden);
	deepEqual(creationIn({ ...said, platforms: { esp32: own } }, "esp32/esp32c3"), overridden);
	deepEqual(creationIn({ ...said, platforms: { "esp32/*": own } }, "esp32/esp32c3"), overridden);
	deepEqual(creationIn({ ...said, platforms: { "esp32/*": own } }, "esp32"), all);
	const two = { "esp32/esp32c3": own, "esp32/*": { creation: { stack: 6 } }, esp32: { creation: { stack: 4 } } };
	deepEqual(creationIn({ ...said, platforms: two }, "esp32/esp32c3"), overridden);
	equal(creationIn({ ...said, platforms: two }, "esp32/esp32s3").stack, 6);
});

test("what the manifest leaves to the SDK is no creation", () => {
	for (const name of ["static", "chunk", "heap", "stack"] as const) {
		const { [name]: _, ...creation } = said.creation;
		throws(() => creationIn({ creation }, "esp32"), new RegExp(`^manifest\\.json says no creation\\.${name}`));
	}
	throws(
		() => creationIn({ creation: { ...said.creation, heap: { initial: 3 } } }, "esp32"),
		/creation\.heap\.incremental/,
	);
	throws(() => creationIn({ creation: { ...said.creation, stack: -1 } }, "esp32"), /creation\.stack/);
});

test("nothing but manifest.json says a creation", () => {
	const files = ["hosts", "tools"].flatMap((folder) =>
		readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
	);
	const others = files
		.filter((path) => /\.(json|js)$/.test(path))
		.filter((path) => /["']?\bcreation["']?\s*:/.test(readFileSync(path, "utf8")));
	equal(others.join(), "");
	ok(/\bcreation"\s*:/.test(readFileSync("manifest.json", "utf8")), "the pattern above would find nothing");
});

const { MODDABLE, PATH = "" } = process.env;

test("mcconfig reads the same for each board, and nothing of the SDK's own is left", WITH_SDK, () => {
	const project = copyOfProject("creation");
	const run = (file: string, ...args: string[]) => {
		const path = [PATH, join(MODDABLE!, "build/bin", COMPUTER, "release")].join(delimiter);
		execFileSync(file, args, { cwd: project, env: { ...process.env, PATH: path }, stdio: "pipe" });
	};
	run(process.execPath, "tools/run.js", "commands/build.ts");
	for (const [board, { platform }] of Object.entries(BOARDS)) {
		const out = mkdtempSync(join(project, "build/mcconfig-"));
		run("mcconfig", "-p", platform, "-o", out);
		const makefile = readFileSync(join(out, "tmp", platform, "release/veleta/makefile"), "utf8");
		rmSync(out, { recursive: true });
		const [, numbers = ""] = /^CREATION = -c ([\d,]+),main,/m.exec(makefile) ?? [];
		const said = numbers.split(",").map(Number);
		const { static: block = 0, chunk, heap, stack } = creationOf(platform);
		deepEqual(said.slice(0, 5), [chunk.initial, chunk.incremental, heap.initial, heap.incremental, stack], board);
		equal(said.at(-1), block, board);
	}
});

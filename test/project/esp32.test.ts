/** The commands that call the user's Moddable SDK, and the manifest that they give it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { buildSettings } from "../../commands/device-settings.ts";
import { buildForModdable } from "../../tools/device.js";
import { sizeOf } from "../../tools/linked-size.js";
import { deepEqual, equal, match, ok, throws } from "../harness/harness.ts";
import { undeclaredIn as undeclaredNatives } from "../harness/manifests.ts";
import { installation, run, WITH_SDK } from "../harness/sdk-installation.ts";

/** Tests run in the project's folder. */
const root = process.cwd();
/** Of linked JavaScript, in bytes; as `npm run bench` has it. */
const BUDGET = 353_000;
const SDK_MISSING =
	/^the Moddable SDK is missing \(MODDABLE is not set\): install it with `npx xs-dev setup --target-branch 8\.2\.3`[^\n]*\n$/;

test("without an SDK each command says in one line what is missing and how to get it", () => {
	for (const [name, ...argumentsOf] of [
		["build:esp32"],
		["flash"],
		["size:esp32"],
		["mcsim"],
		["mcsim", "--build-only"],
	] as const) {
		const { status, stdout, stderr } = run(name, argumentsOf);
		match(stderr, SDK_MISSING);
		equal(stdout, "");
		equal(status, 1);
	}
});

test("what is wrong with the settings is said before what is missing of the tools", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-config-"));
	try {
		const file = join(folder, "config.json");
		writeFileSync(file, '{"interval":0}');
		const { status, stderr } = run("mcsim", ["--config", file]);
		match(stderr, /^\S+config\.json: interval: [^\n]*\n$/);
		equal(status, 1);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("a pin that the board does not have is an error of the settings", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-config-"));
	try {
		const file = join(folder, "config.json");
		writeFileSync(file, '{"pins":{"led":22}}');
		throws(
			() => buildSettings({ board: "esp32c3", file }),
			/^\S+config\.json: pins\.led: GPIO 22 of an ESP32-C3 cannot be used; 0 to 13, 18 to 21 can$/,
		);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("a MODDABLE that names no SDK is told apart from none", () => {
	const { status, stderr } = run("mcsim", [], { MODDABLE: "/nowhere" });
	match(stderr, /^MODDABLE names \/nowhere, where no Moddable SDK is[^\n]*\n$/);
	equal(status, 1);
});

test("a wrong option, argument or board is one line and exit code 2", () => {
	for (const [name, wrong] of [
		["build:esp32", ["--bord", "esp32"]],
		["flash", ["burn"]],
		["size:esp32", ["--board", "arduino"]],
		["mcsim", ["--fast"]],
		["mcsim", ["now"]],
	] as const) {
		const { status, stderr } = run(name, wrong);
		match(stderr, /^[^\n]+\n$/);
		equal(status, 2, wrong.join(" "));
	}
});

test("--help names the options and every board", () => {
	const { status, stdout } = run("build:esp32", ["--help"]);
	equal(status, 0);
	for (const option of ["--board NAME", "--port PORT"]) ok(stdout.includes(option), option);
	for (const board of ["esp32", "esp32c3", "esp32c6", "esp32s3"]) match(stdout, new RegExp(`^ +${board} `, "m"));
	match(run("mcsim", ["--help"]).stdout, /--build-only/);
});

test("a board is not built with an ESP-IDF that the SDK does not take, nor with none", () => {
	const { environment, remove } = installation([5, 1, 2]);
	try {
		const old = run("build:esp32", [], environment);
		match(old.stderr, /^IDF_PATH names ESP-IDF v5\.1\.2, but this SDK wants v6\.0: [^\n]*docs\/esp32\.md[^\n]*\n$/);
		equal(old.status, 1);
		const none = run("build:esp32", [], { ...environment, IDF_PATH: "" });
		match(none.stderr, /^ESP-IDF v6\.0 is missing \(IDF_PATH is not set\): [^\n]*\n$/);
		equal(none.status, 1);
	} finally {
		remove();
	}
});

test("an ESP-IDF without the file of its version is named by its release or by git, and other folders are none", () => {
	const { environment, remove } = installation([6, 0, 1]);
	const { IDF_PATH, PATH } = environment;
	const build = () => run("build:esp32", [], environment).stderr;
	try {
		rmSync(join(IDF_PATH, "tools/cmake/version.cmake"));
		match(build(), /^IDF_PATH names \S+, where no ESP-IDF is: [^\n]*\n$/);
		writeFileSync(join(IDF_PATH, "tools/idf.py"), "");
		match(build(), /^IDF_PATH names ESP-IDF of an unknown version, but this SDK wants v6\.0: [^\n]*\n$/);
		writeFileSync(join(PATH, "git"), "#!/bin/sh\necho v3.3\n", { mode: 0o755 });
		match(build(), /^IDF_PATH names ESP-IDF v3\.3, but this SDK wants v6\.0: [^\n]*\n$/);
		writeFileSync(join(IDF_PATH, "version.txt"), "v3.2.1\n");
		match(build(), /^IDF_PATH names ESP-IDF v3\.2\.1, but this SDK wants v6\.0: [^\n]*\n$/);
	} finally {
		remove();
	}
});

test("an ESP-IDF that git calls otherwise is told with both names, since the SDK asks git", () => {
	const { environment, remove } = installation([6, 0, 1]);
	const build = () => run("build:esp32", [], environment).stderr;
	const git = (name: string) =>
		writeFileSync(join(environment.PATH, "git"), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
	try {
		git("102122904a");
		match(build(), /^IDF_PATH names ESP-IDF v6\.0\.1, which git calls 102122904a; the SDK asks git, [^\n]*\n$/);
		git("v6.0.1");
		match(build(), /^python3 is missing: [^\n]*\n$/);
	} finally {
		remove();
	}
});

test("an SDK of another version than was tried is told in one line, and used", () => {
	const { environment, remove } = installation([5, 1, 2]);
	const file = join(environment.MODDABLE, "tools/VERSION");
	const IDF = "IDF_PATH names ESP-IDF v5\\.1\\.2, [^\\n]*\\n";
	try {
		writeFileSync(file, "10.1.0\n");
		const told = "MODDABLE names Moddable SDK 10\\.1\\.0; this was tried with 8\\.2\\.3: see docs/esp32\\.md\\n";
		match(run("build:esp32", [], environment).stderr, new RegExp(`^${told}${IDF}$`));
		rmSync(file);
		const unknown = "MODDABLE names Moddable SDK of an unknown version; this was tried with [^\\n]*\\n";
		match(run("build:esp32", [], environment).stderr, new RegExp(`^${unknown}${IDF}$`));
	} finally {
		remove();
	}
	const documented = read("docs/esp32.md").includes("git clone -b 8.2.3 ");
	ok(documented, "docs/esp32.md names another version");
});

test("an ESP-IDF that is no git clone is told, since the SDK asks git for its version", () => {
	const { environment, remove } = installation([6, 0, 1]);
	try {
		rmSync(join(environment.IDF_PATH, ".git"), { recursive: true });
		const { status, stderr } = run("build:esp32", [], environment);
		match(stderr, /^IDF_PATH names [^\n]*, which is no git clone, [^\n]*docs\/esp32\.md[^\n]*\n$/);
		equal(status, 1);
	} finally {
		remove();
	}
});

test("the right ESP-IDF without its environment is told to be activated", () => {
	const { environment, remove } = installation([6, 0, 1]);
	try {
		for (const tool of ["python3", "cmake"]) {
			match(run("build:esp32", [], environment).stderr, new RegExp(`^${tool} is missing: [^\n]*\n$`));
			writeFileSync(join(environment.PATH, tool), "#!/bin/sh\n", { mode: 0o755 });
		}
		const { status, stderr } = run("build:esp32", [], environment);
		match(stderr, /^idf\.py is not in PATH: run `\. [^\n]*export\.sh` in this terminal first\n$/);
		equal(status, 1);
	} finally {
		remove();
	}
});

const read = (path: string) => readFileSync(join(root, path), "utf8");
const imports = (source: string) =>
	[...new Set(Array.from(source.matchAll(/ from "(.*?)";$/gm), ([, name]) => name!))].sort();

test("without an SDK the program for a board and for mcsim is made as far as the manifests need it", async () => {
	buildSettings({ file: "none" });
	for (const host of ["esp32", "mcsim"]) await buildForModdable(host);
	for (const [host, manifest] of [
		["esp32", "hosts/esp32/manifest.json"],
		["mcsim", "hosts/sim/mcsim/manifest.json"],
	] as const) {
		const { modules, preload } = JSON.parse(read(manifest));
		for (const name of ["main", "station"]) {
			equal(join(manifest, "..", modules[name]), `build/modules/${host}/${name}`);
		}
		ok(preload.includes("station"), `${host} does not preload the station`);
		// What the one exports and the other imports; the entry and the host's ports are no more than this.
		const main = read(`build/modules/${host}/main.js`);
		ok(imports(main).includes("./station.js"), `${host}: main.js does not import station.js`);
		ok(main.length < 3_000, `${host}: main.js has ${main.length} characters`);
	}
	deepEqual(imports(read("build/modules/esp32/station.js")), [
		"embedded:io/socket/tcp",
		"net",
		"text/decoder",
		"text/encoder",
		"time",
		"timer",
	]);
});

test("only what was made on the spot becomes JSON: XS refuses objects that are preloaded", () => {
	// The last two are texts; what is restored was parsed.
	const made = ["{", "[", "copied(", "restored)", "topic)", "stateTopic)"];
	const folders = ["src", "hosts/esp32", "hosts/moddable", "hosts/sim/devices"];
	const calls = folders.flatMap((folder) =>
		readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
			.filter((name) => name.endsWith(".ts"))
			.flatMap((name) => {
				const source = read(join(folder, name));
				return Array.from(source.matchAll(/JSON\.stringify\(\s*/g), ({ 0: call, index }) => ({
					file: join(folder, name),
					argument: source.slice(index + call.length, index + call.length + 20),
				}));
			}),
	);
	ok(calls.length >= 4, `${calls.length} calls`);
	deepEqual(
		calls.filter(({ argument }) => !made.some((beginning) => argument.startsWith(beginning))),
		[],
	);
});

test("the partition table has a place for readings at the end of 4 MB, and the manifest names the table", () => {
	const manifest = "hosts/esp32/manifest.json";
	const file = join(manifest, "..", JSON.parse(read(manifest)).build.PARTITIONS_FILE);
	const partitions = read(file)
		.split("\n")
		.filter((line) => line !== "" && !line.startsWith("#"))
		.map((line) => line.split(",").map((field) => field.trim()))
		.map(([name, type, , offset, size]) => ({ name, type, offset: Number(offset), size: Number(size) }));
	// ESP-IDF: the table itself ends here.
	let end = 0x9000;
	for (const { name, type, offset, size } of partitions) {
		ok(offset >= end, `${name} overlaps what is before it`);
		equal(offset % (type === "app" ? 0x10000 : 0x1000), 0, `${name}'s offset`);
		equal(size % 0x1000, 0, `${name}'s size`);
		end = offset + size;
	}
	equal(end, 4 * 1_024 * 1_024);
	const { name, type, size } = partitions.at(-1)!;
	deepEqual({ name, type, size }, { name: "veleta", type: "data", size: 128 * 1_024 });
	ok(read("hosts/esp32/host.ts").includes('FLASH_PARTITION = "veleta"'), "the host opens another partition");
});

test("the size of linked JavaScript is counted from the linker's tables and texts", () => {
	const source = String.raw`
		#define mxHeapCount 3
		#define mxKeysCount 2
		static const txSlot gxHeap[mxHeapCount];
		static const txSlot gxHeap[mxHeapCount] = {
		{ .code = "\x0f\x00\x9e" }, { .string = "abcd" }, { .string = "abcd" },
		static const txSlot* const gxKeys[mxKeysCount] ICACHE_FLASH1_ATTR = {
		static const txU1 gxCode1[10] = {`.replace(/^\t+/gm, "");
	deepEqual(sizeOf(source), { linkedJavaScript: 2_300 + 3 * 16 + 2 * 4 + 10 + 4 + 8, slots: 3, names: 2 });
});

/** All that may take RAM of what is preloaded, 4 bytes each: see docs/esp32.md. esbuild makes `var` of `const`. */
const MUTABLE = { "no const": 80, "not frozen": 0 };

/** Of this computer, for `run`. */
const { MODDABLE = "", PATH = "", HOME = tmpdir() } = process.env;
const environment = { MODDABLE, PATH, HOME };

test("with an SDK the JavaScript for a board links within its budget", WITH_SDK, () => {
	const { status, stdout, stderr } = run("size:esp32", [], environment);
	equal(status, 0, stdout + stderr);
	const { linkedJavaScript } = JSON.parse(read("build/esp32-size.json"));
	match(stdout, new RegExp(`^esp32: ${linkedJavaScript} bytes of linked JavaScript`, "m"));
	ok(linkedJavaScript < BUDGET && linkedJavaScript > BUDGET / 2, `${linkedJavaScript} bytes`);
	const folder = join(root, "build/moddable/esp32/tmp/esp32/release/veleta");
	const table = join(folder, "xsProj-esp32/partitions.csv");
	equal(readFileSync(table, "utf8"), read("hosts/esp32/partitions.csv"), "the board's partition table is another one");
	for (const [what, most] of Object.entries(MUTABLE)) {
		const warnings = (stdout + stderr).match(new RegExp(`^### warning: station: .*(?<!\\.prototype): ${what}$`, "gm"));
		ok((warnings?.length ?? 0) <= most, warnings?.join("\n"));
	}
});

/** Natives that C of an image uses, and that neither it nor the header declares that the linker has made. */
function undeclaredIn(folder: string): string[] {
	const header = readFileSync(join(folder, "mc.xs.h"), "utf8");
	const makefile = readFileSync(join(folder, "makefile"), "utf8");
	const sources = Array.from(makefile.matchAll(/^\$\(TMP_DIR\)\/\S+\.c\.o: (\/\S+\.c)/gm), ([, path]) => path!);
	ok(sources.length > 20, `${sources.length} files in C`);
	return sources.flatMap((path) =>
		undeclaredNatives(readFileSync(path, "utf8"))
			.filter((native) => !new RegExp(`\\b${native}\\(`).test(header))
			.map((native) => `${path} wants ${native}`),
	);
}

test("with an SDK all C that an image takes finds its natives declared", WITH_SDK, () => {
	for (const [board, platform] of [
		["esp32c3", "esp32/esp32c3"],
		["esp32", "esp32"],
	] as const) {
		const { status, stdout, stderr } = run("size:esp32", ["--board", board], environment);
		equal(status, 0, stdout + stderr);
		const folder = join(root, "build/moddable", board, "tmp", platform, "release/veleta");
		deepEqual(undeclaredIn(folder), [], board);
	}
});

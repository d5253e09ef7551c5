/** The commands that call the user's Moddable SDK, and the manifest that they give it. */
import { spawnSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { equal, match, ok } from "../harness/harness.ts";

/** Tests run in the project's folder. */
const root = process.cwd();
const SDK_MISSING = /^the Moddable SDK is missing \(MODDABLE is not set\): install it with `npx xs-dev setup`[^\n]*\n$/;

function run(file: string, argumentsOf: string[], environment: Record<string, string> = {}) {
	return spawnSync(process.execPath, [join(root, "tools", file), ...argumentsOf], {
		cwd: root,
		env: { PATH: "/nowhere", HOME: tmpdir(), ...environment },
		encoding: "utf8",
	});
}

/** An SDK and an ESP-IDF as far as the commands look at them; `mcconfig` would fail. */
function installation(idfVersion: [number, number, number]) {
	const folder = mkdtempSync(join(tmpdir(), "veleta-sdk-"));
	const write = (path: string, text: string, mode = 0o644) => {
		mkdirSync(join(folder, path, ".."), { recursive: true });
		writeFileSync(join(folder, path), text, { mode });
	};
	write("sdk/xs/includes/xs.h", "");
	write("sdk/build/devices/esp32/manifest.json", `{ "build": { "EXPECTED_ESP_IDF": "v6.0" } }`);
	write("bin/mcconfig", "#!/bin/sh\nexit 7\n", 0o755);
	const [major, minor, patch] = idfVersion;
	const line = (part: string, number: number) => `set(IDF_VERSION_${part} ${number})\n`;
	write("idf/tools/cmake/version.cmake", line("MAJOR", major) + line("MINOR", minor) + line("PATCH", patch));
	return {
		environment: { MODDABLE: join(folder, "sdk"), PATH: join(folder, "bin"), IDF_PATH: join(folder, "idf") },
		remove: () => rmSync(folder, { recursive: true }),
	};
}

test("without an SDK each command says in one line what is missing and how to get it", () => {
	for (const [file, ...argumentsOf] of [["esp32.js", "build"], ["mcsim.js"], ["mcsim.js", "--build-only"]] as const) {
		const { status, stdout, stderr } = run(file, argumentsOf);
		match(stderr, SDK_MISSING);
		equal(stdout, "");
		equal(status, 1);
	}
});

test("a MODDABLE that names no SDK is told apart from none", () => {
	const { status, stderr } = run("mcsim.js", [], { MODDABLE: "/nowhere" });
	match(stderr, /^MODDABLE names \/nowhere, where no Moddable SDK is[^\n]*\n$/);
	equal(status, 1);
});

test("a wrong option, command or board is one line and exit code 2", () => {
	for (const [file, wrong] of [
		["esp32.js", ["build", "--bord", "esp32"]],
		["esp32.js", ["burn"]],
		["esp32.js", ["build", "--board", "arduino"]],
		["mcsim.js", ["--fast"]],
		["mcsim.js", ["now"]],
	] as const) {
		const { status, stderr } = run(file, [...wrong]);
		match(stderr, /^[^\n]+\n$/);
		equal(status, 2, wrong.join(" "));
	}
});

test("--help names the options and every board", () => {
	const { status, stdout } = run("esp32.js", ["--help"]);
	equal(status, 0);
	match(stdout, /--board NAME/);
	for (const board of ["esp32", "esp32c3", "esp32c6", "esp32s3"]) match(stdout, new RegExp(`^ +${board} `, "m"));
	match(run("mcsim.js", ["--help"]).stdout, /--build-only/);
});

test("a board is not built with an ESP-IDF that the SDK does not take, nor with none", () => {
	const { environment, remove } = installation([5, 1, 2]);
	try {
		const old = run("esp32.js", ["build"], environment);
		match(old.stderr, /^IDF_PATH names ESP-IDF v5\.1\.2, but this SDK wants v6\.0: [^\n]*docs\/esp32\.md[^\n]*\n$/);
		equal(old.status, 1);
		const none = run("esp32.js", ["build"], { ...environment, IDF_PATH: "" });
		match(none.stderr, /^ESP-IDF v6\.0 is missing \(IDF_PATH is not set\): [^\n]*\n$/);
		equal(none.status, 1);
	} finally {
		remove();
	}
});

test("the right ESP-IDF without its environment is told to be activated", () => {
	const { environment, remove } = installation([6, 0, 1]);
	try {
		for (const tool of ["python3", "cmake"]) {
			match(run("esp32.js", ["build"], environment).stderr, new RegExp(`^${tool} is missing: [^\n]*\n$`));
			writeFileSync(join(environment.PATH, tool), "#!/bin/sh\n", { mode: 0o755 });
		}
		const { status, stderr } = run("esp32.js", ["build"], environment);
		match(stderr, /^idf\.py is not in PATH: run `\. [^\n]*export\.sh` in this terminal first\n$/);
		equal(status, 1);
	} finally {
		remove();
	}
});

test("the manifest preloads every module of src but the entry, which needs the host at run time", () => {
	const manifest = JSON.parse(readFileSync(join(root, "manifest.json"), "utf8"));
	const preload: string[] = JSON.parse(readFileSync(join(root, "hosts/esp32/manifest.json"), "utf8")).preload;
	for (const folder of ["src", "src/net", "src/net/mqtt", "src/sensors"]) {
		ok(`${folder}/*` in manifest.modules, `${folder} is not in the manifest`);
		for (const file of readdirSync(join(root, folder))) {
			if (!file.endsWith(".ts") || file.endsWith(".d.ts") || statSync(join(root, folder, file)).isDirectory()) continue;
			const name = `${folder}/${file.slice(0, -".ts".length)}`;
			// Types only, or the entry.
			const expected = name !== "src/host" && name !== "src/main";
			equal(preload.includes(name), expected, `${name} is preloaded`);
		}
	}
	for (const name of preload.filter((name) => name.startsWith("src/"))) {
		ok(existsSync(join(root, `${name}.ts`)), `${name} is preloaded and does not exist`);
	}
});

test("with an SDK the station builds for mcsim; without one the command only says so", () => {
	const { MODDABLE, PATH = "", HOME = tmpdir() } = process.env;
	if (MODDABLE === undefined) {
		// There is no other way to get the SDK's tools here: they are not in the npm registry.
		match(run("mcsim.js", ["--build-only"], { PATH, HOME }).stderr, SDK_MISSING);
		return;
	}
	const { status, stdout, stderr } = run("mcsim.js", ["--build-only"], { MODDABLE, PATH, HOME });
	equal(status, 0, stdout + stderr);
	const platform = process.platform === "darwin" ? "mac" : "lin";
	ok(existsSync(join(root, `build/moddable/bin/${platform}/mc/release/veleta/mc.so`)), "no mc.so");
	// A warning about a module of ours would be one of memory that the program pays for.
	ok(!/warning: (src|hosts)\//.test(stdout + stderr), stdout + stderr);
});

/** Commands of the project, and an installation of the Moddable SDK and ESP-IDF that they take for one. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileOf } from "./npm-commands.ts";

/** Tests run in the project's folder. */
const root = process.cwd();

/** A test's options: where there is no SDK it is skipped, and counted so. */
export const WITH_SDK = { skip: process.env.MODDABLE === undefined && "needs the Moddable SDK (MODDABLE is not set)" };

/** Runs a command of `npm run` to its end, in an environment of its own. */
export function run(name: string, argumentsOf: readonly string[], environment: Record<string, string> = {}) {
	return spawnSync(process.execPath, [join(root, "tools/run.js"), fileOf(name), ...argumentsOf], {
		cwd: root,
		env: { PATH: "/nowhere", HOME: tmpdir(), ...environment },
		encoding: "utf8",
	});
}

/** Runs code that imports from `tools/`, of the project or a copy of it; gives what it writes. */
export function inTools(code: string, project = root): string {
	const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
		cwd: project,
		encoding: "utf8",
	});
	if (status !== 0) throw new Error(stderr);
	return stdout;
}

/** An SDK and an ESP-IDF as far as the commands look at them; `mcconfig` would fail. */
export function installation(idfVersion: [number, number, number]) {
	const folder = mkdtempSync(join(tmpdir(), "veleta-sdk-"));
	const write = (path: string, text: string, mode = 0o644) => {
		mkdirSync(join(folder, path, ".."), { recursive: true });
		writeFileSync(join(folder, path), text, { mode });
	};
	write("sdk/xs/includes/xs.h", "");
	write("sdk/tools/VERSION", "8.2.3\n");
	write("sdk/build/devices/esp32/manifest.json", `{ "build": { "EXPECTED_ESP_IDF": "v6.0" } }`);
	write("bin/mcconfig", "#!/bin/sh\nexit 7\n", 0o755);
	const [major, minor, patch] = idfVersion;
	write("idf/.git/HEAD", "");
	const line = (part: string, number: number) => `set(IDF_VERSION_${part} ${number})\n`;
	write("idf/tools/cmake/version.cmake", line("MAJOR", major) + line("MINOR", minor) + line("PATCH", patch));
	return {
		environment: { MODDABLE: join(folder, "sdk"), PATH: join(folder, "bin"), IDF_PATH: join(folder, "idf") },
		remove: () => rmSync(folder, { recursive: true }),
	};
}

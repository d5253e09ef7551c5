/** Commands of the project, and an installation of the Moddable SDK and ESP-IDF that they take for one. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** What ESP-IDF leaves behind for its flasher. */
const FLASHER_ARGS = {
	write_flash_args: ["--flash-mode", "dio", "--flash-size", "4MB", "--flash-freq", "80m"],
	flash_files: {
		"0x0": "bootloader/bootloader.bin",
		"0x8000": "partition_table/partition-table.bin",
		"0x10000": "xs_esp32.bin",
	},
	extra_esptool_args: { after: "no_reset", before: "default_reset", stub: true, chip: "esp32c3" },
};

/** An installation whose tools do as if: each writes down how it was called, and `failing` fails. */
export function workingInstallation(failing = "") {
	const { environment, remove } = installation([6, 0, 1]);
	const log = join(environment.PATH, "log");
	const tool = (name: string, code = "") => {
		const text = `#!/bin/sh\necho "${name} $*" >>'${log}'\n${code}\n${name === failing ? "exit 3" : ""}\n`;
		writeFileSync(join(environment.PATH, name), text, { mode: 0o755 });
	};
	tool("idf.py");
	tool("cmake", "echo an error of the compiler");
	tool("python3");
	tool(
		"mcconfig",
		// As the SDK's: names that have numbers keep them, and C that is compiled stays compiled. An image has the settings.
		`while [ "$1" != -p ]; do shift; done
		work="$6/tmp/$2/release/veleta"
		project="$work/xsProj-\${2##*/}/build"
		/bin/mkdir -p "$project/bootloader" "$project/partition_table" "$work/modules"
		cd "$work"
		[ -f modules/mc.xsi ] || echo $$ >modules/mc.xsi
		[ -f tcp.c.o ] || /bin/cp modules/mc.xsi tcp.c.o
		echo '${JSON.stringify(FLASHER_ARGS)}' >"$project/flasher_args.json"
		echo bootloader >"$project/bootloader/bootloader.bin"
		echo partitions >"$project/partition_table/partition-table.bin"
		/bin/cp '${join(root, "build/modules/config.js")}' "$project/xs_esp32.bin"
		echo '#define mxHeapCount 0' >mc.xs.c`,
	);
	return {
		environment,
		remove,
		calls: () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : []),
	};
}

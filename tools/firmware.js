/** The whole firmware: built by mcconfig and ESP-IDF, and written to a board by esptool, which ESP-IDF brings. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { buildFolder, root, writeWhole } from "./build.js";
import { configModule } from "./config.js";
import { sizeOf } from "./linked-size.js";
import { computer, mcconfig, outFolder, start, which } from "./moddable.js";

/** Bits per second that every USB chip of a board can do. */
const BAUD_RATE = 460_800;
/** Lines of a failed tool's output that are shown: the last ones say why. */
const LINES_SHOWN = 20;

/** The digest of the last build's inputs. */
const INPUTS_FILE = "inputs.sha256";

/** Where mcconfig works for a build: a folder for each board. */
export function buildPlace({ board, platform }) {
	const out = join(outFolder, board);
	return { platform, out, folder: join(out, "tmp", platform, "release/veleta") };
}

/** The project's files for the linker of a board, and the manifests that choose the SDK's. */
export function linkedFiles() {
	const modules = join(buildFolder, "modules/esp32");
	const board = readdirSync(join(root, "hosts/esp32"), { recursive: true })
		.filter((name) => name.endsWith(".json"))
		.map((name) => join("hosts/esp32", name));
	return [
		...["manifest.json", "hosts/moddable/tls/manifest.json", ...board].map((path) => join(root, path)),
		configModule,
		...readdirSync(modules).map((name) => join(modules, name)),
	].sort();
}

/**
 * To be called before every build in `folder`. XS's linker numbers names in their
 * order, but names in its list of the last run keep their numbers for ever. C is
 * compiled with these numbers, and not again when they change. So the list and the
 * objects are kept if `inputs`, the linked files, are the same, and deleted
 * together otherwise.
 */
export function keepIfSame(folder, inputs) {
	const hash = createHash("sha256");
	for (const file of inputs) hash.update(file).update("\0").update(readFileSync(file)).update("\0");
	const record = join(folder, INPUTS_FILE);
	const made = hash.digest("hex");
	if (existsSync(record) && readFileSync(record, "utf8") === made) return;
	mkdirSync(folder, { recursive: true });
	// Removed first: after an interruption the next build does it again.
	rmSync(record, { force: true });
	rmSync(join(folder, "modules/mc.xsi"), { force: true });
	for (const name of readdirSync(folder)) if (name.endsWith(".o")) rmSync(join(folder, name));
	writeFileSync(record, made);
}

/** Compiles and links the JavaScript and no C, for which no ESP-IDF is needed; resolves with the exit code. */
export async function linkJavaScript(sdk, { platform, out, folder }) {
	const make = which("make", sdk.path);
	if (!make) throw new Error("make is missing: install it with your system's packages");
	const code = await mcconfig(sdk, ["-p", platform], out);
	if (code !== 0) return code;
	const sdkconfig = join(folder, "no-sdkconfig.h");
	writeFileSync(sdkconfig, "");
	const variables = ["IDF_PATH=.", "IDF_VERSION=none", `SDKCONFIG_H=${sdkconfig}`];
	return start(make, ["-s", "-C", folder, "-f", "makefile", ...variables, join(folder, "mc.xs.c")], sdk.environment);
}

/** The size of the last link at the place; also written to a file, for `npm run bench`. */
export function linkedSize({ folder }, board) {
	const size = sizeOf(readFileSync(join(folder, "mc.xs.c"), "utf8"));
	writeWhole(join(buildFolder, "esp32-size.json"), `${JSON.stringify({ board, ...size })}\n`);
	return size;
}

/**
 * Builds at the place. Without the debugger: the target `build` neither looks
 * for a board nor starts or ends any other program.
 */
export async function buildFirmware(sdk, { platform, out, folder }) {
	const code = await mcconfig(sdk, ["-m", "-p", platform, "-t", "build"], out);
	if (code !== 0) throw new Error(`mcconfig failed (exit code ${code}); what it said last is above`);
	// mcconfig's makefile goes on where ESP-IDF fails. A second build of a finished one takes a second.
	const built = buildFolderOf(folder);
	const { status, stdout, stderr } = spawnSync(which("cmake", sdk.path), ["--build", built], {
		env: sdk.environment,
		encoding: "utf8",
	});
	if (status === 0 && existsSync(join(built, "flasher_args.json"))) return;
	process.stderr.write(`${`${stdout}${stderr}`.trimEnd().split("\n").slice(-LINES_SHOWN).join("\n")}\n`);
	throw new Error("ESP-IDF did not build the firmware; what it said last is above");
}

/**
 * Writes the build: bootloader, partition table, `otadata`, which chooses the slot
 * to start, and the program. Waiting readings, and settings that were sent to the
 * board, lie elsewhere and stay. The board restarts.
 */
export async function writeFirmware({ environment, path }, { folder }, port) {
	const built = buildFolderOf(folder);
	const { flash_files, write_flash_args, extra_esptool_args } = flasherArgs(built);
	const chip = extra_esptool_args.chip;
	const code = await start(
		pythonOfIdf(environment, path),
		[
			...["-m", "esptool", "--chip", chip, "--port", port, "--baud", String(BAUD_RATE)],
			...["--before", "default-reset", "--after", "hard-reset"],
			...["write-flash", ...write_flash_args, ...Object.entries(flash_files).flat()],
		],
		environment,
		built,
	);
	if (code !== 0) {
		throw new Error(
			`writing to the board at ${port} failed: hold its BOOT button, press RESET, let go, and try again; or is it no ${chip}?`,
		);
	}
}

/**
 * The parts that `writeFirmware` writes.
 * @typedef {{ readonly name: string, readonly offset: number, readonly bytes: Uint8Array }} FlashPart
 * @returns {FlashPart[]}
 */
export function flashParts({ folder }) {
	const built = buildFolderOf(folder);
	return Object.entries(flasherArgs(built).flash_files).map(([offset, path]) => ({
		name: basename(path),
		offset: Number(offset),
		bytes: readFileSync(join(built, path)),
	}));
}

/** What ESP-IDF says to its flasher: which file goes where, and how. */
function flasherArgs(built) {
	return JSON.parse(readFileSync(join(built, "flasher_args.json"), "utf8"));
}

/** ESP-IDF's project is a copy of the SDK's, in a folder of its own. */
function buildFolderOf(folder) {
	const project = existsSync(folder) && readdirSync(folder).find((name) => name.startsWith("xsProj-"));
	if (!project) throw new Error(`mcconfig made no project for ESP-IDF in ${folder}`);
	return join(folder, project, "build");
}

/** ESP-IDF's tools are in an environment of their own, which `export.sh` names. */
function pythonOfIdf({ IDF_PYTHON_ENV_PATH }, path) {
	if (!IDF_PYTHON_ENV_PATH) return which("python3", path);
	return join(IDF_PYTHON_ENV_PATH, computer === "win" ? "Scripts/python.exe" : "bin/python");
}

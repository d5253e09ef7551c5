/** Finds the Moddable SDK that the user has installed, and calls its tools. An Error in one line names a missing tool. */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { buildFolder, root } from "./build.js";

/** The SDK that this project was tried with; newer ones move modules that the manifests name. */
export const SDK_VERSION = "8.2.3";
const INSTALL_SDK = `\`npx xs-dev setup --target-branch ${SDK_VERSION}\``;

const PLATFORMS = { linux: "lin", darwin: "mac", win32: "win" };
/** mcconfig's name for this computer. */
export const computer = PLATFORMS[process.platform] ?? process.platform;
/** The SDK's tools write their output here. */
export const outFolder = join(buildFolder, "moddable");

/**
 * The SDK's folder, that of its tools, and the environment to call them in. Warns of another version than SDK_VERSION.
 * @returns {{ moddable: string, path: string, environment: NodeJS.ProcessEnv }}
 */
export function findSdk(environment = process.env) {
	const moddable = environment.MODDABLE;
	if (!moddable) {
		throw new Error(
			`the Moddable SDK is missing (MODDABLE is not set): install it with ${INSTALL_SDK} and open a new terminal`,
		);
	}
	if (!existsSync(join(moddable, "xs/includes/xs.h"))) {
		throw new Error(`MODDABLE names ${moddable}, where no Moddable SDK is: install it with ${INSTALL_SDK}`);
	}
	const tools = join(moddable, "build/bin", computer, "release");
	const path = [environment.PATH ?? "", tools].join(delimiter);
	const mcconfig = which("mcconfig", path);
	if (!mcconfig) {
		throw new Error(
			`mcconfig is neither in PATH nor in ${tools}: build the SDK's tools, or install it with ${INSTALL_SDK}`,
		);
	}
	const version = sdkVersion(moddable);
	if (version !== SDK_VERSION) {
		process.stderr.write(
			`MODDABLE names Moddable SDK ${version ?? "of an unknown version"}; this was tried with ${SDK_VERSION}: see docs/esp32.md\n`,
		);
	}
	return { moddable, path, environment: { ...environment, PATH: path } };
}

/** The ESP-IDF that the SDK asks for, found and of the right version. */
export function findIdf({ moddable, environment, path }) {
	const wanted = wantedIdf(moddable);
	const howTo = `docs/esp32.md says how to install it (\`npx xs-dev setup --device esp32\` brings v5.1.2, which this SDK does not take)`;
	const folder = environment.IDF_PATH;
	if (!folder) throw new Error(`ESP-IDF ${wanted} is missing (IDF_PATH is not set): ${howTo}`);
	const version = idfVersion(folder, path);
	if (!version) throw new Error(`IDF_PATH names ${folder}, where no ESP-IDF is: ${howTo}`);
	if (!version.startsWith(`${wanted}.`)) {
		throw new Error(`IDF_PATH names ESP-IDF ${version}, but this SDK wants ${wanted}: ${howTo}`);
	}
	if (!existsSync(join(folder, ".git"))) {
		throw new Error(`IDF_PATH names ${folder}, which is no git clone, and the SDK asks git for its version: ${howTo}`);
	}
	// Fails for a clone without tags, or a changed release.
	const told = describedByGit(folder, path);
	if (told !== undefined && !told.startsWith(wanted)) {
		throw new Error(
			`IDF_PATH names ESP-IDF ${version}, which git calls ${told}; the SDK asks git, and wants ${wanted}: ${howTo}`,
		);
	}
	for (const tool of ["python3", "cmake"]) {
		if (!which(tool, path))
			throw new Error(`${tool} is missing: ESP-IDF needs it; install it with your system's packages`);
	}
	if (!which("idf.py", path)) {
		throw new Error(`idf.py is not in PATH: run \`. ${join(folder, "export.sh")}\` in this terminal first`);
	}
}

function wantedIdf(moddable) {
	const manifest = readFileSync(join(moddable, "build/devices/esp32/manifest.json"), "utf8");
	return /"EXPECTED_ESP_IDF"\s*:\s*"([^"]+)"/.exec(manifest)?.[1] ?? "v6.0";
}

export function sdkVersion(moddable) {
	const file = join(moddable, "tools/VERSION");
	return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/**
 * As `v6.0.1`, from the file that ESP-IDF's own build reads, or from other files of
 * an older or unusual ESP-IDF; `undefined` if there is none.
 */
export function idfVersion(folder, path) {
	const file = join(folder, "tools/cmake/version.cmake");
	if (existsSync(file)) {
		const text = readFileSync(file, "utf8");
		const part = (name) => new RegExp(`IDF_VERSION_${name}\\s+(\\d+)`).exec(text)?.[1] ?? "?";
		return `v${part("MAJOR")}.${part("MINOR")}.${part("PATCH")}`;
	}
	if (!existsSync(join(folder, "tools/idf.py"))) return undefined;
	const release = join(folder, "version.txt");
	const name = existsSync(release) ? readFileSync(release, "utf8").trim() : describedByGit(folder, path);
	return name || "of an unknown version";
}

/** The version for the SDK: the last tag, or a commit without one; `undefined` where git cannot say. */
function describedByGit(folder, path) {
	const git = which("git", path);
	if (!git || !existsSync(join(folder, ".git"))) return undefined;
	const { stdout } = spawnSync(git, ["-C", folder, "describe", "--always", "--abbrev=0"], { encoding: "utf8" });
	return stdout?.trim() || undefined;
}

/** The file that a shell would call, or `undefined`. */
export function which(name, path) {
	const endings = computer === "win" ? [".exe", ".bat", ".cmd", ""] : [""];
	for (const folder of path.split(delimiter)) {
		for (const ending of endings) {
			const file = join(folder, name + ending);
			if (folder !== "" && isProgram(file)) return file;
		}
	}
	return undefined;
}

function isProgram(file) {
	try {
		accessSync(file, constants.X_OK);
		return statSync(file).isFile();
	} catch {
		return false;
	}
}

/** Whether mcsim can have TLS here: its manifest links Mbed TLS as Linux packages it. */
export function hasMbedTls() {
	return computer === "lin" && existsSync("/usr/include/mbedtls/ssl.h");
}

/** Runs mcconfig for this project, with its output in `folder`; resolves with its exit code. */
export function mcconfig(sdk, argumentsOf, folder = outFolder) {
	mkdirSync(folder, { recursive: true });
	// The owner alone: mcconfig's output has the settings, in files that all users may read.
	chmodSync(outFolder, 0o700);
	return start(which("mcconfig", sdk.path), [...argumentsOf, "-o", folder], sdk.environment);
}

/** Runs a program in the project's folder or another one, its output ours; resolves with its exit code. */
export function start(program, argumentsOf, environment, folder = root) {
	return new Promise((resolve, reject) => {
		const child = spawn(program, argumentsOf, { cwd: folder, env: environment, stdio: "inherit" });
		child.on("error", (error) => reject(new Error(`cannot start ${program}: ${error.message}`)));
		child.on("exit", (code) => resolve(code ?? 1));
	});
}

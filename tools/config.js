/**
 * The user's `config.json` as a module of the firmware, `build/modules/config.js`.
 * Nothing of it is ever shown: it holds passwords.
 */
import { createPrivateKey } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { buildFolder, root, textModules, writeWhole } from "./build.js";
import { ToolError } from "./moddable.js";
import { readSettings } from "./settings-file.js";

const configFile = join(root, "config.json");
export const configModule = join(buildFolder, "modules/config.js");

/** A TypeScript module of the project that imports nothing of a host. */
export async function importTypeScript(path) {
	const { outputFiles } = await esbuild.build({
		entryPoints: [join(root, path)],
		bundle: true,
		write: false,
		format: "esm",
		platform: "neutral",
		target: "node20",
		plugins: [textModules],
		logLevel: "warning",
	});
	return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/**
 * Writes the module. Without a file the defaults apply. `change` is given what
 * the file says, and returns what is to be used. Throws a `ToolError` for pins
 * that the board, if one is named, does not have.
 */
export async function buildConfig({ board, file = configFile, change = (settings) => settings } = {}) {
	const settings = change((await readSettings(file)) ?? {});
	await checkTls(settings);
	const { BOARDS, DEFAULT_BOARD, pinProblem } = await importTypeScript("hosts/esp32/boards.ts");
	if (board !== undefined) {
		const problem = pinProblem(BOARDS[board], (await parsed(settings)).pins);
		if (problem !== undefined) throw new ToolError(`${file}: ${problem}`);
	}
	const name = board ?? DEFAULT_BOARD;
	const { data, clock, dht, led } = BOARDS[name];
	writeWhole(configModule, moduleOf(settings, { name, data, clock, dht, led }), { mode: 0o600 });
}

/** Whether the broker of the settings that were built last, if any were, is at `mqtts://`. */
export async function configUsesTls() {
	if (!existsSync(configModule)) return false;
	const { default: settings } = await import(`${pathToFileURL(configModule).href}?${performance.now()}`);
	return (await parsed(settings)).broker.tls;
}

/** What a board, and mcsim, could only say when it is too late. */
export async function checkTls(settings) {
	const { broker, tls } = await parsed(settings);
	if (broker.tls && tls.ca === undefined) {
		throw new ToolError("tls.ca: a board needs it for mqtts://: it knows no authorities of its own");
	}
	if (tls.key !== undefined && !isRsaKey(tls.key)) {
		throw new ToolError("tls.key: a board takes RSA keys without a password");
	}
}

function isRsaKey(pem) {
	try {
		return createPrivateKey(pem).asymmetricKeyType === "rsa";
	} catch {
		return false;
	}
}

async function parsed(settings) {
	const { parseSettings } = await importTypeScript("src/settings.ts");
	try {
		return parseSettings(settings);
	} catch (error) {
		throw new ToolError(error.message);
	}
}

/** Deeply frozen (XS's second argument of `freeze`), so that the linker leaves it in flash. */
function moduleOf(settings, board) {
	const frozen = (value) => `Object.freeze(${JSON.stringify(value)}, true)`;
	return `export default ${frozen(settings)};\nexport const board = ${frozen(board)};\n`;
}

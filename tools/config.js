/**
 * The user's `config.json` as a module of the firmware, `build/modules/config.js`.
 * Nothing of it is ever shown: it holds passwords.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as esbuild from "esbuild";
import { buildFolder, root } from "./build.js";
import { ToolError } from "./moddable.js";

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
		logLevel: "warning",
	});
	return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/**
 * Writes the module. Without a file the defaults apply, which a board cannot do
 * with: it needs to know its Wi-Fi.
 */
export async function buildConfig({ board, needsWifi = false } = {}) {
	const raw = existsSync(configFile) ? parse(readFileSync(configFile, "utf8")) : undefined;
	const { parseSettings } = await importTypeScript("src/settings.ts");
	let settings;
	try {
		settings = parseSettings(raw ?? {});
	} catch (error) {
		throw new ToolError(`config.json: ${error.message}`);
	}
	if (needsWifi && !settings.wifi) {
		const what =
			raw === undefined ? "config.json is missing: copy config.example.json to it" : "config.json has no wifi:";
		throw new ToolError(`${what}${raw === undefined ? " and" : ""} set wifi.ssid and wifi.password`);
	}
	mkdirSync(dirname(configModule), { recursive: true });
	// Not overwritten but made anew: the mode is only for a new file.
	rmSync(configModule, { force: true });
	const { BOARDS, DEFAULT_BOARD } = await importTypeScript("hosts/esp32/boards.ts");
	const { data, clock, dht } = BOARDS[board ?? DEFAULT_BOARD];
	writeFileSync(configModule, moduleOf(raw ?? {}, { data, clock, dht }), { mode: 0o600 });
}

/** Deeply frozen (XS's second argument of `freeze`), so that the linker leaves it in flash. */
function moduleOf(settings, board) {
	const frozen = (value) => `Object.freeze(${JSON.stringify(value)}, true)`;
	return `export default ${frozen(settings)};\nexport const board = ${frozen(board)};\n`;
}

/** The parser's own message would show a piece of the file. */
function parse(text) {
	try {
		return JSON.parse(text);
	} catch (error) {
		const [, position] = /position (\d+)/.exec(error.message) ?? [];
		const where = position === undefined ? "" : `, line ${text.slice(0, Number(position)).split("\n").length}`;
		throw new ToolError(`config.json${where}: not JSON; look for a missing quote or comma, or a comma too many`);
	}
}

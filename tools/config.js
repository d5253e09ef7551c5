/**
 * The user's settings as a module of the firmware, `build/modules/config.js`.
 * Nothing of it is ever shown: it holds passwords.
 */
import { join } from "node:path";
import { buildFolder, writeWhole } from "./build.js";

export const configModule = join(buildFolder, "modules/config.js");

/**
 * Writes the module. `board`: the program's part of an entry in `hosts/esp32/boards.ts`.
 * Deeply frozen (XS's second argument of `freeze`), so that the linker leaves it in flash.
 */
export function buildConfig(settings, board) {
	const frozen = (value) => `Object.freeze(${JSON.stringify(value)}, true)`;
	const source = `export default ${frozen(settings)};\nexport const board = ${frozen(board)};\n`;
	writeWhole(configModule, source, { mode: 0o600 });
}

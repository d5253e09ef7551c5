/** Folders that are made where they are needed. */
import { mkdirSync, statSync } from "node:fs";
import { dirname, normalize } from "node:path";

/**
 * Makes a folder, and those above it, where there are none. Returns the outermost one that was made, if one was. Throws
 * the system's Error. Node's own way (`recursive`) never comes back where a file system takes no folders, as /proc and /sys.
 * @param {string} path
 * @returns {string | undefined}
 */
export function makeFolder(path) {
	const missing = [];
	for (let folder = normalize(path); !isThere(folder); folder = dirname(folder)) missing.push(folder);
	for (const folder of missing.toReversed()) {
		try {
			mkdirSync(folder);
		} catch (error) {
			// Another process has made it meanwhile.
			if (error.code !== "EEXIST" || !isThere(folder)) throw error;
		}
	}
	return missing.at(-1);
}

/** Throws an Error where something else has the name. */
function isThere(folder) {
	const found = statSync(folder, { throwIfNoEntry: false });
	if (found && !found.isDirectory()) throw Object.assign(new Error(`${folder} is no folder`), { code: "ENOTDIR" });
	return found !== undefined;
}

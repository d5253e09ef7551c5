/** Folders that are made where they are needed, and who may read what is in them. */
import { chmodSync, lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname, normalize, resolve, sep } from "node:path";

/** What programs keep is their user's alone: readings, sessions, firmware with passwords in it. */
export const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const OTHERS = 0o077;
/** All in a folder of this name was made here. */
const OWN = ".veleta";

/**
 * Makes a folder, and those above it, where there are none. Returns the outermost one that was made, if one was. Throws
 * the system's Error. Node's own way (`recursive`) never comes back where a file system takes no folders, as /proc and /sys.
 * @param {string} path
 * @param {number} mode as the umask leaves it
 * @returns {string | undefined}
 */
export function makeFolder(path, mode = PRIVATE_FOLDER) {
	const missing = [];
	for (let folder = normalize(path); !isThere(folder); folder = dirname(folder)) missing.push(folder);
	for (const folder of missing.toReversed()) {
		try {
			mkdirSync(folder, mode);
		} catch (error) {
			// Another process has made it meanwhile.
			if (error.code !== "EEXIST" || !isThere(folder)) throw error;
		}
	}
	closeToOthers(path);
	return missing.at(-1);
}

/**
 * Takes a file or a folder, and what it is in, from the computer's other users, if it is below `.veleta`: earlier versions
 * made them as the umask says. Elsewhere a mode may be what somebody wanted.
 * @param {string} path
 */
export function closeToOthers(path) {
	const parts = resolve(path).split(sep);
	const own = parts.lastIndexOf(OWN);
	if (own < 0) return;
	for (let end = parts.length; end > own; end--) closeOne(parts.slice(0, end).join(sep));
}

function closeOne(path) {
	try {
		const found = lstatSync(path);
		// What a link leads to may be anything.
		if ((found.isFile() || found.isDirectory()) && (found.mode & OTHERS) !== 0)
			chmodSync(path, found.mode & 0o7777 & ~OTHERS);
	} catch {
		// It is not there, or another user's.
	}
}

/** Throws an Error where something else has the name. */
function isThere(folder) {
	const found = statSync(folder, { throwIfNoEntry: false });
	if (found && !found.isDirectory()) throw Object.assign(new Error(`${folder} is no folder`), { code: "ENOTDIR" });
	return found !== undefined;
}

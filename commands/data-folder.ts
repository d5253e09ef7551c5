/** What a command keeps in its folder of `--data`. Errors are for a person. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { closeToOthers, makeFolder } from "../hosts/node/folders.js";
import { LockedError, takeLock } from "../hosts/node/lock-file.js";
import { replaceWhole } from "../hosts/sim/headless/whole-file.ts";
import { messageOf } from "../src/text.ts";

/** Of two programs in one folder the later one ends. Returns what gives the folder back. */
export function lockFolder(folder: string): () => void {
	try {
		return takeLock(join(folder, "lock"));
	} catch (error) {
		if (error instanceof LockedError) throw new Error(`${folder} ${error.message}; --data takes another folder`);
		throw new Error(`${folder}: ${messageOf(error)}`);
	}
}

/** JSON that was kept; `undefined`: there is no such file. `understood` returns `undefined` for what `owner` has not written. */
export function readKept<Kept>(
	path: string,
	understood: (json: unknown) => Kept | undefined,
	owner = "this program",
): Kept | undefined {
	let text: string;
	try {
		closeToOthers(path);
		text = readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return undefined;
		throw new Error(`${path} cannot be read (${code})`);
	}
	let kept: Kept | undefined;
	try {
		kept = understood(JSON.parse(text));
	} catch {
		// Not ours.
	}
	if (kept === undefined) throw notOurs(path, owner);
	return kept;
}

export function notOurs(path: string, owner = "this program"): Error {
	return new Error(`${path} is not what ${owner} has written: remove it`);
}

/** The folder is made where there is none. */
export function writeKept(path: string, json: unknown): void {
	try {
		makeFolder(dirname(path));
		replaceWhole(path, `${JSON.stringify(json)}\n`);
	} catch (error) {
		throw new Error(`${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
	}
}

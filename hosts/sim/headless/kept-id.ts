/** The id of a simulated station that nobody has named: made once, and kept in a file beside its flash. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { SETTINGS } from "../../../src/settings/table.ts";
import { closeToOthers, makeFolder } from "../../node/folders.js";
import { createWhole } from "./whole-file.ts";

/** Of 65,536, so that a class at one broker has hardly two of the same. */
const RANDOM_BYTES = 2;

export interface KeptId {
	readonly id: string;
	/** The outermost folder that was made for it, if one was. */
	readonly madeFolder: string | undefined;
}

/** Of several processes that call it at once all get the same. Throws an Error that names the file if it cannot be used. */
export function keptId(path: string): KeptId {
	const [id, madeFolder] = explained(path, () => {
		const kept = read(path);
		if (kept !== undefined) return [kept];
		const made = makeFolder(dirname(path));
		createWhole(path, `sim-${randomBytes(RANDOM_BYTES).toString("hex")}\n`);
		return [read(path), made];
	});
	if (id === undefined || !new RegExp(SETTINGS.id.pattern).test(id))
		throw new Error(`${path} has no id in it: remove it, or name the station by --id`);
	return { id, madeFolder };
}

function read(path: string): string | undefined {
	try {
		closeToOthers(path);
		return readFileSync(path, "utf8").trim();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

function explained<Result>(path: string, use: () => Result): Result {
	try {
		return use();
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new Error(`${path}, which keeps the station's id, cannot be used (${code}): name the station by --id`);
	}
}

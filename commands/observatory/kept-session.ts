/** What the broker knows the observatory by, kept in a file: its client id, and the subscriptions of its session. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "../../hosts/node/folders.js";
import { replaceWhole } from "../../hosts/sim/headless/whole-file.ts";

export interface KeptSession {
	readonly clientId: string;
	/** Those that the broker may still have. */
	readonly filters: readonly string[];
}

/** Made where there is none. Throws an Error that names the file if it cannot be used. */
export function keptSession(path: string, filters: readonly string[]): KeptSession {
	const kept = read(path);
	const clientId = kept?.clientId ?? `veleta-observatory-${randomBytes(4).toString("hex")}`;
	try {
		makeFolder(dirname(path));
		replaceWhole(path, `${JSON.stringify({ clientId, filters })}\n`);
	} catch (error) {
		throw new Error(`${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
	}
	return { clientId, filters: kept?.filters ?? [] };
}

function read(path: string): KeptSession | undefined {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return undefined;
		throw new Error(`${path} cannot be read (${code})`);
	}
	try {
		const { clientId, filters } = JSON.parse(text);
		if (typeof clientId === "string" && Array.isArray(filters)) return { clientId, filters: filters.map(String) };
	} catch {
		// Not ours.
	}
	throw new Error(`${path} is not what the observatory has written: remove it`);
}

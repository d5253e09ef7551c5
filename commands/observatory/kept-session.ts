/** What the broker knows the observatory by, kept in a file: its client id, and the subscriptions of its session. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "../../hosts/node/folders.js";
import { replaceWhole } from "../../hosts/sim/headless/whole-file.ts";

interface Kept {
	readonly clientId: string;
	/** Those that the broker may have. */
	readonly filters: readonly string[];
}

export interface KeptSession {
	readonly clientId: string;
	/** Subscriptions of earlier runs that the broker may still have, and that are not wanted any more. */
	readonly unwanted: readonly string[];
	/** The broker does not have this one any more. */
	forget(filter: string): void;
}

/** Made where there is none. `wanted`: this run's subscriptions. Throws an Error that names the file if it cannot be used. */
export function keptSession(path: string, wanted: readonly string[]): KeptSession {
	const kept = read(path);
	const clientId = kept?.clientId ?? `veleta-observatory-${randomBytes(4).toString("hex")}`;
	let filters = [...new Set([...wanted, ...(kept?.filters ?? [])])];
	write(path, { clientId, filters });
	return {
		clientId,
		unwanted: filters.filter((filter) => !wanted.includes(filter)),
		forget: (filter) => {
			if (wanted.includes(filter)) return;
			filters = filters.filter((other) => other !== filter);
			write(path, { clientId, filters });
		},
	};
}

function write(path: string, kept: Kept): void {
	try {
		makeFolder(dirname(path));
		replaceWhole(path, `${JSON.stringify(kept)}\n`);
	} catch (error) {
		throw new Error(`${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
	}
}

function read(path: string): Kept | undefined {
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

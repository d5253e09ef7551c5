/** What the broker knows the observatory by, kept in a file: its client id, and the subscriptions of its session. */
import { randomBytes } from "node:crypto";
import { readKept, writeKept } from "../data-folder.ts";

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
	const kept = readKept(path, understood, "the observatory");
	const clientId = kept?.clientId ?? `veleta-observatory-${randomBytes(4).toString("hex")}`;
	let filters = [...new Set([...wanted, ...(kept?.filters ?? [])])];
	writeKept(path, { clientId, filters });
	return {
		clientId,
		unwanted: filters.filter((filter) => !wanted.includes(filter)),
		forget: (filter) => {
			if (wanted.includes(filter)) return;
			filters = filters.filter((other) => other !== filter);
			writeKept(path, { clientId, filters });
		},
	};
}

function understood(json: unknown): Kept | undefined {
	const { clientId, filters } = json as Partial<Record<keyof Kept, unknown>>;
	if (typeof clientId !== "string" || !Array.isArray(filters)) return undefined;
	return { clientId, filters: filters.map(String) };
}

/** What the simulated board remembers across restarts, in a file of JSON. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export class StorageFile {
	readonly #path: string | undefined;
	readonly values: Record<string, string>;

	/**
	 * @param path the file; without it, nothing outlives the process
	 * Throws an Error that names the file if it is there and cannot be used.
	 */
	constructor(path: string | undefined) {
		this.#path = path;
		this.values = path === undefined ? {} : load(path);
	}

	/** Written to a new file that takes the old one's place, so that a kill at any moment leaves one of the two. */
	write(key: string, value: string): void {
		this.values[key] = value;
		if (this.#path === undefined) return;
		mkdirSync(dirname(this.#path), { recursive: true });
		writeFileSync(`${this.#path}.new`, JSON.stringify(this.values));
		renameSync(`${this.#path}.new`, this.#path);
	}
}

function load(path: string): Record<string, string> {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return {};
		throw new Error(`${path} cannot be read (${code})`);
	}
	try {
		const values: unknown = JSON.parse(text);
		if (typeof values === "object" && values !== null && !Array.isArray(values))
			return values as Record<string, string>;
	} catch {
		// told below
	}
	throw new Error(`${path} is damaged; remove it to begin anew`);
}

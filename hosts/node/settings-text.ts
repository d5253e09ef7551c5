/** The text of a settings file, and what `JSON.parse` does not tell of it. */
import { printable } from "../../src/text.ts";

/** The byte order marks of UTF-16. */
const MARKS: Readonly<Record<string, string>> = { fffe: "utf-16le", feff: "utf-16be" };

/**
 * A file's bytes as a text: UTF-8, or UTF-16 with its mark, as some of Windows'
 * editors and shells write it. Throws an Error for anything else: as UTF-8 a
 * passphrase would get other characters.
 */
export function decodeText(bytes: Uint8Array): string {
	const mark = Buffer.from(bytes.subarray(0, 2)).toString("hex");
	const encoding = MARKS[mark] ?? "utf-8";
	try {
		// Leaves the mark out, also UTF-8's.
		const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
		if (!text.includes("\0")) return text;
	} catch {
		// The engine's message says no more.
	}
	throw new Error("is not in UTF-8: save it as UTF-8");
}

/**
 * The first name that an object in a JSON text has twice, and its line; of two
 * values JavaScript takes the last without a word. The text has to be valid.
 */
export function twiceNamed(json: string): { readonly name: string; readonly line: number } | undefined {
	/** Of each object around the place its names, and of each list none. */
	const around: (Set<string> | undefined)[] = [];
	for (const { 0: token, index } of json.matchAll(/"(?:[^"\\]|\\.)*"(?:[ \t\r\n]*:)?|[{}[\]]/g)) {
		if (token === "{") around.push(new Set());
		else if (token === "[") around.push(undefined);
		else if (token === "}" || token === "]") around.pop();
		else if (token.endsWith(":")) {
			const name = JSON.parse(token.slice(0, -1)) as string;
			const names = around.at(-1)!;
			if (names.has(name)) return { name: printable(name), line: lineAt(json, index) };
			names.add(name);
		}
	}
	return undefined;
}

/** From 1 on. */
export function lineAt(text: string, position: number): number {
	return text.slice(0, position).split("\n").length;
}

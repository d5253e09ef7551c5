/** Texts of others, as a person may see them: at a terminal, and in a file that is shown at one later. */

import type { Bytes } from "../../src/host.ts";
import { textOf } from "../../src/text.ts";

/** Control characters, and what changes the text around it: formats, private use, halves of pairs, separators of lines. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text that these bytes are; `undefined` where they are not UTF-8: for a stranger's, which must not throw. */
export function textIn(bytes: Bytes): string | undefined {
	try {
		return textOf(bytes);
	} catch {
		return undefined;
	}
}

/** A text that is one line, and commands no terminal. */
export function plain(text: string, instead = "?"): string {
	return text.replace(UNSAFE, instead);
}

/** JSON of the same value in which such characters are escaped. */
export function plainJson(value: unknown, space?: string): string {
	return JSON.stringify(value, undefined, space).replace(UNSAFE, (character) =>
		// The line feeds and tabs between members; within texts JSON escapes them itself.
		character === "\n" || character === "\t"
			? character
			: Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(""),
	);
}

function escaped(unit: number): string {
	return `\\u${unit.toString(16).padStart(4, "0")}`;
}

/** Settings as a user wrote them to a file. Nothing of them is ever shown: they hold passwords. */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { parseSettings } from "../../src/settings.ts";
import { messageOf } from "../../src/text.ts";
import { withPemFiles } from "./pem-files.ts";

/** Valid, and as `parseSettings` takes them. */
export type RawSettings = Readonly<Record<string, unknown>>;

/**
 * The settings, valid, with the texts of the PEM files that they name; `undefined`
 * where there is no such file. Throws an Error in one line for anything else.
 */
export function readSettings(file: string): RawSettings | undefined {
	const name = nameOf(file);
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return undefined;
		throw new Error(`${name} cannot be read (${code})`);
	}
	const json = parse(text, name);
	try {
		const settings = withPemFiles(json, dirname(resolve(file)));
		parseSettings(settings);
		return settings as RawSettings;
	} catch (error) {
		throw new Error(`${name}: ${messageOf(error)}`);
	}
}

/** The path as a user would write it. */
function nameOf(file: string): string {
	const path = relative(process.cwd(), resolve(file));
	return path.startsWith("..") ? file : path;
}

/** The parser's own message would show a piece of the file. */
function parse(text: string, name: string): unknown {
	try {
		// Windows' editors put a mark in front.
		return JSON.parse(text.replace(/^\uFEFF/, ""));
	} catch (error) {
		const [, position] = /position (\d+)/.exec(messageOf(error)) ?? [];
		const where = position === undefined ? "" : `, line ${text.slice(0, Number(position)).split("\n").length}`;
		throw new Error(`${name}${where}: not JSON; look for a missing quote or comma, or a comma too many`);
	}
}

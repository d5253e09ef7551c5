/** Replaces the PEM files and roots that settings name by their texts, before `parseSettings` sees them. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../../src/text.ts";
import { isRootName, rootsOf } from "./roots.ts";

const MEMBERS = ["ca", "certificate", "key"];
/** Settings whose texts may be paths in a file. */
export const PEM_SETTINGS: readonly string[] = MEMBERS.map((member) => `tls.${member}`);
/** How a text in PEM begins; anything else is a path. */
const PEM = "-----BEGIN ";
/** Bytes of a file: all the authorities that a system knows are some 220 KB. */
const FILE_MAXIMUM = 1 << 20;

/**
 * Settings as a user wrote them, with the texts of the files that `tls.ca`,
 * `tls.certificate` and `tls.key` name, relative to `folder`, and of the roots that `tls.ca` names. Throws an Error that
 * names the setting and the path, and shows nothing of a file's content.
 * `parseSettings` refuses values that are no settings at all.
 */
export function withPemFiles(raw: unknown, folder: string): unknown {
	if (!isObject(raw) || !isObject(raw.tls)) return raw;
	const tls: Record<string, unknown> = { ...raw.tls };
	for (const member of MEMBERS) {
		const value = tls[member];
		if (typeof value !== "string" || value.startsWith(PEM)) continue;
		const name = `tls.${member}`;
		tls[member] = member === "ca" ? readAuthorities(name, value, folder) : readPem(name, value, folder);
	}
	return { ...raw, tls };
}

/** The text of a PEM file, or of the roots that have this name; `name` is the setting's or option's. */
export function readAuthorities(name: string, text: string, folder = "."): string {
	if (!isRootName(text)) return readPem(name, text, folder);
	try {
		return rootsOf(text);
	} catch (error) {
		throw new Error(`${name}: ${messageOf(error)}`);
	}
}

/** The text of a PEM file from its first block on; `name` is the setting's or option's. */
export function readPem(name: string, path: string, folder = "."): string {
	const complain = (problem: string) => new Error(`${name}: ${path}: ${problem}`);
	if (path === "" || path.includes("\n")) throw new Error(`${name}: must be a path, or PEM: ${PEM}…`);
	let text: string;
	try {
		text = readFileSync(resolve(folder, path), "latin1");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw complain(code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`);
	}
	if (text.length > FILE_MAXIMUM) throw complain(`has more than ${FILE_MAXIMUM} bytes`);
	// Text before the first block, such as the certificate in words, is for people.
	const at = text.indexOf(PEM);
	if (at < 0) throw complain(`is not PEM: there is no ${PEM}… in it`);
	return text.slice(at);
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

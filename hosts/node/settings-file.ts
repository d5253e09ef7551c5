/** Settings as a user wrote them to a file. Nothing of them is ever shown: they hold passwords. */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { messageOf } from "../../src/text.ts";
import { withPemFiles } from "./pem-files.ts";
import { withBrokerUrl } from "./public-brokers.ts";
import { checkSettings } from "./settings-check.ts";
import { SettingsError } from "./settings-error.ts";
import { decodeText, lineAt, twiceNamed } from "./settings-text.ts";

/** Valid, and as `checkSettings` takes them. */
export type RawSettings = Readonly<Record<string, unknown>>;

/**
 * The settings, valid, with the texts of the PEM files and the URL of the public broker
 * that they name; `undefined` where there is no such file. Throws an Error in one line for anything else.
 */
export function readSettings(file: string): RawSettings | undefined {
	const name = nameOf(file);
	const settings = readRawSettings(file, name);
	if (settings) explained(name, () => checkSettings(settings));
	return settings;
}

/** The same, not valid perhaps. `name`: what the user calls the file. */
export function readRawSettings(file: string, name: string): RawSettings | undefined {
	let bytes: Uint8Array;
	try {
		bytes = readFileSync(file);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return undefined;
		throw new Error(`${name}: cannot be read (${code})`);
	}
	const json = parse(
		explained(name, () => decodeText(bytes)),
		name,
	);
	if (typeof json !== "object" || json === null || Array.isArray(json))
		throw new Error(`${name}: must hold one object`);
	return explained(name, () => withPemFiles(withBrokerUrl(json), dirname(resolve(file)))) as RawSettings;
}

/** The path as a user would write it. */
function nameOf(file: string): string {
	const path = relative(process.cwd(), resolve(file));
	return path.startsWith("..") ? file : path;
}

function explained<Result>(name: string, check: () => Result): Result {
	try {
		return check();
	} catch (error) {
		throw new SettingsError(`${name}: ${messageOf(error)}`);
	}
}

function parse(text: string, name: string): unknown {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (error) {
		throw new Error(`${name}: is not JSON: ${jsonProblem(text, messageOf(error))}`);
	}
	const twice = twiceNamed(text);
	if (twice) throw new Error(`${name}: ${twice.name}: is there twice, again in line ${twice.line}`);
	return json;
}

/** The engine's message with the line instead of the text around the problem: there may be a password in it. */
function jsonProblem(text: string, message: string): string {
	const [, problem, position] = /^(.*?) in JSON at position (\d+)/s.exec(message) ?? [];
	if (position !== undefined) return `${problem} in line ${lineAt(text, Number(position))}`;
	const [, token, excerpt] =
		/^(Unexpected token '.+?'), \.\.\."(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(message) ?? [];
	// Ten characters of the excerpt come before the token.
	if (excerpt !== undefined) return `${token} in line ${lineAt(text, text.indexOf(excerpt) + 10)}`;
	return message.replace(/, ".*$/s, "");
}

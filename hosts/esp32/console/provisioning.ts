/**
 * Settings that are given to a board without building its firmware anew: which
 * of them apply, and the requests of `npm run provision`. How these come over
 * the serial port is for `console.c`.
 */
import type { Host } from "../../../src/host.js";
import { parseSettings, type Settings } from "../../../src/settings.js";
import { bytesOf, isShallow } from "../../../src/text.js";

/** One text, kept as a whole or not at all, whatever happens to the power. */
export interface SettingsStore {
	/** `undefined` where nothing is stored. */
	read(): string | undefined;
	/** Without a text, forgets what is stored. Throws an Error where the flash refuses. */
	write(text?: string): void;
}

const SECRET = "(set)";

/**
 * The settings that were stored replace those that the firmware was built with,
 * as a whole; where they cannot be used (other firmware may have stored them),
 * the log says so, and the built-in ones apply. Throws an Error if these cannot
 * be used either.
 */
export function applicableSettings(
	builtIn: unknown,
	store: SettingsStore,
	log: Host["log"],
	hasTls: boolean,
): Settings {
	const text = store.read();
	try {
		if (text !== undefined) return usable(text, hasTls);
	} catch (error) {
		log("warning", `the settings in flash cannot be used, and the built-in ones apply: ${reason(error)}`);
	}
	return parseSettings(builtIn);
}

/**
 * Carries out a request to firmware that has TLS or has not, which is one of
 *
 * - `?`: tells the settings that apply from the next start on, without secrets;
 * - `-`: forgets what is stored;
 * - settings as JSON: stores them, if they can be used.
 *
 * Gives the reply, `ok` or `error`. No secret is in it, whatever was wrong.
 */
export function answer(request: string, builtIn: unknown, store: SettingsStore, hasTls: boolean): string {
	try {
		if (request === "?") {
			const stored = store.read();
			const settings = stored === undefined ? builtIn : parse(stored);
			return `ok ${stored === undefined ? "built in" : "stored"} ${JSON.stringify(withoutSecrets("", settings))}`;
		}
		if (request === "-") store.write();
		else {
			usable(request, hasTls);
			store.write(request);
		}
		return "ok";
	} catch (error) {
		return `error ${reason(error)}`;
	}
}

function usable(text: string, hasTls: boolean): Settings {
	const settings = parseSettings(parse(text));
	if (settings.broker.tls && !hasTls) {
		throw new Error("broker: this firmware has no TLS for mqtts://; flash one with it: npm run flash -- --tls");
	}
	return settings;
}

/** Its length is bounded by whoever received it. */
function parse(text: string): unknown {
	if (!isShallow(bytesOf(text))) throw new Error("lists and objects within each other are too deep for settings");
	return JSON.parse(text);
}

/** In one line. What an engine says of a text that is not JSON may show a piece of it. */
function reason(error: unknown): string {
	return error instanceof SyntaxError ? "not JSON" : (error as Error).message.split("\n").join("; ");
}

/**
 * A copy without passwords, also in the broker's URL, and without all that is in
 * PEM. A copy, as XS marks objects while it stringifies them, and refuses those
 * that lie in flash ("read only value"): the built-in settings do.
 */
function withoutSecrets(name: string, value: unknown): unknown {
	if (name === "password") return SECRET;
	if (Array.isArray(value)) return value.map((item) => withoutSecrets("", item));
	if (typeof value === "object" && value !== null) {
		return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutSecrets(name, member)]));
	}
	if (typeof value !== "string") return value;
	return value.startsWith("-----BEGIN") ? SECRET : value.replace(/\/\/.*@/, `//${SECRET}@`);
}

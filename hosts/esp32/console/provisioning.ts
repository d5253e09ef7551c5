/**
 * Settings that a board gets without a new build of its firmware: which settings
 * apply, and the requests of `npm run provision`, which come over the serial port
 * by `console.c`.
 */
import type { Host } from "../../../src/host.js";
import { parseSettings, type Settings } from "../../../src/settings.js";
import { bytesOf, fits, isShallow } from "../../../src/text.js";

/** One text, kept as a whole or not at all, also through a power cut. */
export interface SettingsStore {
	/** `undefined` where nothing is stored. */
	read(): string | undefined;
	/** Without a text, forgets the stored one. Throws an Error where the flash refuses. */
	write(text?: string): void;
}

/** In place of a secret: as the board tells it, and for one that stays as it is. */
const SECRET = "(set)";
/** Bytes of stored settings, as `console-protocol.h` has it. */
const MAXIMUM = 7_168;

/** Settings that nobody has checked. */
type Raw = Readonly<Record<string, unknown>>;

/**
 * The stored settings replace the built-in ones as a whole. If they cannot be
 * used (other firmware may have stored them), the log says so, and the built-in
 * ones apply. Without an id they get `defaultId`. Throws an Error if the built-in ones
 * cannot be used either.
 */
export function applicableSettings(
	builtIn: unknown,
	store: SettingsStore,
	log: Host["log"],
	defaultId?: string,
): Settings {
	const text = store.read();
	try {
		if (text !== undefined) return usable(text, defaultId);
	} catch (error) {
		log("warning", `the settings in flash cannot be used, and the built-in ones apply: ${reason(error)}`);
	}
	return parseSettings(builtIn, defaultId);
}

/**
 * Carries out a request, which is one of
 *
 * - `?`: tells the board, and the settings that apply from the next start on, without secrets;
 * - `-`: forgets the stored settings;
 * - settings as JSON: stores them, if they can be used; `SECRET` in them stands for what the settings that apply
 *   have there, see `restored`;
 * - a line feed: gives the same settings with their secrets, and nothing else. It is
 *   `improv.c`'s, and no line from outside can have this request.
 *
 * Gives the reply: `ok`, or `error` without any secret.
 */
export function answer(request: string, board: string, builtIn: unknown, store: SettingsStore): string {
	try {
		const secrets = request === "\n";
		if (secrets || request === "?") {
			const stored = store.read();
			const text = JSON.stringify(copied("", given(builtIn, stored), secrets));
			// All of it may be long: not twice in memory.
			return secrets ? text : `ok ${stored === undefined ? "built in" : "stored"} on ${board} ${text}`;
		}
		if (request === "-") store.write();
		else {
			const text = request.includes(SECRET) ? withSecrets(request, given(builtIn, store.read())) : request;
			usable(text);
			if (!fits(text, MAXIMUM)) throw new Error(`more than ${MAXIMUM} bytes`);
			store.write(text);
		}
		return "ok";
	} catch (error) {
		return `error ${reason(error)}`;
	}
}

/** Those that apply, unless they cannot be used. */
function given(builtIn: unknown, stored: string | undefined): Raw {
	return Object(stored === undefined ? builtIn : parse(stored));
}

function usable(text: string, defaultId?: string): Settings {
	return parseSettings(parse(text), defaultId);
}

/** `console-protocol.h` bounds the text's length. */
function parse(text: string): unknown {
	if (!isShallow(bytesOf(text))) throw new Error("lists and objects within each other are too deep for settings");
	return JSON.parse(text);
}

/** In one line. An engine's message about a text that is not JSON may show a piece of it. */
function reason(error: unknown): string {
	return error instanceof SyntaxError ? "not JSON" : (error as Error).message.split("\n").join("; ");
}

/**
 * A copy, without `secrets` no passwords in it, also not in the broker's URL, and no PEM texts. A
 * copy, as XS marks objects while it stringifies them, and refuses those in flash
 * ("read only value"), such as the built-in settings.
 */
function copied(name: string, value: unknown, secrets: boolean): unknown {
	if (!secrets && name === "password") return SECRET;
	if (Array.isArray(value)) return value.map((item) => copied("", item, secrets));
	if (typeof value === "object" && value !== null) {
		return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copied(name, member, secrets)]));
	}
	if (secrets || typeof value !== "string") return value;
	return value.startsWith("-----BEGIN") ? SECRET : value.replace(/\/\/.*@/, `//${SECRET}@`);
}

/**
 * Settings that were sent, with the secrets of those that apply. Throws an Error for a secret that cannot stay: the broker's
 * password stays at the same broker, of the same authorities, so that nobody has it sent elsewhere.
 */
function withSecrets(request: string, now: Raw): string {
	const place = ({ broker, tls }: Raw) => JSON.stringify({ broker, tls });
	const isSamePlace = place(Object(parse(request))) === place(copied("", now, false) as Raw);
	const restored = JSON.parse(request, function (this: Raw, name, value) {
		if (value !== SECRET && !String(value).includes(`//${SECRET}@`)) return value;
		const { ssid } = this;
		let there: unknown = isSamePlace && now;
		if (ssid) there = [now.wifi].flat().find((network) => Object(network).ssid === ssid);
		else if (name in Object(now.tls)) there = now.tls;
		const text = Object(there)[name];
		if (typeof text !== "string") throw new Error(`${name}: ${SECRET} stands for nothing here`);
		return text;
	});
	return JSON.stringify(restored);
}

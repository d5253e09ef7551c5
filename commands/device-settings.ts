/** The settings that a device gets, from the user's `config.json`. Nothing of them is ever shown: they hold passwords. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { authorityProblem, BOARDS, DEFAULT_BOARD, pinProblem } from "../hosts/esp32/boards.ts";
import { checkSettings } from "../hosts/node/settings-check.ts";
import { type RawSettings, readSettings } from "../hosts/node/settings-file.ts";
import { BOARD_MARK } from "../hosts/node/update-image.ts";
import type { Settings } from "../src/settings.ts";
import { root } from "../tools/build.js";
import { buildConfig } from "../tools/config.js";

export const CONFIG_FILE = join(root, "config.json");

interface DeviceSettings {
	/** The board of the settings, one of `BOARDS`, if it is known. */
	readonly board?: string;
	readonly file?: string;
	/** Gets the file's settings, and returns the settings to use. */
	readonly change?: (settings: RawSettings) => RawSettings;
}

/**
 * Writes the settings as a module of the program for a board, or for mcsim; returns them
 * parsed. Without a file the defaults apply. Throws an Error in one line for settings that
 * the board cannot use.
 */
export function buildSettings({ board, file = CONFIG_FILE, change = (raw) => raw }: DeviceSettings = {}): Settings {
	return buildGivenSettings(change(readSettings(file) ?? {}), board, file);
}

/** The same with settings of no file; `name`: where they come from. */
export function buildGivenSettings(raw: RawSettings, board: string | undefined, name: string): Settings {
	const settings = checkSettings(raw);
	checkForBoard(settings);
	const problem = board === undefined ? undefined : pinProblem(BOARDS[board]!, settings.pins);
	if (problem !== undefined) throw new Error(`${name}: ${problem}`);
	const boardName = board ?? DEFAULT_BOARD;
	const { data, clock, dht, led } = BOARDS[boardName]!;
	// By the mark, `npm run update` knows what an image is for.
	buildConfig(raw, { name: boardName, data, clock, dht, led, mark: `${BOARD_MARK}${boardName}` });
	return settings;
}

/** Throws an Error for faults that a board, or mcsim, would find only when it connects. */
export function checkForBoard(settings: Settings): void {
	const missing = authorityProblem(settings);
	if (missing !== undefined) throw new Error(missing);
	const { tls } = settings;
	const problem = tls.key === undefined ? undefined : keyProblem(tls.key);
	if (problem !== undefined) throw new Error(`tls.key: ${problem}`);
}

/** Bits of an RSA key that a board takes: fewer are weak, and more take seconds for a signature. */
const RSA_BITS = { least: 2_048, most: 4_096 };
/** Elliptic curves of the keys that a board takes, as OpenSSL names them. */
const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** Why a board cannot use a private key in PEM. */
function keyProblem(pem: string): string | undefined {
	const curves = Object.values(CURVES).join(", ");
	let key: KeyObject;
	try {
		key = createPrivateKey(pem);
	} catch {
		return "is no private key without a password";
	}
	const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
	if (key.asymmetricKeyType === "ec") {
		return namedCurve in CURVES ? undefined : `is on the curve ${namedCurve}; a board takes ${curves}`;
	}
	if (key.asymmetricKeyType !== "rsa") {
		return `is of the kind ${key.asymmetricKeyType}; a board takes RSA, and EC on ${curves}`;
	}
	if (modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most) return undefined;
	return `has ${modulusLength} bits; a board takes RSA of ${RSA_BITS.least} to ${RSA_BITS.most}`;
}

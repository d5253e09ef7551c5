/** The settings that a device gets, from the user's `config.json`. Nothing of them is ever shown: they hold passwords. */
import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { BOARDS, DEFAULT_BOARD, pinProblem } from "../hosts/esp32/boards.ts";
import { type RawSettings, readSettings } from "../hosts/node/settings-file.ts";
import { parseSettings, type Settings } from "../src/settings.ts";
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
	const raw = change(readSettings(file) ?? {});
	const settings = parseSettings(raw);
	checkForBoard(settings);
	const problem = board === undefined ? undefined : pinProblem(BOARDS[board]!, { ...settings.pins });
	if (problem !== undefined) throw new Error(`${file}: ${problem}`);
	const name = board ?? DEFAULT_BOARD;
	const { data, clock, dht, led } = BOARDS[name]!;
	buildConfig(raw, { name, data, clock, dht, led });
	return settings;
}

/** Throws an Error for faults that a board, or mcsim, would find only when it connects. */
export function checkForBoard({ broker, tls }: Settings): void {
	if (broker.tls && tls.ca === undefined) {
		throw new Error("tls.ca: a board needs it for mqtts://: it knows no authorities of its own");
	}
	if (tls.key !== undefined && !isRsaKey(tls.key)) {
		throw new Error("tls.key: a board takes RSA keys without a password");
	}
}

function isRsaKey(pem: string): boolean {
	try {
		return createPrivateKey(pem).asymmetricKeyType === "rsa";
	} catch {
		return false;
	}
}

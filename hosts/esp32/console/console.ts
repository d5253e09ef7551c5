/** The log, and the settings that come over the serial port; the rest is `console.c`. */
import Timer from "timer";
import type { Host } from "../../../src/host.js";
import type { Settings } from "../../../src/settings.js";
import { answer, applicableSettings } from "./provisioning.js";
import { settingsStore } from "./settings-store.js";

/** Time between looks for requests, in ms. The ports' buffers hold as much; a sender waits 500 ms for the reply. */
const LOOK_MS = 20;

/** One line to each of the board's serial ports. */
export const log: Host["log"] = native("xs_console_log");

/** Sends the reply to the last request, or else gives the next one. */
const exchange: (reply?: string) => string | undefined = native("xs_console_exchange");

/**
 * The settings that apply, with the id `defaultId` where they have none; requests for others are answered from now on.
 * Throws an Error if the built-in ones cannot be used.
 */
export function settings(board: string, builtIn: unknown, defaultId: string): Settings {
	const look = () => {
		const request = exchange();
		if (request !== undefined) exchange(answer(request, board, builtIn, settingsStore));
	};
	// At once, too: only from the first look on does an error that ends the program reach the ports.
	look();
	Timer.repeat(look, LOOK_MS);
	return applicableSettings(builtIn, settingsStore, log, defaultId);
}

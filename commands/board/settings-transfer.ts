/** A board's settings over its serial port, also in a browser: what it tells of them, and how new ones come to it. */
import type { Requests } from "./serial-request.ts";

/** Bytes of settings that a board keeps, as `hosts/esp32/console/console-protocol.h` has it. */
const SETTINGS_MAXIMUM = 7_168;
/** Bytes of the settings in a request, which has 240 at the most. */
const PIECE = 192;
/** Time for the first answer, in ms: of a running board, and of a board that was just restarted. */
const RUNNING_MS = 2_000;
const RESTARTED_MS = 5_000;
/** Time for the reply to a request to store, in ms. Storing takes some tenths of a second. */
export const STORE_MS = 3_000;
/** Longest time without progress, in ms; the board may be busy with its broker. */
export const PATIENCE_MS = 15_000;

/** What it tells in place of a secret, and takes for one that stays as it is (`hosts/esp32/console/provisioning.ts`). */
export const HIDDEN = "(set)";

/** What a board tells of its settings, without their secrets. */
export interface Shown {
	/** Whether they were sent to it; otherwise they are built into its firmware. */
	readonly isStored: boolean;
	/** The board's name; older firmware does not tell it. */
	readonly board: string;
	readonly settings: { readonly [name: string]: unknown };
}

/** Of the reply to `?`. Throws an Error with the board's reason. */
export function shownIn(reply: string): Shown {
	const [, origin, board = "", settings] = /^ok (built in|stored) (?:on (\w+) )?(.*)$/s.exec(reply) ?? [];
	if (settings === undefined) throw refusal(reply);
	return { isStored: origin === "stored", board, settings: JSON.parse(settings) };
}

/**
 * What the board says of its settings, for `shownIn`; one that sleeps, or hangs, is restarted by `reset` first. Throws a
 * `SilentError`.
 */
export async function greet(requests: Requests, reset: () => Promise<void>): Promise<string> {
	let reply = await requests.ask("?", { within: RUNNING_MS });
	if (reply === undefined && requests.isOpen) {
		await reset();
		reply = await requests.ask("?", { within: RESTARTED_MS });
	}
	if (reply === undefined) throw new SilentError();
	return reply;
}

/**
 * Settings as they go to a board: JSON in ASCII without a tilde, which begins a request. Throws an Error where they are too
 * long; `name` is where they come from.
 */
export function settingsText(settings: object, name: string): string {
	const text = JSON.stringify(settings).replace(
		/[^ -}]/g,
		(character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
	if (text.length <= SETTINGS_MAXIMUM) return text;
	throw new Error(
		`${name}: the settings have ${text.length} bytes with their certificates; a board keeps ${SETTINGS_MAXIMUM}`,
	);
}

/** Sends `settingsText`, which the board checks and stores as a whole. Throws an Error with the reason if it does not. */
export async function sendSettings(requests: Requests, text: string): Promise<void> {
	let sent = 0;
	let progressed = performance.now();
	while (sent < text.length) {
		const end = Math.min(sent + PIECE, text.length);
		let told = sent;
		const reply = await requests.ask(`+${sent} ${text.slice(sent, end)}`, {
			within: STORE_MS,
			accepts: (reply) => {
				if (!reply.startsWith("ok ")) return true;
				told = Number(reply.slice(3));
				return told === end;
			},
		});
		if (reply !== undefined) {
			if (told !== end) throw refusal(reply);
			sent = end;
			progressed = performance.now();
		} else {
			if (!requests.isOpen || performance.now() > progressed + PATIENCE_MS) throw new SilentError();
			// A board that has restarted in between has lost bytes.
			sent = Math.min(told, sent);
		}
	}
	await order(requests, `=${text.length}`);
}

/** Sends a request. Throws an Error with the board's reason if it refuses. */
export async function order(requests: Requests, request: string): Promise<void> {
	const reply = await requests.ask(request, { within: PATIENCE_MS, every: STORE_MS });
	if (reply === undefined) throw new SilentError();
	if (reply !== "ok") throw refusal(reply);
}

/** Whether the board has said that it restarts. */
export async function restart(requests: Requests): Promise<boolean> {
	return (await requests.ask("!", { within: STORE_MS })) !== undefined;
}

/** The board does not answer, or its port is gone. */
export class SilentError extends Error {
	override name = "SilentError";
}

export function refusal(reply: string): Error {
	return new Error(`the board did not take it: ${reply.replace(/^error /, "")}`);
}

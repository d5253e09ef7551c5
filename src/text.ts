/** Small things about texts. */
import type { Bytes } from "./host.js";

/** ASCII text as bytes: numbers, JSON of numbers, and status words. */
export function ascii(text: string): Bytes {
	const bytes = new Uint8Array(text.length);
	for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
	return bytes;
}

/** Longest JSON that is looked at, in bytes: what begins an update. */
const JSON_MAXIMUM = 256;

/** What JSON in ASCII says; `undefined` for what is none. */
export function jsonOf(bytes: Bytes): unknown {
	try {
		if (bytes.length <= JSON_MAXIMUM) return JSON.parse(String.fromCharCode(...bytes));
	} catch {
		// Not JSON.
	}
	return undefined;
}

/** What an unknown error says. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

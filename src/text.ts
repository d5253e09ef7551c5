/** Functions on texts, and the program's UTF-8. */
import TextDecoder from "text/decoder";
import TextEncoder from "text/encoder";
import type { Bytes } from "./host.js";

/** Longest JSON from outside, in bytes: several times the request that begins an update. */
const JSON_MAXIMUM = 1_024;
/** Lists and objects within each other in JSON from outside. Settings need three. */
const NESTING_MAXIMUM = 4;
/** Bytes of a foreign text in a line of the log; the rest is cut off. */
const LINE_MAXIMUM = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** With the bit by which `[` differs from `{`, and `]` from `}`. */
const OPENING = 0x7b;
const CLOSING = 0x7d;
const BRACE = 0x20;

/** A text as UTF-8. An encoder for each text: in a variable it would take RAM, and the linker of an image cannot make one. */
export function bytesOf(text: string): Bytes {
	return new TextEncoder().encode(text);
}

/** Throws a TypeError for bytes that are not UTF-8. A byte order mark is kept. */
export function textOf(bytes: Bytes): string {
	return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Whether a text has at most `maximum` bytes. */
export function fits(text: string, maximum: number): boolean {
	return text.length <= maximum && bytesOf(text).length <= maximum;
}

/** A text's beginning of at most `maximum` bytes, in whole characters. */
export function cut(text: string, maximum: number): string {
	if (fits(text, maximum)) return text;
	const bytes = bytesOf(text.slice(0, maximum));
	let end = Math.min(maximum, bytes.length);
	while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
	return textOf(bytes.subarray(0, end));
}

/** Whether it has control characters, or halves of surrogate pairs, which have no UTF-8: MQTT's strings must not [MQTT-1.5.3]. */
export function hasControls(text: string): boolean {
	for (const character of text) {
		const codePoint = character.codePointAt(0)!;
		if (codePoint < 0x20 || (codePoint >= 0x7f && codePoint < 0xa0)) return true;
		if (codePoint >= 0xd800 && codePoint < 0xe000) return true;
	}
	return false;
}

/** A foreign text, for a line of the log. */
export function printable(text: string): string {
	let line = "";
	for (const character of cut(text, LINE_MAXIMUM)) line += hasControls(character) ? "?" : character;
	return line;
}

/**
 * Whether lists and objects in a JSON text in UTF-8 are at most `NESTING_MAXIMUM`
 * deep: `JSON.parse` calls itself for each level, and a board's stack is small.
 */
export function isShallow(bytes: Bytes): boolean {
	let depth = 0;
	let quoted = false;
	for (let at = 0; at < bytes.length; at++) {
		const byte = bytes[at]!;
		if (byte === QUOTE) quoted = !quoted;
		else if (quoted) at += byte === BACKSLASH ? 1 : 0;
		else if ((byte | BRACE) === OPENING && ++depth > NESTING_MAXIMUM) return false;
		else if ((byte | BRACE) === CLOSING) depth--;
	}
	return true;
}

/** The value of a JSON text from outside; `undefined` if it is not JSON, or longer or deeper than a board takes. */
export function jsonOf(bytes: Bytes): unknown {
	try {
		if (bytes.length <= JSON_MAXIMUM && isShallow(bytes)) return JSON.parse(textOf(bytes));
	} catch {
		// Not JSON.
	}
	return undefined;
}

/** The message of an unknown error. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

/** The end of a sentence about a failure: its reason behind a colon, if there is one. */
export function because(reason: unknown): string {
	const text = reason instanceof Error ? reason.message : reason;
	return text === undefined || text === "" ? "" : `: ${text}`;
}

/** ISO 8601 in UTC, of ms since 1970; `undefined`, which JSON leaves out, of a time that is not known. */
export function isoTime(time: number | undefined): string | undefined {
	return time === undefined ? undefined : new Date(time).toISOString();
}

/** PEM (RFC 7468) to DER. */
import type { Bytes } from "../../../src/host.js";
import { TlsError } from "./alerts.js";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The contents of blocks with one of these labels, in their order; other blocks are passed over. */
export function decodePem(text: string, ...labels: string[]): Bytes[] {
	const blocks: Bytes[] = [];
	let end = 0;
	for (;;) {
		const begin = text.indexOf("-----BEGIN ", end);
		if (begin < 0) return blocks;
		const label = text.slice(begin + 11, text.indexOf("-----", begin + 11));
		const body = begin + label.length + 16;
		end = text.indexOf(`-----END ${label}-----`, body);
		if (end < 0) throw new TlsError(`PEM: ${label} has no end`);
		if (labels.includes(label)) blocks.push(decodeBase64(text, body, end));
	}
}

/** Passes over characters outside of the alphabet: line feeds, and the padding. */
function decodeBase64(text: string, from: number, to: number): Bytes {
	const bytes = new Uint8Array(Math.ceil((to - from) * 0.75));
	let length = 0;
	let bits = 0;
	let count = 0;
	for (let at = from; at < to; at++) {
		const value = ALPHABET.indexOf(text.charAt(at));
		if (value < 0) continue;
		bits = ((bits << 6) | value) & 0xfff;
		count += 6;
		if (count < 8) continue;
		count -= 8;
		bytes[length++] = bits >> count;
	}
	return bytes.slice(0, length);
}

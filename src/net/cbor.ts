/** Maps of integers in CBOR [RFC 8949], in its core deterministic encoding (4.2.1): a report needs no more. */
import type { Bytes } from "../host.js";

/** The high-order bits of an item's first byte [3.1]. */
const UNSIGNED = 0x00;
const NEGATIVE = 0x20;
const MAP = 0xa0;
/** In the low-order bits smaller arguments stand themselves; this and the next three announce one of 1, 2, 4 and 8 bytes [3]. */
const ONE_BYTE = 24;
/** Bytes of the longest item: the first one, and an argument of 64 bits. */
const ITEM_BYTES = 9;

/** A map of those values that are not `undefined`, by their places in the list. They are integers of at most 53 bits. */
export function cborOf(values: readonly (number | undefined)[]): Bytes {
	const bytes = new Uint8Array(ITEM_BYTES * (1 + 2 * values.length));
	let end = put(bytes, 0, MAP, values.filter((value) => value !== undefined).length);
	for (let key = 0; key < values.length; key++) {
		const value = values[key];
		if (value === undefined) continue;
		end = put(bytes, end, UNSIGNED, key);
		end = value < 0 ? put(bytes, end, NEGATIVE, -1 - value) : put(bytes, end, UNSIGNED, value);
	}
	return bytes.slice(0, end);
}

/** Returns where the item ends. */
function put(bytes: Bytes, at: number, type: number, argument: number): number {
	let width = 0;
	if (argument >= ONE_BYTE) for (width = 1; width < 8 && argument >= 2 ** (8 * width); ) width *= 2;
	bytes[at] = type | (width === 0 ? argument : ONE_BYTE + Math.log2(width));
	const end = at + 1 + width;
	let rest = argument;
	for (let index = end - 1; index > at; index--) {
		bytes[index] = rest % 0x100;
		rest = Math.floor(rest / 0x100);
	}
	return end;
}

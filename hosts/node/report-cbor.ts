/** Reports in CBOR, as a station with `"payload": "cbor"` sends them. docs/consuming.md has the same in Python. */
import { CBOR_QUANTITIES, CBOR_STEPS } from "../../src/net/report.ts";

/** What stands in the first byte of an item, besides its type [RFC 8949, section 3]. */
const ONE_BYTE = 24;
const EIGHT_BYTES = 27;
/** Types. */
const NEGATIVE = 1;
const MAP = 5;
/** Pairs of a map whose number its first byte has; a report has nine at the most. */
const PAIRS_MAXIMUM = ONE_BYTE - 1;
/** ms since 1970: the last ones that `Date` knows. */
const TIME_MAXIMUM = 8.64e15;

/**
 * The members that the same report has in JSON; `undefined` for what is no map of integers, or has no number. Keys of
 * later versions are left out.
 */
export function reportOfCbor(payload: Uint8Array): Record<string, number | string> | undefined {
	const count = (payload[0] ?? 0) - (MAP << 5);
	if (count < 1 || count > PAIRS_MAXIMUM) return undefined;
	const integers = integersOf(payload.subarray(1));
	if (integers?.length !== 2 * count) return undefined;
	const values = new Map<number, number>();
	for (let at = 0; at < integers.length; at += 2) values.set(integers[at]!, integers[at + 1]!);
	const seq = values.get(0);
	const time = values.get(1);
	if (seq === undefined || (time !== undefined && Math.abs(time) > TIME_MAXIMUM)) return undefined;
	const members: Record<string, number | string> = {};
	for (const [index, name] of CBOR_QUANTITIES.entries()) {
		const value = values.get(index + 2);
		if (value !== undefined) members[name] = value / CBOR_STEPS;
	}
	if (time !== undefined) members.time = new Date(time).toISOString();
	return { ...members, seq };
}

/** `undefined` where there is anything else. */
function integersOf(bytes: Uint8Array): number[] | undefined {
	const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
	const integers: number[] = [];
	for (let at = 0; at < view.length; ) {
		const first = view[at++]!;
		const type = first >> 5;
		const low = first & 0x1f;
		const width = low < ONE_BYTE ? 0 : 2 ** (low - ONE_BYTE);
		if (type > NEGATIVE || low > EIGHT_BYTES || at + width > view.length) return undefined;
		const argument = width === 0 ? low : width === 8 ? Number(view.readBigUInt64BE(at)) : view.readUIntBE(at, width);
		at += width;
		integers.push(type === NEGATIVE ? -1 - argument : argument);
	}
	return integers;
}

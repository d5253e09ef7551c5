/**
 * A record as it lies in flash. All slots are of one size, so that damage to
 * one never hides where another begins.
 *
 * | bytes | content                                                    |
 * |-------|------------------------------------------------------------|
 * | 1     | mark                                                       |
 * | 2     | CRC of all that follows, big-endian as the other numbers   |
 * | 1     | kind                                                       |
 * | 4     | `seq`                                                      |
 * | 15    | body, filled up with zeros                                 |
 * | 1     | 0: the slot was written to its end                         |
 *
 * The mark is written after the rest, and once more with the acknowledgement:
 *
 * | mark | meaning                                                         |
 * |------|-----------------------------------------------------------------|
 * | 0xFF | blank, or the power was cut while it was written                |
 * | 0xF0 | committed: any fault from now on is damage                      |
 * | 0x00 | acknowledged, or a note, which needs no acknowledgement         |
 * | 0x0F | void: the flash did not keep it, it was written elsewhere       |
 *
 * Half of a nibble's bits decide, so a single flipped one decides nothing.
 */
import type { Bytes } from "../host.js";
import { crc16 } from "./crc16.js";

export interface LogRecord {
	/** Below `NOTE` a reading, which waits for its acknowledgement; from there on a note, which never waits. */
	readonly kind: number;
	/** Up to `SEQ_MAXIMUM`; that of a note is the last reading's. */
	readonly seq: number;
	/** At most `BODY_BYTES` bytes; read back, exactly `BODY_BYTES`. */
	readonly body: Bytes;
}

/** Numbers have 32 bits. One reading a second reaches this after 136 years; behind it there is none that was not used. */
export const SEQ_MAXIMUM = 0xffff_ffff;
export const SLOT_BYTES = 24;
export const BODY_BYTES = 15;
/** The first kind of note. */
export const NOTE = 0x80;
/**
 * A bit of a kind. Of a reading: its time is in it; without the bit, a note behind it tells the time. Of a note: it tells
 * no reading's time, and what it tells counts for the present.
 */
export const COMPLETE = 1;

export const COMMITTED = 0xf0;
export const ACKNOWLEDGED = 0x00;
export const VOID = 0x0f;

const CRC = 1;
/** Where in a slot its kind is. */
export const KIND = 3;
const SEQ = 4;
const BODY = 8;
/** The CRC of a slot written in part is right once in 65,536 times, but this byte is not 0 then. */
const END = BODY + BODY_BYTES;
/** One bit for each value of a nibble that has at least two of its bits cleared. */
const CLEARED = 0x177f;

/** A slot without its mark; throws a RangeError when the body is too long. */
export function encodeSlot({ kind, seq, body }: LogRecord): Bytes {
	if (body.length > BODY_BYTES) throw new RangeError("the body is too long");
	const slot = new Uint8Array(SLOT_BYTES);
	const view = new DataView(slot.buffer);
	slot[0] = 0xff;
	slot[KIND] = kind;
	view.setUint32(SEQ, seq);
	slot.set(body, BODY);
	view.setUint16(CRC, crc16(slot, KIND, SLOT_BYTES));
	return slot;
}

/** The record of the slot at `at`, if it is whole. */
export function decodeSlot(bytes: Bytes, at: number): LogRecord | undefined {
	const view = new DataView(bytes.buffer);
	if (bytes[at + END] !== 0 || view.getUint16(at + CRC) !== crc16(bytes, at + KIND, at + SLOT_BYTES)) return undefined;
	return { kind: bytes[at + KIND]!, seq: view.getUint32(at + SEQ), body: bytes.slice(at + BODY, at + END) };
}

/** Of a slot that may be damaged. */
export function seqOf(bytes: Bytes, at: number): number {
	return new DataView(bytes.buffer).getUint32(at + SEQ);
}

export function isBlank(bytes: Bytes, start: number, end: number): boolean {
	for (let index = start; index < end; index++) if (bytes[index] !== 0xff) return false;
	return true;
}

export function isCommitted(mark: number): boolean {
	return ((CLEARED >> (mark & 15)) & 1) !== 0;
}

export function isAcknowledged(mark: number): boolean {
	return isCommitted(mark >> 4);
}

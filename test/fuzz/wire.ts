/**
 * MQTT's data types as bytes, and its table of properties, written from the
 * standard (5.0, 1.5 and table 2-4) for the fuzzer alone: a fault of the codec
 * must not be in here, too.
 */
import type { Bytes } from "../../src/host.ts";

export type Version = 3 | 4 | 5;

export const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** A variable byte integer; with `width`, of that many bytes although fewer would do. */
export function variable(value: number, width = 1): number[] {
	const bytes: number[] = [];
	let rest = value;
	do {
		bytes.push(rest & 0x7f);
		rest = Math.floor(rest / 0x80);
	} while (rest > 0 || bytes.length < width);
	return bytes.map((byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte));
}

export const counted = (bytes: readonly number[]): number[] => [...u16(bytes.length), ...bytes];

/** Its UTF-8, for characters up to U+FFFF. */
export function utf8(text: string): number[] {
	const bytes: number[] = [];
	for (let index = 0; index < text.length; index++) {
		const code = text.charCodeAt(index);
		if (code < 0x80) bytes.push(code);
		else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
		else bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
	}
	return bytes;
}

export const text = (value: string): number[] => counted(utf8(value));

/** A packet: its first byte and what follows the remaining length, which may have a width of its own. */
export function packet(firstByte: number, body: readonly number[], width = 1): Bytes {
	const length = variable(body.length, width);
	const bytes = new Uint8Array(1 + length.length + body.length);
	bytes[0] = firstByte;
	bytes.set(length, 1);
	bytes.set(body, 1 + length.length);
	return bytes;
}

/** Packet types (5.0, table 2-1). */
export const CONNECT = 1;
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const PUBREC = 5;
export const PUBREL = 6;
export const PUBCOMP = 7;
export const SUBSCRIBE = 8;
export const SUBACK = 9;
export const UNSUBSCRIBE = 10;
export const UNSUBACK = 11;
export const PINGREQ = 12;
export const PINGRESP = 13;
export const DISCONNECT = 14;
export const AUTH = 15;
/** Stands for a will in the table of properties. */
export const WILL = 0;

/** The first byte of a packet other than PUBLISH: its type, and the flags that table 2-2 gives it. */
export const firstByte = (type: number): number =>
	(type << 4) | (type === PUBREL || type === SUBSCRIBE || type === UNSUBSCRIBE ? 2 : 0);

export type ValueType = "flag" | "u16" | "u32" | "variable" | "text" | "binary" | "pair";

export interface PropertyRule {
	readonly id: number;
	readonly type: ValueType;
	readonly packets: readonly number[];
	/** 0 is not allowed. */
	readonly positive?: true;
}

const ANSWERS = [PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK];

/** Table 2-4. */
export const PROPERTIES: readonly PropertyRule[] = [
	{ id: 0x01, type: "flag", packets: [PUBLISH, WILL] },
	{ id: 0x02, type: "u32", packets: [PUBLISH, WILL] },
	{ id: 0x03, type: "text", packets: [PUBLISH, WILL] },
	{ id: 0x08, type: "text", packets: [PUBLISH, WILL] },
	{ id: 0x09, type: "binary", packets: [PUBLISH, WILL] },
	{ id: 0x0b, type: "variable", packets: [PUBLISH, SUBSCRIBE], positive: true },
	{ id: 0x11, type: "u32", packets: [CONNECT, CONNACK, DISCONNECT] },
	{ id: 0x12, type: "text", packets: [CONNACK] },
	{ id: 0x13, type: "u16", packets: [CONNACK] },
	{ id: 0x15, type: "text", packets: [CONNECT, CONNACK, AUTH] },
	{ id: 0x16, type: "binary", packets: [CONNECT, CONNACK, AUTH] },
	{ id: 0x17, type: "flag", packets: [CONNECT] },
	{ id: 0x18, type: "u32", packets: [WILL] },
	{ id: 0x19, type: "flag", packets: [CONNECT] },
	{ id: 0x1a, type: "text", packets: [CONNACK] },
	{ id: 0x1c, type: "text", packets: [CONNACK, DISCONNECT] },
	{ id: 0x1f, type: "text", packets: [CONNACK, ...ANSWERS, DISCONNECT, AUTH] },
	{ id: 0x21, type: "u16", packets: [CONNECT, CONNACK], positive: true },
	{ id: 0x22, type: "u16", packets: [CONNECT, CONNACK] },
	{ id: 0x23, type: "u16", packets: [PUBLISH], positive: true },
	{ id: 0x24, type: "flag", packets: [CONNACK] },
	{ id: 0x25, type: "flag", packets: [CONNACK] },
	{
		id: 0x26,
		type: "pair",
		packets: [WILL, CONNECT, CONNACK, PUBLISH, ...ANSWERS, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH],
	},
	{ id: 0x27, type: "u32", packets: [CONNECT, CONNACK], positive: true },
	{ id: 0x28, type: "flag", packets: [CONNACK] },
	{ id: 0x29, type: "flag", packets: [CONNACK] },
	{ id: 0x2a, type: "flag", packets: [CONNACK] },
];

export const RULE_BY_ID: ReadonlyMap<number, PropertyRule> = new Map(PROPERTIES.map((rule) => [rule.id, rule]));

/** The reason codes that a broker may give in a packet of MQTT 5.0 (tables 3-1 and following). */
const ACKNOWLEDGEMENT_REASONS = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const RELEASE_REASONS = [0x00, 0x92];
export const REASON_CODES: Readonly<Record<number, readonly number[]>> = {
	[CONNACK]: [
		0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
		0x9c, 0x9d, 0x9f,
	],
	[PUBACK]: ACKNOWLEDGEMENT_REASONS,
	[PUBREC]: ACKNOWLEDGEMENT_REASONS,
	[PUBREL]: RELEASE_REASONS,
	[PUBCOMP]: RELEASE_REASONS,
	[SUBACK]: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
	[UNSUBACK]: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
	[DISCONNECT]: [
		0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
		0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
	],
};

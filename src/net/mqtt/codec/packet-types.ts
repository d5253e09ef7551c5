/** The packet types of MQTT (5.0, table 2-1), and which of them a broker sends, with which lengths. */
import { codes, types } from "mqtt-packet";
import { type Packet, SUBSCRIPTIONS_MAXIMUM } from "../packet.js";

/** Their numbers: the upper half of a packet's first byte. */
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
export const PINGRESP = 13;
export const DISCONNECT = 14;
export const AUTH = 15;

/** Lengths share one number, which takes less memory than an object: the first bits of `most`, and of MQTT 5.0's lengths. */
const MOST_SHIFT = 4;
const VERSION_5_SHIFT = 10;
/** No limit. */
const ANY = 63;
/** Bytes of remaining length, at the least and at the most. */
const bytes = (least: number, most: number) => (most << MOST_SHIFT) | least;
const NEVER = bytes(1, 0);
const sent = (before5: number, in5: number) => (in5 << VERSION_5_SHIFT) | before5;
const NOT_SENT = sent(NEVER, NEVER);

/** Lengths of a broker's packets, before MQTT 5.0 and in it. */
const SENT: Readonly<Record<number, number>> = Object.freeze({
	// In MQTT 5.0 a CONNACK of 2 bytes is of an older version.
	[CONNACK]: sent(bytes(2, 2), bytes(2, ANY)),
	[PUBLISH]: sent(bytes(2, ANY), bytes(3, ANY)),
	[PUBACK]: sent(bytes(2, 2), bytes(2, ANY)),
	[PUBREC]: sent(bytes(2, 2), bytes(2, ANY)),
	[PUBREL]: sent(bytes(2, 2), bytes(2, ANY)),
	[PUBCOMP]: sent(bytes(2, 2), bytes(2, ANY)),
	[SUBACK]: sent(bytes(3, 2 + SUBSCRIPTIONS_MAXIMUM), bytes(4, ANY)),
	[UNSUBACK]: sent(bytes(2, 2), bytes(4, ANY)),
	[PINGRESP]: sent(bytes(0, 0), bytes(0, 0)),
	[DISCONNECT]: sent(NEVER, bytes(0, ANY)),
	[AUTH]: sent(NEVER, bytes(0, ANY)),
});

/** Whether a broker may send a packet with this first byte, and, once it is known, of this remaining length. */
export function mayBeSent(firstByte: number, version5: boolean, remainingLength?: number): boolean {
	const sent = SENT[firstByte >> 4] ?? NOT_SENT;
	const lengths = version5 ? sent >> VERSION_5_SHIFT : sent;
	const least = lengths & ((1 << MOST_SHIFT) - 1);
	const most = (lengths >> MOST_SHIFT) & ANY;
	const tested = remainingLength ?? least;
	return tested >= least && (tested <= most || most === ANY);
}

export function packetTypeOf(cmd: Packet["cmd"]): number {
	return Number(codes[cmd]);
}

/** The standard's name of a packet, by its first byte. */
export function packetName(firstByte: number): string {
	return firstByte < 0x10 ? "packet type 0" : types[firstByte >> 4]!.toUpperCase();
}

/** Packets as a broker may send them, with properties at random in MQTT 5.0. */
import type { Bytes } from "../../src/host.ts";
import type { Random } from "./random.ts";
import {
	CONNACK,
	counted,
	DISCONNECT,
	firstByte,
	PROPERTIES,
	type PropertyRule,
	PUBLISH,
	packet,
	text,
	u16,
	u32,
	type Version,
	variable,
} from "./wire.ts";

const TEXTS = ["", "a", "né", "\ufeffx", "\u4e2d\u6587", "x".repeat(127), "y".repeat(128)] as const;
/** Topic names that a broker may send, some of them long. */
export const TOPICS = ["a", "a/b", "né/x", "$SYS/a", " ", "/", `t/${"l".repeat(130)}`] as const;
/** Lengths of payloads around which the fixed header or a buffer changes. */
const PAYLOAD_LENGTHS = [0, 1, 100, 119, 120, 121, 127, 128, 255, 256, 257, 1_000, 3_000] as const;
/** Of a payload, so that its message can be told from all others. */
const LABEL_BYTES = 8;

/** Properties that mean something to the session, or that this client has asked a broker not to send. */
const NOT_AT_RANDOM: Readonly<Record<number, readonly number[]>> = {
	[CONNACK]: [0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x21, 0x22, 0x24, 0x25, 0x27],
	[PUBLISH]: [0x23],
	[DISCONNECT]: [0x11],
};

const OPTIONAL: ReadonlyMap<number, readonly PropertyRule[]> = new Map(
	[2, 3, 4, 5, 6, 7, 9, 11, 14].map((type) => [
		type,
		PROPERTIES.filter(({ id, packets }) => packets.includes(type) && !NOT_AT_RANDOM[type]?.includes(id)),
	]),
);

/** A property with a value that the standard allows. */
export function property(random: Random, { id, type }: PropertyRule): number[] {
	switch (type) {
		case "flag":
			return [id, random.below(2)];
		case "u16":
			return [id, ...u16(random.between(1, 0xffff))];
		case "u32":
			return [id, ...u32(random.between(1, 0xffff_ffff))];
		case "variable":
			return [id, ...variable(random.pick([1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455]))];
		case "text":
			return [id, ...text(id === 0x08 ? random.pick(TOPICS) : random.pick(TEXTS))];
		case "binary":
			return [id, ...counted(Array.from({ length: random.below(12) }, () => random.below(256)))];
		case "pair":
			return [id, ...text(random.pick(TEXTS)), ...text(random.pick(TEXTS))];
	}
}

/** The properties of a packet with their length: `fixed` ones, and often some more. */
export function properties(random: Random, packetType: number, fixed: readonly number[] = []): number[] {
	const body = [...fixed];
	if (random.oneIn(4)) {
		const rules = OPTIONAL.get(packetType)!;
		const used = new Set<number>();
		for (let count = random.between(1, 5); count > 0; count--) {
			const rule = random.pick(rules);
			if (used.has(rule.id) && rule.type !== "pair" && rule.type !== "variable") continue;
			used.add(rule.id);
			body.push(...property(random, rule));
		}
	}
	return [...variable(body.length), ...body];
}

/** What a broker of MQTT 5.0 may tell in its CONNACK; what it leaves out is `undefined`. */
export interface Terms {
	receiveMaximum?: number;
	maximumQoS?: number;
	retainAvailable?: number;
	maximumPacketSize?: number;
	topicAliasMaximum?: number;
	serverKeepAlive?: number;
	assignedClientIdentifier?: string;
}

export function randomTerms(random: Random): Terms {
	const terms: Terms = {};
	if (random.oneIn(3)) terms.receiveMaximum = random.pick([1, 2, 3, 8, 9, 0xffff]);
	if (random.oneIn(4)) terms.maximumQoS = random.below(2);
	if (random.oneIn(4)) terms.retainAvailable = random.below(2);
	if (random.oneIn(4)) terms.maximumPacketSize = random.pick([40, 64, 128, 1_000, 0xffff_ffff]);
	if (random.oneIn(3)) terms.topicAliasMaximum = random.pick([0, 1, 2, 8, 20, 0xffff]);
	if (random.oneIn(4)) terms.serverKeepAlive = random.pick([0, 1, 5, 60, 0xffff]);
	return terms;
}

export function connack(random: Random, version: Version, present: boolean, code: number, terms: Terms = {}): Bytes {
	const start = [present ? 1 : 0, code];
	if (version < 5) return packet(0x20, start);
	const told: number[] = [];
	if (terms.receiveMaximum !== undefined) told.push(0x21, ...u16(terms.receiveMaximum));
	if (terms.maximumQoS !== undefined) told.push(0x24, terms.maximumQoS);
	if (terms.retainAvailable !== undefined) told.push(0x25, terms.retainAvailable);
	if (terms.maximumPacketSize !== undefined) told.push(0x27, ...u32(terms.maximumPacketSize));
	if (terms.topicAliasMaximum !== undefined) told.push(0x22, ...u16(terms.topicAliasMaximum));
	if (terms.serverKeepAlive !== undefined) told.push(0x13, ...u16(terms.serverKeepAlive));
	if (terms.assignedClientIdentifier !== undefined) told.push(0x12, ...text(terms.assignedClientIdentifier));
	return packet(0x20, [...start, ...properties(random, CONNACK, told)]);
}

/** A payload that begins with the message's number. */
export function payloadOf(random: Random, label: number): number[] {
	const length = random.oneIn(3) ? random.pick(PAYLOAD_LENGTHS) : random.below(40);
	const bytes = new Array<number>(Math.max(length, LABEL_BYTES)).fill(0x2e);
	for (let index = LABEL_BYTES - 1, rest = label; index >= 0; index--, rest = Math.floor(rest / 10)) {
		bytes[index] = 0x30 + (rest % 10);
	}
	return bytes;
}

/** The number that a payload begins with; -1 if it is none of `payloadOf`. */
export function labelOf(payload: ArrayLike<number>): number {
	let label = 0;
	for (let index = 0; index < LABEL_BYTES; index++) {
		const digit = (payload[index] ?? 0) - 0x30;
		if (digit < 0 || digit > 9) return -1;
		label = label * 10 + digit;
	}
	return label;
}

export interface Published {
	readonly qos: number;
	readonly retain: boolean;
	readonly dup: boolean;
	readonly topic: string;
	readonly id: number;
	readonly payload: readonly number[];
}

export function publish(random: Random, version: Version, { qos, retain, dup, topic, id, payload }: Published): Bytes {
	return packet(0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), [
		...text(topic),
		...(qos > 0 ? u16(id) : []),
		...(version === 5 ? properties(random, PUBLISH) : []),
		...payload,
	]);
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP; in MQTT 5.0 in its short forms, too. */
export function acknowledgement(random: Random, version: Version, type: number, id: number, code = 0): Bytes {
	if (version < 5 || (code === 0 && !random.oneIn(3))) return packet(firstByte(type), u16(id));
	return packet(firstByte(type), [...u16(id), code, ...(random.oneIn(2) ? properties(random, type) : [])]);
}

/** SUBACK or UNSUBACK. */
export function answer(random: Random, version: Version, type: number, id: number, codes: readonly number[]): Bytes {
	const between = version === 5 ? properties(random, type) : [];
	return packet(firstByte(type), [...u16(id), ...between, ...(version < 5 && type === 11 ? [] : codes)]);
}

/**
 * The two packets that every message takes, in their common forms: the PUBLISH to the broker and its PUBACK. mqtt-packet
 * and what the codec puts around it need five times the work. What is in any way uncommon is left to it: a fault, a
 * refusal, a further property. So both ways give the same, which `test/project/direct.test.ts` shows.
 */
import type { Bytes } from "../../../host.js";
import { bytesOf } from "../../../text.js";
import type { Acknowledgement, ProtocolVersion, Publish } from "../packet.js";
import { NO_MATCHING_SUBSCRIBERS } from "../reason-codes.js";
import { topicNameFault } from "../topic.js";
import { PUBACK, PUBLISH } from "./packet-types.js";

/** The identifier of the property (5.0, 3.3.2.3.4). */
const TOPIC_ALIAS = 0x23;
/** Of a packet id, a topic alias and the bytes of a topic. */
const NUMBER_MAXIMUM = 0xffff;
/** The largest remaining length (3.1.1, section 2.2.3). */
const LENGTH_MAXIMUM = 0xfff_ffff;
/** Bytes of a PUBACK without a reason code, and with a reason code and no properties. */
const SHORTEST_PUBACK = 4;
const LONGEST_PUBACK = 6;

/** The bytes of a PUBLISH with no other property than a topic alias; `undefined` for any other, or one with a fault. */
export function directPublish(packet: Publish, protocolVersion: ProtocolVersion): Bytes | undefined {
	const { topic, payload, qos, packetId = 0, properties } = packet;
	const isVersion5 = protocolVersion === 5;
	let topicAlias = 0;
	if (isVersion5) {
		for (const name in properties) {
			if (name !== "topicAlias" || !isNumber(properties.topicAlias)) return undefined;
			topicAlias = properties.topicAlias;
		}
	}
	if (qos === 0 ? packet.dup : (qos !== 1 && qos !== 2) || !isNumber(packetId)) return undefined;
	if (topic === "" ? topicAlias === 0 : topicNameFault(topic) !== undefined) return undefined;
	const name = bytesOf(topic);
	const size = name.length;
	if (size > NUMBER_MAXIMUM) return undefined;
	// Half a surrogate pair: see `utf8`.
	if (size > topic.length && /[\ud800-\udfff]/u.test(topic)) return undefined;
	const propertiesLength = topicAlias > 0 ? 3 : 0;
	const length = 2 + size + (qos > 0 ? 2 : 0) + (isVersion5 ? 1 + propertiesLength : 0) + payload.length;
	if (length > LENGTH_MAXIMUM) return undefined;
	let headerLength = 2;
	for (let rest = length; rest > 0x7f; rest >>= 7) headerLength++;
	const bytes = new Uint8Array(headerLength + length);
	bytes[0] = (PUBLISH << 4) | (packet.dup ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0);
	let at = 1;
	let rest = length;
	for (; rest > 0x7f; rest >>= 7) bytes[at++] = rest | 0x80;
	bytes[at] = rest;
	bytes[at + 1] = size >> 8;
	bytes[at + 2] = size;
	bytes.set(name, at + 3);
	at += 3 + size;
	if (qos > 0) {
		bytes[at] = packetId >> 8;
		bytes[at + 1] = packetId;
		at += 2;
	}
	if (isVersion5) bytes[at++] = propertiesLength;
	if (topicAlias > 0) {
		bytes[at] = TOPIC_ALIAS;
		bytes[at + 1] = topicAlias >> 8;
		bytes[at + 2] = topicAlias;
		at += 3;
	}
	bytes.set(payload, at);
	return bytes;
}

/** The PUBACK that these bytes are, whole and alone; `undefined` for other packets, and for one that refuses, tells more or has a fault. */
export function directPuback(bytes: Bytes, isVersion5: boolean): Acknowledgement | undefined {
	const { length } = bytes;
	if (bytes[0] !== PUBACK << 4 || length < SHORTEST_PUBACK || bytes[1] !== length - 2) return undefined;
	const packetId = bytes[2]! * 0x100 + bytes[3]!;
	if (packetId === 0) return undefined;
	let reasonCode = 0;
	if (length > SHORTEST_PUBACK) {
		reasonCode = bytes[4]!;
		if (!isVersion5 || (reasonCode !== 0 && reasonCode !== NO_MATCHING_SUBSCRIBERS)) return undefined;
		if (length > LONGEST_PUBACK || (length === LONGEST_PUBACK && bytes[5] !== 0)) return undefined;
	}
	return { cmd: "puback", packetId, reasonCode };
}

function isNumber(value: number | undefined): value is number {
	return Number.isInteger(value) && value! > 0 && value! <= NUMBER_MAXIMUM;
}

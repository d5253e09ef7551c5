/** MQTT packets in a line each, for people. */
import type { Bytes } from "../../../src/host.ts";

const TYPES = [
	...["RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"],
	...["SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"],
];
const CONNECT = 1;
const CONNACK = 2;
const PUBLISH = 3;
const DISCONNECT = 14;
const PINGREQ = 12;
const PINGRESP = 13;
/** Characters of a payload that are shown. */
const SHOWN_PAYLOAD = 120;

/** Bytes that were written, or read, at once: whole packets as a rule. What is none is counted. */
export function describePackets(bytes: Bytes, version: 3 | 4 | 5): string[] {
	const lines: string[] = [];
	for (let at = 0; at < bytes.length; ) {
		const body = bodyAt(bytes, at);
		if (!body || body.end > bytes.length) {
			lines.push(`${bytes.length - at} bytes of a packet`);
			break;
		}
		lines.push(describe(bytes[at]!, bytes.subarray(body.start, body.end), version));
		at = body.end;
	}
	return lines;
}

/** Where what follows the remaining length begins and ends; `undefined` where that length is not whole, or none. */
function bodyAt(bytes: Bytes, at: number): { start: number; end: number } | undefined {
	const length = variableAt(bytes, at + 1);
	return length && { start: at + 1 + length.size, end: at + 1 + length.size + length.value };
}

function variableAt(bytes: Bytes, at: number): { value: number; size: number } | undefined {
	let value = 0;
	for (let size = 1; size <= 4; size++) {
		const byte = bytes[at + size - 1];
		if (byte === undefined) return undefined;
		value += (byte & 0x7f) * 0x80 ** (size - 1);
		if (byte < 0x80) return { value, size };
	}
	return undefined;
}

function describe(first: number, body: Bytes, version: 3 | 4 | 5): string {
	const type = first >> 4;
	const name = TYPES[type]!;
	const id = () => `${body[0]! * 256 + body[1]!}`;
	const code = (value: number | undefined) => (value ? `, code 0x${value.toString(16)}` : "");
	switch (type) {
		case CONNECT:
			return `${name}, level ${body[body[1]! + 2]}${(body[body[1]! + 3]! & 2) !== 0 ? ", clean" : ""}`;
		case CONNACK:
			return `${name}${(body[0]! & 1) !== 0 ? ", session present" : ""}${code(body[1])}`;
		case PUBLISH:
			return publish(first, body, version);
		case PINGREQ:
		case PINGRESP:
			return name;
		case DISCONNECT:
			return `${name}${code(body[0])}`;
		default:
			return `${name} ${id()}${code(body[2])}`;
	}
}

function publish(first: number, body: Bytes, version: 3 | 4 | 5): string {
	const qos = (first >> 1) & 3;
	let at = 2 + body[0]! * 256 + body[1]!;
	const topic = text(body.subarray(2, at));
	let id = "";
	if (qos > 0) {
		id = ` ${body[at]! * 256 + body[at + 1]!}`;
		at += 2;
	}
	if (version === 5) {
		const properties = variableAt(body, at);
		if (properties) at += properties.size + properties.value;
	}
	const flags = `${(first & 8) !== 0 ? ", DUP" : ""}${(first & 1) !== 0 ? ", retain" : ""}`;
	return `PUBLISH${id}, QoS ${qos}${flags}: ${topic} ${text(body.subarray(at, at + SHOWN_PAYLOAD))}`;
}

function text(bytes: Bytes): string {
	return String.fromCharCode(...bytes);
}

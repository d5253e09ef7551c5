/**
 * Cuts what a broker sends into packets, and refuses a packet as soon as its fixed header tells that it is wrong.
 *
 * A PUBLISH that is larger than the client takes is read past: its bytes are
 * not kept. All that is wanted of it is its packet id, to acknowledge it.
 */
import type { Bytes } from "../../host.js";
import { malformed } from "./cursor.js";
import {
	MALFORMED_PACKET,
	type Oversized,
	PACKET_TOO_LARGE,
	PROTOCOL_ERROR,
	ProtocolError,
	type ProtocolVersion,
	type QoS,
	TOPIC_NAME_INVALID,
} from "./packet.js";

/** Bytes of a fixed header: the packet type and up to four of the remaining length (3.1.1, section 2.2.3). */
const FIXED_HEADER_MAXIMUM = 5;

/** The packet types 0 to 15 (5.0, table 2-1; AUTH is MQTT 5.0's): one text, which is smaller than a list. */
const NAMES =
	"packet type 0,CONNECT,CONNACK,PUBLISH,PUBACK,PUBREC,PUBREL,PUBCOMP," +
	"SUBSCRIBE,SUBACK,UNSUBSCRIBE,UNSUBACK,PINGREQ,PINGRESP,DISCONNECT,AUTH";
const PUBLISH = 3;
const SUBACK = 9;
const PINGRESP = 13;

/** Remaining length of what a broker sends, by packet type: of PUBLISH and SUBACK the least, of the others the only one. */
type RemainingLengths = Readonly<Record<number, number>>;
const REMAINING_LENGTHS: RemainingLengths = Object.freeze({
	2: 2,
	[PUBLISH]: 2,
	4: 2,
	5: 2,
	6: 2,
	7: 2,
	[SUBACK]: 3,
	11: 2,
	[PINGRESP]: 0,
});
/** In MQTT 5.0 the least, but of PINGRESP the only one. A CONNACK of 2 is one of an older version. */
const REMAINING_LENGTHS_5: RemainingLengths = Object.freeze({
	2: 2,
	[PUBLISH]: 3,
	4: 2,
	5: 2,
	6: 2,
	7: 2,
	[SUBACK]: 4,
	11: 4,
	[PINGRESP]: 0,
	14: 0,
	15: 0,
});

/** The standard's name of a packet, by its first byte. */
export function packetName(firstByte: number): string {
	return NAMES.split(",")[firstByte >> 4]!;
}

export class Framer {
	/** The whole packet that the last `take` completed; a view of the bytes it was given, where they hold all of it. */
	packet: Bytes | undefined;
	/** The PUBLISH that was read past, if it ended with the last `take`. */
	oversized: Oversized | undefined;

	readonly #maximumPacketSize: number;
	readonly #version5: boolean;
	readonly #remainingLengths: RemainingLengths;
	readonly #header: Bytes = new Uint8Array(FIXED_HEADER_MAXIMUM);
	#headerLength = 0;
	#remainingLength = 0;
	/**
	 * A packet whose fixed header is complete and whose rest is not, its size, and how
	 * much of it is there. It has room for the rest only once that comes: a session that
	 * is busy with the packet before is not given it yet.
	 */
	#partial: Bytes | undefined;
	#size = 0;
	#filled = 0;
	#passing: Passing | undefined;

	constructor(maximumPacketSize: number, protocolVersion: ProtocolVersion) {
		this.#maximumPacketSize = maximumPacketSize;
		this.#version5 = protocolVersion === 5;
		this.#remainingLengths = this.#version5 ? REMAINING_LENGTHS_5 : REMAINING_LENGTHS;
	}

	/** Whether a PUBLISH that is read past has not ended yet. */
	get passing(): boolean {
		return this.#passing !== undefined;
	}

	/** Takes bytes from `at` on, up to the end of one packet at the most, and returns the place after them. */
	take(bytes: Bytes, at: number): number {
		this.packet = this.oversized = undefined;
		if (this.#passing) return this.#pass(this.#passing, bytes, at);
		if (!this.#partial) {
			const begin = at;
			do {
				if (at === bytes.length) return at;
			} while (!this.#takeHeader(bytes[at++]!));
			const headerLength = this.#headerLength;
			const remainingLength = this.#remainingLength;
			const size = headerLength + remainingLength;
			this.#headerLength = this.#remainingLength = 0;
			if (size > this.#maximumPacketSize) {
				this.#passing = new Passing(this.#header[0]!, headerLength, remainingLength);
				return this.#pass(this.#passing, bytes, at);
			}
			if (at - begin === headerLength && begin + size <= bytes.length) {
				this.packet = size === bytes.length ? bytes : bytes.subarray(begin, begin + size);
				return begin + size;
			}
			this.#partial = new Uint8Array(Math.min(size, headerLength + bytes.length - at));
			this.#partial.set(this.#header.subarray(0, headerLength));
			this.#size = size;
			this.#filled = headerLength;
		} else if (this.#partial.length < this.#size) {
			const whole = new Uint8Array(this.#size);
			whole.set(this.#partial);
			this.#partial = whole;
		}
		const end = Math.min(bytes.length, at + this.#size - this.#filled);
		this.#partial.set(bytes.subarray(at, end), this.#filled);
		this.#filled += end - at;
		if (this.#filled === this.#size) {
			this.packet = this.#partial;
			this.#partial = undefined;
		}
		return end;
	}

	#pass(passing: Passing, bytes: Bytes, begin: number): number {
		const end = passing.take(bytes, begin);
		if (passing.left === 0) {
			this.#passing = undefined;
			this.oversized = passing.oversized;
		}
		return end;
	}

	/** One more byte of the fixed header; returns whether it was the last. */
	#takeHeader(byte: number): boolean {
		const index = this.#headerLength++;
		this.#header[index] = byte;
		if (index === 0) {
			if (this.#remainingLengths[byte >> 4] !== undefined) return false;
			throw new ProtocolError(`a broker must not send ${packetName(byte)}`, PROTOCOL_ERROR);
		}
		this.#remainingLength += (byte & 0x7f) * 0x80 ** (index - 1);
		const complete = byte < 0x80;
		if (!complete && index === FIXED_HEADER_MAXIMUM - 1) {
			throw new ProtocolError("remaining length of more than 4 bytes (section 2.2.3)", MALFORMED_PACKET);
		}
		if (this.#version5 && byte === 0 && index > 1) {
			throw new ProtocolError("remaining length of more bytes than it needs [5.0: MQTT-1.5.5-1]", MALFORMED_PACKET);
		}
		if (complete) this.#checkLength();
		return complete;
	}

	#checkLength(): void {
		const firstByte = this.#header[0]!;
		const type = firstByte >> 4;
		const excess = this.#remainingLength - this.#remainingLengths[type]!;
		const fixed = this.#version5 ? type === PINGRESP : type !== PUBLISH && type !== SUBACK;
		if (excess < 0 || (excess > 0 && fixed)) {
			throw new ProtocolError(
				`${packetName(firstByte)} with a remaining length of ${this.#remainingLength}`,
				MALFORMED_PACKET,
			);
		}
		const size = this.#headerLength + this.#remainingLength;
		if (size > this.#maximumPacketSize && type !== PUBLISH) {
			throw new ProtocolError(
				`${packetName(firstByte)} of ${size} bytes, more than ${this.#maximumPacketSize}`,
				PACKET_TOO_LARGE,
			);
		}
	}
}

/** A PUBLISH that is read past. What is no PUBLISH is found out by its first bytes; the rest is not looked at. */
class Passing {
	readonly #flags: number;
	readonly #size: number;
	/** Of the remaining length, and how much of it has passed. */
	readonly #length: number;
	#passed = 0;
	#topicLength = 0;
	#packetId = 0;

	constructor(firstByte: number, headerLength: number, remainingLength: number) {
		this.#flags = firstByte & 0x0f;
		this.#size = headerLength + remainingLength;
		this.#length = remainingLength;
		if (this.#qos > 2) throw malformed("PUBLISH: QoS 3 [MQTT-3.3.1-4]");
		if (this.#qos === 0 && this.#dup) throw malformed("PUBLISH: DUP with QoS 0 [MQTT-3.3.1-2]");
	}

	/** Bytes that have not passed yet. */
	get left(): number {
		return this.#length - this.#passed;
	}

	/** Once all has passed. */
	get oversized(): Oversized {
		return { cmd: "oversized publish", qos: this.#qos as QoS, packetId: this.#packetId, size: this.#size };
	}

	get #qos(): number {
		return (this.#flags >> 1) & 3;
	}

	get #dup(): boolean {
		return this.#flags >= 8;
	}

	/** Lets bytes from `at` on pass, and returns the place after them. */
	take(bytes: Bytes, at: number): number {
		const begin = this.#passed;
		const end = begin + Math.min(bytes.length - at, this.left);
		// Each byte of the remaining length is there once, whatever the pieces: what is not in this one counts as 0.
		const byteAt = (index: number) => (index >= begin && index < end ? bytes[at + index - begin]! : 0);
		this.#passed = end;
		this.#topicLength += byteAt(0) * 0x100 + byteAt(1);
		if (begin < 2 && end >= 2) this.#checkTopic();
		if (this.#qos > 0 && end >= 2) {
			const packetId = 2 + this.#topicLength;
			this.#packetId += byteAt(packetId) * 0x100 + byteAt(packetId + 1);
			if (end >= packetId + 2 && this.#packetId === 0) {
				throw new ProtocolError("PUBLISH: packet id 0 [MQTT-2.3.1-1]", PROTOCOL_ERROR);
			}
		}
		return at + end - begin;
	}

	#checkTopic(): void {
		// In MQTT 5.0 an alias could stand for it, but the client allows none.
		if (this.#topicLength === 0) {
			throw new ProtocolError("PUBLISH: empty topic name [MQTT-4.7.3-1]", TOPIC_NAME_INVALID);
		}
		if (2 + this.#topicLength + (this.#qos > 0 ? 2 : 0) > this.#length) {
			throw malformed("PUBLISH: a topic name longer than the packet");
		}
	}
}

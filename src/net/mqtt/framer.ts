/** Cuts what a broker sends into packets, and refuses a packet as soon as its fixed header tells that it is wrong. */
import type { Bytes } from "../../host.js";
import { MALFORMED_PACKET, PACKET_TOO_LARGE, PROTOCOL_ERROR, ProtocolError } from "./packet.js";

/** Bytes of a fixed header: the packet type and up to four of the remaining length (section 2.2.3). */
const FIXED_HEADER_MAXIMUM = 5;

/** The packet types 0 to 15 (table 2.1; AUTH is MQTT 5.0's). */
const NAMES = Object.freeze(
	(
		"packet type 0,CONNECT,CONNACK,PUBLISH,PUBACK,PUBREC,PUBREL,PUBCOMP," +
		"SUBSCRIBE,SUBACK,UNSUBSCRIBE,UNSUBACK,PINGREQ,PINGRESP,DISCONNECT,AUTH"
	).split(","),
);
const PUBLISH = 3;
const SUBACK = 9;

/** Remaining length of what a broker sends, by packet type: of PUBLISH and SUBACK the least, of the others the only one. */
const REMAINING_LENGTHS: Readonly<Record<number, number>> = Object.freeze({
	2: 2,
	[PUBLISH]: 2,
	4: 2,
	5: 2,
	6: 2,
	7: 2,
	[SUBACK]: 3,
	11: 2,
	13: 0,
});

/** The standard's name of a packet, by its first byte. */
export function packetName(firstByte: number): string {
	return NAMES[firstByte >> 4]!;
}

export class Framer {
	/** The whole packet that the last `take` completed; a view of the bytes it was given, where they hold all of it. */
	packet: Bytes | undefined;

	readonly #maximumPacketSize: number;
	readonly #header: Bytes = new Uint8Array(FIXED_HEADER_MAXIMUM);
	#headerLength = 0;
	#remainingLength = 0;
	/** A packet whose fixed header is complete and whose rest is not, and how much of it is there. */
	#partial: Bytes | undefined;
	#filled = 0;

	constructor(maximumPacketSize: number) {
		this.#maximumPacketSize = maximumPacketSize;
	}

	/** Takes bytes from `at` on, up to the end of one packet at the most, and returns the place after them. */
	take(bytes: Bytes, at: number): number {
		this.packet = undefined;
		if (!this.#partial) {
			const begin = at;
			do {
				if (at === bytes.length) return at;
			} while (!this.#takeHeader(bytes[at++]!));
			const headerLength = this.#headerLength;
			const size = headerLength + this.#remainingLength;
			this.#headerLength = this.#remainingLength = 0;
			if (at - begin === headerLength && begin + size <= bytes.length) {
				this.packet = size === bytes.length ? bytes : bytes.subarray(begin, begin + size);
				return begin + size;
			}
			this.#partial = new Uint8Array(size);
			this.#partial.set(this.#header.subarray(0, headerLength));
			this.#filled = headerLength;
		}
		const end = Math.min(bytes.length, at + this.#partial.length - this.#filled);
		this.#partial.set(bytes.subarray(at, end), this.#filled);
		this.#filled += end - at;
		if (this.#filled === this.#partial.length) {
			this.packet = this.#partial;
			this.#partial = undefined;
		}
		return end;
	}

	/** One more byte of the fixed header; returns whether it was the last. */
	#takeHeader(byte: number): boolean {
		const index = this.#headerLength++;
		this.#header[index] = byte;
		if (index === 0) {
			if (REMAINING_LENGTHS[byte >> 4] !== undefined) return false;
			throw new ProtocolError(`a broker must not send ${packetName(byte)}`, PROTOCOL_ERROR);
		}
		this.#remainingLength += (byte & 0x7f) * 0x80 ** (index - 1);
		const complete = byte < 0x80;
		if (!complete && index === FIXED_HEADER_MAXIMUM - 1) {
			throw new ProtocolError("remaining length of more than 4 bytes (section 2.2.3)", MALFORMED_PACKET);
		}
		if (complete) this.#checkLength();
		return complete;
	}

	#checkLength(): void {
		const name = packetName(this.#header[0]!);
		const type = this.#header[0]! >> 4;
		const excess = this.#remainingLength - REMAINING_LENGTHS[type]!;
		if (excess < 0 || (excess > 0 && type !== PUBLISH && type !== SUBACK)) {
			throw new ProtocolError(`${name} with a remaining length of ${this.#remainingLength}`, MALFORMED_PACKET);
		}
		const size = this.#headerLength + this.#remainingLength;
		if (size > this.#maximumPacketSize) {
			throw new ProtocolError(`${name} of ${size} bytes, more than ${this.#maximumPacketSize}`, PACKET_TOO_LARGE);
		}
	}
}

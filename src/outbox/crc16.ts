import type { Bytes } from "../host.js";

/**
 * CRC-16/IBM-3740 (CCITT with 0xFFFF to begin with) of the bytes from `start` until `end`. It finds
 * every error of up to three bits. Worked out a byte at a time without a table: that would be 512 bytes.
 */
export function crc16(bytes: Bytes, start: number, end: number): number {
	let crc = 0xffff;
	for (let index = start; index < end; index++) {
		let mixed = (crc >> 8) ^ bytes[index]!;
		mixed ^= mixed >> 4;
		crc = ((crc << 8) ^ (mixed << 12) ^ (mixed << 5) ^ mixed) & 0xffff;
	}
	return crc;
}

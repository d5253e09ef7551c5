/** SHA-1 (FIPS 180-4, section 6.1), for the WebSocket's handshake: RFC 6455 asks for it, and nothing secret depends on it. */
import type { Bytes } from "../host.js";

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;

/** The 20 bytes of the digest of a short message: all of it is in RAM twice. */
export function sha1(message: Bytes): Bytes {
	const { length } = message;
	const size = Math.ceil((length + 1 + LENGTH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
	const padded = new DataView(new ArrayBuffer(size));
	for (let at = 0; at < length; at++) padded.setUint8(at, message[at]!);
	padded.setUint8(length, 0x80);
	padded.setUint32(size - 4, length * 8);
	const digest = new DataView(new ArrayBuffer(20));
	const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
	const words = new Uint32Array(80);
	for (let block = 0; block < size; block += BLOCK_BYTES) {
		let [a = 0, b = 0, c = 0, d = 0, e = 0] = hash;
		for (let t = 0; t < 80; t++) {
			words[t] =
				t < 16
					? padded.getUint32(block + 4 * t)
					: rotated(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1);
			const [f, k] =
				t < 20
					? [(b & c) | (~b & d), 0x5a827999]
					: t < 40
						? [b ^ c ^ d, 0x6ed9eba1]
						: t < 60
							? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
							: [b ^ c ^ d, 0xca62c1d6];
			const next = (rotated(a, 5) + f + e + k + words[t]!) | 0;
			e = d;
			d = c;
			c = rotated(b, 30);
			b = a;
			a = next;
		}
		for (const [index, value] of [a, b, c, d, e].entries()) hash[index] = (hash[index]! + value) | 0;
	}
	for (const [index, value] of hash.entries()) digest.setUint32(4 * index, value);
	return new Uint8Array(digest.buffer);
}

function rotated(word: number, bits: number): number {
	return (word << bits) | (word >>> (32 - bits));
}

import { sha1 } from "../../../src/net/sha1.ts";
import { bytesOf } from "../../../src/text.ts";
import { equal, test } from "../../harness/harness.ts";
import { hex } from "../../harness/transcript.ts";

const digest = (text: string) => hex(sha1(bytesOf(text))).replaceAll(" ", "");

/** NIST's examples for FIPS 180-4, and RFC 3174, section 7.3. */
for (const [message, expected] of [
	["", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
	["abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
	["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"],
	[
		"0123456701234567012345670123456701234567012345670123456701234567".repeat(10),
		"dea356a2cddd90c7a7ecedc5ebb563934f460452",
	],
] as const) {
	test(`the digest of ${message.length} bytes`, () => equal(digest(message), expected));
}

/** Each length around the end of a block; of `openssl dgst -sha1`. */
for (const [length, expected] of [
	[55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"],
	[56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"],
	[63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"],
	[64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"],
	[65, "11655326c708d70319be2610e8a57d9a5b959d3b"],
	[119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"],
	[120, "f34c1488385346a55709ba056ddd08280dd4c6d6"],
] as const) {
	test(`the digest of ${length} times a`, () => equal(digest("a".repeat(length)), expected));
}

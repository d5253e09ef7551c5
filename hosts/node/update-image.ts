/**
 * Firmware as `esptool` writes it to a file (Espressif's "firmware image
 * format"): a header, segments, a checksum, and a SHA-256 of all that.
 */
import { createHash, randomBytes } from "node:crypto";
import { SIMULATED_BOARD } from "../sim/headless/protocol.ts";

const MAGIC = 0xe9;
const HEADER_BYTES = 24;
const SEGMENTS_MAXIMUM = 16;
const SEGMENT_HEADER_BYTES = 8;
/** The checksum is the last byte of a block of this size, and begins with `CHECKSUM_SEED`. */
const CHECKSUM_BLOCK = 16;
const CHECKSUM_SEED = 0xef;
/** In the header: whether a SHA-256 follows. */
const HASH_APPENDED_AT = 23;
const HASH_BYTES = 32;

/** The description of the program, at the beginning of the first segment. */
const DESCRIPTION_AT = HEADER_BYTES + SEGMENT_HEADER_BYTES;
const DESCRIPTION_BYTES = 256;
const DESCRIPTION_MAGIC = 0xabcd5432;
/** In the description. */
const VERSION_AT = 16;
const NAME_AT = 48;
const TEXT_BYTES = 32;
const ELF_SHA256_AT = 144;

/** Bytes of the hash that the diagnostics tell. */
const ID_BYTES = 4;

/** What an image has in it before the name of the board that it is made for, and behind it. */
export const BOARD_MARK = "veleta-board:";
const BOARD_NAME = /^[a-z0-9_]{1,32}$/;
/** Characters of a mark with the longest name. */
const MARK_MAXIMUM = BOARD_MARK.length + 33;

/** The version of a trial image that the simulator keeps out of the network. */
export const NO_NETWORK = "no-network";

export interface FirmwareImage {
	/** The first eight hexadecimal digits of the SHA-256 of the program as it was linked. */
	readonly id: string;
	readonly version: string;
	/** The board that it is made for; `undefined`: it does not tell, or tells several. */
	readonly board: string | undefined;
}

/** The image's description. Throws an Error that says why a chip would not start it. */
export function readImage(bytes: Uint8Array): FirmwareImage {
	const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
	if (image[0] !== MAGIC) throw new Error("it does not begin as firmware does");
	const whole = "it ends before its end";
	if (image.length < DESCRIPTION_AT + DESCRIPTION_BYTES) throw new Error(whole);
	if (image[1]! > SEGMENTS_MAXIMUM) throw new Error(`it has ${image[1]} segments`);
	let at = HEADER_BYTES;
	let checksum = CHECKSUM_SEED;
	for (let segment = 0; segment < image[1]!; segment++) {
		if (at + SEGMENT_HEADER_BYTES > image.length) throw new Error(whole);
		const end = at + SEGMENT_HEADER_BYTES + image.readUInt32LE(at + 4);
		if (end >= image.length) throw new Error(whole);
		for (at += SEGMENT_HEADER_BYTES; at < end; at++) checksum ^= image[at]!;
	}
	at = padded(at);
	if (at > image.length) throw new Error(whole);
	if (image[at - 1] !== checksum) throw new Error("its checksum is wrong");
	if (image[HASH_APPENDED_AT] === 1) {
		const hash = image.subarray(at, at + HASH_BYTES);
		if (hash.length < HASH_BYTES) throw new Error(whole);
		if (!hash.equals(sha256(image.subarray(0, at)))) throw new Error("its SHA-256 is wrong");
	}
	if (image.readUInt32LE(DESCRIPTION_AT) !== DESCRIPTION_MAGIC) throw new Error("it does not say what it is");
	const description = image.subarray(DESCRIPTION_AT);
	const [version = ""] = description.toString("latin1", VERSION_AT, VERSION_AT + TEXT_BYTES).split("\0");
	return { id: idOf(description.subarray(ELF_SHA256_AT)), version, board: boardOf(image) };
}

function boardOf(image: Buffer): string | undefined {
	const names = new Set<string>();
	for (let at = image.indexOf(BOARD_MARK); at >= 0; at = image.indexOf(BOARD_MARK, at + 1)) {
		const [name = ""] = image.toString("latin1", at + BOARD_MARK.length, at + MARK_MAXIMUM).split("\0");
		if (BOARD_NAME.test(name)) names.add(name);
	}
	return names.size === 1 ? [...names][0] : undefined;
}

/** The firmware's id: the beginning of its hash. */
export function idOf(hash: Uint8Array): string {
	return Buffer.from(hash.subarray(0, ID_BYTES)).toString("hex");
}

/** An image without a program, for the simulator: one segment of `size` bytes, with its header, checksum and hash. */
export function createImage(version: string, size: number, board = SIMULATED_BOARD): Buffer {
	const segment = randomBytes(Math.max(size, DESCRIPTION_BYTES + MARK_MAXIMUM));
	segment.fill(0, 0, DESCRIPTION_BYTES);
	segment.write(`${BOARD_MARK}${board}\0`, DESCRIPTION_BYTES, "latin1");
	segment.writeUInt32LE(DESCRIPTION_MAGIC);
	segment.write(version.slice(0, TEXT_BYTES - 1), VERSION_AT, "latin1");
	segment.write("veleta", NAME_AT, "latin1");
	segment.set(sha256(segment), ELF_SHA256_AT);
	const end = HEADER_BYTES + SEGMENT_HEADER_BYTES + segment.length;
	const image = Buffer.alloc(padded(end));
	image[0] = MAGIC;
	image[1] = 1;
	image[HASH_APPENDED_AT] = 1;
	image.writeUInt32LE(segment.length, HEADER_BYTES + 4);
	image.set(segment, DESCRIPTION_AT);
	image[image.length - 1] = segment.reduce((checksum, byte) => checksum ^ byte, CHECKSUM_SEED);
	return Buffer.concat([image, sha256(image)]);
}

/** The end of the block with the checksum, which needs a byte at least. */
function padded(end: number): number {
	return (Math.floor(end / CHECKSUM_BLOCK) + 1) * CHECKSUM_BLOCK;
}

function sha256(bytes: Uint8Array): Buffer {
	return createHash("sha256").update(bytes).digest();
}

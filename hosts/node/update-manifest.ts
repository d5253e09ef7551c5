/** An update as it is signed and sent: a manifest, and the firmware in pieces, each of which has the hash of the next one. */
import { createHash, type KeyObject } from "node:crypto";
import type { Bytes } from "../../src/host.ts";
import { bytesOf } from "../../src/text.ts";
import { signBytes } from "./update-key.ts";

/**
 * Bytes of the firmware in a piece: with the hash before it, and MQTT's header, it is within what a station takes. A
 * multiple of 16, as an encrypted flash wants.
 */
export const PIECE_BYTES = 992;
/** Hexadecimal digits of a hash, and those by which a station names a manifest in its replies. */
const HASH_DIGITS = 64;
const NAME_DIGITS = 8;
const LINE_FEED = 10;
/** Behind the last piece. */
const NO_NEXT = "0".repeat(HASH_DIGITS);
/** The highest number: that of 32 bits, which is a second in the year 2106. */
export const NUMBER_MAXIMUM = 0xffff_ffff;

export interface UpdateTerms {
	/** Above that of all updates before. */
	readonly number: number;
	/** What the firmware is made for, as `hosts/esp32/boards.ts` names it. */
	readonly board: string;
	/** The topic of the only station that it is for. */
	readonly station?: string | undefined;
}

export class SignedUpdate {
	/** The first message: the manifest in a line, and its signature. */
	readonly begin: Bytes;
	/** How the station's replies to it name it. */
	readonly name: string;
	/** Bytes of the firmware. */
	readonly size: number;
	private readonly _pieces: readonly Bytes[];

	constructor(image: Uint8Array, { number, board, station }: UpdateTerms, privateKey: KeyObject) {
		const pieces: Bytes[] = [];
		let next = NO_NEXT;
		for (let index = Math.ceil(image.length / PIECE_BYTES) - 1; index >= 0; index--) {
			const bytes = image.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
			const piece = new Uint8Array(HASH_DIGITS + bytes.length);
			piece.set(bytesOf(next));
			piece.set(bytes, HASH_DIGITS);
			pieces.unshift(piece);
			next = hashOf(piece);
		}
		const size = image.length;
		const line = bytesOf(JSON.stringify({ number, size, sha256: hashOf(image), next, board, station }));
		this.begin = Uint8Array.from([...line, LINE_FEED, ...signBytes(line, privateKey)]);
		this.name = hashOf(line).slice(0, NAME_DIGITS);
		this.size = size;
		this._pieces = pieces;
	}

	/** The message with the firmware's bytes from `offset` on, which is one that a piece begins at, and the offset behind it. */
	piece(offset: number): { readonly payload: Bytes; readonly end: number } {
		const payload = this._pieces[offset / PIECE_BYTES];
		if (!payload) throw new RangeError(`no piece begins at ${offset}`);
		return { payload, end: offset + payload.length - HASH_DIGITS };
	}

	/** Whether a piece begins there, or the last one ends. */
	isPiece(offset: unknown): offset is number {
		return offset === this.size || this._pieces[Number(offset) / PIECE_BYTES] !== undefined;
	}
}

function hashOf(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Firmware slots for unit tests, which run in XS, too: they keep a line of each call, and have a hash and a signature of
 * their own, as there is no crypto in every engine. And updates that are made for them.
 */
import type { Bytes, UpdatePort } from "../../src/host.ts";
import { bytesOf, textOf } from "../../src/text.ts";

export const BOARD = "test";

/** 64 digits of FNV-1a with several beginnings. Its text is put into another program: it needs nothing outside. */
export function simpleHash(bytes: Bytes): string {
	let text = "";
	for (let word = 0; word < 8; word++) {
		let hash = 0x811c9dc5 ^ word;
		for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
		text += (hash >>> 0).toString(16).padStart(8, "0");
	}
	return text;
}

/** What the owner of a key makes of bytes. */
export function simpleSignature(bytes: Bytes, key: Bytes): Bytes {
	return bytesOf(`${key[1]} ${simpleHash(bytes)}`);
}

export class SimpleSlots implements UpdatePort {
	unconfirmed = false;
	/** The next call of this name throws an Error. */
	refuses = "";
	/** Bytes of the second slot. */
	size = 1_000_000;
	/** What is in it. */
	written: number[] = [];
	/** Signatures that were looked at. */
	verified = 0;
	private _kept = "";
	private readonly _calls: string[] = [];
	private readonly _onCall: (call: string) => void;

	constructor(onCall: (call: string) => void = () => {}) {
		this._onCall = onCall;
	}

	judge(works: boolean): void {
		this._call(works ? "confirm" : "roll back");
		if (works) this.unconfirmed = false;
	}

	kept(): string {
		return this._kept;
	}

	keep(text: string): void {
		if (bytesOf(text).length > 256) throw new RangeError("too long");
		const { offset } = JSON.parse(text);
		this._call("keep", `${offset}`);
		this._kept = text;
	}

	hash(bytes: Bytes): string {
		return simpleHash(bytes);
	}

	verify(bytes: Bytes, signature: Bytes, publicKey: Bytes): void {
		this.verified++;
		if (textOf(signature) !== textOf(simpleSignature(bytes, publicKey))) throw new Error("the signature is wrong");
	}

	reserve(byteLength: number): void {
		if (byteLength > this.size) throw new Error("no room");
	}

	write(bytes: Bytes, byteOffset: number): void {
		this._call("write", `${bytes.length} at ${byteOffset}`);
		if (byteOffset > this.written.length) throw new Error("a gap");
		this.written.length = byteOffset;
		for (const byte of bytes) this.written.push(byte);
	}

	complete(byteLength: number, hash: string): void {
		this._call("complete", `${byteLength}`);
		if (byteLength !== this.written.length || this.hash(Uint8Array.from(this.written)) !== hash)
			throw new Error("the flash has not kept what was written");
	}

	/** What was called since the last time. */
	take(): string[] {
		return this._calls.splice(0);
	}

	private _call(name: string, text = ""): void {
		const call = `${name}${text && ` ${text}`}`;
		this._calls.push(call);
		this._onCall(call);
		if (name !== this.refuses) return;
		this.refuses = "";
		throw new Error("worn out");
	}
}

export interface SimpleTerms {
	readonly number?: unknown;
	readonly size?: unknown;
	readonly board?: unknown;
	readonly station?: unknown;
	readonly sha256?: unknown;
	readonly next?: unknown;
}

export interface SimpleUpdate {
	readonly begin: Bytes;
	/** The first digits of the manifest's hash. */
	readonly name: string;
	/** By offset. */
	readonly pieces: ReadonlyMap<number, Bytes>;
	readonly image: Bytes;
}

/** An image of `length` bytes, characters of ASCII as all of it, in pieces of `pieceLength`, signed with a key. `terms`: what the manifest says instead. */
export function simpleUpdate(length: number, pieceLength: number, key: Bytes, terms: SimpleTerms = {}): SimpleUpdate {
	const image = Uint8Array.from({ length }, (_, at) => 32 + ((at * 7 + length) % 95));
	const pieces = new Map<number, Bytes>();
	let next = "0".repeat(64);
	for (let at = (Math.ceil(length / pieceLength) - 1) * pieceLength; at >= 0; at -= pieceLength) {
		const bytes = image.slice(at, at + pieceLength);
		const piece = new Uint8Array(64 + bytes.length);
		piece.set(bytesOf(next));
		piece.set(bytes, 64);
		pieces.set(at, piece);
		next = simpleHash(piece);
	}
	const manifest = { number: 7, size: length, sha256: simpleHash(image), next, board: BOARD, ...terms };
	const line = bytesOf(JSON.stringify(manifest));
	const signature = simpleSignature(line, key);
	const begin = new Uint8Array(line.length + 1 + signature.length);
	begin.set(line);
	begin[line.length] = 10;
	begin.set(signature, line.length + 1);
	return { begin, name: simpleHash(line).slice(0, 8), pieces, image };
}

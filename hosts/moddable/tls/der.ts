/** DER (X.690), as far as certificates and keys need it. */
import type { Bytes } from "../../../src/host.js";
import { BAD_CERTIFICATE, TlsError } from "./alerts.js";

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;
/** Tag of a `[number]` that holds values, plus the number; if it holds bytes, 0x80 plus the number. */
export const CONSTRUCTED = 0xa0;

/** Values in a value, as each takes RAM: more than most certificates have names. */
const VALUES_MAXIMUM = 64;
/** Characters of a text; the rest is cut off. A host name has 253 at the most. */
const TEXT_MAXIMUM = 255;

export interface DerValue {
	readonly tag: number;
	readonly content: Bytes;
	/** Bytes of its tag and length. */
	readonly header: number;
}

/** The values in `bytes`; throws an Error for bytes that are not DER, or have too many values. */
export function decodeDer(bytes: Bytes): DerValue[] {
	const values: DerValue[] = [];
	for (let at = 0; at < bytes.length; ) {
		const tag = bytes[at]!;
		let start = at + 2;
		let length = bytes[at + 1] ?? Number.NaN;
		// One or two bytes of length: nothing here is as long as 64 KB.
		if (length === 0x81) length = bytes[start++] ?? Number.NaN;
		else if (length === 0x82) {
			length = bytes[start]! * 256 + bytes[start + 1]!;
			start += 2;
		} else if (length >= 0x80) throw malformed();
		const end = start + length;
		if (!(end <= bytes.length)) throw malformed();
		if (values.length === VALUES_MAXIMUM)
			throw new TlsError(`certificate: more than ${VALUES_MAXIMUM} names or values`, BAD_CERTIFICATE);
		values.push({ tag, content: bytes.subarray(start, end), header: start - at });
		at = end;
	}
	return values;
}

/** The values in a value with this tag; throws an Error if it has another tag. */
export function valuesIn(value: DerValue | undefined, tag = SEQUENCE): DerValue[] {
	return decodeDer(contentOf(value, tag));
}

export function contentOf(value: DerValue | undefined, tag: number): Bytes {
	if (value?.tag !== tag) throw malformed();
	return value.content;
}

/** A value with its tag and length. */
export function wholeOf({ content, header }: DerValue): Bytes {
	return new Uint8Array(content.buffer, content.byteOffset - header, header + content.length);
}

/** The bytes of a bit string of whole bytes. */
export function bitsOf(value: DerValue | undefined): Bytes {
	const content = contentOf(value, BIT_STRING);
	if (content[0] !== 0) throw malformed();
	return content.subarray(1);
}

/** The bytes of an unsigned integer, without leading zeros. */
export function unsignedOf(value: DerValue | undefined): Bytes {
	let content = contentOf(value, INTEGER);
	if (!(content[0]! < 0x80)) throw malformed();
	while (content[0] === 0) content = content.subarray(1);
	return content;
}

export function hex(bytes: Bytes): string {
	let text = "";
	for (const byte of bytes) text += (byte < 0x10 ? "0" : "") + byte.toString(16);
	return text;
}

/** The hexadecimal digits of an object identifier. */
export function identifierOf(value: DerValue | undefined): string {
	return hex(contentOf(value, OBJECT_IDENTIFIER));
}

/** A text in ASCII; other bytes become characters that are good enough for comparisons. */
export function textOf(bytes: Bytes): string {
	let text = "";
	for (const byte of bytes.subarray(0, TEXT_MAXIMUM)) text += String.fromCharCode(byte);
	return text;
}

export function equalBytes(one: Bytes, other: Bytes): boolean {
	return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

export function malformed(): TlsError {
	return new TlsError("certificate: malformed", BAD_CERTIFICATE);
}

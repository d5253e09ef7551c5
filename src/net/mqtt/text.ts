/** Strings and binary data of MQTT (5.0, 1.5.4 and 1.5.6; 3.1.1, 1.5.3), before they are written. */
import { Buffer } from "mqtt-packet";
import type { Bytes } from "../../host.js";

/** Bytes of a string or of binary data: their length has 16 bits. */
const STRING_MAXIMUM = 0xffff;

/** Throws an Error if there are more bytes than MQTT can count. `what` names the field in it. */
export function checkLength(bytes: Bytes, what: string): void {
	if (bytes.length > STRING_MAXIMUM) throw new Error(`${what} of more than ${STRING_MAXIMUM} bytes`);
}

/** The text in UTF-8. Throws an Error that names the fault if MQTT does not allow it. */
export function utf8(text: string, what: string): Buffer {
	const bytes = Buffer.from(text);
	checkLength(bytes, what);
	if (text.includes("\0")) throw new Error(`${what} with U+0000 [MQTT-1.5.3-2]`);
	// Half a surrogate pair has no UTF-8, and engines differ in what they write for it. ASCII need not be searched.
	if (bytes.length > text.length && /[\ud800-\udfff]/u.test(text)) {
		throw new Error(`${what} that is not well-formed Unicode [MQTT-1.5.3-1]`);
	}
	return bytes;
}

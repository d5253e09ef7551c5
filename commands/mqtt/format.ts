/** The output of `sub` for a message: text with fields such as `%t`, as in mosquitto_sub -F. Payloads stay bytes, but at a terminal. */

import { plain } from "../../hosts/node/plain-text.ts";
import type { ReceivedMessage } from "../../src/net/mqtt/message.ts";

type Field = (message: ReceivedMessage) => string | Uint8Array;

const FIELDS: Readonly<Record<string, Field>> = {
	"%": () => "%",
	t: ({ topic }) => topic,
	p: ({ payload }) => payload,
	x: ({ payload }) => Buffer.from(payload).toString("hex"),
	l: ({ payload }) => String(payload.length),
	q: ({ qos }) => String(qos),
	r: ({ retain }) => (retain ? "1" : "0"),
	d: ({ dup }) => (dup ? "1" : "0"),
	R: ({ properties }) => properties?.responseTopic ?? "",
	D: ({ properties }) => properties?.correlationData ?? "",
	E: ({ properties }) => String(properties?.messageExpiryInterval ?? ""),
};

/** Throws an Error that names an unknown field. */
export function checkFormat(format: string): void {
	for (const [field, name = ""] of format.matchAll(/%(.?)/gs)) {
		if (!Object.hasOwn(FIELDS, name)) throw new Error(`--format: ${field} is no field; see --help`);
	}
}

/**
 * A copy: the payload itself is valid during the callback only. `isForTerminal`: control characters and the like of the
 * message are shown as `?`, and the format's own are not.
 */
export function formatMessage(
	format: string,
	newline: boolean,
	message: ReceivedMessage,
	isForTerminal = false,
): Buffer {
	const parts: Uint8Array[] = [];
	let at = 0;
	for (const { 0: field, 1: name = "", index } of format.matchAll(/%(.?)/gs)) {
		parts.push(Buffer.from(format.slice(at, index)));
		const value = FIELDS[name]!(message);
		parts.push(isForTerminal ? Buffer.from(plain(Buffer.from(value).toString())) : Buffer.from(value));
		at = index + field.length;
	}
	parts.push(Buffer.from(format.slice(at)));
	if (newline) parts.push(Buffer.from("\n"));
	return Buffer.concat(parts);
}

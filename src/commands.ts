/**
 * Commands to the station: what arrives under `<topic>/cmd/`, checked, and the
 * replies.
 */
import type { Bytes } from "./host.js";
import type { ReceivedMessage } from "./net/mqtt/message.js";

export type Command =
	| { readonly name: "sample" | "restart" | "status" }
	/** Seconds. */
	| { readonly name: "interval"; readonly interval: number };

/** A command that is not carried out; the message says why, to whoever sent it. */
export class CommandError extends Error {
	override name = "CommandError";
}

/** Longest argument in bytes: a number, or an object with one. */
const ARGUMENT_MAXIMUM = 64;
const NAMES = "sample, interval, restart, status";

/**
 * The command in a message to `<topic>/cmd/<name>`. Throws a `CommandError`
 * for a name or an argument that is none, and for a retained message: the
 * broker would give the command again on every connection, and a station that
 * was told to restart would do so for ever.
 */
export function parseCommand(name: string, { payload, retain, dup }: ReceivedMessage): Command {
	if (retain) throw new CommandError("a retained command is not carried out: publish it without retain");
	switch (name) {
		case "sample":
		case "status":
			return { name };
		case "restart":
			// The PUBACK of the first one may have been lost in the very restart that it asked for.
			if (dup) throw new CommandError("a restart that is delivered again is not carried out");
			return { name };
		case "interval":
			return { name, interval: parseInterval(payload) };
		default:
			throw new CommandError(`no such command; there are ${NAMES}`);
	}
}

/** `30` or `{"interval":30}`. */
function parseInterval(payload: Bytes): number {
	let value: unknown;
	try {
		if (payload.length <= ARGUMENT_MAXIMUM) value = JSON.parse(String.fromCharCode(...payload));
	} catch {
		// Not JSON: there is no value.
	}
	if (typeof value === "object" && value !== null && "interval" in value) value = value.interval;
	if (typeof value !== "number") throw new CommandError('needs a number of seconds, such as 30 or {"interval":30}');
	return value;
}

/** Where an answer goes: the sender's response topic (5.0), or the station's own. */
export interface ReplyAddress {
	readonly command: string;
	readonly topic: string;
	readonly correlationData: Bytes | undefined;
}

export function replyAddress(command: string, { properties }: ReceivedMessage, ownTopic: string): ReplyAddress {
	const { responseTopic, correlationData } = properties ?? {};
	return {
		command,
		topic: responseTopic ?? ownTopic,
		// A copy: the message's bytes are valid while it is handed on only.
		correlationData: correlationData?.slice(),
	};
}

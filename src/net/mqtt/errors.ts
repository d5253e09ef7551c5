/** Why a connection has to be closed. */
import type { Bytes } from "../../host.js";
import type { Disconnect, Properties } from "./packet.js";
import { MALFORMED_PACKET, PROTOCOL_ERROR, reasonText, refusalText, SESSION_TAKEN_OVER } from "./reason-codes.js";

/** The peer broke the protocol: the connection has to be closed [MQTT-4.8.0-1]. */
export class ProtocolError extends Error {
	/** The reason code of the DISCONNECT (5.0). */
	readonly reasonCode: number;

	constructor(message: string, reasonCode: number = PROTOCOL_ERROR) {
		super(message);
		this.reasonCode = reasonCode;
	}
}

/** A Malformed Packet. */
export function malformed(fault: string): ProtocolError {
	return new ProtocolError(fault, MALFORMED_PACKET);
}

/** Why a connection has to be closed. */
export class ConnectionError extends Error {}

/** The broker has discarded the session of an earlier run, the connection's only purpose: the next one need not wait. */
export class SessionDiscardedError extends ConnectionError {
	constructor() {
		super("the broker has discarded the earlier session");
	}
}

/** The broker refused the connection. */
export class RefusedError extends ConnectionError {
	/** 1 to 5 (3.1.1, table 3.1), or 0x80 and above (5.0, table 2-6). */
	readonly reasonCode: number;

	/** Whether the broker refused only the version: the next attempt speaks an older one, and need not wait. */
	readonly hasOlderVersion: boolean;

	constructor(reasonCode: number, { reasonString, serverReference }: Properties, hasOlderVersion: boolean) {
		const code = reasonCode < 0x80 ? `${reasonCode}` : `0x${reasonCode.toString(16)}`;
		const text = reasonCode < 0x80 ? refusalText(reasonCode) : reasonText(reasonCode);
		const more = [reasonString, serverReference && `try ${serverReference}`].filter(Boolean).join("; ");
		super(`the broker refused the connection: ${text} (${code})${more && `: ${more}`}`);
		this.reasonCode = reasonCode;
		this.hasOlderVersion = hasOlderVersion;
	}
}

/** What answers is a server of another protocol, to tell by the first bytes that it sends; `undefined` if it is none of these. */
export function otherProtocol([first, second]: Bytes): ConnectionError | undefined {
	let name: string | undefined;
	// A status line, or a page alone, as servers answer what they take for HTTP/0.9.
	if ((first === 0x48 && second === 0x54) || (first === 0x3c && second === 0x21)) name = "HTTP: for WebSockets?";
	else if (first === 0x53 && second === 0x53) name = "SSH";
	// An alert (RFC 8446, section 5.1).
	else if (first === 0x15 && second === 3) name = "TLS: use mqtts://";
	return name === undefined ? undefined : new ConnectionError(`this port speaks ${name}`);
}

/** Another client has connected with this client's id. */
export class TakenOverError extends ConnectionError {}

/** The broker has sent a DISCONNECT (5.0). */
export function endedByBroker({ reasonCode = 0, properties }: Disconnect): ConnectionError {
	const text = [reasonText(reasonCode), properties?.reasonString, properties?.serverReference]
		.filter(Boolean)
		.join(": ");
	const message = `the broker ended the connection: ${text} (0x${reasonCode.toString(16)})`;
	return reasonCode === SESSION_TAKEN_OVER ? new TakenOverError(message) : new ConnectionError(message);
}

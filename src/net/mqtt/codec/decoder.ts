/** Bytes from a broker to MQTT control packets, by mqtt-packet, with the checks that it lacks. */
import { type Options, type Parsed, type Parser, parser } from "mqtt-packet";
import type { Bytes } from "../../../host.js";
import { malformed, ProtocolError } from "../errors.js";
import type { Acknowledgement, BrokerPacket, Oversized, Properties, ProtocolVersion } from "../packet.js";
import {
	DISCONNECT_WITH_WILL,
	isConnackReasonCode,
	MALFORMED_PACKET,
	PROTOCOL_ERROR,
	RE_AUTHENTICATE,
	RETURN_CODE_MAXIMUM,
	TOPIC_NAME_INVALID,
	UNSUPPORTED_PROTOCOL_VERSION,
} from "../reason-codes.js";
import { topicNameFault } from "../topic.js";
import { directPuback } from "./direct.js";
import { Framer } from "./framer.js";
import { AUTH, packetName } from "./packet-types.js";
import { readProperties } from "./properties.js";

/** Bytes of a CONNACK before MQTT 5.0. */
const OLDER_CONNACK_SIZE = 4;

const VERSION_5: Options = Object.freeze({ protocolVersion: 5, readProperties });

export interface DecoderOptions {
	/** Bytes of a whole packet. A larger PUBLISH is read past, any other refused as soon as its fixed header is there. */
	readonly maximumPacketSize: number;
	/** The CONNECT's version. */
	readonly protocolVersion: ProtocolVersion;
}

/**
 * Packets from a broker, out of bytes in pieces of any size. Between the pieces
 * it holds one incomplete packet and nothing else.
 *
 * In MQTT 5.0 a broker that does not know this version may answer the CONNECT
 * in the form of 3.1.1: its CONNACK then has a return code of 1 to 5 as the
 * reason code.
 */
export class Decoder {
	private readonly _framer: Framer;
	private readonly _parser: Parser;
	private readonly _version5: boolean;
	private _parsed: Parsed | undefined;
	private _ended = false;

	constructor({ maximumPacketSize, protocolVersion }: DecoderOptions) {
		this._framer = new Framer(maximumPacketSize, protocolVersion);
		this._version5 = protocolVersion === 5;
		// Without a listener for "error", `parse` throws it.
		this._parser = parser(this._version5 ? VERSION_5 : undefined).on("packet", (parsed) => {
			this._parsed = parsed;
		});
	}

	/** Whether a PUBLISH that is read past has not ended yet. */
	get passing(): boolean {
		return this._framer.passing;
	}

	/** The packet that `bytes` are, if they are a PUBACK as it mostly is, and no part of another packet. `push` gives the same. */
	puback(bytes: Bytes): Acknowledgement | undefined {
		if (this._ended || !this._framer.takesWhole(bytes.length)) return undefined;
		return directPuback(bytes, this._version5);
	}

	/**
	 * Gives the packets that `bytes` complete, one at a time, and throws a
	 * `ProtocolError` for the first that breaks the protocol. After that, and after a
	 * loop over it that was left early, it gives nothing any more.
	 */
	*push(bytes: Bytes): Generator<BrokerPacket | Oversized, void, void> {
		if (this._ended) return;
		this._ended = true;
		for (let at = 0; at < bytes.length; ) {
			at = this._framer.take(bytes, at);
			if (this._framer.packet) yield this._decode(this._framer.packet);
			else if (this._framer.oversized) yield this._framer.oversized;
		}
		this._framer.packet = undefined;
		this._ended = false;
	}

	/** One whole packet and nothing else, so that the parser cannot read on into the next. */
	private _decode(bytes: Bytes): BrokerPacket {
		try {
			// mqtt-packet asks for a reason code, which may be left out (5.0, 3.15.2.1).
			if (bytes[0] === AUTH << 4 && bytes.length === 2) return { cmd: "auth", reasonCode: 0 };
			this._parser.parse(bytes);
			const parsed = this._parsed!;
			this._parsed = undefined;
			return this._version5 ? received5(parsed, bytes) : received(parsed);
		} catch (error) {
			const message = `${packetName(bytes[0]!)}: ${(error as Error).message}`;
			throw new ProtocolError(message, error instanceof ProtocolError ? error.reasonCode : MALFORMED_PACKET);
		}
	}
}

/** mqtt-packet's packet in the program's terms, after the checks that mqtt-packet lacks. */
function received(parsed: Parsed, aliased = false): BrokerPacket {
	const { cmd, messageId: packetId, reasonCode = 0 } = parsed;
	switch (cmd) {
		case "pingresp":
			return { cmd };
		case "connack": {
			const { sessionPresent, returnCode = 0 } = parsed;
			if (returnCode > RETURN_CODE_MAXIMUM) throw malformed(`return code ${returnCode}`);
			const code = returnCode || reasonCode;
			if (sessionPresent && code !== 0) {
				throw new ProtocolError("session present in a refusal [MQTT-3.2.2-4, 5.0: MQTT-3.2.2-6]", PROTOCOL_ERROR);
			}
			return { cmd, sessionPresent, reasonCode: code };
		}
		case "publish": {
			const { topic, payload, qos, retain, dup } = parsed;
			const fault = aliased ? undefined : topicNameFault(topic);
			if (fault) throw topic.includes("\0") ? malformed(fault) : new ProtocolError(fault, TOPIC_NAME_INVALID);
			const view = new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
			if (qos > 0) return { cmd, topic, payload: view, qos, retain, dup, packetId: checkedId(packetId) };
			if (dup) throw malformed("DUP with QoS 0 [MQTT-3.3.1-2]");
			return { cmd, topic, payload: view, qos, retain, dup };
		}
		case "suback":
		case "unsuback":
			return { cmd, packetId: checkedId(packetId), reasonCodes: parsed.granted ?? [] };
		case "disconnect":
		case "auth":
			return { cmd, reasonCode };
		default:
			return { cmd, packetId: checkedId(packetId), reasonCode };
	}
}

function checkedId(packetId: number): number {
	if (packetId < 0) throw malformed("no packet id");
	if (packetId === 0) throw new ProtocolError("packet id 0 [MQTT-2.3.1-1]", PROTOCOL_ERROR);
	return packetId;
}

/** A packet of MQTT 5.0. */
function received5(parsed: Parsed, bytes: Bytes): BrokerPacket {
	const { cmd, topic, reasonCode = 0 } = parsed;
	const properties = parsed.properties as Properties | undefined;
	switch (cmd) {
		case "connack":
			checkConnack(reasonCode, bytes.length === OLDER_CONNACK_SIZE);
			break;
		case "publish": {
			if (topic === "" && properties?.topicAlias === undefined) {
				throw new ProtocolError("neither topic name nor alias (5.0, 3.3.2.1)", PROTOCOL_ERROR);
			}
			const { responseTopic } = properties ?? {};
			const fault = responseTopic !== undefined && topicNameFault(responseTopic);
			if (fault) throw new ProtocolError(`response topic: ${fault}`, PROTOCOL_ERROR);
			break;
		}
		case "suback":
		case "unsuback":
			if (parsed.granted?.length === 0) throw malformed("no reason code");
			break;
		case "disconnect":
			if (reasonCode === DISCONNECT_WITH_WILL) {
				throw malformed(`reason code ${reasonCode} [5.0: MQTT-3.14.2-1]`);
			}
			if (properties?.sessionExpiryInterval !== undefined) {
				throw new ProtocolError("session expiry interval [5.0: MQTT-3.14.2-2]", PROTOCOL_ERROR);
			}
			break;
		case "auth":
			if (reasonCode === RE_AUTHENTICATE) throw malformed(`reason code ${reasonCode} [5.0: MQTT-3.15.2-1]`);
			if (properties?.authenticationMethod === undefined) {
				throw new ProtocolError("no authentication method (5.0, 3.15.2.2.2)", PROTOCOL_ERROR);
			}
	}
	const packet = received(parsed, topic === "");
	return properties ? ({ ...packet, properties } as BrokerPacket) : packet;
}

/**
 * A broker that does not know MQTT 5.0 may refuse it in 3.1.1's form. A broker that
 * accepts it in this form would take a PUBLISH's properties for its payload.
 */
function checkConnack(reasonCode: number, older: boolean): void {
	if (older && reasonCode === 0) {
		throw new ProtocolError("it accepts MQTT 5.0 in the form of 3.1.1", UNSUPPORTED_PROTOCOL_VERSION);
	}
	if (!isConnackReasonCode(reasonCode) && !(older && reasonCode <= RETURN_CODE_MAXIMUM))
		throw malformed(`reason code ${reasonCode} [5.0: MQTT-3.2.2-8]`);
}

/**
 * MQTT control packets to bytes and back: the one file that knows mqtt-packet.
 *
 * mqtt-packet writes and reads what is inside a packet. This file gives it
 * names and types of the program's own, finds where a received packet ends,
 * and refuses what mqtt-packet lets pass against the standard. `[MQTT-…]`
 * names a normative statement of MQTT 3.1.1.
 */
import { Buffer, type Parsed, type Parser, parser, writeToStream } from "mqtt-packet";
import type { Bytes } from "../../host.js";
import { Framer, packetName } from "./framer.js";
import {
	type BrokerPacket,
	MALFORMED_PACKET,
	type Packet,
	PROTOCOL_ERROR,
	ProtocolError,
	type QoS,
	TOPIC_NAME_INVALID,
} from "./packet.js";
import { topicFilterFault, topicNameFault } from "./topic.js";

export type * from "./packet.js";
export { ProtocolError };

// Before the first packet is written: mqtt-packet would keep the bytes of all 65,536 numbers, which fill a small machine.
writeToStream.cacheNumbers = false;

const MQTT_3_1 = 3;
const MQTT_3_1_1 = 4;
/** Bytes of a string or of binary data: their length has 16 bits. */
const STRING_MAXIMUM = 0xffff;
const PACKET_ID_MAXIMUM = 0xffff;
/** Greatest return code of a CONNACK (table 3.1). */
const RETURN_CODE_MAXIMUM = 5;

/** The bytes of a packet. Throws an Error that says what is wrong with a packet that MQTT does not allow. */
export function encode(packet: Packet): Bytes {
	const chunks = new Chunks();
	try {
		writeToStream(translate(packet), chunks);
	} catch (error) {
		throw new Error(`cannot encode ${packet.cmd.toUpperCase()}: ${(error as Error).message}`);
	}
	return chunks.join();
}

/** What mqtt-packet writes a packet to, piece by piece. */
class Chunks {
	readonly #chunks: Uint8Array[] = [];
	#length = 0;

	write(chunk: Uint8Array | string): boolean {
		const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
		this.#chunks.push(bytes);
		this.#length += bytes.length;
		return true;
	}

	/** How mqtt-packet reports an error. */
	destroy(error: Error): never {
		throw error;
	}

	join(): Bytes {
		const bytes = new Uint8Array(this.#length);
		let at = 0;
		for (let index = 0; index < this.#chunks.length; index++) {
			const chunk = this.#chunks[index]!;
			bytes.set(chunk, at);
			at += chunk.length;
		}
		return bytes;
	}
}

/** A packet in mqtt-packet's terms, checked for what mqtt-packet would write although MQTT forbids it. */
function translate(packet: Packet): object {
	switch (packet.cmd) {
		case "connect": {
			const { protocolVersion = MQTT_3_1_1, clientId, cleanSession, keepAlive, will, username } = packet;
			const password = packet.password === undefined ? undefined : Buffer.from(packet.password);
			checkText(clientId, "client id");
			if (will) {
				checkTopic(will.topic, topicNameFault);
				checkQoS(will.qos);
				checkLength(will.payload, "will message");
			}
			if (username !== undefined) checkText(username, "user name");
			if (password) checkLength(password, "password");
			return {
				cmd: "connect",
				protocolId: protocolVersion === MQTT_3_1 ? "MQIsdp" : "MQTT",
				protocolVersion,
				clientId,
				clean: cleanSession,
				keepalive: keepAlive,
				will,
				username,
				password,
			};
		}
		case "publish": {
			const { cmd, qos, retain, dup, payload, packetId } = packet;
			checkQoS(qos);
			if (qos > 0) checkPacketId(packetId);
			else if (dup) refuse("DUP with QoS 0 [MQTT-3.3.1-2]");
			// As bytes, or mqtt-packet would convert it once more for each time it needs its length.
			const topic = checkTopic(packet.topic, topicNameFault);
			return { cmd, topic, payload, qos, retain, dup, messageId: packetId };
		}
		case "subscribe": {
			const { cmd, packetId, subscriptions } = packet;
			checkPacketId(packetId);
			for (const { topicFilter, qos } of subscriptions) {
				checkTopic(topicFilter, topicFilterFault);
				checkQoS(qos);
			}
			const translated = subscriptions.map(({ topicFilter, qos }) => ({ topic: topicFilter, qos }));
			return { cmd, messageId: packetId, subscriptions: translated };
		}
		case "unsubscribe": {
			const { cmd, packetId, topicFilters } = packet;
			checkPacketId(packetId);
			for (const filter of topicFilters) checkTopic(filter, topicFilterFault);
			return { cmd, messageId: packetId, unsubscriptions: topicFilters };
		}
		case "suback": {
			const { cmd, packetId, returnCodes } = packet;
			checkPacketId(packetId);
			return { cmd, messageId: packetId, granted: returnCodes };
		}
		case "connack":
		case "pingreq":
		case "pingresp":
		case "disconnect":
			return packet;
		default: {
			const { cmd, packetId } = packet;
			checkPacketId(packetId);
			return { cmd, messageId: packetId };
		}
	}
}

function refuse(fault: string): never {
	throw new Error(fault);
}

function checkQoS(qos: QoS): void {
	if (qos !== 0 && qos !== 1 && qos !== 2) refuse(`QoS ${qos} [MQTT-3.3.1-4]`);
}

function checkPacketId(packetId: number | undefined): void {
	if (!Number.isInteger(packetId) || packetId! < 1 || packetId! > PACKET_ID_MAXIMUM) {
		refuse(`packet id ${packetId}, not 1 to ${PACKET_ID_MAXIMUM} [MQTT-2.3.1-1]`);
	}
}

function checkTopic(topic: string, faultOf: (topic: string) => string | undefined): Buffer {
	const fault = faultOf(topic);
	if (fault) refuse(fault);
	return checkText(topic, "topic");
}

function checkLength(bytes: Bytes, what: string): void {
	if (bytes.length > STRING_MAXIMUM) refuse(`${what} of more than ${STRING_MAXIMUM} bytes`);
}

/** Its UTF-8, if MQTT allows it. */
function checkText(text: string, what: string): Buffer {
	const bytes = Buffer.from(text);
	checkLength(bytes, what);
	if (text.includes("\0")) refuse(`${what} with U+0000 [MQTT-1.5.3-2]`);
	// Half a surrogate pair has no UTF-8, and each engine writes something else for it. ASCII need not be searched.
	if (bytes.length > text.length && /[\ud800-\udfff]/u.test(text)) {
		refuse(`${what} that is not well-formed Unicode [MQTT-1.5.3-1]`);
	}
	return bytes;
}

export interface DecoderOptions {
	/** Bytes of a whole packet; a larger one is refused as soon as its fixed header is there. */
	readonly maximumPacketSize: number;
}

/**
 * Packets from a broker that speaks MQTT 3.1.1 or 3.1, out of bytes in pieces
 * of any size. Between the pieces it holds one incomplete packet and nothing
 * else.
 */
export class Decoder {
	readonly #framer: Framer;
	readonly #parser: Parser;
	#parsed: Parsed | undefined;
	#ended = false;

	constructor({ maximumPacketSize }: DecoderOptions) {
		this.#framer = new Framer(maximumPacketSize);
		// Nobody listens for "error": `parse` throws it.
		this.#parser = parser().on("packet", (parsed) => {
			this.#parsed = parsed;
		});
	}

	/**
	 * Gives the packets that `bytes` complete, one at a time, and throws a
	 * `ProtocolError` at the first that is not as it should be. After that, and
	 * after a loop over it that was left early, it gives nothing any more.
	 */
	*push(bytes: Bytes): Generator<BrokerPacket, void, void> {
		if (this.#ended) return;
		this.#ended = true;
		for (let at = 0; at < bytes.length; ) {
			at = this.#framer.take(bytes, at);
			if (this.#framer.packet) yield this.#decode(this.#framer.packet);
		}
		this.#framer.packet = undefined;
		this.#ended = false;
	}

	/** One whole packet and nothing else, so that the parser cannot read on into the next. */
	#decode(bytes: Bytes): BrokerPacket {
		try {
			this.#parser.parse(bytes);
			const parsed = this.#parsed!;
			this.#parsed = undefined;
			return received(parsed);
		} catch (error) {
			const message = `${packetName(bytes[0]!)}: ${(error as Error).message}`;
			throw new ProtocolError(message, error instanceof ProtocolError ? error.reasonCode : MALFORMED_PACKET);
		}
	}
}

/** What mqtt-packet read, in the program's terms, checked for what mqtt-packet lets pass. */
function received(parsed: Parsed): BrokerPacket {
	const { cmd, messageId: packetId } = parsed;
	switch (cmd) {
		case "pingresp":
			return { cmd };
		case "connack": {
			const { sessionPresent, returnCode } = parsed;
			if (returnCode > RETURN_CODE_MAXIMUM) throw new ProtocolError(`return code ${returnCode}`, MALFORMED_PACKET);
			if (sessionPresent && returnCode !== 0) {
				throw new ProtocolError(`session present in a refusal [MQTT-3.2.2-4]`, PROTOCOL_ERROR);
			}
			return { cmd, sessionPresent, returnCode };
		}
		case "publish": {
			const { topic, payload, qos, retain, dup } = parsed;
			const fault = topicNameFault(topic);
			if (fault) throw new ProtocolError(fault, TOPIC_NAME_INVALID);
			const view = new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
			if (qos > 0) return { cmd, topic, payload: view, qos, retain, dup, packetId: checkedId(packetId) };
			if (dup) throw new ProtocolError("DUP with QoS 0 [MQTT-3.3.1-2]", MALFORMED_PACKET);
			return { cmd, topic, payload: view, qos, retain, dup };
		}
		case "suback":
			return { cmd, packetId: checkedId(packetId), returnCodes: parsed.granted };
		default:
			return { cmd, packetId: checkedId(packetId) };
	}
}

function checkedId(packetId: number): number {
	if (packetId < 0) throw new ProtocolError("no packet id", MALFORMED_PACKET);
	if (packetId === 0) throw new ProtocolError("packet id 0 [MQTT-2.3.1-1]", PROTOCOL_ERROR);
	return packetId;
}

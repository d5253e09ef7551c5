/** MQTT control packets to bytes, by mqtt-packet, with the checks that it lacks; but for the PUBLISH as it mostly is. */
import { Buffer, type Options, writeToStream } from "mqtt-packet";
import type { Bytes } from "../../../host.js";
import type { Connect, Packet, ProtocolVersion, QoS, Subscription } from "../packet.js";
import { checkLength, utf8 } from "../text.js";
import { sharedFilterFault, topicFilterFault, topicNameFault } from "../topic.js";
import { directPublish } from "./direct.js";
import { packetTypeOf } from "./packet-types.js";
import { propertiesToWrite } from "./properties.js";

const PACKET_ID_MAXIMUM = 0xffff;
/** Bytes of a client id in MQTT 3.1. */
const CLIENT_ID_MAXIMUM_3_1 = 23;

const VERSION_5: Options = Object.freeze({ protocolVersion: 5 });
/** A DISCONNECT without properties, and for no particular reason. */
const PLAIN_DISCONNECT = Object.freeze({ cmd: "disconnect" });

/**
 * The bytes of a packet. Throws an Error that names the fault of a packet that
 * MQTT does not allow. Before version 5 there are no properties, no reason codes
 * but a CONNACK's, and no subscription options but the QoS: they are left out, so
 * that one packet serves all versions.
 */
export function encode(packet: Packet, protocolVersion: ProtocolVersion): Bytes {
	const direct = packet.cmd === "publish" ? directPublish(packet, protocolVersion) : undefined;
	return direct ?? encodeByMqttPacket(packet, protocolVersion);
}

/** `encode` by mqtt-packet alone. */
export function encodeByMqttPacket(packet: Packet, protocolVersion: ProtocolVersion): Bytes {
	const chunks = new Chunks();
	try {
		const translated = translate(packet, protocolVersion);
		// A plain DISCONNECT needs no reason code (5.0, 3.14.2.1), but mqtt-packet would write it.
		const options = protocolVersion === 5 && translated !== PLAIN_DISCONNECT ? VERSION_5 : undefined;
		writeToStream(translated, chunks, options);
	} catch (error) {
		throw new Error(`cannot encode ${packet.cmd.toUpperCase()}: ${(error as Error).message}`);
	}
	return chunks.join();
}

/** The stream to which mqtt-packet writes a packet, piece by piece. */
class Chunks {
	private readonly _chunks: Uint8Array[] = [];
	private _length = 0;

	write(chunk: Uint8Array | string): boolean {
		const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
		this._chunks.push(bytes);
		this._length += bytes.length;
		return true;
	}

	/** How mqtt-packet reports an error. */
	destroy(error: Error): never {
		throw error;
	}

	join(): Bytes {
		const bytes = new Uint8Array(this._length);
		let at = 0;
		for (let index = 0; index < this._chunks.length; index++) {
			const chunk = this._chunks[index]!;
			bytes.set(chunk, at);
			at += chunk.length;
		}
		return bytes;
	}
}

/** A packet in mqtt-packet's terms, after the checks that mqtt-packet lacks. */
function translate(packet: Packet, protocolVersion: ProtocolVersion): object {
	const version5 = protocolVersion === 5;
	const properties =
		version5 && "properties" in packet && packet.properties
			? propertiesToWrite(packet.properties, packetTypeOf(packet.cmd))
			: undefined;
	switch (packet.cmd) {
		case "connect":
			return { ...translateConnect(packet, protocolVersion), properties };
		case "publish": {
			const { cmd, qos, retain, dup, payload, packetId } = packet;
			checkQoS(qos);
			if (qos > 0) checkPacketId(packetId);
			else if (dup) refuse("DUP with QoS 0 [MQTT-3.3.1-2]");
			// As bytes: mqtt-packet would convert a text again each time it needs the length.
			const aliased = packet.topic === "" && version5 && packet.properties?.topicAlias !== undefined;
			const topic = aliased ? new Buffer(0) : checkTopic(packet.topic, topicNameFault);
			return { cmd, topic, payload, qos, retain, dup, messageId: packetId, properties };
		}
		case "subscribe": {
			const { cmd, packetId } = packet;
			checkPacketId(packetId);
			const subscriptions = packet.subscriptions.map((subscription) => translateSubscription(subscription, version5));
			return { cmd, messageId: packetId, subscriptions, properties };
		}
		case "unsubscribe": {
			const { cmd, packetId, topicFilters } = packet;
			checkPacketId(packetId);
			for (const filter of topicFilters) checkTopic(filter, topicFilterFault);
			return { cmd, messageId: packetId, unsubscriptions: topicFilters, properties };
		}
		case "suback":
		case "unsuback": {
			const { cmd, packetId, reasonCodes } = packet;
			checkPacketId(packetId);
			return { cmd, messageId: packetId, granted: reasonCodes, properties };
		}
		case "connack": {
			const { cmd, sessionPresent, reasonCode } = packet;
			return { cmd, sessionPresent, reasonCode, returnCode: reasonCode, properties };
		}
		case "pingreq":
		case "pingresp":
			return packet;
		case "disconnect":
		case "auth": {
			const { cmd, reasonCode = 0 } = packet;
			checkReasonCode(reasonCode);
			return cmd === "disconnect" && reasonCode === 0 && !properties
				? PLAIN_DISCONNECT
				: { cmd, reasonCode, properties };
		}
		default: {
			const { cmd, packetId, reasonCode = 0 } = packet;
			checkPacketId(packetId);
			checkReasonCode(reasonCode);
			return { cmd, messageId: packetId, reasonCode, properties };
		}
	}
}

function translateConnect(packet: Connect, protocolVersion: ProtocolVersion): object {
	const { clientId, cleanSession, keepAlive, will, username } = packet;
	const password = packet.password === undefined ? undefined : Buffer.from(packet.password);
	const id = utf8(clientId, "client id");
	if (protocolVersion === 3 && id.length > CLIENT_ID_MAXIMUM_3_1) {
		refuse(`client id of ${id.length} bytes: MQTT 3.1 allows ${CLIENT_ID_MAXIMUM_3_1}`);
	}
	if (will) {
		checkTopic(will.topic, topicNameFault);
		checkQoS(will.qos);
		checkLength(will.payload, "will message");
	}
	if (username !== undefined) utf8(username, "user name");
	if (password) checkLength(password, "password");
	return {
		cmd: "connect",
		protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
		protocolVersion,
		// As bytes an empty client id passes mqtt-packet: in MQTT 5.0 the broker assigns one, also to a session that may last.
		clientId: protocolVersion === 5 ? id : clientId,
		clean: cleanSession,
		keepalive: keepAlive,
		will: will && protocolVersion === 5 ? { ...will, properties: propertiesToWrite(will.properties) } : will,
		username,
		password,
	};
}

function translateSubscription(subscription: Subscription, version5: boolean): object {
	const { topicFilter, qos, noLocal = false, retainAsPublished, retainHandling = 0 } = subscription;
	checkTopic(topicFilter, topicFilterFault);
	checkQoS(qos);
	if (version5) {
		const fault = sharedFilterFault(topicFilter, noLocal);
		if (fault) refuse(fault);
		if (retainHandling !== 0 && retainHandling !== 1 && retainHandling !== 2)
			refuse(`retain handling ${retainHandling}`);
	}
	return { topic: topicFilter, qos, nl: noLocal, rap: retainAsPublished, rh: retainHandling };
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

function checkReasonCode(reasonCode: number): void {
	if (!Number.isInteger(reasonCode) || reasonCode < 0 || reasonCode > 0xff) refuse(`reason code ${reasonCode}`);
}

function checkTopic(topic: string, faultOf: (topic: string) => string | undefined): Buffer {
	const fault = faultOf(topic);
	if (fault) refuse(fault);
	return utf8(topic, "topic");
}

/** MQTT control packets as the program sees them, in the standard's terms. */
import type { Bytes } from "../../host.js";

/** 4 is MQTT 3.1.1, 3 is MQTT 3.1. */
export type ProtocolVersion = 3 | 4;

export type QoS = 0 | 1 | 2;

export interface Will {
	readonly topic: string;
	/** At most 65,535 bytes. */
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
}

export interface Connect {
	readonly cmd: "connect";
	/** MQTT 3.1.1 without it. */
	readonly protocolVersion?: ProtocolVersion;
	readonly clientId: string;
	readonly cleanSession: boolean;
	/** Seconds, 0 to 65,535; 0 turns the mechanism off. */
	readonly keepAlive: number;
	readonly will?: Will | undefined;
	readonly username?: string | undefined;
	readonly password?: string | Bytes | undefined;
}

export interface Connack {
	readonly cmd: "connack";
	readonly sessionPresent: boolean;
	/** 0: accepted; 1 to 5: refused (table 3.1). */
	readonly returnCode: number;
}

export interface Publish {
	readonly cmd: "publish";
	readonly topic: string;
	/** As received it is a view of the bytes that the decoder was given. */
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly dup: boolean;
	/** Present if `qos` is not 0. */
	readonly packetId?: number | undefined;
}

/** The packets that carry a packet id and nothing else. */
export interface Acknowledgement {
	readonly cmd: "puback" | "pubrec" | "pubrel" | "pubcomp" | "unsuback";
	readonly packetId: number;
}

export interface Subscribe {
	readonly cmd: "subscribe";
	readonly packetId: number;
	readonly subscriptions: readonly { readonly topicFilter: string; readonly qos: QoS }[];
}

export interface Suback {
	readonly cmd: "suback";
	readonly packetId: number;
	/** One for each topic filter: the QoS granted, or 0x80 for a refusal. */
	readonly returnCodes: readonly number[];
}

export interface Unsubscribe {
	readonly cmd: "unsubscribe";
	readonly packetId: number;
	readonly topicFilters: readonly string[];
}

/** The packets that are a fixed header and nothing else. */
export interface Empty<Cmd extends "pingreq" | "pingresp" | "disconnect"> {
	readonly cmd: Cmd;
}

/** What a broker sends to a client. */
export type BrokerPacket = Connack | Publish | Acknowledgement | Suback | Empty<"pingresp">;

export type Packet = BrokerPacket | Connect | Subscribe | Unsubscribe | Empty<"pingreq" | "disconnect">;

// Reason codes of MQTT 5.0 (5.0, table 2-6).
export const MALFORMED_PACKET = 0x81;
export const PROTOCOL_ERROR = 0x82;
export const TOPIC_NAME_INVALID = 0x90;
export const PACKET_TOO_LARGE = 0x95;

/** The peer broke the protocol: the connection has to be closed [MQTT-4.8.0-1]. */
export class ProtocolError extends Error {
	override name = "ProtocolError";
	/** What a DISCONNECT of MQTT 5.0 would give as the reason. */
	readonly reasonCode: number | undefined;

	constructor(message: string, reasonCode?: number) {
		super(message);
		this.reasonCode = reasonCode;
	}
}

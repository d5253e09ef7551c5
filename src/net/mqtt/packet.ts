/** MQTT control packets as the program sees them, in the standard's terms. */
import type { Bytes } from "../../host.js";

/** 5 is MQTT 5.0, 4 is MQTT 3.1.1, 3 is MQTT 3.1. */
export type ProtocolVersion = 3 | 4 | 5;

/** The names of the versions. */
export const VERSIONS: Readonly<Record<ProtocolVersion, string>> = Object.freeze({ 3: "3.1", 4: "3.1.1", 5: "5.0" });

export type QoS = 0 | 1 | 2;

/**
 * The properties of MQTT 5.0 (5.0, table 2-4), under their names there. Which
 * packet may carry which, the codec checks. Times are in seconds.
 */
export interface Properties {
	readonly payloadFormatIndicator?: boolean;
	readonly messageExpiryInterval?: number;
	readonly contentType?: string;
	readonly responseTopic?: string;
	readonly correlationData?: Bytes;
	readonly subscriptionIdentifier?: number | readonly number[];
	readonly sessionExpiryInterval?: number;
	readonly assignedClientIdentifier?: string;
	readonly serverKeepAlive?: number;
	readonly authenticationMethod?: string;
	readonly authenticationData?: Bytes;
	readonly requestProblemInformation?: boolean;
	readonly willDelayInterval?: number;
	readonly requestResponseInformation?: boolean;
	readonly responseInformation?: string;
	readonly serverReference?: string;
	readonly reasonString?: string;
	readonly receiveMaximum?: number;
	readonly topicAliasMaximum?: number;
	readonly topicAlias?: number;
	readonly maximumQoS?: number;
	readonly retainAvailable?: boolean;
	/** Pairs of name and value, in their order; a name may come again. Only of packets to be sent: those received are not kept. */
	readonly userProperties?: readonly (readonly [name: string, value: string])[];
	readonly maximumPacketSize?: number;
	readonly wildcardSubscriptionAvailable?: boolean;
	readonly subscriptionIdentifiersAvailable?: boolean;
	readonly sharedSubscriptionAvailable?: boolean;
}

export interface Will {
	readonly topic: string;
	/** At most 65,535 bytes. */
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly properties?: Properties | undefined;
}

export interface Connect {
	readonly cmd: "connect";
	readonly clientId: string;
	/** In MQTT 5.0 "clean start". */
	readonly cleanSession: boolean;
	/** Seconds, 0 to 65,535; 0 turns the mechanism off. */
	readonly keepAlive: number;
	readonly will?: Will | undefined;
	readonly username?: string | undefined;
	readonly password?: string | Bytes | undefined;
	readonly properties?: Properties | undefined;
}

export interface Connack {
	readonly cmd: "connack";
	readonly sessionPresent: boolean;
	/** 0: accepted. Else in MQTT 5.0 a reason code of 0x80 and above, before a return code of 1 to 5 (3.1.1, table 3.1). */
	readonly reasonCode: number;
	readonly properties?: Properties | undefined;
}

export interface Publish {
	readonly cmd: "publish";
	/** Empty where a topic alias stands for it. */
	readonly topic: string;
	/** As received it is a view of the bytes that the decoder was given. */
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly dup: boolean;
	/** Present if `qos` is not 0. */
	readonly packetId?: number | undefined;
	readonly properties?: Properties | undefined;
}

/** A PUBLISH that is larger than the client takes, and was read past. */
export interface Oversized {
	readonly cmd: "oversized publish";
	readonly qos: QoS;
	/** 0 if `qos` is 0. */
	readonly packetId: number;
	/** Bytes of the whole packet. */
	readonly size: number;
}

export interface Acknowledgement {
	readonly cmd: "puback" | "pubrec" | "pubrel" | "pubcomp";
	readonly packetId: number;
	/** 0 before MQTT 5.0, and where it was left out. */
	readonly reasonCode?: number | undefined;
	readonly properties?: Properties | undefined;
}

export interface Subscription {
	readonly topicFilter: string;
	readonly qos: QoS;
	/** The options of MQTT 5.0. */
	readonly noLocal?: boolean;
	readonly retainAsPublished?: boolean;
	readonly retainHandling?: 0 | 1 | 2;
}

export interface Subscribe {
	readonly cmd: "subscribe";
	readonly packetId: number;
	readonly subscriptions: readonly Subscription[];
	readonly properties?: Properties | undefined;
}

export interface Suback {
	readonly cmd: "suback";
	readonly packetId: number;
	/** One for each topic filter: the QoS granted, or 0x80 and above for a refusal. */
	readonly reasonCodes: readonly number[];
	readonly properties?: Properties | undefined;
}

export interface Unsubscribe {
	readonly cmd: "unsubscribe";
	readonly packetId: number;
	readonly topicFilters: readonly string[];
	readonly properties?: Properties | undefined;
}

export interface Unsuback {
	readonly cmd: "unsuback";
	readonly packetId: number;
	/** One for each topic filter; none before MQTT 5.0. */
	readonly reasonCodes: readonly number[];
	readonly properties?: Properties | undefined;
}

/** From a client in every version; from a broker in MQTT 5.0. */
export interface Disconnect {
	readonly cmd: "disconnect";
	/** 0 before MQTT 5.0, and where it was left out. */
	readonly reasonCode?: number | undefined;
	readonly properties?: Properties | undefined;
}

/** MQTT 5.0. */
export interface Auth {
	readonly cmd: "auth";
	readonly reasonCode: number;
	readonly properties?: Properties | undefined;
}

/** The packets that are a fixed header and nothing else. */
export interface Empty<Cmd extends "pingreq" | "pingresp"> {
	readonly cmd: Cmd;
}

/** A packet from a broker to a client. */
export type BrokerPacket =
	| Connack
	| Publish
	| Acknowledgement
	| Suback
	| Unsuback
	| Empty<"pingresp">
	| Disconnect
	| Auth;

export type Packet = BrokerPacket | Connect | Subscribe | Unsubscribe | Empty<"pingreq">;

/** Subscriptions of one client, and with that topic filters of one request and reason codes of its answer. */
export const SUBSCRIPTIONS_MAXIMUM = 32;

/** What a simulated broker does wrong, or in another way than most. */
import type { Random } from "../random.ts";
import type { Tally } from "../tally.ts";

/** Probabilities from 0 to 1, where nothing else is said. All may be changed at any time. */
export interface BrokerFaults {
	/** Of each CONNECT: "server unavailable". */
	serverUnavailable: number;
	/** Of each CONNECT: "bad user name or password". */
	badCredentials: number;
	/** Of each CONNECT: no answer, ever, to anything, while the connection stays. */
	silentConnect: number;
	/** Of each CONNECT: the session begins, or goes on, and no CONNACK comes, nor anything else. */
	lostConnack: number;
	/** Of each CONNECT: accepted, and closed right after it. */
	closeAfterConnack: number;
	/** A later version it refuses in the form of 3.1.1. */
	protocolVersionMaximum: 3 | 4 | 5;
	/** Of each PINGREQ: no answer. */
	ignorePing: number;
	/** Longest delay of an acknowledgement (PUBACK, PUBREC, PUBCOMP), in ms; they keep their order. */
	acknowledgementDelay: number;
	/** Of each acknowledgement: the message is taken, or released, but this is not sent. */
	lostAcknowledgement: number;
	/** Of each acknowledgement: sent twice. */
	duplicateAcknowledgement: number;
	/** Of each acknowledgement: in its place one for a packet id that is not in flight, or one of the wrong kind. */
	wrongAcknowledgement: number;
	/**
	 * Of each PUBLISH of QoS 1 and 2 (5.0), but for a QoS 2 message that was taken before: it is not
	 * taken, and gets a reason code of 0x80 and above. The observer's `onRefuse` is told.
	 */
	refusePublish: number;
	/** Of each acknowledgement: before it, bytes that are no packet. */
	garbage: number;
	/** Of each acknowledgement: before it, a PUBLISH larger than the client takes. */
	oversizedPacket: number;
	/** Of each PUBLISH: it is taken, and then comes the end, with a DISCONNECT that gives a reason (5.0) or without one. */
	disconnect: number;
	/** It takes no PUBLISH whose payload ends like this, but ends the connection when it gets one. Empty: it takes all. */
	poison: string;
	/** Time after each CONNACK, in ms, in which the broker reads nothing. */
	deafFor: number;
	/** What a CONNACK of MQTT 5.0 tells. Older clients get no limits. */
	limits: BrokerLimits;
}

export interface BrokerLimits {
	readonly receiveMaximum?: number;
	readonly maximumQoS?: 0 | 1;
	readonly maximumPacketSize?: number;
	readonly topicAliasMaximum?: number;
	/** Seconds. */
	readonly serverKeepAlive?: number;
	readonly retainAvailable?: boolean;
}

export function noFaults(): BrokerFaults {
	return {
		serverUnavailable: 0,
		badCredentials: 0,
		silentConnect: 0,
		lostConnack: 0,
		closeAfterConnack: 0,
		protocolVersionMaximum: 5,
		ignorePing: 0,
		acknowledgementDelay: 0,
		lostAcknowledgement: 0,
		duplicateAcknowledgement: 0,
		wrongAcknowledgement: 0,
		refusePublish: 0,
		garbage: 0,
		oversizedPacket: 0,
		disconnect: 0,
		poison: "",
		deafFor: 0,
		limits: {},
	};
}

/** What it takes to let faults come about. */
export interface FaultSource {
	readonly random: Random;
	readonly tally: Tally;
	readonly faults: Readonly<BrokerFaults>;
}

/** Whether a fault comes about, which is counted; where it is switched off nothing is drawn. */
export function happens({ random, tally }: FaultSource, fault: string, probability: number): boolean {
	if (probability <= 0 || !random.chance(probability)) return false;
	tally.count(`broker: ${fault}`);
	return true;
}

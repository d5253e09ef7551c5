/** What a simulated broker tells of what happens at it. */
import type { Bytes } from "../../../../src/host.ts";
import type { QoS, Version } from "./packets.ts";

/** A message for which the broker has taken responsibility. */
export interface TakenMessage {
	readonly topic: string;
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	/** Whether the client said that it may have sent it before. */
	readonly dup: boolean;
	readonly clientId: string;
	/** Simulated ms. */
	readonly time: number;
	readonly isWill: boolean;
}

/** Who is told what happens at the broker. Every member may be left out. */
export interface BrokerObserver {
	/** QoS 0 and 1: each time it was received. QoS 2: once for a packet id, until it is released or the session ends. */
	onPublish?(message: TakenMessage): void;
	/** 5.0: it did not take the message, and tells the client so with a reason code of 0x80 and above. */
	onRefuse?(message: TakenMessage, reasonCode: number): void;
	/** It accepted a connection. */
	onConnect?(clientId: string, connection: { readonly version: Version; readonly sessionPresent: boolean }): void;
	/** A connection that it had accepted ended. */
	onDisconnect?(clientId: string, reason: string): void;
	/**
	 * The client broke the protocol, and its connection was ended. With `limit` it was one of the
	 * broker's limits, which a client cannot know that sends on before its CONNACK.
	 */
	onViolation?(clientId: string, what: string, limit: boolean): void;
}

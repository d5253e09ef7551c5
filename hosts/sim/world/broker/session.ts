/** What a simulated broker keeps of a client beyond its connection (3.1.1, section 4.1). */
import type { Bytes } from "../../../../src/host.ts";
import { topicMatches } from "../../../../src/net/mqtt/topic.ts";
import type { Event } from "../scheduler.ts";
import type { Properties, QoS, SubscribePacket, WillPacket } from "./packets.ts";

/** Messages that wait for a client; further ones are dropped. Mosquitto's default. */
const QUEUE_MAXIMUM = 1_000;
/** Session expiry interval that stands for "never" (5.0, 3.1.2.11.2), in s. */
export const NEVER_S = 0xffff_ffff;

/** A message on its way through the broker. */
export interface Message {
	readonly topic: string;
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly properties?: Properties | undefined;
}

/** A message that a client was sent and has not acknowledged. */
export interface InFlight {
	readonly message: Message;
	/** Whether the client has received it (QoS 2): a PUBREL is due or sent. */
	released: boolean;
}

export type SubscriptionOptions = Omit<SubscribePacket["subscriptions"][number], "topic"> & {
	readonly identifier?: number | undefined;
};

export class BrokerSession {
	readonly clientId: string;
	/** How long it outlives its connection, in s. */
	expiryInterval = 0;
	/** When it is over, while the client is away. */
	expiry: Event | undefined;
	/** The will of the latest connection, where it is to be published later. */
	delayedWill: { readonly event: Event; readonly will: WillPacket } | undefined;
	readonly subscriptions = new Map<string, SubscriptionOptions>();
	/** Ids of messages of QoS 2 that were taken and are not released. */
	readonly received = new Set<number>();
	/** By packet id, in the order of their first delivery. */
	readonly inFlight = new Map<number, InFlight>();
	readonly queue: Message[] = [];
	private _latestId = 0;

	constructor(clientId: string) {
		this.clientId = clientId;
	}

	/**
	 * Puts a message in the queue, as the subscriptions that match want it; at QoS 0 only
	 * while the client is connected. Returns whether there is one that matches.
	 */
	offer(message: Message, publisher: string | undefined, connected: boolean): boolean {
		let qos = -1;
		let retain = false;
		const identifiers: number[] = [];
		for (const [filter, options] of this.subscriptions) {
			if (!topicMatches(filter, message.topic) || (options.nl && publisher === this.clientId)) continue;
			qos = Math.max(qos, options.qos);
			if (options.rap) retain = message.retain;
			if (options.identifier !== undefined) identifiers.push(options.identifier);
		}
		if (qos < 0) return false;
		if (connected || Math.min(qos, message.qos) > 0) this.enqueue(message, qos, retain, identifiers);
		return true;
	}

	/** Puts a message in the queue, at `qos` at most. */
	enqueue(message: Message, qos: number, retain: boolean, identifiers: readonly number[]): void {
		if (this.queue.length >= QUEUE_MAXIMUM) return;
		const { topicAlias, subscriptionIdentifier, ...others } = message.properties ?? {};
		// As subscriptions with identifiers get it (5.0, 3.3.2.3.8).
		const properties = identifiers.length > 0 ? { ...others, subscriptionIdentifier: identifiers } : others;
		this.queue.push({ ...message, qos: Math.min(message.qos, qos) as QoS, retain, properties });
	}

	/** A packet id that is not in use, for a message that is in flight from now on. */
	enter(message: Message): number {
		do this._latestId = (this._latestId % 0xffff) + 1;
		while (this.inFlight.has(this._latestId));
		this.inFlight.set(this._latestId, { message, released: false });
		return this._latestId;
	}
}

/** What ends with the connection. */
import { Decoder } from "./codec.js";
import { KeepAlive } from "./keep-alive.js";
import type { InFlight } from "./outgoing.js";
import type { Connack, Packet, ProtocolVersion, QoS } from "./packet.js";

/** From a PINGREQ to some sign of life, in ms. */
export const PINGRESP_TIMEOUT_MS = 10_000;
/** Replies owed to the broker. The session's `receptive` keeps them from getting near it. */
const REPLIES_MAXIMUM = 128;
/** Topics that get an alias on one connection, if the broker takes so many: a station has a few. */
const ALIASES_MAXIMUM = 8;

/** A packet that was handed out and has not left whole. */
export interface Leaving<M> {
	readonly packet: Packet;
	/** When it was handed out, or a part of it last left, in ms. */
	since: number;
	/** What it carries, to be told of when it has left. */
	readonly entry?: InFlight<M> | undefined;
	readonly message?: M | undefined;
}

/** What the client has decided before it connects. */
interface Terms {
	readonly pipelined: boolean;
	/** Seconds. */
	readonly keepAlive: number;
	/** Of packets received, in bytes. */
	readonly maximumPacketSize: number;
	/** ms. */
	readonly connackTimeout: number;
}

export class Connection<M> {
	readonly version: ProtocolVersion;
	/** Whether packets follow the CONNECT without waiting for the CONNACK. */
	readonly pipelined: boolean;
	readonly connackDue: number;
	readonly decoder: Decoder;
	keepAlive: KeepAlive;
	phase: "opened" | "awaiting CONNACK" | "connected" | "ended" = "opened";
	/** Replies to send, in the order of what they reply to [MQTT-4.6.0-2, 4.6.0-3]. */
	readonly replies: Packet[] = [];
	/** What has to be delivered (again) on this connection, oldest first. */
	unsent: InFlight<M>[] = [];
	leaving: Leaving<M> | undefined;
	/** Whether messages leave one at a time, each when the one before it is acknowledged: one of them may end the connection. */
	careful = false;
	/** Whether the birth message is still to come, last: the broker did not bear it before. */
	birthOwed = false;
	/** Whether the broker has answered something on this connection. */
	proven = false;
	/** When the broker said that it ends the connection because of what it was sent, in ms. */
	dismissedAt: number | undefined;
	/** When an acknowledgement was overdue, in ms. */
	timedOutAt: number | undefined;
	/** When a part of a message that is read past last arrived, in ms: an answer may be behind it. */
	passedAt = Number.NEGATIVE_INFINITY;
	/** What the broker told of itself: until the CONNACK, the standard's defaults. */
	receiveMaximum = 0xffff;
	maximumPacketSize = Number.POSITIVE_INFINITY;
	maximumQoS: QoS = 2;
	retainAvailable = true;
	private _topicAliasMaximum = 0;
	private readonly _aliases = new Map<string, number>();

	constructor(
		version: ProtocolVersion,
		{ pipelined, keepAlive, maximumPacketSize, connackTimeout }: Terms,
		now: number,
	) {
		this.version = version;
		this.pipelined = pipelined;
		this.connackDue = now + connackTimeout;
		this.decoder = new Decoder({ maximumPacketSize, protocolVersion: version });
		this.keepAlive = new KeepAlive(keepAlive, PINGRESP_TIMEOUT_MS, now);
	}

	/** The broker has accepted the connection on its own terms. */
	accepted({ properties = {} }: Connack): void {
		this.phase = "connected";
		this.receiveMaximum = properties.receiveMaximum ?? this.receiveMaximum;
		this.maximumPacketSize = properties.maximumPacketSize ?? this.maximumPacketSize;
		this.maximumQoS = (properties.maximumQoS as QoS | undefined) ?? this.maximumQoS;
		this.retainAvailable = properties.retainAvailable ?? true;
		this._topicAliasMaximum = Math.min(properties.topicAliasMaximum ?? 0, ALIASES_MAXIMUM);
		// [MQTT-3.2.2-21]: the broker's keep-alive wins.
		const { serverKeepAlive } = properties;
		if (serverKeepAlive === undefined) return;
		this.keepAlive = new KeepAlive(serverKeepAlive, PINGRESP_TIMEOUT_MS, this.keepAlive.lastSent);
	}

	/** Throws a RangeError when the broker sends on while it does not take its answers. */
	reply(packet: Packet): void {
		if (this.replies.length >= REPLIES_MAXIMUM) throw new RangeError(`${REPLIES_MAXIMUM} replies wait to be sent`);
		this.replies.push(packet);
	}

	/** The alias for a topic, if the broker takes one, and whether it knows it already [5.0: MQTT-3.3.2-10]. */
	aliasOf(topic: string): { readonly topicAlias: number; readonly known: boolean } | undefined {
		const topicAlias = this._aliases.get(topic);
		if (topicAlias !== undefined) return { topicAlias, known: true };
		if (this._aliases.size >= this._topicAliasMaximum) return undefined;
		return { topicAlias: this._aliases.size + 1, known: false };
	}

	/** The topic leaves together with its alias. */
	learn(topic: string, topicAlias: number): void {
		this._aliases.set(topic, topicAlias);
	}
}

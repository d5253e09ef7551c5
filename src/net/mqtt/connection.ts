/** The state that ends with the connection, and when the connection has to be given up. */
import type { Bytes } from "../../host.js";
import { Decoder, encode } from "./codec/codec.js";
import { ConnectionError } from "./errors.js";
import type { InFlightMessage } from "./in-flight.js";
import { KeepAlive } from "./keep-alive.js";
import type { Connack, Packet, ProtocolVersion, QoS } from "./packet.js";
import { TopicAliases } from "./topic-aliases.js";

/**
 * From the connection's opening to the CONNACK, in ms. No PINGREQ may ask earlier, and
 * a broker that many clients wait for, or that asks a database for each password,
 * takes its time: a client that gives up sooner stands in its queue twice.
 */
const CONNACK_TIMEOUT_MS = 10_000;
/** From a packet to its acknowledgement, and from handing a packet out to its leaving, in ms. */
const ACKNOWLEDGEMENT_TIMEOUT_MS = 20_000;
/** Longest time that a message read past may delay the acknowledgements behind it, in ms: 256 MB at 150 KB/s. */
const PASSING_MAXIMUM_MS = 1_800_000;
/**
 * Bytes from which on a message is large, how long each further one may take, in ms,
 * and all of them: the socket may have taken what leaves only then, at 2 kbit/s.
 */
const LARGE_BYTES = 1_024;
const BYTE_MS = 4;
const LARGE_MAXIMUM_MS = 120_000;
/** Replies that wait to be sent to the broker. The session's `receptive` keeps them far below. */
const REPLIES_MAXIMUM = 128;

/** A packet that was handed out and has not left whole. */
export interface Leaving<M> {
	readonly packet: Packet;
	/** When it was handed out, or a part of it last left, in ms. */
	since: number;
	/** Its message, for the callbacks when it has left. */
	readonly entry: InFlightMessage<M> | undefined;
	readonly message: M | undefined;
}

/** The client's terms for a connection. */
interface Terms {
	readonly pipelined: boolean;
	/** Seconds. */
	readonly keepAlive: number;
	/** That it expects at first, in ms. */
	readonly roundTrip: number;
	/** Largest packet to receive, in bytes. */
	readonly maximumPacketSize: number;
}

export class Connection<M> {
	readonly version: ProtocolVersion;
	/** Whether packets follow the CONNECT without waiting for the CONNACK. */
	readonly pipelined: boolean;
	readonly decoder: Decoder;
	readonly keepAlive: KeepAlive;
	phase: "opened" | "awaiting CONNACK" | "connected" | "ended" = "opened";
	/** Replies to send, in the order of the packets that they reply to [MQTT-4.6.0-2, 4.6.0-3]. */
	readonly replies: Packet[] = [];
	leaving: Leaving<M> | undefined;
	/** Messages to be delivered (again) on this connection, oldest first. */
	unsent: InFlightMessage<M>[] = [];
	/** Whether each message waits for the acknowledgement of the last: one of them may have ended the connection before. */
	careful = false;
	/** Whether the birth message is still to come, last: the broker ended connections because of it before. */
	birthOwed = false;
	/** Whether the broker has answered a packet on this connection. */
	proven = false;
	/** Whether the broker has taken a message on this connection. */
	delivered = false;
	/** When a DISCONNECT blamed a packet from the client for the end, in ms. */
	dismissedAt: number | undefined;
	/** When an acknowledgement was overdue, in ms. */
	timedOutAt: number | undefined;
	/** Until when a large message keeps answers back, in ms. */
	private _busyUntil = Number.NEGATIVE_INFINITY;
	/** The broker's limits from its CONNACK; until then what it told last, or else the standard's defaults. */
	receiveMaximum = 0xffff;
	maximumPacketSize = Number.POSITIVE_INFINITY;
	maximumQoS: QoS = 2;
	retainAvailable = true;
	/** If the broker takes topic aliases. */
	aliases: TopicAliases | undefined;
	private readonly _connackDue: number;

	constructor(version: ProtocolVersion, { pipelined, keepAlive, roundTrip, maximumPacketSize }: Terms, now: number) {
		this.version = version;
		this.pipelined = pipelined;
		this._connackDue = now + CONNACK_TIMEOUT_MS;
		this.decoder = new Decoder({ maximumPacketSize, protocolVersion: version });
		this.keepAlive = new KeepAlive(keepAlive, now, roundTrip);
	}

	/** The broker has accepted the connection on its own terms. */
	accepted({ properties = {} }: Connack): void {
		this.phase = "connected";
		this.receiveMaximum = properties.receiveMaximum ?? 0xffff;
		this.maximumPacketSize = properties.maximumPacketSize ?? this.maximumPacketSize;
		this.maximumQoS = (properties.maximumQoS as QoS | undefined) ?? this.maximumQoS;
		this.retainAvailable = properties.retainAvailable ?? true;
		if (properties.topicAliasMaximum) this.aliases = new TopicAliases(properties.topicAliasMaximum);
		// [MQTT-3.2.2-21]: the broker's keep-alive wins.
		const { serverKeepAlive } = properties;
		if (serverKeepAlive !== undefined) this.keepAlive.setInterval(serverKeepAlive);
	}

	/** A large message keeps answers back until `until`, in ms: one read past, whose last part has arrived, or one on its way to the broker. */
	busy(until: number): void {
		this._busyUntil = Math.max(this._busyUntil, until);
	}

	/** Throws a RangeError when the broker sends on without taking the replies. */
	reply(packet: Packet): void {
		if (this.replies.length >= REPLIES_MAXIMUM) throw new RangeError(`${REPLIES_MAXIMUM} replies wait to be sent`);
		this.replies.push(packet);
	}

	/** The bytes of the packet that leaves next. Throws an Error where MQTT does not allow it. */
	leave(packet: Packet, now: number, entry?: InFlightMessage<M>, message?: M): Bytes {
		this.leaving = { packet, since: now, entry, message };
		return encode(packet, this.version);
	}

	/** The packet has left. */
	left(packet: Packet, now: number): void {
		this.leaving = undefined;
		if (packet.cmd === "pingreq") this.keepAlive.pingSent(now);
		else this.keepAlive.lastSent = now;
		if (packet.cmd === "connect") this.phase = "awaiting CONNACK";
		if (packet.cmd !== "publish" || packet.payload.length <= LARGE_BYTES) return;
		this.busy(now + Math.min(LARGE_MAXIMUM_MS, BYTE_MS * packet.payload.length));
	}

	/**
	 * When `check` is to be called, or the next packet is to be sent, in ms.
	 * `sentAt`: when the oldest unacknowledged packet left; `lastDue`: when a request
	 * or birth message that comes last may leave; each `Infinity` where there is none.
	 */
	deadline(sentAt: number, lastDue: number): number {
		if (this.phase !== "connected") return this._connackDue;
		const { keepAlive } = this;
		const since = this.answerSince(sentAt);
		const sendDue = this.leaving
			? this.leaving.since + ACKNOWLEDGEMENT_TIMEOUT_MS
			: Math.min(keepAlive.pingDue(since), lastDue);
		return Math.min(since + ACKNOWLEDGEMENT_TIMEOUT_MS, keepAlive.responseDue(this._busyUntil), sendDue);
	}

	/** Throws a `ConnectionError` when the broker has been silent for too long. */
	check(sentAt: number, now: number): void {
		if (this.phase !== "connected") {
			if (now < this._connackDue) return;
			throw new ConnectionError(`no CONNACK within ${CONNACK_TIMEOUT_MS / 1_000} s`);
		}
		if (this.leaving && now >= this.leaving.since + ACKNOWLEDGEMENT_TIMEOUT_MS) {
			throw new ConnectionError(`the connection took no data for ${ACKNOWLEDGEMENT_TIMEOUT_MS / 1_000} s`);
		}
		if (now >= this.keepAlive.responseDue(this._busyUntil)) {
			throw new ConnectionError(`no PINGRESP within ${this.keepAlive.responseTime / 1_000} s`);
		}
		if (now >= this.answerSince(sentAt) + ACKNOWLEDGEMENT_TIMEOUT_MS) {
			this.timedOutAt = now;
			throw new ConnectionError(`no acknowledgement within ${ACKNOWLEDGEMENT_TIMEOUT_MS / 1_000} s`);
		}
	}

	/** Since when an answer has been due to what left at `sentAt`, in ms: a large message may keep it back. */
	answerSince(sentAt: number): number {
		if (this._busyUntil <= sentAt) return sentAt;
		return Math.max(sentAt, Math.min(this._busyUntil, sentAt + PASSING_MAXIMUM_MS));
	}
}

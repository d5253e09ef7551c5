/**
 * Messages from the broker: each is handed on and acknowledged, one of QoS 2
 * exactly once. The ids of QoS 2 messages outlive a connection.
 */
import type { Connection } from "./connection.js";
import { ProtocolError } from "./errors.js";
import type { Message, ReceivedMessage } from "./message.js";
import type { Oversized, Packet, Publish } from "./packet.js";
import { PACKET_IDENTIFIER_NOT_FOUND, RECEIVE_MAXIMUM_EXCEEDED, TOPIC_ALIAS_INVALID } from "./reason-codes.js";
import { ReceivedIds } from "./received-ids.js";
import type { SessionOptions } from "./session-options.js";

/**
 * Messages handed on and not acknowledged yet, with `acknowledgesByHand`: beyond them no more is received. A broker of
 * MQTT 5.0 stops before, at the Receive Maximum.
 */
const UNACKNOWLEDGED_MAXIMUM = 1_024;

/** A message that waits for its acknowledgement to leave. */
interface Held {
	/** `undefined`: it was too large, and read past. */
	readonly message?: ReceivedMessage;
	readonly packetId: number;
	/** `undefined`: has left, or there is none. */
	acknowledgement: Packet | undefined;
	/** With `acknowledgesByHand`: whether it may leave. */
	isDue?: boolean;
}

export class Inbound<M extends Message> {
	private readonly _options: SessionOptions<M>;
	/** Ids of QoS 2 messages that were handed on and whose PUBREL is to come [MQTT-4.3.3-2]. */
	private _received: ReceivedIds | undefined;
	/**
	 * Messages to be handed on, in the order in which they came. One call of
	 * `Session.receive` brought them: the session is not `receptive` while there are any.
	 */
	private _held: Held[] = [];

	constructor(options: SessionOptions<M>) {
		this._options = options;
	}

	/** Whether no more may be received: messages wait to be handed on, or too many to be acknowledged. */
	get isHolding(): boolean {
		return this._held.length > (this._options.acknowledgesByHand ? UNACKNOWLEDGED_MAXIMUM - 1 : 0);
	}

	published(connection: Connection<M>, { topic, payload, qos, retain, dup, packetId = 0, properties }: Publish): void {
		if (properties?.topicAlias !== undefined) {
			// The CONNECT allowed none [5.0: MQTT-3.1.2-26].
			throw new ProtocolError("a topic alias that was not allowed", TOPIC_ALIAS_INVALID);
		}
		const message = { topic, payload, qos, retain, dup, properties };
		const acknowledgement: Packet | undefined =
			qos > 0 ? { cmd: qos === 1 ? "puback" : "pubrec", packetId } : undefined;
		// A message that is not new was handed on, or will be: the broker has not received the PUBREC.
		if (qos < 2 || this._isNew(packetId)) {
			const { acknowledgesFirst, acknowledgesByHand, onMessage } = this._options;
			const isByHand = acknowledgesByHand && acknowledgement;
			if (acknowledgesFirst || isByHand) this._held.push({ message, packetId, acknowledgement });
			if (!acknowledgesFirst) onMessage?.(message);
			if (isByHand) return;
			// Not before its first copy is.
		} else if (this._options.acknowledgesByHand && this._held.some((held) => held.packetId === packetId)) return;
		if (acknowledgement) connection.reply(acknowledgement);
	}

	/** A message's acknowledgement may leave, once those of all before it have. */
	acknowledge(message: ReceivedMessage): void {
		const held = this._held.find((held) => held.message === message);
		if (held) held.isDue = true;
	}

	/** The next acknowledgement that may leave: in the order of the messages [MQTT-4.6.0-2]. */
	nextAcknowledgement(): Packet | undefined {
		return this._held[0]?.isDue ? this._held.shift()?.acknowledgement : undefined;
	}

	/** A message that was read past is acknowledged like any other, or the broker would send it again for ever. */
	readPast(connection: Connection<M>, { qos, packetId, size }: Oversized, now: number): void {
		connection.busy(now);
		if (qos < 2 || this._isNew(packetId)) this._options.onOversized?.(size);
		if (qos === 0) return;
		const acknowledgement: Packet = { cmd: qos === 1 ? "puback" : "pubrec", packetId };
		// Not before those of earlier messages.
		if (this._options.acknowledgesByHand) this._held.push({ packetId, acknowledgement, isDue: true });
		else connection.reply(acknowledgement);
	}

	/** A PUBREL: the broker does not send this message of QoS 2 again. */
	released(connection: Connection<M>, packetId: number): void {
		const known = this._received?.delete(packetId);
		connection.reply({ cmd: "pubcomp", packetId, reasonCode: known ? 0 : PACKET_IDENTIFIER_NOT_FOUND });
	}

	/** A reply has left, perhaps the acknowledgement that a message waits for. */
	replied(reply: Packet): void {
		if (this._held.length === 0) return;
		for (const held of this._held) if (held.acknowledgement === reply) held.acknowledgement = undefined;
	}

	/** Hands on the next message, if there is one and its acknowledgement has left; returns whether it did. */
	handOn(): boolean {
		const held = this._held[0];
		if (!held || held.acknowledgement) return false;
		this._held.shift();
		if (held.message) this._options.onMessage?.(held.message);
		return true;
	}

	/** The connection has ended: messages whose acknowledgement has not left come again. */
	disconnected(): void {
		for (const { packetId, acknowledgement } of this._held)
			if (acknowledgement?.cmd === "pubrec") this._received?.delete(packetId);
		this._held = this._held.filter(({ acknowledgement }) => !acknowledgement);
	}

	/** The broker has no session: it has released everything, or will send it anew. */
	startOver(): void {
		this._received = undefined;
	}

	/** Whether a message of QoS 2 has not been received before; from now on it has been. */
	private _isNew(packetId: number): boolean {
		this._received ??= new ReceivedIds();
		if (this._received.has(packetId)) return false;
		if (this._received.add(packetId)) return true;
		throw new ProtocolError("too many unreleased QoS 2 messages", RECEIVE_MAXIMUM_EXCEEDED);
	}
}

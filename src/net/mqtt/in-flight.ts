/**
 * Messages of QoS 1 and 2 that the broker has not acknowledged. They outlive a
 * connection, so that they can be delivered again on the next one.
 */
import type { Message } from "./message.js";
import type { Acknowledgement, QoS } from "./packet.js";
import type { PacketIds } from "./packet-ids.js";

/** A message that is not acknowledged. */
export interface InFlightMessage<M> {
	readonly packetId: number;
	/** `undefined` stands for the birth message. */
	readonly message: M | undefined;
	readonly qos: QoS;
	/** Whether it has left in this session, on this connection or one before: then it goes out with DUP. */
	transmitted: boolean;
	/** Whether it has ever left, be it in another session. */
	published: boolean;
	/** QoS 2: whether the broker has it (PUBREC) and only PUBREL and PUBCOMP are missing. */
	released: boolean;
	/** When its PUBLISH or PUBREL left on this connection. */
	sentAt: number | undefined;
}

/** When the oldest of these packets left, in ms; `Infinity`: none has left. */
export function oldestOf(packets: ReadonlyMap<number, { readonly sentAt: number | undefined }>): number {
	let oldest = Number.POSITIVE_INFINITY;
	// No iterator for an empty map, as it mostly is.
	if (packets.size === 0) return oldest;
	for (const { sentAt } of packets.values()) if (sentAt !== undefined && sentAt < oldest) oldest = sentAt;
	return oldest;
}

export class InFlight<M extends Message> {
	private readonly _ids: PacketIds;
	/** In the order of the first transmission, which is the order of redelivery [MQTT-4.6.0-1]. */
	private readonly _messages = new Map<number, InFlightMessage<M>>();
	/** When the oldest unacknowledged packet left on this connection, in ms; `Infinity`: none did. Asked for at every turn. */
	oldestSentAt = Number.POSITIVE_INFINITY;

	constructor(ids: PacketIds) {
		this._ids = ids;
		ids.share(this._messages);
	}

	/** Messages that are not acknowledged. */
	get size(): number {
		return this._messages.size;
	}

	/** In the order of redelivery. */
	entries(): InFlightMessage<M>[] {
		return [...this._messages.values()];
	}

	/** The PUBLISH or PUBREL of the entry has left on this connection. */
	sent(entry: InFlightMessage<M>, now: number): void {
		const isAgain = entry.sentAt !== undefined;
		entry.sentAt = now;
		this.oldestSentAt = isAgain ? oldestOf(this._messages) : Math.min(this.oldestSentAt, now);
	}

	enter(message: M | undefined, qos: QoS, published = false): InFlightMessage<M> {
		const packetId = this._ids.take();
		const entry = { packetId, message, qos, transmitted: false, published, released: false, sentAt: undefined };
		this._messages.set(packetId, entry);
		return entry;
	}

	/** The entry is acknowledged, or given up. */
	remove({ packetId }: InFlightMessage<M>): void {
		this._messages.delete(packetId);
		this.oldestSentAt = oldestOf(this._messages);
	}

	/**
	 * The entry that an acknowledgement is for, if there is one. A PUBCOMP before the
	 * PUBREC is for none: it may be for an earlier message, which the client has
	 * forgotten and released.
	 */
	find({ cmd, packetId }: Acknowledgement): InFlightMessage<M> | undefined {
		const entry = this._messages.get(packetId);
		if (entry?.sentAt === undefined || (cmd === "pubcomp" && !entry.released)) return undefined;
		return entry;
	}

	/**
	 * Messages above the broker's Maximum QoS are published anew at that QoS
	 * [5.0: MQTT-3.2.2-11]: a redelivery must not have another QoS.
	 */
	lower(maximumQoS: QoS): void {
		for (const entry of this.entries()) {
			// An unchanged entry moves, too: the order of redelivery stays.
			this.remove(entry);
			if (entry.qos <= maximumQoS || entry.released) this._messages.set(entry.packetId, entry);
			else this.enter(entry.message, maximumQoS, entry.published);
		}
	}

	/** The connection has ended. */
	disconnected(): void {
		for (const entry of this._messages.values()) entry.sentAt = undefined;
		this.oldestSentAt = Number.POSITIVE_INFINITY;
	}

	/**
	 * The broker has lost the session: unacknowledged messages are published anew, in
	 * the same order, and not as redeliveries. Messages after their PUBREC, too: a
	 * message twice is better than none.
	 */
	startOver(maximumQoS: QoS): void {
		const entries = this.entries();
		for (const entry of entries) this.remove(entry);
		for (const { message, published } of entries) {
			if (message) this.enter(message, Math.min(message.qos, maximumQoS) as QoS, published);
		}
	}
}

/**
 * Messages to the broker: the birth message, redeliveries, and new messages within
 * the window. Messages in flight outlive a connection.
 */
import type { Bytes } from "../../host.js";
import type { Connection, Leaving } from "./connection.js";
import { HighestQoS } from "./highest-qos.js";
import type { InFlight, InFlightMessage } from "./in-flight.js";
import type { Message } from "./message.js";
import type { Acknowledgement, Properties, Publish, QoS } from "./packet.js";
import { PACKET_IDENTIFIER_NOT_FOUND, PACKET_TOO_LARGE, TOPIC_NAME_INVALID } from "./reason-codes.js";
import type { SessionOptions } from "./session-options.js";
import { Suspicion } from "./suspicion.js";

/** Messages sent and not yet acknowledged, unless the broker takes fewer. Further messages wait. */
const IN_FLIGHT_MAXIMUM = 8;

export class Outbound<M extends Message> {
	private readonly _options: SessionOptions<M>;
	private readonly _inFlight: InFlight<M>;
	private readonly _suspicion = new Suspicion<M>();
	private readonly _highestQoS = new HighestQoS();
	/** A message of QoS 0 whose connection ended before all of it had left. */
	private _unsent: M | undefined;

	constructor(options: SessionOptions<M>, inFlight: InFlight<M>) {
		this._options = options;
		this._inFlight = inFlight;
	}

	begin(connection: Connection<M>): void {
		if (connection.version < 5) connection.maximumQoS = this._highestQoS.value;
	}

	/**
	 * When a birth message that is still to come may leave, in ms; `Infinity`: there is none. `isBusy`: other
	 * messages are in flight, which one that the broker only refuses need not wait for.
	 */
	birthDue({ birthOwed, careful }: Connection<M>, isBusy: boolean): number {
		const { isRefused, birthDue } = this._suspicion;
		return birthOwed && (!isBusy || (isRefused && !careful)) ? birthDue : Number.POSITIVE_INFINITY;
	}

	/**
	 * The birth message goes first, and beside the window: status before readings.
	 * A birth message still in flight keeps its place among the redeliveries [MQTT-4.6.0-1].
	 */
	giveBirth(connection: Connection<M>, now: number): void {
		if (!this._options.birth || connection.unsent.some(({ message }) => message === undefined)) return;
		connection.birthOwed = now < this._suspicion.birthDue;
		if (connection.birthOwed) return;
		const qos = Math.min(1, connection.maximumQoS) as QoS;
		connection.unsent.unshift(this._inFlight.enter(undefined, qos));
	}

	/**
	 * The broker has accepted a connection that waited for it. `isResumed`: whether
	 * it has the session.
	 */
	resume(connection: Connection<M>, isResumed: boolean, now: number): void {
		if (isResumed) this._inFlight.lower(connection.maximumQoS);
		else this._inFlight.startOver(connection.maximumQoS);
		connection.unsent = this._inFlight.entries();
		this.giveBirth(connection, now);
		connection.careful = this._suspicion.isRoused;
	}

	/** Whether the broker takes no messages of QoS 2. */
	get takesNoQoS2(): boolean {
		return this._highestQoS.value < 2;
	}

	lowerQoS(): void {
		this._highestQoS.lower();
	}

	/** Tells once that messages of QoS 2 are sent at QoS 1 from now on. */
	tellLowered(): void {
		if (this._highestQoS.takeNews()) this._options.onLowerQoS?.();
	}

	/** Gives up and returns the message on which the broker ended several connections: others wait behind it. */
	giveUp(now: number): InFlightMessage<M> | undefined {
		const culprit = this._suspicion.convict(this._inFlight.entries(), now);
		if (culprit) this._inFlight.remove(culprit);
		return culprit;
	}

	/** Redeliveries, then new messages, within the window. */
	transmit(connection: Connection<M>, now: number): Bytes | undefined {
		for (;;) {
			// Messages in flight and not in `unsent` were sent on this connection [5.0: MQTT-3.3.4-7].
			const { unsent } = connection;
			const inFlight = this._inFlight.size;
			const quota = (connection.careful ? 1 : connection.receiveMaximum) - (inFlight - unsent.length);
			if (connection.careful && quota <= 0) return undefined;
			if (unsent.length > 0) {
				// A PUBREL does not wait for the quota [5.0: MQTT-3.3.4-8].
				const index = quota > 0 ? 0 : unsent.findIndex(({ released }) => released);
				const entry = unsent[index];
				if (!entry) return undefined;
				unsent.splice(index, 1);
				const bytes = entry.released
					? connection.leave({ cmd: "pubrel", packetId: entry.packetId }, now, entry)
					: this._publish(connection, (entry.message ?? this._options.birth)!, now, entry);
				if (bytes) return bytes;
				continue;
			}
			if (quota <= 0 || inFlight >= IN_FLIGHT_MAXIMUM) return undefined;
			const message = this._unsent ?? this._options.nextMessage?.();
			this._unsent = undefined;
			if (!message) return undefined;
			const qos = Math.min(message.qos, connection.maximumQoS) as QoS;
			if (qos === 0 && connection.phase !== "connected") {
				// A message of QoS 0 would be lost without notice if the broker did not accept the connection.
				this._unsent = message;
				return undefined;
			}
			const bytes = this._publish(connection, message, now, qos > 0 ? this._inFlight.enter(message, qos) : undefined);
			if (bytes) return bytes;
		}
	}

	/** A packet has left, perhaps a PUBLISH or PUBREL. */
	transmitted({ entry, message }: Leaving<M>, now: number): void {
		const redelivered = entry?.published ?? false;
		if (entry) {
			entry.transmitted = entry.published = true;
			this._inFlight.sent(entry, now);
			// A broker that takes nothing above QoS 0 acknowledges nothing.
			if (entry.qos === 0) this._inFlight.remove(entry);
		}
		if (!message) return;
		this._options.onPublish?.(message, redelivered);
		if (!entry || entry.qos === 0) this._options.onAcknowledge?.(message);
	}

	/**
	 * The broker answers a PUBLISH or a PUBREL. An answer of the other QoS is the end of
	 * the message, too: RabbitMQ 3.10 answers QoS 2 by PUBACK, and would get the message
	 * again on each connection that ended for that.
	 */
	acknowledged(connection: Connection<M>, packet: Acknowledgement, now: number): void {
		const { cmd, packetId, reasonCode = 0 } = packet;
		const entry = this._inFlight.find(packet);
		connection.proven = true;
		if (!entry) {
			// The client has forgotten the message; a PUBREL lets the broker forget it, too [5.0: 4.3.3, table 2-6].
			if (cmd === "pubrec" && reasonCode < 0x80)
				connection.reply({ cmd: "pubrel", packetId, reasonCode: PACKET_IDENTIFIER_NOT_FOUND });
			if (cmd === "puback")
				this._options.onUnexpected?.(`a PUBACK for the packet id ${packetId}, which is not in flight`);
			return;
		}
		if ((cmd === "puback") !== (entry.qos === 1)) {
			this._options.onUnexpected?.(`a ${cmd.toUpperCase()} for a message of QoS ${entry.qos}`);
		}
		if (cmd === "pubrec" && entry.qos === 2) this._highestQoS.answered();
		if (cmd === "pubrec" && reasonCode < 0x80) {
			connection.reply({ cmd: "pubrel", packetId });
			if (entry.qos === 2) {
				entry.released = true;
				this._inFlight.sent(entry, now);
				return;
			}
		}
		this._inFlight.remove(entry);
		const { message } = entry;
		this._suspicion.acquit(message);
		// [5.0: MQTT-4.4.0-2]: a refusal is an acknowledgement, too.
		if (reasonCode >= 0x80 && cmd !== "pubcomp") {
			if (!message) {
				this._suspicion.postponeBirth(now);
				connection.birthOwed = true;
			}
			return this._options.onReject?.(message ?? "birth message", reasonCode);
		}
		connection.delivered = true;
		if (message) this._options.onAcknowledge?.(message);
		else this._suspicion.birthTaken();
	}

	/**
	 * A connection that the broker had accepted has ended. `endedAt`: when the broker
	 * ended it, in ms, if it did; `isAlone`: whether only messages were unanswered.
	 */
	judge(connection: Connection<M>, endedAt: number | undefined, isAlone: boolean): void {
		const inFlight = this._inFlight.entries();
		this._suspicion.judge(connection, endedAt, inFlight, isAlone);
		// It gets its chances at QoS 1.
		if (isAlone && this._highestQoS.judge(connection, endedAt, inFlight)) this._suspicion.pardon();
	}

	/** The connection has ended: messages in flight wait for the next one. */
	disconnected({ leaving }: Connection<M>): void {
		if (leaving?.message && !leaving.entry) this._unsent = leaving.message;
		this._inFlight.disconnected();
		this._suspicion.disconnected();
	}

	/** The PUBLISH packet; `undefined` if it is too large for the broker: then the message is given back. */
	private _publish(
		connection: Connection<M>,
		message: Message,
		now: number,
		entry: InFlightMessage<M> | undefined,
	): Bytes | undefined {
		const { topic, payload, properties } = message;
		const packet: Publish = {
			cmd: "publish",
			topic,
			payload,
			qos: entry?.qos ?? 0,
			retain: message.retain && connection.retainAvailable,
			dup: entry?.transmitted ?? false,
			packetId: entry?.packetId,
			properties: properties && sendable(properties),
		};
		const own = entry ? entry.message : (message as M);
		const alias = connection.aliases?.of(topic);
		// It must fit without the alias, too: a redelivery on the next connection has none.
		if (!alias || connection.maximumPacketSize < Number.POSITIVE_INFINITY) {
			const bytes = leave(connection, packet, now, entry, own);
			if (typeof bytes === "number") return this._giveBack(connection, entry, own, bytes);
			if (!alias) return bytes;
		}
		const { topicAlias, known } = alias;
		const aliased = { ...packet, topic: known ? "" : topic, properties: { ...packet.properties, topicAlias } };
		const bytes = leave(connection, aliased, now, entry, own);
		if (typeof bytes !== "number") {
			connection.aliases?.learn(topic, topicAlias);
			return bytes;
		}
		const full = leave(connection, packet, now, entry, own);
		return typeof full === "number" ? this._giveBack(connection, entry, own, full) : full;
	}

	/** The message cannot be sent, now or later. */
	private _giveBack(
		connection: Connection<M>,
		entry: InFlightMessage<M> | undefined,
		own: M | undefined,
		reasonCode: number,
	): undefined {
		connection.leaving = undefined;
		if (entry) this._inFlight.remove(entry);
		this._options.onReject?.(own ?? "birth message", reasonCode);
		return undefined;
	}
}

/** The bytes of the packet, or the reason code for which it cannot leave. */
function leave<M>(
	connection: Connection<M>,
	packet: Publish,
	now: number,
	entry: InFlightMessage<M> | undefined,
	own: M | undefined,
): Bytes | number {
	try {
		const bytes = connection.leave(packet, now, entry, own);
		return bytes.length <= connection.maximumPacketSize ? bytes : PACKET_TOO_LARGE;
	} catch {
		// The encoder refuses messages that MQTT does not allow: a topic with a wildcard, for instance.
		return TOPIC_NAME_INVALID;
	}
}

/** A received message may be sent on: without its topic alias and subscription identifiers [5.0: MQTT-3.2.2-17, 3.3.4-6]. */
function sendable(properties: Properties): Properties {
	const { topicAlias, subscriptionIdentifier, ...others } = properties;
	return topicAlias === undefined && subscriptionIdentifier === undefined ? properties : others;
}

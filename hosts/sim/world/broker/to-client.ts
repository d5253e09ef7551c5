/** Messages from a simulated broker to a client, on one connection (section 4.3). */
import type { Bytes } from "../../../../src/host.ts";
import { type AcknowledgementPacket, encodePacket, type Properties, type Version } from "./packets.ts";
import { PACKET_IDENTIFIER_NOT_FOUND, PROTOCOL_ERROR, Violation } from "./reasons.ts";
import type { BrokerSession, Message } from "./session.ts";

/** Messages in flight to a client at most, whatever more it takes: Mosquitto's default. */
const IN_FLIGHT_MAXIMUM = 20;

export class ToClient {
	private readonly _session: BrokerSession;
	private readonly _version: Version;
	private readonly _receiveMaximum: number;
	private readonly _maximumPacketSize: number;
	private readonly _write: (bytes: Bytes) => void;

	/** @param properties of the CONNECT */
	constructor(session: BrokerSession, version: Version, properties: Properties, write: (bytes: Bytes) => void) {
		this._session = session;
		this._version = version;
		this._receiveMaximum = Math.min(IN_FLIGHT_MAXIMUM, properties.receiveMaximum ?? IN_FLIGHT_MAXIMUM);
		this._maximumPacketSize = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY;
		this._write = write;
	}

	/** Sends what the client has not acknowledged on an earlier connection, in its order [MQTT-4.4.0-1, MQTT-4.6.0-1], and then what waits. */
	redeliver(): void {
		for (const [messageId, { message, released }] of this._session.inFlight) {
			if (released) this._write(encodePacket({ cmd: "pubrel", messageId, reasonCode: 0 }, this._version));
			else if (!this._publish(message, messageId, true)) this._session.inFlight.delete(messageId);
		}
		this.deliver();
	}

	/** Sends what waits, as far as the client's window reaches. */
	deliver(): void {
		const { queue, inFlight } = this._session;
		for (let message = queue[0]; message; message = queue[0]) {
			if (message.qos > 0 && inFlight.size >= this._receiveMaximum) return;
			queue.shift();
			const id = message.qos > 0 ? this._session.enter(message) : undefined;
			// A message that is too large for the client counts as delivered (5.0, 3.1.2.11.4).
			if (!this._publish(message, id, false) && id !== undefined) inFlight.delete(id);
		}
	}

	/** The client acknowledges what it was sent. Throws a `Violation`. */
	acknowledged({ cmd, messageId, reasonCode = 0 }: AcknowledgementPacket): void {
		const { inFlight } = this._session;
		const entry = inFlight.get(messageId);
		if (cmd === "pubrec" && reasonCode < 0x80) {
			if (entry) entry.released = true;
			const code = entry ? 0 : PACKET_IDENTIFIER_NOT_FOUND;
			return this._write(encodePacket({ cmd: "pubrel", messageId, reasonCode: code }, this._version));
		}
		if (entry && (cmd === "puback") !== (entry.message.qos === 1)) {
			throw new Violation(`${cmd.toUpperCase()} for a message of QoS ${entry.message.qos}`, PROTOCOL_ERROR);
		}
		inFlight.delete(messageId);
		this.deliver();
	}

	/** Returns whether the client takes a packet of that size. */
	private _publish(
		{ topic, payload, qos, retain, properties }: Message,
		messageId: number | undefined,
		dup: boolean,
	): boolean {
		const packet = { cmd: "publish", topic, payload, qos, retain, dup, messageId };
		const bytes = encodePacket(this._version === 5 && properties ? { ...packet, properties } : packet, this._version);
		if (bytes.length > this._maximumPacketSize) return false;
		this._write(bytes);
		return true;
	}
}

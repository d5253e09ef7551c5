/** Messages from a client to a simulated broker, on one connection (section 4.3). */
import type { Acknowledgements } from "./acknowledgements.ts";
import type { BrokerCore, Client } from "./core.ts";
import { type BrokerLimits, happens } from "./faults.ts";
import type { AcknowledgementPacket, PublishPacket } from "./packets.ts";
import {
	ENDS,
	MALFORMED_PACKET,
	NO_MATCHING_SUBSCRIBERS,
	PACKET_IDENTIFIER_IN_USE,
	PACKET_IDENTIFIER_NOT_FOUND,
	POISON,
	PROTOCOL_ERROR,
	QOS_NOT_SUPPORTED,
	RECEIVE_MAXIMUM_EXCEEDED,
	REFUSALS,
	RETAIN_NOT_SUPPORTED,
	TOPIC_ALIAS_INVALID,
	TOPIC_NAME_INVALID,
	Violation,
} from "./reasons.ts";
import type { Message } from "./session.ts";
import { isTopicName } from "./topic-filter.ts";

export class FromClient {
	private readonly _core: BrokerCore;
	private readonly _client: Client;
	private readonly _limits: BrokerLimits;
	/** Ids of the client's messages of which it cannot know that they are done with. */
	private readonly _unacknowledged: Set<number>;
	private readonly _acknowledgements: Acknowledgements;
	private readonly _aliases = new Map<number, string>();

	constructor(
		core: BrokerCore,
		client: Client,
		limits: BrokerLimits,
		unacknowledged: Set<number>,
		acknowledgements: Acknowledgements,
	) {
		this._core = core;
		this._client = client;
		this._limits = limits;
		this._unacknowledged = unacknowledged;
		this._acknowledgements = acknowledgements;
	}

	/** Throws a `Violation`. */
	publish(packet: PublishPacket): void {
		const { qos, dup, retain, messageId: id = 0 } = packet;
		const topic = this._topicOf(packet);
		const { maximumQoS = 2, retainAvailable = true, receiveMaximum = 0xffff } = this._limits;
		if (qos > maximumQoS) throw new Violation(`QoS ${qos}`, QOS_NOT_SUPPORTED, true);
		if (retain && !retainAvailable) throw new Violation("retain", RETAIN_NOT_SUPPORTED, true);
		if (this._poisons(packet.payload)) return;
		const message = { topic, payload: new Uint8Array(packet.payload), qos, retain, properties: packet.properties };
		if (qos === 0) {
			if (dup) throw new Violation("DUP with QoS 0 [MQTT-3.3.1-2]", MALFORMED_PACKET);
			this._core.take(this._client, message, dup);
			this._mayEnd();
			return;
		}
		if (id === 0) throw new Violation("packet id 0 [MQTT-2.3.1-1]", PROTOCOL_ERROR);
		if (this._unacknowledged.has(id)) {
			throw new Violation(`packet id ${id} twice on one connection`, PACKET_IDENTIFIER_IN_USE);
		}
		this._unacknowledged.add(id);
		const inFlight = this._unacknowledged.size;
		if (inFlight > receiveMaximum)
			throw new Violation(`${inFlight} messages in flight`, RECEIVE_MAXIMUM_EXCEEDED, true);
		const known = qos === 2 && this._client.session!.received.has(id);
		const reasonCode = known ? 0 : this._take(message, dup, id);
		if (this._mayEnd()) return;
		this._acknowledgements.send({ cmd: qos === 1 ? "puback" : "pubrec", packetId: id, reasonCode });
	}

	release({ messageId }: AcknowledgementPacket): void {
		const known = this._client.session!.received.delete(messageId);
		const reasonCode = known || this._client.version < 5 ? 0 : PACKET_IDENTIFIER_NOT_FOUND;
		this._acknowledgements.send({ cmd: "pubcomp", packetId: messageId, reasonCode });
	}

	/** Takes a message or, as a fault, refuses it. Returns the reason code. */
	private _take(message: Message, dup: boolean, id: number): number {
		const version5 = this._client.version === 5;
		if (version5 && happens(this._core, "refused PUBLISH", this._core.faults.refusePublish)) {
			const reasonCode = this._core.random.pick(REFUSALS);
			this._core.refuse(this._client, message, dup, reasonCode);
			return reasonCode;
		}
		if (message.qos === 2) this._client.session!.received.add(id);
		return this._core.take(this._client, message, dup) || !version5 ? 0 : NO_MATCHING_SUBSCRIBERS;
	}

	/** The topic name, which may be there as an alias. */
	private _topicOf({ topic, properties }: PublishPacket): string {
		const alias = this._client.version === 5 ? properties?.topicAlias : undefined;
		if (alias !== undefined) {
			if (alias === 0 || alias > (this._limits.topicAliasMaximum ?? 0)) {
				throw new Violation(`topic alias ${alias}`, TOPIC_ALIAS_INVALID, true);
			}
			if (topic !== "") this._aliases.set(alias, topic);
		}
		const name = topic === "" && alias !== undefined ? this._aliases.get(alias) : topic;
		if (name !== undefined && isTopicName(name)) return name;
		throw new Violation(`topic name ${JSON.stringify(topic)}`, topic === "" ? PROTOCOL_ERROR : TOPIC_NAME_INVALID);
	}

	/** The end in place of taking a message, as a fault. Returns whether it came. */
	private _poisons(payload: Uint8Array): boolean {
		const { poison } = this._core.faults;
		if (poison === "" || !String.fromCharCode(...payload.subarray(-poison.length)).endsWith(poison)) return false;
		this._core.tally.count("broker: ended for a message");
		this._client.end(POISON);
		return true;
	}

	/** The end after a message that was taken, as a fault. Returns whether the connection has ended. */
	private _mayEnd(): boolean {
		if (!this._client.connected) return true;
		if (!happens(this._core, "disconnected", this._core.faults.disconnect)) return false;
		this._client.end("a fault", this._core.random.pick(ENDS));
		return true;
	}
}

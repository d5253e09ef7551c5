/**
 * An MQTT session without I/O: bytes and times go in, packets to send and the
 * time of the next deadline come out. It speaks MQTT 5.0, 3.1.1 and 3.1.
 *
 * This file decides the order of the parts' work; the parts have the state:
 * `Handshake`, `Inbound`, `Outbound` and `Subscriptions` outlive a connection, a
 * `Connection` ends with it.
 *
 * The session holds no queue. It asks `nextMessage` for a message only when it can
 * send it at once; until then the message waits with its owner.
 */
import type { Bytes } from "../../host.js";
import { encode } from "./codec/codec.js";
import type { Connection } from "./connection.js";
import { endedByBroker, otherProtocol, ProtocolError, SessionDiscardedError } from "./errors.js";
import { Handshake } from "./handshake.js";
import { InFlight } from "./in-flight.js";
import { Inbound } from "./inbound.js";
import type { Message, ReceivedMessage } from "./message.js";
import { Outbound } from "./outbound.js";
import type { BrokerPacket, Connack, Oversized, ProtocolVersion, Subscription } from "./packet.js";
import { PacketIds } from "./packet-ids.js";
import { DISCONNECT_WITH_WILL, UNSUPPORTED_PROTOCOL_VERSION } from "./reason-codes.js";
import type { SessionOptions } from "./session-options.js";
import { Subscriptions } from "./subscriptions.js";
import { isBlame } from "./suspicion.js";

export type { SessionOptions } from "./session-options.js";

/** In a broker's traits, beside the version. */
const NO_QOS_2 = 8;

export class Session<M extends Message> {
	private readonly _options: SessionOptions<M>;
	private readonly _handshake: Handshake<M>;
	private readonly _inbound: Inbound<M>;
	private readonly _inFlight: InFlight<M>;
	private readonly _outbound: Outbound<M>;
	private readonly _subscriptions: Subscriptions<M>;
	private _connection: Connection<M> | undefined;

	constructor(options: SessionOptions<M>) {
		const ids = new PacketIds();
		this._options = options;
		this._handshake = new Handshake(options);
		this._inbound = new Inbound(options);
		this._inFlight = new InFlight(ids);
		this._outbound = new Outbound(options, this._inFlight);
		this._subscriptions = new Subscriptions(options, ids);
	}

	/** Whether the broker has accepted the connection. */
	get connected(): boolean {
		return this._connection?.phase === "connected";
	}

	/** The version of the present connection, or else of the next. */
	get protocolVersion(): ProtocolVersion {
		return this._handshake.version;
	}

	/** What has been found out of the broker, for the `expect` of a later run. */
	get traits(): number {
		return this.protocolVersion + (this._outbound.takesNoQoS2 ? NO_QOS_2 : 0);
	}

	/**
	 * Before the first connection: what an earlier run has found out, its `traits`; or a
	 * version, which then comes first.
	 */
	expect(traits: number): void {
		const takesNoQoS2 = traits >= NO_QOS_2;
		if (takesNoQoS2) this._outbound.lowerQoS();
		this._handshake.expect((takesNoQoS2 ? traits - NO_QOS_2 : traits) as ProtocolVersion);
	}

	/** Whether packets follow the next CONNECT without waiting for the CONNACK, if nothing is to be delivered again. */
	get pipelining(): boolean {
		return this._handshake.pipelines;
	}

	/** Messages sent and not acknowledged. */
	get inFlight(): number {
		return this._inFlight.size;
	}

	/** Whether the broker has acknowledged a message on this connection. */
	get delivered(): boolean {
		return this._connection?.delivered ?? false;
	}

	/** Whether an answer of the broker is due. */
	get awaiting(): boolean {
		if (!this._connection) return false;
		const { phase, keepAlive } = this._connection;
		return phase !== "connected" || this._inFlight.size > 0 || this._subscriptions.awaiting || keepAlive.awaiting;
	}

	/** For how long an answer has been due, or a packet could not leave, and nothing has passed, in ms; negative: neither is so. */
	silence(now: number): number {
		const connection = this._connection;
		if (!connection) return Number.NEGATIVE_INFINITY;
		const { keepAlive, leaving, phase } = connection;
		const since = phase === "connected" ? Math.min(this._oldestSentAt, keepAlive.pingedAt) : keepAlive.lastSent;
		return now - Math.max(keepAlive.aliveAt, Math.min(since, leaving?.since ?? since));
	}

	/**
	 * Whether more bytes may be received. While replies wait to be sent, nothing
	 * more should be read: else they would pile up when a broker does not take them.
	 */
	get receptive(): boolean {
		return this._connection?.replies.length === 0 && !this._inbound.isHolding;
	}

	/** When `tick` is to be called, in ms; `Infinity`: not needed. */
	get deadline(): number {
		const connection = this._connection;
		return connection ? connection.deadline(this._oldestSentAt, this._lastDue(connection)) : Number.POSITIVE_INFINITY;
	}

	/**
	 * Subscribes now, and again in every new session. Throws a RangeError for too
	 * many subscriptions, or a wrong topic filter.
	 */
	subscribe(subscription: Subscription): void {
		this._subscriptions.subscribe(subscription);
	}

	unsubscribe(topicFilter: string): void {
		this._subscriptions.unsubscribe(topicFilter);
	}

	/**
	 * A connection to the broker is open.
	 *
	 * Subscriptions and messages follow the CONNECT at once (a client need not
	 * wait for the CONNACK, section 3.1.4), so that a reading is acknowledged one
	 * round trip sooner. Redeliveries wait for the CONNACK's session present flag,
	 * and everything behind them.
	 */
	open(now: number): void {
		const connection = this._handshake.begin(this._inFlight.size > 0, now);
		this._connection = connection;
		this._outbound.begin(connection);
		if (connection.pipelined) this._outbound.giveBirth(connection, now);
	}

	/**
	 * The connection has ended; messages in flight wait for the next one.
	 *
	 * `brokerEndedAt` is when the broker closed it, in ms, if the broker did: a packet
	 * may be the cause. Left out where the network failed.
	 */
	close(brokerEndedAt?: number): void {
		const connection = this._connection;
		if (!connection) return;
		this._handshake.disconnected(connection, brokerEndedAt !== undefined);
		const accepted = connection.phase === "connected" || connection.phase === "ended";
		const endedAt = accepted ? (brokerEndedAt ?? connection.dismissedAt) : undefined;
		const isAnswered = this._inFlight.oldestSentAt === Number.POSITIVE_INFINITY;
		if (accepted) this._outbound.judge(connection, endedAt, !this._subscriptions.awaiting);
		this._connection = undefined;
		this._inbound.disconnected();
		this._outbound.disconnected(connection);
		this._subscriptions.disconnected(endedAt ?? connection.timedOutAt, connection.proven && isAnswered);
	}

	/**
	 * Bytes have arrived: a few hundred at a time at the most, see `receptive`.
	 * Throws a `ConnectionError` or a `ProtocolError` when the connection has to
	 * be closed.
	 */
	receive(bytes: Bytes, now: number): void {
		const connection = this._connection;
		if (!connection) return;
		const { keepAlive, phase } = connection;
		keepAlive.received(phase === "connected" ? connection.answerSince(this._oldestSentAt) : keepAlive.lastSent, now);
		if (connection.decoder.passing) connection.busy(now);
		const puback = phase === "connected" ? connection.decoder.puback(bytes) : undefined;
		if (puback) return this._packet(connection, puback, now);
		try {
			for (const packet of connection.decoder.push(bytes)) {
				// A callback for the packet before may have closed the connection.
				if (this._connection !== connection) return;
				this._packet(connection, packet, now);
			}
		} catch (error) {
			// A broker that accepts 5.0 in 3.1.1's form does not know 5.0: it would take properties for payload.
			if (error instanceof ProtocolError && error.reasonCode === UNSUPPORTED_PROTOCOL_VERSION) {
				this._handshake.refuse(connection, UNSUPPORTED_PROTOCOL_VERSION, {});
			}
			throw (phase === "awaiting CONNACK" && otherProtocol(bytes)) || error;
		}
	}

	/** Throws a `ConnectionError` when the broker has been silent for too long. */
	tick(now: number): void {
		this._connection?.check(this._oldestSentAt, now);
	}

	/**
	 * The next packet to send, or `undefined`. It has to leave whole, and
	 * `transmitted` to be called then, before the next one is asked for.
	 */
	transmit(now: number): Bytes | undefined {
		const connection = this._connection;
		if (!connection || connection.leaving) return undefined;
		const { phase } = connection;
		if (phase === "connected") {
			const reply = connection.replies.shift() ?? this._inbound.nextAcknowledgement();
			if (reply) return connection.leave(reply, now);
			if (now >= connection.keepAlive.pingDue(connection.answerSince(this._oldestSentAt)))
				return connection.leave({ cmd: "pingreq" }, now);
		} else if (phase === "opened") {
			return connection.leave(this._handshake.connect(connection.version), now);
		} else if (phase !== "awaiting CONNACK" || !connection.pipelined) {
			return undefined;
		}
		if (connection.careful) {
			if (this._inFlight.size === 0) connection.careful = false;
			else if (!connection.proven)
				return connection.keepAlive.awaiting ? undefined : connection.leave({ cmd: "pingreq" }, now);
		}
		const { birthOwed } = connection;
		if (birthOwed && now >= this._outbound.birthDue(connection, true)) this._outbound.giveBirth(connection, now);
		const isLast = connection.careful || this._subscriptions.comeLast;
		const asks = !isLast && this._subscriptions.mayWant;
		const request = asks ? this._subscriptions.transmit(connection, now) : undefined;
		const packet = request ?? this._outbound.transmit(connection, now);
		if (packet || !(birthOwed || isLast) || now < this._lastDue(connection)) return packet;
		if (now >= this._outbound.birthDue(connection, false)) {
			this._outbound.giveBirth(connection, now);
			return this._outbound.transmit(connection, now);
		}
		return this._subscriptions.transmit(connection, now);
	}

	/** The packet from `transmit` has left: the time for its answer begins. */
	transmitted(now: number): void {
		const connection = this._connection;
		if (!connection?.leaving) return;
		const { leaving } = connection;
		const { packet } = leaving;
		connection.left(packet, now);
		this._inbound.replied(packet);
		if (packet.cmd === "subscribe" || packet.cmd === "unsubscribe") this._subscriptions.sent(packet.packetId, now);
		this._outbound.transmitted(leaving, now);
	}

	/**
	 * The network has taken the packets of `transmitted`: hands on the messages that
	 * are acknowledged by now, and returns whether there were any. Only with `acknowledgesFirst`.
	 *
	 * A connection may end before. The session forgets messages whose acknowledgement
	 * has not left, as they come again; it hands on the rest with the next connection.
	 * So no message is lost, and none comes twice but a message of QoS 1 whose
	 * acknowledgement got lost on its way: it is marked `dup`, the only sign that MQTT
	 * has for it.
	 */
	handOn(): boolean {
		const connection = this._connection;
		let handsOn = false;
		// `onMessage` may end the connection.
		while (connection && this._connection === connection && this._inbound.handOn()) handsOn = true;
		return handsOn;
	}

	/**
	 * A message from `onMessage` may be acknowledged, with `acknowledgesByHand`. Its acknowledgement leaves with the next
	 * `transmit`, behind those of the messages before it. One of a connection that has ended comes again.
	 */
	acknowledge(message: ReceivedMessage): void {
		this._inbound.acknowledge(message);
	}

	/** A part of the packet from `transmit` has left: a slow connection is not a stuck one. */
	progressed(now: number): void {
		const connection = this._connection;
		if (!connection?.leaving) return;
		connection.leaving.since = now;
		connection.keepAlive.aliveAt = now;
	}

	/**
	 * The DISCONNECT packet, after which nothing may be sent [MQTT-3.14.4-2], or
	 * `undefined` where it cannot be sent. A reason code of 0x80 and above goes into it
	 * (5.0), or, if there is a will, the code that has it published. Before 5.0 the
	 * connection is just closed then.
	 */
	disconnect(reasonCode = 0): Bytes | undefined {
		const connection = this._connection;
		if (!connection || connection.leaving || connection.phase !== "connected") return undefined;
		connection.phase = "ended";
		if (reasonCode !== 0 && connection.version < 5) return undefined;
		// After an error the will is to be published [5.0: MQTT-3.14.4-3]. Mosquitto 2.0 does so for this code alone.
		const told = reasonCode >= 0x80 && this._options.will ? DISCONNECT_WITH_WILL : reasonCode;
		return encode({ cmd: "disconnect", reasonCode: told }, connection.version);
	}

	/** When the oldest unanswered packet left, in ms; `Infinity`: there is none. */
	private get _oldestSentAt(): number {
		return Math.min(this._inFlight.oldestSentAt, this._subscriptions.oldestSentAt);
	}

	/** When a request or birth message that was put off may leave, in ms; `Infinity`: there is none, or others go first. */
	private _lastDue(connection: Connection<M>): number {
		// Asked for at every turn.
		const isNone = !connection.birthOwed && !this._subscriptions.comeLast;
		if (isNone || connection.phase !== "connected") return Number.POSITIVE_INFINITY;
		const isBusy = this._inFlight.size > 0;
		const requestDue = isBusy ? undefined : this._subscriptions.dueLast;
		return Math.min(this._outbound.birthDue(connection, isBusy), requestDue ?? Number.POSITIVE_INFINITY);
	}

	private _packet(connection: Connection<M>, packet: BrokerPacket | Oversized, now: number): void {
		if (packet.cmd === "connack") return this._accepted(connection, packet, now);
		// The first packet from the broker must be a CONNACK [MQTT-3.2.0-1].
		if (connection.phase !== "connected" && connection.phase !== "ended") {
			throw new ProtocolError(`the broker sent a ${packet.cmd.toUpperCase()} before its CONNACK`);
		}
		switch (packet.cmd) {
			case "oversized publish":
				return this._inbound.readPast(connection, packet, now);
			case "puback":
			case "pubrec":
			case "pubcomp":
				return this._outbound.acknowledged(connection, packet, now);
			case "publish":
				this._inbound.published(connection, packet);
				// A message of QoS 0 has no acknowledgement to wait for.
				if (packet.qos === 0) this.handOn();
				return;
			case "pubrel":
				return this._inbound.released(connection, packet.packetId);
			case "suback":
			case "unsuback":
				return this._subscriptions.answered(packet);
			case "pingresp":
				connection.proven = true;
				return connection.keepAlive.responded(now);
			case "disconnect":
				if (isBlame(packet.reasonCode)) connection.dismissedAt = now;
				throw endedByBroker(packet);
			default:
				// No AUTH without an authentication method in the CONNECT [5.0: MQTT-4.12.0-6].
				throw new ProtocolError(`the broker sent an ${packet.cmd.toUpperCase()} that nothing asked for`);
		}
	}

	private _accepted(connection: Connection<M>, packet: Connack, now: number): void {
		const accepted = this._handshake.accept(connection, packet, now);
		const { isDiscarded, isResumed, keepsSubscriptions, lacksWill } = accepted;
		const { sessionPresent, properties = {} } = packet;
		if (!isResumed) this._inbound.startOver();
		if (!keepsSubscriptions) this._subscriptions.startOver(!isResumed);
		if (isDiscarded) {
			this._inFlight.startOver(connection.maximumQoS);
			throw new SessionDiscardedError();
		}
		this._outbound.tellLowered();
		if (!connection.pipelined) {
			const givenUp = this._outbound.giveUp(now);
			// A broker that had received it would take the next message with its packet id for a redelivery.
			if (givenUp?.qos === 2) this._handshake.startClean();
			if (givenUp) this._options.onGiveUp?.(givenUp.message ?? "birth message");
			this._outbound.resume(connection, isResumed, now);
		}
		this._options.onConnect?.(sessionPresent, connection.version, properties);
		if (lacksWill) this._options.onGiveUp?.("will message");
	}
}

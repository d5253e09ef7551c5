/**
 * An MQTT session without I/O: bytes and times go in, packets to send and the
 * time of the next deadline come out. It speaks MQTT 5.0, 3.1.1 and 3.1.
 *
 * Two kinds of state: `Outgoing`, `Subscriptions` and the ids of received
 * messages outlive a connection, a `Connection` ends with it.
 *
 * The session holds no queue. It asks `nextMessage` for one more message
 * whenever it could send it at once, so that whatever waits, waits where its
 * owner put it.
 */
import type { Bytes } from "../../host.js";
import { encode } from "./codec.js";
import { Connection, PINGRESP_TIMEOUT_MS } from "./connection.js";
import { ConnectionError, RefusedError, SessionDiscardedError } from "./errors.js";
import { Manner } from "./manner.js";
import type { Message, ReceivedMessage } from "./message.js";
import { type InFlight, Outgoing } from "./outgoing.js";
import {
	type Acknowledgement,
	type BrokerPacket,
	type Connack,
	DISCONNECT_WITH_WILL,
	type Disconnect,
	type Oversized,
	PACKET_IDENTIFIER_NOT_FOUND,
	PACKET_TOO_LARGE,
	type Packet,
	type Properties,
	ProtocolError,
	type ProtocolVersion,
	type Publish,
	QOS_NOT_SUPPORTED,
	type QoS,
	RECEIVE_MAXIMUM_EXCEEDED,
	RETAIN_NOT_SUPPORTED,
	type Subscription,
	TOPIC_ALIAS_INVALID,
	TOPIC_NAME_INVALID,
	UNSUPPORTED_PROTOCOL_VERSION,
	type Will,
} from "./packet.js";
import { PacketIds } from "./packet-ids.js";
import { reasonText } from "./reason-codes.js";
import { ReceivedIds } from "./received-ids.js";
import { Subscriptions } from "./subscriptions.js";

/** Messages sent and not yet acknowledged, unless the broker takes fewer. More wait until one of these is. */
const IN_FLIGHT_MAXIMUM = 8;
/** From the connection's opening to the CONNACK, in ms. */
const CONNACK_TIMEOUT_MS = 10_000;
/** From a packet to its acknowledgement, and from handing a packet out to its leaving, in ms. */
const ACKNOWLEDGEMENT_TIMEOUT_MS = 20_000;
/** A message that is read past delays the acknowledgements behind it by so much at the most, in ms: 256 MB at 150 KB/s. */
const PASSING_MAXIMUM_MS = 1_800_000;
/** So many connections that the broker ended because of one message are enough: it is given up. */
const ENDS_MAXIMUM = 3;
/** An end so long after a message left, in ms, has another cause. */
const BLAME_MS = 10_000;
/** A birth message that was given up is tried again after so long, in ms, twice as long after each time, up to six hours. */
const BIRTH_PAUSE_MS = 60_000;
const BIRTH_PAUSE_MAXIMUM_MS = 21_600_000;
/** Messages of QoS 1 and 2 that a broker of MQTT 5.0 is to have in flight. No promise that it does: see `received-ids.ts`. */
const RECEIVED_MAXIMUM = 64;
/** Return code of a CONNACK (3.1.1, table 3.1). */
const UNACCEPTABLE_PROTOCOL_VERSION = 1;
/** Largest packet accepted from a broker by default, in bytes. */
const PACKET_SIZE_MAXIMUM = 4_096;
/** A day, in s: how long a broker of MQTT 5.0 is asked to keep the session of a client that is away. */
const SESSION_EXPIRY_S = 86_400;

export interface SessionOptions<M extends Message> {
	/** Stable, so that the broker knows the session again [MQTT-3.1.3-2]. Empty: the broker assigns one (5.0), or the session is a clean one. */
	readonly clientId: string;
	/** The highest version to speak, by default 5; a broker that does not know it is spoken to in an older one. */
	readonly protocolVersion?: ProtocolVersion;
	/** Whether each connection begins a new session (5.0: clean start) and none outlives its connection; by default not. */
	readonly cleanSession?: boolean;
	/**
	 * Whether the first connection ends what the broker has of an earlier run, by
	 * default not. For messages of QoS 2 from a client that forgets: one with the
	 * packet id of an unreleased one would be taken for it. Before MQTT 5.0 that
	 * takes a connection of its own.
	 */
	readonly cleanStart?: boolean;
	/** Seconds, 0 to 65535; 0 turns PINGREQs off. A broker of MQTT 5.0 may decide otherwise. */
	readonly keepAlive: number;
	readonly username?: string | undefined;
	readonly password?: string | undefined;
	/** Published by the broker when the connection ends without a DISCONNECT. */
	readonly will?: Will | undefined;
	/**
	 * Published first on every connection, at QoS 1 whatever its own: at QoS 2 one
	 * that the broker had received before the will would not be published again.
	 */
	readonly birth?: Message | undefined;
	/** Seconds (5.0): how long the broker is to keep the session; by default a day. */
	readonly sessionExpiryInterval?: number;
	/** Largest packet to receive, in bytes; by default 4,096. A broker of MQTT 5.0 is told. */
	readonly maximumPacketSize?: number;
	/**
	 * What a broker of MQTT 5.0 is told, by default the same. Where it is more, messages of sizes between are read
	 * past: a broker may stop at what it has to hold back (mosquitto 2.0 does so at 64 messages).
	 */
	readonly announcedPacketSize?: number;
	/** Whether packets may follow the CONNECT before the broker has accepted it; by default they do, where the broker bears it. */
	readonly pipelining?: boolean;
	/**
	 * Whether a message of QoS 1 or 2 is acknowledged before it is handed on, by
	 * default after: for commands, one of which may bring the machine down and would
	 * come again for ever. See `handOn`.
	 */
	readonly acknowledgesFirst?: boolean;
	/** The next message to publish, or `undefined`: called when it can be sent at once. */
	readonly nextMessage?: () => M | undefined;
	/** The broker accepted the connection; with the properties that it told (5.0). */
	readonly onConnect?: (sessionPresent: boolean, version: ProtocolVersion, properties: Properties) => void;
	/** A message from `nextMessage` left for the first time, or again after a reconnect. */
	readonly onPublish?: (message: M, redelivered: boolean) => void;
	/** The broker has a message from `nextMessage`; one of QoS 0 has left. */
	readonly onAcknowledge?: (message: M) => void;
	/**
	 * The broker does not take a message from `nextMessage` (5.0), or MQTT does not
	 * allow it; `reasonCode` as in table 2-6. It is not tried again.
	 */
	readonly onReject?: (message: M, reasonCode: number) => void;
	/**
	 * The broker ended several connections because of a message from `nextMessage`,
	 * or of the birth message, or did not accept one with the will. The message is
	 * not tried again, whether the broker has it or not; the birth message after a
	 * while, last; the will with the next connection.
	 */
	readonly onGiveUp?: (what: M | "birth message" | "will message") => void;
	/** A message that is larger than `maximumPacketSize`, in bytes, was read past. It counts as received. */
	readonly onOversized?: (size: number) => void;
	/** A message from a subscription: at QoS 2 exactly once. Its payload is valid during the call only. */
	readonly onMessage?: (message: ReceivedMessage) => void;
	/** The broker's answer to a subscription: the QoS granted, or a reason code of 0x80 and above. */
	readonly onSubscribe?: (topicFilter: string, reasonCode: number) => void;
	readonly onUnsubscribe?: (topicFilter: string, reasonCode: number) => void;
}

/** A message that waits for its acknowledgement to leave. */
interface Held {
	readonly message: ReceivedMessage;
	readonly packetId: number;
	/** `undefined`: has left, or there is none. */
	acknowledgement: Packet | undefined;
}

export class Session<M extends Message> {
	private readonly _options: SessionOptions<M>;
	private readonly _manner: Manner;
	private readonly _ids = new PacketIds();
	private readonly _outgoing = new Outgoing<M>(this._ids);
	private readonly _subscriptions = new Subscriptions(this._ids);
	/** Ids of QoS 2 messages that were handed on and whose PUBREL is to come [MQTT-4.3.3-2]. */
	private readonly _received = new ReceivedIds();
	/**
	 * Messages to be handed on, in the order in which they came: what one call of
	 * `receive` brought, as the session is not `receptive` while there are any.
	 */
	private _held: Held[] = [];
	private _clientId: string;
	/** As far as the broker takes it. */
	private _will: Will | undefined;
	private _startsClean: boolean;
	/** A message of QoS 0 whose connection ended before all of it had left. */
	private _unsent: M | undefined;
	/** Whether the broker ended the last connection with messages unacknowledged. */
	private _suspicious = false;
	/** The message on which the broker ended connections when nothing else was unanswered, and how many; `undefined` is the birth message. */
	private _suspect: { readonly message: M | undefined; ends: number } | undefined;
	/** Not before this does a birth message leave, and how long it waits the next time that it is given up. */
	private _birthDue = Number.NEGATIVE_INFINITY;
	private _birthPause = BIRTH_PAUSE_MS;
	private _connection: Connection<M> | undefined;

	constructor(options: SessionOptions<M>) {
		this._options = options;
		this._clientId = options.clientId;
		this._will = options.will;
		this._startsClean = options.cleanStart === true && !options.cleanSession;
		// MQTT 3.1 knows no empty client id.
		const lowest = options.clientId === "" ? 4 : 3;
		this._manner = new Manner(options.protocolVersion ?? 5, options.pipelining ?? true, lowest);
	}

	/** Whether the broker has accepted the connection. */
	get connected(): boolean {
		return this._connection?.phase === "connected";
	}

	/** The version that the next connection is opened with, or the present one was. */
	get protocolVersion(): ProtocolVersion {
		return this._manner.version;
	}

	/** Messages sent and not acknowledged. */
	get inFlight(): number {
		return this._outgoing.size;
	}

	/** Whether an answer of the broker is due. */
	get awaiting(): boolean {
		if (!this._connection) return false;
		const { phase, keepAlive } = this._connection;
		return phase !== "connected" || this._outgoing.size > 0 || this._subscriptions.awaiting || keepAlive.awaiting;
	}

	/**
	 * Whether more may be received. While replies wait to be sent, nothing more
	 * should be read: a broker that does not take its answers is not listened to.
	 */
	get receptive(): boolean {
		return this._connection?.replies.length === 0 && this._held.length === 0;
	}

	/** When `tick` is to be called, in ms; `Infinity`: not needed. */
	get deadline(): number {
		const connection = this._connection;
		if (!connection) return Number.POSITIVE_INFINITY;
		if (connection.phase !== "connected") return connection.connackDue;
		const { leaving, keepAlive } = connection;
		const sendDue = leaving ? leaving.since + ACKNOWLEDGEMENT_TIMEOUT_MS : keepAlive.pingDue;
		const lastDue = leaving ? Number.POSITIVE_INFINITY : this._lastDue(connection);
		return Math.min(this._acknowledgementDue(connection), keepAlive.responseDue, sendDue, lastDue);
	}

	/**
	 * Subscribes now, and again in every new session. Throws a RangeError when
	 * there are too many, or the topic filter is none.
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
	 * round trip sooner; unless something is to be delivered again, which asks for
	 * the CONNACK's session present flag first.
	 */
	open(now: number): void {
		const discards = this._startsClean && this._manner.version < 5;
		const pipelined = this._manner.pipelining && this._outgoing.size === 0 && !discards;
		const { keepAlive } = this._options;
		const terms = {
			pipelined,
			keepAlive,
			maximumPacketSize: this._maximumPacketSize,
			connackTimeout: CONNACK_TIMEOUT_MS,
		};
		this._connection = new Connection(this._manner.version, terms, now);
		if (pipelined) this._giveBirth(this._connection, now);
	}

	/**
	 * The connection has ended; what is in flight waits for the next one.
	 *
	 * `brokerEndedAt` is when the broker closed it, in ms, if that is what happened:
	 * something that it was sent may be the cause. A network that fails is none of
	 * the broker's doing.
	 */
	close(brokerEndedAt?: number): void {
		const connection = this._connection;
		if (!connection) return;
		const { phase, leaving } = connection;
		if (phase === "awaiting CONNACK") {
			this._manner.dropped(connection.pipelined);
			if (brokerEndedAt !== undefined) this._manner.doubtWill();
		} else if (phase === "connected") this._manner.ended();
		const accepted = phase === "connected" || phase === "ended";
		const endedAt = accepted ? (brokerEndedAt ?? connection.dismissedAt) : undefined;
		const isAnswered = this._outgoing.oldestSentAt === Number.POSITIVE_INFINITY;
		if (accepted) this._judge(connection, endedAt);
		if (leaving?.message && !leaving.entry) this._unsent = leaving.message;
		this._connection = undefined;
		// What the broker cannot have an acknowledgement of comes again.
		for (const { message, packetId, acknowledgement } of this._held)
			if (acknowledgement && message.qos === 2) this._received.delete(packetId);
		this._held = this._held.filter(({ acknowledgement }) => !acknowledgement);
		this._outgoing.disconnected();
		this._subscriptions.disconnected(endedAt ?? connection.timedOutAt, connection.proven && isAnswered);
	}

	/**
	 * Which message a connection ended on. With several unacknowledged nobody can
	 * tell: on the next connection they leave one at a time, once the broker has
	 * answered a PINGREQ. One on which several connections end in this way, right
	 * after it was sent, is the cause.
	 */
	private _judge(connection: Connection<M>, endedAt: number | undefined): void {
		const { leaving, proven } = connection;
		this._suspicious = false;
		if (endedAt === undefined) return;
		const unanswered = this._outgoing
			.entries()
			.filter((entry) => entry.sentAt !== undefined || entry === leaving?.entry);
		this._suspicious = unanswered.length > 0 || connection.careful;
		const [first] = unanswered;
		if (!first || unanswered.length > 1 || !proven || this._subscriptions.awaiting) return;
		if (endedAt - (first.sentAt ?? leaving!.since) >= BLAME_MS) return;
		const { message } = first;
		if (this._suspect && this._suspect.message === message) this._suspect.ends++;
		else this._suspect = { message, ends: 1 };
	}

	/**
	 * Bytes have arrived: some hundred at the most at a time, see `receptive`.
	 * Throws a `ConnectionError` or a `ProtocolError` when the connection has to
	 * be closed.
	 */
	receive(bytes: Bytes, now: number): void {
		const connection = this._connection;
		if (!connection) return;
		connection.keepAlive.received(now);
		if (connection.decoder.passing) connection.passedAt = now;
		try {
			for (const packet of connection.decoder.push(bytes)) {
				// Whoever was told of the packet before may have closed the connection.
				if (this._connection !== connection) return;
				this._packet(connection, packet, now);
			}
		} catch (error) {
			// It accepts 5.0 in the form of 3.1.1, and would take properties for payload: it does not know 5.0.
			if (error instanceof ProtocolError && error.reasonCode === UNSUPPORTED_PROTOCOL_VERSION) {
				this._refused(connection, UNSUPPORTED_PROTOCOL_VERSION, {});
			}
			throw error;
		}
	}

	/** Throws a `ConnectionError` when the broker has been silent for too long. */
	tick(now: number): void {
		const connection = this._connection;
		if (!connection) return;
		if (connection.phase !== "connected") {
			if (now < connection.connackDue) return;
			throw new ConnectionError(`no CONNACK within ${CONNACK_TIMEOUT_MS / 1_000} s`);
		}
		if (connection.leaving && now >= connection.leaving.since + ACKNOWLEDGEMENT_TIMEOUT_MS) {
			throw new ConnectionError(`the connection took no data for ${ACKNOWLEDGEMENT_TIMEOUT_MS / 1_000} s`);
		}
		if (now >= this._acknowledgementDue(connection)) {
			connection.timedOutAt = now;
			throw new ConnectionError(`no acknowledgement within ${ACKNOWLEDGEMENT_TIMEOUT_MS / 1_000} s`);
		}
		if (now >= connection.keepAlive.responseDue) {
			throw new ConnectionError(`no PINGRESP within ${PINGRESP_TIMEOUT_MS / 1_000} s`);
		}
	}

	/**
	 * The next packet to send, or `undefined`. It has to leave whole, and
	 * `transmitted` to be called then, before the next one is asked for.
	 */
	transmit(now: number): Bytes | undefined {
		const connection = this._connection;
		if (!connection || connection.leaving) return undefined;
		if (connection.phase === "opened")
			return this._leave(connection, { packet: this._connect(connection.version), since: now });
		if (connection.phase === "connected") {
			const reply = connection.replies.shift();
			if (reply) return this._leave(connection, { packet: reply, since: now });
			if (now >= connection.keepAlive.pingDue)
				return this._leave(connection, { packet: { cmd: "pingreq" }, since: now });
		} else if (connection.phase !== "awaiting CONNACK" || !connection.pipelined) {
			return undefined;
		}
		if (connection.careful && this._outgoing.size === 0) connection.careful = this._suspicious = false;
		if (connection.careful && !connection.proven) {
			if (connection.keepAlive.awaiting) return undefined;
			return this._leave(connection, { packet: { cmd: "pingreq" }, since: now });
		}
		const isLast = connection.careful || this._subscriptions.dueLast !== undefined;
		const request = isLast ? undefined : this._transmitRequest(connection, now);
		const packet = request ?? this._transmitMessage(connection, now);
		if (packet || now < this._lastDue(connection)) return packet;
		if (connection.birthOwed && now >= this._birthDue) {
			this._giveBirth(connection, now);
			return this._transmitMessage(connection, now);
		}
		return this._transmitRequest(connection, now);
	}

	/** When what comes last may leave, in ms, a request or a birth message; `Infinity`: there is nothing, or not yet. */
	private _lastDue({ phase, birthOwed }: Connection<M>): number {
		if (phase !== "connected" || this._outgoing.size > 0) return Number.POSITIVE_INFINITY;
		const birthDue = birthOwed ? this._birthDue : Number.POSITIVE_INFINITY;
		return Math.min(birthDue, this._subscriptions.dueLast ?? Number.POSITIVE_INFINITY);
	}

	/** The packet from `transmit` has left: the deadlines of what it asks for begin. */
	transmitted(now: number): void {
		const connection = this._connection;
		if (!connection?.leaving) return;
		const { packet, entry, message } = connection.leaving;
		connection.leaving = undefined;
		if (packet.cmd === "pingreq") connection.keepAlive.pingSent(now);
		else connection.keepAlive.sent(now);
		if (packet.cmd === "connect") connection.phase = "awaiting CONNACK";
		if (this._held.length > 0)
			for (const held of this._held) if (held.acknowledgement === packet) held.acknowledgement = undefined;
		if (packet.cmd === "subscribe" || packet.cmd === "unsubscribe") this._subscriptions.sent(packet.packetId, now);
		const redelivered = entry?.published ?? false;
		if (entry) {
			entry.transmitted = entry.published = true;
			entry.sentAt = now;
			// A broker that takes nothing above QoS 0 acknowledges nothing.
			if (entry.qos === 0) this._outgoing.remove(entry);
		}
		if (!message) return;
		this._options.onPublish?.(message, redelivered);
		if (!entry || entry.qos === 0) this._options.onAcknowledge?.(message);
	}

	/**
	 * What `transmitted` was told of has been given to the network: hands on the
	 * messages that are acknowledged by now. Only with `acknowledgesFirst`.
	 *
	 * A connection may end before. What the broker cannot have an acknowledgement of
	 * is forgotten, for it will come again; the rest is handed on with the next
	 * connection. So none is lost; and none comes twice but one of QoS 1 whose
	 * acknowledgement got lost on its way: it is marked `dup`, which is all that MQTT
	 * has to tell it by.
	 */
	handOn(): void {
		const connection = this._connection;
		// Whoever is told of one may end the connection.
		while (connection && this._connection === connection) {
			const held = this._held[0];
			if (!held || held.acknowledgement) return;
			this._held.shift();
			this._options.onMessage?.(held.message);
		}
	}

	/** A part of the packet from `transmit` has left: a slow connection is not a stuck one. */
	progressed(now: number): void {
		if (this._connection?.leaving) this._connection.leaving.since = now;
	}

	/**
	 * The DISCONNECT packet, after which nothing may be sent [MQTT-3.14.4-2], or
	 * `undefined` where there cannot be one. With a reason code of 0x80 and above
	 * (5.0) it says why, or has the will published if there is one; before, such an
	 * end is just a close.
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

	private get _maximumPacketSize(): number {
		return this._options.maximumPacketSize ?? PACKET_SIZE_MAXIMUM;
	}

	private _acknowledgementDue({ passedAt }: Connection<M>): number {
		const sentAt = Math.min(this._outgoing.oldestSentAt, this._subscriptions.oldestSentAt);
		return Math.max(sentAt, Math.min(passedAt, sentAt + PASSING_MAXIMUM_MS)) + ACKNOWLEDGEMENT_TIMEOUT_MS;
	}

	private _leave(connection: Connection<M>, leaving: NonNullable<Connection<M>["leaving"]>): Bytes {
		connection.leaving = leaving;
		return encode(leaving.packet, connection.version);
	}

	private _connect(version: ProtocolVersion): Packet {
		const { keepAlive, username, password, cleanSession } = this._options;
		return {
			cmd: "connect",
			clientId: this._clientId,
			cleanSession: this._isClean(version),
			keepAlive,
			username,
			password,
			will: this._manner.hasWill ? this._will : undefined,
			properties: {
				sessionExpiryInterval: cleanSession ? 0 : (this._options.sessionExpiryInterval ?? SESSION_EXPIRY_S),
				receiveMaximum: RECEIVED_MAXIMUM,
				maximumPacketSize: this._options.announcedPacketSize ?? this._maximumPacketSize,
			},
		};
	}

	/** Before MQTT 5.0 a session that cannot be found again must be a clean one [MQTT-3.1.3-7]. */
	private _isClean(version: ProtocolVersion): boolean {
		return this._options.cleanSession === true || this._startsClean || (this._clientId === "" && version < 5);
	}

	/** The next SUBSCRIBE or UNSUBSCRIBE, no larger than the broker takes it [5.0: MQTT-3.2.2-15]. */
	private _transmitRequest(connection: Connection<M>, now: number): Bytes | undefined {
		for (let request = this._subscriptions.next(); request; request = this._subscriptions.next()) {
			const bytes = this._leave(connection, { packet: request, since: now });
			if (bytes.length <= connection.maximumPacketSize) return bytes;
			connection.leaving = undefined;
			const topicFilter = this._subscriptions.tooLarge(request);
			const { onSubscribe, onUnsubscribe } = this._options;
			if (topicFilter !== undefined)
				(request.cmd === "subscribe" ? onSubscribe : onUnsubscribe)?.(topicFilter, PACKET_TOO_LARGE);
		}
		return undefined;
	}

	/** What is to be delivered again, then new messages, as far as the window reaches. */
	private _transmitMessage(connection: Connection<M>, now: number): Bytes | undefined {
		for (;;) {
			// Whatever is not in `unsent` was sent on this connection [5.0: MQTT-3.3.4-7].
			const { careful } = connection;
			const quota = (careful ? 1 : connection.receiveMaximum) - (this._outgoing.size - connection.unsent.length);
			if (careful && quota <= 0) return undefined;
			// A PUBREL waits for no room [5.0: MQTT-3.3.4-8].
			const index = quota > 0 ? 0 : connection.unsent.findIndex(({ released }) => released);
			const entry = connection.unsent[index];
			if (entry) {
				connection.unsent.splice(index, 1);
				const bytes = entry.released
					? this._leave(connection, { packet: { cmd: "pubrel", packetId: entry.packetId }, since: now, entry })
					: this._publish(connection, (entry.message ?? this._options.birth)!, now, entry);
				if (bytes) return bytes;
				continue;
			}
			if (quota <= 0 || this._outgoing.size >= IN_FLIGHT_MAXIMUM) return undefined;
			const message = this._unsent ?? this._options.nextMessage?.();
			this._unsent = undefined;
			if (!message) return undefined;
			const qos = Math.min(message.qos, connection.maximumQoS) as 0 | 1 | 2;
			if (qos === 0 && connection.phase !== "connected") {
				// Should the broker not accept the connection, nobody would tell, and the message were lost.
				this._unsent = message;
				return undefined;
			}
			const bytes = this._publish(connection, message, now, qos > 0 ? this._outgoing.enter(message, qos) : undefined);
			if (bytes) return bytes;
		}
	}

	/** The PUBLISH packet; `undefined` where the broker takes none of its size: then the message is given back. */
	private _publish(
		connection: Connection<M>,
		message: Message,
		now: number,
		entry: InFlight<M> | undefined,
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
		let reasonCode = PACKET_TOO_LARGE;
		const leave = (packet: Publish) => {
			try {
				const bytes = this._leave(connection, { packet, since: now, entry, message: own });
				if (bytes.length <= connection.maximumPacketSize) return bytes;
			} catch {
				// The encoder refuses what MQTT does not allow: a topic with a wildcard, for instance.
				reasonCode = TOPIC_NAME_INVALID;
			}
			return undefined;
		};
		const alias = connection.aliasOf(topic);
		// Without an alias it must fit, too: it may have to be delivered again on a connection that knows none.
		if (!alias || connection.maximumPacketSize < Number.POSITIVE_INFINITY) {
			const bytes = leave(packet);
			if (!bytes) return this._giveBack(connection, entry, own, reasonCode);
			if (!alias) return bytes;
		}
		const { topicAlias, known } = alias;
		const bytes = leave({ ...packet, topic: known ? "" : topic, properties: { ...packet.properties, topicAlias } });
		if (bytes) connection.learn(topic, topicAlias);
		return bytes ?? leave(packet) ?? this._giveBack(connection, entry, own, reasonCode);
	}

	/** The message cannot be sent, now or later. */
	private _giveBack(
		connection: Connection<M>,
		entry: InFlight<M> | undefined,
		own: M | undefined,
		reasonCode: number,
	): undefined {
		connection.leaving = undefined;
		if (entry) this._outgoing.remove(entry);
		if (own) this._options.onReject?.(own, reasonCode);
		return undefined;
	}

	private _packet(connection: Connection<M>, packet: BrokerPacket | Oversized, now: number): void {
		if (packet.cmd === "connack") return this._connack(connection, packet, now);
		// The first packet from the broker must be a CONNACK [MQTT-3.2.0-1].
		if (connection.phase !== "connected" && connection.phase !== "ended") {
			throw new ProtocolError(`the broker sent a ${packet.cmd.toUpperCase()} before its CONNACK`);
		}
		switch (packet.cmd) {
			case "oversized publish":
				return this._receivedOversized(connection, packet, now);
			case "puback":
			case "pubrec":
			case "pubcomp":
				return this._acknowledged(connection, packet, now);
			case "publish":
				return this._receivedPublish(connection, packet);
			case "pubrel": {
				const known = this._received.delete(packet.packetId);
				return connection.reply({
					cmd: "pubcomp",
					packetId: packet.packetId,
					reasonCode: known ? 0 : PACKET_IDENTIFIER_NOT_FOUND,
				});
			}
			case "suback":
				for (const [filter, code] of this._subscriptions.answered(packet)) this._options.onSubscribe?.(filter, code);
				return;
			case "unsuback":
				for (const [filter, code] of this._subscriptions.answered(packet)) this._options.onUnsubscribe?.(filter, code);
				return;
			case "pingresp":
				connection.proven = true;
				return connection.keepAlive.responded();
			case "disconnect":
				if (isBlame(packet.reasonCode)) connection.dismissedAt = now;
				throw disconnected(packet);
			default:
				// No AUTH without an authentication method in the CONNECT [5.0: MQTT-4.12.0-6].
				throw new ProtocolError(`the broker sent an ${packet.cmd.toUpperCase()} that nothing asked for`);
		}
	}

	private _connack(connection: Connection<M>, packet: Connack, now: number): void {
		if (connection.phase !== "awaiting CONNACK") {
			throw new ProtocolError(
				connection.phase === "opened" ? "the broker sent a CONNACK before the CONNECT" : "a second CONNACK",
			);
		}
		const { reasonCode, sessionPresent, properties = {} } = packet;
		if (reasonCode !== 0) this._refused(connection, reasonCode, properties);
		if (sessionPresent && this._isClean(connection.version)) {
			throw new ProtocolError("a session is present although a clean one was asked for [MQTT-3.2.2-1]");
		}
		if (properties.authenticationMethod !== undefined) {
			throw new ProtocolError("an authentication method that nothing asked for [5.0: MQTT-4.12.0-6]");
		}
		connection.accepted(packet);
		const goesWithoutWill = this._will !== undefined && !this._manner.hasWill;
		this._manner.accepted();
		if (this._startsClean) {
			this._startsClean = false;
			if (connection.version < 5) {
				// MQTT 3.1 does not tell it again.
				this._received.clear();
				this._subscriptions.startOver(true);
				this._outgoing.startOver(connection.maximumQoS);
				throw new SessionDiscardedError();
			}
		}
		if (this._clientId === "") this._clientId = properties.assignedClientIdentifier ?? "";
		// MQTT 3.1 does not tell. What it resumed unknown to the client would be delivered twice; what it did not, goes out with DUP.
		const resumed = sessionPresent || (connection.version === 3 && !this._options.cleanSession);
		if (!resumed) this._received.clear();
		if (!sessionPresent) this._subscriptions.startOver(!resumed);
		if (!connection.pipelined) {
			this._giveUp(now);
			if (resumed) this._outgoing.lower(connection.maximumQoS);
			else this._outgoing.startOver(connection.maximumQoS);
			connection.unsent = this._outgoing.entries();
			this._giveBirth(connection, now);
			connection.careful = this._suspicious;
		}
		this._options.onConnect?.(sessionPresent, connection.version, properties);
		if (goesWithoutWill) this._options.onGiveUp?.("will message");
	}

	/** What the broker ended several connections on is not sent again: what waits behind it goes on. */
	private _giveUp(now: number): void {
		const suspect = this._suspect;
		if (!suspect || suspect.ends < ENDS_MAXIMUM) return;
		this._suspect = undefined;
		const { message } = suspect;
		const entry = this._outgoing.entries().find((entry) => entry.message === message);
		if (!entry) return;
		this._outgoing.remove(entry);
		// A broker that had taken it would take another message with its id for the same one.
		if (entry.qos === 2) this._startsClean = !this._options.cleanSession;
		if (!message) {
			this._birthDue = now + this._birthPause;
			this._birthPause = Math.min(BIRTH_PAUSE_MAXIMUM_MS, 2 * this._birthPause);
		}
		this._options.onGiveUp?.(message ?? "birth message");
	}

	private _refused(connection: Connection<M>, reasonCode: number, properties: Properties): never {
		connection.phase = "ended";
		// A broker that does not know 5.0 may answer in 3.1.1's form.
		const versionRefused = reasonCode === UNACCEPTABLE_PROTOCOL_VERSION || reasonCode === UNSUPPORTED_PROTOCOL_VERSION;
		const hasOlderVersion = versionRefused && this._manner.versionRefused();
		if (!hasOlderVersion) this._manner.refused();
		if (WILL_REFUSALS.includes(reasonCode)) this._manner.doubtWill();
		// Only the will can have been too much here [5.0: MQTT-3.2.2-12, 3.2.2-13].
		if (this._will && reasonCode === QOS_NOT_SUPPORTED) this._will = { ...this._will, qos: 0 };
		if (this._will && reasonCode === RETAIN_NOT_SUPPORTED) this._will = { ...this._will, retain: false };
		throw new RefusedError(reasonCode, properties, hasOlderVersion);
	}

	/**
	 * The birth message goes first, and beside the window: status before readings.
	 * One that is still in flight keeps its place among what comes again [MQTT-4.6.0-1].
	 */
	private _giveBirth(connection: Connection<M>, now: number): void {
		if (!this._options.birth || connection.unsent.some(({ message }) => message === undefined)) return;
		connection.birthOwed = now < this._birthDue;
		if (connection.birthOwed) return;
		const qos = Math.min(1, connection.maximumQoS) as QoS;
		connection.unsent.unshift(this._outgoing.enter(undefined, qos));
	}

	private _acknowledged(connection: Connection<M>, packet: Acknowledgement, now: number): void {
		const { cmd, packetId, reasonCode = 0 } = packet;
		const entry = this._outgoing.find(packet);
		connection.proven = true;
		if (!entry) {
			if (cmd === "puback") throw new ProtocolError(`a PUBACK for the packet id ${packetId}, which is not in flight`);
			// Whatever it was for is over; a PUBREL lets the broker forget it, too [5.0: 4.3.3, table 2-6].
			if (cmd === "pubrec" && reasonCode < 0x80)
				connection.reply({ cmd: "pubrel", packetId, reasonCode: PACKET_IDENTIFIER_NOT_FOUND });
			return;
		}
		if (cmd === "pubrec" && reasonCode < 0x80) {
			entry.released = true;
			entry.sentAt = now;
			return connection.reply({ cmd: "pubrel", packetId });
		}
		this._outgoing.remove(entry);
		if (entry.message === this._suspect?.message) this._suspect = undefined;
		if (!entry.message) this._birthPause = BIRTH_PAUSE_MS;
		if (!entry.message) return;
		// [5.0: MQTT-4.4.0-2]: a refusal is an acknowledgement, too.
		if (reasonCode >= 0x80 && cmd !== "pubcomp") this._options.onReject?.(entry.message, reasonCode);
		else this._options.onAcknowledge?.(entry.message);
	}

	private _receivedPublish(
		connection: Connection<M>,
		{ topic, payload, qos, retain, dup, packetId = 0, properties }: Publish,
	): void {
		if (properties?.topicAlias !== undefined) {
			// The CONNECT allowed none [5.0: MQTT-3.1.2-26].
			throw new ProtocolError("a topic alias that was not allowed", TOPIC_ALIAS_INVALID);
		}
		const message = { topic, payload, qos, retain, dup, properties };
		const acknowledgement: Packet | undefined =
			qos > 0 ? { cmd: qos === 1 ? "puback" : "pubrec", packetId } : undefined;
		// If not, it was handed on before, or is about to be, and the broker has not seen the PUBREC.
		if (qos < 2 || this._isNew(packetId)) {
			if (this._options.acknowledgesFirst) this._held.push({ message, packetId, acknowledgement });
			else this._options.onMessage?.(message);
		}
		if (acknowledgement) connection.reply(acknowledgement);
		else this.handOn();
	}

	/** A message that was read past is acknowledged like any other, or the broker would send it again for ever. */
	private _receivedOversized(connection: Connection<M>, { qos, packetId, size }: Oversized, now: number): void {
		connection.passedAt = now;
		if (qos < 2 || this._isNew(packetId)) this._options.onOversized?.(size);
		if (qos > 0) connection.reply({ cmd: qos === 1 ? "puback" : "pubrec", packetId });
	}

	/** Whether a message of QoS 2 has not been received before; from now on it has been. */
	private _isNew(packetId: number): boolean {
		if (this._received.has(packetId)) return false;
		if (this._received.add(packetId)) return true;
		throw new ProtocolError("too many unreleased QoS 2 messages", RECEIVE_MAXIMUM_EXCEEDED);
	}
}

/** What a CONNACK says of a will to a topic that the broker does not allow: not authorized (3.1.1 and 5.0), topic name not valid. */
const WILL_REFUSALS: readonly number[] = Object.freeze([5, 0x87, TOPIC_NAME_INVALID]);

/**
 * Whether a broker's DISCONNECT (5.0, table 3-10) tells of something that it was
 * sent: one that shuts down, or has let in another client with the same id, ends
 * the connection whatever it was sent.
 */
function isBlame(reasonCode = 0): boolean {
	return (reasonCode >= 0x80 && reasonCode <= 0x83) || BLAMES.includes(reasonCode);
}

/** Not authorized, topic name not valid, packet too large, payload format not valid, no retained messages, no such QoS. */
const BLAMES: readonly number[] = Object.freeze([
	0x87,
	TOPIC_NAME_INVALID,
	PACKET_TOO_LARGE,
	0x99,
	RETAIN_NOT_SUPPORTED,
	QOS_NOT_SUPPORTED,
]);

/** Without what is not a message's own to tell [5.0: MQTT-3.2.2-17, 3.3.4-6]: one that was received may be sent on. */
function sendable(properties: Properties): Properties {
	const { topicAlias, subscriptionIdentifier, ...others } = properties;
	return topicAlias === undefined && subscriptionIdentifier === undefined ? properties : others;
}

function disconnected({ reasonCode = 0, properties }: Disconnect): ConnectionError {
	const text = [reasonText(reasonCode), properties?.reasonString, properties?.serverReference]
		.filter(Boolean)
		.join(": ");
	return new ConnectionError(`the broker ended the connection: ${text} (0x${reasonCode.toString(16)})`);
}

/**
 * An MQTT 3.1.1 session without I/O: bytes and times go in, packets to send
 * and the time of the next deadline come out.
 *
 * Two kinds of state, in two types: `#inFlight` and the packet ids outlive a
 * connection, a `Connection` ends with it.
 *
 * The session holds no queue. It asks `nextMessage` for one more message
 * whenever it could send it at once, so that whatever waits, waits where its
 * owner put it.
 */
import type { Bytes } from "../../host.js";
import { Decoder, encode, type Packet, ProtocolError, type Will } from "./codec.js";
import { KeepAlive } from "./keep-alive.js";

/** Messages sent and not yet acknowledged. More wait until one of these is. */
const IN_FLIGHT_MAXIMUM = 8;
/** From the connection's opening to the CONNACK, in ms. */
const CONNACK_TIMEOUT_MS = 10_000;
/** From a PUBLISH to its PUBACK, and from handing a packet out to its leaving, in ms. */
const ACKNOWLEDGEMENT_TIMEOUT_MS = 20_000;
/** From a PINGREQ to some sign of life, in ms. */
const PINGRESP_TIMEOUT_MS = 10_000;
/** Replies owed to the broker. `receptive` keeps them from getting near it. */
const REPLIES_MAXIMUM = 128;
/** Ids of QoS 2 messages between PUBREC and PUBREL. More is more than a broker keeps in flight by any default. */
const RECEIVED_MAXIMUM = 64;
/** Largest packet accepted from a broker, in bytes: a station is sent acknowledgements. */
const PACKET_SIZE_MAXIMUM = 4_096;

export interface Message {
	readonly topic: string;
	readonly payload: Bytes;
	readonly retain: boolean;
}

export interface SessionOptions<M extends Message> {
	/** Stable, so that the broker knows the session again [MQTT-3.1.3-2]. */
	readonly clientId: string;
	/** Seconds, 0 to 65535; 0 turns PINGREQs off. */
	readonly keepAlive: number;
	readonly username?: string | undefined;
	readonly password?: string | undefined;
	/** Published by the broker when the connection ends without a DISCONNECT. */
	readonly will?: Will | undefined;
	/** Published first on every connection. */
	readonly birth?: Message | undefined;
	/** Whether messages may follow the CONNECT before the broker has accepted it; by default they do, where the broker bears it. */
	readonly pipelining?: boolean;
	/** The next message to publish at QoS 1, or `undefined`: called when it can be sent at once. */
	readonly nextMessage: () => M | undefined;
	/** The broker accepted the connection. */
	readonly onConnect?: (sessionPresent: boolean) => void;
	/** A message from `nextMessage` left for the first time, or again after a reconnect. */
	readonly onPublish?: (message: M, redelivered: boolean) => void;
	/** A message from `nextMessage` was acknowledged: the broker has it. */
	readonly onAcknowledge?: (message: M) => void;
}

/** Why a connection has to be closed. */
export class ConnectionError extends Error {
	override name = "ConnectionError";
}

/** The broker refused the connection. */
export class RefusedError extends ConnectionError {
	override name = "RefusedError";
	/** The return code of the CONNACK, 1 to 5 (MQTT 3.1.1, table 3.1). */
	readonly returnCode: number;
	constructor(returnCode: number) {
		super(`the broker refused the connection: ${REFUSALS[returnCode] ?? "unknown reason"} (${returnCode})`);
		this.returnCode = returnCode;
	}
}

/** MQTT 3.1.1, table 3.1. */
const REFUSALS: Readonly<Record<number, string>> = Object.freeze({
	1: "it does not speak MQTT 3.1.1",
	2: "client id rejected",
	3: "service unavailable",
	4: "bad user name or password",
	5: "not authorized",
});

/** A PUBLISH of QoS 1 that has no PUBACK yet. */
interface InFlight<M> {
	readonly packetId: number;
	/** `undefined` stands for the birth message. */
	readonly message: M | undefined;
	/** Whether it has left in this session, on this connection or one before: then it goes out with DUP. */
	transmitted: boolean;
	/** Whether it has ever left, be it in another session. */
	published: boolean;
	/** When it left on this connection. */
	sentAt: number | undefined;
}

/** What ends with the connection. */
interface Connection<M> {
	readonly decoder: Decoder;
	readonly keepAlive: KeepAlive;
	phase: "opened" | "awaiting CONNACK" | "connected" | "disconnecting";
	/** Whether messages follow the CONNECT without waiting for the CONNACK. */
	readonly pipelined: boolean;
	readonly connackDue: number;
	/** Replies to send. */
	readonly replies: Packet[];
	/** What has to be delivered (again) on this connection, oldest first. */
	unsent: InFlight<M>[];
	/** What `transmit` handed out, until `transmitted`. */
	leaving: { readonly packet: Packet; readonly since: number; readonly publish?: InFlight<M> | undefined } | undefined;
}

export class Session<M extends Message> {
	readonly #options: SessionOptions<M>;
	/** In the order of the first transmission, which is the order of redelivery [MQTT-4.6.0-1]. */
	#inFlight = new Map<number, InFlight<M>>();
	#lastPacketId = 0;
	/** Ids of QoS 2 messages whose PUBREL is to come [MQTT-4.3.3-2]. */
	readonly #received = new Set<number>();
	/** Whether the broker is believed to bear with messages before its CONNACK. */
	#pipelining: boolean;
	#connection: Connection<M> | undefined;

	constructor(options: SessionOptions<M>) {
		this.#options = options;
		this.#pipelining = options.pipelining ?? true;
	}

	/** Whether the broker has accepted the connection. */
	get connected(): boolean {
		return this.#connection?.phase === "connected";
	}

	/** Messages sent and not acknowledged. */
	get inFlight(): number {
		return this.#inFlight.size;
	}

	/** Whether an answer of the broker is due. */
	get awaiting(): boolean {
		if (!this.#connection) return false;
		const { phase, keepAlive } = this.#connection;
		return phase !== "connected" || this.#inFlight.size > 0 || keepAlive.awaiting;
	}

	/**
	 * Whether more may be received. While replies wait to be sent, nothing more
	 * should be read: a broker that does not take its answers is not listened to.
	 */
	get receptive(): boolean {
		return this.#connection?.replies.length === 0;
	}

	/** When `tick` is to be called, in ms; `Infinity`: not needed. */
	get deadline(): number {
		const connection = this.#connection;
		if (!connection) return Number.POSITIVE_INFINITY;
		if (connection.phase !== "connected") return connection.connackDue;
		const { leaving, keepAlive } = connection;
		const sendDue = leaving ? leaving.since + ACKNOWLEDGEMENT_TIMEOUT_MS : keepAlive.pingDue;
		return Math.min(this.#pubackDue(), keepAlive.responseDue, sendDue);
	}

	/**
	 * A connection to the broker is open.
	 *
	 * Messages follow the CONNECT at once (a client need not wait for the
	 * CONNACK, section 3.1.4), so that a reading is acknowledged one round trip
	 * sooner; unless something is to be delivered again, which asks for the
	 * CONNACK's session present flag first.
	 */
	open(now: number): void {
		const pipelined = this.#pipelining && this.#inFlight.size === 0;
		this.#connection = {
			pipelined,
			decoder: new Decoder({ maximumPacketSize: PACKET_SIZE_MAXIMUM }),
			keepAlive: new KeepAlive(this.#options.keepAlive, PINGRESP_TIMEOUT_MS, now),
			phase: "opened",
			connackDue: now + CONNACK_TIMEOUT_MS,
			replies: [],
			unsent: [],
			leaving: undefined,
		};
		if (pipelined) this.#giveBirth(this.#connection);
	}

	/** The connection has ended; what is in flight waits for the next one. */
	close(): void {
		// Some brokers drop a client that does not wait. If waiting does not help either, that was not the cause.
		if (this.#connection?.phase === "awaiting CONNACK" && this.#options.pipelining !== false) {
			this.#pipelining = !this.#connection.pipelined;
		}
		this.#connection = undefined;
		for (const entry of this.#inFlight.values()) entry.sentAt = undefined;
	}

	/**
	 * Bytes have arrived: some hundred at the most at a time, see `receptive`.
	 * Throws a `ConnectionError` or a `ProtocolError` when
	 * the connection has to be closed.
	 */
	receive(bytes: Bytes, now: number): void {
		const connection = this.#connection;
		if (!connection) return;
		connection.keepAlive.received(now);
		for (const packet of connection.decoder.push(bytes)) {
			// Whoever was told of the packet before may have closed the connection.
			if (this.#connection !== connection) return;
			this.#packet(connection, packet);
		}
	}

	/** Throws a `ConnectionError` when the broker has been silent for too long. */
	tick(now: number): void {
		const connection = this.#connection;
		if (!connection) return;
		if (connection.phase !== "connected") {
			if (now < connection.connackDue) return;
			throw new ConnectionError(`no CONNACK within ${CONNACK_TIMEOUT_MS / 1_000} s`);
		}
		if (connection.leaving && now >= connection.leaving.since + ACKNOWLEDGEMENT_TIMEOUT_MS) {
			throw new ConnectionError(`the connection took no data for ${ACKNOWLEDGEMENT_TIMEOUT_MS / 1_000} s`);
		}
		if (now >= this.#pubackDue()) {
			throw new ConnectionError(`no PUBACK within ${ACKNOWLEDGEMENT_TIMEOUT_MS / 1_000} s`);
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
		const connection = this.#connection;
		if (!connection || connection.leaving) return undefined;
		if (connection.phase === "opened") return this.#leave(connection, now, this.#connectPacket());
		if (connection.phase === "connected") {
			const reply = connection.replies.shift();
			if (reply) return this.#leave(connection, now, reply);
			if (now >= connection.keepAlive.pingDue) return this.#leave(connection, now, { cmd: "pingreq" });
		} else if (connection.phase !== "awaiting CONNACK" || !connection.pipelined) {
			return undefined;
		}
		const publish = connection.unsent.shift() ?? this.#take();
		if (publish) return this.#leave(connection, now, this.#publishPacket(publish), publish);
		return undefined;
	}

	/** The packet from `transmit` has left: the deadlines of what it asks for begin. */
	transmitted(now: number): void {
		const connection = this.#connection;
		if (!connection?.leaving) return;
		const { packet, publish } = connection.leaving;
		connection.leaving = undefined;
		if (packet.cmd === "pingreq") connection.keepAlive.pingSent(now);
		else connection.keepAlive.sent(now);
		if (packet.cmd === "connect") connection.phase = "awaiting CONNACK";
		if (publish) {
			const redelivered = publish.published;
			publish.transmitted = publish.published = true;
			publish.sentAt = now;
			if (publish.message) this.#options.onPublish?.(publish.message, redelivered);
		}
	}

	/** The DISCONNECT packet, after which nothing may be sent [MQTT-3.14.4-2]; `undefined` if the broker does not expect one. */
	disconnect(): Bytes | undefined {
		if (!this.#connection || this.#connection.leaving || this.#connection.phase !== "connected") return undefined;
		this.#connection.phase = "disconnecting";
		return encode({ cmd: "disconnect" });
	}

	#leave(connection: Connection<M>, now: number, packet: Packet, publish?: InFlight<M>): Bytes {
		connection.leaving = { packet, since: now, publish };
		return encode(packet);
	}

	#connectPacket(): Packet {
		const { clientId, keepAlive, username, password, will } = this.#options;
		return { cmd: "connect", clientId, cleanSession: false, keepAlive, username, password, will };
	}

	#publishPacket({ packetId, message, transmitted }: InFlight<M>): Packet {
		const { topic, payload, retain } = (message ?? this.#options.birth)!;
		return { cmd: "publish", topic, payload, qos: 1, retain, dup: transmitted, packetId };
	}

	/** One more message, if the in-flight window has room for it. */
	#take(): InFlight<M> | undefined {
		if (this.#inFlight.size >= IN_FLIGHT_MAXIMUM) return undefined;
		const message = this.#options.nextMessage();
		return message && this.#enter(message);
	}

	#enter(message: M | undefined, published = false): InFlight<M> {
		const entry = { packetId: this.#freePacketId(), message, transmitted: false, published, sentAt: undefined };
		this.#inFlight.set(entry.packetId, entry);
		return entry;
	}

	/** An id that is not in use [MQTT-2.3.1-2], from 1 to 65535. */
	#freePacketId(): number {
		do this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1;
		while (this.#inFlight.has(this.#lastPacketId));
		return this.#lastPacketId;
	}

	/** When the oldest unacknowledged PUBLISH of this connection becomes overdue. */
	#pubackDue(): number {
		for (const { sentAt } of this.#inFlight.values()) {
			if (sentAt !== undefined) return sentAt + ACKNOWLEDGEMENT_TIMEOUT_MS;
		}
		return Number.POSITIVE_INFINITY;
	}

	#packet(connection: Connection<M>, packet: Packet): void {
		if (packet.cmd === "connack") return this.#connack(connection, packet.sessionPresent, packet.returnCode);
		// The first packet from the broker must be a CONNACK [MQTT-3.2.0-1].
		if (connection.phase !== "connected" && connection.phase !== "disconnecting") {
			throw new ProtocolError(`the broker sent a ${packet.cmd.toUpperCase()} before its CONNACK`);
		}
		switch (packet.cmd) {
			case "puback":
				return this.#puback(packet.packetId);
			case "publish":
				return this.#publish(connection, packet.qos, packet.packetId ?? 0);
			case "pubrel":
				this.#received.delete(packet.packetId);
				return this.#reply(connection, { cmd: "pubcomp", packetId: packet.packetId });
			case "pingresp":
				return connection.keepAlive.responded();
			default:
				throw new ProtocolError(`the broker sent a ${packet.cmd.toUpperCase()} that nothing asked for`);
		}
	}

	#connack(connection: Connection<M>, sessionPresent: boolean, returnCode: number): void {
		if (connection.phase !== "awaiting CONNACK") {
			throw new ProtocolError(
				connection.phase === "opened" ? "the broker sent a CONNACK before the CONNECT" : "a second CONNACK",
			);
		}
		if (returnCode !== 0) {
			// It discarded what followed the CONNECT [MQTT-3.1.4-5]: no use in sending that until it lets the station in.
			this.#pipelining = false;
			connection.phase = "disconnecting";
			throw new RefusedError(returnCode);
		}
		connection.phase = "connected";
		if (!sessionPresent) this.#received.clear();
		if (!connection.pipelined) {
			if (!sessionPresent) this.#startOver();
			connection.unsent = [...this.#inFlight.values()];
			this.#giveBirth(connection);
		}
		this.#options.onConnect?.(sessionPresent);
	}

	/**
	 * The broker knows nothing of the session any more: what it did not
	 * acknowledge is published anew, in the same order, and is no redelivery.
	 */
	#startOver(): void {
		const entries = [...this.#inFlight.values()];
		this.#inFlight = new Map();
		for (const { message, published } of entries) if (message) this.#enter(message, published);
	}

	/** The birth message goes first, and beside the window: status before readings. */
	#giveBirth(connection: Connection<M>): void {
		if (!this.#options.birth) return;
		const pending = connection.unsent.findIndex(({ message }) => message === undefined);
		const birth = pending < 0 ? this.#enter(undefined) : connection.unsent.splice(pending, 1)[0]!;
		connection.unsent.unshift(birth);
	}

	#puback(packetId: number): void {
		const entry = this.#inFlight.get(packetId);
		if (entry?.sentAt === undefined)
			throw new ProtocolError(`a PUBACK for the packet id ${packetId}, which is not in flight`);
		this.#inFlight.delete(packetId);
		if (entry.message) this.#options.onAcknowledge?.(entry.message);
	}

	/**
	 * A message from a subscription of somebody who used this client id before.
	 * Nobody here wants it, but it must be acknowledged [MQTT-4.5.0-2], or the
	 * broker would send it for ever.
	 */
	#publish(connection: Connection<M>, qos: number, packetId: number): void {
		if (qos === 1) this.#reply(connection, { cmd: "puback", packetId });
		if (qos !== 2) return;
		this.#received.add(packetId);
		if (this.#received.size > RECEIVED_MAXIMUM)
			throw new ProtocolError(`more than ${RECEIVED_MAXIMUM} unreleased QoS 2 messages`);
		this.#reply(connection, { cmd: "pubrec", packetId });
	}

	#reply(connection: Connection<M>, packet: Packet): void {
		if (connection.replies.length >= REPLIES_MAXIMUM) {
			throw new ConnectionError(`${REPLIES_MAXIMUM} replies wait to be sent`);
		}
		connection.replies.push(packet);
	}
}

/**
 * How a connection begins: CONNECT and CONNACK. It chooses the version of MQTT,
 * whether packets follow the CONNECT without waiting for the CONNACK, and whether
 * the CONNECT has the will. It does not repeat a version that was refused; after
 * another failure it tries what more brokers support.
 */
import { Connection } from "./connection.js";
import { ProtocolError, RefusedError } from "./errors.js";
import type { Message } from "./message.js";
import type { Connack, Connect, Properties, ProtocolVersion, Will } from "./packet.js";
import {
	CLIENT_NOT_AUTHORIZED,
	IDENTIFIER_REJECTED,
	NOT_AUTHORIZED,
	QOS_NOT_SUPPORTED,
	RETAIN_NOT_SUPPORTED,
	TOPIC_NAME_INVALID,
	UNACCEPTABLE_PROTOCOL_VERSION,
	UNSUPPORTED_PROTOCOL_VERSION,
} from "./reason-codes.js";
import { SESSION_EXPIRY_S, type SessionOptions } from "./session-options.js";

/** Messages of QoS 1 and 2 that a broker of MQTT 5.0 is to have in flight by default. No promise that it does: see `received-ids.ts`. */
const RECEIVED_MAXIMUM = 64;
/** Largest packet accepted from a broker by default, in bytes. */
const PACKET_SIZE_DEFAULT = 4_096;
/** Bytes of the largest packet that MQTT knows (section 2.2.3). */
const PACKET_SIZE_LARGEST = 5 + 268_435_455;
/** Messages of QoS 1 and 2 that may leave before the first CONNACK: its Receive Maximum may be small. */
const RECEIVE_MAXIMUM_AT_FIRST = 2;
/**
 * After 3 attempts in a row that the broker refused for want of authorization,
 * or ended without a CONNACK, the next has no will: the will's topic may be one
 * that the broker does not allow.
 */
const DOUBTS_MAXIMUM = 3;

/**
 * How long an older version is spoken, in ms, that a broker answered to after it had not
 * answered to a newer one: the network may have lost those, or the broker is renewed.
 */
const OLDER_VERSION_MS = 86_400_000;
/** Seconds. Some brokers allow no more and, before MQTT 5.0, can only refuse it. */
const KEEP_ALIVE_ALLOWED_S = 60;
/** Round trips that a connection expects at first, in ms, after one that ended in silence and achieved nothing: the broker may be slow. */
const SLOW_MS = 6_000;

/** A connection that the broker has accepted. */
interface Accepted {
	/** Whether the broker has discarded the session of an earlier run, the connection's only purpose. */
	readonly isDiscarded: boolean;
	/** Whether the broker has the session, or, in MQTT 3.1, may have it. */
	readonly isResumed: boolean;
	/** Whether the broker has the subscriptions that it has granted. */
	readonly keepsSubscriptions: boolean;
	/** Whether there is a will and the connection goes without it. */
	readonly lacksWill: boolean;
}

export class Handshake<M extends Message> {
	private readonly _options: SessionOptions<M>;
	private _clientId: string;
	/** With the QoS and retain flag that the broker takes. */
	private _will: Will | undefined;
	/** Attempts in a row for whose failure the will may be the cause. */
	private _doubts = 0;
	private _startsClean: boolean;
	/** Whether a CONNECT has left since the last CONNACK came: it may have begun a session of which nobody told. */
	private _isUnheard = false;
	/** The version of the present connection, or else of the next. */
	version: ProtocolVersion;
	/** The highest version that the broker has not refused. */
	private _highest: ProtocolVersion;
	/** From when on the highest version is tried again, in ms. */
	private _raiseAt = Number.POSITIVE_INFINITY;
	private _keepAlive: number;
	/** Whether packets follow the next CONNECT without waiting for the CONNACK, if nothing is to be delivered again. */
	pipelines: boolean;
	/** Round trips that the next connection expects at first, in ms. */
	private _roundTrip = 0;
	/** The Receive Maximum that the broker told last. */
	private _receiveMaximum = RECEIVE_MAXIMUM_AT_FIRST;

	constructor(options: SessionOptions<M>) {
		this._options = options;
		this._clientId = options.clientId;
		this._will = options.will;
		this._keepAlive = options.keepAlive;
		this._startsClean = options.cleanStart === true && !options.cleanSession;
		this.version = this._highest = options.protocolVersion ?? 5;
		this.pipelines = this._mayPipeline;
	}

	/** The next connection. `hasUnacknowledged`: whether messages are to be delivered again, which must wait for the CONNACK. */
	begin(hasUnacknowledged: boolean, now: number): Connection<M> {
		if (now >= this._raiseAt) {
			this.version = this._highest;
			this._raiseAt = Number.POSITIVE_INFINITY;
		}
		const pipelined = this.pipelines && !hasUnacknowledged && !this._discards(this.version);
		const terms = {
			pipelined,
			keepAlive: this._keepAlive,
			roundTrip: this._roundTrip,
			maximumPacketSize: this._maximumPacketSize,
		};
		const connection = new Connection<M>(this.version, terms, now);
		connection.receiveMaximum = this._receiveMaximum;
		return connection;
	}

	connect(version: ProtocolVersion): Connect {
		const { username, password, cleanSession } = this._options;
		const packetSize = this._options.announcedPacketSize ?? this._maximumPacketSize;
		return {
			cmd: "connect",
			clientId: this._clientId,
			cleanSession: this._isClean(version),
			keepAlive: this._keepAlive,
			username,
			password,
			// The next connection may overtake the end of one that only discards: the broker would publish the will.
			will: this._hasWill && !this._discards(version) ? this._will : undefined,
			properties: {
				sessionExpiryInterval: cleanSession ? 0 : (this._options.sessionExpiryInterval ?? SESSION_EXPIRY_S),
				receiveMaximum: this._options.receiveMaximum ?? RECEIVED_MAXIMUM,
				// A limit beyond all packets is none, and some brokers refuse it.
				...(packetSize < PACKET_SIZE_LARGEST && { maximumPacketSize: packetSize }),
			},
		};
	}

	/** Throws a `RefusedError` where the broker refuses, a `ProtocolError` for a CONNACK that MQTT does not allow. */
	accept(connection: Connection<M>, packet: Connack, now: number): Accepted {
		if (connection.phase !== "awaiting CONNACK") {
			throw new ProtocolError(
				connection.phase === "opened" ? "the broker sent a CONNACK before the CONNECT" : "a second CONNACK",
			);
		}
		const { version } = connection;
		const { reasonCode, sessionPresent, properties = {} } = packet;
		if (reasonCode !== 0) this.refuse(connection, reasonCode, properties);
		if (sessionPresent && this._isClean(version)) {
			throw new ProtocolError("a session is present although a clean one was asked for [MQTT-3.2.2-1]");
		}
		if (properties.authenticationMethod !== undefined) {
			throw new ProtocolError("an authentication method that nothing asked for [5.0: MQTT-4.12.0-6]");
		}
		connection.accepted(packet);
		if (version < this._highest) this._raiseAt = Math.min(this._raiseAt, now + OLDER_VERSION_MS);
		this._receiveMaximum = connection.receiveMaximum;
		const lacksWill = this._will !== undefined && !this._hasWill;
		this._doubts = 0;
		const isDiscarded = this._discards(version);
		this._startsClean = false;
		if (this._clientId === "") this._clientId = properties.assignedClientIdentifier ?? "";
		// A CONNACK of MQTT 3.1 has no session present flag. A resumed session taken for new would get its messages twice;
		// a new one taken for resumed gets them with DUP.
		const isResumed = sessionPresent || (version === 3 && !this._options.cleanSession && !isDiscarded);
		const keepsSubscriptions = sessionPresent && !this._isUnheard;
		this._isUnheard = false;
		return { isDiscarded, isResumed, keepsSubscriptions, lacksWill };
	}

	/** The broker refuses the connection: the next one is without the likely cause. */
	refuse(connection: Connection<M>, reasonCode: number, properties: Properties): never {
		connection.phase = "ended";
		// A broker that does not know 5.0 may answer in 3.1.1's form.
		const isVersion = reasonCode === UNACCEPTABLE_PROTOCOL_VERSION || reasonCode === UNSUPPORTED_PROTOCOL_VERSION;
		// MQTT 3.1 knows no empty client id.
		const hasOlderVersion = isVersion && this._fallsBack && this.version > (this._options.clientId === "" ? 4 : 3);
		if (hasOlderVersion) this.version = this._highest = this.version === 5 ? 4 : 3;
		// Packets behind the CONNECT are wasted until the broker accepts the client.
		this.pipelines = hasOlderVersion && this._mayPipeline;
		if (reasonCode === IDENTIFIER_REJECTED) this._keepAlive = Math.min(this._keepAlive, KEEP_ALIVE_ALLOWED_S);
		if (WILL_REFUSALS.includes(reasonCode)) this._doubtWill();
		// Only the will has a QoS and a retain flag here [5.0: MQTT-3.2.2-12, 3.2.2-13].
		if (this._will && reasonCode === QOS_NOT_SUPPORTED) this._will = { ...this._will, qos: 0 };
		if (this._will && reasonCode === RETAIN_NOT_SUPPORTED) this._will = { ...this._will, retain: false };
		throw new RefusedError(reasonCode, properties, hasOlderVersion);
	}

	/** The connection has ended; `byBroker`: the broker closed it. */
	disconnected({ phase, pipelined, keepAlive, delivered }: Connection<M>, byBroker: boolean): void {
		const { aliveAt, pingedAt } = keepAlive;
		this._roundTrip = !byBroker && !delivered && keepAlive.awaiting && aliveAt < pingedAt ? SLOW_MS : 0;
		if (phase === "awaiting CONNACK") {
			this._isUnheard = true;
			this._dropped(pipelined);
			if (byBroker) this._doubtWill();
		}
	}

	/** Before the first connection: it speaks this version, as the broker took no newer one before. */
	expect(version: ProtocolVersion): void {
		this.version = Math.min(version, this._highest) as ProtocolVersion;
	}

	/** The next connection ends the broker's session. */
	startClean(): void {
		this._startsClean = !this._options.cleanSession;
	}

	/**
	 * The connection ended before the CONNACK. Some brokers drop a client that does
	 * not wait, others one of an unknown version. When neither waiting nor the older
	 * version helps, the cause is another.
	 */
	private _dropped(pipelined: boolean): void {
		if (pipelined) this.pipelines = false;
		else if (this.version === 5 && this._fallsBack) this.version = 4;
		else {
			this.version = this._highest;
			this.pipelines = this._mayPipeline;
		}
	}

	/** Whether a connection's only purpose is to end the broker's session. In MQTT 5.0 the same connection goes on with a new one. */
	private _discards(version: ProtocolVersion): boolean {
		return this._startsClean && version < 5;
	}

	/** Whether the next CONNECT has the will, if there is a will. */
	private get _hasWill(): boolean {
		return this._doubts < DOUBTS_MAXIMUM;
	}

	/** The will may be why the broker did not accept the connection. */
	private _doubtWill(): void {
		this._doubts = this._hasWill ? this._doubts + 1 : 0;
	}

	private get _fallsBack(): boolean {
		return this._options.fallback ?? true;
	}

	private get _mayPipeline(): boolean {
		return this._options.pipelining ?? true;
	}

	/** Before MQTT 5.0 a session that cannot be found again must be a clean one [MQTT-3.1.3-7]. */
	private _isClean(version: ProtocolVersion): boolean {
		return this._options.cleanSession === true || this._startsClean || (this._clientId === "" && version < 5);
	}

	private get _maximumPacketSize(): number {
		return this._options.maximumPacketSize ?? PACKET_SIZE_DEFAULT;
	}
}

/** The reason codes of a CONNACK for a will to a topic that the broker does not allow. */
const WILL_REFUSALS: readonly number[] = Object.freeze([CLIENT_NOT_AUTHORIZED, NOT_AUTHORIZED, TOPIC_NAME_INVALID]);

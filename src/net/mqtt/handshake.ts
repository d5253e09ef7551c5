/**
 * How a connection begins: what the CONNECT says and what the CONNACK means; and
 * in which manner it is opened: with which version of MQTT, whether to send on
 * without waiting for the CONNACK, and whether with the will. What was refused is
 * not tried again; what failed is followed by something that more brokers bear.
 */
import { Connection } from "./connection.js";
import { ProtocolError, RefusedError } from "./errors.js";
import type { Message } from "./message.js";
import type { Connack, Connect, Properties, ProtocolVersion, Will } from "./packet.js";
import {
	CLIENT_NOT_AUTHORIZED,
	NOT_AUTHORIZED,
	QOS_NOT_SUPPORTED,
	RETAIN_NOT_SUPPORTED,
	TOPIC_NAME_INVALID,
	UNACCEPTABLE_PROTOCOL_VERSION,
	UNSUPPORTED_PROTOCOL_VERSION,
} from "./reason-codes.js";
import { SESSION_EXPIRY_S, type SessionOptions } from "./session-options.js";

/** Messages of QoS 1 and 2 that a broker of MQTT 5.0 is to have in flight. No promise that it does: see `received-ids.ts`. */
const RECEIVED_MAXIMUM = 64;
/** Largest packet accepted from a broker by default, in bytes. */
const PACKET_SIZE_DEFAULT = 4_096;
/**
 * After so many attempts in a row that the broker refused for want of
 * authorization or ended without a word, one goes without the will: it may be
 * to a topic that the broker does not allow.
 */
const DOUBTS_MAXIMUM = 3;

/** What it means that the broker has accepted a connection. */
interface Accepted {
	/** Whether the broker has discarded the session of an earlier run, and nothing else was wanted of the connection. */
	readonly isDiscarded: boolean;
	/** Whether the broker has the session, or, in MQTT 3.1, may have it. */
	readonly isResumed: boolean;
	/** Whether there is a will and the connection goes without it. */
	readonly lacksWill: boolean;
}

export class Handshake<M extends Message> {
	private readonly _options: SessionOptions<M>;
	private _clientId: string;
	/** As far as the broker takes it. */
	private _will: Will | undefined;
	/** Attempts in a row for whose failure the will may be the cause. */
	private _doubts = 0;
	private _startsClean: boolean;
	/** The version that the next connection is opened with, or the present one was. */
	version: ProtocolVersion;
	/** The highest version that the broker has not refused. */
	private _highest: ProtocolVersion;
	private _pipelines: boolean;

	constructor(options: SessionOptions<M>) {
		this._options = options;
		this._clientId = options.clientId;
		this._will = options.will;
		this._startsClean = options.cleanStart === true && !options.cleanSession;
		this.version = this._highest = options.protocolVersion ?? 5;
		this._pipelines = this._mayPipeline;
	}

	/** The next connection. `hasUnacknowledged`: whether something is to be delivered again, which asks for the CONNACK first. */
	begin(hasUnacknowledged: boolean, now: number): Connection<M> {
		const discards = this._startsClean && this.version < 5;
		const pipelined = this._pipelines && !hasUnacknowledged && !discards;
		const { keepAlive } = this._options;
		return new Connection(this.version, { pipelined, keepAlive, maximumPacketSize: this._maximumPacketSize }, now);
	}

	connect(version: ProtocolVersion): Connect {
		const { keepAlive, username, password, cleanSession } = this._options;
		return {
			cmd: "connect",
			clientId: this._clientId,
			cleanSession: this._isClean(version),
			keepAlive,
			username,
			password,
			will: this._hasWill ? this._will : undefined,
			properties: {
				sessionExpiryInterval: cleanSession ? 0 : (this._options.sessionExpiryInterval ?? SESSION_EXPIRY_S),
				receiveMaximum: RECEIVED_MAXIMUM,
				maximumPacketSize: this._options.announcedPacketSize ?? this._maximumPacketSize,
			},
		};
	}

	/** Throws a `RefusedError` where the broker refuses, a `ProtocolError` where its CONNACK is none that there can be. */
	accept(connection: Connection<M>, packet: Connack): Accepted {
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
		const lacksWill = this._will !== undefined && !this._hasWill;
		this._doubts = 0;
		// MQTT 3.1 does not tell it again.
		const isDiscarded = this._startsClean && version < 5;
		this._startsClean = false;
		if (this._clientId === "") this._clientId = properties.assignedClientIdentifier ?? "";
		// MQTT 3.1 does not tell. What it resumed unknown to the client would be delivered twice; what it did not, goes out with DUP.
		const isResumed = sessionPresent || (version === 3 && !this._options.cleanSession && !isDiscarded);
		return { isDiscarded, isResumed, lacksWill };
	}

	/** The broker does not accept the connection: the next one is of a kind that it may accept. */
	refuse(connection: Connection<M>, reasonCode: number, properties: Properties): never {
		connection.phase = "ended";
		// A broker that does not know 5.0 may answer in 3.1.1's form.
		const isVersion = reasonCode === UNACCEPTABLE_PROTOCOL_VERSION || reasonCode === UNSUPPORTED_PROTOCOL_VERSION;
		// MQTT 3.1 knows no empty client id.
		const hasOlderVersion = isVersion && this.version > (this._options.clientId === "" ? 4 : 3);
		if (hasOlderVersion) this.version = this._highest = this.version === 5 ? 4 : 3;
		// No use in sending on until it lets the client in.
		this._pipelines = hasOlderVersion && this._mayPipeline;
		if (WILL_REFUSALS.includes(reasonCode)) this._doubtWill();
		// Only the will can have been too much here [5.0: MQTT-3.2.2-12, 3.2.2-13].
		if (this._will && reasonCode === QOS_NOT_SUPPORTED) this._will = { ...this._will, qos: 0 };
		if (this._will && reasonCode === RETAIN_NOT_SUPPORTED) this._will = { ...this._will, retain: false };
		throw new RefusedError(reasonCode, properties, hasOlderVersion);
	}

	/** The connection has ended; `byBroker`: the broker closed it. */
	disconnected({ phase, pipelined }: Connection<M>, byBroker: boolean): void {
		if (phase === "awaiting CONNACK") {
			this._dropped(pipelined);
			if (byBroker) this._doubtWill();
		} else if (phase === "connected") {
			// If it was of an older version only because others were lost before, that may have been the network's doing.
			this.version = this._highest;
		}
	}

	/** The next connection ends what the broker has of the session. */
	startClean(): void {
		this._startsClean = !this._options.cleanSession;
	}

	/**
	 * The connection ended before the CONNACK. Some brokers drop a client that
	 * does not wait, others one of a version that they do not know. When neither
	 * waiting nor the older version helps, that was not the cause.
	 */
	private _dropped(pipelined: boolean): void {
		if (pipelined) this._pipelines = false;
		else if (this.version === 5) this.version = 4;
		else {
			this.version = this._highest;
			this._pipelines = this._mayPipeline;
		}
	}

	/** Whether the next connection is one with the will, where there is one. */
	private get _hasWill(): boolean {
		return this._doubts < DOUBTS_MAXIMUM;
	}

	/** The will may be why the broker did not accept the connection. */
	private _doubtWill(): void {
		this._doubts = this._hasWill ? this._doubts + 1 : 0;
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

/** What a CONNACK says of a will to a topic that the broker does not allow. */
const WILL_REFUSALS: readonly number[] = Object.freeze([CLIENT_NOT_AUTHORIZED, NOT_AUTHORIZED, TOPIC_NAME_INVALID]);

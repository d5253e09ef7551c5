/**
 * How a connection begins: in which manner it is opened, what the CONNECT says,
 * and what the CONNACK means.
 */
import { Connection } from "./connection.js";
import { RefusedError } from "./errors.js";
import { Manner } from "./manner.js";
import type { Message } from "./message.js";
import {
	type Connack,
	type Connect,
	type Properties,
	ProtocolError,
	type ProtocolVersion,
	QOS_NOT_SUPPORTED,
	RETAIN_NOT_SUPPORTED,
	TOPIC_NAME_INVALID,
	UNSUPPORTED_PROTOCOL_VERSION,
	type Will,
} from "./packet.js";
import type { SessionOptions } from "./session-options.js";

/** Messages of QoS 1 and 2 that a broker of MQTT 5.0 is to have in flight. No promise that it does: see `received-ids.ts`. */
const RECEIVED_MAXIMUM = 64;
/** Return code of a CONNACK (3.1.1, table 3.1). */
const UNACCEPTABLE_PROTOCOL_VERSION = 1;
/** Largest packet accepted from a broker by default, in bytes. */
const PACKET_SIZE_DEFAULT = 4_096;
/** A day, in s: how long a broker of MQTT 5.0 is asked to keep the session of a client that is away. */
const SESSION_EXPIRY_S = 86_400;

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
	private readonly _manner: Manner;
	private _clientId: string;
	/** As far as the broker takes it. */
	private _will: Will | undefined;
	private _startsClean: boolean;

	constructor(options: SessionOptions<M>) {
		this._options = options;
		this._clientId = options.clientId;
		this._will = options.will;
		this._startsClean = options.cleanStart === true && !options.cleanSession;
		// MQTT 3.1 knows no empty client id.
		const lowest = options.clientId === "" ? 4 : 3;
		this._manner = new Manner(options.protocolVersion ?? 5, options.pipelining ?? true, lowest);
	}

	/** The version that the next connection is opened with, or the present one was. */
	get version(): ProtocolVersion {
		return this._manner.version;
	}

	/** The next connection. `hasUnacknowledged`: whether something is to be delivered again, which asks for the CONNACK first. */
	begin(hasUnacknowledged: boolean, now: number): Connection<M> {
		const { version, pipelining } = this._manner;
		const discards = this._startsClean && version < 5;
		const pipelined = pipelining && !hasUnacknowledged && !discards;
		const { keepAlive } = this._options;
		return new Connection(version, { pipelined, keepAlive, maximumPacketSize: this._maximumPacketSize }, now);
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
			will: this._manner.hasWill ? this._will : undefined,
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
		const lacksWill = this._will !== undefined && !this._manner.hasWill;
		this._manner.accepted();
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
		const versionRefused = reasonCode === UNACCEPTABLE_PROTOCOL_VERSION || reasonCode === UNSUPPORTED_PROTOCOL_VERSION;
		const hasOlderVersion = versionRefused && this._manner.versionRefused();
		if (!hasOlderVersion) this._manner.refused();
		if (WILL_REFUSALS.includes(reasonCode)) this._manner.doubtWill();
		// Only the will can have been too much here [5.0: MQTT-3.2.2-12, 3.2.2-13].
		if (this._will && reasonCode === QOS_NOT_SUPPORTED) this._will = { ...this._will, qos: 0 };
		if (this._will && reasonCode === RETAIN_NOT_SUPPORTED) this._will = { ...this._will, retain: false };
		throw new RefusedError(reasonCode, properties, hasOlderVersion);
	}

	/** The connection has ended; `byBroker`: the broker closed it. */
	disconnected({ phase, pipelined }: Connection<M>, byBroker: boolean): void {
		if (phase === "awaiting CONNACK") {
			this._manner.dropped(pipelined);
			if (byBroker) this._manner.doubtWill();
		} else if (phase === "connected") this._manner.ended();
	}

	/** The next connection ends what the broker has of the session. */
	startClean(): void {
		this._startsClean = !this._options.cleanSession;
	}

	/** Before MQTT 5.0 a session that cannot be found again must be a clean one [MQTT-3.1.3-7]. */
	private _isClean(version: ProtocolVersion): boolean {
		return this._options.cleanSession === true || this._startsClean || (this._clientId === "" && version < 5);
	}

	private get _maximumPacketSize(): number {
		return this._options.maximumPacketSize ?? PACKET_SIZE_DEFAULT;
	}
}

/** What a CONNACK says of a will to a topic that the broker does not allow: not authorized (3.1.1 and 5.0), topic name not valid. */
const WILL_REFUSALS: readonly number[] = Object.freeze([5, 0x87, TOPIC_NAME_INVALID]);

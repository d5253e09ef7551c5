/** One connection of a client to a simulated broker: the protocol, packet by packet. */
import type { Bytes } from "../../../../src/host.ts";
import type { EndReason, ServerConnection } from "../network/network.ts";
import type { Event } from "../scheduler.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { BrokerCore, Client } from "./core.ts";
import { type BrokerLimits, happens } from "./faults.ts";
import { FromClient } from "./from-client.ts";
import {
	type ClientPacket,
	type ConnectPacket,
	type DisconnectPacket,
	encodePacket,
	PacketReader,
	packetSize,
	type SubscribePacket,
	type Version,
	type WillPacket,
} from "./packets.ts";
import * as reasons from "./reasons.ts";
import { Violation } from "./reasons.ts";
import { type BrokerSession, NEVER_S } from "./session.ts";
import { ToClient } from "./to-client.ts";
import { isTopicFilter } from "./topic-filter.ts";

/** From the opening of a connection to its CONNECT, in ms. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long a connection stays whose CONNECT gets no answer, in ms. */
const IGNORED_MS = 600_000;
/** Reason code with which a client asks for its will (5.0, table 3-10). */
const DISCONNECT_WITH_WILL_MESSAGE = 0x04;
export class BrokerClient implements Client {
	private readonly _core: BrokerCore;
	private readonly _connection: ServerConnection;
	private readonly _reader = new PacketReader();
	private _acknowledgements: Acknowledgements | undefined;
	private _fromClient: FromClient | undefined;
	private _toClient: ToClient | undefined;
	private _session: BrokerSession | undefined;
	private _version: Version = 4;
	private _maximumPacketSize = Number.POSITIVE_INFINITY;
	/** "ignored": the broker took the CONNECT and does not say a word. */
	private _phase: "awaiting CONNECT" | "connected" | "ignored" | "ended" = "awaiting CONNECT";
	private _keepAlive = 0;
	private _lastReceived = 0;
	private _watch: Event | undefined;
	private _hearing: Event | undefined;
	clientId = "";
	connectedAt: number | undefined;
	will: WillPacket | undefined;

	constructor(core: BrokerCore, connection: ServerConnection) {
		this._core = core;
		this._connection = connection;
		connection.onData = (bytes) => this._receive(bytes);
		connection.onEnd = (reason) => this._ended(ENDED[reason]);
		this._watch = core.scheduler.after(CONNECT_TIMEOUT_MS, () => this.end("no CONNECT"));
	}

	get version(): Version {
		return this._version;
	}

	get session(): BrokerSession | undefined {
		return this._session;
	}

	get connected(): boolean {
		return this._phase === "connected";
	}

	end(reason: string, reasonCode?: number): void {
		if (this._phase === "connected" && this._version === 5 && reasonCode !== undefined) {
			this._write({ cmd: "disconnect", reasonCode });
		}
		this._connection.end();
		this._ended(reason);
	}

	stop(connections: "reset" | "half-open"): void {
		if (connections === "reset") this._connection.reset();
		else this._connection.vanish("reset");
		this._release();
	}

	deliver(): void {
		if (this._phase === "connected") this._toClient?.deliver();
	}

	private _receive(bytes: Bytes): void {
		const { packets, error } = this._reader.push(bytes);
		try {
			for (const packet of packets) {
				if (this._phase === "ended") return;
				this._lastReceived = this._core.scheduler.now;
				if (this._phase !== "ignored") this._packet(packet);
			}
			if (error !== undefined) throw new Violation(`malformed packet: ${error}`, reasons.MALFORMED_PACKET);
		} catch (error) {
			if (!(error instanceof Violation)) throw error;
			if (this._phase === "ended") return;
			this.end(error.message, error.reasonCode);
			this._core.violation(this, error.message, error.limit);
		}
	}

	private _packet(packet: ClientPacket): void {
		if (this._phase === "awaiting CONNECT") {
			if (packet.cmd === "connect") return this._connect(packet);
			throw new Violation(`${packet.cmd.toUpperCase()} before CONNECT`, reasons.PROTOCOL_ERROR);
		}
		const size = packetSize(packet.length);
		if (size > this._maximumPacketSize) {
			throw new Violation(`packet of ${size} bytes`, reasons.PACKET_TOO_LARGE, true);
		}
		switch (packet.cmd) {
			case "publish":
				return this._fromClient!.publish(packet);
			case "pubrel":
				return this._fromClient!.release(packet);
			case "puback":
			case "pubrec":
			case "pubcomp":
				return this._toClient!.acknowledged(packet);
			case "subscribe":
				return this._subscribe(packet);
			case "unsubscribe": {
				const granted = packet.unsubscriptions.map((filter) =>
					this._session!.subscriptions.delete(filter) ? 0 : reasons.NO_SUBSCRIPTION_EXISTED,
				);
				return this._write({ cmd: "unsuback", messageId: packet.messageId, granted });
			}
			case "pingreq":
				if (!happens(this._core, "ignored PINGREQ", this._core.faults.ignorePing)) this._write({ cmd: "pingresp" });
				return;
			case "disconnect":
				return this._disconnected(packet);
			default:
				throw new Violation(`${packet.cmd.toUpperCase()} from a client`, reasons.PROTOCOL_ERROR);
		}
	}

	private _connect(packet: ConnectPacket): void {
		const { scheduler, faults } = this._core;
		scheduler.cancel(this._watch);
		this._watch = undefined;
		if (happens(this._core, "CONNECT without answer", faults.silentConnect)) return this._ignore();
		const refusal = this._refusal(packet);
		if (refusal) return this._refuse(refusal);
		this.clientId = packet.clientId === "" ? this._core.assignId() : packet.clientId;
		this.will = packet.will;
		const limits = this._version === 5 ? { ...faults.limits } : {};
		this._accept(packet, limits);
		const sessionPresent = this._beginSession(packet);
		if (happens(this._core, "lost CONNACK", faults.lostConnack)) return this._ignore();
		const properties = {
			...limits,
			...(packet.clientId === "" ? { assignedClientIdentifier: this.clientId } : {}),
			sharedSubscriptionAvailable: false,
		};
		const code = this._version === 5 ? { reasonCode: 0, properties } : { returnCode: 0 };
		this._write({ cmd: "connack", sessionPresent, ...code });
		if (happens(this._core, "closed after CONNACK", faults.closeAfterConnack)) return this.end("closed after CONNACK");
		this._watchKeepAlive();
		this._toClient!.redeliver();
		if (faults.deafFor <= 0) return;
		this._core.tally.count("broker: deaf connection");
		this._connection.pause();
		this._hearing = scheduler.after(faults.deafFor, () => this._connection.resume());
	}

	/** Nothing is answered any more. */
	private _ignore(): void {
		this._phase = "ignored";
		this._watch = this._core.scheduler.after(IGNORED_MS, () => this.end("ignored"));
	}

	/** Settles the version, and whether the broker has something against the client. */
	private _refusal({
		protocolVersion,
		clientId,
		clean,
	}: ConnectPacket): keyof typeof reasons.CONNECT_REFUSALS | undefined {
		const { faults, tally } = this._core;
		if (protocolVersion > faults.protocolVersionMaximum) {
			// Answered in the form of the version that the broker knows.
			tally.count("broker: protocol version refused");
			return "unacceptable protocol version";
		}
		this._version = protocolVersion;
		if (happens(this._core, "server unavailable", faults.serverUnavailable)) return "server unavailable";
		if (happens(this._core, "bad credentials", faults.badCredentials)) return "bad credentials";
		const needsId = protocolVersion === 3 || (protocolVersion === 4 && !clean);
		return clientId === "" && needsId ? "client id not valid" : undefined;
	}

	private _refuse(refusal: keyof typeof reasons.CONNECT_REFUSALS): void {
		const [returnCode, reasonCode] = reasons.CONNECT_REFUSALS[refusal];
		this._write({ cmd: "connack", sessionPresent: false, returnCode, reasonCode });
		this.end(refusal);
	}

	/** What the two have agreed on is settled. */
	private _accept({ keepalive, properties }: ConnectPacket, limits: BrokerLimits): void {
		this._maximumPacketSize = limits.maximumPacketSize ?? Number.POSITIVE_INFINITY;
		this._keepAlive = limits.serverKeepAlive ?? keepalive;
		const unacknowledged = new Set<number>();
		this._acknowledgements = new Acknowledgements({
			...this._core,
			version: this._version,
			maximumPacketSize: properties?.maximumPacketSize,
			write: (bytes) => this._connection.write(bytes),
			onSent: ({ cmd, packetId, reasonCode }) => {
				if (cmd !== "pubrec" || reasonCode >= 0x80) unacknowledged.delete(packetId);
			},
		});
		this._fromClient = new FromClient(this._core, this, limits, unacknowledged, this._acknowledgements);
		this._phase = "connected";
		this.connectedAt = this._core.scheduler.now;
	}

	/** Returns the session present flag, which MQTT 3.1 does not have. */
	private _beginSession(packet: ConnectPacket): boolean {
		const { session, present } = this._core.begin(this, packet);
		this._session = session;
		this._toClient = new ToClient(session, this._version, packet.properties ?? {}, (bytes) => {
			this._connection.write(bytes);
		});
		return present && this._version > 3;
	}

	private _subscribe({ messageId, subscriptions, properties }: SubscribePacket): void {
		const session = this._session!;
		const identifier = properties?.subscriptionIdentifier;
		const accepted: { readonly topic: string; readonly isNew: boolean; readonly rh: number }[] = [];
		const granted = subscriptions.map(({ topic, rh = 0, ...options }) => {
			if (!isTopicFilter(topic) || topic.startsWith("$share/"))
				return this._version === 5 ? reasons.TOPIC_FILTER_INVALID : 0x80;
			accepted.push({ topic, isNew: !session.subscriptions.has(topic), rh });
			session.subscriptions.set(topic, {
				...options,
				identifier: typeof identifier === "number" ? identifier : undefined,
			});
			return options.qos;
		});
		this._write({ cmd: "suback", messageId, granted });
		for (const { topic, isNew, rh } of accepted) {
			if (rh === 0 || (rh === 1 && isNew)) this._core.subscribed(session, topic);
		}
		this.deliver();
	}

	private _disconnected({ reasonCode = 0, properties }: DisconnectPacket): void {
		if (this._version < 5 || reasonCode !== DISCONNECT_WITH_WILL_MESSAGE) this.will = undefined;
		const expiry = properties?.sessionExpiryInterval;
		if (expiry !== undefined && this._version === 5) {
			if (expiry > 0 && this._session!.expiryInterval === 0) {
				throw new Violation("session expiry interval in a DISCONNECT [5.0: 3.14.2.2.2]", reasons.PROTOCOL_ERROR);
			}
			this._session!.expiryInterval = Math.min(expiry, NEVER_S);
		}
		this._connection.end();
		this._ended(`DISCONNECT ${reasonCode}`);
	}

	/** Three halves of the keep-alive without a packet are the end [MQTT-3.1.2-24]. */
	private _watchKeepAlive(): void {
		if (this._keepAlive === 0) return;
		const { scheduler } = this._core;
		const due = this._lastReceived + this._keepAlive * 1_500;
		if (scheduler.now >= due) return this.end("keep-alive", reasons.KEEP_ALIVE_TIMEOUT);
		this._watch = scheduler.at(due, () => this._watchKeepAlive());
	}

	private _write(packet: object): void {
		this._connection.write(encodePacket(packet, this._version));
	}

	private _ended(reason: string): void {
		if (this._phase === "ended") return;
		const accepted = this._phase === "connected";
		this._release();
		this._core.ended(this, accepted, reason);
	}

	private _release(): void {
		this._phase = "ended";
		const { scheduler } = this._core;
		scheduler.cancel(this._watch);
		scheduler.cancel(this._hearing);
		this._acknowledgements?.stop();
	}
}

const ENDED: Readonly<Record<EndReason, string>> = {
	closed: "closed by the client",
	reset: "connection reset",
	"timed out": "connection timed out",
};

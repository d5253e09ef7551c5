/** One connection of a client to a simulated broker: the protocol, packet by packet. */
import type { Bytes } from "../../../src/host.ts";
import { Acknowledgements } from "./broker-acknowledgements.ts";
import { type BrokerCore, happens } from "./broker-core.ts";
import type { BrokerLimits } from "./broker-faults.ts";
import { Incoming } from "./broker-incoming.ts";
import { Outgoing } from "./broker-outgoing.ts";
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
} from "./broker-packets.ts";
import * as reasons from "./broker-reasons.ts";
import { Violation } from "./broker-reasons.ts";
import { type BrokerSession, NEVER_S } from "./broker-session.ts";
import type { EndReason, ServerConnection } from "./network.ts";
import type { Event } from "./scheduler.ts";
import { isTopicFilter } from "./topic-filter.ts";

/** From the opening of a connection to its CONNECT, in ms. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long a connection stays whose CONNECT gets no answer, in ms. */
const IGNORED_MS = 600_000;
/** Reason code with which a client asks for its will (5.0, table 3-10). */
const DISCONNECT_WITH_WILL_MESSAGE = 0x04;
export class BrokerClient {
	readonly #core: BrokerCore;
	readonly #connection: ServerConnection;
	readonly #reader = new PacketReader();
	#acknowledgements: Acknowledgements | undefined;
	#incoming: Incoming | undefined;
	#outgoing: Outgoing | undefined;
	#session: BrokerSession | undefined;
	#version: Version = 4;
	#maximumPacketSize = Number.POSITIVE_INFINITY;
	/** "ignored": the broker took the CONNECT and does not say a word. */
	#phase: "awaiting CONNECT" | "connected" | "ignored" | "ended" = "awaiting CONNECT";
	#keepAlive = 0;
	#lastReceived = 0;
	#watch: Event | undefined;
	#hearing: Event | undefined;
	clientId = "";
	connectedAt: number | undefined;
	will: WillPacket | undefined;

	constructor(core: BrokerCore, connection: ServerConnection) {
		this.#core = core;
		this.#connection = connection;
		connection.onData = (bytes) => this.#receive(bytes);
		connection.onEnd = (reason) => this.#ended(ENDED[reason]);
		this.#watch = core.scheduler.after(CONNECT_TIMEOUT_MS, () => this.end("no CONNECT"));
	}

	get version(): Version {
		return this.#version;
	}

	get session(): BrokerSession | undefined {
		return this.#session;
	}

	get connected(): boolean {
		return this.#phase === "connected";
	}

	/** Ends the connection orderly; MQTT 5.0 gets a DISCONNECT where there is a reason code. */
	end(reason: string, reasonCode?: number): void {
		if (this.#phase === "connected" && this.#version === 5 && reasonCode !== undefined) {
			this.#write({ cmd: "disconnect", reasonCode });
		}
		this.#connection.end();
		this.#ended(reason);
	}

	/** The broker itself is gone: nothing is told to anybody. */
	stop(connections: "reset" | "half-open"): void {
		if (connections === "reset") this.#connection.reset();
		else this.#connection.vanish("reset");
		this.#release();
	}

	/** Sends what waits for the client, as far as its window reaches. */
	deliver(): void {
		if (this.#phase === "connected") this.#outgoing?.deliver();
	}

	#receive(bytes: Bytes): void {
		const { packets, error } = this.#reader.push(bytes);
		try {
			for (const packet of packets) {
				if (this.#phase === "ended") return;
				this.#lastReceived = this.#core.scheduler.now;
				if (this.#phase !== "ignored") this.#packet(packet);
			}
			if (error !== undefined) throw new Violation(`malformed packet: ${error}`, reasons.MALFORMED_PACKET);
		} catch (error) {
			if (!(error instanceof Violation)) throw error;
			if (this.#phase === "ended") return;
			this.end(error.message, error.reasonCode);
			this.#core.violation(this, error.message, error.limit);
		}
	}

	#packet(packet: ClientPacket): void {
		if (this.#phase === "awaiting CONNECT") {
			if (packet.cmd === "connect") return this.#connect(packet);
			throw new Violation(`${packet.cmd.toUpperCase()} before CONNECT`, reasons.PROTOCOL_ERROR);
		}
		const size = packetSize(packet.length);
		if (size > this.#maximumPacketSize) {
			throw new Violation(`packet of ${size} bytes`, reasons.PACKET_TOO_LARGE, true);
		}
		switch (packet.cmd) {
			case "publish":
				return this.#incoming!.publish(packet);
			case "pubrel":
				return this.#incoming!.release(packet);
			case "puback":
			case "pubrec":
			case "pubcomp":
				return this.#outgoing!.acknowledged(packet);
			case "subscribe":
				return this.#subscribe(packet);
			case "unsubscribe": {
				const granted = packet.unsubscriptions.map((filter) =>
					this.#session!.subscriptions.delete(filter) ? 0 : reasons.NO_SUBSCRIPTION_EXISTED,
				);
				return this.#write({ cmd: "unsuback", messageId: packet.messageId, granted });
			}
			case "pingreq":
				if (!happens(this.#core, "ignored PINGREQ", this.#core.faults.ignorePing)) this.#write({ cmd: "pingresp" });
				return;
			case "disconnect":
				return this.#disconnected(packet);
			default:
				throw new Violation(`${packet.cmd.toUpperCase()} from a client`, reasons.PROTOCOL_ERROR);
		}
	}

	#connect(packet: ConnectPacket): void {
		const { scheduler, faults } = this.#core;
		scheduler.cancel(this.#watch);
		this.#watch = undefined;
		if (happens(this.#core, "CONNECT without answer", faults.silentConnect)) {
			this.#phase = "ignored";
			this.#watch = scheduler.after(IGNORED_MS, () => this.end("ignored"));
			return;
		}
		const refusal = this.#refusal(packet);
		if (refusal) return this.#refuse(refusal);
		this.clientId = packet.clientId === "" ? this.#core.assignId() : packet.clientId;
		this.will = packet.will;
		const limits = this.#version === 5 ? { ...faults.limits } : {};
		this.#accept(packet, limits);
		const sessionPresent = this.#beginSession(packet);
		const properties = {
			...limits,
			...(packet.clientId === "" ? { assignedClientIdentifier: this.clientId } : {}),
			sharedSubscriptionAvailable: false,
		};
		const code = this.#version === 5 ? { reasonCode: 0, properties } : { returnCode: 0 };
		this.#write({ cmd: "connack", sessionPresent, ...code });
		if (happens(this.#core, "closed after CONNACK", faults.closeAfterConnack)) return this.end("closed after CONNACK");
		this.#watchKeepAlive();
		this.#outgoing!.redeliver();
		if (faults.deafFor <= 0) return;
		this.#core.tally.count("broker: deaf connection");
		this.#connection.pause();
		this.#hearing = scheduler.after(faults.deafFor, () => this.#connection.resume());
	}

	/** Settles the version, and whether the broker has something against the client. */
	#refusal({ protocolVersion, clientId, clean }: ConnectPacket): keyof typeof reasons.CONNECT_REFUSALS | undefined {
		const { faults, tally } = this.#core;
		if (protocolVersion > faults.protocolVersionMaximum) {
			// Answered in the form of the version that the broker knows.
			tally.count("broker: protocol version refused");
			return "unacceptable protocol version";
		}
		this.#version = protocolVersion;
		if (happens(this.#core, "server unavailable", faults.serverUnavailable)) return "server unavailable";
		if (happens(this.#core, "bad credentials", faults.badCredentials)) return "bad credentials";
		const needsId = protocolVersion === 3 || (protocolVersion === 4 && !clean);
		return clientId === "" && needsId ? "client id not valid" : undefined;
	}

	#refuse(refusal: keyof typeof reasons.CONNECT_REFUSALS): void {
		const [returnCode, reasonCode] = reasons.CONNECT_REFUSALS[refusal];
		this.#write({ cmd: "connack", sessionPresent: false, returnCode, reasonCode });
		this.end(refusal);
	}

	/** What the two have agreed on is settled. */
	#accept({ keepalive, properties }: ConnectPacket, limits: BrokerLimits): void {
		this.#maximumPacketSize = limits.maximumPacketSize ?? Number.POSITIVE_INFINITY;
		this.#keepAlive = limits.serverKeepAlive ?? keepalive;
		const unacknowledged = new Set<number>();
		this.#acknowledgements = new Acknowledgements({
			...this.#core,
			version: this.#version,
			maximumPacketSize: properties?.maximumPacketSize,
			write: (bytes) => this.#connection.write(bytes),
			onSent: ({ cmd, packetId, reasonCode }) => {
				if (cmd !== "pubrec" || reasonCode >= 0x80) unacknowledged.delete(packetId);
			},
		});
		this.#incoming = new Incoming(this.#core, this, limits, unacknowledged, this.#acknowledgements);
		this.#phase = "connected";
		this.connectedAt = this.#core.scheduler.now;
	}

	/** Returns the session present flag, which MQTT 3.1 does not have. */
	#beginSession(packet: ConnectPacket): boolean {
		const { session, present } = this.#core.begin(this, packet);
		this.#session = session;
		this.#outgoing = new Outgoing(session, this.#version, packet.properties ?? {}, (bytes) => {
			this.#connection.write(bytes);
		});
		return present && this.#version > 3;
	}

	#subscribe({ messageId, subscriptions, properties }: SubscribePacket): void {
		const session = this.#session!;
		const identifier = properties?.subscriptionIdentifier;
		const accepted: { readonly topic: string; readonly isNew: boolean; readonly rh: number }[] = [];
		const granted = subscriptions.map(({ topic, rh = 0, ...options }) => {
			if (!isTopicFilter(topic) || topic.startsWith("$share/"))
				return this.#version === 5 ? reasons.TOPIC_FILTER_INVALID : 0x80;
			accepted.push({ topic, isNew: !session.subscriptions.has(topic), rh });
			session.subscriptions.set(topic, {
				...options,
				identifier: typeof identifier === "number" ? identifier : undefined,
			});
			return options.qos;
		});
		this.#write({ cmd: "suback", messageId, granted });
		for (const { topic, isNew, rh } of accepted) {
			if (rh === 0 || (rh === 1 && isNew)) this.#core.subscribed(session, topic);
		}
		this.deliver();
	}

	#disconnected({ reasonCode = 0, properties }: DisconnectPacket): void {
		if (this.#version < 5 || reasonCode !== DISCONNECT_WITH_WILL_MESSAGE) this.will = undefined;
		const expiry = properties?.sessionExpiryInterval;
		if (expiry !== undefined && this.#version === 5) {
			if (expiry > 0 && this.#session!.expiryInterval === 0) {
				throw new Violation("session expiry interval in a DISCONNECT [5.0: 3.14.2.2.2]", reasons.PROTOCOL_ERROR);
			}
			this.#session!.expiryInterval = Math.min(expiry, NEVER_S);
		}
		this.#connection.end();
		this.#ended(`DISCONNECT ${reasonCode}`);
	}

	/** Three halves of the keep-alive without a packet are the end [MQTT-3.1.2-24]. */
	#watchKeepAlive(): void {
		if (this.#keepAlive === 0) return;
		const { scheduler } = this.#core;
		const due = this.#lastReceived + this.#keepAlive * 1_500;
		if (scheduler.now >= due) return this.end("keep-alive", reasons.KEEP_ALIVE_TIMEOUT);
		this.#watch = scheduler.at(due, () => this.#watchKeepAlive());
	}

	#write(packet: object): void {
		this.#connection.write(encodePacket(packet, this.#version));
	}

	#ended(reason: string): void {
		if (this.#phase === "ended") return;
		const accepted = this.#phase === "connected";
		this.#release();
		this.#core.ended(this, accepted, reason);
	}

	#release(): void {
		this.#phase = "ended";
		const { scheduler } = this.#core;
		scheduler.cancel(this.#watch);
		scheduler.cancel(this.#hearing);
		this.#acknowledgements?.stop();
	}
}

const ENDED: Readonly<Record<EndReason, string>> = {
	closed: "closed by the client",
	reset: "connection reset",
	"timed out": "connection timed out",
};

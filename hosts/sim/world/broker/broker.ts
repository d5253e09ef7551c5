/**
 * A broker for MQTT 3.1, 3.1.1 and 5.0 in a simulated world, which observes
 * what it becomes responsible for, and whose faults can be switched on.
 *
 * What it leaves out: shared subscriptions, topic aliases towards clients,
 * message expiry, and authentication.
 */
import type { Bytes } from "../../../../src/host.ts";
import { topicMatches } from "../../../../src/net/mqtt/topic.ts";
import type { Network, ServerConnection } from "../network/network.ts";
import type { Random } from "../random.ts";
import type { Event, Scheduler } from "../scheduler.ts";
import { Tally } from "../tally.ts";
import { BrokerClient } from "./client.ts";
import type { BrokerCore, Client } from "./core.ts";
import { type BrokerFaults, noFaults } from "./faults.ts";
import type { BrokerObserver, TakenMessage } from "./observer.ts";
import type { ConnectPacket, Properties, QoS, WillPacket } from "./packets.ts";
import { SESSION_TAKEN_OVER } from "./reasons.ts";
import { BrokerSession, type Message, NEVER_S } from "./session.ts";

export type { BrokerFaults, BrokerLimits } from "./faults.ts";
export type { BrokerObserver, TakenMessage } from "./observer.ts";
export type { QoS, Version } from "./packets.ts";

export interface BrokerOptions {
	readonly scheduler: Scheduler;
	readonly random: Random;
	readonly network: Pick<Network, "listen">;
	/** Faults are counted here as they come about, as "broker: lost acknowledgement" and so on. */
	readonly tally?: Tally;
	readonly observer?: BrokerObserver;
	readonly faults?: Partial<BrokerFaults>;
}

export interface RestartOptions {
	readonly keepSessions: boolean;
	readonly keepRetained: boolean;
	/** How long nobody listens, in ms. */
	readonly downFor: number;
	/** What becomes of the connections; by default "reset". */
	readonly connections?: "reset" | "half-open";
	/**
	 * By default "forgotten", as by a Mosquitto (2.0.11) that is killed: what it keeps has sessions
	 * and retained messages, but no wills. So the retained status of a station that was
	 * connected stays "online" until the station comes back; see `forgottenWills`. One
	 * that is terminated publishes them.
	 */
	readonly wills?: "forgotten" | "published";
}

export interface PublishOptions {
	readonly retain?: boolean;
	/** In mqtt-packet's terms. */
	readonly properties?: Properties;
}

const UTF_8 = new TextDecoder();

export class Broker {
	/** May be changed at any time. */
	readonly faults: BrokerFaults;
	private readonly _options: BrokerOptions;
	private readonly _core: BrokerCore;
	private readonly _sessions = new Map<string, BrokerSession>();
	/** By client id, those that were accepted. */
	private readonly _clients = new Map<string, Client>();
	/** Of all connections, those that were not accepted, too. */
	private readonly _connections = new Set<Client>();
	private readonly _retained = new Map<string, Message>();
	private readonly _forgottenWills = new Set<string>();
	private _unlisten: (() => void) | undefined;
	private _start: Event | undefined;
	private _assigned = 0;

	/** It listens at once. */
	constructor(options: BrokerOptions) {
		this._options = options;
		this.faults = { ...noFaults(), ...options.faults };
		const { scheduler, random, tally = new Tally() } = options;
		this._core = {
			scheduler,
			random,
			tally,
			faults: this.faults,
			assignId: () => `assigned-${++this._assigned}`,
			begin: (client, packet) => this._begin(client, packet),
			take: (client, message, dup) => this._take(client.clientId, message, dup, false),
			refuse: (client, message, dup, reasonCode) =>
				options.observer?.onRefuse?.(this._taken(client.clientId, message, dup, false), reasonCode),
			violation: (client, what, limit) => options.observer?.onViolation?.(client.clientId, what, limit),
			subscribed: (session, filter) => this._giveRetained(session, filter),
			ended: (client, accepted, reason) => this._ended(client, accepted, reason),
		};
		this._listen();
	}

	/** Whether it listens. */
	get up(): boolean {
		return this._unlisten !== undefined;
	}

	/**
	 * Topics of retained wills that were forgotten at a restart, and to which nothing was published
	 * since: what is retained there may be out of date.
	 */
	get forgottenWills(): ReadonlySet<string> {
		return this._forgottenWills;
	}

	/** The payload of the retained message, as text; `undefined`: there is none. */
	status(topic: string): string | undefined {
		const message = this._retained.get(topic);
		return message && UTF_8.decode(message.payload);
	}

	/** Since when the client is connected, in ms; `undefined`: it is not. */
	connectedSince(clientId: string): number | undefined {
		return this._clients.get(clientId)?.connectedAt;
	}

	/** Whether the client's session has a subscription. */
	isSubscribed(clientId: string, topicFilter: string): boolean {
		return this._sessions.get(clientId)?.subscriptions.has(topicFilter) === true;
	}

	/** Publishes as another client would. The observer is not told. */
	publish(
		topic: string,
		payload: string | Bytes,
		qos: QoS = 1,
		{ retain = false, properties }: PublishOptions = {},
	): void {
		const bytes = new Uint8Array(typeof payload === "string" ? new TextEncoder().encode(payload) : payload);
		this._route({ topic, payload: bytes, qos, retain, properties }, undefined);
	}

	/** Ends all connections, in MQTT 5.0 with a DISCONNECT where there is a reason code. Wills are published. */
	disconnectAll(reasonCode?: number): void {
		for (const client of [...this._connections]) client.end("by the operator", reasonCode);
	}

	/** Loses all connections, and comes back. One that is down stays down for as long as it would have, or longer. */
	restart({ keepSessions, keepRetained, downFor, connections = "reset", wills = "forgotten" }: RestartOptions): void {
		const { scheduler, tally } = this._core;
		tally.count("broker: restart");
		this._unlisten?.();
		this._unlisten = undefined;
		const clients = [...this._clients];
		this._clients.clear();
		for (const client of [...this._connections]) client.stop(connections);
		this._connections.clear();
		const lost: WillPacket[] = [];
		for (const [clientId, { will }] of clients) {
			if (!will) continue;
			if (wills === "published") this._takeWill(clientId, will);
			else lost.push(will);
		}
		for (const session of this._sessions.values()) {
			const { delayedWill } = session;
			if (!delayedWill) continue;
			scheduler.cancel(delayedWill.event);
			session.delayedWill = undefined;
			if (wills === "published") this._takeWill(session.clientId, delayedWill.will);
			else lost.push(delayedWill.will);
		}
		if (!keepRetained) this._retained.clear();
		for (const { topic, retain } of lost) if (retain && this._retained.has(topic)) this._forgottenWills.add(topic);
		for (const session of [...this._sessions.values()]) {
			if (!keepSessions) this._endSession(session);
			else if (!session.expiry) this._away(session);
		}
		const due = Math.max(scheduler.now + downFor, this._start?.time ?? 0);
		scheduler.cancel(this._start);
		this._start = scheduler.at(due, () => this._listen());
		for (const [clientId] of clients) this._options.observer?.onDisconnect?.(clientId, "restart of the broker");
	}

	/** A broker that is down comes back now. */
	start(): void {
		if (this.up) return;
		this._core.scheduler.cancel(this._start);
		this._listen();
	}

	private _listen(): void {
		this._start = undefined;
		this._unlisten = this._options.network.listen((connection: ServerConnection) => {
			this._connections.add(new BrokerClient(this._core, connection));
		});
	}

	private _begin(client: Client, packet: ConnectPacket): { session: BrokerSession; present: boolean } {
		const { clientId } = client;
		this._clients.get(clientId)?.end("taken over", SESSION_TAKEN_OVER);
		const version5 = packet.protocolVersion === 5;
		let session = this._sessions.get(clientId);
		// A session that ends with its connection is not there any more.
		if (session && packet.clean) {
			this._endSession(session);
			session = undefined;
		}
		const present = session !== undefined;
		const expiryInterval = version5 ? (packet.properties?.sessionExpiryInterval ?? 0) : packet.clean ? 0 : NEVER_S;
		session ??= new BrokerSession(clientId);
		session.expiryInterval = expiryInterval;
		this._sessions.set(clientId, session);
		const { scheduler } = this._core;
		scheduler.cancel(session.expiry);
		scheduler.cancel(session.delayedWill?.event);
		session.expiry = session.delayedWill = undefined;
		this._clients.set(clientId, client);
		this._options.observer?.onConnect?.(clientId, { version: packet.protocolVersion, sessionPresent: present });
		return { session, present };
	}

	private _ended(client: Client, accepted: boolean, reason: string): void {
		this._connections.delete(client);
		if (!accepted) return;
		const { clientId, session, will } = client;
		if (this._clients.get(clientId) === client) this._clients.delete(clientId);
		this._options.observer?.onDisconnect?.(clientId, reason);
		if (!session) return;
		const delay = Math.min(will?.properties?.willDelayInterval ?? 0, session.expiryInterval);
		if (will && delay > 0) {
			const event = this._core.scheduler.after(delay * 1_000, () => this._publishDelayed(session));
			session.delayedWill = { event, will };
		} else if (will) this._takeWill(clientId, will);
		this._away(session);
	}

	/** The session's time begins to run. */
	private _away(session: BrokerSession): void {
		const { expiryInterval } = session;
		if (expiryInterval === 0) this._endSession(session);
		else if (expiryInterval < NEVER_S) {
			session.expiry = this._core.scheduler.after(expiryInterval * 1_000, () => this._endSession(session));
		}
	}

	/** A will that waits for the session's end does not wait any longer [5.0: MQTT-3.1.3-9]. */
	private _endSession(session: BrokerSession): void {
		this._core.scheduler.cancel(session.expiry);
		session.expiry = undefined;
		if (this._sessions.get(session.clientId) === session) this._sessions.delete(session.clientId);
		this._publishDelayed(session);
	}

	private _publishDelayed(session: BrokerSession): void {
		const { delayedWill } = session;
		if (!delayedWill) return;
		this._core.scheduler.cancel(delayedWill.event);
		session.delayedWill = undefined;
		this._takeWill(session.clientId, delayedWill.will);
	}

	private _takeWill(clientId: string, { topic, payload, qos, retain, properties = {} }: WillPacket): void {
		const { willDelayInterval, ...others } = properties;
		this._take(clientId, { topic, payload: new Uint8Array(payload), qos, retain, properties: others }, false, true);
	}

	private _take(clientId: string, message: Message, dup: boolean, isWill: boolean): boolean {
		this._options.observer?.onPublish?.(this._taken(clientId, message, dup, isWill));
		return this._route(message, clientId);
	}

	private _taken(
		clientId: string,
		{ topic, payload, qos, retain }: Message,
		dup: boolean,
		isWill: boolean,
	): TakenMessage {
		return { topic, payload, qos, retain, dup, clientId, time: this._core.scheduler.now, isWill };
	}

	/** To whom it may concern; returns whether there is anybody. */
	private _route(message: Message, publisher: string | undefined): boolean {
		if (message.retain) {
			this._forgottenWills.delete(message.topic);
			if (message.payload.length > 0) this._retained.set(message.topic, message);
			else this._retained.delete(message.topic);
		}
		let wanted = false;
		for (const session of this._sessions.values()) {
			const client = this._clients.get(session.clientId);
			if (!session.offer(message, publisher, client !== undefined)) continue;
			wanted = true;
			client?.deliver();
		}
		return wanted;
	}

	private _giveRetained(session: BrokerSession, filter: string): void {
		const { qos, identifier } = session.subscriptions.get(filter)!;
		for (const [topic, message] of this._retained) {
			if (topicMatches(filter, topic))
				session.enqueue(message, qos, true, identifier === undefined ? [] : [identifier]);
		}
	}
}

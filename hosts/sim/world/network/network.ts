/**
 * The network between a station and its broker, simulated: name resolution, and
 * TCP as the station's sockets show it. There is one station at a time and one
 * broker.
 */
import type { NetworkPort } from "../../../../src/host.ts";
import type { Random } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import { Tally } from "../tally.ts";
import { type Conditions, DEFAULT_CONDITIONS } from "./conditions.ts";
import { NameResolver } from "./name-resolver.ts";
import type { HalfOpenAnswer, ServerConnection } from "./server-connection.ts";
import { type SocketNetwork, StationSocket } from "./station-socket.ts";
import { type ConnectionMedium, TcpConnection } from "./tcp-connection.ts";

export type { Conditions } from "./conditions.ts";
export type { EndReason, HalfOpenAnswer, ServerConnection } from "./server-connection.ts";

/** Sockets of a station: lwIP's on an ESP32 by default. One more, and the constructor throws an Error. */
const SOCKETS_MAXIMUM = 10;
/** Until lost segments are repeated after the link has come back, in ms: no longer than it was away, and than this. */
const REPETITION_MAXIMUM_MS = 60_000;
/** Bytes of the headers of TCP and IP. */
const HEADER_BYTES = 40;

export interface HalfOpenOptions {
	/** Which end learns of it at once; by default "nobody". */
	readonly told?: "nobody" | "broker" | "station";
	/** What data gets that is sent by an end that was not told; by default "reset", after up to 5 s. */
	readonly answer?: HalfOpenAnswer;
}

/** Conditions whose `linkUp` tells of each change. */
class LiveConditions implements Conditions {
	latency: number;
	jitter: number;
	byteTime: number;
	giveUpAfter: number;
	refuse: boolean;
	unanswered: boolean;
	dns: Conditions["dns"];
	segmentation: Conditions["segmentation"];
	private _linkUp: boolean;
	private readonly _onLink: (up: boolean) => void;

	constructor(conditions: Partial<Conditions>, onLink: (up: boolean) => void) {
		const all = { ...DEFAULT_CONDITIONS, ...conditions };
		this.latency = all.latency;
		this.jitter = all.jitter;
		this.byteTime = all.byteTime;
		this.giveUpAfter = all.giveUpAfter;
		this.refuse = all.refuse;
		this.unanswered = all.unanswered;
		this.dns = all.dns;
		this.segmentation = all.segmentation;
		this._linkUp = all.linkUp;
		this._onLink = onLink;
	}

	get linkUp(): boolean {
		return this._linkUp;
	}

	set linkUp(up: boolean) {
		if (up === this._linkUp) return;
		this._linkUp = up;
		this._onLink(up);
	}
}

/** A class, as are these conditions: an object with accessors of its own would be of another kind to the engine in each world. */
class NetworkMedium implements ConnectionMedium {
	readonly scheduler: Scheduler;
	readonly random: Random;
	readonly conditions: Conditions;
	listener: ((connection: ServerConnection) => void) | undefined = undefined;
	private readonly _tally: Tally;
	private readonly _connections: Set<TcpConnection>;

	constructor(
		scheduler: Scheduler,
		random: Random,
		conditions: Conditions,
		tally: Tally,
		connections: Set<TcpConnection>,
	) {
		this.scheduler = scheduler;
		this.random = random;
		this.conditions = conditions;
		this._tally = tally;
		this._connections = connections;
	}

	delay(): number {
		const { latency, jitter, byteTime } = this.conditions;
		return latency + this.random.next() * jitter + HEADER_BYTES * byteTime;
	}

	count(kind: string): void {
		this._tally.count(kind);
	}

	ended(connection: TcpConnection): void {
		this._connections.delete(connection);
	}
}

export class Network {
	readonly conditions: Conditions;
	private readonly _medium: NetworkMedium;
	private readonly _connections = new Set<TcpConnection>();
	private _nextId = 1;
	private _linkLostAt = 0;
	/** What the sockets of the present power-on share. */
	private _power = { on: true };

	/** Without `tally` nothing is counted. */
	constructor(scheduler: Scheduler, random: Random, conditions: Partial<Conditions> = {}, tally = new Tally()) {
		this.conditions = new LiveConditions(conditions, (up) => this._setLink(up));
		this._medium = new NetworkMedium(scheduler, random, this.conditions, tally, this._connections);
	}

	/**
	 * The broker takes the connections, from now on; returns what ends that, and
	 * leaves open connections alone. Throws an Error where somebody listens already.
	 */
	listen(handler: (connection: ServerConnection) => void): () => void {
		const medium = this._medium;
		if (medium.listener) throw new Error("somebody listens already");
		medium.listener = handler;
		return () => {
			if (medium.listener === handler) medium.listener = undefined;
		};
	}

	/**
	 * What a station that was just turned on gets as its `network`. It is never called back
	 * while `alive` returns false, nor after `powerLost`; what it still calls has no effect then.
	 */
	ports(alive: () => boolean): Required<Pick<NetworkPort, "socket" | "dns">> {
		const power = this._power;
		const on = () => power.on && alive();
		const medium = this._medium;
		const sockets: SocketNetwork = {
			on,
			connect: (station) => {
				if (this.stationSockets >= SOCKETS_MAXIMUM) throw new Error("no socket left");
				const connection = new TcpConnection(this._nextId++, medium, station);
				this._connections.add(connection);
				return connection;
			},
		};
		for (const connection of [...this._connections]) connection.stationReturned();
		// One class for all power-ons, as an engine compiles code for the classes that it has seen.
		return { socket: { io: StationSocket, below: sockets }, dns: { io: NameResolver, below: { medium, on } } };
	}

	/** Connections that the station has open, or is opening. */
	get stationSockets(): number {
		let sockets = 0;
		for (const { stationPresent } of this._connections) if (stationPresent) sockets++;
		return sockets;
	}

	/** Connections that the broker has open. */
	get brokerConnections(): number {
		let connections = 0;
		for (const { serverPresent } of this._connections) if (serverPresent) connections++;
		return connections;
	}

	/** Every connection ends at once: both ends get an error, and what was under way is lost. */
	resetAll(): void {
		for (const connection of [...this._connections]) {
			this._medium.count("network: connection reset");
			connection.sever("silence");
			this._medium.scheduler.after(0, () => connection.failServer("reset"));
			this._medium.scheduler.after(0, () => connection.failStation("reset by the broker"));
		}
	}

	/** Something between the ends ends connections on which nothing has passed for `idle` ms: with resets, or without a word. */
	cutIdle(idle: number, answer: HalfOpenAnswer): void {
		const { scheduler } = this._medium;
		for (const connection of [...this._connections]) {
			if (connection.severed || scheduler.now - connection.activeAt < idle) continue;
			this._medium.count(`network: idle connection cut, ${answer} in answer`);
			connection.sever(answer);
			if (answer === "silence") continue;
			scheduler.after(0, () => connection.failServer("reset"));
			scheduler.after(0, () => connection.failStation("reset by the broker"));
		}
	}

	/**
	 * Every connection is lost between its ends: nothing that is sent from now on, or under way,
	 * arrives.
	 */
	halfOpenAll({ told = "nobody", answer = "reset" }: HalfOpenOptions = {}): void {
		for (const connection of [...this._connections]) {
			this._medium.count(`network: half-open connection, ${answer} in answer`);
			connection.sever(answer);
			if (told === "broker") this._medium.scheduler.after(0, () => connection.failServer("reset"));
			if (told === "station") this._medium.scheduler.after(0, () => connection.failStation("reset by the broker"));
		}
	}

	/**
	 * The station's sockets are gone without a word; what had left still arrives. What the broker
	 * sends is lost until `ports` is called for the station's next power-on, and then
	 * gets `answer`.
	 */
	powerLost(answer: HalfOpenAnswer = "reset"): void {
		this._power.on = false;
		this._power = { on: true };
		for (const connection of [...this._connections]) {
			if (!connection.stationPresent) continue;
			this._medium.count("network: connection of a station without power");
			connection.loseStation(answer);
		}
	}

	/**
	 * The station sleeps: it repeats nothing. What had left still arrives; where it
	 * turns its radio off in haste, what is under way has not left.
	 */
	stationAsleep(hasty: boolean): void {
		this._power.on = false;
		this._power = { on: true };
		for (const connection of [...this._connections]) connection.stationAsleep(hasty);
	}

	private _setLink(up: boolean): void {
		const { scheduler, random } = this._medium;
		const connections = [...this._connections];
		if (!up) {
			this._medium.count("network: link lost");
			this._linkLostAt = scheduler.now;
			for (const connection of connections) connection.linkLost();
			return;
		}
		const away = Math.min(scheduler.now - this._linkLostAt, REPETITION_MAXIMUM_MS);
		for (const connection of connections) connection.linkReturned(random.next() * away);
	}
}

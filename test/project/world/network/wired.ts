/** A simulated network with sockets that write down what they are told, for tests of the simulated world. */

import { type Conditions, Network, type ServerConnection } from "../../../../hosts/sim/world/network/network.ts";
import { Random } from "../../../../hosts/sim/world/random.ts";
import { Scheduler } from "../../../../hosts/sim/world/scheduler.ts";
import { Tally } from "../../../../hosts/sim/world/tally.ts";
import type { Bytes, Socket, SocketOptions } from "../../../../src/host.ts";

export const bytesOf = (text: string): Bytes => new Uint8Array(new TextEncoder().encode(text));
export const textOf = (bytes: Uint8Array | ArrayBuffer): string => new TextDecoder().decode(bytes);

/** One way always takes 10 ms, unless the conditions tell otherwise. */
export class Wired {
	readonly scheduler = new Scheduler();
	readonly tally = new Tally();
	readonly random: Random;
	readonly network: Network;
	/** The broker's ends, the newest last. */
	readonly servers: Server[] = [];
	stationOn = true;

	constructor(conditions: Partial<Conditions> = {}, seed = 1) {
		this.random = new Random(seed);
		this.network = new Network(
			this.scheduler,
			this.random.fork("network"),
			{ latency: 10, jitter: 0, ...conditions },
			this.tally,
		);
	}

	get now(): number {
		return this.scheduler.now;
	}

	/** The broker takes connections. */
	listen(): () => void {
		return this.network.listen((connection) => this.servers.push(new Server(this, connection)));
	}

	/** Lets `time` ms pass. */
	pass(time: number): void {
		this.scheduler.run(this.scheduler.now + time);
	}

	/** A socket of a station that was just turned on. */
	socket(): Station {
		return new Station(this);
	}

	/** A socket and the broker's end of it, open. */
	connected(): { readonly station: Station; readonly server: Server } {
		this.listen();
		const station = this.socket();
		this.pass(2 * this.network.conditions.latency + this.network.conditions.jitter * 2);
		station.heard.length = 0;
		return { station, server: this.servers.at(-1)! };
	}
}

export class Station {
	/** What the socket told, with the times. */
	readonly heard: string[] = [];
	readonly socket: Socket;
	private readonly _wired: Wired;
	/** Bytes read. */
	received = "";
	/** Whether it reads what it is told of, and how much at a time. */
	reads: number | undefined = Number.POSITIVE_INFINITY;

	constructor(wired: Wired) {
		this._wired = wired;
		const { socket } = wired.network.ports(() => wired.stationOn);
		const options: SocketOptions = {
			address: "192.0.2.1",
			host: "broker.test",
			port: 1883,
			onReadable: (count) => {
				this._hears(`readable ${count}`);
				this.read();
			},
			onWritable: (count) => this._hears(`writable ${count}`),
			onError: (reason) => {
				this.read();
				this._hears(`error ${reason}`);
			},
		};
		this.socket = new socket.io({ ...socket, ...options });
	}

	read(): void {
		while (this.reads !== undefined) {
			const bytes = this.socket.read(this.reads);
			if (!bytes) return;
			this.received += textOf(bytes);
		}
	}

	write(text: string): number {
		return this.socket.write(bytesOf(text));
	}

	/** What it was told since the last call. */
	news(): string[] {
		return this.heard.splice(0);
	}

	private _hears(what: string): void {
		this.heard.push(`${what} at ${Math.round(this._wired.now * 1_000) / 1_000}`);
	}
}

export class Server {
	readonly connection: ServerConnection;
	/** What arrived, piece by piece, with the times, and how it ended. */
	readonly heard: string[] = [];
	/** Bytes received. */
	received = "";

	constructor(wired: Wired, connection: ServerConnection) {
		this.connection = connection;
		connection.onData = (bytes) => {
			this.received += textOf(bytes);
			this.heard.push(`${textOf(bytes)} at ${wired.now}`);
		};
		connection.onEnd = (reason) => this.heard.push(`${reason} at ${wired.now}`);
	}

	write(text: string): void {
		this.connection.write(bytesOf(text));
	}

	news(): string[] {
		return this.heard.splice(0);
	}
}

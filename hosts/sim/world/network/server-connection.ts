/** The broker's end of simulated TCP connections. */
import type { Bytes } from "../../../../src/host.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Flow } from "./flow.ts";

/** Why the broker's end of a connection ended. */
export type EndReason = "closed" | "reset" | "timed out";

/** What data gets that is sent to an end that is not there any more: a reset, sooner or later, or nothing. */
export type HalfOpenAnswer = "reset" | "silence";

/** The broker's end of a connection. Nobody is called back from within a call of the broker's own. */
export interface ServerConnection {
	/** Counts from 1. */
	readonly id: number;
	/** Set by the server as soon as it has the connection. */
	onData: (bytes: Bytes) => void;
	/** The connection has ended, and not by `end`, `reset` or `vanish`. */
	onEnd: (reason: EndReason) => void;
	/** Whether it may be written to. */
	readonly open: boolean;
	/** Bytes written that have not arrived. */
	readonly buffered: number;
	/** Takes any number of bytes, and holds them until they have arrived; after the end it does nothing. */
	write(bytes: Bytes): void;
	/** Closes: what was written still arrives, then the station is told. */
	end(): void;
	/** Ends at once: what has not left is lost, and the station is told. */
	reset(): void;
	/** Forgets the connection without a word: it is half-open at the station. */
	vanish(answer?: HalfOpenAnswer): void;
	/** Reads nothing more: the station's window fills. */
	pause(): void;
	resume(): void;
}

/** The connection below the broker's end. */
export interface ServedConnection {
	readonly id: number;
	/** From the station, and towards it. */
	readonly up: Pick<Flow, "read">;
	readonly down: Pick<Flow, "outstanding" | "write">;
	closeServer(): void;
	resetServer(): void;
	loseServer(answer: HalfOpenAnswer): void;
	failServer(reason: EndReason): void;
}

export class ServerEnd implements ServerConnection {
	onData: (bytes: Bytes) => void = () => {};
	onEnd: (reason: EndReason) => void = () => {};
	private readonly _connection: ServedConnection;
	private readonly _scheduler: Scheduler;
	private _open = true;
	private _paused = false;
	/** Whether the station has closed. */
	private _finished = false;

	constructor(connection: ServedConnection, scheduler: Scheduler) {
		this._connection = connection;
		this._scheduler = scheduler;
	}

	get id(): number {
		return this._connection.id;
	}

	get open(): boolean {
		return this._open;
	}

	get buffered(): number {
		return this._connection.down.outstanding;
	}

	write(bytes: Bytes): void {
		if (this._open) this._connection.down.write(bytes.slice());
	}

	end(): void {
		if (this._close()) this._connection.closeServer();
	}

	reset(): void {
		if (this._close()) this._connection.resetServer();
	}

	vanish(answer: HalfOpenAnswer = "reset"): void {
		if (this._close()) this._connection.loseServer(answer);
	}

	pause(): void {
		this._paused = true;
	}

	resume(): void {
		this._paused = false;
		this._scheduler.after(0, () => this.readable());
	}

	/** Hands on what has arrived, unless it is to wait. */
	readable(): void {
		while (this._open && !this._paused) {
			const bytes = this._connection.up.read(Number.POSITIVE_INFINITY);
			if (bytes) this.onData(bytes);
			else if (this._finished) this._connection.failServer("closed");
			else return;
		}
	}

	/** The station has closed; what it sent before comes first. */
	finished(): void {
		this._finished = true;
		this.readable();
	}

	ended(reason: EndReason): void {
		if (this._close()) this.onEnd(reason);
	}

	private _close(): boolean {
		const open = this._open;
		this._open = false;
		return open;
	}
}

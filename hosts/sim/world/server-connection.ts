/** The broker's end of simulated TCP connections. */
import type { Bytes } from "../../../src/host.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Connection } from "./tcp-connection.ts";

/** Why the broker's end of a connection ended. */
export type EndReason = "closed" | "reset" | "timed out";

/** What data gets that is sent to an end that is not there any more: a reset, sooner or later, or nothing. */
export type HalfOpenAnswer = "reset" | "silence";

/** The broker's end of a connection. Nobody is called back from within a call of the broker's own. */
export interface ServerConnection {
	/** Counts from 1. */
	readonly id: number;
	/** Whoever takes the connection sets it at once. */
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

export class ServerEnd implements ServerConnection {
	onData: (bytes: Bytes) => void = () => {};
	onEnd: (reason: EndReason) => void = () => {};
	readonly #connection: Connection;
	readonly #scheduler: Scheduler;
	#open = true;
	#paused = false;
	/** Whether the station has closed. */
	#finished = false;

	constructor(connection: Connection, scheduler: Scheduler) {
		this.#connection = connection;
		this.#scheduler = scheduler;
	}

	get id(): number {
		return this.#connection.id;
	}

	get open(): boolean {
		return this.#open;
	}

	get buffered(): number {
		return this.#connection.down.outstanding;
	}

	write(bytes: Bytes): void {
		if (this.#open) this.#connection.down.write(bytes.slice());
	}

	end(): void {
		if (this.#close()) this.#connection.closeServer();
	}

	reset(): void {
		if (this.#close()) this.#connection.resetServer();
	}

	vanish(answer: HalfOpenAnswer = "reset"): void {
		if (this.#close()) this.#connection.loseServer(answer);
	}

	pause(): void {
		this.#paused = true;
	}

	resume(): void {
		this.#paused = false;
		this.#scheduler.after(0, () => this.readable());
	}

	/** Hands on what has arrived, unless it is to wait. */
	readable(): void {
		while (this.#open && !this.#paused) {
			const bytes = this.#connection.up.read(Number.POSITIVE_INFINITY);
			if (bytes) this.onData(bytes);
			else if (this.#finished) this.#connection.failServer("closed");
			else return;
		}
	}

	/** The station has closed; what it sent before comes first. */
	finished(): void {
		this.#finished = true;
		this.readable();
	}

	ended(reason: EndReason): void {
		if (this.#close()) this.onEnd(reason);
	}

	#close(): boolean {
		const open = this.#open;
		this.#open = false;
		return open;
	}
}

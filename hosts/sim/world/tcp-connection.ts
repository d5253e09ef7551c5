/**
 * A simulated TCP connection: two flows and two ends. Each end may be gone
 * without the other's knowing.
 */
import type { Medium } from "./conditions.ts";
import type { Event } from "./scheduler.ts";
import { type EndReason, type HalfOpenAnswer, type ServerConnection, ServerEnd } from "./server-connection.ts";
import { Flow } from "./tcp-flow.ts";

/** Until a connection that is not answered has failed, in ms: lwIP's and others' repetitions of the SYN come to about that. */
const CONNECT_TIMEOUT_MS = 75_000;
/** Until the first repetition of a SYN, in ms; each further one takes twice as long. */
const SYN_REPETITION_MS = 3_000;
/** Until data sent into a half-open connection is answered by a reset, in ms, at least and at most. */
const LATE_RESET_MS = [50, 5_000] as const;

/** What a connection calls at the station's end. */
export interface StationEnd {
	onReadable(): void;
	/** The connection is open, or there is room again. */
	onWritable(): void;
	onError(reason: string): void;
}

/** What a connection needs to know of its network. */
export interface ConnectionMedium extends Medium {
	/** Takes the broker's end, where somebody listens. */
	readonly listener: ((connection: ServerConnection) => void) | undefined;
	/** Both ends are gone. */
	ended(connection: Connection): void;
}

export class Connection {
	readonly id: number;
	/** Towards the broker, and towards the station. */
	readonly up: Flow;
	readonly down: Flow;
	readonly #medium: ConnectionMedium;
	#station: StationEnd | undefined;
	#server: ServerEnd | undefined;
	#opened = false;
	#handshake: Event | undefined;
	#timeout: Event | undefined;
	#repetition = SYN_REPETITION_MS;
	/** Whether resets come late: something between the ends lost the connection, or somebody came back. */
	#lateResets = false;
	#severed = false;
	#stationOff = false;

	constructor(id: number, medium: ConnectionMedium, station: StationEnd) {
		this.id = id;
		this.#medium = medium;
		this.#station = station;
		this.up = new Flow(medium, {
			arrived: () => this.#server?.readable(),
			finished: () => this.#server?.finished(),
			acknowledged: () => this.#station?.onWritable(),
			gaveUp: () => this.failStation("no answer"),
			unwanted: () => this.#answerStation(),
		});
		this.down = new Flow(medium, {
			arrived: () => this.#station?.onReadable(),
			finished: () => this.failStation("closed by the broker"),
			acknowledged: () => {},
			gaveUp: () => this.failServer("timed out"),
			unwanted: () => this.#answerServer(),
		});
		this.#timeout = medium.scheduler.after(CONNECT_TIMEOUT_MS, () => this.failStation("no answer"));
		if (medium.conditions.linkUp) this.#sendSyn();
	}

	get stationPresent(): boolean {
		return this.#station !== undefined;
	}

	get serverPresent(): boolean {
		return this.#server !== undefined;
	}

	/** The station closes: what it wrote still arrives, then the broker is told. */
	closeStation(): void {
		if (!this.#station) return;
		this.#station = undefined;
		this.#endHandshake();
		this.down.sink = "discard";
		if (this.#opened) {
			this.up.close();
			this.#settle();
		} else this.#abandon();
	}

	closeServer(): void {
		this.#server = undefined;
		refuse(this.up);
		this.down.close();
		this.#settle();
	}

	/** The broker ends it at once. A reset is not repeated: if it is lost, the connection is half-open at the station. */
	resetServer(): void {
		this.#server = undefined;
		refuse(this.up);
		this.down.abort();
		if (!this.#severed) this.#answerStation();
		this.#settle();
	}

	/** An end is gone without a word. */
	loseServer(answer: HalfOpenAnswer): void {
		this.#server = undefined;
		if (!this.#severed) this.up.sink = answer;
		this.down.senderLost();
		this.#settle();
	}

	/** With "reset" there is no answer before `stationReturned`. */
	loseStation(answer: HalfOpenAnswer): void {
		this.#station = undefined;
		this.#endHandshake();
		this.#stationOff = answer === "reset" && !this.#severed;
		if (!this.#severed) this.down.sink = "silence";
		this.up.senderLost();
		this.#settle();
	}

	/** The station, which may have closed, sleeps; if it did so in haste, what is under way to either end is lost. */
	stationAsleep(hasty: boolean): void {
		if (hasty) this.sever("silence");
		if (this.#station) this.loseStation("reset");
		else this.up.senderLost();
	}

	/** The station is on again: what is repeated to it gets an answer. */
	stationReturned(): void {
		if (!this.#stationOff) return;
		this.#stationOff = false;
		this.down.sink = "reset";
		this.#lateResets = true;
		if (this.down.unanswered) this.#answerServer();
	}

	/** Something between the two ends has lost the connection. */
	sever(answer: HalfOpenAnswer): void {
		this.#lateResets = true;
		this.#severed = true;
		this.up.sink = answer;
		this.down.sink = answer;
	}

	failStation(reason: string): void {
		const station = this.#station;
		if (!station) return;
		this.#station = undefined;
		this.#endHandshake();
		this.up.abort();
		refuse(this.down);
		this.#settle();
		station.onError(reason);
	}

	failServer(reason: EndReason): void {
		const server = this.#server;
		if (!server) return;
		this.#server = undefined;
		this.down.abort();
		refuse(this.up);
		this.#settle();
		server.ended(reason);
	}

	linkLost(): void {
		this.up.linkLost();
		this.down.linkLost();
		this.#medium.scheduler.cancel(this.#handshake);
		this.#handshake = undefined;
	}

	/** Whatever is to be repeated is repeated `delay` ms from now. */
	linkReturned(delay: number): void {
		this.up.linkReturned(delay);
		this.down.linkReturned(delay);
		if (this.#opened || !this.#station || this.#handshake) return;
		const wait = Math.min(delay, SYN_REPETITION_MS);
		this.#handshake = this.#medium.scheduler.after(wait, () => (this.#server ? this.#open() : this.#sendSyn()));
	}

	#sendSyn(): void {
		const { scheduler } = this.#medium;
		this.#handshake = scheduler.after(this.#medium.delay(), () => this.#synArrived());
	}

	#synArrived(): void {
		const { scheduler, conditions, listener } = this.#medium;
		if (conditions.unanswered) {
			this.#medium.count("network: connection not answered");
			this.#handshake = scheduler.after(this.#repetition, () => this.#sendSyn());
			this.#repetition *= 2;
			return;
		}
		const back = scheduler.now + this.#medium.delay();
		if (conditions.refuse || !listener) {
			this.#medium.count("network: connection refused");
			this.#handshake = scheduler.at(back, () => this.failStation("connection refused"));
			return;
		}
		this.down.notBefore(back);
		this.#handshake = scheduler.at(back, () => this.#open());
		this.#server = new ServerEnd(this, scheduler);
		listener(this.#server);
	}

	#open(): void {
		this.#endHandshake();
		this.#opened = true;
		this.#station?.onWritable();
	}

	#endHandshake(): void {
		const { scheduler } = this.#medium;
		scheduler.cancel(this.#handshake);
		scheduler.cancel(this.#timeout);
		this.#handshake = this.#timeout = undefined;
	}

	/** The station gives up an attempt: the broker, if it has taken the connection, gets a reset. */
	#abandon(): void {
		this.up.abort();
		this.down.abort();
		if (this.#server) this.#answerServer();
		else this.#settle();
	}

	/** A reset towards an end, as the answer to what arrived where nobody is. */
	#answerStation(): void {
		this.#medium.scheduler.after(this.#answerDelay(), () => {
			if (this.#medium.conditions.linkUp) this.failStation("reset by the broker");
		});
	}

	#answerServer(): void {
		this.#medium.scheduler.after(this.#answerDelay(), () => {
			if (this.#medium.conditions.linkUp) this.failServer("reset");
		});
	}

	#answerDelay(): number {
		const [least, most] = LATE_RESET_MS;
		return this.#medium.delay() + (this.#lateResets ? this.#medium.random.integer(least, most) : 0);
	}

	#settle(): void {
		if (this.#station || this.#server) return;
		this.up.abort();
		this.down.abort();
		this.#medium.ended(this);
	}
}

/** What arrives at an end that is gone is answered by a reset, unless it was settled before what it gets. */
function refuse(flow: Flow): void {
	if (flow.sink === "deliver" || flow.sink === "discard") flow.sink = "reset";
}

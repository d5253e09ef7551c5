/**
 * A simulated TCP connection: two flows and two ends. Each end may be gone
 * without the other's knowing.
 */

import type { Event } from "../scheduler.ts";
import type { Medium } from "./conditions.ts";
import { Flow } from "./flow.ts";
import {
	type EndReason,
	type HalfOpenAnswer,
	type ServedConnection,
	type ServerConnection,
	ServerEnd,
} from "./server-connection.ts";

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
	ended(connection: TcpConnection): void;
}

export class TcpConnection implements ServedConnection {
	readonly id: number;
	/** Towards the broker, and towards the station. */
	readonly up: Flow;
	readonly down: Flow;
	private readonly _medium: ConnectionMedium;
	private _station: StationEnd | undefined;
	private _server: ServerEnd | undefined;
	private _opened = false;
	private _handshake: Event | undefined;
	private _timeout: Event | undefined;
	private _repetition = SYN_REPETITION_MS;
	/** Whether resets come late: something between the ends lost the connection, or somebody came back. */
	private _lateResets = false;
	private _severed = false;
	private _stationOff = false;

	constructor(id: number, medium: ConnectionMedium, station: StationEnd) {
		this.id = id;
		this._medium = medium;
		this._station = station;
		this.up = new Flow(medium, {
			arrived: () => this._server?.readable(),
			finished: () => this._server?.finished(),
			acknowledged: () => this._station?.onWritable(),
			gaveUp: () => this.failStation("no answer"),
			unwanted: () => this._answerStation(),
		});
		this.down = new Flow(medium, {
			arrived: () => this._station?.onReadable(),
			finished: () => this.failStation("closed by the broker"),
			acknowledged: () => {},
			gaveUp: () => this.failServer("timed out"),
			unwanted: () => this._answerServer(),
		});
		this._timeout = medium.scheduler.after(CONNECT_TIMEOUT_MS, () => this.failStation("no answer"));
		if (medium.conditions.linkUp) this._sendSyn();
	}

	/** Whether something between the two ends has lost it. */
	get severed(): boolean {
		return this._severed;
	}

	/** When something passed last, in ms. */
	get activeAt(): number {
		return Math.max(this.up.activeAt, this.down.activeAt);
	}

	get stationPresent(): boolean {
		return this._station !== undefined;
	}

	get serverPresent(): boolean {
		return this._server !== undefined;
	}

	/** The station closes: what it wrote still arrives, then the broker is told. */
	closeStation(): void {
		if (!this._station) return;
		this._station = undefined;
		this._endHandshake();
		this.down.sink = "discard";
		if (this._opened) {
			this.up.close();
			this._settle();
		} else this._abandon();
	}

	closeServer(): void {
		this._server = undefined;
		refuse(this.up);
		this.down.close();
		this._settle();
	}

	/** The broker ends it at once. A reset is not repeated: if it is lost, the connection is half-open at the station. */
	resetServer(): void {
		this._server = undefined;
		refuse(this.up);
		this.down.abort();
		if (!this._severed) this._answerStation();
		this._settle();
	}

	/** An end is gone without a word. */
	loseServer(answer: HalfOpenAnswer): void {
		this._server = undefined;
		if (!this._severed) this.up.sink = answer;
		this.down.senderLost();
		this._settle();
	}

	/** With "reset" there is no answer before `stationReturned`. */
	loseStation(answer: HalfOpenAnswer): void {
		this._station = undefined;
		this._endHandshake();
		this._stationOff = answer === "reset" && !this._severed;
		if (!this._severed) this.down.sink = "silence";
		this.up.senderLost();
		this._settle();
	}

	/** The station, which may have closed, sleeps; if it did so in haste, what is under way to either end is lost. */
	stationAsleep(hasty: boolean): void {
		if (hasty) this.sever("silence");
		if (this._station) this.loseStation("reset");
		else this.up.senderLost();
	}

	/** The station is on again: what is repeated to it gets an answer. */
	stationReturned(): void {
		if (!this._stationOff) return;
		this._stationOff = false;
		this.down.sink = "reset";
		this._lateResets = true;
		if (this.down.unanswered) this._answerServer();
	}

	/** Something between the two ends has lost the connection. */
	sever(answer: HalfOpenAnswer): void {
		this._lateResets = true;
		this._severed = true;
		this.up.sink = answer;
		this.down.sink = answer;
	}

	failStation(reason: string): void {
		const station = this._station;
		if (!station) return;
		this._station = undefined;
		this._endHandshake();
		this.up.abort();
		refuse(this.down);
		this._settle();
		station.onError(reason);
	}

	failServer(reason: EndReason): void {
		const server = this._server;
		if (!server) return;
		this._server = undefined;
		this.down.abort();
		refuse(this.up);
		this._settle();
		server.ended(reason);
	}

	linkLost(): void {
		this.up.linkLost();
		this.down.linkLost();
		this._medium.scheduler.cancel(this._handshake);
		this._handshake = undefined;
	}

	/** Whatever is to be repeated is repeated `delay` ms from now. */
	linkReturned(delay: number): void {
		this.up.linkReturned(delay);
		this.down.linkReturned(delay);
		if (this._opened || !this._station || this._handshake) return;
		const wait = Math.min(delay, SYN_REPETITION_MS);
		this._handshake = this._medium.scheduler.after(wait, () => (this._server ? this._open() : this._sendSyn()));
	}

	private _sendSyn(): void {
		const { scheduler } = this._medium;
		this._handshake = scheduler.after(this._medium.delay(), () => this._synArrived());
	}

	private _synArrived(): void {
		const { scheduler, conditions, listener } = this._medium;
		if (conditions.unanswered) {
			this._medium.count("network: connection not answered");
			this._handshake = scheduler.after(this._repetition, () => this._sendSyn());
			this._repetition *= 2;
			return;
		}
		const back = scheduler.now + this._medium.delay();
		if (conditions.refuse || !listener) {
			this._medium.count("network: connection refused");
			this._handshake = scheduler.at(back, () => this.failStation("connection refused"));
			return;
		}
		this.down.notBefore(back);
		this._handshake = scheduler.at(back, () => this._open());
		this._server = new ServerEnd(this, scheduler);
		listener(this._server);
	}

	private _open(): void {
		this._endHandshake();
		this._opened = true;
		this._station?.onWritable();
	}

	private _endHandshake(): void {
		const { scheduler } = this._medium;
		scheduler.cancel(this._handshake);
		scheduler.cancel(this._timeout);
		this._handshake = this._timeout = undefined;
	}

	/** The station gives up an attempt: the broker, if it has taken the connection, gets a reset. */
	private _abandon(): void {
		this.up.abort();
		this.down.abort();
		if (this._server) this._answerServer();
		else this._settle();
	}

	/** A reset towards an end, as the answer to what arrived where nobody is. */
	private _answerStation(): void {
		this._medium.scheduler.after(this._answerDelay(), () => {
			if (this._medium.conditions.linkUp) this.failStation("reset by the broker");
		});
	}

	private _answerServer(): void {
		this._medium.scheduler.after(this._answerDelay(), () => {
			if (this._medium.conditions.linkUp) this.failServer("reset");
		});
	}

	private _answerDelay(): number {
		const [least, most] = LATE_RESET_MS;
		return this._medium.delay() + (this._lateResets ? this._medium.random.integer(least, most) : 0);
	}

	private _settle(): void {
		if (this._station || this._server) return;
		this.up.abort();
		this.down.abort();
		this._medium.ended(this);
	}
}

/** What arrives at an end that is gone is answered by a reset, unless it was settled before what it gets. */
function refuse(flow: Flow): void {
	if (flow.sink === "deliver" || flow.sink === "discard") flow.sink = "reset";
}

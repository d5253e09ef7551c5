/**
 * A place on MQTT, as a station is: a session and a link of its own, so that the broker tells by its last will when nobody
 * keeps its values up to date any more. One message at a time, so that they arrive in order also over outages.
 */
import { createHash } from "node:crypto";
import { Alarm } from "../../src/alarm.ts";
import type { Clock, NetworkPort, TimerPort, TlsOptions } from "../../src/host.ts";
import { Backoff } from "../../src/net/backoff.ts";
import type { BrokerAddress } from "../../src/net/broker-url.ts";
import { Link } from "../../src/net/link.ts";
import { RefusedError } from "../../src/net/mqtt/errors.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { VERSIONS } from "../../src/net/mqtt/packet.ts";
import { DISCONNECT_WITH_WILL, reasonText } from "../../src/net/mqtt/reason-codes.ts";
import { Session } from "../../src/net/mqtt/session.ts";
import { bytesOf } from "../../src/text.ts";
import { withTlsOptions } from "../broker-options.ts";
import type { Place, PlaceStatus } from "./places.ts";

const KEEP_ALIVE_S = 60;
/** Digits that tell topics apart which differ in what a client id should not have. */
const HASH_DIGITS = 8;
/** The pause after the broker did not take a message, in ms; it doubles each time, up to an hour. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** At the end, what is in flight has so many ms for its acknowledgement. */
const END_MS = 2_000;

export interface PublisherOptions {
	readonly place: Place;
	readonly broker: BrokerAddress;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly network: NetworkPort;
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly random: () => number;
	readonly onConnected: (how: string) => void;
	readonly onDisconnected: (reason: string) => void;
	/** The broker does not take a message. */
	readonly onRefused: (reason: string, isTriedAgain: boolean) => void;
	/** The broker has a message. */
	readonly onTaken?: (message: Message) => void;
}

export class Publisher {
	private readonly _options: PublisherOptions;
	private readonly _link: Link<Message>;
	private readonly _alarm: Alarm;
	private _status: PlaceStatus = "online";
	/** A status that the broker does not have; the birth message has each connection's first one. */
	private _change: Message | undefined;
	private _isStarted = false;
	private _isInFlight = false;
	private _isEnding = false;
	private _pause = FIRST_PAUSE_MS;
	/** Of the birth message. */
	private _told: string | undefined;
	private _onSettled = () => {};

	constructor(options: PublisherOptions) {
		const { place, broker, tls, username, password, network, clock, timer, random } = options;
		this._options = options;
		this._alarm = new Alarm(timer);
		const { topic } = place;
		const status = () => this._statusMessage();
		const session = new Session<Message>({
			...{ username, password, keepAlive: KEEP_ALIVE_S, clientId: clientIdOf(topic) },
			will: { topic: `${topic}/status`, payload: bytesOf("offline"), qos: 1, retain: true },
			// What is true when it leaves.
			get birth() {
				return status();
			},
			nextMessage: () => this._next(),
			onConnect: (sessionPresent, version) => {
				if (!sessionPresent) place.newSession();
				options.onConnected(`MQTT ${VERSIONS[version]}, ${sessionPresent ? "resumed" : "new"} session`);
			},
			onAcknowledge: (message) => this._acknowledged(message),
			onReject: (what, reasonCode) => this._refused(what, reasonText(reasonCode)),
			onGiveUp: (what) => this._refused(what, "it closes the connection when it gets it"),
		});
		this._link = new Link({
			...{ network, clock, timer, broker, tls, session, random },
			backoff: new Backoff({ random }),
			onDisconnect: (reason, _delay, error, isTakenOver) => {
				if (error instanceof RefusedError && error.hasOlderVersion) return;
				const hint = isTakenOver ? `: does another program publish ${topic}, too?` : "";
				options.onDisconnected(withTlsOptions(reason) + hint);
			},
		});
	}

	start(): void {
		this._isStarted = true;
		this._link.start();
	}

	get connected(): boolean {
		return this._link.connected;
	}

	/** Something new may wait. */
	wake(): void {
		this._link.wake();
	}

	set status(status: PlaceStatus) {
		if (status === this._status) return;
		this._status = status;
		// The birth message has it.
		if (!this._isStarted) return;
		this._change = this._statusMessage();
		this.wake();
	}

	/** Leaves what is in flight its time; the broker publishes the last will then. */
	async stop(): Promise<void> {
		this._isEnding = true;
		const alarm = new Alarm(this._options.timer);
		if (this._isInFlight && this.connected) {
			await new Promise<void>((resolve) => {
				this._onSettled = resolve;
				alarm.set(resolve, END_MS);
			});
		}
		alarm.clear();
		this._alarm.clear();
		this._link.stop(DISCONNECT_WITH_WILL);
	}

	private _next(): Message | undefined {
		if (this._isInFlight || this._isEnding || this._alarm.isSet) return undefined;
		const message = this._change ?? this._options.place.next();
		this._isInFlight = message !== undefined;
		return message;
	}

	private _acknowledged(message: Message): void {
		this._isInFlight = false;
		this._pause = FIRST_PAUSE_MS;
		if (message === this._change) this._change = undefined;
		// An earlier status is none of its.
		else this._options.place.taken(message);
		this._options.onTaken?.(message);
		this._onSettled();
	}

	/** It stays what leaves next. */
	private _refused(what: Message | "birth message" | "will message", reason: string): void {
		const { onRefused, place } = this._options;
		// The session tries those again itself.
		if (typeof what === "string") return this._tellOnce(`the ${what}: ${reason}`);
		this._isInFlight = false;
		if (what !== this._change && !place.refused(what)) {
			onRefused(`${what.topic}: ${reason}`, false);
			this.wake();
			return this._onSettled();
		}
		if (this._pause === FIRST_PAUSE_MS) onRefused(`${what.topic}: ${reason}`, true);
		this._alarm.set(() => this.wake(), this._pause);
		this._pause = Math.min(LONGEST_PAUSE_MS, 2 * this._pause);
		this._onSettled();
	}

	private _tellOnce(reason: string): void {
		if (reason !== this._told) this._options.onRefused(reason, true);
		this._told = reason;
	}

	private _statusMessage(): Message {
		return { topic: `${this._options.place.topic}/status`, payload: bytesOf(this._status), qos: 1, retain: true };
	}
}

/** Of a topic alone, so that it is the same after a restart, and two programs with one topic throw each other out, and are noticed. */
function clientIdOf(topic: string): string {
	const hash = createHash("sha256").update(topic).digest("hex").slice(0, HASH_DIGITS);
	return `veleta-${topic.replaceAll("/", "-")}-${hash}`;
}

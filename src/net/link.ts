/**
 * Joins a session to a socket and a timer: the I/O that the session has none of.
 *
 * It opens the connection, moves bytes both ways, calls the session when a
 * deadline is reached, and reconnects after every end of a connection.
 */
import { Alarm } from "../alarm.js";
import { asBytes, joined } from "../bytes.js";
import type { Bytes, Clock, NetworkPort, Resolver, Socket, SocketOptions, TimerPort, TlsOptions } from "../host.js";
import { because, messageOf } from "../text.js";
import { AWAY_LIMIT_MS, type Backoff, DOUBTFUL_LIMIT_MS, STABLE_AFTER_MS } from "./backoff.js";
import { type BrokerAddress, defaultPort } from "./broker-url.js";
import { ProtocolError, RefusedError, SessionDiscardedError, TakenOverError } from "./mqtt/errors.js";
import type { Message } from "./mqtt/message.js";
import type { Session } from "./mqtt/session.js";
import { WebSocket } from "./websocket.js";

/**
 * From the attempt to connect to an open connection with TLS, name resolution included,
 * in ms: a board checks three certificates' signatures and makes one of its own. Without
 * TLS, the backoff tells: up to 15 s.
 */
const OPEN_TIMEOUT_TLS_MS = 30_000;
/** An attempt that fails within this time, in ms, was refused; later, nobody has answered. */
const PROMPT_MS = 3_000;
/** Silence in which an answer is due, in ms, after which an end is the network's. */
const SILENCE_MS = 3_000;
/**
 * Bytes read before the session may answer. It bounds the answers that wait:
 * the smallest packet that asks for one has 7 bytes.
 */
const READ_BYTES = 256;
/** Reads in one turn, about a TCP window: then everything else has its turn, whatever more a broker sends. */
const READS_MAXIMUM = 24;
/** Bytes from which on a segment takes no further packet: about what Ethernet carries. */
const SEGMENT_BYTES = 1_024;
/** A connection that the broker ends within this time of accepting it, in ms, is short-lived. */
const SHORT_LIVED_MS = 10_000;
/** Short-lived connections in a row that have one likely cause: another client with the same id. */
const SHORT_LIVED_MAXIMUM = 3;

export interface LinkOptions<M extends Message> {
	readonly network: NetworkPort;
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly broker: BrokerAddress;
	/** Uniform in [0, 1), for the masks of a WebSocket. */
	readonly random: () => number;
	/** For a broker at `mqtts://` or `wss://`. */
	readonly tls?: TlsOptions;
	readonly session: Session<M>;
	readonly backoff: Backoff;
	/**
	 * The connection ended, or could not be opened; the next attempt follows after
	 * `retryDelay` ms. `error` is the session's, if the session ended it. `isTakenOver`: the
	 * broker has ended several connections right after accepting them, each for the same
	 * reason, and none on a packet of ours; told once, until a connection lasts.
	 */
	readonly onDisconnect?: (reason: string, retryDelay: number, error: unknown, isTakenOver: boolean) => void;
	/** The end of a turn in which nothing is in flight, and nothing waits that could be sent. The link may be stopped from here. */
	readonly onSettled?: () => void;
}

type State =
	| { readonly phase: "stopped" }
	| { readonly phase: "waiting"; readonly retryAt: number }
	| { readonly phase: "opening"; readonly since: number; readonly due: number; resolver?: Resolver; socket?: Socket }
	| { readonly phase: "open"; readonly socket: Socket; acceptedAt: number | undefined };

export class Link<M extends Message> {
	private readonly _options: LinkOptions<M>;
	private _state: State = { phase: "stopped" };
	private readonly _alarm: Alarm;
	/** The rest of the packet that the socket has not taken yet, and how many bytes the socket may be given. */
	private _leaving: Bytes | undefined;
	/** Whether a part of that packet has left, and whether that was in an earlier turn: then the network lives if more of it leaves. */
	private _hasBegun = false;
	private _isRest = false;
	/** Told to the session as transmitted, and not written to the socket yet. */
	private _segment: Bytes[] = [];
	private _size = 0;
	private _writable = 0;
	/** Connections in a row that another client with the same id may have ended; with the same reason, and whether that was told. */
	private _shortLived = 0;
	private _reason: string | undefined;
	private _isTold = false;
	private _running = false;
	/** Whether the session had nothing to send when it was asked last, and nothing has happened since by which it could have. */
	private _isIdle = false;
	/** Whether bytes may wait in the socket. */
	private _mayRead = false;
	/** What the alarm is set for, in ms; `undefined`: it is not set. */
	private _alarmAt: number | undefined;
	/** Reads left in this turn, and when a turn last used them up, in ms. */
	private _reads = 0;
	private _unreadSince: number | undefined;

	constructor(options: LinkOptions<M>) {
		this._options = options;
		this._alarm = new Alarm(options.timer);
	}

	/** Whether the broker has accepted the connection. */
	get connected(): boolean {
		return this._options.session.connected;
	}

	/** Whether bytes to or from the broker are due: a host that runs time faster than real waits for them. */
	get awaiting(): boolean {
		return this._state.phase === "opening" || this._options.session.awaiting;
	}

	/** Connects, and from now on again whenever the connection ends. */
	start(): void {
		if (this._state.phase !== "stopped") return;
		this._connect();
	}

	/**
	 * Sends a DISCONNECT if it can leave at once, and stays disconnected. Before MQTT
	 * 5.0 a `reasonCode` other than 0 cannot be told: then the connection just ends.
	 */
	stop(reasonCode = 0): void {
		this._sendDisconnect(reasonCode);
		this._end();
		this._become({ phase: "stopped" });
	}

	/** There is a new message to send. */
	wake(): void {
		this._isIdle = false;
		this._run();
	}

	/** The network has come (back) up: earlier failures of the broker do not count. */
	networkReady(): void {
		if (this._state.phase !== "waiting") return;
		this._options.backoff.reset();
		this._connect();
	}

	private _connect(): void {
		const { network, broker, clock, backoff } = this._options;
		const now = clock.now();
		const limit = broker.tls ? OPEN_TIMEOUT_TLS_MS : backoff.patience(now);
		const state: State = { phase: "opening", since: now, due: now + limit };
		this._become(state);
		if (broker.tls && !network.tls) return this._disconnected("this host has no TLS", true);
		if (network.ready === false) return this._disconnected("the network is not up", true);
		try {
			if (!network.dns) return this._openSocket(state, undefined);
			const { io, ...options } = network.dns;
			state.resolver = new io(options);
			state.resolver.resolve({
				host: broker.host,
				onResolved: (_host, address) => {
					if (this._state === state) this._openSocket(state, address);
				},
				onError: (reason) => {
					if (this._state === state) this._disconnected(`cannot resolve ${broker.host}${because(reason)}`);
				},
			});
		} catch (error) {
			this._disconnected(`cannot connect${because(error)}`);
		}
	}

	private _openSocket(state: State & { phase: "opening" }, address: string | undefined): void {
		const { network, broker, tls, clock, random } = this._options;
		const { path, ...place } = broker;
		const { io: stream, ...options } = broker.tls ? network.tls! : network.socket;
		let socket: Socket | undefined;
		/** A socket that was given up may still call back. */
		const current = () => this._state.phase !== "stopped" && "socket" in this._state && this._state.socket === socket;
		try {
			const socketOptions: SocketOptions = {
				...options,
				...(address === undefined ? {} : { address }),
				...place,
				...(broker.tls && tls),
				noDelay: true,
				onReadable: () => {
					if (!current()) return;
					this._mayRead = true;
					this._run();
				},
				onWritable: (count) => {
					if (current()) this._writableNow(count);
				},
				onError: (reason) => {
					if (!current()) return;
					this._mayRead = true;
					// Reads the bytes from before the end: a close often follows a refusal.
					do this._run();
					while (current() && !this._running && this._unreadSince !== undefined);
					if (!current()) return;
					const isOpening = this._state === state;
					const byBroker = network.ready !== false && !(isOpening && clock.now() >= state.since + PROMPT_MS);
					this._disconnected(`${isOpening ? "cannot connect" : "connection closed"}${because(reason)}`, byBroker);
				},
			};
			socket =
				path === undefined
					? new stream(socketOptions)
					: new WebSocket(socketOptions, { stream, path, random, defaultPort: defaultPort(broker) });
			state.socket = socket;
		} catch (error) {
			this._disconnected(`cannot connect${because(error)}`);
		}
	}

	private _writableNow(count: number): void {
		this._writable = count;
		if (this._state.phase === "open" && this._isIdle && !this._leaving) return;
		if (this._state.phase === "opening" && this._state.socket) {
			const { session, backoff, clock } = this._options;
			const now = clock.now();
			backoff.opening = now - this._state.since;
			session.open(now);
			this._isIdle = false;
			this._mayRead = true;
			this._become({ phase: "open", socket: this._state.socket, acceptedAt: undefined });
		}
		this._run();
	}

	/**
	 * Reads, then lets the session look at the time if it `isDue`, then writes; a
	 * violation or a missed deadline ends the connection. Called from within a
	 * callback, it does nothing: writing comes last anyway.
	 */
	private _run(isDue = false): void {
		if (this._running) return;
		this._running = true;
		this._reads = READS_MAXIMUM;
		this._unreadSince = undefined;
		const { clock, session, onSettled } = this._options;
		const now = clock.now();
		try {
			// After its sleep a machine may learn the time before it learns what has arrived.
			if (isDue) this._mayRead = true;
			this._receive(now);
			if (isDue) {
				session.tick(now);
				this._isIdle = false;
			}
			this._transmit(now);
			// What the session could not take before its replies had left.
			if (this._mayRead) this._receive(now);
		} catch (error) {
			if (error instanceof ProtocolError) this._sendDisconnect(error.reasonCode);
			if (error instanceof SessionDiscardedError) this._sendDisconnect();
			return this._disconnected(messageOf(error), false, error);
		} finally {
			this._running = false;
		}
		this._setTimer();
		if (session.connected && session.inFlight === 0 && !this._leaving) onSettled?.();
	}

	/** Only if it can leave at once: a connection that ends does not wait. */
	private _sendDisconnect(reasonCode?: number): void {
		if (this._state.phase !== "open" || this._leaving) return;
		// `onAcknowledge` of a message of QoS 0 may call `stop` before its segment is written.
		this._flush();
		const disconnect = this._options.session.disconnect(reasonCode);
		if (!disconnect || disconnect.length > this._writable) return;
		try {
			this._state.socket.write(disconnect);
		} catch {
			// The socket had ended before.
		}
	}

	private _receive(now: number): void {
		const { session } = this._options;
		while (this._mayRead && this._state.phase === "open" && session.receptive) {
			if (this._reads-- <= 0) {
				this._unreadSince = now;
				return;
			}
			const bytes = this._state.socket.read(READ_BYTES);
			if (bytes === undefined || bytes.byteLength === 0) {
				this._mayRead = false;
				return;
			}
			session.receive(asBytes(bytes), now);
			this._isIdle = false;
			if (session.connected) this._state.acceptedAt ??= now;
			this._transmit(now);
		}
	}

	/** Packets that are ready leave together, in one segment. */
	private _transmit(now: number): void {
		const { session } = this._options;
		while (this._state.phase === "open") {
			while (this._size < SEGMENT_BYTES) {
				if (!this._leaving) {
					if (this._isIdle) break;
					this._isIdle = true;
					// Taken even when nothing can be written, so that the session times the packet.
					this._leaving = session.transmit(now);
					if (!this._leaving) break;
					this._isIdle = false;
				}
				if (this._size === this._writable) break;
				const room = this._writable - this._size;
				const part = this._leaving.length <= room ? this._leaving : this._leaving.subarray(0, room);
				this._segment.push(part);
				this._size += part.length;
				if (this._isRest && part.length > 0) session.progressed(now);
				if (part.length < this._leaving.length) {
					this._leaving = this._leaving.subarray(part.length);
					this._hasBegun ||= part.length > 0;
				} else {
					this._leaving = undefined;
					this._isRest = this._hasBegun = false;
					session.transmitted(now);
				}
			}
			if (this._size === 0) {
				this._isRest = this._hasBegun;
				return;
			}
			this._flush();
			if (session.handOn()) this._isIdle = false;
		}
	}

	private _flush(): void {
		if (this._size === 0 || this._state.phase !== "open") return;
		const bytes = joined(this._segment, this._size);
		this._segment = [];
		this._size = 0;
		this._writable = this._state.socket.write(bytes);
	}

	private _timeout(): void {
		this._alarmAt = undefined;
		const now = this._options.clock.now();
		const state = this._state;
		if (state.phase === "waiting" && now >= state.retryAt) this._connect();
		else if (state.phase === "opening" && now >= state.due) {
			const what = state.socket || !state.resolver ? "connect" : `resolve ${this._options.broker.host}`;
			this._disconnected(`cannot ${what}: no answer within ${Math.round(state.due - state.since) / 1_000} s`);
		} else if (state.phase === "open") this._run(true);
		else this._setTimer();
	}

	/** `byBroker`: the broker has ended the connection, or something has refused it; `error`: the session's. */
	private _disconnected(reason: string, byBroker = false, error?: unknown): void {
		const state = this._state;
		if (state.phase === "stopped") return;
		const { backoff, clock, network, session, onDisconnect } = this._options;
		const now = clock.now();
		const acceptedAt = state.phase === "open" ? state.acceptedAt : undefined;
		const lived = acceptedAt === undefined ? undefined : now - acceptedAt;
		const isSilent = network.ready === false || session.silence(now) >= SILENCE_MS;
		const atOnce = error instanceof SessionDiscardedError || (error instanceof RefusedError && error.hasOlderVersion);
		// An end while an answer was due may be the doing of what was sent.
		const isOdd = byBroker && !session.awaiting && lived !== undefined && lived < SHORT_LIVED_MS;
		this._shortLived = isOdd ? (reason === this._reason ? this._shortLived : 0) + 1 : 0;
		this._reason = isOdd ? reason : undefined;
		const isDoubtful = this._shortLived >= SHORT_LIVED_MAXIMUM && session.delivered;
		let delay = 0;
		if (lived !== undefined) {
			if (lived >= STABLE_AFTER_MS) this._isTold = false;
			// Without a reason, another client with the same id looks like a broker that restarts all the time.
			const isProven = backoff.lived(lived, session.delivered && !isDoubtful && !(error instanceof TakenOverError));
			if (isDoubtful) delay = backoff.spread(DOUBTFUL_LIMIT_MS);
			else if (!atOnce) delay = isProven ? backoff.away(now, !isSilent) : backoff.next();
		} else if (state.phase === "opening" || isSilent) delay = backoff.away(now, byBroker && !isSilent);
		else if (!atOnce) delay = backoff.next(byBroker ? AWAY_LIMIT_MS : undefined);
		this._end(byBroker ? now : undefined);
		this._become({ phase: "waiting", retryAt: now + delay });
		const isTakenOver = this._shortLived >= SHORT_LIVED_MAXIMUM && !this._isTold;
		this._isTold ||= isTakenOver;
		onDisconnect?.(reason, delay, error, isTakenOver);
	}

	/** Gives the connection up, whatever its state. `brokerEndedAt`: when the broker ended it, if it did. */
	private _end(brokerEndedAt?: number): void {
		this._options.session.close(brokerEndedAt);
		this._unreadSince = undefined;
		this._leaving = undefined;
		this._isRest = this._hasBegun = false;
		this._segment = [];
		this._size = this._writable = 0;
		const state = this._state;
		if (state.phase === "opening") state.resolver?.close?.();
		if ((state.phase === "opening" || state.phase === "open") && state.socket) state.socket.close();
	}

	private _become(state: State): void {
		this._state = state;
		this._setTimer();
	}

	/** One timer, at the earliest next deadline. */
	private _setTimer(): void {
		const deadline = this._deadline();
		if (deadline === this._alarmAt) return;
		this._alarmAt = deadline;
		if (deadline === Number.POSITIVE_INFINITY) this._alarm.clear();
		else this._alarm.set(() => this._timeout(), deadline - this._options.clock.now());
	}

	/** When the next step is due, in ms; `Infinity`: at the next event of the socket. */
	get deadline(): number {
		return this._alarmAt ?? this._deadline();
	}

	private _deadline(): number {
		const state = this._state;
		if (state.phase === "waiting") return state.retryAt;
		if (state.phase === "opening") return state.due;
		if (state.phase === "stopped") return Number.POSITIVE_INFINITY;
		return Math.min(this._options.session.deadline, this._unreadSince ?? Number.POSITIVE_INFINITY);
	}
}

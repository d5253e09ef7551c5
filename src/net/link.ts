/**
 * Joins a session to a socket and a timer: the only I/O in `src/`.
 *
 * It opens the connection, moves bytes both ways, calls the session when a
 * deadline is reached, and reconnects after every end of a connection.
 */
import type { Bytes, Clock, NetworkPort, Resolver, Socket, TimerPort, TlsOptions } from "../host.js";
import { messageOf } from "../text.js";
import type { Backoff } from "./backoff.js";
import type { BrokerAddress } from "./broker-url.js";
import { RefusedError, SessionDiscardedError } from "./mqtt/errors.js";
import type { Message } from "./mqtt/message.js";
import { ProtocolError } from "./mqtt/packet.js";
import type { Session } from "./mqtt/session.js";

/** From the attempt to connect to an open connection, name resolution included, in ms. */
const OPEN_TIMEOUT_MS = 15_000;
/** As long, and what a board may compute in a TLS handshake: signatures of three certificates, and one of its own. */
const OPEN_TIMEOUT_TLS_MS = 30_000;
/**
 * Bytes read before the session may answer. It bounds the answers that wait:
 * the smallest packet that asks for one has 7 bytes.
 */
const READ_BYTES = 256;
/** After so many reads, about a TCP window, everything else has its turn, whatever more a broker sends. */
const READS_MAXIMUM = 24;
/** No more packets are joined to a segment of so many bytes: about what Ethernet carries. */
const SEGMENT_BYTES = 1_024;
/** A connection that ended sooner after the broker accepted it, in ms, was hardly one. */
const SHORT_LIVED_MS = 10_000;
/** So many of those in a row, ended by the broker, have one likely cause. */
const SHORT_LIVED_MAXIMUM = 3;

export interface LinkOptions<M extends Message> {
	readonly network: NetworkPort;
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly broker: BrokerAddress;
	/** For a broker at `mqtts://`. */
	readonly tls?: TlsOptions;
	readonly session: Session<M>;
	readonly backoff: Backoff;
	/**
	 * The connection ended, or could not be opened; the next attempt follows after
	 * `retryDelay` ms. `error` is what the session threw, if it was the session.
	 */
	readonly onDisconnect?: (reason: string, retryDelay: number, error: unknown) => void;
	/** The broker has ended several connections right after accepting them. */
	readonly onTakenOver?: () => void;
}

type State =
	| { readonly phase: "stopped" }
	| { readonly phase: "waiting"; readonly retryAt: number }
	| { readonly phase: "opening"; readonly limit: number; readonly due: number; resolver?: Resolver; socket?: Socket }
	| { readonly phase: "open"; readonly socket: Socket; acceptedAt: number | undefined };

export class Link<M extends Message> {
	readonly #options: LinkOptions<M>;
	#state: State = { phase: "stopped" };
	#timer: unknown;
	/** What of the packet that is leaving the socket has not taken yet, and how much it may be given. */
	#leaving: Bytes | undefined;
	/** Told to the session as transmitted, and not written to the socket yet. */
	#segment: Bytes[] = [];
	#size = 0;
	#writable = 0;
	#shortLived = 0;
	#running = false;
	/** Reads that are left in this turn, and when one ended for want of them, in ms. */
	#reads = 0;
	#unreadSince: number | undefined;

	constructor(options: LinkOptions<M>) {
		this.#options = options;
	}

	/** Whether bytes to or from the broker are due: a host that runs time faster than real waits for them. */
	get awaiting(): boolean {
		return this.#state.phase === "opening" || this.#options.session.awaiting;
	}

	/** Connects, and from now on again whenever the connection ends. */
	start(): void {
		if (this.#state.phase !== "stopped") return;
		this.#connect();
	}

	/**
	 * Sends a DISCONNECT if it can leave at once, and stays disconnected. Before MQTT
	 * 5.0 a `reasonCode` other than 0 cannot be told: then the connection just ends.
	 */
	stop(reasonCode = 0): void {
		this.#sendDisconnect(reasonCode);
		this.#end();
		this.#become({ phase: "stopped" });
	}

	/** There is something new to send. */
	wake(): void {
		this.#run(() => {});
	}

	/** The network itself has come (back) up: what was learned about the broker before does not count. */
	networkReady(): void {
		if (this.#state.phase !== "waiting") return;
		this.#options.backoff.reset();
		this.#connect();
	}

	#connect(): void {
		const { network, broker, clock } = this.#options;
		const limit = broker.tls ? OPEN_TIMEOUT_TLS_MS : OPEN_TIMEOUT_MS;
		const state: State = { phase: "opening", limit, due: clock.now() + limit };
		this.#become(state);
		if (broker.tls && !network.tls) return this.#disconnected("this host has no TLS");
		if (network.ready === false) return this.#disconnected("the network is not up");
		try {
			if (!network.dns) return this.#openSocket(state, undefined);
			const { io, ...options } = network.dns;
			state.resolver = new io(options);
			state.resolver.resolve({
				host: broker.host,
				onResolved: (_host, address) => {
					if (this.#state === state) this.#openSocket(state, address);
				},
				onError: (reason) => {
					if (this.#state === state) this.#disconnected(`cannot resolve ${broker.host}${because(reason)}`);
				},
			});
		} catch (error) {
			this.#disconnected(`cannot connect${because(error)}`);
		}
	}

	#openSocket(state: State & { phase: "opening" }, address: string | undefined): void {
		const { network, broker, tls } = this.#options;
		const { io, ...options } = broker.tls ? network.tls! : network.socket;
		let socket: Socket | undefined;
		/** A socket that was given up may still call back. */
		const current = () => this.#state.phase !== "stopped" && "socket" in this.#state && this.#state.socket === socket;
		try {
			socket = new io({
				...options,
				...(address === undefined ? {} : { address }),
				...broker,
				...(broker.tls && tls),
				noDelay: true,
				onReadable: () => {
					if (current()) this.#run(() => {});
				},
				onWritable: (count) => {
					if (current()) this.#writableNow(count);
				},
				onError: (reason) => {
					if (!current()) return;
					// What arrived before the end counts: a refusal is often followed by a close.
					do this.#run(() => {});
					while (current() && !this.#running && this.#unreadSince !== undefined);
					if (!current()) return;
					const opening = this.#state.phase === "opening";
					this.#disconnected(opening ? `cannot connect${because(reason)}` : `connection closed${because(reason)}`, {
						byBroker: network.ready !== false,
					});
				},
			});
			state.socket = socket;
		} catch (error) {
			this.#disconnected(`cannot connect${because(error)}`);
		}
	}

	#writableNow(count: number): void {
		this.#writable = count;
		if (this.#state.phase === "opening" && this.#state.socket) {
			this.#options.session.open(this.#options.clock.now());
			this.#become({ phase: "open", socket: this.#state.socket, acceptedAt: undefined });
		}
		this.#run(() => {});
	}

	/**
	 * Reads, then lets `judge` look at the time, then writes; a violation or a
	 * missed deadline ends the connection. Called from within, by whoever was just
	 * told of something, it does nothing: writing comes last anyway.
	 */
	#run(judge: (now: number) => void): void {
		if (this.#running) return;
		this.#running = true;
		this.#reads = READS_MAXIMUM;
		this.#unreadSince = undefined;
		const now = this.#options.clock.now();
		try {
			const { session } = this.#options;
			this.#receive(now);
			judge(now);
			const deaf = !session.receptive;
			this.#transmit(now);
			if (deaf) this.#receive(now);
		} catch (error) {
			if (error instanceof ProtocolError) this.#sendDisconnect(error.reasonCode);
			if (error instanceof SessionDiscardedError) this.#sendDisconnect();
			return this.#disconnected(messageOf(error), { error });
		} finally {
			this.#running = false;
		}
		this.#setTimer();
	}

	/** If it can leave at once: a connection that ends waits for nobody. */
	#sendDisconnect(reasonCode?: number): void {
		if (this.#state.phase !== "open" || this.#leaving) return;
		// Who is told of a message of QoS 0 may stop at once.
		this.#flush();
		const disconnect = this.#options.session.disconnect(reasonCode);
		if (!disconnect || disconnect.length > this.#writable) return;
		try {
			this.#state.socket.write(disconnect);
		} catch {
			// The socket had ended before.
		}
	}

	#receive(now: number): void {
		const { session } = this.#options;
		while (this.#state.phase === "open" && session.receptive) {
			if (this.#reads-- <= 0) {
				this.#unreadSince = now;
				return;
			}
			const bytes = this.#state.socket.read(READ_BYTES);
			if (bytes === undefined || bytes.byteLength === 0) return;
			session.receive(bytes instanceof Uint8Array ? (bytes as Bytes) : new Uint8Array(bytes), now);
			if (session.connected) this.#state.acceptedAt ??= now;
			this.#transmit(now);
		}
	}

	/** Packets that are ready leave together, in one segment. */
	#transmit(now: number): void {
		const { session } = this.#options;
		while (this.#state.phase === "open") {
			while (this.#size < SEGMENT_BYTES) {
				// Asked for even when nothing can be written, so that the session knows what does not get away.
				this.#leaving ??= session.transmit(now);
				if (!this.#leaving || this.#size === this.#writable) break;
				const part = this.#leaving.subarray(0, this.#writable - this.#size);
				this.#segment.push(part);
				this.#size += part.length;
				if (part.length < this.#leaving.length) {
					this.#leaving = this.#leaving.subarray(part.length);
					if (part.length > 0) session.progressed(now);
				} else {
					this.#leaving = undefined;
					session.transmitted(now);
				}
			}
			if (this.#size === 0) return;
			this.#flush();
			session.handOn();
		}
	}

	#flush(): void {
		if (this.#size === 0 || this.#state.phase !== "open") return;
		const bytes = joined(this.#segment, this.#size);
		this.#segment = [];
		this.#size = 0;
		this.#writable = this.#state.socket.write(bytes);
	}

	#timeout(): void {
		const now = this.#options.clock.now();
		const state = this.#state;
		if (state.phase === "waiting" && now >= state.retryAt) this.#connect();
		else if (state.phase === "opening" && now >= state.due) {
			this.#disconnected(`cannot connect: no answer within ${state.limit / 1_000} s`);
		} else if (state.phase === "open") this.#run((now) => this.#options.session.tick(now));
		else this.#setTimer();
	}

	#disconnected(reason: string, { byBroker = false, error }: { byBroker?: boolean; error?: unknown } = {}): void {
		if (this.#state.phase === "stopped") return;
		const { backoff, clock, onDisconnect, onTakenOver } = this.#options;
		const now = clock.now();
		const lived =
			this.#state.phase === "open" && this.#state.acceptedAt !== undefined ? now - this.#state.acceptedAt : undefined;
		if (lived !== undefined) backoff.lived(lived);
		this.#end(byBroker ? now : undefined);
		const atOnce = error instanceof SessionDiscardedError || (error instanceof RefusedError && error.hasOlderVersion);
		const delay = atOnce ? 0 : backoff.next();
		this.#become({ phase: "waiting", retryAt: now + delay });
		onDisconnect?.(reason, delay, error);
		this.#shortLived = byBroker && lived !== undefined && lived < SHORT_LIVED_MS ? this.#shortLived + 1 : 0;
		if (this.#shortLived === SHORT_LIVED_MAXIMUM) onTakenOver?.();
	}

	/** Gives the connection up, whatever its state; `brokerEndedAt`: the broker has, then. */
	#end(brokerEndedAt?: number): void {
		this.#options.session.close(brokerEndedAt);
		this.#unreadSince = undefined;
		this.#leaving = undefined;
		this.#segment = [];
		this.#size = this.#writable = 0;
		const state = this.#state;
		if (state.phase === "opening") state.resolver?.close?.();
		if ((state.phase === "opening" || state.phase === "open") && state.socket) state.socket.close();
	}

	#become(state: State): void {
		this.#state = state;
		this.#setTimer();
	}

	/** One timer, at the earliest next deadline. */
	#setTimer(): void {
		const { clock, timer } = this.#options;
		if (this.#timer !== undefined) timer.clear(this.#timer);
		this.#timer = undefined;
		const { deadline } = this;
		if (deadline === Number.POSITIVE_INFINITY) return;
		this.#timer = timer.set(
			() => {
				this.#timer = undefined;
				this.#timeout();
			},
			Math.max(0, deadline - clock.now()),
		);
	}

	/** When the next step is due, in ms; `Infinity`: when something happens. */
	get deadline(): number {
		const state = this.#state;
		if (state.phase === "waiting") return state.retryAt;
		if (state.phase === "opening") return state.due;
		if (state.phase === "stopped") return Number.POSITIVE_INFINITY;
		return Math.min(this.#options.session.deadline, this.#unreadSince ?? Number.POSITIVE_INFINITY);
	}
}

function joined(parts: readonly Bytes[], size: number): Bytes {
	if (parts.length === 1) return parts[0]!;
	const bytes = new Uint8Array(size);
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

function because(reason: unknown): string {
	const text = reason instanceof Error ? reason.message : reason;
	return text === undefined || text === "" ? "" : `: ${text}`;
}

/**
 * A session on Node for one command: connects by its options, tells errors on
 * stderr, decides when to give up, and ends in good order.
 */
import { NodeSocket, type NodeSocketOptions } from "../hosts/node/node-socket.ts";
import { PacketBoundary } from "../hosts/node/packet-boundary.ts";
import { clock, timer } from "../hosts/node/ports.ts";
import { connectTls } from "../hosts/node/tls.ts";
import { asBytes } from "../src/bytes.ts";
import type { SocketConstructor, SocketOptions, TlsOptions } from "../src/host.ts";
import { Backoff } from "../src/net/backoff.ts";
import { type BrokerAddress, defaultPort } from "../src/net/broker-url.ts";
import { Link } from "../src/net/link.ts";
import { RefusedError } from "../src/net/mqtt/errors.ts";
import type { Message } from "../src/net/mqtt/message.ts";
import { type ProtocolVersion, VERSIONS, type Will } from "../src/net/mqtt/packet.ts";
import { Session, type SessionOptions } from "../src/net/mqtt/session.ts";
import { WebSocket } from "../src/net/websocket.ts";
import { withTlsOptions } from "./broker-options.ts";
import { CLEAR_LINE, EXIT_FAILED, onInterrupt, say } from "./frame.ts";

/** Reason codes from here on are refusals (3.1.1, table 3.9; 5.0, table 3-8). */
export const REFUSED = 0x80;
/** Delays between attempts to connect, in ms: a user waits at the terminal. */
const RETRY = { base: 500, limit: 10_000 };
/** Time for written bytes to leave at the end, in ms. */
const FAREWELL_MS = 2_000;

/** How to connect. */
export interface ConnectionOptions {
	readonly broker: BrokerAddress;
	readonly tls: TlsOptions;
	readonly clientId: string;
	readonly protocolVersion: ProtocolVersion;
	/** Whether to fall back to an older version. */
	readonly fallback: boolean;
	readonly cleanSession: boolean;
	/** Seconds. */
	readonly sessionExpiryInterval: number | undefined;
	/** Seconds. */
	readonly keepAlive: number;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly will: Will | undefined;
	/** Whether to tell events on stderr. */
	readonly debug: boolean;
}

/** A command's callbacks for the session. */
type Callbacks<M extends Message> = Pick<
	SessionOptions<M>,
	| "nextMessage"
	| "onAcknowledge"
	| "onReject"
	| "onGiveUp"
	| "onConnect"
	| "onMessage"
	| "onSubscribe"
	| "onUnsubscribe"
>;

interface ClientOptions {
	/** Failures to connect in a row, or connections that brought nothing, after which to give up. */
	readonly attempts: number;
	/** The same before the broker has accepted a connection; by default as many. The session's other ways to connect count for one. */
	readonly firstAttempts?: number;
	readonly pipelining: boolean;
	/** Whether to read one packet at a time, so that `deafen` takes effect right behind the packet at hand. */
	readonly packetwise?: boolean;
	/** Ctrl-C, where its owner does not hear it itself. */
	readonly onInterrupt?: () => void;
}

export class Client<M extends Message> {
	readonly session: Session<M>;
	/** Resolves with the exit code when all is over. */
	readonly ended: Promise<number>;
	private readonly _options: ClientOptions & ConnectionOptions;
	private readonly _link: Link<M>;
	private _socket: NodeSocket | undefined;
	private _deaf = false;
	private _failures = 0;
	private _wasAccepted = false;
	/** The ways to connect that were tried: versions, with pipelining and without. */
	private readonly _ways = new Set<string>();
	private _finishing = false;
	private _resolve: (exitCode: number) => void = () => {};

	constructor(connection: ConnectionOptions, options: ClientOptions, callbacks: Callbacks<M>) {
		this._options = { ...connection, ...options };
		const { broker, tls, clientId, protocolVersion, fallback, cleanSession, keepAlive } = connection;
		const { username, password, will, sessionExpiryInterval } = connection;
		let hasToldUnexpected = false;
		const session = new Session<M>({
			...{ clientId, protocolVersion, fallback, cleanSession, keepAlive, username, password, will },
			...(sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval }),
			// A computer has room.
			maximumPacketSize: Number.POSITIVE_INFINITY,
			pipelining: options.pipelining,
			...callbacks,
			onLowerQoS: () => say("the broker does not take messages of QoS 2: QoS 1 from now on"),
			onUnexpected: (what) => {
				if (!hasToldUnexpected) say(`the broker sends ${what}`);
				hasToldUnexpected = true;
			},
			onConnect: (sessionPresent, version, properties) => {
				this._connected(sessionPresent, version);
				callbacks.onConnect?.(sessionPresent, version, properties);
			},
		});
		this.session = session;
		const io = this._socketClass(broker);
		const { host, port } = broker;
		this._link = new Link({
			network: { socket: { io }, tls: { io, connect: connectTls } },
			// The path is the class's.
			broker: { host, port, tls: broker.tls === true },
			...{ clock, timer, tls, session },
			random: Math.random,
			backoff: new Backoff({ ...RETRY, random: Math.random }),
			onDisconnect: (reason, retryDelay, error, isTakenOver) => {
				this._disconnected(reason, retryDelay, error);
				if (isTakenOver) say("connections end as soon as they begin: does another client have this client id?");
			},
		});
		this.ended = new Promise((resolve) => {
			this._resolve = resolve;
		});
	}

	start(): void {
		if (this._options.onInterrupt) onInterrupt(this._options.onInterrupt);
		this._isNewWay();
		this._link.start();
	}

	/** There is a new message to send. */
	wake(): void {
		this._link.wake();
	}

	/** The broker has taken or sent a message: attempts are counted anew. */
	progress(): void {
		this._failures = 0;
	}

	/** Reads no more: further messages stay with the broker, unacknowledged. */
	deafen(): void {
		this._deaf = true;
	}

	/** Ends the connection in good order once everything has left. */
	async finish(exitCode: number): Promise<void> {
		if (this._finishing) return;
		this._finishing = true;
		// In a later turn: the acknowledgement of the packet at hand has not even been written.
		await new Promise((resolve) => setImmediate(resolve));
		await Promise.race([this._socket?.drained(), late(FAREWELL_MS)]);
		this._link.stop();
		await this._socket?.closed;
		this._resolve(exitCode);
	}

	/** `reason` may begin with `CLEAR_LINE`. */
	fail(reason: string): void {
		if (this._finishing) return;
		const before = reason.startsWith(CLEAR_LINE) ? CLEAR_LINE : "";
		say(reason.slice(before.length), before);
		this.finish(EXIT_FAILED);
	}

	private _connected(sessionPresent: boolean, version: ProtocolVersion): void {
		this._wasAccepted = true;
		// With messages in flight, only an acknowledgement counts as progress.
		if (this.session.inFlight === 0) this.progress();
		if (this._options.debug)
			say(`connected in MQTT ${VERSIONS[version]}, session ${sessionPresent ? "resumed" : "new"}`);
	}

	private _disconnected(why: string, retryDelay: number, error: unknown): void {
		// Commands have no settings, and call it by its option.
		const reason = withTlsOptions(why);
		if (this._finishing) return;
		const { debug } = this._options;
		if (error instanceof RefusedError) {
			if (!error.hasOlderVersion) return this.fail(reason);
			if (debug) say(`${reason}; trying an older version`);
			return;
		}
		const attempts = this._wasAccepted
			? this._options.attempts
			: (this._options.firstAttempts ?? this._options.attempts);
		const hasOtherWay = !this._wasAccepted && this._isNewWay();
		if (!hasOtherWay && ++this._failures >= attempts) {
			return this.fail(attempts === 1 ? reason : `${reason}; given up after ${attempts} attempts`);
		}
		say(`${reason}; next attempt in ${(retryDelay / 1_000).toFixed(1)} s`);
	}

	/** Whether the next attempt is made in a way that was not tried. */
	private _isNewWay(): boolean {
		const { size } = this._ways;
		this._ways.add(`${this.session.protocolVersion} ${this.session.pipelining}`);
		return this._ways.size > size;
	}

	/** A class of sockets that keeps its latest socket in this client. */
	private _socketClass(broker: BrokerAddress) {
		const watch = (socket: NodeSocket) => {
			this._socket = socket;
		};
		const deaf = () => this._deaf;
		const { packetwise } = this._options;
		const stream = class extends NodeSocket {
			constructor(options: NodeSocketOptions) {
				super(options);
				watch(this);
			}
		};
		return class extends socketAt(broker, stream) {
			private readonly _boundary = packetwise ? new PacketBoundary() : undefined;

			override read(byteLength?: number): ArrayBuffer | Uint8Array | undefined {
				if (deaf()) return undefined;
				const boundary = this._boundary;
				if (!boundary) return super.read(byteLength);
				const bytes = super.read(Math.min(byteLength ?? Number.POSITIVE_INFINITY, boundary.allowed));
				if (bytes) boundary.read(asBytes(bytes));
				return bytes;
			}
		};
	}
}

/** `stream`, or where the broker's address has a path a WebSocket around it. */
function socketAt(broker: BrokerAddress, stream: SocketConstructor): SocketConstructor {
	const { path } = broker;
	if (path === undefined) return stream;
	const url = { stream, path, random: Math.random, defaultPort: defaultPort(broker) };
	return class extends WebSocket {
		constructor(options: SocketOptions) {
			super(options, url);
		}
	};
}

function late(delay: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, delay).unref());
}

/** The ports inside XS: they collect actions, which Node carries out after the event; but the flash works at once. */
import type { Bytes, Host, LogLevel, Socket, SocketOptions, TlsOptions } from "../../../../src/host.js";
import type { Corrections } from "../../../../src/net/quantities.js";
import { reportText } from "../../../../src/net/report.js";
import type { Settings } from "../../../../src/settings.js";
import { parseSettings } from "../../../../src/settings.js";
import type { HostModule } from "../../../../src/start.js";
import type { Station } from "../../../../src/station/station.js";
import { knownTime } from "../../../../src/wall-clock.js";
import type { MbedTls } from "../../../moddable/tls/mbedtls.js";
import { TlsSocket } from "../../../moddable/tls/socket.js";
import { createRandom } from "../../devices/random.js";
import { createSimulatedSensor } from "../../devices/simulated-sensor.js";
import { RemoteSlots } from "../firmware-slots-remote.js";
import { Action, type Configuration, LEVELS, type Progress, SIMULATED_BOARD, STATES } from "../protocol.js";
import { RemoteSessions } from "../tls-session.js";
import { act, asideMethod, ask, drop, flash, mbedtls, take } from "./engine.js";
import { jitterSeed } from "./jitter.js";

/** The time of the event being handled: within one event no time passes. */
export const time = { now: 0, wall: 0 };

interface Timer {
	readonly due: number;
	readonly callback: () => void;
}
const timers = new Set<Timer>();

/** What is done with all timers; an object, for `setAside`. */
const schedule = {
	/** Takes the timer that is due first, if it is. */
	take(): Timer | undefined {
		let next: Timer | undefined;
		for (const timer of timers) if (timer.due <= time.now && (!next || timer.due < next.due)) next = timer;
		if (next) timers.delete(next);
		return next;
	},
	/** When the next timer is due, in simulated ms. */
	next(): number {
		let due = Number.POSITIVE_INFINITY;
		for (const timer of timers) if (timer.due < due) due = timer.due;
		return due;
	},
};

/** Calls back every timer that is due, earliest first. */
export function runTimers(): void {
	for (let timer = schedule.take(); timer; timer = schedule.take()) timer.callback();
}

/** When the next timer is due, in simulated ms. */
export function nextTimer(): number {
	return schedule.next();
}

const sockets = new Map<number, SimulatedSocket>();
let lastSocket = 0;

/** The open socket that Node calls `id`. */
export function socketOf(id: number): SimulatedSocket | undefined {
	return sockets.get(id);
}

/** ECMA-419 TCP; the bytes travel through Node, which does the TLS, too, unless it is a board's. */
class SimulatedSocket implements Socket {
	private readonly _id: number;
	private readonly _options: SocketOptions;
	/** Bytes that have arrived and were not read. */
	private _readable = 0;
	private _writable = 0;

	constructor(options: SocketOptions) {
		this._options = options;
		do lastSocket = (lastSocket % 255) + 1;
		while (sockets.has(lastSocket));
		this._id = lastSocket;
		sockets.set(this._id, this);
		const { host, port, secure, ca, certificate, key, fingerprint, alpn } = options;
		// So that none is forgotten.
		const tls = { ca, certificate, key, fingerprint, alpn } satisfies Record<keyof TlsOptions, unknown>;
		if (secure) act(Action.OpenTls, this._id, 0, JSON.stringify({ host, port, ...tls }));
		else act(Action.Open, this._id, 0, `${host}:${port}`);
	}

	read(byteLength = this._readable): ArrayBuffer | undefined {
		const bytes = take(this._id, byteLength);
		if (!bytes) return undefined;
		this._readable -= bytes.byteLength;
		act(Action.Read, this._id, bytes.byteLength);
		return bytes;
	}

	write(bytes: Bytes): number {
		if (!sockets.has(this._id)) throw new Error("closed");
		if (bytes.length > this._writable) throw new Error("overflow");
		this._writable -= bytes.length;
		act(Action.Write, this._id, 0, bytes);
		return this._writable;
	}

	close(): void {
		if (sockets.delete(this._id)) act(Action.Close, this._id);
		drop(this._id);
	}

	/** Node has taken `count` bytes, or at the opening can take them. */
	writable(count: number): void {
		this._writable += count;
		this._options.onWritable(this._writable);
	}

	received(count: number): void {
		this._readable += count;
		this._options.onReadable(this._readable);
	}

	closed(reason: string): void {
		this._options.onError(reason);
		sockets.delete(this._id);
		drop(this._id);
	}
}

let settings: unknown;
let corrections: Corrections | undefined;
const host: { -readonly [port in keyof (Host & HostModule)]: (Host & HostModule)[port] } = {
	settings: () => parseSettings(settings, host.defaultId),
	ports: (parsed) => {
		corrections = parsed;
		return host;
	},
	clock: { now: () => time.now, time: () => knownTime(time.wall) },
	timer: {
		set: (callback, delay) => {
			const timer = { callback, due: time.now + delay };
			timers.add(timer);
			return timer;
		},
		clear: (timer) => void timers.delete(timer as Timer),
	},
	random: () => 0,
	network: { socket: { io: SimulatedSocket }, tls: { io: SimulatedSocket, secure: true } },
	log: (level: LogLevel, text: string) => act(Action.Log, LEVELS.indexOf(level), 0, text),
	...(flash && { flash }),
};
export default host;

let taskDone = () => {};

/** Calls back when a task of the engine's has called back the program. */
export function onTaskDone(callback: () => void): void {
	taskDone = callback;
}

/** TLS as on a board, over the same TCP. */
function boardTls(mbedtls: MbedTls): NonNullable<Host["network"]["tls"]> {
	const options = {
		io: TlsSocket,
		tcp: SimulatedSocket,
		mbedtls: Object.freeze({
			...mbedtls,
			handshake: (connection: object, done: () => void) =>
				mbedtls.handshake(connection, () => {
					done();
					taskDone();
				}),
		}),
		time: () => time.wall,
		defer: (callback: () => void) => void host.timer.set(callback, 0),
		sessions: new RemoteSessions(ask),
	};
	return options as unknown as NonNullable<Host["network"]["tls"]>;
}

/** An object's methods do not count as the station's: on a board they are hardware, and functions in C. */
function setAside(object: Record<string, unknown>): void {
	for (const name of ["now", "time", "set", "clear", "take", "next", "read", "write", "close", "hold", "release"]) {
		if (typeof object[name] === "function") object[name] = asideMethod(object[name]);
	}
}

/** What the runner is to be told of at the end of an event, if it watches. */
let state: Progress["state"] = "connecting";
let reports = "";
let toldState: Progress["state"] | undefined;
let toldWaiting = 0;

function watch(): void {
	host.observer = {
		onReading: (seq, sample) => {
			reports += `${reportText({ seq, time: host.clock.time(), sample }, corrections!)}\n`;
		},
		onState: (now) => {
			state = now;
		},
	};
}

/** Tells the runner what has changed. */
export function tellProgress(station: Station): void {
	if (!host.observer) return;
	const count = station.counters.queued;
	if (reports === "" && state === toldState && count === toldWaiting) return;
	act(Action.Progress, STATES.indexOf(state), count, reports);
	reports = "";
	toldState = state;
	toldWaiting = count;
}

/** Gives the ports the runner's configuration. */
export function configure(configuration: Configuration): void {
	const {
		sensor = "bme280",
		seed,
		replay,
		brokerVersion,
		firmwareSlots,
		watched,
		measured,
		startedOnRequest,
	} = configuration;
	if (configuration.boardTls && mbedtls) host.network = { ...host.network, tls: boardTls(mbedtls) };
	settings = configuration.settings;
	if (configuration.defaultId !== undefined) host.defaultId = configuration.defaultId;
	host.startedOnRequest = startedOnRequest === true;
	if (brokerVersion !== undefined) host.brokerVersion = brokerVersion;
	if (watched) watch();
	if (firmwareSlots) {
		const slots = new RemoteSlots(ask, () => host.restart?.());
		host.update = slots;
		host.board = SIMULATED_BOARD;
		host.diagnostics = () => ({ image: slots.id });
	}
	const { id = host.defaultId, address } = settings as { id?: unknown; address?: Settings["address"] };
	host.random = createRandom(jitterSeed(seed, id));
	Object.assign(host, createSimulatedSensor({ sensor, address, seed, replay, clock: host.clock }));
	if (!measured) return;
	const classes = [SimulatedSocket, host.i2c?.io, host.pulses?.io];
	const ports = [host.clock, host.timer, schedule, ...classes.map((io) => io?.prototype)];
	for (const port of ports) if (port) setAside(port as unknown as Record<string, unknown>);
}

/** Gives the ports the function that restarts the machine. */
export function onRestart(restart: () => void): void {
	host.restart = restart;
}

/** Gives the ports the function that sends the machine to sleep. */
export function onSleep(sleep: (duration: number) => void): void {
	host.sleep = sleep;
}

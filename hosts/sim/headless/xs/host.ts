/** The ports inside XS: they record what they are asked for, and Node does it afterwards; but the flash at once. */
import type { Bytes, Host, LogLevel, Socket, SocketOptions } from "../../../../src/host.js";
import { parseSettings } from "../../../../src/settings.js";
import { createRandom } from "../../devices/random.js";
import { createSimulatedSensor } from "../../devices/simulated-sensor.js";
import { RemoteSlots } from "../firmware-slots-remote.js";
import { Action, ActionWriter, type Configuration, LEVELS } from "../protocol.js";
import { type Call, RemoteFlash } from "../remote-flash.js";

/** The engine's own globals. */
declare const TextEncoder: new () => { encode(text: string): Bytes };
declare const issueCommand: Call;

export const actions = new ActionWriter();
const encoder = new TextEncoder();

/** The time of the event being handled: within one event no time passes. */
export const time = { now: 0, wall: 0 };

interface Timer {
	readonly due: number;
	readonly callback: () => void;
}
const timers = new Set<Timer>();

/** Calls back every timer that is due, earliest first. */
export function runTimers(): void {
	for (;;) {
		let next: Timer | undefined;
		for (const timer of timers) if (timer.due <= time.now && (!next || timer.due < next.due)) next = timer;
		if (!next) return;
		timers.delete(next);
		next.callback();
	}
}

/** When the next timer is due, in simulated ms. */
export function nextTimer(): number {
	let due = Number.POSITIVE_INFINITY;
	for (const timer of timers) if (timer.due < due) due = timer.due;
	return due;
}

const sockets = new Map<number, SimulatedSocket>();
let lastSocket = 0;

/** The open socket that Node calls `id`. */
export function socketOf(id: number): SimulatedSocket | undefined {
	return sockets.get(id);
}

/** ECMA-419 TCP; the bytes travel through Node, which does the TLS, too. */
class SimulatedSocket implements Socket {
	readonly #id: number;
	readonly #options: SocketOptions;
	#received: Bytes[] = [];
	#writable = 0;

	constructor(options: SocketOptions) {
		this.#options = options;
		do lastSocket = (lastSocket % 255) + 1;
		while (sockets.has(lastSocket));
		this.#id = lastSocket;
		sockets.set(this.#id, this);
		const { host, port, secure, ca, certificate, key } = options;
		if (!secure) actions.add(Action.Open, this.#id, 0, encoder.encode(`${host}:${port}`));
		else actions.add(Action.OpenTls, this.#id, 0, encoder.encode(JSON.stringify({ host, port, ca, certificate, key })));
	}

	read(byteLength = Number.POSITIVE_INFINITY): Bytes | undefined {
		const first = this.#received[0];
		if (!first) return undefined;
		const bytes = first.subarray(0, Math.min(first.length, byteLength));
		if (bytes.length === first.length) this.#received.shift();
		else this.#received[0] = first.subarray(bytes.length);
		actions.add(Action.Read, this.#id, bytes.length);
		return bytes;
	}

	write(bytes: Bytes): number {
		if (!sockets.has(this.#id)) throw new Error("closed");
		if (bytes.length > this.#writable) throw new Error("overflow");
		this.#writable -= bytes.length;
		actions.add(Action.Write, this.#id, 0, bytes);
		return this.#writable;
	}

	close(): void {
		if (sockets.delete(this.#id)) actions.add(Action.Close, this.#id);
	}

	/** Node says that it took `count` bytes, or at the opening that it would. */
	writable(count: number): void {
		this.#writable += count;
		this.#options.onWritable(this.#writable);
	}

	received(bytes: Bytes): void {
		this.#received.push(bytes);
		this.#options.onReadable(bytes.length);
	}

	closed(reason: string): void {
		this.#options.onError(reason);
		sockets.delete(this.#id);
	}
}

const host: { -readonly [port in keyof Host]: Host[port] } = {
	settings: undefined,
	clock: { now: () => time.now, time: () => time.wall },
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
	flash: new RemoteFlash(issueCommand),
	log: (level: LogLevel, text: string) => actions.add(Action.Log, LEVELS.indexOf(level), 0, encoder.encode(text)),
};
export default host;

/** Gives the ports what the runner was asked for. */
export function configure({ settings, seed, replay, firmwareSlots }: Configuration): void {
	host.settings = settings;
	if (firmwareSlots) {
		const slots = new RemoteSlots(issueCommand, () => host.restart?.());
		host.update = slots;
		host.diagnostics = () => ({ image: slots.id });
	}
	const { sensor } = parseSettings(settings);
	host.random = createRandom(seed);
	Object.assign(host, createSimulatedSensor({ sensor, seed, replay, clock: host.clock }));
}

/** Gives the ports the one to restart the machine. */
export function onRestart(restart: () => void): void {
	host.restart = restart;
}

/** Gives the ports the one to send the machine to sleep. */
export function onSleep(sleep: (duration: number) => void): void {
	host.sleep = sleep;
}

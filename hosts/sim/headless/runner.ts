/**
 * Runs the station: the firmware bundle inside XS, and here in Node what its
 * ports ask for: sockets, the timer, time, the flash and the log.
 */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { LogLevel } from "../../../src/host.ts";
import type { Counters } from "../../../src/station.ts";
import { type Creation, creationOf } from "../../creation.ts";
import { connectTcp, openEvent, reasonOf } from "../../node/tcp-socket.ts";
import { connectTls } from "../../node/tls.ts";
import { Engine } from "./engine.ts";
import type { FirmwareSlots } from "./firmware-slots.ts";
import { answerSlots } from "./firmware-slots-remote.ts";
import type { FlashFile } from "./flash-file.ts";
import { Action, type Configuration, type DecodedAction, Event, encodeEvent, LEVELS } from "./protocol.ts";
import { SimulatedClock } from "./simulated-clock.ts";

/** What a socket may have unsent, and unread, in bytes: the defaults of an ESP32's lwIP. */
const SOCKET_WINDOW = 5_744;
/** Longest delay of a timer of Node's, in ms. */
const TIMER_MAXIMUM = 2 ** 31 - 1;
/** The board whose memory the engine has. All boards have the same. */
const BOARD = "esp32";

export interface RunnerOptions extends Configuration {
	/** The firmware bundle, built by `tools/build.js`. */
	readonly firmware: string;
	/** Outlives a restart of the station. */
	readonly flash: FlashFile;
	/** Without them the firmware cannot be updated. */
	readonly slots?: FirmwareSlots;
	/** Simulated seconds per real second, 1 or more. */
	readonly speed: number;
	readonly onLog: (level: LogLevel, text: string) => void;
}

/** What the station needs on a board. */
export interface Memory {
	/** Bytes of RAM in use, garbage collected: on top of what the program takes, which is in flash there. */
	readonly ram: number;
	/** The most that were in use, garbage included. */
	readonly highestRam: number;
	/** Slots of the stack that were in use at the most, and how many there are. */
	readonly highestStack: number;
	readonly stack: number;
}

interface Connection {
	readonly socket: Socket;
	/** Bytes told to the station that it has not read. */
	unread: number;
}

export class Runner {
	/** A new one after the station has restarted itself, and for each wake of one that sleeps. */
	#engine: Engine;
	readonly #creation: Creation = creationOf(BOARD);
	/** Of the engines before. */
	readonly #highest = { ram: 0, stack: 0 };
	/** Resolves when the station has stopped; rejects with an `XsError` when the engine has failed. */
	readonly stopped: Promise<void>;
	readonly clock: SimulatedClock;
	/** Bytes that went to the broker and came from it. */
	readonly wire = { sent: 0, received: 0 };

	readonly #options: RunnerOptions;
	readonly #connections = new Map<number, Connection>();
	#timer: NodeJS.Timeout | undefined;
	#immediate: NodeJS.Immediate | undefined;
	#timerDue = Number.POSITIVE_INFINITY;
	#counters: Counters | undefined;
	/** What the station counted before it restarted itself, or fell asleep. */
	#before: Counters | undefined;
	#asleep = false;
	#stopping = false;
	/** The start after a restart or a sleep. */
	#booted: Promise<void> | undefined;
	#ended = false;
	#resolve = () => {};
	#reject: (error: Error) => void = () => {};

	constructor(options: RunnerOptions) {
		this.#options = options;
		this.clock = new SimulatedClock(options.speed, () => performance.now(), Date.now());
		this.stopped = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
		this.stopped.catch(() => {}); // whoever awaits it is told; nobody may await it yet
		this.#engine = this.#createEngine();
	}

	#createEngine(): Engine {
		const { flash, slots, onLog } = this.#options;
		const engine = new Engine({ flash: flash.file });
		engine.onOutput = (text) => onLog("error", text.trimEnd());
		if (slots) engine.onQuestion = (question) => answerSlots(slots, question);
		return engine;
	}

	/** Loads the firmware and starts the station; or starts it anew, as it asked for. */
	async start(startedOnRequest = false): Promise<void> {
		const { firmware, settings, seed, replay, slots } = this.#options;
		await this.#engine.evaluate(readFileSync(firmware, "utf8"));
		const configuration: Configuration = {
			settings,
			seed,
			...(replay && { replay }),
			firmwareSlots: !!slots,
			startedOnRequest,
		};
		await this.#tell(Event.Configure, { bytes: Buffer.from(JSON.stringify(configuration)) });
		await this.#engine.limit(this.#creation);
		await this.#tell(Event.Start);
	}

	/** Stops the station in good order. One that is asleep is silent. */
	async stop(): Promise<void> {
		this.#stopping = true;
		await this.#booted;
		if (this.#asleep) this.#resolve();
		else await this.#tell(Event.Stop);
		await this.stopped;
	}

	/** Throws an Error if the station did not start: the log tells why. */
	async counters(): Promise<Counters> {
		if (this.#asleep && this.#before) return this.#before;
		await this.#tell(Event.Count);
		if (!this.#counters) throw new Error("the station did not start");
		return sum(this.#before, this.#counters);
	}

	/** What a board does: its memory is gone, its flash stays. */
	async #restart(): Promise<void> {
		this.#measure();
		this.#engine.close();
		this.#closeConnections();
		this.#options.slots?.boot();
		this.#engine = this.#createEngine();
		this.#asleep = false;
		this.#timerDue = this.clock.nextTimer = Number.POSITIVE_INFINITY;
		this.clock.await(false);
		// To load the firmware takes real time.
		this.clock.hold();
		try {
			await this.start(true);
		} catch (error) {
			this.#reject(error as Error);
		} finally {
			this.clock.release();
		}
	}

	/** Nothing reaches the machine for `duration` simulated ms. Its engine is kept until then, to be asked for its memory. */
	#sleep(duration: number): void {
		this.#asleep = true;
		this.clock.await(false);
		this.#timerDue = this.clock.nextTimer = this.clock.now() + duration;
		if (this.#stopping) this.#resolve();
	}

	#wake(): void {
		if (!this.#stopping) this.#booted = this.#restart();
	}

	/** Calls back when the station has dealt with all that has arrived at this process until now; in the order of the calls. */
	whenSettled(callback: () => void): void {
		setImmediate(() => this.#engine.settled().then(callback));
	}

	async memory(): Promise<Memory> {
		this.#measure();
		await this.#engine.collect();
		const { ram, stack } = this.#highest;
		return { ram: this.#engine.ram, highestRam: ram, highestStack: stack, stack: this.#creation.stack };
	}

	#measure(): void {
		this.#highest.ram = Math.max(this.#highest.ram, this.#engine.highestRam);
		this.#highest.stack = Math.max(this.#highest.stack, this.#engine.figures.highestStack);
	}

	/** Ends the engine and whatever is open. */
	close(): void {
		this.#clearTimer();
		this.#closeConnections();
		this.#ended = true;
		this.#engine.close();
	}

	#closeConnections(): void {
		for (const { socket } of this.#connections.values()) socket.destroy();
		this.#connections.clear();
	}

	async #tell(kind: number, options: { id?: number; count?: number; bytes?: Uint8Array } = {}): Promise<void> {
		const engine = this.#engine;
		/** The machine that was told is no more. */
		const gone = () => this.#asleep || engine !== this.#engine;
		if (gone()) return;
		this.clock.hold();
		try {
			// The time is read when the engine is free for the event, not when the event happened.
			const event = () => encodeEvent(kind, this.clock.now(), this.clock.time(), options);
			for (const action of await engine.tell(event)) if (!gone()) this.#do(action);
		} catch (error) {
			if (!gone()) this.#reject(error as Error);
			return;
		} finally {
			this.clock.release();
		}
		this.#setTimer();
	}

	#do({ kind, id, value, bytes }: DecodedAction): void {
		const connection = this.#connections.get(id);
		const text = () => Buffer.from(bytes).toString();
		switch (kind) {
			case Action.Open:
				return this.#open(id, () => connectTcp({ ...addressOf(text()), noDelay: true }));
			case Action.OpenTls:
				return this.#open(id, () => connectTls({ ...JSON.parse(text()), noDelay: true }));
			case Action.Write:
				return this.#write(id, Uint8Array.from(bytes));
			case Action.Read:
				if (!connection) return;
				connection.unread -= value;
				if (connection.unread < SOCKET_WINDOW) connection.socket.resume();
				return;
			case Action.Close:
				this.#connections.delete(id);
				connection?.socket.destroySoon();
				return;
			case Action.Timer:
				this.#timerDue = value;
				this.clock.nextTimer = value;
				return;
			case Action.Awaiting:
				return this.clock.await(value === 1);
			case Action.Log:
				return this.#options.onLog(LEVELS[id] ?? "error", text());
			case Action.Counters:
				this.#counters = JSON.parse(text());
				return;
			case Action.Restart:
				this.#before = sum(this.#before, JSON.parse(text()));
				this.#options.onLog("info", "restarts");
				this.#booted = this.#restart();
				return;
			case Action.Sleep:
				this.#before = sum(this.#before, JSON.parse(text()));
				return this.#sleep(value);
			case Action.Stopped:
				return this.#resolve();
		}
	}

	#open(id: number, connect: () => Socket): void {
		let socket: Socket;
		try {
			if (this.#options.slots?.hasNetwork === false) throw new Error("this firmware does not get into the network");
			socket = connect();
		} catch (error) {
			this.#tell(Event.Closed, { id, bytes: Buffer.from((error as Error).message) });
			return;
		}
		const connection: Connection = { socket, unread: 0 };
		this.#connections.set(id, connection);
		const current = () => this.#connections.get(id) === connection;
		socket.on(openEvent(socket), () => {
			if (current()) this.#tell(Event.Writable, { id, count: SOCKET_WINDOW });
		});
		socket.on("data", (data) => {
			if (!current()) return;
			this.wire.received += data.length;
			this.clock.renewPatience();
			connection.unread += data.length;
			if (connection.unread >= SOCKET_WINDOW) socket.pause();
			this.#tell(Event.Readable, { id, count: data.length, bytes: data });
		});
		socket.on("error", (error) => this.#closed(id, connection, reasonOf(error, socket)));
		socket.on("end", () => this.#closed(id, connection, "by the broker"));
		socket.on("close", () => this.#closed(id, connection, ""));
	}

	#write(id: number, bytes: Uint8Array): void {
		const connection = this.#connections.get(id);
		if (!connection) return;
		this.wire.sent += bytes.length;
		connection.socket.write(bytes, (error) => {
			if (!error && this.#connections.get(id) === connection) this.#tell(Event.Writable, { id, count: bytes.length });
		});
	}

	#closed(id: number, connection: Connection, reason: string): void {
		if (this.#connections.get(id) !== connection) return;
		this.#connections.delete(id);
		connection.socket.destroy();
		this.#tell(Event.Closed, { id, bytes: Buffer.from(reason) });
	}

	#setTimer(): void {
		this.#clearTimer();
		if (this.#timerDue === Number.POSITIVE_INFINITY || this.#ended) return;
		const delay = Math.min(this.clock.realDelayUntil(this.#timerDue), TIMER_MAXIMUM);
		const call = () => {
			// Early: a timer of Node's counts whole milliseconds, and an immediate does not wait at all.
			if (this.clock.now() < this.#timerDue) this.#setTimer();
			else if (this.#asleep) this.#wake();
			else this.#tell(Event.Timer);
		};
		// A timer of Node's takes 1 ms at least, which at a high speed is long.
		if (delay < 1 && this.#options.speed > 1) this.#immediate = setImmediate(call);
		else this.#timer = setTimeout(call, delay);
	}

	#clearTimer(): void {
		clearTimeout(this.#timer);
		clearImmediate(this.#immediate);
	}
}

/** `host:port`, the port behind the last colon. */
function addressOf(text: string): { host: string; port: number } {
	const colon = text.lastIndexOf(":");
	return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** What waits, and what was dropped since the flash was first used, the station knows from its flash. */
function sum(before: Counters | undefined, counters: Counters): Counters {
	if (!before) return counters;
	const total = { ...counters };
	for (const name of Object.keys(counters) as (keyof Counters)[]) {
		if (name !== "queued" && name !== "dropped") total[name] += before[name];
	}
	return total;
}

/**
 * Runs the station: the firmware bundle inside XS, and here in Node its ports:
 * sockets, the timer, time, the flash and the log.
 */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { LogLevel } from "../../../src/host.ts";
import type { Counters } from "../../../src/station/station.ts";
import { type Creation, creationOf } from "../../creation.ts";
import { connectTcp, openEvent, reasonOf } from "../../node/node-socket.ts";
import { connectTls } from "../../node/tls.ts";
import { Engine } from "./engine.ts";
import type { FirmwareSlots } from "./firmware-slots.ts";
import { answerSlots } from "./firmware-slots-remote.ts";
import type { FlashFile } from "./flash-file.ts";
import {
	Action,
	type Configuration,
	type DecodedAction,
	Event,
	encodeEvent,
	LEVELS,
	type Progress,
	STATES,
} from "./protocol.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import { SessionMemory } from "./tls-session.ts";

/** Bytes that a socket may have unsent, and unread: the defaults of an ESP32's lwIP. */
const SOCKET_WINDOW = 5_744;
/** Longest delay of a timer of Node's, in ms. */
const TIMER_MAXIMUM = 2 ** 31 - 1;
/** The board whose memory the engine has. All boards have the same. */
const BOARD = "esp32";

export interface RunnerOptions extends Omit<Configuration, "watched"> {
	/** The firmware bundle, built by `tools/build.js`. */
	readonly firmware: string;
	/** Outlives a restart of the station. */
	readonly flash: FlashFile;
	/** Without them the firmware cannot be updated. */
	readonly slots?: FirmwareSlots;
	/** Simulated seconds per real second, 1 or more. */
	readonly speed: number;
	readonly onLog: (level: LogLevel, text: string) => void;
	/** To tell it takes some of the station's memory, where it is given. */
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** The station's memory on a board. */
export interface Memory {
	/** Bytes of RAM in use, garbage collected, without the program, which is in flash there. */
	readonly ram: number;
	/** The most bytes in use, garbage included. */
	readonly highestRam: number;
	/** Slots of the stack that were in use at the most, and how many there are. */
	readonly highestStack: number;
	readonly stack: number;
}

interface StationConnection {
	readonly socket: Socket;
	/** Bytes told to the station that it has not read. */
	unread: number;
}

export class Runner {
	/** A new engine after each restart of the station, and for each wake from sleep. */
	private _engine: Engine;
	private readonly _creation: Creation = creationOf(BOARD);
	/** Highest figures of the earlier engines. */
	private readonly _highest = { ram: 0, stack: 0 };
	/** Resolves when the station has stopped; rejects with an `XsError` when the engine has failed. */
	readonly stopped: Promise<void>;
	readonly clock: SimulatedClock;
	/** Bytes that went to the broker and came from it. */
	readonly wire = { sent: 0, received: 0 };

	private readonly _options: RunnerOptions;
	private readonly _session = new SessionMemory();
	/** Read once: another build must not change the program of a run. */
	private readonly _firmware: string;
	private readonly _connections = new Map<number, StationConnection>();
	private _timer: NodeJS.Timeout | undefined;
	private _immediate: NodeJS.Immediate | undefined;
	private _timerDue = Number.POSITIVE_INFINITY;
	private _counters: Counters | undefined;
	/** The station's counters from before its last restart or sleep. */
	private _before: Counters | undefined;
	private _asleep = false;
	private _stopping = false;
	/** The start after a restart or a sleep. */
	private _booted: Promise<void> | undefined;
	private _ended = false;
	private _resolve = () => {};
	private _reject: (error: Error) => void = () => {};

	constructor(options: RunnerOptions) {
		this._options = options;
		this._firmware = readFileSync(options.firmware, "utf8");
		this.clock = new SimulatedClock(options.speed, () => performance.now(), Date.now());
		this.stopped = new Promise((resolve, reject) => {
			this._resolve = resolve;
			this._reject = reject;
		});
		this.stopped.catch(() => {}); // not unhandled if it is awaited later
		this._engine = this._createEngine();
	}

	/** The engine's process, until the station starts anew. */
	get pid(): number | undefined {
		return this._engine.process.pid;
	}

	private _createEngine(): Engine {
		const { flash, slots, boardTls, onLog } = this._options;
		const engine = new Engine({ flash: flash.file, flashName: flash.name, withTls: boardTls });
		engine.onOutput = (text) => onLog("error", text.trimEnd());
		engine.onQuestion = (question) =>
			this._session.answer(question) ?? (slots ? answerSlots(slots, question) : new Uint8Array(0));
		return engine;
	}

	/** Loads the firmware and starts the station; or starts it anew, as it asked for. */
	async start(startedOnRequest = false): Promise<void> {
		const { settings, defaultId, sensor, seed, replay, brokerVersion, slots, boardTls, onProgress } = this._options;
		await this._engine.evaluate(this._firmware);
		const configuration: Configuration = {
			settings,
			...(defaultId !== undefined && { defaultId }),
			...(sensor && { sensor }),
			seed,
			...(replay && { replay }),
			...(brokerVersion && { brokerVersion }),
			firmwareSlots: !!slots,
			...(boardTls && { boardTls }),
			...(onProgress && { watched: true }),
			startedOnRequest,
		};
		await this._tell(Event.Configure, { bytes: Buffer.from(JSON.stringify(configuration)) });
		await this._engine.limit(this._creation);
		await this._tell(Event.Start);
	}

	/** Stops the station in good order. A sleeping station sends nothing. */
	async stop(): Promise<void> {
		this._stopping = true;
		await this._booted;
		if (this._asleep) this._resolve();
		else await this._tell(Event.Stop);
		await this.stopped;
	}

	/** Throws an Error if the station did not start: the log tells why. */
	async counters(): Promise<Counters> {
		if (this._asleep && this._before) return this._before;
		await this._tell(Event.Count);
		if (!this._counters) throw new Error("the station did not start");
		return sum(this._before, this._counters);
	}

	/** As on a board: RAM is lost, the flash stays. */
	private async _restart(): Promise<void> {
		this._measure();
		this._engine.close();
		this._closeConnections();
		this._asleep = false;
		this._timerDue = this.clock.nextTimer = Number.POSITIVE_INFINITY;
		this.clock.await(false);
		// To load the firmware takes real time.
		this.clock.hold();
		try {
			this._options.slots?.boot();
			this._engine = this._createEngine();
			await this.start(true);
		} catch (error) {
			this._reject(error as Error);
		} finally {
			this.clock.release();
		}
	}

	/** Nothing reaches the machine for `duration` simulated ms. Its engine is kept until then, to be asked for its memory. */
	private _sleep(duration: number): void {
		this._asleep = true;
		this.clock.await(false);
		this._timerDue = this.clock.nextTimer = this.clock.now() + duration;
		if (this._stopping) this._resolve();
	}

	private _wake(): void {
		if (!this._stopping) this._booted = this._restart();
	}

	/** Calls back when the station has handled all bytes that have arrived at this process until now; in the order of the calls. */
	whenSettled(callback: () => void): void {
		setImmediate(() => this._engine.settled().then(callback));
	}

	async memory(): Promise<Memory> {
		this._measure();
		await this._engine.collect();
		const { ram, stack } = this._highest;
		return { ram: this._engine.ram, highestRam: ram, highestStack: stack, stack: this._creation.stack };
	}

	private _measure(): void {
		this._highest.ram = Math.max(this._highest.ram, this._engine.highestRam);
		this._highest.stack = Math.max(this._highest.stack, this._engine.figures.highestStack);
	}

	/** Ends the engine and closes all sockets and timers. */
	close(): void {
		this._clearTimer();
		this._closeConnections();
		this._ended = true;
		this._engine.close();
	}

	private _closeConnections(): void {
		for (const { socket } of this._connections.values()) socket.destroy();
		this._connections.clear();
	}

	private async _tell(kind: number, options: { id?: number; count?: number; bytes?: Uint8Array } = {}): Promise<void> {
		const engine = this._engine;
		/** Whether the engine of this event has ended or sleeps. */
		const gone = () => this._asleep || engine !== this._engine;
		if (gone()) return;
		this.clock.hold();
		try {
			// The time is read when the engine is free for the event, not when the event happened.
			const event = () => encodeEvent(kind, this.clock.now(), this.clock.time(), options);
			for (const action of await engine.tell(event)) if (!gone()) this._do(action);
		} catch (error) {
			if (!gone()) this._reject(error as Error);
			return;
		} finally {
			this.clock.release();
		}
		this._setTimer();
	}

	private _do({ kind, id, value, bytes }: DecodedAction): void {
		const connection = this._connections.get(id);
		const text = () => Buffer.from(bytes).toString();
		switch (kind) {
			case Action.Open:
				return this._open(id, () => connectTcp({ ...addressOf(text()), noDelay: true }));
			case Action.OpenTls:
				return this._open(id, () => connectTls({ ...JSON.parse(text()), noDelay: true }));
			case Action.Write:
				return this._write(id, Uint8Array.from(bytes));
			case Action.Read:
				if (!connection) return;
				connection.unread -= value;
				if (connection.unread < SOCKET_WINDOW) connection.socket.resume();
				return;
			case Action.Close:
				this._connections.delete(id);
				connection?.socket.destroySoon();
				return;
			case Action.Timer:
				this._timerDue = value;
				this.clock.nextTimer = value;
				return;
			case Action.Awaiting:
				return this.clock.await(value === 1);
			case Action.Log:
				return this._options.onLog(LEVELS[id] ?? "error", text());
			case Action.Progress:
				return this._options.onProgress?.({
					state: STATES[id] ?? "offline",
					waiting: value,
					reports: text()
						.split("\n")
						.slice(0, -1)
						.map((report) => JSON.parse(report)),
				});
			case Action.Counters:
				this._counters = JSON.parse(text());
				return;
			case Action.Restart:
				this._before = sum(this._before, JSON.parse(text()));
				this._options.onLog("info", "restarts");
				this._booted = this._restart();
				return;
			case Action.Sleep:
				this._before = sum(this._before, JSON.parse(text()));
				return this._sleep(value);
			case Action.Stopped:
				return this._resolve();
		}
	}

	private _open(id: number, connect: () => Socket): void {
		let socket: Socket;
		try {
			if (this._options.slots?.hasNetwork === false) throw new Error("this firmware does not get into the network");
			socket = connect();
		} catch (error) {
			this._tell(Event.Closed, { id, bytes: Buffer.from((error as Error).message) });
			return;
		}
		const connection: StationConnection = { socket, unread: 0 };
		this._connections.set(id, connection);
		const current = () => this._connections.get(id) === connection;
		socket.on(openEvent(socket), () => {
			if (current()) this._tell(Event.Writable, { id, count: SOCKET_WINDOW });
		});
		socket.on("data", (data) => {
			if (!current()) return;
			this.wire.received += data.length;
			this.clock.renewPatience();
			connection.unread += data.length;
			if (connection.unread >= SOCKET_WINDOW) socket.pause();
			this._tell(Event.Readable, { id, count: data.length, bytes: data });
		});
		socket.on("error", (error) => this._closed(id, connection, reasonOf(error, socket)));
		socket.on("end", () => this._closed(id, connection, "by the broker"));
		socket.on("close", () => this._closed(id, connection, ""));
	}

	private _write(id: number, bytes: Uint8Array): void {
		const connection = this._connections.get(id);
		if (!connection) return;
		this.wire.sent += bytes.length;
		connection.socket.write(bytes, (error) => {
			if (!error && this._connections.get(id) === connection) this._tell(Event.Writable, { id, count: bytes.length });
		});
	}

	private _closed(id: number, connection: StationConnection, reason: string): void {
		if (this._connections.get(id) !== connection) return;
		this._connections.delete(id);
		connection.socket.destroy();
		this._tell(Event.Closed, { id, bytes: Buffer.from(reason) });
	}

	private _setTimer(): void {
		this._clearTimer();
		if (this._timerDue === Number.POSITIVE_INFINITY || this._ended) return;
		const delay = Math.min(this.clock.realDelayUntil(this._timerDue), TIMER_MAXIMUM);
		const call = () => {
			// Early: a timer of Node's counts whole milliseconds.
			if (this.clock.now() < this._timerDue) this._setTimer();
			else if (this._asleep) this._wake();
			else this._tell(Event.Timer);
		};
		// A timer of Node's takes 1 ms at least.
		if (delay === 0) this._immediate = setImmediate(call);
		else this._timer = setTimeout(call, delay);
	}

	private _clearTimer(): void {
		clearTimeout(this._timer);
		clearImmediate(this._immediate);
	}
}

/** `host:port`, the port behind the last colon. */
function addressOf(text: string): { host: string; port: number } {
	const colon = text.lastIndexOf(":");
	return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** `queued` and `dropped` are not summed: the station has them from its flash. */
function sum(before: Counters | undefined, counters: Counters): Counters {
	if (!before) return counters;
	const total = { ...counters };
	for (const name of Object.keys(counters) as (keyof Counters)[]) {
		if (name !== "queued" && name !== "dropped") total[name] += before[name];
	}
	return total;
}

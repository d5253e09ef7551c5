/**
 * The XS engine with the memory of a board, as a child process; `engine/main.c`
 * has the protocol. One command is under way at a time.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { endianness } from "node:os";
import type { Readable, Writable } from "node:stream";
import { type Creation, XS_SLOT_BYTES } from "../../creation.ts";
import { plain } from "../../node/plain-text.ts";
import { type DecodedAction, decodeActions, encodeEvent } from "./protocol.ts";

/** The paths of the engine and of the one with TLS, which `tools/build.js` puts in. */
declare const XS_ENGINE: string;
declare const XS_TLS_ENGINE: string;

/** The engine's use of memory and time; the highest figures are those since `limit`. */
export interface Figures {
	/** Bytecodes and built-in work of the last command, deterministic; without the work set aside. */
	readonly compute: number;
	/** The work set aside: that of simulated hardware, which a board does not compute. */
	readonly asideCompute: number;
	/** Slots and bytes of chunks that were taken meanwhile; right if no garbage was collected during the command. */
	readonly asideSlots: number;
	readonly asideChunks: number;
	/** Slots in use, garbage included. */
	readonly slots: number;
	readonly highestSlots: number;
	/** Bytes of chunks in use, garbage included. */
	readonly chunks: number;
	readonly highestChunks: number;
	/** Slots of the JavaScript stack, as many as the same calls take on a board. */
	readonly highestStack: number;
	/** Bytes of the stack of this computer, whose frames are not those of a board; as of the last `collect`. */
	readonly highestNativeStack: number;
	/**
	 * Bytes of chunks that a board would have in use; as of the last `collect`, or
	 * `limit`. Here pointers are longer, and with them the headers of chunks and the elements of arrays.
	 */
	readonly boardChunks: number;
	/** Reads of the flash in the last command. */
	readonly flashReads: number;
	/** Bytes that Mbed TLS and the C around it have allocated, as asked for; on Linux. */
	readonly tlsHeap: number;
	readonly highestTlsHeap: number;
}
/** In the order in which the engine tells them. */
const FIGURES = [
	"compute",
	"asideCompute",
	"asideSlots",
	"asideChunks",
	"slots",
	"highestSlots",
	"chunks",
	"highestChunks",
	"highestStack",
	"highestNativeStack",
	"boardChunks",
	"flashReads",
	"tlsHeap",
	"highestTlsHeap",
] as const satisfies readonly (keyof Figures)[];
const FIGURES_BYTES = 4 * FIGURES.length;
const NONE = figuresOf(() => 0);

function figuresOf(figure: (index: number) => number): Figures {
	return Object.fromEntries(FIGURES.map((name, index) => [name, figure(index)])) as unknown as Figures;
}

/**
 * Bytes of this computer's stack. A board's task has 10 KiB, with frames of
 * pointers of 32 bits and fewer registers: a coarse guard against a recursion
 * that the JavaScript stack does not see, in built-in functions.
 */
const NATIVE_STACK_BYTES = 64 * 1_024;

/** An exception that nothing in the engine caught, or the engine's end. */
export class EngineError extends Error {
	override name = "EngineError";
}

/** Given to the engine to end when it is asked to, in ms. */
const END_TIMEOUT_MS = 1_000;
const HEADER_BYTES = 5;

export interface EngineOptions {
	/** A file descriptor of the flash's image. */
	readonly flash?: number | undefined;
	/** Its file's name, for a person. */
	readonly flashName?: string | undefined;
	/** With a board's TLS, as a global `mbedtls`; without it there is none. */
	readonly withTls?: boolean | undefined;
}

/** Exit codes of the engine's `lock`. */
const LOCKED = 0;
const LOCKED_BY_OTHERS = 1;

/**
 * Locks an open file for this process and the engines whose flash it is, until the last of them has closed it or is dead.
 * Returns whether it did; it did not where others have the lock for `wait` ms. Throws an `EngineError` where there are no locks.
 */
export function lockFile(descriptor: number, wait: number): boolean {
	const { status, stderr, error } = spawnSync(engineProgram(), ["lock", String(wait)], {
		stdio: ["ignore", "ignore", "pipe", descriptor],
		encoding: "utf8",
	});
	if (status === LOCKED || status === LOCKED_BY_OTHERS) return status === LOCKED;
	throw new EngineError(`cannot be locked (${error?.message ?? stderr.trim()})`);
}

function engineProgram(withTls = false): string {
	const program = withTls ? XS_TLS_ENGINE : XS_ENGINE;
	if (existsSync(program)) return program;
	const command = `npm start${withTls ? " -- --board-tls" : ""}`;
	throw new EngineError(`there is no XS engine at ${program}: \`${command}\` builds it`);
}

type Pending = { resolve: (actions: DecodedAction[]) => void; reject: (error: Error) => void };

export class Engine {
	/** After the last command. */
	figures = NONE;
	/** The figures after `limit`. */
	private _loaded = NONE;
	/** Answers the program's `ask`. */
	onQuestion: (question: Buffer) => Uint8Array = () => new Uint8Array(0);
	/** The engine's output beside its messages: its own faults. */
	onOutput: (text: string) => void = (text) => process.stderr.write(text.replace(/[^\n]+/g, (line) => plain(line)));

	readonly process: ChildProcess;
	private readonly _flashName: string;
	private readonly _input: Writable;
	private _received: Buffer = Buffer.alloc(0);
	private _pending: Pending | undefined;
	private _queue: Promise<unknown> = Promise.resolve();
	private _ended: EngineError | undefined;
	private readonly _kill = () => this.process.kill("SIGKILL");

	/** Throws an `EngineError` with advice where the engine is not built. */
	constructor({ flash, flashName = "the flash's file", withTls }: EngineOptions = {}) {
		this._flashName = flashName;
		// Its own process group: a Ctrl-C in the terminal must reach the station as an orderly stop, not kill the engine.
		this.process = spawn(engineProgram(withTls), [], {
			stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", flash ?? "ignore"],
			detached: true,
		});
		this._input = this.process.stdio[3] as Writable;
		const output = this.process.stdio[4] as Readable;
		// The exit tells the reason.
		for (const stream of [this._input, output]) stream.on("error", () => {});
		output.on("data", (data: Buffer) => this._receive(data));
		for (const text of [this.process.stdout, this.process.stderr]) {
			text?.on("data", (data: Buffer) => this.onOutput(data.toString()));
		}
		this.process.on("error", (error) => this._end(new EngineError(`cannot start the XS engine: ${error.message}`)));
		this.process.on("close", (code, signal) => {
			process.off("exit", this._kill);
			this._end(new EngineError(`the XS engine ended (${signal ?? `exit code ${code}`})`));
		});
		process.on("exit", this._kill);
	}

	/** Whether it has ended, as a board that restarts. */
	get ended(): boolean {
		return this._ended !== undefined;
	}

	/** Evaluates a script. */
	async evaluate(script: string): Promise<void> {
		await this._command("e", Buffer.from(script));
	}

	/**
	 * Collects the garbage; from now on the program has a board's memory, beside the
	 * memory in use now, which on a board lies in flash. Rejects with a RangeError
	 * where the block is too small for the heap's initial size.
	 */
	async limit({ static: block, stack, heap, chunk }: Creation): Promise<void> {
		const total = block === undefined ? 0 : block - stack * XS_SLOT_BYTES;
		if (block !== undefined && heap.initial * XS_SLOT_BYTES + chunk.initial > total) {
			throw new RangeError(`a block of ${block} bytes is too small for its stack and what its heap begins with`);
		}
		const limits = [stack, heap.initial, heap.incremental, chunk.initial, chunk.incremental, total, NATIVE_STACK_BYTES];
		await this._command("l", Buffer.from(Uint32Array.from(limits).buffer));
		this._loaded = this.figures;
	}

	/** Bytes of RAM that a board has in use, since `limit`; as of the last `collect`. */
	get ram(): number {
		const { slots, boardChunks } = this.figures;
		return (slots - this._loaded.slots) * XS_SLOT_BYTES + boardChunks - this._loaded.boardChunks;
	}

	/** The most bytes in use, garbage included, which is not collected early. Chunks in this computer's sizes. */
	get highestRam(): number {
		const { highestSlots, highestChunks } = this.figures;
		return (highestSlots - this._loaded.slots) * XS_SLOT_BYTES + highestChunks - this._loaded.chunks;
	}

	/**
	 * Calls the program's `onEvent` with an event, and resolves with the program's
	 * actions. A function is asked for the event when its turn has come.
	 */
	tell(event: Uint8Array | (() => Uint8Array)): Promise<DecodedAction[]> {
		return this._command("c", event);
	}

	/** Collects the garbage: the figures are those of live memory. */
	async collect(): Promise<Figures> {
		await this._command("g", Buffer.alloc(0));
		return this.figures;
	}

	/** Resolves when the commands given until now are done or have failed. */
	async settled(): Promise<void> {
		await this._queue;
	}

	/** Ends the engine; by force if it is busy for ever, or if this process ends first. */
	close(): void {
		this._input.end();
		setTimeout(this._kill, END_TIMEOUT_MS).unref();
	}

	private _command(kind: string, bytes: Uint8Array | (() => Uint8Array)): Promise<DecodedAction[]> {
		const reply = this._queue.then(
			() =>
				new Promise<DecodedAction[]>((resolve, reject) => {
					if (this._ended) return reject(this._ended);
					this._pending = { resolve, reject };
					this._send(kind, typeof bytes === "function" ? bytes() : bytes);
				}),
		);
		this._queue = reply.catch(() => {});
		return reply;
	}

	private _send(kind: string, bytes: Uint8Array): void {
		const message = Buffer.allocUnsafe(HEADER_BYTES + bytes.length);
		message.writeUInt32LE(bytes.length, 0);
		message.write(kind, 4, "latin1");
		message.set(bytes, HEADER_BYTES);
		this._input.write(message);
	}

	private _receive(data: Buffer): void {
		this._received = this._received.length ? Buffer.concat([this._received, data]) : data;
		while (this._received.length >= HEADER_BYTES) {
			const end = HEADER_BYTES + this._received.readUInt32LE(0);
			if (this._received.length < end) return;
			const kind = this._received.toString("latin1", 4, HEADER_BYTES);
			const bytes = this._received.subarray(HEADER_BYTES, end);
			this._received = this._received.subarray(end);
			this._message(kind, bytes);
		}
	}

	private _message(kind: string, bytes: Buffer): void {
		if (kind === "?") return this._send("a", this.onQuestion(bytes));
		if (kind === "x") {
			this._readFigures(bytes);
			return this._end(new EngineError(`XS abort: ${bytes.toString("utf8", FIGURES_BYTES)}`));
		}
		if (kind === "f") return this._end(new EngineError(`${this._flashName} ${bytes}`));
		const pending = this._pending;
		this._pending = undefined;
		if (kind === "!") return pending?.reject(new EngineError(bytes.toString()));
		this._readFigures(bytes);
		pending?.resolve(decodeActions(bytes.subarray(FIGURES_BYTES)));
	}

	private _readFigures(bytes: Buffer): void {
		this.figures = figuresOf((index) => bytes.readUInt32LE(4 * index));
	}

	private _end(error: EngineError): void {
		this._ended ??= error;
		this._pending?.reject(this._ended);
		this._pending = undefined;
	}
}

/** `encodeEvent` for programs that know no time: kinds and numbers of their own. */
export function eventOf(kind: number, count = 0, bytes = new Uint8Array(0)): Uint8Array {
	return encodeEvent(kind, 0, 0, { count, bytes });
}

// The engine sends numbers in this computer's byte order, and this file reads little-endian.
if (endianness() !== "LE") throw new EngineError("the XS engine needs a little-endian computer");

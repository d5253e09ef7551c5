/**
 * The XS engine as a child process: `xsnap-worker`, spoken to in its own
 * protocol, so that nothing of SES enters this process.
 *
 * Netstrings `LENGTH:BYTES,` go both ways over file descriptors 3 and 4; the
 * first byte tells the kind of message. One command is under way at a time.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** What the engine's meter tells of one command. */
export interface Meter {
	/** Bytecodes and built-in work, deterministic; right up to some millions per command. */
	compute: number;
	/** Slots in use when the command ended, garbage included. */
	slots: number;
}

/** What is alive in the engine, garbage collected. */
export interface Memory {
	slots: number;
	chunkBytes: number;
}

/** An exception that nothing in the engine caught, or the engine's end. */
export class XsError extends Error {
	override name = "XsError";
}

/** Where npm built the engine; throws an `XsError` that says what to do if it is not there. */
export function xsWorkerPath(): string {
	const require = createRequire(import.meta.url);
	const root = dirname(require.resolve("@agoric/xsnap/package.json"));
	const platform = process.platform === "darwin" ? "mac" : "lin";
	const path = join(root, "xsnap-native/xsnap/build/bin", platform, "release/xsnap-worker");
	if (!existsSync(path)) {
		throw new XsError(
			"the XS engine is not built: run `npm rebuild @agoric/xsnap --foreground-scripts` (it needs gcc and make)",
		);
	}
	return path;
}

/** Given to the engine to end when it is asked to, in ms. */
const END_TIMEOUT_MS = 1_000;

type Pending = { resolve: (reply: Buffer) => void; reject: (error: Error) => void };

export class XsWorker {
	/** The last command's meter. */
	meter: Meter = { compute: 0, slots: 0 };
	/** The most slots that were in use at the end of a command. */
	peakSlots = 0;
	/** Answers the engine's `issueCommand`. */
	onRequest: (request: Buffer) => Uint8Array = () => new Uint8Array(0);
	/** The engine's own output: `print`, and what it says before it ends. */
	onOutput: (text: string) => void = (text) => process.stderr.write(text);

	readonly process: ChildProcess;
	readonly #input: Writable;
	#received: Buffer = Buffer.alloc(0);
	#pending: Pending | undefined;
	#queue: Promise<unknown> = Promise.resolve();
	#ended: XsError | undefined;
	readonly #kill = () => this.process.kill("SIGKILL");

	constructor(name = "veleta") {
		// Its own process group: a Ctrl-C in the terminal must reach the station as an orderly stop, not kill the engine.
		this.process = spawn(xsWorkerPath(), [name], { stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"], detached: true });
		this.#input = this.process.stdio[3] as Writable;
		this.#input.on("error", () => {}); // the exit tells the reason
		(this.process.stdio[4] as Readable).on("data", (data: Buffer) => this.#receive(data));
		for (const output of [this.process.stdout, this.process.stderr]) {
			output?.on("data", (data: Buffer) => this.onOutput(data.toString()));
		}
		this.process.on("error", (error) => this.#end(new XsError(`cannot start the XS engine: ${error.message}`)));
		this.process.on("close", (code, signal) => {
			process.off("exit", this.#kill);
			this.#end(new XsError(`the XS engine ended (${signal ?? `exit code ${code}`})`));
		});
		process.on("exit", this.#kill);
	}

	/** Evaluates a script and resolves with the bytes of its result, if that is an ArrayBuffer. */
	evaluate(script: string): Promise<Buffer> {
		return this.#command(Buffer.from(`e${script}`));
	}

	/**
	 * Calls `globalThis.handleCommand(bytes)` and resolves with what it returned.
	 * A function is asked for the bytes when the command's turn has come.
	 */
	call(bytes: Uint8Array | (() => Uint8Array)): Promise<Buffer> {
		return this.#command(() => Buffer.concat([Buffer.from("?"), typeof bytes === "function" ? bytes() : bytes]));
	}

	/** What is alive, from the engine's own heap snapshot: the size of its block of chunks, and its slots. */
	async memory(): Promise<Memory> {
		const path = join(tmpdir(), `veleta-${process.pid}-${Date.now()}.xsnap`);
		try {
			await this.evaluate("gc()");
			const slots = this.meter.slots;
			await this.#command(Buffer.from(`w${path}`));
			return { slots, chunkBytes: chunkBytesOf(readFileSync(path)) };
		} finally {
			rmSync(path, { force: true });
		}
	}

	/** Resolves when the commands given until now are done, whatever came of them. */
	async settled(): Promise<void> {
		await this.#queue;
	}

	/** Ends the engine; by force if it is busy for ever, or if this process ends first. */
	close(): void {
		this.#input.end();
		setTimeout(this.#kill, END_TIMEOUT_MS).unref();
	}

	#command(bytes: Buffer | (() => Buffer)): Promise<Buffer> {
		const reply = this.#queue.then(
			() =>
				new Promise<Buffer>((resolve, reject) => {
					if (this.#ended) return reject(this.#ended);
					this.#pending = { resolve, reject };
					this.#send(typeof bytes === "function" ? bytes() : bytes);
				}),
		);
		this.#queue = reply.catch(() => {});
		return reply;
	}

	#send(bytes: Uint8Array): void {
		this.#input.write(Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, Buffer.from(",")]));
	}

	#receive(data: Buffer): void {
		this.#received = this.#received.length ? Buffer.concat([this.#received, data]) : data;
		for (;;) {
			const colon = this.#received.indexOf(":");
			if (colon < 0) return;
			const length = Number(this.#received.toString("latin1", 0, colon));
			const end = colon + 1 + length;
			if (this.#received.length <= end) return;
			const message = this.#received.subarray(colon + 1, end);
			this.#received = this.#received.subarray(end + 1);
			this.#message(message);
		}
	}

	#message(message: Buffer): void {
		const kind = String.fromCharCode(message[0] ?? 0);
		if (kind === "?") {
			this.#send(Buffer.concat([Buffer.from("/"), this.onRequest(message.subarray(1))]));
			return;
		}
		const pending = this.#pending;
		this.#pending = undefined;
		if (kind === "!") {
			pending?.reject(new XsError(message.toString("utf8", 1)));
			return;
		}
		const separator = message.indexOf(1);
		const meter = JSON.parse(message.toString("latin1", 1, separator));
		this.meter = { compute: meter.compute, slots: meter.currentHeapCount };
		this.peakSlots = Math.max(this.peakSlots, this.meter.slots);
		pending?.resolve(message.subarray(separator + 1));
	}

	#end(error: XsError): void {
		this.#ended ??= error;
		this.#pending?.reject(this.#ended);
		this.#pending = undefined;
	}
}

/** Finds the atom `BLOC`, the compacted chunks, in an XS snapshot: atoms are a big-endian length and a name. */
function chunkBytesOf(snapshot: Buffer): number {
	for (let at = 8; at + 8 <= snapshot.length; at += snapshot.readUInt32BE(at)) {
		if (snapshot.toString("latin1", at + 4, at + 8) === "BLOC") return snapshot.readUInt32BE(at) - 8;
	}
	throw new XsError("the XS snapshot has no block of chunks");
}

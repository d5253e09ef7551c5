/** Ports for tests: time that moves when told, and sockets whose other end the test holds. */
import type { Bytes, Clock, NetworkPort, Socket, SocketOptions, TimerPort } from "../../src/host.ts";
import { fail } from "./harness.ts";
import { bytes, hex } from "./transcript.ts";

interface Timer {
	readonly due: number;
	readonly callback: () => void;
}

export class World {
	#now = 0;
	readonly #timers = new Set<Timer>();
	/** Every socket that was opened, the newest last. */
	readonly sockets: FakeSocket[] = [];

	readonly clock: Clock = { now: () => this.#now, time: () => Date.UTC(2026, 10, 21) + this.#now };
	readonly timer: TimerPort = {
		set: (callback, delay) => {
			const timer = { callback, due: this.#now + delay };
			this.#timers.add(timer);
			return timer;
		},
		clear: (timer) => void this.#timers.delete(timer as Timer),
	};
	readonly network: { -readonly [port in keyof NetworkPort]: NetworkPort[port] };

	constructor() {
		const { sockets } = this;
		this.network = {
			socket: {
				io: class extends FakeSocket {
					constructor(options: SocketOptions) {
						super(options);
						sockets.push(this);
					}
				},
			},
		};
	}

	/** The newest socket. */
	get socket(): FakeSocket {
		return this.sockets.at(-1) ?? fail("no socket was opened");
	}

	/** Lets time pass, calling every timer when it is due. */
	advanceTo(time: number): void {
		for (let turns = 0; ; turns++) {
			if (turns > 100_000) fail(`timers without end at ${this.#now} ms`);
			let next: Timer | undefined;
			for (const timer of this.#timers) if (timer.due <= time && (!next || timer.due < next.due)) next = timer;
			if (!next) break;
			this.#timers.delete(next);
			this.#now = Math.max(this.#now, next.due);
			next.callback();
		}
		this.#now = time;
	}
}

/** The station's end of a connection; the test plays network and broker. */
export class FakeSocket implements Socket {
	readonly options: SocketOptions;
	/** What was written, as hexadecimal bytes, a string for each write. */
	readonly writes: string[] = [];
	#untaken: Bytes = new Uint8Array(0);
	closed = false;
	#writable = 0;
	#received: Bytes = new Uint8Array(0);

	constructor(options: SocketOptions) {
		this.options = options;
	}

	/** The network takes `count` bytes in all now; the first time, the connection is open. */
	opens(count = 5_744): void {
		this.#writable = count;
		this.options.onWritable(count);
	}

	/** The broker sends; with `quietly`, the callback comes later than a timer. */
	receives(packets: string, { quietly = false } = {}): void {
		this.#received = bytes(`${hex(this.#received)} ${packets}`);
		if (!quietly) this.options.onReadable(this.#received.length);
	}

	/** The connection ends or fails. */
	ends(reason?: string): void {
		this.options.onError(reason);
	}

	/** The whole packets that were written since the last call, as hexadecimal bytes. */
	takeWritten(): string[] {
		const packets: string[] = [];
		for (let size = sizeOf(this.#untaken); size <= this.#untaken.length; size = sizeOf(this.#untaken)) {
			packets.push(hex(this.#untaken.subarray(0, size)));
			this.#untaken = this.#untaken.slice(size);
		}
		return packets;
	}

	get unread(): number {
		return this.#received.length;
	}

	read(byteLength = this.#received.length): Bytes | undefined {
		if (this.closed) fail("a closed socket is read");
		if (this.#received.length === 0) return undefined;
		const part = this.#received.slice(0, byteLength);
		this.#received = this.#received.slice(byteLength);
		return part;
	}

	write(bytes: Bytes): number {
		if (this.closed) fail("a closed socket is written to");
		if (bytes.length > this.#writable) fail(`${bytes.length} bytes are written, ${this.#writable} may be`);
		this.writes.push(hex(bytes));
		this.#untaken = joined(this.#untaken, bytes);
		this.#writable -= bytes.length;
		return this.#writable;
	}

	close(): void {
		this.closed = true;
	}
}

function joined(one: Bytes, other: Bytes): Bytes {
	const bytes = new Uint8Array(one.length + other.length);
	bytes.set(one);
	bytes.set(other, one.length);
	return bytes;
}

/** Bytes of the packet that begins here; `Infinity` where not even its length is there. */
function sizeOf(bytes: Uint8Array): number {
	let remaining = 0;
	for (let at = 1; at < Math.min(5, bytes.length); at++) {
		remaining += (bytes[at]! & 0x7f) * 0x80 ** (at - 1);
		if (bytes[at]! < 0x80) return at + 1 + remaining;
	}
	return Number.POSITIVE_INFINITY;
}

/** Ports for tests: time that moves when told, and sockets whose other end the test holds. */
import type { Bytes, Clock, NetworkPort, Socket, SocketOptions, TimerPort } from "../../src/host.ts";
import { fail } from "./harness.ts";
import { bytes, hex } from "./transcript.ts";

interface Timer {
	readonly due: number;
	readonly callback: () => void;
}

export class World {
	private _now = 0;
	private readonly _timers = new Set<Timer>();
	/** Every socket that was opened, the newest last. */
	readonly sockets: FakeSocket[] = [];

	readonly clock: Clock = { now: () => this._now, time: () => Date.UTC(2026, 10, 21) + this._now };
	readonly timer: TimerPort = {
		set: (callback, delay) => {
			const timer = { callback, due: this._now + delay };
			this._timers.add(timer);
			return timer;
		},
		clear: (timer) => void this._timers.delete(timer as Timer),
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

	/** Lets time pass without calling a timer, as in a machine that sleeps; those that are due are called by the next `advanceTo`. */
	jumpTo(time: number): void {
		this._now = time;
	}

	/** Lets time pass, calling every timer when it is due. */
	advanceTo(time: number): void {
		for (let turns = 0; ; turns++) {
			if (turns > 100_000) fail(`timers without end at ${this._now} ms`);
			let next: Timer | undefined;
			for (const timer of this._timers) if (timer.due <= time && (!next || timer.due < next.due)) next = timer;
			if (!next) break;
			this._timers.delete(next);
			this._now = Math.max(this._now, next.due);
			next.callback();
		}
		this._now = time;
	}
}

/** The station's end of a connection; the test plays network and broker. */
export class FakeSocket implements Socket {
	readonly options: SocketOptions;
	/** What was written, as hexadecimal bytes, a string for each write. */
	readonly writes: string[] = [];
	private _untaken: Bytes = new Uint8Array(0);
	closed = false;
	private _writable = 0;
	private _received: Bytes = new Uint8Array(0);

	constructor(options: SocketOptions) {
		this.options = options;
	}

	/** The network takes `count` bytes in all now; the first time, the connection is open. */
	opens(count = 5_744): void {
		this._writable = count;
		this.options.onWritable(count);
	}

	/** The broker sends; with `quietly`, the callback comes later than a timer. */
	receives(packets: string, { quietly = false } = {}): void {
		this._received = bytes(`${hex(this._received)} ${packets}`);
		if (!quietly) this.options.onReadable(this._received.length);
	}

	/** The connection ends or fails. */
	ends(reason?: string): void {
		this.options.onError(reason);
	}

	/** The whole packets that were written since the last call, as hexadecimal bytes. */
	takeWritten(): string[] {
		const packets: string[] = [];
		for (let size = sizeOf(this._untaken); size <= this._untaken.length; size = sizeOf(this._untaken)) {
			packets.push(hex(this._untaken.subarray(0, size)));
			this._untaken = this._untaken.slice(size);
		}
		return packets;
	}

	get unread(): number {
		return this._received.length;
	}

	read(byteLength = this._received.length): Bytes | undefined {
		if (this.closed) fail("a closed socket is read");
		if (this._received.length === 0) return undefined;
		const part = this._received.slice(0, byteLength);
		this._received = this._received.slice(byteLength);
		return part;
	}

	write(bytes: Bytes): number {
		if (this.closed) fail("a closed socket is written to");
		if (bytes.length > this._writable) fail(`${bytes.length} bytes are written, ${this._writable} may be`);
		this.writes.push(hex(bytes));
		this._untaken = joined(this._untaken, bytes);
		this._writable -= bytes.length;
		return this._writable;
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

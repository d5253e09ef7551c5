/** A time server on a simulated network, and a board's UDP sockets, which reach nobody else. */
import type { Bytes, Datagram, NetworkPort, UDP, UDPOptions } from "../../../../src/host.ts";

/** How a time server does at the moment. */
export type TimeServerFault =
	| "none"
	/** It does not answer. */
	| "silent"
	/** Every other question is lost, or its answer. */
	| "lossy"
	/** It says that it has no time. */
	| "failing"
	/** It is off by some seconds. */
	| "wrong"
	/** It tells a time that cannot be. */
	| "absurd"
	/** It tells ever other dates, years off; but the right time to a board that has none: nobody could tell. */
	| "leaping"
	/** It is right, and others answer before it. */
	| "strangers";

/** Longest time to an answer, in ms. */
const LATENCY_MS = 300;
/** A wrong time is off by at most this, in ms. */
export const WRONG_MS = 20_000;
const DAY_MS = 86_400_000;
/** A leap goes back or forward by a time between these, in days: more than what the station takes at once. */
const BACK_DAYS = [4, 300] as const;
const FORWARD_DAYS = [370, 5_000] as const;
const PORT = 123;
const STRANGER = "192.0.2.66";
const PACKET_BYTES = 48;
const ORIGINATE = 24;
const TRANSMIT = 40;
/** 1970 in seconds since 1900. */
const UNIX_EPOCH_S = 2_208_988_800;
const TWO_32 = 2 ** 32;
/** A server whose clock follows an atomic clock. */
const STRATUM = 2;
const SERVER = 0x24;
const ALARM = 0xc0;

export interface TimeServerOptions {
	/** Calls back in `delay` ms of the world. */
	readonly after: (delay: number, callback: () => void) => void;
	/** Uniform in [0, 1). */
	readonly random: () => number;
	/** Whether packets get through. */
	readonly reachable: () => boolean;
	/** The right time, in ms since 1970. */
	readonly time: () => number;
	/** Whether the board has a time. */
	readonly isTimeKnown: () => boolean;
}

/** What is below a board's sockets. */
interface SocketsBelow {
	readonly alive: () => boolean;
	readonly guard: (run: () => void) => void;
	/** The question leaves, for who answers at this address. */
	readonly ask: (question: Bytes, address: string, deliver: (datagrams: readonly Datagram[]) => void) => void;
}

class SimulatedUDP implements UDP {
	private readonly _options: UDPOptions;
	private readonly _below: SocketsBelow;
	private readonly _arrived: Datagram[] = [];
	private _open = true;

	constructor(options: UDPOptions) {
		this._options = options;
		this._below = options.below as SocketsBelow;
		if (!this._below.alive()) throw new Error("no power");
	}

	read(): Datagram | undefined {
		if (!this._open) throw new Error("closed");
		return this._arrived.shift();
	}

	write(bytes: Bytes, address: string, port: number): void {
		if (!this._open) throw new Error("closed");
		if (port === PORT) this._below.ask(bytes.slice(), address, (datagrams) => this._deliver(datagrams));
	}

	close(): void {
		this._open = false;
	}

	private _deliver(datagrams: readonly Datagram[]): void {
		const { alive, guard } = this._below;
		if (!this._open || !alive()) return;
		this._arrived.push(...datagrams);
		guard(() => this._options.onReadable(this._arrived.length));
	}
}

export class TimeServer {
	fault: TimeServerFault = "none";
	/** Times told, wrong ones included. */
	answers = 0;
	private readonly _options: TimeServerOptions;

	constructor(options: TimeServerOptions) {
		this._options = options;
	}

	/** Sockets for a board, which get nothing when `alive` is false, and call back within `guard`. */
	port(alive: () => boolean, guard: (run: () => void) => void): NonNullable<NetworkPort["udp"]> {
		const below: SocketsBelow = {
			alive,
			guard,
			ask: (question, address, deliver) => this._asked(question, address, deliver),
		};
		return { io: SimulatedUDP, below };
	}

	/** What is wrong decides itself when the question arrives. */
	private _asked(question: Bytes, address: string, deliver: (datagrams: Datagram[]) => void): void {
		const { after, random, reachable } = this._options;
		const way = () => 1 + (random() * LATENCY_MS) / 2;
		after(way(), () => {
			if (!reachable() || this.fault === "silent" || (this.fault === "lossy" && random() < 0.5)) return;
			this.answers++;
			const answers = [datagram(this._answer(question), address, PORT)];
			if (this.fault === "strangers") answers.unshift(...this._strangers(question, address));
			after(way(), () => {
				if (reachable()) deliver(answers);
			});
		});
	}

	private _answer(question: Bytes): Bytes {
		const { random, time, isTimeKnown } = this._options;
		if (this.fault === "absurd") return this._absurd(question);
		const off = this.fault === "wrong" ? (2 * random() - 1) * WRONG_MS : 0;
		const leap = this.fault === "leaping" && isTimeKnown() ? this._leap() : 0;
		const answer = packet(question, time() + off + leap);
		if (this.fault === "failing") {
			// A server that is not synchronized, or a "kiss-o'-death".
			if (random() < 0.5) answer[0]! |= ALARM;
			else answer[1] = 0;
		}
		return answer;
	}

	private _absurd(question: Bytes): Bytes {
		const { random } = this._options;
		// A long time ago; decades ahead; and what a packet of zeros makes of itself.
		const times = [0, Date.UTC(2001, 8, 9), Date.UTC(2060, 0, 1)];
		const choice = Math.floor(random() * (times.length + 1));
		if (choice < times.length) return packet(question, times[choice]!);
		const empty = packet(question, 0);
		empty.fill(0, TRANSMIT);
		return empty;
	}

	/** In ms. */
	private _leap(): number {
		const { random } = this._options;
		const [least, most] = random() < 0.5 ? BACK_DAYS : FORWARD_DAYS;
		const days = least + random() * (most - least);
		return DAY_MS * (least === BACK_DAYS[0] ? -days : days);
	}

	/** Nobody but the server knows what is in the question; but a lucky guess comes from another address or port. */
	private _strangers(question: Bytes, address: string): Datagram[] {
		const other = packet(question, this._options.time() + this._leap());
		const guessed = other.slice();
		other[ORIGINATE]! ^= 1;
		const all = [
			datagram(new Uint8Array(PACKET_BYTES), address, PORT),
			datagram(other, address, PORT),
			datagram(guessed, STRANGER, PORT),
			datagram(guessed, address, PORT + 1),
			datagram(guessed.slice(0, PACKET_BYTES - 1), address, PORT),
			datagram(new Uint8Array(0), address, PORT),
		];
		// Each of them is the first at some time.
		return all.slice(Math.floor(this._options.random() * all.length));
	}
}

function datagram(bytes: Bytes, address: string, port: number): Datagram {
	return Object.assign(bytes.slice().buffer, { address, port });
}

/** A server's answer, in which the question's time stamp comes back (RFC 4330, section 5). */
function packet(question: Bytes, time: number): Bytes {
	const view = new DataView(new ArrayBuffer(PACKET_BYTES));
	view.setUint8(0, SERVER);
	view.setUint8(1, STRATUM);
	const asked = new DataView(question.buffer, question.byteOffset);
	view.setUint32(ORIGINATE, asked.getUint32(TRANSMIT));
	view.setUint32(ORIGINATE + 4, asked.getUint32(TRANSMIT + 4));
	const seconds = time / 1_000 + UNIX_EPOCH_S;
	view.setUint32(TRANSMIT, Math.floor(seconds) % TWO_32);
	view.setUint32(TRANSMIT + 4, Math.floor((seconds % 1) * TWO_32));
	return new Uint8Array(view.buffer);
}

/**
 * The ports, which a host gives to the program. Types only.
 *
 * Hardware and sockets are constructors, as in ECMA-419: the program writes
 * `new host.i2c.io({ ...host.i2c, address })` and never asks whether a real
 * chip or a simulated one answers.
 */

import type { ProtocolVersion } from "./net/mqtt/packet.js";
import type { Sample } from "./sensors/sensor.js";

/** Bytes as every port takes and gives them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The ports. */
export interface Host {
	readonly clock: Clock;
	readonly timer: TimerPort;
	/** Uniform in [0, 1). Needs no cryptographic quality: it spreads reconnects. */
	readonly random: () => number;
	/** The sensor's I2C bus, for one that has it; further members (pins, speed) go to the constructor as they are. */
	readonly i2c?: { readonly io: I2CConstructor; readonly [option: string]: unknown };
	/** Pulse capture on the sensor's single wire; further members go to the constructor as they are. */
	readonly pulses?: { readonly io: PulseCaptureConstructor; readonly [option: string]: unknown };
	readonly network: NetworkPort;
	/** Where readings and their numbers outlive a restart; without it they wait in RAM, and the numbers begin anew. */
	readonly flash?: Flash;
	/** The version of MQTT that the broker is known to speak, of a host that brings the broker along; otherwise the station finds out. */
	readonly brokerVersion?: ProtocolVersion;
	/** A second slot for firmware, on machines whose firmware the program can replace. */
	readonly update?: UpdatePort;
	/** What firmware for it has to be made for: a board's name. */
	readonly board?: string;
	/** Restarts the machine when the program hangs. */
	readonly watchdog?: Watchdog;
	/** Shows the program's state: a panel, an LED. */
	readonly observer?: Observer;
	readonly log: (level: LogLevel, text: string) => void;
	/**
	 * Whether this start was asked for: by the program, which restarted or slept, by
	 * an update, or by a user who changed the settings. False or left out: the power
	 * came on, the watchdog bit, the program or the machine failed, or the cause is unknown.
	 */
	readonly startedOnRequest?: boolean;
	/** Starts the machine anew, if it can. */
	restart?(): void;
	/** Deep sleep, where there is one: RAM is lost, and the program starts anew after `duration` ms. */
	sleep?(duration: number): void;
	/** The machine's part of the diagnostics: reset reason, free memory, radio. Flat. */
	diagnostics?(): Readonly<Record<string, string | number>>;
}

/** The station reports to it. */
export interface Observer {
	/** A reading was accepted, at the monotonic time `now` in ms. */
	onReading?(seq: number, sample: Sample, now: number): void;
	/** A reading leaves for the broker; `handle` names it until the broker has it. */
	onSent?(seq: number, handle: number): void;
	/** The broker has the reading. */
	onDelivered?(handle: number): void;
	/** A measurement gave no reading. */
	onFault?(reason: string): void;
	/** Whether the broker has accepted the connection. At the start it has not. */
	onState?(state: "online" | "offline" | "asleep"): void;
}

export type LogLevel = "info" | "warning" | "error";

export interface Clock {
	/** Monotonic time in ms since some moment, as a double: it never steps and never wraps. */
	now(): number;
	/** Wall-clock time in ms since 1970 (ECMA-262 time value), or `undefined` until it is known. */
	time(): number | undefined;
	/** Sets the wall clock, in ms since 1970; a host whose clock others set has no such method. */
	setTime?(time: number): void;
}

/** One-shot timers. */
export interface TimerPort {
	/** Calls back once, `delay` ms from now at the earliest. */
	set(callback: () => void, delay: number): unknown;
	clear(timer: unknown): void;
}

/** ECMA-419 I2C (clause 10.5): `read` and `write` throw an Error where the chip does not answer. */
export interface I2C {
	read(byteLength: number, stop?: boolean): ArrayBuffer | Uint8Array;
	write(bytes: Bytes, stop?: boolean): void;
	close(): void;
}
export interface I2COptions {
	/** 7-bit address. */
	readonly address: number;
	/** Clock in Hz. */
	readonly hz?: number;
	readonly [option: string]: unknown;
}
export type I2CConstructor = new (options: I2COptions) => I2C;

/**
 * A line that a DHT sensor shares with the host, and a receiver of pulse
 * durations. ECMA-419 has no class for it; the names follow its style.
 *
 * The constructor and the methods throw an Error where the hardware refuses.
 */
export interface PulseCapture {
	/** Drives the line low: the start signal. */
	hold(): void;
	/**
	 * Drops an earlier capture, arms the receiver while the line is still low, then
	 * lets the line rise.
	 */
	release(): void;
	/**
	 * The line's levels since `release`: durations in microseconds of levels that
	 * alternate, or `undefined` until the line has rested for longer than any level of
	 * a frame lasts (90 µs). Complete, they are 84: the high level from the release
	 * to the response, the response's low and high, forty times a bit's low and high,
	 * and the sensor's last low. Any number of them may be missing from the front,
	 * and the last low may be missing; the rest that ends a capture is not among
	 * them. A silent sensor gives `undefined` for ever, or at most one duration.
	 */
	read(): ArrayLike<number> | undefined;
	/** Lets the line rise and releases the pin. Calling it twice does no harm. */
	close(): void;
}
export type PulseCaptureConstructor = new (options: { readonly [option: string]: unknown }) => PulseCapture;

export interface NetworkPort {
	/** TCP sockets; further members go to the constructor as they are. */
	readonly socket: { readonly io: SocketConstructor; readonly [option: string]: unknown };
	/** TLS sockets, which also get `TlsOptions`; without them brokers at `mqtts://` cannot be reached. */
	readonly tls?: { readonly io: SocketConstructor; readonly [option: string]: unknown };
	/** Name resolution, where the sockets take addresses only. */
	readonly dns?: { readonly io: ResolverConstructor; readonly [option: string]: unknown };
	/** UDP sockets, on hosts whose clock the program sets: it asks for the time. */
	readonly udp?: { readonly io: UDPConstructor; readonly [option: string]: unknown };
	/** Whether an attempt to connect makes sense now; without it, always. */
	readonly ready?: boolean;
	/** The program sets it; the host calls it each time the network has come up. */
	onReady?: (() => void) | undefined;
}

/** ECMA-419 TCP (clause 10.13), buffer format. Not to be used any more after `onError` or `close`. */
export interface Socket {
	/** Reads at most `byteLength` arrived bytes; `undefined` when there are none. */
	read(byteLength?: number): ArrayBuffer | Uint8Array | undefined;
	/** Writes all of `bytes`, no more than the count last told; returns how many bytes may be written after it. */
	write(bytes: Bytes): number;
	close(): void;
}
export interface SocketOptions {
	readonly address?: string;
	readonly host: string;
	readonly port: number;
	readonly noDelay?: boolean;
	/** `count` bytes are there to be read. */
	readonly onReadable: (count: number) => void;
	/** The connection is open and `count` bytes may be written. */
	readonly onWritable: (count: number) => void;
	/** The connection could not be opened, or ended. */
	readonly onError: (reason?: unknown) => void;
	readonly [option: string]: unknown;
}
export type SocketConstructor = new (options: SocketOptions) => Socket;

/**
 * A TLS socket's options beside `SocketOptions`. The broker's certificate has to be
 * for the name `host`, unless there is a fingerprint. `onError` gets an Error that says why
 * a certificate does not verify: for its dates the message ends with "has expired" or
 * "is not valid yet".
 */
export interface TlsOptions {
	/** Certificates of the trusted authorities, in PEM; without it, the host's own. */
	readonly ca?: string;
	/** The client's own certificate and private key in PEM, for brokers that ask for them. */
	readonly certificate?: string;
	readonly key?: string;
	/**
	 * Instead of authorities: SHA-256 of the broker's own certificate, 64 hexadecimal digits, also with a colon
	 * between two bytes. Names and dates are not looked at then.
	 */
	readonly fingerprint?: string;
	/** The protocol that is asked for by ALPN (RFC 7301). */
	readonly alpn?: string;
}

/** ECMA-419 DNS resolver (clause 22). */
export interface Resolver {
	resolve(options: {
		readonly host: string;
		readonly onResolved: (host: string, address: string) => void;
		readonly onError: (reason?: unknown) => void;
	}): void;
	close?(): void;
}
export type ResolverConstructor = new (options: { readonly [option: string]: unknown }) => Resolver;

/** ECMA-419 UDP: its constructor and its methods throw an Error where there is no network or no memory. */
export interface UDP {
	/** A datagram that has arrived, with its sender; `undefined` when there is none. */
	read(): Datagram | undefined;
	write(bytes: Bytes, address: string, port: number): void;
	close(): void;
}
export type Datagram = ArrayBuffer & { readonly address: string; readonly port: number };
export interface UDPOptions {
	/** `count` datagrams are there to be read. */
	readonly onReadable: (count: number) => void;
	readonly [option: string]: unknown;
}
export type UDPConstructor = new (options: UDPOptions) => UDP;

/**
 * NOR flash, as the SDK's `embedded:storage/flash` gives it: a write clears
 * bits and sets none, an erase sets every bit of a block. A power cut in the
 * middle leaves some of it done. All methods throw an Error where the flash
 * refuses.
 */
export interface Flash {
	/** Bytes of a block, and how many blocks there are. */
	status(): { readonly blockLength: number; readonly blocks: number };
	read(byteLength: number, byteOffset: number): ArrayBuffer | Uint8Array;
	write(bytes: Bytes, byteOffset: number): void;
	/** `block` counts from 0. */
	eraseBlock(block: number): void;
}

/** Fed by progress, and by nothing else. */
export interface Watchdog {
	/** Restarts the machine unless it is fed again within `within` ms. */
	feed(within: number): void;
}

/**
 * Firmware in two slots: one has the running firmware, an update is written to the other. `unconfirmed`, `judge`, `hash`
 * and `kept` never throw; the others throw an Error that says why not.
 */
export interface UpdatePort {
	/** The running firmware came with an update, and is not confirmed yet. */
	readonly unconfirmed: boolean;
	/** If the running firmware works, confirms it; if not, restarts with the firmware from before the update. */
	judge(works: boolean): void;
	/** The text that was kept last; empty: none. It outlives restarts and updates. */
	kept(): string;
	/** Keeps a text of at most 256 bytes in place of the one before: after a power cut it is the one or the other. */
	keep(text: string): void;
	/** SHA-256, in 64 hexadecimal digits. */
	hash(bytes: Bytes): string;
	/** Throws unless the owner of the public key (an uncompressed point on P-256, 65 bytes) has signed them: ECDSA over SHA-256, in DER. */
	verify(bytes: Bytes, signature: Bytes, publicKey: Bytes): void;
	/** Throws where the second slot has no room for so many bytes, or must not be written. Changes nothing. */
	reserve(byteLength: number): void;
	/**
	 * Writes a piece to the second slot. The blocks of the flash that begin within it are erased before: pieces come one
	 * behind the other, from a multiple of a block on that is not written yet, or go on where the last one ended.
	 */
	write(bytes: Bytes, byteOffset: number): void;
	/** If the second slot has firmware for this chip, of so many bytes and with this hash, the next restart tries it. */
	complete(byteLength: number, hash: string): void;
}

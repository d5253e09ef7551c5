/** The ports on Node: the socket against a server of Node on the loopback interface, the timer, and where packets end. */
import assert from "node:assert/strict";
import { createServer, type Socket as Peer, type Server } from "node:net";
import { describe, test } from "node:test";
import { NodeSocket } from "../../hosts/node/node-socket.ts";
import { PacketBoundary } from "../../hosts/node/packet-boundary.ts";
import { clock, timer } from "../../hosts/node/ports.ts";
import { pause, until } from "../harness/wait.ts";

const WINDOW = 1_000;
const LARGE_WINDOW = 65_536;
/** More than all buffers between two sockets of this machine hold. */
const FLOOD = 40_000_000;
/** ms in which something unwanted would happen. */
const OBSERVED_MS = 100;

/** A socket of ours and the server's end of it. */
class Pair {
	readonly events: string[] = [];
	readonly socket: NodeSocket;
	readonly peer: Promise<Peer>;
	/** Called after each event. */
	onEvent = () => {};
	private readonly _server: Server;

	private constructor(server: Server, window: number) {
		this._server = server;
		this.peer = new Promise((resolve) => server.once("connection", resolve));
		this.socket = new NodeSocket({
			host: "127.0.0.1",
			port: (server.address() as { port: number }).port,
			noDelay: true,
			window,
			onReadable: (count) => this._tell(`readable ${count}`),
			onWritable: (count) => this._tell(`writable ${count}`),
			onError: (reason) => this._tell(`error ${reason}`),
		});
	}

	private _tell(event: string): void {
		this.events.push(event);
		this.onEvent();
	}

	/** Gives `use` one, which ends with it. */
	static async with(use: (pair: Pair, peer: Peer) => Promise<void>, window = WINDOW): Promise<void> {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const pair = new Pair(server, window);
		const peer = await pair.peer;
		peer.on("error", () => {}); // followed by "close"
		try {
			await until("the connection", () => pair.events.length > 0);
			await use(pair, peer);
		} finally {
			pair.socket.close();
			peer.destroy();
			pair._server.close();
		}
	}
}

describe("The socket port on Node", () => {
	test("takes a window of bytes, no more, and tells when the system has taken them", () =>
		Pair.with(async ({ socket, events }, peer) => {
			assert.deepEqual(events.splice(0), [`writable ${WINDOW}`]);
			assert.equal(socket.write(new Uint8Array(WINDOW - 1)), 1);
			assert.throws(() => socket.write(new Uint8Array(2)), /2 bytes to write, 1 may be/);
			assert.equal(socket.write(new Uint8Array(1)), 0);
			await until("room", () => events.includes(`writable ${WINDOW}`));
			await until("the bytes", () => peer.readableLength === WINDOW);
		}));

	test("has no room while the other side does not read", () =>
		Pair.with(async (pair) => {
			let written = 0;
			pair.onEvent = () => {
				const writable = Number(/^writable (\d+)$/.exec(pair.events.at(-1) ?? "")?.[1] ?? 0);
				if (written < FLOOD) pair.socket.write(new Uint8Array(writable));
				written += writable;
			};
			pair.onEvent();
			await until("more than a window to be taken", () => written > LARGE_WINDOW);
			await pause(OBSERVED_MS);
			assert.ok(written < FLOOD, `${written} bytes were taken`);
			assert.equal(pair.socket.write(new Uint8Array(0)), 0);
		}, LARGE_WINDOW));

	test("does not keep what it was given to write", () =>
		Pair.with(async ({ socket }, peer) => {
			const bytes = Uint8Array.of(1, 2, 3);
			socket.write(bytes);
			bytes.fill(9);
			await until("the bytes", () => peer.readableLength === 3);
			assert.deepEqual([...peer.read()], [1, 2, 3]);
		}));

	test("stops reading from the system while nobody reads from it, and loses nothing", () =>
		Pair.with(async (pair, peer) => {
			const { socket } = pair;
			const flood = Buffer.alloc(
				FLOOD,
				Uint8Array.from({ length: 251 }, (_, index) => index),
			);
			let taken = false;
			peer.write(flood, () => {
				taken = true;
			});
			await until("bytes", () => pair.events.some((event) => event.startsWith("readable")));
			await pause(OBSERVED_MS);
			assert.equal(taken, false, "the other side is held up");
			let length = 0;
			pair.onEvent = () => {
				for (let bytes = socket.read(WINDOW); bytes; bytes = socket.read(WINDOW)) {
					assert.ok(bytes.length <= WINDOW);
					assert.equal(bytes[0], length % 251);
					length += bytes.length;
				}
			};
			pair.onEvent();
			await until("all bytes", () => length === FLOOD);
		}, LARGE_WINDOW));

	test("lets what arrived be read inside of onError, and tells the end once", async () => {
		const server = createServer((peer) => peer.end("last words"));
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const told: string[] = [];
		const socket = new NodeSocket({
			host: "127.0.0.1",
			port: (server.address() as { port: number }).port,
			onReadable: () => {},
			onWritable: () => {},
			onError: (reason) => told.push(`${reason}: ${Buffer.from(socket.read() ?? []).toString()}`),
		});
		await socket.closed;
		server.close();
		assert.deepEqual(told, ["by the broker: last words"]);
	});

	test("close lets the last bytes leave although bytes are unread, and calls nobody back", () =>
		Pair.with(async ({ socket, events }, peer) => {
			const received: Buffer[] = [];
			peer.on("data", (data) => received.push(data));
			const ended = new Promise((resolve) => peer.once("end", resolve));
			peer.write("nobody reads this");
			await until("bytes", () => events.some((event) => event.startsWith("readable")));
			events.length = 0;
			socket.write(Uint8Array.from(Buffer.from("farewell")));
			socket.close();
			assert.equal(socket.read(), undefined);
			await ended;
			peer.end();
			await socket.closed;
			assert.equal(Buffer.concat(received).toString(), "farewell");
			assert.deepEqual(events, []);
		}));

	test("close does not wait for a silent other side", () =>
		Pair.with(async ({ socket }, peer) => {
			peer.allowHalfOpen = true;
			socket.close();
			await socket.closed;
		}));

	test("refuses a port that there cannot be", () => {
		const options = { host: "127.0.0.1", onReadable: () => {}, onWritable: () => {}, onError: () => {} };
		assert.throws(() => new NodeSocket({ ...options, port: 65_536 }), RangeError);
	});
});

test("A timer on Node is never early, and can be cleared.", async () => {
	const early: number[] = [];
	let open = 0;
	for (const delay of [0, 0.3, 1, 1.7, 5, 20.9]) {
		const due = clock.now() + delay;
		open++;
		timer.set(() => {
			open--;
			if (clock.now() < due) early.push(delay);
		}, delay);
	}
	timer.clear(timer.set(() => early.push(-1), 2));
	await until("the timers", () => open === 0);
	assert.deepEqual(early, []);
});

test("A packet boundary is found at every remaining length.", () => {
	const lengths = [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152, 0];
	const boundary = new PacketBoundary();
	for (const length of lengths) {
		const header = [0x30];
		let rest = length;
		do {
			header.push((rest % 128) + (rest >= 128 ? 128 : 0));
			rest = Math.floor(rest / 128);
		} while (rest > 0);
		for (const byte of header) {
			assert.equal(boundary.allowed, 1);
			boundary.read(Uint8Array.of(byte));
		}
		if (length > 0) {
			assert.equal(boundary.allowed, length);
			const part = Math.ceil(length / 3);
			boundary.read(new Uint8Array(part));
			if (length > part) {
				assert.equal(boundary.allowed, length - part);
				boundary.read(new Uint8Array(length - part));
			}
		}
	}
	assert.equal(boundary.allowed, 1);
});

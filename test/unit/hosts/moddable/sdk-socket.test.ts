import { SdkSocket, type Transport, type TransportOptions } from "../../../../hosts/moddable/sdk-socket.ts";
import type { Bytes } from "../../../../src/host.ts";
import { deepEqual, equal, test, throws } from "../../../harness/harness.ts";

const bytes = (...values: number[]): Bytes => Uint8Array.of(...values);

/** A TCP class as the SDK's: what it was told, and what it does next is the test's. */
function network(construct: () => void = () => {}) {
	const log: string[] = [];
	const turns: (() => void)[] = [];
	let incoming: number[] = [];
	let callbacks: TransportOptions | undefined;
	let writable: number | undefined = 100;
	class FakeTcp implements Transport {
		constructor(options: TransportOptions) {
			construct();
			const { address, port, nodelay } = options;
			log.push(`connect ${address}:${port}${nodelay ? " nodelay" : ""}`);
			callbacks = options;
		}
		read(): ArrayBuffer | undefined {
			const arrived = incoming.length > 0 ? Uint8Array.from(incoming).buffer : undefined;
			incoming = [];
			return arrived;
		}
		write(data: Bytes): number | undefined {
			log.push(`write ${data.length}`);
			return writable;
		}
		close(): void {
			log.push("close");
		}
	}
	const open = (inside: { onReadable?: () => void; onWritable?: () => void; onError?: () => void } = {}) =>
		new SdkSocket({
			transport: FakeTcp,
			defer: (callback) => turns.push(callback),
			host: "broker",
			address: "192.0.2.1",
			port: 1883,
			noDelay: true,
			onReadable: (count) => {
				log.push(`onReadable ${count}`);
				inside.onReadable?.();
			},
			onWritable: (count) => {
				log.push(`onWritable ${count}`);
				inside.onWritable?.();
			},
			onError: (reason) => {
				log.push(`onError ${reason instanceof Error ? reason.message : (reason ?? "")}`.trim());
				inside.onError?.();
			},
		});
	return {
		log,
		open,
		receive: (...values: number[]) => {
			incoming.push(...values);
			callbacks?.onReadable(incoming.length);
		},
		arriveWithEnd: (...values: number[]) => {
			incoming.push(...values);
			callbacks?.onError();
		},
		becomeWritable: (count: number) => callbacks?.onWritable(count),
		end: () => callbacks?.onError(),
		breakWrites: () => {
			writable = undefined;
		},
		nextTurn: () => {
			for (const turn of turns.splice(0)) turn();
		},
	};
}

test("the transport gets the resolved address, the port and its own spelling of noDelay", () => {
	const { log, open } = network();
	open();
	deepEqual(log, ["connect 192.0.2.1:1883 nodelay"]);
});

test("read gives no more than it is asked for, and the rest next time", () => {
	const { log, open, receive } = network();
	const socket = open();
	equal(socket.read(), undefined);
	receive(1, 2, 3, 4, 5);
	deepEqual(socket.read(2), bytes(1, 2));
	receive(6);
	deepEqual(socket.read(2), bytes(3, 4));
	deepEqual(socket.read(100), bytes(5));
	deepEqual(socket.read(), bytes(6));
	equal(socket.read(1), undefined);
	deepEqual(log.slice(1), ["onReadable 5", "onReadable 4"]);
});

test("write returns what may be written after it", () => {
	const { log, open, becomeWritable } = network();
	const socket = open();
	becomeWritable(110);
	equal(socket.write(bytes(1, 2, 3)), 100);
	deepEqual(log.slice(1), ["onWritable 110", "write 3"]);
});

test("a write that the transport lost ends the connection in a later turn", () => {
	const { log, open, breakWrites, nextTurn } = network();
	const socket = open();
	breakWrites();
	equal(socket.write(bytes(1)), 0);
	equal(log.includes("close"), false);
	nextTurn();
	deepEqual(log.slice(2), ["onError write failed", "close"]);
	equal(socket.write(bytes(2)), 0);
});

test("what arrived with the end is readable inside onError, which is called once", () => {
	const { log, open, arriveWithEnd, end } = network();
	const read: unknown[] = [];
	const socket = open({ onError: () => read.push(socket.read(10), socket.read(10)) });
	arriveWithEnd(7, 8);
	end();
	deepEqual(read, [bytes(7, 8), undefined]);
	deepEqual(log.slice(1), ["onError", "close"]);
});

test("a socket closed inside a callback is released after it, and calls back no more", () => {
	const { log, open, becomeWritable, receive, end, nextTurn } = network();
	const socket = open({
		onWritable: () => {
			socket.close();
			log.push("still inside");
		},
	});
	becomeWritable(50);
	receive(1);
	end();
	nextTurn();
	socket.close();
	deepEqual(log.slice(1), ["onWritable 50", "still inside", "close"]);
});

test("a transport that cannot be made reports in a later turn", () => {
	const { log, open, nextTurn } = network(() => {
		throw new Error("no socket");
	});
	const socket = open();
	deepEqual(log, []);
	equal(socket.read(), undefined);
	nextTurn();
	deepEqual(log, ["onError no socket"]);
});

test("a callback that throws leaves the socket usable", () => {
	const { log, open, becomeWritable } = network();
	let broken = true;
	const socket = open({
		onWritable: () => {
			if (broken) throw new Error("bug");
		},
	});
	throws(() => becomeWritable(1), /bug/);
	broken = false;
	becomeWritable(2);
	socket.close();
	deepEqual(log.slice(1), ["onWritable 1", "onWritable 2", "close"]);
});

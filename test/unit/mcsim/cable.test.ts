import { Cable, throughCable } from "../../../hosts/sim/mcsim/cable.ts";
import type { Bytes, Socket, SocketOptions } from "../../../src/host.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

/** A socket as the host has it, moved by hand, and what the station heard through the cable. */
function bench({ cut = false } = {}) {
	const inner: FakeSocket[] = [];
	class FakeSocket implements Socket {
		readonly options: SocketOptions;
		readonly written: number[] = [];
		arrived: Bytes | undefined;
		writable = 100;
		closed = false;
		constructor(options: SocketOptions) {
			this.options = options;
			inner.push(this);
		}
		read(): Bytes | undefined {
			const bytes = this.arrived;
			this.arrived = undefined;
			return bytes;
		}
		write(bytes: Bytes): number {
			this.written.push(...bytes);
			return (this.writable -= bytes.length);
		}
		close(): void {
			this.closed = true;
		}
		receive(...bytes: number[]): void {
			this.arrived = Uint8Array.from(bytes);
			this.options.onReadable(bytes.length);
		}
	}
	const cable = new Cable();
	cable.cut = cut;
	const heard: string[] = [];
	const { io, ...options } = throughCable({ io: FakeSocket, extra: 7 }, cable);
	const socket: Socket = new io({
		...options,
		host: "broker",
		port: 1883,
		onWritable: (count) => heard.push(`writable ${count}`),
		onReadable: (count) => heard.push(`readable ${count}`),
		onError: (reason) => heard.push(`error ${reason}`),
	});
	return { cable, inner, heard, socket };
}

test("a cable that is whole passes everything on, options included", () => {
	const { inner, heard, socket } = bench();
	const [line] = inner;
	equal(line!.options.extra, 7);
	line!.options.onWritable(100);
	equal(socket.write(Uint8Array.of(1, 2)), 98);
	line!.receive(3);
	deepEqual([...new Uint8Array(socket.read()!)], [3]);
	line!.options.onError("gone");
	deepEqual(heard, ["writable 100", "readable 1", "error gone"]);
	deepEqual(line!.written, [1, 2]);
	socket.close();
	equal(line!.closed, true);
});

test("a cut cable is silent in both directions, and loses nothing if both sides are still there", () => {
	const { cable, inner, heard, socket } = bench();
	const [line] = inner;
	line!.options.onWritable(100);
	cable.cut = true;
	equal(socket.write(Uint8Array.of(1, 2, 3)), 97);
	equal(socket.write(Uint8Array.of(4)), 96);
	line!.receive(9);
	equal(socket.read(), undefined);
	deepEqual(line!.written, []);
	deepEqual(heard, ["writable 100"]);
	cable.cut = false;
	deepEqual(line!.written, [1, 2, 3, 4]);
	deepEqual(heard, ["writable 100", "readable 1"]);
	deepEqual([...new Uint8Array(socket.read()!)], [9]);
	equal(socket.write(Uint8Array.of(5)), 95);
});

test("what was written is copied: the station uses its bytes again", () => {
	const { cable, inner, socket } = bench();
	inner[0]!.options.onWritable(100);
	cable.cut = true;
	const bytes = Uint8Array.of(1);
	socket.write(bytes);
	bytes[0] = 2;
	cable.cut = false;
	deepEqual(inner[0]!.written, [1]);
});

test("room that the socket makes during the cut is told when the cable is whole, less what was held", () => {
	const { cable, inner, heard, socket } = bench();
	const [line] = inner;
	line!.options.onWritable(10);
	cable.cut = true;
	socket.write(Uint8Array.of(1, 2));
	line!.options.onWritable(100);
	cable.cut = false;
	deepEqual(heard, ["writable 10", "writable 98"]);
});

test("a connection that ended during the cut ends for the station when the cable is whole", () => {
	const { cable, inner, heard, socket } = bench();
	const [line] = inner;
	line!.options.onWritable(100);
	cable.cut = true;
	socket.write(Uint8Array.of(1));
	line!.options.onError("reset");
	deepEqual(heard, ["writable 100"]);
	cable.cut = false;
	deepEqual(heard, ["writable 100", "error reset"]);
	deepEqual(line!.written, []);
});

test("the broker learns that the station has given up only when the cable is whole", () => {
	const { cable, inner, heard, socket } = bench();
	const [line] = inner;
	cable.cut = true;
	socket.close();
	line!.receive(1);
	equal(line!.closed, false);
	cable.cut = false;
	equal(line!.closed, true);
	deepEqual(heard, []);
	// And nobody hears of it a second time.
	line!.closed = false;
	cable.cut = true;
	cable.cut = false;
	equal(line!.closed, false);
});

test("a connection that is to be opened through a cut cable is opened when the cable is whole", () => {
	const { cable, inner, heard, socket } = bench({ cut: true });
	equal(inner.length, 0);
	equal(socket.read(), undefined);
	cable.cut = false;
	equal(inner.length, 1);
	inner[0]!.options.onWritable(100);
	deepEqual(heard, ["writable 100"]);
});

test("a connection that was given up before the cable was whole is never opened", () => {
	const { cable, inner, socket } = bench({ cut: true });
	socket.close();
	cable.cut = false;
	equal(inner.length, 0);
});

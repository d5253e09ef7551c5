/** What mqtt-packet's own test suite leaves untried. */
import bufferList from "../../../../src/net/mqtt/stand-ins/bl.ts";
import { Buffer } from "../../../../src/net/mqtt/stand-ins/buffer.ts";
import { EventEmitter } from "../../../../src/net/mqtt/stand-ins/events.ts";
import { deepEqual, equal, ok, test, throws } from "../../../harness/harness.ts";

test("a byte list reads numbers across the pieces it was given", () => {
	const list = bufferList();
	list.append(Uint8Array.of(0xff, 0x12));
	list.append(Uint8Array.of(0x34, 0x56, 0x78));
	equal(list.length, 5);
	equal(list.readUInt16BE(1), 0x1234);
	equal(list.readUInt32BE(1), 0x12345678);
	list.consume(2);
	equal(list.readUInt8(0), 0x34);
	throws(() => list.readUInt8(3), /out of range/);
});

test("a slice of a byte list is a view on the bytes received, and ends where they end", () => {
	const list = bufferList();
	const bytes = Uint8Array.of(1, 2, 3, 4);
	list.append(bytes.subarray(1));
	const slice = list.slice(1, 9);
	deepEqual([...slice], [3, 4]);
	bytes[3] = 5;
	equal(slice[1], 5);
	list.consume(9);
	equal(list.length, 0);
});

test("a part of a Buffer is a Buffer and shares its bytes", () => {
	const buffer = Buffer.from([1, 2, 3]);
	const part = buffer.subarray(1);
	ok(Buffer.isBuffer(part) && !Buffer.isBuffer(new Uint8Array(1)));
	part[0] = 9;
	deepEqual([...buffer], [1, 9, 3]);
});

test("a Buffer takes UTF-8 in and gives it back, bad UTF-8 excepted", () => {
	deepEqual([...Buffer.from("né")], [0x6e, 0xc3, 0xa9]);
	equal(Buffer.byteLength("né😀"), 7);
	equal(Buffer.from("né😀").toString(), "né😀");
	throws(() => Buffer.from([0x61, 0x80]).toString(), /invalid UTF-8/);
});

test("an error that nobody listens for is thrown", () => {
	const emitter = new EventEmitter();
	throws(() => emitter.emit("error", new Error("unheard")), /unheard/);
	const heard: unknown[] = [];
	emitter.on("error", (error) => heard.push(error)).on("packet", () => heard.push("packet"));
	emitter.emit("error", "heard");
	deepEqual(heard, ["heard"]);
});

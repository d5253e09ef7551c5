/** A WebSocket around a socket whose other end the test plays. */
import type { Bytes } from "../../../src/host.ts";
import { WebSocket } from "../../../src/net/websocket.ts";
import { bytesOf } from "../../../src/text.ts";
import { deepEqual, equal, match, ok, test, throws } from "../../harness/harness.ts";
import { bytes, hex } from "../../harness/transcript.ts";
import { FakeSocket } from "../../harness/world.ts";

/** Of RFC 6455, section 1.3: the key, and what the server has to make of it. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/** The mask of RFC 6455, section 5.7. */
const MASK = "37 fa 21 3d";

const ANSWER =
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	`Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`;

const textOf = (written: string) => String.fromCharCode(...bytes(written));
const hexOf = (text: string) => hex(bytesOf(text));

/** Gives the bytes of the RFC's key, and then those of its mask again and again. */
function randomOf(): () => number {
	const key = [...bytesOf("the sample nonce")];
	const mask = [...bytes(MASK)];
	let next = 0;
	return () => {
		const byte = next < key.length ? key[next]! : mask[(next - key.length) % mask.length]!;
		next++;
		return byte / 256;
	};
}

function start({ host = "broker.test", port = 8080, path = "/mqtt", defaultPort = 80 } = {}) {
	const told: string[] = [];
	let stream!: FakeSocket;
	class Stream extends FakeSocket {
		constructor(options: ConstructorParameters<typeof FakeSocket>[0]) {
			super(options);
			stream = this;
		}
	}
	const socket: WebSocket = new WebSocket(
		{
			host,
			port,
			noDelay: true,
			onReadable: (count) => void told.push(`readable ${count}`),
			onWritable: (count) => void told.push(`writable ${count}`),
			onError: (reason) => void told.push(`error ${reason instanceof Error ? reason.message : reason}`),
		},
		{ stream: Stream, path, defaultPort, random: randomOf() },
	);
	/** All that was written to the stream since the last call. */
	const written = () => stream.writes.splice(0).join(" ");
	/** All bytes there are to read, in parts of at most `size`. */
	const reads = (size = 256) => {
		const parts: string[] = [];
		for (let part = socket.read(size); part; part = socket.read(size)) parts.push(hex(part));
		return parts.join(" ");
	};
	const opens = () => {
		stream.opens();
		stream.receives(hexOf(ANSWER));
		stream.writes.splice(0);
		told.splice(0);
	};
	return { socket, stream, told, written, reads, opens };
}

/** A frame as a server sends it. */
function frame(first: number, payload: Bytes | string = ""): string {
	const body = typeof payload === "string" ? bytes(payload) : payload;
	const { length } = body;
	const long = (count: number) =>
		Array.from({ length: count }, (_, index) => Math.floor(length / 256 ** (count - 1 - index)) & 0xff);
	const header = length < 126 ? [length] : length < 0x1_0000 ? [126, ...long(2)] : [127, ...long(8)];
	return hex(Uint8Array.from([first, ...header, ...body]));
}

test("it asks for a WebSocket with the subprotocol mqtt, and is writable when the server has agreed", () => {
	const { stream, told, written } = start();
	deepEqual([stream.options.host, stream.options.port, stream.options.noDelay], ["broker.test", 8080, true]);
	stream.opens();
	equal(
		textOf(written()),
		"GET /mqtt HTTP/1.1\r\nHost: broker.test:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			`Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
	);
	deepEqual(told, []);
	stream.receives(hexOf(ANSWER));
	equal(told.length, 1);
	match(told[0]!, /^writable \d+$/);
});

test("the request names a port that is not the scheme's, an IPv6 address in brackets, and the path as it is", () => {
	for (const [options, path, host] of [
		[{ port: 80 }, "/mqtt", "broker.test"],
		[{ port: 443, defaultPort: 443 }, "/mqtt", "broker.test"],
		[{ port: 80, defaultPort: 443 }, "/mqtt", "broker.test:80"],
		[{ host: "2001:db8::1", port: 80 }, "/mqtt", "[2001:db8::1]"],
		[{ host: "fe80::1%eth0", port: 80 }, "/mqtt", "[fe80::1]"],
		[{ host: "::1", port: 8083, path: "/a/b?c=%20d" }, "/a/b?c=%20d", "[::1]:8083"],
	] as const) {
		const { stream, written } = start(options);
		stream.opens();
		ok(textOf(written()).startsWith(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`), host);
	}
});

test("a stream that takes a few bytes at a time gets the request whole", () => {
	const { stream, written } = start();
	for (let turn = 0; turn < 60; turn++) stream.opens(7);
	const request = textOf(written());
	ok(request.startsWith("GET /mqtt") && request.endsWith("mqtt\r\n\r\n"), request);
});

test("an answer that arrives byte by byte, in other letters and with more in its header, is one", () => {
	const { stream, told } = start();
	stream.opens();
	const answer =
		"HTTP/1.1 101 Web Socket Protocol Handshake\nserver: x\nDATE: now\nUPGRADE:WebSocket\nconnection: keep-alive, Upgrade\n" +
		`sec-websocket-accept:   ${ACCEPT}  \nSec-WebSocket-protocol: mqtt\nX\n\n`;
	for (const byte of bytesOf(answer)) stream.receives(hex(Uint8Array.of(byte)));
	equal(told.length, 1);
});

/** Answers that open no WebSocket, and what is said of them. */
const REFUSALS: readonly (readonly [answer: string, reason: string])[] = [
	[ANSWER.replace(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="), "the answer is that of another protocol, or of a cache"],
	[ANSWER.replace(/Sec-WebSocket-Accept.*\r\n/, ""), "the answer is that of another protocol, or of a cache"],
	[ANSWER.replace("Upgrade: websocket", "Upgrade: h2c"), "the answer is that of another protocol, or of a cache"],
	[
		ANSWER.replace("Protocol: mqtt", "Protocol: chat"),
		"the server does not say that it speaks MQTT there (no subprotocol mqtt)",
	],
	[
		ANSWER.replace(/Sec-WebSocket-Protocol.*\r\n/, ""),
		"the server does not say that it speaks MQTT there (no subprotocol mqtt)",
	],
	["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP status 404: there is no WebSocket at this path"],
	[
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n",
		"HTTP status 401: access is refused before MQTT begins",
	],
	["HTTP/1.1 503 \x1b[2JNo\r\nRetry-After: 5\r\n\r\n", "HTTP status 503: the server, or a proxy before it, fails"],
	["HTTP/1.1 200 OK\r\n\r\n<html>", "HTTP status 200: a page, and no WebSocket"],
	["HTTP/1.1 418 I'm a teapot\r\n\r\n", "HTTP status 418"],
	[
		"HTTP/1.1 301 Moved\r\nLocation: https://broker.test/mqtt\x1b[2J\r\n\r\n",
		"it is redirected to https://broker.test/mqtt?[2J: name that address",
	],
	["SSH-2.0-OpenSSH_9.2p1\r\n", "the answer is not HTTP"],
	["HTTP/1.0 101 x\r\n\r\n", "the answer is not HTTP"],
	["HTTP/1.1 xyz\r\n", "the answer is not HTTP"],
	["HTTP/1.1 99 x\r\n", "the answer is not HTTP"],
	["\r\n\r\n", "the answer is not HTTP"],
	["x".repeat(1_026), "the answer's header is too long"],
	[`HTTP/1.1 101 x\r\n${"a: b\r\n".repeat(2_000)}`, "the answer's header is too long"],
];
for (const [answer, reason] of REFUSALS) {
	test(`refused: ${JSON.stringify(answer.slice(0, 30))}, as ${reason}`, () => {
		const { socket, stream, told, reads, written } = start();
		stream.opens();
		written();
		stream.receives(hexOf(answer));
		deepEqual(told, [`error no WebSocket: ${reason}`]);
		ok(stream.closed);
		equal(written(), "", "nobody to say goodbye to");
		equal(reads(), "");
		equal(socket.write(Uint8Array.of(1)), 0);
		socket.close();
	});
}

test("a connection that ends before the answer is there says so, with the stream's reason", () => {
	for (const [reason, expected] of [
		["connection reset", "error no WebSocket was opened: connection reset"],
		[undefined, "error no WebSocket was opened"],
	] as const) {
		const { stream, told } = start();
		stream.opens();
		stream.ends(reason);
		deepEqual(told, [expected]);
	}
	const { stream, told } = start();
	stream.ends("connection refused");
	deepEqual(told, ["error connection refused"], "as it would be without a WebSocket");
});

test("an answer right before the end of the connection is read", () => {
	const { stream, told } = start();
	stream.opens();
	stream.receives(hexOf("HTTP/1.1 404 Not Found\r\n\r\n"), { quietly: true });
	stream.ends();
	deepEqual(told, ["error no WebSocket: HTTP status 404: there is no WebSocket at this path"]);
});

test("what arrives together with the answer is of the first frames", () => {
	const { stream, told, reads } = start();
	stream.opens();
	stream.receives(`${hexOf(ANSWER)} ${frame(0x82, "20 03 00 00 00")} ${frame(0x82, "d0")}`);
	equal(told.length, 2);
	match(told[1]!, /^readable \d+$/);
	equal(reads(), "20 03 00 00 00 d0");
});

/** RFC 6455, section 5.7, and the lengths at which the header changes. */
for (const [length, header] of [
	[5, "82 85"],
	[125, "82 fd"],
	[126, "82 fe 00 7e"],
	[255, "82 fe 00 ff"],
	[256, "82 fe 01 00"],
	[5_000, "82 fe 13 88"],
] as const) {
	test(`a frame of ${length} bytes is masked, and whole`, () => {
		const { socket, written, opens } = start();
		opens();
		const payload = Uint8Array.from({ length }, (_, index) => index * 7);
		const mask = bytes(MASK);
		const masked = payload.map((byte, index) => byte ^ mask[index & 3]!);
		socket.write(payload);
		equal(written(), [header, MASK, ...(length > 0 ? [hex(masked)] : [])].join(" "));
	});
}

for (const length of [0, 1, 125, 126, 65_535, 65_536, 70_000]) {
	test(`a frame of ${length} bytes is read, however it is cut`, () => {
		const payload = Uint8Array.from({ length }, (_, index) => index * 11);
		for (const size of [1, 3, 256, 100_000]) {
			if (size === 1 && length > 1_000) continue;
			const { stream, reads, opens } = start();
			opens();
			const sent = bytes(`${frame(0x82, payload)} ${frame(0x82, "d0 00")}`);
			const parts: string[] = [];
			for (let at = 0; at < sent.length; at += size) {
				stream.receives(hex(sent.subarray(at, at + size)));
				parts.push(reads());
			}
			equal(parts.filter(Boolean).join(" "), [hex(payload), "d0 00"].filter(Boolean).join(" "), `by ${size}`);
		}
	});
}

test("the program reads no more than it asks for", () => {
	const { socket, stream, opens } = start();
	opens();
	stream.receives(`${frame(0x82, "01 02 03")} ${frame(0x82, "04 05")}`);
	deepEqual(
		[socket.read(2), socket.read(2), socket.read(9), socket.read(9)].map((part) => part && hex(part)),
		["01 02", "03", "04 05", undefined],
	);
});

test("a message in fragments is one stream, and control frames may come in between", () => {
	const { stream, reads, written, opens } = start();
	opens();
	stream.receives(
		`${frame(0x02, "01")} ${frame(0x89, "aa bb")} ${frame(0x00)} ${frame(0x00, "02")} ${frame(0x8a)} ${frame(0x80, "03")}`,
	);
	equal(reads(), "01 02 03");
	equal(written(), `8a 82 ${MASK} 9d 41`, "the ping's answer");
	stream.receives(frame(0x82, "04"));
	equal(reads(), "04");
});

test("a ping that arrives byte by byte is answered once, when it is there as a whole", () => {
	const { stream, reads, written, opens } = start();
	opens();
	const ping = bytes(frame(0x89, "01 02 03"));
	for (const [index, byte] of ping.entries()) {
		equal(written(), "", `at ${index}`);
		stream.receives(hex(Uint8Array.of(byte)));
		reads();
	}
	equal(written().slice(0, 5), "8a 83");
});

/** Frames that break the protocol, what is said, and the status of the close frame that answers. */
const VIOLATIONS: readonly (readonly [frames: string, reason: string, status: number])[] = [
	[frame(0x81, "61"), "sends text", 1003],
	[frame(0xc2, "00"), "sets bits that are reserved", 1002],
	[frame(0xa2, "00"), "sets bits that are reserved", 1002],
	[frame(0x92, "00"), "sets bits that are reserved", 1002],
	["82 81 00 00 00 00 10", "masks its frames", 1002],
	[frame(0x83, "00"), "sends a frame of an unknown kind", 1002],
	[frame(0x87, "00"), "sends a frame of an unknown kind", 1002],
	[frame(0x8b), "sends a frame of an unknown kind", 1002],
	[frame(0x8f), "sends a frame of an unknown kind", 1002],
	[frame(0x80, "00"), "mixes the parts of messages", 1002],
	[`${frame(0x02, "00")} ${frame(0x82, "00")}`, "mixes the parts of messages", 1002],
	[frame(0x09), "sends a control frame that is too long", 1002],
	[frame(0x89, new Uint8Array(126)), "sends a control frame that is too long", 1002],
	["82 7e 00 7d", "tells a length in more bytes than it needs", 1002],
	["82 7f 00 00 00 00 00 00 ff ff", "tells a length in more bytes than it needs", 1002],
	["82 7f 00 00 00 01 00 00 00 00", "begins a frame without end", 1009],
	["82 7f 80 00 00 00 00 01 00 00", "begins a frame without end", 1009],
	[frame(0x88, "03"), "closes with half a status code", 1002],
	[Array.from({ length: 100 }, () => frame(0x82)).join(" "), "sends nothing but empty frames", 1002],
	[Array.from({ length: 100 }, () => frame(0x89)).join(" "), "sends nothing but empty frames", 1002],
];
for (const [frames, reason, status] of VIOLATIONS) {
	test(`a broker that ${reason} (${frames.slice(0, 11)}…) is told to with ${status}`, () => {
		const { socket, stream, reads, written, opens } = start();
		opens();
		stream.receives(frames);
		throws(
			() => {
				for (let reading = 0; reading < 300; reading++) reads();
			},
			new RegExp(`^WebSocket: the broker ${reason}$`),
		);
		written();
		socket.close();
		const mask = bytes(MASK);
		equal(written(), `88 82 ${MASK} ${hex(Uint8Array.of((status >> 8) ^ mask[0]!, (status & 0xff) ^ mask[1]!))}`);
		ok(stream.closed);
	});
}

test("what came before the violation is read first", () => {
	const { socket, stream, opens } = start();
	opens();
	stream.receives(`${frame(0x82, "d0 00")} ${frame(0x81, "61")}`);
	equal(hex(socket.read()!), "d0 00");
	throws(() => socket.read(), /sends text/);
});

for (const [payload, words] of [
	["", ""],
	["03 e8", ""],
	["03 e9", ": it goes away"],
	["03 ea", ": protocol error"],
	["03 f3 c3 28 1b 5b", ": it fails"],
	["0f a0", " with status 4000"],
] as const) {
	test(`a close frame (${payload}) is answered, and tells the reason when the connection ends`, () => {
		const { socket, stream, told, reads, written, opens } = start();
		opens();
		stream.receives(`${frame(0x82, "01")} ${frame(0x88, payload)} ${frame(0x82, "02")}`);
		told.splice(0);
		equal(reads(), "01", "nothing counts behind it");
		equal(written().slice(0, 5), "88 82");
		equal(socket.write(Uint8Array.of(1)), 0);
		deepEqual(told, []);
		stream.ends("by the broker");
		deepEqual(told, [`error the broker has closed the WebSocket${words}`]);
		socket.close();
		equal(written(), "");
	});
}

test("what arrived before the end is read inside of it, and nothing is written any more", () => {
	for (const last of [frame(0x88, "03 e9"), frame(0x89, "01"), frame(0x81, "61")]) {
		const { socket, stream, told, written, opens } = start();
		opens();
		stream.receives(`${frame(0x82, "01 02")} ${last}`, { quietly: true });
		const parts: string[] = [];
		stream.options.onError("by the broker");
		try {
			for (let part = socket.read(); part; part = socket.read()) parts.push(hex(part));
		} catch {
			// The text frame.
		}
		socket.close();
		deepEqual(parts, ["01 02"]);
		equal(written(), "");
		equal(told[0], "error by the broker");
	}
});

test("an end without a close frame has the stream's reason", () => {
	const { stream, told, opens } = start();
	opens();
	stream.ends("connection reset");
	deepEqual(told, ["error connection reset"]);
});

test("closed by the program, it says goodbye with 1000, once", () => {
	const { socket, stream, written, opens } = start();
	opens();
	socket.close();
	socket.close();
	equal(written(), `88 82 ${MASK} 34 12`);
	ok(stream.closed);
});

test("it never writes more than the stream takes, and always has room for the answer to a ping", () => {
	for (const room of [0, 1, 50, 139, 140, 141, 200, 1_000, 5_744]) {
		const { socket, stream, told, reads, written, opens } = start();
		opens();
		stream.opens(room);
		const count = Number(/^writable (\d+)$/.exec(told.at(-1) ?? "writable 0")![1]);
		ok(count <= Math.max(0, room - 139), `${count} of ${room}`);
		if (count > 0) socket.write(new Uint8Array(count));
		written();
		stream.receives(frame(0x89, new Uint8Array(125)));
		reads();
		// What there was no room for leaves later; FakeSocket fails where too much is written.
		stream.opens(131);
		const pongs = written();
		ok(pongs.startsWith("8a fd") || room >= 131, `${room}`);
		equal(socket.write(new Uint8Array(0)), 0);
	}
});

test("a ping's answer leaves whole, so that a later ping has its answer, too", () => {
	const { stream, reads, written, opens } = start();
	opens();
	stream.opens(0);
	stream.receives(frame(0x89, "01 02 03"));
	reads();
	stream.opens(4);
	equal(written(), "");
	stream.receives(frame(0x89, "04"));
	reads();
	stream.opens(6);
	equal(written(), "");
	stream.opens(7);
	equal(written(), `8a 81 ${MASK} 33`);
});

test("what waits for room leaves as soon as the program has used what it was told of", () => {
	const { socket, stream, told, reads, written, opens } = start();
	opens();
	stream.opens(300);
	const room = Number(/^writable (\d+)$/.exec(told.at(-1)!)![1]);
	stream.receives(frame(0x89, "01"));
	stream.receives(frame(0x89, new Uint8Array(125)));
	reads();
	// The first has its answer from what is left for that, the second waits for what the program was told of.
	equal(written(), `8a 81 ${MASK} 36`);
	equal(socket.write(Uint8Array.of(1)), room - 7 - 7 - 131);
	match(written(), /^82 81 [0-9a-f ]{11} [0-9a-f]{2} 8a fd /);
});

test("a close frame replaces a ping's answer that waits", () => {
	const { socket, stream, reads, written, opens } = start();
	opens();
	stream.opens(5);
	stream.receives(frame(0x89, "01 02 03"));
	reads();
	equal(written(), "");
	socket.close();
	equal(written(), "", "there is no room for it");
});

test("of pings that wait for room the last one is answered", () => {
	const { stream, reads, written, opens } = start();
	opens();
	stream.opens(0);
	for (let count = 1; count <= 3; count++) {
		stream.receives(frame(0x89, hex(Uint8Array.of(count))));
		reads();
	}
	equal(written(), "");
	stream.opens(5_000);
	equal(written(), `8a 81 ${MASK} 34`);
});

test("the program is told where an answer to a ping has taken the room that it was told of", () => {
	const { socket, stream, told, reads, written, opens } = start();
	opens();
	stream.opens(285);
	equal(told.at(-1), "writable 146");
	stream.receives(frame(0x89, new Uint8Array(125)));
	reads();
	ok(written().startsWith("8a fd"), "from the room for it");
	stream.receives(frame(0x89, new Uint8Array(125)));
	reads();
	equal(written(), "", "there is none for another");
	stream.opens(200);
	ok(written().startsWith("8a fd"));
	equal(told.at(-1), "writable 0");
	stream.opens(1_000);
	equal(told.at(-1), "writable 861");
	socket.write(new Uint8Array(861));
});

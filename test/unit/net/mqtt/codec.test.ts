import {
	type BrokerPacket,
	Decoder,
	encode,
	type Oversized,
	type Packet,
	ProtocolError,
} from "../../../../src/net/mqtt/codec/codec.ts";
import { deepEqual, equal, ok, test, throws } from "../../../harness/harness.ts";
import { assertMutations } from "./mutations.ts";

/** Bytes from hexadecimal digits; spaces are for the reader. */
function bytes(hex: string): Uint8Array<ArrayBuffer> {
	const digits = hex.replaceAll(" ", "");
	return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
		Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
	);
}

const filled = (length: number) => new Uint8Array(length).fill(0x2e);
const newDecoder = (maximumPacketSize = 0x10000) => new Decoder({ maximumPacketSize, protocolVersion: 4 });
const decode = (hex: string) => [...newDecoder().push(bytes(hex))];

const publish = { cmd: "publish", topic: "a/b", payload: bytes("68 69"), qos: 0, retain: false, dup: false } as const;
const connect = { cmd: "connect", clientId: "v1", cleanSession: true, keepAlive: 60 } as const;

const ENCODED: Record<string, [Packet, string]> = {
	"a CONNECT of MQTT 3.1.1": [connect, "10 0e 0004 4d515454 04 02 003c 0002 7631"],
	"a CONNECT with an empty client id": [{ ...connect, clientId: "" }, "10 0c 0004 4d515454 04 02 003c 0000"],
	"a CONNECT that resumes a session": [{ ...connect, cleanSession: false }, "10 0e 0004 4d515454 04 00 003c 0002 7631"],
	"the shortest and the longest keep-alive": [
		{ ...connect, keepAlive: 65_535 },
		"10 0e 0004 4d515454 04 02 ffff 0002 7631",
	],
	"a CONNECT with will, user name and password in this order [MQTT-3.1.3-1]": [
		{
			...connect,
			will: { topic: "w", payload: bytes("6f6666"), qos: 1, retain: true },
			username: "me",
			password: "né",
		},
		"10 1f 0004 4d515454 04 ee 003c 0002 7631 0001 77 0003 6f6666 0002 6d65 0003 6ec3a9",
	],
	"a CONNECT with an empty will message and a binary password": [
		{
			...connect,
			will: { topic: "w", payload: bytes(""), qos: 0, retain: false },
			username: "me",
			password: bytes("00 ff"),
		},
		"10 1b 0004 4d515454 04 c6 003c 0002 7631 0001 77 0000 0002 6d65 0002 00ff",
	],
	"a CONNACK": [{ cmd: "connack", sessionPresent: true, reasonCode: 0 }, "20 02 01 00"],
	"a PUBLISH with QoS 0": [publish, "30 07 0003 612f62 6869"],
	"a PUBLISH with QoS 1": [{ ...publish, qos: 1, packetId: 0x1234 }, "32 09 0003 612f62 1234 6869"],
	"a PUBLISH with QoS 1 again, DUP set [MQTT-3.3.1-1]": [
		{ ...publish, qos: 1, packetId: 65_535, dup: true, retain: true },
		"3b 09 0003 612f62 ffff 6869",
	],
	"a PUBLISH with QoS 2": [{ ...publish, qos: 2, packetId: 1 }, "34 09 0003 612f62 0001 6869"],
	"a PUBLISH without payload": [{ ...publish, payload: bytes(""), retain: true }, "31 05 0003 612f62"],
	"a PUBLISH with a topic beyond ASCII": [{ ...publish, topic: "né😀" }, "30 0b 0007 6ec3a9f09f9880 6869"],
	"a PUBACK": [{ cmd: "puback", packetId: 0x1234 }, "40 02 1234"],
	"a PUBREC": [{ cmd: "pubrec", packetId: 0x1234 }, "50 02 1234"],
	"a PUBREL, header flags 0010 [MQTT-3.6.1-1]": [{ cmd: "pubrel", packetId: 0x1234 }, "62 02 1234"],
	"a PUBCOMP": [{ cmd: "pubcomp", packetId: 0x1234 }, "70 02 1234"],
	"a SUBSCRIBE, header flags 0010 [MQTT-3.8.1-1]": [
		{
			cmd: "subscribe",
			packetId: 7,
			subscriptions: [
				{ topicFilter: "a/+/#", qos: 1 },
				{ topicFilter: "#", qos: 0 },
			],
		},
		"82 0e 0007 0005 612f2b2f23 01 0001 23 00",
	],
	"a SUBACK": [{ cmd: "suback", packetId: 7, reasonCodes: [1, 0x80] }, "90 04 0007 01 80"],
	"an UNSUBSCRIBE, header flags 0010 [MQTT-3.10.1-1]": [
		{ cmd: "unsubscribe", packetId: 7, topicFilters: ["+/b", "c"] },
		"a2 0a 0007 0003 2b2f62 0001 63",
	],
	"an UNSUBACK": [{ cmd: "unsuback", packetId: 7, reasonCodes: [] }, "b0 02 0007"],
	"a PINGREQ": [{ cmd: "pingreq" }, "c0 00"],
	"a PINGRESP": [{ cmd: "pingresp" }, "d0 00"],
	"a DISCONNECT": [{ cmd: "disconnect" }, "e0 00"],
};

for (const [name, [packet, expected]] of Object.entries(ENCODED)) {
	test(`${name} is encoded`, () => deepEqual(encode(packet, 4), bytes(expected)));
}

test("a CONNECT of MQTT 3.1 is encoded, its client id of 23 bytes at the most", () => {
	deepEqual(encode(connect, 3), bytes("10 10 0006 4d5149736470 03 02 003c 0002 7631"));
	equal(encode({ ...connect, clientId: "x".repeat(23) }, 3).length, 39);
	throws(() => encode({ ...connect, clientId: "é".repeat(12) }, 3), /client id of 24 bytes: MQTT 3.1 allows 23/);
	throws(() => encode({ ...connect, clientId: "" }, 3), /clientId must be supplied before 3.1.1/);
	equal(encode({ ...connect, clientId: "x".repeat(24) }, 4).length, 38);
});

const will = { topic: "w", payload: bytes(""), qos: 0, retain: false } as const;
const subscribe = (topicFilter: string, qos = 0) =>
	({ cmd: "subscribe", packetId: 1, subscriptions: [{ topicFilter, qos }] }) as Packet;

const NOT_ENCODED: Record<string, [Packet, RegExp]> = {
	"packet id 0 [MQTT-2.3.1-1]": [{ cmd: "puback", packetId: 0 }, /^cannot encode PUBACK: packet id 0, not 1 to 65535/],
	"packet id 65536 [MQTT-2.3.1-1]": [{ ...publish, qos: 1, packetId: 65_536 }, /PUBLISH: packet id 65536/],
	"a fraction as packet id": [{ cmd: "unsubscribe", packetId: 1.5, topicFilters: ["a"] }, /packet id 1.5/],
	"QoS 1 without a packet id [MQTT-2.3.1-1]": [{ ...publish, qos: 1 }, /packet id undefined/],
	"QoS 3 [MQTT-3.3.1-4]": [{ ...publish, qos: 3 as 2, packetId: 1 }, /QoS 3/],
	"DUP with QoS 0 [MQTT-3.3.1-2]": [{ ...publish, dup: true }, /DUP with QoS 0/],
	"an empty topic name [MQTT-4.7.3-1]": [{ ...publish, topic: "" }, /empty topic name/],
	"a topic name with # [MQTT-3.3.2-2]": [{ ...publish, topic: "a/#" }, /topic name with a wildcard/],
	"a topic name with + [MQTT-3.3.2-2]": [{ ...publish, topic: "+/a" }, /topic name with a wildcard/],
	"a topic name with U+0000 [MQTT-4.7.3-2]": [{ ...publish, topic: "a\0" }, /U\+0000/],
	"a topic name of 65,536 bytes [MQTT-4.7.3-3]": [{ ...publish, topic: "é".repeat(32_768) }, /more than 65535 bytes/],
	"half a surrogate pair [MQTT-1.5.3-1]": [{ ...publish, topic: "a\ud83d" }, /not well-formed/],
	"a client id with U+0000 [MQTT-1.5.3-2]": [{ ...connect, clientId: "a\0b" }, /CONNECT: client id with U\+0000/],
	"a client id of half a surrogate pair [MQTT-3.1.3-4]": [{ ...connect, clientId: "\udc00" }, /not well-formed/],
	"an empty client id without a clean session [MQTT-3.1.3-7]": [
		{ ...connect, clientId: "", cleanSession: false },
		/clientId must be given if cleanSession set to 0/,
	],
	"a keep-alive of 65,536 s": [{ ...connect, keepAlive: 65_536 }, /Invalid keepalive/],
	"a keep-alive with a fraction": [{ ...connect, keepAlive: 0.5 }, /Invalid keepalive/],
	"a password without a user name [MQTT-3.1.2-22]": [{ ...connect, password: "x" }, /Username is required/],
	"a user name of 65,536 bytes": [{ ...connect, username: "x".repeat(65_536) }, /user name of more than 65535 bytes/],
	"a password of 65,536 bytes": [
		{ ...connect, username: "x", password: "é".repeat(32_768) },
		/password of more than 65535 bytes/,
	],
	"a will with QoS 3 [MQTT-3.1.2-14]": [{ ...connect, will: { ...will, qos: 3 as 2 } }, /QoS 3/],
	"a will topic with a wildcard": [{ ...connect, will: { ...will, topic: "w/+" } }, /wildcard/],
	"a will message of 65,536 bytes": [
		{ ...connect, will: { ...will, payload: filled(65_536) } },
		/will message of more/,
	],
	"a SUBSCRIBE without topic filter [MQTT-3.8.3-3]": [
		{ cmd: "subscribe", packetId: 1, subscriptions: [] },
		/Invalid subscriptions/,
	],
	"an UNSUBSCRIBE without topic filter [MQTT-3.10.3-2]": [
		{ cmd: "unsubscribe", packetId: 1, topicFilters: [] },
		/Invalid unsubscriptions/,
	],
	"an empty topic filter [MQTT-4.7.3-1]": [subscribe(""), /empty topic filter/],
	"a topic filter with U+0000 [MQTT-4.7.3-2]": [subscribe("a\0"), /U\+0000/],
	"a # before the last level [MQTT-4.7.1-2]": [subscribe("a/#/b"), /not the whole last level/],
	"a # in a part of a level [MQTT-4.7.1-2]": [subscribe("a/b#"), /not the whole last level/],
	"a + in a part of a level [MQTT-4.7.1-3]": [subscribe("a/b+/c"), /not a whole level/],
	"a subscription with QoS 3 [MQTT-3-8.3-4]": [subscribe("a", 3), /QoS 3/],
};

for (const [name, [packet, message]] of Object.entries(NOT_ENCODED)) {
	test(`the encoder refuses ${name}`, () => void throws(() => encode(packet, 4), message));
}

const received = { cmd: "publish", topic: "a/b", qos: 0, retain: false, dup: false } as const;

const DECODED: Record<string, [string, BrokerPacket]> = {
	"a CONNACK": ["20 02 00 00", { cmd: "connack", sessionPresent: false, reasonCode: 0 }],
	"a CONNACK with session present": ["20 02 01 00", { cmd: "connack", sessionPresent: true, reasonCode: 0 }],
	"a CONNACK that refuses": ["20 02 00 05", { cmd: "connack", sessionPresent: false, reasonCode: 5 }],
	"a PUBLISH with QoS 0": ["30 07 0003 612f62 6869", { ...received, payload: bytes("6869") }],
	"a PUBLISH with QoS 1": [
		"3b 09 0003 612f62 1234 6869",
		{ ...received, payload: bytes("6869"), qos: 1, dup: true, retain: true, packetId: 0x1234 },
	],
	"a PUBLISH with QoS 2": [
		"34 09 0003 612f62 ffff 6869",
		{ ...received, payload: bytes("6869"), qos: 2, packetId: 65_535 },
	],
	"a PUBLISH with an empty payload": ["31 05 0003 612f62", { ...received, payload: bytes(""), retain: true }],
	"a payload that is not text": ["30 08 0003 612f62 00ffc3", { ...received, payload: bytes("00ffc3") }],
	"a topic beyond ASCII": ["30 09 0007 6ec3a9f09f9880", { ...received, topic: "né😀", payload: bytes("") }],
	"a topic with a byte order mark, which stays [MQTT-1.5.3-3]": [
		"30 06 0004 efbbbf61",
		{ ...received, topic: "\ufeffa", payload: bytes("") },
	],
	"a PUBACK": ["40 02 1234", { cmd: "puback", packetId: 0x1234, reasonCode: 0 }],
	"a PUBREC": ["50 02 1234", { cmd: "pubrec", packetId: 0x1234, reasonCode: 0 }],
	"a PUBREL": ["62 02 1234", { cmd: "pubrel", packetId: 0x1234, reasonCode: 0 }],
	"a PUBCOMP": ["70 02 ffff", { cmd: "pubcomp", packetId: 65_535, reasonCode: 0 }],
	"a SUBACK": ["90 06 0007 00 01 02 80", { cmd: "suback", packetId: 7, reasonCodes: [0, 1, 2, 0x80] }],
	"an UNSUBACK": ["b0 02 0007", { cmd: "unsuback", packetId: 7, reasonCodes: [] }],
	"a PINGRESP": ["d0 00", { cmd: "pingresp" }],
};

for (const [name, [hex, packet]] of Object.entries(DECODED)) {
	test(`${name} is decoded, in one piece and byte by byte`, () => {
		deepEqual(decode(hex), [packet]);
		const decoder = newDecoder();
		deepEqual(Array.from(bytes(hex), (byte) => [...decoder.push(Uint8Array.of(byte))]).flat(), [packet]);
	});
}

const MALFORMED = 0x81;
const PROTOCOL = 0x82;
const TOPIC = 0x90;
const NOT_DECODED: Record<string, [string, RegExp, number]> = {
	"a fifth byte of remaining length (2.2.3)": ["30 ff ff ff ff", /more than 4 bytes/, MALFORMED],
	"reserved header flags on a CONNACK [MQTT-2.2.2-2]": ["21 02 00 00", /CONNACK: Invalid header flag bits/, MALFORMED],
	"reserved header flags on a PUBACK [MQTT-2.2.2-2]": ["42 02 00 01", /PUBACK: Invalid header flag bits/, MALFORMED],
	"reserved header flags on a PUBREL [MQTT-2.2.2-2]": ["60 02 00 01", /PUBREL: Invalid header flag bits/, MALFORMED],
	"reserved header flags on a SUBACK [MQTT-2.2.2-2]": ["92 03 0001 00", /SUBACK: Invalid header flag bits/, MALFORMED],
	"reserved header flags on a PINGRESP [MQTT-2.2.2-2]": ["d1 00", /PINGRESP: Invalid header flag bits/, MALFORMED],
	"packet type 0": ["00 00", /must not send packet type 0/, PROTOCOL],
	"a CONNECT": ["10", /must not send CONNECT/, PROTOCOL],
	"a SUBSCRIBE": ["82", /must not send SUBSCRIBE/, PROTOCOL],
	"an UNSUBSCRIBE": ["a2", /must not send UNSUBSCRIBE/, PROTOCOL],
	"a PINGREQ": ["c0", /must not send PINGREQ/, PROTOCOL],
	"a DISCONNECT": ["e0", /must not send DISCONNECT/, PROTOCOL],
	"an AUTH, packet type 15": ["f0", /must not send AUTH/, PROTOCOL],
	"reserved CONNACK flags (3.2.2.1)": ["20 02 02 00", /CONNACK: Invalid connack flags/, MALFORMED],
	"a CONNACK return code of 6 (3.2.2.3)": ["20 02 00 06", /CONNACK: return code 6/, MALFORMED],
	"session present in a refusal [MQTT-3.2.2-4]": ["20 02 01 02", /CONNACK: session present in a refusal/, PROTOCOL],
	"a CONNACK of 1 byte": ["20 01", /CONNACK with a remaining length of 1/, MALFORMED],
	"a CONNACK of 3 bytes": ["20 03", /CONNACK with a remaining length of 3/, MALFORMED],
	"a PUBACK without packet id": ["40 00", /PUBACK with a remaining length of 0/, MALFORMED],
	"a PUBACK of 3 bytes": ["40 03", /PUBACK with a remaining length of 3/, MALFORMED],
	"an UNSUBACK of 3 bytes": ["b0 03", /UNSUBACK with a remaining length of 3/, MALFORMED],
	"a PINGRESP of 1 byte": ["d0 01", /PINGRESP with a remaining length of 1/, MALFORMED],
	"a SUBACK without return code": ["90 02", /SUBACK with a remaining length of 2/, MALFORMED],
	"a SUBACK return code of 3 [MQTT-3.9.3-2]": ["90 03 0001 03", /SUBACK: Invalid suback QoS/, MALFORMED],
	"packet id 0 in a PUBACK [MQTT-2.3.1-1]": ["40 02 0000", /PUBACK: packet id 0/, PROTOCOL],
	"packet id 0 in a SUBACK [MQTT-2.3.1-1]": ["90 03 0000 00", /SUBACK: packet id 0/, PROTOCOL],
	"packet id 0 in a PUBLISH [MQTT-2.3.1-1]": ["32 05 0001 61 0000", /PUBLISH: packet id 0/, PROTOCOL],
	"a PUBLISH with QoS 1 that ends before its packet id": ["32 04 0001 61 01", /PUBLISH: no packet id/, MALFORMED],
	"QoS 3 [MQTT-3.3.1-4]": ["36 06 0001 61 0001 62", /PUBLISH: .*both QoS bits/, MALFORMED],
	"DUP with QoS 0 [MQTT-3.3.1-2]": ["38 03 0001 61", /PUBLISH: DUP with QoS 0/, MALFORMED],
	"a PUBLISH without topic name [MQTT-3.3.2-1]": ["30 00", /PUBLISH with a remaining length of 0/, MALFORMED],
	"a topic name that is longer than the packet": ["30 03 0002 61 d0 00", /PUBLISH: Cannot parse topic/, MALFORMED],
	"an empty topic name [MQTT-4.7.3-1]": ["30 02 0000", /PUBLISH: empty topic name/, TOPIC],
	"a topic name with + [MQTT-3.3.2-2]": ["30 05 0003 2b2f61", /PUBLISH: topic name with a wildcard/, TOPIC],
	"a topic name with # [MQTT-3.3.2-2]": ["30 05 0003 612f23", /PUBLISH: topic name with a wildcard/, TOPIC],
	"a topic name with U+0000 [MQTT-1.5.3-2]": ["30 04 0002 6100", /PUBLISH: topic name with U\+0000/, MALFORMED],
	"a topic name that is not UTF-8 [MQTT-1.5.3-1]": ["30 04 0002 61ff", /PUBLISH: invalid UTF-8/, MALFORMED],
	"a topic name with an overlong form [MQTT-1.5.3-1]": ["30 04 0002 c080", /PUBLISH: invalid UTF-8/, MALFORMED],
	"a topic name that ends within a character [MQTT-1.5.3-1]": [
		"30 05 0002 61c3 a9",
		/PUBLISH: invalid UTF-8/,
		MALFORMED,
	],
	"a topic name with a surrogate [MQTT-1.5.3-1]": ["30 05 0003 eda080", /PUBLISH: invalid UTF-8/, MALFORMED],
};

for (const [name, [hex, message, reasonCode]] of Object.entries(NOT_DECODED)) {
	test(`the decoder refuses ${name}`, () => {
		const error = throws(() => decode(hex), message);
		ok(error instanceof ProtocolError);
		equal(error.reasonCode, reasonCode);
	});
}

test("MQTT 3.1 is decoded as 3.1.1 is", () => {
	const decode31 = (hex: string) => [...new Decoder({ maximumPacketSize: 64, protocolVersion: 3 }).push(bytes(hex))];
	for (const [hex, packet] of Object.values(DECODED)) deepEqual(decode31(hex), [packet]);
	for (const [hex, message] of Object.values(NOT_DECODED)) throws(() => decode31(hex), message);
});

test("a packet before a malformed one is given, and nothing after it", () => {
	const decoder = newDecoder();
	const packets: (BrokerPacket | Oversized)[] = [];
	throws(() => {
		for (const packet of decoder.push(bytes("40 02 0001  40 02 0000  40 02 0002"))) packets.push(packet);
	}, /PUBACK: packet id 0/);
	deepEqual(packets, [{ cmd: "puback", packetId: 1, reasonCode: 0 }]);
	deepEqual([...decoder.push(bytes("40 02 0003"))], []);
});

test("a decoder whose packets were not all taken gives nothing any more", () => {
	const decoder = newDecoder();
	for (const { cmd } of decoder.push(bytes("d0 00 40 02 0001"))) if (cmd === "pingresp") break;
	deepEqual([...decoder.push(bytes("40 02 0002"))], []);
});

test("a packet of the maximum size is accepted, a larger one refused when its fixed header is complete, unless it is a PUBLISH", () => {
	const decoder = newDecoder(10);
	equal([...decoder.push(bytes("30 08 0001 61 6161616161"))].length, 1);
	deepEqual([...decoder.push(bytes("90"))], []);
	const error = throws(() => [...decoder.push(bytes("09"))], /^SUBACK of 11 bytes, more than 10$/);
	ok(error instanceof ProtocolError);
	equal(error.reasonCode, 0x95);
	throws(() => [...newDecoder().push(bytes("90 ff ff ff 7f"))], /SUBACK of 268435460 bytes/);
});

for (const [qos, first, id] of [
	[0, "31", ""],
	[1, "32", "1234"],
	[1, "3b", "1234"],
	[2, "34", "1234"],
] as const) {
	test(`a PUBLISH of QoS ${qos} (0x${first}) that is too large is read past, in one piece and cut anywhere`, () => {
		const oversized = { cmd: "oversized publish", qos, packetId: qos > 0 ? 0x1234 : 0, size: 202 };
		const body = `0014 ${"61".repeat(20)} ${id} `;
		const length = 199;
		const packet = bytes(`${first} c701 ${body} ${"2e".repeat(length - bytes(body).length)}`);
		equal(packet.length, 202);
		const followed = Uint8Array.of(...packet, 0x40, 2, 0, 9);
		const puback = { cmd: "puback", packetId: 9, reasonCode: 0 };
		for (let cut = 0; cut <= followed.length; cut++) {
			const decoder = newDecoder(201);
			const pieces = [followed.slice(0, cut), followed.slice(cut)];
			deepEqual(
				pieces.flatMap((piece) => [...decoder.push(piece)]),
				[oversized, puback],
				`cut at ${cut}`,
			);
		}
		const decoder = newDecoder(201);
		const packets: unknown[] = [];
		for (const [at, byte] of followed.entries()) {
			packets.push(...decoder.push(Uint8Array.of(byte)));
			equal(decoder.passing, at >= 2 && at < 201, `passing at ${at}`);
		}
		deepEqual(packets, [oversized, puback]);
	});
}

test("a PUBLISH of 256 MB is read past", () => {
	const decoder = newDecoder();
	const piece = new Uint8Array(1 << 20).fill(0x2e);
	deepEqual([...decoder.push(bytes("32 ff ff ff 7f 0001 61 0007"))], []);
	let left = 0x0fff_ffff - 5;
	for (; left > piece.length; left -= piece.length) deepEqual([...decoder.push(piece)], []);
	ok(decoder.passing);
	deepEqual(
		[...decoder.push(piece.subarray(0, left))],
		[{ cmd: "oversized publish", qos: 1, packetId: 7, size: 0x1000_0004 }],
	);
	deepEqual([...decoder.push(bytes("d0 00"))], [{ cmd: "pingresp" }]);
});

for (const [what, packet, reason] of [
	["of QoS 3", "36 0b", /QoS 3/],
	["with DUP at QoS 0", "38 0b", /DUP with QoS 0/],
	["with packet id 0", "32 0b 0001 61 0000", /packet id 0/],
	["without a topic name", "30 0b 0000", /empty topic name/],
	["with a topic name longer than itself", "30 0b 000a", /topic name longer than the packet/],
	["whose topic name leaves no room for its packet id", "32 0b 0008", /topic name longer than the packet/],
] as const) {
	test(`a PUBLISH that is too large and ${what} is refused`, () => {
		const decoder = newDecoder(10);
		throws(() => {
			for (const byte of bytes(packet)) for (const _ of decoder.push(Uint8Array.of(byte)));
		}, reason);
	});
}

/** Remaining lengths around which the fixed header grows (2.2.3), and how it starts then. */
const LENGTHS: [number, string][] = [
	[127, "30 7f"],
	[128, "30 8001"],
	[16_383, "30 ff7f"],
	[16_384, "30 808001"],
];

for (const [length, header] of LENGTHS) {
	test(`a remaining length of ${length} is encoded, and decoded from any pieces`, () => {
		const payload = filled(length - 3);
		const packet = encode({ ...publish, topic: "t", payload }, 4);
		deepEqual(packet.subarray(0, bytes(header).length), bytes(header));
		equal(packet.length, bytes(header).length + length);
		for (const piece of [1, 7, 4_096, packet.length]) {
			const decoder = newDecoder();
			const packets: (BrokerPacket | Oversized)[] = [];
			for (let at = 0; at < packet.length; at += piece) packets.push(...decoder.push(packet.slice(at, at + piece)));
			deepEqual(packets, [{ ...received, topic: "t", payload }]);
		}
	});
}

test("many packets in one piece, the last of them incomplete", () => {
	const decoder = newDecoder();
	deepEqual(
		[...decoder.push(bytes("20 02 0000  40 02 0001  30 05 0003 612f62  d0 00  90 03 00"))],
		[
			{ cmd: "connack", sessionPresent: false, reasonCode: 0 },
			{ cmd: "puback", packetId: 1, reasonCode: 0 },
			{ ...received, payload: bytes("") },
			{ cmd: "pingresp" },
		],
	);
	deepEqual([...decoder.push(bytes("07 01 d0"))], [{ cmd: "suback", packetId: 7, reasonCodes: [1] }]);
	deepEqual([...decoder.push(bytes("00"))], [{ cmd: "pingresp" }]);
});

test("a remaining length with needless zero digits counts as what it says", () => {
	deepEqual(decode("40 8200 0001"), [{ cmd: "puback", packetId: 1, reasonCode: 0 }]);
});

test("a view into larger bytes is decoded as what it shows", () => {
	const whole = bytes("ffff 30 07 0003 612f62 6869 ffff");
	deepEqual([...newDecoder().push(whole.subarray(2, 11))], [{ ...received, payload: bytes("6869") }]);
});

test("random bytes give packets or a ProtocolError, the same in one piece and in many", () => {
	const valid = Object.values(DECODED).map(([hex]) => bytes(hex));
	assertMutations(valid, newDecoder, 2_026);
});

test("what the encoder writes for a broker's packets, the decoder reads", () => {
	for (const [, packet] of Object.values(DECODED)) deepEqual([...newDecoder().push(encode(packet, 4))], [packet]);
});

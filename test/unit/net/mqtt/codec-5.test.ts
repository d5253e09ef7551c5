/** The codec in MQTT 5.0. `[MQTT-…]` and sections are of 5.0; what all versions share is in `codec.test.ts`. */
import {
	type BrokerPacket,
	Decoder,
	encode,
	type Packet,
	ProtocolError,
} from "../../../../src/net/mqtt/codec/codec.ts";
import type { Properties, ProtocolVersion } from "../../../../src/net/mqtt/packet.ts";
import { deepEqual, equal, ok, test, throws } from "../../../harness/harness.ts";
import { assertMutations } from "./mutations.ts";

/** Bytes from hexadecimal digits; spaces are for the reader. */
function bytes(hex: string): Uint8Array<ArrayBuffer> {
	const digits = hex.replaceAll(" ", "");
	return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
		Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
	);
}

const newDecoder = (maximumPacketSize = 0x10000) => new Decoder({ maximumPacketSize, protocolVersion: 5 });
const decode = (hex: string) => [...newDecoder().push(bytes(hex))];

const publish = { cmd: "publish", topic: "a/b", payload: bytes("6869"), qos: 0, retain: false, dup: false } as const;
const connect = { cmd: "connect", clientId: "v1", cleanSession: true, keepAlive: 60 } as const;
const will = { topic: "w", payload: bytes("6f6666"), qos: 1, retain: false } as const;
const subscription = { topicFilter: "a/b", qos: 1 } as const;
const subscribe = { cmd: "subscribe", packetId: 7, subscriptions: [subscription] } as const;

const USER_PROPERTIES: Properties = {
	userProperties: [
		["b", "1"],
		["a", ""],
		["b", "3"],
	],
};
const USER_PROPERTIES_HEX = "26 0001 62 0001 31  26 0001 61 0000  26 0001 62 0001 33";
/** As they are handed on: a stranger may send hundreds of user properties. */
const RECEIVED_PROPERTIES: Properties = {
	payloadFormatIndicator: true,
	messageExpiryInterval: 60,
	contentType: "t",
	responseTopic: "r/é",
	correlationData: bytes("ff00"),
};
const MESSAGE_PROPERTIES: Properties = { ...RECEIVED_PROPERTIES, ...USER_PROPERTIES };
/** 43 bytes. */
const MESSAGE_PROPERTIES_HEX = `01 01  02 0000003c  03 0001 74  08 0004 722fc3a9  09 0002 ff00  ${USER_PROPERTIES_HEX}`;

const ENCODED: Record<string, [Packet, string]> = {
	"a CONNECT": [connect, "10 0f 0004 4d515454 05 02 003c 00 0002 7631"],
	"a CONNECT with an empty client id for a session that lasts [MQTT-3.1.3-6]": [
		{ ...connect, clientId: "", cleanSession: false },
		"10 0d 0004 4d515454 05 00 003c 00 0000",
	],
	"a CONNECT with every property": [
		{
			...connect,
			properties: {
				sessionExpiryInterval: 0xffff_ffff,
				receiveMaximum: 64,
				maximumPacketSize: 4_096,
				topicAliasMaximum: 0,
				requestResponseInformation: true,
				requestProblemInformation: false,
				authenticationMethod: "m",
				authenticationData: bytes(""),
				userProperties: [["a", "b"]],
			},
		},
		"10 31 0004 4d515454 05 02 003c  22  11 ffffffff  21 0040  27 00001000  22 0000  19 01  17 00  15 0001 6d  16 0000" +
			"26 0001 61 0001 62  0002 7631",
	],
	"a CONNECT with every property of a will [MQTT-3.1.3-1]": [
		{ ...connect, will: { ...will, properties: { willDelayInterval: 10, ...MESSAGE_PROPERTIES } }, username: "u" },
		`10 4b 0004 4d515454 05 8e 003c 00 0002 7631  30 18 0000000a ${MESSAGE_PROPERTIES_HEX} 0001 77 0003 6f6666 0001 75`,
	],
	"a CONNACK": [{ cmd: "connack", sessionPresent: true, reasonCode: 0 }, "20 03 01 00 00"],
	"a PUBLISH without properties [MQTT-2.2.2-1]": [publish, "30 08 0003 612f62 00 6869"],
	"a PUBLISH whose properties are all undefined": [
		{ ...publish, properties: { contentType: undefined as unknown as string, userProperties: [] } },
		"30 08 0003 612f62 00 6869",
	],
	"a PUBLISH with every property, user properties in their order [MQTT-3.3.2-18]": [
		{ ...publish, properties: { ...MESSAGE_PROPERTIES, subscriptionIdentifier: [1, 268_435_455], topicAlias: 65_535 } },
		`30 3d 0003 612f62 35 ${MESSAGE_PROPERTIES_HEX} 0b 01 0b ffffff7f 23 ffff 6869`,
	],
	"a PUBLISH that sets a topic alias": [
		{ ...publish, qos: 1, packetId: 0x1234, properties: { topicAlias: 1 } },
		"32 0d 0003 612f62 1234 03 23 0001 6869",
	],
	"a PUBLISH with a topic alias in place of the topic name": [
		{ ...publish, topic: "", qos: 1, packetId: 0x1234, properties: { topicAlias: 1 } },
		"32 0a 0000 1234 03 23 0001 6869",
	],
	"a PUBACK of success without a reason code (3.4.2.1)": [{ cmd: "puback", packetId: 0x1234 }, "40 02 1234"],
	"a PUBACK of success with empty properties, in the same way": [
		{ cmd: "puback", packetId: 0x1234, reasonCode: 0, properties: { userProperties: [] } },
		"40 02 1234",
	],
	"a PUBACK with a reason code": [{ cmd: "puback", packetId: 0x1234, reasonCode: 0x87 }, "40 04 1234 87 00"],
	"a PUBACK with properties": [
		{ cmd: "puback", packetId: 0x1234, properties: { reasonString: "x" } },
		"40 08 1234 00 04 1f 0001 78",
	],
	"a PUBREC with a reason code": [{ cmd: "pubrec", packetId: 1, reasonCode: 0x91 }, "50 04 0001 91 00"],
	"a PUBREL with a reason code": [{ cmd: "pubrel", packetId: 1, reasonCode: 0x92 }, "62 04 0001 92 00"],
	"a PUBCOMP with a reason code": [{ cmd: "pubcomp", packetId: 1, reasonCode: 0x92 }, "70 04 0001 92 00"],
	"a SUBSCRIBE": [subscribe, "82 09 0007 00 0003 612f62 01"],
	"a SUBSCRIBE with every option (3.8.3.1)": [
		{
			...subscribe,
			subscriptions: [{ ...subscription, noLocal: true, retainAsPublished: true, retainHandling: 2 }],
			properties: { subscriptionIdentifier: 128, ...USER_PROPERTIES },
		},
		`82 20 0007 17 0b 8001 ${USER_PROPERTIES_HEX} 0003 612f62 2d`,
	],
	"a SUBSCRIBE to a shared subscription [MQTT-4.8.2-1]": [
		{ ...subscribe, subscriptions: [{ topicFilter: "$share/g/#", qos: 0, retainHandling: 1 }] },
		"82 10 0007 00 000a 2473686172652f672f23 10",
	],
	"a SUBACK": [
		{ cmd: "suback", packetId: 7, reasonCodes: [1, 0x9e], properties: { reasonString: "x" } },
		"90 09 0007 04 1f 0001 78 01 9e",
	],
	"an UNSUBSCRIBE": [
		{ cmd: "unsubscribe", packetId: 7, topicFilters: ["a"], properties: USER_PROPERTIES },
		`a2 1a 0007 14 ${USER_PROPERTIES_HEX} 0001 61`,
	],
	"an UNSUBACK": [{ cmd: "unsuback", packetId: 7, reasonCodes: [0, 0x11] }, "b0 05 0007 00 00 11"],
	"a PINGREQ": [{ cmd: "pingreq" }, "c0 00"],
	"a PINGRESP": [{ cmd: "pingresp" }, "d0 00"],
	"a DISCONNECT without a reason (3.14.2.1)": [{ cmd: "disconnect" }, "e0 00"],
	"a DISCONNECT with reason code 0": [{ cmd: "disconnect", reasonCode: 0, properties: {} }, "e0 00"],
	"a DISCONNECT with a reason code": [{ cmd: "disconnect", reasonCode: 0x93 }, "e0 02 93 00"],
	"a DISCONNECT that changes how long the session lasts": [
		{ cmd: "disconnect", properties: { sessionExpiryInterval: 0 } },
		"e0 07 00 05 11 00000000",
	],
	"an AUTH": [
		{ cmd: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m", authenticationData: bytes("00") } },
		"f0 0a 18 08 15 0001 6d 16 0001 00",
	],
};

for (const [name, [packet, expected]] of Object.entries(ENCODED)) {
	test(`${name} is encoded`, () => deepEqual(encode(packet, 5), bytes(expected)));
}

/** One packet serves all versions. */
const OLDER: Record<string, [Packet, ProtocolVersion, string]> = {
	"properties of a CONNECT and its will": [
		{ ...connect, will: { ...will, properties: MESSAGE_PROPERTIES }, properties: { receiveMaximum: 1 } },
		4,
		"10 16 0004 4d515454 04 0e 003c 0002 7631 0001 77 0003 6f6666",
	],
	"properties of a CONNECT of MQTT 3.1": [
		{ ...connect, properties: { receiveMaximum: 1 } },
		3,
		"10 10 0006 4d5149736470 03 02 003c 0002 7631",
	],
	"properties of a PUBLISH": [{ ...publish, properties: { contentType: "t" } }, 4, "30 07 0003 612f62 6869"],
	"the reason code of a PUBACK": [{ cmd: "puback", packetId: 1, reasonCode: 0x87 }, 3, "40 02 0001"],
	"the reason code of a DISCONNECT": [{ cmd: "disconnect", reasonCode: 0x93 }, 4, "e0 00"],
	"the options of a subscription": [
		{ ...subscribe, subscriptions: [{ ...subscription, noLocal: true, retainAsPublished: true, retainHandling: 2 }] },
		4,
		"82 08 0007 0003 612f62 01",
	],
	"the reason codes of an UNSUBACK": [{ cmd: "unsuback", packetId: 7, reasonCodes: [0x11] }, 4, "b0 02 0007"],
};

for (const [name, [packet, version, expected]] of Object.entries(OLDER)) {
	test(`before MQTT 5.0, ${name} are left out`, () => deepEqual(encode(packet, version), bytes(expected)));
}

const LONG = "x".repeat(65_536);
const connectWith = (properties: Properties): Packet => ({ ...connect, properties });
const publishWith = (properties: Properties): Packet => ({ ...publish, properties });
const subscribeTo = (topicFilter: string, more = {}): Packet => ({
	...subscribe,
	subscriptions: [{ topicFilter, qos: 0, ...more }],
});

const NOT_ENCODED: Record<string, [Packet, RegExp]> = {
	"a property that is not one": [publishWith({ colour: 1 } as Properties), /colour does not belong there/],
	"a property of another packet (table 2-4)": [
		publishWith({ receiveMaximum: 1 }),
		/^cannot encode PUBLISH: receiveMaximum does not belong there/,
	],
	"a will delay outside a will": [connectWith({ willDelayInterval: 1 }), /willDelayInterval does not belong/],
	"a topic alias in a will": [
		{ ...connect, will: { ...will, properties: { topicAlias: 1 } } },
		/topicAlias does not belong/,
	],
	"a receive maximum of 0 (3.1.2.11.3)": [connectWith({ receiveMaximum: 0 }), /Invalid receiveMaximum: 0/],
	"a receive maximum of 65,536": [connectWith({ receiveMaximum: 65_536 }), /Invalid receiveMaximum: 65536/],
	"a negative number": [connectWith({ topicAliasMaximum: -1 }), /Invalid topicAliasMaximum: -1/],
	"a fraction": [connectWith({ sessionExpiryInterval: 0.5 }), /Invalid sessionExpiryInterval: 0.5/],
	"no number": [connectWith({ sessionExpiryInterval: Number.NaN }), /Invalid sessionExpiryInterval: NaN/],
	"a session expiry of 2^32 s": [connectWith({ sessionExpiryInterval: 2 ** 32 }), /Invalid sessionExpiryInterval/],
	"a maximum packet size of 0 (3.1.2.11.4)": [connectWith({ maximumPacketSize: 0 }), /Invalid maximumPacketSize: 0/],
	"a topic alias of 0 [MQTT-3.3.2-8]": [publishWith({ topicAlias: 0 }), /Invalid topicAlias: 0/],
	"a text for a number": [connectWith({ receiveMaximum: "1" as unknown as number }), /Invalid receiveMaximum: 1/],
	"a number for a truth value": [
		connectWith({ requestProblemInformation: 1 as unknown as boolean }),
		/Invalid requestProblemInformation: 1/,
	],
	"a maximum QoS of 2 (3.2.2.3.4)": [
		{ cmd: "connack", sessionPresent: false, reasonCode: 0, properties: { maximumQoS: 2 } },
		/Invalid maximumQoS: 2/,
	],
	"a subscription identifier of 0 (3.8.2.1.2)": [
		{ ...subscribe, properties: { subscriptionIdentifier: 0 } },
		/Invalid subscriptionIdentifier: 0/,
	],
	"a subscription identifier of 268,435,456": [
		{ ...subscribe, properties: { subscriptionIdentifier: 268_435_456 } },
		/Invalid subscriptionIdentifier/,
	],
	"two subscription identifiers in a SUBSCRIBE (3.8.2.1.2)": [
		{ ...subscribe, properties: { subscriptionIdentifier: [1, 2] } },
		/2 × subscriptionIdentifier/,
	],
	"an empty list of subscription identifiers": [
		publishWith({ subscriptionIdentifier: [] }),
		/0 × subscriptionIdentifier/,
	],
	"a subscription identifier of 0 among others": [
		publishWith({ subscriptionIdentifier: [1, 0] }),
		/Invalid subscriptionIdentifier: 0/,
	],
	"authentication data without a method (3.1.2.11.10)": [
		connectWith({ authenticationData: bytes("00") }),
		/without authenticationMethod/,
	],
	"a property with U+0000 [MQTT-1.5.4-2]": [publishWith({ contentType: "a\0" }), /contentType with U\+0000/],
	"a property of half a surrogate pair [MQTT-1.5.4-1]": [publishWith({ contentType: "\ud83d" }), /not well-formed/],
	"a text of 65,536 bytes": [publishWith({ contentType: LONG }), /contentType of more than 65535 bytes/],
	"binary data of 65,536 bytes": [
		publishWith({ correlationData: new Uint8Array(65_536) }),
		/correlationData of more than 65535 bytes/,
	],
	"a user property with U+0000 in its name [MQTT-1.5.7-1]": [
		publishWith({ userProperties: [["a\0", "b"]] }),
		/userProperties with U\+0000/,
	],
	"a user property with half a surrogate pair in its value [MQTT-1.5.7-1]": [
		publishWith({ userProperties: [["a", "\udc00"]] }),
		/userProperties that is not well-formed/,
	],
	"a response topic with a wildcard [MQTT-3.3.2-14]": [
		publishWith({ responseTopic: "a/+" }),
		/responseTopic: topic name with a wildcard/,
	],
	"an empty topic name without a topic alias (3.3.2.1)": [{ ...publish, topic: "" }, /empty topic name/],
	"a shared subscription with No Local [MQTT-3.8.3-4]": [
		subscribeTo("$share/g/a", { noLocal: true }),
		/shared subscription with No Local/,
	],
	"a shared subscription without a share name [MQTT-4.8.2-1]": [
		subscribeTo("$share//a"),
		/shared subscription without/,
	],
	"a shared subscription without a filter [MQTT-4.8.2-2]": [subscribeTo("$share/g"), /shared subscription without/],
	"a shared subscription with an empty filter [MQTT-4.8.2-2]": [
		subscribeTo("$share/g/"),
		/shared subscription without/,
	],
	"a share name with a wildcard [MQTT-4.8.2-2]": [subscribeTo("$share/+/a"), /shared subscription without/],
	"retain handling 3 (3.8.3.1)": [subscribeTo("a", { retainHandling: 3 }), /retain handling 3/],
	"a reason code of 256": [{ cmd: "disconnect", reasonCode: 256 }, /DISCONNECT: reason code 256/],
	"a negative reason code": [{ cmd: "puback", packetId: 1, reasonCode: -1 }, /PUBACK: reason code -1/],
};

for (const [name, [packet, message]] of Object.entries(NOT_ENCODED)) {
	test(`the encoder refuses ${name}`, () => void throws(() => encode(packet, 5), message));
}

test("before MQTT 5.0 no topic alias stands for an empty topic name [MQTT-4.7.3-1]", () => {
	const packet: Packet = { ...publish, topic: "", properties: { topicAlias: 1 } };
	for (const version of [3, 4] as const) throws(() => encode(packet, version), /empty topic name/);
});

test("before MQTT 5.0 there is no AUTH", () => {
	throws(() => encode({ cmd: "auth", reasonCode: 0x18 }, 4), /cannot encode AUTH: Invalid mqtt version/);
});

const hex2 = (byte: number) => byte.toString(16).padStart(2, "0");

const DECODED: Record<string, [string, BrokerPacket]> = {
	"a CONNACK": ["20 03 01 00 00", { cmd: "connack", sessionPresent: true, reasonCode: 0 }],
	"a CONNACK with every property": [
		`20 4d 00 00 4a 11 ffffffff 21 ffff 24 01 25 00 27 00001000 12 0002 7631 22 000a 1f 0001 78 ${USER_PROPERTIES_HEX}` +
			"28 01 29 00 2a 01 13 0000 1a 0001 72 1c 0001 73 15 0001 6d 16 0001 00",
		{
			cmd: "connack",
			sessionPresent: false,
			reasonCode: 0,
			properties: {
				sessionExpiryInterval: 0xffff_ffff,
				receiveMaximum: 65_535,
				maximumQoS: 1,
				retainAvailable: false,
				maximumPacketSize: 4_096,
				assignedClientIdentifier: "v1",
				topicAliasMaximum: 10,
				reasonString: "x",
				wildcardSubscriptionAvailable: true,
				subscriptionIdentifiersAvailable: false,
				sharedSubscriptionAvailable: true,
				serverKeepAlive: 0,
				responseInformation: "r",
				serverReference: "s",
				authenticationMethod: "m",
				authenticationData: bytes("00"),
			},
		},
	],
	"a CONNACK that refuses and says why": [
		"20 07 00 9d 04 1c 0001 73",
		{ cmd: "connack", sessionPresent: false, reasonCode: 0x9d, properties: { serverReference: "s" } },
	],
	"a PUBLISH without properties": ["30 08 0003 612f62 00 6869", publish],
	"a PUBLISH with every property, of which the user properties are not kept": [
		`3d 3f 0003 612f62 1234 35 ${MESSAGE_PROPERTIES_HEX} 0b 01 0b ffffff7f 23 ffff 6869`,
		{
			...publish,
			qos: 2,
			retain: true,
			dup: true,
			packetId: 0x1234,
			properties: { ...RECEIVED_PROPERTIES, subscriptionIdentifier: [1, 268_435_455], topicAlias: 65_535 },
		},
	],
	"a PUBLISH with a topic alias in place of the topic name": [
		"30 08 0000 03 23 0001 6869",
		{ ...publish, topic: "", properties: { topicAlias: 1 } },
	],
	"a PUBLISH with QoS 1 and one subscription identifier": [
		"32 0a 0001 61 0001 02 0b 7f 6869",
		{ ...publish, topic: "a", qos: 1, packetId: 1, properties: { subscriptionIdentifier: 127 } },
	],
	"the same subscription identifier twice (3.3.4)": [
		"30 0a 0001 61 04 0b 01 0b 01 6869",
		{ ...publish, topic: "a", properties: { subscriptionIdentifier: [1, 1] } },
	],
	"a PUBLISH with empty texts, empty data and zeros": [
		"30 13 0001 61 0d 03 0000 09 0000 01 00 02 00000000 6869",
		{
			...publish,
			topic: "a",
			properties: {
				contentType: "",
				correlationData: bytes(""),
				payloadFormatIndicator: false,
				messageExpiryInterval: 0,
			},
		},
	],
	"a payload that is no text although it is said to be, which is not the codec's to judge (3.3.2.3.2)": [
		"30 08 0001 61 02 01 01 ff00",
		{ ...publish, topic: "a", payload: bytes("ff00"), properties: { payloadFormatIndicator: true } },
	],
	"user properties alone, which are not kept, with an empty one and one that is no ASCII": [
		"30 17 0001 61 11 26 0006 6e616d65c3a9 0001 31  26 0000 0000 6869",
		{ ...publish, topic: "a" },
	],
	"a property with a byte order mark, which stays [MQTT-1.5.4-3]": [
		"30 0b 0001 61 07 03 0004 efbbbf61",
		{ ...publish, topic: "a", payload: bytes(""), properties: { contentType: "\ufeffa" } },
	],
	"a PUBACK of two bytes (3.4.2.1)": ["40 02 1234", { cmd: "puback", packetId: 0x1234, reasonCode: 0 }],
	"a PUBACK of three bytes (3.4.2.2.1)": ["40 03 1234 10", { cmd: "puback", packetId: 0x1234, reasonCode: 0x10 }],
	"a PUBACK with no properties": ["40 04 1234 87 00", { cmd: "puback", packetId: 0x1234, reasonCode: 0x87 }],
	"a PUBACK with properties": [
		`40 1c 1234 97 18 1f 0001 78 ${USER_PROPERTIES_HEX}`,
		{ cmd: "puback", packetId: 0x1234, reasonCode: 0x97, properties: { reasonString: "x" } },
	],
	"a PUBREC": ["50 03 0001 91", { cmd: "pubrec", packetId: 1, reasonCode: 0x91 }],
	"a PUBREL": ["62 04 0001 92 00", { cmd: "pubrel", packetId: 1, reasonCode: 0x92 }],
	"a PUBCOMP with properties": [
		"70 08 ffff 92 04 1f 0001 78",
		{ cmd: "pubcomp", packetId: 65_535, reasonCode: 0x92, properties: { reasonString: "x" } },
	],
	"a SUBACK": ["90 06 0007 00 00 02 a2", { cmd: "suback", packetId: 7, reasonCodes: [0, 2, 0xa2] }],
	"a SUBACK with properties": [
		"90 08 0007 04 1f 0001 78 8f",
		{ cmd: "suback", packetId: 7, reasonCodes: [0x8f], properties: { reasonString: "x" } },
	],
	"an UNSUBACK": ["b0 05 0007 00 00 11", { cmd: "unsuback", packetId: 7, reasonCodes: [0, 0x11] }],
	"a PINGRESP": ["d0 00", { cmd: "pingresp" }],
	"a DISCONNECT of no bytes (3.14.2.1)": ["e0 00", { cmd: "disconnect", reasonCode: 0 }],
	"a DISCONNECT of one byte (3.14.2.2.1)": ["e0 01 8b", { cmd: "disconnect", reasonCode: 0x8b }],
	"a DISCONNECT with no properties": ["e0 02 8e 00", { cmd: "disconnect", reasonCode: 0x8e }],
	"a DISCONNECT with properties": [
		"e0 0a 9c 08 1f 0001 78 1c 0001 73",
		{ cmd: "disconnect", reasonCode: 0x9c, properties: { reasonString: "x", serverReference: "s" } },
	],
	"an AUTH": [
		"f0 0a 18 08 15 0001 6d 16 0001 00",
		{ cmd: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m", authenticationData: bytes("00") } },
	],
	"an AUTH of no bytes (3.15.2.1)": ["f0 00", { cmd: "auth", reasonCode: 0 }],
	"the refusal of a broker of MQTT 3.1.1": ["20 02 00 01", { cmd: "connack", sessionPresent: false, reasonCode: 1 }],
	"another refusal in 3.1.1's form": ["20 02 00 05", { cmd: "connack", sessionPresent: false, reasonCode: 5 }],
	"a reason code of 5.0 in 3.1.1's form [MQTT-3.1.2-2]": [
		"20 02 00 84",
		{ cmd: "connack", sessionPresent: false, reasonCode: 0x84 },
	],
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
const VERSION = 0x84;
const TOPIC = 0x90;
const ALIAS = 0x94;

/** A CONNACK, PUBLISH to `a`, PUBACK with these properties and nothing after them. */
const withProperties = (begin: string) => (properties: string) => {
	const [header, rest] = [begin.slice(0, 2), begin.slice(2)];
	const hex = (count: number) => count.toString(16).padStart(2, "0");
	const length = bytes(properties).length;
	return `${header} ${hex(bytes(rest).length + 1 + length)} ${rest} ${hex(length)} ${properties}`;
};
const connackOf = withProperties("20 00 00");
const publishOf = withProperties("30 0001 61");
const pubackOf = withProperties("40 0001 00");
const disconnectOf = withProperties("e0 00");

const NOT_DECODED: Record<string, [string, RegExp, number]> = {
	"a remaining length of more bytes than it needs [MQTT-1.5.5-1]": ["40 82 00", /remaining length of more/, MALFORMED],
	"a fifth byte of remaining length (2.1.4)": ["30 ff ff ff ff", /more than 4 bytes/, MALFORMED],
	"a property length of more bytes than it needs [MQTT-1.5.5-1]": [
		"30 05 0001 61 80 00",
		/PUBLISH: a variable byte integer of more bytes/,
		MALFORMED,
	],
	"a property length of five bytes [MQTT-1.5.5-1]": [
		"30 08 0001 61 80 80 80 80 01",
		/PUBLISH: .*variable byte integer/,
		MALFORMED,
	],
	"a property length that ends with the packet": ["30 04 0001 61 80", /PUBLISH: /, MALFORMED],
	"a subscription identifier of more bytes than it needs [MQTT-1.5.5-1]": [
		publishOf("0b 81 00"),
		/variable byte integer of more/,
		MALFORMED,
	],
	"reserved header flags on a CONNACK [MQTT-2.1.3-1]": ["21 03 00 00 00", /CONNACK: Invalid header flag/, MALFORMED],
	"reserved header flags on a PUBREL [MQTT-3.6.1-1]": ["60 02 00 01", /PUBREL: Invalid header flag/, MALFORMED],
	"reserved header flags on a DISCONNECT [MQTT-3.14.1-1]": ["e1 00", /DISCONNECT: Invalid header flag/, MALFORMED],
	"reserved header flags on an AUTH [MQTT-3.15.1-1]": ["f2 00", /AUTH: Invalid header flag/, MALFORMED],
	"packet type 0": ["00", /must not send packet type 0/, PROTOCOL],
	"a CONNECT": ["10", /must not send CONNECT/, PROTOCOL],
	"a SUBSCRIBE": ["82", /must not send SUBSCRIBE/, PROTOCOL],
	"an UNSUBSCRIBE": ["a2", /must not send UNSUBSCRIBE/, PROTOCOL],
	"a PINGREQ": ["c0", /must not send PINGREQ/, PROTOCOL],
	"reserved CONNACK flags [MQTT-3.2.2-1]": ["20 03 02 00 00", /CONNACK: Invalid connack flags/, MALFORMED],
	"session present in a refusal [MQTT-3.2.2-6]": ["20 03 01 87 00", /session present in a refusal/, PROTOCOL],
	"session present in a refusal in 3.1.1's form": ["20 02 01 01", /session present in a refusal/, PROTOCOL],
	"a CONNACK of 3.1.1 that accepts": ["20 02 00 00", /CONNACK: it accepts MQTT 5.0 in the form of 3.1.1/, VERSION],
	"a return code of 6 in 3.1.1's form": ["20 02 00 06", /CONNACK: reason code 6/, MALFORMED],
	"a CONNACK return code in 5.0's form [MQTT-3.2.2-8]": ["20 03 00 01 00", /CONNACK: reason code 1/, MALFORMED],
	"a CONNACK of 1 byte": ["20 01", /CONNACK with a remaining length of 1/, MALFORMED],
	"a CONNACK with bytes after its properties": ["20 04 00 00 00 00", /property length 0, but 1 bytes/, MALFORMED],
	"a CONNACK whose properties reach beyond it": ["20 03 00 00 01", /CONNACK: /, MALFORMED],
	"a PUBLISH without property length [MQTT-2.2.2-1]": ["30 03 0001 61", /PUBLISH: no property length/, MALFORMED],
	"a PUBLISH whose properties reach beyond it": ["30 07 0001 61 04 01 01 02", /PUBLISH: /, MALFORMED],
	"a PUBLISH with QoS 1 that ends before its packet id": ["32 04 0001 61 01", /PUBLISH: /, MALFORMED],
	"packet id 0 in a PUBLISH [MQTT-2.2.1-4]": ["32 06 0001 61 0000 00", /PUBLISH: packet id 0/, PROTOCOL],
	"QoS 3 [MQTT-3.3.1-4]": ["36 07 0001 61 0001 00 62", /PUBLISH: .*both QoS bits/, MALFORMED],
	"DUP with QoS 0 [MQTT-3.3.1-2]": ["38 04 0001 61 00", /PUBLISH: DUP with QoS 0/, MALFORMED],
	"an empty topic name without topic alias (3.3.2.1)": ["30 03 0000 00", /neither topic name nor alias/, PROTOCOL],
	"a topic name with a wildcard [MQTT-3.3.2-2]": ["30 04 0001 23 00", /topic name with a wildcard/, TOPIC],
	"a topic name with U+0000 [MQTT-1.5.4-2]": ["30 05 0002 6100 00", /topic name with U\+0000/, MALFORMED],
	"a topic name that is not UTF-8 [MQTT-1.5.4-1]": ["30 05 0002 61ff 00", /PUBLISH: invalid UTF-8/, MALFORMED],
	"a response topic with a wildcard [MQTT-3.3.2-14]": [publishOf("08 0001 2b"), /response topic: .*wildcard/, PROTOCOL],
	"an empty response topic [MQTT-4.7.3-1]": [publishOf("08 0000"), /response topic: empty topic name/, PROTOCOL],
	"a topic alias of 0 [MQTT-3.3.2-8]": [publishOf("23 0000"), /PUBLISH: topicAlias 0/, ALIAS],
	"a topic alias twice (3.3.2.3.4)": [publishOf("23 0001 23 0002"), /PUBLISH: topicAlias twice/, PROTOCOL],
	"a content type twice, the first of them empty (3.3.2.3.9)": [
		publishOf("03 0000 03 0001 61"),
		/PUBLISH: contentType twice/,
		PROTOCOL,
	],
	"a payload format indicator of 2 (3.3.2.3.2)": [publishOf("01 02"), /payloadFormatIndicator 2/, PROTOCOL],
	"a subscription identifier of 0 (3.3.2.3.8)": [publishOf("0b 00"), /subscriptionIdentifier 0/, PROTOCOL],
	"a property that is longer than the properties": [
		"30 09 0001 61 03 02 0000003c",
		/PUBLISH: a property is longer/,
		MALFORMED,
	],
	"a text that is longer than the properties": [
		"30 09 0001 61 04 03 0002 61 61",
		/PUBLISH: a property is longer/,
		MALFORMED,
	],
	"binary data that is longer than the properties": [
		"30 09 0001 61 04 09 0002 61 61",
		/PUBLISH: a property is longer/,
		MALFORMED,
	],
	"a user property without value": [publishOf("26 0001 61"), /PUBLISH: /, MALFORMED],
	"property 0 (2.2.2.2)": [publishOf("00 00"), /PUBLISH: /, MALFORMED],
	"property 43 (2.2.2.2)": [publishOf("2b 00"), /PUBLISH: /, MALFORMED],
	"a property of another packet (2.2.2.2)": [publishOf("21 0001"), /receiveMaximum does not belong/, MALFORMED],
	"a will's property (2.2.2.2)": [publishOf("18 00000001"), /willDelayInterval does not belong/, MALFORMED],
	"a CONNECT's property in a CONNACK (2.2.2.2)": [connackOf("17 01"), /does not belong/, MALFORMED],
	"a PUBLISH's property in a PUBACK (2.2.2.2)": [pubackOf("23 0001"), /topicAlias does not belong/, MALFORMED],
	"a receive maximum of 0 (3.2.2.3.3)": [connackOf("21 0000"), /CONNACK: receiveMaximum 0/, PROTOCOL],
	"a receive maximum twice (3.2.2.3.3)": [connackOf("21 0001 21 0001"), /receiveMaximum twice/, PROTOCOL],
	"a maximum packet size of 0 (3.2.2.3.6)": [connackOf("27 00000000"), /maximumPacketSize 0/, PROTOCOL],
	"a maximum QoS of 2 (3.2.2.3.4)": [connackOf("24 02"), /maximumQoS 2/, PROTOCOL],
	"a maximum QoS of 0 twice (3.2.2.3.4)": [connackOf("24 00 24 00"), /maximumQoS twice/, PROTOCOL],
	"retain available 2 (3.2.2.3.5)": [connackOf("25 02"), /retainAvailable 2/, PROTOCOL],
	"wildcard subscription available 2 (3.2.2.3.11)": [connackOf("28 02"), /wildcardSubscriptionAvailable 2/, PROTOCOL],
	"subscription identifiers available 2 (3.2.2.3.12)": [
		connackOf("29 ff"),
		/subscriptionIdentifiersAvailable 255/,
		PROTOCOL,
	],
	"shared subscription available 2 (3.2.2.3.13)": [connackOf("2a 02"), /sharedSubscriptionAvailable 2/, PROTOCOL],
	"a server keep alive twice, the first of them 0 (3.2.2.3.14)": [
		connackOf("13 0000 13 0001"),
		/serverKeepAlive twice/,
		PROTOCOL,
	],
	"authentication data twice (3.2.2.3.18)": [connackOf("16 0000 16 0000"), /authenticationData twice/, PROTOCOL],
	"a reason string twice (3.4.2.2.2)": [pubackOf("1f 0001 61 1f 0001 61"), /reasonString twice/, PROTOCOL],
	"a reason string with U+0000 [MQTT-1.5.4-2]": [pubackOf("1f 0002 6100"), /property with U\+0000/, MALFORMED],
	"a reason string that is not UTF-8 [MQTT-1.5.4-1]": [pubackOf("1f 0002 61ff"), /invalid UTF-8/, MALFORMED],
	"a reason string with a surrogate [MQTT-1.5.4-1]": [pubackOf("1f 0003 eda080"), /invalid UTF-8/, MALFORMED],
	"a user property with U+0000 in its name [MQTT-1.5.7-1]": [
		pubackOf("26 0001 00 0001 61"),
		/property with U\+0000/,
		MALFORMED,
	],
	"a user property that is not UTF-8 in its value [MQTT-1.5.7-1]": [
		pubackOf("26 0001 61 0001 80"),
		/invalid UTF-8/,
		MALFORMED,
	],
	"a PUBACK without packet id": ["40 00", /PUBACK with a remaining length of 0/, MALFORMED],
	"packet id 0 in a PUBACK [MQTT-2.2.1-3]": ["40 02 0000", /PUBACK: packet id 0/, PROTOCOL],
	"a PUBACK with bytes after its properties": ["40 05 0001 00 00 00", /property length 0, but 1/, MALFORMED],
	"a PUBACK reason code of 0x92 [MQTT-3.4.2-1]": ["40 03 0001 92", /Invalid puback reason code/, MALFORMED],
	"a PUBREC reason code of 0x92 [MQTT-3.5.2-1]": ["50 03 0001 92", /Invalid pubrec reason code/, MALFORMED],
	"a PUBREL reason code of 0x10 [MQTT-3.6.2-1]": ["62 03 0001 10", /Invalid pubrel reason code/, MALFORMED],
	"a PUBCOMP reason code of 0x80 [MQTT-3.7.2-1]": ["70 03 0001 80", /Invalid pubcomp reason code/, MALFORMED],
	"a SUBACK reason code of 3 [MQTT-3.9.3-2]": ["90 04 0001 00 03", /Invalid suback code/, MALFORMED],
	"an UNSUBACK reason code of 1 [MQTT-3.11.3-2]": ["b0 04 0001 00 01", /Invalid unsuback code/, MALFORMED],
	"a SUBACK of 3.1.1": ["90 03", /SUBACK with a remaining length of 3/, MALFORMED],
	"an UNSUBACK of 3.1.1": ["b0 02", /UNSUBACK with a remaining length of 2/, MALFORMED],
	"a SUBACK without reason code": ["90 07 0001 04 1f 0001 61", /SUBACK: no reason code/, MALFORMED],
	"an UNSUBACK without reason code": ["b0 07 0001 04 1f 0001 61", /UNSUBACK: no reason code/, MALFORMED],
	"a SUBACK whose properties reach beyond it": ["90 04 0001 02 01", /SUBACK: /, MALFORMED],
	"a PINGRESP of 1 byte": ["d0 01", /PINGRESP with a remaining length of 1/, MALFORMED],
	"a DISCONNECT reason code of a PUBACK [MQTT-3.14.2-1]": ["e0 01 10", /Invalid disconnect reason code/, MALFORMED],
	"a DISCONNECT with the client's reason code [MQTT-3.14.2-1]": ["e0 01 04", /reason code 4/, MALFORMED],
	"a session expiry interval in a broker's DISCONNECT [MQTT-3.14.2-2]": [
		disconnectOf("11 00000001"),
		/DISCONNECT: session expiry interval/,
		PROTOCOL,
	],
	"a DISCONNECT with bytes after its properties": ["e0 03 8b 00 00", /property length 0, but 1/, MALFORMED],
	"an AUTH reason code of 1 [MQTT-3.15.2-1]": ["f0 06 01 04 15 0001 6d", /Invalid auth reason code/, MALFORMED],
	"an AUTH with the client's reason code [MQTT-3.15.2-1]": ["f0 06 19 04 15 0001 6d", /reason code 25/, MALFORMED],
	"an AUTH without method (3.15.2.2.2)": ["f0 02 18 00", /no authentication method/, PROTOCOL],
};

for (const [name, [hex, message, reasonCode]] of Object.entries(NOT_DECODED)) {
	test(`the decoder refuses ${name}`, () => {
		const error = throws(() => decode(hex), message);
		ok(error instanceof ProtocolError);
		equal(error.reasonCode, reasonCode);
	});
}

/** 3.2.2.2, table 3-1. */
const CONNACK_REASON_CODES = "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"
	.split(" ")
	.map((hex) => Number.parseInt(hex, 16));

test("a CONNACK has one of its own reason codes and no other [MQTT-3.2.2-8]", () => {
	const taken = [];
	for (let code = 0; code < 0x100; code++) {
		try {
			taken.push(...newDecoder().push(Uint8Array.of(0x20, 3, 0, code, 0)));
		} catch (error) {
			ok(error instanceof ProtocolError);
		}
	}
	deepEqual(
		taken.map((packet) => packet.cmd === "connack" && packet.reasonCode),
		CONNACK_REASON_CODES,
	);
});

test("each property that a CONNACK may not have twice is refused the second time, and the user property is not", () => {
	const texts = [18, 21, 26, 28, 31].map((id) => [id, 0, 1, 0x61]);
	const numbers = [17, 19, 33, 34, 36, 37, 39, 40, 41, 42].map((id) => [
		id,
		...new Array(id === 17 || id === 39 ? 3 : id === 19 || id < 36 ? 1 : 0).fill(0),
		1,
	]);
	for (const property of [...texts, ...numbers, [22, 0, 0]]) {
		const packet = (times: number) =>
			Uint8Array.of(
				0x20,
				3 + times * property.length,
				0,
				0,
				times * property.length,
				...new Array(times).fill(property).flat(),
			);
		equal([...newDecoder().push(packet(1))].length, 1, `property ${property[0]}`);
		const error = throws(() => [...newDecoder().push(packet(2))], /twice/);
		equal((error as ProtocolError).reasonCode, PROTOCOL, `property ${property[0]}`);
	}
});

test("a packet larger than the maximum is refused when its fixed header is complete, unless it is a PUBLISH (3.1.2.11.4)", () => {
	for (const [name, first] of [
		["PUBACK", "40"],
		["SUBACK", "90"],
		["UNSUBACK", "b0"],
		["DISCONNECT", "e0"],
	] as const) {
		const error = throws(
			() => [...newDecoder(10).push(bytes(`${first} 09`))],
			new RegExp(`^${name} of 11 bytes, more than 10$`),
		);
		equal((error as ProtocolError).reasonCode, 0x95);
	}
	deepEqual([...newDecoder(10).push(bytes("30 09"))], []);
});

test("800 user properties are read over, and the ill-formed one among them is found", () => {
	const packet = (last: string) => {
		const pairs = [...Array.from({ length: 799 }, () => "26 0000 0000"), last].join(" ");
		const length = bytes(pairs).length;
		const sized = (size: number) => `${hex2((size & 0x7f) | 0x80)} ${hex2(size >> 7)}`;
		return bytes(`30 ${sized(3 + 2 + length)} 0001 61 ${sized(length)} ${pairs}`);
	};
	deepEqual([...newDecoder().push(packet("26 0001 6e 0000"))], [{ ...publish, topic: "a", payload: bytes("") }]);
	throws(() => [...newDecoder().push(packet("26 0001 6e 0001 ff"))], /PUBLISH: invalid UTF-8/);
	throws(() => [...newDecoder().push(packet("26 0001 00 0001 61"))], /PUBLISH: a property with U\+0000/);
	throws(() => [...newDecoder().push(packet("26 0001 6e 0002 61"))], /PUBLISH: a property is longer/);
});

test("what may come again and again in a packet is refused before anything is made of it", () => {
	const repeated = (property: string, count: number) => {
		const properties = Array.from({ length: count }, () => property).join(" ");
		return `30 ${hex2(4 + bytes(properties).length)} 0001 61 ${hex2(bytes(properties).length)} ${properties}`;
	};
	deepEqual(decode(repeated("0b 01", 32)).length, 1);
	throws(() => decode(repeated("0b 01", 33)), /more than 32 × subscriptionIdentifier/);
	throws(() => decode(repeated("03 0001 74", 2)), /contentType twice/);
	const codes = (count: number) => `0007 00 ${"00 ".repeat(count)}`;
	deepEqual(decode(`90 23 ${codes(32)}`).length, 1);
	throws(() => decode(`90 24 ${codes(33)}`), /SUBACK: 33 reason codes/);
	throws(() => decode(`b0 24 ${codes(33)}`), /UNSUBACK: 33 reason codes/);
});

test("many packets in one piece, the last of them incomplete", () => {
	const decoder = newDecoder();
	deepEqual(
		[...decoder.push(bytes("20 06 00 00 03 22 000a  40 03 0001 10  30 04 0001 61 00  e0 01 8b  90"))].map(
			({ cmd }) => cmd,
		),
		["connack", "puback", "publish", "disconnect"],
	);
	deepEqual([...decoder.push(bytes("04 0007 00 01"))], [{ cmd: "suback", packetId: 7, reasonCodes: [1] }]);
});

test("a property length of two bytes is decoded", () => {
	const reasonString = "x".repeat(200);
	const packet: Packet = { cmd: "disconnect", reasonCode: 0x80, properties: { reasonString } };
	const encoded = encode(packet, 5);
	deepEqual(encoded.subarray(0, 8), bytes("e0 ce01 80 cb01 1f 00"));
	deepEqual([...newDecoder().push(encoded)], [packet]);
});

test("random bytes give packets or a ProtocolError, the same in one piece and in many", () => {
	const valid = Object.values(DECODED).map(([hex]) => bytes(hex));
	assertMutations(valid, newDecoder, 5);
});

test("what the encoder writes for a broker's packets, the decoder reads", () => {
	for (const [name, [, packet]] of Object.entries(DECODED)) {
		if (/3\.1\.1/.test(name) || packet.cmd === "auth") continue;
		deepEqual([...newDecoder().push(encode(packet, 5))], [packet], name);
	}
});

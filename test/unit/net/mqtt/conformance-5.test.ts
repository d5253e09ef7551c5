/**
 * Normative statements of MQTT 5.0 that the other tests do not prove. Which
 * test proves which statement is in `docs/mqtt-conformance.md`.
 */
import { encode } from "../../../../src/net/mqtt/codec/codec.ts";
import { equal, match, ok, test, throws } from "../../../harness/harness.ts";
import { linked } from "../../../harness/linked.ts";
import {
	ascii,
	CONNACK,
	hex,
	PINGREQ,
	puback,
	pubcomp,
	pubrec,
	pubrel,
	Transcript,
} from "../../../harness/transcript.ts";

/** CONNECT with session expiry of a day, receive maximum 64, maximum packet size 4096. */
const CONNECT_5 = "10 1b 00 04 4d 51 54 54 05 00 00 3c 0d 11 00 01 51 80 21 00 40 27 00 00 10 00 00 01 63";
/** The same with clean start and a session expiry of 0. */
const CLEAN_CONNECT_5 = CONNECT_5.replace("05 00 00 3c 0d 11 00 01 51 80", "05 02 00 3c 0d 11 00 00 00 00");
const CONNACK_5 = "20 03 00 00 00";
const SESSION_PRESENT_5 = "20 03 01 00 00";
/** A receive maximum of 1. */
const CONNACK_WINDOW_OF_ONE = "20 06 00 00 03 21 00 01";

/** A PUBLISH of MQTT 5.0 without properties. */
function publish5(packetId: number, topic: string, payload: string, { qos = 1, dup = false } = {}): string {
	const id = qos > 0 ? [packetId >> 8, packetId & 255] : [];
	const body = [0, topic.length, ...ascii(topic), ...id, 0, ...ascii(payload)];
	return hex(Uint8Array.of(0x30 | (dup ? 8 : 0) | (qos << 1), body.length, ...body));
}
const atQoS2 = (packetId: number, payload: string, dup = false) => publish5(packetId, "t", payload, { qos: 2, dup });
const start = (options: ConstructorParameters<typeof Transcript>[0] = {}) =>
	new Transcript({ protocolVersion: 5, ...options });
const connected = (connack = CONNACK_5) => start().opens(0).sends(0, CONNECT_5).receives(0, connack);

test("every packet of a client begins with the flags of its type [5.0: MQTT-2.1.3-1]", () => {
	const transcript = start();
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, CONNACK_5);
	transcript.sends(0, "82 07 00 01 00 00 01 61 01").receives(1, "90 04 00 01 00 01");
	transcript.queuesAt(2, "m").sends(1, atQoS2(2, "m")).receives(2, pubrec(2)).sends(2, "62 02 00 02");
	transcript.receives(3, publish5(7, "a", "x")).sends(3, "40 02 00 07");
	transcript.receives(4, publish5(8, "a", "x", { qos: 2 })).sends(4, "50 02 00 08");
	transcript.receives(5, pubrel(8)).sends(5, "70 02 00 08");
	transcript.session.unsubscribe("a");
	transcript
		.sends(6, "a2 06 00 03 00 00 01 61")
		.receives(6, `b0 04 00 03 00 00 ${pubcomp(2)}`)
		.sends(59_506, "c0 00");
	equal(hex(transcript.session.disconnect()!), "e0 00");
});

test("a packet with flags that its type does not have ends the connection [5.0: MQTT-2.1.3-1, 3.14.1-1, 3.15.1-1]", () => {
	const packets = [CONNACK_5, puback(1), pubrec(1), pubrel(1), pubcomp(1), "90 04 00 01 00 00", "b0 04 00 01 00 00"];
	for (const packet of [...packets, "d0 00", "e0 00", "f0 06 18 04 15 00 01 6d"]) {
		const [type, right] = [Number.parseInt(packet.slice(0, 1), 16), Number.parseInt(packet.slice(1, 2), 16)];
		for (let flags = 0; flags < 16; flags++) {
			if (flags === right) continue;
			const transcript = packet === CONNACK_5 ? start().opens(0).sends(0, CONNECT_5) : connected();
			const received = hex(Uint8Array.of((type << 4) | flags)) + packet.slice(2);
			transcript.failsWhen(() => transcript.receives(1, received), /Invalid header flag bits/);
		}
	}
});

test("ids are shared by SUBSCRIBE, UNSUBSCRIBE and PUBLISH, begin with 1, and those in use are left out [5.0: MQTT-2.2.1-3]", () => {
	const transcript = start();
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, CONNACK_5).sends(0, "82 07 00 01 00 00 01 61 01");
	for (let packetId = 2; packetId <= 65_535; packetId++) {
		transcript.queues("n");
		transcript.session.transmit(0);
		transcript.session.transmitted(0);
		transcript.session.receive(Uint8Array.of(0x40, 2, packetId >> 8, packetId & 255), 0);
	}
	transcript.session.unsubscribe("a");
	transcript.queues("m").sends(0, "a2 06 00 02 00 00 01 61", publish5(3, "t", "m"));
});

test("a connection has one CONNECT, however long it lasts [5.0: MQTT-3.1.0-2]", () => {
	start().opens(0).sends(0, CONNECT_5).silent(9_000).receives(9_000, CONNACK_5).silent(59_499);
});

test("a clean start takes over nothing from the session before [5.0: MQTT-3.1.2-4]", () => {
	const transcript = start({ cleanSession: true }).queues("m");
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.opens(0).sends(0, CLEAN_CONNECT_5).receives(1, CONNACK_5);
	transcript.sends(1, "82 07 00 01 00 00 01 61 01", publish5(2, "t", "m"));
	transcript
		.receives(2, `90 04 00 01 00 01 ${publish5(8, "a", "x", { qos: 2 })}`)
		.sends(2, pubrec(8))
		.closes();
	transcript.opens(1_000).sends(1_000, CLEAN_CONNECT_5).receives(1_001, CONNACK_5);
	transcript.sends(1_001, "82 07 00 04 00 00 01 61 01", publish5(3, "t", "m"));
	transcript.receives(1_002, publish5(8, "a", "y", { qos: 2 })).sends(1_002, pubrec(8));
	ok(transcript.told.includes("message a y qos 2"));
});

test("a session that is present after a clean start ends the connection [5.0: MQTT-3.2.2-2]", () => {
	const transcript = start({ cleanSession: true }).opens(0).sends(0, CLEAN_CONNECT_5);
	transcript.failsWhen(() => transcript.receives(1, SESSION_PRESENT_5), /session is present although/);
});

test("a session that the broker does not have any more is discarded: ids, DUP, received ids, releases, subscriptions [5.0: MQTT-3.2.2-5]", () => {
	const transcript = start().queues("m").queuesAt(2, "r");
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, CONNACK_5);
	transcript.sends(0, "82 07 00 01 00 00 01 61 01", publish5(2, "t", "m"), atQoS2(3, "r"));
	transcript.receives(1, `90 04 00 01 00 01 ${publish5(8, "a", "x", { qos: 2 })} ${pubrec(3)}`);
	transcript.sends(1, pubrec(8), pubrel(3)).closes();
	transcript.opens(1_000).sends(1_000, CONNECT_5).receives(1_001, CONNACK_5);
	transcript.sends(1_001, "82 07 00 06 00 00 01 61 01", publish5(4, "t", "m"), atQoS2(5, "r"));
	transcript.receives(1_002, publish5(8, "a", "y", { qos: 2 })).sends(1_002, pubrec(8));
	ok(transcript.told.includes("message a y qos 2"));
});

test("a session outlives its connection, with what was sent, received and subscribed to [5.0: MQTT-3.1.2-23]", () => {
	const transcript = start().queues("m");
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, CONNACK_5);
	transcript.sends(0, "82 07 00 01 00 00 01 61 01", publish5(2, "t", "m"));
	transcript
		.receives(1, `90 04 00 01 00 01 ${publish5(8, "a", "x", { qos: 2 })}`)
		.sends(1, pubrec(8))
		.closes();
	transcript
		.opens(10 ** 7)
		.sends(10 ** 7, CONNECT_5)
		.receives(10 ** 7, SESSION_PRESENT_5);
	transcript.sends(10 ** 7, publish5(2, "t", "m", { dup: true }));
	transcript.receives(10 ** 7, publish5(8, "a", "x", { qos: 2, dup: true })).sends(10 ** 7, pubrec(8));
	transcript.tells("connected", "published m", "subscribed a 1", "message a x qos 2", "resumed", "redelivered m");
});

test("a session is not discarded while its connection is open, however long that is [5.0: MQTT-4.1.0-1]", () => {
	const transcript = start({ keepAlive: 0, sessionExpiryInterval: 1 }).opens(0);
	transcript.session.transmit(0);
	transcript.session.transmitted(0);
	transcript
		.receives(0, CONNACK_5)
		.receives(1, publish5(8, "a", "x", { qos: 2 }))
		.sends(1, pubrec(8))
		.silent(10 ** 9);
	transcript.receives(10 ** 9, publish5(8, "a", "x", { qos: 2, dup: true })).sends(10 ** 9, pubrec(8));
	transcript.tells("connected", "message a x qos 2");
});

test("client id, will properties, will topic, will payload, user name and password come in this order [5.0: MQTT-3.1.3-1]", () => {
	const properties = { willDelayInterval: 5, contentType: "t" };
	const will = { topic: "w", payload: ascii("off"), qos: 1, retain: true, properties } as const;
	const body = "00 01 63 09 18 00 00 00 05 03 00 01 74 00 01 77 00 03 6f 66 66 00 01 75 00 01 70";
	start({ will, username: "u", password: "p" })
		.opens(0)
		.sends(0, CONNECT_5.replace("10 1b", "10 33").replace("05 00 00 3c", "05 ec 00 3c").replace("00 01 63", body));
});

test("a user name alone sets its flag alone [5.0: MQTT-3.1.2-17, 3.1.2-18]", () => {
	start({ username: "u" })
		.opens(0)
		.sends(0, CONNECT_5.replace("10 1b", "10 1e").replace("05 00 00 3c", "05 80 00 3c").concat(" 00 01 75"));
});

for (const [what, packets, reason] of [
	["a PUBACK before CONNACK [5.0: MQTT-3.2.0-1]", puback(1), /PUBACK before its CONNACK/],
	["a PUBLISH before CONNACK [5.0: MQTT-3.2.0-1]", publish5(1, "t", "a"), /PUBLISH before its CONNACK/],
	["a PINGRESP before CONNACK [5.0: MQTT-3.2.0-1]", "d0 00", /PINGRESP before its CONNACK/],
	["a DISCONNECT before CONNACK [5.0: MQTT-3.14.0-1]", "e0 01 89", /DISCONNECT before its CONNACK/],
	["a second CONNACK [5.0: MQTT-3.2.0-2]", `${CONNACK_5} ${CONNACK_5}`, /second CONNACK/],
	["an AUTH without a method in the CONNECT [5.0: MQTT-4.12.0-6]", `${CONNACK_5} f0 06 18 04 15 00 01 6d`, /AUTH/],
] as const) {
	test(`${what} ends the connection`, () => {
		const transcript = start().opens(0).sends(0, CONNECT_5);
		transcript.failsWhen(() => transcript.receives(1, packets), reason);
	});
}

for (const [what, packet, reason] of [
	["a SUBACK with another id [5.0: MQTT-2.2.1-6, 3.8.4-2]", "90 05 00 02 00 01 01", /a SUBACK for the packet id 2/],
	["an UNSUBACK for a SUBSCRIBE [5.0: MQTT-2.2.1-6]", "b0 05 00 01 00 00 00", /an UNSUBACK for the packet id 1/],
] as const) {
	test(`${what} is told, and the SUBSCRIBE still waits`, () => {
		const transcript = twoFilters().receives(1, packet);
		match(transcript.told.splice(0).join(), reason);
		transcript.pinged(10_000).receives(10_000, "90 05 00 01 00 01 00").tells("subscribed a 1", "subscribed b 0");
	});
}

test("a SUBACK without a code for each filter [5.0: MQTT-3.8.4-6] ends the connection", () => {
	const transcript = twoFilters();
	transcript.failsWhen(() => transcript.receives(1, "90 04 00 01 00 01"), /1 reason codes for 2/);
});

/** A SUBSCRIBE of two topic filters has left. */
function twoFilters(): Transcript {
	const transcript = start();
	for (const topicFilter of ["a", "b"]) transcript.session.subscribe({ topicFilter, qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, CONNACK_5).sends(0, "82 0b 00 01 00 00 01 61 01 00 01 62 01");
	return transcript.tells("connected");
}

test("reason codes of SUBACK and UNSUBACK count in the order of the filters [5.0: MQTT-3.9.3-1, 3.11.3-1, 3.10.4-5]", () => {
	const transcript = start();
	for (const topicFilter of ["a", "b"]) transcript.session.subscribe({ topicFilter, qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, CONNACK_5).sends(0, "82 0b 00 01 00 00 01 61 01 00 01 62 01");
	transcript.receives(1, "90 05 00 01 00 01 87").tells("connected", "subscribed a 1", "subscribed b 135");
	for (const topicFilter of ["a", "b"]) transcript.session.unsubscribe(topicFilter);
	transcript.sends(2, "a2 09 00 02 00 00 01 61 00 01 62").receives(3, "b0 05 00 02 00 00 11");
	transcript.tells("unsubscribed a 0", "unsubscribed b 17");
});

test("a refused CONNECT acknowledges nothing of what followed it [5.0: MQTT-3.1.4-6]", () => {
	const transcript = start({ pipelining: true })
		.queues("a")
		.opens(0)
		.sends(0, CONNECT_5, publish5(1, "t", "a"));
	transcript.failsWhen(() => transcript.receives(1, "20 03 00 87 00"), /not authorized/).tells("published a");
	transcript
		.opens(1_000)
		.sends(1_000, CONNECT_5)
		.receives(1_001, CONNACK_5)
		.sends(1_001, publish5(2, "t", "a"));
});

test("a QoS 0 message has neither id nor DUP, and is sent once [5.0: MQTT-2.2.1-2, 3.3.1-2, 4.3.1-1]", () => {
	const transcript = connected().queuesAt(0, "a").sends(0, "30 05 00 01 74 00 61").closes();
	transcript.opens(1_000).sends(1_000, CONNECT_5).receives(1_001, SESSION_PRESENT_5).silent(50_000);
});

test("a QoS 1 message is unacknowledged until its PUBACK, and sent once on a connection [5.0: MQTT-4.3.2-1, 4.3.2-2, 4.3.2-3]", () => {
	const transcript = connected()
		.queues("a", "b")
		.sends(0, publish5(1, "t", "a"), publish5(2, "t", "b"))
		.pinged(19_000);
	transcript.receives(19_000, puback(2)).tells("connected", "published a", "published b", "acknowledged b");
	equal(transcript.session.inFlight, 1);
	transcript
		.receives(19_000, puback(1))
		.tells("acknowledged a")
		.queues("c")
		.sends(19_000, publish5(3, "t", "c"));
});

test("a QoS 2 message is unacknowledged until its PUBREC, and its PUBREL until the PUBCOMP [5.0: MQTT-4.3.3-1, 4.3.3-2, 4.3.3-3, 4.3.3-4, 4.3.3-5]", () => {
	const transcript = connected().queuesAt(2, "a").sends(0, atQoS2(1, "a")).pinged(10_000);
	transcript.receives(10_000, pubrec(1)).sends(10_000, pubrel(1)).pinged(20_000).tells("connected", "published a");
	equal(transcript.session.inFlight, 1);
	transcript.receives(20_000, pubcomp(1)).tells("acknowledged a");
	equal(transcript.session.inFlight, 0);
});

test("after its PUBREL a message is not published again: the PUBREL is, on the next connection [5.0: MQTT-4.3.3-6, 4.4.0-1]", () => {
	const transcript = connected().queuesAt(2, "a").queuesAt(2, "b").sends(0, atQoS2(1, "a"), atQoS2(2, "b"));
	transcript.receives(1, pubrec(1)).sends(1, pubrel(1)).pinged(15_000).closes();
	transcript.opens(20_000).sends(20_000, CONNECT_5).silent(21_000).receives(21_000, SESSION_PRESENT_5);
	transcript.sends(21_000, pubrel(1), atQoS2(2, "b", true)).pinged(40_000);
	transcript
		.receives(40_000, `${pubcomp(1)} ${pubrec(2)}`)
		.sends(40_000, pubrel(2))
		.receives(40_001, pubcomp(2));
	equal(transcript.session.inFlight, 0);
});

test("what was refused with a reason code of 0x80 or more is not sent again after a reconnect either [5.0: MQTT-4.4.0-2]", () => {
	const transcript = connected()
		.queues("a")
		.queuesAt(2, "b")
		.sends(0, publish5(1, "t", "a"), atQoS2(2, "b"));
	transcript.receives(1, "40 03 00 01 97 50 03 00 02 87").closes();
	transcript.opens(1_000).sends(1_000, CONNECT_5).receives(1_001, SESSION_PRESENT_5).silent(50_000);
});

test("messages again leave in their first order, whatever their QoS [5.0: MQTT-3.3.1-1, 4.6.0-1]", () => {
	const transcript = connected().queues("a").queuesAt(2, "b").queues("c").queuesAt(2, "d");
	transcript.sends(0, publish5(1, "t", "a"), atQoS2(2, "b"), publish5(3, "t", "c"), atQoS2(4, "d"));
	transcript.receives(1, puback(3)).closes();
	transcript.opens(1_000).sends(1_000, CONNECT_5).receives(1_001, SESSION_PRESENT_5);
	transcript.sends(1_001, publish5(1, "t", "a", { dup: true }), atQoS2(2, "b", true), atQoS2(4, "d", true));
});

test("a QoS 1 message is answered by a PUBACK with its id, and after that the id is a new message's [5.0: MQTT-4.3.2-4, 4.3.2-5, 3.4.2-1]", () => {
	const transcript = connected()
		.receives(1, publish5(7, "a", "x"))
		.sends(1, "40 02 00 07");
	transcript.receives(2, publish5(7, "a", "y", { dup: true })).sends(2, "40 02 00 07");
	transcript.tells("connected", "message a x qos 1", "message a y qos 1 dup");
});

test("a QoS 2 message is handed on once until its PUBREL, and after its PUBCOMP the id is a new message's [5.0: MQTT-4.3.3-8, 4.3.3-10, 4.3.3-11, 4.3.3-12, 3.5.2-1, 3.7.2-1]", () => {
	const transcript = connected()
		.receives(1, publish5(8, "a", "x", { qos: 2 }))
		.sends(1, "50 02 00 08");
	transcript.receives(2, publish5(8, "a", "x", { qos: 2, dup: true })).sends(2, "50 02 00 08");
	transcript.receives(3, pubrel(8)).sends(3, "70 02 00 08").tells("connected", "message a x qos 2");
	transcript.receives(4, publish5(8, "a", "y", { qos: 2, dup: true })).sends(4, "50 02 00 08");
	transcript.tells("message a y qos 2 dup");
});

test("answers leave in the order of what they answer [5.0: MQTT-4.6.0-2, 4.6.0-3, 4.6.0-4]", () => {
	const transcript = connected().queuesAt(2, "a").queuesAt(2, "b").sends(0, atQoS2(1, "a"), atQoS2(2, "b"));
	const [six, seven] = [publish5(6, "x", "1"), publish5(7, "x", "2")];
	const [eight, nine] = [publish5(8, "x", "3", { qos: 2 }), publish5(9, "x", "4", { qos: 2 })];
	transcript.receives(1, [nine, seven, pubrec(2), eight, six, pubrec(1)].join(" "));
	transcript.sends(1, pubrec(9), puback(7), pubrel(2), pubrec(8), puback(6), pubrel(1));
});

test("a message that nobody wants is acknowledged at every QoS [5.0: MQTT-3.3.4-1, 4.5.0-2]", () => {
	const transcript = start({ onMessage: () => {} })
		.opens(0)
		.sends(0, CONNECT_5)
		.receives(0, CONNACK_5);
	transcript.receives(1, publish5(0, "x", "1", { qos: 0 })).sends(1);
	transcript.receives(2, publish5(7, "x", "2")).sends(2, puback(7));
	transcript.receives(3, publish5(8, "x", "3", { qos: 2 })).sends(3, pubrec(8));
});

test("the broker's receive maximum bounds QoS 1 and 2, and PUBACK, PUBCOMP and a refusal let one more out [5.0: MQTT-3.3.4-7, 4.9.0-1, 4.9.0-2]", () => {
	const transcript = connected(CONNACK_WINDOW_OF_ONE).queues("a").queuesAt(2, "b").queuesAt(2, "c").queues("d");
	transcript
		.sends(0, publish5(1, "t", "a"))
		.receives(1, puback(1))
		.sends(1, atQoS2(2, "b"));
	transcript.receives(2, pubrec(2)).sends(2, pubrel(2)).receives(3, pubcomp(2)).sends(3, atQoS2(3, "c"));
	transcript.receives(4, "50 03 00 03 97").sends(4, publish5(4, "t", "d"));
});

test("a full window holds up nothing but messages [5.0: MQTT-4.9.0-3]", () => {
	const transcript = connected(CONNACK_WINDOW_OF_ONE).queuesAt(2, "a").queues("b").sends(0, atQoS2(1, "a"));
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.sends(1, "82 07 00 02 00 00 01 61 01").receives(1, "90 04 00 02 00 01");
	transcript.receives(2, publish5(7, "a", "x")).sends(2, puback(7));
	transcript.receives(3, pubrec(1)).sends(3, pubrel(1));
	const waiting = connected(CONNACK_WINDOW_OF_ONE)
		.queues("a")
		.sends(59_000, publish5(1, "t", "a"));
	waiting.receives(59_001, publish5(0, "x", "1", { qos: 0 })).tells("connected", "published a", "message x 1 qos 0");
	const idle = start({ keepAlive: 1 }).opens(0);
	idle.sends(0, CONNECT_5.replace("00 3c 0d", "00 01 0d")).receives(0, CONNACK_WINDOW_OF_ONE).queues("a", "b");
	idle.sends(0, publish5(1, "t", "a")).sends(750, PINGREQ);
});

const connect = { cmd: "connect", clientId: "c", cleanSession: false, keepAlive: 60 } as const;
const will = { topic: "w", payload: ascii(""), qos: 0, retain: false } as const;
const message = { cmd: "publish", topic: "t", payload: ascii(""), qos: 0, retain: false, dup: false } as const;
const HALF_A_PAIR = "\ud83d";

for (const [what, packet] of [
	["a client id [5.0: MQTT-3.1.3-4]", { ...connect, clientId: HALF_A_PAIR }],
	["a will topic [5.0: MQTT-3.1.3-11]", { ...connect, will: { ...will, topic: HALF_A_PAIR } }],
	["a user name [5.0: MQTT-3.1.3-12]", { ...connect, username: HALF_A_PAIR }],
	["a topic name [5.0: MQTT-3.3.2-1]", { ...message, topic: HALF_A_PAIR }],
	["a response topic [5.0: MQTT-3.3.2-13]", { ...message, properties: { responseTopic: HALF_A_PAIR } }],
	["a content type [5.0: MQTT-3.3.2-19]", { ...message, properties: { contentType: HALF_A_PAIR } }],
	[
		"a topic filter of a SUBSCRIBE [5.0: MQTT-3.8.3-1]",
		{ cmd: "subscribe", packetId: 1, subscriptions: [{ topicFilter: HALF_A_PAIR, qos: 0 }] },
	],
	[
		"a topic filter of an UNSUBSCRIBE [5.0: MQTT-3.10.3-1]",
		{ cmd: "unsubscribe", packetId: 1, topicFilters: [HALF_A_PAIR] },
	],
] as const) {
	test(`${what} that has no UTF-8 is not sent`, () => void throws(() => encode(packet, 5), /not well-formed Unicode/));
}

test("a SUBSCRIBE and an UNSUBSCRIBE without a topic filter are not sent [5.0: MQTT-3.8.3-2, 3.10.3-2]", () => {
	throws(() => encode({ cmd: "subscribe", packetId: 1, subscriptions: [] }, 5), /Invalid subscriptions/);
	throws(() => encode({ cmd: "unsubscribe", packetId: 1, topicFilters: [] }, 5), /Invalid unsubscriptions/);
});

test("reserved bits of the subscription options are 0 [5.0: MQTT-3.8.3-5]", () => {
	for (const qos of [0, 1, 2] as const) {
		for (const retainHandling of [0, 1, 2] as const) {
			const subscription = { topicFilter: "a", qos, noLocal: true, retainAsPublished: true, retainHandling };
			const packet = encode({ cmd: "subscribe", packetId: 1, subscriptions: [subscription] }, 5);
			equal(packet.at(-1), qos | 0x0c | (retainHandling << 4));
		}
	}
});

for (const [what, violation, disconnect] of [
	["a malformed packet [5.0: MQTT-3.14.1-1]", "e1 00", "e0 02 81 00"],
	["a protocol error", `${CONNACK_5}`, "e0 02 82 00"],
	["a topic name with a wildcard", publish5(0, "+", "x", { qos: 0 }), "e0 02 90 00"],
	["a topic name with U+0000", publish5(0, "\0", "x", { qos: 0 }), "e0 02 81 00"],
	["a topic alias", "30 07 00 01 78 03 23 00 01", "e0 02 94 00"],
	["an answer larger than the CONNECT allows [5.0: MQTT-3.1.2-24]", "90 fe 1f", "e0 02 95 00"],
] as const) {
	test(`${what} is answered by a DISCONNECT that says why, and nothing after it, and the connection is closed [5.0: MQTT-3.14.4-1, 3.14.4-2, 4.13.2-1]`, () => {
		const { socket } = linked(CONNACK_5, { protocolVersion: 5 });
		socket.receives(`${violation} ${publish5(7, "a", "x")}`);
		equal(socket.takeWritten().join(), disconnect);
		ok(socket.closed);
	});
}

for (const [what, connack] of [
	["a CONNACK with a reason code of 0x80 or more [5.0: MQTT-3.2.2-7]", "20 03 00 88 00"],
	["a CONNACK with session present and a refusal [5.0: MQTT-3.2.2-6]", "20 03 01 88 00"],
	["a DISCONNECT of the broker", `${CONNACK_5} e0 02 8b 00`],
] as const) {
	test(`${what} closes the connection, and nothing more is sent [5.0: MQTT-4.13.2-1]`, () => {
		const { socket } = linked(connack, { protocolVersion: 5 });
		equal(socket.takeWritten().join(), "");
		ok(socket.closed);
	});
}

test("a DISCONNECT with a reason code is a client's, and before MQTT 5.0 there is none [5.0: MQTT-3.14.2-1]", () => {
	equal(hex(connected().session.disconnect(0)!), "e0 00");
	equal(hex(connected().session.disconnect(0x81)!), "e0 02 81 00");
	equal(new Transcript().connects(0, CONNACK).session.disconnect(0x81), undefined);
});

test("the broker's keep-alive counts from the last packet that was sent [5.0: MQTT-3.1.2-21, 3.2.2-21]", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).silent(9_000);
	transcript.receives(9_000, "20 06 00 00 03 13 00 0a").silent(9_499).sends(9_500, PINGREQ);
});

test("neither birth message nor redelivery exceeds the maximum QoS [5.0: MQTT-3.2.2-11]", () => {
	const birth = { topic: "s", payload: ascii("up"), qos: 1, retain: false } as const;
	const transcript = start({ birth }).opens(0).sends(0, CONNECT_5).receives(0, "20 05 00 00 02 24 00");
	transcript.sends(0, publish5(0, "s", "up", { qos: 0 })).silent(30_000);
	const again = connected().queuesAt(2, "a").sends(0, atQoS2(1, "a")).closes();
	again
		.opens(10)
		.sends(10, CONNECT_5)
		.receives(10, "20 05 01 00 02 24 01")
		.sends(10, publish5(2, "t", "a"));
	const anew = connected()
		.queues("a")
		.sends(0, publish5(1, "t", "a"))
		.closes();
	anew.opens(10).sends(10, CONNECT_5).receives(10, "20 05 00 00 02 24 00");
	anew.sends(10, publish5(0, "t", "a", { qos: 0 })).silent(40_000);
	equal(anew.session.inFlight, 0);
});

test("what is lowered to the maximum QoS stays before what was sent after it [5.0: MQTT-4.6.0-1]", () => {
	const transcript = connected().queuesAt(2, "a").queues("b");
	transcript
		.sends(0, atQoS2(1, "a"), publish5(2, "t", "b"))
		.closes()
		.opens(10)
		.sends(10, CONNECT_5);
	transcript
		.receives(10, "20 05 01 00 02 24 01")
		.sends(10, publish5(3, "t", "a"), publish5(2, "t", "b", { dup: true }));
});

test("a SUBSCRIBE larger than the broker's maximum packet size is not sent, and told as refused [5.0: MQTT-3.2.2-15]", () => {
	const transcript = start();
	transcript.session.subscribe({ topicFilter: "abcdefghijklmnop", qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(0, "20 08 00 00 05 27 00 00 00 0a").silent(1_000);
	transcript.tells("connected", "subscribed abcdefghijklmnop 149");
});

test("a topic alias that a message brings along is not sent [5.0: MQTT-3.2.2-17, 3.2.2-18, 3.3.2-9]", () => {
	const transcript = connected().queuesAt(1, "a", { properties: { topicAlias: 9 } });
	transcript.sends(0, publish5(1, "t", "a"));
});

test("a subscription identifier that a message brings along is not sent [5.0: MQTT-3.3.4-6]", () => {
	const transcript = connected().queuesAt(1, "a", { properties: { subscriptionIdentifier: 1 } });
	transcript.sends(0, publish5(1, "t", "a"));
});

test("a PUBREL that comes again does not wait for the window [5.0: MQTT-3.3.4-8]", () => {
	const transcript = connected().queuesAt(2, "a").queuesAt(2, "b").queuesAt(2, "c");
	transcript
		.sends(0, atQoS2(1, "a"), atQoS2(2, "b"), atQoS2(3, "c"))
		.receives(1, pubrec(3))
		.sends(1, pubrel(3))
		.closes();
	transcript.opens(10).sends(10, CONNECT_5).receives(10, "20 06 01 00 03 21 00 01");
	transcript.sends(10, atQoS2(1, "a", true), pubrel(3));
});

test("a refusing PUBREC is answered by no PUBREL, known or not [5.0: MQTT-4.3.3-4]", () => {
	connected().receives(1, "50 03 00 09 87").sends(1);
});

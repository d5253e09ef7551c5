/**
 * Normative statements of MQTT 3.1.1 that the other tests do not prove. Which
 * test proves which statement is in `docs/mqtt-conformance.md`.
 */
import { encode, type Packet } from "../../../../src/net/mqtt/codec/codec.ts";
import { deepEqual, equal, ok, test, throws } from "../../../harness/harness.ts";
import { linked } from "../../../harness/linked.ts";
import {
	ascii,
	CONNACK,
	CONNACK_SESSION_PRESENT,
	hex,
	PINGREQ,
	PINGRESP,
	puback,
	pubcomp,
	publish,
	pubrec,
	pubrel,
	Transcript,
} from "../../../harness/transcript.ts";

const CONNECT = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";
const CLEAN_CONNECT = "10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 63";
const SUBSCRIBE = "82 06 00 01 00 01 61 01";
const HALF_A_PAIR = "\ud83d";

const atQoS2 = (packetId: number, payload: string) => publish(packetId, "t", payload, { qos: 2 });
const subscribed = () => {
	const transcript = new Transcript();
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	return transcript.connects(0);
};

test("every packet of a client begins with the flags of its type [MQTT-2.2.2-1]", () => {
	const transcript = subscribed().sends(0, SUBSCRIBE).receives(1, "90 03 00 01 01");
	transcript.queuesAt(2, "m").sends(1, atQoS2(2, "m")).receives(2, pubrec(2)).sends(2, "62 02 00 02");
	transcript.receives(3, publish(7, "a", "x")).sends(3, "40 02 00 07");
	transcript.receives(4, publish(8, "a", "x", { qos: 2 })).sends(4, "50 02 00 08");
	transcript.receives(5, pubrel(8)).sends(5, "70 02 00 08");
	transcript.session.unsubscribe("a");
	transcript
		.sends(6, "a2 05 00 03 00 01 61")
		.receives(6, `b0 02 00 03 ${pubcomp(2)}`)
		.sends(59_506, "c0 00");
	equal(hex(transcript.session.disconnect()!), "e0 00");
	new Transcript().opens(0).sends(0, CONNECT);
});

test("a packet with flags that its type does not have ends the connection [MQTT-2.2.2-2]", () => {
	const packets = [CONNACK, puback(1), pubrec(1), pubrel(1), pubcomp(1), "90 03 00 01 00", "b0 02 00 01", PINGRESP];
	for (const packet of packets) {
		const [type, right] = [Number.parseInt(packet.slice(0, 1), 16), Number.parseInt(packet.slice(1, 2), 16)];
		for (let flags = 0; flags < 16; flags++) {
			if (flags === right) continue;
			const transcript = new Transcript().opens(0).sends(0, CONNECT);
			if (packet !== CONNACK) transcript.receives(1, CONNACK);
			const received = hex(Uint8Array.of((type << 4) | flags)) + packet.slice(2);
			transcript.failsWhen(() => transcript.receives(1, received), /Invalid header flag bits/);
		}
	}
});

test("the ids of a QoS 2 message and of a SUBSCRIBE are in use until PUBCOMP and SUBACK [MQTT-2.3.1-2, 2.3.1-3]", () => {
	const transcript = subscribed().sends(0, SUBSCRIBE).queuesAt(2, "m").sends(0, atQoS2(2, "m"));
	transcript.receives(0, pubrec(2)).sends(0, pubrel(2));
	for (let packetId = 3; packetId <= 65_535; packetId++) {
		transcript.queues("n");
		transcript.session.transmit(0);
		transcript.session.transmitted(0);
		transcript.session.receive(Uint8Array.of(0x40, 2, packetId >> 8, packetId & 255), 0);
	}
	transcript.queues("n").sends(0, publish(3, "t", "n"));
});

test("a connection has one CONNECT, however long it lasts [MQTT-3.1.0-2]", () => {
	const transcript = new Transcript().opens(0).sends(0, CONNECT).silent(9_000).receives(9_000, CONNACK).silent(59_499);
	transcript.sends(59_500, PINGREQ).receives(59_600, PINGRESP).sends(119_000, PINGREQ);
});

test("a clean session takes over nothing from the one before: neither ids nor DUP nor received ids nor subscriptions [MQTT-3.1.2-6]", () => {
	const transcript = new Transcript({ cleanSession: true }).queues("m");
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.opens(0).sends(0, CLEAN_CONNECT).receives(1, CONNACK);
	transcript
		.sends(1, SUBSCRIBE, publish(2, "t", "m"))
		.receives(2, `90 03 00 01 01 ${publish(8, "a", "x", { qos: 2 })}`);
	transcript.sends(2, pubrec(8)).closes();
	transcript.opens(1_000).sends(1_000, CLEAN_CONNECT).receives(1_001, CONNACK);
	transcript.sends(1_001, "82 06 00 04 00 01 61 01", publish(3, "t", "m"));
	transcript.receives(1_002, publish(8, "a", "y", { qos: 2 })).sends(1_002, pubrec(8));
	transcript.tells(
		"connected",
		"published m",
		"subscribed a 1",
		"message a x qos 2",
		"connected",
		"redelivered m",
		"message a y qos 2",
	);
});

test("a session that is present although a clean one was asked for ends the connection [MQTT-3.2.2-1]", () => {
	const transcript = new Transcript({ cleanSession: true }).opens(0).sends(0, CLEAN_CONNECT);
	transcript.failsWhen(() => transcript.receives(1, CONNACK_SESSION_PRESENT), /session is present although/);
});

test("a session that is not clean outlives its connection, with what was sent, received and subscribed to [MQTT-3.1.2-4]", () => {
	const transcript = subscribed()
		.queues("m")
		.sends(0, SUBSCRIBE, publish(2, "t", "m"));
	transcript
		.receives(1, `90 03 00 01 01 ${publish(8, "a", "x", { qos: 2 })}`)
		.sends(1, pubrec(8))
		.closes();
	transcript
		.opens(10 ** 7)
		.sends(10 ** 7, CONNECT)
		.receives(10 ** 7, CONNACK_SESSION_PRESENT);
	transcript.sends(10 ** 7, publish(2, "t", "m", { dup: true }));
	transcript.receives(10 ** 7, publish(8, "a", "x", { qos: 2, dup: true })).sends(10 ** 7, pubrec(8));
	transcript.tells("connected", "published m", "subscribed a 1", "message a x qos 2", "resumed", "redelivered m");
});

test("a session lasts as long as its connection, however long that is [MQTT-4.1.0-1, 4.1.0-2]", () => {
	const transcript = new Transcript({ keepAlive: 0 }).connects(0).receives(1, publish(8, "a", "x", { qos: 2 }));
	transcript.sends(1, pubrec(8)).silent(10 ** 9);
	transcript.receives(10 ** 9, publish(8, "a", "x", { qos: 2, dup: true })).sends(10 ** 9, pubrec(8));
	transcript.tells("connected", "message a x qos 2");
});

test("a user name alone sets its flag alone [MQTT-3.1.2-19, 3.1.2-20]", () => {
	const transcript = new Transcript({ username: "u" });
	transcript.opens(0).sends(0, "10 10 00 04 4d 51 54 54 04 80 00 3c 00 01 63 00 01 75");
});

test("a will of each QoS, retained and not, is in the flags [MQTT-3.1.2-9, 3.1.2-14]", () => {
	for (const [qos, retain, flags] of [
		[0, false, "04"],
		[0, true, "24"],
		[1, false, "0c"],
		[2, false, "14"],
		[2, true, "34"],
	] as const) {
		const will = { topic: "w", payload: ascii("off"), qos, retain };
		new Transcript({ will })
			.opens(0)
			.sends(0, `10 15 00 04 4d 51 54 54 04 ${flags} 00 3c 00 01 63 00 01 77 00 03 6f 66 66`);
	}
});

test("every connection is opened with the same client id [MQTT-3.1.3-2]", () => {
	const transcript = new Transcript();
	for (const [time, connack] of [
		[0, CONNACK],
		[1_000, CONNACK_SESSION_PRESENT],
		[2_000, CONNACK],
	] as const) {
		transcript.opens(time).sends(time, CONNECT).receives(time, connack).closes();
	}
});

test("an empty client id asks for a clean session [MQTT-3.1.3-7]", () => {
	new Transcript({ clientId: "" }).opens(0).sends(0, "10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00");
});

const connect = { cmd: "connect", clientId: "c", cleanSession: false, keepAlive: 60 } as const;
const will = { topic: "w", payload: ascii(""), qos: 0, retain: false } as const;
const subscribe = (topicFilter: string): Packet => ({
	cmd: "subscribe",
	packetId: 1,
	subscriptions: [{ topicFilter, qos: 0 }],
});
const unsubscribe = (topicFilter: string): Packet => ({ cmd: "unsubscribe", packetId: 1, topicFilters: [topicFilter] });

for (const [what, packet] of [
	["a will topic [MQTT-3.1.3-10]", { ...connect, will: { ...will, topic: HALF_A_PAIR } }],
	["a user name [MQTT-3.1.3-11]", { ...connect, username: HALF_A_PAIR }],
	["a topic filter of a SUBSCRIBE [MQTT-3.8.3-1]", subscribe(`a/${HALF_A_PAIR}`)],
	["a topic filter of an UNSUBSCRIBE [MQTT-3.10.3-1]", unsubscribe(`a/${HALF_A_PAIR}`)],
] as const) {
	test(`${what} that has no UTF-8 is not sent`, () => void throws(() => encode(packet, 4), /not well-formed Unicode/));
}

test("a topic filter of 65,535 bytes is sent, and of 65,536 is not [MQTT-4.7.3-3]", () => {
	equal(encode(subscribe("x".repeat(65_535)), 4).length, 4 + 2 + 2 + 65_535 + 1);
	equal(encode(unsubscribe("x".repeat(65_535)), 4).length, 4 + 2 + 2 + 65_535);
	throws(() => encode(subscribe("x".repeat(65_536)), 4), /more than 65535 bytes/);
	throws(() => encode(unsubscribe("x".repeat(65_536)), 4), /more than 65535 bytes/);
});

test("wildcards are sent wherever a level may be one, and nowhere else [MQTT-4.7.1-2, 4.7.1-3]", () => {
	for (const filter of ["#", "+", "/#", "/+", "+/+", "+/#", "a/+/b", "a/#", "+/", "$SYS/#", "a//+"]) {
		deepEqual(encode(subscribe(filter), 4).subarray(6, -1), ascii(filter), filter);
		deepEqual(encode(unsubscribe(filter), 4).subarray(6), ascii(filter), filter);
	}
	for (const filter of ["a#", "#/", "#/a", "a/#/", "##", "a+", "+a", "a/+b", "++", "a/b+/c", "#+"]) {
		throws(() => encode(subscribe(filter), 4), /topic filter with a "[#+]"/);
		throws(() => encode(unsubscribe(filter), 4), /topic filter with a "[#+]"/);
	}
});

test("after its PUBACK, a QoS 1 message with the same id is a new one, with DUP or without [MQTT-4.3.2-2]", () => {
	const transcript = new Transcript().connects(0);
	transcript.receives(1, publish(7, "a", "x")).sends(1, puback(7));
	transcript.receives(2, publish(7, "a", "y")).sends(2, puback(7));
	transcript.receives(3, publish(7, "a", "y", { dup: true })).sends(3, puback(7));
	transcript.tells("connected", "message a x qos 1", "message a y qos 1", "message a y qos 1 dup");
});

test("PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-4]", () => {
	const transcript = new Transcript().queuesAt(2, "a").queuesAt(2, "b").queuesAt(2, "c").connects(0);
	transcript.sends(0, atQoS2(1, "a"), atQoS2(2, "b"), atQoS2(3, "c"));
	transcript.receives(1, `${pubrec(2)} ${pubrec(3)} ${pubrec(1)}`).sends(1, pubrel(2), pubrel(3), pubrel(1));
});

test("an UNSUBACK with another id is told, and the UNSUBSCRIBE still waits [MQTT-3.10.4-4]", () => {
	const transcript = subscribed().sends(0, SUBSCRIBE).receives(1, "90 03 00 01 01");
	transcript.session.unsubscribe("a");
	transcript.sends(2, "a2 05 00 02 00 01 61");
	transcript.tells("connected", "subscribed a 1").receives(3, "b0 02 00 03");
	transcript.tells("unexpected: an UNSUBACK for the packet id 3, which does not wait for it");
	transcript.receives(4, "b0 02 00 02").tells("unsubscribed a 0").silent(50_000);
});

test("after a refusal the client closes the connection, whether the broker does or not [MQTT-3.2.2-5]", () => {
	const { socket } = linked("20 02 00 02");
	ok(socket.closed);
	deepEqual(socket.takeWritten(), []);
});

test("an error in whoever is told of a message closes the connection, and no PUBACK leaves [MQTT-4.8.0-2]", () => {
	const { socket } = linked(CONNACK, {
		onMessage() {
			throw new Error("no memory");
		},
	});
	socket.receives(publish(7, "a", "x"));
	ok(socket.closed);
	deepEqual(socket.takeWritten(), []);
});

test("a violation closes the connection without a DISCONNECT, so that the will is published [MQTT-4.8.0-1]", () => {
	for (const violation of [
		"36 06 00 01 61 00 01 62",
		"30 04 00 02 61 ff",
		"40 02 00 00",
		CONNACK,
		"e0 00",
		"20 02 02 00",
	]) {
		const { socket } = linked(CONNACK);
		socket.receives(violation);
		ok(socket.closed, violation);
		deepEqual(socket.takeWritten(), [], violation);
	}
});

test("a PINGREQ leaves in every keep-alive, whether the one before was answered or not [MQTT-3.1.2-23, 5.0: MQTT-3.1.2-20]", () => {
	const transcript = new Transcript({ keepAlive: 2 }).connects(0);
	transcript.sends(1_500, PINGREQ).sends(3_000, PINGREQ).sends(4_500, PINGREQ).sends(6_000, PINGREQ);
	transcript.failsAt(7_500, /no PINGRESP within 6 s/);
	const chatty = new Transcript().connects(0).sends(59_500, PINGREQ);
	for (let now = 60_000; now < 119_000; now += 5_000) chatty.receives(now, "30 03 00 01 78").sends(now);
	chatty.sends(119_000, PINGREQ);
});

test("a session that is present for an empty client id ends the connection [MQTT-3.2.2-1]", () => {
	const transcript = new Transcript({ clientId: "" }).opens(0).sends(0, "10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00");
	transcript.failsWhen(() => transcript.receives(1, CONNACK_SESSION_PRESENT), /session is present although/);
});

test("a birth message that comes again keeps its place [MQTT-4.6.0-1]", () => {
	const birth = { topic: "s", payload: ascii("up"), qos: 1, retain: false } as const;
	const transcript = new Transcript({ birth }).queues("a").connects(0);
	transcript
		.sends(0, publish(1, "s", "up"), publish(2, "t", "a"))
		.receives(1, puback(1))
		.closes();
	transcript.connects(10, CONNACK_SESSION_PRESENT);
	transcript.sends(10, publish(3, "s", "up"), publish(2, "t", "a", { dup: true })).closes();
	transcript.connects(20, CONNACK_SESSION_PRESENT);
	transcript.sends(20, publish(2, "t", "a", { dup: true }), publish(3, "s", "up", { dup: true }));
});

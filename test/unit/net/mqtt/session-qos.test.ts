/** QoS 0 and 2, outgoing and incoming, as transcripts in MQTT 3.1.1. */
import { deepEqual, equal, ok, test } from "../../../harness/harness.ts";
import {
	ascii,
	CONNACK,
	CONNACK_SESSION_PRESENT,
	puback,
	pubcomp,
	publish,
	pubrec,
	pubrel,
	Transcript,
} from "../../../harness/transcript.ts";

const QOS_0 = "30 04 00 01 74 61";
const atQoS2 = (packetId: number, payload: string) => publish(packetId, "t", payload, { qos: 2 });

test("a QoS 0 message leaves without an id, and its owner has done with it when it has left", () => {
	new Transcript()
		.queuesAt(0, "a")
		.connects(0)
		.sends(0, QOS_0)
		.tells("connected", "published a", "acknowledged a")
		.silent(50_000);
});

test("a QoS 0 message that has not left is not done with", () => {
	const transcript = new Transcript().queuesAt(0, "a").connects(0);
	ok(transcript.session.transmit(0));
	transcript.tells("connected").closes();
});

test("a QoS 2 message takes PUBLISH, PUBREC, PUBREL, PUBCOMP [MQTT-4.3.3-1]", () => {
	new Transcript()
		.queuesAt(2, "a")
		.connects(0)
		.sends(0, atQoS2(1, "a"))
		.receives(10, pubrec(1))
		.sends(10, pubrel(1))
		.tells("connected", "published a")
		.receives(20, pubcomp(1))
		.tells("acknowledged a")
		.queuesAt(2, "b")
		.sends(20, atQoS2(2, "b"));
});

test("a QoS 2 message without a PUBREC, or a PUBREL without a PUBCOMP, ends the connection after 20 s", () => {
	new Transcript().queuesAt(2, "a").connects(0).sends(5, atQoS2(1, "a")).overdueAt(20_005);
	const released = new Transcript().queuesAt(2, "a").connects(0).sends(5, atQoS2(1, "a")).receives(1_000, pubrec(1));
	released.sends(1_000, pubrel(1)).overdueAt(21_000);
});

test("after a reconnect, PUBLISH without PUBREC goes again with DUP, and with PUBREC only its PUBREL [MQTT-4.4.0-1]", () => {
	const transcript = new Transcript()
		.queuesAt(2, "a")
		.queuesAt(2, "b")
		.connects(0)
		.sends(0, atQoS2(1, "a"), atQoS2(2, "b"));
	transcript.receives(1, pubrec(1)).sends(1, pubrel(1)).closes();
	transcript.connects(1_000, CONNACK_SESSION_PRESENT);
	transcript.sends(1_000, pubrel(1), publish(2, "t", "b", { qos: 2, dup: true }));
	transcript
		.receives(1_010, `${pubcomp(1)} ${pubrec(2)}`)
		.sends(1_010, pubrel(2))
		.receives(1_020, pubcomp(2));
	transcript.tells(
		"connected",
		"published a",
		"published b",
		"resumed",
		"redelivered b",
		"acknowledged a",
		"acknowledged b",
	);
	equal(transcript.session.inFlight, 0);
});

test("a PUBREC that comes twice is answered by a PUBREL each time", () => {
	const transcript = new Transcript().queuesAt(2, "a").connects(0).sends(0, atQoS2(1, "a"));
	transcript
		.receives(1, pubrec(1))
		.sends(1, pubrel(1))
		.receives(2, pubrec(1))
		.sends(2, pubrel(1))
		.receives(3, pubcomp(1));
	transcript.tells("connected", "published a", "acknowledged a");
});

test("a PUBREC for an unknown id is released, and the PUBCOMP that follows does no harm", () => {
	new Transcript().connects(0).receives(1, pubrec(9)).sends(1, pubrel(9)).receives(2, pubcomp(9)).silent(50_000);
});

test("a PUBACK for a QoS 2 message is its end, before the PUBREC and after it: RabbitMQ 3.10 sends no other", () => {
	const transcript = new Transcript().queuesAt(2, "a").queuesAt(2, "b").connects(0);
	transcript.sends(0, atQoS2(1, "a"), atQoS2(2, "b")).tells("connected", "published a", "published b");
	transcript.receives(1, puback(1)).tells("unexpected: a PUBACK for a message of QoS 2", "acknowledged a");
	transcript.receives(2, pubrec(2)).sends(2, pubrel(2)).receives(3, puback(2));
	transcript.tells("unexpected: a PUBACK for a message of QoS 2", "acknowledged b").silent(50_000);
	equal(transcript.session.inFlight, 0);
	transcript.closes().connects(60_000, CONNACK_SESSION_PRESENT).silent(100_000);
});

test("a PUBREC for a QoS 1 message is its end, and answered by a PUBREL", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	transcript.tells("connected", "published a").receives(1, pubrec(1)).sends(1, pubrel(1));
	transcript.tells("unexpected: a PUBREC for a message of QoS 1", "acknowledged a");
	transcript.receives(2, pubcomp(1)).tells().silent(50_000);
	transcript.closes().connects(60_000, CONNACK_SESSION_PRESENT).tells("resumed").silent(100_000);
});

for (const qos of [1, 2] as const) {
	test(`a PUBCOMP before the PUBREC is no end of a QoS ${qos} message: it may be for one that was forgotten`, () => {
		const transcript = new Transcript().queuesAt(qos, "a");
		transcript.connects(0).receives(0, pubrec(1));
		transcript.sends(0, pubrel(1), publish(1, "t", "a", { qos }));
		transcript.receives(1, pubcomp(1)).tells("connected", "published a").overdueAt(20_000);
		transcript.connects(21_000, CONNACK_SESSION_PRESENT).sends(21_000, publish(1, "t", "a", { qos, dup: true }));
	});
}

test("the window counts QoS 1 and 2 together", () => {
	const transcript = new Transcript();
	for (let index = 0; index < 10; index++) transcript.queuesAt(index % 2 === 0 ? 1 : 2, `${index}`);
	transcript.connects(0);
	transcript.sends(
		0,
		...Array.from({ length: 8 }, (_, index) => publish(index + 1, "t", `${index}`, { qos: index % 2 === 0 ? 1 : 2 })),
	);
});

test("messages of every QoS reach the handler with their flags, and are acknowledged in their order [MQTT-4.6.0-2, 4.6.0-3]", () => {
	new Transcript()
		.connects(0)
		.receives(
			1,
			`31 04 00 01 78 61 ${publish(7, "x", "b")} ${publish(8, "x", "c", { qos: 2, retain: true })} ${publish(9, "x", "d")}`,
		)
		.tells(
			"connected",
			"message x a qos 0 retain",
			"message x b qos 1",
			"message x c qos 2 retain",
			"message x d qos 1",
		)
		.sends(1, "40 02 00 07", pubrec(8), "40 02 00 09")
		.receives(2, pubrel(8))
		.sends(2, pubcomp(8));
});

test("an empty payload is a message like any other", () => {
	new Transcript()
		.connects(0)
		.receives(1, publish(7, "x", "", { retain: true }))
		.tells("connected", "message x  qos 1 retain");
});

test("a QoS 2 message is handed on once, however often it comes before its PUBREL [MQTT-4.3.3-2]", () => {
	const transcript = new Transcript()
		.connects(0)
		.receives(1, publish(8, "x", "c", { qos: 2 }))
		.sends(1, pubrec(8));
	transcript
		.receives(2, publish(8, "x", "c", { qos: 2, dup: true }))
		.sends(2, pubrec(8))
		.closes();
	transcript.connects(1_000, CONNACK_SESSION_PRESENT).receives(1_001, publish(8, "x", "c", { qos: 2, dup: true }));
	transcript.sends(1_001, pubrec(8)).receives(1_002, pubrel(8)).sends(1_002, pubcomp(8));
	transcript.tells("connected", "message x c qos 2", "resumed");
});

test("after its PUBREL, the same id is a new message", () => {
	const transcript = new Transcript()
		.connects(0)
		.receives(1, publish(8, "x", "c", { qos: 2 }))
		.sends(1, pubrec(8));
	transcript
		.receives(2, pubrel(8))
		.sends(2, pubcomp(8))
		.receives(3, publish(8, "x", "d", { qos: 2 }));
	transcript.tells("connected", "message x c qos 2", "message x d qos 2");
});

test("in a new session, the ids of the old one mean nothing", () => {
	const transcript = new Transcript()
		.connects(0)
		.receives(1, publish(8, "x", "c", { qos: 2 }))
		.closes();
	transcript.connects(1_000, CONNACK).receives(1_001, publish(8, "x", "c", { qos: 2 }));
	transcript.tells("connected", "message x c qos 2", "connected", "message x c qos 2");
});

test("a PUBREL for an id that is not known is answered all the same", () => {
	new Transcript().connects(0).receives(1, pubrel(5)).sends(1, pubcomp(5));
});

test("a burst of QoS 2 messages is taken, however many are unreleased: brokers do not keep to a limit", () => {
	const transcript = new Transcript().connects(0);
	for (let packetId = 1; packetId <= 1_000; packetId++) {
		transcript.receives(1, publish(packetId, "x", "c", { qos: 2 })).sends(1, pubrec(packetId));
	}
	deepEqual(transcript.told.splice(0), ["connected", ...Array.from({ length: 1_000 }, () => "message x c qos 2")]);
	for (const packetId of [500, 1, 1_000, 501]) {
		transcript.receives(2, publish(packetId, "x", "c", { qos: 2, dup: true })).sends(2, pubrec(packetId));
		transcript.receives(2, pubrel(packetId)).sends(2, pubcomp(packetId)).tells();
		transcript.receives(2, publish(packetId, "x", "new", { qos: 2 })).sends(2, pubrec(packetId));
		transcript.tells("message x new qos 2");
	}
});

test("unreleased QoS 2 messages whose ids are in more than 64 pieces end the connection", () => {
	const transcript = new Transcript().connects(0);
	for (let packetId = 2; packetId <= 128; packetId += 2) {
		transcript.receives(1, publish(packetId, "x", "c", { qos: 2 })).sends(1, pubrec(packetId));
	}
	transcript.failsWhen(() => transcript.receives(1, publish(130, "x", "c", { qos: 2 })), /too many unreleased/);
});

test("a message that MQTT does not allow is given back, and the connection goes on", () => {
	const transcript = new Transcript().queuesAt(1, "a", { topic: "x/#" }).queuesAt(0, "b", { topic: "" }).queues("c");
	transcript.connects(0).sends(0, publish(2, "t", "c"));
	transcript.tells("connected", "rejected a: 0x90", "rejected b: 0x90", "published c");
});

const CONNECT = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";
const CONNECT_CLEAN = "10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 63";

test("a client that forgot its packet ids ends the earlier session first, on a connection of its own", () => {
	const transcript = new Transcript({ cleanStart: true, pipelining: true }).queuesAt(2, "a");
	transcript.opens(0).sends(0, CONNECT_CLEAN).silent(5_000);
	transcript.failsWhen(() => transcript.receives(5_000, CONNACK), /discarded the earlier session/).tells();
	transcript
		.opens(5_001)
		.sends(5_001, CONNECT, atQoS2(1, "a"))
		.receives(5_002, CONNACK)
		.tells("published a", "connected");
});

test("the connection that only ends the session has no will: the next one may overtake its end", () => {
	const will = { topic: "w", payload: ascii("x"), qos: 0, retain: false } as const;
	const transcript = new Transcript({ cleanStart: true, will }).opens(0).sends(0, CONNECT_CLEAN);
	transcript.failsWhen(() => transcript.receives(1, CONNACK), /discarded the earlier session/);
	const connect = "10 13 00 04 4d 51 54 54 04 04 00 3c 00 01 63 00 01 77 00 01 78";
	transcript.opens(2).sends(2, connect).receives(3, CONNACK).tells("connected");
});

test("until the broker has said that it ended the earlier session, it is asked to", () => {
	const transcript = new Transcript({ cleanStart: true });
	transcript.opens(0).sends(0, CONNECT_CLEAN).closes().opens(1_000).sends(1_000, CONNECT_CLEAN);
});

test("a message of QoS 0 whose connection ends before all of it has left goes on the next one, once", () => {
	const transcript = new Transcript().queuesAt(0, "a").connects(0);
	transcript.tells("connected");
	transcript.session.transmit(1);
	transcript.session.progressed(2);
	transcript.closes().queuesAt(0, "b").opens(1_000).sends(1_000, CONNECT).receives(1_001, CONNACK);
	transcript.sends(1_001, "30 04 00 01 74 61", "30 04 00 01 74 62");
	transcript.tells("connected", "published a", "acknowledged a", "published b", "acknowledged b");
	transcript.closes().opens(2_000).sends(2_000, CONNECT).receives(2_001, CONNACK).sends(2_001);
});

test("with pipelining, a QoS 0 message waits for the CONNACK: a broker that refuses would lose it", () => {
	const transcript = new Transcript({ pipelining: true }).queuesAt(0, "a").queuesAt(0, "b");
	transcript.opens(0).sends(0, CONNECT).silent(9_000);
	transcript.failsWhen(() => transcript.receives(9_000, "20 02 00 05"), /not authorized/);
	transcript.tells().opens(10_000).sends(10_000, CONNECT).receives(10_050, CONNACK);
	transcript.sends(10_050, "30 04 00 01 74 61", "30 04 00 01 74 62");
	transcript.tells("connected", "published a", "acknowledged a", "published b", "acknowledged b");
});

test("a QoS 0 message that waits survives connections that end before their CONNECT has left", () => {
	const transcript = new Transcript().queuesAt(0, "a").connects(0);
	transcript.session.transmit(1);
	transcript.closes().opens(1_000);
	transcript.session.transmit(1_000);
	transcript.closes().opens(2_000).sends(2_000, CONNECT).receives(2_001, CONNACK).sends(2_001, QOS_0);
	transcript.tells("connected", "connected", "published a", "acknowledged a");
});

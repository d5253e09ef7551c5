/** A session that acknowledges a message before it hands it on: none is lost, and none comes twice unmarked. */
import type { SessionOptions } from "../../../../src/net/mqtt/session.ts";
import { deepEqual, equal, ok, test } from "../../../harness/harness.ts";
import {
	bytes,
	CONNACK,
	CONNACK_SESSION_PRESENT,
	hex,
	puback,
	pubcomp,
	publish,
	pubrec,
	pubrel,
	type TextMessage,
	Transcript,
} from "../../../harness/transcript.ts";

const start = (options: Partial<SessionOptions<TextMessage>> = {}) =>
	new Transcript({ acknowledgesFirst: true, ...options });
const connected = () => start().connects(0).tells("connected");
/** A PUBLISH to `t` of QoS 0. */
const qos0 = (payload: string) => `30 04 00 01 74 ${payload.charCodeAt(0).toString(16)}`;

/** Takes the next packet out, as a link does, without having given it to the network. */
function takesOut(transcript: Transcript, now: number): string {
	const packet = transcript.session.transmit(now);
	ok(packet, "nothing to send");
	transcript.session.transmitted(now);
	return hex(packet);
}

for (const qos of [1, 2] as const) {
	const acknowledgement = qos === 1 ? puback : pubrec;
	const message = (payload: string, dup?: true) => publish(5, "t", payload, { qos, ...(dup && { dup }) });
	const told = (payload: string, dup = "") => `message t ${payload} qos ${qos}${dup}`;

	test(`QoS ${qos}: a message is handed on when its acknowledgement is with the network`, () => {
		const transcript = connected().receives(10, message("a")).tells();
		equal(takesOut(transcript, 20), acknowledgement(5));
		transcript.tells();
		transcript.session.handOn();
		transcript.tells(told("a")).sends(20);
		transcript.session.handOn();
		transcript.tells();
	});

	test(`QoS ${qos}: one whose acknowledgement did not leave comes again, and is handed on then`, () => {
		const transcript = connected().receives(10, message("a")).closes().tells();
		transcript.connects(100, CONNACK_SESSION_PRESENT).tells("resumed").sends(100);
		transcript.receives(110, message("a", true)).tells().sends(110, acknowledgement(5)).tells(told("a", " dup"));
	});

	test(`QoS ${qos}: one whose acknowledgement had begun to leave comes again, too`, () => {
		const transcript = connected().receives(10, message("a"));
		equal(hex(transcript.session.transmit(10)!), acknowledgement(5));
		transcript.session.progressed(11);
		transcript.closes().tells();
		transcript.connects(100, CONNACK_SESSION_PRESENT).tells("resumed").sends(100);
		transcript.receives(110, message("a", true)).sends(110, acknowledgement(5)).tells(told("a", " dup"));
	});

	test(`QoS ${qos}: one whose acknowledgement may have left is handed on with the next connection`, () => {
		const transcript = connected().receives(10, message("a"));
		takesOut(transcript, 10);
		transcript.closes().tells();
		transcript.session.handOn();
		transcript.tells();
		transcript
			.opens(100)
			.sends(100, hex(bytes("10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63")))
			.tells(told("a"));
		transcript.receives(101, CONNACK_SESSION_PRESENT).tells("resumed");
	});

	test(`QoS ${qos}: while a message waits for its acknowledgement, no more is received`, () => {
		const transcript = connected();
		ok(transcript.session.receptive);
		transcript.receives(10, message("a"));
		equal(transcript.session.receptive, false);
		takesOut(transcript, 10);
		equal(transcript.session.receptive, false, "taken out, and not handed on");
		transcript.session.handOn();
		ok(transcript.session.receptive);
	});
}

test("QoS 2: one that was handed on is not handed on again, whatever comes again", () => {
	const message = (dup?: true) => publish(5, "t", "a", { qos: 2, ...(dup && { dup }) });
	const transcript = connected().receives(10, message()).sends(10, pubrec(5)).tells("message t a qos 2").closes();
	transcript.connects(100, CONNACK_SESSION_PRESENT).tells("resumed").sends(100);
	transcript.receives(110, message(true)).sends(110, pubrec(5)).tells();
	transcript.receives(120, pubrel(5)).sends(120, pubcomp(5)).tells().closes();
	transcript.connects(200, CONNACK_SESSION_PRESENT).tells("resumed").sends(200);
	transcript.receives(210, message()).sends(210, pubrec(5)).tells("message t a qos 2");
});

test("QoS 2: handed on with the next connection, it is not handed on once more", () => {
	const transcript = connected().receives(10, publish(5, "t", "a", { qos: 2 }));
	takesOut(transcript, 10);
	transcript.closes().connects(100, CONNACK_SESSION_PRESENT).tells("message t a qos 2", "resumed").sends(100);
	transcript
		.receives(110, publish(5, "t", "a", { qos: 2, dup: true }))
		.sends(110, pubrec(5))
		.tells();
});

test("QoS 2: two of one id before the PUBREC are one message", () => {
	const transcript = connected().receives(
		10,
		`${publish(5, "t", "a", { qos: 2 })} ${publish(5, "t", "a", { qos: 2 })}`,
	);
	transcript.sends(10, pubrec(5), pubrec(5)).tells("message t a qos 2");
});

test("QoS 0 is handed on at once, but not before what came earlier", () => {
	const transcript = connected().receives(10, qos0("a")).tells("message t a qos 0");
	transcript
		.receives(20, [publish(5, "t", "b"), qos0("c"), publish(6, "t", "d", { qos: 2 }), qos0("e")].join(" "))
		.tells();
	transcript.sends(20, puback(5), pubrec(6));
	transcript.tells("message t b qos 1", "message t c qos 0", "message t d qos 2", "message t e qos 0");
});

test("what came at QoS 0 behind one that is forgotten is handed on", () => {
	const transcript = connected()
		.receives(10, `${publish(5, "t", "a")} ${qos0("b")}`)
		.tells()
		.closes();
	transcript.connects(100, CONNACK).tells("message t b qos 0", "connected");
});

test("whoever closes the connection when told of one is told no more of it", () => {
	const told: string[] = [];
	const transcript = start({
		onMessage: ({ payload }) => {
			told.push(String.fromCharCode(payload[0]!));
			transcript.session.close();
		},
	}).connects(0);
	transcript.receives(10, `${publish(5, "t", "a")} ${publish(6, "t", "b")}`);
	takesOut(transcript, 10);
	takesOut(transcript, 10);
	transcript.session.handOn();
	deepEqual(told, ["a"]);
});

test("without the option a message is handed on, and then acknowledged", () => {
	const transcript = new Transcript().connects(0).tells("connected");
	transcript
		.receives(10, publish(5, "t", "a"))
		.tells("message t a qos 1")
		.sends(10, puback(5))
		.tells();
});

/** A session whose owner acknowledges messages, when they are on a disk: what is not acknowledged comes again. */
import type { ReceivedMessage } from "../../../../src/net/mqtt/message.ts";
import type { SessionOptions } from "../../../../src/net/mqtt/session.ts";
import { deepEqual, equal, ok, test } from "../../../harness/harness.ts";
import {
	CONNACK_SESSION_PRESENT,
	puback,
	pubcomp,
	publish,
	pubrec,
	pubrel,
	type TextMessage,
	Transcript,
} from "../../../harness/transcript.ts";

/** A PUBLISH to `t` of QoS 0. */
const QOS_0 = "30 04 00 01 74 7a";

function start(options: Partial<SessionOptions<TextMessage>> = {}) {
	const messages: ReceivedMessage[] = [];
	const transcript = new Transcript({
		acknowledgesByHand: true,
		onMessage: (message) => messages.push(message),
		...options,
	});
	const payloads = () => messages.map(({ payload }) => String.fromCharCode(...payload)).join(" ");
	const acknowledge = (index: number) => transcript.session.acknowledge(messages[index]!);
	return { transcript: transcript.connects(0).tells("connected"), messages, payloads, acknowledge };
}

for (const qos of [1, 2] as const) {
	const acknowledgement = qos === 1 ? puback : pubrec;
	const message = (id: number, payload: string, dup?: true) => publish(id, "t", payload, { qos, ...(dup && { dup }) });

	test(`QoS ${qos}: a message is handed on at once, and acknowledged when its owner says so`, () => {
		const { transcript, payloads, acknowledge } = start();
		transcript.receives(10, message(5, "a")).sends(10).sends(5_000);
		equal(payloads(), "a");
		acknowledge(0);
		transcript.sends(5_010, acknowledgement(5)).sends(5_010);
		acknowledge(0);
		transcript.sends(5_020);
	});

	test(`QoS ${qos}: acknowledgements leave in the order of the messages [MQTT-4.6.0-2]`, () => {
		const { transcript, acknowledge } = start();
		transcript.receives(10, `${message(5, "a")} ${message(9, "b")} ${message(6, "c")}`).sends(10);
		acknowledge(2);
		acknowledge(1);
		transcript.sends(20);
		acknowledge(0);
		transcript.sends(30, acknowledgement(5), acknowledgement(9), acknowledgement(6)).sends(30);
	});

	test(`QoS ${qos}: what was not acknowledged comes again, and what is said of the first copy counts for nothing`, () => {
		const { transcript, payloads, acknowledge } = start();
		transcript.receives(10, `${message(5, "a")} ${message(6, "b")}`);
		acknowledge(0);
		transcript.sends(10, acknowledgement(5)).closes();
		acknowledge(1);
		transcript.connects(100, CONNACK_SESSION_PRESENT).tells("resumed").sends(100);
		transcript.receives(110, message(6, "b", true)).sends(110);
		acknowledge(1);
		transcript.sends(120);
		equal(payloads(), "a b b");
		acknowledge(2);
		transcript.sends(130, acknowledgement(6));
	});

	test(`QoS ${qos}: an acknowledgement that was about to leave when the connection ended does not leave later`, () => {
		const { transcript, payloads, acknowledge } = start();
		transcript.receives(10, message(5, "a"));
		acknowledge(0);
		transcript.closes().connects(100, CONNACK_SESSION_PRESENT).tells("resumed").sends(100);
		transcript.receives(110, message(5, "a", true)).sends(110);
		equal(payloads(), "a a");
	});

	test(`QoS ${qos}: other packets do not wait for the owner`, () => {
		const { transcript } = start({ keepAlive: 60 });
		transcript.receives(10, message(5, "a")).receives(20, QOS_0).pinged(500_000);
	});

	test(`QoS ${qos}: with 1,024 messages that are not acknowledged no more is received`, () => {
		const { transcript, acknowledge } = start();
		for (let id = 1; id <= 1_024; id++) {
			ok(transcript.session.receptive, `${id}`);
			transcript.receives(10, message(id, "a"));
		}
		equal(transcript.session.receptive, false);
		acknowledge(0);
		transcript.sends(20, acknowledgement(1));
		ok(transcript.session.receptive);
	});
}

test("QoS 2: a second copy before the PUBREC is not handed on, and both have one PUBREC", () => {
	const { transcript, payloads, acknowledge } = start();
	transcript.receives(10, `${publish(5, "t", "a", { qos: 2 })} ${publish(5, "t", "a", { qos: 2 })}`).sends(10);
	acknowledge(0);
	transcript.sends(20, pubrec(5)).receives(30, pubrel(5)).sends(30, pubcomp(5));
	equal(payloads(), "a");
});

test("QoS 2: a copy behind the PUBREC has one of its own, at once", () => {
	const { transcript, payloads, acknowledge } = start();
	transcript.receives(10, publish(5, "t", "a", { qos: 2 }));
	acknowledge(0);
	transcript
		.sends(20, pubrec(5))
		.receives(30, publish(5, "t", "a", { qos: 2, dup: true }))
		.sends(30, pubrec(5));
	equal(payloads(), "a");
});

test("a message of QoS 0 is handed on, and has no acknowledgement", () => {
	const { transcript, messages, acknowledge } = start();
	transcript.receives(10, QOS_0);
	acknowledge(0);
	transcript.sends(20);
	deepEqual(
		messages.map(({ qos }) => qos),
		[0],
	);
});

test("a broker of MQTT 5.0 is told how many messages it may have in flight", () => {
	const connect = (receiveMaximum?: number) =>
		new Transcript({ protocolVersion: 5, ...(receiveMaximum && { receiveMaximum }) }).opens(0).session.transmit(0)!;
	const told = (bytes: Uint8Array) => {
		// Property 33, of two bytes.
		const at = bytes.indexOf(33, 12);
		return bytes[at + 1]! * 256 + bytes[at + 2]!;
	};
	equal(told(connect()), 64);
	equal(told(connect(1_000)), 1_000);
});

test("a message that is read past is acknowledged in its turn [MQTT-4.6.0-2]", () => {
	const { transcript, payloads, acknowledge } = start({ maximumPacketSize: 16 });
	transcript.receives(10, `${publish(5, "t", "a")} ${publish(6, "t", "x".repeat(30))} ${publish(7, "t", "b")}`);
	transcript.sends(10);
	equal(payloads(), "a b");
	acknowledge(1);
	transcript.sends(20);
	acknowledge(0);
	transcript.sends(30, puback(5), puback(6), puback(7));
});

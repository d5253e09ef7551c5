/** Messages that are larger than the client takes, as transcripts in MQTT 3.1.1: read past, acknowledged, told. */
import { test } from "../../../harness/harness.ts";
import {
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

const SIZE = 6_000;
const START = { 0: "30 ed 2e 00 01 61", 1: "32 ed 2e 00 01 61 00 07", 2: "34 ed 2e 00 01 61 00 07" } as const;
const bytesOf = (count: number) => hex(new Uint8Array(count).fill(0x2e));
/** A PUBLISH of 6,000 bytes with the id 7. */
const large = (qos: 0 | 1 | 2) => `${START[qos]} ${bytesOf(SIZE - START[qos].split(" ").length)}`;

test("a message of QoS 0 that is too large is told, and nothing is sent", () => {
	new Transcript().connects(0).receives(5, large(0)).tells("connected", "read past 6000 bytes").silent(59_499);
});

test("one of QoS 1 is acknowledged when all of it has come, and not before", () => {
	const transcript = new Transcript().connects(0).tells("connected");
	const [first, second] = [large(1).slice(0, 3 * 5_000), large(1).slice(3 * 5_000)];
	transcript.receives(5, first).tells().silent(10);
	transcript.receives(10, second).tells("read past 6000 bytes").sends(10, puback(7)).silent(59_499);
});

test("one of QoS 2 is received once, whatever the broker has seen of it", () => {
	new Transcript()
		.connects(0)
		.receives(5, large(2))
		.sends(5, pubrec(7))
		.tells("connected", "read past 6000 bytes")
		.closes()
		.connects(1_000, CONNACK_SESSION_PRESENT)
		.receives(1_001, large(2).replace("34", "3c"))
		.sends(1_001, pubrec(7))
		.tells("resumed")
		.receives(1_002, pubrel(7))
		.sends(1_002, pubcomp(7))
		.silent(60_000);
});

test("in MQTT 5.0, whose broker was told the size, it is the same [5.0: MQTT-3.1.2-24]", () => {
	const transcript = new Transcript({ protocolVersion: 5 }).connects(0, "20 03 00 00 00");
	transcript.receives(5, large(1)).sends(5, puback(7)).tells("connected", "read past 6000 bytes").silent(59_499);
});

test("what follows it in the same bytes is taken", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	transcript.receives(5, `${large(1)} ${publish(8, "a", "x")} ${puback(1)}`);
	transcript.tells("connected", "published a", "read past 6000 bytes", "message a x qos 1", "acknowledged a");
	transcript.sends(5, puback(7), puback(8)).silent(59_499);
});

test("before the CONNACK it ends the connection as any packet does [MQTT-3.2.0-1]", () => {
	const transcript = new Transcript().opens(0);
	transcript.sends(0, "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63");
	transcript.failsWhen(() => transcript.receives(5, large(1)), /before its CONNACK/);
});

/** A slow network: so many bytes each second, of a message of 256 MB. */
function streams(transcript: Transcript, from: number, to: number): void {
	transcript.receives(from, "32 ff ff ff 7f 00 01 61 00 07");
	for (let now = from + 1_000; now <= to; now += 1_000) transcript.receives(now, bytesOf(100)).sends(now);
}

test("while one of 256 MB passes, an acknowledgement behind it is waited for, and so is a PINGRESP", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	streams(transcript, 5, 59_005);
	transcript.sends(59_500, PINGREQ).receives(60_000, bytesOf(100));
	for (let now = 61_000; now <= 110_000; now += 1_000) transcript.receives(now, bytesOf(100)).sends(now);
	// Now it stays away: the last piece was at 110 s.
	transcript.failsAt(116_000, /no PINGRESP within 6 s/);
});

test("an acknowledgement that is overdue 20 s after the last of it ends the connection", () => {
	const transcript = new Transcript({ keepAlive: 0 })
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	const pieces = large(1);
	for (let at = 0, now = 0; at < pieces.length; at += 300, now += 1_000) {
		transcript.receives(now, pieces.slice(at, at + 300));
		if (at + 300 < pieces.length) transcript.silent(now);
	}
	transcript.sends(59_000, puback(7)).overdueAt(79_000);
	const endless = new Transcript({ keepAlive: 0 })
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	streams(endless, 5, 50_005);
	// Whatever it answers to a PINGREQ would be a part of the message.
	endless.sends(53_005, PINGREQ).failsAt(59_005, /no PINGRESP within 6 s/);
});

test("one that never ends keeps the client for half an hour, and not its messages from leaving", () => {
	const transcript = new Transcript({ keepAlive: 0 })
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	streams(transcript, 5, 60_005);
	transcript.queues("b").sends(60_500, publish(2, "t", "b"));
	for (let now = 61_000; now < 1_820_000; now += 10_000) transcript.receives(now, bytesOf(100)).sends(now);
	transcript.failsAt(1_820_000, /no acknowledgement within 20 s/);
});

test("nothing of it is left for the next connection", () => {
	const transcript = new Transcript().connects(0);
	transcript.receives(1, large(1).slice(0, 3 * 100)).closes();
	transcript.connects(1_000, CONNACK_SESSION_PRESENT).receives(1_001, publish(7, "a", "x", { dup: true }));
	transcript.tells("connected", "resumed", "message a x qos 1 dup").sends(1_001, puback(7));
	transcript.silent(60_499).sends(60_501, PINGREQ).receives(60_502, PINGRESP);
});

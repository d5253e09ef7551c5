/**
 * Connections that the broker ends because of something that it was sent, as
 * transcripts in MQTT 3.1.1: a message is found, given up and told; what waits
 * behind it goes on; and what is not to blame is not given up.
 */
import { equal, test } from "../../../harness/harness.ts";
import {
	ascii,
	CONNACK,
	CONNACK_SESSION_PRESENT,
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
const BIRTH = { topic: "s", payload: ascii("up"), qos: 1, retain: true } as const;
const WILL = { topic: "w", payload: ascii("off"), qos: 1, retain: true } as const;
const again = (packetId: number, text: string) => publish(packetId, "t", text, { dup: true });
const up = (packetId: number, dup?: true) => publish(packetId, "s", "up", { retain: true, ...(dup && { dup }) });

/** The broker accepts a connection and shows that it is well. */
const proves = (transcript: Transcript, now: number) =>
	transcript.connects(now, CONNACK_SESSION_PRESENT).sends(now, PINGREQ).receives(now, PINGRESP);

test("with several messages in flight they leave one at a time on the next connection, the others wait, and then the window is open again", () => {
	const transcript = new Transcript().queues("a", "b").connects(0);
	transcript
		.sends(0, publish(1, "t", "a"), publish(2, "t", "b"))
		.ends(10)
		.queues("c");
	transcript.connects(1_000, CONNACK_SESSION_PRESENT).sends(1_000, PINGREQ).silent(1_100);
	transcript.receives(1_100, PINGRESP).sends(1_100, again(1, "a")).silent(1_200);
	transcript.receives(1_200, puback(1)).sends(1_200, again(2, "b")).silent(1_300);
	transcript.receives(1_300, puback(2)).sends(1_300, publish(3, "t", "c"));
	transcript
		.queues("d")
		.sends(1_301, publish(4, "t", "d"))
		.receives(1_400, `${puback(3)} ${puback(4)}`)
		.silent(60_000);
});

test("a message on which three connections end is given up, and what waits behind it goes on", () => {
	const transcript = new Transcript().queues("poison", "b").connects(0);
	transcript.sends(0, publish(1, "t", "poison"), publish(2, "t", "b")).ends(10);
	for (const now of [1_000, 3_000, 7_000]) {
		proves(transcript, now)
			.sends(now, again(1, "poison"))
			.silent(now + 50)
			.ends(now + 50);
	}
	transcript.told.length = 0;
	proves(transcript, 15_000).tells("gave up poison", "resumed").sends(15_000, again(2, "b")).silent(15_100);
	transcript.receives(15_100, puback(2)).tells("redelivered b", "acknowledged b").silent(60_000);
});

test("a message that is alone when an answered connection ends counts at once", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"))
		.receives(1, puback(1));
	transcript
		.queues("poison")
		.sends(500, publish(2, "t", "poison"))
		.ends(510);
	for (const now of [1_000, 3_000])
		proves(transcript, now)
			.sends(now, again(2, "poison"))
			.ends(now + 5);
	transcript.told.length = 0;
	transcript.connects(7_000, CONNACK_SESSION_PRESENT).tells("gave up poison", "resumed").silent(60_000);
});

test("where the broker has no session any more, it is the same message that is given up", () => {
	const transcript = new Transcript()
		.queues("poison")
		.connects(0)
		.sends(0, publish(1, "t", "poison"))
		.ends(10);
	for (const [now, id] of [
		[1_000, 2],
		[3_000, 3],
		[7_000, 4],
	] as const) {
		transcript
			.connects(now)
			.sends(now, PINGREQ)
			.receives(now, PINGRESP)
			.sends(now, publish(id, "t", "poison"));
		transcript.ends(now + 5);
	}
	transcript.told.length = 0;
	transcript.connects(15_000).tells("gave up poison", "connected").silent(60_000);
});

test("one that is acknowledged after all is not given up, and its ends are forgotten", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"))
		.ends(10);
	for (const now of [1_000, 3_000])
		proves(transcript, now)
			.sends(now, again(1, "a"))
			.ends(now + 5);
	proves(transcript, 7_000).sends(7_000, again(1, "a")).receives(7_005, puback(1));
	transcript
		.queues("b")
		.sends(7_010, publish(2, "t", "b"))
		.ends(7_020).told.length = 0;
	proves(transcript, 15_000).tells("resumed").sends(15_000, again(2, "b"));
});

for (const [what, end] of [
	["the network ends", (transcript: Transcript) => transcript.closes()],
	[
		"the broker ends 10 s after the message left",
		(transcript: Transcript, now: number) => transcript.ends(now + 10_000),
	],
	[
		"end because the broker answers nothing",
		(transcript: Transcript, now: number) => transcript.overdueAt(now + 20_000),
	],
] as const) {
	test(`a message is not given up for connections that ${what}`, () => {
		const transcript = new Transcript()
			.queues("a")
			.connects(0)
			.sends(0, publish(1, "t", "a"))
			.receives(1, puback(1));
		transcript.queues("b").sends(2, publish(2, "t", "b"));
		for (let now = 100_000; now < 1_000_000; now += 100_000) {
			end(transcript, now - 100_000 + 2);
			transcript.connects(now, CONNACK_SESSION_PRESENT);
			if (transcript.session.transmit(now)?.length === 2) {
				transcript.session.transmitted(now);
				transcript.receives(now, PINGRESP).sends(now + 2, again(2, "b"));
			} else transcript.session.transmitted(now + 2);
		}
		transcript.receives(900_010, puback(2)).told.splice(0, transcript.told.length - 1);
		transcript.tells("acknowledged b").silent(910_000);
	});
}

test("a broker that closes whatever it accepts is not taken for one that does not bear a message", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"))
		.ends(5);
	for (let now = 1_000; now < 20_000; now += 1_000) {
		transcript
			.connects(now, CONNACK_SESSION_PRESENT)
			.sends(now, PINGREQ)
			.ends(now + 5);
	}
	transcript.told.length = 0;
	proves(transcript, 20_000).sends(20_000, again(1, "a")).receives(20_001, puback(1));
	transcript.tells("resumed", "redelivered a", "acknowledged a");
});

test("a broker that never answers a PINGREQ gets the messages all the same", () => {
	const transcript = new Transcript().queues("a", "b").connects(0);
	transcript.sends(0, publish(1, "t", "a"), publish(2, "t", "b")).ends(5);
	transcript
		.connects(1_000, CONNACK_SESSION_PRESENT)
		.sends(1_000, PINGREQ)
		.failsAt(7_000, /no PINGRESP within 6 s/);
	transcript.connects(12_000, CONNACK_SESSION_PRESENT).sends(12_000, again(1, "a"), again(2, "b"));
});

test("a connection that ends before its CONNACK says nothing of a message", () => {
	const transcript = new Transcript({ pipelining: true }).queues("a");
	transcript
		.opens(0)
		.sends(0, CONNECT, publish(1, "t", "a"))
		.ends(5);
	transcript.connects(1_000, CONNACK).sends(1_000, publish(2, "t", "a"));
});

test("a birth message on which connections end is left out, and the messages go; it comes last, ever more rarely", () => {
	const transcript = new Transcript({ birth: BIRTH }).queues("a").connects(0);
	transcript.sends(0, up(1), publish(2, "t", "a")).ends(5);
	for (const now of [1_000, 3_000, 7_000])
		proves(transcript, now)
			.sends(now, up(1, true))
			.ends(now + 5);
	transcript.told.length = 0;
	proves(transcript, 15_000).tells("gave up the birth message", "resumed").sends(15_000, again(2, "a"));
	transcript
		.receives(15_001, puback(2))
		.queues("b")
		.sends(20_000, publish(3, "t", "b"));
	transcript.receives(20_001, puback(3)).silent(74_999).sends(75_000, up(4)).ends(75_010);
	// It is as before: two more connections that end on it, and then it waits for two minutes.
	for (const now of [76_000, 78_000])
		proves(transcript, now)
			.sends(now, up(4, true))
			.ends(now + 5);
	transcript.told.length = 0;
	transcript.connects(80_000, CONNACK_SESSION_PRESENT).tells("gave up the birth message", "resumed").silent(139_499);
	transcript.sends(139_500, PINGREQ).receives(139_501, PINGRESP).silent(198_999).sends(199_000, PINGREQ);
	transcript.receives(199_001, PINGRESP).silent(199_999).sends(200_000, up(5)).receives(200_001, puback(5)).closes();
	// The broker bears it again.
	transcript
		.queues("c")
		.connects(201_000, CONNACK_SESSION_PRESENT)
		.sends(201_000, up(6), publish(7, "t", "c"));
});

test("a birth message that is innocent goes first, and the message after it is found", () => {
	const transcript = new Transcript({ birth: BIRTH }).queues("poison").connects(0);
	transcript
		.sends(0, up(1), publish(2, "t", "poison"))
		.receives(1, puback(1))
		.ends(5);
	for (const [now, id] of [
		[1_000, 3],
		[3_000, 4],
	] as const) {
		proves(transcript, now)
			.sends(now, up(id))
			.receives(now + 1, puback(id));
		transcript.sends(now + 1, again(2, "poison")).ends(now + 5);
	}
	transcript.told.length = 0;
	proves(transcript, 7_000).tells("gave up poison", "resumed").sends(7_000, up(5)).receives(7_001, puback(5));
	transcript.silent(60_000);
});

test("a message of QoS 2 is given up with its session: its id must not stand for another message", () => {
	const transcript = new Transcript({ protocolVersion: 5 }).queuesAt(2, "poison").queuesAt(2, "b");
	const atQoS2 = (id: number, payload: string, dup = 0) =>
		`3${(4 + dup).toString(16)} ${(6 + payload.length).toString(16).padStart(2, "0")} 00 01 74 00 0${id} 00 ${Array.from(
			ascii(payload),
			(byte) => byte.toString(16),
		).join(" ")}`;
	const connect = (flags: string) =>
		`10 1b 00 04 4d 51 54 54 05 ${flags} 00 3c 0d 11 00 01 51 80 21 00 40 27 00 00 10 00 00 01 63`;
	transcript.opens(0).sends(0, connect("00")).receives(0, "20 03 00 00 00");
	transcript.sends(0, atQoS2(1, "poison"), atQoS2(2, "b")).ends(5);
	for (const now of [1_000, 3_000, 7_000]) {
		transcript.opens(now).sends(now, connect("00")).receives(now, "20 03 01 00 00").sends(now, PINGREQ);
		transcript
			.receives(now, PINGRESP)
			.sends(now, atQoS2(1, "poison", 8))
			.ends(now + 5);
	}
	transcript.told.length = 0;
	transcript.opens(15_000).sends(15_000, connect("00")).receives(15_000, "20 03 01 00 00").sends(15_000, PINGREQ);
	transcript
		.tells("gave up poison", "resumed")
		.receives(15_001, PINGRESP)
		.sends(15_001, atQoS2(2, "b", 8));
	transcript.receives(15_002, pubrec(2)).sends(15_002, "62 02 00 02").receives(15_003, pubcomp(2)).closes();
	transcript.opens(16_000).sends(16_000, connect("02")).receives(16_000, "20 03 00 00 00").silent(60_000).closes();
	transcript.opens(70_000).sends(70_000, connect("00"));
});

for (const [code, blames] of [
	["87", true],
	["90", true],
	["8b", false],
	["8e", false],
	["98", false],
] as const) {
	test(`a DISCONNECT with reason code 0x${code} is ${blames ? "" : "not "}for what was sent`, () => {
		const transcript = new Transcript({ protocolVersion: 5 }).queues("a").connects(0, "20 03 00 00 00");
		transcript.sends(0, "32 07 00 01 74 00 01 00 61");
		transcript.failsWhen(() => transcript.receives(5, `e0 02 ${code} 00`), /the broker ended the connection/);
		transcript.connects(1_000, "20 03 01 00 00").sends(1_000, blames ? PINGREQ : "3a 07 00 01 74 00 01 00 61");
	});
}

for (const [what, end] of [
	["refuses as not authorized", "20 02 00 05"],
	["closes without a word", undefined],
] as const) {
	test(`a will that a broker ${what} is left out in the fourth attempt, told, and there again on the next connection`, () => {
		const transcript = new Transcript({ will: WILL }).queues("a");
		const withWill = "10 15 00 04 4d 51 54 54 04 2c 00 3c 00 01 63 00 01 77 00 03 6f 66 66";
		const fails = (now: number) => {
			if (end) transcript.failsWhen(() => transcript.receives(now, end), /not authorized/);
			else transcript.ends(now);
		};
		for (const now of [0, 1_000, 3_000]) {
			transcript.opens(now).sends(now, withWill);
			fails(now + 5);
		}
		transcript.opens(7_000).sends(7_000, CONNECT);
		fails(7_005);
		for (const now of [15_000, 16_000, 17_000]) {
			transcript.opens(now).sends(now, withWill);
			fails(now + 5);
		}
		transcript.tells().opens(20_000).sends(20_000, CONNECT).receives(20_005, CONNACK);
		transcript
			.tells("connected", "gave up the will message")
			.sends(20_005, publish(1, "t", "a"))
			.closes();
		transcript.opens(30_000).sends(30_000, withWill);
	});
}

test("a will stays where the network fails, or the password is wrong", () => {
	const transcript = new Transcript({ will: WILL });
	for (let now = 0; now < 20_000; now += 1_000) {
		transcript.opens(now);
		transcript.sends(now, "10 15 00 04 4d 51 54 54 04 2c 00 3c 00 01 63 00 01 77 00 03 6f 66 66");
		if (now % 2_000 === 0) transcript.closes();
		else transcript.failsWhen(() => transcript.receives(now + 5, "20 02 00 04"), /password/);
	}
});

const atQoS2 = (packetId: number, text: string, dup?: true) =>
	publish(packetId, "t", text, { qos: 2, ...(dup && { dup }) });

test("after three connections that the broker closed on a QoS 2 message, messages leave at QoS 1, which is told once", () => {
	const transcript = new Transcript().queuesAt(2, "a").connects(0).sends(0, atQoS2(1, "a")).silent(10).ends(10);
	proves(transcript, 1_000)
		.sends(1_000, atQoS2(1, "a", true))
		.silent(1_010)
		.ends(1_010);
	proves(transcript, 3_000)
		.sends(3_000, atQoS2(1, "a", true))
		.silent(3_010)
		.ends(3_010);
	transcript.told.length = 0;
	proves(transcript, 7_000)
		.tells("lowered the QoS", "resumed")
		.sends(7_000, publish(2, "t", "a"));
	transcript.receives(7_010, puback(2)).tells("redelivered a", "acknowledged a");
	transcript
		.queuesAt(2, "b")
		.sends(7_020, publish(3, "t", "b"))
		.receives(7_030, puback(3))
		.closes();
	transcript
		.connects(8_000, CONNACK_SESSION_PRESENT)
		.queuesAt(2, "c")
		.sends(8_000, publish(4, "t", "c"));
	transcript.tells("published b", "acknowledged b", "resumed", "published c").pinged(20_000);
});

test("what leaves at QoS 1 goes on to, though the broker answers it as if it were of QoS 2", () => {
	const transcript = new Transcript().queuesAt(2, "a").connects(0).sends(0, atQoS2(1, "a")).ends(10);
	for (const now of [1_000, 3_000]) {
		proves(transcript, now)
			.sends(now, atQoS2(1, "a", true))
			.ends(now + 10);
	}
	proves(transcript, 7_000)
		.sends(7_000, publish(2, "t", "a"))
		.receives(7_010, pubrec(2))
		.sends(7_010, pubrel(2));
	transcript
		.queuesAt(2, "b")
		.sends(7_020, publish(3, "t", "b"))
		.receives(7_030, puback(3))
		.closes();
	transcript
		.connects(8_000, CONNACK_SESSION_PRESENT)
		.queuesAt(2, "c")
		.sends(8_000, publish(4, "t", "c"));
});

test("after three connections on which a QoS 2 message was not answered, messages leave at QoS 1", () => {
	const transcript = new Transcript({ birth: BIRTH, pipelining: true }).queuesAt(2, "a");
	transcript
		.opens(0)
		.sends(0, CONNECT, up(1), atQoS2(2, "a"))
		.receives(0, `${CONNACK} ${puback(1)}`);
	transcript.overdueAt(20_000);
	for (const [now, id] of [
		[21_000, 3],
		[43_000, 4],
	] as const) {
		transcript.connects(now, CONNACK_SESSION_PRESENT).sends(now, up(id), atQoS2(2, "a", true));
		transcript.receives(now, puback(id)).overdueAt(now + 20_000);
	}
	transcript.told.length = 0;
	transcript.connects(67_000, CONNACK_SESSION_PRESENT).tells("lowered the QoS", "resumed");
	transcript.sends(67_000, up(6), publish(5, "t", "a")).receives(67_010, `${puback(6)} ${puback(5)}`);
	transcript.tells("redelivered a", "acknowledged a").pinged(120_000).closes();
	transcript
		.queuesAt(2, "b")
		.opens(130_000)
		.sends(130_000, CONNECT, up(7), publish(8, "t", "b"));
});

test("a message on which connections end at QoS 1, too, is given up after three more", () => {
	const transcript = new Transcript().queuesAt(2, "poison").queuesAt(2, "b").connects(0);
	transcript.sends(0, atQoS2(1, "poison"), atQoS2(2, "b")).ends(10);
	for (const now of [1_000, 3_000]) {
		proves(transcript, now)
			.sends(now, atQoS2(1, "poison", true))
			.silent(now + 50)
			.ends(now + 50);
	}
	for (const now of [7_000, 15_000, 31_000]) {
		proves(transcript, now)
			.sends(now, publish(3, "t", "poison", now === 7_000 ? {} : { dup: true }))
			.silent(now + 50)
			.ends(now + 50);
	}
	transcript.told.length = 0;
	proves(transcript, 63_000)
		.tells("gave up poison", "resumed")
		.sends(63_000, publish(4, "t", "b"))
		.silent(63_100);
});

test("a broker that has answered one message of QoS 2 takes them: connections that end later lower no QoS", () => {
	const transcript = new Transcript().queuesAt(2, "a").connects(0).sends(0, atQoS2(1, "a"));
	transcript.receives(1, pubrec(1)).sends(1, pubrel(1)).receives(2, pubcomp(1)).queuesAt(2, "poison");
	transcript.sends(3, atQoS2(2, "poison")).ends(10);
	for (const now of [1_000, 3_000]) {
		proves(transcript, now)
			.sends(now, atQoS2(2, "poison", true))
			.ends(now + 50);
	}
	transcript.told.length = 0;
	transcript.connects(7_000, CONNACK_SESSION_PRESENT).tells("gave up poison", "resumed").silent(8_000);
	transcript.queuesAt(2, "b").sends(8_000, atQoS2(3, "b")).receives(8_001, pubrec(3)).sends(8_001, pubrel(3));
});

for (const [what, end] of [
	["the network ended", (transcript: Transcript) => transcript.closes()],
	["the broker ended 10 s after a message", (transcript: Transcript, now: number) => transcript.ends(now + 10_000)],
] as const) {
	test(`connections that ${what} lower no QoS`, () => {
		const transcript = new Transcript().queuesAt(2, "a").connects(0).sends(0, atQoS2(1, "a"));
		end(transcript, 0);
		for (let now = 20_000; now < 200_000; now += 20_000) {
			transcript.connects(now, CONNACK_SESSION_PRESENT);
			if (what !== "the network ended") transcript.sends(now, PINGREQ).receives(now, PINGRESP);
			transcript.sends(now, atQoS2(1, "a", true));
			end(transcript, now);
		}
		transcript.connects(200_000, CONNACK_SESSION_PRESENT);
		equal(transcript.told.includes("lowered the QoS"), false);
	});
}

test("connections that end on a SUBSCRIBE or on a message of QoS 1 lower no QoS", () => {
	const transcript = new Transcript().queues("poison").queuesAt(2, "a").connects(0);
	transcript.sends(0, publish(1, "t", "poison"), atQoS2(2, "a")).ends(10);
	for (const now of [1_000, 3_000, 7_000]) {
		proves(transcript, now)
			.sends(now, again(1, "poison"))
			.ends(now + 50);
	}
	transcript.told.length = 0;
	proves(transcript, 15_000)
		.tells("gave up poison", "resumed")
		.sends(15_000, atQoS2(2, "a", true))
		.closes();
	const subscribing = new Transcript().queuesAt(2, "a");
	subscribing.session.subscribe({ topicFilter: "f", qos: 1 });
	subscribing.connects(0).sends(0, "82 06 00 01 00 01 66 01", atQoS2(2, "a")).ends(10);
	proves(subscribing, 1_000)
		.sends(1_000, atQoS2(2, "a", true))
		.receives(1_010, pubrec(2))
		.sends(1_010, pubrel(2));
});

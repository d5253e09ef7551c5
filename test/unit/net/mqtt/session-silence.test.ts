/** A broker that falls silent, as transcripts: when it is asked, when it is given up, and what counts as life. */
import { equal, test } from "../../../harness/harness.ts";
import {
	CONNACK,
	CONNACK_SESSION_PRESENT,
	PINGREQ,
	PINGRESP,
	puback,
	publish,
	pubrec,
	pubrel,
	Transcript,
} from "../../../harness/transcript.ts";

const CONNECT = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";
/** Of the broker's, at QoS 0. */
const MESSAGE = "30 03 00 01 78";

/** Connected at 0, with a CONNACK that took `roundTrip` ms. */
function connected(roundTrip: number): Transcript {
	return new Transcript().opens(0).sends(0, CONNECT).receives(roundTrip, CONNACK);
}

for (const keepAlive of [0, 10, 60, 65_535]) {
	test(`with a keep-alive of ${keepAlive} s, a message in silence is asked about after 3 s, and the connection ends after 9`, () => {
		new Transcript({ keepAlive })
			.queues("a")
			.connects(0)
			.sends(1_000, publish(1, "t", "a"))
			.silent(3_999)
			.sends(4_000, PINGREQ)
			.failsAt(10_000, /no PINGRESP within 6 s/);
	});
}

for (const [roundTrip, patience, response] of [
	[900, 3_000, 6],
	[1_100, 4_000, 6],
	[2_000, 6_000, 6],
	[2_400, 8_000, 7],
	[9_000, 10_000, 9],
] as const) {
	test(`where a CONNACK took ${roundTrip} ms, a PINGREQ leaves after ${patience} ms of silence, and the end comes ${response} s later`, () => {
		const sent = roundTrip + 1_000;
		connected(roundTrip)
			.queues("a")
			.sends(sent, publish(1, "t", "a"))
			.silent(sent + patience - 1)
			.sends(sent + patience, PINGREQ)
			.failsAt(sent + patience + response * 1_000, new RegExp(`no PINGRESP within ${response} s`));
	});
}

test("shorter round trips are believed by and by", () => {
	const transcript = connected(3_000);
	for (let id = 1, now = 10_000; id <= 10; id++, now += 10_000) {
		transcript
			.queues("m")
			.sends(now, publish(id, "t", "m"))
			.receives(now + 50, puback(id));
	}
	transcript
		.queues("last")
		.sends(110_000, publish(11, "t", "last"))
		.silent(112_999)
		.sends(113_000, PINGREQ);
});

test("what a PINGRESP took counts as a round trip, what a broker took for an answer between PINGRESPs does not", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	// 5 s each way, suddenly.
	transcript.sends(3_000, PINGREQ).receives(8_000, PINGRESP).silent(17_999).sends(18_000, PINGREQ);
	const slow = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"))
		.pinged(15_000);
	slow
		.receives(15_000, puback(1))
		.queues("b")
		.sends(20_000, publish(2, "t", "b"));
	slow
		.silent(22_999)
		.sends(23_000, PINGREQ)
		.failsAt(29_000, /no PINGRESP within 6 s/);
});

test("any byte is life, be it a part of a packet", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	const pieces = `${MESSAGE} ${MESSAGE}`.split(" ");
	for (const [at, byte] of pieces.entries()) transcript.silent(900 * (at + 1)).receives(900 * (at + 1), byte);
	transcript
		.silent(11_999)
		.sends(12_000, PINGREQ)
		.receives(13_500, "30")
		.failsAt(19_500, /no PINGRESP within 6 s/);
});

test("what the broker sends of its own accord does not hide for ever that it owes an answer", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	for (let now = 2_000; now < 20_000; now += 2_000) transcript.receives(now, MESSAGE).silent(now);
	transcript.failsAt(20_000, /no acknowledgement within 20 s/);
});

test("a PUBREL and a SUBSCRIBE are answers that are due, too", () => {
	const released = new Transcript().queuesAt(2, "a").connects(0);
	released
		.sends(0, publish(1, "t", "a", { qos: 2 }))
		.receives(2_000, pubrec(1))
		.sends(2_000, pubrel(1));
	released
		.silent(7_999)
		.sends(8_000, PINGREQ)
		.failsAt(14_000, /no PINGRESP/);
	const subscribing = new Transcript();
	subscribing.session.subscribe({ topicFilter: "a", qos: 1 });
	subscribing.connects(0).sends(0, "82 06 00 01 00 01 61 01");
	subscribing
		.silent(2_999)
		.sends(3_000, PINGREQ)
		.failsAt(9_000, /no PINGRESP/);
});

test("a connection on which only messages of QoS 0 leave is asked about after the keep-alive", () => {
	const transcript = new Transcript({ keepAlive: 60 }).connects(0);
	for (let now = 10_000; now < 59_500; now += 10_000) {
		transcript.queuesAt(0, "a").sends(now, "30 04 00 01 74 61");
	}
	transcript.silent(59_499).sends(59_500, PINGREQ).queuesAt(0, "a").sends(60_000, "30 04 00 01 74 61");
	transcript.failsAt(65_500, /no PINGRESP within 6 s/);
	const heard = new Transcript({ keepAlive: 60 }).connects(0).queuesAt(0, "a").sends(30_000, "30 04 00 01 74 61");
	heard.receives(40_000, MESSAGE).silent(89_499).sends(89_500, PINGREQ);
});

test("a large message is given the time that it takes at 2 kbit/s, and what is behind it, too", () => {
	const transcript = new Transcript({ keepAlive: 0 }).connects(0).queues("x".repeat(16_384));
	const { session } = transcript;
	equal(session.transmit(0)?.length, 16_384 + 9);
	session.transmitted(0);
	transcript.queues("b").sends(100, publish(2, "t", "b"));
	transcript.silent(68_535).sends(68_536, PINGREQ).receives(69_000, PINGRESP).pinged(84_000);
	transcript.receives(84_001, `${puback(1)} ${puback(2)}`).silent(200_000);
	const lost = new Transcript({ keepAlive: 0 }).connects(0).queues("x".repeat(1_025));
	lost.session.transmit(0);
	lost.session.transmitted(0);
	lost
		.silent(4_100 + 2_999)
		.sends(7_100, PINGREQ)
		.failsAt(13_100, /no PINGRESP/);
});

test("after a connection that ended in silence and achieved nothing, the next one is patient", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	transcript.sends(3_000, PINGREQ).failsAt(9_000, /no PINGRESP within 6 s/);
	transcript.connects(10_000, CONNACK_SESSION_PRESENT).sends(10_000, publish(1, "t", "a", { dup: true }));
	// The broker answers in the order of the packets, and takes its time for each.
	transcript
		.silent(19_999)
		.sends(20_000, PINGREQ)
		.silent(25_000)
		.receives(25_000, `${puback(1)} ${PINGRESP}`);
	transcript
		.closes()
		.queues("b")
		.connects(30_000, CONNACK_SESSION_PRESENT)
		.sends(30_000, publish(2, "t", "b"));
	transcript.silent(32_999).sends(33_000, PINGREQ);
});

test("an end that the broker made teaches no patience", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	transcript.sends(3_000, PINGREQ).ends(4_000);
	transcript
		.connects(5_000, CONNACK_SESSION_PRESENT)
		.sends(5_000, PINGREQ)
		.failsAt(11_000, /no PINGRESP within 6 s/);
	const refused = new Transcript({ keepAlive: 2 }).connects(0).sends(1_500, PINGREQ);
	refused.failsWhen(() => refused.receives(1_600, CONNACK), /second CONNACK/);
	refused.connects(2_000).sends(3_500, PINGREQ).sends(5_000, PINGREQ).sends(6_500, PINGREQ).sends(8_000, PINGREQ);
	refused.failsAt(9_500, /no PINGRESP within 6 s/);
});

test("a server keep-alive changes the interval, and not what is known of the connection [5.0: MQTT-3.2.2-21]", () => {
	const transcript = new Transcript({ protocolVersion: 5 }).opens(0);
	transcript.session.transmit(0);
	transcript.session.transmitted(0);
	transcript.receives(2_000, "20 06 00 00 03 13 00 05").silent(4_499).sends(4_500, PINGREQ);
	transcript
		.receives(4_600, PINGRESP)
		.queues("a")
		.sends(5_000, publish(1, "t", "a").replace("32 06 00 01 74 00 01", "32 07 00 01 74 00 01 00"));
	transcript
		.sends(9_500, PINGREQ)
		.sends(14_000, PINGREQ)
		.failsAt(15_500, /no PINGRESP within 6 s/);
});

/** Subscriptions as transcripts in MQTT 3.1.1. */
import { equal, test, throws } from "../../../harness/harness.ts";
import { CONNACK, CONNACK_SESSION_PRESENT, puback, publish, Transcript } from "../../../harness/transcript.ts";

const CONNECT = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";
const subscribing = (...filters: string[]) => {
	const transcript = new Transcript();
	for (const topicFilter of filters) transcript.session.subscribe({ topicFilter, qos: 1 });
	return transcript;
};

test("SUBSCRIBE goes before the messages, with all filters at once, and its answers are told [MQTT-3.8.4-5]", () => {
	subscribing("a/+", "b/#")
		.queues("m")
		.connects(0)
		.sends(0, "82 0e 00 01 00 03 61 2f 2b 01 00 03 62 2f 23 01", publish(2, "t", "m"))
		.receives(5, "90 04 00 01 01 80")
		.tells("connected", "published m", "subscribed a/+ 1", "subscribed b/# 128");
});

test("with pipelining, SUBSCRIBE follows the CONNECT at once", () => {
	const transcript = new Transcript({ pipelining: true }).queues("m");
	transcript.session.subscribe({ topicFilter: "a", qos: 0 });
	transcript.opens(0).sends(0, CONNECT, "82 06 00 01 00 01 61 00", publish(2, "t", "m"));
	transcript.receives(5, `${CONNACK} 90 03 00 01 00 40 02 00 02`);
	transcript.tells("published m", "connected", "subscribed a 0", "acknowledged m");
});

test("a session that is present keeps its subscriptions; a new one is subscribed again", () => {
	const transcript = subscribing("a")
		.connects(0)
		.sends(0, "82 06 00 01 00 01 61 01")
		.receives(1, "90 03 00 01 01")
		.closes();
	transcript.connects(1_000, CONNACK_SESSION_PRESENT).silent(2_000).closes();
	transcript.connects(3_000, CONNACK).sends(3_000, "82 06 00 02 00 01 61 01");
});

test("a session that may have begun with a CONNECT whose CONNACK got lost is subscribed again, once", () => {
	const transcript = subscribing("a")
		.connects(0)
		.sends(0, "82 06 00 01 00 01 61 01")
		.receives(1, "90 03 00 01 01")
		.closes();
	// The broker has lost the session by now, begins one, and says so; that gets lost.
	transcript.opens(1_000).sends(1_000, CONNECT).closes();
	transcript.connects(3_000, CONNACK_SESSION_PRESENT).sends(3_000, "82 06 00 02 00 01 61 01");
	transcript.receives(3_001, "90 03 00 02 01").closes();
	transcript.connects(5_000, CONNACK_SESSION_PRESENT).silent(6_000);
});

test("an attempt whose CONNECT has not left changes nothing", () => {
	const transcript = subscribing("a")
		.connects(0)
		.sends(0, "82 06 00 01 00 01 61 01")
		.receives(1, "90 03 00 01 01")
		.closes();
	transcript.opens(1_000).closes();
	transcript.connects(3_000, CONNACK_SESSION_PRESENT).silent(4_000);
});

test("a SUBSCRIBE without a SUBACK ends the connection after 20 s, and goes out again on the next one", () => {
	const transcript = subscribing("a").connects(0).sends(3, "82 06 00 01 00 01 61 01");
	transcript.overdueAt(20_003);
	transcript.connects(30_000, CONNACK_SESSION_PRESENT).sends(30_000, "82 06 00 02 00 01 61 01");
});

test("a filter that the broker refused is not asked for again on this connection", () => {
	const transcript = subscribing("a").connects(0).sends(0, "82 06 00 01 00 01 61 01").receives(1, "90 03 00 01 80");
	transcript.tells("connected", "subscribed a 128").silent(50_000);
});

test("UNSUBSCRIBE is sent, answered, and remembered", () => {
	const transcript = subscribing("a", "b")
		.connects(0)
		.sends(0, "82 0a 00 01 00 01 61 01 00 01 62 01")
		.receives(1, "90 04 00 01 01 01");
	transcript.session.unsubscribe("a");
	transcript.sends(2, "a2 05 00 02 00 01 61").receives(3, "b0 02 00 02");
	transcript.tells("connected", "subscribed a 1", "subscribed b 1", "unsubscribed a 0").closes();
	transcript.connects(1_000, CONNACK).sends(1_000, "82 06 00 03 00 01 62 01");
});

test("what the broker may remember from before a restart can be unsubscribed from", () => {
	const transcript = new Transcript().connects(0, CONNACK_SESSION_PRESENT);
	transcript.session.unsubscribe("a");
	transcript
		.sends(1, "a2 05 00 01 00 01 61")
		.receives(2, "b0 02 00 01")
		.tells("resumed", "unsubscribed a 0")
		.silent(1_000);
});

test("a SUBACK with too few reason codes ends the connection", () => {
	const transcript = subscribing("a", "b").connects(0).sends(0, "82 0a 00 01 00 01 61 01 00 01 62 01");
	transcript.failsWhen(() => transcript.receives(1, "90 03 00 01 01"), /1 reason codes for 2 topic filters/);
});

for (const [what, packet, told] of [
	["a SUBACK with another id", "90 04 00 02 01 01", "a SUBACK for the packet id 2, which does not wait for it"],
	["an UNSUBACK for a SUBSCRIBE", "b0 02 00 01", "an UNSUBACK for the packet id 1, which does not wait for it"],
	["a PUBACK for a SUBSCRIBE", puback(1), "a PUBACK for the packet id 1, which is not in flight"],
] as const) {
	test(`${what} is told and no answer: the SUBSCRIBE waits for its own, and for 20 s`, () => {
		const transcript = subscribing("a", "b").connects(0).sends(0, "82 0a 00 01 00 01 61 01 00 01 62 01");
		transcript.receives(1, packet).tells("connected", `unexpected: ${told}`).pinged(10_000);
		transcript.receives(10_000, "90 04 00 01 01 00").tells("subscribed a 1", "subscribed b 0").silent(50_000);
		const silent = subscribing("a", "b").connects(0).sends(0, "82 0a 00 01 00 01 61 01 00 01 62 01");
		silent.receives(1, packet).overdueAt(20_000);
	});
}

test("there are 32 subscriptions at the most", () => {
	const transcript = subscribing(...Array.from({ length: 32 }, (_, index) => `t${index}`));
	throws(() => transcript.session.subscribe({ topicFilter: "one more", qos: 0 }), /more than 32 subscriptions/);
	transcript.session.subscribe({ topicFilter: "t0", qos: 0 });
	equal(transcript.session.connected, false);
});

test("a filter that is subscribed to again before its UNSUBACK stays subscribed", () => {
	const transcript = subscribing("a").connects(0).sends(0, "82 06 00 01 00 01 61 01").receives(1, "90 03 00 01 01");
	transcript.session.unsubscribe("a");
	transcript.sends(2, "a2 05 00 02 00 01 61");
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.sends(3, "82 06 00 03 00 01 61 01").receives(4, "b0 02 00 02 90 03 00 03 01").closes();
	transcript.connects(10, CONNACK).sends(10, "82 06 00 04 00 01 61 01");
});

test("a topic filter that is none is refused at once", () => {
	const { session } = new Transcript();
	throws(() => session.subscribe({ topicFilter: "a#", qos: 0 }), /topic filter/);
	throws(() => session.subscribe({ topicFilter: "", qos: 0 }), /topic filter/);
});

test("an answer settles only what it answers: the last word is asked for again after a reconnect", () => {
	const transcript = subscribing("a").connects(0).sends(0, "82 06 00 01 00 01 61 01");
	const { session } = transcript;
	session.unsubscribe("a");
	transcript.sends(1, "a2 05 00 02 00 01 61");
	session.subscribe({ topicFilter: "a", qos: 1 });
	transcript.sends(2, "82 06 00 03 00 01 61 01");
	session.unsubscribe("a");
	transcript.sends(3, "a2 05 00 04 00 01 61").receives(4, "90 03 00 01 01 b0 02 00 02").closes();
	transcript.connects(1_000, CONNACK_SESSION_PRESENT).sends(1_000, "a2 05 00 05 00 01 61");
});

const subscribe = (packetId: number) => `82 06 00 ${packetId.toString(16).padStart(2, "0")} 00 01 61 01`;
const suback = (packetId: number) => `90 03 00 0${packetId} 01`;

test("a SUBSCRIBE on which two connections ended comes after the messages and their acknowledgements", () => {
	const transcript = subscribing("a");
	for (const [now, id] of [
		[0, 1],
		[1_000, 2],
	] as const) {
		transcript
			.connects(now)
			.sends(now, subscribe(id))
			.ends(now + 5);
	}
	transcript
		.queues("m", "n")
		.connects(3_000)
		.sends(3_000, publish(3, "t", "m"), publish(4, "t", "n"))
		.silent(3_100);
	transcript.receives(3_100, puback(4)).silent(3_200);
	transcript.receives(3_200, puback(3)).sends(3_200, subscribe(5)).silent(3_300);
	transcript.receives(3_300, suback(5)).closes();
	// Answered, it comes first again.
	transcript
		.queues("o")
		.connects(4_000)
		.sends(4_000, subscribe(6), publish(7, "t", "o"));
});

test("with pipelining, it is no more in the first flight", () => {
	const transcript = new Transcript({ pipelining: true });
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	for (const [now, id] of [
		[0, 1],
		[1_000, 2],
	] as const) {
		transcript
			.opens(now)
			.sends(now, CONNECT, subscribe(id))
			.receives(now + 1, CONNACK)
			.ends(now + 5);
	}
	transcript
		.queues("m")
		.opens(3_000)
		.sends(3_000, CONNECT, publish(3, "t", "m"))
		.silent(3_100);
	transcript.receives(3_100, CONNACK).silent(3_200).receives(3_200, puback(3)).sends(3_200, subscribe(4));
});

test("one on which connections end again and again comes ever more rarely, after an hour at the longest, also on a connection that lasts", () => {
	const transcript = new Transcript({ keepAlive: 0 });
	transcript.session.subscribe({ topicFilter: "a", qos: 1 });
	for (const [now, id] of [
		[0, 1],
		[1_000, 2],
	] as const) {
		transcript
			.connects(now)
			.sends(now, subscribe(id))
			.ends(now + 5);
	}
	let [ended, id] = [1_005, 3];
	for (const minutes of [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]) {
		// The broker answers a message: what it ends the connection on is the SUBSCRIBE.
		const now = ended + 1_000;
		transcript
			.queues("m")
			.connects(now, CONNACK_SESSION_PRESENT)
			.sends(now, publish(id, "t", "m"));
		const due = Math.max(now + 1, ended + minutes * 60_000);
		transcript.receives(now + 1, puback(id));
		if (due > now + 1) transcript.silent(due - 1);
		equal(transcript.session.deadline, minutes === 0 ? ended : due);
		transcript.sends(due, subscribe(id + 1)).ends(due + 5);
		ended = due + 5;
		id += 2;
	}
});

test("connections that end before anything was answered make it come last, and not later", () => {
	const transcript = subscribing("a");
	for (let id = 1; id < 12; id++)
		transcript
			.connects(id * 1_000)
			.sends(id * 1_000, subscribe(id))
			.ends(id * 1_000 + 5);
});

test("a SUBSCRIBE that the network cut off comes first again, however often", () => {
	const transcript = subscribing("a");
	for (let id = 1; id < 6; id++) {
		transcript.queues("m").connects(1_000 * id);
		const packets = transcript.session.transmit(1_000 * id);
		equal(packets?.[0], 0x82);
		transcript.closes();
	}
});

test("one that the broker does not answer comes last, too", () => {
	const transcript = subscribing("a").connects(0).sends(0, subscribe(1)).overdueAt(20_000);
	transcript.connects(30_000).sends(30_000, subscribe(2)).overdueAt(50_000);
	transcript
		.queues("m")
		.connects(60_000)
		.sends(60_000, publish(3, "t", "m"));
	transcript.receives(60_010, puback(3)).silent(109_999).sends(110_000, subscribe(4));
});

test("where messages were unacknowledged, too, they are settled before the SUBSCRIBE", () => {
	const transcript = subscribing("a")
		.queues("m")
		.connects(0)
		.sends(0, subscribe(1), publish(2, "t", "m"))
		.ends(5);
	transcript.connects(1_000, CONNACK_SESSION_PRESENT).sends(1_000, "c0 00").receives(1_001, "d0 00");
	transcript.sends(1_001, publish(2, "t", "m", { dup: true })).silent(1_100);
	transcript.receives(1_100, puback(2)).sends(1_100, subscribe(3));
});

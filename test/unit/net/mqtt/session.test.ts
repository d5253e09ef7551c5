/**
 * The session's transcripts. Times are ms since the connection opened, unless a
 * test says otherwise.
 */
import { equal, ok, test } from "../../../harness/harness.ts";
import {
	ascii,
	CONNACK,
	CONNACK_SESSION_PRESENT,
	DISCONNECT,
	hex,
	PINGREQ,
	PINGRESP,
	puback,
	publish,
	Transcript,
} from "../../../harness/transcript.ts";

const CONNECT = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";
const BIRTH = { topic: "s", payload: ascii("up"), qos: 1, retain: true } as const;

test("the first packet is CONNECT, with clean session off [MQTT-3.1.0-1], and the second waits for CONNACK", () => {
	new Transcript()
		.queues("a")
		.opens(0)
		.sends(0, CONNECT)
		.silent(5_000)
		.receives(5_000, CONNACK)
		.sends(5_000, publish(1, "t", "a"));
});

test("CONNECT carries will, user name and password", () => {
	const will = { topic: "w", payload: ascii("off"), qos: 1, retain: true } as const;
	new Transcript({ will, username: "u", password: "p", keepAlive: 300 })
		.opens(0)
		.sends(0, "10 1b 00 04 4d 51 54 54 04 ec 01 2c 00 01 63 00 01 77 00 03 6f 66 66 00 01 75 00 01 70");
});

test("a broker that never answers is given up after 10 s", () => {
	new Transcript()
		.opens(0)
		.sends(0, CONNECT)
		.failsAt(10_000, /no CONNACK within 10 s/);
});

for (const [what, bytes, reason] of [
	["HTTP", "48 54 54 50 2f 31 2e 31 20 34 30 30", /^this port speaks HTTP: for WebSockets\?$/],
	[
		"HTTP/0.9",
		"3c 21 44 4f 43 54 59 50 45 20 48 54 4d 4c 3e 0a 3c 68 74 6d 6c 20 6c 61 6e 67 3d 22 65 6e 22 3e 0a 20 20 20 20 3c 68 65 61 64 3e",
		/^this port speaks HTTP: for WebSockets\?$/,
	],
	["SSH", "53 53 48 2d 32 2e 30 2d 4f 70 65 6e 53 53 48", /^this port speaks SSH$/],
	["TLS, an alert", "15 03 03 00 02 02 46", /^this port speaks TLS: use mqtts:\/\/$/],
	["a PUBACK with flags", "48 02 00 01", /^PUBACK: Invalid header flag bits/],
] as const) {
	test(`what answers is no broker: ${what}`, () => {
		const transcript = new Transcript().opens(0).sends(0, CONNECT).silent(50);
		transcript.failsWhen(() => transcript.receives(50, bytes), reason);
	});
}

test("an accepted connection is not taken for one of another protocol", () => {
	const transcript = new Transcript().connects(0);
	transcript.failsWhen(() => transcript.receives(50, "48 54 00 01"), /^PUBACK with a remaining length of 84$/);
});

test("a connection that never takes the CONNECT is given up after 10 s", () => {
	const { session } = new Transcript().opens(0);
	ok(session.transmit(0));
	equal(session.deadline, 10_000);
	new Transcript().opens(0).failsWhen(() => {
		session.tick(9_999);
		session.tick(10_000);
	}, /no CONNACK/);
});

for (const [code, reason] of [
	[1, /\(1\)/],
	[2, /client id \(or a keepAlive above 60\) rejected \(2\)/],
	[3, /service unavailable \(3\)/],
	[4, /bad user name or password \(4\)/],
	[5, /not authorized \(5\)/],
] as const) {
	test(`CONNACK with return code ${code} gives the reason, and acknowledges nothing`, () => {
		const transcript = new Transcript().queues("a").opens(0).sends(0, CONNECT);
		transcript.failsWhen(() => transcript.receives(10, `20 02 00 0${code}`), reason).tells();
		equal(transcript.queue.length, 1);
	});
}

test("the birth message goes before the first reading, on every connection", () => {
	const transcript = new Transcript({ birth: BIRTH }).queues("a");
	transcript
		.connects(0)
		.sends(0, publish(1, "s", "up", { retain: true }), publish(2, "t", "a"))
		.receives(5, `${puback(1)} ${puback(2)}`)
		.tells("connected", "published a", "acknowledged a")
		.closes()
		.connects(1_000, CONNACK_SESSION_PRESENT)
		.sends(1_000, publish(3, "s", "up", { retain: true }))
		.silent(2_000);
});

test("a birth message that was not acknowledged is redelivered, not doubled", () => {
	new Transcript({ birth: BIRTH })
		.connects(0)
		.sends(0, publish(1, "s", "up", { retain: true }))
		.closes()
		.connects(1_000, CONNACK_SESSION_PRESENT)
		.sends(1_000, publish(1, "s", "up", { retain: true, dup: true }))
		.silent(2_000);
});

test("a message is acknowledged by its PUBACK only, and not sent again while the connection lasts [MQTT-4.4.0-1]", () => {
	new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"))
		.pinged(19_000)
		.tells("connected", "published a")
		.receives(19_000, puback(1))
		.tells("acknowledged a")
		.silent(59_499);
});

test("a PUBLISH without a PUBACK ends the connection after 20 s, although the broker answers PINGREQs", () => {
	new Transcript()
		.queues("a")
		.connects(0)
		.sends(7, publish(1, "t", "a"))
		.overdueAt(20_007);
});

test("the PUBACK deadline is the oldest message's", () => {
	const transcript = new Transcript()
		.queues("a")
		.connects(0)
		.sends(0, publish(1, "t", "a"));
	transcript
		.queues("b")
		.sends(2_500, publish(2, "t", "b"))
		.receives(2_900, puback(1))
		.overdueAt(22_500);
});

test("after a reconnect with session present, the same ids go out again with DUP, in order [MQTT-2.3.1-3, 3.3.1-1, 4.6.0-1]", () => {
	new Transcript()
		.queues("a", "b", "c")
		.connects(0)
		.sends(0, publish(1, "t", "a"), publish(2, "t", "b"), publish(3, "t", "c"))
		.receives(5, puback(2))
		.closes()
		.tells("connected", "published a", "published b", "published c", "acknowledged b")
		.connects(1_000, CONNACK_SESSION_PRESENT)
		.sends(1_000, publish(1, "t", "a", { dup: true }), publish(3, "t", "c", { dup: true }))
		.tells("resumed", "redelivered a", "redelivered c")
		.receives(1_005, `${puback(1)} ${puback(3)}`)
		.tells("acknowledged a", "acknowledged c")
		.queues("d")
		.sends(1_010, publish(4, "t", "d"));
});

test("after a reconnect without a session, the messages go out as new ones", () => {
	new Transcript()
		.queues("a", "b")
		.connects(0)
		.sends(0, publish(1, "t", "a"), publish(2, "t", "b"))
		.closes()
		.connects(1_000, CONNACK)
		.sends(1_000, publish(3, "t", "a"), publish(4, "t", "b"))
		.receives(1_001, `${puback(3)} ${puback(4)}`)
		.tells(
			"connected",
			"published a",
			"published b",
			"connected",
			"redelivered a",
			"redelivered b",
			"acknowledged a",
			"acknowledged b",
		);
});

test("a message that was handed out but never left is no redelivery", () => {
	const transcript = new Transcript().queues("a").connects(0);
	equal(hex(transcript.session.transmit(0)!), publish(1, "t", "a"));
	transcript
		.closes()
		.connects(1_000, CONNACK_SESSION_PRESENT)
		.sends(1_000, publish(1, "t", "a"));
});

test("eight messages are in flight at the most; a PUBACK lets one more out", () => {
	const texts = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
	const transcript = new Transcript().queues(...texts).connects(0);
	transcript.sends(0, ...texts.slice(0, 8).map((text, index) => publish(index + 1, "t", text)));
	equal(transcript.session.inFlight, 8);
	transcript
		.receives(1, puback(5))
		.sends(1, publish(9, "t", "i"))
		.receives(2, puback(1))
		.sends(2, publish(10, "t", "j"));
});

test("packet ids go from 65535 to 1 and leave out those in use [MQTT-2.3.1-1, 2.3.1-2]", () => {
	const transcript = new Transcript()
		.queues("first")
		.connects(0)
		.sends(0, publish(1, "t", "first"));
	for (let packetId = 2; packetId <= 65_535; packetId++) {
		transcript.queues("m");
		transcript.session.transmit(0);
		transcript.session.transmitted(0);
		transcript.session.receive(Uint8Array.of(0x40, 2, packetId >> 8, packetId & 255), 0);
	}
	transcript.queues("last").sends(0, publish(2, "t", "last"));
});

test("a PINGREQ leaves when nothing was sent for the keep-alive, less half a second [MQTT-3.1.2-23]", () => {
	new Transcript()
		.connects(0)
		.silent(59_499)
		.sends(59_500, PINGREQ)
		.receives(59_600, PINGRESP)
		.silent(118_999)
		.sends(119_000, PINGREQ);
});

test("what is sent postpones a PINGREQ", () => {
	const transcript = new Transcript()
		.connects(0)
		.silent(30_000)
		.queues("a")
		.sends(30_000, publish(1, "t", "a"));
	transcript.receives(30_001, puback(1)).silent(89_499).sends(89_500, PINGREQ);
});

test("what is received postpones no PINGREQ", () => {
	const transcript = new Transcript().connects(0).silent(59_000).receives(59_000, "30 03 00 01 78");
	transcript.sends(59_500, PINGREQ);
});

test("no answer to a PINGREQ within 6 s ends the connection", () => {
	new Transcript()
		.connects(0)
		.sends(59_500, PINGREQ)
		.failsAt(65_500, /no PINGRESP within 6 s/);
});

test("the PINGRESP deadline begins when the PINGREQ has left", () => {
	const transcript = new Transcript().connects(0);
	const { session } = transcript;
	equal(hex(session.transmit(59_500)!), PINGREQ);
	equal(session.deadline, 79_500, "until then it is the packet's");
	session.transmitted(65_000);
	transcript.failsAt(71_000, /no PINGRESP/);
});

test("a packet that does not leave for 20 s ends the connection", () => {
	const transcript = new Transcript().connects(0);
	transcript.session.transmit(59_500);
	transcript.failsAt(79_500, /took no data for 20 s/);
});

test("any sign of life after a PINGREQ postpones giving up, and only a PINGRESP ends the wait", () => {
	new Transcript()
		.connects(0)
		.sends(59_500, PINGREQ)
		.receives(65_000, "30 03 00 01 78")
		.silent(70_999)
		.failsAt(71_000, /no PINGRESP/);
});

for (const [keepAlive, wire, pingAt] of [
	[1, "00 01", 750],
	[255, "00 ff", 254_500],
	[256, "01 00", 255_500],
	[65_535, "ff ff", 65_534_500],
] as const) {
	test(`a keep-alive of ${keepAlive} s is written whole and kept`, () => {
		new Transcript({ keepAlive })
			.opens(0)
			.sends(0, CONNECT.replace("00 3c", wire))
			.receives(0, CONNACK)
			.silent(pingAt - 1)
			.sends(pingAt, PINGREQ);
	});
}

test("a keep-alive of 0 asks for no PINGREQ while no answer is due", () => {
	const { session } = new Transcript({ keepAlive: 0 }).connects(0).silent(10 ** 9);
	equal(session.deadline, Number.POSITIVE_INFINITY);
});

test("messages of a forgotten subscription are acknowledged, at every QoS [MQTT-4.5.0-2, 4.3.3-2]", () => {
	new Transcript()
		.connects(0)
		.receives(1, "30 03 00 01 78")
		.silent(1)
		.receives(2, "32 05 00 01 78 00 07")
		.sends(2, "40 02 00 07")
		.receives(3, "34 05 00 01 78 00 08")
		.sends(3, "50 02 00 08")
		.receives(4, "62 02 00 08")
		.sends(4, "70 02 00 08");
});

test("a session that owes replies asks not to be given more", () => {
	const transcript = new Transcript().connects(0);
	ok(transcript.session.receptive);
	transcript.receives(1, "32 05 00 01 78 00 07");
	ok(!transcript.session.receptive);
	transcript.sends(1, "40 02 00 07");
	ok(transcript.session.receptive);
});

for (const [what, packets, reason] of [
	["a PUBACK before CONNACK [MQTT-3.2.0-1]", "40 02 00 01", /PUBACK before its CONNACK/],
	["a PUBLISH before CONNACK [MQTT-3.2.0-1]", "30 03 00 01 78", /PUBLISH before its CONNACK/],
	["a second CONNACK", `${CONNACK} ${CONNACK}`, /second CONNACK/],
	["a malformed packet", `${CONNACK} 40 ff ff ff ff 01`, /./],
] as const) {
	test(`${what} ends the connection, and the next one works`, () => {
		const transcript = new Transcript().opens(0).sends(0, CONNECT);
		transcript.failsWhen(() => transcript.receives(1, packets), reason).queues("a");
		transcript.connects(100, CONNACK).sends(100, publish(1, "t", "a"));
	});
}

for (const [packet, what] of [
	[puback(9), "a PUBACK for the packet id 9, which is not in flight"],
	["90 03 00 09 00", "a SUBACK for the packet id 9, which does not wait for it"],
	["b0 02 00 09", "an UNSUBACK for the packet id 9, which does not wait for it"],
] as const) {
	test(`${what.replace(/ for .*/, "")} that nothing asked for is told, and the connection goes on`, () => {
		const transcript = new Transcript()
			.queues("a")
			.connects(0)
			.sends(0, publish(1, "t", "a"));
		transcript.tells("connected", "published a").receives(1, packet).tells(`unexpected: ${what}`).pinged(10_000);
		transcript
			.receives(10_000, puback(1))
			.tells("acknowledged a")
			.queues("b")
			.sends(10_000, publish(2, "t", "b"));
	});
}

test("packets may arrive a byte at a time", () => {
	const transcript = new Transcript().queues("a").opens(0).sends(0, CONNECT);
	for (const byte of CONNACK.split(" ")) transcript.receives(1, byte);
	transcript.sends(1, publish(1, "t", "a"));
	for (const byte of puback(1).split(" ")) transcript.receives(2, byte);
	transcript.tells("connected", "published a", "acknowledged a");
});

test("what a closed connection left half received does not reach the next one", () => {
	const transcript = new Transcript().connects(0).receives(1, "40 02 00").closes();
	transcript.connects(10, CONNACK).silent(20);
});

test("DISCONNECT ends the session in order, and nothing follows it [MQTT-3.14.4-2]", () => {
	const transcript = new Transcript().connects(0);
	equal(hex(transcript.session.disconnect()!), DISCONNECT);
	transcript.queues("a");
	equal(transcript.session.transmit(1), undefined);
	equal(transcript.session.disconnect(), undefined);
});

test("there is no DISCONNECT before the broker has accepted the connection", () => {
	equal(new Transcript().opens(0).session.disconnect(), undefined);
});

test("with pipelining, messages follow the CONNECT at once, and count when they are acknowledged", () => {
	new Transcript({ birth: BIRTH, pipelining: true })
		.queues("a")
		.opens(0)
		.sends(0, CONNECT, publish(1, "s", "up", { retain: true }), publish(2, "t", "a"))
		.tells("published a")
		.receives(10, `${CONNACK} ${puback(1)} ${puback(2)}`)
		.tells("connected", "acknowledged a")
		.queues("b")
		.sends(20, publish(3, "t", "b"));
});

test("a pipelined message that waits for the CONNACK keeps its place when the session is resumed", () => {
	const transcript = new Transcript({ pipelining: true })
		.queues("a")
		.opens(0)
		.sends(0, CONNECT, publish(1, "t", "a"));
	transcript
		.receives(10, CONNACK_SESSION_PRESENT)
		.silent(11)
		.receives(12, puback(1))
		.tells("published a", "resumed", "acknowledged a");
});

test("what is to be delivered again waits for the CONNACK even with pipelining", () => {
	const transcript = new Transcript({ pipelining: true })
		.connects(0)
		.queues("a")
		.sends(0, publish(1, "t", "a"))
		.closes();
	transcript.queues("b").opens(1_000).sends(1_000, CONNECT).receives(1_010, CONNACK_SESSION_PRESENT);
	transcript.sends(1_010, publish(1, "t", "a", { dup: true }), publish(2, "t", "b"));
});

test("a broker that drops a pipelined connection is connected to step by step from then on", () => {
	const transcript = new Transcript({ pipelining: true })
		.queues("a")
		.opens(0)
		.sends(0, CONNECT, publish(1, "t", "a"))
		.closes();
	transcript
		.opens(1_000)
		.sends(1_000, CONNECT)
		.receives(1_010, CONNACK)
		.sends(1_010, publish(2, "t", "a"));
	transcript.receives(1_020, puback(2)).closes().queues("b");
	transcript
		.opens(2_000)
		.sends(2_000, CONNECT)
		.receives(2_010, CONNACK)
		.sends(2_010, publish(3, "t", "b"));
});

test("pipelining is tried again when a connection step by step was dropped, too", () => {
	const transcript = new Transcript({ pipelining: true }).opens(0).sends(0, CONNECT).closes();
	transcript.opens(1_000).sends(1_000, CONNECT).closes();
	transcript
		.queues("a")
		.opens(2_000)
		.sends(2_000, CONNECT, publish(1, "t", "a"));
});

test("a refused CONNECT acknowledges nothing of what followed it [MQTT-3.1.4-5], and nothing follows the next", () => {
	const transcript = new Transcript({ pipelining: true })
		.queues("a")
		.opens(0)
		.sends(0, CONNECT, publish(1, "t", "a"));
	transcript.failsWhen(() => transcript.receives(10, "20 02 00 05"), /not authorized/).tells("published a");
	for (const time of [1_000, 2_000]) {
		transcript.opens(time).sends(time, CONNECT);
		transcript.failsWhen(() => transcript.receives(time, "20 02 00 05"), /not authorized/).tells();
	}
	transcript
		.opens(3_000)
		.sends(3_000, CONNECT)
		.receives(3_010, CONNACK)
		.sends(3_010, publish(2, "t", "a"));
});

test("a PUBACK before the CONNACK ends even a pipelined connection", () => {
	const transcript = new Transcript({ pipelining: true })
		.queues("a")
		.opens(0)
		.sends(0, CONNECT, publish(1, "t", "a"));
	transcript.failsWhen(() => transcript.receives(1, puback(1)), /PUBACK before its CONNACK/).tells("published a");
});

test("no PINGREQ goes before the CONNACK, however short the keep-alive", () => {
	const transcript = new Transcript({ pipelining: true, keepAlive: 1 }).opens(0);
	transcript.sends(0, CONNECT.replace("00 3c", "00 01")).silent(9_999);
});

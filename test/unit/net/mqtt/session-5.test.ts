/** What MQTT 5.0 adds, as transcripts; and how a broker that does not know it is spoken to. */
import { deepEqual, equal, test } from "../../../harness/harness.ts";
import { ascii, CONNACK, hex, PINGREQ, PINGRESP, publish, Transcript } from "../../../harness/transcript.ts";

/** CONNECT with session expiry of a day, receive maximum 64, maximum packet size 4096. */
const CONNECT_5 = "10 1b 00 04 4d 51 54 54 05 00 00 3c 0d 11 00 01 51 80 21 00 40 27 00 00 10 00 00 01 63";
const CONNECT_4 = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";
const CONNECT_3 = "10 0f 00 06 4d 51 49 73 64 70 03 00 00 3c 00 01 63";
const CONNACK_5 = "20 03 00 00 00";

/** A PUBLISH of MQTT 5.0 at QoS 1, `properties` in hexadecimal without their length. */
function publish5(packetId: number, topic: string, payload: string, properties = ""): string {
	const propertiesLength = properties.split(" ").filter(Boolean).length;
	const body = [0, topic.length, ...ascii(topic), 0, packetId, propertiesLength];
	const rest = `${hex(Uint8Array.from(body))}${properties && ` ${properties}`} ${hex(ascii(payload))}`;
	return `32 ${hex(Uint8Array.of(rest.split(" ").length))} ${rest}`;
}

const start = (options: ConstructorParameters<typeof Transcript>[0] = {}) =>
	new Transcript({ protocolVersion: 5, ...options });

test("CONNECT of MQTT 5.0 asks for a session of a day and tells what the client takes", () => {
	start()
		.opens(0)
		.sends(0, CONNECT_5)
		.receives(5, CONNACK_5)
		.tells("connected")
		.queues("a")
		.sends(5, publish5(1, "t", "a"));
});

test("the owner gets the properties of the CONNACK, in which a broker tells what it lacks; from older ones none", () => {
	const told: unknown[] = [];
	const onConnect = (_: boolean, version: number, properties: object) => void told.push([version, properties]);
	// RabbitMQ's, as in its source, and mosquitto's.
	start({ onConnect }).opens(0).sends(0, CONNECT_5).receives(1, "20 0c 00 00 09 24 01 2a 00 11 00 01 51 80");
	start({ onConnect }).opens(0).sends(0, CONNECT_5).receives(1, "20 09 00 00 06 22 00 0a 21 00 14");
	start({ onConnect, protocolVersion: 4 }).opens(0).sends(0, CONNECT_4).receives(1, CONNACK);
	deepEqual(told, [
		[5, { maximumQoS: 1, sharedSubscriptionAvailable: false, sessionExpiryInterval: 86_400 }],
		[5, { topicAliasMaximum: 10, receiveMaximum: 20 }],
		[4, {}],
	]);
});

for (const [what, connack] of [
	["in the form of 3.1.1", "20 02 00 01"],
	["with reason code 0x84", "20 03 00 84 00"],
] as const) {
	test(`a broker that refuses the version ${what} is spoken to in 3.1.1 from then on`, () => {
		const transcript = start().queues("a").opens(0).sends(0, CONNECT_5);
		transcript.failsWhen(() => transcript.receives(1, connack), /version/);
		transcript
			.opens(1_000)
			.sends(1_000, CONNECT_4)
			.receives(1_001, CONNACK)
			.sends(1_001, publish(1, "t", "a"))
			.closes();
		transcript.opens(2_000).sends(2_000, CONNECT_4);
	});
}

test("a broker that refuses 3.1.1, too, is spoken to in 3.1; and there it ends", () => {
	const transcript = start();
	for (const [time, connect] of [
		[0, CONNECT_5],
		[1_000, CONNECT_4],
		[2_000, CONNECT_3],
		[3_000, CONNECT_3],
	] as const) {
		transcript.opens(time).sends(time, connect);
		transcript.failsWhen(() => transcript.receives(time, "20 02 00 01"), /version/);
	}
});

test("a broker that just drops a client of 5.0 is tried with 3.1.1, and with 5.0 again when that did not help", () => {
	const transcript = start();
	transcript.opens(0).sends(0, CONNECT_5).closes();
	transcript.opens(1_000).sends(1_000, CONNECT_4).closes();
	transcript.opens(2_000).sends(2_000, CONNECT_5).closes();
	transcript.opens(3_000).sends(3_000, CONNECT_4).receives(3_001, CONNACK).closes();
	transcript.opens(4_000).sends(4_000, CONNECT_4).receives(4_001, CONNACK).closes();
});

test("the older version that a broker answered to is spoken for a day: the network may have lost the newer one", () => {
	const DAY = 86_400_000;
	const transcript = start({ keepAlive: 0 });
	const without = (connect: string) => connect.replace("00 3c", "00 00");
	transcript.opens(0).sends(0, without(CONNECT_5)).closes();
	transcript.opens(1_000).sends(1_000, without(CONNECT_4)).receives(1_001, CONNACK).closes();
	transcript.opens(DAY).sends(DAY, without(CONNECT_4)).receives(DAY, CONNACK).closes();
	transcript
		.opens(DAY + 1_001)
		.sends(DAY + 1_001, without(CONNECT_5))
		.receives(DAY + 1_002, CONNACK_5)
		.closes();
	transcript.opens(DAY + 2_000).sends(DAY + 2_000, without(CONNECT_5));
});

test("the version that a broker took in an earlier run comes first, and the newest when that does not help", () => {
	const transcript = start();
	transcript.session.expect(4);
	transcript.opens(0).sends(0, CONNECT_4).closes();
	transcript.opens(1_000).sends(1_000, CONNECT_5).receives(1_001, CONNACK_5).closes();
	transcript.opens(2_000).sends(2_000, CONNECT_5);
	equal(transcript.session.traits, 5);
	const bound = start({ protocolVersion: 4 });
	bound.session.expect(5);
	bound.opens(0).sends(0, CONNECT_4);
});

test("before 5.0 a keep-alive above 60 may be what a broker rejects the client id for: the next one is 60", () => {
	const connect = (version: string, seconds: string) => CONNECT_4.replace("04 00 00 3c", `${version} 00 00 ${seconds}`);
	const transcript = start({ protocolVersion: 4, keepAlive: 90 }).opens(0).sends(0, connect("04", "5a"));
	transcript.failsWhen(
		() => transcript.receives(1, "20 02 00 02"),
		/client id \(or a keepAlive above 60\) rejected \(2\)/,
	);
	transcript.opens(1_000).sends(1_000, connect("04", "3c")).receives(1_001, CONNACK).sends(61_001, PINGREQ);
	transcript.receives(61_002, PINGRESP).closes();
	transcript.opens(70_000).sends(70_000, connect("04", "3c"));
	const short = start({ protocolVersion: 4, keepAlive: 30 }).opens(0).sends(0, connect("04", "1e"));
	short.failsWhen(() => short.receives(1, "20 02 00 02"), /rejected/);
	short.opens(1_000).sends(1_000, connect("04", "1e"));
	const none = start({ protocolVersion: 4, keepAlive: 0 }).opens(0).sends(0, connect("04", "00"));
	none.failsWhen(() => none.receives(1, "20 02 00 02"), /rejected/);
	none.opens(1_000).sends(1_000, connect("04", "00"));
});

for (const [code, text] of [
	["86", /bad user name or password \(0x86\)/i],
	["87", /not authorized \(0x87\)/i],
	["8a", /banned \(0x8a\)/i],
] as const) {
	test(`a refusal with reason code 0x${code} tells it in words`, () => {
		const transcript = start().opens(0).sends(0, CONNECT_5);
		transcript.failsWhen(() => transcript.receives(1, `20 03 00 ${code} 00`), text);
		transcript.opens(1_000).sends(1_000, CONNECT_5);
	});
}

test("a refusal tells the broker's reason string and its server reference", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5);
	const packet = "20 0c 00 9d 09 1f 00 03 77 68 79 1c 00 00";
	transcript.failsWhen(() => transcript.receives(1, packet), /\(0x9d\): why/);
	const moved = start().opens(0).sends(0, CONNECT_5);
	moved.failsWhen(() => moved.receives(1, "20 07 00 9c 04 1c 00 01 62"), /\(0x9c\): try b/);
});

test("the broker's receive maximum bounds the window, for redeliveries too [5.0: MQTT-3.3.4-7]", () => {
	const transcript = start().queues("a", "b", "c").opens(0).sends(0, CONNECT_5).receives(1, "20 06 00 00 03 21 00 02");
	transcript
		.sends(1, publish5(1, "t", "a"), publish5(2, "t", "b"))
		.receives(2, "40 02 00 01")
		.sends(2, publish5(3, "t", "c"));
	transcript.closes().opens(1_000).sends(1_000, CONNECT_5).receives(1_001, "20 06 01 00 03 21 00 01");
	transcript.sends(1_001, publish5(2, "t", "b").replace("32", "3a")).receives(1_002, "40 02 00 02");
	transcript.sends(1_002, publish5(3, "t", "c").replace("32", "3a"));
});

test("a topic gets an alias where the broker takes one: with the topic first, then instead of it", () => {
	const transcript = start().queues("a", "b").opens(0).sends(0, CONNECT_5).receives(1, "20 06 00 00 03 22 00 05");
	transcript.sends(1, publish5(1, "t", "a", "23 00 01"), publish5(2, "", "b", "23 00 01"));
	transcript.closes().opens(1_000).sends(1_000, CONNECT_5).receives(1_001, CONNACK_5.replace("20 03 00", "20 03 01"));
	transcript.sends(1_001, publish5(1, "t", "a").replace("32", "3a"), publish5(2, "t", "b").replace("32", "3a"));
});

test("topics beyond the broker's topic alias maximum go without one [5.0: MQTT-3.2.2-17]", () => {
	const transcript = start()
		.queuesAt(1, "a", { topic: "x" })
		.queuesAt(1, "b", { topic: "y" })
		.opens(0)
		.sends(0, CONNECT_5);
	transcript.receives(1, "20 06 00 00 03 22 00 01").sends(1, publish5(1, "x", "a", "23 00 01"), publish5(2, "y", "b"));
});

test("a message larger than the broker's maximum packet size is given back, and the next one goes [5.0: MQTT-3.2.2-15]", () => {
	const transcript = start().queues("aaaaaaaaaaaaaaaa", "b").opens(0).sends(0, CONNECT_5);
	transcript.receives(1, "20 08 00 00 05 27 00 00 00 14").sends(1, publish5(2, "t", "b"));
	transcript.tells("connected", "rejected aaaaaaaaaaaaaaaa: 0x95", "published b");
	equal(transcript.session.inFlight, 1);
});

test("a message rejected for its size does not teach the broker an alias", () => {
	const transcript = start().queues("aaaaaaaaaaaaaaaa", "b").opens(0).sends(0, CONNECT_5);
	transcript.receives(1, "20 0b 00 00 08 27 00 00 00 14 22 00 05").sends(1, publish5(2, "t", "b", "23 00 01"));
});

test("QoS and retain are those that the broker takes [5.0: MQTT-3.2.2-11, 3.2.2-14]", () => {
	const transcript = start().queuesAt(2, "a", { retain: true }).opens(0).sends(0, CONNECT_5);
	transcript.receives(1, "20 07 00 00 04 24 01 25 00").sends(1, publish5(1, "t", "a"));
});

test("the broker's keep-alive wins [5.0: MQTT-3.2.2-21]", () => {
	start().opens(0).sends(0, CONNECT_5).receives(0, "20 06 00 00 03 13 00 0a").silent(9_499).sends(9_500, "c0 00");
});

test("an assigned client id is used from then on", () => {
	const transcript = start({ clientId: "" }).opens(0);
	transcript.sends(0, CONNECT_5.replace("10 1b", "10 1a").replace("00 01 63", "00 00"));
	transcript.receives(1, "20 07 00 00 04 12 00 01 63").closes().opens(1_000).sends(1_000, CONNECT_5);
});

test("a message that the broker does not take is given back with its reason, and not tried again [5.0: MQTT-4.4.0-2]", () => {
	const transcript = start().queues("a").queuesAt(2, "b").opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	transcript.sends(1, publish5(1, "t", "a"), publish5(2, "t", "b").replace("32", "34"));
	transcript.receives(2, "40 03 00 01 97 50 03 00 02 87");
	transcript.tells("connected", "published a", "published b", "rejected a: 0x97", "rejected b: 0x87").silent(50_000);
});

test("a birth message that the broker does not take is told, comes again ever more rarely, and first on the next connection", () => {
	const birth = { topic: "s", payload: ascii("up"), qos: 1 as const, retain: true };
	const up = (id: number) => publish5(id, "s", "up").replace("32", "33");
	const refused = (id: number) => `40 03 00 0${id.toString(16)} 87`;
	const transcript = start({ birth, keepAlive: 0 }).opens(0).sends(0, CONNECT_5.replace("00 3c", "00 00"));
	transcript.receives(1, CONNACK_5).sends(1, up(1)).receives(10, refused(1));
	transcript
		.tells("connected", "rejected the birth message: 0x87")
		.silent(1_009)
		.sends(1_010, up(2))
		.receives(1_020, refused(2));
	transcript.tells("rejected the birth message: 0x87").silent(3_019).sends(3_020, up(3)).receives(3_030, refused(3));
	transcript.told.length = 0;
	let now = 3_030;
	for (let [id, pause] = [4, 4_000]; pause < 500_000; [id, pause] = [id + 1, 2 * pause]) {
		const wait = Math.min(120_000, pause);
		transcript.silent(now + wait - 1).sends(now + wait, up(id));
		now += wait + 10;
		transcript.receives(now, refused(id));
	}
	transcript.closes().told.length = 0;
	now += 1_000;
	transcript.opens(now).sends(now, CONNECT_5.replace("00 3c", "00 00"));
	transcript.receives(now + 1, CONNACK_5).sends(now + 1, publish5(11, "s", "up").replace("32", "33"));
	transcript.receives(now + 2, "40 03 00 0b 10").silent(now + 1_000_000);
});

test("a birth message that the broker only refuses does not wait for messages that never end", () => {
	const birth = { topic: "s", payload: ascii("up"), qos: 1 as const, retain: true };
	const up = (id: number) => publish5(id, "s", "up").replace("32", "33");
	const transcript = start({ birth }).opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5).sends(1, up(1));
	transcript
		.receives(10, "40 03 00 01 87")
		.queues("a")
		.sends(10, publish5(2, "t", "a"));
	transcript.silent(1_009).sends(1_010, up(3)).receives(1_020, "40 02 00 03").receives(1_021, "40 02 00 02");
	transcript.silent(30_000);
});

test("no matching subscribers is a success", () => {
	const transcript = start()
		.queues("a")
		.opens(0)
		.sends(0, CONNECT_5)
		.receives(1, CONNACK_5)
		.sends(1, publish5(1, "t", "a"));
	transcript.receives(2, "40 03 00 01 10").tells("connected", "published a", "acknowledged a");
});

test("unknown ids are answered with reason code 0x92 where the standard has one", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	transcript
		.receives(2, "62 02 00 05")
		.sends(2, "70 04 00 05 92 00")
		.receives(3, "50 02 00 06")
		.sends(3, "62 04 00 06 92 00");
});

test("a DISCONNECT from the broker ends the connection with its reason in words", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	transcript.failsWhen(
		() => transcript.receives(2, "e0 02 8e 00"),
		/the broker ended the connection: .*taken over.* \(0x8e\)/i,
	);
});

test("AUTH, for which nothing asked, ends the connection", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	transcript.failsWhen(() => transcript.receives(2, "f0 02 18 00"), /AUTH/);
});

test("a topic alias from the broker, which the client did not allow, ends the connection", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	transcript.failsWhen(() => transcript.receives(2, "30 07 00 01 78 03 23 00 01"), /topic alias/);
});

test("a violation is answered by a DISCONNECT with its reason code, where the version has one", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	equal(hex(transcript.session.disconnect(0x82)!), "e0 02 82 00");
	const old = new Transcript().connects(0);
	equal(old.session.disconnect(0x82), undefined);
});

test("a message's own properties go with it, and are left out in 3.1.1", () => {
	const properties = { messageExpiryInterval: 60 };
	const transcript = start().queuesAt(1, "a", { properties }).opens(0).sends(0, CONNECT_5).receives(1, CONNACK_5);
	transcript.sends(1, publish5(1, "t", "a", "02 00 00 00 3c"));
	new Transcript()
		.queuesAt(1, "a", { properties })
		.connects(0)
		.sends(0, publish(1, "t", "a"));
});

test("a broker that accepts 5.0 in the form of 3.1.1 does not speak it: it is spoken to in 3.1.1", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5);
	transcript.failsWhen(() => transcript.receives(1, CONNACK), /version not supported \(0x84\)/);
	transcript.opens(1_000).sends(1_000, CONNECT_4);
});

test("MQTT 3.1 does not tell whether a session is present: what is in flight goes again with DUP, and filters are subscribed to again", () => {
	const transcript = start({ protocolVersion: 3 }).queues("a");
	transcript.session.subscribe({ topicFilter: "x", qos: 1 });
	transcript.opens(0).sends(0, CONNECT_3).receives(1, CONNACK);
	transcript
		.sends(1, "82 06 00 01 00 01 78 01", publish(2, "t", "a"))
		.receives(2, "90 03 00 01 01")
		.closes();
	transcript.opens(1_000).sends(1_000, CONNECT_3).receives(1_001, CONNACK);
	transcript.sends(1_001, "82 06 00 03 00 01 78 01", publish(2, "t", "a", { dup: true }));
});

test("a message that fits without an alias goes without one", () => {
	const transcript = start()
		.queues("a")
		.opens(0)
		.sends(0, CONNECT_5)
		.receives(1, "20 0b 00 00 08 27 00 00 00 09 22 00 05");
	transcript.sends(1, publish5(1, "t", "a"));
});

test("filters that do not fit into one SUBSCRIBE for the broker go in several", () => {
	const transcript = start();
	for (const topicFilter of ["a", "b", "c"]) transcript.session.subscribe({ topicFilter, qos: 1 });
	transcript.opens(0).sends(0, CONNECT_5).receives(1, "20 08 00 00 05 27 00 00 00 0d");
	transcript.sends(1, "82 0b 00 02 00 00 01 61 01 00 01 62 01", "82 07 00 03 00 00 01 63 01");
});

test("an id that the broker assigns although the client has one is not used", () => {
	const transcript = start().opens(0).sends(0, CONNECT_5).receives(1, "20 07 00 00 04 12 00 01 78").closes();
	transcript.opens(1_000).sends(1_000, CONNECT_5);
});

test("the will has properties of its own: a delay, for instance", () => {
	const will = {
		topic: "w",
		payload: ascii("off"),
		qos: 1,
		retain: true,
		properties: { willDelayInterval: 5 },
	} as const;
	start({ will })
		.opens(0)
		.sends(
			0,
			"10 29 00 04 4d 51 54 54 05 2c 00 3c 0d 11 00 01 51 80 21 00 40 27 00 00 10 00 00 01 63 05 18 00 00 00 05 00 01 77 00 03 6f 66 66",
		);
});

test("the session expiry interval is the owner's choice, and 0 for a clean session", () => {
	start({ sessionExpiryInterval: 3_600 }).opens(0).sends(0, CONNECT_5.replace("00 01 51 80", "00 00 0e 10"));
	start({ cleanSession: true })
		.opens(0)
		.sends(0, CONNECT_5.replace("00 01 51 80", "00 00 00 00").replace("05 00 00 3c", "05 02 00 3c"));
});

test("a client that forgot its packet ids starts clean once; its own session lasts", () => {
	const connectClean = CONNECT_5.replace("05 00 00 3c", "05 02 00 3c");
	const transcript = start({ cleanStart: true }).queues("a").opens(0);
	transcript
		.sends(0, connectClean)
		.receives(1, CONNACK_5)
		.tells("connected")
		.sends(2, publish5(1, "t", "a"));
	transcript.closes().opens(1_000).sends(1_000, CONNECT_5);
});

test("a will of more than the broker takes is lessened for the next attempt [MQTT-3.2.2-12, 3.2.2-13]", () => {
	const transcript = start({ will: { topic: "w", payload: ascii("x"), qos: 1, retain: true } });
	/** Retained and QoS 1, QoS 0, and neither, as the CONNECT's flags have it. */
	for (const [time, flags, refusal] of [
		[0, 0x2c, "9b"],
		[1_000, 0x24, "9a"],
		[2_000, 0x04, "9a"],
		[3_000, 0x04, "87"],
	] as const) {
		transcript.opens(time);
		const connect = transcript.session.transmit(time)!;
		equal(connect[9], flags);
		transcript.session.transmitted(time);
		transcript.failsWhen(() => transcript.receives(time, `20 03 00 ${refusal} 00`), /refused/);
	}
});

test("after an error, a session with a will has it published; one without says what was wrong", () => {
	const disconnect = (will?: { topic: string; payload: ReturnType<typeof ascii>; qos: 1; retain: true }) => {
		const { session } = start({ will }).opens(0).connects(1, CONNACK_5);
		return hex(session.disconnect(0x82)!);
	};
	equal(disconnect(), "e0 02 82 00");
	equal(disconnect({ topic: "w", payload: ascii("off"), qos: 1, retain: true }), "e0 02 04 00");
});

test("before the CONNACK no more messages leave than the broker's last Receive Maximum, and at first two", () => {
	const transcript = start({ pipelining: true, birth: { topic: "s", payload: ascii("up"), qos: 1, retain: false } });
	transcript
		.queues("a", "b", "c")
		.opens(0)
		.sends(0, CONNECT_5, publish5(1, "s", "up"), publish5(2, "t", "a"));
	transcript.silent(5_000).receives(5_000, "20 06 00 00 03 21 00 04");
	transcript.sends(5_000, publish5(3, "t", "b"), publish5(4, "t", "c"));
	transcript.receives(5_001, "40 02 00 01 40 02 00 02 40 02 00 03 40 02 00 04").closes();
	transcript.queues("d", "e", "f", "g").opens(6_000);
	transcript.sends(
		6_000,
		CONNECT_5,
		...[publish5(5, "s", "up"), publish5(6, "t", "d"), publish5(7, "t", "e"), publish5(8, "t", "f")],
	);
	// Without a Receive Maximum it takes as many as there may be.
	transcript
		.silent(7_000)
		.receives(7_000, CONNACK_5)
		.sends(7_000, publish5(9, "t", "g"));
	transcript.receives(7_001, [5, 6, 7, 8, 9].map((id) => `40 02 00 0${id}`).join(" ")).closes();
	transcript.queues("h", "i", "j", "k", "l").opens(8_000);
	transcript.sends(
		8_000,
		...[CONNECT_5, publish5(10, "s", "up"), publish5(11, "t", "h"), publish5(12, "t", "i"), publish5(13, "t", "j")],
		...[publish5(14, "t", "k"), publish5(15, "t", "l")],
	);
});

test("the CONNECT has a Maximum Packet Size only where the client has a limit of its own", () => {
	const size = (bytes: string) => CONNECT_5.replace("00 00 10 00", bytes);
	start({ maximumPacketSize: 65_536 }).opens(0).sends(0, size("00 01 00 00"));
	start({ maximumPacketSize: 268_435_459 }).opens(0).sends(0, size("10 00 00 03"));
	const none = CONNECT_5.replace("27 00 00 10 00 ", "").replace("10 1b", "10 16").replace("3c 0d", "3c 08");
	for (const maximumPacketSize of [268_435_460, Number.POSITIVE_INFINITY]) {
		start({ maximumPacketSize }).opens(0).sends(0, none);
		start({ announcedPacketSize: maximumPacketSize }).opens(0).sends(0, none);
	}
});

test("a client that wants one version and no other speaks no older one, whether the broker refuses or closes", () => {
	const refused = start({ fallback: false, pipelining: true }).queues("a");
	const publication = publish5(1, "t", "a");
	refused.opens(0).sends(0, CONNECT_5, publication);
	refused.failsWhen(() => refused.receives(1, "20 02 00 01"), /does not speak this version of MQTT/);
	for (const now of [1_000, 2_000, 3_000]) {
		refused.opens(now).sends(now, CONNECT_5);
		refused.failsWhen(() => refused.receives(now, "20 03 00 84 00"), /version not supported/);
	}
	const closed = start({ fallback: false }).queues("a");
	for (const now of [0, 1_000, 2_000, 3_000])
		closed
			.opens(now)
			.sends(now, CONNECT_5)
			.silent(now + 1)
			.ends(now + 1);
	closed.tells();
});

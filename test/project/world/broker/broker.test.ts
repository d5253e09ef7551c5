/** The simulated broker as a broker should be. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import test from "node:test";
import { BrokerWorld, VERSIONS } from "./mqtt-client.ts";

const WILL = { topic: "status", payload: "offline", qos: 1, retain: true };
const KEPT = { clean: false, properties: { sessionExpiryInterval: 600 } };

for (const version of VERSIONS) {
	test(`messages of all QoS levels are taken once and acknowledged in version ${version}`, () => {
		const world = new BrokerWorld();
		const client = world.client(version);
		client.connect();
		world.pass();
		deepEqual(world.news(), [`c connected ${version}`]);
		deepEqual(
			client.news().map(({ cmd, sessionPresent }) => [cmd, sessionPresent]),
			[["connack", false]],
		);
		client.publish("zero", { qos: 0, messageId: undefined });
		client.publish("one", { messageId: 7 });
		client.publish("two", { qos: 2, messageId: 8, retain: true });
		const nobody = version === 5 ? " 0x10" : "";
		deepEqual(client.answers(), [`puback 7${nobody}`, `pubrec 8${nobody}`]);
		client.send({ cmd: "pubrel", messageId: 8 });
		deepEqual(client.answers(), ["pubcomp 8"]);
		deepEqual(world.news(), ["c published t zero QoS 0", "c published t one QoS 1", "c published t two QoS 2 retain"]);
		client.send({ cmd: "pingreq" });
		deepEqual(client.answers(), ["pingresp"]);
		client.send({ cmd: "disconnect", reasonCode: 0 });
		deepEqual(client.answers(), []);
		equal(client.error, "closed by the broker");
		deepEqual(world.news(), ["c disconnected: DISCONNECT 0"]);
		world.pass(10_000_000);
		deepEqual(world.news(), []);
		equal(world.tally.size, 0);
	});

	test(`a session that is to be kept is there again in version ${version}, and a clean one is not`, () => {
		const world = new BrokerWorld();
		const present = (connect: object) => {
			const client = world.connected(version, connect);
			client.socket.close();
			world.pass(1_000);
			return client.connack?.sessionPresent;
		};
		equal(present(KEPT), false);
		// MQTT 3.1 cannot tell.
		equal(present(KEPT), version > 3);
		equal(present({ clean: true }), false);
		equal(present(KEPT), false);
		equal(present(KEPT), version > 3);
	});

	test(`the will is published in version ${version} when the connection ends without a DISCONNECT, and not after one`, () => {
		const world = new BrokerWorld();
		world.connected(version, { will: WILL }).socket.close();
		world.pass();
		deepEqual(world.news(), ["c disconnected: closed by the client", "c published status offline QoS 1 retain will"]);
		equal(world.broker.status("status"), "offline");
		const orderly = world.connected(version, { will: WILL });
		orderly.send({ cmd: "disconnect", reasonCode: 0 });
		world.pass(10_000_000);
		deepEqual(world.news(), ["c disconnected: DISCONNECT 0"]);
		world.connected(version, { will: WILL });
		world.wired.network.resetAll();
		world.pass();
		deepEqual(world.news(), ["c disconnected: connection reset", "c published status offline QoS 1 retain will"]);
	});

	test(`a client that is silent for longer than one and a half keep-alives is gone in version ${version}`, () => {
		const world = new BrokerWorld();
		const client = world.connected(version, { will: WILL, keepalive: 10 });
		world.pass(10_000);
		client.send({ cmd: "pingreq" });
		deepEqual(client.answers(14_950), ["pingresp"]);
		equal(client.error, undefined);
		deepEqual(world.news(), []);
		world.pass(100);
		deepEqual(world.news(), ["c disconnected: keep-alive", "c published status offline QoS 1 retain will"]);
		deepEqual(client.answers(), version === 5 ? ["disconnect 0x8d"] : []);
		equal(client.error, "closed by the broker");
	});

	test(`whoever connects with a client id takes over its session in version ${version}`, () => {
		const world = new BrokerWorld();
		const first = world.connected(version, { ...KEPT, will: WILL });
		first.subscribe("t");
		deepEqual(first.answers(), ["suback 900 [2]"]);
		const second = world.client(version);
		second.connect(KEPT);
		world.pass();
		deepEqual(world.news(), [
			"c disconnected: taken over",
			"c published status offline QoS 1 retain will",
			`c connected ${version} again`,
		]);
		deepEqual(first.answers(), version === 5 ? ["disconnect 0x8e"] : []);
		equal(first.error, "closed by the broker");
		second.news();
		world.broker.publish("t", "hello", 0);
		deepEqual(second.answers(), ["t hello QoS 0"]);
		deepEqual(first.answers(), []);
	});

	test(`a message of QoS 2 is taken once in version ${version}, however often it is sent, until it is released`, () => {
		const world = new BrokerWorld();
		const first = world.connected(version, KEPT);
		first.publish("once", { qos: 2, messageId: 5 });
		world.pass();
		first.socket.close();
		world.pass();
		const second = world.connected(version, KEPT);
		second.publish("once", { qos: 2, messageId: 5, dup: true });
		deepEqual(second.answers(), ["pubrec 5"]);
		deepEqual(world.news(), []);
		second.send({ cmd: "pubrel", messageId: 5 });
		deepEqual(second.answers(), ["pubcomp 5"]);
		second.send({ cmd: "pubrel", messageId: 5 });
		deepEqual(second.answers(), [version === 5 ? "pubcomp 5 0x92" : "pubcomp 5"]);
		second.publish("again", { qos: 2, messageId: 5 });
		world.pass();
		deepEqual(world.news(), ["c published t again QoS 2"]);
	});

	test(`what a client has not acknowledged is delivered again to a session that is resumed in version ${version}`, () => {
		const world = new BrokerWorld();
		const first = world.connected(version, KEPT);
		first.subscribe("t");
		world.pass();
		first.news();
		for (const [text, qos] of [
			["zero", 0],
			["one", 1],
			["two", 2],
			["released", 2],
			["done", 1],
		] as const) {
			world.broker.publish("t", text, qos);
		}
		deepEqual(first.answers(), [
			...["t zero QoS 0", "t one QoS 1 1", "t two QoS 2 2", "t released QoS 2 3", "t done QoS 1 4"],
		]);
		first.send({ cmd: "puback", messageId: 4 });
		first.send({ cmd: "pubrec", messageId: 3 });
		deepEqual(first.answers(), ["pubrel 3"]);
		first.socket.close();
		world.pass();
		world.broker.publish("t", "not kept", 0);
		world.broker.publish("t", "kept", 1);
		const second = world.connected(version, KEPT);
		deepEqual(second.answers(), ["t one QoS 1 1 dup", "t two QoS 2 2 dup", "pubrel 3", "t kept QoS 1 5"]);
		second.send({ cmd: "pubcomp", messageId: 3 });
		for (const messageId of [1, 5]) second.send({ cmd: "puback", messageId });
		second.send({ cmd: "pubrec", messageId: 2 });
		deepEqual(second.answers(), ["pubrel 2"]);
		second.send({ cmd: "pubcomp", messageId: 2 });
		world.pass();
		second.socket.close();
		world.pass();
		deepEqual(world.connected(version, KEPT).answers(), []);
	});

	test(`retained messages are given to new subscriptions in version ${version}, until an empty one removes them`, () => {
		const world = new BrokerWorld();
		const client = world.connected(version);
		client.publish("online", { topic: "a/status", retain: true, messageId: 1 });
		client.publish("not kept", { topic: "a/state", messageId: 2 });
		world.pass();
		equal(world.broker.status("a/status"), "online");
		equal(world.broker.status("a/state"), undefined);
		const other = world.connected(version, { clientId: "d" });
		other.subscribe("a/#", { qos: 1 });
		deepEqual(other.answers(), ["suback 900 [1]", "a/status online QoS 1 1 retain"]);
		client.publish("", { topic: "a/status", retain: true, messageId: 3 });
		deepEqual(other.answers(), ["a/status  QoS 1 2"]);
		equal(world.broker.status("a/status"), undefined);
		const third = world.connected(version, { clientId: "e" });
		third.subscribe("a/#");
		deepEqual(third.answers(), ["suback 900 [2]"]);
	});
}

test("topic filters match what the standard says", () => {
	const world = new BrokerWorld();
	const matching = (filter: string, topics: string[]) => {
		const client = world.connected(5, { clientId: filter });
		client.subscribe(filter);
		world.pass();
		client.news();
		for (const topic of topics) world.broker.publish(topic, "x", 0);
		return client.answers().map((answer) => answer.split(" ")[0]);
	};
	const topics = ["a", "a/b", "a/b/c", "/a", "a/", "b", "$SYS/a", "ab"];
	deepEqual(matching("#", topics), ["a", "a/b", "a/b/c", "/a", "a/", "b", "ab"]);
	deepEqual(matching("+", topics), ["a", "b", "ab"]);
	deepEqual(matching("a/#", topics), ["a", "a/b", "a/b/c", "a/"]);
	deepEqual(matching("a/+", topics), ["a/b", "a/"]);
	deepEqual(matching("+/+", topics), ["a/b", "/a", "a/"]);
	deepEqual(matching("a/+/c", topics), ["a/b/c"]);
	deepEqual(matching("$SYS/#", topics), ["$SYS/a"]);
	deepEqual(matching("a", topics), ["a"]);
});

test("a subscription to what is no topic filter is refused", () => {
	const world = new BrokerWorld();
	for (const version of VERSIONS) {
		const client = world.connected(version);
		for (const filter of ["a/#/b", "a#", "+a", "$share/group/a"]) {
			client.subscribe(filter);
			deepEqual(client.answers(), [version === 5 ? "suback 900 [143]" : "suback 900 [128]"], filter);
		}
	}
	deepEqual(world.published, []);
});

test("after an UNSUBSCRIBE nothing comes any more", () => {
	const world = new BrokerWorld();
	const client = world.connected();
	client.subscribe("t");
	client.send({ cmd: "unsubscribe", messageId: 9, unsubscriptions: ["t", "u"] });
	deepEqual(client.answers(), ["suback 900 [2]", "unsuback 9 [0,17]"]);
	world.broker.publish("t", "hello");
	deepEqual(client.answers(), []);
});

test("the options of a subscription count: no local, retain as published, retain handling, identifiers", () => {
	const world = new BrokerWorld();
	world.broker.publish("t", "kept", 1, { retain: true });
	const client = world.connected();
	client.subscribe("t", { nl: true, rap: true, rh: 2 });
	deepEqual(client.answers(), ["suback 900 [2]"]);
	client.publish("own");
	deepEqual(client.answers(), ["puback 1 0x10"]);
	world.broker.publish("t", "other's", 0, { retain: true });
	deepEqual(client.answers(), ["t other's QoS 0 retain"]);
	client.subscribe("t", { rh: 1 });
	deepEqual(client.answers(), ["suback 900 [2]"]);
	client.send({
		cmd: "subscribe",
		messageId: 901,
		subscriptions: [{ topic: "#", qos: 0, rh: 1 }],
		properties: { subscriptionIdentifier: 77 },
	});
	world.pass();
	const [, retained] = client.news();
	deepEqual(retained?.properties, { subscriptionIdentifier: 77 });
});

test("properties of a message go through, but for its topic alias", () => {
	const world = new BrokerWorld({ limits: { topicAliasMaximum: 5 } });
	const client = world.connected();
	deepEqual(client.terms.topicAliasMaximum, 5);
	client.subscribe("t");
	world.pass();
	client.news();
	client.publish("first", { properties: { topicAlias: 3, contentType: "text/plain" } });
	client.publish("second", { topic: "", messageId: 2, properties: { topicAlias: 3 } });
	world.pass();
	const messages = client.news().filter(({ cmd }) => cmd === "publish");
	deepEqual(
		messages.map(({ topic, payload, properties }) => [topic, payload, { ...(properties as object) }]),
		[
			["t", "first", { contentType: "text/plain" }],
			["t", "second", {}],
		],
	);
	deepEqual(world.published, ["t first", "t second"]);
});

test("a session of MQTT 5.0 ends when its time is over, and not before", () => {
	const world = new BrokerWorld();
	const after = (time: number) => {
		world.connected(5, KEPT).socket.close();
		world.pass(time);
		return world.connected(5, { ...KEPT, clean: false }).connack?.sessionPresent;
	};
	equal(after(599_000), true);
	equal(after(601_000), false);
	world.connected(5, { clean: false }).socket.close();
	world.pass();
	equal(world.connected(5, KEPT).connack?.sessionPresent, false, "without an interval it ends with its connection");
});

test("a DISCONNECT may change how long the session lasts", () => {
	const world = new BrokerWorld();
	const client = world.connected(5, KEPT);
	client.send({ cmd: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 10 } });
	world.pass(11_000);
	equal(world.connected(5, KEPT).connack?.sessionPresent, false);
	const other = world.connected(5, { clientId: "d" });
	other.send({ cmd: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 10 } });
	world.pass();
	match(world.news().at(-1)!, /violated: session expiry interval/);
});

test("a DISCONNECT of MQTT 5.0 may ask for the will", () => {
	const world = new BrokerWorld();
	world.connected(5, { will: WILL }).send({ cmd: "disconnect", reasonCode: 4 });
	world.pass();
	deepEqual(world.news(), ["c disconnected: DISCONNECT 4", "c published status offline QoS 1 retain will"]);
});

test("a delayed will is not published if the client is back in time", () => {
	const world = new BrokerWorld();
	const will = { ...WILL, properties: { willDelayInterval: 30 } };
	world.connected(5, { ...KEPT, will }).socket.close();
	world.pass(29_000);
	const back = world.connected(5, { ...KEPT, will, keepalive: 0 });
	world.pass(600_000_000);
	deepEqual(world.news(), []);
	equal(back.error, undefined);
});

test("a DISCONNECT of MQTT 5.0 that asks for the will leaves it its delay", () => {
	const world = new BrokerWorld();
	const will = { ...WILL, properties: { willDelayInterval: 30 } };
	for (let wake = 0; wake < 3; wake++) {
		world.connected(5, { ...KEPT, will }).send({ cmd: "disconnect", reasonCode: 4 });
		world.pass(29_000);
		deepEqual(world.news(), ["c disconnected: DISCONNECT 4"]);
	}
	world.pass(1_100);
	deepEqual(world.news(), ["c published status offline QoS 1 retain will"]);
});

test("a delayed will is published after its delay, or at the end of its session", () => {
	const world = new BrokerWorld();
	const will = { ...WILL, properties: { willDelayInterval: 30 } };
	world.connected(5, { ...KEPT, will }).socket.close();
	world.pass(30_100);
	deepEqual(world.news(), ["c disconnected: closed by the client", "c published status offline QoS 1 retain will"]);
	world.connected(5, { properties: { sessionExpiryInterval: 10 }, will }).socket.close();
	world.pass(10_100);
	deepEqual(world.news(), ["c disconnected: closed by the client", "c published status offline QoS 1 retain will"]);
	world.connected(5, { ...KEPT, will }).socket.close();
	world.pass();
	world.news();
	const clean = world.client();
	clean.connect({ clean: true });
	world.pass();
	deepEqual(world.news(), ["c published status offline QoS 1 retain will", "c connected 5"]);
});

test("no more messages are in flight to a client than it takes, and none is larger", () => {
	const world = new BrokerWorld();
	const client = world.connected(5, { properties: { receiveMaximum: 2, maximumPacketSize: 40 } });
	client.subscribe("t", { qos: 1 });
	world.pass();
	client.news();
	world.broker.publish("t", "too large ".repeat(10));
	for (const text of ["a", "b", "c", "d"]) world.broker.publish("t", text);
	deepEqual(client.answers(), ["t a QoS 1 2", "t b QoS 1 3"]);
	deepEqual(client.answers(1_000), []);
	client.send({ cmd: "puback", messageId: 2 });
	deepEqual(client.answers(), ["t c QoS 1 4"]);
	client.send({ cmd: "puback", messageId: 3 });
	client.send({ cmd: "puback", messageId: 4 });
	deepEqual(client.answers(), ["t d QoS 1 5"]);
});

test("a client without an id gets one, where the version knows that", () => {
	const world = new BrokerWorld();
	const assigned = world.connected(5, { clientId: "" }).terms;
	equal(assigned.assignedClientIdentifier, "assigned-1");
	world.connected(4, { clientId: "" });
	const refused = world.client(4);
	// mqtt-packet writes no CONNECT like this one: no client id, and a session to be kept.
	refused.raw(0x10, 12, 0, 4, ...Buffer.from("MQTT"), 4, 0, 0, 60, 0, 0);
	deepEqual(refused.answers(), ["connack 0x2"]);
});

test("connectedSince tells since when a client is connected", () => {
	const world = new BrokerWorld();
	equal(world.broker.connectedSince("c"), undefined);
	const client = world.connected();
	const since = world.broker.connectedSince("c")!;
	ok(since > world.wired.now - 100);
	world.pass(1_000);
	equal(world.broker.connectedSince("c"), since);
	client.socket.close();
	world.pass();
	equal(world.broker.connectedSince("c"), undefined);
});

test("a connection without a CONNECT is closed after 10 s", () => {
	const world = new BrokerWorld();
	const client = world.client();
	world.pass(9_900);
	equal(client.error, undefined);
	world.pass(200);
	equal(client.error, "closed by the broker");
	deepEqual(world.news(), []);
});

test("a client that breaks the protocol is told why in version 5, loses its connection, and the observer learns of it", () => {
	const violations: [string, (client: ReturnType<BrokerWorld["connected"]>) => void, RegExp, string[]][] = [
		["a second CONNECT", (client) => client.connect(), /violated: CONNECT/, ["disconnect 0x82"]],
		["a broker's packet", (client) => client.send({ cmd: "pingresp" }), /violated: PINGRESP/, ["disconnect 0x82"]],
		["a packet that is none", (client) => client.raw(0x00, 0x00), /violated: malformed/, ["disconnect 0x81"]],
		["QoS 3", (client) => client.raw(0x36, 4, 0, 1, 0x74, 0), /violated: malformed/, ["disconnect 0x81"]],
		["packet id 0", (client) => client.publish("x", { messageId: 0 }), /violated: packet id 0/, ["disconnect 0x82"]],
		["a wildcard", (client) => client.publish("x", { topic: "a/+" }), /violated: topic name/, ["disconnect 0x90"]],
		[
			"an unknown alias",
			(client) => client.publish("x", { topic: "", properties: { topicAlias: 1 } }),
			/violated a limit: topic alias 1/,
			["disconnect 0x94"],
		],
		["DUP with QoS 0", (client) => client.raw(0x38, 5, 0, 1, 0x74, 0, 0x78), /violated: DUP/, ["disconnect 0x81"]],
	];
	for (const [what, commit, told, heard] of violations) {
		const world = new BrokerWorld();
		const client = world.connected();
		commit(client);
		deepEqual(client.answers(), heard, what);
		equal(client.error, "closed by the broker", what);
		match(world.news().at(-1)!, told);
		deepEqual(world.published, [], what);
	}
	const world = new BrokerWorld();
	const client = world.client();
	client.publish("too early");
	deepEqual(client.answers(), []);
	deepEqual(world.news(), [" violated: PUBLISH before CONNECT"]);
	ok(client.error);
});

test("what comes before a malformed packet counts", () => {
	const world = new BrokerWorld();
	const client = world.connected(4);
	client.publish("taken");
	client.raw(0x00, 0x00);
	world.pass();
	deepEqual(world.published, ["t taken"]);
	match(world.news().at(-1)!, /malformed/);
});

test("a packet id that is used again before its acknowledgement is a violation", () => {
	const world = new BrokerWorld({ lostAcknowledgement: 1 });
	const client = world.connected();
	client.publish("a");
	world.pass();
	client.publish("b");
	world.pass();
	match(world.news().at(-1)!, /violated: packet id 1 twice/);
	deepEqual(world.published, []);
});

test("limits are told to clients of MQTT 5.0, and kept up", () => {
	const limits = { receiveMaximum: 2, maximumQoS: 1, maximumPacketSize: 30, retainAvailable: false } as const;
	const exceeding: [(client: ReturnType<BrokerWorld["connected"]>) => void, string, RegExp][] = [
		[(client) => client.publish("x", { qos: 2 }), "disconnect 0x9b", /a limit: QoS 2/],
		[(client) => client.publish("x", { retain: true }), "disconnect 0x9a", /a limit: retain/],
		[(client) => client.publish("x".repeat(25)), "disconnect 0x95", /a limit: packet of 33 bytes/],
		[
			(client) => {
				for (const messageId of [1, 2, 3]) client.publish("x", { messageId });
			},
			"disconnect 0x93",
			/a limit: 3 messages/,
		],
	];
	for (const [exceed, heard, told] of exceeding) {
		const world = new BrokerWorld({ limits, acknowledgementDelay: 5_000 });
		const client = world.connected();
		const { sharedSubscriptionAvailable, ...properties } = client.terms;
		deepEqual({ ...properties, maximumQoS: Number(properties.maximumQoS) }, { ...limits });
		exceed(client);
		deepEqual(client.answers(), [heard]);
		match(world.news().at(-1)!, told);
		const older = new BrokerWorld({ limits });
		exceed(older.connected(4));
		older.pass();
		ok(older.published.length > 0, "older clients have no limits");
	}
});

test("within its limits a client is left alone", () => {
	const world = new BrokerWorld({ limits: { receiveMaximum: 2, maximumQoS: 1, maximumPacketSize: 30 } });
	const client = world.connected();
	for (let round = 0; round < 50; round++) {
		for (const messageId of [1, 2]) client.publish("x".repeat(22), { messageId });
		deepEqual(client.answers(), ["puback 1 0x10", "puback 2 0x10"]);
	}
	deepEqual(world.published.length, 100);
});

test("a broker may decide about the keep-alive", () => {
	const world = new BrokerWorld({ limits: { serverKeepAlive: 5 } });
	const client = world.connected(5, { keepalive: 600 });
	equal(client.terms.serverKeepAlive, 5);
	world.pass(7_400);
	equal(client.error, undefined);
	world.pass(200);
	ok(client.error);
	const older = world.connected(4, { keepalive: 600 });
	world.pass(800_000);
	equal(older.error, undefined);
});

test("a client without keep-alive is waited for without end", () => {
	const world = new BrokerWorld();
	const client = world.connected(4, { keepalive: 0 });
	world.pass(1_000_000_000);
	equal(client.error, undefined);
	deepEqual(world.news(), []);
});

test("disconnectAll ends all connections and publishes wills", () => {
	for (const version of VERSIONS) {
		const world = new BrokerWorld();
		const client = world.connected(version, { will: WILL });
		world.broker.disconnectAll(0x8b);
		deepEqual(client.answers(), version === 5 ? ["disconnect 0x8b"] : []);
		equal(client.error, "closed by the broker");
		deepEqual(world.news(), ["c disconnected: by the operator", "c published status offline QoS 1 retain will"]);
	}
});

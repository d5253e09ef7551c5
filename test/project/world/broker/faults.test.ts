/** What the simulated broker does wrong: each fault when it is switched on, and no other. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import test from "node:test";
import type { BrokerFaults } from "../../../../hosts/sim/world/broker/broker.ts";
import { BrokerWorld, type Client, VERSIONS, type Version } from "./mqtt-client.ts";

const WILL = { topic: "status", payload: "offline", qos: 1, retain: true };
const KEPT = { clean: false, properties: { sessionExpiryInterval: 600 } };

/** What a CONNECT gets under faults, and what became of the connection. */
function connect(version: Version, faults: Partial<BrokerFaults>, time = 1_000) {
	const world = new BrokerWorld(faults);
	const client = world.client(version);
	client.connect({ will: WILL });
	return { world, client, answers: client.answers(time), error: client.error, observed: world.news() };
}

for (const version of VERSIONS) {
	test(`a broker that is unavailable says so in version ${version}`, () => {
		const { answers, error, observed, world } = connect(version, { serverUnavailable: 1 });
		deepEqual(answers, [version === 5 ? "connack 0x88" : "connack 0x3"]);
		equal(error, "closed by the broker");
		deepEqual(observed, []);
		deepEqual([...world.tally], [["broker: server unavailable", 1]]);
	});

	test(`credentials are refused in version ${version}`, () => {
		const { answers, error, observed } = connect(version, { badCredentials: 1 });
		deepEqual(answers, [version === 5 ? "connack 0x86" : "connack 0x4"]);
		equal(error, "closed by the broker");
		deepEqual(observed, []);
	});

	test(`a CONNECT of version ${version} may get no answer, nor anything after it`, () => {
		const { client, world, answers, error, observed } = connect(version, { silentConnect: 1 }, 100_000);
		deepEqual([answers, error, observed], [[], undefined, []]);
		client.publish("into the void");
		client.send({ cmd: "pingreq" });
		deepEqual(client.answers(100_000), []);
		deepEqual(world.news(), []);
		world.pass(600_000);
		equal(client.error, "closed by the broker");
	});

	test(`a connection of version ${version} may be closed right after its CONNACK, and the will is published`, () => {
		const { answers, error, observed } = connect(version, { closeAfterConnack: 1 });
		deepEqual(answers, ["connack"]);
		equal(error, "closed by the broker");
		deepEqual(observed, [
			`c connected ${version}`,
			"c disconnected: closed after CONNACK",
			"c published status offline QoS 1 retain will",
		]);
	});

	test(`a PINGREQ of version ${version} may be ignored`, () => {
		const world = new BrokerWorld({ ignorePing: 1 });
		const client = world.connected(version);
		client.send({ cmd: "pingreq" });
		client.publish("x");
		deepEqual(
			client.answers(10_000).map((answer) => answer.split(" ")[0]),
			["puback"],
		);
		equal(client.error, undefined);
	});

	test(`an acknowledgement of version ${version} may be lost, though the message is taken`, () => {
		const world = new BrokerWorld({ lostAcknowledgement: 1 });
		const client = world.connected(version, { ...KEPT, keepalive: 0 });
		client.publish("one", { messageId: 1 });
		client.publish("two", { messageId: 2, qos: 2 });
		client.send({ cmd: "pubrel", messageId: 3 });
		deepEqual(client.answers(100_000), []);
		deepEqual(world.published, ["t one", "t two"]);
		equal(world.tally.get("broker: lost acknowledgement"), 3);
		client.socket.close();
		world.pass();
		world.broker.faults.lostAcknowledgement = 0;
		const again = world.connected(version, KEPT);
		again.publish("one", { messageId: 1, dup: true });
		again.publish("two", { messageId: 2, qos: 2, dup: true });
		again.send({ cmd: "pubrel", messageId: 2 });
		const nobody = version === 5 ? " 0x10" : "";
		deepEqual(again.answers(), [`puback 1${nobody}`, "pubrec 2", "pubcomp 2"]);
		deepEqual(world.published, ["t one"], "QoS 1 is taken again, QoS 2 is not");
	});

	test(`acknowledgements of version ${version} may be slow, and keep their order`, () => {
		const world = new BrokerWorld({ acknowledgementDelay: 4_000 });
		const client = world.connected(version);
		for (let messageId = 1; messageId <= 20; messageId++) {
			client.publish("x", { messageId });
			if (messageId === 10) client.send({ cmd: "pingreq" });
		}
		const early = client.answers();
		ok(early.includes("pingresp"));
		ok(early.length < 6, `${early}`);
		const late = client.answers(4_000);
		const ids = [...early, ...late]
			.filter((answer) => answer !== "pingresp")
			.map((answer) => Number(answer.split(" ")[1]));
		deepEqual(
			ids,
			Array.from({ length: 20 }, (_, index) => index + 1),
		);
		equal(world.published.length, 20, "they are taken at once");
	});

	test(`acknowledgements of version ${version} that wait are not sent on the next connection`, () => {
		const world = new BrokerWorld({ acknowledgementDelay: 4_000 });
		const client = world.connected(version, KEPT);
		for (let messageId = 1; messageId <= 5; messageId++) client.publish("x", { messageId });
		world.pass(20);
		client.socket.close();
		world.pass();
		deepEqual(world.connected(version, KEPT).answers(10_000), []);
	});

	test(`acknowledgements of version ${version} may come twice`, () => {
		const world = new BrokerWorld({ duplicateAcknowledgement: 1 });
		const client = world.connected(version);
		client.publish("x", { qos: 2 });
		client.send({ cmd: "pubrel", messageId: 1 });
		deepEqual(
			client.answers().map((answer) => answer.split(" ", 2).join(" ")),
			["pubrec 1", "pubrec 1", "pubcomp 1", "pubcomp 1"],
		);
		deepEqual(world.published, ["t x"]);
	});

	test(`acknowledgements of version ${version} may be wrong: of a packet id that is not in flight, or of the wrong kind`, () => {
		const world = new BrokerWorld({ wrongAcknowledgement: 1 });
		const client = world.connected(version);
		const kinds = new Set<string>();
		for (let messageId = 1; messageId <= 60; messageId++) {
			client.publish("x", { messageId, qos: messageId % 2 === 1 ? 1 : 2 });
			const [answer, ...others] = client.answers();
			deepEqual(others, []);
			const [cmd, id] = answer!.split(" ");
			const right = messageId % 2 === 1 ? "puback" : "pubrec";
			const far = Math.abs(Number(id) - messageId) > 1_000;
			ok(far ? cmd === right : Number(id) === messageId && cmd !== right, answer);
			kinds.add(`${cmd} ${far}`);
		}
		deepEqual([...kinds].sort(), ["puback false", "puback true", "pubrec false", "pubrec true"]);
		equal(world.published.length, 60);
	});

	test(`bytes that are no packet may come before an acknowledgement of version ${version}`, () => {
		for (let seed = 1; seed <= 20; seed++) {
			const world = new BrokerWorld({ garbage: 1 }, {}, seed);
			const client = world.connected(version);
			client.bytes.length = 0;
			client.publish("x");
			world.pass();
			ok(client.bytes[0]! < 0x10, "a packet type");
			const code = version === 5 ? [0x10, 0] : [];
			deepEqual(client.bytes.slice(-4 - code.length), [0x40, 2 + code.length, 0, 1, ...code]);

			deepEqual(world.published, ["t x"]);
		}
	});

	test(`a packet that is too large may come before an acknowledgement of version ${version}`, () => {
		const world = new BrokerWorld({ oversizedPacket: 1 });
		const client = world.connected(version, { properties: { maximumPacketSize: 500 } });
		client.publish("x");
		world.pass(5_000);
		const [oversized, acknowledgement] = client.news();
		ok(String(oversized?.payload).length > (version === 5 ? 500 : 4_096));
		equal(acknowledgement?.cmd, "puback");
	});

	test(`a connection of version ${version} may end after a message that was taken`, () => {
		const world = new BrokerWorld({ disconnect: 1 });
		const client = world.connected(version, { will: WILL });
		client.publish("taken");
		client.publish("too late", { messageId: 2 });
		const answers = client.answers();
		if (version === 5) match(answers.join(), /^disconnect 0x[89]/);
		else deepEqual(answers, []);
		match(client.error!, /by the broker/);
		deepEqual(world.news(), [
			"c published t taken QoS 1",
			"c disconnected: a fault",
			"c published status offline QoS 1 retain will",
		]);
	});

	test(`a connection of version ${version} may end in place of a message that is not taken, and others are`, () => {
		const world = new BrokerWorld({ poison: "7}" });
		const client = world.connected(version, { will: WILL });
		client.publish("78}");
		match(client.answers().join(), /^puback 1/);
		client.publish("17}", { messageId: 2 });
		deepEqual(client.answers(), []);
		match(client.error!, /by the broker/);
		deepEqual(world.news(), [
			"c published t 78} QoS 1",
			"c disconnected: a message that it does not bear",
			"c published status offline QoS 1 retain will",
		]);
	});

	test(`a broker may be deaf for a while to a connection of version ${version}`, () => {
		const world = new BrokerWorld({ deafFor: 8_000 });
		const client = world.connected(version);
		client.publish("x");
		deepEqual(client.answers(7_000), []);
		deepEqual(world.published, []);
		equal(client.answers(1_000).length, 1);
		deepEqual(world.published, ["t x"]);
	});
}

test("a PUBLISH may be refused in MQTT 5.0: then it is not taken, and the observer is told", () => {
	const world = new BrokerWorld({ refusePublish: 1 });
	const client = world.connected();
	client.publish("one");
	client.publish("two", { qos: 2, messageId: 2 });
	client.publish("zero", { qos: 0, messageId: undefined });
	const answers = client.answers();
	match(answers[0]!, /^puback 1 0x[89]/);
	match(answers[1]!, /^pubrec 2 0x[89]/);
	equal(answers.length, 2);
	deepEqual(world.news(), ["c refused t one", "c refused t two", "c published t zero QoS 0"]);
	world.broker.faults.refusePublish = 0;
	client.publish("two", { qos: 2, messageId: 2 });
	deepEqual(client.answers(), ["pubrec 2 0x10"], "a refusal ends the exchange");
	const older = new BrokerWorld({ refusePublish: 1 });
	older.connected(4).publish("one");
	older.pass();
	deepEqual(older.published, ["t one"]);
});

test("a broker that knows no later version refuses it in the form of 3.1.1", () => {
	for (const [version, most] of [
		[5, 4],
		[5, 3],
		[4, 3],
	] as const) {
		const world = new BrokerWorld({ protocolVersionMaximum: most });
		const client = world.client(version);
		client.connect();
		world.pass();
		deepEqual(client.bytes, [0x20, 2, 0, 1]);
		ok(client.error);
		deepEqual(world.news(), []);
		deepEqual([...world.tally], [["broker: protocol version refused", 1]]);
		world.connected(most);
	}
});

test("faults with a probability come about now and then, and are counted", () => {
	const world = new BrokerWorld({ lostAcknowledgement: 0.3 });
	const client = world.connected();
	let acknowledged = 0;
	for (let messageId = 1; messageId <= 500; messageId++) {
		client.publish("x", { messageId });
		acknowledged += client.answers().length;
	}
	const lost = world.tally.get("broker: lost acknowledgement")!;
	equal(acknowledged + lost, 500);
	ok(lost > 100 && lost < 200, `${lost} of 500`);
});

/** A world whose client has a session, a retained status, a will and a message of QoS 2 under way. */
function beforeRestart(version: Version): { world: BrokerWorld; client: Client } {
	const world = new BrokerWorld();
	const client = world.connected(version, { ...KEPT, will: WILL });
	client.subscribe("commands");
	client.publish("online", { topic: "status", retain: true });
	client.publish("two", { qos: 2, messageId: 2 });
	world.pass();
	world.news();
	client.news();
	return { world, client };
}

for (const version of VERSIONS) {
	test(`a restart that keeps everything forgets the will alone, in version ${version}`, () => {
		const { world, client } = beforeRestart(version);
		world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 5_000 });
		equal(world.broker.up, false);
		world.pass();
		deepEqual(client.answers(), []);
		equal(client.error, "reset by the broker");
		deepEqual(world.news(), ["c disconnected: restart of the broker"]);
		equal(world.broker.status("status"), "online");
		deepEqual([...world.broker.forgottenWills], ["status"]);
		equal(world.broker.connectedSince("c"), undefined);
		equal(world.client(version).error, "connection refused");
		world.pass(4_800);
		equal(world.client(version).error, "connection refused");
		world.pass(100);
		equal(world.broker.up, true);
		world.broker.publish("commands", "wake up");
		const again = world.connected(version, KEPT);
		equal(again.connack?.sessionPresent, version > 3);
		deepEqual(again.answers(), ["commands wake up QoS 1 1"]);
		again.publish("two", { qos: 2, messageId: 2, dup: true });
		deepEqual(again.answers(), ["pubrec 2"]);
		deepEqual(world.news(), [], "it is known");
		deepEqual([...world.broker.forgottenWills], ["status"]);
		again.publish("online", { topic: "status", retain: true, messageId: 3 });
		world.pass();
		deepEqual([...world.broker.forgottenWills], []);
		world.broker.disconnectAll();
		world.pass();
		deepEqual(world.published, ["status online"], "this connection had no will");
	});

	test(`a restart may lose sessions and retained messages, in version ${version}`, () => {
		const { world } = beforeRestart(version);
		world.broker.restart({ keepSessions: false, keepRetained: false, downFor: 0 });
		world.pass();
		world.news();
		equal(world.broker.status("status"), undefined);
		deepEqual([...world.broker.forgottenWills], []);
		const again = world.connected(version, KEPT);
		equal(again.connack?.sessionPresent, false);
		world.broker.publish("commands", "wake up");
		deepEqual(again.answers(), []);
		again.publish("two", { qos: 2, messageId: 2, dup: true });
		world.pass();
		deepEqual(world.news(), ["c published t two QoS 2 dup"]);
	});
}

test("an orderly restart publishes the wills", () => {
	const { world } = beforeRestart(5);
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 0, wills: "published" });
	deepEqual(world.news(), ["c published status offline QoS 1 retain will", "c disconnected: restart of the broker"]);
	equal(world.broker.status("status"), "offline");
	deepEqual([...world.broker.forgottenWills], []);
});

test("a delayed will is forgotten at a restart, too", () => {
	const world = new BrokerWorld();
	world.connected(5, { ...KEPT, will: { ...WILL, properties: { willDelayInterval: 30 } } }).socket.close();
	world.broker.publish("status", "online", 1, { retain: true });
	world.pass();
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 0 });
	deepEqual([...world.broker.forgottenWills], ["status"]);
	world.pass(100_000_000);
	deepEqual(world.published, []);
});

test("a session that a restart keeps ends when its time is over", () => {
	const { world } = beforeRestart(5);
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 0 });
	world.pass(601_000);
	equal(world.connected(5, KEPT).connack?.sessionPresent, false);
});

test("a restart may leave half-open connections, which get a reset for what they send", () => {
	const { world, client } = beforeRestart(5);
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 1_000, connections: "half-open" });
	world.pass(100_000);
	equal(client.error, undefined);
	client.send({ cmd: "pingreq" });
	deepEqual(client.answers(), []);
	equal(client.error, "reset by the broker");
});

test("a broker that is restarted while it is down stays down for as long as either restart wants", () => {
	const world = new BrokerWorld();
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 1_000 });
	world.pass(500);
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 10_000 });
	world.pass(500);
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 1_000 });
	world.pass(9_499);
	equal(world.broker.up, false);
	world.pass(1);
	equal(world.broker.up, true);
	world.connected();
});

test("a broker that is down comes back when it is started, and does not start twice", () => {
	const world = new BrokerWorld();
	world.broker.restart({ keepSessions: true, keepRetained: true, downFor: 1_000 });
	world.broker.start();
	equal(world.broker.up, true);
	world.broker.start();
	world.pass(2_000);
	world.connected();
});

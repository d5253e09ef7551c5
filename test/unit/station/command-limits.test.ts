/** What a stranger's command can cost a station, and what it cannot make it do. */
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import { bytesOf } from "../../../src/text.ts";
import { DUP, QOS_0, replyTo, startCommanded } from "../../harness/commanded.ts";
import { deepEqual, equal, match, ok, test } from "../../harness/harness.ts";
import { BOARD, SimpleSlots, simpleUpdate } from "../../harness/simple-slots.ts";
import { World } from "../../harness/world.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const ALL = "sample, interval, restart, status, readings, update";
const bytes = (length: number) => new Uint8Array(length).fill(7);

const updateKeys = [`04${"0f".repeat(64)}`];
const UPDATE = simpleUpdate(
	6,
	4,
	Uint8Array.from({ length: 65 }, (_, at) => (at === 0 ? 4 : 0x0f)),
);
const BEGIN = String.fromCharCode(...UPDATE.begin);

// What a reply says.

for (const name of ["Ģ", '"', "\\", "°C 🌡", "a\u0001b", "\u0085", "é\u2028"]) {
	test(`a command named ${JSON.stringify(name)} gets a reply in JSON and UTF-8, and no place in the log`, () => {
		const { commands, replies, warnings } = startCommanded();
		commands(name);
		deepEqual(replies(), [{ command: name, ok: false, error: `no such command; there are ${ALL}` }]);
		deepEqual(warnings(), []);
	});
}

test("a driver's error reaches the sender as UTF-8, and no more than 160 bytes of it", () => {
	const { i2c } = createSimulatedSensor({ sensor: "bme280", clock: new World().clock, seed: 1 });
	for (const text of ["21 °C are too much", "°C".repeat(1_000), "°"]) {
		class Hot extends i2c!.io {
			override write(): never {
				throw new Error(text);
			}
		}
		const { broker, commands, replies } = startCommanded({}, { i2c: { ...i2c, io: Hot } });
		broker.advanceTo(30 * SECOND);
		commands("sample");
		broker.advanceTo(31 * SECOND);
		const [{ ok: fine, error }] = replies();
		equal(fine, false);
		ok(error.includes(text.slice(0, 40)), error);
		ok(bytesOf(error).length <= 160, `${bytesOf(error).length} bytes`);
	}
});

// What is kept of a command.

for (const [name, fits] of [
	["x".repeat(64), true],
	["x".repeat(65), false],
	["°".repeat(32), true],
	["°".repeat(33), false],
	["x".repeat(200), false],
] as const) {
	test(`a name of ${bytesOf(name).length} bytes is ${fits ? "looked at" : "too long"}`, () => {
		const { commands, replies } = startCommanded();
		commands(name);
		const [{ command, error }] = replies();
		equal(error, fits ? `no such command; there are ${ALL}` : "a command's name has 64 bytes at the most");
		equal(command, name[0]!.repeat(fits ? name.length : 64 / bytesOf(name[0]!).length));
	});
}

for (const [length, fits] of [
	[0, true],
	[64, true],
	[65, false],
	[1_100, false],
] as const) {
	test(`correlation data of ${length} bytes ${fits ? "comes back" : "is refused"}`, () => {
		const { broker, commands, replies } = startCommanded();
		commands("status", "", { properties: replyTo(bytesOf("me"), bytes(length)) });
		const [{ ok: fine, error }] = replies("me");
		equal(fine, fits);
		equal(error, fits ? undefined : "correlation data has 64 bytes at the most");
		const [reply] = broker.received.filter(({ topic }) => topic === "me");
		equal(reply!.properties.split(" ").filter(Boolean).length, fits ? 3 + length : 0);
	});
}

test("a response topic of 256 bytes gets its reply", () => {
	const { commands, replies } = startCommanded();
	for (const topic of ["x".repeat(256), "°".repeat(128)]) {
		commands("interval", "30", { properties: replyTo(bytesOf(topic)) });
		deepEqual(replies(topic), [{ command: "interval", ok: true, interval: 30 }]);
	}
});

for (const topic of [
	"x".repeat(257),
	"°".repeat(129),
	"veleta/roof/state",
	"veleta/roof/status",
	"veleta/roof/diagnostics",
	"veleta/roof/late",
	"veleta/roof/cmd/restart",
	"veleta/shed/cmd/restart",
	"veleta/roof/reply/cmd/restart",
	"$SYS/broker",
	"$share/a/b",
	"a\nb",
	"a\u0085",
]) {
	test(`a command with the response topic ${JSON.stringify(topic.slice(0, 30))} is not carried out, and gets no reply`, () => {
		const { broker, commands, restarts, warnings } = startCommanded();
		commands("restart", "", { properties: replyTo(bytesOf(topic)), packetId: 8 });
		broker.advanceTo(3 * SECOND);
		equal(restarts(), 0);
		ok(broker.acknowledged.includes(8), "not acknowledged");
		deepEqual(broker.received, []);
		deepEqual(warnings(), ["warning: a command is refused: replies do not go to its response topic"]);
	});
}

for (const topic of [
	"veleta/roof/reply",
	"veleta/roof/reply/me",
	"veleta/roofer/state",
	"veleta/shed/state",
	"me/cmd",
]) {
	test(`a reply may go to ${topic}`, () => {
		const { commands, replies } = startCommanded();
		commands("interval", "30", { properties: replyTo(bytesOf(topic)) });
		deepEqual(replies(topic), [{ command: "interval", ok: true, interval: 30 }]);
	});
}

test("whoever sends such commands all the time is warned of every ten minutes", () => {
	const { broker, commands, warnings } = startCommanded({ diagnostics: 0 });
	const warning = "warning: a command is refused: replies do not go to its response topic";
	const properties = replyTo(bytesOf("veleta/roof/state"));
	for (let second = 1; second <= 30 * 60; second++) {
		commands("status", "", { properties });
		broker.advanceTo((second + 1) * SECOND, SECOND);
	}
	deepEqual(warnings(), [warning, warning, warning]);
});

test("replies that the broker does not take are told of once in ten minutes, and without their topic", () => {
	const { broker, commands, warnings } = startCommanded();
	broker.answers = false;
	for (let count = 0; count < 3; count++) {
		commands("reboot", "", { properties: replyTo(bytesOf("me\u00a0")), packetId: 50 + count });
	}
	for (const packetId of broker.unanswered) broker.refuses(packetId, 0x87);
	deepEqual(warnings(), ["warning: the broker does not take a reply to a command"]);
});

test("the replies that the broker does not have take 2 KB at the most, and there is room again when it has them", () => {
	const { broker, commands, warnings } = startCommanded();
	const properties = replyTo(bytesOf("x".repeat(200)), bytes(64));
	broker.answers = false;
	let bytesSent = 0;
	for (let count = 0; count < 40; count++) {
		commands("status", "", { properties, header: QOS_0 });
		for (const { topic, payload } of broker.received) bytesSent += topic.length + 64 + payload.length;
	}
	ok(bytesSent > 300 && bytesSent <= 1_536, `${bytesSent} bytes`);
	deepEqual(warnings(), ["warning: too many replies wait: one is left out"]);
	broker.answers = true;
	for (const packetId of broker.unanswered) broker.accepts(packetId);
	for (let count = 0; count < 40; count++) {
		commands("status", "", { properties, header: QOS_0 });
		equal(broker.received.length, 1, `after ${count} replies`);
	}
});

test("those who wait for a sample are 512 bytes at the most", () => {
	const { broker, commands, replies } = startCommanded();
	for (const [length, waiting] of [
		[20, 3],
		[256, 1],
	] as const) {
		const topic = "x".repeat(length);
		const properties = replyTo(bytesOf(topic), bytes(20));
		for (let count = 0; count < waiting; count++) {
			commands("sample", "", { properties });
			deepEqual(replies(topic), []);
		}
		commands("sample", "", { properties });
		deepEqual(replies(topic), [{ command: "sample", ok: false, error: "too many wait for a sample" }]);
		broker.received.length = 0;
		broker.advanceTo(broker.now + 2 * SECOND);
		deepEqual(
			replies(topic).map(({ ok }) => ok),
			Array<boolean>(waiting).fill(true),
		);
	}
});

for (const length of [170, 180, 256, 493, 1_024]) {
	test(`an interval in ${length} bytes of JSON is understood`, () => {
		const { commands, replies } = startCommanded();
		const json = JSON.stringify({ interval: 30, why: "" });
		commands("interval", json.replace('""', `"${"x".repeat(length - json.length)}"`));
		deepEqual(replies(), [{ command: "interval", ok: true, interval: 30 }]);
	});
}

for (const payload of ["[".repeat(900), '{"interval":'.repeat(80), `{"interval":${"[".repeat(4)}${"]".repeat(4)}}`]) {
	test(`JSON that is nested as ${payload.slice(0, 20)}… is none`, () => {
		const { commands, replies } = startCommanded();
		commands("interval", payload);
		match(replies()[0].error, /^needs a number of seconds/);
	});
}

test("an update is not begun by what is no manifest", () => {
	const update = new SimpleSlots();
	const { commands, replies } = startCommanded({ updateKeys }, { update, board: BOARD });
	for (const size of ['"7\\n"', "[7]", "{}", "null", "true"]) {
		commands("update", `{"size":${size}}\n30`);
		equal(replies()[0].error, "this is no manifest");
	}
	deepEqual(update.take(), []);
});

// Who may send what.

test("without allowed commands the station subscribes to none", () => {
	const { broker, warnings } = startCommanded({ commands: false });
	broker.advanceTo(2 * MINUTE);
	deepEqual([broker.connects, broker.subscribes, broker.unsubscribes], [1, 0, 0]);
	deepEqual(warnings(), []);
});

test("what an earlier run subscribed to is unsubscribed from, and no command that comes all the same is carried out", () => {
	const { broker, commands, replies, restarts } = startCommanded({ commands: false }, {}, true);
	deepEqual([broker.subscribes, broker.unsubscribes], [0, 1]);
	commands("restart");
	deepEqual(replies(), [
		{ command: "restart", ok: false, error: "not allowed by the setting commands; there are none" },
	]);
	equal(restarts(), 0);
});

test("a command that is not allowed gets a reply that says so, the others are carried out", () => {
	const { broker, commands, replies, restarts } = startCommanded({ commands: ["interval", "status"] });
	equal(broker.subscribes, 1);
	const error = "not allowed by the setting commands; there are interval, status";
	for (const command of ["sample", "restart", "update", "update/0"]) {
		commands(command);
		deepEqual(replies(), [{ command, ok: false, error }]);
	}
	commands("fly");
	deepEqual(replies(), [{ command: "fly", ok: false, error: "no such command; there are interval, status" }]);
	commands("updates");
	deepEqual(replies(), [{ command: "updates", ok: false, error: "no such command; there are interval, status" }]);
	commands("interval", "30");
	deepEqual(replies(), [{ command: "interval", ok: true, interval: 30 }]);
	broker.advanceTo(5 * SECOND);
	equal(restarts(), 0);
});

test("at a public broker the station says that everybody can read it, and takes no commands unless it is told to", () => {
	const broker = "mqtt://test.mosquitto.org";
	const none = startCommanded({ broker });
	deepEqual([none.broker.connects, none.broker.subscribes], [1, 0]);
	deepEqual(none.warnings(), [
		"warning: test.mosquitto.org is public: anybody can read and publish there; no commands are taken",
	]);
	const some = startCommanded({ broker, commands: ["status"] });
	equal(some.broker.subscribes, 1);
	deepEqual(some.warnings(), [
		"warning: test.mosquitto.org is public: anybody can read and publish there, and commands are taken",
	]);
});

// What comes again.

test("a command is carried out when its acknowledgement is with the network", () => {
	let written = "";
	const update = new SimpleSlots(() => {
		written = world.socket.writes.at(-1)!;
	});
	const { commands, world } = startCommanded({ updateKeys }, { update, board: BOARD });
	commands("update", BEGIN, { packetId: 9 });
	equal(written, "40 02 00 09");
});

const AGAIN = "delivered again, and not carried out again";
const AFTER_START = "delivered again after a start, and not carried out again";

for (const [name, payload] of [
	["interval", "10"],
	["sample", ""],
	["status", ""],
] as const) {
	test(`${name}, delivered again after a start that nobody asked for, is answered and not carried out`, () => {
		const { broker, commands, replies } = startCommanded({}, {}, true);
		for (let count = 0; count < 2; count++) {
			commands(name, payload, { header: DUP, packetId: 30 });
			deepEqual(replies(), [{ command: name, ok: false, error: AFTER_START }]);
			ok(broker.acknowledged.includes(30));
		}
		broker.advanceTo(50 * SECOND);
		equal(broker.readings.length, 0);
	});

	test(`${name}, delivered again after a start that was asked for, is carried out`, () => {
		const { broker, commands, replies } = startCommanded({}, { startedOnRequest: true }, true);
		commands(name, payload, { header: DUP });
		broker.advanceTo(2 * SECOND);
		equal(replies()[0].ok, true);
	});
}

test("an update that is delivered again after such a start begins nothing, and its sender gets to know where to begin", () => {
	const update = new SimpleSlots();
	const { commands, replies } = startCommanded({ updateKeys }, { update, board: BOARD }, true);
	for (const command of ["update", "update/4096"]) {
		commands(command, BEGIN, { header: DUP });
		deepEqual(replies(), [{ command, ok: false, error: AFTER_START, offset: 0 }]);
	}
	deepEqual(update.take(), []);
	commands("update", BEGIN);
	deepEqual(replies(), [{ command: "update", ok: true, manifest: UPDATE.name, offset: 0 }]);
});

test("what is delivered for the first time shows that the broker has nothing older left", () => {
	const { broker, commands, replies } = startCommanded({}, {}, true);
	commands("status", "", { header: QOS_0 });
	commands("interval", "10", { header: DUP });
	equal(replies()[0].error, AFTER_START, "QoS 0 shows nothing");
	commands("status", "", { header: 0x33 });
	commands("interval", "10", { header: DUP });
	equal(replies()[0].error, AFTER_START, "and neither does a retained message");
	commands("fly");
	commands("interval", "10", { header: DUP });
	deepEqual(replies(), [{ command: "interval", ok: true, interval: 10 }]);
	ok(broker.connects === 1);
});

test("after a new session nothing can be from before the start", () => {
	const { commands, replies } = startCommanded();
	commands("interval", "10", { header: DUP });
	deepEqual(replies(), [{ command: "interval", ok: true, interval: 10 }]);
});

test("a command whose acknowledgement was lost is answered, and not carried out again", () => {
	const { broker, commands, replies, world } = startCommanded();
	for (let count = 0; count < 3; count++) commands("interval", `${10 + count}`, { packetId: 60 + count });
	world.socket.ends("reset");
	broker.advanceTo(5 * SECOND);
	equal(broker.connects, 2);
	commands("interval", "11", { packetId: 61, header: DUP });
	deepEqual(replies(), [{ command: "interval", ok: false, error: AGAIN }]);
	commands("status");
	equal(replies()[0].interval, 12);
	// Not this one: the station never had it.
	commands("interval", "14", { packetId: 63, header: DUP });
	deepEqual(replies(), [{ command: "interval", ok: true, interval: 14 }]);
});

test("a command is another one with another payload, response topic or correlation data", () => {
	const { commands, replies } = startCommanded();
	const properties = (topic: string, length: number) => replyTo(bytesOf(topic), bytes(length));
	commands("interval", "10", { properties: properties("a", 1) });
	commands("interval", "10", { header: DUP, properties: properties("a", 1) });
	equal(replies("a")[0].error, AGAIN);
	commands("interval", "11", { header: DUP, properties: properties("a", 1) });
	equal(replies("a")[0].ok, true);
	commands("interval", "10", { header: DUP, properties: properties("b", 1) });
	equal(replies("b")[0].ok, true);
	commands("interval", "10", { header: DUP, properties: properties("a", 2) });
	equal(replies("a")[0].ok, true);
});

test("of the commands carried out, the last twenty are known again", () => {
	const { commands, replies } = startCommanded();
	for (let count = 0; count < 21; count++) commands("interval", `${10 + count}`);
	commands("interval", "11", { header: DUP });
	equal(replies()[0].error, AGAIN);
	commands("interval", "10", { header: DUP });
	equal(replies()[0].ok, true);
});

// The schedule.

test("an interval every second, the same or others, does not keep the station from measuring", () => {
	for (const intervals of [[60], [60, 3_600], [61, 62, 63], [86_400]]) {
		const { broker, commands } = startCommanded({ diagnostics: 0 });
		let readings = 0;
		for (let second = 2; second <= 600; second++) {
			commands("interval", `${intervals[second % intervals.length]}`, { packetId: second % 200 });
			broker.advanceTo(second * SECOND, SECOND);
			readings += broker.readings.length;
		}
		const longest = Math.max(...intervals);
		ok(readings >= Math.max(1, Math.floor(590 / longest)), `${readings} for ${intervals}`);
	}
});

test("the interval that there is changes nothing, whenever it is given", () => {
	const { broker, commands } = startCommanded({ diagnostics: 0 });
	const times: number[] = [];
	for (let second = 2; second <= 302; second++) {
		commands("interval", "60", { packetId: second % 200 });
		broker.advanceTo(second * SECOND, SECOND);
		if (broker.readings.length > 0) times.push(second);
	}
	deepEqual(
		times,
		[60, 120, 180, 240, 300].map((second) => second + times[0]! - 60),
	);
});

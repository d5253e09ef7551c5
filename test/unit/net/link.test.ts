/** The link against a network that the test plays. The session is the real one. */
import { Backoff } from "../../../src/net/backoff.ts";
import { Link, type LinkOptions } from "../../../src/net/link.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import { Session, type SessionOptions } from "../../../src/net/mqtt/session.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { ascii, CONNACK, DISCONNECT, PINGREQ, puback, publish, pubrec } from "../../harness/transcript.ts";
import { World } from "../../harness/world.ts";

const CONNECT = "10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 63";

/** A link in a world, with delays of exactly half their bound and a breath: 550, 1050, 2050 … ms. */
function start(options: Partial<LinkOptions<Message>> = {}, session: Partial<SessionOptions<Message>> = {}) {
	const world = new World();
	const queue: Message[] = [];
	const log: string[] = [];
	const link = new Link<Message>({
		network: world.network,
		clock: world.clock,
		timer: world.timer,
		broker: { host: "broker.test", port: 1883 },
		random: () => 0.5,
		backoff: new Backoff({ random: () => 0.5 }),
		session: new Session({
			clientId: "c",
			keepAlive: 60,
			nextMessage: () => queue.shift(),
			protocolVersion: 4,
			pipelining: false,
			...session,
		}),
		onDisconnect: (reason, retryDelay, _error, isTakenOver) => {
			log.push(`${reason}; again in ${retryDelay} ms`);
			if (isTakenOver) log.push("taken over");
		},
		...options,
	});
	link.start();
	const queues = (text: string) => {
		queue.push({ topic: "t", payload: ascii(text), qos: 1, retain: false });
		link.wake();
	};
	/** The newest socket opens, and the broker accepts. */
	const connects = () => {
		world.socket.opens();
		world.socket.receives(CONNACK);
		world.socket.takeWritten();
	};
	return { world, link, log, queues, connects };
}

test("it opens a socket to the broker, without delay, and sends CONNECT when it is open", () => {
	const { world } = start();
	const { host, port, noDelay } = world.socket.options;
	deepEqual([host, port, noDelay], ["broker.test", 1883, true]);
	world.advanceTo(1_000);
	deepEqual(world.socket.takeWritten(), []);
	world.socket.opens();
	deepEqual(world.socket.takeWritten(), [CONNECT]);
});

test("what is queued leaves when there is something new to send", () => {
	const { world, queues, connects } = start();
	connects();
	queues("a");
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "a")]);
});

test("the session is asked once more behind what it sends, once after what arrives, and not when the socket has room", () => {
	let asked = 0;
	const waiting: Message[] = [];
	const nextMessage = () => {
		asked++;
		return waiting.shift();
	};
	const { world, link, connects } = start({}, { nextMessage });
	connects();
	asked = 0;
	waiting.push({ topic: "t", payload: ascii("a"), qos: 1, retain: false });
	link.wake();
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "a")]);
	equal(asked, 2);
	world.socket.opens();
	equal(asked, 2);
	world.socket.receives(puback(1));
	equal(asked, 3);
});

test("what a callback adds as it wakes the link leaves in the same turn, and no wake is forgotten", () => {
	const waiting: Message[] = [];
	const message = (text: string) => ({ topic: "t", payload: ascii(text), qos: 1, retain: false }) as const;
	let isReady = false;
	const { world, link, connects } = start(
		{},
		{
			nextMessage: () => {
				if (isReady) return waiting.shift();
				// What it has to say is there a moment later.
				link.wake();
				return undefined;
			},
			onAcknowledge: () => {
				waiting.push(message("b"));
				link.wake();
			},
		},
	);
	connects();
	waiting.push(message("a"));
	isReady = true;
	world.socket.opens();
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "a")]);
	world.socket.receives(puback(1));
	deepEqual(world.socket.takeWritten(), [publish(2, "t", "b")]);
});

test("a network that takes a few bytes at a time gets the packets whole and in order", () => {
	const { world, queues, connects } = start();
	connects();
	world.socket.opens(3);
	queues("a");
	queues("b");
	for (let turn = 0; turn < 20; turn++) world.socket.opens(3);
	equal(world.socket.takeWritten().join(" "), `${publish(1, "t", "a")} ${publish(2, "t", "b")}`);
});

test("a PINGREQ that cannot leave ends the connection; the timer does not spin", () => {
	const { world, log, connects } = start();
	connects();
	world.socket.opens(0);
	world.advanceTo(79_499);
	deepEqual(log, []);
	world.advanceTo(79_500);
	deepEqual(log, ["the connection took no data for 20 s; again in 550 ms"]);
	ok(world.sockets[0]!.closed);
});

test("where connections are refused, the first delay spreads, and the next ones grow with the time away: 5 s, or a fifth and a bit", () => {
	const { world, log } = start();
	let time = 0;
	for (const delay of [2_300, 5_062, 5_062, 5_062, 5_062, 5_073]) {
		world.advanceTo(time);
		world.socket.ends("connection refused");
		equal(log.pop(), `cannot connect: connection refused; again in ${delay} ms`);
		time += delay;
	}
	equal(world.sockets.length, 6);
	world.advanceTo(time - 1);
	equal(world.sockets.length, 6);
	for (; time < 300_000; time += Number(/again in (\d+)/.exec(log.pop()!)![1])) {
		world.advanceTo(time);
		world.socket.ends("connection refused");
		ok(Number(/again in (\d+)/.exec(log.at(-1)!)![1]) <= Math.max(5_625, time / 4), log.at(-1));
	}
	world.advanceTo(time);
	world.socket.ends("connection refused");
	equal(log.pop(), "cannot connect: connection refused; again in 24750 ms");
});

test("where nothing answers, attempts are short and follow each other soon: both are an eighth of the time away", () => {
	const ends: { readonly time: number; readonly reason: string; readonly delay: number }[] = [];
	const { world, connects } = start({
		onDisconnect: (reason, delay) => ends.push({ time: world.clock.now(), reason, delay }),
	});
	connects();
	world.advanceTo(400_000);
	const [lost, ...attempts] = ends;
	deepEqual(lost, { time: 65_500, reason: "no PINGRESP within 6 s", delay: 550 });
	deepEqual(attempts[0], { time: 68_050, reason: "cannot connect: no answer within 2 s", delay: 562 });
	let before = lost!;
	for (const attempt of attempts) {
		const { time, reason, delay } = attempt;
		const lasted = time - before.time - before.delay;
		equal(reason, `cannot connect: no answer within ${lasted / 1_000} s`);
		const eighth = (time - 65_500) / 8;
		ok(
			lasted >= 2_000 && lasted <= Math.max(2_000, Math.min(15_000, Math.ceil(eighth))),
			`${lasted} ms until ${time} ms`,
		);
		ok(delay >= 500 && delay <= Math.max(625, Math.min(13_750, eighth)), `${delay} ms at ${time} ms`);
		before = attempt;
	}
	deepEqual([before.reason, before.delay], ["cannot connect: no answer within 15 s", 12_375]);
	equal(attempts.length, 22);
});

test("a slow link is given twice the time that it needed last", () => {
	const { world, log } = start();
	world.advanceTo(6_000);
	world.socket.opens();
	world.socket.receives(CONNACK);
	world.socket.ends("by the broker");
	log.length = 0;
	world.advanceTo(world.clock.now() + 550 + 11_999);
	deepEqual(log, []);
	world.advanceTo(world.clock.now() + 1);
	equal(log[0], "cannot connect: no answer within 12 s; again in 550 ms");
});

test("an attempt that the system itself gives up after a while was not refused", () => {
	const { world, log } = start();
	world.advanceTo(3_000);
	world.socket.ends("no answer");
	deepEqual(log, ["cannot connect: no answer; again in 550 ms"]);
});

test("an attempt that gets no answer is given up after 15 s", () => {
	const { world, log } = start();
	world.advanceTo(14_999);
	deepEqual(log, []);
	world.advanceTo(15_000);
	deepEqual(log, ["cannot connect: no answer within 15 s; again in 550 ms"]);
	ok(world.socket.closed);
});

test("a socket that was given up has no say any more", () => {
	const { world, log } = start();
	world.advanceTo(15_600);
	const [old, current] = world.sockets;
	equal(world.sockets.length, 2);
	old!.opens();
	old!.receives(CONNACK);
	old!.ends("late");
	equal(log.length, 1);
	current!.opens();
	deepEqual(current!.takeWritten(), [CONNECT]);
});

test("a broker that accepts the connection and never answers is given up, again and again", () => {
	const { world, log } = start();
	world.socket.opens();
	world.advanceTo(10_000);
	deepEqual(log, ["no CONNACK within 10 s; again in 550 ms"]);
	world.advanceTo(10_550);
	world.socket.opens();
	world.advanceTo(20_550);
	equal(log.at(-1), "no CONNACK within 10 s; again in 1186 ms");
});

test("a half-open connection is found out by the unanswered PINGREQ", () => {
	const { world, log, connects } = start();
	connects();
	world.advanceTo(59_500);
	deepEqual(world.socket.takeWritten(), [PINGREQ]);
	world.advanceTo(65_499);
	deepEqual(log, []);
	world.advanceTo(65_500);
	deepEqual(log, ["no PINGRESP within 6 s; again in 550 ms"]);
});

test("a half-open connection is found out 9 s after a message, and the next one opens within a second", () => {
	const { world, log, queues, connects } = start();
	connects();
	world.advanceTo(20_000);
	queues("a");
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "a")]);
	for (let now = 21_000; now < 29_000; now += 1_000) {
		world.advanceTo(now);
		queues("b");
		deepEqual(world.socket.takeWritten().length, now === 23_000 ? 2 : now < 28_000 ? 1 : 0, `${now}`);
	}
	deepEqual(log, []);
	world.advanceTo(29_000);
	deepEqual(log, ["no PINGRESP within 6 s; again in 550 ms"]);
	world.advanceTo(29_550);
	equal(world.sockets.length, 2);
});

test("a machine that slept reads what has arrived before it judges the silence, and asks before it gives up", () => {
	const answered = start();
	answered.connects();
	answered.queues("a");
	answered.world.socket.receives(puback(1), { quietly: true });
	answered.world.jumpTo(500_000);
	answered.world.advanceTo(505_999);
	deepEqual(answered.log, []);
	const silent = start();
	silent.connects();
	silent.world.jumpTo(500_000);
	silent.world.advanceTo(505_999);
	deepEqual(silent.world.socket.takeWritten(), [PINGREQ]);
	deepEqual(silent.log, []);
	silent.world.advanceTo(506_000);
	deepEqual(silent.log, ["no PINGRESP within 6 s; again in 550 ms"]);
});

test("what has arrived is read before a missed deadline is judged", () => {
	const { world, log, connects } = start();
	connects();
	world.advanceTo(59_500);
	world.socket.receives("d0 00", { quietly: true });
	world.advanceTo(65_600);
	deepEqual(log, []);
});

test("a refusal that is followed by a close tells the refusal", () => {
	const { world, log } = start();
	world.socket.opens();
	world.socket.receives("20 02 00 05", { quietly: true });
	world.socket.ends("by the broker");
	deepEqual(log, ["the broker refused the connection: not authorized (5); again in 550 ms"]);
});

test("a protocol violation closes the connection and says which", () => {
	const { world, log, connects } = start();
	connects();
	world.socket.receives("40 02 00 00");
	ok(world.socket.closed);
	deepEqual(log, ["PUBACK: packet id 0 [MQTT-2.3.1-1]; again in 550 ms"]);
});

test("a message that was not acknowledged is sent again on the next connection", () => {
	const { world, queues, connects } = start();
	connects();
	queues("a");
	world.socket.ends("reset by the broker");
	world.advanceTo(600);
	world.socket.opens();
	world.socket.receives("20 02 01 00");
	// It may be why the broker ended the connection: first it has to show that this one is well.
	deepEqual(world.socket.takeWritten(), [CONNECT, PINGREQ]);
	world.socket.receives("d0 00");
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "a", { dup: true })]);
	world.socket.receives(puback(1));
	deepEqual(world.socket.takeWritten(), []);
});

test("connections that the broker ends at once are tried ever more rarely, and the user is told why, once", () => {
	const { world, log, connects } = start();
	for (const delay of [550, 1_050, 2_050, 4_050, 8_050]) {
		connects();
		world.socket.ends();
		world.advanceTo(world.clock.now() + delay);
	}
	deepEqual(log, [
		"connection closed; again in 550 ms",
		"connection closed; again in 1050 ms",
		"connection closed; again in 2050 ms",
		"taken over",
		"connection closed; again in 4050 ms",
		"connection closed; again in 8050 ms",
	]);
});

/** Connections that live for a second and deliver, each ended as `end` says. */
function shortLives(started: ReturnType<typeof start>, count: number, end: (index: number) => void): void {
	const { world, queues, connects } = started;
	for (let index = 0; index < count; index++) {
		connects();
		queues("a");
		const sent = world.socket.takeWritten().at(-1)!;
		world.socket.receives(puback(Number.parseInt(sent.slice(-5, -3), 16)));
		world.advanceTo(world.clock.now() + 1_000);
		end(index);
		while (world.socket.closed) world.advanceTo(world.clock.now() + 50);
	}
}

test("short lives that delivered are within 4.5 s of each other, and within 8 s after three of them", () => {
	const started = start();
	shortLives(started, 5, () => started.world.socket.ends("by the broker"));
	deepEqual(started.log, [
		"connection closed: by the broker; again in 2300 ms",
		"connection closed: by the broker; again in 2300 ms",
		"connection closed: by the broker; again in 4050 ms",
		"taken over",
		"connection closed: by the broker; again in 4050 ms",
		"connection closed: by the broker; again in 4050 ms",
	]);
});

test("another client is no likely cause where an answer was due, or the reasons differ, or the network went", () => {
	for (const end of [
		({ world, queues }: ReturnType<typeof start>) => {
			queues("poison");
			world.socket.ends("by the broker");
		},
		({ world }: ReturnType<typeof start>, index: number) =>
			world.socket.ends(index % 3 === 2 ? "reset by the broker" : "by the broker"),
		({ world }: ReturnType<typeof start>) => {
			world.network.ready = false;
			world.socket.ends("by the broker");
			world.network.ready = true;
		},
	]) {
		const started = start({}, { cleanSession: true });
		for (let index = 0; index < 8; index++) {
			started.world.socket.opens();
			started.world.socket.receives(CONNACK);
			end(started, index);
			while (started.world.socket.closed) started.world.advanceTo(started.world.clock.now() + 50);
		}
		equal(started.log.includes("taken over"), false, started.log.join("; "));
	}
});

test("it is told again only after a connection that lasted for a minute", () => {
	const started = start({}, { keepAlive: 0 });
	const told = () => started.log.filter((line) => line === "taken over").length;
	const end = () => started.world.socket.ends("by the broker");
	shortLives(started, 4, end);
	equal(told(), 1);
	for (const [lives, count] of [
		[59_000, 1],
		[60_000, 2],
	] as const) {
		started.connects();
		started.world.advanceTo(started.world.clock.now() + lives);
		end();
		while (started.world.socket.closed) started.world.advanceTo(started.world.clock.now() + 50);
		shortLives(started, 4, end);
		equal(told(), count);
	}
});

test("a reset that comes when an answer has been due for a while is the network's: the next attempt comes soon", () => {
	const { world, log, queues, connects } = start();
	connects();
	queues("a");
	world.socket.receives(puback(1));
	queues("b");
	world.advanceTo(2_999);
	const early = start();
	early.connects();
	early.queues("a");
	early.world.socket.receives(puback(1));
	early.queues("b");
	early.world.advanceTo(2_999);
	early.world.socket.ends("reset by the broker");
	deepEqual(early.log, ["connection closed: reset by the broker; again in 2300 ms"]);
	world.advanceTo(3_000);
	world.socket.ends("reset by the broker");
	deepEqual(log, ["connection closed: reset by the broker; again in 550 ms"]);
});

test("while replies cannot leave, nothing more is read", () => {
	const { world, log, connects } = start();
	connects();
	world.socket.opens(0);
	const messages = Array.from(
		{ length: 200 },
		(_, index) => `32 05 00 01 78 00 ${(index + 1).toString(16).padStart(2, "0")}`,
	);
	world.socket.receives(messages.join(" "));
	equal(world.socket.unread, 200 * 7 - 256);
	for (let turn = 0; turn < 200; turn++) world.socket.opens(4);
	equal(world.socket.unread, 0);
	deepEqual(
		world.socket.takeWritten(),
		Array.from({ length: 200 }, (_, index) => puback(index + 1)),
	);
	deepEqual(log, []);
});

test("names are resolved where the host asks for it; a name that is not there is tried again", () => {
	const world = new World();
	const lookups: string[] = [];
	let answer: ((address: string | undefined) => void) | undefined;
	world.network.dns = {
		io: class {
			resolve({ host, onResolved, onError }: Parameters<import("../../../src/host.ts").Resolver["resolve"]>[0]) {
				lookups.push(host);
				answer = (address) => (address === undefined ? onError() : onResolved(host, address));
			}
		},
	};
	const { log } = start({ network: world.network, clock: world.clock, timer: world.timer });
	deepEqual(lookups, ["broker.test"]);
	answer?.(undefined);
	deepEqual(log, ["cannot resolve broker.test; again in 550 ms"]);
	world.advanceTo(550);
	answer?.("192.0.2.1");
	equal(world.socket.options.address, "192.0.2.1");
	equal(world.socket.options.host, "broker.test");
});

test("without a network no socket is opened; when it comes up, the wait is over", () => {
	const world = new World();
	world.network.ready = false;
	const { log, link } = start({ network: world.network, clock: world.clock, timer: world.timer });
	world.advanceTo(100_000);
	equal(world.sockets.length, 0);
	ok(log.every((line) => line.startsWith("the network is not up; again in")));
	world.network.ready = true;
	link.networkReady();
	equal(world.sockets.length, 1);
});

test("a socket that cannot even be made counts as an attempt", () => {
	const world = new World();
	world.network.socket = {
		io: class {
			constructor() {
				throw new Error("no memory");
			}
		} as never,
	};
	const { log } = start({ network: world.network, clock: world.clock, timer: world.timer });
	deepEqual(log, ["cannot connect: no memory; again in 550 ms"]);
});

test("stop sends a DISCONNECT, closes, and does not come back", () => {
	const { world, link, log, connects } = start();
	connects();
	link.stop();
	deepEqual(world.socket.takeWritten(), [DISCONNECT]);
	ok(world.socket.closed);
	world.advanceTo(1_000_000);
	equal(world.sockets.length, 1);
	deepEqual(log, []);
});

test("stop works at any moment", () => {
	const opening = start();
	opening.link.stop();
	ok(opening.world.socket.closed);
	const waiting = start();
	waiting.world.socket.ends();
	waiting.link.stop();
	waiting.world.advanceTo(1_000_000);
	equal(waiting.world.sockets.length, 1);
});

test("a broker that refuses the version is spoken to in an older one at once", () => {
	const { world, log } = start({}, { protocolVersion: 5 });
	world.socket.opens();
	world.socket.takeWritten();
	world.socket.receives("20 02 00 01");
	deepEqual(log, ["the broker refused the connection: it does not speak this version of MQTT (1); again in 0 ms"]);
	world.advanceTo(0);
	world.socket.opens();
	deepEqual(world.socket.takeWritten(), [CONNECT]);
});

test("a violation of MQTT 5.0 is answered by a DISCONNECT with its reason code, where it can leave at once", () => {
	const { world } = start({}, { protocolVersion: 5 });
	world.socket.opens();
	world.socket.receives("20 03 00 00 00");
	world.socket.takeWritten();
	world.socket.receives("40 02 00 00");
	deepEqual(world.socket.takeWritten(), ["e0 02 82 00"]);
	ok(world.socket.closed);
});

test("whoever is told of a message may wake the link: nothing is lost or read twice", () => {
	const queue: Message[] = [];
	const received: string[] = [];
	const { world, link } = start(
		{},
		{
			nextMessage: () => queue.shift(),
			onMessage: ({ topic }) => {
				received.push(topic);
				queue.push({ topic: "t", payload: ascii(topic), qos: 1, retain: false });
				link.wake();
			},
		},
	);
	world.socket.opens();
	world.socket.receives(CONNACK);
	world.socket.takeWritten();
	world.socket.receives("30 03 00 01 78 30 03 00 01 79");
	deepEqual(received, ["x", "y"]);
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "x"), publish(2, "t", "y")]);
});

/** A session that acknowledges first, and what it had written when it handed a message on. */
function startsAcknowledging() {
	const seen: string[] = [];
	const started = start(
		{},
		{
			acknowledgesFirst: true,
			onMessage: ({ payload }) => {
				const text = String.fromCharCode(payload[0]!);
				seen.push(`${text} after ${started.world.socket.takeWritten().join(" and ")}`);
			},
		},
	);
	started.connects();
	return { ...started, seen };
}

test("a message is handed on when the socket has its acknowledgement", () => {
	const { world, seen } = startsAcknowledging();
	world.socket.receives(publish(5, "t", "a"));
	deepEqual(seen, [`a after ${puback(5)}`]);
	world.socket.receives(`${publish(6, "t", "b", { qos: 2 })} ${publish(7, "t", "c")}`);
	deepEqual(seen.slice(1), [`b after ${pubrec(6)} and ${puback(7)}`, "c after "]);
});

test("a message is not handed on while the network does not take its acknowledgement whole", () => {
	const { world, seen } = startsAcknowledging();
	world.socket.opens(0);
	world.socket.receives(publish(5, "t", "a"));
	world.socket.opens(3);
	deepEqual(seen, []);
	world.socket.opens(3);
	deepEqual(seen, [`a after ${puback(5)}`]);
});

test("a message whose acknowledgement the socket refused is handed on once, with the next connection", () => {
	const { world, seen, log } = startsAcknowledging();
	world.socket.write = () => {
		throw new Error("no route");
	};
	world.socket.receives(publish(5, "t", "a"));
	deepEqual([seen, log], [[], ["no route; again in 550 ms"]]);
	world.advanceTo(550);
	world.socket.opens();
	deepEqual(seen, [`a after ${CONNECT}`]);
	world.socket.receives(CONNACK);
	deepEqual(seen.length, 1);
});

test("CONNECT, SUBSCRIBE and the first messages leave in one segment", () => {
	const queue = ["a", "b"].map((text) => ({ topic: "t", payload: ascii(text), qos: 1, retain: false }) as const);
	const session = new Session<Message>({
		clientId: "c",
		keepAlive: 60,
		protocolVersion: 4,
		nextMessage: () => queue.shift(),
	});
	session.subscribe({ topicFilter: "x", qos: 1 });
	const { world } = start({ session });
	world.socket.opens();
	deepEqual(world.socket.writes, [
		[CONNECT, "82 06 00 01 00 01 78 01", publish(2, "t", "a"), publish(3, "t", "b")].join(" "),
	]);
});

test("a backlog leaves in segments of about a kilobyte", () => {
	const queue = Array.from(
		{ length: 8 },
		() => ({ topic: "t", payload: new Uint8Array(300), qos: 1, retain: false }) as const,
	);
	const session = new Session<Message>({
		clientId: "c",
		keepAlive: 60,
		protocolVersion: 4,
		nextMessage: () => queue.shift(),
	});
	const { world } = start({ session });
	world.socket.opens();
	world.socket.receives(CONNACK);
	equal(world.socket.takeWritten().length, 9);
	ok(world.socket.writes.length > 1 && world.socket.writes.every((write) => write.split(" ").length < 1_024 + 310));
});

test("a large message that leaves slowly is no reason to give up, as long as it leaves", () => {
	const { world, log, queues, connects } = start();
	connects();
	const payload = "x".repeat(100);
	world.socket.opens(10);
	queues(payload);
	for (let turn = 1; turn <= 10; turn++) {
		world.advanceTo(turn * 15_000);
		world.socket.opens(10);
	}
	deepEqual(log, []);
	deepEqual(world.socket.takeWritten(), [publish(1, "t", payload)]);
});

test("stopped with a reason that MQTT 3.1.1 cannot tell, it leaves the will to the broker", () => {
	const { world, link, connects } = start();
	connects();
	link.stop(0x04);
	deepEqual(world.socket.takeWritten(), []);
	ok(world.socket.closed);
});

test("stopped with a reason, it tells a broker of MQTT 5.0", () => {
	const { world, link } = start({}, { protocolVersion: 5 });
	world.socket.opens();
	world.socket.receives("20 03 00 00 00");
	world.socket.takeWritten();
	link.stop(0x04);
	deepEqual(world.socket.takeWritten(), ["e0 02 04 00"]);
});

test("a connection that only ended an earlier session says goodbye, and the next one follows at once", () => {
	const { world, link, log } = start({}, { cleanStart: true });
	world.socket.opens();
	world.socket.takeWritten();
	world.socket.receives(CONNACK);
	deepEqual(world.socket.takeWritten(), [DISCONNECT]);
	ok(world.socket.closed);
	deepEqual(log, ["the broker has discarded the earlier session; again in 0 ms"]);
	world.advanceTo(0);
	world.socket.opens();
	deepEqual(world.socket.takeWritten(), [CONNECT]);
	link.stop();
});

/** The beginning of a PUBLISH of 256 MB at QoS 0, and as many more bytes of it. */
const endless = (count: number) => `30 ff ff ff 7f 00 01 61 ${"2e ".repeat(count)}`;

test("a broker that sends without end lets everything else have its turn, and what is queued leaves", () => {
	const { world, queues, connects } = start();
	connects();
	world.socket.receives(endless(20_000));
	const turn = 24 * 256;
	equal(world.socket.unread, 20_008 - turn);
	queues("a");
	deepEqual(world.socket.takeWritten(), [publish(1, "t", "a")]);
	equal(world.socket.unread, 20_008 - 2 * turn);
	world.advanceTo(0);
	equal(world.socket.unread, 0, "the rest is read without anybody's asking");
	world.advanceTo(59_499);
	deepEqual(world.socket.takeWritten(), []);
});

test("a connection that ends is read to its end first, however much has arrived", () => {
	const { world, log, queues, connects } = start();
	connects();
	queues("a");
	world.socket.receives(`32 ed 2e 00 01 61 00 07 ${"2e ".repeat(6_000 - 8)}`.repeat(5) + puback(1), { quietly: true });
	world.socket.ends("by the broker");
	equal(log.length, 1);
	world.advanceTo(2_300);
	world.socket.opens();
	world.socket.receives("20 02 01 00");
	deepEqual(world.socket.takeWritten(), [CONNECT]);
});

test("an end of the network is none of a message's doing", () => {
	const { world, queues, connects } = start();
	connects();
	queues("a");
	world.network.ready = false;
	world.socket.ends("aborted");
	world.network.ready = true;
	world.advanceTo(2_000);
	world.socket.opens();
	world.socket.receives("20 02 01 00");
	deepEqual(world.socket.takeWritten(), [CONNECT, publish(1, "t", "a", { dup: true })]);
});

test("the rest of a packet that leaves is a sign of life, and a beginning that found room is none", () => {
	for (const goesOn of [false, true]) {
		const { world, log, queues, connects } = start();
		connects();
		world.advanceTo(1_000);
		queues("a");
		world.advanceTo(9_000);
		// Asked after 3 s of silence, and given up 6 s later.
		equal(world.socket.takeWritten().at(-1), PINGREQ);
		world.socket.opens(3);
		queues("b");
		world.advanceTo(9_500);
		if (goesOn) world.socket.opens(3);
		world.advanceTo(goesOn ? 15_499 : 9_999);
		deepEqual(log, []);
		world.advanceTo(goesOn ? 15_500 : 10_000);
		deepEqual(log, ["no PINGRESP within 6 s; again in 550 ms"]);
	}
});

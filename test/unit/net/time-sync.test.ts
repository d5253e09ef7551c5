import type { Clock, Host, NetworkPort } from "../../../src/host.ts";
import { isAboutDates, TimeSync } from "../../../src/net/time-sync.ts";
import { deepEqual, equal, near, test } from "../../harness/harness.ts";
import { answer, FakeUdp } from "../../harness/time-server.ts";
import { World } from "../../harness/world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 10, 21, 12);
const ASK = "ask";
const RESOLVE = "resolve time.example";

/** A board, whose clock shows `time` when its power comes on. */
function sync(time?: number) {
	const world = new World();
	const udp = new FakeUdp();
	const happened: string[] = [];
	let offset = time;
	const clock: { -readonly [member in keyof Clock]: Clock[member] } = {
		now: world.clock.now,
		time: () => (offset === undefined ? undefined : offset + world.clock.now()),
		setTime: (time) => {
			offset = time - world.clock.now();
			happened.push(`set ${new Date(Math.round(time)).toISOString()}`);
		},
	};
	const network: { -readonly [port in keyof NetworkPort]: NetworkPort[port] } = { ...world.network, ...udp.network };
	const log: Host["log"] = (level, text) => happened.push(`${level}: ${text}`);
	const host = { network, timer: world.timer, clock, random: () => 0.3, log };
	const timeSync = new TimeSync(host, "time.example", { wake: () => happened.push("wake") });
	/** What was asked and what happened since the last call. */
	const since = () => [...udp.since().map((line) => line.split(" 192")[0]!), ...happened.splice(0)];
	return {
		world,
		udp,
		clock,
		network,
		timeSync,
		since,
		tells: (time: number) => udp.tells(time),
		fails: () => udp.fails(),
	};
}

const iso = (time: number) => new Date(time).toISOString();
const set = (time: number) => [`set ${iso(time)}`, "wake"];
const notSet = (reason: string) => `warning: time: not set: ${reason}; readings wait for their time`;

test("the time that the server tells is set, and asked for again after six hours and not before", () => {
	const { timeSync, world, udp, tells, since } = sync();
	timeSync.start();
	deepEqual(since(), [RESOLVE]);
	tells(NOON);
	deepEqual(since(), [ASK, ...set(NOON)]);
	equal(udp.open, 0);
	world.advanceTo(6 * HOUR - 1);
	deepEqual(since(), []);
	world.advanceTo(6 * HOUR);
	deepEqual(since(), [RESOLVE]);
});

test("a network that comes up again and again asks once", () => {
	const { timeSync, tells, since } = sync();
	timeSync.start();
	timeSync.start();
	tells(NOON);
	timeSync.start();
	deepEqual(since(), [RESOLVE, ASK, ...set(NOON)]);
});

test("a server that fails is asked after 15 s, 30 s and then every minute, and complained of once", () => {
	const { timeSync, world, fails, tells, since } = sync();
	timeSync.start();
	fails();
	deepEqual(since(), [RESOLVE, ASK, notSet("the server does not know the time itself")]);
	for (const [second, next] of [
		[15, 45],
		[45, 105],
		[105, 165],
	] as const) {
		world.advanceTo(second * SECOND - 1);
		deepEqual(since(), []);
		world.advanceTo(second * SECOND);
		fails();
		deepEqual(since(), [RESOLVE, ASK]);
		world.advanceTo(next * SECOND - 1);
		deepEqual(since(), []);
	}
	world.advanceTo(165 * SECOND);
	tells(NOON);
	deepEqual(since(), [RESOLVE, ASK, "info: time: set", ...set(NOON)]);
	world.advanceTo(165 * SECOND + 6 * HOUR);
	fails();
	since();
	world.advanceTo(180 * SECOND + 6 * HOUR);
	deepEqual(since(), [RESOLVE]);
});

test("a server that does not answer is given up after 10 s, asked again 15 s after the question, and its late answer does not count", () => {
	const { timeSync, world, udp, since } = sync();
	timeSync.start();
	udp.resolved();
	world.advanceTo(10 * SECOND - 1);
	deepEqual(since(), [RESOLVE, ASK]);
	world.advanceTo(10 * SECOND);
	deepEqual(since(), [notSet("no answer")]);
	equal(udp.open, 0);
	udp.arrives(answer());
	deepEqual(since(), []);
	world.advanceTo(15 * SECOND - 1);
	deepEqual(since(), []);
	world.advanceTo(15 * SECOND);
	deepEqual(since(), [RESOLVE]);
});

test("a time that cannot be is not taken, and asked for again soon", () => {
	const wrong = [
		[Date.UTC(2025, 11, 31, 23, 59, 59), "2025-12-31T23:59:59.000Z"],
		[Date.UTC(2041, 0, 2), "2041-01-02T00:00:00.000Z"],
	] as const;
	for (const [time, told] of wrong) {
		const { timeSync, world, tells, since } = sync();
		timeSync.start();
		tells(time);
		deepEqual(since(), [RESOLVE, ASK, notSet(`${told} cannot be`)]);
		world.advanceTo(15 * SECOND);
		deepEqual(since(), [RESOLVE]);
	}
});

test("every time from 2026 until fifteen years later is taken by a clock that was never set", () => {
	for (const time of [Date.UTC(2026, 0, 1), Date.UTC(2036, 1, 7, 6, 28, 17), Date.UTC(2040, 11, 31)]) {
		const { timeSync, tells, since } = sync();
		timeSync.start();
		tells(time);
		deepEqual(since(), [RESOLVE, ASK, ...set(time)]);
	}
});

test("a day back and a year forward are believed at once", () => {
	for (const jump of [-DAY + SECOND, 365 * DAY - SECOND]) {
		const { timeSync, tells, since } = sync(NOON);
		timeSync.start();
		tells(NOON + jump);
		deepEqual(since(), [RESOLVE, ASK, ...set(NOON + jump)]);
	}
});

test("before a longer jump a second answer has to say the same, 15 s later", () => {
	for (const jump of [-DAY - SECOND, 366 * DAY]) {
		const { timeSync, world, tells, since } = sync(NOON);
		timeSync.start();
		tells(NOON + jump);
		deepEqual(since(), [RESOLVE, ASK]);
		world.advanceTo(15 * SECOND - 1);
		deepEqual(since(), []);
		world.advanceTo(15 * SECOND);
		tells(NOON + jump + 15 * SECOND);
		deepEqual(since(), [RESOLVE, ASK, ...set(NOON + jump + 15 * SECOND)]);
	}
});

test("one wrong answer changes nothing, and answers that differ are never believed", () => {
	const { timeSync, world, tells, clock, since } = sync(NOON);
	timeSync.start();
	tells(NOON - 300 * DAY);
	world.advanceTo(15 * SECOND);
	tells(NOON + 15 * SECOND);
	deepEqual(since(), [RESOLVE, ASK, RESOLVE, ASK, ...set(NOON + 15 * SECOND)]);
	world.advanceTo(6 * HOUR + 15 * SECOND);
	[15, 15, 30, 60, 60].forEach((pause, index) => {
		tells(NOON + 1_000 * DAY * (index + 1));
		deepEqual(since(), index === 1 ? [RESOLVE, ASK, notSet("two answers differ")] : [RESOLVE, ASK], `answer ${index}`);
		world.advanceTo(world.clock.now() + pause * SECOND);
	});
	near(clock.time()!, NOON + world.clock.now(), 1);
});

test("after a certificate that does not fit the clock the time is asked for at once, and no sooner than 15 s after the last question", () => {
	const { timeSync, world, tells, since } = sync(NOON);
	timeSync.start();
	tells(NOON);
	since();
	world.advanceTo(10 * SECOND);
	timeSync.doubt();
	timeSync.doubt();
	deepEqual(since(), []);
	world.advanceTo(15 * SECOND);
	tells(NOON + 15 * SECOND);
	deepEqual(since(), [RESOLVE, ASK, ...set(NOON + 15 * SECOND)]);
	world.advanceTo(HOUR);
	timeSync.doubt();
	deepEqual(since(), [RESOLVE]);
	timeSync.doubt();
	deepEqual(since(), []);
});

test("what hosts say of a certificate's dates is known", () => {
	equal(isAboutDates("cannot connect: certificate: has expired"), true);
	equal(isAboutDates("cannot connect: certificate: is not valid yet"), true);
	equal(isAboutDates("cannot connect: certificate: host name does not match"), false);
});

test("without a network nothing is asked; when it comes up, at once", () => {
	const { timeSync, world, network, since } = sync();
	network.ready = false;
	timeSync.start();
	world.advanceTo(10 * MINUTE);
	deepEqual(since(), []);
	network.ready = true;
	timeSync.start();
	deepEqual(since(), [RESOLVE]);
});

test("a network that comes and goes does not ask more often than every 15 s", () => {
	const { timeSync, world, fails, since } = sync();
	timeSync.start();
	fails();
	since();
	world.advanceTo(5 * SECOND);
	timeSync.start();
	deepEqual(since(), []);
	world.advanceTo(15 * SECOND);
	deepEqual(since(), [RESOLVE]);
});

test("a socket that cannot be had is tried again", () => {
	const { timeSync, world, udp, since } = sync();
	udp.refuses = "no socket";
	timeSync.start();
	udp.resolved();
	deepEqual(since(), [RESOLVE, notSet("no socket")]);
	udp.refuses = undefined;
	world.advanceTo(15 * SECOND);
	deepEqual(since(), [RESOLVE]);
});

test("closed, it asks nobody and listens to nobody", () => {
	const { timeSync, world, udp, since } = sync();
	timeSync.start();
	udp.resolved();
	timeSync.close();
	udp.arrives(answer());
	world.advanceTo(DAY);
	deepEqual(since(), [RESOLVE, ASK]);
	equal(udp.open, 0);
});

test("a host whose clock others set, or that has no UDP, asks nobody", () => {
	for (const lacks of ["setTime", "udp", "dns"] as const) {
		const { timeSync, world, network, clock, since } = sync();
		if (lacks === "setTime") delete clock.setTime;
		else delete network[lacks];
		timeSync.start();
		timeSync.doubt();
		world.advanceTo(HOUR);
		deepEqual(since(), [], lacks);
	}
});

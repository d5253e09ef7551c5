import type { NetworkPort, NTPClient } from "../../../src/host.ts";
import { TimeSync } from "../../../src/net/time-sync.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 10, 21, 12);

function sync({ network = {}, construct = () => {} }: { network?: Partial<NetworkPort>; construct?: () => void } = {}) {
	const world = new World();
	const happened: string[] = [];
	let callback: Parameters<NTPClient["getTime"]>[0] = () => {};
	class FakeClient implements NTPClient {
		constructor({ host }: { host?: unknown }) {
			construct();
			happened.push(`ask ${host}`);
		}
		getTime(answer: typeof callback) {
			callback = answer;
		}
		close() {
			happened.push("close");
		}
	}
	const ports: { -readonly [member in keyof NetworkPort]: NetworkPort[member] } = {
		...world.network,
		ntp: { io: FakeClient, host: "time.example" },
		...network,
	};
	const timeSync = new TimeSync({
		network: ports,
		timer: world.timer,
		log: (level, text) => happened.push(`${level}: ${text}`),
		setTime: (time) => happened.push(`set ${time}`),
	});
	return {
		world,
		ports,
		timeSync,
		answer: (time: number) => callback(null, time),
		fail: (reason: string) => callback(new Error(reason)),
		since: () => happened.splice(0),
	};
}

test("the time that the server tells is set, and asked for again after six hours and not before", () => {
	const { timeSync, world, answer, since } = sync();
	timeSync.start();
	answer(NOON);
	deepEqual(since(), ["ask time.example", `set ${NOON}`, "close"]);
	world.advanceTo(6 * HOUR - 1);
	deepEqual(since(), []);
	world.advanceTo(6 * HOUR);
	deepEqual(since(), ["ask time.example"]);
});

test("a network that comes up again and again asks once", () => {
	const { timeSync, answer, since } = sync();
	timeSync.start();
	timeSync.start();
	answer(NOON);
	timeSync.start();
	deepEqual(since(), ["ask time.example", `set ${NOON}`, "close"]);
});

test("a server that fails is asked every minute, and complained of once", () => {
	const { timeSync, world, answer, fail, since } = sync();
	timeSync.start();
	fail("no such host");
	deepEqual(since(), [
		"ask time.example",
		"warning: time: not set: no such host; readings wait for their time",
		"close",
	]);
	world.advanceTo(MINUTE);
	fail("no such host");
	world.advanceTo(2 * MINUTE);
	answer(NOON);
	deepEqual(since(), ["ask time.example", "close", "ask time.example", `set ${NOON}`, "info: time: set", "close"]);
});

test("a server that never answers is given up after a minute, and its late answer does not count", () => {
	const { timeSync, world, answer, since } = sync();
	timeSync.start();
	world.advanceTo(MINUTE - 1);
	deepEqual(since(), ["ask time.example"]);
	world.advanceTo(MINUTE);
	deepEqual(since(), ["warning: time: not set: no answer; readings wait for their time", "close"]);
	answer(NOON);
	deepEqual(since(), []);
	world.advanceTo(2 * MINUTE);
	deepEqual(since(), ["ask time.example"]);
});

test("a time of long ago is not taken", () => {
	const { timeSync, answer, since } = sync();
	timeSync.start();
	answer(0);
	deepEqual(since(), [
		"ask time.example",
		"warning: time: not set: it tells a time of long ago; readings wait for their time",
		"close",
	]);
});

test("without a network nothing is asked; when it comes up, at once", () => {
	const { timeSync, world, ports, since } = sync({ network: { ready: false } });
	timeSync.start();
	world.advanceTo(10 * MINUTE);
	deepEqual(since(), []);
	ports.ready = true;
	timeSync.start();
	deepEqual(since(), ["ask time.example"]);
});

test("a socket that cannot be had is tried again", () => {
	let broken = true;
	const { timeSync, world, since } = sync({
		construct: () => {
			if (broken) throw new Error("no socket");
		},
	});
	timeSync.start();
	deepEqual(since(), ["warning: time: not set: no socket; readings wait for their time"]);
	broken = false;
	world.advanceTo(MINUTE);
	deepEqual(since(), ["ask time.example"]);
});

test("closed, it asks nobody and listens to nobody", () => {
	const { timeSync, world, answer, since } = sync();
	timeSync.start();
	timeSync.close();
	answer(NOON);
	world.advanceTo(24 * HOUR);
	deepEqual(since(), ["ask time.example", "close"]);
});

test("a host whose clock others set is not asked for a client", () => {
	const { timeSync, world, ports, since } = sync();
	delete ports.ntp;
	timeSync.start();
	world.advanceTo(HOUR);
	deepEqual(since(), []);
	equal(timeSync.close(), undefined);
});

test("whoever closes it when the time is set is not asked for again", () => {
	const world = new World();
	let asked = 0;
	const io = class implements NTPClient {
		getTime(callback: Parameters<NTPClient["getTime"]>[0]) {
			asked++;
			world.timer.set(() => callback(null, NOON), 10);
		}
		close() {}
	};
	const timeSync: TimeSync = new TimeSync({
		network: { ...world.network, ntp: { io } },
		timer: world.timer,
		log: () => {},
		setTime: () => timeSync.close(),
	});
	timeSync.start();
	world.advanceTo(13 * HOUR);
	equal(asked, 1);
});

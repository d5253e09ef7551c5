/** How soon a station is back, measured: after outages of the network, after half-open connections, and 10,000 at once. */
import { deepEqual, equal, ok } from "node:assert/strict";
import test from "node:test";
import type { Conditions } from "../../../hosts/sim/world/network/network.ts";
import { Random } from "../../../hosts/sim/world/random.ts";
import { Scheduler } from "../../../hosts/sim/world/scheduler.ts";
import type { Bytes, Socket, SocketOptions } from "../../../src/host.ts";
import { Backoff } from "../../../src/net/backoff.ts";
import { Link } from "../../../src/net/link.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import { Session } from "../../../src/net/mqtt/session.ts";
import { BrokerWorld } from "./broker/mqtt-client.ts";
import { bytesOf } from "./network/wired.ts";
import { Publisher } from "./publisher.ts";

const SEEDS = 20;
const STEP_MS = 10;
const percentile = (sorted: readonly number[], part: number): number => sorted[Math.ceil(part * sorted.length) - 1]!;

/** Lets time pass until `condition`; returns how long that took, in ms. */
function until(world: BrokerWorld, condition: () => boolean, limit = 200_000): number {
	const from = world.wired.now;
	while (!condition()) {
		if (world.wired.now - from > limit) return Number.POSITIVE_INFINITY;
		world.pass(STEP_MS);
	}
	return world.wired.now - from;
}

/** A station that has been connected for a minute and more, and publishes each second. */
function settled(seed: number, conditions: Partial<Conditions> = {}): { world: BrokerWorld; station: Publisher } {
	const world = new BrokerWorld({}, { latency: 20, jitter: 20, ...conditions }, seed);
	const station = new Publisher(world);
	station.link.start();
	for (let second = 0; second < 60 + (seed % 7); second++) {
		station.publish();
		world.pass(1_000 + (seed % 10));
	}
	deepEqual(station.ends, []);
	return { world, station };
}

/** What cuts the way to the broker, and what mends it. */
const CUTS: Readonly<Record<string, (world: BrokerWorld) => () => void>> = {
	"the link lost": ({ wired }) => {
		wired.network.conditions.linkUp = false;
		return () => {
			wired.network.conditions.linkUp = true;
		};
	},
	"no way beyond the router": ({ wired }) => {
		const { conditions } = wired.network;
		wired.network.halfOpenAll({ answer: "silence" });
		Object.assign(conditions, { unanswered: true, dns: "silent" });
		return () => void Object.assign(conditions, { unanswered: false, dns: "works" });
	},
	"no answer to a SYN": ({ wired }) => {
		wired.network.halfOpenAll({ answer: "silence" });
		wired.network.conditions.unanswered = true;
		return () => {
			wired.network.conditions.unanswered = false;
		};
	},
};

for (const [what, cut] of Object.entries(CUTS)) {
	for (const conditions of [{}, { latency: 150, jitter: 100 }]) {
		test(`${what}, round trips from ${2 * (conditions.latency ?? 20)} ms on: back within max(2 s, T/4) in 95 of 100 cases, within 30 s in all`, (context) => {
			const late: string[] = [];
			let longest = 0;
			let cases = 0;
			for (const least of [12, 15, 20, 30, 45, 60, 120, 300, 1_000]) {
				for (let seed = 1; seed <= SEEDS; seed++) {
					// Up to a third longer: the network comes back at any moment of an attempt and of a delay.
					const duration = least * 1_000 * (1 + seed / SEEDS / 3);
					const { world, station } = settled(seed, conditions);
					const mend = cut(world);
					for (let passed = 0; passed < duration; passed += 1_000) {
						station.publish();
						world.pass(Math.min(1_000, duration - passed));
					}
					ok(!station.link.connected, "it has noticed");
					mend();
					const away = until(world, () => station.link.connected);
					if (away > Math.max(2_000, duration / 4)) late.push(`${duration}: ${away}`);
					longest = Math.max(longest, away);
					cases++;
				}
			}
			context.diagnostic(
				`${late.length} of ${cases} are late; the longest took ${longest} ms; ${late.slice(0, 40).join(", ")}`,
			);
			ok(late.length <= cases / 20, late.join("; "));
			ok(longest <= 30_000);
		});
	}
}

test("a network that is gone for less than 9 s costs no connection", () => {
	for (let seed = 1; seed <= SEEDS; seed++) {
		const { world, station } = settled(seed);
		const network = world.wired.network.conditions;
		network.linkUp = false;
		station.publish();
		world.pass(8_000 * (seed / SEEDS));
		network.linkUp = true;
		// TCP repeats what was lost: not before 9 s the station gives up.
		const acknowledged = station.acknowledged.length;
		const back = until(world, () => station.acknowledged.length > acknowledged);
		ok(back < 9_000, `${back} ms`);
	}
});

for (const [what, conditions, limit] of [
	["20 ms", {}, 9_000],
	["1 s", { latency: 500, jitter: 0 }, 9_000],
	["1.9 s", { latency: 950, jitter: 0 }, 12_000],
	["4 s", { latency: 2_000, jitter: 0 }, 19_000],
] as const) {
	for (const keepAlive of [0, 10, 3_600]) {
		test(`with round trips of ${what} and a keep-alive of ${keepAlive} s, half-open is noticed within ${limit / 1_000} s, and the station back a second later`, () => {
			for (let seed = 1; seed <= 10; seed++) {
				const world = new BrokerWorld({}, { latency: 20, jitter: 20, ...conditions }, seed);
				const station = new Publisher(world, seed % 2 === 0 ? 1 : 2, { keepAlive });
				station.link.start();
				world.pass(60_000);
				for (let round = 0; round < 5; round++) {
					station.publish();
					world.pass(30_000);
					world.wired.network.halfOpenAll({ answer: "silence" });
					station.publish();
					const before = station.ends.length;
					const noticed = until(world, () => station.ends.length > before);
					ok(noticed <= limit + STEP_MS, `noticed after ${noticed} ms`);
					const ways = 8 * (world.wired.network.conditions.latency + world.wired.network.conditions.jitter);
					const back = until(world, () => station.link.connected);
					ok(back <= 1_000 + ways, `back after ${back} ms`);
					world.pass(60_000);
				}
			}
		});
	}
}

test("a link of 2 kbit/s and 600 ms stays up: 8 readings in flight, and 16 KB written and read", () => {
	for (let seed = 1; seed <= 5; seed++) {
		const world = new BrokerWorld({}, { latency: 600, jitter: 50, byteTime: 4 }, seed);
		const station = new Publisher(world, 1, { maximumPacketSize: 32_768 });
		station.link.start();
		world.pass(30_000);
		for (let round = 0; round < 3; round++) {
			for (let reading = 0; reading < 40; reading++) station.publish(150);
			ok(until(world, () => station.acknowledged.length === 42 * round + 40) < 60_000);
			station.publish(16_384);
			world.pass(1_000);
			station.publish(150);
			ok(until(world, () => station.acknowledged.length === 42 * round + 42) < 120_000);
			world.broker.publish("commands/a", "x".repeat(16_384), 1);
			for (let reading = 0; reading < 8; reading++) world.pass(1_000);
			ok(until(world, () => station.commands.length === round + 1) < 120_000);
		}
		deepEqual(station.ends, []);
	}
});

test("a broker that falls silent while 16 KB are on their way is given up within 80 s", () => {
	const world = new BrokerWorld({}, { latency: 600, byteTime: 4 });
	const station = new Publisher(world);
	station.link.start();
	world.pass(30_000);
	station.publish(16_384);
	world.pass(20_000);
	world.wired.network.halfOpenAll({ answer: "silence" });
	ok(until(world, () => station.ends.length > 0) < 80_000);
});

/** A broker for many stations, which refuses connections while it is down. */
class CrowdedBroker {
	readonly scheduler = new Scheduler();
	readonly open = new Set<CrowdSocket>();
	/** When each attempt to connect reached it, and each that it took, in ms. */
	readonly attempts: number[] = [];
	readonly taken: number[] = [];
	up = true;

	/** Closes all connections, and is back after `downFor` ms. */
	restart(downFor: number): void {
		this.up = false;
		this.attempts.length = this.taken.length = 0;
		for (const socket of [...this.open]) socket.ends("closed by the broker");
		this.scheduler.after(downFor, () => {
			this.up = true;
		});
	}
}

const WAY_MS = 20;

/** A connection to it: answers each packet after a round trip. */
class CrowdSocket implements Socket {
	private readonly _options: SocketOptions;
	private readonly _broker: CrowdedBroker;
	private _arrived: Bytes[] = [];
	private _ended = false;

	constructor(broker: CrowdedBroker, options: SocketOptions) {
		this._options = options;
		this._broker = broker;
		this._after(WAY_MS, () => {
			const { attempts, taken, up, scheduler, open } = broker;
			attempts.push(scheduler.now);
			if (!up) return this._after(WAY_MS, () => this.ends("connection refused"));
			taken.push(scheduler.now);
			open.add(this);
			this._after(WAY_MS, () => options.onWritable(5_744));
		});
	}

	ends(reason: string): void {
		if (this._ended) return;
		this.close();
		this._ended = false;
		this._options.onError(reason);
		this._ended = true;
	}

	read(): Bytes | undefined {
		return this._arrived.shift();
	}

	write(bytes: Bytes): number {
		for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]!) {
			const [type, topicLength] = [bytes[at]! >> 4, bytes[at + 3]!];
			const id = at + 4 + topicLength;
			if (type === 1) this._answer(Uint8Array.of(0x20, 2, 0, 0));
			if (type === 3) this._answer(Uint8Array.of(0x40, 2, bytes[id]!, bytes[id + 1]!));
			if (type === 12) this._answer(Uint8Array.of(0xd0, 0));
		}
		return 5_744;
	}

	close(): void {
		this._ended = true;
		this._broker.open.delete(this);
	}

	private _answer(bytes: Bytes): void {
		this._after(2 * WAY_MS, () => {
			this._arrived.push(bytes);
			this._options.onReadable(bytes.length);
		});
	}

	private _after(delay: number, callback: () => void): void {
		this._broker.scheduler.after(delay, () => {
			if (!this._ended) callback();
		});
	}
}

/** The most of these times that are within a second, whenever it begins. */
function peak(times: readonly number[]): number {
	const sorted = [...times].sort((one, other) => one - other);
	let most = 0;
	for (let last = 0, first = 0; last < sorted.length; last++) {
		while (sorted[last]! - sorted[first]! >= 1_000) first++;
		most = Math.max(most, last - first + 1);
	}
	return most;
}

test("10,000 stations after a broker's restart make no peak above 2,500 attempts in a second", (context) => {
	const broker = new CrowdedBroker();
	const { scheduler } = broker;
	const root = new Random(1);
	const clock = { now: () => scheduler.now, time: () => undefined };
	const timer = {
		set: (callback: () => void, delay: number) => scheduler.after(delay, callback),
		clear: (timer: unknown) => scheduler.cancel(timer as never),
	};
	const network = {
		socket: {
			io: class extends CrowdSocket {
				constructor(options: SocketOptions) {
					super(broker, options);
				}
			},
		},
	};
	for (let station = 0; station < 10_000; station++) {
		const random = root.fork(String(station));
		const session = new Session<Message>({
			clientId: String(station),
			keepAlive: 90,
			protocolVersion: 4,
			birth: { topic: "s", payload: bytesOf("online"), qos: 1, retain: true },
		});
		const backoff = new Backoff({ random: () => random.next() });
		const link = new Link({
			network,
			clock,
			timer,
			broker: { host: "b", port: 1883 },
			session,
			random: () => random.next(),
			backoff,
		});
		scheduler.after(random.next() * 60_000, () => link.start());
	}
	scheduler.run(90_000);
	equal(broker.open.size, 10_000);
	for (const downFor of [3_000, 500, 0, 60_000]) {
		broker.restart(downFor);
		const from = scheduler.now;
		scheduler.run(from + downFor + 31_000);
		equal(broker.open.size, 10_000, "all are back");
		equal(broker.taken.length, 10_000, "once each");
		const back = broker.taken.map((time) => time - from - downFor).sort((one, other) => one - other);
		context.diagnostic(
			`down for ${downFor / 1_000} s: peak of ${peak(broker.attempts)} attempts and of ${peak(broker.taken)} connections in a second; ` +
				`95 of 100 back within ${percentile(back, 0.95)} ms, all within ${back.at(-1)} ms`,
		);
		ok(peak(broker.attempts) <= 2_500, `${peak(broker.attempts)} attempts`);
		// It is no broker that restarts all the time.
		scheduler.run(scheduler.now + 60_000);
	}
});

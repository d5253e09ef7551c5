import { createRandom } from "../../../hosts/sim/devices/random.ts";
import { SntpQuestion } from "../../../src/net/sntp.ts";
import { deepEqual, equal, near, test, throws } from "../../harness/harness.ts";
import { ANSWERED_AT, answer, FakeUdp, NONCE, QUESTION, SERVER, timestamp } from "../../harness/time-server.ts";
import { hex } from "../../harness/transcript.ts";
import { World } from "../../harness/world.ts";

/** A question, and what it told its owner, in order. */
function question() {
	const world = new World();
	const udp = new FakeUdp();
	const told: (number | string)[] = [];
	const random = [...NONCE];
	const asked = new SntpQuestion({
		network: { ...world.network, ...udp.network },
		clock: world.clock,
		random: () => random.shift()!,
		server: "time.example",
		onTime: (time) => {
			told.push(time);
			asked.close();
		},
		onError: (reason) => {
			told.push(reason);
			asked.close();
		},
	});
	return { world, udp, told, asked };
}

test("the answer that a real server gave is taken, and half of the way there and back is added", () => {
	const { world, udp, told } = question();
	deepEqual(udp.since(), ["resolve time.example"]);
	world.advanceTo(1_000);
	udp.resolved();
	deepEqual(udp.since(), [`ask ${SERVER}:123 ${QUESTION}`]);
	world.advanceTo(1_080);
	udp.arrives(answer());
	equal(told.length, 1);
	near(told[0] as number, ANSWERED_AT + 40, 1);
	equal(udp.open, 0);
});

test("what anybody else sends does not count, and the answer behind it does", () => {
	const wild = timestamp(Date.UTC(2031, 0, 1));
	const strangers: readonly (readonly [packet: string, address?: string, port?: number])[] = [
		["00 ".repeat(48).trim()],
		[answer({ transmit: wild, originate: "01 23 45 67 89 ab cd ee" })],
		[answer({ transmit: wild, originate: "01 23 45 66 89 ab cd ef" })],
		[answer({ transmit: wild, originate: "00 00 00 00 00 00 00 00" })],
		[answer({ transmit: wild }), "192.0.2.8"],
		[answer({ transmit: wild }), SERVER, 124],
		[answer({ transmit: wild }).slice(0, -3)],
		[""],
		["ff ".repeat(1_472).trim()],
	];
	const { udp, told } = question();
	udp.resolved();
	for (const stranger of strangers) {
		udp.arrives(...stranger);
		deepEqual(told, [], String(stranger));
		equal(udp.open, 1);
	}
	udp.arrives(answer());
	near(told[0] as number, ANSWERED_AT, 1);
});

test("whatever bytes arrive, a question without its own time stamp in them stays open, and nothing is thrown", () => {
	const { udp, told } = question();
	udp.resolved();
	const random = createRandom(1);
	for (let datagrams = 0; datagrams < 500; datagrams++) {
		const length = Math.floor(random() * 80);
		udp.arrives(hex(Uint8Array.from({ length }, () => Math.floor(random() * 256))));
	}
	deepEqual(told, []);
	equal(udp.open, 1);
});

test("a server that has no time, or refuses, is not believed", () => {
	const refusals: readonly Parameters<typeof answer>[0][] = [
		{ first: "e4" }, // not synchronized
		{ stratum: "00" }, // a kiss-o'-death
		{ stratum: "10" }, // not synchronized, by its stratum
		{ first: "23" }, // the question's own mode
		{ first: "25" }, // a broadcast
		{ transmit: "00 00 00 00 00 00 00 00" },
	];
	for (const refusal of refusals) {
		const { udp, told } = question();
		udp.resolved();
		udp.arrives(answer(refusal));
		deepEqual(told, ["the server does not know the time itself"], JSON.stringify(refusal));
		equal(udp.open, 0);
	}
});

test("from 2036-02-07 on the seconds begin anew", () => {
	for (const time of [Date.UTC(2036, 1, 7, 6, 28, 15), Date.UTC(2036, 1, 7, 6, 28, 17), Date.UTC(2040, 5, 1)]) {
		const { udp, told } = question();
		udp.resolved();
		udp.arrives(answer({ transmit: timestamp(time) }));
		deepEqual(told, [time]);
	}
});

test("a name that cannot be resolved, and a socket that cannot be had, are told", () => {
	const unknown = question();
	unknown.udp.resolves = false;
	unknown.udp.resolved();
	deepEqual(unknown.told, ["cannot resolve time.example"]);
	const crowded = question();
	crowded.udp.refuses = "no socket";
	crowded.udp.resolved();
	deepEqual(crowded.told, ["no socket"]);
});

test("closed, it asks nobody, and is told nothing", () => {
	const early = question();
	early.asked.close();
	early.udp.resolved();
	deepEqual(early.udp.since(), ["resolve time.example"]);
	const late = question();
	late.udp.resolved();
	late.asked.close();
	late.asked.close();
	equal(late.udp.open, 0);
	late.udp.arrives(answer());
	deepEqual([...early.told, ...late.told], []);
});

test("of two answers in one turn the first counts", () => {
	const { udp, told } = question();
	udp.resolved();
	udp.arrives(answer());
	udp.arrives(answer({ transmit: timestamp(Date.UTC(2031, 0, 1)) }));
	equal(told.length, 1);
});

test("a machine without a resolver to spare says so", () => {
	const { network } = new World();
	const dns = {
		io: class {
			constructor() {
				throw new Error("no memory");
			}

			resolve() {}
		},
	};
	const { udp } = new FakeUdp().network;
	throws(
		() =>
			new SntpQuestion({
				network: { ...network, dns, udp: udp! },
				clock: new World().clock,
				random: () => 0,
				server: "time.example",
				onTime: () => {},
				onError: () => {},
			}),
		/no memory/,
	);
});

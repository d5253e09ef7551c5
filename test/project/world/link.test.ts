/** The firmware's own link and session in the simulated world. */
import { deepEqual, equal, ok } from "node:assert/strict";
import test from "node:test";
import type { BrokerFaults } from "../../../hosts/sim/world/broker/broker.ts";
import type { Conditions } from "../../../hosts/sim/world/network/network.ts";
import { BrokerWorld, VERSIONS } from "./broker/mqtt-client.ts";
import { Publisher } from "./publisher.ts";

const numbers = (world: BrokerWorld): number[] =>
	world.published.filter((line) => line.startsWith("state ")).map((line) => Number(line.slice(6)));

for (const protocolVersion of VERSIONS) {
	for (const qos of [0, 1, 2] as const) {
		test(`a quiet day in version ${protocolVersion} at QoS ${qos}: each reading arrives once and in order`, () => {
			const world = new BrokerWorld({}, { jitter: 5 });
			const station = new Publisher(world, qos, { protocolVersion });
			station.link.start();
			for (let minute = 0; minute < 200; minute++) {
				station.publish();
				world.pass(60_000);
				if (minute % 50 === 0) world.broker.publish("commands/a", `command ${minute}`, 2);
			}
			const all = Array.from({ length: 200 }, (_, index) => index + 1);
			deepEqual(numbers(world), all);
			deepEqual(station.acknowledged, all);
			deepEqual(station.commands, ["command 0", "command 50", "command 100", "command 150"]);
			deepEqual(station.ends, []);
			equal(world.broker.status("status"), "online");
			deepEqual(
				world.observed.filter((line) => line.includes("violated")),
				[],
			);
		});
	}
}

const FAULTS: [string, Partial<BrokerFaults>, Partial<Conditions>][] = [
	["slow acknowledgements", { acknowledgementDelay: 15_000 }, {}],
	["lost acknowledgements", { lostAcknowledgement: 0.2 }, {}],
	["duplicate acknowledgements", { duplicateAcknowledgement: 0.2 }, {}],
	["wrong acknowledgements", { wrongAcknowledgement: 0.2 }, {}],
	["garbage", { garbage: 0.2 }, {}],
	["oversized packets", { oversizedPacket: 0.2 }, {}],
	["ends after a message", { disconnect: 0.2 }, {}],
	["refused connections", { serverUnavailable: 0.5, badCredentials: 0.3, disconnect: 0.1 }, {}],
	["unanswered CONNECTs", { silentConnect: 0.5, disconnect: 0.1 }, {}],
	["ends after the CONNACK", { closeAfterConnack: 0.5, disconnect: 0.1 }, {}],
	["an old broker", { protocolVersionMaximum: 3, disconnect: 0.05 }, {}],
	["a deaf broker", { deafFor: 15_000, disconnect: 0.1 }, {}],
	[
		"narrow limits",
		{
			limits: { receiveMaximum: 1, maximumPacketSize: 40, topicAliasMaximum: 1, serverKeepAlive: 5 },
			disconnect: 0.05,
		},
		{},
	],
	["single bytes", { disconnect: 0.1 }, { segmentation: "bytes" }],
	["random segments", { disconnect: 0.1 }, { segmentation: "random", jitter: 300 }],
	["a slow network", {}, { latency: 2_000, jitter: 4_000 }],
];

for (const [what, faults, conditions] of FAULTS) {
	test(`under ${what} every reading arrives, and none is acknowledged that did not`, () => {
		for (let seed = 1; seed <= 6; seed++) {
			const qos = seed % 2 === 0 ? 1 : 2;
			const world = new BrokerWorld(faults, conditions, seed);
			const station = new Publisher(world, qos);
			station.link.start();
			for (let index = 0; index < 60; index++) {
				station.publish();
				world.pass(20_000);
				const taken = new Set(numbers(world));
				deepEqual(
					station.acknowledged.filter((number) => !taken.has(number)),
					[],
				);
			}
			Object.assign(world.broker.faults, { ...new BrokerWorld().broker.faults });
			world.pass(600_000);
			const taken = numbers(world);
			equal(new Set(taken).size, 60);
			equal(station.acknowledged.length, 60);
			if (qos === 2) equal(taken.length, 60, "once each");
			deepEqual(
				world.observed.filter((line) => line.includes("violated:")),
				[],
			);
		}
	});
}

test("what the broker refuses is given back, and is not acknowledged", () => {
	const world = new BrokerWorld({ refusePublish: 0.3 });
	const station = new Publisher(world);
	station.link.start();
	for (let index = 0; index < 100; index++) {
		station.publish();
		world.pass(1_000);
	}
	const refused = world.observed
		.filter((line) => line.includes(" refused state"))
		.map((line) => Number(line.split(" ")[3]));
	ok(refused.length > 10);
	deepEqual(station.rejected, refused);
	deepEqual(
		[...station.acknowledged, ...refused].sort((a, b) => a - b),
		Array.from({ length: 100 }, (_, index) => index + 1),
	);
});

test("a network that fails in every way loses no reading", () => {
	for (let seed = 1; seed <= 30; seed++) {
		const world = new BrokerWorld({}, { jitter: 30 }, seed);
		const { network, random: root } = world.wired;
		const random = root.fork("events");
		const { conditions } = network;
		const station = new Publisher(world, 2);
		station.link.start();
		const events = [
			() => network.resetAll(),
			() =>
				network.halfOpenAll({
					told: random.pick(["nobody", "station", "broker"]),
					answer: random.pick(["reset", "silence"]),
				}),
			() => void (conditions.linkUp = false),
			() => void (conditions.linkUp = true),
			() => void (conditions.refuse = random.chance(0.5)),
			() => void (conditions.unanswered = random.chance(0.5)),
			() => void (conditions.dns = random.pick(["works", "fails", "silent", "slow"])),
			() => void (conditions.segmentation = random.pick(["whole", "random", "bytes"])),
			() =>
				world.broker.restart({
					keepSessions: true,
					keepRetained: true,
					downFor: random.integer(0, 60_000),
					connections: random.pick(["reset", "half-open"]),
				}),
		];
		for (let index = 0; index < 150; index++) {
			station.publish();
			world.pass(random.integer(0, 60_000));
			if (random.chance(0.5)) random.pick(events)();
		}
		Object.assign(conditions, { linkUp: true, refuse: false, unanswered: false, dns: "works" });
		world.pass(900_000);
		const taken = numbers(world);
		equal(new Set(taken).size, 150);
		equal(taken.length, 150, "once each, as the sessions were kept");
		equal(world.broker.status("status"), "online");
		deepEqual(
			world.observed.filter((line) => line.includes("violated")),
			[],
		);
		ok(network.stationSockets <= 1, "sockets left over");
		ok(station.ends.length > 3, `only ${station.ends.length} ends`);
	}
});

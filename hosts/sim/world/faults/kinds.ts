/** The kinds of faults. */
import type { BrokerFaults } from "../broker/broker.ts";
import type { Conditions } from "../network/network.ts";
import type { Random } from "../random.ts";
import type { Area, FaultKind, Reach } from "./fault.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const MOMENT = [0, 0] as const;
const BRIEF = [SECOND, 10 * MINUTE] as const;
/** The slowest acknowledgement, in ms: slower than the station's patience. */
const SLOWEST_MS = 40_000;
/** How long a broker stays deaf on a connection, in ms. */
const DEAF_MS = 60_000;
const nothing = () => {};

/** Conditions of the network for a time. */
function condition(
	name: string,
	perDay: readonly [number, number],
	duration: readonly [number, number],
	draw: (random: Random) => Partial<Conditions>,
): FaultKind {
	return {
		name: `network: ${name}`,
		area: "connection",
		perDay,
		duration,
		begin: ({ effects, random }) => effects.network.begin(draw(random)),
	};
}

/** A fault of the broker's for a time. */
function broken(
	name: string,
	perDay: readonly [number, number],
	duration: readonly [number, number],
	draw: (random: Random) => Partial<BrokerFaults>,
	aftermath = 0,
): FaultKind {
	return {
		aftermath,
		name: `broker: ${name}`,
		area: "connection",
		perDay,
		duration,
		begin: ({ effects, random }) => effects.broker.begin(draw(random)),
	};
}

/** Something of a moment. */
function blow(name: string, area: Area, perDay: readonly [number, number], strike: (reach: Reach) => void): FaultKind {
	return {
		name,
		area,
		perDay,
		duration: MOMENT,
		begin(reach) {
			strike(reach);
			return nothing;
		},
	};
}

function restart(name: string, perDay: readonly [number, number], duration: readonly [number, number]): FaultKind {
	return {
		name: `broker: ${name}`,
		area: "connection",
		perDay,
		duration,
		begin({ broker, random }, downFor) {
			const keepSessions = random.chance(0.6);
			broker.restart({
				keepSessions,
				keepRetained: keepSessions || random.chance(0.3),
				downFor,
				connections: random.chance(0.7) ? "reset" : "half-open",
				wills: random.chance(0.5) ? "forgotten" : "published",
			});
			return nothing;
		},
	};
}

const TIME_SERVER_FAULTS = ["silent", "lossy", "failing", "wrong", "absurd", "leaping", "strangers"] as const;
/** Reason codes of a DISCONNECT by a broker (5.0): session taken over, server shutting down, administrative action. */
const DISCONNECT_REASONS = [undefined, 0x8e, 0x8b, 0x98];
const often = [4, 60] as const;
const sometimes = [1, 12] as const;
const rarely = [0.5, 3] as const;

export const FAULT_KINDS: readonly FaultKind[] = [
	condition("latency", sometimes, [MINUTE, 2 * HOUR], (random) => ({
		latency: random.integer(200, 3_000),
		jitter: random.integer(0, 1_500),
	})),
	condition("link loss", sometimes, [5 * SECOND, 2 * HOUR], () => ({ linkUp: false })),
	condition("long link loss", rarely, [2 * HOUR, 8 * HOUR], () => ({ linkUp: false })),
	condition("connections refused", sometimes, [SECOND, 30 * MINUTE], () => ({ refuse: true })),
	condition("SYN unanswered", sometimes, [SECOND, 30 * MINUTE], () => ({ unanswered: true })),
	condition("name resolution", sometimes, [SECOND, 30 * MINUTE], (random) => ({
		dns: random.pick(["fails", "silent", "slow"] as const),
	})),
	condition("segmentation", sometimes, [MINUTE, 4 * HOUR], (random) => ({
		segmentation: random.pick(["random", "bytes"] as const),
	})),
	blow("network: reset", "connection", often, ({ network }) => network.resetAll()),
	blow("network: half-open", "connection", often, ({ network, random }) =>
		network.halfOpenAll({
			told: random.pick(["nobody", "broker", "station"] as const),
			answer: random.pick(["reset", "silence"] as const),
		}),
	),
	restart("restart", sometimes, [SECOND, 10 * MINUTE]),
	restart("long outage", rarely, [HOUR, 10 * HOUR]),
	blow("broker: ends connections", "connection", often, ({ broker, random }) =>
		broker.disconnectAll(random.pick(DISCONNECT_REASONS)),
	),
	{
		name: "broker: taken over by another client",
		area: "connection",
		perDay: sometimes,
		duration: BRIEF,
		begin({ broker, random, after }, duration) {
			// The two throw each other out, as long as the other one is there.
			let there = true;
			const strike = () => {
				if (!there) return;
				broker.disconnectAll(0x8e);
				after(random.exponential(Math.min(20_000, duration / 3)), strike);
			};
			strike();
			return () => {
				there = false;
			};
		},
	},
	{
		name: "broker: flaps",
		area: "connection",
		perDay: sometimes,
		duration: BRIEF,
		begin({ broker, random, after }) {
			let there = true;
			const strike = () => {
				if (!there) return;
				const downFor = random.integer(0, 3_000);
				broker.restart({ keepSessions: true, keepRetained: true, downFor, connections: "reset", wills: "published" });
				after(downFor + random.exponential(5 * SECOND), strike);
			};
			strike();
			return () => {
				there = false;
			};
		},
	},
	{
		name: "network: a balancer that cuts idle connections",
		area: "connection",
		perDay: sometimes,
		duration: [MINUTE, 4 * HOUR],
		begin({ network, random, after }) {
			const idle = random.pick([5 * SECOND, 20 * SECOND, MINUTE]);
			const answer = random.pick(["reset", "silence"] as const);
			let there = true;
			const look = () => {
				if (!there) return;
				network.cutIdle(idle, answer);
				after(idle / 5, look);
			};
			look();
			return () => {
				there = false;
			};
		},
	},
	condition("narrow link", sometimes, [MINUTE, 2 * HOUR], (random) => ({
		latency: random.integer(100, 600),
		byteTime: random.pick([0.5, 2, 4]),
	})),
	broken("unavailable", sometimes, [SECOND, 20 * MINUTE], () => ({ serverUnavailable: 0.9 })),
	broken("bad credentials", sometimes, [SECOND, 20 * MINUTE], () => ({ badCredentials: 0.9 })),
	broken("silent at CONNECT", sometimes, [SECOND, 20 * MINUTE], () => ({ silentConnect: 0.7 })),
	broken("closes after CONNACK", sometimes, [SECOND, 20 * MINUTE], () => ({ closeAfterConnack: 0.8 })),
	broken("ignores PINGREQ", sometimes, [MINUTE, 2 * HOUR], () => ({ ignorePing: 0.7 })),
	broken(
		"slow acknowledgements",
		sometimes,
		[MINUTE, 2 * HOUR],
		(random) => ({
			acknowledgementDelay: random.pick([500, 5_000, 15_000, SLOWEST_MS]),
		}),
		SLOWEST_MS,
	),
	broken("lost acknowledgements", sometimes, [MINUTE, 2 * HOUR], () => ({ lostAcknowledgement: 0.2 })),
	broken("duplicate acknowledgements", sometimes, [MINUTE, HOUR], () => ({ duplicateAcknowledgement: 0.2 })),
	broken("wrong acknowledgements", sometimes, [MINUTE, HOUR], () => ({ wrongAcknowledgement: 0.1 })),
	broken("refuses messages", sometimes, [SECOND, HOUR], (random) => ({ refusePublish: random.pick([0.2, 1]) })),
	broken("garbage", sometimes, [MINUTE, HOUR], () => ({ garbage: 0.1 })),
	broken("oversized packets", sometimes, [MINUTE, HOUR], () => ({ oversizedPacket: 0.1 })),
	broken("disconnects", sometimes, [MINUTE, HOUR], () => ({ disconnect: 0.2 })),
	broken("does not bear a message", sometimes, [MINUTE, 2 * HOUR], (random) => ({
		// Readings whose number ends like this, a few of them or half.
		poison: random.pick(["77}", "3}", "8}"]),
	})),
	broken("deaf", sometimes, [MINUTE, 20 * MINUTE], () => ({ deafFor: DEAF_MS }), DEAF_MS),
	{
		name: "sensor",
		area: "sensor",
		perDay: often,
		duration: [SECOND, HOUR],
		begin: ({ effects, probe, random }) => effects.probe.begin({ fault: random.pick(probe.faults) }),
	},
	{
		name: "time server",
		area: "time",
		perDay: sometimes,
		duration: [MINUTE, 12 * HOUR],
		begin: ({ effects, random }) => effects.timeServer.begin({ fault: random.pick(TIME_SERVER_FAULTS) }),
	},
	blow("clock step", "time", sometimes, ({ board, random }) => {
		board.clock?.step(random.pick([-HOUR, -90 * SECOND, -500, 500, 90 * SECOND, HOUR, 24 * HOUR]));
	}),
	{
		name: "flash: operations fail",
		area: "flash",
		perDay: sometimes,
		duration: [SECOND, 2 * HOUR],
		begin({ effects, flash, random }) {
			if (!flash) return nothing;
			const share = random.pick([0.05, 0.5, 1]);
			const operations = random.pick([["write"], ["erase"], ["write", "erase"], ["read", "write", "erase"]]);
			const partly = random.chance(0.5);
			const { failing: worn } = effects.flash.calm;
			return effects.flash.begin({
				failing: (operation, offset) => {
					if (!operations.includes(operation) || !random.chance(share)) return worn?.(operation, offset) ?? false;
					return partly ? random.next() : true;
				},
			});
		},
	},
	blow("flash: bit errors", "flash", rarely, ({ flash, random, onDamage }) => {
		flash?.flipBits(random.integer(1, 4));
		onDamage();
	}),
	blow("power cut while the flash works", "power", often, ({ flash, random }) => {
		if (flash) flash.cutAfter = random.integer(0, 60);
	}),
	blow("power cut", "power", often, ({ board, random, keepsTime }) => {
		board.powerCut(200 + random.exponential(random.pick([500, 5 * MINUTE, HOUR])), { keepsTime });
	}),
	blow("restart by command", "power", sometimes, ({ command }) => command("restart")),
	{
		// So many come back at once that the first answers of a broker come too late, or never.
		name: "broker: restart into a storm",
		area: "connection",
		perDay: sometimes,
		duration: [5 * SECOND, 2 * MINUTE],
		begin({ broker, effects, random }) {
			const keepSessions = random.chance(0.3);
			broker.restart({ keepSessions, keepRetained: true, downFor: SECOND, connections: "reset", wills: "published" });
			return effects.broker.begin({ lostConnack: random.pick([0.3, 0.8]) });
		},
	},
];

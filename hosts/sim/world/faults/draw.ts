/**
 * What can go wrong in a simulated world, and which of it does in one of them:
 * each kind is on or off, with a rate of its own, so that among many worlds
 * there are those where one thing happens all the time, and those where
 * everything happens at once (swarm testing).
 */
import type { FlashChip } from "../../devices/flash-chip.ts";
import type { Board } from "../board/board.ts";
import type { TimeServer } from "../board/clock.ts";
import type { Probe } from "../board/probe.ts";
import type { Broker, BrokerFaults } from "../broker/broker.ts";
import type { Conditions, Network } from "../network/network.ts";
import type { Random } from "../random.ts";
import { FAULT_KINDS } from "./kinds.ts";

/** What a fault keeps from working. */
export type Area = "connection" | "sensor" | "flash" | "time" | "power";

/** What faults act on. */
export interface Reach {
	readonly random: Random;
	readonly network: Network;
	readonly broker: Broker;
	readonly timeServer: TimeServer;
	readonly probe: Probe;
	readonly flash: FlashChip | undefined;
	readonly board: Board;
	/** Bits of the flash have changed by themselves. */
	readonly onDamage: () => void;
	/** Calls back in so many ms. */
	readonly after: (delay: number, callback: () => void) => void;
	/** The world's own, where no fault is. */
	readonly calm: { readonly conditions: Conditions; readonly broker: BrokerFaults };
	/** Publishes a command to the station. */
	readonly command: (name: string) => void;
	/** Whether the station sets its clock. */
	readonly asksForTime: boolean;
	/** Whether the wall clock survives a power cut. */
	readonly keepsTime: boolean;
}

export interface FaultKind {
	readonly name: string;
	readonly area: Area;
	/** How often in a day, at least and at most, where it happens at all. */
	readonly perDay: readonly [number, number];
	/** How long, in ms, at least and at most. */
	readonly duration: readonly [number, number];
	/** How long its consequences go on, in ms, by themselves. */
	readonly aftermath?: number;
	/** Returns what ends it. */
	begin(reach: Reach, duration: number): () => void;
}

/** A kind that happens in a world, and how often in a day. */
export interface Active {
	readonly kind: FaultKind;
	readonly perDay: number;
}

/** Of the kinds, this part is on in a world that has faults. */
const SHARES = [0.05, 0.15, 0.3, 0.6, 1];
/** Faults of a kind last for this part of the time at most. */
const BUSY_MAXIMUM = 0.25;
const DAY_MS = 86_400_000;

export function drawFaults(random: Random): readonly Active[] {
	const share = random.pick(SHARES);
	return FAULT_KINDS.flatMap((kind) => {
		const on = random.chance(share);
		const drawn = between(random, kind.perDay);
		// A duration is drawn evenly on a logarithmic scale; this is its mean.
		const [shortest, longest] = kind.duration;
		const mean = longest > shortest ? (longest - shortest) / Math.log(longest / shortest) : longest;
		const perDay = mean === 0 ? drawn : Math.min(drawn, (BUSY_MAXIMUM * DAY_MS) / mean);
		return on ? [{ kind, perDay }] : [];
	});
}

/** Evenly distributed on a logarithmic scale. */
export function between(random: Random, [lowest, highest]: readonly [number, number]): number {
	const position = random.next();
	return lowest === highest ? lowest : lowest * (highest / lowest) ** position;
}

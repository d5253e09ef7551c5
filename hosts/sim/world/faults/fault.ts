/** What a fault is, and what it acts on. */
import type { FlashChip } from "../../devices/flash-chip.ts";
import type { Board } from "../board/board.ts";
import type { Probe } from "../board/probe.ts";
import type { Broker } from "../broker/broker.ts";
import type { Network } from "../network/network.ts";
import type { Random } from "../random.ts";
import type { WorldEffects } from "./effects.ts";

/** What a fault keeps from working. */
export type Area = "connection" | "sensor" | "flash" | "time" | "power";

/** What faults act on. */
export interface Reach {
	readonly random: Random;
	readonly network: Network;
	readonly broker: Broker;
	readonly probe: Probe;
	/** `undefined`: the board has none. */
	readonly flash: FlashChip | undefined;
	readonly board: Board;
	/** What lasts for a time acts through these. */
	readonly effects: WorldEffects;
	/** Bits of the flash have changed by themselves. */
	readonly onDamage: () => void;
	/** Calls back in `delay` ms. */
	readonly after: (delay: number, callback: () => void) => void;
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

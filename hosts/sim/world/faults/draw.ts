/**
 * What can go wrong in a simulated world, and which of it does in one of them:
 * each kind is on or off, with a rate of its own, so that among many worlds
 * there are those where one thing happens all the time, and those where
 * everything happens at once (swarm testing).
 */
import type { Random } from "../random.ts";
import type { FaultKind } from "./fault.ts";
import { FAULT_KINDS } from "./kinds.ts";

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

/** What is known of one reading. */
import type { Truth } from "../board/probe.ts";

/** A reading that the station accepted, or may have. */
export interface Entry {
	readonly seq: number;
	readonly boot: number;
	/** The station's monotonic time of the sample, and the world's, in ms. */
	readonly ticks: number;
	readonly at: number;
	/** What the wall clock was ahead of the monotonic one, if it was set. */
	readonly offset: number | undefined;
	readonly truth: Truth | undefined;
	/** Its number was not in flash when the station told of it. */
	readonly volatile: boolean;
	/** The flash was failing now and then. */
	readonly hindered: boolean;
	/** The power was cut before the station told of it. */
	readonly uncertain: boolean;
	/** Another one that had the number before, which the rules allow in a few cases. */
	readonly earlier: Entry | undefined;
	deliveries: number;
	/** Of the last delivery. */
	deliveredAt: number;
	connection: number;
	qos: number;
	/** The power-on period of the station that sent it. */
	sender: number;
	/** The first payload's values. */
	values: string | undefined;
	/** The broker has refused it once; and it did so when it got it last. */
	rejected: boolean;
	refusedLast: boolean;
	/** Nobody can say what became of it: it was in RAM when the power was cut. */
	forgotten: boolean;
}

export function isMissing(entry: Entry): boolean {
	return entry.deliveries === 0 && !entry.uncertain && !entry.forgotten;
}

/** A reading: a sample that the station vouches for, with its place in time and in the sequence. */
import type { Sample } from "./sensors/sensor.js";

export interface Reading {
	/** Rises by one with each reading, across restarts. */
	readonly seq: number;
	/** Monotonic time in ms at which the sample was taken. */
	readonly ticks: number;
	/** Wall-clock time in ms since 1970, or `undefined` if the clock was not set then. */
	readonly time: number | undefined;
	readonly sample: Sample;
}

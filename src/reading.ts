/** A reading: a sample that the station vouches for, with its place in time and in the sequence. */
import type { Sample } from "./sensors/sensor.js";

export interface Reading {
	/** Rises by one with each reading, across restarts. */
	readonly seq: number;
	/** Wall-clock time in ms since 1970 at which the sample was taken, or `undefined` as long as it is not known. */
	readonly time: number | undefined;
	readonly sample: Sample;
}

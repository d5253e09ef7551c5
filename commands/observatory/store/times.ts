/** Lengths of time, in ms. */
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** The beginning of the minute, hour or day that a time is in: of whatever has this length, in ms, counted from 1970 on. */
export function startOf(time: number, length: number): number {
	return Math.floor(time / length) * length;
}

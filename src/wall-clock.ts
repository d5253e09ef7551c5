/** Which wall-clock times can be true. */

/**
 * No clock is right that shows an earlier time: the program was written later. It is no date of a build,
 * so that the same sources give the same bytes. In ms since 1970: 2026-01-01.
 */
const EARLIEST_MS = 1_767_225_600_000;
/** Fifteen years after it: no firmware is used for longer than that without an update. */
const LATEST_MS = EARLIEST_MS + 473_385_600_000;

/** Whether it can be now, in ms since 1970. */
export function canBeNow(time: number): boolean {
	return time >= EARLIEST_MS && time <= LATEST_MS;
}

/** What a machine's clock shows, in ms since 1970; `undefined` if nobody has set it yet: it begins at 1970. */
export function knownTime(time: number): number | undefined {
	return time >= EARLIEST_MS ? time : undefined;
}

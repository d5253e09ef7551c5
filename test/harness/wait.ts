/**
 * Waiting for what other processes do: for a condition, never for a time alone.
 * No deadline here is a promise of the program's. How long something takes is the
 * machine's affair; what the station promises in seconds it counts by its own
 * clock, and tells in its log.
 */

/** Whatever has not happened after so many ms, nor come nearer, hangs. */
const HANG_MS = 120_000;
const POLL_MS = 10;

/**
 * Resolves with the condition's first value that is not `undefined` or `false`; rejects when it hangs. Of what takes
 * many steps `step` tells how far it is: as long as that changes, it does not hang.
 */
export async function until<Value>(
	what: string,
	condition: () => Value | undefined | false | Promise<Value | undefined | false>,
	step: () => unknown = () => undefined,
): Promise<Value> {
	let reached = step();
	let end = performance.now() + HANG_MS;
	for (;;) {
		const value = await condition();
		if (value !== undefined && value !== false) return value;
		if (performance.now() >= end) {
			const before = reached;
			reached = step();
			end = performance.now() + HANG_MS;
			if (reached === before) throw new Error(`waited ${HANG_MS / 1_000} s in vain for ${what}`);
		}
		await pause(POLL_MS);
	}
}

/** Lets so many ms pass: for the pace of what a test does, and for what must not happen meanwhile. */
export function pause(duration: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, duration));
}

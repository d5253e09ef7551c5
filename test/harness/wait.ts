/**
 * Waiting for what other processes do: for a condition, never for a time alone.
 * No deadline here is a promise of the program's. How long something takes is the
 * machine's affair; what the station promises in seconds it counts by its own
 * clock, and tells in its log.
 */
import { availableParallelism, loadavg } from "node:os";

/** Whatever has not happened after so many ms of an idle machine, nor come nearer, hangs. */
const HANG_MS = 120_000;
const POLL_MS = 10;

const PROCESSORS = availableParallelism();

/** How many times longer than an idle one the machine takes: the tasks that share a processor, on the average of a minute. */
function slowness(): number {
	return Math.max(1, (loadavg()[0] ?? 0) / PROCESSORS);
}

/** As a limit in whole ms for what begins now: what takes longer hangs. */
export function patience(): number {
	return Math.ceil(HANG_MS * slowness());
}

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
	let left = HANG_MS;
	let last = performance.now();
	for (;;) {
		const value = await condition();
		if (value !== undefined && value !== false) return value;
		const now = performance.now();
		left -= (now - last) / slowness();
		last = now;
		if (left <= 0) {
			const before = reached;
			reached = step();
			left = HANG_MS;
			if (reached === before) throw new Error(`waited in vain for ${what}`);
		}
		await pause(POLL_MS);
	}
}

/** Lets so many ms pass: for the pace of what a test does, and for what must not happen meanwhile. */
export function pause(duration: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, duration));
}

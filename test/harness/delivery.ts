/** What must hold of readings wherever they have been delivered at QoS 1. */
import assert from "node:assert/strict";
import type { Report } from "./subscriber.ts";

/** The numbers in the order in which they came first: a reading may come twice. */
export function firstSeqs(reports: readonly Report[]): number[] {
	return [...new Set(reports.map(({ seq }) => seq))];
}

/** Every `seq` from `first` to `last` is there, each at least once, and no other. After an outage they come out of order. */
export function assertComplete(reports: readonly Report[], last: number, first = 1): void {
	const expected = Array.from({ length: last - first + 1 }, (_, index) => first + index);
	assert.deepEqual(
		firstSeqs(reports).sort((a, b) => a - b),
		expected,
	);
}

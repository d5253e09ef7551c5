/** What must hold of what a subscriber received, whatever happened. */
import assert from "node:assert/strict";
import type { Arrival, Story } from "./stories.ts";

/**
 * Every number from 1 on has arrived, and no number with two contents; at `state` none after a higher one; and what the
 * story asks for besides.
 * `again`: of a story that is exactly once, how many may have come again all the same.
 */
export function judge(arrivals: readonly Arrival[], story: Story, readings: number, again = 0): void {
	const { settings, exactlyOnce } = story;
	const contents = new Map<number, string>();
	for (const { seq, payload } of arrivals) {
		assert.equal(payload, contents.get(seq) ?? payload, `number ${seq} has two contents`);
		contents.set(seq, payload);
	}
	const seqs = [...contents.keys()];
	const last = Math.max(0, ...seqs);
	const missing = Array.from({ length: last }, (_, index) => index + 1).filter((seq) => !contents.has(seq));
	assert.deepEqual(missing, [], `of ${last} readings, these are missing`);
	assert.ok(last >= readings, `there were no more than ${last} readings`);
	if (exactlyOnce) {
		const repeated = arrivals.length - last;
		assert.ok(repeated <= again, `${repeated} readings came again, of ${again} that may`);
	}
	const atState = arrivals.filter(({ isLate }) => !isLate).map(({ seq }) => seq);
	assert.deepEqual(
		atState,
		atState.toSorted((a, b) => a - b),
		"what is retained goes back",
	);
	if (settings.order === "oldest") assert.deepEqual(seqs, [...new Set(atState)], "a reading is out of order");
}

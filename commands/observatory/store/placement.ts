/**
 * Which reading of a station this is. Its number names it, until the station's flash is erased: then numbers begin anew,
 * and so does a *run*. A station does not say so; times do, as docs/consuming.md explains.
 *
 * In doubt a reading is taken for a new one. What is taken for a known one without being it: a reading without a time, of a
 * station whose flash was erased before it had numbered some 64 of them.
 */
import type { ArrivedReading } from "./arrival.ts";
import { type Gap, hasGap, withGap, withGone, without } from "./gaps.ts";
import { HOUR_MS } from "./times.ts";

/** Times of one reading that differ by less, in ms, are the same: a clock may be corrected between two deliveries. */
const SAME_TIME_MS = 1_000;
/** A late reading that is newer than all others by so much, in ms, has a number from a new beginning: a clock was not set back that far. */
const CLOCK_STEP_MS = HOUR_MS;
/** By so much a number at `state` may be behind the newest one: brokers divide a stream among several collectors, and one may be late. */
const DISORDER = 64;

/** A run, which a store keeps. */
export interface Run {
	/** From 1 on. */
	readonly run: number;
	/** The highest number that came, and when that reading was taken, in ms since 1970. */
	last: number;
	lastTime: number | undefined;
	/** The latest time of all its readings, in ms since 1970. */
	newestTime: number | undefined;
	/** What lies below was removed from the store as too old. */
	pruned: number;
	gaps: Gap[];
}

/** What is stored of a number: in which run, and with which time, if with one. */
export interface Known {
	readonly run: number;
	readonly time: number | undefined;
}

export type Place =
	| {
			readonly kind: "new";
			readonly run: number;
			/** Whether it is the station's newest reading. */
			readonly isNewest: boolean;
	  }
	/** It was stored without a time, and has one now. */
	| { readonly kind: "timed"; readonly run: number }
	| { readonly kind: "duplicate"; readonly run: number };

/** Where a reading belongs; `known`: what is stored of its number. Changes `runs` accordingly, which may get a new one. */
export function place(reading: ArrivedReading, runs: Run[], known: readonly Known[]): Place {
	const { seq, time } = reading;
	const newest = runs.at(-1);
	if (!newest) return begin(reading, runs);
	const same = known.find((other) => isSame(time, other.time));
	if (same) return { kind: "duplicate", run: same.run };
	const here = known.find(({ run }) => run === newest.run);
	if (isAnew(reading, newest, here)) return begin(reading, runs);
	if (here) {
		if (time === undefined) return { kind: "duplicate", run: newest.run };
		if (here.time === undefined) {
			told(newest, seq, time);
			return { kind: "timed", run: newest.run };
		}
	}
	const older = olderRunOf(reading, runs, known);
	if (older) return put(reading, older, false);
	if (here) return begin(reading, runs);
	if (seq <= newest.pruned && !hasGap(newest.gaps, seq)) return { kind: "duplicate", run: newest.run };
	return put(reading, newest, seq > newest.last);
}

/** The station has numbers no more. Those below all that came were gone before anybody listened: they are no loss. */
export function markGone(runs: readonly Run[], gone: readonly (readonly [first: number, last: number])[]): void {
	const newest = runs.at(-1);
	if (!newest) return;
	for (const [first, last] of gone) newest.gaps = withGone(newest.gaps, first, last);
	const [lowest] = newest.gaps;
	if (lowest?.first === 1 && lowest.isGone) newest.gaps = newest.gaps.slice(1);
}

function isSame(a: number | undefined, b: number | undefined): boolean {
	return a !== undefined && b !== undefined && Math.abs(a - b) < SAME_TIME_MS;
}

/** Whether the reading is one of a run that has just begun. */
function isAnew({ seq, time, isState, isRetained, isRedelivered }: ArrivedReading, newest: Run, here?: Known): boolean {
	if (seq >= newest.last && !here) return false;
	if (time === undefined || (here && here.time === undefined)) {
		// Without two times, only the order at `state` tells.
		return isState && !isRetained && !isRedelivered && seq < newest.last - DISORDER;
	}
	const latest = newest.lastTime ?? newest.newestTime;
	if (isState) return latest === undefined ? here !== undefined : time > latest;
	return newest.newestTime !== undefined && time > newest.newestTime + CLOCK_STEP_MS;
}

/** An earlier run in which the reading was missing: it has waited at a broker. */
function olderRunOf({ seq, time }: ArrivedReading, runs: readonly Run[], known: readonly Known[]): Run | undefined {
	if (time === undefined) return undefined;
	return runs
		.slice(0, -1)
		.findLast(
			({ run, gaps, newestTime = Number.NEGATIVE_INFINITY }) =>
				time <= newestTime && hasGap(gaps, seq) && !known.some((other) => other.run === run),
		);
}

function begin(reading: ArrivedReading, runs: Run[]): Place {
	const run: Run = {
		run: (runs.at(-1)?.run ?? 0) + 1,
		...{ last: 0, lastTime: undefined, newestTime: undefined, pruned: 0, gaps: [] },
	};
	runs.push(run);
	return put(reading, run, true);
}

function put({ seq, time }: ArrivedReading, run: Run, isNewest: boolean): Place {
	if (seq > run.last) {
		// Gaps that are others are written anew.
		if (seq > run.last + 1) run.gaps = withGap(run.gaps, run.last + 1, seq - 1);
		run.last = seq;
		run.lastTime = undefined;
	} else run.gaps = without(run.gaps, seq);
	told(run, seq, time);
	return { kind: "new", run: run.run, isNewest };
}

function told(run: Run, seq: number, time: number | undefined): void {
	if (time === undefined) return;
	if (seq === run.last) run.lastTime = time;
	run.newestTime = Math.max(run.newestTime ?? time, time);
}

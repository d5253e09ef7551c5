/** What must hold of readings wherever they have been delivered at QoS 1. */
import assert from "node:assert/strict";
import type { Parts } from "./scenario.ts";
import type { StationProcess, Summary } from "./station.ts";
import type { MosquittoSub, Report } from "./subscriber.ts";
import { until } from "./wait.ts";

/** More lives than a station needs to deliver what it has, on however busy a machine. */
const LIVES_MAXIMUM = 5;

/** Messages that a station has in flight at a time (`IN_FLIGHT_MAXIMUM` of the session). */
const IN_FLIGHT = 8;

/** What a station says of a reading on which three connections ended: a network that cuts looks like a broker that closes. */
const SET_ASIDE = /closes the connection when it gets a reading: it is tried again in six hours/;

/**
 * How many readings may have come again at QoS 2: what was in flight when an end forgot the session. That is at the
 * end of a life, and where a station that had a session is told of a new one.
 */
export function mayComeAgain(lives: readonly StationProcess[]): number {
	const sessions = lives.map((life) => Math.max(1, life.count(/: connected with MQTT \S+, new session$/)));
	return IN_FLIGHT * (sessions.reduce((sum, count) => sum + count) - 1);
}

/** How many readings a station has set aside: they come in its next life. */
export function setAside(station: StationProcess): number {
	return station.count(SET_ASIDE);
}

/** The numbers in the order in which they came first: a reading may come twice. */
export function firstSeqs(reports: readonly Report[]): number[] {
	return [...new Set(reports.map(({ seq }) => seq))];
}

/** Every `seq` from 1 to `last` is there, each at least once, and no other. After an outage they come out of order. */
export function assertComplete(reports: readonly Report[], last: number): void {
	assert.deepEqual(
		firstSeqs(reports).sort((a, b) => a - b),
		Array.from({ length: last }, (_, index) => index + 1),
	);
}

/**
 * Stops a station in good order. What its farewell of two seconds has no time for on
 * a busy machine is in its flash, and the next life delivers it. Resolves with what
 * all lives counted, when nothing waits any more and the subscriber has everything.
 */
export async function stopDelivered(
	parts: Parts,
	station: StationProcess,
	subscriber: MosquittoSub,
): Promise<Summary & { readonly lives: readonly StationProcess[] }> {
	const lives = [station];
	for (let life = station; ; lives.push(life)) {
		assert.deepEqual(await life.stop(), { code: 0, signal: null });
		const { queued } = life.summary;
		if (queued === 0) break;
		assert.ok(lives.length < LIVES_MAXIMUM, `${queued} readings wait after ${lives.length} lives`);
		const before = subscriber.highest();
		life = parts.again(life);
		await until(
			"what had waited",
			() => subscriber.highest() > before && subscriber.isWhole,
			() => subscriber.missing,
		);
	}
	await subscriber.caughtUp();
	return { ...lives.map(({ summary }) => summary).reduce(added), lives };
}

/** What waits, and what was dropped since the flash was first used, a station knows from its flash. */
function added(before: Summary, { dropped, queued, ...counted }: Summary): Summary {
	const sums = Object.entries(counted).map(([name, count]) => [name, before[name as keyof Summary] + count]);
	return { dropped, queued, ...Object.fromEntries(sums) };
}

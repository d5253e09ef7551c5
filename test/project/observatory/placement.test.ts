/** Which reading of a station one is: new, known, or of a station that has begun anew. */
import assert from "node:assert/strict";
import test from "node:test";
import type { ArrivedReading } from "../../../commands/observatory/store/arrival.ts";
import { type Known, place, type Run } from "../../../commands/observatory/store/placement.ts";

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 29, 12);

/** A store of one station, which tells of each reading what became of it. */
class Station {
	readonly runs: Run[] = [];
	private readonly _known = new Map<number, Map<number, Known>>();

	/** `state 5 at 5`: number 5, taken five minutes after noon; `late`: not at `state`; without `at`: no time; `retained`, `dup`. */
	takes(text: string): string {
		const [, where, seq, minutes, mark] = /^(state|late) (\d+)(?: at (-?[\d.]+))?(?: (retained|dup))?$/.exec(text)!;
		const reading: ArrivedReading = {
			...{ kind: "reading", station: "veleta/a", receivedAt: NOON, quantities: { temperature: 20 } },
			...{ seq: Number(seq), isState: where === "state" },
			time: minutes === undefined ? undefined : NOON + Number(minutes) * MINUTE,
			...{ isRetained: mark === "retained", isRedelivered: mark === "dup" },
		};
		const known = this._known.get(reading.seq) ?? new Map<number, Known>();
		const placed = place(reading, this.runs, [...known.values()]);
		if (placed.kind !== "duplicate") {
			known.set(placed.run, { run: placed.run, time: reading.time });
			this._known.set(reading.seq, known);
		}
		return `${placed.kind} ${placed.run}${placed.kind === "new" && placed.isNewest ? " newest" : ""}`;
	}

	/** The missing numbers of the newest run. */
	get missing(): string {
		return this.runs
			.at(-1)!
			.gaps.map(({ first, last }) => `${first}-${last}`)
			.join(" ");
	}
}

/** Each line: what comes, and what becomes of it. */
function story(name: string, lines: readonly (readonly [comes: string, becomes: string])[], missing = ""): void {
	test(name, () => {
		const station = new Station();
		for (const [comes, becomes] of lines) assert.equal(station.takes(comes), becomes, comes);
		assert.equal(station.missing, missing);
	});
}

story("numbers in order", [
	["state 1 at 1", "new 1 newest"],
	["state 2 at 2", "new 1 newest"],
	["state 3 at 3", "new 1 newest"],
]);

story("whoever begins to listen later misses what came before", [["state 5000 at 1", "new 1 newest"]], "1-4999");

story(
	"an outage: the newest first, then the others",
	[
		["state 1 at 1", "new 1 newest"],
		["state 6 at 6", "new 1 newest"],
		["late 2 at 2", "new 1"],
		["late 3 at 3", "new 1"],
		["state 7 at 7", "new 1 newest"],
		["late 5 at 5", "new 1"],
	],
	"4-4",
);

story("each once, however often it comes", [
	["state 1 at 1", "new 1 newest"],
	["state 1 at 1", "duplicate 1"],
	["state 1 at 1 retained", "duplicate 1"],
	["late 1 at 1", "duplicate 1"],
	["state 2 at 2", "new 1 newest"],
	["state 1 at 1 dup", "duplicate 1"],
]);

story("a clock that was corrected a little between two deliveries makes no other reading", [
	["state 1 at 1", "new 1 newest"],
	["state 1 at 1.01", "duplicate 1"],
]);

story("a reading without a time gets the one that a duplicate has", [
	["state 1", "new 1 newest"],
	["state 2", "new 1 newest"],
	["late 1 at 1", "timed 1"],
	["late 1 at 1", "duplicate 1"],
	["late 1", "duplicate 1"],
	["late 2 at 2", "timed 1"],
]);

story("a station that has begun anew: the same number with another time", [
	["state 1 at 1", "new 1 newest"],
	["state 2 at 2", "new 1 newest"],
	["state 1 at 10", "new 2 newest"],
	["state 2 at 11", "new 2 newest"],
	["state 3 at 12", "new 2 newest"],
]);

story(
	"a station that has begun anew with numbers that nobody has seen before",
	[
		["state 5000 at 1", "new 1 newest"],
		["state 1 at 10", "new 2 newest"],
		["state 2 at 11", "new 2 newest"],
	],
	"",
);

story("what the station has retained tells of a new beginning, too", [
	["state 5000 at 1", "new 1 newest"],
	["state 4 at 10 retained", "new 2 newest"],
	["late 2 at 8", "new 2"],
	["late 3 at 9", "new 2"],
	["late 1 at 7", "new 2"],
]);

story(
	"a late reading that is newer than all others is of a new beginning",
	[
		["state 5000 at 1", "new 1 newest"],
		["late 3 at 100", "new 2 newest"],
	],
	"1-2",
);

story("of several collectors one is late: that is no new beginning", [
	["state 1 at 1", "new 1 newest"],
	["state 3 at 3", "new 1 newest"],
	["state 2 at 2", "new 1"],
]);

story(
	"a clock that was far ahead is set back: the numbers go on",
	[
		["state 1 at 100000", "new 1 newest"],
		["state 3 at 2", "new 1 newest"],
		["state 4 at 3", "new 1 newest"],
		["late 2 at 100001", "new 1"],
	],
	"",
);

story(
	"what a broker has kept of the run before comes into it",
	[
		["state 1 at 1", "new 1 newest"],
		["state 4 at 4", "new 1 newest"],
		["state 1 at 10", "new 2 newest"],
		["state 2 at 11", "new 2 newest"],
		["late 3 at 3", "new 1"],
		["late 2 at 2", "new 1"],
		["late 2 at 2", "duplicate 1"],
		["state 3 at 12", "new 2 newest"],
		["late 3 at 3", "duplicate 1"],
	],
	"",
);

story(
	"without a clock, a number at state that is far behind is of a new beginning",
	[
		["state 900", "new 1 newest"],
		["state 901", "new 1 newest"],
		["state 900 dup", "duplicate 1"],
		["state 1 retained", "new 1"],
		["state 2", "new 2 newest"],
		["state 3", "new 2 newest"],
	],
	"1-1",
);

test("numbers up to the highest", () => {
	const station = new Station();
	assert.equal(station.takes("state 4294967295 at 1"), "new 1 newest");
	assert.equal(station.takes("late 4294967294 at 0"), "new 1");
	assert.equal(station.missing, "1-4294967293");
});

test("a station that has begun anew when the newest reading had no time: the times of the others tell", () => {
	const station = new Station();
	for (const comes of ["state 1 at 1", "state 2 at 2", "state 3"]) assert.equal(station.takes(comes), "new 1 newest");
	station.runs[0]!.pruned = 3;
	assert.equal(station.takes("state 1 at 100"), "new 2 newest");
});

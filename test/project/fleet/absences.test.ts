/** When a broker has left a fleet alone, told from who loses a connection and who is back. Times are ms. */
import assert from "node:assert/strict";
import test from "node:test";
import { Absences } from "../../../commands/fleet/absences.ts";

test("a broker that goes, and stations that come back one after the other", () => {
	const absences = new Absences(4);
	absences.onLost(0, 1_000);
	assert.deepEqual(absences.all, []);
	absences.onLost(1, 1_010);
	absences.onLost(2, 1_020);
	absences.onLost(3, 1_030);
	const begun = { at: 1_010, stations: 4, firstBack: undefined, allBack: undefined, connects: 0 };
	assert.deepEqual(absences.all, [begun]);
	absences.onBack(2, 9_010);
	absences.onBack(0, 9_500);
	absences.onBack(1, 9_900);
	assert.deepEqual(absences.all, [{ ...begun, firstBack: 8_000, connects: 3 }]);
	absences.onBack(3, 12_010);
	assert.deepEqual(absences.all, [{ ...begun, firstBack: 8_000, allBack: 11_000, connects: 3 }]);
});

test("one station of four that loses its connection is no absence of the broker's", () => {
	const absences = new Absences(4);
	absences.onLost(0, 1_000);
	absences.onBack(0, 2_000);
	absences.onLost(1, 3_000);
	absences.onBack(1, 4_000);
	assert.deepEqual(absences.all, []);
});

test("stations that lose their connections one now and one then are no absence, though one never comes back", () => {
	const absences = new Absences(10);
	absences.onLost(9, 0);
	for (let station = 0; station < 9; station++) {
		absences.onLost(station, 100_000 * (station + 1));
		absences.onBack(station, 100_000 * (station + 1) + 5_000);
	}
	assert.deepEqual(absences.all, []);
	// The broker ends half of the connections, one after the other.
	for (let station = 0; station < 5; station++) {
		absences.onLost(station, 2_000_000 + station);
		absences.onBack(station, 2_000_500 + station);
	}
	assert.deepEqual(
		absences.all.map(({ at, stations }) => [at, stations]),
		[[2_000_004, 6]],
	);
});

test("a broker that falls silent is missed by one station after the other", () => {
	const absences = new Absences(4);
	absences.onLost(0, 0);
	absences.onLost(1, 80_000);
	absences.onLost(2, 200_000);
	assert.deepEqual(
		absences.all.map(({ at, stations }) => [at, stations]),
		[[80_000, 3]],
	);
});

test("a station whose own power goes meanwhile is not waited for", () => {
	const absences = new Absences(2);
	absences.onLost(0, 0);
	absences.onLost(1, 0);
	absences.onBack(0, 5_000);
	absences.onGone(1, 7_000);
	assert.deepEqual(absences.all, [{ at: 0, stations: 2, firstBack: 5_000, allBack: 7_000, connects: 1 }]);
	// It comes back for other reasons, an hour later.
	absences.onBack(1, 3_600_000);
	assert.equal(absences.all.length, 1);
});

test("each absence is one of its own", () => {
	const absences = new Absences(1);
	for (const at of [0, 60_000]) {
		absences.onLost(0, at);
		absences.onBack(0, at + 1_500);
	}
	assert.deepEqual(
		absences.all.map(({ at, allBack }) => [at, allBack]),
		[
			[0, 1_500],
			[60_000, 1_500],
		],
	);
});

test("the most connections within a second are counted in any second, not in those of a clock", () => {
	const absences = new Absences(6);
	for (let station = 0; station < 6; station++) absences.onLost(station, 0);
	for (const [station, time] of [100, 900, 1_050, 1_600, 2_099, 3_500].entries()) absences.onBack(station, time);
	assert.equal(absences.all[0]?.connects, 3);
});

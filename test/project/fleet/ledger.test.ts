/** A fleet's readings: which are lost, which only wait, and which numbers a set has. */
import assert from "node:assert/strict";
import test from "node:test";
import { Ledger } from "../../../commands/fleet/ledger.ts";
import { NumberSet } from "../../../commands/fleet/number-set.ts";
import { Random } from "../../../hosts/sim/world/random.ts";

test("a set has what a Set has, in whatever order numbers come", () => {
	for (let seed = 1; seed <= 200; seed++) {
		const random = new Random(seed);
		const [set, other] = [new NumberSet(), new NumberSet()];
		const [expected, others] = [new Set<number>(), new Set<number>()];
		for (let count = 0; count < 60; count++) {
			const number = random.integer(1, 40);
			assert.equal(set.add(number), !expected.has(number), `seed ${seed}, number ${number}`);
			expected.add(number);
			const another = random.integer(1, 40);
			other.add(another);
			others.add(another);
		}
		const all = Array.from({ length: 42 }, (_, number) => number);
		assert.deepEqual(
			all.filter((number) => set.has(number)),
			all.filter((number) => expected.has(number)),
		);
		assert.deepEqual(
			[...set.without(other)],
			all.filter((number) => expected.has(number) && !others.has(number)),
		);
		assert.equal(set.highest, Math.max(...expected));
	}
});

test("an empty set has no number, and 0 as its highest", () => {
	const set = new NumberSet();
	assert.equal(set.highest, 0);
	assert.equal(set.has(0), false);
	assert.deepEqual([...set.without(set)], []);
});

/** Two stations with three readings each. */
function ledger(): Ledger {
	const ledger = new Ledger(2);
	for (const station of [0, 1]) for (const seq of [1, 2, 3]) ledger.onTaken(station, seq);
	return ledger;
}

test("what is acknowledged and not found is lost; what is neither only waits", () => {
	const readings = ledger();
	readings.onAcknowledged(0, 1);
	readings.onAcknowledged(0, 2);
	readings.onAcknowledged(1, 3);
	readings.onFound(0, 1);
	readings.onFound(1, 3);
	// Its acknowledgement has not come, but the reading has.
	readings.onFound(1, 1);
	readings.close();
	assert.deepEqual(readings.balance(), { lost: 1, undelivered: 2 });
	assert.deepEqual([readings.isComplete(0), readings.isComplete(1)], [false, false]);
	readings.onFound(0, 2);
	readings.onFound(0, 3);
	assert.equal(readings.isComplete(0), true);
	assert.deepEqual(readings.balance(), { lost: 0, undelivered: 1 });
});

test("what is taken after the end is not judged, but found again if it comes twice", () => {
	const readings = ledger();
	for (const station of [0, 1]) for (const seq of [1, 2, 3]) assert.equal(readings.onFound(station, seq), true);
	readings.close();
	readings.onTaken(0, 4);
	readings.onAcknowledged(0, 4);
	assert.deepEqual(readings.balance(), { lost: 0, undelivered: 0 });
	assert.equal(readings.onFound(0, 4), true);
	assert.equal(readings.onFound(0, 4), false);
});

test("an acknowledgement that comes twice counts once, and so does a reading", () => {
	const readings = ledger();
	readings.onAcknowledged(0, 1);
	readings.onAcknowledged(0, 1);
	readings.onTaken(0, 3);
	assert.deepEqual([readings.taken, readings.acknowledged], [6, 1]);
});

test("a station of another fleet is nobody's", () => {
	assert.equal(ledger().onFound(7, 1), true);
});

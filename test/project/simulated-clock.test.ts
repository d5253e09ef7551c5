/** The simulated time of `npm start -- --speed N`. */
import assert from "node:assert/strict";
import test from "node:test";
import { SimulatedClock } from "../../hosts/sim/headless/simulated-clock.ts";

/** A clock, and the real time that it sees, in ms. */
function start(speed: number): { clock: SimulatedClock; passes: (ms: number) => void } {
	let real = 0;
	return {
		clock: new SimulatedClock(speed, () => real, 1_000_000),
		passes: (ms) => {
			real += ms;
		},
	};
}

test("time is the real one, multiplied by the speed", () => {
	const { clock, passes } = start(100);
	passes(30);
	assert.deepEqual([clock.now(), clock.time()], [3_000, 1_003_000]);
	assert.equal(clock.realDelayUntil(4_000), 10);
});

test("time has its real pace while an answer is due, for a second, and while the engine is at work, for as long as it is", () => {
	const { clock, passes } = start(100);
	clock.await(true);
	passes(1_000);
	assert.equal(clock.now(), 1_000);
	passes(10);
	assert.equal(clock.now(), 2_000);
	clock.hold();
	passes(5_000);
	clock.release();
	assert.equal(clock.now(), 7_000);
});

test("time waits for a late timer, and goes on by what it has waited when that has been served", () => {
	const { clock, passes } = start(100);
	clock.nextTimer = 1_000;
	passes(13);
	assert.equal(clock.now(), 1_000);
	clock.nextTimer = 5_000;
	assert.equal(clock.now(), 1_300);
	assert.equal(clock.realDelayUntil(5_000), 37);
});

test("what is made up for passes no timer", () => {
	const { clock, passes } = start(100);
	clock.nextTimer = 1_000;
	passes(13);
	clock.now();
	clock.nextTimer = 1_200;
	assert.equal(clock.now(), 1_200);
	clock.nextTimer = 1_250;
	assert.equal(clock.now(), 1_250);
	clock.nextTimer = 9_000;
	assert.equal(clock.now(), 1_300);
});

test("what is made up for has no share in the real pace of an answer that is due", () => {
	const { clock, passes } = start(100);
	clock.nextTimer = 1_000;
	passes(13);
	clock.hold();
	clock.await(true);
	clock.nextTimer = 9_000;
	passes(1);
	clock.release();
	passes(1);
	assert.equal(clock.now(), 1_002);
	clock.await(false);
	assert.equal(clock.now(), 1_302);
});

test("timers that are a millisecond late each do not slow the time down", () => {
	const { clock, passes } = start(1_000);
	let real = 0;
	for (let due = 250; due <= 250_000; due += 250) {
		clock.nextTimer = due;
		while (clock.now() < due) {
			passes(1);
			real++;
		}
	}
	assert.equal(real, 250);
});

test("a computer that is too slow is behind for ever, but for 4 ms", () => {
	const { clock, passes } = start(100);
	clock.nextTimer = 1_000;
	passes(5_000);
	assert.equal(clock.now(), 1_000);
	clock.nextTimer = 100_000;
	assert.equal(clock.now(), 1_400);
});

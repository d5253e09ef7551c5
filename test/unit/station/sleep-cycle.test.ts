/** When a machine that sleeps between readings does so. */
import { SleepCycle } from "../../../src/station/sleep-cycle.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";
import { World } from "../../harness/world.ts";

function cycleOf({ interval = 60, awake = 20 } = {}) {
	const world = new World();
	const state = { busy: false, done: true };
	const ends: number[] = [];
	const cycle = new SleepCycle({
		clock: world.clock,
		timer: world.timer,
		settings: { interval, awake },
		isBusy: () => state.busy,
		isDone: () => state.done,
		onEnd: () => ends.push(world.clock.now()),
	});
	cycle.start();
	return { world, state, ends, cycle };
}

test("a session outlives the will's delay, however rare the readings are", () => {
	const { lostAfter, sessionExpiryInterval } = cycleOf({ interval: 86_400, awake: 20 }).cycle;
	equal(lostAfter, 216_020);
	equal(sessionExpiryInterval, 432_040);
});

test("it ends when nothing is in flight, the sample was taken and all is done; each alone is not enough", () => {
	const { state, ends, cycle } = cycleOf();
	cycle.nothingInFlight();
	deepEqual(ends, [], "without a sample");
	cycle.sampled();
	deepEqual(ends, [], "the sample may be in flight");
	state.done = false;
	cycle.nothingInFlight();
	deepEqual(ends, [], "something waits");
	state.done = true;
	cycle.nothingInFlight();
	deepEqual(ends, [0]);
});

test("it ends when its time awake is over, whatever waits", () => {
	const { world, state, ends } = cycleOf({ awake: 20 });
	state.done = false;
	world.advanceTo(19_999);
	deepEqual(ends, []);
	world.advanceTo(20_000);
	deepEqual(ends, [20_000]);
	world.advanceTo(600_000);
	deepEqual(ends, [20_000], "once");
});

test("an update holds up the end; the cycle looks again each ten seconds", () => {
	const { world, state, ends, cycle } = cycleOf({ awake: 20 });
	state.busy = true;
	cycle.sampled();
	world.advanceTo(5_000);
	cycle.nothingInFlight();
	world.advanceTo(15_000);
	deepEqual(ends, []);
	state.busy = false;
	world.advanceTo(24_999);
	deepEqual(ends, []);
	world.advanceTo(25_000);
	deepEqual(ends, [25_000]);
});

test("closed, it does not end by itself", () => {
	const { world, ends, cycle } = cycleOf();
	cycle.close();
	world.advanceTo(600_000);
	deepEqual(ends, []);
});

test("it sleeps until the next reading is due, and never shorter than a second", () => {
	const { world, cycle } = cycleOf({ interval: 60 });
	equal(cycle.duration, 60_000);
	world.advanceTo(12_500);
	equal(cycle.duration, 47_500);
	world.advanceTo(59_500);
	equal(cycle.duration, 1_000);
	world.advanceTo(160_000);
	equal(cycle.duration, 1_000);
});

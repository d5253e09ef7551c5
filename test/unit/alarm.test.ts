/** One timer, set again and again. */
import { Alarm } from "../../src/alarm.ts";
import { deepEqual, equal, test } from "../harness/harness.ts";
import { World } from "../harness/world.ts";

test("of what was set only the last one calls back, once, when it is due", () => {
	const world = new World();
	const alarm = new Alarm(world.timer);
	const calls: string[] = [];
	const note = (name: string) => () => void calls.push(`${name} at ${world.clock.now()}`);
	equal(alarm.isSet, false);
	alarm.set(note("first"), 1_000);
	alarm.set(note("second"), 2_000);
	equal(alarm.isSet, true);
	world.advanceTo(1_999);
	deepEqual(calls, []);
	world.advanceTo(60_000);
	deepEqual(calls, ["second at 2000"]);
	equal(alarm.isSet, false);
});

test("cleared, it does not call back; it can be set anew", () => {
	const world = new World();
	const alarm = new Alarm(world.timer);
	let calls = 0;
	alarm.set(() => calls++, 1_000);
	alarm.clear();
	equal(alarm.isSet, false);
	world.advanceTo(60_000);
	equal(calls, 0);
	alarm.set(() => calls++, 1_000);
	world.advanceTo(61_000);
	equal(calls, 1);
});

test("while it calls back it is not set, and may be set for the next time; what is overdue comes at once", () => {
	const world = new World();
	const alarm = new Alarm(world.timer);
	const calls: number[] = [];
	const again = () => {
		equal(alarm.isSet, false);
		calls.push(world.clock.now());
		if (calls.length < 3) alarm.set(again, 500);
	};
	alarm.set(again, -200);
	world.advanceTo(60_000);
	deepEqual(calls, [0, 500, 1_000]);
});

import { canBeNow, knownTime } from "../../src/wall-clock.ts";
import { equal, test } from "../harness/harness.ts";

test("it can be now from 2026 on, for fifteen years", () => {
	for (const [time, can] of [
		["1970-01-01T00:00:00Z", false],
		["2025-12-31T23:59:59Z", false],
		["2026-01-01T00:00:00Z", true],
		["2036-02-07T06:28:16Z", true],
		["2041-01-01T00:00:00Z", true],
		["2041-01-02T00:00:00Z", false],
	] as const) {
		equal(canBeNow(Date.parse(time)), can, time);
	}
	equal(canBeNow(Number.NaN), false);
});

test("a clock that shows a time before 2026 was not set", () => {
	equal(knownTime(0), undefined);
	equal(knownTime(Date.UTC(2025, 11, 31)), undefined);
	const now = Date.UTC(2026, 10, 30);
	equal(knownTime(now), now);
});

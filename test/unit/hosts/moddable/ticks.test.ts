import { MonotonicTicks } from "../../../../hosts/moddable/ticks.ts";
import { equal, ok, test } from "../../../harness/harness.ts";

const WRAP = 2 ** 32;
const HOUR = 3_600_000;

/** A counter that a test moves, and the monotonic time made of it. */
function counter(start: number, wrap: (count: number) => number) {
	let count = start;
	const ticks = new MonotonicTicks(() => wrap(count));
	return {
		ticks,
		advance: (delta: number) => {
			count += delta;
			return ticks.now();
		},
	};
}

test("monotonic time begins at 0 and follows the counter", () => {
	const { ticks, advance } = counter(123_456, (count) => count | 0);
	equal(ticks.now(), 0);
	equal(advance(20), 20);
	equal(advance(0), 20);
	equal(advance(1), 21);
});

test("a signed counter that becomes negative after 24.8 days does not disturb monotonic time", () => {
	const { advance } = counter(2 ** 31 - 10, (count) => count | 0);
	equal(advance(9), 9);
	equal(advance(1), 10);
	equal(advance(HOUR), HOUR + 10);
});

test("an unsigned counter that wraps to 0 after 49.7 days does not disturb monotonic time", () => {
	const { advance } = counter(WRAP - 5, (count) => count % WRAP);
	equal(advance(10), 10);
	equal(advance(HOUR), HOUR + 10);
});

test("a year of hourly readings adds up to a year", () => {
	const { advance } = counter(0, (count) => count | 0);
	let now = 0;
	for (let hour = 1; hour <= 365 * 24; hour++) {
		const before = now;
		now = advance(HOUR);
		ok(now > before);
	}
	equal(now, 365 * 24 * HOUR);
});

test("a counter that is far above 32 bits counts too: the simulator's is the time of day", () => {
	const { advance } = counter(1_795_000_000_123, (count) => count);
	equal(advance(1_500), 1_500);
	equal(advance(24 * HOUR), 24 * HOUR + 1_500);
});

test("a counter that is set back stands still and then goes on", () => {
	const { advance } = counter(1_795_000_000_123, (count) => count);
	equal(advance(1_000), 1_000);
	equal(advance(-600_000), 1_000);
	equal(advance(250), 1_250);
});

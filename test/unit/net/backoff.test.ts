import { Backoff } from "../../../src/net/backoff.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";

const delays = (backoff: Backoff, count: number) => Array.from({ length: count }, () => backoff.next());

test("the bound of the delay doubles up to the limit", () => {
	const backoff = new Backoff({ base: 1_000, limit: 8_000, random: () => 0.999_999 });
	deepEqual(delays(backoff, 5), [999, 1_999, 3_999, 7_999, 7_999]);
});

test("the jitter is full, but for a breath of 100 ms", () => {
	const backoff = new Backoff({ base: 1_000, limit: 8_000, random: () => 0 });
	deepEqual(delays(backoff, 3), [100, 100, 100]);
	equal(backoff.spread(4_000), 100);
});

test("only a connection that lasted starts the delays over", () => {
	const backoff = new Backoff({ base: 1_000, limit: 64_000, random: () => 0.5 });
	delays(backoff, 4);
	equal(backoff.lived(59_999, false), false);
	ok(backoff.next() > 8_000);
	equal(backoff.lived(60_000, false), true);
	equal(backoff.next(), 550);
});

test("a connection on which a message was delivered starts the delays over, however short it was", () => {
	const backoff = new Backoff({ random: () => 0.999_999 });
	delays(backoff, 5);
	equal(backoff.lived(100, true), true);
	deepEqual(delays(backoff, 2), [999, 1_999]);
});

test("a call may bound the delay further, and the attempts count all the same", () => {
	const backoff = new Backoff({ random: () => 0.999_999 });
	const away = Array.from({ length: 7 }, () => backoff.next(30_000));
	deepEqual(away, [999, 1_999, 3_999, 7_999, 15_999, 29_999, 29_999]);
	equal(backoff.next(), 119_999);
});

test("a thousand attempts stay within the limit", () => {
	const backoff = new Backoff({ base: 1_000, limit: 120_000, random: () => 0.999_999 });
	ok(delays(backoff, 1_000).every((delay) => delay <= 120_000));
	ok([0, 10 ** 4, 10 ** 5, 10 ** 9].every((now) => backoff.away(now, true) <= 30_000));
	const hasty = new Backoff({ base: 500, limit: 2_000, random: () => 0.999_999 });
	ok([0, 10 ** 4, 10 ** 5, 10 ** 9].every((now) => hasty.away(now, now % 3 === 0) <= 2_000));
});

for (const [what, isRefused, first, others] of [
	["nothing answers", false, [100, 999], { 1000: [500, 624], 80000: [8_000, 9_999], 600000: [11_000, 13_749] }],
	["it is refused", true, [100, 4_499], { 1000: [4_500, 5_624], 80000: [16_000, 19_999], 600000: [22_000, 27_499] }],
] as const) {
	test(`the delay before a broker is tried again from which ${what} follows the time away`, () => {
		for (const at of [0, 1]) {
			const backoff = new Backoff({ random: () => 0.999_999 * at });
			equal(backoff.away(1_000, isRefused), first[at]);
			for (const [away, delays] of Object.entries(others)) {
				equal(backoff.away(1_000 + Number(away), isRefused), delays[at]);
			}
			backoff.lived(10, false);
			equal(backoff.away(700_000, isRefused), first[at]);
			backoff.away(800_000, isRefused);
			backoff.reset();
			equal(backoff.away(900_000, isRefused), first[at]);
			// Failures of this kind are none of the broker's: what follows does not begin with long delays.
			equal(backoff.next(), [100, 999][at]);
		}
	});
}

test("an attempt is patient at first, then as the last one needed, and more so in a long outage", () => {
	const backoff = new Backoff({ random: () => 0.5 });
	equal(backoff.patience(0), 15_000);
	backoff.away(1_000, false);
	equal(backoff.patience(2_000), 2_000);
	equal(backoff.patience(41_000), 5_000);
	equal(backoff.patience(10 ** 6), 15_000);
	backoff.opening = 3_000;
	equal(backoff.patience(2_000), 6_000);
	equal(backoff.patience(81_000), 10_000);
	backoff.opening = 9_000;
	equal(backoff.patience(2_000), 15_000);
	backoff.opening = 20;
	backoff.lived(1, true);
	equal(backoff.patience(10 ** 6), 2_000);
});

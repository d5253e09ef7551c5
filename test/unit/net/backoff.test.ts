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
});

test("only a connection that lasted starts the delays over", () => {
	const backoff = new Backoff({ base: 1_000, limit: 64_000, stableAfter: 60_000, random: () => 0.5 });
	delays(backoff, 4);
	backoff.lived(59_999, false);
	ok(backoff.next() > 8_000);
	backoff.lived(60_000, false);
	equal(backoff.next(), 550);
});

test("a connection on which a message was delivered starts the delays over, however short it was", () => {
	const backoff = new Backoff({ random: () => 0.999_999 });
	delays(backoff, 5);
	backoff.lived(100, true);
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
});

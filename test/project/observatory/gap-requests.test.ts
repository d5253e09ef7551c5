/** When a station is asked for what is missing, and when it is left in peace. Times are in seconds. */
import assert from "node:assert/strict";
import test from "node:test";
import { GapRequests } from "../../../commands/observatory/collecting/gap-requests.ts";

const A = "veleta/a";
const gap = (first: number, last = first, isGone = false) => ({ first, last, isGone });
const online = () => {
	const gaps = new GapRequests();
	gaps.status(A, "online", 0);
	return gaps;
};
const asks = (gaps: GapRequests, seconds: number) =>
	gaps.due(seconds * 1_000).map(({ station, from, to }) => `${station} ${from}-${to}`);

test("a station is asked once nothing has come of it for 20 s, and then not again", () => {
	const gaps = online();
	gaps.missing(A, [gap(5, 7)], 1_000);
	gaps.heard(A, 10_000);
	assert.deepEqual(asks(gaps, 29.9), []);
	assert.deepEqual(asks(gaps, 30), ["veleta/a 5-7"]);
	assert.deepEqual(asks(gaps, 31), []);
	gaps.answered(A, 7, 32_000);
	assert.deepEqual(asks(gaps, 10_000), []);
});

test("its backlog comes by itself: as long as it has one, it is not asked", () => {
	const gaps = online();
	gaps.missing(A, [gap(5, 7)], 0);
	gaps.queued(A, 3, 0);
	assert.deepEqual(asks(gaps, 1_000), []);
	gaps.queued(A, 0, 1_000_000);
	assert.deepEqual(asks(gaps, 1_030), ["veleta/a 5-7"]);
});

test("a station that is away is not asked; one that comes back is asked anew, and so it is after our own return", () => {
	const gaps = new GapRequests();
	gaps.missing(A, [gap(5)], 0);
	assert.deepEqual(asks(gaps, 100), []);
	gaps.status(A, "offline", 100_000);
	assert.deepEqual(asks(gaps, 200), []);
	gaps.status(A, "online", 200_000);
	assert.deepEqual(asks(gaps, 219), []);
	assert.deepEqual(asks(gaps, 220), ["veleta/a 5-5"]);
	gaps.status(A, "online", 300_000);
	assert.deepEqual(asks(gaps, 320), ["veleta/a 5-5"]);
	gaps.connected(400_000);
	assert.deepEqual(asks(gaps, 420), ["veleta/a 5-5"]);
});

test("one that sleeps is asked: the broker keeps the request until it wakes", () => {
	const gaps = new GapRequests();
	gaps.status(A, "asleep", 0);
	gaps.missing(A, [gap(5)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
});

test("one that is connected, but has no new values, is asked, and asked anew when it is back", () => {
	const gaps = new GapRequests();
	gaps.missing(A, [gap(5)], 0);
	gaps.status(A, "stale", 0);
	assert.equal(gaps.isAsleep(A), false);
	assert.deepEqual(asks(gaps, 19), []);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
	gaps.status(A, "offline", 30_000);
	assert.deepEqual(asks(gaps, 1_000), []);
	gaps.status(A, "stale", 1_000_000);
	assert.deepEqual(asks(gaps, 1_019), []);
	assert.deepEqual(asks(gaps, 1_020), ["veleta/a 5-5"]);
	assert.deepEqual(asks(gaps, 5_000), []);
});

test("one request at a time; the answer says where it ends, and what lies behind is asked for next", () => {
	const gaps = online();
	gaps.missing(A, [gap(1, 900), gap(2_000)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 1-500"]);
	gaps.heard(A, 50_000);
	assert.deepEqual(asks(gaps, 100), []);
	gaps.answered(A, 300, 100_000);
	gaps.missing(A, [gap(301, 900), gap(2_000)], 100_000);
	assert.deepEqual(asks(gaps, 120), ["veleta/a 301-800"]);
	gaps.answered(A, 800, 130_000);
	gaps.missing(A, [gap(801, 900), gap(2_000)], 130_000);
	assert.deepEqual(asks(gaps, 150), ["veleta/a 801-900"]);
	gaps.answered(A, 900, 160_000);
	assert.deepEqual(asks(gaps, 180), ["veleta/a 2000-2000"]);
});

test("gaps that lie close are asked for together", () => {
	const gaps = online();
	gaps.missing(A, [gap(1), gap(3), gap(20, 22), gap(39)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 1-3"]);
	gaps.answered(A, 3, 20_000);
	assert.deepEqual(asks(gaps, 40), ["veleta/a 20-22"]);
	gaps.answered(A, 22, 40_000);
	assert.deepEqual(asks(gaps, 60), ["veleta/a 39-39"]);
});

test("what is gone is not asked for", () => {
	const gaps = online();
	gaps.missing(A, [gap(1, 3, true), gap(5)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
});

test("without an answer the request is given up after two minutes of silence, and the next gap's turn comes", () => {
	const gaps = online();
	gaps.missing(A, [gap(5), gap(100)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
	gaps.heard(A, 100_000);
	assert.deepEqual(asks(gaps, 219), []);
	assert.deepEqual(asks(gaps, 220), ["veleta/a 100-100"]);
});

test("a refusal counts as an answer", () => {
	const gaps = online();
	gaps.missing(A, [gap(5), gap(100)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
	gaps.answered(A, undefined, 21_000);
	assert.deepEqual(asks(gaps, 41), ["veleta/a 100-100"]);
});

test("an answer says which numbers it is about: those that were asked for, and no more", () => {
	const gaps = online();
	gaps.missing(A, [gap(5, 9)], 0);
	asks(gaps, 20);
	assert.deepEqual(gaps.answered(A, 7, 21_000), { from: 5, to: 7 });
	assert.equal(gaps.answered(A, 9, 21_000), undefined);
	assert.deepEqual(asks(gaps, 41), ["veleta/a 8-9"]);
	assert.deepEqual(gaps.answered(A, 9_999, 42_000), { from: 8, to: 9 });
});

test("an answer to somebody else's request changes nothing", () => {
	const gaps = online();
	gaps.missing(A, [gap(5)], 0);
	assert.equal(gaps.answered(A, 3, 1_000), undefined);
	assert.equal(gaps.answered("veleta/b", 3, 1_000), undefined);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
});

test("a hundred stations at a time are asked", () => {
	const gaps = new GapRequests();
	for (let index = 0; index < 102; index++) {
		gaps.status(`veleta/${index}`, "online", 0);
		gaps.missing(`veleta/${index}`, [gap(5)], 0);
	}
	assert.equal(asks(gaps, 20).length, 100);
	assert.deepEqual(asks(gaps, 21), []);
	gaps.answered("veleta/3", 5, 22_000);
	assert.deepEqual(asks(gaps, 23), ["veleta/100 5-5"]);
});

test("a gap that opens later is asked for, too", () => {
	const gaps = online();
	gaps.missing(A, [gap(5)], 0);
	assert.deepEqual(asks(gaps, 20), ["veleta/a 5-5"]);
	gaps.answered(A, 5, 21_000);
	gaps.missing(A, [gap(5), gap(50, 52)], 30_000);
	assert.deepEqual(asks(gaps, 41), ["veleta/a 50-52"]);
});

/** Missing numbers as ranges. */
import assert from "node:assert/strict";
import test from "node:test";
import { type Gap, hasGap, sizeOf, withGap, withGone, without } from "../../../commands/observatory/store/gaps.ts";

/** `3-5`, or `3-5!` where these are gone. */
const show = (gaps: readonly Gap[]) =>
	gaps.map(({ first, last, isGone }) => `${first}-${last}${isGone ? "!" : ""}`).join(" ");
const gaps = (text: string): Gap[] =>
	text.split(" ").map((range) => {
		const [, first, last, isGone] = /^(\d+)-(\d+)(!?)$/.exec(range)!;
		return { first: Number(first), last: Number(last), isGone: isGone === "!" };
	});

test("a gap is put behind the others, and an empty one is none", () => {
	assert.equal(show(withGap(gaps("3-5"), 8, 9)), "3-5 8-9");
	assert.equal(show(withGap(gaps("3-5"), 9, 8)), "3-5");
});

test("a number that comes divides its gap, shortens it, or ends it", () => {
	assert.equal(show(without(gaps("3-5 8-8"), 4)), "3-3 5-5 8-8");
	assert.equal(show(without(gaps("3-5 8-8"), 3)), "4-5 8-8");
	assert.equal(show(without(gaps("3-5 8-8"), 5)), "3-4 8-8");
	assert.equal(show(without(gaps("3-5 8-8"), 8)), "3-5");
	assert.equal(show(without(gaps("3-5 8-8"), 6)), "3-5 8-8");
	assert.equal(show(without(gaps("3-5!"), 4)), "3-3! 5-5!");
});

test("of what is gone, only what was missing counts", () => {
	assert.equal(show(withGone(gaps("3-5 8-12"), 4, 9)), "3-3 4-5! 8-9! 10-12");
	assert.equal(show(withGone(gaps("3-5"), 1, 100)), "3-5!");
	assert.equal(show(withGone(gaps("3-5"), 6, 100)), "3-5");
});

test("neighbours that are gone are one", () => {
	assert.equal(show(withGone(withGone(gaps("3-9"), 3, 5), 6, 7)), "3-7! 8-9");
});

test("it knows whether a number is missing, and how many are", () => {
	assert.deepEqual(
		[2, 3, 5, 6].map((seq) => hasGap(gaps("3-5"), seq)),
		[false, true, true, false],
	);
	assert.equal(sizeOf(gaps("3-5 8-9! 11-11"), false), 4);
	assert.equal(sizeOf(gaps("3-5 8-9! 11-11"), true), 2);
});

test("beyond a thousand, those that lie closest become one, and no number gets lost", () => {
	let many: Gap[] = [];
	for (let index = 0; index < 1_000; index++) many = withGap(many, 10 * index + 1, 10 * index + 2);
	const last = many.at(-1)!;
	many = withGap(many, last.last + 3, last.last + 3);
	assert.equal(many.length, 1_000);
	assert.equal(show(many.slice(-1)), `${last.first}-${last.last + 3}`);
});

import { columnsOf, curveOf } from "../../../hosts/sim/mcsim/panel/curve.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";

const WIDTH = 60;
const HEIGHT = 32;

test("the scale has the least and the greatest value", () => {
	const { least, greatest } = curveOf([3, -1.5, 2], (value) => `${value} °C`);
	deepEqual([least, greatest], ["-1.5 °C", "3 °C"]);
	deepEqual(curveOf([], String), { values: [], least: "", greatest: "" });
});

test("a curve goes from the bottom at its least value to the top at its greatest, without a gap", () => {
	const columns = columnsOf([10, 20], WIDTH, HEIGHT);
	equal(columns.length, WIDTH);
	equal(columns[0]!.top + columns[0]!.height, HEIGHT);
	equal(columns.at(-1)!.top, 0);
	for (const [x, { top, height }] of columns.entries()) {
		ok(top >= 0 && height > 0 && top + height <= HEIGHT, `beyond the edge at ${x}`);
		const next = columns[x + 1];
		if (next) ok(next.top <= top + height && top <= next.top + next.height, `a gap at ${x}`);
	}
});

test("a peak of one reading among more readings than pixels reaches the top", () => {
	const values = Array.from({ length: 3 * WIDTH + 1 }, (_, index) => (index === 100 ? 1 : 0));
	const tops = columnsOf(values, WIDTH, HEIGHT).map(({ top }) => top);
	equal(tops.indexOf(0), 33);
	equal(tops.filter((top) => top === 0).length, 1);
});

test("equal values, and a single one, are a line in the middle", () => {
	for (const values of [[7], [7, 7, 7]]) {
		const columns = columnsOf(values, WIDTH, HEIGHT);
		equal(columns.length, WIDTH);
		for (const column of columns) deepEqual(column, { top: HEIGHT / 2 - 1, height: 2 });
	}
});

test("without values there is no line", () => {
	deepEqual(columnsOf([], WIDTH, HEIGHT), []);
});

import { typedNumber } from "../../../hosts/sim/mcsim/panel/typed-number.ts";
import { equal, test } from "../../harness/harness.ts";

test("a number is digits, with a sign, a point or a comma", () => {
	for (const [text, number] of [
		["0", 0],
		["21.5", 21.5],
		["21,5", 21.5],
		[" 21 ", 21],
		["-3", -3],
		["\u22123", -3],
		["+7", 7],
		["5.", 5],
		[".5", 0.5],
		["007", 7],
		["1013.25", 1013.25],
	] as const) {
		equal(typedNumber(text), number, text);
	}
});

test("all else is none: no value of a sensor is written so", () => {
	for (const text of [
		"",
		" ",
		"-",
		".",
		"1e3",
		"0x10",
		"Infinity",
		"NaN",
		"1 2",
		"1.2.3",
		"1,2,3",
		"--1",
		"20°",
		"٣",
	]) {
		equal(typedNumber(text), undefined, text);
	}
	equal(typedNumber("0".repeat(12)), 0);
	equal(typedNumber("0".repeat(13)), undefined);
});

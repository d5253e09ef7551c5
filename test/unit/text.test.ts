/** Texts: UTF-8 and back, what is cut off, and what JSON from outside may be. */
import { bytesOf, cut, hasControls, isShallow, jsonOf, printable, textOf } from "../../src/text.ts";
import { deepEqual, equal, ok, test, throws } from "../harness/harness.ts";
import { hex } from "../harness/transcript.ts";

for (const [text, encoded] of [
	["", ""],
	["A", "41"],
	["°C", "c2 b0 43"],
	["Ģ", "c4 a2"],
	["€", "e2 82 ac"],
	["🌡", "f0 9f 8c a1"],
] as const) {
	test(`${text || "nothing"} is UTF-8, and comes back`, () => {
		equal(hex(bytesOf(text)), encoded);
		equal(textOf(bytesOf(text)), text);
	});
}

test("what is not UTF-8 is refused", () => {
	for (const bytes of [[0xff], [0xc4], [0xe2, 0x82], [0xc0, 0x80], [0xed, 0xa0, 0x80]]) {
		throws(() => textOf(Uint8Array.from(bytes)), /./);
	}
});

test("a text that is too long is cut between its characters", () => {
	for (const [text, maximum, expected] of [
		["abc", 3, "abc"],
		["abcd", 3, "abc"],
		["°C", 3, "°C"],
		["a°C", 3, "a°"],
		["ab°C", 3, "ab"],
		["€€", 5, "€"],
		["a🌡b", 5, "a🌡"],
		["a🌡b", 4, "a"],
		["🌡🌡", 7, "🌡"],
		["🌡", 3, ""],
		["abc", 0, ""],
	] as const) {
		equal(cut(text, maximum), expected, `${text} in ${maximum}`);
	}
});

test("control characters do not get into the log, and a line of it has an end", () => {
	equal(printable("a\u001b[2J\n\u0085°C\u007f"), "a?[2J??°C?");
	equal(printable("°".repeat(1_000)).length, 128);
	for (const text of ["\u0000", "a\n", "\u007f", "\u009f"]) ok(hasControls(text), JSON.stringify(text));
	for (const text of ["", "a b", "\u00a0°C", "🌡"]) ok(!hasControls(text), text);
});

/** `[[…]]`, so many deep. */
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test("lists and objects within each other are JSON to a depth of four", () => {
	for (let depth = 1; depth <= 4; depth++) ok(Array.isArray(jsonOf(bytesOf(nested(depth)))), `${depth}`);
	for (const depth of [5, 6, 100, 512]) equal(jsonOf(bytesOf(nested(depth))), undefined, `${depth}`);
	deepEqual(jsonOf(bytesOf('{"a":{"a":[{}]}}')), { a: { a: [{}] } });
	equal(jsonOf(bytesOf('{"a":{"a":[[{}]]}}')), undefined);
	equal(jsonOf(bytesOf("[".repeat(1_000))), undefined);
	equal(jsonOf(bytesOf(`${"]".repeat(100)}${"[".repeat(100)}`)), undefined);
	equal(jsonOf(bytesOf('{"a":'.repeat(100))), undefined);
});

test("brackets in a text are no depth, whatever stands before them", () => {
	for (const text of ["[[[[[[", '\\"[[[[[[', "\\\\", '\\\\\\"{{{{{{']) {
		ok(isShallow(bytesOf(`["${text}"]`)), text);
		equal(isShallow(bytesOf(`["${text}",[[[[1]]]]]`)), false, text);
	}
});

test("JSON of a kilobyte is read, and not a byte more", () => {
	for (const length of [2, 170, 180, 256, 257, 1_024]) {
		equal((jsonOf(bytesOf(`"${"x".repeat(length - 2)}"`)) as string).length, length - 2);
	}
	equal(jsonOf(bytesOf(`"${"x".repeat(1_023)}"`)), undefined);
	equal(jsonOf(bytesOf(`"${"°".repeat(512)}"`)), undefined);
	equal(jsonOf(Uint8Array.of(0x22, 0xc2, 0x22)), undefined, "no UTF-8");
	equal(jsonOf(bytesOf('"21 °C"')), "21 °C");
});

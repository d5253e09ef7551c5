/** Against RFC 8949's examples (appendix A), each behind a map's head and its key. */
import { cborOf } from "../../../src/net/cbor.ts";
import { equal, test } from "../../harness/harness.ts";

const EXAMPLES: readonly (readonly [value: number, hex: string])[] = [
	[0, "00"],
	[1, "01"],
	[10, "0a"],
	[23, "17"],
	[24, "1818"],
	[25, "1819"],
	[100, "1864"],
	[1_000, "1903e8"],
	[1_000_000, "1a000f4240"],
	[1_000_000_000_000, "1b000000e8d4a51000"],
	[-1, "20"],
	[-10, "29"],
	[-100, "3863"],
	[-1_000, "3903e7"],
];
/** Where an argument gets longer, either side. */
const EDGES: readonly (readonly [value: number, hex: string])[] = [
	[255, "18ff"],
	[256, "190100"],
	[65_535, "19ffff"],
	[65_536, "1a00010000"],
	[4_294_967_295, "1affffffff"],
	[4_294_967_296, "1b0000000100000000"],
	[Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
	[-24, "37"],
	[-25, "3818"],
	[-4_294_967_296, "3affffffff"],
	[-4_294_967_297, "3b0000000100000000"],
];

for (const [value, hex] of [...EXAMPLES, ...EDGES]) {
	test(`${value} is ${hex}`, () => equal(hexOf([value]), `a100${hex}`));
}

test("what is undefined is left out, and keeps its key", () => {
	equal(hexOf([]), "a0");
	equal(hexOf([undefined, 7, undefined, -8, undefined]), "a20107" + "0327");
	equal(hexOf(new Array(24).fill(undefined).concat(1)), "a1181801");
});

function hexOf(values: (number | undefined)[]): string {
	return Array.from(cborOf(values), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

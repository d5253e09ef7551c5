/** What a simulated station's random numbers depend on. */
import { createRandom } from "../../../../hosts/sim/devices/random.ts";
import { jitterSeed } from "../../../../hosts/sim/headless/xs/jitter.ts";
import { equal, ok, test } from "../../../harness/harness.ts";

/** The first numbers of some stations, sorted. */
function firstOf(seed: number, ids: readonly string[]): number[] {
	return ids.map((id) => createRandom(jitterSeed(seed, id))()).sort((a, b) => a - b);
}

test("twenty stations with one seed are spread over the whole range, as the twenty first of one station are", () => {
	const ids = Array.from({ length: 20 }, (_, index) => `s${index + 1}`);
	for (const seed of [1, 2, 0xffff_ffff]) {
		const numbers = firstOf(seed, ids);
		ok(numbers[0]! < 0.3 && numbers[19]! > 0.7, numbers.join());
		for (let at = 0; at < 20; at += 5) ok(numbers[at + 4]! - numbers[at]! < 0.7, numbers.join());
		equal(new Set(numbers).size, 20);
	}
});

test("seed and id repeat a run, and another seed is another one", () => {
	equal(jitterSeed(7, "attic"), jitterSeed(7, "attic"));
	ok(jitterSeed(7, "attic") !== jitterSeed(8, "attic"));
	ok(jitterSeed(7, "attic") !== jitterSeed(7, "cellar"));
	// Not by chance the same text: a seed's digit is none of the id.
	ok(jitterSeed(1, "1") !== jitterSeed(11, ""));
});

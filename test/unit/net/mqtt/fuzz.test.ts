/** A short run of the fuzzer, and its corpus. The long one is `npm run fuzz`. */
import { corpus } from "../../../fuzz/corpus/index.ts";
import { runDialogue } from "../../../fuzz/dialogue.ts";
import { casesOf, replay } from "../../../fuzz/replay.ts";
import { newTally } from "../../../fuzz/tally.ts";
import { ok, test } from "../../../harness/harness.ts";

const SEED = 2_026;
const DIALOGUES = 10;
const ROUNDS = 8;
const STEPS = 150;

for (let round = 0; round < ROUNDS; round++) {
	test(`dialogues ${round * DIALOGUES} to ${(round + 1) * DIALOGUES - 1} with a broker that is conforming, broken or malicious by turns`, () => {
		const tally = newTally();
		for (let index = 0; index < DIALOGUES; index++) runDialogue(SEED, round * DIALOGUES + index, tally, STEPS);
		ok(tally.received > 150, `${tally.received} packets received`);
		ok(tally.ends.size > 8, `${tally.ends.size} kinds of ends`);
	});
}

for (const [name, text] of Object.entries(corpus)) {
	test(`the corpus: ${name}`, () => {
		for (const piece of [1, 256]) for (const one of casesOf(text)) replay(one, piece);
	});
}

/** A short run of the fuzzer. The long one is `npm run fuzz -- --websocket`. */
import { newTally } from "../../fuzz/tally.ts";
import { runWebSocketDialogue } from "../../fuzz/websocket-dialogue.ts";
import { ok, test } from "../../harness/harness.ts";

const SEED = 2_026;
const DIALOGUES = 10;
const ROUNDS = 3;

for (let round = 0; round < ROUNDS; round++) {
	test(`dialogues ${round * DIALOGUES} to ${(round + 1) * DIALOGUES - 1} with a server that is conforming, broken or malicious by turns`, () => {
		const tally = newTally();
		for (let index = 0; index < DIALOGUES; index++) runWebSocketDialogue(SEED, round * DIALOGUES + index, tally);
		ok(tally.received > 300, `${tally.received} frames received`);
		ok(tally.ends.size > 2, `${tally.ends.size} kinds of ends`);
	});
}

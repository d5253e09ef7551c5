/** The stories that real parts live through in `test/integration/delivery.test.ts`, in the simulated world: many courses of each. */
import assert from "node:assert/strict";
import test from "node:test";
import { SimulatedStory } from "../harness/simulated-story.ts";
import { STORIES } from "../scenarios/stories.ts";

/** Courses of a story. */
const SEEDS = 30;

for (const story of STORIES) {
	test(story.name, () => {
		let cuts = 0;
		for (let seed = 1; seed <= SEEDS; seed++) cuts += SimulatedStory.live(story, seed).cuts;
		if (story.steps.some(({ happening }) => happening === "power cut")) {
			assert.ok(cuts > 0, "no power cut came in the middle of an operation of the flash");
		}
	});
}

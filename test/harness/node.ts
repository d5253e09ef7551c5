/** Runs the unit tests of one bundle on Node. */
import nodeTest from "node:test";
import type { Test } from "./harness.ts";

export function run(file: string, tests: Test[]): void {
	nodeTest(`${file} on Node`, async (context) => {
		for (const { name, run } of tests) await context.test(name, run);
	});
}

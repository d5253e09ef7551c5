/** `npm run fuzz` says how a worker ended that was not to, and what repeats the dialogue that it was in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bundleProgram } from "../harness/bundle.ts";
import { fileOf } from "../harness/npm-commands.ts";
import { Program } from "../harness/program.ts";

const command = await bundleProgram(fileOf("fuzz"));

const run = (...args: string[]) => new Program("npm run fuzz", process.execPath, [command, ...args], process.cwd());

test("a worker that is killed is told of once, with the dialogue that it was in, which can be repeated", async () => {
	const fuzz = run("--seed", "7", "--workers", "1", "--packets", "100000000");
	try {
		await fuzz.line(/^seed 7, 1 workers$/);
		const worker = await fuzz.child("test-fuzz-worker");
		process.kill(worker, "SIGKILL");
		assert.deepEqual(await fuzz.ended(), { code: 1, signal: null });
	} finally {
		await fuzz.kill();
	}
	const end = await fuzz.line(/^FAILED: worker 0 ended early, in dialogue \d+: SIGKILL$/);
	const [, dialogue] = /dialogue (\d+)/.exec(end)!;
	assert.equal(fuzz.count(new RegExp(`^repeat with: npm run fuzz -- --seed 7 --dialogue ${dialogue}$`)), 1);
	assert.match(fuzz.lines.at(-1)!, /^seed 7: 1 failed$/);
	const again = run("--seed", "7", "--dialogue", dialogue!);
	assert.deepEqual(await again.ended(), { code: 0, signal: null });
	assert.deepEqual(again.lines, [`dialogue ${dialogue} of seed 7 passes`]);
});

test("a run of so many packets ends by itself, and says what it was", async () => {
	const fuzz = run("--seed", "7", "--workers", "2", "--packets", "1000");
	assert.deepEqual(await fuzz.ended(), { code: 0, signal: null }, fuzz.lines.join("\n"));
	assert.match(fuzz.lines.at(-1)!, /^seed 7: no failure$/);
	const [, received] = /^(\d+) packets received/.exec(fuzz.lines.at(-2)!)!;
	assert.ok(Number(received) >= 1_000);
});

test("frames of a WebSocket are fuzzed likewise", async () => {
	const fuzz = run("--websocket", "--seed", "7", "--workers", "1", "--packets", "1000");
	assert.deepEqual(await fuzz.ended(), { code: 0, signal: null }, fuzz.lines.join("\n"));
	const [, received] = /^(\d+) frames received/.exec(fuzz.lines.at(-2)!)!;
	assert.ok(Number(received) >= 1_000);
	const again = run("--websocket", "--seed", "7", "--dialogue", "3");
	assert.deepEqual(await again.ended(), { code: 0, signal: null });
	assert.deepEqual(again.lines, ["dialogue 3 of seed 7 passes"]);
});

test("a broker may have more to say than fits into 50,000 reads of a byte each", async () => {
	const fuzz = run("--seed", "1796014027386", "--dialogue", "334");
	assert.deepEqual(await fuzz.ended(), { code: 0, signal: null }, fuzz.lines.join("\n"));
});

test("what does not go together is one line and exit code 2", async () => {
	for (const [args, line] of [
		[["--dialogue", "3"], "--dialogue: needs --seed"],
		[["--seed", "1", "--dialogue", "3", "--packets", "5"], "--packets: does not go with --dialogue"],
		[["--seed", "-"], "--seed -: must be a whole number from 0 to 9007199254740991"],
	] as const) {
		const fuzz = run(...args);
		assert.deepEqual(await fuzz.ended(), { code: 2, signal: null });
		assert.deepEqual(fuzz.lines, [line]);
	}
});

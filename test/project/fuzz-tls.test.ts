/** A short run of `npm run fuzz:tls`, its corpus, and whether it finds faults. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildFuzzer } from "../fuzz-tls/build.ts";
import { bundleProgram } from "../harness/bundle.ts";
import { fileOf } from "../harness/npm-commands.ts";
import { Program } from "../harness/program.ts";

const CORPUS = "test/fuzz-tls/corpus";
const SEED = "2026";
/** Some ten seconds of processor time. */
const RECORDS = 20_000;

const program = await buildFuzzer();
const command = await bundleProgram(fileOf("fuzz:tls"));

interface Result {
	readonly code: number;
	readonly lines: readonly string[];
}

function fuzz(file: string, args: readonly string[], mutant?: string): Promise<Result> {
	const env = { ...process.env, ...(mutant === undefined ? {} : { MUTANT: mutant }) };
	return new Promise((resolve) => {
		execFile(file, args, { env, maxBuffer: 1e8 }, (error, stdout, stderr) => {
			const code = typeof error?.code === "number" ? error.code : error ? -1 : 0;
			resolve({ code, lines: `${stdout}${stderr}`.split("\n") });
		});
	});
}

const countOf = ({ lines }: Result, what: string) =>
	Number(lines.find((line) => line.startsWith(`count ${what} `))?.split(" ")[2]);

test(`${RECORDS} records of servers whose records, messages and certificates are wrong in places`, async () => {
	const result = await fuzz(program, ["run", SEED, "0", "1", String(RECORDS)]);
	assert.equal(result.code, 0, result.lines.join("\n"));
	assert.ok(countOf(result, "records") >= RECORDS);
	// They get as far as a connection that is open, and they get everywhere.
	assert.ok(countOf(result, "open") > 300, `${countOf(result, "open")} were open`);
	assert.ok(countOf(result, "resumed") > 30, `${countOf(result, "resumed")} were resumed`);
	const ends = result.lines.filter((line) => line.startsWith("end "));
	assert.ok(ends.length > 50, `${ends.length} kinds of ends`);
});

test("a dialogue is the same whatever was before it, in this process or another", async () => {
	const from = async (first: number, records: number) => {
		const result = await fuzz(program, ["run", SEED, String(first), "1", String(records)]);
		assert.equal(result.code, 0, result.lines.join("\n"));
		return result;
	};
	const sums = ({ lines }: Result) =>
		new Map(
			lines.flatMap((line): [string, number][] => {
				const [, count, end] = /^end (\d+) (.*)$/.exec(line) ?? [];
				if (count !== undefined) return [[`end ${end}`, Number(count)]];
				const [, what, number] = /^count (\w+) (\d+)$/.exec(line) ?? [];
				return what === undefined ? [] : [[what, Number(number)]];
			}),
		);
	const [begin, whole] = [await from(0, 800), await from(0, 1_600)];
	const rest = await from(countOf(begin, "dialogues"), countOf(whole, "records") - countOf(begin, "records"));
	const sum = sums(begin);
	for (const [what, count] of sums(rest)) sum.set(what, (sum.get(what) ?? 0) + count);
	assert.deepEqual([...sum].sort(), [...sums(whole)].sort());
});

test("the corpus", async () => {
	const files = readdirSync(CORPUS).map((name) => join(CORPUS, name));
	const cases = files.flatMap((file) => readFileSync(file, "utf8").match(/^# /gm) ?? []);
	assert.ok(files.length >= 40);
	const result = await fuzz(program, ["replay", ...files]);
	assert.equal(result.code, 0, result.lines.join("\n"));
	assert.equal(countOf(result, "dialogues"), cases.length);
});

test("a case that does not end as it says, and one with a step that there is not, fail", async () => {
	for (const [name, told] of [
		["wrong-end", /^violation expect open : but failed /],
		["wrong-step", /^violation .*: no such step$/],
	] as const) {
		const result = await fuzz(program, ["replay", `test/fuzz-tls/wrong/${name}.txt`]);
		assert.equal(result.code, 1);
		assert.match(result.lines.find((line) => line.startsWith("violation"))!, told);
	}
});

test("faults of the client are found", async () => {
	const mutants = await buildFuzzer(true);
	const found = await Promise.all(
		(
			[
				["any-host", /^violation open with a server that cannot be trusted$/],
				["any-issuer", /^violation open with a server that cannot be trusted$/],
				["any-pin", /^violation open with a server that cannot be trusted$/],
				["any-purpose", /^violation open with a server that cannot be trusted$/],
				["no-dates", /^violation open with a server that cannot be trusted$/],
				["checks-again", /^violation \d+ signatures of certificates were checked/],
				["no-reason", /^violation reason "" in state \d$/],
				["other-reason", /^violation a reason that is none: who knows$/],
				["leak", /^violation \d+ bytes are not freed$/],
				["read-other", /^violation byte \d+ is not what the server wrote$/],
				["read-too-much", /^violation see the report above$/],
				["opens-again", /^violation /],
				["waits", /^violation \d+ bytes wait$/],
				["none", /^count records/],
			] as const
		).map(async ([mutant, told]) => {
			const { lines } = await fuzz(mutants, ["run", SEED, "0", "1", mutant === "none" ? "1000" : "6000"], mutant);
			const line = lines.find((line) => /^(violation|count records)/.test(line)) ?? "nothing";
			return told.test(line) ? [] : [`${mutant}: ${line}`];
		}),
	);
	assert.deepEqual(found.flat(), []);
});

test("npm run fuzz:tls says what it came to, and what repeats a failure", async () => {
	const run = (...args: string[]) =>
		new Program("npm run fuzz:tls", process.execPath, [command, ...args], process.cwd());
	const whole = run("--seed", "7", "--workers", "2", "--records", "1000");
	assert.deepEqual(await whole.ended(), { code: 0, signal: null }, whole.lines.join("\n"));
	assert.match(whole.lines.at(-1)!, /^seed 7: no failure$/);
	const [, records] = /^(\d+) records in /.exec(whole.lines.at(-2)!)!;
	assert.ok(Number(records) >= 1_000);

	const one = run("--seed", "7", "--dialogue", "3");
	assert.deepEqual(await one.ended(), { code: 0, signal: null }, one.lines.join("\n"));
	assert.match(one.lines.at(-1)!, /^dialogue 3 of seed 7 passes$/);

	const killed = run("--seed", "7", "--workers", "1", "--records", "100000000");
	try {
		await killed.line(/^seed 7, 1 workers$/);
		process.kill(await killed.child("fuzz-tls-"), "SIGKILL");
		assert.deepEqual(await killed.ended(), { code: 1, signal: null });
	} finally {
		await killed.kill();
	}
	await killed.line(/^FAILED: worker 0 ended early, in dialogue \d+ or later: SIGKILL$/);
	assert.equal(killed.count(/^repeat with: npm run fuzz:tls -- --seed 7 --workers 1 --records 100000000$/), 1);

	for (const [args, line] of [
		[["--dialogue", "3"], "--dialogue: needs --seed"],
		[["--seed", "1", "--dialogue", "3", "--records", "5"], "--records: does not go with --dialogue"],
	] as const) {
		const wrong = run(...args);
		assert.deepEqual(await wrong.ended(), { code: 2, signal: null });
		assert.deepEqual(wrong.lines, [line]);
	}
});

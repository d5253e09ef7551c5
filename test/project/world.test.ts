/** Simulated worlds: the same seed gives the same world, no rule is broken, and deliberate bugs are noticed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { UsageError } from "../../commands/frame.ts";
import { parseOptions } from "../../commands/simulate/options.ts";
import { drawFaults } from "../../hosts/sim/world/faults/draw.ts";
import { FAULT_KINDS } from "../../hosts/sim/world/faults/kinds.ts";
import { describePackets } from "../../hosts/sim/world/packet-line.ts";
import { Random } from "../../hosts/sim/world/random.ts";
import { runWorld } from "../../hosts/sim/world/world.ts";
import { equal, match, ok, throws } from "../harness/harness.ts";
import { fileOf } from "../harness/npm-commands.ts";

const command = ["tools/run.js", fileOf("simulate")];

/** Tests run in the project's folder. */
function simulate(...args: string[]) {
	return spawnSync(process.execPath, [...command, ...args], { encoding: "utf8" });
}

/** As `simulate`, with one of the deliberate bugs in the station. */
function simulateMutant(name: string, ...args: string[]) {
	return spawnSync(process.execPath, ["tools/run.js", "test/harness/mutant.ts", name, ...args], { encoding: "utf8" });
}

async function ended(program: ChildProcess): Promise<number | null> {
	const [code] = await once(program, "close");
	return code;
}

test("a seed gives the same world each time, to the last bit", () => {
	for (const seed of [1, 2, 3, 4]) {
		const [one, other] = [runWorld(seed, 0.25), runWorld(seed, 0.25)];
		equal(one.digest, other.digest, `seed ${seed}`);
		equal(JSON.stringify(one.stats), JSON.stringify(other.stats));
		equal(JSON.stringify([...one.faults]), JSON.stringify([...other.faults]));
	}
});

test("seeds give different worlds", () => {
	const digests = new Set(Array.from({ length: 8 }, (_, seed) => runWorld(seed, 0.02).digest));
	equal(digests.size, 8);
});

test("each kind of fault is on in some worlds and off in others", () => {
	const swarm = Array.from({ length: 100 }, (_, seed) => drawFaults(new Random(seed)));
	for (const kind of FAULT_KINDS) {
		const on = swarm.filter((faults) => faults.some((fault) => fault.kind === kind)).length;
		ok(on > 5 && on < 95, `${kind.name} is on in ${on} of 100 worlds`);
	}
	const sizes = swarm.map((faults) => faults.length);
	ok(Math.min(...sizes) <= 2 && Math.max(...sizes) === FAULT_KINDS.length);
});

test("a swarm of worlds survives, and says what", () => {
	const { status, stdout, stderr } = simulate("--seeds", "200", "--days", "0.25");
	equal(stderr, "");
	equal(status, 0, stdout.slice(-4_000));
	match(stdout, /^ +200 {2}worlds$/m);
	match(stdout, /^ +\d{3,} {2}power cuts$/m);
	match(stdout, /^ +\d{5,} {2}readings$/m);
	match(stdout, /^ +\d{4,} {2}sleeps$/m);
	for (const kind of FAULT_KINDS) ok(stdout.includes(`  ${kind.name}\n`), kind.name);
	match(stdout, /\nseeds 1 to 200: no rule was broken\n$/);
});

/** Worlds in which something was wrong once: with the station (565, readings set aside in a full outbox), or with a rule. */
for (const seed of [348, 565, 670]) {
	test(`the world of seed ${seed}, once broken, is whole`, () => {
		const { status, stdout } = simulate("--seed", `${seed}`, "--days", "0.5");
		equal(status, 0, stdout.slice(-2_000));
	});
}

test("a broken rule is told with the seed, what happened last, and how to repeat it", () => {
	const { status, stdout } = simulateMutant("a redelivery without DUP", "--seeds", "40", "--days", "0.5");
	equal(status, 1, stdout);
	match(stdout, /^0d \d\d:\d\d:\d\d\.\d{3} {2}attempt to connect$/m);
	match(stdout, /^0d \S+ {2}→ PUBLISH \d+, QoS [12](, \w+)*: /m);
	match(stdout, /\nseed \d+, 0d \S+: duplicate flag: reading \d+ came again in the same session without DUP\n/);
	match(stdout, /\nrepeat with: npm run simulate -- --seed \d+ --days 0\.5\n$/);
});

test("one world tells its story, with every packet if it is asked to", () => {
	const story = simulate("--seed", "1", "--days", "0.05");
	equal(story.status, 0, story.stdout);
	match(story.stdout, /^0d 00:00:00\.000 {2}power on \(1\)$/m);
	match(story.stdout, /^0d \S+ {2}reading 1$/m);
	ok(!/ {2}[→←] /.test(story.stdout));
	match(story.stdout, /^ +1 {2}worlds$/m);
	const verbose = simulate("--seed", "1", "--days", "0.05", "--verbose");
	match(verbose.stdout, /^0d \S+ {2}→ PUBLISH .*veleta\/world\/state \{"temperature":/m);
});

test("the deliberate bugs are noticed, each of them", () => {
	const { status, stdout, stderr } = simulate("--mutants", "--days", "0.5");
	equal(stderr, "");
	equal(status, 0, stdout);
	match(stdout, /^(\d+) of \1 deliberate bugs were noticed$/m);
	// A bug's own world spares the search. Where the worlds have changed, the line has the new seed.
	ok(!stdout.includes("does not notice it"), stdout);
});

test("a deliberate bug that the station has no place for is an error, not a bug that is noticed", () => {
	const { status, stdout } = simulateMutant("none", "--seeds", "4", "--workers", "1");
	equal(status, 1, stdout);
	match(stdout, /\nthe thread failed before seed 1 was done: Error: there is no such bug\n/);
});

test("Ctrl-C shows what was done so far, and ends with 130", async () => {
	const program = spawn(process.execPath, [...command, "--seeds", "1000000", "--days", "0.1"]);
	let output = "";
	program.stdout.on("data", (text) => {
		if (output === "") program.kill("SIGINT");
		output += text;
	});
	equal(await ended(program), 130);
	match(output, /^1000000 worlds of 0\.1 days/);
	match(output, /^ +\d+ {2}worlds$/m);
});

test("a wrong option is told in one line, with exit code 2", () => {
	const { status, stdout, stderr } = simulate("--seeds", "many");
	equal(status, 2);
	equal(stdout, "");
	equal(stderr, "--seeds many: must be a whole number from 1 to 1000000000\n");
	for (const [args, message] of [
		[["--days", "0"], /^--days 0: must be a number from 0\.01 to 100$/],
		[["--workers", "1.5"], /^--workers 1\.5: must be a whole number from 1 to 256$/],
		[["--seed", "-1"], /--seed/],
		[["--seed", "1", "--seeds", "2"], /^--seeds: does not go with --seed$/],
		[["--verbose"], /^--verbose: needs --seed$/],
		[["--chaos"], /^Unknown option '--chaos'; npm run simulate -- --help lists the options$/],
		[["five"], /^Unexpected argument 'five'/],
	] as const) {
		ok(throws(() => parseOptions([...args]), message) instanceof UsageError);
	}
	equal(parseOptions(["--help"]), undefined);
});

test("packets are described in a line each", () => {
	const bytes = Uint8Array.of(
		0x3b,
		15,
		0,
		1,
		0x74,
		0,
		5,
		3,
		0x23,
		0,
		1,
		...[0x7b, 0x22, 0x61, 0x22, 0x7d, 0x0a],
		0xc0,
		0,
	);
	const lines = describePackets(bytes.with(16, 0x21), 5);
	equal(lines.join("; "), 'PUBLISH 5, QoS 1, DUP, retain: t {"a"}!; PINGREQ');
	equal(describePackets(Uint8Array.of(0x20, 2, 1, 0), 4).join("; "), "CONNACK, session present");
	equal(describePackets(Uint8Array.of(0x40, 3, 0, 7, 0x97), 5).join("; "), "PUBACK 7, code 0x97");
	equal(describePackets(Uint8Array.of(0x40, 3, 0), 5).join("; "), "3 bytes of a packet");
});

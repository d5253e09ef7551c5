/** The XS engine with the memory of a board: that its limits bite, and that its flash is one. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	closeSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readdirSync,
	readFileSync,
	rmSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { type Creation, creationOf } from "../../hosts/creation.ts";
import { FlashChip } from "../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../hosts/sim/devices/random.ts";
import { Engine, EngineError, eventOf } from "../../hosts/sim/headless/engine.ts";
import { copyOfProject } from "../harness/mcsim.ts";
import { patience } from "../harness/wait.ts";

/** A board's, but for a heap that begins small, so that what is asked for decides how it grows. */
const BOARD: Creation = {
	...creationOf("esp32"),
	heap: { initial: 512, incremental: 64 },
	chunk: { initial: 1_536, incremental: 512 },
};

/** What a test's program does when it is told to; the count is how much of it. */
const PROGRAM = `
	const kept = [];
	const depth = (n) => n > 0 ? 1 + depth(n - 1) : 0;
	const deeds = {
		deep: depth,
		spread: (n) => String.fromCharCode(...new Uint8Array(n)).length,
		apply: (n) => Math.max.apply(null, new Uint8Array(n)),
		slots: (n) => { for (let i = 0; i < n; i++) kept.push({ i }); },
		chunks: (n) => { kept.push(new Uint8Array(n)); },
		garbage: (n) => { for (let i = 0; i < n; i++) ({ bytes: new Uint8Array(100) }); },
		forget: () => { kept.length = 0; },
		text: (n) => { kept.push("x".repeat(n)); },
		nested: (n) => JSON.parse("[".repeat(n) + "]".repeat(n)).length,
		throws: () => { throw new TypeError("no such thing: °C"); },
		later: (n) => { Promise.resolve(n).then((value) => act(1, 2, value, "later")); },
	};
	const names = Object.keys(deeds);
	globalThis.onEvent = (kind, id, count) => {
		const result = deeds[names[kind]](count);
		if (result !== undefined) act(0, 0, result);
	};`;
const DEEDS = [..."deep spread apply slots chunks garbage forget text nested throws later".split(" ")];

async function limited(creation: Creation, run: (engine: Engine, tell: Tell) => Promise<void>): Promise<void> {
	const engine = new Engine();
	let said = "";
	engine.onOutput = (text) => {
		said += text;
	};
	try {
		await engine.evaluate(PROGRAM);
		await engine.limit(creation);
		await run(engine, async (deed, count = 0) => {
			const [action] = await engine.tell(eventOf(DEEDS.indexOf(deed), count));
			return action?.value;
		});
		equal(said, "");
	} finally {
		engine.close();
	}
}
type Tell = (deed: string, count?: number) => Promise<number | undefined>;

const ends = (running: Promise<unknown>, reason: string) =>
	rejects(running, (error) => error instanceof EngineError && error.message.startsWith(`XS abort: ${reason}, in `));

for (const stack of [384, 512, 640]) {
	const creation = { ...BOARD, stack };
	test(`a stack of ${stack} slots: as deep as that, and no deeper`, async () => {
		let deepest = 0;
		await limited(creation, async (engine, tell) => {
			// The same calls take the same slots, so that the first figures tell how many more there is room for.
			await tell("deep", 1);
			const one = engine.figures.highestStack;
			await tell("deep", 11);
			const each = (engine.figures.highestStack - one) / 10;
			ok(each >= 5 && each <= 10, `${each} slots a call`);
			deepest = 1 + Math.floor((stack - one) / each);
			equal(await tell("deep", deepest), deepest);
			ok(engine.figures.highestStack <= stack && engine.figures.highestStack > stack - 2 * each);
			await ends(tell("deep", deepest + 2), "JavaScript stack overflow");
			// It stays ended.
			await ends(tell("deep", 1), "JavaScript stack overflow");
		});
	});
	for (const way of ["spread", "apply"]) {
		test(`a stack of ${stack} slots: ${way} takes one for each element`, async () => {
			await limited(creation, (_, tell) => ends(tell(way, stack), "JavaScript stack overflow"));
			await limited(creation, (_, tell) => ends(tell(way, 30_000), "JavaScript stack overflow"));
			await limited(creation, async (_, tell) => void (await tell(way, stack - 100)));
		});
	}
}

test("a shallow use of many slots counts, after a deep one of fewer", () =>
	limited(BOARD, async (engine, tell) => {
		await tell("deep", 20);
		const deep = engine.figures.highestStack;
		await tell("spread", 500);
		ok(engine.figures.highestStack >= 500 && engine.figures.highestStack > deep);
	}));

test("a recursion inside a built-in function takes the stack, too", () =>
	limited(BOARD, (_, tell) => ends(tell("nested", 1_000), "JavaScript stack overflow")));

test("where the stack is large, the computer's own one ends it", () =>
	limited({ ...BOARD, stack: 60_000, static: 4_000_000 }, (_, tell) =>
		ends(tell("nested", 5_000), "native stack overflow"),
	));

/** The three ways in which boards have memory. */
const MEMORIES: Record<string, Creation> = {
	"one block": BOARD,
	fixed: { stack: 512, heap: { initial: 2_048, incremental: 0 }, chunk: { initial: 32_768, incremental: 0 } },
	"one block, in larger steps": {
		static: 94_208,
		stack: 512,
		heap: { initial: 1_024, incremental: 128 },
		chunk: { initial: 8_192, incremental: 1_024 },
	},
};
for (const [name, creation] of Object.entries(MEMORIES)) {
	const bytes = creation.static ? creation.static - 16 * creation.stack : creation.chunk.initial;
	const slots = creation.static ? bytes / 16 : creation.heap.initial;
	test(`memory, ${name}: bytes that do not fit`, async () => {
		await limited(creation, (_, tell) => ends(tell("chunks", bytes), "memory full"));
		await limited(creation, (_, tell) => ends(tell("text", bytes), "memory full"));
		await limited(creation, async (engine, tell) => {
			await tell("chunks", bytes / 2);
			await ends(tell("chunks", bytes / 2), "memory full");
			ok(engine.highestRam > bytes / 2);
		});
	});

	test(`memory, ${name}: slots that do not fit`, async () => {
		// An object with a property has two, and another in its array.
		await limited(creation, (_, tell) => ends(tell("slots", slots / 2), "memory full"));
		await limited(creation, async (engine, tell) => {
			await tell("slots", slots / 8);
			ok(engine.highestRam >= (slots / 8) * 2 * 16);
		});
	});

	test(`memory, ${name}: garbage does no harm, and what is forgotten makes room`, () =>
		limited(creation, async (engine, tell) => {
			await tell("garbage", 10_000);
			for (let round = 0; round < 20; round++) {
				await tell("chunks", bytes / 2);
				await tell("slots", slots / 16);
				await tell("forget");
			}
			await engine.collect();
			ok(engine.ram < 1_000, `${engine.ram} bytes are left`);
		}));
}

test("a block that has no room for what its heap begins with is refused", async () => {
	const engine = new Engine();
	try {
		const creation = creationOf("esp32");
		await rejects(engine.limit({ ...creation, static: 40_000 }), /^RangeError: a block of 40000 bytes is too small/);
		await engine.limit(creation);
	} finally {
		engine.close();
	}
});

test("what a program took while it was loaded is none of its limits", async () => {
	const engine = new Engine();
	try {
		await engine.evaluate(`const large = Array.from({ length: 20_000 }, (_, index) => ({ index }));
			globalThis.onEvent = () => act(0, 0, large.length);`);
		await engine.evaluate("Array.from({ length: 50_000 }, (_, index) => ({ index })); undefined;");
		await engine.limit({
			stack: 384,
			heap: { initial: 100, incremental: 0 },
			chunk: { initial: 1_000, incremental: 0 },
		});
		equal(engine.ram, 0);
		equal((await engine.tell(eventOf(0)))[0]?.value, 20_000);
		await engine.collect();
		ok(engine.ram < 100);
	} finally {
		engine.close();
	}
});

test("an exception that nobody catches is told, and the engine goes on", () =>
	limited(BOARD, async (_, tell) => {
		await rejects(tell("throws"), /^EngineError: TypeError: no such thing: °C$/);
		equal(await tell("deep", 3), 3);
	}));

test("what a promise does is done when the command is", () =>
	limited(BOARD, async (engine) => {
		const [action] = await engine.tell(eventOf(DEEDS.indexOf("later"), 7));
		deepEqual([action?.kind, action?.id, action?.value, Buffer.from(action!.bytes).toString()], [1, 2, 7, "later"]);
	}));

test("the same command costs the same, in every engine", async () => {
	const costs: number[] = [];
	for (let count = 0; count < 2; count++) {
		await limited(BOARD, async (engine, tell) => {
			await tell("deep", 10);
			costs.push(engine.figures.compute);
			await tell("deep", 20);
			costs.push(engine.figures.compute);
		});
	}
	deepEqual(costs.slice(0, 2), costs.slice(2));
	ok(costs[1]! > costs[0]!);
});

test("a text reaches the host in UTF-8, bytes as they are, and bytes of the host the program in pieces", async () => {
	const engine = new Engine();
	try {
		await engine.evaluate(`globalThis.onEvent = (kind, id, count) => {
			if (kind === 0) { act(1, 2, -0.5, "21 °C Ģ \\u{1f321}"); act(3, 0, 0, Uint8Array.of(9, 8, 7, 6).subarray(1, 3)); act(4); }
			else for (let bytes = take(0, count); bytes; bytes = take(0, count)) act(bytes.byteLength, 0, 0, bytes);
		};`);
		const actions = await engine.tell(eventOf(0));
		deepEqual(
			actions.map(({ kind, id, value, bytes }) => [kind, id, value, Buffer.from(bytes).toString()]),
			[
				[1, 2, -0.5, "21 °C Ģ \u{1f321}"],
				[3, 0, 0, "\b\x07"],
				[4, 0, 0, ""],
			],
		);
		const pieces = await engine.tell(eventOf(1, 4, Buffer.from("0123456789")));
		deepEqual(
			pieces.map(({ bytes }) => Buffer.from(bytes).toString()),
			["0123", "4567", "89"],
		);
		await rejects(engine.evaluate("act(0, 0, 0, {})"), /TypeError/);
	} finally {
		engine.close();
	}
});

test("an idle engine takes at most 16 MB of memory", { skip: process.platform !== "linux" && "reads /proc" }, () =>
	limited(BOARD, async (engine, tell) => {
		await tell("deep", 20);
		const [, size] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${engine.process.pid}/status`, "utf8"))!;
		ok(Number(size) <= 16_384, `${size} kB`);
	}),
);

/** The same operations on the engine's flash and on the simulated chip of the worlds. */
test("its flash does what the simulated chip does, and is in the file at once", async () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-engine-"));
	const path = join(folder, "flash");
	const blocks = 3;
	writeFileSync(path, new Uint8Array(blocks * 4_096).fill(0xff));
	const file = openSync(path, "r+");
	const engine = new Engine({ flash: file });
	const chip = new FlashChip({ blockLength: 4_096, blocks });
	try {
		await engine.evaluate(`globalThis.onEvent = (kind, id, count) => {
			try {
				if (kind === 0) act(0, 0, 0, JSON.stringify(flash.status()));
				if (kind === 1) act(0, 0, 0, flash.read(new Uint16Array(take(0))[0], count));
				if (kind === 2) act(0, 0, 0, "" + flash.write(new Uint8Array(take(0) ?? 0), count));
				if (kind === 3) act(0, 0, 0, "" + flash.eraseBlock(count));
			} catch (error) {
				act(1, 0, 0, error.name);
			}
		};`);
		const [status] = await engine.tell(eventOf(0));
		deepEqual(JSON.parse(Buffer.from(status!.bytes).toString()), chip.status());
		const random = createRandom(7);
		const below = (bound: number) => Math.floor(random() * bound);
		let refused = 0;
		for (let step = 0; step < 2_000; step++) {
			const offset = below(blocks * 4_096 + 8);
			const length = below(40);
			const kind = 1 + below(2) + (step % 50 === 0 ? 1 : 0);
			const bytes = Uint8Array.from({ length }, () => below(256));
			const at = kind === 3 ? below(blocks + 1) : offset;
			const [action] = await engine.tell(
				eventOf(kind, at, kind === 1 ? new Uint8Array(Uint16Array.of(length).buffer) : kind === 2 ? bytes : undefined),
			);
			let expected: Uint8Array | undefined;
			try {
				if (kind === 1) expected = new Uint8Array(chip.read(length, at));
				if (kind === 2) chip.write(bytes, at);
				if (kind === 3) chip.eraseBlock(at);
			} catch (error) {
				refused++;
				equal(Buffer.from(action!.bytes).toString(), (error as Error).name);
				continue;
			}
			equal(action!.kind, 0);
			if (expected) deepEqual(Uint8Array.from(action!.bytes), expected);
			if (step % 100 === 0) deepEqual(new Uint8Array(readFileSync(path)), chip.image);
		}
		ok(refused > 5 && refused < 100, `${refused} refused`);
		// Killed, with no time to say goodbye: what was written is there.
		await engine.tell(eventOf(2, 0, Uint8Array.of(0)));
		engine.process.kill("SIGKILL");
		await rejects(engine.tell(eventOf(0)), /SIGKILL/);
		chip.write(Uint8Array.of(0), 0);
		deepEqual(new Uint8Array(readFileSync(path)), chip.image);
	} finally {
		engine.close();
		closeSync(file);
		rmSync(folder, { recursive: true });
	}
});

test("a file that refuses a write, also in the middle of it, ends the engine, and nothing of that command is told", async () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-engine-"));
	const path = join(folder, "flash");
	writeFileSync(path, new Uint8Array(3 * 4_096).fill(0xff));
	const file = openSync(path, "r+");
	const engine = new Engine({ flash: file, flashName: "station.flash" });
	try {
		await engine.evaluate(`globalThis.onEvent = (kind, id, count) => {
			act(1);
			flash.write(new Uint8Array(take(0)), count);
		};`);
		await engine.tell(eventOf(2, 4_096, Uint8Array.of(1)));
		equal(spawnSync("prlimit", ["--pid", String(engine.process.pid), "--fsize=5000"]).status, 0);
		await engine.tell(eventOf(2, 4_990, new Uint8Array(10)));
		await rejects(engine.tell(eventOf(2, 4_990, new Uint8Array(20))), {
			message: "station.flash cannot be written (File too large)",
		});
		ok(engine.ended);
	} finally {
		engine.close();
		closeSync(file);
		rmSync(folder, { recursive: true });
	}
});

test("without a flash there is none", async () => {
	const engine = new Engine();
	try {
		await engine.evaluate(`if ("flash" in globalThis) throw new Error("a flash");`);
	} finally {
		engine.close();
	}
});

test("a program that is none is told", async () => {
	const engine = new Engine();
	try {
		await rejects(engine.evaluate("onEvent ="), /^EngineError: SyntaxError/);
	} finally {
		engine.close();
	}
});

test("a lock that a power cut left empty does not keep the engine from being built", () => {
	const project = copyOfProject("engine-lock");
	const lock = join(project, "build/engine/lock");
	mkdirSync(join(lock, ".."), { recursive: true });
	writeFileSync(lock, "");
	const aMinuteAgo = new Date(Date.now() - 60_000);
	utimesSync(lock, aMinuteAgo, aMinuteAgo);
	const { status, stderr } = spawnSync(
		process.execPath,
		["--input-type=module", "-e", `await (await import("./tools/engine.js")).buildEngine();`],
		{ cwd: project, env: { CC: "/nowhere/cc" }, encoding: "utf8", timeout: patience() },
	);
	equal(status, 1, stderr);
	ok(stderr.includes("the XS engine needs a C compiler"), stderr);
});

test("without Mbed TLS a board's TLS is refused in one line, and the plain engine does not need it", () => {
	const project = copyOfProject("engine-tls");
	const engines = join(project, "build/engine");
	rmSync(engines, { recursive: true, force: true });
	// A compiler that has everything else.
	const compiler = join(project, "cc");
	const script = `#!/bin/sh
case "$*" in *mbedtls.c*) echo "mbedtls/ssl.h: No such file or directory" >&2; exit 1;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2" && chmod +x "$2"; shift; done`;
	writeFileSync(compiler, script, { mode: 0o755 });
	const { status, stdout, stderr } = spawnSync(
		process.execPath,
		["tools/run.js", "--engine", "commands/start/start.ts", "--board-tls"],
		{ cwd: project, env: { ...process.env, CC: compiler }, encoding: "utf8", timeout: patience() },
	);
	equal(status, 2, stderr);
	equal(stdout, "");
	deepEqual(readdirSync(engines).sort(), ["objects", "sources", "xs"]);
	equal(
		stderr.trimEnd().split("\n").at(-1),
		"TLS as on a board needs Mbed TLS with its headers: apt-get install libmbedtls-dev",
	);
	equal(stderr.match(/^builds .*/gm)?.length, 1, stderr);
});

test("XS itself is compiled once for both engines, and again for the one with TLS where it is not there", () => {
	const project = copyOfProject("engine-objects");
	const [engines, compiler, calls] = ["build/engine", "cc", "calls"].map((name) => join(project, name)) as [
		string,
		string,
		string,
	];
	rmSync(engines, { recursive: true, force: true });
	const script = `#!/bin/sh
echo "$*" >> "${calls}"
while [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2" && chmod +x "$2"; shift; done`;
	writeFileSync(compiler, script, { mode: 0o755 });
	const build = (...engines: object[]) => {
		writeFileSync(calls, "");
		const code = `import { buildEngine } from "./tools/engine.js";
			for (const engine of ${JSON.stringify(engines)}) await buildEngine(engine);`;
		const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
			cwd: project,
			env: { ...process.env, CC: compiler },
			encoding: "utf8",
			timeout: patience(),
		});
		equal(status, 0, stderr);
		const lines = readFileSync(calls, "utf8").split("\n");
		return ["xsRun.c", "globals.c", "trust.c"].map(
			(name) => lines.filter((line) => line.includes(` -c `) && line.includes(`/${name} `)).length,
		);
	};
	deepEqual(build({}, { withTls: true }), [1, 2, 1]);
	rmSync(join(engines, "xs-tls"));
	rmSync(join(engines, "objects"), { recursive: true });
	deepEqual(build({ withTls: true }), [1, 1, 1]);
});

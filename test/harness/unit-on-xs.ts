/** The unit tests once more, inside the engine that the board runs, with the stack that the board has. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { type Creation, creationOf } from "../../hosts/creation.ts";
import { Engine, eventOf } from "../../hosts/sim/headless/engine.ts";
import { patience } from "./wait.ts";
import { Ask } from "./xs.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "xs");
const units: string[] = JSON.parse(readFileSync(join(folder, "units.json"), "utf8"));

async function ask(engine: Engine, kind: number, count = 0) {
	const [answer] = await engine.tell(eventOf(kind, count));
	return JSON.parse(Buffer.from(answer!.bytes).toString());
}

/**
 * The stack is a board's. The heap is not, since it has to hold the test's own world, too:
 * transcripts, a simulated flash, a broker. What the station takes of a board's heap is looked at
 * where it is alone in an engine: in the integration tests, and in bench.
 */
const CREATION: Creation = {
	...creationOf("esp32"),
	static: 64 * 1_024 * 1_024,
	heap: { initial: 262_144, incremental: 65_536 },
	chunk: { initial: 8 * 1_024 * 1_024, incremental: 1_024 * 1_024 },
};

for (const unit of units) {
	test(`${unit} inside XS`, async (context) => {
		const script = readFileSync(join(folder, `${unit}.js`), "utf8");
		const start = async () => {
			const engine = new Engine();
			await engine.evaluate(script);
			await engine.limit(CREATION);
			return engine;
		};
		let engine = await start();
		try {
			const names: string[] = await ask(engine, Ask.Names);
			for (const [index, name] of names.entries()) {
				// One that never ends must not take the whole run with it.
				await context.test(name, { timeout: patience() }, async () => {
					if (engine.ended) engine = await start();
					const result = await ask(engine, Ask.Run, index);
					if (!result.passed) throw new Error(result.stack);
				});
			}
		} finally {
			engine.close();
		}
	});
}

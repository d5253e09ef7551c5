/** The example of docs/session.md, as it is written there. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleProgram } from "../harness/bundle.ts";
import { commandScenario, exitCode } from "../harness/mqtt-command.ts";
import { Program } from "../harness/program.ts";

const ROOT = process.cwd();

commandScenario(
	"The example of docs/session.md publishes, receives what it published, and disconnects.",
	async (parts, programs) => {
		const page = readFileSync(join(ROOT, "docs/session.md"), "utf8");
		const [, example = ""] = /^```ts\n(.*?)^```$/ms.exec(page) ?? [];
		// In a folder of the project, as `docs/` is: its imports begin with "../".
		mkdirSync(join(ROOT, "build"), { recursive: true });
		writeFileSync(join(ROOT, "build/session-example.ts"), example);
		const program = await bundleProgram("build/session-example.ts");

		const broker = await parts.mosquitto();
		const run = programs.own(new Program("the example", process.execPath, [program, String(broker.port)], ROOT));
		assert.equal(await exitCode(run), 0);
		assert.deepEqual(run.lines.toSorted(), ["casa/cocina 21.5 °C", "the broker has the message to casa/cocina"]);
		assert.equal(broker.count(/Received DISCONNECT from example-/), 1);
	},
);

/** The unit tests once more, inside the engine that the board runs. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { XsWorker } from "../../hosts/sim/headless/xs-worker.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "xs");
const units: string[] = JSON.parse(readFileSync(join(folder, "units.json"), "utf8"));

/** A unit test takes milliseconds; one that never ends must not take the whole run with it. */
const TIMEOUT_MS = 60_000;

for (const unit of units) {
	test(`${unit} inside XS`, async (context) => {
		const worker = new XsWorker();
		try {
			await worker.evaluate(readFileSync(join(folder, `${unit}.js`), "utf8"));
			const names: string[] = JSON.parse((await worker.call(new Uint8Array(0))).toString());
			for (const [index, name] of names.entries()) {
				await context.test(name, { timeout: TIMEOUT_MS }, async () => {
					const command = new Uint8Array(4);
					new DataView(command.buffer).setUint32(0, index);
					const result = JSON.parse((await worker.call(command)).toString());
					if (!result.passed) throw new Error(result.stack);
				});
			}
		} finally {
			worker.close();
		}
	});
}

/** In the process of each test file, for `npm test -- --times`: at its end a line with what it took, on Linux. */
import { appendFileSync, readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** Units of /proc in a second. */
const TICKS = 100;

process.on("exit", () => {
	const file = process.argv[1];
	// Node's runner has this in its own process, too, and a file in its threads.
	if (!file?.endsWith(".test.js") || !isMainThread) return;
	const fields = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1).split(" ");
	const [user, system, childrensUser, childrensSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) / TICKS);
	const times = [user + system, childrensUser + childrensSystem, performance.now() / 1_000];
	appendFileSync(process.env.TEST_TIMES, `${JSON.stringify({ file, times })}\n`);
});

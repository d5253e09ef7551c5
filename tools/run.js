/**
 * Runs a TypeScript program of this project, one of `commands/` or another one:
 * `node tools/run.js [--engine] FILE [ARGUMENT…]`; with the firmware and the XS engine, if it runs those.
 */
import { pathToFileURL } from "node:url";
import { buildFirmware, buildMqttPacket, bundleProgram, NotWritableError } from "./build.js";
import { buildEngine, EngineBuildError } from "./engine.js";

/** Time between two looks at the shell, in ms. */
const LOOK_MS = 500;

const engine = process.argv[2] === "--engine";
const [file, ...rest] = process.argv.slice(engine ? 3 : 2);
if (file === undefined) {
	process.stderr.write("usage: node tools/run.js [--engine] FILE [ARGUMENT…]\n");
	process.exit(2);
}
watchShell();
let program;
try {
	// `--help` need not wait for a build; nor -h as the last argument, which is the same or lacks its value.
	if (engine && !rest.includes("--help") && rest.at(-1) !== "-h") {
		await buildEngine();
		await buildFirmware();
	} else await buildMqttPacket();
	program = await bundleProgram(file);
} catch (error) {
	if (!(error instanceof EngineBuildError || error instanceof NotWritableError)) throw error;
	process.stderr.write(`${error.message}\n`);
	process.exit(1);
}
process.argv.splice(1, process.argv.length, program, ...rest);
await import(pathToFileURL(program).href);

/**
 * npm hands SIGTERM on to its shell only, which ends without what it has started. Programs that end in good order listen
 * to the event; others are ended.
 */
function watchShell() {
	if (process.env.npm_lifecycle_event === undefined) return;
	const parent = process.ppid;
	const timer = setInterval(() => {
		if (process.ppid === parent) return;
		clearInterval(timer);
		if (!process.emit("shell-ended")) process.kill(process.pid, "SIGTERM");
	}, LOOK_MS);
	timer.unref();
}

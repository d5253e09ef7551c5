/**
 * Runs a TypeScript program of this project, one of `commands/` or another one:
 * `node tools/run.js [--engine] FILE [ARGUMENT…]`; with the firmware and the XS engine, if it runs those.
 */
import { pathToFileURL } from "node:url";
import { buildFirmware, buildMqttPacket, bundleProgram } from "./build.js";
import { buildEngine, EngineBuildError } from "./engine.js";

const engine = process.argv[2] === "--engine";
const [file, ...rest] = process.argv.slice(engine ? 3 : 2);
if (file === undefined) {
	process.stderr.write("usage: node tools/run.js [--engine] FILE [ARGUMENT…]\n");
	process.exit(2);
}
// `--help` need not wait for a build.
if (engine && !rest.some((argument) => argument === "--help" || argument === "-h")) {
	try {
		await buildEngine();
	} catch (error) {
		if (!(error instanceof EngineBuildError)) throw error;
		process.stderr.write(`${error.message}\n`);
		process.exit(1);
	}
	await buildFirmware();
} else await buildMqttPacket();
const program = await bundleProgram(file);
process.argv.splice(1, process.argv.length, program, ...rest);
await import(pathToFileURL(program).href);

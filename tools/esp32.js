/** `npm run build:esp32 [-- --board NAME]`: the firmware for a board, with the user's Moddable SDK and ESP-IDF. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, buildMqttPacket } from "./build.js";
import { buildConfig, importTypeScript } from "./config.js";
import { buildForModdable } from "./device.js";
import { sizeOf } from "./linked-size.js";
import { command, findIdf, findSdk, mcconfig, outFolder, start, ToolError, which } from "./moddable.js";

const { BOARDS, DEFAULT_BOARD } = await importTypeScript("hosts/esp32/boards.ts");

const help = `usage: node tools/esp32.js build [--board NAME]
       node tools/esp32.js deploy [--board NAME]
       node tools/esp32.js size [--board NAME]

build makes the firmware for a board; deploy makes it and writes it to the
board at UPLOAD_PORT (or the only serial port there is). Both need the Moddable
SDK, ESP-IDF and a config.json with wifi: see docs/esp32.md. size links the
JavaScript only, which needs the SDK and make, and says how large it is.

  --board NAME   (default ${DEFAULT_BOARD})
${Object.entries(BOARDS)
	.map(([name, { title }]) => `                 ${name.padEnd(14)} ${title}\n`)
	.join("")}`;

const TARGETS = ["build", "deploy", "size"];

await command(help, { board: { type: "string" } }, async ({ board = DEFAULT_BOARD }, [target = "build", ...rest]) => {
	if (!TARGETS.includes(target) || rest.length > 0) {
		throw new ToolError(`${rest[0] ?? target}: the commands are ${TARGETS.join(", ")}; see --help`, 2);
	}
	if (!Object.hasOwn(BOARDS, board)) {
		throw new ToolError(`--board ${board}: the boards are ${Object.keys(BOARDS).join(", ")}`, 2);
	}
	const { platform } = BOARDS[board];
	const sdk = findSdk();
	if (target !== "size") findIdf(sdk);
	await buildConfig({ board, needsWifi: target !== "size" });
	await buildMqttPacket();
	await buildForModdable("esp32");
	// The linker adds the names of its last run to those there are, so that those of an earlier program would stay.
	rmSync(join(workFolder(platform), "modules/mc.xsi"), { force: true });
	const code =
		target === "size" ? await linkJavaScript(sdk, platform) : await mcconfig(sdk, ["-m", "-p", platform, "-t", target]);
	if (code !== 0) return code;
	reportSize(board);
	return 0;
});

/** Where mcconfig works for a platform. */
function workFolder(platform) {
	return join(outFolder, "tmp", platform, "release/veleta");
}

/** Compiles and links the JavaScript and no C, for which no ESP-IDF is needed; resolves with make's exit code. */
async function linkJavaScript(sdk, platform) {
	const make = which("make", sdk.path);
	if (!make) throw new ToolError("make is missing: install it with your system's packages");
	const code = await mcconfig(sdk, ["-p", platform]);
	if (code !== 0) return code;
	const folder = workFolder(platform);
	const sdkconfig = join(folder, "no-sdkconfig.h");
	writeFileSync(sdkconfig, "");
	const variables = ["IDF_PATH=.", "IDF_VERSION=none", `SDKCONFIG_H=${sdkconfig}`];
	return start(make, ["-s", "-C", folder, "-f", "makefile", ...variables, join(folder, "mc.xs.c")], sdk.environment);
}

/** Says how large what was linked last is, here and, for `npm run bench`, in a file. */
function reportSize(board) {
	const size = sizeOf(readFileSync(join(workFolder(BOARDS[board].platform), "mc.xs.c"), "utf8"));
	writeFileSync(join(buildFolder, "esp32-size.json"), `${JSON.stringify({ board, ...size })}\n`);
	const { linkedJavaScript, slots, names } = size;
	process.stdout.write(`${board}: ${linkedJavaScript} bytes of linked JavaScript, ${slots} slots, ${names} names\n`);
}

/** `npm run build:esp32 [-- --board NAME]`: the firmware for a board, with the user's Moddable SDK and ESP-IDF. */
import { buildMqttPacket } from "./build.js";
import { buildConfig, importTypeScript } from "./config.js";
import { command, findIdf, findSdk, mcconfig, ToolError } from "./moddable.js";

const { BOARDS, DEFAULT_BOARD } = await importTypeScript("hosts/esp32/boards.ts");

const help = `usage: node tools/esp32.js build [--board NAME]
       node tools/esp32.js deploy [--board NAME]

build makes the firmware for a board; deploy makes it and writes it to the
board at UPLOAD_PORT (or the only serial port there is). Both need the Moddable
SDK, ESP-IDF and a config.json with wifi: see docs/esp32.md.

  --board NAME   (default ${DEFAULT_BOARD})
${Object.entries(BOARDS)
	.map(([name, { title }]) => `                 ${name.padEnd(14)} ${title}\n`)
	.join("")}`;

await command(help, { board: { type: "string" } }, async ({ board = DEFAULT_BOARD }, [target = "build", ...rest]) => {
	if (!["build", "deploy"].includes(target) || rest.length > 0) {
		throw new ToolError(`${rest[0] ?? target}: the commands are build and deploy; see --help`, 2);
	}
	if (!Object.hasOwn(BOARDS, board)) {
		throw new ToolError(`--board ${board}: the boards are ${Object.keys(BOARDS).join(", ")}`, 2);
	}
	const sdk = findSdk();
	findIdf(sdk);
	await buildConfig({ board, needsWifi: true });
	await buildMqttPacket();
	return mcconfig(sdk, ["-m", "-p", BOARDS[board].platform, "-t", target]);
});

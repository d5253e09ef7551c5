/** `npm run build:esp32` and `npm run flash`: the firmware for a board, with the user's Moddable SDK and ESP-IDF. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, buildMqttPacket, root } from "./build.js";
import { buildConfig, configModule, importTypeScript } from "./config.js";
import { buildForModdable } from "./device.js";
import { buildFirmware, buildPlace, keepIfSame, writeFirmware } from "./firmware.js";
import { sizeOf } from "./linked-size.js";
import { command, findIdf, findSdk, mcconfig, start, ToolError, which } from "./moddable.js";
import { closePort, findPort, openPort, PORT_HELP, PORT_OPTION } from "./serial-port.js";
import { readSettings } from "./settings-file.js";

const { BOARDS, DEFAULT_BOARD } = await importTypeScript("hosts/esp32/boards.ts");

const help = `usage: npm run build:esp32 -- [--board NAME] [--tls]
       npm run flash -- [--board NAME] [--tls] [--port PORT]
       node tools/esp32.js size [--board NAME] [--tls]

build:esp32 makes the firmware for a board; flash makes it and writes it to the
board. Both need the Moddable SDK and ESP-IDF: see docs/esp32.md. Settings come
from config.json, if there is one; \`npm run provision\` sends them later. size
links the JavaScript only, which needs the SDK and make, and says how large it is.

  --tls          with TLS, for a broker at mqtts:// that is given to the board later;
                 one in config.json brings it by itself
${PORT_HELP}  --board NAME   (default ${DEFAULT_BOARD})
${Object.entries(BOARDS)
	.map(([name, { title }]) => `                 ${name.padEnd(14)} ${title}\n`)
	.join("")}`;

const TARGETS = { build: 2, flash: 3, size: 1 };
const options = { ...PORT_OPTION, board: { type: "string" }, tls: { type: "boolean" } };

await command(help, options, async (values, [target = "build", ...rest]) => {
	const { board = DEFAULT_BOARD, tls = false } = values;
	if (!Object.hasOwn(TARGETS, target) || rest.length > 0) {
		throw new ToolError(`${rest[0] ?? target}: the commands are ${Object.keys(TARGETS).join(", ")}; see --help`, 2);
	}
	if (!Object.hasOwn(BOARDS, board)) {
		throw new ToolError(`--board ${board}: the boards are ${Object.keys(BOARDS).join(", ")}`, 2);
	}
	const { platform } = BOARDS[board];
	// What is wrong with the settings is said first: it needs no tools.
	await buildConfig({ board });
	const sdk = findSdk();
	if (target !== "size") findIdf(sdk);
	// Said now, and not after minutes of building.
	const port = target === "flash" ? await freePort(values.port) : undefined;
	const step = (number, text) => process.stderr.write(`${number}/${TARGETS[target]} ${text}\n`);

	step(1, `the program for ${board}`);
	await buildMqttPacket();
	const hasTls = await buildForModdable("esp32", { tls });
	const place = buildPlace({ board, platform, tls: hasTls });
	keepIfSame(place.folder, linkedFiles());
	if (target === "size") {
		const code = await linkJavaScript(sdk, place);
		if (code !== 0) return code;
	} else {
		step(2, "the firmware: ESP-IDF takes some minutes the first time, and less than one later");
		await buildFirmware(sdk, place);
	}
	reportSize(board, hasTls, place);
	if (port !== undefined) {
		step(3, `writing it to the board at ${port}`);
		await writeFirmware(sdk, place, port);
	}
	if (target !== "size") await sayNext({ ...values, port });
	return 0;
});

/** A port that can be opened now. */
async function freePort(wanted) {
	const path = await findPort(wanted);
	await closePort(await openPort(path));
	return path;
}

/** What to do next, in one line for each. */
async function sayNext({ board, tls, port }) {
	const settings = await readSettings(join(root, "config.json"));
	const say = (text) => process.stdout.write(`${text}\n`);
	const at = port === undefined ? "" : ` -- --port ${port}`;
	if (port === undefined) {
		const options = [...(board ? ["--board", board] : []), ...(tls ? ["--tls"] : [])].join(" ");
		say(`next: plug the board in, and \`npm run flash${options && ` -- ${options}`}\``);
	} else say(`next: \`npm run monitor${at}\` shows what the board does`);
	if (!settings?.wifi || settings.wifi.length === 0) {
		const why = settings === undefined ? "there is no config.json" : "config.json has no wifi";
		say(`${why}: the board waits for its settings, which \`npm run provision${at}\` sends`);
	} else if (port !== undefined) {
		say(`settings that \`npm run provision\` once sent to this board still go before config.json`);
	}
}

/** What the project gives to the linker, and the manifests that say what the SDK does. */
function linkedFiles() {
	const modules = join(buildFolder, "modules/esp32");
	const board = readdirSync(join(root, "hosts/esp32"), { recursive: true })
		.filter((name) => name.endsWith(".json"))
		.map((name) => join("hosts/esp32", name));
	const manifests = ["manifest.json", ...board];
	return [
		...manifests.map((path) => join(root, path)),
		configModule,
		...readdirSync(modules).map((name) => join(modules, name)),
	].sort();
}

/** Compiles and links the JavaScript and no C, for which no ESP-IDF is needed; resolves with make's exit code. */
async function linkJavaScript(sdk, { platform, out, folder }) {
	const make = which("make", sdk.path);
	if (!make) throw new ToolError("make is missing: install it with your system's packages");
	const code = await mcconfig(sdk, ["-p", platform], out);
	if (code !== 0) return code;
	const sdkconfig = join(folder, "no-sdkconfig.h");
	writeFileSync(sdkconfig, "");
	const variables = ["IDF_PATH=.", "IDF_VERSION=none", `SDKCONFIG_H=${sdkconfig}`];
	return start(make, ["-s", "-C", folder, "-f", "makefile", ...variables, join(folder, "mc.xs.c")], sdk.environment);
}

/** Says how large what was linked last is, here and, for `npm run bench`, in a file. */
function reportSize(board, tls, { folder }) {
	const size = sizeOf(readFileSync(join(folder, "mc.xs.c"), "utf8"));
	writeFileSync(join(buildFolder, "esp32-size.json"), `${JSON.stringify({ board, tls, ...size })}\n`);
	const { linkedJavaScript, slots, names } = size;
	const what = `${board}${tls ? ", with TLS" : ""}`;
	process.stdout.write(`${what}: ${linkedJavaScript} bytes of linked JavaScript, ${slots} slots, ${names} names\n`);
}

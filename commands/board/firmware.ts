/** The firmware for a board, with the user's Moddable SDK and ESP-IDF: the common part of `build:esp32`, `flash` and `size:esp32`. */
import { existsSync } from "node:fs";
import { BOARDS, DEFAULT_BOARD } from "../../hosts/esp32/boards.ts";
import type { Settings } from "../../src/settings.ts";
import { buildMqttPacket } from "../../tools/build.js";
import { buildForModdable } from "../../tools/device.js";
import {
	buildFirmware,
	buildPlace,
	keepIfSame,
	linkedFiles,
	linkedSize,
	linkJavaScript,
	writeFirmware,
} from "../../tools/firmware.js";
import { findIdf, findSdk } from "../../tools/moddable.js";
import { buildSettings, CONFIG_FILE } from "../device-settings.ts";
import { type Command, EXIT_DONE, HELP, print, readLine, say, UsageError, VALUE } from "../frame.ts";
import { closePort, findPort, openPort, PORT_HELP, PORT_OPTION } from "./serial-port.ts";

const USAGE = `usage: npm run build:esp32 -- [--board NAME]
       npm run flash -- [--board NAME] [--port PORT]
       npm run size:esp32 -- [--board NAME]

build:esp32 makes the firmware for a board; flash makes it and writes it to the
board. Both need the Moddable SDK and ESP-IDF: see docs/esp32.md. Settings come
from config.json, if there is one; \`npm run provision\` sends them later.
size:esp32 links the JavaScript only, which needs the SDK and make, and says how
large it is.

${PORT_HELP}  --board NAME   (default ${DEFAULT_BOARD})
${Object.entries(BOARDS)
	.map(([name, { title }]) => `                 ${name.padEnd(14)} ${title}\n`)
	.join("")}`;

const OPTIONS = { board: VALUE, help: HELP };
/** The commands, and how many steps each takes. */
const STEPS = { "build:esp32": 2, flash: 3, "size:esp32": 1 };
type Name = keyof typeof STEPS;

interface Wanted {
	readonly board?: string | undefined;
	readonly port?: string | undefined;
}

export function boardCommand(name: Name): Command<Wanted> {
	const line = { name: `npm run ${name}`, options: name === "flash" ? { ...PORT_OPTION, ...OPTIONS } : OPTIONS };
	const read = (args: string[]): Wanted | undefined => {
		const values = readLine(args, line)?.values;
		if (values?.board !== undefined) checkBoard(values.board);
		return values;
	};
	return { ...line, help: USAGE, read, run: (wanted) => make(name, wanted) };
}

/** Throws a `UsageError` unless there is such a board. */
export function checkBoard(name: string): void {
	if (Object.hasOwn(BOARDS, name)) return;
	throw new UsageError(`--board ${name}: the boards are ${Object.keys(BOARDS).join(", ")}`);
}

async function make(name: Name, wanted: Wanted): Promise<number> {
	const { board = DEFAULT_BOARD } = wanted;
	// The settings' faults come first: checking them needs no tools.
	const settings = buildSettings({ board });
	const sdk = findSdk();
	if (name !== "size:esp32") findIdf(sdk);
	// The port's faults come now, and not after minutes of building.
	const port = name === "flash" ? await freePort(wanted.port) : undefined;
	const step = (number: number, text: string) => say(`${number}/${STEPS[name]} ${text}`);

	step(1, `the program for ${board}`);
	const place = await buildProgram(board);
	if (name === "size:esp32") {
		const code = await linkJavaScript(sdk, place);
		if (code !== 0) return code;
	} else {
		step(2, "the firmware: ESP-IDF takes some minutes the first time, and less than one later");
		await buildFirmware(sdk, place);
	}
	const { linkedJavaScript, slots, names } = linkedSize(place, board);
	print(`${board}: ${linkedJavaScript} bytes of linked JavaScript, ${slots} slots, ${names} names`);
	if (port !== undefined) {
		step(3, `writing it to the board at ${port}`);
		await writeFirmware(sdk, place, port);
	}
	if (name !== "size:esp32") sayNext({ ...wanted, port }, settings);
	return EXIT_DONE;
}

/** Makes the JavaScript for a board whose settings are built, and gives the place where mcconfig goes on. */
export async function buildProgram(board: string) {
	await buildMqttPacket();
	await buildForModdable("esp32");
	const place = buildPlace({ board, platform: BOARDS[board]!.platform });
	keepIfSame(place.folder, linkedFiles());
	return place;
}

/** A port that can be opened now. */
async function freePort(wanted: string | undefined): Promise<string> {
	const path = await findPort(wanted);
	await closePort(await openPort(path));
	return path;
}

/** Prints the user's next steps, a line each. */
function sayNext({ board, port }: Wanted, { wifi }: Settings): void {
	const at = port === undefined ? "" : ` -- --port ${port}`;
	if (port === undefined) {
		print(`next: plug the board in, and \`npm run flash${board ? ` -- --board ${board}` : ""}\``);
	} else print(`next: \`npm run monitor${at}\` shows what the board does`);
	if (wifi.length === 0) {
		const why = existsSync(CONFIG_FILE) ? "config.json has no wifi" : "there is no config.json";
		print(`${why}: the board waits for its settings, which \`npm run provision${at}\` sends`);
	} else if (port !== undefined) {
		print("settings that `npm run provision` once sent to this board still go before config.json");
	}
}

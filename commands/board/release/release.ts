/** `npm run release`: firmware to give away, one image for each board, and a page that installs it from a browser. */
import { join, relative } from "node:path";
import { BOARDS } from "../../../hosts/esp32/boards.ts";
import { SETTINGS } from "../../../src/settings/table.ts";
import { buildFolder, root } from "../../../tools/build.js";
import { buildFirmware, flashParts, linkedSize } from "../../../tools/firmware.js";
import { findIdf, findSdk } from "../../../tools/moddable.js";
import { buildGivenSettings } from "../../device-settings.ts";
import {
	type Command,
	EXIT_DONE,
	FLAG,
	HELP,
	LIST,
	numberOf,
	print,
	readLine,
	say,
	UsageError,
	VALUE,
	type Values,
} from "../../frame.ts";
import { buildProgram, checkBoard } from "../firmware.ts";
import { PAGE, ReleaseFolder } from "./release-folder.ts";
import { serveFolder } from "./serving.ts";

const FOLDER = join(buildFolder, "release");
const DEFAULT_PORT = 8_032;

const USAGE = `usage: npm run release -- [--folder FOLDER] [--board NAME]… [--update-key KEY]…
       npm run release -- [--folder FOLDER] --serve [--http-port N]

Makes firmware to give away: for each board one image for esptool, and a page,
${PAGE}, that installs it from Chrome or Edge, and gives the board its
Wi-Fi and its broker over USB. Nothing of config.json is in it, nor any secret.
It needs the Moddable SDK and ESP-IDF: see docs/esp32.md.

  --folder FOLDER   (default ${relative(root, FOLDER)}) an earlier release there is replaced
  --board NAME      only this one; may be given several times:
${list(Object.keys(BOARDS))}
  --update-key KEY  builds in a public key that signs updates, as
                    \`npm run update -- --new-key\` shows it; up to ${SETTINGS.updateKeys.maxItems}
  --serve           serves what was made at http://localhost, until Ctrl-C
  --http-port N     (default ${DEFAULT_PORT})
`;

/** Names in lines for a terminal of 80 columns. */
function list(names: readonly string[]): string {
	const half = Math.ceil(names.length / 2);
	return [names.slice(0, half), names.slice(half)].map((part) => `${" ".repeat(20)}${part.join(", ")}`).join(",\n");
}

const LINE = {
	name: "npm run release",
	options: { folder: VALUE, board: LIST, "update-key": LIST, serve: FLAG, "http-port": VALUE, help: HELP },
};
type Wanted = Values<typeof LINE.options>;

export const command: Command<Wanted> = { ...LINE, help: USAGE, read, run };

function read(args: string[]): Wanted | undefined {
	const values = readLine(args, LINE)?.values;
	const { board, serve, "update-key": keys, "http-port": port } = values ?? {};
	for (const name of board ?? []) checkBoard(name);
	if (serve && (board || keys)) throw new UsageError("--serve: serves what was made, and makes nothing");
	if (port !== undefined && !serve) throw new UsageError("--http-port goes with --serve");
	if (port !== undefined) numberOf("--http-port", port, 0, 65_535, true);
	const { pattern, problem } = SETTINGS.updateKeys.items;
	if (keys?.some((key) => !new RegExp(pattern).test(key))) throw new UsageError(`--update-key: ${problem}`);
	if (keys && keys.length > SETTINGS.updateKeys.maxItems)
		throw new UsageError(`--update-key: ${SETTINGS.updateKeys.problem}`);
	return values;
}

async function run(wanted: Wanted): Promise<number> {
	const { board, serve, "update-key": updateKeys, "http-port": port, folder = FOLDER } = wanted;
	if (serve) return serveFolder(folder, PAGE, Number(port ?? DEFAULT_PORT));
	const release = new ReleaseFolder(folder);
	const names = [...new Set(board ?? Object.keys(BOARDS))];
	const sdk = findSdk();
	findIdf(sdk);
	for (const [index, name] of names.entries()) {
		say(`${index + 1}/${names.length} ${name}: ESP-IDF takes some minutes the first time`);
		buildGivenSettings(updateKeys ? { updateKeys } : {}, name, "a release");
		const place = await buildProgram(name);
		await buildFirmware(sdk, place);
		linkedSize(place, name);
		release.add(name, flashParts(place));
	}
	await release.write();
	print(`made ${relative(process.cwd(), folder) || "."} for ${names.join(", ")}`);
	const where = wanted.folder === undefined ? "" : `--folder ${wanted.folder} `;
	print(`next: \`npm run release -- ${where}--serve\`, and open the page in Chrome or Edge`);
	return EXIT_DONE;
}

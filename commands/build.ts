/** `npm run build`: for users who call mcconfig themselves. */
import { relative } from "node:path";
import { buildFirmware, buildFolder } from "../tools/build.js";
import { buildForModdable } from "../tools/device.js";
import { buildSettings } from "./device-settings.ts";
import { type Command, EXIT_DONE, HELP, readLine, type Values } from "./frame.ts";

const USAGE = `usage: npm run build

Makes what \`npm start\` runs, and what manifest.json names.
`;
const LINE = { name: "npm run build", options: { help: HELP } };

export const command: Command<Values<typeof LINE.options>> = {
	...LINE,
	help: USAGE,
	read: (args) => readLine(args, LINE)?.values,
	run: build,
};

async function build(): Promise<number> {
	await buildFirmware();
	buildSettings();
	for (const host of ["esp32", "mcsim"]) await buildForModdable(host);
	process.stdout.write(`${relative(process.cwd(), buildFolder)}: firmware.js, and modules for manifest.json\n`);
	return EXIT_DONE;
}

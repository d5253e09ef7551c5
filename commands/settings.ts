/** `npm run settings`: writes the files from the table of settings, after a change to it, to its texts or to the options of `npm start`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, writeWhole } from "../tools/build.js";
import { type Command, EXIT_DONE, HELP, readLine, say, type Values } from "./frame.ts";
import { docsFile, readmeFile, schemaFile } from "./settings-files.ts";

const SCHEMA = "config.schema.json";
const DOCS = "docs/settings.md";
const README = "README.md";
const USAGE = `usage: npm run settings

Writes ${SCHEMA}, the table in ${DOCS} and the help in ${README}
from the table of settings.
`;
const LINE = { name: "npm run settings", options: { help: HELP } };

export const command: Command<Values<typeof LINE.options>> = {
	...LINE,
	help: USAGE,
	read: (args) => readLine(args, LINE)?.values,
	run: () => {
		writeWhole(join(root, SCHEMA), schemaFile());
		rewrite(DOCS, docsFile);
		rewrite(README, readmeFile);
		say(`${SCHEMA}, ${DOCS}, ${README}`);
		return EXIT_DONE;
	},
};

function rewrite(name: string, rewritten: (text: string) => string): void {
	const path = join(root, name);
	writeWhole(path, rewritten(readFileSync(path, "utf8")));
}

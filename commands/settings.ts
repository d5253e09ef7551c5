/** `npm run settings`: writes the files from the table of settings, after a change to it or to its texts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, writeWhole } from "../tools/build.js";
import { type Command, EXIT_DONE, HELP, readLine, say, type Values } from "./frame.ts";
import { docsFile, schemaFile } from "./settings-files.ts";

const SCHEMA = "config.schema.json";
const DOCS = "docs/settings.md";
const USAGE = `usage: npm run settings

Writes ${SCHEMA} and the table in ${DOCS} from the table of settings.
`;
const LINE = { name: "npm run settings", options: { help: HELP } };

export const command: Command<Values<typeof LINE.options>> = {
	...LINE,
	help: USAGE,
	read: (args) => readLine(args, LINE)?.values,
	run: () => {
		const docs = join(root, DOCS);
		writeWhole(join(root, SCHEMA), schemaFile());
		writeWhole(docs, docsFile(readFileSync(docs, "utf8")));
		say(`${SCHEMA}, ${DOCS}`);
		return EXIT_DONE;
	},
};

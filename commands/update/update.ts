/** `npm run update`: firmware over the air, and the keys that sign it. */
import { writeFileSync } from "node:fs";
import { createImage, NO_NETWORK } from "../../hosts/node/update-image.ts";
import { createKeyFile } from "../../hosts/node/update-key.ts";
import { type Command, EXIT_DONE } from "../frame.ts";
import { LINE, parseUpdateCommand, type UpdateCommand, USAGE } from "./options.ts";
import { push } from "./push.ts";

/** Bytes of a trial image. */
const IMAGE_BYTES = 100_000;
/** The version of a trial image without a fault. */
const TRIAL = "trial";

async function run(wanted: UpdateCommand): Promise<number> {
	switch (wanted.name) {
		case "new key": {
			const key = createKeyFile(wanted.path);
			process.stdout.write(
				`${wanted.path}: keep it to yourself. For config.json of stations that it may update:\n"updateKey": "${key}"\n`,
			);
			return EXIT_DONE;
		}
		case "new image":
			writeFileSync(wanted.path, createImage(wanted.hasNetwork ? TRIAL : NO_NETWORK, IMAGE_BYTES));
			return EXIT_DONE;
		case "push":
			return push(wanted);
	}
}

export const command: Command<UpdateCommand> = {
	...LINE,
	help: USAGE,
	read: parseUpdateCommand,
	run,
};

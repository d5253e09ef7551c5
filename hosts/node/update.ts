/** `npm run update`: firmware over the air, and the keys that sign it. */
import { writeFileSync } from "node:fs";
import { EXIT_DONE, EXIT_FAILED, say } from "./client.ts";
import { endingOf, UsageError } from "./flags.ts";
import { createImage, NO_NETWORK } from "./update-image.ts";
import { createKeyFile } from "./update-key.ts";
import { parseUpdateCommand, type UpdateCommand, USAGE } from "./update-options.ts";
import { push } from "./update-push.ts";

const EXIT_USAGE = 2;
/** Bytes of an image for tries. */
const IMAGE_BYTES = 100_000;
/** The version of one that is as it should be. */
const TRIAL = "trial";

async function run(command: UpdateCommand): Promise<number> {
	switch (command.name) {
		case "new key": {
			const key = createKeyFile(command.path);
			process.stdout.write(
				`${command.path}: keep it to yourself. For config.json of stations that it may update:\n"updateKey": "${key}"\n`,
			);
			return EXIT_DONE;
		}
		case "new image":
			writeFileSync(command.path, createImage(command.hasNetwork ? TRIAL : NO_NETWORK, IMAGE_BYTES));
			return EXIT_DONE;
		case "push":
			return push(command);
	}
}

try {
	const command = parseUpdateCommand(process.argv.slice(2));
	if (command) process.exitCode = await run(command);
	else process.stdout.write(USAGE);
} catch (error) {
	say(endingOf(error, "update"));
	process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}

/** `npm run mqtt -- pub|sub`: the session of `src/net/mqtt` as a command, for trying and for tests with other programs. */
import { EXIT_FAILED, say } from "./client.ts";
import { UsageError } from "./flags.ts";
import { HELP } from "./help.ts";
import { parseCommand } from "./options.ts";
import { publish } from "./publish.ts";
import { subscribe } from "./subscribe.ts";

const EXIT_USAGE = 2;

try {
	const command = parseCommand(process.argv.slice(2));
	if (!command) process.stdout.write(HELP);
	else process.exitCode = await (command.name === "pub" ? publish(command) : subscribe(command));
} catch (error) {
	const usage = error instanceof UsageError;
	say(`${error instanceof Error ? error.message : String(error)}${usage ? "; npm run mqtt -- --help" : ""}`);
	process.exitCode = usage ? EXIT_USAGE : EXIT_FAILED;
}

/** `npm run mqtt -- pub|sub`: the session of `src/net/mqtt` as a command, for trying and for tests with other programs. */
import { EXIT_FAILED, say } from "./client.ts";
import { endingOf, UsageError } from "./flags.ts";
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
	say(endingOf(error, "mqtt"));
	process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}

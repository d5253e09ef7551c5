/** `npm run mqtt -- pub|sub`: the session of `src/net/mqtt` as a command, for trying and for tests with other programs. */
import type { Command } from "../frame.ts";
import { HELP } from "./help.ts";
import { type MqttCommand, PUB, parseCommand, SUB } from "./options.ts";
import { publish } from "./publish.ts";
import { subscribe } from "./subscribe.ts";

export const command: Command<MqttCommand> = {
	name: "npm run mqtt",
	help: HELP,
	options: { ...PUB, ...SUB },
	read: parseCommand,
	run: (wanted) => (wanted.name === "pub" ? publish(wanted) : subscribe(wanted)),
};

/** RabbitMQ nodes as children of a test, beside whatever RabbitMQ the machine has of its own. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram, Program } from "./program.ts";

/** Where Debian has the programs themselves; those in /usr/sbin become another user first. */
export const PACKAGED_PROGRAMS = "/usr/lib/rabbitmq/bin";

/** Of Erlang, between nodes and from rabbitmqctl. */
const LOOPBACK_ONLY = "-kernel inet_dist_use_interface {127,0,0,1}";
/** The line that says that a node takes clients. */
export const NODE_LISTENS = /Server startup complete/;

/** Where a node is. */
export interface NodeHome {
	/** Before `@localhost`. */
	readonly name: string;
	/** With Erlang's cookie, and without settings of the machine's. */
	readonly home: string;
	/** Its own: the node names of another RabbitMQ on this machine are another's affair. */
	readonly epmdPort: number;
}

export interface NodeFiles extends NodeHome {
	/** Its own, for its data and its settings. */
	readonly folder: string;
	readonly distributionPort: number;
}

type Command = [file: string, ...args: string[]];

function programPath(name: string): string {
	return join(existsSync(PACKAGED_PROGRAMS) ? PACKAGED_PROGRAMS : dirname(findProgram("rabbitmq-server")), name);
}

/** Erlang's register of names, in the foreground: one that a node starts by itself would outlive it. */
export function startEpmd(port: number, folder: string): Program {
	const args = ["-address", "127.0.0.1", "-port", String(port)];
	return new Program(`epmd on port ${port}`, findProgram("epmd"), args, folder);
}

/** The settings of a node's next start, with the plugin for MQTT. */
export function configureNode(folder: string, settings: readonly string[]): void {
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, "enabled_plugins"), "[rabbitmq_mqtt].\n");
	const lines = [...settings, "log.console = true", "log.file = false"];
	writeFileSync(join(folder, "rabbitmq.conf"), `${lines.join("\n")}\n`);
}

/** What starts a node that `configureNode` has set up. */
export function nodeCommand({ folder, distributionPort, ...node }: NodeFiles): Command {
	return command(node, "rabbitmq-server", [], {
		RABBITMQ_DIST_PORT: distributionPort,
		RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
		RABBITMQ_LOG_BASE: join(folder, "log"),
		RABBITMQ_GENERATED_CONFIG_DIR: join(folder, "config"),
		RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
		RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, "advanced.config"),
		RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
		RABBITMQ_PID_FILE: join(folder, "pid"),
		// A scheduler that has nothing to do sleeps at once.
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${LOOPBACK_ONLY} +sbwt none +sbwtdcpu none +sbwtdio none`,
		// The script becomes the Erlang machine then, so that a signal reaches it.
		RUNNING_UNDER_SYSTEMD: "true",
	});
}

/** What asks a node, or has it do something. */
export function controlCommand(node: NodeHome, ...args: string[]): Command {
	return command(node, "rabbitmqctl", args, { RABBITMQ_CTL_ERL_ARGS: LOOPBACK_ONLY });
}

/**
 * Resolves with the value of an Erlang expression at a node: a string, or how `erl_call` writes another value. It takes
 * some 10 ms, and `rabbitmqctl` a second of a processor, as it starts a node of its own: whoever asks again and again asks
 * in this way.
 */
export function evaluate({ name, home, epmdPort }: NodeHome, expression: string): Promise<string> {
	const env = { ...process.env, HOME: home, ERL_EPMD_ADDRESS: "127.0.0.1", ERL_EPMD_PORT: String(epmdPort) };
	return new Promise((resolve, reject) => {
		const call = execFile(findProgram("erl_call"), ["-sname", `${name}@localhost`, "-e"], { env }, (error, stdout) => {
			const [, value] = /^\{ok, (.*)\}$/s.exec(stdout) ?? [];
			if (value === undefined) reject(new Error(`${expression}: ${error?.message ?? stdout}`));
			else resolve(value.replace(/^"(.*)"$/s, "$1"));
		});
		call.stdin!.end(`${expression}.\n`);
	});
}

/** What tells the version of what is installed. */
export function versionCommand(): Command {
	return [programPath("rabbitmqctl"), "version"];
}

function command(
	{ name, home, epmdPort }: NodeHome,
	program: string,
	args: readonly string[],
	more: Readonly<Record<string, string | number>>,
): Command {
	const environment = {
		HOME: home,
		ERL_EPMD_ADDRESS: "127.0.0.1",
		ERL_EPMD_PORT: epmdPort,
		RABBITMQ_NODENAME: `${name}@localhost`,
		// There is none: the machine's own settings are not for these nodes.
		RABBITMQ_CONF_ENV_FILE: join(home, "rabbitmq-env.conf"),
		...more,
	};
	const variables = Object.entries(environment).map(([variable, value]) => `${variable}=${value}`);
	return [findProgram("env"), ...variables, programPath(program), ...args];
}

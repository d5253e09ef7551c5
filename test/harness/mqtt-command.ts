/** `npm run mqtt`, and other programs that publish and subscribe, as processes. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundleProgram } from "./bundle.ts";
import { type Exit, findProgram, Program } from "./program.ts";
import { type Parts, scenario } from "./scenario.ts";

const command = bundleProgram("commands/mqtt/mqtt.ts");

/** The end of a program's output, as a failure shows it. */
const LINES_SHOWN = 60;

const harness = (file: string) => join(process.cwd(), "test/harness", file);
const shellQuoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Where a broker listens, on the loopback interface. */
export interface Place {
	readonly port: number;
}

/** The programs of one test. */
export class Programs {
	private readonly _programs: Program[] = [];

	/** Runs the command with these arguments. */
	async mqtt(...args: string[]): Promise<Program> {
		return this.own(new Program(`mqtt ${args.join(" ")}`, process.execPath, [await command, ...args], process.cwd()));
	}

	/** Runs the command inside of a line for the shell, where it is called `mqtt`. */
	async shell(line: string, cwd: string): Promise<Program> {
		const self = `mqtt() { ${shellQuoted(process.execPath)} ${shellQuoted(await command)} "$@"; }`;
		return this.own(new Program(line, "/bin/sh", ["-c", `${self}; ${line}`], cwd));
	}

	pub({ port }: Place, ...args: string[]): Promise<Program> {
		return this.mqtt("pub", "-h", "127.0.0.1", "-p", String(port), ...args);
	}

	/** With -d, so that it tells of its subscriptions on stderr. */
	sub({ port }: Place, ...args: string[]): Promise<Program> {
		return this.mqtt("sub", "-h", "127.0.0.1", "-p", String(port), "-d", ...args);
	}

	/** A `sub` whose subscriptions stand. */
	async subscribed(place: Place, ...args: string[]): Promise<Program> {
		const program = await this.sub(place, ...args);
		await program.line(/^subscribed to /);
		return program;
	}

	/** A program that ends with the test. */
	own(program: Program): Program {
		this._programs.push(program);
		return program;
	}

	/** What they printed, for a failure. */
	show(): string {
		return this._programs.map(({ name, lines }) => `--- ${name}\n${lines.slice(-LINES_SHOWN).join("\n")}\n`).join("");
	}

	async close(): Promise<void> {
		for (const program of this._programs) await program.kill();
	}
}

/** A scenario with programs besides its parts. */
export function commandScenario(name: string, run: (parts: Parts, programs: Programs) => Promise<void>): void {
	scenario(name, async (parts) => {
		const programs = new Programs();
		try {
			await run(parts, programs);
		} catch (error) {
			process.stderr.write(`\n${name}\n${programs.show()}`);
			throw error;
		} finally {
			await programs.close();
		}
	});
}

/** What it printed to stdout. */
export function output(program: Program): string[] {
	const errors = new Set(program.errors);
	return program.lines.filter((line) => !errors.has(line));
}

/** The exit code of a program that ends by itself. */
export async function exitCode(program: Program): Promise<Exit["code"]> {
	return (await program.ended()).code;
}

export type Version = "5" | "311" | "31";

/** A program of somebody else's that speaks MQTT. */
export interface Peer {
	readonly name: string;
	readonly versions: readonly Version[];
	/** Publishes one message and ends. */
	publisher(place: Place, version: Version, topic: string, qos: number, payload: string): Program;
	/** Subscribes at QoS 2 and prints each payload in a line. */
	subscriber(place: Place, version: Version, topic: string): Program;
}

const mosquitto: Peer = {
	name: "mosquitto",
	versions: ["5", "311", "31"],
	publisher: ({ port }, version, topic, qos, payload) =>
		run(findProgram("mosquitto_pub"), ...at(port), "-V", `mqttv${version}`, "-t", topic, "-q", qos, "-m", payload),
	subscriber: ({ port }, version, topic) =>
		run(findProgram("mosquitto_sub"), ...at(port), "-V", `mqttv${version}`, "-t", topic, "-q", 2),
};

/** The command of MQTT.js, which speaks 3.1.1 only. */
const mqttJsCommand: Peer = {
	name: "MQTT.js's command",
	versions: ["311"],
	publisher: ({ port }, _version, topic, qos, payload) =>
		node(mqttJs("build/bin/mqtt.js"), "publish", ...at(port), "-t", topic, "-q", qos, "-m", payload),
	subscriber: ({ port }, _version, topic) =>
		node(mqttJs("build/bin/mqtt.js"), "subscribe", ...at(port), "-t", topic, "-q", 2),
};

/** A script, with the same arguments and output for each library. */
const scripted = (name: string, start: (...args: (string | number)[]) => Program): Peer => ({
	name,
	versions: ["5", "311", "31"],
	publisher: ({ port }, version, topic, qos, payload) => start("pub", port, version, topic, qos, payload),
	subscriber: ({ port }, version, topic) => start("sub", port, version, topic),
});

export const PEERS: readonly Peer[] = [
	mosquitto,
	mqttJsCommand,
	scripted("MQTT.js", (...args) => node(harness("mqttjs-client.js"), ...args)),
	scripted("paho-mqtt", (...args) => run(python(), harness("paho-client.py"), ...args)),
];

const at = (port: number) => ["-h", "127.0.0.1", "-p", port];

function run(file: string, ...args: (string | number)[]): Program {
	return new Program(`${file} ${args.join(" ")}`, file, args.map(String), process.cwd());
}

function node(file: string, ...args: (string | number)[]): Program {
	return run(process.execPath, file, ...args);
}

function mqttJs(file: string): string {
	const path = join(process.cwd(), "node_modules/mqtt", file);
	if (!existsSync(path)) throw new Error("the package mqtt is missing: npm ci");
	return path;
}

/** Debian's python3, for which its package of paho-mqtt is. */
export function python(): string {
	const path = "/usr/bin/python3";
	return existsSync(path) ? path : findProgram("python3");
}

/** Real brokers of several makes on free loopback ports, with one user each, which keep their data over a `kill`. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Mosquitto, publish } from "./mosquitto.ts";
import { freePort } from "./ports.ts";
import { findProgram, Program } from "./program.ts";
import { configureNode, NODE_LISTENS, nodeCommand, startEpmd, versionCommand } from "./rabbitmq.ts";

export interface Account {
	readonly username: string;
	readonly password: string;
}

export interface Broker {
	readonly port: number;
	/** At QoS 2 it may take no message of mosquitto_pub. */
	readonly highestQos: 1 | 2;
	/** Of all its lives. */
	readonly log: readonly string[];
	/** Publishes with mosquitto_pub, at QoS 1; `args` are more of its arguments. */
	publish(topic: string, ...args: string[]): Promise<void>;
	/** As a power cut would: nothing is saved, nobody is told. */
	kill(): Promise<void>;
	/** Starts it again, after `kill`; resolves when it listens. */
	restart(): Promise<void>;
	/** Ends it, and what it needed beside it. */
	close(): Promise<void>;
}

export interface BrokerKind {
	readonly name: string;
	/** Of what is installed; throws an Error that says how to install it. */
	version(): string;
	/** Starts one that keeps what it has to in `folder`, and lets in whoever has the account. */
	start(folder: string, account: Account): Promise<Broker>;
}

/** A broker that is one program. */
class ProgramBroker implements Broker {
	readonly port: number;
	readonly highestQos: 1 | 2;
	readonly log: string[] = [];
	private readonly _name: string;
	private readonly _folder: string;
	private readonly _command: readonly [string, ...string[]];
	private readonly _listens: RegExp;
	private readonly _companion: Program | undefined;
	private _program: Program | undefined;

	private constructor(name: string, folder: string, port: number, { highestQos, command, listens, companion }: Launch) {
		this._name = `${name} on port ${port}`;
		this._folder = folder;
		this.port = port;
		this.highestQos = highestQos;
		this._command = command;
		this._listens = listens;
		this._companion = companion;
	}

	static async start(name: string, folder: string, port: number, launch: Launch): Promise<Broker> {
		const broker = new ProgramBroker(name, folder, port, launch);
		await broker.restart();
		return broker;
	}

	publish(topic: string, ...args: string[]): Promise<void> {
		return publish(this.port, this._folder, topic, ...args);
	}

	async kill(): Promise<void> {
		await this._program?.kill();
	}

	async restart(): Promise<void> {
		const from = this.log.length;
		const [file, ...args] = this._command;
		this._program = new Program(this._name, file, args, this._folder, this.log);
		const program = this._program;
		await program.line(this._listens, from, () => program.lines.length);
	}

	async close(): Promise<void> {
		await this.kill();
		await this._companion?.kill();
	}
}

interface Launch extends Pick<Broker, "highestQos"> {
	readonly command: readonly [string, ...string[]];
	/** The line that says that it listens. */
	readonly listens: RegExp;
	/** Ends with it. */
	readonly companion?: Program;
}

/** The first version number in what a program prints. */
function versionIn(text: string): string {
	const [version] = /\d+\.\d+\.\d+/.exec(text) ?? [];
	if (version === undefined) throw new Error(`no version in ${JSON.stringify(text)}`);
	return version;
}

const mosquitto: BrokerKind = {
	name: "mosquitto",
	// What it answers to -h, it answers with exit code 3.
	version: () =>
		versionIn(execFileSync("/bin/sh", ["-c", '"$0" -h; true', findProgram("mosquitto")], { encoding: "utf8" })),
	start: async (folder, { username, password }) => {
		const broker = await Mosquitto.start(folder, { users: { [username]: password }, savesChanges: true });
		return Object.assign(broker, { highestQos: 2 as const, close: () => broker.kill() });
	},
};

const rabbitMq: BrokerKind = {
	name: "RabbitMQ",
	version: () => {
		const [file, ...args] = versionCommand();
		return versionIn(execFileSync(file, args, { encoding: "utf8" }));
	},
	start: async (folder, { username, password }) => {
		const [port, epmdPort, distributionPort] = [await freePort(), await freePort(), await freePort()];
		configureNode(folder, [
			"listeners.tcp = none",
			`mqtt.listeners.tcp.1 = 127.0.0.1:${port}`,
			"mqtt.allow_anonymous = false",
			`default_user = ${username}`,
			`default_pass = ${password}`,
		]);
		const companion = startEpmd(epmdPort, folder);
		return ProgramBroker.start("RabbitMQ", folder, port, {
			highestQos: 1,
			command: nodeCommand({ name: `veleta-${port}`, home: folder, folder, epmdPort, distributionPort }),
			listens: NODE_LISTENS,
			companion,
		});
	},
};

const nats: BrokerKind = {
	name: "NATS",
	version: () => versionIn(execFileSync(findProgram("nats-server"), ["--version"], { encoding: "utf8" })),
	start: async (folder, { username, password }) => {
		mkdirSync(folder, { recursive: true });
		const port = await freePort();
		const config = join(folder, "nats.conf");
		const lines = [
			`server_name: veleta-${port}`,
			`listen: "127.0.0.1:${await freePort()}"`,
			`jetstream { store_dir: "${join(folder, "store")}" }`,
			`mqtt { listen: "127.0.0.1:${port}" }`,
			`authorization { user: "${username}", password: "${password}" }`,
		];
		writeFileSync(config, `${lines.join("\n")}\n`);
		return ProgramBroker.start("NATS", folder, port, {
			highestQos: 1,
			command: [findProgram("nats-server"), "--config", config],
			listens: /Server is ready/,
		});
	},
};

const aedes: BrokerKind = {
	name: "aedes",
	version: () => JSON.parse(readFileSync(join(process.cwd(), "node_modules/aedes/package.json"), "utf8")).version,
	start: async (folder, { username, password }) => {
		mkdirSync(folder, { recursive: true });
		const port = await freePort();
		const script = join(process.cwd(), "test/harness/aedes-broker.js");
		return ProgramBroker.start("aedes", folder, port, {
			highestQos: 2,
			command: [process.execPath, script, String(port), username, password],
			listens: /^listening$/,
		});
	},
};

export const BROKERS: readonly BrokerKind[] = [mosquitto, rabbitMq, nats, aedes];

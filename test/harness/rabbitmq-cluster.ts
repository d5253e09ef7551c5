/** A RabbitMQ cluster of three real nodes on the loopback interface, which speak MQTT. */
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { publish } from "./mosquitto.ts";
import { freePort } from "./ports.ts";
import { Program } from "./program.ts";
import {
	configureNode,
	controlCommand,
	evaluate,
	NODE_LISTENS,
	type NodeHome,
	nodeCommand,
	PACKAGED_PROGRAMS,
	startEpmd,
} from "./rabbitmq.ts";
import { until } from "./wait.ts";

/** Why there is no cluster on this machine, or `false`. */
export const NO_RABBITMQ =
	!existsSync(join(PACKAGED_PROGRAMS, "rabbitmq-server")) &&
	`needs RabbitMQ in ${PACKAGED_PROGRAMS}: apt-get install rabbitmq-server`;

const NAMES = ["a", "b", "c"] as const;
export type NodeName = (typeof NAMES)[number];

/** What the queue of a durable MQTT session is. */
export type QueueType = "classic" | "quorum";

/** How often the start of a node is tried. */
const START_ATTEMPTS = 2;
/** Erlang's own: who knows it may command the nodes. Only this machine can reach them. */
const COOKIE = "veleta-test";

interface Node {
	readonly name: NodeName;
	readonly folder: string;
	readonly mqttPort: number;
	readonly amqpPort: number;
	readonly distributionPort: number;
	/** Of all its lives. */
	readonly log: string[];
	program: Program | undefined;
}

/** A queue as `rabbitmqctl list_queues` tells it. */
export interface Queue {
	readonly name: string;
	/** The node with its process: the leader, if it is a quorum queue. */
	readonly node: string;
	readonly type: string;
	readonly state: string;
}

export class RabbitMqCluster {
	private readonly _folder: string;
	private readonly _epmdPort: number;
	private readonly _nodes: readonly Node[];
	private _epmd: Program | undefined;

	private constructor(folder: string, epmdPort: number, nodes: readonly Node[]) {
		this._folder = folder;
		this._epmdPort = epmdPort;
		this._nodes = nodes;
	}

	/** Starts the nodes, which keep what they have to in `folder`; resolves when they are one cluster. */
	static async start(folder: string, type: QueueType): Promise<RabbitMqCluster> {
		const nodes: Node[] = [];
		for (const name of NAMES) {
			const [mqttPort, amqpPort, distributionPort] = [await freePort(), await freePort(), await freePort()];
			nodes.push({
				name,
				folder: join(folder, name),
				mqttPort,
				amqpPort,
				distributionPort,
				log: [],
				program: undefined,
			});
		}
		const cluster = new RabbitMqCluster(folder, await freePort(), nodes);
		try {
			await cluster._start(type);
		} catch (error) {
			await cluster.end();
			throw error;
		}
		return cluster;
	}

	private async _start(type: QueueType): Promise<void> {
		writeFileSync(join(this._folder, ".erlang.cookie"), COOKIE, { mode: 0o400 });
		this._configure(type);
		this._epmd = startEpmd(this._epmdPort, this._folder);
		await until("epmd to listen", () => listens(this._epmdPort));
		await this.complete();
	}

	/** The settings of the nodes' next start. */
	private _configure(type: QueueType): void {
		const nodes = this._nodes.map(({ name }, index) => {
			return `cluster_formation.classic_config.nodes.${index + 1} = ${name}@localhost`;
		});
		for (const { folder, amqpPort, mqttPort } of this._nodes) {
			configureNode(folder, [
				`listeners.tcp.1 = 127.0.0.1:${amqpPort}`,
				`mqtt.listeners.tcp.1 = 127.0.0.1:${mqttPort}`,
				`mqtt.durable_queue_type = ${type}`,
				"cluster_formation.peer_discovery_backend = classic_config",
				...nodes,
			]);
		}
	}

	/** From now on the queues of new durable sessions are of this type, as if all nodes had been configured so. */
	async use(type: QueueType): Promise<void> {
		this._configure(type);
		const set = `rpc:multicall(application, set_env, [rabbitmq_mqtt, durable_queue_type, ${type}])`;
		const result = await evaluate(this._home(this._living.name), set);
		if (result !== "{[ok, ok, ok], []}") throw new Error(`${set}: ${result}`);
	}

	/**
	 * Starts the nodes that do not run; resolves when all three take clients. One after the other: of nodes that start
	 * together each may wait 100 s for the others to say who is in the cluster of client ids (RabbitMQ 3.10). So does the
	 * first of two that come back to one that had no majority.
	 */
	async complete(): Promise<void> {
		for (const { name, program } of this._nodes) if (program === undefined) await this.restart(name);
	}

	/** Kills nodes as a power cut would; resolves when they are dead. */
	async kill(...names: NodeName[]): Promise<void> {
		const programs = names.map((name) => {
			const node = this._node(name);
			const { program } = node;
			node.program = undefined;
			program?.signal("SIGKILL");
			return program?.ended();
		});
		await Promise.all(programs);
	}

	/**
	 * Starts one; resolves when it takes clients. Now and then a node of RabbitMQ 3.10 waits for the others without end, or
	 * ends: then it is started anew.
	 */
	async restart(name: NodeName): Promise<void> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await this._started(name);
			} catch (error) {
				await this.kill(name);
				if (attempt === START_ATTEMPTS) throw error;
			}
		}
	}

	private async _started(name: NodeName): Promise<void> {
		const { log } = this._node(name);
		const from = log.length;
		const program = this.launch(name);
		await until(
			`node ${name} to start`,
			() => {
				if (program.exit) throw new Error(`node ${name} ended: ${log.at(-1)}`);
				return log.slice(from).some((line) => NODE_LISTENS.test(line));
			},
			() => log.length,
		);
	}

	/**
	 * Whether each living node takes a message at QoS 1 of mosquitto_pub, a client that is not ours, for whatever queues are
	 * bound to the topic. The message is one word.
	 */
	async takes(topic: string): Promise<boolean> {
		const living = this._nodes.filter(({ program }) => program !== undefined);
		const ends = living.map(({ mqttPort }) =>
			publish(mqttPort, this._folder, topic, "-V", "mqttv311", "-m", "witness").then(
				() => true,
				() => false,
			),
		);
		return (await Promise.all(ends)).every((isTaken) => isTaken);
	}

	/** Starts one; what it does then is its affair. */
	launch(name: NodeName): Program {
		const node = this._node(name);
		const { folder, distributionPort, log } = node;
		const [file, ...args] = nodeCommand({ ...this._home(name), folder, distributionPort });
		node.program = new Program(`node ${name}`, file, args, this._folder, log);
		return node.program;
	}

	/** Where a node takes MQTT. */
	port(name: NodeName): number {
		return this._node(name).mqttPort;
	}

	/** All of them, in the nodes' order. */
	get ports(): number[] {
		return this._nodes.map(({ mqttPort }) => mqttPort);
	}

	/** Where they take AMQP, in the same order. */
	get amqpPorts(): number[] {
		return this._nodes.map(({ amqpPort }) => amqpPort);
	}

	/** The queue of a client's durable session, as the first living node knows it. */
	queueOf(clientId: string): Promise<Queue | undefined> {
		return this.queue(`mqtt-subscription-${clientId}qos1`);
	}

	/** The same by its name. */
	async queue(name: string): Promise<Queue | undefined> {
		const lines = await this._control("-q", "list_queues", "--no-table-headers", "name", "pid", "type", "state");
		const queues = lines.map((line): Queue => {
			const [name = "", pid = "", type = "", state = ""] = line.split("\t");
			// <a@localhost.1796050660.971.0>
			return { name, node: /^<(\w+)@/.exec(pid)?.[1] ?? "", type, state };
		});
		return queues.find((queue) => queue.name === name);
	}

	/** The end of each node's log, for a failure. */
	show(): string {
		return this._nodes.map(({ name, log }) => `--- node ${name}\n${log.slice(-30).join("\n")}\n`).join("");
	}

	async end(): Promise<void> {
		await this.kill(...NAMES);
		await this._epmd?.kill();
	}

	/** Runs rabbitmqctl on the first living node; resolves with what it printed. */
	private async _control(...args: string[]): Promise<string[]> {
		const [file, ...rest] = controlCommand(this._home(this._living.name), ...args);
		const program = new Program("rabbitmqctl", file, rest, this._folder);
		const { code } = await program.ended();
		if (code !== 0) throw new Error(`rabbitmqctl ${args.join(" ")} ended with ${code}: ${program.lines.join("; ")}`);
		return program.lines;
	}

	/** The first one. */
	private get _living(): Node {
		const living = this._nodes.find(({ program }) => program !== undefined);
		if (!living) throw new Error("no node lives");
		return living;
	}

	private _home(name: NodeName): NodeHome {
		return { name, home: this._folder, epmdPort: this._epmdPort };
	}

	private _node(name: NodeName): Node {
		return this._nodes.find((node) => node.name === name)!;
	}
}

function listens(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ host: "127.0.0.1", port });
		socket.on("error", () => resolve(false));
		socket.on("connect", () => {
			socket.destroy();
			resolve(true);
		});
	});
}

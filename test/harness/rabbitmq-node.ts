/** One real RabbitMQ node that speaks MQTT and AMQP on the loopback interface, beside whatever the machine has of its own. */
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import type { Identity } from "./certificates.ts";
import { publish } from "./mosquitto.ts";
import { freePort } from "./ports.ts";
import { Program } from "./program.ts";
import {
	configureNode,
	controlCommand,
	evaluate,
	NODE_LISTENS,
	type NodeFiles,
	nodeCommand,
	startEpmd,
} from "./rabbitmq.ts";
import { until } from "./wait.ts";

/** A queue as `rabbitmqctl list_queues` tells it. */
export interface QueueState {
	readonly type: string;
	readonly ready: number;
	readonly unacknowledged: number;
	readonly arguments: string;
}

export class RabbitMqNode {
	readonly mqttPort: number;
	readonly amqpPort: number;
	/** With TLS; where there is an identity. */
	readonly amqpsPort: number;
	/** Of all its lives. */
	readonly log: string[] = [];
	readonly username = "veleta";
	readonly password = "s3cret/@";
	private readonly _files: NodeFiles;
	private readonly _epmd: Program;
	private _program: Program | undefined;

	private constructor(files: NodeFiles, epmd: Program, [mqttPort, amqpPort, amqpsPort]: readonly number[]) {
		this._files = files;
		this._epmd = epmd;
		this.mqttPort = mqttPort!;
		this.amqpPort = amqpPort!;
		this.amqpsPort = amqpsPort!;
	}

	/** Starts one that keeps what it has to in `folder`. `identity`: with it, it listens with TLS, too. */
	static async start(folder: string, identity?: Identity): Promise<RabbitMqNode> {
		mkdirSync(folder, { recursive: true });
		const [epmdPort, distributionPort] = [await freePort(), await freePort()];
		const ports = [await freePort(), await freePort(), await freePort()];
		const files = { name: `veleta-${ports[0]}`, home: folder, folder, epmdPort, distributionPort };
		const epmd = startEpmd(epmdPort, folder);
		const node = new RabbitMqNode(files, epmd, ports);
		const tls = identity && [
			`listeners.ssl.1 = 127.0.0.1:${node.amqpsPort}`,
			`ssl_options.certfile = ${identity.certificate}`,
			`ssl_options.keyfile = ${identity.key}`,
			"ssl_options.verify = verify_none",
		];
		configureNode(folder, [
			`listeners.tcp.1 = 127.0.0.1:${node.amqpPort}`,
			`mqtt.listeners.tcp.1 = 127.0.0.1:${node.mqttPort}`,
			"mqtt.durable_queue_type = quorum",
			"mqtt.allow_anonymous = false",
			`default_user = ${node.username}`,
			`default_pass = ${node.password}`,
			...(tls ?? []),
		]);
		try {
			await until("epmd to listen", () => listens(epmdPort));
			await node.restart();
		} catch (error) {
			await node.end();
			throw error;
		}
		return node;
	}

	/** With the account. */
	get mqttUrl(): string {
		return `mqtt://${this._account}@127.0.0.1:${this.mqttPort}`;
	}

	get amqpUrl(): string {
		return `amqp://${this._account}@127.0.0.1:${this.amqpPort}`;
	}

	private get _account(): string {
		return `${this.username}:${encodeURIComponent(this.password)}`;
	}

	/** Publishes by MQTT with mosquitto_pub, at QoS 1; `args` are more of its arguments. */
	publish(topic: string, ...args: string[]): Promise<void> {
		const account = ["-V", "mqttv311", "-u", this.username, "-P", this.password];
		return publish(this.mqttPort, this._files.folder, topic, ...account, ...args);
	}

	/** Starts it again, after `kill`; resolves when it takes clients. */
	async restart(): Promise<void> {
		const from = this.log.length;
		const [file, ...args] = nodeCommand(this._files);
		const program = new Program("RabbitMQ", file, args, this._files.folder, this.log);
		this._program = program;
		await program.line(NODE_LISTENS, from, () => this.log.length);
	}

	/** As a power cut would. */
	async kill(): Promise<void> {
		await this._program?.kill();
	}

	/** For good. */
	async end(): Promise<void> {
		await this.kill();
		await this._epmd.kill();
	}

	async queue(name: string): Promise<QueueState | undefined> {
		const found = await this.evaluate(`case rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${name}">>)) of
			{ok, Queue} ->
				[{_, Type}, {_, Ready}, {_, Unacknowledged}, {_, Arguments}] =
					rabbit_amqqueue:info(Queue, [type, messages_ready, messages_unacknowledged, arguments]),
				Pairs = [{Key, Value} || {Key, _, Value} <- Arguments],
				lists:flatten(io_lib:format("~w ~w ~w ~0p", [Type, Ready, Unacknowledged, Pairs]));
			_ -> none
		end`);
		const [, type, ready, unacknowledged, pairs] = /^(\S+) (\d+) (\d+) (.*)$/s.exec(found) ?? [];
		if (type === undefined) return undefined;
		return { type, ready: Number(ready), unacknowledged: Number(unacknowledged), arguments: pairs! };
	}

	/** See the function of this name. */
	evaluate(expression: string): Promise<string> {
		return evaluate(this._files, expression);
	}

	/** The patterns of a queue's bindings to `amq.topic`, sorted. */
	async bindings(name: string): Promise<string[]> {
		const columns = ["source_name", "destination_name", "routing_key"];
		const lines = await this.control("-q", "list_bindings", "--no-table-headers", ...columns);
		return lines
			.map((line) => line.split("\t"))
			.filter(([source, destination]) => source === "amq.topic" && destination === name)
			.map(([, , key = ""]) => key)
			.sort();
	}

	/** Runs rabbitmqctl; resolves with what it printed. */
	async control(...args: string[]): Promise<string[]> {
		const [file, ...rest] = controlCommand(this._files, ...args);
		const program = new Program("rabbitmqctl", file, rest, this._files.folder);
		const { code } = await program.ended();
		if (code !== 0) throw new Error(`rabbitmqctl ${args.join(" ")} ended with ${code}: ${program.lines.join("; ")}`);
		return program.lines;
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

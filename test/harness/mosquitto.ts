/** A real mosquitto on a free loopback port. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { findProgram, Program } from "./program.ts";
import { until } from "./wait.ts";

export interface MosquittoOptions {
	/** Names and passwords; without them, anybody may connect. */
	readonly users?: Readonly<Record<string, string>>;
}

export class Mosquitto {
	readonly port: number;
	/** Of all its lives. */
	readonly log: string[] = [];
	readonly #folder: string;
	#program: Program | undefined;

	private constructor(folder: string, port: number) {
		this.#folder = folder;
		this.port = port;
	}

	/** Starts one that keeps what it has to in `folder`. */
	static async start(folder: string, { users }: MosquittoOptions = {}): Promise<Mosquitto> {
		const program = findProgram("mosquitto");
		mkdirSync(folder, { recursive: true });
		const broker = new Mosquitto(folder, await freePort());
		const passwords = join(folder, "passwords");
		if (users) {
			writeFileSync(passwords, "");
			for (const [name, password] of Object.entries(users)) {
				execFileSync(findProgram("mosquitto_passwd"), ["-b", passwords, name, password]);
			}
		}
		const settings = [
			`listener ${broker.port} 127.0.0.1`,
			...(users ? ["allow_anonymous false", `password_file ${passwords}`] : ["allow_anonymous true"]),
			"persistence true",
			`persistence_location ${folder}/`,
			"log_dest stderr",
			"log_type all",
			// Root's mosquitto would become another user, who may not write here.
			...(process.getuid?.() === 0 ? ["user root"] : []),
		];
		writeFileSync(join(folder, "mosquitto.conf"), `${settings.join("\n")}\n`);
		await broker.restart(program);
		return broker;
	}

	/** Starts it again, after `kill` or `stop`; resolves when it listens. */
	async restart(program = findProgram("mosquitto")): Promise<void> {
		const from = this.log.length;
		this.#program = new Program(
			`mosquitto on port ${this.port}`,
			program,
			["-c", join(this.#folder, "mosquitto.conf")],
			this.#folder,
			this.log,
		);
		await this.#program.line(/mosquitto version .* running/, undefined, from);
	}

	/** As a power cut would: nothing is saved, nobody is told. */
	async kill(): Promise<void> {
		await this.#program?.kill();
	}

	/** In good order: sessions and retained messages are saved. */
	async stop(): Promise<void> {
		this.#program?.signal("SIGTERM");
		await this.#program?.ended();
	}

	/** Neither reads nor writes until `resume`; connections stay open. */
	pause(): void {
		this.#program?.signal("SIGSTOP");
	}

	resume(): void {
		this.#program?.signal("SIGCONT");
	}

	/** Saves sessions and retained messages, so that they outlive a `kill`. */
	async save(): Promise<void> {
		rmSync(this.#database, { force: true });
		this.#program?.signal("SIGUSR1");
		await until("mosquitto to save its database", () => existsSync(this.#database));
	}

	/** Loses what was saved; for a broker that does not run. */
	forget(): void {
		rmSync(this.#database, { force: true });
	}

	/** Publishes with mosquitto_pub, at QoS 1; `args` are more of its arguments, the message among them. */
	publish(topic: string, ...args: string[]): void {
		const where = ["-h", "127.0.0.1", "-p", String(this.port)];
		execFileSync(findProgram("mosquitto_pub"), [...where, "-q", "1", "-t", topic, ...args]);
	}

	/** How many lines of the log match. */
	count(pattern: RegExp): number {
		return this.log.filter((line) => pattern.test(line)).length;
	}

	/** How often it accepted a client, by client id. */
	connections(clientId: string): number {
		return this.count(new RegExp(`New client connected from .* as ${clientId} `));
	}

	get #database(): string {
		return join(this.#folder, "mosquitto.db");
	}
}

/** Outside the ranges from which systems take ports for outgoing connections: it stays free while a broker is away. */
const PORTS = { lowest: 20_000, count: 10_000 };

export async function freePort(): Promise<number> {
	for (let attempt = 0; attempt < 50; attempt++) {
		const port = PORTS.lowest + Math.floor(Math.random() * PORTS.count);
		const server = createServer();
		const free = await new Promise<boolean>((resolve) => {
			server.once("error", () => resolve(false));
			server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
		});
		if (free) return port;
	}
	throw new Error(`no port from ${PORTS.lowest} on is free`);
}

/** A real mosquitto on a free loopback port. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "./certificates.ts";
import { freePort } from "./ports.ts";
import { findProgram, Program } from "./program.ts";
import { until } from "./wait.ts";

export interface MosquittoOptions {
	/** Names and passwords; without them, anybody may connect. */
	readonly users?: Readonly<Record<string, string>>;
	/** Lines of an access list for all clients; without it they may do everything. */
	readonly access?: string;
	/** Listens with TLS, too, at `tlsPort`. */
	readonly tls?: BrokerTls;
	/** Listens for WebSockets, too, at `webSocketPort`; with `tls` for those over TLS at `secureWebSocketPort`. */
	readonly webSockets?: boolean;
	/** Saves each change at once, and not only when it is asked to, or stops. */
	readonly savesChanges?: boolean;
	/** More lines of its configuration, for its first listener. */
	readonly lines?: readonly string[];
}

export interface BrokerTls {
	readonly identity: Identity;
	/** Clients have to have certificates that this authority has issued. */
	readonly clientAuthority?: Identity;
}

export class Mosquitto {
	readonly port: number;
	readonly tlsPort: number;
	readonly webSocketPort: number;
	readonly secureWebSocketPort: number;
	/** Of all its lives. */
	readonly log: string[] = [];
	private readonly _folder: string;
	private _settings: readonly string[] = [];
	private _hasWebSockets = false;
	private _program: Program | undefined;

	private constructor(folder: string, [port, tlsPort, webSocketPort, secureWebSocketPort]: readonly number[]) {
		this._folder = folder;
		this.port = port!;
		this.tlsPort = tlsPort!;
		this.webSocketPort = webSocketPort!;
		this.secureWebSocketPort = secureWebSocketPort!;
	}

	/** Starts one that keeps what it has to in `folder`. */
	static async start(folder: string, options: MosquittoOptions = {}): Promise<Mosquitto> {
		const { users, access, tls, savesChanges, webSockets, lines = [] } = options;
		const program = findProgram("mosquitto");
		mkdirSync(folder, { recursive: true });
		const broker = new Mosquitto(folder, [await freePort(), await freePort(), await freePort(), await freePort()]);
		const passwords = join(folder, "passwords");
		if (users) {
			writeFileSync(passwords, "");
			for (const [name, password] of Object.entries(users)) {
				execFileSync(findProgram("mosquitto_passwd"), ["-b", passwords, name, password]);
			}
		}
		if (access !== undefined) writeFileSync(broker._accessFile, access);
		broker._settings = [
			...(access === undefined ? [] : [`acl_file ${broker._accessFile}`]),
			...(users ? ["allow_anonymous false", `password_file ${passwords}`] : ["allow_anonymous true"]),
			"persistence true",
			`persistence_location ${folder}/`,
			...(savesChanges ? ["autosave_on_changes true", "autosave_interval 1"] : []),
			"log_dest stderr",
			"log_type all",
			"max_queued_messages 10000",
			// Root's mosquitto would become another user, who may not write here.
			...(process.getuid?.() === 0 ? ["user root"] : []),
			`listener ${broker.port} 127.0.0.1`,
			...lines,
			...(webSockets ? [`listener ${broker.webSocketPort} 127.0.0.1`, "protocol websockets"] : []),
		];
		broker._hasWebSockets = webSockets === true;
		broker.configure(tls);
		await broker.restart(program);
		return broker;
	}

	/** Sets who it is for those who connect with TLS, from its next start on. */
	configure(tls: BrokerTls | undefined): void {
		const settings = [...this._settings];
		if (tls) {
			const { identity, clientAuthority } = tls;
			for (const [port, ...protocol] of [
				[this.tlsPort],
				...(this._hasWebSockets ? [[this.secureWebSocketPort, "protocol websockets"]] : []),
			]) {
				settings.push(`listener ${port} 127.0.0.1`, ...protocol.map(String));
				settings.push(`certfile ${identity.certificate}`, `keyfile ${identity.key}`);
				if (clientAuthority) settings.push(`cafile ${clientAuthority.certificate}`, "require_certificate true");
			}
		}
		writeFileSync(join(this._folder, "mosquitto.conf"), `${settings.join("\n")}\n`);
	}

	/** Another access list, from now on; for a broker that has one. */
	grant(access: string): void {
		writeFileSync(this._accessFile, access);
		this._program?.signal("SIGHUP");
	}

	/** Starts it again, after `kill` or `stop`; resolves when it listens. */
	async restart(program = findProgram("mosquitto")): Promise<void> {
		const from = this.log.length;
		this._program = new Program(
			`mosquitto on port ${this.port}`,
			program,
			["-c", join(this._folder, "mosquitto.conf")],
			this._folder,
			this.log,
		);
		await this._program.line(/mosquitto version .* running/, from);
	}

	/** As a power cut would: nothing is saved, nobody is told. */
	async kill(): Promise<void> {
		await this._program?.kill();
	}

	/** In good order: sessions and retained messages are saved. */
	async stop(): Promise<void> {
		this._program?.signal("SIGTERM");
		await this._program?.ended();
	}

	/** Neither reads nor writes until `resume`; connections stay open. */
	pause(): void {
		this._program?.signal("SIGSTOP");
	}

	resume(): void {
		this._program?.signal("SIGCONT");
	}

	/** Saves sessions and retained messages, so that they outlive a `kill`. */
	async save(): Promise<void> {
		rmSync(this._database, { force: true });
		this._program?.signal("SIGUSR1");
		await until("mosquitto to save its database", () => existsSync(this._database));
	}

	/** Loses what was saved; for a broker that does not run. */
	forget(): void {
		rmSync(this._database, { force: true });
	}

	/** See `publish`. */
	publish(topic: string, ...args: string[]): Promise<void> {
		return publish(this.port, this._folder, topic, ...args);
	}

	/** How many lines of the log match. */
	count(pattern: RegExp): number {
		return this.log.filter((line) => pattern.test(line)).length;
	}

	/** How often it accepted a client, by client id. */
	connections(clientId: string): number {
		return this.count(new RegExp(`New client connected from .* as ${clientId} `));
	}

	/** How many subscriptions of a client it has answered. */
	readonly subscriptions = (clientId: string): number => this.count(new RegExp(`Sending SUBACK to ${clientId}$`));

	private get _accessFile(): string {
		return join(this._folder, "access");
	}

	private get _database(): string {
		return join(this._folder, "mosquitto.db");
	}
}

/**
 * Publishes with mosquitto_pub, at QoS 1; `args` are more of its arguments, the message among them. Resolves when
 * the broker has it. Meanwhile this process goes on: mosquitto stands still when nobody reads its log.
 */
export async function publish(port: number, folder: string, topic: string, ...args: string[]): Promise<void> {
	const where = ["-h", "127.0.0.1", "-p", String(port), "-q", "1", "-t", topic];
	const program = new Program("mosquitto_pub", findProgram("mosquitto_pub"), [...where, ...args], folder);
	const { code } = await program.ended();
	if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}: ${program.lines.join("; ")}`);
}

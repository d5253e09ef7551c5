/** The broker that the observatory brings along: mosquitto as a child process, which keeps messages and sessions on the disk. */
import { type ChildProcess, spawn } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { closeToOthers, makeFolder, PRIVATE_FILE } from "../../hosts/node/folders.js";
import { messageOf, printable } from "../../src/text.ts";

/** Debian has it where only root's programs are looked for. */
const MORE_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];
/** Pauses before it is started again, in ms: the second doubles up to the third. */
const RESTART = { base: 500, limit: 30_000 };
/** Having run for so long, in ms, it starts again without a pause. */
const STABLE_MS = 60_000;
/** From its start until it listens, and from the signal to its end, in ms. */
const START_MS = 10_000;
const END_MS = 5_000;
const LOOK_MS = 50;
/** Messages that wait for a client that is away, and their bytes. */
const QUEUE_MAXIMUM = 1_000_000;
const QUEUE_BYTES_MAXIMUM = 256 << 20;
/** As mosquitto_passwd counts for PBKDF2 with SHA-512. */
const ITERATIONS = 101;

export interface MosquittoOptions {
	/** Where it keeps what it has to. */
	readonly folder: string;
	readonly host: string;
	readonly port: number;
	/** Without them, anybody may connect. */
	readonly user?: { readonly name: string; readonly password: string } | undefined;
	readonly say: (text: string) => void;
}

/** The program, if it is installed. */
export function findMosquitto(): string | undefined {
	const folders = [...(process.env.PATH ?? "").split(delimiter), ...MORE_FOLDERS];
	return folders
		.filter((folder) => folder !== "")
		.map((folder) => join(folder, "mosquitto"))
		.find(isProgram);
}

function isProgram(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

export class MosquittoChild {
	private readonly _program: string;
	private readonly _options: MosquittoOptions;
	private readonly _config: string;
	private readonly _pidFile: string;
	private _child: ChildProcess | undefined;
	/** Whether it has listened, and is to go on until it is stopped. */
	private _isWanted = false;
	private _delay = 0;
	private _timer: NodeJS.Timeout | undefined;
	/** What it said last: why it has ended, if it has. */
	private _lastLine = "";

	private constructor(program: string, options: MosquittoOptions) {
		this._program = program;
		this._options = options;
		this._config = resolve(options.folder, "mosquitto.conf");
		this._pidFile = resolve(options.folder, "mosquitto.pid");
	}

	/** Starts it; resolves when it listens. Throws an Error for a person. */
	static async start(program: string, options: MosquittoOptions): Promise<MosquittoChild> {
		const broker = new MosquittoChild(program, options);
		makeFolder(options.folder);
		for (const name of readdirSync(options.folder)) closeToOthers(join(options.folder, name));
		await broker._endEarlier();
		await checkPort(options.host, options.port);
		broker._configure();
		broker._spawn();
		await broker._listening();
		broker._isWanted = true;
		return broker;
	}

	/** In good order: it saves what it has. */
	async stop(): Promise<void> {
		this._isWanted = false;
		clearTimeout(this._timer);
		const child = this._child;
		if (child?.exitCode !== null || child.signalCode !== null) return;
		const ended = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGTERM");
		const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
		await ended;
		clearTimeout(timer);
		rmSync(this._pidFile, { force: true });
	}

	/** A run of ours that was killed has left its broker behind. */
	private async _endEarlier(): Promise<void> {
		if (!existsSync(this._pidFile)) return;
		const pid = Number(readFileSync(this._pidFile, "utf8"));
		if (!isOurs(pid, this._config)) return;
		process.kill(pid, "SIGTERM");
		const begin = Date.now();
		// One that has ended and that nobody has asked after has no command line any more.
		while (isOurs(pid, this._config) && Date.now() - begin < 2 * END_MS) {
			if (Date.now() - begin > END_MS) process.kill(pid, "SIGKILL");
			await pause(LOOK_MS);
		}
	}

	private _configure(): void {
		const { folder, host, port, user } = this._options;
		const passwords = resolve(folder, "passwords");
		if (user) writeFileSync(passwords, `${user.name}:${hashOf(user.password)}\n`, { mode: PRIVATE_FILE });
		const lines = [
			// mosquitto takes :: for IPv6 alone.
			...(host === "::" ? ["0.0.0.0", "::"] : [host]).map((address) => `listener ${port} ${address}`),
			...(user ? ["allow_anonymous false", `password_file ${passwords}`] : ["allow_anonymous true"]),
			"persistence true",
			`persistence_location ${resolve(folder)}/`,
			// A power cut takes what has come since: stations send it again when they are asked.
			"autosave_interval 60",
			`max_queued_messages ${QUEUE_MAXIMUM}`,
			`max_queued_bytes ${QUEUE_BYTES_MAXIMUM}`,
			// As many as one transaction takes.
			"max_inflight_messages 500",
			"persistent_client_expiration 30d",
			"log_dest stderr",
			...["error", "warning"].map((type) => `log_type ${type}`),
			// Root's mosquitto would become another user, who may not write here.
			...(process.getuid?.() === 0 ? ["user root"] : []),
		];
		writeFileSync(this._config, `${lines.join("\n")}\n`, { mode: PRIVATE_FILE });
	}

	private _spawn(): void {
		const startedAt = Date.now();
		const child = spawn(this._program, ["-c", this._config], { stdio: ["ignore", "ignore", "pipe"], detached: true });
		this._child = child;
		if (child.pid !== undefined) this._keepPid(child.pid);
		child.stderr.on("data", (data) => {
			for (const line of String(data)
				.split("\n")
				.filter((line) => line !== "")) {
				// A time stands before each.
				this._lastLine = printable(line.replace(/^\d+: /, ""));
				// That root should not run it says nothing that root does not know.
				if (/^(Error|Warning: (?!.*root))/.test(this._lastLine)) this._options.say(this._lastLine);
			}
		});
		const ended = (how: string) => {
			if (!this._isWanted || this._child !== child) return;
			if (Date.now() - startedAt >= STABLE_MS) this._delay = 0;
			const when = this._delay > 0 ? ` in ${this._delay / 1_000} s` : "";
			this._options.say(`mosquitto ${how}, and is started again${when}`);
			this._child = undefined;
			this._timer = setTimeout(() => this._spawn(), this._delay);
			this._delay = Math.min(RESTART.limit, Math.max(RESTART.base, 2 * this._delay));
		};
		// One that cannot even be started has no `exit`.
		child.on("error", ({ message }) => {
			this._lastLine = message;
			ended(`does not start (${printable(message)})`);
		});
		child.on("exit", (code, signal) => ended(`has ended (${signal ?? code})`));
	}

	/** For a later run, which ends it if this one is killed. */
	private _keepPid(pid: number): void {
		try {
			writeFileSync(this._pidFile, `${pid}`, { mode: PRIVATE_FILE });
		} catch (error) {
			this._options.say(`${printable(messageOf(error))}; if this is killed, mosquitto goes on`);
		}
	}

	private async _listening(): Promise<void> {
		const { host, port } = this._options;
		const until = Date.now() + START_MS;
		while (!(await answers(host, port))) {
			const child = this._child;
			if (child === undefined || child.exitCode !== null || child.signalCode !== null || Date.now() > until) {
				await this.stop();
				throw new Error(`mosquitto does not start${this._lastLine === "" ? "" : `: ${this._lastLine}`}`);
			}
			await pause(LOOK_MS);
		}
	}
}

/** mosquitto tells in its log only that a port is taken, and by then is gone. */
async function checkPort(host: string, port: number): Promise<void> {
	const server = createServer();
	await new Promise<void>((resolve, reject) => {
		server.once("error", ({ code }: NodeJS.ErrnoException) => {
			const problem =
				code === "EADDRINUSE"
					? `another program has this port: if it is a broker, --broker 127.0.0.1${port === 1_883 ? "" : `:${port}`}; else --broker-port N`
					: code === "EADDRNOTAVAIL"
						? `this computer has no address ${host}`
						: `cannot be listened at (${code})`;
			reject(new Error(`port ${port}: ${problem}`));
		});
		server.listen(port, host, () => server.close(() => resolve()));
	});
}

/** Where this computer reaches what listens at `host`, which may be every address. */
export function ownAddress(host: string): string {
	return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

/** Whether something listens there. */
function answers(host: string, port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ host: ownAddress(host), port });
		const settle = (isOpen: boolean) => {
			socket.destroy();
			resolve(isOpen);
		};
		socket.once("connect", () => settle(true));
		socket.once("error", () => settle(false));
	});
}

/** As mosquitto_passwd writes it. */
function hashOf(password: string): string {
	const salt = randomBytes(12);
	const hash = pbkdf2Sync(password, salt, ITERATIONS, 64, "sha512");
	return `$7$${ITERATIONS}$${salt.toString("base64")}$${hash.toString("base64")}`;
}

/** Numbers of processes are used again: only what has our file as its argument is ours. */
function isOurs(pid: number, config: string): boolean {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(config);
	} catch {
		return false;
	}
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A program that a test runs, with the lines that it prints. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { until } from "./wait.ts";

/** Debian keeps servers where only root's PATH looks. */
const FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];

/** Debian's packages of programs that are not mosquitto's. */
const PACKAGES: Readonly<Record<string, string>> = {
	openssl: "openssl",
	"rabbitmq-server": "rabbitmq-server",
	epmd: "rabbitmq-server",
	erl_call: "rabbitmq-server",
	"nats-server": "nats-server",
	ip: "iproute2",
	unshare: "util-linux",
	nsenter: "util-linux",
	chromium: "chromium",
};

/** The path of a program of mosquitto's, or of another package; throws an Error that says how to install it. */
export function findProgram(name: string): string {
	for (const folder of [...(process.env.PATH ?? "").split(delimiter), ...FOLDERS]) {
		const path = join(folder, name);
		try {
			accessSync(path, constants.X_OK);
			return path;
		} catch {
			// not here
		}
	}
	throw new Error(`${name} is missing: apt-get install ${PACKAGES[name] ?? "mosquitto mosquitto-clients"}`);
}

const running = new Set<ChildProcess>();
// Whatever ends this process, what it started ends with it.
process.on("exit", () => {
	for (const child of running) child.kill("SIGKILL");
});
process.on("SIGTERM", () => process.exit(143));

/** How a program ended: one of the two is `null`. */
export interface Exit {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
}

export class Program {
	readonly name: string;
	/** What it printed to stdout and stderr, in the order of arrival. */
	readonly lines: string[];
	/** What it printed to stderr. */
	readonly errors: string[] = [];
	exit: Exit | undefined;
	private readonly _child: ChildProcess;

	/** @param lines where to put the lines, for a program that is started again */
	constructor(name: string, file: string, args: readonly string[], cwd: string, lines: string[] = []) {
		this.name = name;
		this.lines = lines;
		const child = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
		this._child = child;
		running.add(child);
		splitLines(child.stdout!, (line) => this.lines.push(line));
		splitLines(child.stderr!, (line) => {
			this.errors.push(line);
			this.lines.push(line);
		});
		child.on("error", (error) => lines.push(`cannot start ${file}: ${error.message}`));
		// "close" comes after the last line.
		child.on("close", (code, signal) => {
			running.delete(child);
			this.exit = { code, signal };
		});
	}

	/**
	 * Resolves with the first line that matches, of those printed and those to come; `from` leaves so many out. `step`: of
	 * a line that takes long, see `until`.
	 */
	async line(pattern: RegExp, from = 0, step?: () => unknown): Promise<string> {
		const find = () => {
			const line = this.lines.slice(from).find((line) => pattern.test(line));
			if (line === undefined && this.exit) throw new Error(`${this.name} ended without a line ${pattern}`);
			return line;
		};
		return until(`a line ${pattern} of ${this.name}`, find, step);
	}

	/** How many lines match. */
	count(pattern: RegExp): number {
		return this.lines.filter((line) => pattern.test(line)).length;
	}

	get pid(): number {
		return this._child.pid!;
	}

	signal(signal: NodeJS.Signals): void {
		this._child.kill(signal);
	}

	/** `step`: as of `until`. */
	ended(step?: () => unknown): Promise<Exit> {
		return until(`the end of ${this.name}`, () => this.exit, step);
	}

	/** Resolves with the process id of a program that it has started, whose command line has the text. */
	child(text: string): Promise<number> {
		return until(`${text} of ${this.name}`, () => {
			const { stdout } = spawnSync("pgrep", ["-P", String(this._child.pid), "-f", text], { encoding: "utf8" });
			return Number(stdout) || undefined;
		});
	}

	/** Kills it at once; it may have ended. */
	async kill(): Promise<void> {
		this.signal("SIGKILL");
		await this.ended();
	}
}

function splitLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
	let rest = "";
	stream.setEncoding("utf8");
	stream.on("data", (text: string) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop()!;
		for (const line of lines) onLine(line);
	});
	stream.on("end", () => {
		if (rest !== "") onLine(rest);
	});
}

/** A real PostgreSQL on a free loopback port, beside whatever PostgreSQL the machine has of its own. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { findProgram, Program } from "./program.ts";

/** Debian has the servers here, one folder for each version. */
const VERSIONS = "/usr/lib/postgresql";
const USER = "veleta";
const LISTENS = /database system is ready to accept connections/;

/** Where the programs are; throws an Error that says how to install them. */
function programs(): string {
	const found = existsSync(VERSIONS)
		? readdirSync(VERSIONS)
				.map((version) => join(VERSIONS, version, "bin"))
				.find((folder) => existsSync(join(folder, "initdb")))
		: undefined;
	if (found !== undefined) return found;
	throw new Error("postgres is missing: apt-get install postgresql");
}

/** Why no PostgreSQL can be started here, or `false`. */
export const NO_POSTGRES: string | false = (() => {
	try {
		programs();
		return false;
	} catch (error) {
		return (error as Error).message;
	}
})();

export class Postgres {
	readonly port: number;
	/** Of all its lives. */
	readonly log: string[] = [];
	private readonly _folder: string;
	private _program: Program | undefined;

	private constructor(folder: string, port: number) {
		this._folder = folder;
		this.port = port;
	}

	/** Starts one in a folder of its own, to which its user has access. It forgets nothing when it is killed. */
	static async start(): Promise<Postgres> {
		const folder = mkdtempSync(join(tmpdir(), "veleta-postgres-"));
		const server = new Postgres(folder, await freePort());
		const owner = ownerOf();
		if (owner) chownSync(folder, owner.uid, owner.gid);
		chmodSync(folder, 0o700);
		const [file, ...args] = asOwner(
			join(programs(), "initdb"),
			"-D",
			folder,
			"-U",
			USER,
			"-A",
			"trust",
			"-E",
			"UTF8",
			"--no-sync",
		);
		const { status, stderr } = spawnSync(file!, args, { cwd: "/", encoding: "utf8" });
		if (status !== 0) throw new Error(`initdb ended with ${status}: ${stderr}`);
		await server.restart();
		return server;
	}

	/** With the name of a database, which is made by its first user. */
	get url(): string {
		return `postgres://${USER}@127.0.0.1:${this.port}/postgres`;
	}

	/** Starts it again, after `kill`; resolves when it takes connections. */
	async restart(): Promise<void> {
		const from = this.log.length;
		const settings = [`port=${this.port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${this._folder}`];
		const [file, ...args] = asOwner(
			...[join(programs(), "postgres"), "-D", this._folder],
			...settings.flatMap((setting) => ["-c", setting]),
		);
		this._program = new Program(`postgres on port ${this.port}`, file!, args, "/", this.log);
		await this._program.line(LISTENS, from);
	}

	/** As a power cut would. Its children see it, and end. */
	async kill(): Promise<void> {
		await this._program?.kill();
	}

	/** For good. */
	async remove(): Promise<void> {
		this._program?.signal("SIGINT");
		await this._program?.ended();
		rmSync(this._folder, { recursive: true });
	}
}

/** It refuses to run as root. */
function asOwner(...command: string[]): string[] {
	const owner = ownerOf();
	if (!owner) return command;
	return [findProgram("setpriv"), `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", ...command];
}

function ownerOf(): { readonly uid: number; readonly gid: number } | undefined {
	if (process.getuid?.() !== 0) return undefined;
	const idOf = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
	return { uid: idOf("-u"), gid: idOf("-g") };
}

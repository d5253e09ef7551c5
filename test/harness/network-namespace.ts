/** A network of its own on Linux: nothing but loopback, all ports free, and the name server that a test says. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, Program } from "./program.ts";

const isRoot = process.getuid?.() === 0;

export class NetworkNamespace {
	private readonly _folder: string;
	private readonly _holder: Program;

	private constructor(folder: string, holder: Program) {
		this._folder = folder;
		this._holder = holder;
	}

	/** `resolver`: `/etc/resolv.conf` there. */
	static async start(folder: string, resolver: string): Promise<NetworkNamespace> {
		const file = join(folder, "resolv.conf");
		writeFileSync(file, resolver);
		const ip = findProgram("ip");
		const script = `${ip} link set lo up && mount --bind "${file}" /etc/resolv.conf && echo ready && exec sleep infinity`;
		const user = isRoot ? [] : ["--user", "--map-root-user"];
		const args = [...user, "--net", "--mount", "sh", "-c", script];
		const holder = new Program("a network", findProgram("unshare"), args, folder);
		await holder.line(/^ready$/);
		return new NetworkNamespace(folder, holder);
	}

	/** Starts a program there. */
	run(name: string, file: string, args: readonly string[]): Program {
		const user = isRoot ? [] : ["--user", "--preserve-credentials"];
		const where = ["--target", String(this._holder.pid), `--wd=${this._folder}`];
		const enter = [...user, "--net", "--mount", ...where, "--", file, ...args];
		return new Program(name, findProgram("nsenter"), enter, this._folder);
	}

	close(): Promise<void> {
		return this._holder.kill();
	}
}

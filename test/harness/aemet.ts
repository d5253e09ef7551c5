/** `npm run aemet` as a process, and the server that it asks. */
import { join } from "node:path";
import { KEY } from "./aemet-answers.ts";
import { AemetServer } from "./aemet-server.ts";
import { Program } from "./program.ts";
import type { Parts } from "./scenario.ts";

/** Built by `tools/test.js`. */
export const PROGRAM = join(process.cwd(), "build/programs/test-harness-aemet-program.js");
/** The server alone; the same. */
export const SERVER_PROGRAM = join(process.cwd(), "build/programs/test-harness-aemet-server-program.js");

export class Aemet {
	readonly server: AemetServer;
	private readonly _parts: Parts;
	private readonly _folder: string;

	private constructor(parts: Parts, server: AemetServer) {
		this._parts = parts;
		this._folder = join(parts.folder, "aemet");
		this.server = server;
	}

	static async start(parts: Parts): Promise<Aemet> {
		const server = await AemetServer.start();
		parts.onEnd(() => server.close());
		return new Aemet(parts, server);
	}

	/** A life of the program, with what the one before has kept. */
	program(broker: { readonly port: number }, ...args: string[]): Program {
		return this.withKey(KEY, broker, ...args);
	}

	withKey(key: string, { port }: { readonly port: number }, ...args: string[]): Program {
		const line = [PROGRAM, "--broker", `mqtt://127.0.0.1:${port}`, "--data", this._folder, ...args];
		// A program has no environment of its own; what it starts with is ours.
		process.env.AEMET_TEST_ORIGIN = this.server.origin;
		process.env.AEMET_API_KEY = key;
		return this._parts.own(new Program(`aemet ${args.join(" ")}`, process.execPath, line, this._parts.folder));
	}
}

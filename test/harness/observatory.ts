/** `npm run observatory`, and what its page's server says. */
import { join } from "node:path";
import type { LiveEvent, Loss, StationsAnswer, StationView } from "../../commands/observatory/api.ts";
import { freePort } from "./ports.ts";
import { type Exit, Program } from "./program.ts";
import type { Parts } from "./scenario.ts";
import { until } from "./wait.ts";

/** Built by `tools/test.js`. */
const PROGRAM = join(process.cwd(), "build/programs/commands-observatory-observatory.js");

export class Observatory {
	readonly port: number;
	readonly folder: string;
	/** Of all its lives. */
	readonly lines: string[] = [];
	private readonly _parts: Parts;
	private readonly _args: readonly string[];
	private _program: Program | undefined;

	private constructor(parts: Parts, port: number, args: readonly string[], name: string) {
		this._parts = parts;
		this.port = port;
		this.folder = join(parts.folder, name);
		this._args = ["--data", this.folder, "--port", String(port), ...args];
		parts.shows(`observatory ${args.join(" ")}`, this.lines);
		parts.onEnd(() => this.kill());
	}

	/** Resolves when its broker is connected. `name`: of its folder. */
	static async start(parts: Parts, args: readonly string[], name = "observatory"): Promise<Observatory> {
		const observatory = new Observatory(parts, await freePort(), args, name);
		await observatory.restart();
		return observatory;
	}

	/** The same, without waiting. */
	static async begin(parts: Parts, args: readonly string[], name: string): Promise<Observatory> {
		const observatory = new Observatory(parts, await freePort(), args, name);
		observatory.begin();
		return observatory;
	}

	/** Another life, after `kill` or `stop`. */
	async restart(): Promise<void> {
		await this.begin().line(/: connected with /);
	}

	/** The same, without waiting. */
	begin(): Program {
		const lines: string[] = [];
		const program = new Program(
			"the observatory",
			process.execPath,
			[PROGRAM, ...this._args],
			this._parts.folder,
			lines,
		);
		// What it says is looked for in this life, and shown of all.
		const push = lines.push.bind(lines);
		lines.push = (...more) => {
			this.lines.push(...more);
			return push(...more);
		};
		this._program = program;
		return program;
	}

	get program(): Program {
		return this._program!;
	}

	async kill(): Promise<void> {
		await this._program?.kill();
	}

	/** Ctrl-C. */
	stop(): Promise<Exit> {
		this.program.signal("SIGINT");
		return this.program.ended();
	}

	async get<Answer>(path: string): Promise<Answer> {
		const response = await fetch(`http://127.0.0.1:${this.port}${path}`);
		if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
		return (await response.json()) as Answer;
	}

	async text(path: string): Promise<string> {
		return (await fetch(`http://127.0.0.1:${this.port}${path}`)).text();
	}

	/** What a page is told that shows what the query says, as it comes. */
	async events(query: string): Promise<readonly LiveEvent[]> {
		const ending = new AbortController();
		this._parts.onEnd(() => ending.abort());
		const response = await fetch(`http://127.0.0.1:${this.port}/api/events?${query}`, { signal: ending.signal });
		const events: LiveEvent[] = [];
		const read = async () => {
			let rest = "";
			for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
				const lines = (rest + text).split("\n");
				rest = lines.pop()!;
				for (const line of lines)
					if (line.startsWith("data: ")) events.push(...JSON.parse(line.slice("data: ".length)));
			}
		};
		// Its end is the test's, or the observatory's.
		read().catch(() => {});
		return events;
	}

	/** All, in brief. */
	async stations(): Promise<StationView[]> {
		const all: StationView[] = [];
		for (;;) {
			const { stations, total } = await this.get<StationsAnswer>(`/api/stations?from=${all.length}`);
			all.push(...stations);
			if (all.length >= total || stations.length === 0) return all;
		}
	}

	async station(topic: string): Promise<StationView | undefined> {
		return (await this.get<StationsAnswer>(`/api/stations?topic=${encodeURIComponent(topic)}`)).stations[0];
	}

	losses(topic: string): Promise<Loss[]> {
		return this.get(`/api/losses?topic=${encodeURIComponent(topic)}`);
	}

	async counter(name: string): Promise<number> {
		const line = (await this.text("/metrics")).split("\n").find((line) => line.startsWith(`${name} `));
		return Number(line?.split(" ")[1]);
	}

	/** Resolves when it has a station's reading with this number or a later one. */
	async reaches(topic: string, seq: number): Promise<void> {
		await until(`reading ${seq} of ${topic}`, async () => ((await this.station(topic))?.last?.seq ?? 0) >= seq);
	}

	/** All readings as CSV has them, each as `topic run seq`; it may run or not. */
	async exported(): Promise<string[]> {
		return (await this.csv())
			.slice(1)
			.map((line) => line.split(",").slice(0, 3).join(" "))
			.filter((key) => !key.endsWith("  "));
	}

	async csv(): Promise<readonly string[]> {
		const program = new Program(
			"the export",
			process.execPath,
			[PROGRAM, ...this._args.filter((_, index) => index < 2 || this._isOfStore(index)), "--export", "csv"],
			this._parts.folder,
		);
		const { code } = await program.ended();
		if (code !== 0) throw new Error(`the export ended with ${code}: ${program.lines.join("; ")}`);
		return program.lines.map((line) => line.replace(/\r$/, ""));
	}

	private _isOfStore(index: number): boolean {
		return this._args[index] === "--store" || this._args[index - 1] === "--store";
	}
}

/** `veleta/a 1 1` up to `last`. */
export function keysUpTo(topic: string, last: number, run = 1): string[] {
	return Array.from({ length: last }, (_, index) => `${topic} ${run} ${index + 1}`);
}

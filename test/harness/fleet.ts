/** `npm run fleet`, and how far it is. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Summary } from "../../commands/fleet/summary.ts";
import { Program } from "./program.ts";
import type { Parts } from "./scenario.ts";
import { until } from "./wait.ts";

/** Built by `tools/test.js`. */
const PROGRAM = join(process.cwd(), "build/programs/commands-fleet-fleet.js");

export class Fleet {
	readonly program: Program;
	private readonly _curve: string;

	constructor(parts: Parts, ...args: string[]) {
		this._curve = join(parts.folder, "fleet.csv");
		const line = [PROGRAM, "--json", "--curve", this._curve, ...args];
		this.program = parts.own(new Program(`fleet ${args.join(" ")}`, process.execPath, line, parts.folder));
	}

	/** What came until its last full second: `second`, how many are `connected`, and sums of the rest. */
	get progress() {
		const lines = existsSync(this._curve) ? readFileSync(this._curve, "utf8").split("\n").slice(1, -1) : [];
		const sum = { second: 0, connected: 0, connects: 0, readings: 0, acknowledged: 0 };
		for (const line of lines) {
			const [second = 0, connected = 0, connects = 0, readings = 0, acknowledged = 0] = line.split(",").map(Number);
			Object.assign(sum, { second, connected });
			sum.connects += connects;
			sum.readings += readings;
			sum.acknowledged += acknowledged;
		}
		return sum;
	}

	/** Resolves when so many are connected, at the most or at the least. */
	async connected(count: { readonly atLeast: number } | { readonly atMost: number }): Promise<void> {
		const isThere = (connected: number) =>
			"atLeast" in count ? connected >= count.atLeast : connected <= count.atMost;
		await until(`${JSON.stringify(count)} connected stations`, () => {
			const { second, connected } = this.progress;
			this._lives();
			return second > 0 && isThere(connected);
		});
	}

	/** Resolves when so many more readings are acknowledged. */
	async acknowledges(more: number): Promise<void> {
		const { acknowledged } = this.progress;
		await until(
			`${more} more readings`,
			() => {
				this._lives();
				return this.progress.acknowledged >= acknowledged + more;
			},
			() => this.progress.acknowledged,
		);
	}

	/** Ctrl-C: it waits for what is missing. Returns the summary. */
	async stop(): Promise<Summary> {
		this.program.signal("SIGINT");
		return this.summary();
	}

	/** At its end. */
	async summary(): Promise<Summary> {
		await this.program.ended(() => this.program.lines.length);
		const { lines, errors } = this.program;
		// All of stdout.
		const [summary, ...others] = lines.filter((line) => !errors.includes(line));
		assert.ok(summary, `the fleet ends without a summary: ${lines.join("; ")}`);
		assert.deepEqual(others, []);
		return JSON.parse(summary);
	}

	private _lives(): void {
		if (this.program.exit) throw new Error(`the fleet has ended: ${this.program.lines.join("; ")}`);
	}
}

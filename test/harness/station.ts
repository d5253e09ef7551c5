/** The station in its simulator, as `npm start` runs it. */
import { join } from "node:path";
import { type Exit, Program } from "./program.ts";

/** Built by `tools/test.js`; tests run in the project's folder. */
export const STATION_PROGRAM = join(process.cwd(), "build/programs/commands-start-start.js");

/** What the simulator says at the end. */
export interface Summary {
	readonly readings: number;
	readonly published: number;
	readonly acknowledged: number;
	readonly dropped: number;
	readonly queued: number;
	readonly redelivered: number;
	readonly faults: number;
	readonly connections: number;
}

const SUMMARY: readonly [keyof Summary, RegExp][] = [
	["readings", /^readings (\d+),/],
	["published", /, published (\d+),/],
	["acknowledged", /, acknowledged (\d+),/],
	["dropped", /, dropped (\d+),/],
	["queued", /, not delivered (\d+)$/],
	["redelivered", /^redelivered (\d+),/],
	["faults", /, measurements without a reading (\d+),/],
	["connections", /, connections (\d+)$/],
];

export class StationProcess extends Program {
	readonly args: readonly string[];

	/** @param args the command line; files are looked for, and `.veleta` is made, in `folder` */
	constructor(folder: string, args: readonly string[]) {
		super("the station", process.execPath, [STATION_PROGRAM, ...args], folder);
		this.args = args;
	}

	/** The counters that it printed at the end; throws an Error where one is missing. */
	get summary(): Summary {
		const counters = SUMMARY.map(([name, pattern]) => {
			const [, number] = this.lines.map((line) => pattern.exec(line)).find((found) => found !== null) ?? [];
			if (number === undefined) throw new Error(`the station ended without telling ${name}`);
			return [name, Number(number)];
		});
		return Object.fromEntries(counters);
	}

	/** The reasons of lost connections with the delays in s that follow them, in order. */
	get disconnects(): { reason: string; delay: number }[] {
		return this.lines
			.map((line) => /warning: \S+:\d+: (.*); next attempt in (\d+\.\d) s$/.exec(line))
			.filter((found) => found !== null)
			.map(([, reason, delay]) => ({ reason: reason!, delay: Number(delay) }));
	}

	/** Stops its engine where it is: whoever waits for the engine waits, until what is returned is called. */
	async haltEngine(): Promise<() => void> {
		const engine = await this.child("engine/xs");
		process.kill(engine, "SIGSTOP");
		return () => void process.kill(engine, "SIGCONT");
	}

	/** Ctrl-C. */
	async stop(): Promise<Exit> {
		this.signal("SIGINT");
		return this.ended();
	}
}

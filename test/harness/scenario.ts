/**
 * A test with real parts: brokers, subscribers, stations. It is given what
 * starts them; at its end they are killed, and if it failed, shown.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { Mosquitto, type MosquittoOptions } from "./mosquitto.ts";
import type { Program } from "./program.ts";
import { StationProcess } from "./station.ts";
import { MosquittoSub, type Subscribed, type SubscriberOptions } from "./subscriber.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** How often a scenario is tried in which a foreign part fails. */
const ATTEMPTS = 2;
/** The end of a part's output, as a failure shows it. */
const LINES_SHOWN = 60;

/** A foreign part does not do its work for other foreign parts, either: nothing is said of ours. */
export class ForeignFailure extends Error {
	override name = "ForeignFailure";
}

export class Parts {
	/** Of its own, and gone at the end. */
	readonly folder = mkdtempSync(join(tmpdir(), "veleta-test-"));
	private readonly _shown: { name: string; lines: readonly string[] }[] = [];
	private readonly _ends: (() => unknown)[] = [];

	async mosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
		const broker = await Mosquitto.start(join(this.folder, `broker-${this._ends.length}`), options);
		this._ends.push(() => broker.kill());
		this._shown.push({ name: `mosquitto on port ${broker.port}`, lines: broker.log });
		return broker;
	}

	async subscriber(
		broker: Subscribed,
		filter: string | readonly string[],
		options: Partial<SubscriberOptions> = {},
	): Promise<MosquittoSub> {
		const subscriber = await MosquittoSub.start(broker, this.folder, { filters: [filter].flat(), ...options });
		this._ends.push(() => subscriber.kill());
		this._shown.push({ name: `mosquitto_sub ${filter}`, lines: subscriber.lines });
		return subscriber;
	}

	async proxy(broker: Pick<Mosquitto, "port">): Promise<TcpProxy> {
		const proxy = await TcpProxy.start(broker.port);
		this._ends.push(() => proxy.shut());
		return proxy;
	}

	/**
	 * `where` is a broker or a proxy, or nothing for the simulator's own broker. Its id is `sim` where neither `args` nor
	 * their file of settings has one.
	 */
	station(where: { readonly port: number } | undefined, ...args: string[]): StationProcess {
		return this.nameless(where, ...(this._isNamed(args) ? [] : ["--id", "sim"]), ...args);
	}

	/** The same, but without an id of ours. */
	nameless(where: { readonly port: number } | undefined, ...args: string[]): StationProcess {
		return this._station([...(where ? ["--broker", `mqtt://127.0.0.1:${where.port}`] : []), ...args]);
	}

	/** The next life of a station that has ended: with the same flash and the same arguments. */
	again({ args }: StationProcess): StationProcess {
		return this._station(args);
	}

	/**
	 * Resolves with a station's last number when it has ended and the broker has all of it; a busy machine may end it before,
	 * and then it lives again.
	 */
	async delivered(station: StationProcess): Promise<number> {
		await station.ended();
		const { readings, queued } = station.summary;
		if (queued === 0) return readings;
		const again = this.again(station);
		await again.line(/"seq":/);
		again.signal("SIGINT");
		return readings + (await this.delivered(again));
	}

	private _isNamed(args: readonly string[]): boolean {
		if (args.includes("--id") || args.includes("-i")) return true;
		const config = args[args.indexOf("--config") + 1];
		if (!args.includes("--config") || config === undefined) return false;
		try {
			return JSON.parse(readFileSync(resolve(this.folder, config), "utf8")).id !== undefined;
		} catch {
			// That it cannot be used is what the test is about.
			return false;
		}
	}

	private _station(args: readonly string[]): StationProcess {
		const station = new StationProcess(this.folder, args);
		this._ends.push(() => station.kill());
		this._shown.push({ name: `station ${args.join(" ")}`, lines: station.lines });
		return station;
	}

	/** Takes over a program: ended with the others, and shown. */
	own(program: Program): Program {
		this._ends.push(() => program.kill());
		this._shown.push({ name: program.name, lines: program.lines });
		return program;
	}

	/** Has the lines of a part that outlives the test shown with the others. */
	shows(name: string, lines: readonly string[]): void {
		this._shown.push({ name, lines });
	}

	onEnd(end: () => unknown): void {
		this._ends.push(end);
	}

	/** The station's arguments for settings that have no option. */
	config(settings: object): string[] {
		const path = join(this.folder, `config-${this._ends.length}.json`);
		writeFileSync(path, JSON.stringify(settings));
		return ["--config", path];
	}

	/** What the parts printed, for a failure. */
	show(): string {
		return this._shown.map(({ name, lines }) => `--- ${name}\n${lines.slice(-LINES_SHOWN).join("\n")}\n`).join("");
	}

	async close(): Promise<void> {
		for (const end of this._ends.reverse()) await end();
		rmSync(this.folder, { recursive: true, force: true });
	}
}

/** `skip`: why it cannot run here; it is counted as skipped then. After a `ForeignFailure` it is told anew, once. */
export function scenario(
	name: string,
	run: (parts: Parts) => Promise<void>,
	{ skip = false }: { readonly skip?: string | false } = {},
): void {
	test(name, { skip }, async (context) => {
		for (let attempt = 1; ; attempt++) {
			const parts = new Parts();
			try {
				return await run(parts);
			} catch (error) {
				process.stderr.write(`\n${name}\n${parts.show()}`);
				if (!(error instanceof ForeignFailure) || attempt === ATTEMPTS) throw error;
				context.diagnostic(`once more: ${error.message}`);
			} finally {
				await parts.close();
			}
		}
	});
}

/** What many worlds came to, and how it is printed. */
import type { Report } from "./worker.ts";
import type { Stats } from "./world.ts";

const HOUR_MS = 3_600_000;

export class Totals {
	worlds = 0;
	readonly faults = new Map<string, number>();
	private readonly _stats: Record<keyof Stats, number> = {
		simulated: 0,
		readings: 0,
		deliveries: 0,
		redeliveries: 0,
		rejected: 0,
		dropped: 0,
		forgotten: 0,
		reused: 0,
		powerCuts: 0,
		restarts: 0,
		sleeps: 0,
		attempts: 0,
		connections: 0,
		erases: 0,
		writes: 0,
	};
	private readonly _began = performance.now();

	add({ stats, faults }: Pick<Report, "stats" | "faults">): void {
		this.worlds++;
		for (const name of Object.keys(this._stats) as (keyof Stats)[]) this._stats[name] += stats[name];
		for (const [kind, count] of faults) this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
	}

	private get _seconds(): number {
		return (performance.now() - this._began) / 1_000;
	}

	/** One line. */
	get progress(): string {
		const { readings, powerCuts, simulated } = this._stats;
		return (
			`${Math.round(this._seconds)} s: ${this.worlds} worlds, ${Math.round(simulated / HOUR_MS)} simulated hours, ` +
			`${readings} readings, ${powerCuts} power cuts`
		);
	}

	/** What was survived. */
	table(): string {
		const stats = this._stats;
		const hours = stats.simulated / HOUR_MS;
		const rows: (readonly [string, string | number])[] = [
			["worlds", this.worlds],
			["simulated hours", Math.round(hours)],
			["simulated hours per second", Math.round(hours / this._seconds)],
			["readings", stats.readings],
			["deliveries", stats.deliveries],
			["redeliveries", stats.redeliveries],
			["refused by the broker", stats.rejected],
			["dropped, and counted", stats.dropped],
			["in RAM at a power cut, as the flash refused", stats.forgotten],
			["numbers given again, as the flash refused", stats.reused],
			["power cuts", stats.powerCuts],
			["restarts by command", stats.restarts],
			["sleeps", stats.sleeps],
			["attempts to connect", stats.attempts],
			["connections", stats.connections],
			["flash erases", stats.erases],
			["flash writes", stats.writes],
		];
		const faults = [...this.faults].sort(([one], [other]) => (one < other ? -1 : 1));
		const line = ([name, value]: readonly [string, string | number]) => `${String(value).padStart(12)}  ${name}\n`;
		return `${rows.map(line).join("")}\nfaults:\n${faults.map(line).join("")}`;
	}
}

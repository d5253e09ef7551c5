/** When a fleet's stations lose their network, and their power, by the seed. */
import { timer } from "../../hosts/node/ports.ts";
import type { Machine } from "../../hosts/sim/fleet/machine.ts";
import type { Random } from "../../hosts/sim/world/random.ts";

const HOUR_MS = 3_600_000;
/** How long the network is away, in ms: on average, and at the most. */
const OUTAGE_MS = { mean: 20_000, most: 120_000 };
/** The same of the power. */
const POWER_CUT_MS = { mean: 5_000, most: 30_000 };

export interface FaultRates {
	/** Of each station, per hour; 0: none. */
	readonly outages: number;
	readonly powerCuts: number;
}

export class Faults {
	outages = 0;
	powerCuts = 0;
	/** What brings back what is away now. */
	private readonly _ends = new Set<() => void>();
	private readonly _timers = new Set<unknown>();

	/** Begins with them. */
	constructor(machines: readonly Machine[], { outages, powerCuts }: FaultRates, random: Random) {
		for (const [index, machine] of machines.entries()) {
			const dice = random.fork(`faults ${index}`);
			this._repeat(dice, outages, OUTAGE_MS, {
				begin: () => {
					if (machine.isReady) this.outages++;
					machine.setNetwork(false);
				},
				end: () => machine.setNetwork(true),
			});
			this._repeat(dice, powerCuts, POWER_CUT_MS, {
				begin: () => {
					this.powerCuts++;
					machine.powerCut();
				},
				end: () => machine.powerOn(),
			});
		}
	}

	/** There are no more, and what is away comes back. Stations that were not started yet stay so. */
	end(): void {
		for (const holder of this._timers) timer.clear(holder);
		for (const end of this._ends) end();
	}

	private _repeat(
		dice: Random,
		perHour: number,
		{ mean, most }: typeof OUTAGE_MS,
		{ begin, end }: { begin: () => void; end: () => void },
	): void {
		if (perHour === 0) return;
		const next = () => {
			this._after(dice.exponential(HOUR_MS / perHour), () => {
				begin();
				this._ends.add(end);
				this._after(Math.min(most, dice.exponential(mean)), () => {
					this._ends.delete(end);
					end();
					next();
				});
			});
		};
		next();
	}

	private _after(delay: number, callback: () => void): void {
		const holder = timer.set(() => {
			this._timers.delete(holder);
			callback();
		}, delay);
		this._timers.add(holder);
	}
}

/** Since when the parts of a world are as they should be. */
import type { Area } from "./fault.ts";

export class Health {
	private readonly _faults: Record<Area, number> = { connection: 0, sensor: 0, flash: 0, time: 0, power: 0 };
	private readonly _wellSince: Record<Area, number> = { connection: 0, sensor: 0, flash: 0, time: 0, power: 0 };

	/** A fault begins to act. */
	disturbed(area: Area): void {
		this._faults[area]++;
	}

	/** A fault has ended, in the world's ms. */
	ended(area: Area, time: number): void {
		this._faults[area]--;
		this._wellSince[area] = time;
	}

	/** Since when there has been no fault of the area's, in the world's ms; `Infinity`: there is one. */
	wellSince(...areas: readonly Area[]): number {
		let latest = 0;
		for (const area of areas) {
			if (this._faults[area] > 0) return Number.POSITIVE_INFINITY;
			latest = Math.max(latest, this._wellSince[area]);
		}
		return latest;
	}
}

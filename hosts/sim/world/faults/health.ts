/** Since when the parts of a world are as they should be. */
import type { Area } from "./fault.ts";

export class Health {
	private readonly _faults = new Map<Area, number>();
	private readonly _wellSince = new Map<Area, number>();

	/** A fault begins to act. */
	disturbed(area: Area): void {
		this._faults.set(area, (this._faults.get(area) ?? 0) + 1);
	}

	/** A fault has ended, in the world's ms. */
	ended(area: Area, time: number): void {
		this._faults.set(area, (this._faults.get(area) ?? 1) - 1);
		this._wellSince.set(area, time);
	}

	/** Since when there has been no fault of the area's, in the world's ms; `Infinity`: there is one. */
	wellSince(...areas: readonly Area[]): number {
		let latest = 0;
		for (const area of areas) {
			if ((this._faults.get(area) ?? 0) > 0) return Number.POSITIVE_INFINITY;
			latest = Math.max(latest, this._wellSince.get(area) ?? 0);
		}
		return latest;
	}
}

/** Since when the parts of a world are as they should be. */
import type { Area } from "./faults.ts";

export class Health {
	readonly #faults = new Map<Area, number>();
	readonly #wellSince = new Map<Area, number>();

	/** A fault begins to act. */
	disturbed(area: Area): void {
		this.#faults.set(area, (this.#faults.get(area) ?? 0) + 1);
	}

	/** A fault has ended, in the world's ms. */
	ended(area: Area, time: number): void {
		this.#faults.set(area, (this.#faults.get(area) ?? 1) - 1);
		this.#wellSince.set(area, time);
	}

	/** Since when there has been no fault of the area's, in the world's ms; `Infinity`: there is one. */
	wellSince(...areas: readonly Area[]): number {
		return Math.max(
			...areas.map((area) =>
				(this.#faults.get(area) ?? 0) > 0 ? Number.POSITIVE_INFINITY : (this.#wellSince.get(area) ?? 0),
			),
		);
	}
}

/** The rule for the times that readings are labelled with. */
import type { Entry } from "./entry.ts";

/** Labels are in whole ms, and so are the times that they are added up from. */
const TOLERANCE_MS = 2;

export class Labels {
	private readonly _violate: (kind: string, text: string) => void;
	/** What the wall clock was ahead of the monotonic one, each time it was set, by power-on period. */
	private readonly _offsets = new Map<number, number[]>();
	private _boot = 0;

	constructor(violate: (kind: string, text: string) => void) {
		this._violate = violate;
	}

	poweredOn(boot: number): void {
		this._boot = boot;
		this._offsets.set(boot, []);
	}

	clockSet(offset: number): void {
		this._offsets.get(this._boot)?.push(offset);
	}

	/**
	 * A reading has the wall clock's time of its sample; or, if the clock was not set then, none, or the time by one of
	 * the settings that followed in the same power-on period.
	 */
	judge({ seq, boot, ticks, offset }: Entry, label: unknown): void {
		const offsets = offset === undefined ? (this._offsets.get(boot) ?? []) : [offset];
		if (label === undefined) {
			if (offset !== undefined) this._violate("label", `reading ${seq} has no time although the clock was set`);
			return;
		}
		const time = typeof label === "string" ? Date.parse(label) : Number.NaN;
		if (offsets.some((offset) => Math.abs(time - (offset + ticks)) <= TOLERANCE_MS)) return;
		const expected = offsets.map((offset) => new Date(offset + ticks).toISOString()).join(" or ");
		this._violate(
			"label",
			`reading ${seq} has the time ${label} instead of ${expected || "none: the clock was not set"}`,
		);
	}
}

/** The rule for losses: as many readings are lost as the station counts as dropped. */
import type { Counters } from "../../../../src/station/station.ts";
import type { Plan } from "../plan.ts";
import type { Readings } from "./readings.ts";

/** Readings that may be on their way at once: the session's window. */
const WINDOW = 8;
/** A power cut may leave a reading that was being written, and one whose acknowledgement was. */
const CUT_MAXIMUM = 2;
/** Acknowledged readings that the flash would not mark may wait again. */
const UNMARKED_MAXIMUM = 64;
/** Lost readings that a violation names. */
const NAMED = 5;

export interface LossesOptions {
	readonly plan: Plan;
	readonly readings: Readings;
	readonly violate: (kind: string, text: string) => void;
}

export class Losses {
	private readonly _options: LossesOptions;
	/** What the station's counter showed last, and what it forgot at power cuts. */
	private _dropped = 0;
	private _forgotten = 0;
	/** Readings that waited at the last power cut. */
	private _queued = 0;
	/** How many more may wait afterwards. */
	private _blur = CUT_MAXIMUM;
	/** Readings that were with the broker, but not acknowledged, at a power cut: they may be dropped afterwards. */
	private _delivered = 0;
	/** Whether the flash has ever refused, and whether bits of it have changed by themselves. */
	private _flashFailed = false;
	private _flashDamaged = false;

	constructor(options: LossesOptions) {
		this._options = options;
	}

	/** The flash refuses: from now on readings wait in RAM. */
	flashFailed(): void {
		this._flashFailed = true;
	}

	flashDamaged(): void {
		this._flashDamaged = true;
	}

	/** What the station counts, looked at from time to time. */
	counted({ dropped }: Counters): void {
		this._dropped = dropped;
	}

	/** `orderly`: the station wanted it, and its flash does what it is asked; `flashRefuses`: now, or not long ago. */
	powerCut(counters: Counters, { orderly = false, flashRefuses = false } = {}): void {
		this.counted(counters);
		this._queued = counters.queued;
		this._blur = (orderly ? 0 : CUT_MAXIMUM) + (flashRefuses ? UNMARKED_MAXIMUM : 0);
		const { readings } = this._options;
		const unacknowledged = counters.queued - readings.missing.length + this._dropped + this._forgotten;
		this._delivered += Math.min(WINDOW, Math.max(0, unacknowledged));
	}

	/** The station has started. What it counted in RAM only is gone: drops of the ring, and of the newest. */
	started({ dropped, queued }: Counters): void {
		const { plan, violate } = this._options;
		const most = this._queued + this._blur;
		if (queued > most && !this._flashFailed && !this._flashDamaged) {
			violate(
				"resurrection",
				`${queued} readings wait after the start, and ${this._queued} waited before the power cut`,
			);
		}
		if (dropped < this._dropped) {
			this._forgotten += this._dropped - dropped;
			if (!this._flashFailed && plan.settings.full === "oldest") {
				violate("dropped", `the count of dropped readings went back from ${this._dropped} to ${dropped}`);
			}
		}
		this._dropped = dropped;
	}

	/** A reading waits that the broker may have: it may be dropped before it is tried again. */
	setAside(): void {
		this._delivered++;
	}

	/** Nothing waits any more. `flashWasWell`: all the time; or readings were with the broker, and it would not say so. */
	atTheEnd(counters: Counters, flashWasWell: boolean): void {
		this.counted(counters);
		const { plan, readings, violate } = this._options;
		const { missing, numbers } = readings;
		const counted = this._dropped + this._forgotten;
		if (missing.length > counted) {
			const which = missing.slice(0, NAMED).map(({ seq }) => seq);
			violate(
				"lost",
				`${missing.length} readings are lost (${which.join(", ")}…), and ${counted} are counted as dropped`,
			);
		}
		const most = missing.length + numbers.skipped + this._delivered;
		// A newest reading that is dropped twice in a row across a power cut gets the same number twice.
		if (counted > most && flashWasWell && !this._flashFailed && plan.settings.full === "oldest") {
			violate("lost", `${counted} readings are counted as dropped, and ${most} at most are lost`);
		}
	}
}

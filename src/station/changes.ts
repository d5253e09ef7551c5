/** Which samples become readings: with the setting `change` only those that tell of something new. */
import { type Measured, measuredOf } from "../net/quantities.js";
import type { Sample } from "../sensors/sensor.js";
import type { Settings } from "../settings.js";

/** Less than a sensor resolves, in the units of the thresholds; more than the rounding error of a difference. */
const ROUNDING = 1e-6;

export class Changes {
	private readonly _change: Settings["change"];
	/** The last reading, with its time in ms. */
	private _last: Measured | undefined;
	private _lastAt = 0;

	constructor(change: Settings["change"]) {
		this._change = change;
	}

	/**
	 * Whether a sample of the monotonic time `now` is to be published: it differs by a threshold from the last one that
	 * was, in any quantity, or that one is `atMost` intervals of `interval` ms old. Compared is with what was published,
	 * and not with the sample before, so that slow changes are told, too.
	 */
	isDue(sample: Sample, now: number, interval: number): boolean {
		const last = this._last;
		if (!last || !this._change) return true;
		// Samples are not exactly an interval apart.
		if (now - this._lastAt >= (this._change.atMost - 0.5) * interval) return true;
		const { temperature, humidity, pressure } = measuredOf(sample);
		return (
			differs(this._change.temperature, temperature, last.temperature) ||
			differs(this._change.humidity, humidity, last.humidity) ||
			differs(this._change.pressure, pressure, last.pressure)
		);
	}

	/** The sample is a reading now. */
	kept(sample: Sample, now: number): void {
		if (!this._change) return;
		this._last = measuredOf(sample);
		this._lastAt = now;
	}
}

/** A quantity that only one of the two has differs. */
function differs(threshold: number | undefined, value: number | undefined, last: number | undefined): boolean {
	if (threshold === undefined || value === last) return false;
	return value === undefined || last === undefined || Math.abs(value - last) > threshold - ROUNDING;
}

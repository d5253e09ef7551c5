/** Monotonic time from a tick counter that wraps. */

/**
 * Extends a 32-bit count of milliseconds, signed or not, to a double that never
 * wraps and never goes back.
 *
 * It must be asked at least once in 24.8 days (2^31 ms): it cannot measure a longer
 * pause. When the counter is set back (the simulator's is the computer's clock),
 * this time stands still for the moment; setting it forward looks like a pause.
 */
export class MonotonicTicks {
	private readonly _ticks: () => number;
	private _last: number;
	private _now = 0;

	/** `ticks` reads the counter. */
	constructor(ticks: () => number) {
		this._ticks = ticks;
		this._last = ticks();
	}

	/** Milliseconds since this object was made. */
	now(): number {
		const ticks = this._ticks();
		// The difference modulo 2^32, taken as signed, is right whether or not the counter wrapped in between.
		this._now += Math.max(0, (ticks - this._last) | 0);
		this._last = ticks;
		return this._now;
	}
}

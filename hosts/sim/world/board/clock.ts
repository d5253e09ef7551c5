/** What a simulated board has of time: a tick counter and a wall clock. */
import type { Clock } from "../../../../src/host.ts";
import { MonotonicTicks } from "../../../moddable/ticks.ts";

/** Wall-clock time in ms since 1970 at the world's time 0: 2026-11-01. */
export const EPOCH = 1_793_491_200_000;

/** How a board's oscillator runs, and what it counts with. */
export interface Crystal {
	/** Deviation in parts per million: positive runs fast. */
	readonly drift: number;
	/** Where a counter of 32 bits begins at power-on; `undefined`: time is a double, as a computer's. */
	readonly counterStart: number | undefined;
}

export interface BoardClockOptions extends Crystal {
	/** The world's time in ms. */
	readonly world: { readonly now: number };
	/** The wall clock was set; it is `time() - now()` from now on. */
	readonly onSet: (offset: number) => void;
}

/** The clocks of one power-on period. */
export class BoardClock implements Clock {
	private readonly _options: BoardClockOptions;
	private readonly _poweredAt: number;
	private readonly _rate: number;
	private readonly _ticks: MonotonicTicks | undefined;
	/** Wall-clock time when `now()` was 0. */
	private _offset: number | undefined;

	constructor(options: BoardClockOptions) {
		this._options = options;
		const { world, drift, counterStart } = options;
		this._poweredAt = world.now;
		this._rate = 1 + drift / 1_000_000;
		if (counterStart !== undefined)
			this._ticks = new MonotonicTicks(() => (counterStart + Math.floor(this._elapsed)) | 0);
	}

	private get _elapsed(): number {
		return (this._options.world.now - this._poweredAt) * this._rate;
	}

	now(): number {
		return this._ticks?.now() ?? this._elapsed;
	}

	time(): number | undefined {
		return this._offset === undefined ? undefined : this._offset + this.now();
	}

	setTime(time: number): void {
		this._offset = time - this.now();
		this._options.onSet(this._offset);
	}

	/** Moves the wall clock by `by` ms, if it is set. */
	step(by: number): void {
		const time = this.time();
		if (time !== undefined) this.setTime(time + by);
	}

	/** The world's ms for a delay of this clock's. */
	worldDelay(delay: number): number {
		return delay / this._rate;
	}
}

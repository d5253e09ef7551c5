/** What a simulated board has of time: a tick counter, a wall clock, and somebody to ask for the time. */
import type { Clock, NTPClient, NTPClientConstructor } from "../../../../src/host.ts";
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

/** How a time server does at the moment. */
export type TimeServerFault = "none" | "silent" | "failing" | "wrong";

/** Longest time to an answer, in ms. */
const LATENCY_MS = 300;
/** A wrong time is off by at most this, in ms. */
const WRONG_MS = 20_000;

export interface TimeServerOptions {
	readonly world: { readonly now: number };
	/** Calls back in `delay` ms of the world. */
	readonly after: (delay: number, callback: () => void) => void;
	/** Uniform in [0, 1). */
	readonly random: () => number;
	/** Whether packets get through. */
	readonly reachable: () => boolean;
}

/** Somebody to ask for the time. */
export class TimeServer {
	fault: TimeServerFault = "none";
	/** Times told, and questions that stayed without one. */
	answers = 0;
	private readonly _options: TimeServerOptions;

	constructor(options: TimeServerOptions) {
		this._options = options;
	}

	/** A class for a board, which is asked no more when `alive` is false. */
	client(alive: () => boolean): NTPClientConstructor {
		const server = this;
		return class SimulatedNTPClient implements NTPClient {
			private _open = true;
			private _asked = false;

			constructor(_options: { readonly [option: string]: unknown }) {
				if (!alive()) throw new Error("no power");
			}

			getTime(callback: (error: Error | null, time?: number) => void): void {
				if (!this._open || this._asked) throw new Error("closed");
				this._asked = true;
				server._ask((error, time) => {
					if (this._open && alive()) callback(error, time);
				});
			}

			close(): void {
				this._open = false;
			}
		};
	}

	/** What is wrong decides itself when the question arrives: it never comes back, or with a wrong time. */
	private _ask(callback: (error: Error | null, time?: number) => void): void {
		const { after, random, reachable, world } = this._options;
		const way = () => 1 + (random() * LATENCY_MS) / 2;
		const error = random() < 0.5 ? undefined : new Error("no answer");
		after(way(), () => {
			if (!reachable() || this.fault === "silent") {
				// Some clients give up by themselves, others wait for ever.
				if (error) after(5_000 + random() * 10_000, () => callback(error));
				return;
			}
			if (this.fault === "failing") return after(way(), () => callback(new Error("the server is not synchronized")));
			const off = this.fault === "wrong" ? (2 * random() - 1) * WRONG_MS : 0;
			const time = EPOCH + world.now + off;
			after(way(), () => {
				if (!reachable()) return;
				this.answers++;
				callback(null, Math.round(time));
			});
		});
	}
}

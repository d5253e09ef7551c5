/** Time that only a test moves, with the timers that wait for it. */
import type { TimerPort } from "../../src/host.ts";

interface Due {
	readonly at: number;
	readonly callback: () => void;
}

export class SimulatedTime {
	/** In ms since 1970. */
	now: number;
	private readonly _due = new Set<Due>();

	constructor(now: number) {
		this.now = now;
	}

	/** Timers of one life: `end` clears them all. */
	life(): { readonly timer: TimerPort; readonly end: () => void } {
		const own = new Set<Due>();
		return {
			timer: {
				set: (callback, delay) => {
					const due = { at: this.now + Math.max(0, delay), callback };
					own.add(due);
					this._due.add(due);
					return due;
				},
				clear: (due) => {
					this._due.delete(due as Due);
				},
			},
			end: () => {
				for (const due of own) this._due.delete(due);
			},
		};
	}

	/** Runs what is due up to a time, each in its turn, with all that follows from it. */
	async runTo(end: number): Promise<void> {
		for (;;) {
			// What promises have to do comes first.
			await new Promise((resolve) => setImmediate(resolve));
			let next: Due | undefined;
			for (const due of this._due) if (due.at <= end && (!next || due.at < next.at)) next = due;
			if (!next) break;
			this._due.delete(next);
			this.now = Math.max(this.now, next.at);
			next.callback();
		}
		this.now = end;
	}
}

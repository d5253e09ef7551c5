/** When the faults of a world come and go: each kind by itself, at random, with calm in between. */

import type { Scheduler } from "../scheduler.ts";
import type { Tally } from "../tally.ts";
import type { Trace } from "../trace.ts";
import { type Active, between } from "./draw.ts";
import type { Reach } from "./fault.ts";
import type { Health } from "./health.ts";

const DAY_MS = 86_400_000;

export interface FaultScheduleOptions {
	readonly scheduler: Scheduler;
	readonly reach: Reach;
	readonly faults: readonly Active[];
	readonly health: Health;
	readonly trace: Trace;
	readonly tally: Tally;
}

export class FaultSchedule {
	private readonly _options: FaultScheduleOptions;
	/** What ends the faults that act. */
	private readonly _acting = new Map<Active, () => void>();
	private _ended = false;

	constructor(options: FaultScheduleOptions) {
		this._options = options;
	}

	start(): void {
		for (const active of this._options.faults) {
			// A stream of its own: what one kind does changes nothing of when another one comes.
			const reach = { ...this._options.reach, random: this._options.reach.random.fork(active.kind.name) };
			this._awaitNext(active, reach);
		}
	}

	/** Ends what acts, and nothing follows. */
	end(): void {
		this._ended = true;
		for (const over of [...this._acting.values()]) over();
	}

	private _awaitNext(active: Active, reach: Reach): void {
		if (this._ended) return;
		this._options.scheduler.after(reach.random.exponential(DAY_MS / active.perDay), () => {
			if (!this._ended) this._begin(active, reach);
		});
	}

	private _begin(active: Active, reach: Reach): void {
		const { scheduler, health, tally, trace } = this._options;
		const { name, area, aftermath = 0 } = active.kind;
		const duration = between(reach.random, active.kind.duration);
		tally.count(name);
		trace.note(scheduler.now, `fault: ${name}${duration > 0 ? ` for ${(duration / 1_000).toFixed(1)} s` : ""}`);
		health.disturbed(area);
		const end = active.kind.begin(reach, duration);
		const over = () => {
			if (!this._acting.delete(active)) return;
			end();
			if (duration > 0) trace.note(scheduler.now, `over: ${name}`);
			scheduler.after(aftermath, () => health.ended(area, scheduler.now));
			this._awaitNext(active, reach);
		};
		this._acting.set(active, over);
		if (duration > 0) scheduler.after(duration, over);
		else over();
	}
}

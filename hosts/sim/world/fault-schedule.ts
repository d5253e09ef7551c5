/** When the faults of a world come and go: each kind by itself, at random, with calm in between. */
import { type Active, between, type Reach } from "./faults.ts";
import type { Health } from "./health.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";

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
	readonly #options: FaultScheduleOptions;
	/** What ends the faults that act. */
	readonly #acting = new Map<Active, () => void>();
	#ended = false;

	constructor(options: FaultScheduleOptions) {
		this.#options = options;
	}

	start(): void {
		for (const active of this.#options.faults) {
			// A stream of its own: what one kind does changes nothing of when another one comes.
			const reach = { ...this.#options.reach, random: this.#options.reach.random.fork(active.kind.name) };
			this.#awaitNext(active, reach);
		}
	}

	/** Ends what acts, and nothing follows. */
	end(): void {
		this.#ended = true;
		for (const over of [...this.#acting.values()]) over();
	}

	#awaitNext(active: Active, reach: Reach): void {
		if (this.#ended) return;
		this.#options.scheduler.after(reach.random.exponential(DAY_MS / active.perDay), () => {
			if (!this.#ended) this.#begin(active, reach);
		});
	}

	#begin(active: Active, reach: Reach): void {
		const { scheduler, health, tally, trace } = this.#options;
		const { name, area, aftermath = 0 } = active.kind;
		const duration = between(reach.random, active.kind.duration);
		tally.count(name);
		trace.note(scheduler.now, `fault: ${name}${duration > 0 ? ` for ${(duration / 1_000).toFixed(1)} s` : ""}`);
		health.disturbed(area);
		const end = active.kind.begin(reach, duration);
		const over = () => {
			if (!this.#acting.delete(active)) return;
			end();
			if (duration > 0) trace.note(scheduler.now, `over: ${name}`);
			scheduler.after(aftermath, () => health.ended(area, scheduler.now));
			this.#awaitNext(active, reach);
		};
		this.#acting.set(active, over);
		if (duration > 0) scheduler.after(duration, over);
		else over();
	}
}

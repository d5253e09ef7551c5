/** Threads in which simulated worlds run. */
import { Worker } from "node:worker_threads";
import type { Order, Report } from "../../hosts/sim/world/worker.ts";

/** A world that takes longer, in ms, hangs: most take less than a second, the longest known a minute of an idle processor. */
const HANG_MS = 1_800_000;

/** A thread and what it tells. */
export class Runner {
	/** Resolves at its end, with a problem if it did not end by itself. */
	readonly ended: Promise<string | undefined>;
	private readonly _worker: Worker;
	private _stopped = false;

	constructor(path: string, order: Order, onReport: (report: Report) => void) {
		this._worker = new Worker(path, { workerData: order, execArgv: ["--enable-source-maps"] });
		let seed = order.first;
		let problem: string | undefined;
		const hangs = () => {
			problem = `the world of seed ${seed} hangs`;
			void this._worker.terminate();
		};
		let watch = setTimeout(hangs, HANG_MS);
		this._worker.on("message", (report: Report) => {
			seed = report.seed + order.stride;
			clearTimeout(watch);
			watch = setTimeout(hangs, HANG_MS);
			if (!this._stopped) onReport(report);
		});
		this._worker.on("error", (error: Error) => {
			problem = `the thread failed before seed ${seed} was done: ${error.stack ?? error.message}`;
		});
		this.ended = new Promise((resolve) => {
			this._worker.on("exit", () => {
				clearTimeout(watch);
				resolve(this._stopped ? undefined : problem);
			});
		});
	}

	stop(): void {
		this._stopped = true;
		void this._worker.terminate();
	}
}

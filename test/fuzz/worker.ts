/**
 * A process of `npm run fuzz`: every so many-th dialogue of a run, one after
 * another. It tells which one it begins before it does, so that whatever ends
 * it, the dialogue is known; and how far it is, and what failed.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { HANG_S, HANG_SIGNAL, type Order, type Report } from "./messages.ts";
import { DIALOGUES } from "./subjects.ts";
import { newTally } from "./tally.ts";

/** How often a worker tells how far it is, in ms. */
const REPORT_MS = 2_000;
const WATCH_MS = 1_000;
/** Heap that a worker may gain after the warm-up, in bytes. */
const GROWTH_MAXIMUM = 8_000_000;
/** Packets after which compiled code and caches have their size. */
const WARM_UP_PACKETS = 100_000;

const liveHeap = () => {
	globalThis.gc?.();
	return process.memoryUsage().heapUsed;
};

async function work({ subject, seed, packets, ending, worker, workers }: Order): Promise<void> {
	const tally = newTally();
	const current = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
	new Worker(new URL(import.meta.url), { workerData: current }).unref();
	let warm = 0;
	let reported = Date.now();
	const report = (done: boolean, failure?: string) => {
		reported = Date.now();
		const heap = liveHeap();
		if (warm === 0 && tally.received >= WARM_UP_PACKETS) warm = heap;
		const grown = warm > 0 && heap - warm > GROWTH_MAXIMUM;
		const isLast = done || grown;
		const message: Report = { ...tally, ends: [...tally.ends], heap: [warm, heap], failure, grown, done: isLast };
		// Whoever does not want to hear of it has gone.
		return new Promise<boolean>((resolve) => process.send!(message, (error: unknown) => resolve(isLast || !!error)));
	};
	for (let number = worker, isLast = false; !isLast; number += workers) {
		current[0] = number;
		process.send!(number);
		try {
			DIALOGUES[subject](seed, number, tally);
		} catch (error) {
			await report(true, (error as Error).message);
			break;
		}
		const isDone = tally.received >= packets || Date.now() > ending;
		if (isDone || Date.now() - reported > REPORT_MS) isLast = await report(isDone);
	}
	if (process.connected) process.disconnect();
}

/** A thread of its own, as the one that hangs does not look up. It counts processor time: a busy machine is no hang. */
function watch(current: Int32Array): void {
	let watched = -1;
	let since = 0;
	setInterval(() => {
		const { user, system } = process.cpuUsage();
		const used = (user + system) / 1_000_000;
		if (watched !== current[0]) [watched, since] = [current[0]!, used];
		else if (used - since > HANG_S) process.kill(process.pid, HANG_SIGNAL);
	}, WATCH_MS);
}

if (!isMainThread) {
	watch(workerData);
} else if (process.send) {
	// Ctrl-C reaches it, too. It is for the one that has started it.
	process.on("SIGINT", () => {});
	await work(JSON.parse(process.argv[2]!));
}

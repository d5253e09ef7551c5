/** What `npm run fuzz` and its workers tell each other. */
import type { Subject } from "./subjects.ts";
import type { Tally } from "./tally.ts";

/** What a worker is to do. */
export interface Order {
	readonly subject: Subject;
	readonly seed: number;
	/** That it receives, at least. */
	readonly packets: number;
	/** When it ends at the latest, in ms since 1970. */
	readonly ending: number;
	readonly worker: number;
	readonly workers: number;
}

/** What it tells, beside the numbers of dialogues. */
export interface Report extends Omit<Tally, "ends"> {
	readonly ends: readonly [kind: string, count: number][];
	/** Bytes of live heap after the warm-up, and now. */
	readonly heap: readonly [number, number];
	/** Of the dialogue that it is in. */
	readonly failure: string | undefined;
	/** Whether the heap has gained too much. */
	readonly grown: boolean;
	/** Nothing more follows. */
	readonly done: boolean;
}

/** What ends a worker whose dialogue hangs. */
export const HANG_SIGNAL = "SIGXCPU";
/** Processor time after which a dialogue hangs, in s: the longest take one or two, however busy the machine is. */
export const HANG_S = 60;

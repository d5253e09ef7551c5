/** How a simulated network is, and what its parts share. */
import type { Random } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";

/** All of it may be changed at any time; it counts for what happens from then on. */
export interface Conditions {
	/** One way, in ms, at least. */
	latency: number;
	/** What comes on top of it for each segment, at most, in ms. */
	jitter: number;
	/** What each byte takes one way, in ms, one after the other: 4 on a link of 2 kbit/s. */
	byteTime: number;
	/**
	 * Whether anything passes. When it is true again, what was lost meanwhile arrives
	 * late, as TCP repeats it; an end that waited for longer than `giveUpAfter`
	 * has given its connection up, and the other is not told.
	 */
	linkUp: boolean;
	/** How long TCP repeats what is not acknowledged, in ms. */
	giveUpAfter: number;
	/** Whether connections are refused. They are, too, where nobody listens. */
	refuse: boolean;
	/** Whether connections are neither opened nor refused: the SYN is lost, and so are its repetitions. */
	unanswered: boolean;
	/** "fails": an error; "silent": no answer ever; "slow": the answer after 1 to 20 s. */
	dns: "works" | "fails" | "silent" | "slow";
	/**
	 * How bytes arrive, both ways: "whole": as they were written; "random": cut and
	 * joined without regard to that; "bytes": each on its own.
	 */
	segmentation: "whole" | "random" | "bytes";
}

export const DEFAULT_CONDITIONS: Readonly<Conditions> = Object.freeze({
	latency: 15,
	jitter: 10,
	byteTime: 0,
	linkUp: true,
	giveUpAfter: 120_000,
	refuse: false,
	unanswered: false,
	dns: "works",
	segmentation: "whole",
});

/** What sends and receives on a simulated network knows of it. */
export interface Medium {
	readonly scheduler: Scheduler;
	readonly random: Random;
	readonly conditions: Readonly<Conditions>;
	/** How long the next segment takes, one way, in ms. */
	delay(): number;
	count(kind: string): void;
}

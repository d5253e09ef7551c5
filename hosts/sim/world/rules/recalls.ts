/** The rule for readings that somebody asks for again: each is sent, or named as gone, and what is named is gone. */
import type { Plan } from "../plan.ts";
import type { Readings } from "./readings.ts";

/** Readings that a block keeps, where there are notes as well: a good half of its slots. */
const KEPT_IN_BLOCK = 90;
/** A broker that is well has acknowledged after this, in ms. */
const ACKNOWLEDGED_MS = 30_000;
/** Blocks of which some are given up at any time. */
const BLOCKS_GIVEN_UP = 2;

export interface RecallsOptions {
	readonly plan: Plan;
	readonly readings: Readings;
	readonly violate: (kind: string, text: string) => void;
}

/** A request, whether the station has answered it or not. */
interface Asked {
	readonly from: number;
	readonly to: number;
	readonly at: number;
}

interface Reply {
	readonly command?: unknown;
	readonly ok?: unknown;
	readonly from: number;
	readonly to: number;
	readonly missing: readonly (readonly [first: number, last: number])[];
}

export class Recalls {
	private readonly _options: RecallsOptions;
	private readonly _asked: Asked[] = [];
	/** Whether a reading may be gone, or have come to nothing, for another reason than its age. */
	private _isBlurred = false;

	constructor(options: RecallsOptions) {
		this._options = options;
	}

	asked(from: number, to: number, at: number): void {
		this._asked.push({ from, to, at });
	}

	/** Whether somebody has ever asked for this reading. */
	covers(seq: number): boolean {
		return this._asked.some(({ from, to }) => seq >= from && seq <= to);
	}

	/** Bits of the flash have changed, or the broker did not take a reading. */
	blurred(): void {
		this._isBlurred = true;
	}

	/** `flashWellSince`, `connectionWellSince`: since when both have done what they were asked, in ms. */
	replied(payload: string, flashWellSince: number, connectionWellSince: number): void {
		const reply = JSON.parse(payload) as Reply;
		if (reply.command !== "readings" || reply.ok !== true || this._isBlurred) return;
		// At QoS 0 what has left may be lost.
		if (this._options.plan.settings.qos === 0) return;
		const { from, to, missing } = reply;
		// A request that was delivered twice is carried out once; one may have got lost with the broker's session.
		const times = this._asked.filter((asked) => asked.from === from && asked.to >= to).map(({ at }) => at);
		if (times.length === 0)
			return this._options.violate("recall", `an answer from ${from} to ${to}, and nobody has asked`);
		const earliest = Math.min(...times);
		if (flashWellSince > earliest) return;
		const { plan, readings, violate } = this._options;
		const kept = (plan.blocks - BLOCKS_GIVEN_UP) * KEPT_IN_BLOCK;
		const newest = readings.newestSeq;
		for (let seq = from; seq <= to; seq++) {
			const entry = readings.entries.get(seq);
			// Its number came to nothing, or was given twice.
			if (!entry || entry.uncertain || entry.volatile || entry.hindered || entry.earlier) continue;
			const isMissing = missing.some(([first, last]) => seq >= first && seq <= last);
			if (isMissing && seq > newest - kept)
				violate("recall", `reading ${seq} is said to be gone, and is one of the last ${kept}`);
			// One whose acknowledgement is due waits still, to the station.
			const isAcknowledged = Math.max(entry.deliveredAt, connectionWellSince) < earliest - ACKNOWLEDGED_MS;
			if (!isMissing && entry.deliveries > 0 && isAcknowledged) {
				violate("recall", `reading ${seq} was asked for, and has neither come nor is it said to be gone`);
			}
		}
	}
}

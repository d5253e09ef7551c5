/** The rule for the numbers of readings: rising by one, across power cuts, never used for another reading. */
import type { Entry } from "./readings.ts";

export interface NumbersOptions {
	readonly full: "newest" | "oldest";
	readonly violate: (kind: string, text: string) => void;
}

export class Numbers {
	/** Of the last reading accepted. */
	last = 0;
	/** Numbers that were given again, as the flash had not kept them; and those of readings for which there was no room. */
	reused = 0;
	skipped = 0;
	readonly #options: NumbersOptions;
	/** Of the last reading whose number is certainly in flash. */
	#durable = 0;
	/** Whether one more may be in flash: the power was cut while it was written. */
	#uncertain = false;
	/** Whether the next one may be any. */
	#any = false;

	constructor(options: NumbersOptions) {
		this.#options = options;
	}

	/** The flash could not be read at the start: numbers may begin anew. */
	lost(): void {
		this.#any = true;
	}

	/** What the next reading may get. */
	get possible(): ReadonlySet<number> {
		return new Set([this.last + 1, this.#durable + 1]);
	}

	powerCut(inFlash: boolean): void {
		this.#uncertain ||= inFlash;
	}

	/** `before`: who had the number, if anybody. */
	given(seq: number, isVolatile: boolean, before: Entry | undefined): void {
		this.#judge(seq, isVolatile, before);
		this.last = seq;
		if (!isVolatile) this.#durable = seq;
		this.#uncertain = false;
	}

	#judge(seq: number, isVolatile: boolean, before: Entry | undefined): void {
		const { violate, full } = this.#options;
		if (this.#any) {
			if (before) this.reused++;
			if (!isVolatile) this.#any = false;
			return;
		}
		const { last } = this;
		const highest = last + (this.#uncertain ? 2 : 1);
		// What was only in RAM at a power cut gives its number back.
		if (seq > this.#durable && seq <= last && before?.volatile) this.reused++;
		else if (seq > highest && full === "newest") this.skipped += seq - highest;
		else if (!(seq > last && seq <= highest)) {
			violate("number", `the number ${seq} follows ${last}${before ? ", and was in use before" : ""}`);
		}
	}
}

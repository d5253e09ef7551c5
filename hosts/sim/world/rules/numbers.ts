/** The rule for the numbers of readings: rising by one, across power cuts, never used for another reading. */
import type { Entry } from "./entry.ts";

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
	private readonly _options: NumbersOptions;
	/** Of the last reading whose number is certainly in flash. */
	private _durable = 0;
	/** Whether more may be in flash: the power was cut while one was written; and how many, since the last that certainly is. */
	private _uncertain = false;
	private _beyond = 0;
	/** Whether the next one may be any. */
	private _any = false;

	constructor(options: NumbersOptions) {
		this._options = options;
	}

	/** The flash could not be read at the start: numbers may begin anew. */
	lost(): void {
		this._any = true;
	}

	/** What the next reading may get. */
	get possible(): (seq: number) => boolean {
		const { last, _durable: durable } = this;
		const most = Math.max(1, this._beyond);
		const isAfter = (seq: number, number: number) => seq > number && seq <= number + most;
		return (seq) => isAfter(seq, last) || isAfter(seq, durable);
	}

	powerCut(inFlash: boolean): void {
		this._uncertain ||= inFlash;
		if (inFlash) this._beyond++;
	}

	/** `before`: who had the number, if anybody. */
	given(seq: number, isVolatile: boolean, before: Entry | undefined): void {
		this._judge(seq, isVolatile, before);
		this.last = seq;
		if (!isVolatile) {
			this._durable = seq;
			this._beyond = 0;
		}
		this._uncertain = false;
	}

	private _judge(seq: number, isVolatile: boolean, before: Entry | undefined): void {
		const { violate, full } = this._options;
		if (this._any) {
			if (before) this.reused++;
			if (!isVolatile) this._any = false;
			return;
		}
		const { last } = this;
		const highest = last + 1 + (this._uncertain ? this._beyond : 0);
		// What was only in RAM at a power cut gives its number back.
		if (seq > this._durable && seq <= last && before?.volatile) this.reused++;
		else if (seq > highest && full === "newest") this.skipped += seq - highest;
		else if (!(seq > last && seq <= highest)) {
			violate("number", `the number ${seq} follows ${last}${before ? ", and was in use before" : ""}`);
		}
	}
}

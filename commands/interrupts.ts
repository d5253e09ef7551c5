/** Signals to end, by the time at which each comes. */

/** A signal that follows the first within so many ms is the same Ctrl-C: npm hands on what the terminal told us, too. */
const SAME_INTERRUPT_MS = 250;

export class Interrupts {
	private _firstAt: number | undefined;

	/** Whether there was a signal. */
	get began(): boolean {
		return this._firstAt !== undefined;
	}

	/** What a signal at `now`, in ms, asks for: to end in good order, nothing that is not done already, or to end at once. */
	told(now: number): "end" | "nothing" | "end at once" {
		if (this._firstAt === undefined) {
			this._firstAt = now;
			return "end";
		}
		return now - this._firstAt > SAME_INTERRUPT_MS ? "end at once" : "nothing";
	}
}

/** What a person sees of an update: in a terminal one line that changes, elsewhere a line for each thing that happens. */

/** Goes to the beginning of the line, and clears it. */
const CLEAR = "\r\x1b[K";
/** The line changes at most so often, in ms. */
const REFRESH_MS = 100;

export interface Output {
	readonly isTTY?: boolean;
	write(text: string): unknown;
}

export class UpdateProgress {
	readonly #output: Output;
	readonly #name: string;
	readonly #id: string;
	readonly #size: number;
	#startedAt: number | undefined;
	#shownAt = Number.NEGATIVE_INFINITY;
	#restarting = false;

	constructor(output: Output, { topic, id, size }: { topic: string; id: string; size: number }) {
		this.#output = output;
		this.#name = topic;
		this.#id = id;
		this.#size = size;
	}

	/** `acknowledged`: bytes that the station has. */
	show(acknowledged: number, restarting: boolean, now: number): void {
		if (acknowledged > 0 && this.#startedAt === undefined) {
			this.#startedAt = now;
			this.#write(`takes firmware ${this.#id}, ${kilobytes(this.#size)} KB\n`);
		}
		if (restarting && !this.#restarting) {
			this.#restarting = true;
			const seconds = ((now - (this.#startedAt ?? now)) / 1_000).toFixed(0);
			this.#write(`has all of it after ${seconds} s, and restarts: new firmware has ten minutes to reach the broker\n`);
		}
		if (!this.#output.isTTY || restarting || acknowledged === 0 || now - this.#shownAt < REFRESH_MS) return;
		this.#shownAt = now;
		const percent = Math.floor((100 * acknowledged) / this.#size);
		this.#write(`${percent} %, ${kilobytes(acknowledged)} of ${kilobytes(this.#size)} KB`);
	}

	/** How it ended. */
	end(text: string): void {
		this.#write(`${text}\n`);
	}

	/** A text for stderr, behind a line that may be half written. */
	line(text: string): string {
		return `${this.#output.isTTY ? CLEAR : ""}${this.#name}: ${text}`;
	}

	#write(text: string): void {
		this.#output.write(`${this.#output.isTTY ? CLEAR : ""}${this.#name}: ${text}`);
	}
}

function kilobytes(bytes: number): string {
	return Math.ceil(bytes / 1_024).toLocaleString("en");
}

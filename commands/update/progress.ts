/** The progress of an update on stderr: in a terminal one line that changes, elsewhere a line for each event. */

/** Goes to the beginning of the line, and clears it. */
const CLEAR = "\r\x1b[K";
/** Shortest time between two changes of the line, in ms. */
const REFRESH_MS = 100;

export interface Output {
	readonly isTTY?: boolean;
	write(text: string): unknown;
}

export class UpdateProgress {
	private readonly _output: Output;
	private readonly _name: string;
	private readonly _id: string;
	private readonly _size: number;
	private _startedAt: number | undefined;
	private _shownAt = Number.NEGATIVE_INFINITY;
	private _restarting = false;

	constructor(output: Output, { topic, id, size }: { topic: string; id: string; size: number }) {
		this._output = output;
		this._name = topic;
		this._id = id;
		this._size = size;
	}

	/** `acknowledged`: bytes that the station has. */
	show(acknowledged: number, restarting: boolean, now: number): void {
		if (acknowledged > 0 && this._startedAt === undefined) {
			this._startedAt = now;
			this._write(`takes firmware ${this._id}, ${kilobytes(this._size)} KB\n`);
		}
		if (restarting && !this._restarting) {
			this._restarting = true;
			const seconds = ((now - (this._startedAt ?? now)) / 1_000).toFixed(0);
			this._write(`has all of it after ${seconds} s, and restarts: new firmware has ten minutes to reach the broker\n`);
		}
		if (!this._output.isTTY || restarting || acknowledged === 0 || now - this._shownAt < REFRESH_MS) return;
		this._shownAt = now;
		const percent = Math.floor((100 * acknowledged) / this._size);
		this._write(`${percent} %, ${kilobytes(acknowledged)} of ${kilobytes(this._size)} KB`);
	}

	/** How it ended. */
	end(text: string): void {
		this._write(`${text}\n`);
	}

	/** A text for stderr, behind a line that may be half written. */
	line(text: string): string {
		return `${this._output.isTTY ? CLEAR : ""}${this._name}: ${text}`;
	}

	private _write(text: string): void {
		this._output.write(`${this._output.isTTY ? CLEAR : ""}${this._name}: ${text}`);
	}
}

function kilobytes(bytes: number): string {
	return Math.ceil(bytes / 1_024).toLocaleString("en");
}

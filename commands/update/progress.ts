/** The progress of an update on stderr: in a terminal one line that changes, elsewhere a line for each event. */
import { CLEAR_LINE } from "../frame.ts";

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
	private _isOnTrial = false;
	private _first = 0;
	private _noted: string | undefined;

	constructor(output: Output, { topic, id, size }: { topic: string; id: string; size: number }) {
		this._output = output;
		this._name = topic;
		this._id = id;
		this._size = size;
	}

	/** `acknowledged`: bytes that the station has. `restarting`: it has all. `onTrial`: it runs the new firmware. */
	show(acknowledged: number, restarting: boolean, onTrial: boolean, now: number): void {
		if (acknowledged > 0 && this._startedAt === undefined) {
			this._startedAt = now;
			this._first = acknowledged;
			this._write(`takes firmware ${this._id}, ${kilobytes(this._size)} KB\n`);
		}
		if (restarting && !this._restarting) {
			this._restarting = true;
			const seconds = ((now - (this._startedAt ?? now)) / 1_000).toFixed(0);
			this._write(`has all of it after ${seconds} s, and restarts: new firmware has ten minutes to work\n`);
		}
		if (onTrial && !this._isOnTrial) this._write(`runs firmware ${this._id}, and confirms it after three minutes\n`);
		this._isOnTrial = onTrial;
		if (!this._output.isTTY || restarting || acknowledged === 0 || now - this._shownAt < REFRESH_MS) return;
		this._shownAt = now;
		const percent = Math.floor((100 * acknowledged) / this._size);
		this._write(
			`${percent} %, ${kilobytes(acknowledged)} of ${kilobytes(this._size)} KB${this._pace(acknowledged, now)}`,
		);
	}

	/** The rate so far, and what is left of the time. */
	private _pace(acknowledged: number, now: number): string {
		const seconds = (now - (this._startedAt ?? now)) / 1_000;
		const rate = (acknowledged - this._first) / seconds;
		if (!(seconds >= 1 && rate > 0)) return "";
		const left = Math.ceil((this._size - acknowledged) / rate);
		const time = left < 120 ? `${left} s` : `${Math.ceil(left / 60)} min`;
		return `, ${(rate / 1_024).toFixed(1)} KB/s, ${time} left`;
	}

	/** What may take a while, once. */
	note(text: string | undefined): void {
		if (text === undefined || text === this._noted) return;
		this._noted = text;
		this._write(`${text}\n`);
	}

	/** How it ended. */
	end(text: string): void {
		this._write(`${text}\n`);
	}

	/** A text for stderr, behind a line that may be half written. */
	line(text: string): string {
		return `${this._output.isTTY ? CLEAR_LINE : ""}${this._name}: ${text}`;
	}

	private _write(text: string): void {
		this._output.write(`${this._output.isTTY ? CLEAR_LINE : ""}${this._name}: ${text}`);
	}
}

function kilobytes(bytes: number): string {
	return Math.ceil(bytes / 1_024).toLocaleString("en");
}

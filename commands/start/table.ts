/** A line for each reading, and the log between them, for a terminal of 80 columns. */

import { plain } from "../../hosts/node/plain-text.ts";
import type { Progress } from "../../hosts/sim/headless/protocol.ts";
import type { LogLevel } from "../../src/host.ts";
import { type View, WHO_COLUMNS, withLevel } from "./view.ts";

const COLUMNS = 80;
/** Beyond it characters may be as wide as two: East Asian ones, emoji. They are counted as such. */
const NARROW = 0x2ff;

/** Select Graphic Rendition (ECMA-48). */
const COLOURS = { red: 31, green: 32, yellow: 33 } as const;
type Colour = keyof typeof COLOURS;
const COLOUR_OF: { readonly [level in LogLevel]?: Colour } = { warning: "yellow", error: "red" };

/** The station's own topics, which the table shows in its way. */
const SHOWN = ["state", "late", "status", "diagnostics"];

export interface TableOptions {
	/** Gets lines without a line feed. */
	readonly write: (line: string) => void;
	readonly hasColours: boolean;
	/** The beginning of the station's topics. */
	readonly topic: string;
}

/** A report as JSON has it. */
interface Report {
	readonly temperature: number;
	readonly humidity?: number;
	readonly pressure?: number;
	readonly time?: string;
	readonly seq: number;
}

export class Table implements View {
	private readonly _options: TableOptions;
	private _state: Progress["state"] = "connecting";
	private _waiting = 0;
	/** The newest reading, until it is known whether it arrives at once. */
	private _newest: Report | undefined;
	/** Readings that were shown as waiting. */
	private _owed = 0;

	constructor(options: TableOptions) {
		this._options = options;
	}

	say(who: string, text: string, level: LogLevel = "info"): void {
		for (const [index, line] of folded(plain(withLevel(text, level)), COLUMNS - WHO_COLUMNS).entries()) {
			this._write(`${(index === 0 ? who : "").padEnd(WHO_COLUMNS)}${line}`, COLOUR_OF[level]);
		}
	}

	hint(who: string, lines: readonly string[]): void {
		for (const [index, line] of lines.entries()) this.say(index === 0 ? who : "", line);
	}

	message(topic: string, payload: string): void {
		if (SHOWN.some((name) => topic === `${this._options.topic}/${name}`)) return;
		this._write(`${"message".padEnd(WHO_COLUMNS)}${shortened(plain(`${topic} ${payload}`), COLUMNS - WHO_COLUMNS)}`);
	}

	progress({ state, waiting, reports }: Progress): void {
		const arrives = waiting < this._waiting || waiting === 0;
		for (const report of reports) {
			this._showNewest();
			this._newest = report as Report;
		}
		this._state = state;
		this._waiting = waiting;
		const isAway = state === "offline" || state === "asleep";
		if (arrives || isAway) this._showNewest();
		if (waiting > 0 || this._owed === 0) return;
		this.say(
			"station",
			`${this._owed === 1 ? "the reading that waited has" : "all readings that waited have"} arrived`,
		);
		this._owed = 0;
	}

	interrupted(): void {
		this._write("");
	}

	end(summary: readonly string[]): void {
		this._showNewest();
		this._write("");
		for (const text of summary) for (const line of folded(text, COLUMNS)) this._write(line);
	}

	private _showNewest(): void {
		if (!this._newest) return;
		const { temperature, humidity, pressure, time, seq } = this._newest;
		const cells = [
			time === undefined ? "--:--:--" : clockTime(new Date(time)),
			`${temperature.toFixed(2)} °C`.padStart(9),
			...(humidity === undefined ? [] : [`${humidity.toFixed(1)} %`.padStart(7)]),
			...(pressure === undefined ? [] : [`${pressure.toFixed(2)} hPa`.padStart(11)]),
			`#${seq}`.padEnd(6),
		];
		const isWell = this._state === "online" && this._waiting === 0;
		const state = this._coloured(`${this._state}, ${this._waiting} waiting`, isWell ? "green" : "yellow");
		this._write([...cells, state].join("  "));
		this._owed = Math.max(this._owed, this._waiting);
		this._newest = undefined;
	}

	private _write(line: string, colour?: Colour): void {
		this._options.write(this._coloured(line, colour));
	}

	private _coloured(text: string, colour: Colour | undefined): string {
		if (colour === undefined || !this._options.hasColours) return text;
		return `\x1b[${COLOURS[colour]}m${text}\x1b[0m`;
	}
}

/** In the computer's time zone. */
function clockTime(time: Date): string {
	return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Columns that a text takes at the most. */
function widthOf(text: string): number {
	return Array.from(text).reduce((width, character) => width + (character.codePointAt(0)! > NARROW ? 2 : 1), 0);
}

/** A text's beginning of at most so many columns. */
function beginning(text: string, columns: number): string {
	let begin = "";
	let width = 0;
	for (const character of text) {
		width += widthOf(character);
		if (width > columns) break;
		begin += character;
	}
	return begin;
}

function shortened(text: string, columns: number): string {
	return widthOf(text) <= columns ? text : `${beginning(text, columns - 1)}…`;
}

/** A text in lines of at most so many columns, at its blanks where it has some. */
function folded(text: string, columns: number): string[] {
	const lines: string[] = [];
	let rest = text;
	while (widthOf(rest) > columns) {
		const line = beginning(rest, columns);
		// A line may end right before a blank.
		const blank = rest.slice(0, line.length + 1).lastIndexOf(" ");
		lines.push(rest.slice(0, blank > 0 ? blank : line.length));
		rest = rest.slice(blank > 0 ? blank + 1 : line.length);
	}
	return [...lines, rest];
}

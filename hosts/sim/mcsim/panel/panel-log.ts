/** The panel's log: its last lines, with equal warnings as one, and the rows that they are broken into. */

/** The last ones; earlier ones make room. */
export const LINES_KEPT = 9;
/** Rows of a line; what is beyond them is cut. */
const LINE_ROWS = 3;
/** Other ones at each attempt: how long it waited, and when the next one comes. */
const SECONDS = /\d+(\.\d+)? s\b/g;

export interface Line {
	/** Local time, hh:mm:ss; of the latest one among equal warnings. */
	readonly time: string;
	readonly level: "info" | "warning" | "error" | "panel";
	readonly text: string;
	/** Warnings that this line stands for. */
	readonly count: number;
}

/** What is drawn in one row; the further rows of a line have no time. */
export type LogRow = Omit<Line, "count">;

export class PanelLog {
	private _lines: readonly Line[] = [];

	/** The newest first. */
	get lines(): readonly Line[] {
		return this._lines;
	}

	/** A warning or an error that is among the lines, equal but for numbers of seconds, is counted there. */
	add(line: Omit<Line, "count">): void {
		const isCounted = line.level === "warning" || line.level === "error";
		const equal = isCounted && this._lines.find(({ level, text }) => level === line.level && isEqual(text, line.text));
		const others = this._lines.filter((other) => other !== equal);
		this._lines = [{ ...line, count: equal ? equal.count + 1 : 1 }, ...others].slice(0, LINES_KEPT);
	}
}

function isEqual(one: string, other: string): boolean {
	return one.replace(SECONDS, "") === other.replace(SECONDS, "");
}

/** The first lines that are whole within so many rows; `fits` tells whether a text fits into one. */
export function rowsOf(lines: readonly Line[], rows: number, fits: (text: string) => boolean): readonly LogRow[] {
	const shown: LogRow[] = [];
	for (const { time, level, text, count } of lines) {
		const parts = wrapped(count > 1 ? `×${count} ${text}` : text, fits);
		if (shown.length + parts.length > rows) break;
		for (const [index, part] of parts.entries()) shown.push({ time: index === 0 ? time : "", level, text: part });
	}
	return shown;
}

/** Broken at spaces, but not between a number and its unit; a word that is longer than a row, anywhere. */
function wrapped(text: string, fits: (text: string) => boolean): readonly string[] {
	const rows: string[] = [];
	let rest = text.replace(/(\d) (?=m?s\b)/g, "$1\u00a0");
	while (rest !== "" && rows.length < LINE_ROWS) {
		const isLast = rows.length === LINE_ROWS - 1;
		const row = fits(rest) ? rest : isLast ? `${beginning(rest, (part) => fits(`${part}…`))}…` : beginning(rest, fits);
		rows.push(row.trimEnd());
		rest = isLast ? "" : rest.slice(row.length).trimStart();
	}
	return rows;
}

/** As many words as fit, or as many characters of the first one: one at least. */
function beginning(text: string, fits: (text: string) => boolean): string {
	let end = 0;
	let words = 0;
	do {
		end++;
		if (text[end] === " ") words = end;
	} while (end < text.length && fits(text.slice(0, end + 1)));
	return text.slice(0, words > 0 ? words : end);
}

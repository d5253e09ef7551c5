/** What `npm start` shows: a table at a terminal (`table.ts`), lines with topics and payloads elsewhere (`lines.ts`). */
import type { Progress } from "../../hosts/sim/headless/protocol.ts";
import type { LogLevel } from "../../src/host.ts";

export interface View {
	/** A line of the log; `who`: of at most eight characters. */
	say(who: string, text: string, level?: LogLevel): void;
	/** Lines that help a person who is new here. */
	hint?(who: string, lines: readonly string[]): void;
	/** A message that a subscriber received. */
	message(topic: string, payload: string): void;
	/** What the station does, if the view wants to know: to tell it takes some of the station's memory. */
	progress?(progress: Progress): void;
	/** Ctrl-C: the terminal has shown it at the beginning of a line. */
	interrupted?(): void;
	/** The end; the lines are the summary. */
	end(summary: readonly string[]): void;
}

/** The columns of the log's lines that name who speaks. */
export const WHO_COLUMNS = 9;

export function withLevel(text: string, level: LogLevel): string {
	return level === "info" ? text : `${level}: ${text}`;
}

/** The log, and between its lines what a subscriber received, for programs and files. */

import { plain } from "../../hosts/node/plain-text.ts";
import type { LogLevel } from "../../src/host.ts";
import { type View, WHO_COLUMNS, withLevel } from "./view.ts";

export class Lines implements View {
	private readonly _write: (line: string) => void;

	constructor(write: (line: string) => void) {
		this._write = write;
	}

	say(who: string, text: string, level: LogLevel = "info"): void {
		this._write(plain(`${who.padEnd(WHO_COLUMNS)}${withLevel(text, level)}`));
	}

	message(topic: string, payload: string): void {
		this._write(plain(`${topic} ${payload}`));
	}

	end(summary: readonly string[]): void {
		for (const line of ["", ...summary]) this._write(line);
	}
}

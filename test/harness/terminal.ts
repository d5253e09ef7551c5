/** A program in a terminal of 80 columns. */
import { join } from "node:path";
import { python } from "./mqtt-command.ts";
import { Program } from "./program.ts";

export const COLUMNS = 80;
/** Select Graphic Rendition (ECMA-48): colours, and their end. */
const ESCAPE = "\x1b";
const SGR = new RegExp(`${ESCAPE}\\[\\d+m`, "g");

export class Terminal extends Program {
	/** @param environment its variables, beside those of a terminal with colours: of the machine's it has none but PATH */
	constructor(folder: string, program: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
		const variables = Object.entries({ PATH: process.env.PATH, TERM: "xterm", TZ: "UTC", ...environment });
		super(
			"the terminal",
			"/usr/bin/env",
			[
				"-i",
				...variables.map(([name, value]) => `${name}=${value}`),
				...[python(), join(process.cwd(), "test/harness/terminal.py"), process.execPath, program, ...args],
			],
			folder,
		);
	}

	/** How often it got a text, with its colours. */
	times(text: string): number {
		return this.lines.join("\n").split(text).length - 1;
	}

	/** Its lines as a person reads them. */
	get seen(): string[] {
		return this.lines.map((line) => line.replace(/\r$/, "").replaceAll(SGR, ""));
	}
}

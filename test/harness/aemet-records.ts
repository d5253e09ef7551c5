/** The recorded answers of AEMET in `test/data/aemet`, and the encoding in which it sends them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer } from "../../commands/aemet/answers.ts";

const FOLDER = join(process.cwd(), "test/data/aemet");

export const LATIN = "application/json;charset=ISO-8859-15";

export type RecordName =
	| "step-1"
	| "step-1-no-data"
	| "observation-3195"
	| "observation-5906X"
	| "daily-28065"
	| "hourly-32054";

/** Anew with each call, so that a test may change it. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into what was recorded
export function recorded(name: RecordName): any {
	return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8"));
}

/** A text in ISO-8859-15, as far as AEMET's texts go. */
export function latin(text: string): Uint8Array {
	return Uint8Array.from(text, (character) => {
		const code = character === "€" ? 0xa4 : character.charCodeAt(0);
		if (code > 0xff) throw new RangeError(`${character} is not in ISO-8859-15`);
		return code;
	});
}

export function answerOf(json: unknown, more: Partial<Answer> = {}): Answer {
	return { status: 200, contentType: LATIN, body: latin(JSON.stringify(json)), ...more };
}

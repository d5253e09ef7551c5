/** Numbers and texts as AEMET has them, by turns as JSON's numbers and as texts. */
import { cut, hasControls } from "../../src/text.ts";

/** Precipitation too little to be measured, below 0.1 mm: "inapreciable". */
const TRACE = "ip";
/** Bytes of a text that is handed on. */
const TEXT_MAXIMUM = 128;

/** From the lowest to the highest value that can be true; beyond it is none. */
export type Range = readonly [lowest: number, highest: number];

/** `undefined` for what is blank, no number, or out of range. Adding 0 makes -0 a 0. */
export function numberIn(value: unknown, [lowest, highest]: Range): number | undefined {
	const number = numberOf(value);
	return number !== undefined && number >= lowest && number <= highest ? number + 0 : undefined;
}

function numberOf(value: unknown): number | undefined {
	if (typeof value === "number") return value;
	if (typeof value !== "string") return undefined;
	const text = value.trim().replace(",", ".");
	if (text.toLowerCase() === TRACE) return 0;
	return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** A stranger's text, bounded and without control characters; `undefined` where there is none. */
export function textIn(value: unknown): string | undefined {
	if (typeof value !== "string") return undefined;
	let text = "";
	for (const character of value.slice(0, TEXT_MAXIMUM)) text += hasControls(character) ? " " : character;
	text = cut(text.trim(), TEXT_MAXIMUM);
	return text === "" ? undefined : text;
}

/** Decimals that a unit's conversion leaves. */
export function rounded(value: number | undefined, steps = 10): number | undefined {
	return value === undefined ? undefined : Math.round(value * steps) / steps + 0;
}

/** An object without the members that are `undefined`. */
export function withoutGaps<Value extends object>(value: Value): Value {
	return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Value;
}

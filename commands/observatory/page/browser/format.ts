/** Numbers and times as the browser's language and time zone have them. */
import type { QuantityView } from "../../api.ts";
import { numberLocale, texts, wordLocale } from "./texts.ts";

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Digits of a number whose decimals nobody knows. */
const DIGITS = 6;

const numbers = new Map<string, Intl.NumberFormat>();

export function numberText(value: number, decimals: number | null = 0): string {
	const key = String(decimals);
	let format = numbers.get(key);
	if (!format) {
		const fixed = Math.min(Math.max(decimals ?? 0, 0), 20);
		const options =
			decimals === null
				? { maximumSignificantDigits: DIGITS }
				: { minimumFractionDigits: fixed, maximumFractionDigits: fixed };
		format = new Intl.NumberFormat(numberLocale, options);
		numbers.set(key, format);
	}
	return format.format(value);
}

/** A name's own quantity, also of a reading whose quantities are new. */
export function quantityOf(quantities: readonly QuantityView[], name: string): QuantityView {
	return quantities.find((quantity) => quantity.name === name) ?? { name, unit: null, decimals: null };
}

/** With its unit; a no-break space keeps them together. */
export function valueText(value: number | null | undefined, { unit, decimals }: QuantityView): string {
	if (value === null || value === undefined) return texts.noValue;
	const number = numberText(value, decimals);
	return unit === null ? number : `${number}\u00A0${unit}`;
}

const clock = new Intl.DateTimeFormat(numberLocale, { timeStyle: "medium" });
const shortClock = new Intl.DateTimeFormat(numberLocale, { timeStyle: "short" });
const dayAndClock = new Intl.DateTimeFormat(numberLocale, {
	day: "numeric",
	month: "short",
	hour: "numeric",
	minute: "2-digit",
});
const fullDate = new Intl.DateTimeFormat(numberLocale, {
	...{ day: "numeric", month: "short", year: "numeric" },
	...{ hour: "numeric", minute: "2-digit" },
});
const exactDate = new Intl.DateTimeFormat(numberLocale, { dateStyle: "full", timeStyle: "long" });
const day = new Intl.DateTimeFormat(numberLocale, { day: "numeric", month: "short" });
const month = new Intl.DateTimeFormat(numberLocale, { month: "short" });
const year = new Intl.DateTimeFormat(numberLocale, { year: "numeric" });

/** Times that no calendar has are shown as they are. */
function dated(format: Intl.DateTimeFormat, time: number): string {
	return Math.abs(time) <= 8.64e15 ? format.format(time) : String(time);
}

/** As long as it has to be, seen from now: the clock alone today, the year only where it is another one. */
export function timeText(time: number, now = Date.now()): string {
	const [date, today] = [new Date(time), new Date(now)];
	if (date.toDateString() === today.toDateString()) return dated(clock, time);
	return dated(date.getFullYear() === today.getFullYear() ? dayAndClock : fullDate, time);
}

export function exactTimeText(time: number): string {
	return dated(exactDate, time);
}

/** For `<time datetime>`. */
export function isoText(time: number): string {
	return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : "";
}

/** The labels of a time axis whose marks are `step` ms apart. */
export function axisTexts(times: readonly number[], step: number): string[] {
	let before = "";
	return times.map((time, index) => {
		const date = new Date(time);
		const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
		if (step >= 27 * DAY_MS)
			return date.getMonth() === 0 || index === 0 ? `${month.format(time)}\n${year.format(time)}` : month.format(time);
		if (step >= DAY_MS) return day.format(time);
		const text = (step < MINUTE_MS ? clock : shortClock).format(time);
		const today = day.format(time);
		const isNew = (isMidnight || index === 0) && today !== before;
		before = today;
		return isNew ? `${text}\n${today}` : text;
	});
}

const relative = new Intl.RelativeTimeFormat(wordLocale, { numeric: "auto" });

/** How long ago, in words; within ten seconds: now. */
export function agoText(time: number, now = Date.now()): string {
	const past = now - time;
	if (past < 10 * SECOND_MS) return relative.format(0, "second");
	if (past < MINUTE_MS) return relative.format(-Math.floor(past / (10 * SECOND_MS)) * 10, "second");
	if (past < HOUR_MS) return relative.format(-Math.floor(past / MINUTE_MS), "minute");
	if (past < DAY_MS) return relative.format(-Math.floor(past / HOUR_MS), "hour");
	return relative.format(-Math.floor(past / DAY_MS), "day");
}

/** After so many ms what `agoText` says may be another text. */
export const AGO_CHANGES_MS = 5 * SECOND_MS;

const UNITS = [
	["day", DAY_MS],
	["hour", HOUR_MS],
	["minute", MINUTE_MS],
	["second", SECOND_MS],
] as const;

/** In the two largest units that it has: `3 days 4 hr`. */
export function durationText(duration: number): string {
	const parts: string[] = [];
	let rest = Math.round(duration / SECOND_MS) * SECOND_MS;
	for (const [unit, length] of UNITS) {
		const count = Math.floor(rest / length);
		rest -= count * length;
		if (count > 0 || (unit === "second" && parts.length === 0)) parts.push(unitText(count, unit));
		else if (parts.length > 0) break;
		if (parts.length === 2) break;
	}
	return parts.join(" ");
}

function unitText(count: number, unit: string): string {
	return new Intl.NumberFormat(wordLocale, { style: "unit", unit, unitDisplay: "short" }).format(count);
}

export function bytesText(bytes: number): string {
	return bytes < 10_000 ? unitText(bytes, "byte") : unitText(Math.round(bytes / 1_000), "kilobyte");
}

const collator = new Intl.Collator(numberLocale, { numeric: true });

/** As people sort: 2 before 10. */
export function compareTexts(a: string, b: string): number {
	return collator.compare(a, b);
}

/** What a station tells of itself, as a table. */

import { el } from "../../../browser/dom.ts";
import type { Diagnostics } from "../../api.ts";
import { bytesText, durationText, numberText, SECOND_MS, timeText } from "./format.ts";
import { type FactName, factText, texts } from "./texts.ts";

/** Members shown, and characters of a foreign value. */
const MEMBERS = 64;
const CHARACTERS = 200;

/** Those known in an order for people, whatever the station's order is. */
const ORDER: readonly FactName[] = [
	...(["board", "image", "uptime", "restart", "interval", "rssi", "heap", "heapLow"] as const),
	...(["readings", "faults", "published", "redelivered", "acknowledged", "queued"] as const),
	...(["rejected", "refusal", "dropped", "connections", "writes", "erases"] as const),
];

export function factRows({ members }: Diagnostics): HTMLTableRowElement[] {
	const foreign = Object.keys(members).filter((name) => factText(name) === undefined && name !== "time");
	const names = [...ORDER.filter((name) => Object.hasOwn(members, name)), ...foreign].slice(0, MEMBERS);
	return names.map((name) =>
		el(
			"tr",
			{},
			el("th", { scope: "row", class: "fact" }, factText(name) ?? name),
			el("td", {}, factValue(name, members[name])),
		),
	);
}

function factValue(name: string, value: unknown): string {
	if (typeof value === "number") {
		if (name === "uptime" || name === "interval") return durationText(value * SECOND_MS);
		if (name === "heap" || name === "heapLow") return bytesText(value);
		if (name === "rssi") return `${numberText(value)}\u00A0dBm`;
		return numberText(value, Number.isInteger(value) ? 0 : null);
	}
	const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
	return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)}…` : text;
}

export function factsTime({ time }: Diagnostics): string {
	return texts.factsOf(timeText(time));
}

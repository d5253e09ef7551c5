/** What is shown, as the part of the address behind `#`: so there are bookmarks, and a way back. */

import { FILTERS, type Filter } from "../../api.ts";

export const RANGES = ["hour", "day", "week", "month", "year"] as const;
export type Range = (typeof RANGES)[number];

export type Route =
	| {
			readonly view: "overview";
			readonly show: Filter;
			/** From 1 on. */
			readonly page: number;
			readonly text: string;
	  }
	| { readonly view: "station"; readonly topic: string; readonly range: Range }
	| {
			readonly view: "compare";
			readonly range: Range;
			readonly quantity: string | undefined;
			readonly topics: readonly string[];
	  }
	| { readonly view: "nowhere" };

export const DEFAULT_RANGE: Range = "day";
/** Characters of what is searched for; the server takes no more. */
export const TEXT_MAXIMUM = 200;

export function routeOf(hash: string): Route {
	const [view, ...rest] = hash
		.replace(/^#?\/?/, "")
		.split("/")
		.map(decoded);
	if (view === "" || view === "overview") {
		const [show, page = "", text = ""] = rest;
		return {
			...{ view: "overview", show: FILTERS.find((filter) => filter === show) ?? "all" },
			...{ page: /^[1-9]\d{0,4}$/.test(page) ? Number(page) : 1, text: text.slice(0, TEXT_MAXIMUM) },
		};
	}
	if (view === "station" && rest[0]) return { view, topic: rest[0], range: rangeOf(rest[1]) };
	if (view === "compare")
		return { view, range: rangeOf(rest[0]), quantity: rest[1] || undefined, topics: [...new Set(rest.slice(2))] };
	return { view: "nowhere" };
}

export function hashOf(route: Route): string {
	if (route.view === "station") return path("station", route.topic, route.range);
	if (route.view === "compare")
		return path("compare", route.range, ...(route.quantity === undefined ? [] : [route.quantity, ...route.topics]));
	if (route.view === "nowhere" || (route.show === "all" && route.page === 1 && route.text === "")) return "#/";
	return path("overview", route.show, String(route.page), ...(route.text === "" ? [] : [route.text]));
}

function path(...parts: readonly string[]): string {
	return `#/${parts.map((part) => encodeURIComponent(wellFormed(part))).join("/")}`;
}

/** Half a character cannot be written into an address. */
export function wellFormed(text: string): string {
	return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

function decoded(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}

function rangeOf(text: string | undefined): Range {
	return RANGES.find((range) => range === text) ?? DEFAULT_RANGE;
}

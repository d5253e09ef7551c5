/** The page: which view is shown, and what all views have around them. */

import { el, setText } from "../../../browser/dom.ts";
import { ComparePage } from "./compare.ts";
import { AGO_CHANGES_MS } from "./format.ts";
import { Observatory } from "./observatory.ts";
import { Overview } from "./overview.ts";
import { DEFAULT_RANGE, hashOf, type Route, routeOf } from "./route.ts";
import { StationPage } from "./station.ts";
import { language, texts } from "./texts.ts";
import { type Context, NO_STATION, type View } from "./view.ts";

const main = document.querySelector("main")!;
const nav = document.querySelector("nav")!;
const live = document.querySelector("#live")!;
const skip = document.querySelector<HTMLElement>("#skip")!;

const observatory = new Observatory({
	changed: () => view?.changed(),
	reading: (topic, reading, isLate) => view?.reading(topic, reading, isLate),
	missed: () => view?.missed(),
	connection: (isLive) => {
		live.setAttribute("data-live", String(isLive));
		setText(live, isLive ? texts.live : texts.lost);
	},
});
const context: Context = { observatory, go };

const links = [
	["overview", texts.overview, "#/"],
	["compare", texts.compare, hashOf({ view: "compare", range: DEFAULT_RANGE, quantity: undefined, topics: [] })],
] as const;
const anchors = links.map(([name, text, href]) => [name, el("a", { href }, text)] as const);

let view: View | undefined;

document.documentElement.lang = language;
nav.setAttribute("aria-label", texts.main);
nav.replaceChildren(...anchors.map(([, anchor]) => anchor));
skip.textContent = texts.skip;
skip.addEventListener("click", (event) => {
	// The part behind # is the address of a view.
	event.preventDefault();
	main.focus();
});
window.addEventListener("hashchange", () => show(true));
window.addEventListener("keydown", ({ key }) => {
	if (key === "Escape" && !document.querySelector("dialog[open]")) view?.escape();
});
setInterval(() => view?.tick(), AGO_CHANGES_MS);
show(false);
observatory.start();

/** Leads to another view; `isStep`: with a way back. */
function go(route: Route, isStep = true): void {
	const hash = hashOf(route);
	if (isStep) history.pushState(undefined, "", hash);
	else history.replaceState(undefined, "", hash);
	// At once: what is chosen next builds on it.
	show(true);
}

/** `isStep`: somebody went there; the focus goes along. */
function show(isStep: boolean): void {
	const route = routeOf(location.hash);
	for (const [name, anchor] of anchors) {
		if (route.view === name) anchor.setAttribute("aria-current", "page");
		else anchor.removeAttribute("aria-current");
	}
	if (view?.reroute(route)) {
		observatory.show(view.question);
		view.changed();
		return;
	}
	view?.close();
	view = create(route);
	observatory.show(view.question);
	view.changed();
	document.title = `${view.title} · Veleta`;
	main.replaceChildren(view.root);
	if (!isStep) return;
	window.scrollTo(0, 0);
	main.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

function create(route: Route): View {
	switch (route.view) {
		case "overview":
			return new Overview(context, route);
		case "station":
			return new StationPage(context, route.topic, route.range);
		case "compare":
			return new ComparePage(context, route);
		default:
			return nowhere();
	}
}

function nowhere(): View {
	const root = el(
		"div",
		{ class: "page" },
		el("h1", { tabindex: -1 }, texts.notThere),
		el("p", {}, el("a", { href: "#/" }, texts.toOverview)),
	);
	const nothing = () => {};
	return {
		...{ root, title: texts.notThere, question: NO_STATION, reroute: ({ view }) => view === "nowhere" },
		...{ changed: nothing, reading: nothing, missed: nothing, tick: nothing, escape: nothing, close: nothing },
	};
}

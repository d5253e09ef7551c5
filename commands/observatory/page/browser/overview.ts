/** A card for each station: its last values, its state, and how its day was. */

import { el, setText } from "../../../browser/dom.ts";
import { FILTERS, type Filter, type LastReading, type Question, type StationView } from "../../api.ts";
import { Feed } from "./feed.ts";
import { agoText, DAY_MS, MINUTE_MS, numberText, quantityOf, SECOND_MS, timeText } from "./format.ts";
import { DEFAULT_RANGE, hashOf, type Route, TEXT_MAXIMUM } from "./route.ts";
import { drawSparkline, SPARK_POINTS, sparkline } from "./sparkline.ts";
import { quantityText, texts } from "./texts.ts";
import { type Context, Moment, nameOf, Reloader, statusMark, type View } from "./view.ts";

/** Quantities of a card; a station's own page has all. */
const SHOWN = 4;
/** Cards of a page. */
const CARDS = 48;
/** Up to so many stations there is nothing to find, and nothing that would help to. */
const FEW = 20;
/** A curve of a day is asked for anew after so many ms. */
const CURVE_MS = 5 * MINUTE_MS;
/** And after so many at the least, for each card, however many late readings come. */
const CURVE_PAUSE_MS = 2 * SECOND_MS;
const CARD_PAUSE_MS = 100;
/** Curves are asked for when their card is so near to what is seen. */
const NEAR = "200px";
/** After the last key, in ms, stations are searched. */
const TYPED_MS = 250;

type OverviewRoute = Extract<Route, { view: "overview" }>;

export class Overview implements View {
	readonly root = el("div", { class: "overview" });
	private readonly _context: Context;
	private readonly _heading = el("h1", { tabindex: -1 });
	private readonly _finder: Finder;
	private readonly _none = el("p", { class: "card note" }, texts.nothingFound);
	private readonly _list = el("ul", { class: "cards" });
	private readonly _pager = new Pager();
	private readonly _cards = new Map<string, Card>();
	private readonly _byRoot = new WeakMap<Element, Card>();
	private readonly _seen: IntersectionObserver;
	private _route: OverviewRoute;

	constructor(context: Context, route: OverviewRoute) {
		this._context = context;
		this._route = route;
		this._finder = new Finder(route, (change) => context.go({ ...this._route, page: 1, ...change }, "show" in change));
		this._seen = new IntersectionObserver(
			(entries) => {
				for (const { target, isIntersecting } of entries) this._byRoot.get(target)?.setSeen(isIntersecting);
			},
			{ rootMargin: NEAR },
		);
	}

	get title(): string {
		return texts.overview;
	}

	get question(): Question {
		const { text, show, page } = this._route;
		return { text, show, quantity: undefined, from: (page - 1) * CARDS, count: CARDS };
	}

	reroute(route: Route): boolean {
		if (route.view !== "overview") return false;
		const { page } = this._route;
		this._route = route;
		this._finder.set(route);
		// Whoever looks for something goes on typing.
		if (route.page !== page && !this._finder.root.contains(document.activeElement)) {
			window.scrollTo(0, 0);
			this._heading.focus({ preventScroll: true });
		}
		return true;
	}

	changed(): void {
		const { list, stations } = this._context.observatory;
		// What was there before stays until there is an answer.
		if (!list) {
			if (!this.root.hasChildNodes())
				this.root.replaceChildren(
					el("h1", { tabindex: -1 }, texts.overview),
					el("p", { class: "note" }, texts.loading),
				);
			return;
		}
		if (list.total === 0) return this._showEmpty();
		const shown = new Set(list.topics);
		for (const [topic, card] of this._cards) {
			if (shown.has(topic)) continue;
			this._seen.unobserve(card.root);
			card.close();
			card.root.remove();
			this._cards.delete(topic);
		}
		for (const [index, station] of stations.entries()) {
			let card = this._cards.get(station.topic);
			if (!card) {
				card = new Card(this._context, station);
				this._cards.set(station.topic, card);
				this._byRoot.set(card.root, card);
				this._seen.observe(card.root);
			}
			card.update(station);
			// A card that stands where it is keeps the focus.
			if (this._list.children[index] !== card.root)
				this._list.insertBefore(card.root, this._list.children[index] ?? null);
		}
		setText(this._heading, texts.title(numberText(list.total), list.total === 1));
		const { show, text } = this._route;
		this._finder.root.hidden = list.total <= FEW && show === "all" && text === "";
		this._finder.count(list.counts);
		this._none.hidden = stations.length > 0;
		this._pager.set(this._route, CARDS, stations.length, list.counts[show]);
		if (this._heading.parentNode !== this.root)
			this.root.replaceChildren(this._heading, this._finder.root, this._none, this._list, this._pager.root);
	}

	reading(topic: string, reading: LastReading, isLate: boolean): void {
		const station = this._context.observatory.station(topic);
		if (!station) return;
		const card = this._cards.get(topic);
		card?.update(station);
		card?.reading(reading, isLate, this._pause);
	}

	missed(): void {
		for (const card of this._cards.values()) card.load(this._pause);
	}

	tick(): void {
		for (const [topic, card] of this._cards) {
			const station = this._context.observatory.station(topic);
			if (station) card.update(station);
		}
	}

	escape(): void {}

	close(): void {
		this._finder.close();
		this._seen.disconnect();
		for (const card of this._cards.values()) card.close();
	}

	/** Between two questions for a card's curve, in ms. */
	private get _pause(): number {
		return Math.max(CURVE_PAUSE_MS, this._cards.size * CARD_PAUSE_MS);
	}

	/** A newcomer has just started it. */
	private _showEmpty(): void {
		for (const card of this._cards.values()) card.close();
		this._cards.clear();
		this._list.replaceChildren();
		this.root.replaceChildren(
			el(
				"section",
				{ class: "card empty" },
				el("h1", { tabindex: -1 }, texts.noStation),
				el("p", {}, texts.noStationYet),
				el("p", {}, texts.tryOne),
				el("pre", {}, el("code", {}, "npm start -- -h 127.0.0.1")),
				el("p", {}, texts.tryBoard),
			),
		);
	}
}

/** Finds stations by the words of their topics, and by what they are doing. */
class Finder {
	readonly root: HTMLElement;
	private readonly _input: HTMLInputElement;
	private readonly _filters: ReadonlyMap<Filter, { readonly button: HTMLButtonElement; readonly count: HTMLElement }>;
	private _route: OverviewRoute;
	private _timer: number | undefined;

	constructor(route: OverviewRoute, onChange: (change: Partial<Pick<OverviewRoute, "text" | "show">>) => void) {
		this._route = route;
		this._input = searchInput(() => {
			clearTimeout(this._timer);
			this._timer = setTimeout(() => onChange({ text: this._input.value.trim() }), TYPED_MS);
		});
		this._filters = new Map(
			FILTERS.map((filter) => {
				const count = el("span", { class: "count" });
				const text = filter === "all" || filter === "incomplete" ? texts.filters[filter] : texts.statuses[filter];
				const onclick = () => onChange({ show: filter, text: this._input.value.trim() });
				const dot = filter === "all" || filter === "incomplete" ? undefined : el("span", { class: "dot" });
				const attributes = { type: "button", "data-status": filter, onclick };
				return [filter, { button: el("button", attributes, dot, text, " ", count), count }];
			}),
		);
		this.root = el(
			"div",
			{ class: "finder", role: "search" },
			this._input,
			el(
				"div",
				{ class: "filters", role: "group", "aria-label": texts.filter },
				...[...this._filters.values()].map(({ button }) => button),
			),
		);
		this.set(route);
	}

	set(route: OverviewRoute): void {
		this._route = route;
		// Whoever is typing goes on.
		if (document.activeElement !== this._input) this._input.value = route.text;
	}

	count(counts: Readonly<Record<Filter, number>>): void {
		for (const [filter, { button, count }] of this._filters) {
			setText(count, numberText(counts[filter]));
			const isPressed = filter === this._route.show;
			button.setAttribute("aria-pressed", String(isPressed));
			// A hidden button would lose the focus.
			button.hidden = counts[filter] === 0 && filter !== "all" && !isPressed && document.activeElement !== button;
		}
	}

	close(): void {
		clearTimeout(this._timer);
	}
}

export function searchInput(onInput: () => void): HTMLInputElement {
	return el("input", {
		...{ type: "search", "aria-label": texts.find, placeholder: texts.find, maxlength: TEXT_MAXIMUM },
		...{ autocomplete: "off", spellcheck: "false", oninput: onInput },
	});
}

/** Leads to the stations before and behind those that are shown. */
class Pager {
	readonly root: HTMLElement;
	private readonly _before = el("a", { class: "leaf" }, texts.before);
	private readonly _next = el("a", { class: "leaf" }, texts.next);
	private readonly _shown = el("p", { class: "note", role: "status" });

	constructor() {
		this.root = el("nav", { class: "pager", "aria-label": texts.pages }, this._before, this._shown, this._next);
	}

	/** `all`: how many there are, of which `shown` are on this page of so many cards. */
	set(route: OverviewRoute, cards: number, shown: number, all: number): void {
		const first = (route.page - 1) * cards;
		this.root.hidden = all <= cards && first === 0;
		const last = Math.max(1, Math.ceil(all / cards));
		const lead = (link: HTMLAnchorElement, page: number, isThere: boolean) => {
			link.hidden = !isThere;
			link.setAttribute("href", hashOf({ ...route, page }));
		};
		// There may be fewer than there were.
		lead(this._before, Math.min(route.page - 1, last), route.page > 1);
		lead(this._next, route.page + 1, first + cards < all);
		const [from, to] = [shown > 0 ? first + 1 : 0, shown > 0 ? first + shown : 0];
		setText(this._shown, texts.shownOf(numberText(from), numberText(to), numberText(all)));
	}
}

/** A day of so few readings is hardly a line. */
const FEW_READINGS = 60;

class Card {
	readonly root: HTMLElement;
	private readonly _context: Context;
	private readonly _topic: string;
	private readonly _status = statusMark();
	private readonly _values = el("dl", { class: "values" });
	private readonly _moment = new Moment();
	private readonly _time = el("p", { class: "time" });
	private readonly _gaps = el("p", { class: "gaps" });
	private readonly _curve = sparkline();
	private readonly _reloader = new Reloader(() => void this._load());
	private _feed: Feed | undefined;
	private _loadedAt = Number.NEGATIVE_INFINITY;
	/** Whether it is to be seen, or nearly so. */
	private _isSeen = false;

	constructor(context: Context, { topic, last }: StationView) {
		this._context = context;
		this._topic = topic;
		const { name, before } = nameOf(topic);
		// A station that has just begun has nothing to fill a day with.
		const range = last?.seq != null && last.seq <= FEW_READINGS ? "hour" : DEFAULT_RANGE;
		const href = hashOf({ view: "station", topic, range });
		const link = el("a", { href }, before && el("span", { class: "before" }, before), name);
		this.root = el(
			"li",
			{ class: "card station", "data-topic": topic },
			el("div", {}, el("h2", {}, link), this._status.root),
			this._values,
			this._curve,
			el("div", { class: "foot" }, this._time, this._gaps),
		);
	}

	update(station: StationView): void {
		const { status, since, last, missing, lost } = station;
		this._status.set(station, since === null || status === "unknown" ? "" : texts.since(timeText(since)));
		showValues(this._values, station, SHOWN);
		if (last) {
			this._moment.set(last.time, agoText(last.time));
			if (this._moment.root.parentNode !== this._time) this._time.replaceChildren(this._moment.root);
		} else setText(this._time, texts.noReading);
		const gaps = [
			missing > 0 && texts.missing(numberText(missing), missing === 1),
			lost > 0 && texts.lostCount(numberText(lost), lost === 1),
		];
		setText(this._gaps, gaps.filter((text) => text !== false).join(" · "));
		if (!this._loadIfOld()) this._draw();
	}

	reading(reading: LastReading, isLate: boolean, pause: number): void {
		if (isLate) this.load(pause);
		else if (this._feed?.append(reading)) this._draw();
	}

	/** `pause`: not more often than after so many ms. One that nobody sees is loaded when it is seen. */
	load(pause: number): void {
		if (this._isSeen) this._reloader.soon(pause);
		else this._loadedAt = Number.NEGATIVE_INFINITY;
	}

	setSeen(isSeen: boolean): void {
		this._isSeen = isSeen;
		if (isSeen) this._loadIfOld();
		else this._reloader.close();
	}

	close(): void {
		this._reloader.close();
		this._feed?.close();
	}

	/** Returns whether it is loaded. */
	private _loadIfOld(): boolean {
		const isOld = performance.now() - this._loadedAt > CURVE_MS;
		if (isOld) this.load(CURVE_PAUSE_MS);
		return isOld;
	}

	private async _load(): Promise<void> {
		const quantity = this._context.observatory.station(this._topic)?.quantities[0]?.name;
		if (quantity === undefined) return;
		this._loadedAt = performance.now();
		if (this._feed?.quantity !== quantity) this._feed = new Feed(this._context.observatory, this._topic, quantity);
		const now = Date.now();
		if (await this._feed.load({ from: now - DAY_MS, to: now }, SPARK_POINTS)) this._draw();
	}

	private _draw(): void {
		const station = this._context.observatory.station(this._topic);
		if (!this._feed?.isLoaded || !station) return;
		const now = Math.max(Date.now(), station.last?.time ?? 0);
		drawSparkline(this._curve, this._feed, quantityOf(station.quantities, this._feed.quantity), now);
	}
}

/** The last values in large figures, in the station's order; at most so many. */
export function showValues(
	list: HTMLElement,
	{ last, quantities }: StationView,
	most = Number.POSITIVE_INFINITY,
): void {
	const names = quantities.map(({ name }) => name);
	for (const name of Object.keys(last?.quantities ?? {})) if (!names.includes(name)) names.push(name);
	const shown = names.filter((name) => last && Object.hasOwn(last.quantities, name)).slice(0, most);
	for (const [index, name] of shown.entries()) {
		let item = list.children[index] as HTMLElement | undefined;
		if (!item) {
			item = el("div", {}, el("dt"), el("dd", {}, el("span", { class: "figure" }), el("span", { class: "unit" })));
			list.append(item);
		}
		const quantity = quantityOf(quantities, name);
		item.setAttribute("data-quantity", name);
		setText(item.querySelector("dt")!, quantityText(name));
		setText(item.querySelector(".figure")!, numberText(last!.quantities[name]!, quantity.decimals));
		setText(item.querySelector(".unit")!, quantity.unit === null ? "" : `\u00A0${quantity.unit}`);
	}
	while (list.children.length > shown.length) list.lastElementChild!.remove();
	list.toggleAttribute("hidden", shown.length === 0);
}

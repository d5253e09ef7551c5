/** Several stations in one chart of one quantity. */

import { el, newId, setText } from "../../../browser/dom.ts";
import type { LastReading, Question, StationsAnswer } from "../../api.ts";
import { ChartCard } from "./chart.ts";
import { Feed } from "./feed.ts";
import { numberText } from "./format.ts";
import { searchInput } from "./overview.ts";
import type { Range, Route } from "./route.ts";
import { quantityText, texts } from "./texts.ts";
import { COLOURS } from "./theme.ts";
import { Timeline } from "./timeline.ts";
import { type Context, NO_STATION, nameOf, Reloader, stepOf, type View } from "./view.ts";

/** Curves at a time: as many as there are colours. */
const STATIONS = COLOURS;
/** Stations that are offered; the others are found by the words of their topics. */
const OFFERED = 24;
/** After the last key, in ms, stations are searched. */
const TYPED_MS = 250;

type CompareRoute = Extract<Route, { view: "compare" }>;

/** What may be chosen. */
interface Offer {
	readonly quantity: string;
	readonly text: string;
	readonly answer: StationsAnswer;
}

export class ComparePage implements View {
	readonly root = el("div", { class: "page" });
	private readonly _context: Context;
	private readonly _timeline: Timeline;
	private readonly _select: HTMLSelectElement;
	private readonly _search = searchInput(() => {
		clearTimeout(this._typed);
		this._typed = setTimeout(() => this._offerer.now(), TYPED_MS);
	});
	private readonly _boxes = el("div", { class: "boxes" });
	private readonly _more = el("p", { class: "note", role: "status" });
	private readonly _chartPlace = el("div", { class: "charts wide" });
	private readonly _reloader = new Reloader(() => void this._load());
	private readonly _offerer = new Reloader(() => void this._ask());
	/** Each station's; one keeps its own when another one is chosen. */
	private readonly _colours = new Map<string, number>();
	private _route: CompareRoute;
	private _card: ChartCard | undefined;
	private _feeds: Feed[] = [];
	private _offer: Offer | undefined;
	/** The last question of what may be chosen. */
	private _asked = 0;
	private _typed: number | undefined;
	private _offered = "";
	private _drawn = "";

	constructor(context: Context, route: CompareRoute) {
		this._context = context;
		this._route = route;
		this._timeline = new Timeline({
			range: route.range,
			newest: () => Math.max(...this._topics.map((topic) => context.observatory.station(topic)?.last?.time ?? 0), 0),
			onRange: (range: Range) => context.go({ ...this._shownRoute, range }),
			onChange: () => this._moved(),
		});
		this._select = el("select", {
			id: newId(),
			onchange: () => context.go({ ...this._shownRoute, quantity: this._select.value }),
		});
		this.root.append(
			el("h1", { tabindex: -1 }, texts.compare),
			el(
				"section",
				{ class: "card choice", "aria-label": texts.compare },
				el("div", {}, el("label", { for: this._select.id }, texts.chooseQuantity), this._select),
				el(
					"fieldset",
					{},
					el(
						"legend",
						{},
						texts.chooseStations,
						" ",
						el("span", { class: "note" }, texts.chooseLimit(numberText(STATIONS))),
					),
					this._search,
					this._boxes,
					this._more,
				),
			),
			el("div", { class: "bar" }, this._timeline.root),
			this._chartPlace,
			el("p", { class: "note" }, texts.zoomHint),
		);
		this._search.hidden = true;
		this.changed();
		this._offerer.now();
	}

	get title(): string {
		return texts.compare;
	}

	get question(): Question {
		const { topics, quantity } = this._route;
		const shown = quantity === undefined ? this._topics : topics;
		return shown.length > 0 ? { topics: shown.slice(0, STATIONS) } : NO_STATION;
	}

	reroute(route: Route): boolean {
		if (route.view !== "compare") return false;
		const { range } = this._route;
		this._route = route;
		if (route.range !== range) this._timeline.setRange(route.range);
		if (route.quantity !== undefined && route.quantity !== this._offer?.quantity) this._offerer.now();
		this.changed();
		return true;
	}

	changed(): void {
		const { list } = this._context.observatory;
		if (list && this._offer && list.total !== this._offer.answer.total) this._offerer.soon(0);
		this._showOffer();
		const topics = this._topics;
		const total = this._offer?.answer.total;
		// Until it is known what there is, what was drawn stays.
		if (total !== undefined && total > 0 && this._offer?.quantity !== this._quantity) return;
		const drawn = JSON.stringify([this._quantity, topics, total === undefined, total === 0]);
		if (drawn === this._drawn) {
			this._card?.show(this._timeline.span);
			return;
		}
		this._drawn = drawn;
		this._close();
		const quantity = this._offer?.answer.quantities.find(({ name }) => name === this._quantity);
		if (!quantity || topics.length === 0) {
			const text = total === undefined ? texts.loading : total > 0 ? texts.chooseSome : texts.noStation;
			this._chartPlace.replaceChildren(el("p", { class: "card note" }, text));
			return;
		}
		this._feeds = topics.map((topic) => new Feed(this._context.observatory, topic, quantity.name));
		this._colour(topics);
		this._card = new ChartCard({
			quantity,
			lines: this._feeds.map((feed) => ({
				label: this._labelOf(feed.topic),
				colour: this._colours.get(feed.topic)!,
				feed,
			})),
			isComparison: true,
			onZoom: (span) => this._timeline.zoom(span),
			onReset: () => this._timeline.reset(),
		});
		this._chartPlace.replaceChildren(this._card.root);
		this._reloader.now();
	}

	reading(topic: string, reading: LastReading, isLate: boolean): void {
		const feed = this._feeds.find((feed) => feed.topic === topic);
		if (!feed) return;
		const { isLive, span } = this._timeline;
		const isDrawn = !isLate && isLive && feed.append(reading);
		if (isDrawn) this._card?.show(span);
		const isShown = isLive || (reading.time >= span.from && reading.time <= span.to);
		if (isShown) this._reloader.soon(isLate ? 0 : stepOf(this._feeds), isDrawn);
	}

	missed(): void {
		this._offerer.soon(0);
		if (this._card) this._reloader.soon(0);
	}

	tick(): void {}

	escape(): void {
		this._timeline.reset();
	}

	close(): void {
		clearTimeout(this._typed);
		this._asked++;
		this._offerer.close();
		this._reloader.close();
		this._close();
	}

	private get _quantity(): string | undefined {
		return this._route.quantity ?? this._offer?.quantity;
	}

	/** Those offered, and before them those chosen that are not. */
	private get _choice(): string[] {
		const offered = this._offer?.answer.topics ?? [];
		const { topics, quantity } = this._route;
		const others = quantity === undefined ? [] : topics.filter((topic) => !offered.includes(topic) && this._has(topic));
		return [...others, ...offered];
	}

	/** Without a choice, the first ones. */
	private get _topics(): string[] {
		const { topics, quantity } = this._route;
		const choice = this._choice;
		return (quantity === undefined ? choice : choice.filter((topic) => topics.includes(topic))).slice(0, STATIONS);
	}

	/** Whether a station that is shown has the quantity. */
	private _has(topic: string): boolean {
		const station = this._context.observatory.station(topic);
		return station?.quantities.some(({ name }) => name === this._quantity) ?? false;
	}

	/** The route that says all that is shown. */
	private get _shownRoute(): CompareRoute {
		const { _route: route, _quantity: quantity } = this;
		return { ...route, quantity, topics: route.quantity === undefined ? this._topics : route.topics };
	}

	/** The last level of a topic, or the whole where two end alike. */
	private _labelOf(topic: string): string {
		const { name } = nameOf(topic);
		return this._choice.filter((other) => nameOf(other).name === name).length > 1 ? topic : name;
	}

	/** The lowest colours that are free, for those that have none yet. */
	private _colour(topics: readonly string[]): void {
		for (const topic of this._colours.keys()) if (!topics.includes(topic)) this._colours.delete(topic);
		for (const topic of topics) {
			if (this._colours.has(topic)) continue;
			const taken = new Set(this._colours.values());
			let colour = 0;
			while (taken.has(colour)) colour++;
			this._colours.set(topic, colour);
		}
	}

	/** Asks what may be chosen. */
	private async _ask(): Promise<void> {
		const asked = ++this._asked;
		const { observatory } = this._context;
		const text = this._search.value.trim();
		const all = { text: "", show: "all", from: 0, count: 1 } as const;
		try {
			const quantity =
				this._route.quantity ?? (await observatory.find({ ...all, quantity: undefined })).quantities[0]?.name;
			const answer = await observatory.find({ ...all, text, quantity, count: OFFERED });
			if (asked !== this._asked) return;
			this._offer = { quantity: quantity ?? "", text, answer };
			this.changed();
			observatory.show(this.question);
		} catch {
			// The line about the connection tells it, and it is asked for again then.
		}
	}

	private _showOffer(): void {
		const { _offer: offer } = this;
		if (!offer) return setText(this._boxes, texts.loading);
		const { quantities, counts, total } = offer.answer;
		const topics = this._choice;
		const offered = JSON.stringify([quantities.map(({ name }) => name), topics, offer.text, total]);
		if (offered !== this._offered) {
			this._offered = offered;
			const focused = this._checkboxes.find((box) => box === document.activeElement)?.value;
			this._select.replaceChildren(...quantities.map(({ name }) => el("option", { value: name }, quantityText(name))));
			this._boxes.replaceChildren(
				...topics.map((topic) => {
					const box = el("input", { type: "checkbox", value: topic, onchange: () => this._choose() });
					return el("label", {}, box, el("span", {}, this._labelOf(topic)));
				}),
			);
			this._checkboxes.find((box) => box.value === focused)?.focus();
			if (topics.length === 0) setText(this._boxes, total > 0 ? texts.nothingFound : texts.noStation);
			this._search.hidden = offer.text === "" && counts.all <= OFFERED && document.activeElement !== this._search;
			const more = counts.all - offer.answer.topics.length;
			setText(this._more, more > 0 ? texts.moreStations(numberText(more)) : "");
		}
		this._select.value = this._quantity ?? "";
		const chosen = this._topics;
		const isFull = chosen.length >= STATIONS;
		for (const box of this._checkboxes) {
			box.checked = chosen.includes(box.value);
			box.disabled = isFull && !box.checked;
		}
	}

	private get _checkboxes(): HTMLInputElement[] {
		return [...this._boxes.querySelectorAll("input")];
	}

	private _choose(): void {
		const topics = this._checkboxes.filter(({ checked }) => checked).map(({ value }) => value);
		// No step of its own on the way back: one may try many.
		this._context.go({ ...this._shownRoute, topics }, false);
	}

	private _moved(): void {
		this._card?.show(this._timeline.span);
		if (this._card) this._reloader.now();
	}

	private async _load(): Promise<void> {
		const card = this._card;
		if (!card) return;
		const { span } = this._timeline;
		const load = async (feed: Feed) => {
			if (!(await feed.load(span, card.points)) || this._card !== card) return;
			card.show(this._timeline.isLive ? this._timeline.span : span);
		};
		await Promise.all(this._feeds.map(load));
	}

	private _close(): void {
		for (const feed of this._feeds) feed.close();
		this._card?.close();
		this._card = undefined;
		this._feeds = [];
	}
}

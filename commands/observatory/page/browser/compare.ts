/** Several stations in one chart of one quantity. */
import type { LastReading, QuantityView } from "../../api.ts";
import { ChartCard } from "./chart.ts";
import { el, newId, setText } from "./dom.ts";
import { Feed } from "./feed.ts";
import { numberText } from "./format.ts";
import type { Range, Route } from "./route.ts";
import { quantityText, texts } from "./texts.ts";
import { COLOURS } from "./theme.ts";
import { Timeline } from "./timeline.ts";
import { type Context, nameOf, Reloader, stepOf, type View } from "./view.ts";

/** Curves at a time: as many as there are colours. */
const STATIONS = COLOURS;

type CompareRoute = Extract<Route, { view: "compare" }>;

export class ComparePage implements View {
	readonly root = el("div", { class: "page" });
	private readonly _context: Context;
	private readonly _timeline: Timeline;
	private readonly _select: HTMLSelectElement;
	private readonly _boxes = el("div", { class: "boxes" });
	private readonly _chartPlace = el("div", { class: "charts wide" });
	private readonly _reloader = new Reloader(() => void this._load());
	private _route: CompareRoute;
	private _card: ChartCard | undefined;
	private _feeds: Feed[] = [];
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
					this._boxes,
				),
			),
			el("div", { class: "bar" }, this._timeline.root),
			this._chartPlace,
			el("p", { class: "note" }, texts.zoomHint),
		);
		this.changed();
	}

	get title(): string {
		return texts.compare;
	}

	reroute(route: Route): boolean {
		if (route.view !== "compare") return false;
		const { range } = this._route;
		this._route = route;
		if (route.range !== range) this._timeline.setRange(route.range);
		this.changed();
		return true;
	}

	changed(): void {
		this._offer();
		const { known, stations } = this._context.observatory;
		const drawn = JSON.stringify([this._quantity, this._topics, known, stations.length > 0]);
		if (drawn === this._drawn) return;
		this._drawn = drawn;
		this._close();
		const quantity = this._quantities.find(({ name }) => name === this._quantity);
		if (!quantity || this._topics.length === 0) {
			const text = !known ? texts.loading : stations.length > 0 ? texts.chooseSome : texts.noStation;
			this._chartPlace.replaceChildren(el("p", { class: "card note" }, text));
			return;
		}
		this._feeds = this._topics.map((topic) => new Feed(this._context.observatory, topic, quantity.name));
		const order = this._offeredTopics;
		this._card = new ChartCard({
			quantity,
			// A station keeps its colour when another one is chosen.
			lines: this._feeds.map((feed) => ({
				label: this._labelOf(feed.topic),
				colour: Math.max(0, order.indexOf(feed.topic)) % COLOURS,
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
		if (this._card) this._reloader.now();
	}

	tick(): void {}

	escape(): void {
		this._timeline.reset();
	}

	close(): void {
		this._reloader.close();
		this._close();
	}

	/** All that some station has, each once. */
	private get _quantities(): QuantityView[] {
		const all = new Map<string, QuantityView>();
		for (const { quantities } of this._context.observatory.stations) {
			for (const quantity of quantities) if (!all.has(quantity.name)) all.set(quantity.name, quantity);
		}
		return [...all.values()];
	}

	private get _quantity(): string | undefined {
		return this._route.quantity ?? this._commonest;
	}

	/** The quantity that most stations have. */
	private get _commonest(): string | undefined {
		const counts = new Map<string, number>();
		for (const { quantities } of this._context.observatory.stations)
			for (const { name } of quantities) counts.set(name, (counts.get(name) ?? 0) + 1);
		const highest = Math.max(...counts.values());
		return [...counts].find(([, count]) => count === highest)?.[0];
	}

	/** Stations that have the quantity. */
	private get _offeredTopics(): string[] {
		const { stations } = this._context.observatory;
		return stations
			.filter(({ quantities }) => quantities.some(({ name }) => name === this._quantity))
			.map(({ topic }) => topic);
	}

	/** Without a choice, the first ones. */
	private get _topics(): string[] {
		const { topics, quantity } = this._route;
		const offered = this._offeredTopics;
		return (quantity === undefined ? offered : offered.filter((topic) => topics.includes(topic))).slice(0, STATIONS);
	}

	/** The route that says all that is shown. */
	private get _shownRoute(): CompareRoute {
		const { _route: route, _quantity: quantity } = this;
		return { ...route, quantity, topics: route.quantity === undefined ? this._topics : route.topics };
	}

	/** The last level of a topic, or the whole where two end alike. */
	private _labelOf(topic: string): string {
		const { name } = nameOf(topic);
		return this._offeredTopics.filter((other) => nameOf(other).name === name).length > 1 ? topic : name;
	}

	private _offer(): void {
		const quantities = this._quantities;
		const topics = this._offeredTopics;
		const offered = JSON.stringify([quantities.map(({ name }) => name), topics, this._context.observatory.known]);
		if (offered !== this._offered) {
			this._offered = offered;
			this._select.replaceChildren(...quantities.map(({ name }) => el("option", { value: name }, quantityText(name))));
			this._boxes.replaceChildren(
				...topics.map((topic) => {
					const box = el("input", { type: "checkbox", value: topic, onchange: () => this._choose() });
					return el("label", {}, box, el("span", {}, this._labelOf(topic)));
				}),
			);
			if (topics.length === 0) setText(this._boxes, this._context.observatory.known ? texts.noStation : texts.loading);
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

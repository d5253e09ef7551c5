/** A card for each station: its last values, its state, and how its day was. */
import type { LastReading, StationView } from "../../api.ts";
import { el, setText } from "./dom.ts";
import { Feed } from "./feed.ts";
import { agoText, DAY_MS, MINUTE_MS, numberText, quantityOf, SECOND_MS, timeText } from "./format.ts";
import { DEFAULT_RANGE, hashOf, type Route } from "./route.ts";
import { drawSparkline, SPARK_POINTS, sparkline } from "./sparkline.ts";
import { quantityText, texts } from "./texts.ts";
import { type Context, Moment, nameOf, Reloader, statusMark, type View } from "./view.ts";

/** Quantities of a card; a station's own page has all. */
const SHOWN = 4;
/** Cards that have a small curve: each one is a question to the server. */
const CURVES = 24;
/** A curve of a day is asked for anew after so many ms. */
const CURVE_MS = 5 * MINUTE_MS;
/** And after so many at the least, however many late readings come. */
const CURVE_PAUSE_MS = 2 * SECOND_MS;

export class Overview implements View {
	readonly root = el("div", { class: "overview" });
	private readonly _context: Context;
	private readonly _heading = el("h1", { tabindex: -1 });
	private readonly _list = el("ul", { class: "cards" });
	private readonly _cards = new Map<string, Card>();

	constructor(context: Context) {
		this._context = context;
		this.changed();
	}

	get title(): string {
		return texts.overview;
	}

	reroute({ view }: Route): boolean {
		return view === "overview";
	}

	changed(): void {
		const { observatory } = this._context;
		const { stations } = observatory;
		if (stations.length === 0) {
			this._cards.clear();
			this._list.replaceChildren();
			if (observatory.known) this._showEmpty();
			else
				this.root.replaceChildren(
					el("h1", { tabindex: -1 }, texts.overview),
					el("p", { class: "note" }, texts.loading),
				);
			return;
		}
		for (const [topic, card] of this._cards) {
			if (observatory.station(topic)) continue;
			card.close();
			card.root.remove();
			this._cards.delete(topic);
		}
		for (const [index, station] of stations.entries()) {
			let card = this._cards.get(station.topic);
			if (!card) {
				card = new Card(this._context, station, this._cards.size < CURVES);
				this._cards.set(station.topic, card);
			}
			card.update(station);
			// A card that stands where it is keeps the focus.
			if (this._list.children[index] !== card.root)
				this._list.insertBefore(card.root, this._list.children[index] ?? null);
		}
		setText(this._heading, texts.title(numberText(stations.length), stations.length === 1));
		if (this._heading.parentNode !== this.root) this.root.replaceChildren(this._heading, this._list);
	}

	reading(topic: string, reading: LastReading, isLate: boolean): void {
		const station = this._context.observatory.station(topic);
		if (!station) return;
		const card = this._cards.get(topic);
		card?.update(station);
		card?.reading(reading, isLate);
	}

	missed(): void {
		for (const card of this._cards.values()) card.load();
	}

	tick(): void {
		for (const [topic, card] of this._cards) {
			const station = this._context.observatory.station(topic);
			if (station) card.update(station);
		}
	}

	escape(): void {}

	close(): void {
		for (const card of this._cards.values()) card.close();
	}

	/** A newcomer has just started it. */
	private _showEmpty(): void {
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
	private readonly _curve: SVGElement | undefined;
	private readonly _reloader = new Reloader(() => void this._load());
	private _feed: Feed | undefined;
	private _loadedAt = Number.NEGATIVE_INFINITY;

	constructor(context: Context, { topic, last }: StationView, hasCurve: boolean) {
		this._context = context;
		this._topic = topic;
		const { name, before } = nameOf(topic);
		// A station that has just begun has nothing to fill a day with.
		const range = last?.seq != null && last.seq <= FEW_READINGS ? "hour" : DEFAULT_RANGE;
		const href = hashOf({ view: "station", topic, range });
		const link = el("a", { href }, before && el("span", { class: "before" }, before), name);
		if (hasCurve) this._curve = sparkline();
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
		if (performance.now() - this._loadedAt > CURVE_MS) this.load();
		else this._draw();
	}

	reading(reading: LastReading, isLate: boolean): void {
		if (isLate) this.load();
		else if (this._feed?.append(reading)) this._draw();
	}

	load(): void {
		if (this._curve) this._reloader.soon(CURVE_PAUSE_MS);
	}

	close(): void {
		this._reloader.close();
		this._feed?.close();
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
		if (!this._curve || !this._feed?.isLoaded || !station) return;
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

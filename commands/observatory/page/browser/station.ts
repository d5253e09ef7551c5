/** All about one station. */

import { el, newId, setText } from "../../../browser/dom.ts";
import type { LastReading, Question, StationView } from "../../api.ts";
import { ChartCard } from "./chart.ts";
import { Commands } from "./commands.ts";
import { factRows, factsTime } from "./facts.ts";
import { Feed } from "./feed.ts";
import { agoText, durationText, timeText } from "./format.ts";
import { lossItems } from "./losses.ts";
import { showValues } from "./overview.ts";
import type { Range, Route } from "./route.ts";
import { texts } from "./texts.ts";
import { colourOf } from "./theme.ts";
import { Timeline } from "./timeline.ts";
import { type Context, Moment, nameOf, Reloader, statusMark, stepOf, type View } from "./view.ts";

/** Charts shown: a foreign station may have any number of quantities. */
const CHARTS = 24;

interface Shown {
	readonly feed: Feed;
	readonly card: ChartCard;
}

export class StationPage implements View {
	readonly root = el("div", { class: "page" });
	private readonly _context: Context;
	private readonly _topic: string;
	private readonly _timeline: Timeline;
	private readonly _status = statusMark();
	private readonly _values = el("dl", { class: "values large" });
	private readonly _moment = new Moment();
	private readonly _last = el("p", { class: "time" });
	private readonly _chartsPlace = el("div", { class: "charts" });
	private readonly _charts = new Map<string, Shown>();
	private readonly _facts = el("div");
	private readonly _losses = el("ul", { class: "losses" });
	private readonly _left = el("div", { class: "column" });
	private readonly _note = el("p", { class: "note" });
	private readonly _reloader = new Reloader(() => void this._load());
	private readonly _lossReloader = new Reloader(() => void this._loadLosses());
	private _commands: Commands | undefined;
	private _isBuilt = false;
	private _gaps = "";
	private _factsShown: unknown;

	constructor(context: Context, topic: string, range: Range) {
		this._context = context;
		this._topic = topic;
		this._timeline = new Timeline({
			range,
			newest: () => this._station?.last?.time ?? 0,
			onRange: (range) => context.go({ view: "station", topic, range }),
			onChange: () => this._moved(),
		});
		this.changed();
	}

	get title(): string {
		return nameOf(this._topic).name;
	}

	get question(): Question {
		return { topics: [this._topic] };
	}

	reroute(route: Route): boolean {
		if (route.view !== "station" || route.topic !== this._topic) return false;
		this._timeline.setRange(route.range);
		return true;
	}

	changed(): void {
		const station = this._station;
		if (!station) return this._showNothing();
		if (!this._isBuilt) this._build();
		this._update(station);
		const added = this._updateCharts(station);
		if (added) this._reloader.now();
		const gaps = `${station.missing} ${station.lost}`;
		if (gaps !== this._gaps) this._lossReloader.soon(0);
		this._gaps = gaps;
	}

	reading(topic: string, reading: LastReading, isLate: boolean): void {
		if (topic !== this._topic || !this._station || !this._isBuilt) return;
		this._update(this._station);
		const { isLive, span } = this._timeline;
		let isDrawn = false;
		if (!isLate && isLive) {
			for (const { feed, card } of this._charts.values()) {
				if (!feed.append(reading)) continue;
				isDrawn = true;
				card.show(span);
			}
		}
		const isShown = isLive || (reading.time >= span.from && reading.time <= span.to);
		// A late reading falls into its place at once.
		if (isShown) this._reloader.soon(isLate ? 0 : stepOf(this._feeds), isDrawn);
	}

	missed(): void {
		if (!this._isBuilt) return;
		this._reloader.soon(0);
		this._lossReloader.soon(0);
	}

	tick(): void {
		if (this._station && this._isBuilt) this._update(this._station);
	}

	escape(): void {
		this._timeline.reset();
	}

	close(): void {
		this._reloader.close();
		this._lossReloader.close();
		for (const { feed, card } of this._charts.values()) {
			feed.close();
			card.close();
		}
	}

	private get _station(): StationView | undefined {
		return this._context.observatory.station(this._topic);
	}

	private get _feeds(): Feed[] {
		return [...this._charts.values()].map(({ feed }) => feed);
	}

	private _showNothing(): void {
		if (this._isBuilt) return;
		const heading = el("h1", { tabindex: -1 }, this.title);
		const text = this._context.observatory.list ? texts.noSuchStation : texts.loading;
		this.root.replaceChildren(
			heading,
			el("p", { class: "note" }, text),
			el("p", {}, el("a", { href: "#/" }, texts.toOverview)),
		);
	}

	private _build(): void {
		this._isBuilt = true;
		const { name, before } = nameOf(this._topic);
		const section = (title: string, place: HTMLElement) => {
			const id = newId();
			return el("section", { class: "card", "aria-labelledby": id }, el("h2", { id }, title), place);
		};
		const id = newId();
		this._left.append(section(texts.losses, this._losses));
		this.root.replaceChildren(
			el(
				"section",
				{ class: "card now" },
				el(
					"div",
					{ class: "head" },
					el("h1", { tabindex: -1 }, before && el("span", { class: "before" }, before), name),
					this._status.root,
				),
				this._values,
				this._last,
			),
			el(
				"section",
				{ class: "time-charts", "aria-labelledby": id },
				el("div", { class: "bar" }, el("h2", { id }, texts.charts), this._timeline.root),
				this._chartsPlace,
				this._note,
			),
			el("div", { class: "columns" }, this._left, section(texts.facts, this._facts)),
		);
		this._tellStep();
		this._lossReloader.now();
	}

	private _update(station: StationView): void {
		const { status, since, last, diagnostics, takesCommands } = station;
		this._status.set(station, since === null || status === "unknown" ? "" : texts.since(timeText(since)));
		showValues(this._values, station);
		if (last) {
			const { time, isTimed, seq } = last;
			this._moment.set(time, `${timeText(time)} (${agoText(time)})`);
			const number = seq === null ? "" : `, ${texts.number(String(seq))}`;
			const arrived = isTimed ? "" : `, ${texts.arrived}`;
			if (this._moment.root.parentNode !== this._last)
				this._last.replaceChildren(`${texts.lastReading}: `, this._moment.root, el("span"));
			setText(this._last.lastChild!, `${number}${arrived}`);
		} else setText(this._last, texts.noReading);
		const facts = diagnostics ?? this._context.observatory.list;
		if (facts !== this._factsShown || !this._facts.hasChildNodes()) {
			this._factsShown = facts;
			this._showFacts(station);
		}
		this._showCommands(takesCommands);
		this._commands?.setInterval(diagnostics?.members.interval);
	}

	private _showFacts({ diagnostics }: StationView): void {
		if (!diagnostics) {
			// A list has none.
			const text = this._context.observatory.list ? texts.noFacts : texts.loading;
			return this._facts.replaceChildren(el("p", { class: "note" }, text));
		}
		const head = el(
			"thead",
			{ class: "hidden" },
			el("tr", {}, el("th", { scope: "col" }, texts.member), el("th", { scope: "col" }, texts.value)),
		);
		const table = el("table", { class: "facts" }, head, el("tbody", {}, ...factRows(diagnostics)));
		this._facts.replaceChildren(table, el("p", { class: "note" }, factsTime(diagnostics)));
	}

	private _showCommands(takesCommands: boolean): void {
		if (takesCommands === (this._commands !== undefined)) return;
		this._commands?.root.remove();
		this._commands = takesCommands ? new Commands(this._context.observatory, this._topic) : undefined;
		if (this._commands) this._left.prepend(this._commands.root);
	}

	/** Returns whether there is a chart more. */
	private _updateCharts({ quantities }: StationView): boolean {
		let added = false;
		for (const quantity of quantities) {
			if (this._charts.has(quantity.name) || this._charts.size >= CHARTS) continue;
			added = true;
			const feed = new Feed(this._context.observatory, this._topic, quantity.name);
			const card = new ChartCard({
				quantity,
				lines: [{ label: nameOf(this._topic).name, colour: colourOf(quantity.name), feed }],
				onZoom: (span) => this._timeline.zoom(span),
				onReset: () => this._timeline.reset(),
			});
			this._charts.set(quantity.name, { feed, card });
			this._chartsPlace.append(card.root);
		}
		return added;
	}

	/** Shows at once what there is of another time, and what is asked for when it comes. */
	private _moved(): void {
		for (const { card } of this._charts.values()) card.show(this._timeline.span);
		this._reloader.now();
	}

	private async _load(): Promise<void> {
		const { span } = this._timeline;
		const load = async ({ feed, card }: Shown) => {
			if (await feed.load(span, card.points)) card.show(this._timeline.isLive ? this._timeline.span : span);
		};
		await Promise.all([...this._charts.values()].map(load));
		this._tellStep();
	}

	private _tellStep(): void {
		const step = stepOf(this._feeds);
		setText(this._note, `${step > 0 ? `${texts.points(durationText(step))} ` : ""}${texts.zoomHint}`);
	}

	private async _loadLosses(): Promise<void> {
		try {
			this._losses.replaceChildren(...lossItems(await this._context.observatory.losses(this._topic)));
		} catch {
			// The line about the connection tells it, and it is asked for again then.
		}
	}
}

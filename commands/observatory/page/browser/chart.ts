/** A chart of one quantity: curves of one station or of several, with what it shows in words, too. */
import uPlot from "uplot";
import { el, newId, setText } from "../../../browser/dom.ts";
import type { QuantityView } from "../../api.ts";
import type { Feed, Span } from "./feed.ts";
import { axisTexts, numberText, timeText, valueText } from "./format.ts";
import { quantityText, texts } from "./texts.ts";
import { colour, onTheme } from "./theme.ts";

/** In CSS pixels. */
const HEIGHT = 220;
const HEIGHT_OF_MANY = 340;
const NARROW = 480;
const AXIS_FONT = "12px system-ui, sans-serif";
const CURSOR_POINT = 11;
/** Pixels of a point, and how many points are asked for. */
const POINT = 2;
const POINTS_LOWEST = 120;
const POINTS_HIGHEST = 800;
/** A curve of fewer points than this has them marked. */
const MARKED = 40;
/** Pixels that a pointer has to be dragged to choose a time. */
const DRAG_LOWEST = 8;
/** Of an axis. */
const DECIMALS_HIGHEST = 8;
/** Rows of a table; a browser is slow with more. */
const ROWS = 200;
/** Of what it shows, an axis tells apart so much at the most. */
const PRECISION = 1e-6;
/** Steps of the last decimal that a chart shows at the least: noise is no mountain. */
const STEPS_SHOWN = 10;

export interface Line {
	readonly label: string;
	/** As in `theme.ts`. */
	readonly colour: number;
	readonly feed: Feed;
}

export interface ChartOptions {
	readonly quantity: QuantityView;
	readonly lines: readonly Line[];
	/** Several stations, in a legend; without, one with a band from lowest to highest. */
	readonly isComparison?: boolean;
	readonly onZoom: (span: Span) => void;
	readonly onReset: () => void;
}

/** uPlot's ways to put curves side by side: a break of one stays as wide as it is, whatever points others have in it. */
const [NULL_RETAIN, NULL_EXPAND] = [1, 2] as const;

export class ChartCard {
	readonly root: HTMLElement;
	private readonly _options: ChartOptions;
	private readonly _plotPlace = el("div", { class: "plot", role: "img" });
	private readonly _readout = el("p", { class: "readout" });
	private readonly _summary = el("p", { class: "summary" });
	private readonly _note = el("p", { class: "note" });
	private readonly _legend = el("tbody");
	private readonly _table = el("div", { class: "scroll", tabindex: 0, role: "region" });
	private readonly _details: HTMLDetailsElement;
	private _plot: uPlot | undefined;
	private _span: Span = { from: 0, to: 1 };
	private readonly _observer: ResizeObserver;
	private readonly _endTheme: () => void;

	constructor(options: ChartOptions) {
		this._options = options;
		const { quantity } = options;
		const title = quantityText(quantity.name);
		const id = newId();
		this._details = el(
			"details",
			{ ontoggle: () => this._fillTable() },
			el("summary", {}, texts.asTable, el("span", { class: "hidden" }, `: ${title}`)),
			this._table,
		);
		this._table.setAttribute("aria-label", texts.tableOf(title));
		const legend =
			this._isMany &&
			el(
				"div",
				{ class: "scroll", tabindex: 0, role: "region", "aria-label": `${texts.legend}: ${title}` },
				el(
					"table",
					{ class: "legend" },
					el("thead", {}, row("th", texts.station, texts.atCursor, texts.newest, texts.lowest, texts.highest)),
					this._legend,
				),
			);
		this.root = el(
			"section",
			{ class: "card chart", "aria-labelledby": id, "data-quantity": quantity.name },
			el("header", {}, el(options.isComparison ? "h2" : "h3", { id }, title), this._readout),
			this._plotPlace,
			legend,
			this._summary,
			this._note,
			this._details,
		);
		setText(this._note, texts.loading);
		this._observer = new ResizeObserver(() => this._resized());
		this._observer.observe(this._plotPlace);
		this._endTheme = onTheme(() => {
			this._plot?.redraw();
			this._fillLegend();
		});
	}

	/** How many points make sense at its width. */
	get points(): number {
		return Math.min(Math.max(Math.round(this._width / POINT), POINTS_LOWEST), POINTS_HIGHEST);
	}

	/** Draws what the feeds have. */
	show(span: Span): void {
		this._span = span;
		const feeds = this._feeds;
		if (!feeds.some(({ isLoaded, hasFailed }) => isLoaded || hasFailed)) return;
		const data = this._data();
		if (this._plot) this._plot.setData(data);
		else this._plot = this._create(data);
		this._fillWords();
		if (this._details.open) this._fillTable();
	}

	close(): void {
		this._observer.disconnect();
		this._endTheme();
		this._plot?.destroy();
	}

	private get _isMany(): boolean {
		return this._options.isComparison ?? false;
	}

	private get _feeds(): readonly Feed[] {
		return this._options.lines.map(({ feed }) => feed);
	}

	private get _width(): number {
		return this._plotPlace.clientWidth || 600;
	}

	private get _height(): number {
		return this._isMany ? HEIGHT_OF_MANY : HEIGHT;
	}

	private _data(): uPlot.AlignedData {
		const columns = this._feeds.map((feed) => feed.columns);
		if (!this._isMany) {
			const { times, maxima, means, minima } = columns[0]!;
			return [times, maxima, means, minima];
		}
		return uPlot.join(
			columns.map(({ times, means }) => [times, means]),
			columns.map(() => [NULL_RETAIN, NULL_EXPAND]),
		);
	}

	private _create(data: uPlot.AlignedData): uPlot {
		const { lines } = this._options;
		const edge: uPlot.Series = { width: 0, stroke: "transparent", points: { show: false } };
		const curves = lines.map((line, index) => curve(line.colour, index));
		const [only] = lines;
		const isNarrow = this._width < NARROW;
		const axis = { stroke: () => colour("muted"), font: AXIS_FONT, ticks: { show: false } };
		const grid = { stroke: () => colour("line"), width: 1 };
		const plot = new uPlot(
			{
				width: this._width,
				height: this._height,
				ms: 1,
				legend: { show: false },
				padding: [8, 18, 0, 0],
				scales: {
					x: { range: () => [this._span.from, this._span.to] },
					y: { range: (_plot, lowest, highest) => this._room(lowest, highest) },
				},
				axes: [
					{
						...axis,
						grid: { show: false },
						size: 40,
						space: isNarrow ? 60 : 90,
						values: (_plot, splits, _axis, _space, step) => axisTexts(splits, step),
					},
					{
						...axis,
						grid,
						// As wide as its longest text.
						size: (_plot, labels) =>
							Math.max(isNarrow ? 46 : 56, 14 + 7 * Math.max(0, ...(labels ?? []).map((label) => label.length))),
						space: 36,
						values: (_plot, splits, _axis, _space, step) => splits.map((value) => numberText(value, decimalsOf(step))),
					},
				],
				series: this._isMany ? [{}, ...curves] : [{}, edge, curves[0]!, edge],
				bands: this._isMany ? [] : [{ series: [1, 3], fill: () => colour(`c${only!.colour}-band`) }],
				cursor: {
					y: false,
					drag: { x: true, y: false, setScale: false, dist: DRAG_LOWEST },
					bind: {
						dblclick: () => () => {
							this._options.onReset();
							return null;
						},
					},
					points: {
						size: (_plot, index) => (this._lineAt(index) ? CURSOR_POINT : 0),
						width: (_plot, index) => (this._lineAt(index) ? 2 : 0),
						fill: (_plot, index) => colour(`c${this._lineAt(index)?.colour ?? 0}`),
						stroke: () => colour("card"),
					},
				},
				hooks: {
					setCursor: [() => this._fillReadout()],
					setSelect: [(plot) => this._selected(plot)],
				},
			},
			data,
			this._plotPlace,
		);
		return plot;
	}

	/** Of a series; the edges of a band are no curves of their own. */
	private _lineAt(index: number): Line | undefined {
		const { lines } = this._options;
		if (this._isMany) return lines[index - 1];
		return index === 2 ? lines[0] : undefined;
	}

	/** A little more than the values take. */
	private _room(lowest: number | null, highest: number | null): uPlot.Range.MinMax {
		if (lowest === null || highest === null || !Number.isFinite(highest - lowest)) return [0, 1];
		const decimals = Math.min(this._options.quantity.decimals ?? 2, DECIMALS_HIGHEST);
		const precise = PRECISION * Math.max(Math.abs(lowest), Math.abs(highest));
		const least = Math.max(STEPS_SHOWN * 10 ** -decimals, precise);
		const missing = Math.max(0, least - (highest - lowest));
		const more = missing / 2 + 0.08 * (highest - lowest + missing);
		return [lowest - more, highest + more];
	}

	private _selected(plot: uPlot): void {
		const { left, width } = plot.select;
		if (width < DRAG_LOWEST) return;
		const span = { from: plot.posToVal(left, "x"), to: plot.posToVal(left + width, "x") };
		plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
		this._options.onZoom(span);
	}

	private _resized(): void {
		const { _plot: plot, _width: width } = this;
		if (plot && plot.width !== width) plot.setSize({ width, height: this._height });
	}

	private _fillWords(): void {
		const { quantity } = this._options;
		const title = quantityText(quantity.name);
		const extremes = this._feeds.map((feed) => feed.extremes(this._span));
		const failed = this._feeds.some(({ hasFailed }) => hasFailed);
		const found = extremes.filter((one) => one !== undefined);
		let words = found.length === 0 ? texts.nothingHere : "";
		if (!this._isMany && found[0]) {
			const { newest, lowest, highest, gaps } = found[0];
			words = [
				`${texts.newest} ${valueText(newest.value, quantity)} (${timeText(newest.time)})`,
				`${texts.lowest} ${valueText(lowest, quantity)}`,
				`${texts.highest} ${valueText(highest, quantity)}`,
				...(gaps > 0 ? [texts.gaps(numberText(gaps), gaps === 1)] : []),
			]
				// A line ends between two of them.
				.map((part) => part.replaceAll(" ", "\u00A0"))
				.join(" · ");
		}
		setText(this._summary, words);
		setText(this._note, failed ? texts.chartFailed : "");
		const label = this._isMany ? this._options.lines.map((line) => line.label).join(", ") : words;
		this._plotPlace.setAttribute("aria-label", label === "" ? title : `${title}: ${label}`);
		this._fillReadout();
	}

	private _fillReadout(): void {
		if (this._isMany) this._fillLegend();
		const { quantity } = this._options;
		const index = this._plot?.cursor.idx;
		const [feed] = this._feeds;
		if (index === undefined || index === null || !feed) {
			setText(this._readout, "");
			return;
		}
		const time = this._plot!.data[0][index];
		if (time === undefined) return;
		if (this._isMany) return setText(this._readout, timeText(time));
		const { means, minima, maxima } = feed.columns;
		const [mean, low, high] = [means[index], minima[index], maxima[index]];
		const band = low !== high ? ` (${valueText(low, quantity)} – ${valueText(high, quantity)})` : "";
		setText(this._readout, `${timeText(time)}  ${valueText(mean, quantity)}${band}`);
	}

	/** One row for each curve: also what the chart says without eyes. */
	private _fillLegend(): void {
		if (!this._isMany) return;
		const { quantity, lines } = this._options;
		const cursor = this._plot?.cursor.idxs;
		for (const [at, { label, colour: number, feed }] of lines.entries()) {
			const extremes = feed.extremes(this._span);
			const index = cursor?.[at + 1] ?? undefined;
			const atCursor = index === undefined ? undefined : this._plot!.data[at + 1]?.[index];
			const cells = [
				typeof atCursor === "number" ? valueText(atCursor, quantity) : "–",
				valueText(extremes?.newest.value, quantity),
				valueText(extremes?.lowest, quantity),
				valueText(extremes?.highest, quantity),
			];
			const present = this._legend.children[at];
			if (present) for (const [cell, text] of cells.entries()) setText(present.children[cell + 1]!, text);
			else {
				const swatch = el("span", { class: `swatch c${number}`, "data-dash": at > 0 && at % 2 === 1 });
				this._legend.append(
					el(
						"tr",
						{},
						el("th", { scope: "row", class: "curve" }, swatch, label),
						...cells.map((text) => el("td", {}, text)),
					),
				);
			}
		}
	}

	private _fillTable(): void {
		if (!this._details.open) return;
		const { quantity, lines } = this._options;
		const hasBand = !this._isMany && (lines[0]?.feed.step ?? 0) > 0;
		const names = this._isMany
			? lines.map(({ label }) => label)
			: hasBand
				? [texts.mean, texts.lowest, texts.highest]
				: [quantityText(quantity.name)];
		const [times = [], ...columns] = this._isMany
			? (this._data() as (number | null | undefined)[][])
			: [this._feeds[0]!.columns.times, ...this._bandColumns(hasBand)];
		const body = el("tbody");
		const { from, to } = this._span;
		let isCut = false;
		for (let index = times.length - 1; index >= 0; index--) {
			const time = times[index]!;
			const values = columns.map((column) => column[index]);
			if (time < from || time > to || values.every((value) => typeof value !== "number")) continue;
			if ((isCut = body.childElementCount === ROWS)) break;
			const cells = values.map((value) => el("td", {}, typeof value === "number" ? valueText(value, quantity) : "–"));
			body.append(el("tr", {}, el("th", { scope: "row" }, timeText(time)), ...cells));
		}
		const head = el("thead", {}, row("th", texts.time, ...names));
		const note = isCut && el("p", { class: "note" }, texts.tableEnds(numberText(ROWS)));
		this._table.replaceChildren(el("table", {}, head, body), ...(note ? [note] : []));
	}

	private _bandColumns(hasBand: boolean): (number | null)[][] {
		const { means, minima, maxima } = this._feeds[0]!.columns;
		return hasBand ? [means, minima, maxima] : [means];
	}
}

/** Digits behind the point that multiples of a number need. */
function decimalsOf(step: number): number {
	let decimals = 0;
	while (decimals < DECIMALS_HIGHEST && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6)
		decimals++;
	return decimals;
}

/** Every second curve is dashed: a colour is not all that tells them apart. */
function curve(number: number, index: number): uPlot.Series {
	const stroke = () => colour(`c${number}`);
	return {
		stroke,
		width: 1.75,
		...(index % 2 === 1 && { dash: [8, 4] }),
		points: { show: true, size: 5, width: 0, fill: stroke, filter: marked },
	};
}

/** Points that no line leads to, which would not be seen; of a curve with few points, all. */
function marked(plot: uPlot, index: number): number[] {
	const values = plot.data[index]!;
	const points: number[] = [];
	const alone: number[] = [];
	// `undefined`: another curve has a point there; the line goes on.
	let before: number | null = null;
	let isAlone = false;
	for (let at = 0; at < values.length; at++) {
		const value = values[at];
		if (value === undefined) continue;
		if (value === null) {
			if (isAlone && before !== null) alone.push(before);
			before = null;
			isAlone = false;
			continue;
		}
		points.push(at);
		isAlone = before === null;
		before = at;
	}
	if (isAlone && before !== null) alone.push(before);
	return points.length < MARKED ? points : alone;
}

function row(kind: "th" | "td", ...cells: readonly string[]): HTMLTableRowElement {
	return el("tr", {}, ...cells.map((cell) => el(kind, kind === "th" ? { scope: "col" } : {}, cell)));
}

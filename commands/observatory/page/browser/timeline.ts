/** Which time the charts of a view show, and the buttons for it. */
import { el, setText } from "../../../browser/dom.ts";
import type { Span } from "./feed.ts";
import { DAY_MS, HOUR_MS, timeText } from "./format.ts";
import { RANGES, type Range } from "./route.ts";
import { texts } from "./texts.ts";

const LENGTHS: Readonly<Record<Range, number>> = {
	hour: HOUR_MS,
	day: DAY_MS,
	week: 7 * DAY_MS,
	month: 30 * DAY_MS,
	year: 365 * DAY_MS,
};
/** In ms: nothing is closer, nothing longer. */
const SHORTEST_MS = 10_000;
const LONGEST_MS = 20 * 365 * DAY_MS;
/** The part of what is shown by which a button moves it, and the factor of a button that zooms. */
const MOVE = 0.5;
const ZOOM = 2;

export interface TimelineOptions {
	readonly range: Range;
	/** Of the newest reading that is shown: a browser's clock may be behind. */
	readonly newest: () => number;
	/** Another range is wanted. */
	readonly onRange: (range: Range) => void;
	/** Another time is shown. */
	readonly onChange: () => void;
}

export class Timeline {
	readonly root: HTMLElement;
	range: Range;
	private readonly _options: TimelineOptions;
	/** What was chosen by zooming; without, what is shown ends now. */
	private _zoom: Span | undefined;
	private readonly _buttons: ReadonlyMap<Range, HTMLButtonElement>;
	private readonly _back: HTMLButtonElement;
	private readonly _shown = el("p", { class: "shown" });

	constructor(options: TimelineOptions) {
		this._options = options;
		this.range = options.range;
		this._buttons = new Map(
			RANGES.map((range) => [
				range,
				el("button", { type: "button", onclick: () => this._choose(range) }, texts.ranges[range]),
			]),
		);
		const step = (text: string, sign: string, run: () => void) =>
			el("button", { type: "button", class: "icon", "aria-label": text, title: text, onclick: run }, sign);
		this._back = el("button", { type: "button", class: "back", onclick: () => this.reset() }, texts.backToNow);
		this.root = el(
			"div",
			{ class: "timeline" },
			el("div", { class: "ranges", role: "group", "aria-label": texts.range }, ...this._buttons.values()),
			el(
				"div",
				{ class: "steps" },
				step(texts.earlier, "←", () => this._move(-MOVE)),
				step(texts.later, "→", () => this._move(MOVE)),
				step(texts.closer, "+", () => this._scale(1 / ZOOM)),
				step(texts.wider, "−", () => this._scale(ZOOM)),
				this._back,
			),
			this._shown,
		);
		this._update();
	}

	get isLive(): boolean {
		return this._zoom === undefined;
	}

	get span(): Span {
		if (this._zoom) return this._zoom;
		const to = Math.max(Date.now(), this._options.newest());
		return { from: to - LENGTHS[this.range], to };
	}

	/** Back to the range, which ends now. */
	setRange(range: Range): void {
		this.range = range;
		this._set(undefined);
	}

	zoom({ from, to }: Span): void {
		const length = Math.min(Math.max(to - from, SHORTEST_MS), LONGEST_MS);
		const middle = (from + to) / 2;
		this._set({ from: middle - length / 2, to: middle + length / 2 });
	}

	reset(): void {
		if (this._zoom) this._set(undefined);
	}

	private _choose(range: Range): void {
		if (range === this.range) this.reset();
		else this._options.onRange(range);
	}

	private _move(part: number): void {
		const { from, to } = this.span;
		const by = part * (to - from);
		this.zoom({ from: from + by, to: to + by });
	}

	private _scale(factor: number): void {
		const { from, to } = this.span;
		const more = ((factor - 1) * (to - from)) / 2;
		// What ends now is looked at from its end.
		this.zoom(this.isLive ? { from: from - 2 * more, to } : { from: from - more, to: to + more });
	}

	private _set(zoom: Span | undefined): void {
		this._zoom = zoom;
		this._update();
		this._options.onChange();
	}

	private _update(): void {
		for (const [range, button] of this._buttons)
			button.setAttribute("aria-pressed", String(this.isLive && range === this.range));
		// A hidden button loses the focus that it has.
		if (this.isLive && document.activeElement === this._back) this._buttons.get(this.range)!.focus();
		this._back.hidden = this.isLive;
		setText(this._shown, this._zoom ? `${timeText(this._zoom.from)} – ${timeText(this._zoom.to)}` : "");
	}
}

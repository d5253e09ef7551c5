/** What a view of the page is, and what views have in common. */

import { el, setText } from "../../../browser/dom.ts";
import type { LastReading, ListQuestion, Question, StationView } from "../../api.ts";
import type { Feed } from "./feed.ts";
import { exactTimeText, isoText, MINUTE_MS, SECOND_MS } from "./format.ts";
import type { Observatory } from "./observatory.ts";
import type { Route } from "./route.ts";
import { texts } from "./texts.ts";

export interface View {
	readonly root: HTMLElement;
	/** For the window, and for a heading. */
	readonly title: string;
	/** Which stations it shows. */
	readonly question: Question;
	/** Takes a route that is the same view; returns `false` where it needs another one. */
	reroute(route: Route): boolean;
	/** Anything but a reading has changed. */
	changed(): void;
	reading(topic: string, reading: LastReading, isLate: boolean): void;
	/** There may have been readings that nobody told of. */
	missed(): void;
	/** Time has passed. */
	tick(): void;
	escape(): void;
	close(): void;
}

/** Of a view that shows none. */
export const NO_STATION: ListQuestion = { text: "", show: "all", quantity: undefined, from: 0, count: 1 };

export interface Context {
	readonly observatory: Observatory;
	readonly go: (route: Route, isStep?: boolean) => void;
}

/** The last level of a topic, which people call the station by, and what is before it. */
export function nameOf(topic: string): { name: string; before: string } {
	const end = topic.lastIndexOf("/") + 1;
	const name = topic.slice(end);
	return name === "" ? { name: topic, before: "" } : { name, before: topic.slice(0, end) };
}

/** A moment whose text changes as time passes. */
export class Moment {
	readonly root = el("time");

	set(time: number, text: string): void {
		setText(this.root, text);
		const iso = isoText(time);
		if (this.root.getAttribute("datetime") === iso) return;
		this.root.setAttribute("datetime", iso);
		this.root.setAttribute("title", exactTimeText(time));
	}
}

export function statusMark(): { root: HTMLElement; set(station: StationView, since: string): void } {
	const word = el("span", { class: "word" });
	const since = el("span", { class: "since" });
	const root = el("p", { class: "status" }, el("span", { class: "dot" }), word, " ", since);
	return {
		root,
		set({ status }, text) {
			root.setAttribute("data-status", status);
			setText(word, texts.statuses[status]);
			setText(since, text);
		},
	};
}

/** Between two questions for a chart that shows the newest reading already, in ms. */
const DRAWN_MS = 10 * SECOND_MS;

/**
 * Loads charts anew, not more often than makes sense: at once, then after a pause. A point that stands for minutes need not
 * be asked for each second.
 */
export class Reloader {
	private readonly _load: () => void;
	private _last = Number.NEGATIVE_INFINITY;
	private _timer: number | undefined;

	constructor(load: () => void) {
		this._load = load;
	}

	/** `step` is a point's length in ms; `isDrawn`: without it, only the edges would be out of date. */
	soon(step: number, isDrawn = false): void {
		if (this._timer !== undefined) return;
		const pause = Math.min(Math.max(step, isDrawn ? DRAWN_MS : SECOND_MS), MINUTE_MS);
		const wait = Math.max(0, this._last + pause - performance.now());
		this._timer = setTimeout(() => this.now(), wait);
	}

	now(): void {
		this.close();
		this._last = performance.now();
		this._load();
	}

	close(): void {
		clearTimeout(this._timer);
		this._timer = undefined;
	}
}

/** The longest point of some feeds, in ms. */
export function stepOf(feeds: readonly Feed[]): number {
	return feeds.reduce((longest, { step }) => Math.max(longest, step), 0);
}

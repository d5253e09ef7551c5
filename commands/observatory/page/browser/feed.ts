/** The values of one quantity of one station over a time: what the server gives, and what has come since. */
import type { Chart, LastReading } from "../../api.ts";
import type { Observatory } from "./observatory.ts";

/** A time that is shown, in ms since 1970. */
export interface Span {
	readonly from: number;
	readonly to: number;
}

/** Columns of equal length; `null` in the last three breaks the line. */
export interface Columns {
	readonly times: number[];
	readonly means: (number | null)[];
	readonly minima: (number | null)[];
	readonly maxima: (number | null)[];
}

/** Beyond it, on both sides, nothing is drawn: a stranger's number may be anything, and an axis has an end. */
const VALUE_MAXIMUM = 1e12;

export interface Extremes {
	readonly newest: { readonly time: number; readonly value: number };
	readonly lowest: number;
	readonly highest: number;
	/** How often the line is broken. */
	readonly gaps: number;
}

export class Feed {
	readonly topic: string;
	readonly quantity: string;
	columns: Columns = { times: [], means: [], minima: [], maxima: [] };
	/** Of a point, in ms; 0: each point is one value. */
	step = 0;
	isLoaded = false;
	hasFailed = false;
	private readonly _observatory: Observatory;
	private _loading: AbortController | undefined;
	/** Readings that came while the chart was asked for. */
	private readonly _since: LastReading[] = [];

	constructor(observatory: Observatory, topic: string, quantity: string) {
		this._observatory = observatory;
		this.topic = topic;
		this.quantity = quantity;
	}

	/** Resolves with whether there is something new to show. A later call ends an earlier one. */
	async load(span: Span, points: number): Promise<boolean> {
		this._loading?.abort();
		const loading = new AbortController();
		this._loading = loading;
		this._since.length = 0;
		try {
			const { from, to } = span;
			const chart = await this._observatory.chart(this.topic, this.quantity, from, to, points, loading.signal);
			if (this._loading !== loading) return false;
			this._take(chart);
		} catch {
			if (this._loading !== loading) return false;
			this.hasFailed = true;
		}
		this._loading = undefined;
		return true;
	}

	/** The newest reading, behind all that is there, or in the last point; returns whether something is to be drawn anew. */
	append(reading: LastReading): boolean {
		if (this._loading) this._since.push(reading);
		const value = shownValue(reading, this.quantity);
		if (value === undefined || !this.isLoaded) return false;
		const { times, means, minima, maxima } = this.columns;
		const last = times.length - 1;
		const behind = reading.time - (times[last] ?? Number.NEGATIVE_INFINITY);
		if (behind > 0) {
			times.push(reading.time);
			for (const column of [means, minima, maxima]) column.push(value);
			return true;
		}
		const [lowest, highest] = [minima[last], maxima[last]];
		if (behind < -this.step / 2 || typeof lowest !== "number" || typeof highest !== "number") return false;
		// Its mean is the server's affair.
		minima[last] = Math.min(lowest, value);
		maxima[last] = Math.max(highest, value);
		return this.step > 0;
	}

	/** Of the values in the span; `undefined`: there are none. */
	extremes({ from, to }: Span): Extremes | undefined {
		const { times, means, minima, maxima } = this.columns;
		let newest: Extremes["newest"] | undefined;
		let lowest = Number.POSITIVE_INFINITY;
		let highest = Number.NEGATIVE_INFINITY;
		let gaps = 0;
		let isBroken = false;
		for (const [index, time] of times.entries()) {
			const value = means[index];
			if (time < from || time > to || value === undefined) continue;
			if (value === null) {
				isBroken = newest !== undefined;
				continue;
			}
			if (isBroken) gaps++;
			isBroken = false;
			newest = { time, value };
			lowest = Math.min(lowest, minima[index] ?? value);
			highest = Math.max(highest, maxima[index] ?? value);
		}
		const last = this._observatory.station(this.topic)?.last;
		const value = last ? shownValue(last, this.quantity) : undefined;
		// A point that stands for a time has its mean only, and stands in the middle of it.
		if (
			last &&
			value !== undefined &&
			last.time >= from &&
			last.time <= to &&
			last.time + this.step / 2 >= (newest?.time ?? 0)
		) {
			newest = { time: last.time, value };
			lowest = Math.min(lowest, value);
			highest = Math.max(highest, value);
		}
		return newest && { newest, lowest, highest, gaps };
	}

	close(): void {
		this._loading?.abort();
		this._loading = undefined;
	}

	private _take({ times, means, minima, maxima, step }: Chart): void {
		const half = step / 2;
		this.columns = {
			// A point stands in the middle of its time.
			times: times.map((time) => time + half),
			means: means.map(drawable),
			minima: minima.map(drawable),
			maxima: maxima.map(drawable),
		};
		this.step = step;
		this.isLoaded = true;
		this.hasFailed = false;
		this._loading = undefined;
		for (const reading of this._since.splice(0)) this.append(reading);
	}
}

function drawable(value: number | null): number | null {
	return value !== null && Math.abs(value) <= VALUE_MAXIMUM ? value : null;
}

function shownValue({ quantities }: LastReading, name: string): number | undefined {
	const value = Object.hasOwn(quantities, name) ? quantities[name] : undefined;
	return value === undefined ? undefined : (drawable(value) ?? undefined);
}

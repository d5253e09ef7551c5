/**
 * When stations are asked for readings that are missing: once for each gap while they are there, one request at a time,
 * and not before what comes by itself has come. Without I/O: times, in ms, are arguments.
 */
import type { Status } from "../api.ts";
import type { Gap } from "../store/gaps.ts";

/** For so long nothing may have come late of a station, in ms, before it is asked: the readings of an outage come by themselves. */
const QUIET_MS = 20_000;
/** A request without an answer is given up after so long in which nothing came late, in ms. */
const PATIENCE_MS = 120_000;
/** Numbers in one request. */
const NUMBERS_MAXIMUM = 500;
/** So many numbers that came may lie between gaps that are asked for together: they come once more. */
const BETWEEN_MAXIMUM = 16;
/** Stations that are asked at the same time: of ten thousand with a gap, the last one is asked soon, and what comes is 1,000 a second. */
const ASKED_MAXIMUM = 100;
/** Stations that are remembered; of more, nothing is asked. */
const STATIONS_MAXIMUM = 20_000;
/** Ranges that were asked for of one station, while it is there; beyond them it is asked no more. */
const RANGES_MAXIMUM = 200;

export interface Range {
	readonly from: number;
	readonly to: number;
}

export interface GapRequest extends Range {
	readonly station: string;
}

interface Station {
	status: Status;
	/** What is missing and may still come. */
	gaps: readonly Gap[];
	/** What was asked for since the station is there. */
	asked: Range[];
	pending: Range | undefined;
	/** When something came late of it last, or what it is to wait for otherwise. */
	heardAt: number;
	/** Readings that wait at the station, by its own account. */
	queued: number;
}

export class GapRequests {
	private readonly _stations = new Map<string, Station>();

	/** What is missing of a station now. */
	missing(topic: string, gaps: readonly Gap[], now: number): void {
		const open = gaps.filter(({ isGone }) => !isGone);
		const station = this._stations.get(topic);
		if (station) station.gaps = open;
		else if (open.length > 0) this._of(topic, now).gaps = open;
	}

	/** A late reading came. */
	heard(topic: string, now: number): void {
		const station = this._stations.get(topic);
		if (station) station.heardAt = now;
	}

	/** What a station says of itself. One that says that it is there, with each of its connections, is asked anew. */
	status(topic: string, status: Status, now: number): void {
		const station = this._of(topic, now);
		if (isConnected(status)) {
			station.asked = [];
			station.pending = undefined;
			station.heardAt = now;
		}
		station.status = status;
	}

	isAsleep(topic: string): boolean {
		return this._stations.get(topic)?.status === "asleep";
	}

	queued(topic: string, queued: unknown, now: number): void {
		this._of(topic, now).queued = typeof queued === "number" ? queued : 0;
	}

	/** We are connected anew: what was asked for may have got lost. */
	connected(now: number): void {
		for (const station of this._stations.values()) {
			station.asked = [];
			station.pending = undefined;
			station.heardAt = now;
		}
	}

	/**
	 * A station's reply to `readings`; `to`: where it ends. Without one it has refused. Returns what was asked for and is
	 * answered, if anything was: what else a reply says is nobody's answer.
	 */
	answered(topic: string, to: unknown, now: number): Range | undefined {
		const station = this._stations.get(topic);
		const pending = station?.pending;
		if (!station || !pending) return undefined;
		station.pending = undefined;
		station.heardAt = now;
		if (typeof to !== "number" || to < pending.from) return undefined;
		if (to >= pending.to) return pending;
		// What lies behind is asked for in turn.
		station.asked = station.asked.map((range) => (range.to === pending.to ? { ...range, to } : range));
		return { from: pending.from, to };
	}

	/** Requests that are to be made now. */
	due(now: number): GapRequest[] {
		let under = 0;
		for (const station of this._stations.values()) {
			// It stays asked: what does not come now does not come while the station is there.
			if (station.pending && now >= station.heardAt + PATIENCE_MS) station.pending = undefined;
			if (station.pending) under++;
		}
		const requests: GapRequest[] = [];
		for (const [topic, station] of this._stations) {
			if (under >= ASKED_MAXIMUM) break;
			if (!this._isReady(station, now)) continue;
			const range = nextRange(station);
			if (!range) continue;
			station.pending = range;
			station.asked.push({ ...range });
			station.heardAt = now;
			under++;
			requests.push({ station: topic, ...range });
		}
		return requests;
	}

	private _isReady(station: Station, now: number): boolean {
		return isThere(station) && !station.pending && now >= station.heardAt + QUIET_MS;
	}

	private _of(topic: string, now: number): Station {
		let station = this._stations.get(topic);
		if (!station) {
			station = { status: "unknown", gaps: [], asked: [], pending: undefined, heardAt: now, queued: 0 };
			if (this._stations.size < STATIONS_MAXIMUM) this._stations.set(topic, station);
		}
		return station;
	}
}

/** One without new values answers as well. */
function isConnected(status: Status): boolean {
	return status === "online" || status === "stale";
}

/** The broker keeps a request for a station that sleeps. */
function isThere({ status, queued }: Station): boolean {
	return (isConnected(status) || status === "asleep") && queued === 0;
}

/** The first numbers that were not asked for, with gaps close behind them. */
function nextRange({ gaps, asked }: Station): Range | undefined {
	if (asked.length >= RANGES_MAXIMUM) return undefined;
	let range: Range | undefined;
	for (const gap of gaps) {
		for (const { from, to } of partsNotAsked(gap, asked)) {
			if (range && (from - range.to > BETWEEN_MAXIMUM || to - range.from >= NUMBERS_MAXIMUM)) return range;
			range = { from: range?.from ?? from, to: Math.min(to, (range?.from ?? from) + NUMBERS_MAXIMUM - 1) };
			if (range.to < to) return range;
		}
	}
	return range;
}

function partsNotAsked(gap: Gap, asked: readonly Range[]): Range[] {
	let parts = [{ from: gap.first, to: gap.last }];
	for (const { from, to } of asked) {
		parts = parts.flatMap((part) =>
			[
				{ from: part.from, to: Math.min(part.to, from - 1) },
				{ from: Math.max(part.from, to + 1), to: part.to },
			].filter((rest) => rest.from <= rest.to),
		);
	}
	return parts;
}

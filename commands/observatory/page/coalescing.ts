/** What an open page is still to be told, put together: few messages, however much happens. */
import type { LastReading, LiveEvent, StationList, StationView } from "../api.ts";

/** Between two messages to a page, in ms. */
export const PAUSE_MS = 500;
/** Readings of a message of a page that is told of each; of more each station's newest are told, and that some were left out. */
export const READINGS_MAXIMUM = 200;

type ReadingEvent = Extract<LiveEvent, { type: "reading" }>;

/**
 * A message at most each half second. Of a list the newest reading of each station is told; of a page of single stations
 * each reading, up to 200 a message. So what waits is bounded by the stations that a page shows. Times are ms of any clock.
 */
export class Coalescer {
	private readonly _isEach: boolean;
	private _takenAt = Number.NEGATIVE_INFINITY;
	private readonly _stations = new Map<string, StationView>();
	private _list: StationList | undefined;
	private _each: ReadingEvent[] = [];
	/** By topic; those that came late apart, as they are not the newest. */
	private readonly _newest = new Map<string, ReadingEvent>();
	private readonly _late = new Map<string, ReadingEvent>();
	private _hasMissed = false;

	/** `isEach`: each reading is wanted. */
	constructor(isEach: boolean) {
		this._isEach = isEach;
	}

	station(station: StationView): void {
		this._stations.set(station.topic, station);
	}

	list(list: StationList): void {
		this._list = list;
	}

	/** Of what is to be told readings were left out. */
	missed(): void {
		this._hasMissed = true;
	}

	reading(event: ReadingEvent): void {
		if (this._isEach && !this._hasMissed) {
			this._each.push(event);
			if (this._each.length <= READINGS_MAXIMUM) return;
			this._hasMissed = true;
			for (const one of this._each.splice(0)) this._put(one);
		} else this._put(event);
	}

	/** When a message is due; `undefined`: there is none. */
	get dueAt(): number | undefined {
		const hasReadings = this._each.length + this._newest.size + this._late.size > 0;
		if (!hasReadings && this._stations.size === 0 && !this._list && !this._hasMissed) return undefined;
		return this._takenAt + PAUSE_MS;
	}

	/** The message, where one is due; it is forgotten here. */
	take(now: number): readonly LiveEvent[] | undefined {
		const { dueAt } = this;
		if (dueAt === undefined || now < dueAt) return undefined;
		this._takenAt = now;
		const events: LiveEvent[] = [];
		// A reading is of a station that is shown already.
		for (const station of this._stations.values()) events.push({ type: "station", station });
		if (this._list) events.push({ type: "list", list: this._list });
		if (this._hasMissed) events.push({ type: "missed" });
		for (const readings of [this._each, this._late.values(), this._newest.values()])
			for (const reading of readings) events.push(reading);
		this._stations.clear();
		this._list = undefined;
		this._hasMissed = false;
		this._each = [];
		this._late.clear();
		this._newest.clear();
		return events;
	}

	private _put(event: ReadingEvent): void {
		const { topic, reading, isLate } = event;
		const place = isLate ? this._late : this._newest;
		const before = place.get(topic);
		// Of plain numbers a reading may have one quantity alone.
		const quantities = { ...(reading.seq === null && before?.reading.quantities), ...reading.quantities };
		const whole: LastReading = { ...reading, quantities };
		place.set(topic, { ...event, reading: whole });
	}
}

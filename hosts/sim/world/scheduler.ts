/**
 * Simulated time: whatever happens in the world is a callback at a moment, and
 * between two of them no time passes. What is due at the same moment happens in
 * the order in which it was asked for, so that every run is the same.
 */

/** Callbacks in one instant, after which `run` throws an Error: they are a loop. */
const EVENTS_PER_INSTANT_MAXIMUM = 100_000;
/** Where an event is that is not in the heap: it happened, or was cancelled. */
const NOWHERE = -1;

/** Something that is to happen. */
export interface Event {
	/** When, in simulated ms. */
	readonly time: number;
	/** Whether it is still to happen. */
	readonly pending: boolean;
}

class Entry implements Event {
	readonly time: number;
	readonly order: number;
	readonly callback: () => void;
	/** Its index in the heap. */
	index = NOWHERE;

	constructor(time: number, order: number, callback: () => void) {
		this.time = time;
		this.order = order;
		this.callback = callback;
	}

	get pending(): boolean {
		return this.index !== NOWHERE;
	}
}

export class Scheduler {
	private _now = 0;
	private _order = 0;
	private _running = false;
	private _stopped = false;
	/** A binary heap: no entry is later than the two at twice its index and one and two further. */
	private readonly _heap: Entry[] = [];

	/** Simulated ms since the beginning, as a double. */
	get now(): number {
		return this._now;
	}

	/** How many events are to happen. */
	get pending(): number {
		return this._heap.length;
	}

	/** When the next event is to happen, in ms; `Infinity`: there is none. */
	get next(): number {
		return this._heap[0]?.time ?? Number.POSITIVE_INFINITY;
	}

	/** Calls back at `time`, in ms; for a moment that has passed, as soon as possible. Throws a RangeError where it is not a number. */
	at(time: number, callback: () => void): Event {
		if (Number.isNaN(time)) throw new RangeError("an event at no time at all");
		const entry = new Entry(Math.max(time, this._now), this._order++, callback);
		this._rise(entry, this._heap.length);
		return entry;
	}

	/** Calls back `delay` ms from now; never before the caller has returned. */
	after(delay: number, callback: () => void): Event {
		return this.at(this._now + delay, callback);
	}

	/** The event will not happen. If it has happened, or there is none, this does nothing. */
	cancel(event: Event | undefined): void {
		if (event?.pending) this._remove(event as Entry);
	}

	/** From within a callback: `run` ends behind it, at this moment. */
	stop(): void {
		this._stopped = true;
	}

	/**
	 * Lets time pass up to `until`, in ms, and everything happen that is due by
	 * then. Throws what a callback throws, and an Error where time stands still.
	 */
	run(until: number): void {
		if (this._running) throw new Error("time is passing already");
		this._running = true;
		this._stopped = false;
		try {
			let instant = this._now;
			let events = 0;
			for (let entry = this._heap[0]; entry && entry.time <= until; entry = this._heap[0]) {
				if (entry.time > instant) {
					instant = entry.time;
					events = 0;
				}
				if (++events > EVENTS_PER_INSTANT_MAXIMUM) throw new Error(`events without end at ${instant} ms`);
				this._now = entry.time;
				this._remove(entry);
				entry.callback();
				if (this._stopped) return;
			}
			if (Number.isFinite(until)) this._now = Math.max(this._now, until);
		} finally {
			this._running = false;
		}
	}

	private _remove(entry: Entry): void {
		const { index } = entry;
		entry.index = NOWHERE;
		const last = this._heap.pop()!;
		if (last === entry) return;
		if (index > 0 && before(last, this._heap[(index - 1) >> 1]!)) this._rise(last, index);
		else this._sink(last, index);
	}

	private _rise(entry: Entry, from: number): void {
		const heap = this._heap;
		let index = from;
		while (index > 0) {
			const above = (index - 1) >> 1;
			const parent = heap[above]!;
			if (!before(entry, parent)) break;
			heap[index] = parent;
			parent.index = index;
			index = above;
		}
		heap[index] = entry;
		entry.index = index;
	}

	private _sink(entry: Entry, from: number): void {
		const heap = this._heap;
		let index = from;
		for (;;) {
			let below = 2 * index + 1;
			if (below >= heap.length) break;
			if (below + 1 < heap.length && before(heap[below + 1]!, heap[below]!)) below++;
			const child = heap[below]!;
			if (!before(child, entry)) break;
			heap[index] = child;
			child.index = index;
			index = below;
		}
		heap[index] = entry;
		entry.index = index;
	}
}

function before(a: Entry, b: Entry): boolean {
	return a.time < b.time || (a.time === b.time && a.order < b.order);
}

/**
 * Simulated time: whatever happens in the world is a callback at a moment, and
 * between two of them no time passes. What is due at the same moment happens in
 * the order in which it was asked for, so that every run is the same.
 */

/** So many callbacks without time going on are a loop: `run` throws an Error. */
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
	#now = 0;
	#order = 0;
	#running = false;
	/** A binary heap: no entry is later than the two at twice its index and one and two further. */
	readonly #heap: Entry[] = [];

	/** Simulated ms since the beginning, as a double. */
	get now(): number {
		return this.#now;
	}

	/** How many events are to happen. */
	get pending(): number {
		return this.#heap.length;
	}

	/** When the next event is to happen, in ms; `Infinity`: there is none. */
	get next(): number {
		return this.#heap[0]?.time ?? Number.POSITIVE_INFINITY;
	}

	/** Calls back at `time`, in ms; for a moment that has passed, as soon as possible. Throws a RangeError where it is not a number. */
	at(time: number, callback: () => void): Event {
		if (Number.isNaN(time)) throw new RangeError("an event at no time at all");
		const entry = new Entry(Math.max(time, this.#now), this.#order++, callback);
		this.#rise(entry, this.#heap.length);
		return entry;
	}

	/** Calls back `delay` ms from now; never before the caller has returned. */
	after(delay: number, callback: () => void): Event {
		return this.at(this.#now + delay, callback);
	}

	/** The event will not happen. If it has happened, or there is none, this does nothing. */
	cancel(event: Event | undefined): void {
		if (event?.pending) this.#remove(event as Entry);
	}

	/**
	 * Lets time pass up to `until`, in ms, and everything happen that is due by
	 * then. Throws what a callback throws, and an Error where time stands still.
	 */
	run(until: number): void {
		if (this.#running) throw new Error("time is passing already");
		this.#running = true;
		try {
			let instant = this.#now;
			let events = 0;
			for (let entry = this.#heap[0]; entry && entry.time <= until; entry = this.#heap[0]) {
				if (entry.time > instant) {
					instant = entry.time;
					events = 0;
				}
				if (++events > EVENTS_PER_INSTANT_MAXIMUM) throw new Error(`events without end at ${instant} ms`);
				this.#now = entry.time;
				this.#remove(entry);
				entry.callback();
			}
			if (Number.isFinite(until)) this.#now = Math.max(this.#now, until);
		} finally {
			this.#running = false;
		}
	}

	#remove(entry: Entry): void {
		const { index } = entry;
		entry.index = NOWHERE;
		const last = this.#heap.pop()!;
		if (last === entry) return;
		if (index > 0 && before(last, this.#heap[(index - 1) >> 1]!)) this.#rise(last, index);
		else this.#sink(last, index);
	}

	#rise(entry: Entry, from: number): void {
		const heap = this.#heap;
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

	#sink(entry: Entry, from: number): void {
		const heap = this.#heap;
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

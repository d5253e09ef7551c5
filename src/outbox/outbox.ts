/**
 * Readings that wait for the broker: in a log in flash, where neither a
 * restart nor a power cut takes them; in a ring in RAM while the flash refuses.
 *
 * A reading is in flash before it is first sent. Its number has to be, so that
 * it is never used twice, and the rest of the reading goes with it at no cost.
 *
 * It is taken when it is sent and leaves when it is acknowledged.
 */
import type { Clock, Flash } from "../host.js";
import type { Reading } from "../reading.js";
import type { Sample } from "../sensors/sensor.js";
import { Log, type LogRecord } from "./log.js";
import { decodeClockNote, decodeReading, encodeClockNote, encodeReading } from "./record.js";
import { Ring } from "./ring.js";

/** Runs whose readings wait for their time to be told; of more than these the oldest go without. */
const RUNS_MAXIMUM = 16;
/** From one search for readings that could not be read to the next, in ms. */
const RESCAN_MS = 60_000;
/** Acknowledged readings that the flash would not mark yet. With so many, those that wait go on waiting, or a restart would send them all again. */
const UNMARKED_MAXIMUM = 64;
/** Readings that were set aside. With one more, the first of them waits to be taken again. */
const ASIDE_MAXIMUM = 8;
/** How long a reading is set aside, in ms. */
const ASIDE_MS = 21_600_000;
/** No run has this number. */
const UNKNOWN_RUN = 0xffff;
/** Numbers have 32 bits. One reading a second reaches this after 136 years. */
const SEQ_MAXIMUM = 0xffff_ffff;

export interface OutboxOptions {
	readonly flash?: Flash | undefined;
	/** Size of the ring, in bytes. */
	readonly ringBytes: number;
	/** What goes first: the newest reading, with those that wait behind it, oldest first; or the oldest, without exception. */
	readonly order: "newest" | "oldest";
	/** Which readings a full log drops. */
	readonly full: "oldest" | "newest";
	/** Readings per second, of those that waited. */
	readonly backlogRate: number;
	readonly clock: Clock;
	/** The flash refuses, with its reason; or works again. */
	readonly onFlash: (problem: unknown | undefined) => void;
}

/** A reading that was taken. */
export interface Taken {
	/** Names the reading to `acknowledge`. */
	readonly handle: number;
	readonly reading: Reading;
}

/** A reading that was set aside: its place in the log, or the reading itself; and until when, in ms. */
interface Aside {
	readonly place: number | LogRecord;
	readonly until: number;
}

export class Outbox {
	readonly #options: OutboxOptions;
	readonly #ring: Ring;
	#log: Log | undefined;
	#lastSeq = 0;
	/** This run's number, unknown until the flash can be read, and whether one of its readings waits in flash for the clock to be set. */
	#run = UNKNOWN_RUN;
	#unlabelled = false;
	/** Wall-clock ms since 1970 at which the monotonic time of a run was 0, as far as it is known and needed. */
	readonly #startedAt = new Map<number, number>();
	/** The newest reading, until it is taken. */
	#fresh: number | undefined;
	/** Nothing before this position waits to be taken, and of what is behind it, these are on their way. */
	#backlog = 0;
	readonly #taken = new Set<number>();
	/** Acknowledged, and on their way until flash knows it, too: it is asked again with each reading. */
	readonly #unmarked = new Set<number>();
	/** Taken, and not to be sent for now, in the order in which they will be. The ring's wait here, where they hold up nothing. */
	readonly #aside: Aside[] = [];
	/** Behind the newest record of this run. */
	#end = 0;
	#rescanDue = Number.NEGATIVE_INFINITY;
	#backlogDue = Number.NEGATIVE_INFINITY;
	#failing = false;

	constructor(options: OutboxOptions) {
		this.#options = options;
		this.#ring = new Ring(options.ringBytes);
		this.#mount();
	}

	/** Readings that are not acknowledged. */
	get length(): number {
		// A mark that the flash took and would not show has been counted by the log, perhaps.
		this.#markAcknowledged();
		const inRam = this.#ring.length + this.#aside.filter(({ place }) => typeof place !== "number").length;
		return Math.max(0, (this.#log?.waiting ?? 0) - this.#unmarked.size) + inRam;
	}

	/** Of these, the ones that were set aside. */
	get aside(): number {
		return this.#aside.length;
	}

	/** Readings that were lost, for want of room or to damage, since the flash was first used. */
	get dropped(): number {
		return (this.#log?.dropped ?? 0) + this.#ring.dropped;
	}

	/** Block erases since the flash was first used, and records written since the start. */
	get wear(): { readonly erases: number; readonly writes: number } | undefined {
		return this.#log && { erases: this.#log.erases, writes: this.#log.writes };
	}

	/** When `take` has something again that it has nothing of now, in ms; `Infinity`: not by itself. */
	get deadline(): number {
		if (this.#nextWaiting() !== undefined) return this.#backlogDue;
		return this.#hasSkipped ? Math.max(this.#rescanDue, this.#backlogDue) : Number.POSITIVE_INFINITY;
	}

	/**
	 * Keeps a reading and returns its number, or `undefined` where a full log drops
	 * the newest. Throws a RangeError for a sample that cannot be kept; it uses up
	 * no number.
	 */
	push(sample: Sample, ticks: number): number | undefined {
		const { order, full, clock } = this.#options;
		const time = clock.time();
		if (!this.#log) this.#mount();
		this.#markAcknowledged();
		this.#labelRun();
		const seq = this.#lastSeq >= SEQ_MAXIMUM ? 1 : this.#lastSeq + 1;
		const record = encodeReading({
			seq,
			sample,
			...(time === undefined ? { when: ticks, run: this.#run } : { when: time, run: undefined }),
		});
		this.#lastSeq = seq;
		if (full === "newest" && this.#log?.full) {
			this.#log.drop();
			return undefined;
		}
		const position = this.#append(record);
		if (position === undefined) this.#ring.push(record);
		else {
			if (time === undefined) this.#unlabelled = true;
			if (order === "newest") this.#fresh = position;
		}
		return seq;
	}

	/** The next reading to send; `hurried`, those that waited do not keep their pace. */
	take(now: number, hurried = false): Taken | undefined {
		while (this.#aside[0] && now >= this.#aside[0].until) this.#bringBack();
		// What is in RAM is little, and the sooner it goes the better.
		const first = this.#takeFresh() ?? this.#takeFromRing();
		if (first) return first;
		if (now < this.#backlogDue && !hurried) return undefined;
		let position = this.#nextWaiting();
		if (position === undefined) {
			if (!this.#hasSkipped || now < this.#rescanDue) return undefined;
			this.#backlog = 0;
			this.#rescanDue = now + RESCAN_MS;
			this.#log?.repair();
			this.#markAcknowledged();
			position = this.#nextWaiting();
		}
		this.#backlogDue = now + 1_000 / this.#options.backlogRate;
		if (position === undefined) return undefined;
		// Not again, whatever comes of it: one that cannot be read now is searched for later.
		this.#backlog = position + 1;
		return this.#takenFrom(position);
	}

	/** The broker has a reading that was taken, or will never take it. */
	acknowledge(handle: number): void {
		if (handle < 0) return this.#ring.acknowledge(-1 - handle);
		if (this.#log?.acknowledge(handle)) this.#taken.delete(handle);
		else this.#unmarked.add(handle);
	}

	/**
	 * A reading that was taken is not to be taken again for six hours: whatever was
	 * done with it failed, and others wait behind it. It goes on waiting, and a
	 * restart ends that, too.
	 */
	setAside(handle: number, now: number): void {
		this.#aside.push({ place: handle < 0 ? this.#ring.remove(-1 - handle) : handle, until: now + ASIDE_MS });
		if (this.#aside.length > ASIDE_MAXIMUM) this.#bringBack();
	}

	#bringBack(): void {
		const { place } = this.#aside.shift()!;
		if (typeof place !== "number") return this.#ring.push(place);
		this.#taken.delete(place);
		this.#backlog = Math.min(this.#backlog, place);
	}

	/** Flash that cannot be read now may be later; until then numbers begin anew, for nobody knows the last one. */
	#mount(): void {
		const { flash } = this.#options;
		if (!flash) return;
		let run = 0;
		try {
			this.#log = new Log(flash, (record) => {
				run = this.#found(record, run);
			});
			this.#run = run;
			this.#lastSeq = Math.max(this.#lastSeq, this.#log.lastSeq);
			this.#works();
		} catch (error) {
			this.#failed(error);
		}
	}

	/** What the log still has from before: returns the number of the run behind the last one found, `next` until then. */
	#found(record: LogRecord, next: number): number {
		const note = decodeClockNote(record);
		const { run } = note ?? decodeReading(record);
		if (run === undefined) return next;
		const following = (run + 1) % UNKNOWN_RUN;
		// The readings of a run come before its note. Without readings that wait, the note is of no use.
		if (note && next === following) this.#keepStart(run, note.startedAt);
		return following;
	}

	#keepStart(run: number, startedAt: number): void {
		this.#startedAt.set(run, startedAt);
		if (this.#startedAt.size <= RUNS_MAXIMUM) return;
		for (const oldest of this.#startedAt.keys()) return void this.#startedAt.delete(oldest);
	}

	/** Once the clock is set, what this run's readings are labelled with is fixed, and outlives a restart as they do. */
	#labelRun(): void {
		if (this.#startedAt.has(this.#run)) return;
		const { clock } = this.#options;
		const time = clock.time();
		if (time === undefined) return;
		const startedAt = time - clock.now();
		this.#startedAt.set(this.#run, startedAt);
		if (this.#unlabelled) this.#append(encodeClockNote(this.#run, startedAt, this.#lastSeq));
	}

	#append(record: LogRecord): number | undefined {
		if (!this.#log) return undefined;
		try {
			const position = this.#log.append(record);
			this.#end = position + 1;
			this.#works();
			return position;
		} catch (error) {
			this.#failed(error);
			return undefined;
		}
	}

	#markAcknowledged(): void {
		for (const handle of this.#unmarked) {
			if (!this.#log?.acknowledge(handle)) continue;
			this.#unmarked.delete(handle);
			this.#taken.delete(handle);
		}
	}

	#works(): void {
		if (this.#failing) this.#options.onFlash(undefined);
		this.#failing = false;
	}

	#failed(error: unknown): void {
		if (!this.#failing) this.#options.onFlash(error);
		this.#failing = true;
	}

	/** Whether more waits than is on its way and found: the flash would not let it be read before. */
	get #hasSkipped(): boolean {
		return (this.#log?.waiting ?? 0) > this.#taken.size;
	}

	#takeFresh(): Taken | undefined {
		const position = this.#fresh;
		this.#fresh = undefined;
		return position === undefined ? undefined : this.#takenFrom(position);
	}

	#takeFromRing(): Taken | undefined {
		const taken = this.#ring.take();
		return taken && { handle: -1 - taken.handle, reading: this.#labelled(taken.record) };
	}

	#takenFrom(position: number): Taken | undefined {
		const record = this.#log?.read(position);
		if (!record) return undefined;
		this.#taken.add(position);
		return { handle: position, reading: this.#labelled(record) };
	}

	/** The oldest that waits and was not taken. */
	#nextWaiting(): number | undefined {
		if (this.#unmarked.size >= UNMARKED_MAXIMUM) return undefined;
		for (;;) {
			const position = this.#log?.next(this.#backlog);
			// What is searched is not searched again.
			this.#backlog = position ?? this.#end;
			if (position === undefined || !this.#taken.has(position)) return position;
			this.#backlog++;
		}
	}

	#labelled(record: LogRecord): Reading {
		this.#labelRun();
		const { seq, when, run, sample } = decodeReading(record);
		if (run === undefined) return { seq, time: when, sample };
		const startedAt = this.#startedAt.get(run);
		return { seq, time: startedAt === undefined ? undefined : startedAt + when, sample };
	}
}

/**
 * Readings that wait for the broker: in a log in flash, where neither a
 * restart nor a power cut takes them; in a ring in RAM while the flash refuses.
 *
 * A reading is in flash before it is first sent: so its number is never used
 * twice.
 *
 * It is taken when it is sent and leaves when it is acknowledged.
 */
import type { Host } from "../host.js";
import type { Reading } from "../reading.js";
import type { Sample } from "../sensors/sensor.js";
import type { Settings } from "../settings.js";
import { bytesOf, messageOf, textOf } from "../text.js";
import { crc16 } from "./crc16.js";
import { Log, type LogOwner, type LogRecord } from "./log.js";
import {
	BROKER_NOTE,
	decodeBrokerNote,
	decodeClockNote,
	decodeReading,
	EARLIER_MEMO_NOTE,
	encodeBrokerNote,
	encodeClockNote,
	encodeReading,
	MEMO_NOTE,
} from "./record.js";
import { Ring } from "./ring.js";
import { BODY_BYTES, SEQ_MAXIMUM } from "./slot.js";

/** Runs whose readings wait for their time to be told; of more than these the oldest go without. */
const RUNS_MAXIMUM = 16;
/** From one search for readings that could not be read to the next, in ms. */
const RESCAN_MS = 60_000;
/** Acknowledged readings that the flash has not marked yet. At this number no waiting reading is sent: a restart would send all again. */
const UNMARKED_MAXIMUM = 64;
/** Readings set aside at a time. One more puts the first of them back among those that wait. */
const ASIDE_MAXIMUM = 8;
/** How long a reading is set aside, in ms. */
const ASIDE_MS = 21_600_000;
/** Readings after which what is known of the broker counts no more: it may be renewed by then. */
const BROKER_READINGS = 200;
/** Records that one step of a search looks at. */
const SEARCHED = 20;
/** No run has this number. */
const UNKNOWN_RUN = 0xffff;

/** Its `log` is told once when the flash refuses, and once when it works again. */
export type OutboxHost = Pick<Host, "flash" | "clock" | "log">;
/**
 * `outbox`: bytes of the ring. `order`: which reading goes first, the newest and then the backlog, oldest first; or always
 * the oldest. `full`: which readings a full log drops. `backlogRate`: a second.
 */
export type OutboxSettings = Pick<Settings, "outbox" | "order" | "full" | "backlogRate" | "broker">;

/** A reading that was taken. */
export interface Taken {
	/** Names the reading to `acknowledge`. */
	readonly handle: number;
	readonly reading: Reading;
	/** Whether there was none after it, when it was taken. */
	readonly isNewest: boolean;
}

/** See `search`. */
export interface Found {
	readonly place: number;
	readonly reading: Reading | undefined;
	readonly isWaiting: boolean;
}

/** A reading that was set aside: its place in the log, or the reading itself; and until when, in ms. */
interface Aside {
	readonly place: number | LogRecord;
	readonly until: number;
}

export class Outbox implements LogOwner {
	private readonly _host: OutboxHost;
	private readonly _settings: OutboxSettings;
	/** From the first reading on that the flash has refused. */
	private _ring: Ring | undefined;
	private _log: Log | undefined;
	private _lastSeq = 0;
	/** This run's number, unknown until the flash can be read, and whether one of its readings waits in flash for the clock to be set. */
	private _run = UNKNOWN_RUN;
	private _unlabelled = false;
	private readonly _broker: number;
	private _brokerTraits: number | undefined;
	/** The last number when they were found out. */
	private _traitsSince = 0;
	/** A text that outlives restarts, if one was kept; unknown until the flash can be read. */
	memo: string | undefined;
	/** Wall-clock ms since 1970 at which the monotonic time of a run was 0, as far as it is known and needed. */
	private readonly _startedAt = new Map<number, number>();
	/** While it is set, the newest reading is not taken: those before it are. */
	holdsNewest = false;
	/** The handle of the newest reading, which may have left, and whether it is to be taken before others. */
	private _newest: number | undefined;
	private _isFresh = false;
	/** Its record, as long as nothing was taken since: it need not be read for that. */
	private _fresh: LogRecord | undefined;
	/** No reading before this position waits to be taken; `_onTheirWay`: readings that were taken. */
	private _backlog = 0;
	private readonly _onTheirWay = new Set<number>();
	/** Acknowledged readings that the flash has not marked: each new reading tries again. */
	private readonly _unmarked = new Set<number>();
	/** Taken readings that are set aside, in the order of their return. The ring's readings move here, to make room in the ring. */
	private readonly _aside: Aside[] = [];
	/** Before the first record of this run, and behind the newest. */
	private _begin = 0;
	private _end = 0;
	private _rescanDue = Number.NEGATIVE_INFINITY;
	private _backlogDue = Number.NEGATIVE_INFINITY;
	private _failing = false;

	constructor(host: OutboxHost, settings: OutboxSettings) {
		this._host = host;
		this._settings = settings;
		const address = bytesOf(`${settings.broker.host}:${settings.broker.port}`);
		this._broker = crc16(address, 0, address.length);
		this._mount();
	}

	/** Readings that are not acknowledged. */
	get length(): number {
		// The flash may have written a mark and not shown it: then the log has counted the reading as acknowledged.
		this._markAcknowledged();
		let inRam = this._ring?.length ?? 0;
		for (const { place } of this._aside) if (typeof place !== "number") inRam++;
		return Math.max(0, (this._log?.waiting ?? 0) - this._unmarked.size) + inRam;
	}

	/** Readings that are set aside, a part of `length`. */
	get aside(): number {
		return this._aside.length;
	}

	/** Readings that were lost, for want of room or to damage, since the flash was first used. */
	get dropped(): number {
		return (this._log?.dropped ?? 0) + (this._ring?.dropped ?? 0);
	}

	/** What is known of the broker, if it was kept in this run, or in the last 200 readings before it. */
	get brokerTraits(): number | undefined {
		return this._brokerTraits;
	}

	keepBrokerTraits(traits: number): void {
		this._brokerTraits = traits;
		this._traitsSince = this._lastSeq;
		this._keepNotes();
	}

	/** `memo` is ASCII without `<` and `>`. */
	keepMemo(memo: string): void {
		this.memo = memo;
		this._keepNotes();
	}

	/** The memo, and what is known of the broker: a start need not look for them in earlier blocks. */
	notes(): readonly LogRecord[] {
		const seq = this._lastSeq;
		const notes: LogRecord[] = [];
		if (this.memo !== undefined) {
			const text = bytesOf(`<${this.memo}>`);
			for (let at = 0; at < text.length; at += BODY_BYTES)
				notes.push({ kind: MEMO_NOTE, seq, body: text.slice(at, at + BODY_BYTES) });
		}
		const [traits, since] = [this._brokerTraits, this._traitsSince];
		if (traits !== undefined && seq - since < BROKER_READINGS)
			notes.push(encodeBrokerNote(this._broker, traits, since, seq));
		return notes;
	}

	/** As far as there is room. */
	private _keepNotes(): void {
		for (const note of this.notes()) if (!this._keepsAll) this._append(note);
	}

	/** Block erases since the flash was first used, and records written since the start. */
	get wear(): { readonly erases: number; readonly writes: number } | undefined {
		return this._log && { erases: this._log.erases, writes: this._log.writes };
	}

	/** When `take` will have a reading by the time alone, in ms; `Infinity`: it will not. */
	get deadline(): number {
		if (this._nextWaiting() !== undefined) return this._backlogDue;
		return this._hasSkipped ? Math.max(this._rescanDue, this._backlogDue) : Number.POSITIVE_INFINITY;
	}

	/**
	 * Keeps a reading and returns its number, or `undefined` where a full log drops
	 * the newest. Throws a RangeError for a sample that cannot be kept, which uses up
	 * no number, and for each sample when there is no number left.
	 */
	push(sample: Sample, ticks: number): number | undefined {
		const { clock } = this._host;
		const time = clock.time();
		if (!this._log) this._mount();
		this._markAcknowledged();
		this._labelRun();
		if (this._lastSeq >= SEQ_MAXIMUM) throw new RangeError("all numbers are used; erase the flash to begin anew");
		const seq = this._lastSeq + 1;
		const record = encodeReading({
			seq,
			sample,
			when: time ?? ticks,
			run: time === undefined ? this._run : undefined,
		});
		if (this._keepsAll) {
			this._lastSeq = seq;
			this._log?.drop();
			return undefined;
		}
		const position = this._append(record);
		// Not before: notes of the block that this has opened have the number of the reading before it.
		this._lastSeq = seq;
		if (position === undefined) {
			this._ring ??= new Ring(this._settings.outbox);
			const handle = this._ring.push(record);
			this._newest = handle === undefined ? undefined : -1 - handle;
		} else {
			if (time === undefined) this._unlabelled = true;
			this._newest = position;
		}
		this._isFresh = this._settings.order === "newest" && position !== undefined;
		this._fresh = this._isFresh ? record : undefined;
		return seq;
	}

	/** The next reading to send; `hurried`: the backlog goes without its pace. */
	take(now: number, hurried = false): Taken | undefined {
		while (this._aside[0] && now >= this._aside[0].until) this._bringBack();
		// Readings in RAM are few and would not survive a restart: they go first.
		const first = this._takeFresh() ?? (this._ring && this._takeFrom(this._ring));
		if (first) return first;
		if (now < this._backlogDue && !hurried) return undefined;
		let position = this._nextWaiting();
		if (position === undefined) {
			if (!this._hasSkipped || now < this._rescanDue) return undefined;
			this._backlog = 0;
			this._rescanDue = now + RESCAN_MS;
			this._log?.repair();
			this._markAcknowledged();
			position = this._nextWaiting();
		}
		this._backlogDue = now + 1_000 / this._settings.backlogRate;
		if (position === undefined) return undefined;
		// Behind this reading even if it cannot be read now: a later search finds it.
		this._backlog = position + 1;
		return this._takenFrom(position);
	}

	/** The broker has a reading that was taken. */
	acknowledge(handle: number): void {
		if (handle < 0) return this._ring!.acknowledge(-1 - handle);
		if (this._log?.acknowledge(handle)) this._onTheirWay.delete(handle);
		else this._unmarked.add(handle);
	}

	/** A reading that was taken waits again, in its old place: the broker did not take it. */
	putBack(handle: number): void {
		if (handle < 0) return this._ring!.putBack(-1 - handle);
		this._onTheirWay.delete(handle);
		this._backlog = Math.min(this._backlog, handle);
		if (this._settings.order === "newest" && handle === this._newest) this._isFresh = true;
	}

	/**
	 * Sets a taken reading aside for six hours: sending it failed, and others wait
	 * behind it. It goes on waiting, and a restart brings it back earlier.
	 */
	setAside(handle: number, now: number): void {
		this._aside.push({ place: handle < 0 ? this._ring!.remove(-1 - handle) : handle, until: now + ASIDE_MS });
		if (this._aside.length > ASIDE_MAXIMUM) this._bringBack();
	}

	/** The number of the newest reading in the flash; 0 without. */
	get lastKept(): number {
		return this._log?.lastSeq ?? 0;
	}

	/** Where the search for a reading with this number begins. */
	placeOf(seq: number): number {
		return this._log?.before(seq) ?? 0;
	}

	/**
	 * Looks at some records from a place on, whether they are acknowledged or not: the first reading with this number or a
	 * higher one, if there is one, and where to go on. `undefined`: there are no more records.
	 */
	search(place: number, seq: number): Found | undefined {
		const log = this._log;
		if (!log || place >= log.end) return undefined;
		let at = Math.max(place, log.begin);
		for (const last = at + SEARCHED; at < Math.min(last, log.end); at++) {
			const record = log.recall(at);
			if (!record || record.seq < seq) continue;
			const isWaiting = log.isWaiting(at) && !this._unmarked.has(at);
			// The number of an earlier run may be this one's, too, where none of its readings waits.
			const reading = this._labelled(record, isWaiting || at >= this._begin);
			return { place: at + 1, reading, isWaiting };
		}
		return { place: at, reading: undefined, isWaiting: false };
	}

	private _bringBack(): void {
		const { place } = this._aside.shift()!;
		if (typeof place !== "number") return void this._ring!.push(place);
		this._onTheirWay.delete(place);
		this._backlog = Math.min(this._backlog, place);
	}

	/** Whether a further record would drop readings that are to stay. */
	private get _keepsAll(): boolean {
		return this._settings.full === "newest" && (this._log?.full ?? false);
	}

	/** Flash that cannot be read now may be readable later; until then the last number is unknown, and numbers begin anew. */
	private _mount(): void {
		const { flash } = this._host;
		if (!flash) return;
		let run = 0;
		let broker: LogRecord | undefined;
		let parts = "";
		let memo: string | undefined;
		try {
			const log = new Log(flash, (record) => {
				if (record.kind === BROKER_NOTE) broker = record;
				else if (record.kind === MEMO_NOTE || record.kind === EARLIER_MEMO_NOTE) {
					const part = textOf(record.body);
					// The log may have dropped its beginning.
					parts = part[0] === "<" ? part : parts && parts + part;
					const end = parts.indexOf(">");
					if (end > 0) memo = parts.slice(1, end);
				} else run = this._found(record, run);
			});
			log.owner = this;
			this._log = log;
			this._run = run;
			this._begin = this._end = log.end;
			// One that was taken meanwhile is newer.
			const last = log.lastReading;
			if (this._lastSeq === 0 && last !== undefined && log.read(last)?.seq === log.lastSeq) this._newest = last;
			this._lastSeq = Math.max(this._lastSeq, log.lastSeq);
			this.memo ??= memo;
			const known = broker && decodeBrokerNote(broker);
			const counts = known?.broker === this._broker && this._lastSeq - known.since < BROKER_READINGS;
			if (this._brokerTraits === undefined && counts) {
				this._brokerTraits = known.traits;
				this._traitsSince = known.since;
			}
			this._works();
		} catch (error) {
			this._failed(error);
		}
	}

	/** A record from before the start: returns the number of the run after its run, or `next` if it names none. */
	private _found(record: LogRecord, next: number): number {
		const note = decodeClockNote(record);
		const { run } = note ?? decodeReading(record);
		if (run === undefined) return next;
		const following = (run + 1) % UNKNOWN_RUN;
		// The readings of a run come before its note. Without waiting readings the note is of no use.
		if (note && next === following) this._keepStart(run, note.startedAt);
		return following;
	}

	private _keepStart(run: number, startedAt: number): void {
		this._startedAt.set(run, startedAt);
		if (this._startedAt.size <= RUNS_MAXIMUM) return;
		for (const oldest of this._startedAt.keys()) return void this._startedAt.delete(oldest);
	}

	/** Once the clock is set, fixes the wall-clock time of this run's start, in flash too if readings there wait for it. */
	private _labelRun(): void {
		if (this._startedAt.has(this._run)) return;
		const { clock } = this._host;
		const time = clock.time();
		if (time === undefined) return;
		const startedAt = time - clock.now();
		this._startedAt.set(this._run, startedAt);
		if (this._unlabelled && !this._keepsAll) this._append(encodeClockNote(this._run, startedAt, this._lastSeq));
	}

	private _append(record: LogRecord): number | undefined {
		if (!this._log) return undefined;
		try {
			const position = this._log.append(record);
			this._end = position + 1;
			this._works();
			return position;
		} catch (error) {
			this._failed(error);
			return undefined;
		}
	}

	private _markAcknowledged(): void {
		if (this._unmarked.size === 0) return;
		for (const handle of this._unmarked) {
			if (!this._log?.acknowledge(handle)) continue;
			this._unmarked.delete(handle);
			this._onTheirWay.delete(handle);
		}
	}

	private _works(): void {
		if (this._failing) this._host.log("info", "flash: works again");
		this._failing = false;
	}

	private _failed(error: unknown): void {
		if (!this._failing) this._host.log("error", `flash: ${messageOf(error)}; readings wait in RAM`);
		this._failing = true;
	}

	/** Whether more readings wait than were taken: the flash refused to be read before. */
	private get _hasSkipped(): boolean {
		return (this._log?.waiting ?? 0) > this._onTheirWay.size;
	}

	private _takeFresh(): Taken | undefined {
		if (!this._isFresh || this.holdsNewest) return undefined;
		this._isFresh = false;
		const position = this._newest!;
		const taken = this._takenFrom(position, this._fresh);
		this._fresh = undefined;
		// Nothing before it waits to be taken: the next search need not pass it.
		if (taken && this._backlog === position) this._backlog++;
		return taken;
	}

	private _takeFrom(ring: Ring): Taken | undefined {
		const newest = this._newest ?? 0;
		const taken = ring.take(this.holdsNewest && newest < 0 ? -1 - newest : undefined);
		return taken && this._taken(-1 - taken.handle, taken.record);
	}

	private _takenFrom(position: number, record = this._log?.read(position)): Taken | undefined {
		if (!record) return undefined;
		this._onTheirWay.add(position);
		return this._taken(position, record);
	}

	private _taken(handle: number, record: LogRecord): Taken {
		return { handle, reading: this._labelled(record), isNewest: handle === this._newest };
	}

	/** The position of the oldest waiting reading that was not taken. */
	private _nextWaiting(): number | undefined {
		if (this._backlog >= this._end || this._unmarked.size >= UNMARKED_MAXIMUM) return undefined;
		for (;;) {
			const position = this._log?.next(this._backlog);
			// The next search begins here.
			this._backlog = position ?? this._end;
			if (position === undefined) return undefined;
			if (!this._onTheirWay.has(position)) return this.holdsNewest && position === this._newest ? undefined : position;
			this._backlog++;
		}
	}

	/** `isRunKnown`: its run's number is that run's alone. */
	private _labelled(record: LogRecord, isRunKnown = true): Reading {
		this._labelRun();
		const { seq, when, run, sample } = decodeReading(record);
		if (run === undefined) return { seq, time: when, sample };
		const startedAt = isRunKnown ? this._startedAt.get(run) : undefined;
		return { seq, time: startedAt === undefined ? undefined : startedAt + when, sample };
	}
}

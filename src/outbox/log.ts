/**
 * Readings and notes in flash, one behind another.
 *
 * The blocks are a ring that is always opened in the same order, so they wear
 * evenly. Opening a block erases it and writes its header twice, in its first
 * two slots: the block's sequence number, which rises by one with each opening
 * and tells where in the ring the block lies; the highest `seq` so far; and how
 * many readings were dropped so far.
 *
 * All blocks but one are in use. The one that is opened next lies there as it
 * is, given up by the newest header, which counts what was waiting in it. So a
 * power cut leaves a reading in use or counted, never both or neither, and the
 * state of an erase that was cut does not matter: the block is erased again.
 *
 * What waits and what was dropped is what the flash says; the counts here only
 * save reading it again.
 */
import type { Bytes, Flash } from "../host.js";
import {
	ACKNOWLEDGED,
	COMMITTED,
	decodeSlot,
	encodeSlot,
	isAcknowledged,
	isBlank,
	isCommitted,
	KIND,
	type LogRecord,
	NOTE,
	SLOT_BYTES,
	VOID,
} from "./slot.js";

export type { LogRecord } from "./slot.js";

/** With fewer, opening one would give up the one before it. */
const BLOCKS_MINIMUM = 3;
/** Slots that are tried for a record before `append` throws. */
const TRIES = 3;
/** Of more, the oldest are forgotten: what is in them is sent twice. */
const ABANDONED_MAXIMUM = 32;
/** Slots that are read at once. */
const SLOTS_AT_ONCE = 10;
/** The kind of a header, and what the last bytes of its body are, plus the number of blocks. */
const HEADER = 0xff;
const HEADER_SLOTS = 2;
const MAGIC = 0x56_4c_01_00;

export class Log {
	readonly #flash: Flash;
	readonly #blocks: number;
	readonly #blockLength: number;
	/** Slots of a block. */
	readonly #slots: number;
	/** Of each block: readings that wait, and those that would if they were not damaged. */
	readonly #waiting: Uint16Array;
	readonly #damaged: Uint16Array;
	/** The newest block's sequence number: at 168 readings to a block, 32 bits last longer than any flash. */
	#newest = 0;
	/** The slot of the newest block that is written next. */
	#free: number;
	#lastSeq = 0;
	/** Slots that may hold what `append` wrote elsewhere, because the flash would neither keep them nor void them. */
	readonly #abandoned = new Set<number>();
	/** Blocks whose counts may be wrong, because the flash could not be read. */
	readonly #uncounted = new Set<number>();
	/** Readings dropped, but for those that the damaged slots tell of. */
	#dropped = 0;
	#writes = 0;

	/**
	 * Reads the whole area, and calls back for each waiting reading and each note, oldest first. An area that holds
	 * something else counts as empty. Throws an Error where the flash refuses to be read or is too small.
	 */
	constructor(flash: Flash, onRecord?: (record: LogRecord, position: number) => void) {
		const { blocks, blockLength } = flash.status();
		const slots = Math.floor(blockLength / SLOT_BYTES);
		if (blocks < BLOCKS_MINIMUM || slots <= HEADER_SLOTS) throw new RangeError("the flash is too small");
		this.#flash = flash;
		this.#blocks = blocks;
		this.#blockLength = blockLength;
		this.#free = this.#slots = slots;
		this.#waiting = new Uint16Array(blocks);
		this.#damaged = new Uint16Array(blocks);
		for (let block = 0; block < blocks; block++) {
			const bytes = this.#read(block * slots, HEADER_SLOTS * SLOT_BYTES);
			for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
				const header = decodeSlot(bytes, at);
				if (header?.kind !== HEADER || header.seq % blocks !== block) continue;
				const view = new DataView(header.body.buffer);
				if (view.getUint32(8) !== MAGIC + blocks) continue;
				if (header.seq <= this.#newest) continue;
				this.#newest = header.seq;
				this.#lastSeq = view.getUint32(0);
				this.#dropped = view.getUint32(4);
			}
		}
		if (this.#newest > 0) this.#free = HEADER_SLOTS;
		let unknown = 0;
		for (let sequence = Math.max(1, this.#newest - blocks + 2); sequence <= this.#newest; sequence++) {
			// All of these were opened: this is what is in them even if one's header is damaged twice.
			unknown = this.#scan(sequence, onRecord);
		}
		this.#lastSeq += unknown;
	}

	/** The highest `seq` so far, and of readings that are damaged what it may have been; 0 before the first. */
	get lastSeq(): number {
		return this.#lastSeq;
	}

	/** Readings that are neither acknowledged nor dropped. */
	get waiting(): number {
		this.#settle();
		return sum(this.#waiting);
	}

	/** Readings lost to a full log or to damage since the flash was first used. */
	get dropped(): number {
		this.#settle();
		return this.#dropped + sum(this.#damaged);
	}

	/** Block erases since the flash was first used, but for those of openings that failed or were cut. */
	get erases(): number {
		return this.#newest;
	}

	/** Records written since the start. */
	get writes(): number {
		return this.#writes;
	}

	/** Whether the next record drops readings that wait. */
	get full(): boolean {
		return this.#free === this.#slots && this.#waiting[(this.#newest + 2) % this.#blocks]! > 0;
	}

	/**
	 * Returns the record's position once it is in flash. Throws an Error where the flash does not keep it; the next start
	 * may find it all the same; throws a RangeError when the body is too long.
	 */
	append(record: LogRecord): number {
		const slot = encodeSlot(record);
		this.repair();
		for (let tries = 0; tries < TRIES; tries++) {
			if (this.#free === this.#slots) this.#open();
			const position = this.#newest * this.#slots + this.#free++;
			const mark = record.kind < NOTE ? COMMITTED : ACKNOWLEDGED;
			// Without its mark, damage would let it count as never written, and its number as free.
			if (this.#write(position, slot) && this.#mark(position, mark)) {
				if (record.kind < NOTE) this.#waiting[this.#newest % this.#blocks]!++;
				this.#lastSeq = Math.max(this.#lastSeq, record.seq);
				this.#writes++;
				return position;
			}
			if (!this.#mark(position, VOID)) this.#abandon(position);
		}
		throw new Error("the flash does not keep what is written");
	}

	/** A reading, unless it is acknowledged, damaged or gone; `undefined` also where the flash refuses. */
	read(position: number): LogRecord | undefined {
		const slot = this.#load(position);
		if (slot === undefined || isAcknowledged(slot[0]!) || this.#abandoned.has(position)) return undefined;
		const record = decodeSlot(slot, 0);
		if (record === undefined) this.#doubt(position);
		return record && record.kind < NOTE ? record : undefined;
	}

	/** The first position from `position` on with a waiting reading. Blocks without one are not read. */
	next(position: number): number | undefined {
		let at = Math.max(position, (this.#newest - this.#blocks + 2) * this.#slots);
		while (at < this.#newest * this.#slots + this.#free) {
			const sequence = Math.floor(at / this.#slots);
			if (this.#waiting[sequence % this.#blocks] === 0) at = (sequence + 1) * this.#slots;
			else if (this.read(at)) return at;
			else at++;
		}
		return undefined;
	}

	/**
	 * Returns whether the reading waits no longer; where the flash refuses, it does. A reading whose block was given up
	 * meanwhile was counted as dropped, and is no longer.
	 */
	acknowledge(position: number): boolean {
		if (this.#age(position) > this.#blocks - 2) {
			if (this.#dropped > 0) this.#dropped--;
			return true;
		}
		const slot = this.#load(position);
		if (slot === undefined) return false;
		if (isAcknowledged(slot[0]!)) {
			// It was marked before, and could not be read then.
			this.#doubt(position);
			return true;
		}
		const block = Math.floor(position / this.#slots) % this.#blocks;
		const marked = this.#mark(position, ACKNOWLEDGED);
		if (marked && decodeSlot(slot, 0) && this.#waiting[block]! > 0) this.#waiting[block]!--;
		else this.#doubt(position);
		return marked;
	}

	/** Tries again what the flash has refused: to count a block's readings, to void a slot. `append` does, too. */
	repair(): void {
		this.#settle();
		for (const position of this.#abandoned) {
			if (this.#age(position) > this.#blocks - 2 || this.#mark(position, VOID)) this.#abandoned.delete(position);
		}
	}

	/** Counts a reading that its owner had to drop. It is in flash with the next block. */
	drop(): void {
		this.#dropped++;
	}

	/** Erases the next block and writes its header. Throws an Error where the flash refuses; the log is as it was then. */
	#open(): void {
		const sequence = this.#newest + 1;
		const evicted = (sequence + 1) % this.#blocks;
		const dropped = this.#dropped + this.#waiting[evicted]! + this.#damaged[evicted]!;
		const body = new DataView(new ArrayBuffer(12));
		body.setUint32(0, this.#lastSeq);
		body.setUint32(4, dropped);
		body.setUint32(8, MAGIC + this.#blocks);
		const header = encodeSlot({ kind: HEADER, seq: sequence, body: new Uint8Array(body.buffer) });
		this.#flash.eraseBlock(sequence % this.#blocks);
		const first = this.#write(sequence * this.#slots, header);
		const second = this.#write(sequence * this.#slots + 1, header);
		if (!first && !second) throw new Error("the flash keeps no header");
		this.#newest = sequence;
		this.#free = HEADER_SLOTS;
		this.#dropped = dropped;
		this.#waiting[evicted] = this.#damaged[evicted] = 0;
	}

	#abandon(position: number): void {
		this.#abandoned.add(position);
		if (this.#abandoned.size <= ABANDONED_MAXIMUM) return;
		for (const oldest of this.#abandoned) return void this.#abandoned.delete(oldest);
	}

	/** A slot was not what it should be: its block's readings are counted anew, as the next start would, when somebody asks. */
	#doubt(position: number): void {
		this.#uncounted.add(Math.floor(position / this.#slots));
	}

	#settle(): void {
		for (const sequence of [...this.#uncounted]) {
			this.#uncounted.delete(sequence);
			if (this.#age(sequence * this.#slots) > this.#blocks - 2) continue;
			try {
				this.#scan(sequence);
			} catch {
				this.#uncounted.add(sequence);
			}
		}
	}

	/**
	 * Counts a block's readings and finds its first free slot, if it is the newest. Returns how many slots behind the
	 * last good one were committed: each may be a reading that was sent.
	 */
	#scan(sequence: number, onRecord?: (record: LogRecord, position: number) => void): number {
		let waiting = 0;
		let damaged = 0;
		let unknown = 0;
		let free = HEADER_SLOTS;
		for (let index = HEADER_SLOTS; index < this.#slots; index += SLOTS_AT_ONCE) {
			const position = sequence * this.#slots + index;
			const bytes = this.#read(position, Math.min(SLOTS_AT_ONCE, this.#slots - index) * SLOT_BYTES);
			for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
				const mark = bytes[at]!;
				const acknowledged = isAcknowledged(mark);
				const note = bytes[at + KIND]! >= NOTE;
				if (acknowledged && !note && sequence !== this.#newest) continue;
				if (isBlank(bytes, at)) continue;
				free = index + at / SLOT_BYTES + 1;
				if (this.#abandoned.has(position + at / SLOT_BYTES)) continue;
				const record = decodeSlot(bytes, at);
				if (record) {
					unknown = 0;
					this.#lastSeq = Math.max(this.#lastSeq, record.seq);
					if (acknowledged && !(note && isCommitted(mark))) continue;
					if (!note) {
						waiting++;
						// Cut off before its mark was there: from now on it may be sent.
						if (!isCommitted(mark)) this.#mark(position + at / SLOT_BYTES, mark & COMMITTED);
					}
					onRecord?.(record, position + at / SLOT_BYTES);
				} else if (isCommitted(mark)) {
					unknown++;
					if (!acknowledged) damaged++;
				}
			}
		}
		this.#waiting[sequence % this.#blocks] = waiting;
		this.#damaged[sequence % this.#blocks] = damaged;
		// Never back: a slot that took nothing before is not tried again.
		if (sequence === this.#newest) this.#free = Math.max(this.#free, free);
		return unknown;
	}

	/** Openings since that of the position's block: 0 for the newest, negative for one that is yet to come. */
	#age(position: number): number {
		return this.#newest - Math.floor(position / this.#slots);
	}

	/** The slot at a position, if its block is in use and the flash can be read. */
	#load(position: number): Bytes | undefined {
		const age = this.#age(position);
		if (!(age >= 0 && age < this.#blocks - 1)) return undefined;
		try {
			return this.#read(position, SLOT_BYTES);
		} catch {
			return undefined;
		}
	}

	#read(position: number, byteLength: number): Bytes {
		return new Uint8Array(this.#flash.read(byteLength, this.#offset(position)) as ArrayBuffer);
	}

	/** Whether the flash holds what was to be written. */
	#write(position: number, bytes: Bytes): boolean {
		this.#program(position, bytes);
		try {
			const written = this.#read(position, bytes.length);
			return bytes.every((byte, index) => byte === written[index]);
		} catch {
			return false;
		}
	}

	/** That the flash refuses is no answer: it may have done it all the same. Reading it tells. */
	#program(position: number, bytes: Bytes): void {
		try {
			this.#flash.write(bytes, this.#offset(position));
		} catch {
			// See above.
		}
	}

	/** Whether the slot now counts as marked: for that, most of the bits do. */
	#mark(position: number, mark: number): boolean {
		this.#program(position, Uint8Array.of(mark));
		const written = this.#load(position)?.[0] ?? 0xff;
		return (mark & 0xf0) === 0 ? isAcknowledged(written) : isCommitted(written);
	}

	#offset(position: number): number {
		const block = Math.floor(position / this.#slots) % this.#blocks;
		return block * this.#blockLength + (position % this.#slots) * SLOT_BYTES;
	}
}

function sum(counts: Uint16Array): number {
	return counts.reduce((total, count) => total + count, 0);
}

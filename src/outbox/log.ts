/**
 * Readings and notes in flash, one behind another.
 *
 * The blocks are a ring that is always opened in the same order, so they wear
 * evenly. Opening a block erases it and writes its header twice, in its first
 * two slots: the block's sequence number, which rises by one with each opening
 * and tells where in the ring the block lies; the highest `seq` so far; and how
 * many readings were dropped so far.
 *
 * All blocks but one are in use. The newest header gives up the block that is
 * opened next, and counts its waiting readings as dropped; the block is erased
 * later. So a power cut leaves a reading in use or counted, never both or neither,
 * and an interrupted erase does not matter: the block is erased again.
 *
 * The flash decides which readings wait and which were dropped; the counts here
 * only save reading it again.
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
	SEQ_MAXIMUM,
	SLOT_BYTES,
	seqOf,
	VOID,
} from "./slot.js";

export type { LogRecord } from "./slot.js";

/** With two, opening a block would give up the block before it. */
const BLOCKS_MINIMUM = 3;
/** Slots that are tried for a record before `append` throws. */
const TRIES = 3;
/** Abandoned slots that are remembered. Beyond, the oldest are forgotten, and their readings sent twice. */
const ABANDONED_MAXIMUM = 32;
/** Slots that are read at once. */
const SLOTS_AT_ONCE = 10;
/** The kind of a header, whose body ends with `MAGIC` plus the number of blocks. */
const HEADER = 0xff;
const HEADER_SLOTS = 2;
/** Bits in which its two copies may differ, and it is found: of what is no header, one in millions counts as one then. */
const DIFFERING_MAXIMUM = 8;
const MAGIC = 0x56_4c_01_00;

export class Log {
	private readonly _flash: Flash;
	private readonly _blocks: number;
	private readonly _blockLength: number;
	/** Slots of a block. */
	private readonly _slots: number;
	/** Of each block, and of all: readings that wait, and damaged readings that would wait. */
	private readonly _waiting: Uint16Array;
	private readonly _damaged: Uint16Array;
	private _allWaiting = 0;
	private _allDamaged = 0;
	/** The newest block's sequence number: at 168 readings to a block, 32 bits last longer than any flash. */
	private _newest = 0;
	/** The newest block's next free slot. */
	private _free: number;
	private _lastSeq = 0;
	/** Slots that may hold a record that `append` wrote elsewhere: the flash neither kept nor voided them. */
	private readonly _abandoned = new Set<number>();
	/** Blocks whose counts may be wrong, because the flash could not be read. */
	private readonly _uncounted = new Set<number>();
	/** Readings dropped, without the damaged ones. */
	private _dropped = 0;
	private _writes = 0;

	/**
	 * Reads the whole area, and calls back for each waiting reading and each note, oldest first. An area that holds
	 * other bytes counts as empty. Throws an Error where the flash refuses to be read or is too small.
	 */
	constructor(flash: Flash, onRecord?: (record: LogRecord, position: number) => void) {
		const { blocks, blockLength } = flash.status();
		const slots = Math.floor(blockLength / SLOT_BYTES);
		if (blocks < BLOCKS_MINIMUM || slots <= HEADER_SLOTS) throw new RangeError("the flash is too small");
		this._flash = flash;
		this._blocks = blocks;
		this._blockLength = blockLength;
		this._free = this._slots = slots;
		this._waiting = new Uint16Array(blocks);
		this._damaged = new Uint16Array(blocks);
		for (let block = 0; block < blocks; block++) {
			const bytes = this._read(block * slots, HEADER_SLOTS * SLOT_BYTES);
			const header = headerIn(bytes, block, blocks);
			if (!header || header.sequence <= this._newest) continue;
			this._newest = header.sequence;
			this._lastSeq = header.lastSeq;
			this._dropped = header.dropped;
		}
		if (this._newest > 0) this._free = HEADER_SLOTS;
		let unknown = 0;
		for (let sequence = Math.max(1, this._newest - blocks + 2); sequence <= this._newest; sequence++) {
			// All of these blocks were opened: their sequence numbers are known even if both headers are damaged.
			unknown = this._scan(sequence, onRecord);
		}
		this._lastSeq = Math.min(this._lastSeq + unknown, SEQ_MAXIMUM);
	}

	/** The highest `seq` so far, at least as high as a damaged reading's may have been; 0 before the first. */
	get lastSeq(): number {
		return this._lastSeq;
	}

	/** Readings that are neither acknowledged nor dropped. */
	get waiting(): number {
		this._settle();
		return this._allWaiting;
	}

	/** Readings lost to a full log or to damage since the flash was first used. */
	get dropped(): number {
		this._settle();
		return this._dropped + this._allDamaged;
	}

	/** Block erases since the flash was first used, but for those of openings that failed or were cut. */
	get erases(): number {
		return this._newest;
	}

	/** Records written since the start. */
	get writes(): number {
		return this._writes;
	}

	/** Whether the next record drops readings that wait. */
	get full(): boolean {
		return this._free === this._slots && this._waiting[(this._newest + 2) % this._blocks]! > 0;
	}

	/**
	 * Returns the record's position once it is in flash. Throws an Error where the flash does not keep it, though the next
	 * start may find it; throws a RangeError when the body is too long.
	 */
	append(record: LogRecord): number {
		const slot = encodeSlot(record);
		this.repair();
		for (let tries = 0; tries < TRIES; tries++) {
			if (this._free === this._slots) this._open();
			const position = this._newest * this._slots + this._free++;
			const mark = record.kind < NOTE ? COMMITTED : ACKNOWLEDGED;
			// Without its mark a damaged record would count as never written, and its number as free.
			if (this._write(position, slot) && this._mark(position, mark)) {
				if (record.kind < NOTE) {
					this._waiting[this._newest % this._blocks]!++;
					this._allWaiting++;
				}
				this._lastSeq = Math.max(this._lastSeq, record.seq);
				this._writes++;
				return position;
			}
			if (!this._mark(position, VOID)) this._abandon(position);
		}
		throw new Error("the flash does not keep written data");
	}

	/** A reading, unless it is acknowledged, damaged or gone; `undefined` also where the flash refuses. */
	read(position: number): LogRecord | undefined {
		const slot = this._load(position);
		if (slot === undefined || isAcknowledged(slot[0]!) || this._abandoned.has(position)) return undefined;
		const record = decodeSlot(slot, 0);
		if (record === undefined) this._doubt(position);
		return record && record.kind < NOTE ? record : undefined;
	}

	/** A reading that is still there, also an acknowledged one. */
	recall(position: number): LogRecord | undefined {
		const slot = this._load(position);
		if (!slot || !isCommitted(slot[0]!) || this._abandoned.has(position)) return undefined;
		const record = decodeSlot(slot, 0);
		return record && record.kind < NOTE ? record : undefined;
	}

	/** Whether a reading that `recall` has found is not acknowledged. */
	isWaiting(position: number): boolean {
		return !isAcknowledged(this._markOf(position) ?? ACKNOWLEDGED);
	}

	/** The first position of those in use, and the one behind the last. */
	get begin(): number {
		return Math.max(1, this._newest - this._blocks + 2) * this._slots;
	}

	get end(): number {
		return this._newest * this._slots + this._free;
	}

	/** A position before which no reading has this number or a higher one: the beginning of a block. */
	before(seq: number): number {
		for (let at = this._newest * this._slots; at > this.begin; at -= this._slots) {
			try {
				const block = (at / this._slots) % this._blocks;
				const header = headerIn(this._read(at, HEADER_SLOTS * SLOT_BYTES), block, this._blocks);
				if (header && header.lastSeq < seq) return at;
			} catch {
				// An earlier block will do.
			}
		}
		return this.begin;
	}

	/** The first position from `position` on with a waiting reading. Blocks without one are not read. */
	next(position: number): number | undefined {
		let at = Math.max(position, this.begin);
		while (at < this.end) {
			const sequence = Math.floor(at / this._slots);
			if (this._waiting[sequence % this._blocks] === 0) at = (sequence + 1) * this._slots;
			else if (this.read(at)) return at;
			else at++;
		}
		return undefined;
	}

	/**
	 * Returns whether the reading waits no longer; where the flash refuses, it still waits. A reading whose block was given
	 * up meanwhile was counted as dropped, and now is not.
	 */
	acknowledge(position: number): boolean {
		if (this._age(position) > this._blocks - 2) {
			if (this._dropped > 0) this._dropped--;
			return true;
		}
		const mark = this._markOf(position);
		if (mark === undefined) return false;
		if (isAcknowledged(mark)) {
			// It was marked before, and the mark could not be read back then.
			this._doubt(position);
			return true;
		}
		const block = Math.floor(position / this._slots) % this._blocks;
		const marked = this._mark(position, ACKNOWLEDGED);
		// It was whole when it was sent, and counts as waiting, unless damage was found since.
		if (marked && this._damaged[block] === 0 && this._waiting[block]! > 0) {
			this._waiting[block]!--;
			this._allWaiting--;
		} else this._doubt(position);
		return marked;
	}

	/** Tries again to count readings and void slots where the flash refused. `append` does, too. */
	repair(): void {
		this._settle();
		if (this._abandoned.size === 0) return;
		for (const position of this._abandoned) {
			if (this._age(position) > this._blocks - 2 || this._mark(position, VOID)) this._abandoned.delete(position);
		}
	}

	/** Counts a reading that its owner had to drop. It is in flash with the next block. */
	drop(): void {
		this._dropped++;
	}

	/** Erases the next block and writes its header. Throws an Error where the flash refuses; the log is as it was then. */
	private _open(): void {
		const sequence = this._newest + 1;
		const evicted = (sequence + 1) % this._blocks;
		const dropped = this._dropped + this._waiting[evicted]! + this._damaged[evicted]!;
		const body = new DataView(new ArrayBuffer(12));
		body.setUint32(0, this._lastSeq);
		body.setUint32(4, dropped);
		body.setUint32(8, MAGIC + this._blocks);
		const header = encodeSlot({ kind: HEADER, seq: sequence, body: new Uint8Array(body.buffer) });
		this._flash.eraseBlock(sequence % this._blocks);
		const first = this._write(sequence * this._slots, header);
		const second = this._write(sequence * this._slots + 1, header);
		if (!first && !second) throw new Error("the flash keeps no header");
		this._newest = sequence;
		this._free = HEADER_SLOTS;
		this._dropped = dropped;
		this._setCounts(evicted, 0, 0);
	}

	private _abandon(position: number): void {
		this._abandoned.add(position);
		if (this._abandoned.size <= ABANDONED_MAXIMUM) return;
		for (const oldest of this._abandoned) return void this._abandoned.delete(oldest);
	}

	/** A slot is not as expected: the next query counts its block's readings anew, as the next start would. */
	private _doubt(position: number): void {
		this._uncounted.add(Math.floor(position / this._slots));
	}

	private _setCounts(block: number, waiting: number, damaged: number): void {
		this._allWaiting += waiting - this._waiting[block]!;
		this._allDamaged += damaged - this._damaged[block]!;
		this._waiting[block] = waiting;
		this._damaged[block] = damaged;
	}

	private _settle(): void {
		if (this._uncounted.size === 0) return;
		for (const sequence of [...this._uncounted]) {
			this._uncounted.delete(sequence);
			if (this._age(sequence * this._slots) > this._blocks - 2) continue;
			try {
				this._scan(sequence);
			} catch {
				this._uncounted.add(sequence);
			}
		}
	}

	/**
	 * Counts a block's readings and finds its first free slot, if it is the newest block. Returns the number of committed
	 * slots behind the last good one: each may be a reading that was sent.
	 */
	private _scan(sequence: number, onRecord?: (record: LogRecord, position: number) => void): number {
		let waiting = 0;
		let damaged = 0;
		let unknown = 0;
		let free = HEADER_SLOTS;
		/** The number of the last good record. */
		let previous: number | undefined;
		for (let index = HEADER_SLOTS; index < this._slots; index += SLOTS_AT_ONCE) {
			const position = sequence * this._slots + index;
			const bytes = this._read(position, Math.min(SLOTS_AT_ONCE, this._slots - index) * SLOT_BYTES);
			for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
				const mark = bytes[at]!;
				const acknowledged = isAcknowledged(mark);
				const note = bytes[at + KIND]! >= NOTE;
				if (acknowledged && !note && sequence !== this._newest) continue;
				if (isBlank(bytes, at)) continue;
				free = index + at / SLOT_BYTES + 1;
				if (this._abandoned.has(position + at / SLOT_BYTES)) continue;
				const record = decodeSlot(bytes, at);
				if (record) {
					unknown = 0;
					previous = record.seq;
					this._lastSeq = Math.max(this._lastSeq, previous);
					if (acknowledged && !(note && isCommitted(mark))) continue;
					if (!note) {
						waiting++;
						// The power was cut before its mark was written: from now on it may be sent.
						if (!isCommitted(mark)) this._mark(position + at / SLOT_BYTES, mark & COMMITTED);
					}
					onRecord?.(record, position + at / SLOT_BYTES);
				} else if (isCommitted(mark) && !(note && seqOf(bytes, at) === previous)) {
					// What says by its kind that it is a note, and by its number that it is no reading, was a note.
					unknown++;
					if (!acknowledged) damaged++;
				}
			}
		}
		this._setCounts(sequence % this._blocks, waiting, damaged);
		// Never back: a slot that failed before is not tried again.
		if (sequence === this._newest) this._free = Math.max(this._free, free);
		return unknown;
	}

	/** Openings since that of the position's block: 0 for the newest block, negative for a future one. */
	private _age(position: number): number {
		return this._newest - Math.floor(position / this._slots);
	}

	/** The slot at a position, or its beginning, if its block is in use and the flash can be read. */
	private _load(position: number, byteLength = SLOT_BYTES): Bytes | undefined {
		const age = this._age(position);
		if (!(age >= 0 && age < this._blocks - 1)) return undefined;
		try {
			return this._read(position, byteLength);
		} catch {
			return undefined;
		}
	}

	private _read(position: number, byteLength: number): Bytes {
		return new Uint8Array(this._flash.read(byteLength, this._offset(position)) as ArrayBuffer);
	}

	/** Returns whether the flash then holds the bytes. */
	private _write(position: number, bytes: Bytes): boolean {
		this._program(position, bytes);
		try {
			const written = this._read(position, bytes.length);
			for (let index = 0; index < bytes.length; index++) if (bytes[index] !== written[index]) return false;
			return true;
		} catch {
			return false;
		}
	}

	/** Ignores refusals: the flash may have written all the same. Reading back tells. */
	private _program(position: number, bytes: Bytes): void {
		try {
			this._flash.write(bytes, this._offset(position));
		} catch {
			// See above.
		}
	}

	/** Returns whether the slot now counts as marked: most of the bits are enough. */
	private _mark(position: number, mark: number): boolean {
		this._program(position, Uint8Array.of(mark));
		const written = this._markOf(position) ?? 0xff;
		return (mark & 0xf0) === 0 ? isAcknowledged(written) : isCommitted(written);
	}

	/** The mark at a position, where there is one as `_load` tells. */
	private _markOf(position: number): number | undefined {
		return this._load(position, 1)?.[0];
	}

	private _offset(position: number): number {
		const block = Math.floor(position / this._slots) % this._blocks;
		return block * this._blockLength + (position % this._slots) * SLOT_BYTES;
	}
}

interface Header {
	readonly sequence: number;
	readonly lastSeq: number;
	readonly dropped: number;
}

/** The header in the slot at `at`, if one of this block of so many is there. */
function decodeHeader(bytes: Bytes, at: number, block: number, blocks: number): Header | undefined {
	const slot = decodeSlot(bytes, at);
	if (slot?.kind !== HEADER || slot.seq % blocks !== block) return undefined;
	const view = new DataView(slot.body.buffer);
	if (view.getUint32(8) !== MAGIC + blocks) return undefined;
	return { sequence: slot.seq, lastSeq: view.getUint32(0), dropped: view.getUint32(4) };
}

/** The header that is there twice, at the beginning of a block, if it is there. */
function headerIn(copies: Bytes, block: number, blocks: number): Header | undefined {
	return (
		decodeHeader(copies, 0, block, blocks) ??
		decodeHeader(copies, SLOT_BYTES, block, blocks) ??
		mendedHeader(copies, block, blocks)
	);
}

/**
 * The header of which both copies are damaged, each in other bits: then the bits in which they differ are the wrong ones,
 * and its CRC tells of which copy. Without it a log of one block would be lost, and its numbers begin anew.
 */
function mendedHeader(copies: Bytes, block: number, blocks: number): Header | undefined {
	const differing: number[] = [];
	for (let bit = 0; bit < 8 * SLOT_BYTES; bit++) {
		const at = bit >> 3;
		if ((((copies[at]! ^ copies[at + SLOT_BYTES]!) >> (bit & 7)) & 1) !== 0) differing.push(bit);
	}
	if (differing.length > DIFFERING_MAXIMUM) return undefined;
	for (let choice = 1; choice < 1 << differing.length; choice++) {
		const copy = copies.slice(0, SLOT_BYTES);
		for (const [index, bit] of differing.entries()) copy[bit >> 3]! ^= ((choice >> index) & 1) << (bit & 7);
		const header = decodeHeader(copy, 0, block, blocks);
		if (header) return header;
	}
	return undefined;
}

/** Whether a flash's whole content is that of a log, or of a flash that was never written: any other would count as empty. */
export function isLog(image: Bytes, blockLength: number): boolean {
	const blocks = image.length / blockLength;
	for (let block = 0; block < blocks; block++) {
		const start = block * blockLength;
		if (headerIn(image.slice(start, start + HEADER_SLOTS * SLOT_BYTES), block, blocks)) return true;
	}
	return image.every((byte) => byte === 0xff);
}

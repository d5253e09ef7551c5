/**
 * Readings and notes in flash, one behind another.
 *
 * The blocks are a ring that is always opened in the same order, so they wear
 * evenly. Opening a block erases it and writes its header twice, in its first
 * two slots: the block's sequence number, which rises by one with each opening
 * and tells where in the ring the block lies; the highest `seq` so far; how many
 * readings were dropped so far; and how many blocks before it a start has to read, as
 * something waited in them, plus 1 (0, as earlier versions have it: all of them).
 *
 * All blocks but one are in use. The newest header gives up the block that is
 * opened next, and counts its waiting readings as dropped; the block is erased
 * later. So a power cut leaves a reading in use or counted, never both or neither,
 * and an interrupted erase does not matter: the block is erased again.
 *
 * The flash decides which readings wait and which were dropped; the counts here
 * only save reading it again. A start looks at marks and kinds. Whether a reading
 * is whole is seen when it is read; if it is damaged, it counts as dropped from then
 * on, and the header of its block is marked: a start reads all that waits in such a one.
 */
import type { Bytes, Flash } from "../host.js";
import {
	ACKNOWLEDGED,
	COMMITTED,
	COMPLETE,
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
/** Slots that are read at once: a third of a block. */
const SLOTS_AT_ONCE = 57;
/** So many blocks before it are more than a header can tell. */
const UNREAD_MAXIMUM = 0xff;
/** The kind of a header, whose body ends with `MAGIC` plus the number of blocks. */
const HEADER = 0xff;
const HEADER_SLOTS = 2;
/** Bits in which its two copies may differ, and it is found: of what is no header, one in millions counts as one then. */
const DIFFERING_MAXIMUM = 8;
const KEEPS_NOTHING = "the flash does not keep written data";
/** A header's mark, if readings in its block were found to be damaged: then a start looks whether each of them is whole. */
const DAMAGED = ACKNOWLEDGED;
const MAGIC = 0x56_4c_01_00;
const UNREAD_AT = 12;

/**
 * A slot's first four bytes are looked at as one number, without the CRC in them, as a start has thousands to look at. The
 * mark is the lowest of them and the kind the highest, as on all machines that run this.
 */
const WORDS = SLOT_BYTES / 4;
const LOOKED_AT = ((NOTE | COMPLETE) << 24) | 0xff;
const BLANK = LOOKED_AT;
const WAITING = (COMPLETE << 24) | COMMITTED;
const DONE = (COMPLETE << 24) | ACKNOWLEDGED;
/** A note that is in the newest block, too, if it still counts. */
const RENEWED = ((NOTE | COMPLETE) << 24) | ACKNOWLEDGED;
/** No slot has this one. */
const NONE = ~LOOKED_AT;

/** What a further look at a slot finds. */
const WAITS = 1;
const IS_DAMAGED = 2;

/** Whose log it is. */
export interface LogOwner {
	/** The `COMPLETE` notes that count, with which each block begins. They are fewer than its slots. */
	notes(): readonly LogRecord[];
}

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
	/** Without one, blocks begin with no notes. */
	owner: LogOwner | undefined;
	/** The position of the newest reading at the start, if one of the last two blocks has it. */
	readonly lastReading: number | undefined;

	/**
	 * Reads the blocks in which something may wait, and calls back for each waiting reading that is not `COMPLETE` and each
	 * note that may count, oldest first. An area that holds other bytes counts as empty. Throws an Error where the flash
	 * refuses to be read or is too small.
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
		const header = this._newestHeader();
		if (!header) return;
		const { sequence: newest } = header;
		this._newest = newest;
		this._lastSeq = header.lastSeq;
		this._dropped = header.dropped;
		let end = HEADER_SLOTS;
		// All of these blocks were opened: their sequence numbers are known even if both headers are damaged.
		for (let sequence = Math.max(1, newest - (header.unread ?? blocks - 2)); sequence <= newest; sequence++) {
			const passed = header.unread !== undefined && sequence < newest ? RENEWED : NONE;
			end = this._count(sequence, WAITING, passed, onRecord);
		}
		// Slots that a power cut left without a mark.
		while (end < slots && !isBlank(this._read(newest * slots + end, SLOT_BYTES), 0, SLOT_BYTES)) end++;
		this._free = end;
		this.lastReading = this._findLast();
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
		throw new Error(KEEPS_NOTHING);
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
		return !isAcknowledged(this._load(position, 1)?.[0] ?? ACKNOWLEDGED);
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
				const header = this._header((at / this._slots) % this._blocks);
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
		const mark = this._load(position, 1)?.[0];
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

	/**
	 * Erases the next block, writes the owner's notes, and then the header, before which nothing in the block counts. Throws
	 * an Error where the flash refuses; the log is as it was then.
	 */
	private _open(): void {
		const sequence = this._newest + 1;
		const evicted = (sequence + 1) % this._blocks;
		const dropped = this._dropped + this._waiting[evicted]! + this._damaged[evicted]!;
		// The next start reads from the first block on that has something waiting.
		let unread = this._blocks - 2;
		for (; unread > 0 && this._uncounted.size === 0; unread--) {
			const block = (sequence + this._blocks - unread) % this._blocks;
			if (this._waiting[block]! + this._damaged[block]! > 0) break;
		}
		const body = new DataView(new ArrayBuffer(UNREAD_AT + 1));
		body.setUint32(0, this._lastSeq);
		body.setUint32(4, dropped);
		body.setUint32(8, MAGIC + this._blocks);
		body.setUint8(UNREAD_AT, unread < UNREAD_MAXIMUM ? unread + 1 : 0);
		const header = encodeSlot({ kind: HEADER, seq: sequence, body: new Uint8Array(body.buffer) });
		this._flash.eraseBlock(sequence % this._blocks);
		const begin = sequence * this._slots;
		const free = this._writeNotes(begin + HEADER_SLOTS) - begin;
		const first = this._write(begin, header);
		const second = this._write(begin + 1, header);
		if (!first && !second) throw new Error("the flash keeps no header");
		this._newest = sequence;
		this._free = free;
		this._dropped = dropped;
		this._setCounts(evicted, 0, 0);
	}

	/** Writes the owner's notes to a block that is not open yet, and returns the position behind them. */
	private _writeNotes(position: number): number {
		let tries = TRIES;
		for (const note of this.owner?.notes() ?? []) {
			const slot = encodeSlot(note);
			slot[0] = ACKNOWLEDGED;
			while (!this._write(position++, slot)) if (--tries === 0) throw new Error(KEEPS_NOTHING);
			this._writes++;
		}
		return position;
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
				this._count(sequence, NONE, RENEWED);
			} catch {
				this._uncounted.add(sequence);
			}
		}
	}

	/** The newest block's header, by the headers of a few blocks, or of all where one of these is none that can be there. */
	private _newestHeader(): Header | null | undefined {
		const blocks = this._blocks;
		// The first that is opened, and so blank only if the power was cut before its header was written.
		const first = this._header(1);
		let newest = first;
		let opened = 0;
		let behind = blocks;
		while (first && newest && behind - opened > 1) {
			const middle = (opened + behind) >> 1;
			const header = this._header((1 + middle) % blocks);
			const sequence = first.sequence + middle;
			if (header?.sequence === sequence) {
				newest = header;
				opened = middle;
			} else if (header ? header.sequence === sequence - blocks : header === null) behind = middle;
			else newest = undefined;
		}
		for (let block = 0; behind - opened > 1 && block < blocks; block++) {
			const header = this._header(block);
			if (header && header.sequence > (newest?.sequence ?? 0)) newest = header;
		}
		return newest;
	}

	private _header(block: number): Header | null | undefined {
		return headerIn(this._read(block * this._slots, HEADER_SLOTS * SLOT_BYTES), block, this._blocks);
	}

	/**
	 * Counts a block's readings; those whose first word is `waits` without a further look, unless the block is marked. Passes
	 * over what has the first word `passed`. Returns the index of the blank slots at its end.
	 */
	private _count(
		sequence: number,
		waits: number,
		passed: number,
		onRecord?: (record: LogRecord, position: number) => void,
	): number {
		let waiting = 0;
		let damaged = 0;
		let blank = this._slots;
		let behindBlank = 0;
		let unseen = waits;
		for (let index = 0; index < this._slots; index += SLOTS_AT_ONCE) {
			const first = sequence * this._slots + index;
			const bytes = this._read(first, Math.min(SLOTS_AT_ONCE, this._slots - index) * SLOT_BYTES);
			const words = new Int32Array(bytes.buffer);
			const { length } = words;
			if (index === 0 && (isAcknowledged(bytes[0]!) || isAcknowledged(bytes[SLOT_BYTES]!))) unseen = NONE;
			for (let at = index === 0 ? HEADER_SLOTS * WORDS : 0; at < length; at += WORDS) {
				const word = words[at]! & LOOKED_AT;
				if (word === unseen) waiting++;
				else if (word === BLANK) {
					const slot = index + at / WORDS;
					if (slot !== behindBlank) blank = slot;
					behindBlank = slot + 1;
				} else if (word !== DONE && word !== passed) {
					const found = this._look(bytes, 4 * at, first + at / WORDS, onRecord);
					if (found === WAITS) waiting++;
					else if (found === IS_DAMAGED) damaged++;
				}
			}
		}
		// Before it counts: so the next start finds the same.
		if (damaged > 0 && waits === NONE) {
			for (let slot = 0; slot < HEADER_SLOTS; slot++) {
				this._program(sequence * this._slots + slot, Uint8Array.of(DAMAGED));
			}
		}
		this._setCounts(sequence % this._blocks, waiting, damaged);
		return behindBlank === this._slots ? blank : this._slots;
	}

	/** Returns whether a slot that is not blank has a reading that waits, or a damaged one that would. */
	private _look(
		bytes: Bytes,
		at: number,
		position: number,
		onRecord?: (record: LogRecord, position: number) => void,
	): typeof WAITS | typeof IS_DAMAGED | undefined {
		const mark = bytes[at]!;
		const note = bytes[at + KIND]! >= NOTE;
		const acknowledged = isAcknowledged(mark);
		if ((acknowledged && !(note && isCommitted(mark))) || this._abandoned.has(position)) return undefined;
		const record = decodeSlot(bytes, at);
		if (!record) return isCommitted(mark) && !acknowledged ? IS_DAMAGED : undefined;
		// The power was cut before its mark was written: from now on it may be sent.
		if (!note && !isCommitted(mark)) this._mark(position, mark & COMMITTED);
		onRecord?.(record, position);
		return note ? undefined : WAITS;
	}

	/**
	 * Returns the position of the newest reading. Its number is used, and so are those of the damaged records behind it: each
	 * may be a reading that was sent.
	 */
	private _findLast(): number | undefined {
		const { end } = this;
		const newestBlock = this._newest * this._slots;
		const begin = Math.max(this.begin, newestBlock - this._slots);
		let position = end;
		let newest: LogRecord | undefined;
		while (position > begin && !newest) {
			newest = decodeSlot(this._read(--position, SLOT_BYTES), 0);
			if (newest && newest.kind >= NOTE) newest = undefined;
		}
		let previous = newest?.seq ?? 0;
		let unknown = 0;
		for (let at = Math.max(position + 1, newestBlock + HEADER_SLOTS); at < end; at++) {
			const slot = this._read(at, SLOT_BYTES);
			const record = decodeSlot(slot, 0);
			if (record) {
				unknown = 0;
				previous = record.seq;
			} else if (isCommitted(slot[0]!) && !(slot[KIND]! >= NOTE && seqOf(slot, 0) === previous)) {
				// What says by its kind that it is a note, and by its number that it is no reading, was a note.
				unknown++;
			}
		}
		this._lastSeq = Math.min(Math.max(this._lastSeq, previous) + unknown, SEQ_MAXIMUM);
		return newest && position;
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
		const written = this._load(position, 1)?.[0] ?? 0xff;
		return (mark & 0xf0) === 0 ? isAcknowledged(written) : isCommitted(written);
	}

	private _offset(position: number): number {
		const index = position % this._slots;
		return (((position - index) / this._slots) % this._blocks) * this._blockLength + index * SLOT_BYTES;
	}
}

interface Header {
	readonly sequence: number;
	readonly lastSeq: number;
	readonly dropped: number;
	/** How many blocks before it a start has to read, if it tells. */
	readonly unread: number | undefined;
}

/** The header in the slot at `at`, if one of this block of so many is there. */
function decodeHeader(bytes: Bytes, at: number, block: number, blocks: number): Header | undefined {
	const slot = decodeSlot(bytes, at);
	if (slot?.kind !== HEADER || slot.seq % blocks !== block) return undefined;
	const view = new DataView(slot.body.buffer);
	if (view.getUint32(8) !== MAGIC + blocks) return undefined;
	const unread = view.getUint8(UNREAD_AT);
	return {
		sequence: slot.seq,
		lastSeq: view.getUint32(0),
		dropped: view.getUint32(4),
		unread: unread > 0 ? unread - 1 : undefined,
	};
}

/** The header that is there twice, at the beginning of a block, if it is there; `null` where nothing was written since the erase. */
function headerIn(copies: Bytes, block: number, blocks: number): Header | null | undefined {
	if (isBlank(copies, 0, copies.length)) return null;
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
	// The mark decides nothing.
	for (let bit = 8; bit < 8 * SLOT_BYTES; bit++) {
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

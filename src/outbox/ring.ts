/**
 * Records in RAM, for as long as the flash refuses: a ring of slots of fixed
 * number. A record is taken when it is sent and leaves when it is acknowledged.
 *
 * When the ring is full, the oldest record makes room; while the oldest is on
 * its way to the broker, the new one finds no room.
 */
import type { Bytes } from "../host.js";
import { ACKNOWLEDGED, decodeSlot, encodeSlot, type LogRecord, SLOT_BYTES } from "./slot.js";

/** A slot's mark beside `ACKNOWLEDGED`: the record waits, as `encodeSlot` leaves it; or it is on its way to the broker. */
const WAITING = 0xff;
const TAKEN = 0x0f;

export class Ring {
	private readonly _bytes: Bytes;
	private readonly _slots: number;
	/** Counts of records: the oldest, one before which none waits, and the next to be pushed. */
	private _first = 0;
	private _waiting = 0;
	private _next = 0;
	private _dropped = 0;

	/** @param size bytes of RAM: 24 for each record */
	constructor(size: number) {
		this._slots = Math.floor(size / SLOT_BYTES);
		this._bytes = new Uint8Array(this._slots * SLOT_BYTES);
	}

	/** Records from the oldest unacknowledged one on. */
	get length(): number {
		return this._next - this._first;
	}

	/** Records that found no room, or had to make it. */
	get dropped(): number {
		return this._dropped;
	}

	/** Returns the record's handle, or `undefined` where it found no room. */
	push(record: LogRecord): number | undefined {
		if (this.length === this._slots) {
			this._dropped++;
			if (this._markOf(this._first) === TAKEN) return undefined;
			this._mark(this._first, ACKNOWLEDGED);
			this._free();
		}
		this._bytes.set(encodeSlot(record), this._offset(this._next));
		return this._next++;
	}

	/** The oldest record that waits, with its handle for `acknowledge`; but none from the handle `end` on. */
	take(end = Number.POSITIVE_INFINITY): { readonly handle: number; readonly record: LogRecord } | undefined {
		while (this._waiting < this._next && this._markOf(this._waiting) !== WAITING) this._waiting++;
		if (this._waiting >= Math.min(this._next, end)) return undefined;
		const handle = this._waiting++;
		this._mark(handle, TAKEN);
		return { handle, record: decodeSlot(this._bytes, this._offset(handle))! };
	}

	/** A record that was taken waits again, in its old place. Throws as `acknowledge` does. */
	putBack(handle: number): void {
		this._checkTaken(handle);
		this._mark(handle, WAITING);
		this._waiting = Math.min(this._waiting, handle);
	}

	/** Takes out a record that was taken, so that its room is free. Throws as `acknowledge` does. */
	remove(handle: number): LogRecord {
		const record = decodeSlot(this._bytes, this._offset(handle))!;
		this.acknowledge(handle);
		return record;
	}

	/** Throws a RangeError for a record that is not taken, or was acknowledged before. */
	acknowledge(handle: number): void {
		this._checkTaken(handle);
		this._mark(handle, ACKNOWLEDGED);
		this._free();
	}

	private _checkTaken(handle: number): void {
		if (!(handle >= this._first && handle < this._next) || this._markOf(handle) !== TAKEN) {
			throw new RangeError(`nothing was taken as ${handle}`);
		}
	}

	/** The room of the oldest records that have left is free. */
	private _free(): void {
		while (this._first < this._next && this._markOf(this._first) === ACKNOWLEDGED) this._first++;
		this._waiting = Math.max(this._waiting, this._first);
	}

	private _markOf(handle: number): number {
		return this._bytes[this._offset(handle)]!;
	}

	private _mark(handle: number, mark: number): void {
		this._bytes[this._offset(handle)] = mark;
	}

	private _offset(handle: number): number {
		return (handle % this._slots) * SLOT_BYTES;
	}
}

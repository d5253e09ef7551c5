/**
 * Records in RAM, for as long as the flash refuses: a ring of slots of fixed
 * number. A record is taken when it is sent and leaves when it is acknowledged.
 *
 * When the ring is full, the oldest record makes room; while the oldest is on
 * its way to the broker, the new one finds no room.
 */
import type { Bytes } from "../host.js";
import { ACKNOWLEDGED, decodeSlot, encodeSlot, type LogRecord, SLOT_BYTES } from "./slot.js";

export class Ring {
	private readonly _bytes: Bytes;
	private readonly _slots: number;
	/** Counts of records: the oldest, the first that was not taken, and the next to be pushed. */
	private _first = 0;
	private _untaken = 0;
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

	push(record: LogRecord): void {
		if (this.length === this._slots) {
			this._dropped++;
			if (this._untaken > this._first) return;
			this._untaken = ++this._first;
		}
		this._bytes.set(encodeSlot(record), this._offset(this._next++));
	}

	/** The oldest record that was not taken, with its handle for `acknowledge`. */
	take(): { readonly handle: number; readonly record: LogRecord } | undefined {
		if (this._untaken === this._next) return undefined;
		const handle = this._untaken++;
		return { handle, record: decodeSlot(this._bytes, this._offset(handle))! };
	}

	/** Takes out a record that was taken, so that its room is free. Throws as `acknowledge` does. */
	remove(handle: number): LogRecord {
		const record = decodeSlot(this._bytes, this._offset(handle))!;
		this.acknowledge(handle);
		return record;
	}

	/** Throws a RangeError for a record that is not taken, or was acknowledged before. */
	acknowledge(handle: number): void {
		if (!(handle >= this._first && handle < this._untaken) || this._isAcknowledged(handle)) {
			throw new RangeError(`nothing was taken as ${handle}`);
		}
		this._bytes[this._offset(handle)] = ACKNOWLEDGED;
		while (this._first < this._untaken && this._isAcknowledged(this._first)) this._first++;
	}

	private _isAcknowledged(handle: number): boolean {
		return this._bytes[this._offset(handle)] === ACKNOWLEDGED;
	}

	private _offset(handle: number): number {
		return (handle % this._slots) * SLOT_BYTES;
	}
}

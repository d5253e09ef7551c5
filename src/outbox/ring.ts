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
	readonly #bytes: Bytes;
	readonly #slots: number;
	/** Records are counted: the oldest, the first that was not taken, and the one that comes next. */
	#first = 0;
	#untaken = 0;
	#next = 0;
	#dropped = 0;

	/** @param size bytes of RAM: 24 for each record */
	constructor(size: number) {
		this.#slots = Math.floor(size / SLOT_BYTES);
		this.#bytes = new Uint8Array(this.#slots * SLOT_BYTES);
	}

	/** Records that are not acknowledged, and those behind one that is not. */
	get length(): number {
		return this.#next - this.#first;
	}

	/** Records that found no room, or had to make it. */
	get dropped(): number {
		return this.#dropped;
	}

	push(record: LogRecord): void {
		if (this.length === this.#slots) {
			this.#dropped++;
			if (this.#untaken > this.#first) return;
			this.#untaken = ++this.#first;
		}
		this.#bytes.set(encodeSlot(record), this.#offset(this.#next++));
	}

	/** The oldest record that was not taken, with what names it to `acknowledge`. */
	take(): { readonly handle: number; readonly record: LogRecord } | undefined {
		if (this.#untaken === this.#next) return undefined;
		const handle = this.#untaken++;
		return { handle, record: decodeSlot(this.#bytes, this.#offset(handle))! };
	}

	/** Takes out a record that was taken, so that its room is free. Throws as `acknowledge` does. */
	remove(handle: number): LogRecord {
		const record = decodeSlot(this.#bytes, this.#offset(handle))!;
		this.acknowledge(handle);
		return record;
	}

	/** Throws a RangeError for a record that is not taken, or was acknowledged before. */
	acknowledge(handle: number): void {
		if (!(handle >= this.#first && handle < this.#untaken) || this.#isAcknowledged(handle)) {
			throw new RangeError(`nothing was taken as ${handle}`);
		}
		this.#bytes[this.#offset(handle)] = ACKNOWLEDGED;
		while (this.#first < this.#untaken && this.#isAcknowledged(this.#first)) this.#first++;
	}

	#isAcknowledged(handle: number): boolean {
		return this.#bytes[this.#offset(handle)] === ACKNOWLEDGED;
	}

	#offset(handle: number): number {
		return (handle % this.#slots) * SLOT_BYTES;
	}
}

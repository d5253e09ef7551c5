/**
 * Records that wait for the broker: a ring of bytes of fixed size.
 *
 * A record is taken when it is sent and leaves when it is acknowledged. When
 * the ring is full, the oldest record that has not been taken makes room: what
 * has been taken may already be with the broker, and must be there for a
 * redelivery.
 */
import type { Bytes } from "../host.js";

/** Longest record in bytes; each is preceded by one byte of length. */
export const RECORD_BYTES_MAXIMUM = 127;
/** Set in the length byte of a record that was acknowledged before an older one. */
const ACKNOWLEDGED = 0x80;

/** A record that was taken. */
export interface Taken {
	/** Names the record to `acknowledge`. */
	readonly handle: number;
	readonly record: Bytes;
}

export class Outbox {
	readonly #ring: Bytes;
	/** Where the oldest record begins, and how many bytes are in use from there on. */
	#start = 0;
	#used = 0;
	/** Where the first record that has not been taken begins, counted from `#start`. */
	#takenBytes = 0;
	#takenCount = 0;
	#count = 0;
	/** The handle of the oldest record; the handles of the records behind it follow by one. */
	#firstHandle = 0;
	#dropped = 0;

	/** @param capacity size of the ring in bytes; at least one record of full length */
	constructor(capacity: number) {
		if (capacity <= RECORD_BYTES_MAXIMUM)
			throw new RangeError(`an outbox needs more than ${RECORD_BYTES_MAXIMUM} bytes`);
		this.#ring = new Uint8Array(capacity);
	}

	/** Records that are not acknowledged. */
	get length(): number {
		return this.#count;
	}

	/** Bytes in use. */
	get byteLength(): number {
		return this.#used;
	}

	/** Records that had to make room for newer ones. */
	get dropped(): number {
		return this.#dropped;
	}

	/** Appends a record; throws a RangeError when it is empty or too long. */
	push(record: Bytes): void {
		if (record.length === 0 || record.length > RECORD_BYTES_MAXIMUM) {
			throw new RangeError(`a record has 1 to ${RECORD_BYTES_MAXIMUM} bytes, not ${record.length}`);
		}
		while (this.#used + 1 + record.length > this.#ring.length) {
			if (!this.#dropOldest()) {
				// All that is left has been taken: the new record has nowhere to go.
				this.#dropped++;
				return;
			}
		}
		const at = this.#used;
		this.#write(at, record.length);
		for (let index = 0; index < record.length; index++) this.#write(at + 1 + index, record[index]!);
		this.#used += 1 + record.length;
		this.#count++;
	}

	/** The oldest record that has not been taken. */
	take(): Taken | undefined {
		if (this.#takenBytes === this.#used) return undefined;
		const length = this.#read(this.#takenBytes);
		const record = new Uint8Array(length);
		for (let index = 0; index < length; index++) record[index] = this.#read(this.#takenBytes + 1 + index);
		this.#takenBytes += 1 + length;
		return { handle: this.#firstHandle + this.#takenCount++, record };
	}

	/** Frees a record that was taken. Throws a RangeError for any other handle. */
	acknowledge(handle: number): void {
		const index = handle - this.#firstHandle;
		if (!(index >= 0 && index < this.#takenCount)) throw new RangeError(`nothing was taken as ${handle}`);
		let at = 0;
		for (let passed = 0; passed < index; passed++) at += this.#sizeAt(at);
		const length = this.#read(at);
		if (length & ACKNOWLEDGED) throw new RangeError(`${handle} was acknowledged before`);
		this.#write(at, length | ACKNOWLEDGED);
		this.#count--;
		this.#free();
	}

	/** Gives back the space of the acknowledged records in front. */
	#free(): void {
		while (this.#takenCount > 0 && this.#read(0) & ACKNOWLEDGED) {
			const size = this.#sizeAt(0);
			this.#start = (this.#start + size) % this.#ring.length;
			this.#used -= size;
			this.#takenBytes -= size;
			this.#takenCount--;
			this.#firstHandle++;
		}
	}

	/** Drops the oldest record that has not been taken: the taken ones, few, move up over it. */
	#dropOldest(): boolean {
		if (this.#takenBytes === this.#used) return false;
		const size = this.#sizeAt(this.#takenBytes);
		for (let at = this.#takenBytes - 1; at >= 0; at--) this.#write(at + size, this.#read(at));
		this.#start = (this.#start + size) % this.#ring.length;
		this.#used -= size;
		this.#count--;
		this.#dropped++;
		return true;
	}

	/** Bytes that the record at `at` occupies. */
	#sizeAt(at: number): number {
		return 1 + (this.#read(at) & ~ACKNOWLEDGED);
	}

	#read(at: number): number {
		return this.#ring[(this.#start + at) % this.#ring.length]!;
	}

	#write(at: number, byte: number): void {
		this.#ring[(this.#start + at) % this.#ring.length] = byte;
	}
}

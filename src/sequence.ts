/**
 * The numbers of the readings: rising by one, across restarts, never used twice.
 *
 * The number is written before it is used. A flash wears by it, but little: one
 * write a minute fills the 24 KB of an ESP32's NVS partition a few times a day,
 * and its sectors are made for 100,000 times.
 */
import type { StoragePort } from "./host.js";

const KEY = "seq";
/** The outbox keeps 32 bits. One reading a second reaches this after 136 years. */
const LARGEST = 0xffff_ffff;

export class Sequence {
	readonly #storage: StoragePort;
	readonly #onError: (error: unknown) => void;
	#last: number;

	/** @param onError told when a number could not be written; it is used all the same, for the reading counts more */
	constructor(storage: StoragePort, onError: (error: unknown) => void) {
		this.#storage = storage;
		this.#onError = onError;
		const last = Number(storage.read(KEY) ?? 0);
		this.#last = Number.isInteger(last) && last >= 0 && last <= LARGEST ? last : 0;
	}

	next(): number {
		const next = this.#last >= LARGEST ? 1 : this.#last + 1;
		try {
			this.#storage.write(KEY, String(next));
		} catch (error) {
			this.#onError(error);
		}
		this.#last = next;
		return next;
	}
}

/** Small values in the board's flash, in the NVS partition. */
import KeyValue, { type Storage } from "embedded:storage/key-value";
import type { StoragePort } from "../../src/host.js";

/** The namespace in NVS, of at most 15 characters like a key. */
const NAMESPACE = "veleta";

/**
 * NVS replaces a value in one step: after a power cut in the middle there is
 * the old one or the new one. The SDK's `preference` would not do, for it erases
 * the old one first. `write` throws an Error where the flash refuses.
 */
export class FlashStorage implements StoragePort {
	#storage: Storage | undefined;

	read(key: string): string | undefined {
		const value = this.#open().read(key);
		return typeof value === "string" ? value : undefined;
	}

	write(key: string, value: string): void {
		this.#open().write(key, value);
	}

	#open(): Storage {
		this.#storage ??= KeyValue.open({ path: NAMESPACE, format: "string" });
		return this.#storage;
	}
}

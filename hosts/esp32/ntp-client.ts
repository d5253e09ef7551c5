/** The NTP port on the SDK's `sntp`, which every program with a network has on a board already. */
import type { NTPClient } from "../../src/host.js";

/**
 * The SDK's class, as far as it is used here. It asks five times within 25 s,
 * and closes itself before it tells the time and after it has told an error,
 * unless the callback returns the name of another server.
 */
export interface SntpConstructor {
	readonly time: number;
	readonly error: number;
	new (options: { host: string }, callback: (message: number, value?: number | string) => void): { close(): void };
}

export interface SntpClientOptions {
	readonly sntp: SntpConstructor;
	/** Name or address of the time server. */
	readonly host: string;
}

/** The SDK gives seconds in 32 bits, as a signed number: from 2038 on it is negative. */
const SECONDS_MODULUS = 2 ** 32;

export class SntpClient implements NTPClient {
	readonly #options: SntpClientOptions;
	/** The request under way, to be closed. */
	#request: { close(): void } | undefined;
	#callback: ((error: Error | null, time?: number) => void) | undefined;

	constructor(options: SntpClientOptions) {
		this.#options = options;
	}

	/** Throws an Error where no socket is to be had. */
	getTime(callback: (error: Error | null, time?: number) => void): void {
		const { sntp, host } = this.#options;
		this.#callback = callback;
		const request = new sntp({ host }, (message, value) => {
			if (message === sntp.time && typeof value === "number") {
				this.#settle(null, (value < 0 ? value + SECONDS_MODULUS : value) * 1_000);
			} else if (message === sntp.error) this.#settle(new Error(typeof value === "string" ? value : "no answer"));
		});
		// A name that is known already may have been found unusable before the constructor returned.
		if (this.#callback === callback) this.#request = request;
	}

	close(): void {
		this.#callback = undefined;
		const request = this.#request;
		this.#request = undefined;
		request?.close();
	}

	/** The request closes itself. */
	#settle(error: Error | null, time?: number): void {
		const callback = this.#callback;
		this.#request = undefined;
		this.#callback = undefined;
		if (error) callback?.(error);
		else callback?.(null, time);
	}
}

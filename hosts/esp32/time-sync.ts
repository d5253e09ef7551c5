/** Sets the clock from the network by SNTP (RFC 4330), and again from time to time. */
import type { LogLevel, TimerPort } from "../../src/host.js";

/** After an answer, in ms: a crystal of 20 ppm is off by 0.4 s after it. */
const AGAIN_MS = 6 * 3_600_000;
/** After a failure, in ms. RFC 4330 (section 10) asks for 15 s at the least. */
const RETRY_MS = 60_000;

/** The SDK's class; it asks five times within 25 s, calls back with `error`, and closes itself. */
export interface SntpConstructor {
	readonly time: number;
	readonly error: number;
	new (options: { host: string }, callback: (message: number, value?: number) => void): unknown;
}

export interface TimeSyncOptions {
	readonly io: SntpConstructor;
	/** Name or address of the time server. */
	readonly host: string;
	readonly timer: TimerPort;
	readonly log: (level: LogLevel, text: string) => void;
	/** Whether asking makes sense now. */
	readonly networkReady: () => boolean;
	/** Sets the clock, in seconds since 1970. */
	readonly onTime: (seconds: number) => void;
}

export class TimeSync {
	readonly #options: TimeSyncOptions;
	#timer: unknown;
	/** The request under way; held here, or it would be collected. */
	#request: unknown;
	#toldOfFailure = false;

	constructor(options: TimeSyncOptions) {
		this.#options = options;
	}

	/** Asks now, unless a request or a later one is under way. */
	start(): void {
		if (this.#request === undefined && this.#timer === undefined) this.#ask();
	}

	#ask(): void {
		const { io, host, networkReady, onTime, log } = this.#options;
		if (!networkReady()) return this.#after(RETRY_MS);
		try {
			this.#request = new io({ host }, (message, value) => {
				if (message === io.time && value !== undefined) {
					onTime(value);
					if (this.#toldOfFailure) log("info", `time: set by ${host}`);
					this.#toldOfFailure = false;
					this.#after(AGAIN_MS);
				} else if (message === io.error) this.#failed("no answer");
			});
		} catch (error) {
			this.#failed(error instanceof Error ? error.message : String(error));
		}
	}

	#failed(reason: string): void {
		if (!this.#toldOfFailure)
			this.#options.log("warning", `time: not set by ${this.#options.host}: ${reason}; readings wait for their time`);
		this.#toldOfFailure = true;
		this.#after(RETRY_MS);
	}

	#after(delay: number): void {
		this.#request = undefined;
		this.#timer = this.#options.timer.set(() => {
			this.#timer = undefined;
			this.#ask();
		}, delay);
	}
}

/** Sets the wall clock from the network by NTP or SNTP (RFC 4330), and again from time to time. */
import type { LogLevel, NetworkPort, NTPClient, TimerPort } from "../host.js";
import { messageOf } from "../text.js";

/** After an answer, in ms: a crystal of 20 ppm is off by 0.4 s after it. */
const AGAIN_MS = 6 * 3_600_000;
/** After a failure, in ms. RFC 4330 (section 10) asks for 15 s at the least. */
const RETRY_MS = 60_000;
/** A client that has not called back by then, in ms, is given up. */
const ANSWER_TIMEOUT_MS = 60_000;
/** A server's answer from before this program was written is wrong. */
const EARLIEST_MS = 1_767_225_600_000;

export interface TimeSyncOptions {
	readonly network: NetworkPort;
	readonly timer: TimerPort;
	readonly log: (level: LogLevel, text: string) => void;
	/** Sets the clock, in ms since 1970. */
	readonly setTime: (time: number) => void;
}

export class TimeSync {
	readonly #options: TimeSyncOptions;
	#timer: unknown;
	/** The client that was asked; held here, or it would be collected. */
	#client: NTPClient | undefined;
	#isSet = false;
	#toldOfFailure = false;

	constructor(options: TimeSyncOptions) {
		this.#options = options;
	}

	/** The network is up: asks now, unless somebody was asked and has not answered, or the time was set not long ago. */
	start(): void {
		if (!this.#client && !this.#isSet) this.#ask();
	}

	close(): void {
		this.#after(undefined);
	}

	#ask(): void {
		const { ntp, ready } = this.#options.network;
		if (!ntp) return;
		if (ready === false) return this.#after(RETRY_MS);
		this.#after(ANSWER_TIMEOUT_MS);
		try {
			const { io, ...options } = ntp;
			const client = new io(options);
			this.#client = client;
			client.getTime((error, time) => {
				if (this.#client !== client) return;
				if (error || time === undefined) this.#failed(error?.message ?? "no time");
				else this.#answered(time);
			});
		} catch (error) {
			this.#failed(messageOf(error));
		}
	}

	#answered(time: number): void {
		if (!(time >= EARLIEST_MS)) return this.#failed("it tells a time of long ago");
		const client = this.#client;
		this.#options.setTime(time);
		// Whoever was told may have closed this.
		if (this.#client !== client) return;
		if (this.#toldOfFailure) this.#options.log("info", "time: set");
		this.#toldOfFailure = false;
		this.#isSet = true;
		this.#after(AGAIN_MS);
	}

	#failed(reason: string): void {
		if (!this.#toldOfFailure) this.#options.log("warning", `time: not set: ${reason}; readings wait for their time`);
		this.#toldOfFailure = true;
		this.#after(RETRY_MS);
	}

	/** Whoever was asked is not listened to any more; the next one is asked after `delay` ms. */
	#after(delay: number | undefined): void {
		const { timer } = this.#options;
		this.#client?.close();
		this.#client = undefined;
		if (this.#timer !== undefined) timer.clear(this.#timer);
		this.#timer = delay === undefined ? undefined : timer.set(() => this.#due(), delay);
	}

	#due(): void {
		this.#timer = undefined;
		this.#isSet = false;
		if (this.#client) return this.#failed("no answer");
		this.#ask();
	}
}

/** The NTP port on lwIP's SNTP client, which ESP-IDF has; its other half is `lwip-sntp.c`. */
import type { NTPClient, TimerPort } from "../../../src/host.js";

/** Between looks for the answer, in ms: a reading is labelled later than its time anyway. */
const LOOK_MS = 100;

export interface SntpClientOptions {
	readonly sntp: Sntp;
	readonly timer: TimerPort;
	/** Name or address of the time server. */
	readonly host: string;
}

/** lwIP's client: there is one, and it asks until it is stopped. */
export interface Sntp {
	/** Throws an Error where there is no memory. */
	start(host: string): void;
	/** Ms since 1970, now, once the server has answered. */
	time(): number | undefined;
	/** Calling it twice does no harm. */
	stop(): void;
}

/** Calls back with a time or not at all: the caller has the timeout. */
export class SntpClient implements NTPClient {
	private readonly _options: SntpClientOptions;
	private _timer: unknown;

	constructor(options: SntpClientOptions) {
		this._options = options;
	}

	getTime(callback: (error: Error | null, time?: number) => void): void {
		const { sntp, host } = this._options;
		sntp.start(host);
		this._look(callback);
	}

	close(): void {
		const { sntp, timer } = this._options;
		if (this._timer !== undefined) timer.clear(this._timer);
		this._timer = undefined;
		sntp.stop();
	}

	private _look(callback: (error: null, time: number) => void): void {
		const { sntp, timer } = this._options;
		this._timer = timer.set(() => {
			this._timer = undefined;
			const time = sntp.time();
			if (time === undefined) return this._look(callback);
			sntp.stop();
			callback(null, time);
		}, LOOK_MS);
	}
}

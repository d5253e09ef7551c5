/** Sets the wall clock from the network by NTP or SNTP (RFC 4330), and again from time to time. */
import { Alarm } from "../alarm.js";
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
	private readonly _options: TimeSyncOptions;
	private readonly _alarm: Alarm;
	/** The client that was asked; held here, or it would be collected. */
	private _client: NTPClient | undefined;
	private _isSet = false;
	private _toldOfFailure = false;

	constructor(options: TimeSyncOptions) {
		this._options = options;
		this._alarm = new Alarm(options.timer);
	}

	/** The network is up: asks for the time, unless a request is under way or the time was set in the last six hours. */
	start(): void {
		if (!this._client && !this._isSet) this._ask();
	}

	close(): void {
		this._after(undefined);
	}

	private _ask(): void {
		const { ntp, ready } = this._options.network;
		if (!ntp) return;
		if (ready === false) return this._after(RETRY_MS);
		this._after(ANSWER_TIMEOUT_MS);
		try {
			const { io, ...options } = ntp;
			const client = new io(options);
			this._client = client;
			client.getTime((error, time) => {
				if (this._client !== client) return;
				if (error || time === undefined) this._failed(error?.message ?? "no time");
				else this._answered(time);
			});
		} catch (error) {
			this._failed(messageOf(error));
		}
	}

	private _answered(time: number): void {
		if (!(time >= EARLIEST_MS)) return this._failed("it tells a time of long ago");
		const client = this._client;
		this._options.setTime(time);
		// `setTime` may have closed this.
		if (this._client !== client) return;
		if (this._toldOfFailure) this._options.log("info", "time: set");
		this._toldOfFailure = false;
		this._isSet = true;
		this._after(AGAIN_MS);
	}

	private _failed(reason: string): void {
		if (!this._toldOfFailure) this._options.log("warning", `time: not set: ${reason}; readings wait for their time`);
		this._toldOfFailure = true;
		this._after(RETRY_MS);
	}

	/** Drops the client of the last request; the next request follows after `delay` ms. */
	private _after(delay: number | undefined): void {
		this._client?.close();
		this._client = undefined;
		if (delay === undefined) this._alarm.clear();
		else this._alarm.set(() => this._due(), delay);
	}

	private _due(): void {
		this._isSet = false;
		if (this._client) return this._failed("no answer");
		this._ask();
	}
}

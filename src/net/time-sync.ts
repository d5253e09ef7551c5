/** Sets the wall clock by SNTP, and again from time to time. */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import { isoTime, messageOf } from "../text.js";
import { canBeNow } from "../wall-clock.js";
import { SntpQuestion } from "./sntp.js";

/** After an answer, in ms: a crystal of 20 ppm is off by 0.4 s after it. */
const AGAIN_MS = 6 * 3_600_000;
/** From one question to the next, in ms, at the least (RFC 4330, section 10). */
const SOON_MS = 15_000;
/** From a question that failed to the next, in ms: each time twice as long, from the shortest on. */
const RETRY_MAXIMUM_MS = 60_000;
/** A server that has not answered by then, in ms, does not: a datagram is lost, or its answer. */
const ANSWER_TIMEOUT_MS = 10_000;
/** A clock is not put back or forward by more, in ms, before a second answer says the same. */
const BACK_MS = 86_400_000;
const FORWARD_MS = 365 * 86_400_000;
/** By how much two answers that say the same may differ, in ms. */
const SAME_MS = 60_000;

type TimeHost = Pick<Host, "network" | "timer" | "clock" | "random" | "log">;

export class TimeSync {
	private readonly _host: TimeHost;
	private readonly _server: string;
	private readonly _link: { wake(): void };
	private readonly _alarm: Alarm;
	private _question: SntpQuestion | undefined;
	private _askedAt = Number.NEGATIVE_INFINITY;
	private _isSet = false;
	/** Wall-clock minus monotonic time, in ms, of an answer that is not believed yet. */
	private _doubted: number | undefined;
	/** From a question that fails to the next, in ms. */
	private _retryDelay = SOON_MS;
	private _toldOfFailure = false;

	/** `server`: name or address. `link`: is woken when the clock was set, as a machine that sleeps may have waited for that. */
	constructor(host: TimeHost, server: string, link: { wake(): void }) {
		this._host = host;
		this._server = server;
		this._link = link;
		this._alarm = new Alarm(host.timer);
	}

	/** The network is up: asks for the time, unless a question is under way or the time was set in the last six hours. */
	start(): void {
		if (!this._question && !this._isSet) this._askSoon();
	}

	/** A certificate's dates do not fit the clock: asks for the time, if that was not done just now. */
	doubt(): void {
		this._isSet = false;
		this.start();
	}

	close(): void {
		this._after(undefined);
	}

	private _askSoon(): void {
		const wait = this._askedAt + SOON_MS - this._host.clock.now();
		if (wait > 0) this._after(wait);
		else this._ask();
	}

	private _ask(): void {
		const { network, clock, random } = this._host;
		if (!clock.setTime || !network.udp || !network.dns) return;
		if (network.ready === false) return this._after(RETRY_MAXIMUM_MS);
		this._askedAt = clock.now();
		this._after(ANSWER_TIMEOUT_MS);
		try {
			this._question = new SntpQuestion({
				network,
				clock,
				random,
				server: this._server,
				onTime: (time) => this._answered(time),
				onError: (reason) => this._failed(reason),
			});
		} catch (error) {
			this._failed(messageOf(error));
		}
	}

	private _answered(time: number): void {
		const { clock, log } = this._host;
		if (!canBeNow(time)) return this._failed(`${isoTime(time)} cannot be`);
		const offset = time - clock.now();
		const before = this._doubted;
		this._doubted = isJump(clock.time(), time) ? offset : undefined;
		if (this._doubted !== undefined) {
			if (before === undefined) return this._after(SOON_MS);
			if (Math.abs(offset - before) > SAME_MS) return this._failed("two answers differ");
			this._doubted = undefined;
		}
		this._isSet = true;
		this._retryDelay = SOON_MS;
		this._after(AGAIN_MS);
		if (this._toldOfFailure) log("info", "time: set");
		this._toldOfFailure = false;
		clock.setTime?.(time);
		this._link.wake();
	}

	private _failed(reason: string): void {
		if (!this._toldOfFailure) this._host.log("warning", `time: not set: ${reason}; readings wait for their time`);
		this._toldOfFailure = true;
		this._after(this._askedAt + this._retryDelay - this._host.clock.now());
		this._retryDelay = Math.min(2 * this._retryDelay, RETRY_MAXIMUM_MS);
	}

	/** Drops the question under way; the next one follows after `delay` ms. */
	private _after(delay: number | undefined): void {
		this._question?.close();
		this._question = undefined;
		if (delay === undefined) this._alarm.clear();
		else this._alarm.set(() => this._due(), delay);
	}

	private _due(): void {
		this._isSet = false;
		if (this._question) return this._failed("no answer");
		this._ask();
	}
}

/** Whether a certificate's dates have ended a connection, by the reason that the host gives (`TlsOptions`). */
export function isAboutDates(reason: string): boolean {
	return reason.endsWith("has expired") || reason.endsWith("is not valid yet");
}

/** Whether a clock that shows `known` would jump so far that one answer alone is not believed; ms since 1970. */
export function isJump(known: number | undefined, time: number): boolean {
	return known !== undefined && (time < known - BACK_MS || time > known + FORWARD_MS);
}

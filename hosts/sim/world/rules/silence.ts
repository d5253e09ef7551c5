/** The rule for a broker that falls silent while it owes an answer: the station gives it up in time, and not earlier. */

/** From a CONNECT to the end, where no CONNACK comes, in ms. */
const CONNACK_MS = 10_000;
/** From the first sign of silence to the end, in ms, at least and at most. */
const NOTICE_LEAST_MS = 9_000;
const NOTICE_MOST_MS = 19_000;
/** From a PINGREQ to the end, in ms, at least. */
const RESPONSE_MS = 6_000;
/** Whole seconds, and what comes on top of three round trips and of six. */
const AFTER_THREE_MS = 7_000;
const AFTER_SIX_MS = 2_000;
/** What a clock that runs slow makes of a time, at most. */
const DRIFT = 0.001;

export interface SilenceOptions {
	/** How late a timer may be, in ms, for all reasons. */
	readonly lateness: number;
	readonly violate: (kind: string, text: string) => void;
}

export class Silence {
	private readonly _options: SilenceOptions;
	/** Since when an answer has been due, and since when nothing has arrived meanwhile. */
	private _dueSince: number | undefined;
	private _silentSince = 0;
	private _receivedAt = 0;
	private _isAccepted = false;
	/** The longest time for which an answer was due on this connection, in ms. */
	private _longest = 0;
	private _wasSilent = false;

	constructor(options: SilenceOptions) {
		this._options = options;
	}

	/** Whether an answer is due, as far as was told. */
	get isDue(): boolean {
		return this._dueSince !== undefined;
	}

	/** A connection is open. */
	opened(time: number): void {
		this._dueSince = undefined;
		this._receivedAt = time;
		this._isAccepted = false;
		// After an end in silence the station may take the broker for a slow one.
		this._longest = this._wasSilent ? NOTICE_MOST_MS : 0;
		this._wasSilent = false;
	}

	/** Bytes have left; `isDue`: an answer is due; `isRest`: of a packet that had to wait, which is a sign of life. */
	sent(time: number, isDue: boolean, isRest: boolean): void {
		this.judge(time);
		if (isRest) this._silentSince = time;
		if (!isDue || this._dueSince !== undefined) return;
		this._dueSince = this._silentSince = time;
	}

	received(time: number): void {
		this.judge(time);
		this._isAccepted = true;
		this._silentSince = this._receivedAt = time;
	}

	/** Whether an answer is due still, after something has arrived. */
	settled(time: number, isDue: boolean): void {
		if (this._dueSince === undefined || isDue) return;
		this._longest = Math.max(this._longest, time - this._dueSince);
		this._dueSince = undefined;
	}

	/** The station says that it has given up; `noPingresp`: for want of a PINGRESP, not of an acknowledgement. */
	saidSo(time: number, noPingresp: boolean): void {
		this._wasSilent = true;
		if (!noPingresp) return;
		const silence = time - this._receivedAt;
		if (silence < RESPONSE_MS * (1 - DRIFT) - 1) {
			this._options.violate("silence", `given up, and something arrived ${Math.round(silence)} ms before`);
		}
	}

	/** The connection is over. */
	ended(time: number): void {
		this.judge(time);
		this._dueSince = undefined;
	}

	judge(time: number): void {
		if (this._dueSince === undefined) return;
		const silence = time - this._silentSince;
		const longest = Math.max(this._longest, this._silentSince - this._dueSince);
		const learned = Math.max(NOTICE_LEAST_MS, 3 * longest + AFTER_THREE_MS, 6 * longest + AFTER_SIX_MS);
		const bound = this._isAccepted ? Math.min(NOTICE_MOST_MS, longest === 0 ? NOTICE_LEAST_MS : learned) : CONNACK_MS;
		if (silence > bound * (1 + DRIFT) + this._options.lateness) {
			this._options.violate(
				"silence",
				`an answer is due, and nothing has arrived for ${Math.round(silence)} ms; ${Math.round(bound)} are the most`,
			);
		}
	}
}

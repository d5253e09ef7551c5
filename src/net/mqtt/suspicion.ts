/**
 * Finds the message that makes a broker close connections. A broker of
 * MQTT 5.0 can refuse a message; older ones, and many of 5.0, just close the
 * connection, and would again after each redelivery.
 *
 * When a connection ends with several messages unacknowledged, the cause may be
 * any of them: on the next one they leave one at a time, once the broker has
 * answered a PINGREQ. A message is the cause if three connections end this way,
 * each within 10 s of sending it.
 */
import type { Connection } from "./connection.js";
import type { InFlightMessage } from "./in-flight.js";
import {
	NOT_AUTHORIZED,
	PACKET_TOO_LARGE,
	PAYLOAD_FORMAT_INVALID,
	QOS_NOT_SUPPORTED,
	RETAIN_NOT_SUPPORTED,
	TOPIC_NAME_INVALID,
} from "./reason-codes.js";

/** Connections ended because of one message, after which another way is taken: the message is given up, or its QoS. */
export const ENDS_MAXIMUM = 3;
/** From the sending of a message to the end of the connection, in ms: a later end has another cause. */
export const BLAME_MS = 10_000;
/** Pause before a birth message that was given up is tried again, in ms; it doubles each time, up to six hours. */
const BIRTH_PAUSE_MS = 60_000;
const BIRTH_PAUSE_MAXIMUM_MS = 21_600_000;
/** Pause after the refusal of a message that is tried again, in ms; it doubles each time, up to two minutes. */
export const REFUSAL_PAUSE_MS = 1_000;
export const REFUSAL_PAUSE_MAXIMUM_MS = 120_000;

export class Suspicion<M> {
	/** Whether the broker ended the last connection with messages unacknowledged: on the next one they leave one at a time. */
	isRoused = false;
	/** The message (`undefined`: the birth message) that alone was unanswered when the broker ended connections, and how many it ended. */
	private _suspect: { readonly message: M | undefined; ends: number } | undefined;
	/** When a birth message may leave at the earliest, in ms. */
	birthDue = Number.NEGATIVE_INFINITY;
	/** The birth message's next pause, in ms: after it was given up, and after a refusal. */
	private _birthPause = BIRTH_PAUSE_MS;
	private _refusalPause = REFUSAL_PAUSE_MS;
	/** Whether the broker refused the birth message last, and closed no connection on it. */
	isRefused = false;

	/**
	 * A connection that the broker had accepted has ended. `endedAt`: when the broker
	 * ended it, in ms, if it did; `isAlone`: whether only messages were unanswered.
	 */
	judge(
		{ leaving, proven, careful }: Connection<M>,
		endedAt: number | undefined,
		inFlight: readonly InFlightMessage<M>[],
		isAlone: boolean,
	): void {
		this.isRoused = false;
		if (endedAt === undefined) return;
		const unanswered = inFlight.filter((entry) => entry.sentAt !== undefined || entry === leaving?.entry);
		this.isRoused = unanswered.length > 0 || careful;
		const [first] = unanswered;
		if (!first || unanswered.length > 1 || !proven || !isAlone) return;
		if (endedAt - (first.sentAt ?? leaving!.since) >= BLAME_MS) return;
		const { message } = first;
		if (this._suspect && this._suspect.message === message) this._suspect.ends++;
		else this._suspect = { message, ends: 1 };
	}

	/** The message to be given up, if there is one. It is not tried again; the birth message is, after its pause. */
	convict(inFlight: readonly InFlightMessage<M>[], now: number): InFlightMessage<M> | undefined {
		const suspect = this._suspect;
		if (!suspect || suspect.ends < ENDS_MAXIMUM) return undefined;
		this._suspect = undefined;
		const culprit = inFlight.find(({ message }) => message === suspect.message);
		if (culprit && !culprit.message) {
			this.isRefused = false;
			this.birthDue = now + this._birthPause;
			this._birthPause = Math.min(BIRTH_PAUSE_MAXIMUM_MS, 2 * this._birthPause);
		}
		return culprit;
	}

	/** The broker has refused the birth message (5.0). */
	postponeBirth(now: number): void {
		this.isRefused = true;
		this.birthDue = now + this._refusalPause;
		this._refusalPause = Math.min(REFUSAL_PAUSE_MAXIMUM_MS, 2 * this._refusalPause);
	}

	birthTaken(): void {
		this._refusalPause = REFUSAL_PAUSE_MS;
	}

	/** On the next connection a birth message that was refused goes first again. */
	disconnected(): void {
		if (this.isRefused) this.birthDue = Number.NEGATIVE_INFINITY;
		this.isRefused = false;
	}

	/** There may be another cause than the message. */
	pardon(): void {
		this._suspect = undefined;
	}

	/** The broker has acknowledged the message; `undefined` is the birth message. */
	acquit(message: M | undefined): void {
		if (message === this._suspect?.message) this._suspect = undefined;
		if (!message) this._birthPause = BIRTH_PAUSE_MS;
	}
}

/**
 * Whether a broker's DISCONNECT (5.0, table 3-10) blames a packet from the client.
 * Other reasons are the broker's own, such as Server shutting down or Session
 * taken over.
 */
export function isBlame(reasonCode = 0): boolean {
	return (reasonCode >= 0x80 && reasonCode <= 0x83) || BLAMES.includes(reasonCode);
}

/** Beside the reason codes for a packet that the broker cannot read. */
const BLAMES: readonly number[] = Object.freeze([
	NOT_AUTHORIZED,
	TOPIC_NAME_INVALID,
	PACKET_TOO_LARGE,
	PAYLOAD_FORMAT_INVALID,
	RETAIN_NOT_SUPPORTED,
	QOS_NOT_SUPPORTED,
]);

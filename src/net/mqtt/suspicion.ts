/**
 * Which message a broker does not bear. One of MQTT 5.0 can say so; an older
 * one, and many of 5.0, just close the connection, and would again after each
 * redelivery.
 *
 * When a connection ends with several messages unacknowledged, nobody can tell
 * which it was: on the next one they leave one at a time, once the broker has
 * answered a PINGREQ. A message on which several connections end in this way,
 * right after it was sent, is the cause.
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

/** So many connections that the broker ended because of one message are enough: it is given up. */
const ENDS_MAXIMUM = 3;
/** An end so long after a message left, in ms, has another cause. */
const BLAME_MS = 10_000;
/** A birth message that was given up is tried again after so long, in ms, twice as long after each time, up to six hours. */
const BIRTH_PAUSE_MS = 60_000;
const BIRTH_PAUSE_MAXIMUM_MS = 21_600_000;

export class Suspicion<M> {
	/** Whether the broker ended the last connection with messages unacknowledged: on the next one they leave one at a time. */
	isRoused = false;
	/** The message on which the broker ended connections when nothing else was unanswered, and how many; `undefined` is the birth message. */
	private _suspect: { readonly message: M | undefined; ends: number } | undefined;
	/** Not before this does a birth message leave, in ms. */
	birthDue = Number.NEGATIVE_INFINITY;
	/** How long it waits the next time that it is given up, in ms. */
	private _birthPause = BIRTH_PAUSE_MS;

	/**
	 * A connection that the broker had accepted has ended. `endedAt`: when the broker
	 * ended it, in ms, if it did; `isAlone`: whether it owed no answer but to messages.
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

	/** The message that is to be given up, if there is one: it is tried no more, and the birth message after a while. */
	convict(inFlight: readonly InFlightMessage<M>[], now: number): InFlightMessage<M> | undefined {
		const suspect = this._suspect;
		if (!suspect || suspect.ends < ENDS_MAXIMUM) return undefined;
		this._suspect = undefined;
		const culprit = inFlight.find(({ message }) => message === suspect.message);
		if (culprit && !culprit.message) {
			this.birthDue = now + this._birthPause;
			this._birthPause = Math.min(BIRTH_PAUSE_MAXIMUM_MS, 2 * this._birthPause);
		}
		return culprit;
	}

	/** The broker has acknowledged the message; `undefined` is the birth message. */
	acquit(message: M | undefined): void {
		if (message === this._suspect?.message) this._suspect = undefined;
		if (!message) this._birthPause = BIRTH_PAUSE_MS;
	}
}

/**
 * Whether a broker's DISCONNECT (5.0, table 3-10) tells of something that it was
 * sent: one that shuts down, or has let in another client with the same id, ends
 * the connection whatever it was sent.
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

/**
 * When to send a PINGREQ, and when to give a silent broker up.
 *
 * The broker counts the packets that it receives, not those that it sends
 * [MQTT-3.1.2-23], so nothing that arrives postpones the PINGREQ of the keep-alive.
 * Two more are for the client, which wants to know whether the broker is there:
 * when a packet waits for its answer and nothing arrives for a while that follows
 * from the round trips, and when only messages of QoS 0 leave, which have no answer.
 *
 * Any byte that arrives proves that the broker lives, and so does one of the
 * client's own that the network takes of a packet that had to wait: both postpone
 * giving up, but answer no PINGREQ.
 */

/**
 * A PINGREQ leaves this much before the keep-alive interval is over, in ms (a
 * quarter of a very short interval): timers fire late, never early, and the
 * interval between two sent packets must not exceed the keep-alive.
 */
const LEAD_MS = 500;
/** Silence before a PINGREQ, in round trips, and in ms at least and at most. */
const PATIENCE_TRIPS = 3;
const PATIENCE_MINIMUM_MS = 3_000;
const PATIENCE_MAXIMUM_MS = 10_000;
/** From a PINGREQ to some sign of life, in ms, at least: 9 s in all, on which a link of 2 kbit/s delivers a full segment. */
const RESPONSE_MINIMUM_MS = 6_000;
/** Less than before it, in ms: with the most of both, the end comes before an acknowledgement is overdue, which has other causes. */
const RESPONSE_LESS_MS = 1_000;
/** What is left of the longest round trip when a shorter one follows. */
const DECAY = 7 / 8;

export class KeepAlive {
	private _idle!: number;
	/** When the last packet left, in ms. */
	lastSent: number;
	/** The last sign of life, in ms: a byte that arrived, or a part of a packet that had to wait. */
	aliveAt: number;
	/** When the PINGREQ left that waits for its answer, in ms; `Infinity`: none does. */
	pingedAt = Number.POSITIVE_INFINITY;
	/** The longest round trip of late, in ms. */
	private _roundTrip!: number;
	/** Silence before a PINGREQ, in ms: whole seconds. */
	private _patience!: number;

	/**
	 * @param seconds the keep-alive of the CONNECT packet, 0 to 65535; 0: no PINGREQ where no answer is due
	 * @param roundTrip to be expected at first, in ms
	 */
	constructor(seconds: number, now: number, roundTrip = 0) {
		this._expect(roundTrip);
		this.setInterval(seconds);
		this.lastSent = this.aliveAt = now;
	}

	setInterval(seconds: number): void {
		const interval = seconds * 1_000;
		this._idle = seconds === 0 ? Number.POSITIVE_INFINITY : interval - Math.min(LEAD_MS, interval / 4);
	}

	/**
	 * When a PINGREQ is to be sent, in ms. `sentAt`: since when an answer has been due;
	 * `Infinity`: none is.
	 */
	pingDue(sentAt: number): number {
		if (this.awaiting) return this.lastSent + this._idle;
		const idleSince = Math.min(this.lastSent, this.aliveAt);
		return Math.min(idleSince + this._idle, Math.max(sentAt, this.aliveAt) + this._patience);
	}

	/** When the broker has been silent for too long after a PINGREQ, in ms, if nothing kept an answer back until `busyUntil`. */
	responseDue(busyUntil: number): number {
		if (!this.awaiting) return Number.POSITIVE_INFINITY;
		return Math.max(this.pingedAt, this.aliveAt, busyUntil) + this.responseTime;
	}

	/** From a PINGREQ to some sign of life, in ms. */
	get responseTime(): number {
		return Math.max(RESPONSE_MINIMUM_MS, this._patience - RESPONSE_LESS_MS);
	}

	/** A PINGREQ has left: only from now on can the broker answer it. */
	pingSent(now: number): void {
		this.lastSent = now;
		if (!this.awaiting) this.pingedAt = now;
	}

	/** Something arrived. `sentAt`: since when an answer has been due; `Infinity`: none is. */
	received(sentAt: number, now: number): void {
		if (sentAt <= now && !this.awaiting) this._learn(now - Math.max(sentAt, this.aliveAt));
		this.aliveAt = now;
	}

	/** A PINGRESP arrived. */
	responded(now: number): void {
		if (this.awaiting) this._learn(now - this.pingedAt);
		this.pingedAt = Number.POSITIVE_INFINITY;
	}

	/** Whether a PINGREQ waits for its answer. */
	get awaiting(): boolean {
		return this.pingedAt !== Number.POSITIVE_INFINITY;
	}

	private _learn(roundTrip: number): void {
		this._expect(Math.max(roundTrip, this._roundTrip * DECAY));
	}

	private _expect(roundTrip: number): void {
		this._roundTrip = roundTrip;
		const patience = Math.ceil((PATIENCE_TRIPS * roundTrip) / 1_000) * 1_000;
		this._patience = Math.min(PATIENCE_MAXIMUM_MS, Math.max(PATIENCE_MINIMUM_MS, patience));
	}
}

/**
 * When to send a PINGREQ, and when to give a silent broker up.
 *
 * Only what was sent postpones a PINGREQ: the broker counts the packets that it
 * receives, not those that it sends [MQTT-3.1.2-23]. Anything received proves
 * that the broker lives, so it postpones giving up, but it answers no PINGREQ.
 */

/**
 * A PINGREQ leaves this much before the keep-alive interval is over, in ms (a
 * quarter of a very short interval): timers fire late, never early, and the
 * interval between two sent packets must not exceed the keep-alive.
 */
const LEAD_MS = 500;
/** From a PINGREQ to some sign of life, in ms. */
export const PINGRESP_TIMEOUT_MS = 10_000;

export class KeepAlive {
	private readonly _idle: number;
	private _lastSent: number;
	private _responseDue = Number.POSITIVE_INFINITY;

	/** @param seconds the keep-alive of the CONNECT packet, 0 to 65535; 0 turns PINGREQs off */
	constructor(seconds: number, now: number) {
		const interval = seconds * 1_000;
		this._idle = seconds === 0 ? Number.POSITIVE_INFINITY : interval - Math.min(LEAD_MS, interval / 4);
		this._lastSent = now;
	}

	/** When a PINGREQ is to be sent, in ms. */
	get pingDue(): number {
		return this._lastSent + this._idle;
	}

	/** When the broker has been silent for too long after a PINGREQ, in ms. */
	get responseDue(): number {
		return this._responseDue;
	}

	/** When the last packet left, in ms. */
	get lastSent(): number {
		return this._lastSent;
	}

	/** A packet has left. */
	sent(now: number): void {
		this._lastSent = now;
	}

	/** A PINGREQ has left: only from now on can the broker answer it. */
	pingSent(now: number): void {
		this._lastSent = now;
		if (!this.awaiting) this._responseDue = now + PINGRESP_TIMEOUT_MS;
	}

	/** Something arrived. */
	received(now: number): void {
		if (this.awaiting) this._responseDue = now + PINGRESP_TIMEOUT_MS;
	}

	/** A PINGRESP arrived. */
	responded(): void {
		this._responseDue = Number.POSITIVE_INFINITY;
	}

	/** Whether a PINGREQ waits for its answer. */
	get awaiting(): boolean {
		return this._responseDue !== Number.POSITIVE_INFINITY;
	}
}

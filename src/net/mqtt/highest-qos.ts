/**
 * Whether the broker takes messages of QoS 2. Before MQTT 5.0 it has no Maximum QoS
 * to tell: one that does not take them closes the connection (NATS), or never
 * answers (mosca). It may deliver each of the redeliveries.
 */
import type { Connection } from "./connection.js";
import type { InFlightMessage } from "./in-flight.js";
import type { QoS } from "./packet.js";
import { BLAME_MS, ENDS_MAXIMUM } from "./suspicion.js";

export class HighestQoS {
	/** One more once the owner has been told: a field of its own would cost a board memory. */
	private _ends = 0;

	/** Of the next connections before MQTT 5.0. */
	get value(): QoS {
		return this._ends < ENDS_MAXIMUM ? 2 : 1;
	}

	/** In an earlier run the broker has taken no QoS 2. */
	lower(): void {
		this._ends = ENDS_MAXIMUM;
	}

	/** Whether the owner has to be told that messages are sent at QoS 1; once. */
	takeNews(): boolean {
		if (this._ends !== ENDS_MAXIMUM) return false;
		this._ends++;
		return true;
	}

	/** The broker has answered a message of QoS 2: from now on an end has another cause. What was decided stays. */
	answered(): void {
		if (this.value === 2) this._ends = Number.NEGATIVE_INFINITY;
	}

	/**
	 * A connection that the broker had accepted has ended. `endedAt`: when the broker
	 * ended it, in ms, if it did. Returns whether messages are sent at QoS 1 from now on.
	 */
	judge<M>(
		{ version, timedOutAt }: Connection<M>,
		endedAt: number | undefined,
		inFlight: readonly InFlightMessage<M>[],
	): boolean {
		if (version === 5 || this.value < 2) return false;
		let oldest: InFlightMessage<M> | undefined;
		for (const entry of inFlight) {
			if (entry.sentAt !== undefined && !(oldest && entry.sentAt >= oldest.sentAt!)) oldest = entry;
		}
		// What was answered, or came later, is not the cause: a broker takes packets in their order.
		if (oldest?.qos !== 2 || oldest.released) return false;
		const isCause = timedOutAt !== undefined || (endedAt !== undefined && endedAt - oldest.sentAt! < BLAME_MS);
		return isCause && ++this._ends === ENDS_MAXIMUM;
	}
}

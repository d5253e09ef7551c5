/** Messages to the broker, and the parts of the station that they come from. */
import type { Message } from "../net/mqtt/message.js";

/**
 * How long messages are left out that the broker does not bear, in ms, where the station is well without them: each try
 * ends three connections.
 */
export const GIVEN_UP_PAUSE_MS = 3_600_000;

/**
 * How a message ended: the broker has it, refused it (MQTT 5.0), or closed the
 * connection whenever it came.
 */
export type Outcome = "acknowledged" | "rejected" | "given up";

/** A part of the station that has messages for the broker. */
export interface Source {
	/** For the log: what one of its messages is called. */
	readonly noun: string;
	/** For the log: what happens to a message that is given up; by default it is left out. */
	readonly fate?: string;
	/** The next message, at the monotonic time `now` in ms; asked for when it can be sent at once. */
	next(now: number): Outgoing | undefined;
	/** A message left, for the first time or again after a reconnect. */
	sent?(redelivered: boolean): void;
	/** A message from `next` has ended: the one with this `tag`. `reasonCode`: why it was rejected. */
	settled(tag: number, outcome: Outcome, reasonCode?: number): void;
}

export interface Outgoing extends Message {
	readonly source: Source;
	/** By which the source knows the message again. */
	readonly tag: number;
}

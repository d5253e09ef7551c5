/** What the connections of a simulated broker know of it. */

import type { Random } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Tally } from "../tally.ts";
import type { BrokerClient } from "./client.ts";
import type { BrokerFaults } from "./faults.ts";
import type { ConnectPacket } from "./packets.ts";
import type { BrokerSession, Message } from "./session.ts";

/** What it takes to let faults come about. */
export interface FaultSource {
	readonly random: Random;
	readonly tally: Tally;
	readonly faults: Readonly<BrokerFaults>;
}

export interface BrokerCore extends FaultSource {
	readonly scheduler: Scheduler;
	/** A client id for one that has none. */
	assignId(): string;
	/** Takes over whatever the client id had. Returns the session, and whether it was there before. */
	begin(client: BrokerClient, packet: ConnectPacket): { session: BrokerSession; present: boolean };
	/** Takes a message. Returns whether there is somebody to receive it. */
	take(client: BrokerClient, message: Message, dup: boolean): boolean;
	refuse(client: BrokerClient, message: Message, dup: boolean, reasonCode: number): void;
	violation(client: BrokerClient, what: string, limit: boolean): void;
	/** Puts what is retained in the session's queue. */
	subscribed(session: BrokerSession, filter: string): void;
	/** The connection has ended; `accepted` tells whether its CONNECT was. */
	ended(client: BrokerClient, accepted: boolean, reason: string): void;
}

/** Whether a fault comes about, which is counted; where it is switched off nothing is drawn. */
export function happens({ random, tally }: FaultSource, fault: string, probability: number): boolean {
	if (probability <= 0 || !random.chance(probability)) return false;
	tally.count(`broker: ${fault}`);
	return true;
}

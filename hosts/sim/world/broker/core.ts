/** What a simulated broker and the connections of its clients know of each other. */
import type { Scheduler } from "../scheduler.ts";
import type { FaultSource } from "./faults.ts";
import type { ConnectPacket, Version, WillPacket } from "./packets.ts";
import type { BrokerSession, Message } from "./session.ts";

/** One connection of a client. */
export interface Client {
	/** Empty until the CONNECT is accepted. */
	readonly clientId: string;
	readonly version: Version;
	readonly session: BrokerSession | undefined;
	readonly connected: boolean;
	/** In the world's ms. */
	readonly connectedAt: number | undefined;
	readonly will: WillPacket | undefined;
	/** Ends the connection orderly; MQTT 5.0 gets a DISCONNECT where there is a reason code. */
	end(reason: string, reasonCode?: number): void;
	/** The broker itself is gone: nothing is told to anybody. */
	stop(connections: "reset" | "half-open"): void;
	/** Sends what waits for the client, as far as its window reaches. */
	deliver(): void;
}

export interface BrokerCore extends FaultSource {
	readonly scheduler: Scheduler;
	/** A client id for one that has none. */
	assignId(): string;
	/** Takes over whatever the client id had. Returns the session, and whether it was there before. */
	begin(client: Client, packet: ConnectPacket): { session: BrokerSession; present: boolean };
	/** Takes a message. Returns whether there is somebody to receive it. */
	take(client: Client, message: Message, dup: boolean): boolean;
	refuse(client: Client, message: Message, dup: boolean, reasonCode: number): void;
	violation(client: Client, what: string, limit: boolean): void;
	/** Puts what is retained in the session's queue. */
	subscribed(session: BrokerSession, filter: string): void;
	/** The connection has ended; `accepted` tells whether its CONNECT was. */
	ended(client: Client, accepted: boolean, reason: string): void;
}

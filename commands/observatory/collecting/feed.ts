/** What the collector needs of a broker, whatever the two speak. */
import type { TlsOptions } from "../../../src/host.ts";
import type { ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { STATION_LEVELS } from "./messages.ts";

/** How long the broker keeps what comes while the collector is away, in s: a week. */
export const AWAY_EXPIRY_S = 604_800;
/** The same for what only one collector of a group takes: ten minutes. Then the others get all, and ask for its gaps. */
export const GROUP_EXPIRY_S = 600;
/** Messages that the broker has under way to us, not acknowledged: a batch of the store's. */
export const RECEIVE_MAXIMUM = 500;
/** Bytes of the largest message that is looked at. */
export const MESSAGE_MAXIMUM = 65_536;

/** What is collected, and by whom. */
export interface FeedOptions {
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly clientId: string;
	/** Filters of what stations' topics begin with, such as `veleta/+`. */
	readonly bases: readonly string[];
	/** Filters of topics with plain numbers. */
	readonly topics: readonly string[];
	/** Filters of an earlier run, which are not wanted any more; and a callback for those that the broker has forgotten. */
	readonly unwanted: readonly string[];
	readonly onForgotten?: (filter: string) => void;
	/** The name of the group whose collectors divide the readings (MQTT 5.0, AMQP). */
	readonly group: string | undefined;
}

/** What happens at the broker; texts are for people. */
export interface FeedEvents {
	/** `isResumed`: what was delivered and not acknowledged comes again. `text`: what is spoken, and how it goes on. */
	readonly onConnected: (text: string, isResumed: boolean) => void;
	/** The connection has ended, or could not be opened; another attempt follows. */
	readonly onDisconnected: (reason: string) => void;
	readonly onMessage: (message: ReceivedMessage) => void;
	/** One of more than `MESSAGE_MAXIMUM` bytes came; it is acknowledged. */
	readonly onOversized: () => void;
	/** The broker refuses a filter, and why; `undefined`: it takes it. */
	readonly onSubscribed: (filter: string, problem: string | undefined) => void;
}

/** A command to a station. */
export interface OutgoingCommand {
	readonly station: string;
	readonly command: string;
	readonly payload: string;
	/** How long the broker keeps it for a station that is away, in s, where it can say so. */
	readonly expiry: number;
	/** What the reply is to have, too, where the broker passes that on. */
	readonly correlation: string | undefined;
}

export interface Feed {
	/** Connects, and from now on again whenever the connection ends. */
	start(): void;
	/** Resolves when what was acknowledged has left, or soon without that. */
	stop(): Promise<void>;
	readonly connected: boolean;
	/** Whether commands can leave now. */
	readonly takesCommands: boolean;
	/** Whether who comes later gets the last status of each station from the broker. */
	readonly hasRetained: boolean;
	/** Whether a reply has the `correlation` of its command. */
	readonly correlates: boolean;
	/** They are stored. Those of an earlier connection are left out: they come again. */
	acknowledge(messages: readonly ReceivedMessage[]): void;
	publish(command: OutgoingCommand): void;
}

/** The filters that these options need, as MQTT has them: those of a group begin with `$share/` and its name. */
export function filtersOf({ bases, topics, group }: Pick<FeedOptions, "bases" | "topics" | "group">): string[] {
	// The whole group needs what is said of stations; readings are divided.
	const share = (filter: string) => (group === undefined ? filter : `$share/${group}/${filter}`);
	return [
		...bases.flatMap((base) =>
			STATION_LEVELS.map((level) =>
				level === "state" || level === "late" ? share(`${base}/${level}`) : `${base}/${level}`,
			),
		),
		...topics.map(share),
	];
}

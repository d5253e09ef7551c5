/** The stations at a broker, by what they have said last of their status. */
import { randomBytes } from "node:crypto";
import { textIn } from "../../hosts/node/plain-text.ts";
import { timer } from "../../hosts/node/ports.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerAddress } from "../../src/net/broker-url.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { printable } from "../../src/text.ts";
import { Client, REFUSED } from "../client.ts";
import { EXIT_DONE, say } from "../frame.ts";

const STATUS = "/status";
/** What is retained comes at once; after so long without another one, in ms, there are no more. */
const QUIET_MS = 2_000;
/** Failures to connect after which to give up. */
const ATTEMPTS_MAXIMUM = 4;
const KEEP_ALIVE_S = 30;
const STATIONS_MAXIMUM = 10_000;

export interface StationsTerms {
	readonly broker: BrokerAddress;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** Of what stations' topics begin with. */
	readonly filter: string;
	readonly isInterrupted: () => boolean;
}

/** What their topics begin with, by name; `undefined`: the broker was not reached, which was told. */
export async function stationsAt({ filter, isInterrupted, ...terms }: StationsTerms): Promise<string[] | undefined> {
	const statuses = new Map<string, string>();
	let quiet: unknown;
	const heard = () => {
		if (quiet !== undefined) timer.clear(quiet);
		quiet = timer.set(() => client.finish(EXIT_DONE), QUIET_MS);
	};
	const client: Client<Message> = new Client<Message>(
		{
			...{ ...terms, protocolVersion: 5, fallback: true, cleanSession: true, keepAlive: KEEP_ALIVE_S },
			...{ will: undefined, sessionExpiryInterval: undefined, debug: false },
			clientId: `veleta-update-${randomBytes(4).toString("hex")}`,
		},
		{ attempts: ATTEMPTS_MAXIMUM, pipelining: true },
		{
			nextMessage: () => undefined,
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode >= REFUSED) client.fail(`the broker refused the subscription to ${topicFilter}`);
				else heard();
			},
			onMessage: ({ topic, payload }) => {
				if (statuses.size < STATIONS_MAXIMUM)
					statuses.set(topic.slice(0, -STATUS.length), printable(textIn(payload) ?? "?"));
				heard();
			},
		},
	);
	client.session.subscribe({ topicFilter: `${filter}${STATUS}`, qos: 1 });
	client.start();
	const code = await client.ended;
	if (quiet !== undefined) timer.clear(quiet);
	if (code !== EXIT_DONE || isInterrupted()) return undefined;
	const topics: string[] = [];
	for (const [topic, status] of [...statuses].sort(([a], [b]) => (a < b ? -1 : 1))) {
		if (status === "online" || status === "asleep") topics.push(topic);
		else say(`${printable(topic)}: its status is ${status}: left out`);
	}
	return topics;
}

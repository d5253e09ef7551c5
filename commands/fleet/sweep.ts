/** Removes what the broker retains of a fleet: nobody is to see ten thousand stations that were never there. */
import { clock, network, timer } from "../../hosts/node/ports.ts";
import { Backoff } from "../../src/net/backoff.ts";
import { Link } from "../../src/net/link.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { Session } from "../../src/net/mqtt/session.ts";
import { type Options, topicOf } from "./options.ts";

const RETAINED = ["state", "status", "diagnostics"] as const;
const KEEP_ALIVE_S = 30;
/** With no acknowledgement for so long, in ms, the broker is left as it is. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;

/** Returns how many of its retained messages are left, at the most. */
export async function sweep({ broker, tls, username, password, prefix, stations }: Options): Promise<number> {
	const topics = topicsOf(prefix, stations);
	let left = stations * RETAINED.length;
	let heardAt = performance.now();
	const session = new Session<Message>({
		...{ username, password, keepAlive: KEEP_ALIVE_S },
		clientId: `veleta-sweep-${prefix}`,
		cleanSession: true,
		nextMessage: () => {
			const { value: topic } = topics.next();
			return topic === undefined ? undefined : { topic, payload: new Uint8Array(0), qos: 1, retain: true };
		},
		onAcknowledge: () => {
			left--;
			heardAt = performance.now();
		},
	});
	const link = new Link({
		...{ network, clock, timer, broker, tls, session, random: Math.random },
		backoff: new Backoff({ random: Math.random }),
	});
	link.start();
	while (left > 0 && performance.now() - heardAt < PATIENCE_MS)
		await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
	link.stop();
	return left;
}

function* topicsOf(prefix: string, stations: number): Generator<string, undefined> {
	for (let station = 0; station < stations; station++)
		for (const level of RETAINED) yield `${topicOf(prefix, station)}/${level}`;
	return undefined;
}

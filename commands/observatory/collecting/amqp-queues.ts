/**
 * Which queues a collector has at RabbitMQ, and what they are bound to. Its plugin for MQTT publishes to the exchange
 * `amq.topic`, with the topic as the routing key: `.` for `/`. Patterns of bindings have `*` for `+`.
 */
import { topicNameFault } from "../../../src/net/mqtt/topic.ts";
import { hasControls } from "../../../src/text.ts";
import { SHORT_STRING_MAXIMUM } from "./amqp-url.ts";
import { AWAY_EXPIRY_S, type FeedOptions, filtersOf, GROUP_EXPIRY_S } from "./feed.ts";

/** What stations publish to by MQTT, and get their commands from (`mqtt.exchange` in rabbitmq.conf). */
export const EXCHANGE = "amq.topic";
/** A group's queue has this name with the group's behind it. */
const GROUP_PREFIX = "veleta-observatory.";
/** Bytes of a group's name: more do not fit into its queue's. */
export const GROUP_MAXIMUM = SHORT_STRING_MAXIMUM - GROUP_PREFIX.length;

export interface QueuePlan {
	readonly name: string;
	/** After so long without a consumer the broker deletes it, in s; `undefined`: it is left as it is, if there is one. */
	readonly expiry: number | undefined;
	/** Patterns of bindings to `amq.topic`. */
	readonly bound: readonly string[];
	/** Those of earlier runs that are to go. */
	readonly unbound: readonly string[];
}

/** The routing key of a topic, or the pattern of a topic filter. */
export function keyOf(topic: string): string {
	return topic.replaceAll("/", ".").replaceAll("+", "*");
}

/**
 * The topic of a routing key; `undefined`: nobody has published it by MQTT. A `.` in a topic has become a `/`, as it does
 * for RabbitMQ's own subscribers by MQTT.
 */
export function topicOf(key: string): string | undefined {
	if (key.includes("/") || hasControls(key) || topicNameFault(key) !== undefined) return undefined;
	return key.replaceAll(".", "/");
}

/** Why there is no pattern for a topic filter, or `undefined`. */
export function keyFault(filter: string): string | undefined {
	if (filter.includes(".")) return "RabbitMQ takes a . in a topic for a /";
	if (filter.split("/").includes("*")) return "by AMQP a * stands for any level";
	if (Buffer.byteLength(filter) > SHORT_STRING_MAXIMUM) return `has more than ${SHORT_STRING_MAXIMUM} bytes`;
	return undefined;
}

/** In the order in which they are looked after. */
export function queuesOf(
	options: Pick<FeedOptions, "clientId" | "bases" | "topics" | "unwanted" | "group">,
): QueuePlan[] {
	const { clientId, group } = options;
	const wanted = filtersOf(options).map(divided);
	const unwanted = options.unwanted.map(divided);
	const keysOf = (filters: readonly Divided[], name: string | undefined) =>
		filters.filter((filter) => filter.group === name).map(({ filter }) => keyOf(filter));
	if (group === undefined) {
		const bound = keysOf(wanted, undefined);
		return [{ name: clientId, expiry: AWAY_EXPIRY_S, bound, unbound: keysOf(unwanted, undefined) }];
	}
	const alone = filtersOf({ ...options, group: undefined }).map(keyOf);
	return [
		{
			name: `${clientId}.group`,
			expiry: GROUP_EXPIRY_S,
			bound: keysOf(wanted, undefined),
			unbound: keysOf(unwanted, undefined),
		},
		// Whoever lives has a consumer: nobody's share waits for him.
		{
			name: `${GROUP_PREFIX}${group}`,
			expiry: AWAY_EXPIRY_S,
			bound: keysOf(wanted, group),
			unbound: keysOf(unwanted, group),
		},
		// Of a run without a group: what waits there is taken, and nothing more comes.
		{ name: clientId, expiry: undefined, bound: [], unbound: [...alone, ...keysOf(unwanted, undefined)] },
	];
}

interface Divided {
	/** `undefined`: it is not shared. */
	readonly group: string | undefined;
	readonly filter: string;
}

/** `$share/GROUP/FILTER`, or a filter alone. */
function divided(filter: string): Divided {
	const [, group, shared] = /^\$share\/([^/]*)\/(.*)$/s.exec(filter) ?? [];
	return shared === undefined ? { group: undefined, filter } : { group, filter: shared };
}

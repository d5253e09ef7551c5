/** `sub`: prints the messages of its subscriptions, and comes back when the connection is lost. */
import { reasonText } from "../../src/net/mqtt/reason-codes.ts";
import { Client, REFUSED } from "../client.ts";
import { EXIT_DONE, EXIT_FAILED, say } from "../frame.ts";
import { formatMessage } from "./format.ts";
import type { SubOptions } from "./options.ts";

/** As mosquitto_sub's, when the time of -W is over. */
const EXIT_TIMED_OUT = 27;

/** Resolves with the exit code. */
export function subscribe(options: SubOptions): Promise<number> {
	const { topicFilters, unsubscribe, qos, format, newline, noStale, untilSubscribed, timeout, debug } = options;
	let left = options.count;
	const unanswered = new Set([...topicFilters, ...unsubscribe]);
	let granted = 0;

	const answered = (topicFilter: string) => {
		unanswered.delete(topicFilter);
		if (unanswered.size > 0) return;
		if (topicFilters.length > 0 && granted === 0) client.fail("the broker refused every subscription");
		else if (untilSubscribed) client.finish(EXIT_DONE);
	};
	const client = new Client(
		options,
		{
			attempts: Number.POSITIVE_INFINITY,
			pipelining: true,
			// A message behind the last of -C must not be acknowledged: it would never be printed.
			packetwise: left !== Number.POSITIVE_INFINITY,
			onInterrupt: () => client.finish(EXIT_DONE),
		},
		{
			onConnect: (sessionPresent) => {
				// A new session has nothing to be unsubscribed from, and the broker may not be asked.
				if (!sessionPresent) for (const topicFilter of unsubscribe) answered(topicFilter);
			},
			onMessage: (message) => {
				if (left === 0 || (noStale && message.retain)) return;
				process.stdout.write(formatMessage(format, newline, message, process.stdout.isTTY));
				if (--left > 0) return;
				client.deafen();
				client.finish(EXIT_DONE);
			},
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode >= REFUSED)
					say(`${topicFilter}: the broker refused the subscription: ${reasonText(reasonCode)}`);
				else granted++;
				if (debug && reasonCode < REFUSED) say(`subscribed to ${topicFilter} at QoS ${reasonCode}`);
				answered(topicFilter);
			},
			onUnsubscribe: (topicFilter) => {
				if (debug) say(`unsubscribed from ${topicFilter}`);
				answered(topicFilter);
			},
		},
	);
	for (const topicFilter of topicFilters) client.session.subscribe({ topicFilter, qos });
	for (const topicFilter of unsubscribe) {
		// It may be a subscription of an earlier run.
		client.session.subscribe({ topicFilter, qos });
		client.session.unsubscribe(topicFilter);
	}
	if (timeout !== undefined) {
		setTimeout(() => {
			say("timed out");
			client.finish(EXIT_TIMED_OUT);
		}, timeout).unref();
	}
	// The output has lost its reader (`| head`).
	process.stdout.on("error", () => client.finish(EXIT_FAILED));
	client.start();
	return client.ended;
}

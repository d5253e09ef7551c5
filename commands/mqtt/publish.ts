/** `pub`: publishes its source's payloads, and ends when the broker has all of them. */
import type { Message } from "../../src/net/mqtt/message.ts";
import { reasonText } from "../../src/net/mqtt/reason-codes.ts";
import { Client } from "../client.ts";
import { EXIT_DONE, EXIT_FAILED, say } from "../frame.ts";
import type { PubOptions } from "./options.ts";
import { payloadsOf } from "./payloads.ts";

/**
 * Failures to connect in a row, or connections on which nothing was acknowledged,
 * after which to give up: before the broker has accepted one, and after that.
 */
const FIRST_ATTEMPTS = 1;
const ATTEMPTS_MAXIMUM = 5;
/** Messages that wait in memory; the source waits while there are more. */
const QUEUE_MAXIMUM = 64;

/** Resolves with the exit code. Throws an Error where the source cannot be read, before anything is sent. */
export async function publish(options: PubOptions): Promise<number> {
	const { topic, qos, retain, properties, source, fallback, attempts } = options;
	const queue: Message[] = [];
	let unacknowledged = 0;
	let exhausted = false;
	let rejected = 0;
	let onRoom = () => {};

	const client = new Client<Message>(
		options,
		{
			firstAttempts: attempts ?? FIRST_ATTEMPTS,
			attempts: attempts ?? ATTEMPTS_MAXIMUM,
			// A message of QoS 0 that leaves before the CONNACK is lost where the broker refuses the connection. And a broker
			// that does not know the only version would take a message for one of its own.
			pipelining: qos > 0 && fallback,
			onInterrupt: () => client.fail(`interrupted; ${unacknowledged} not delivered`),
		},
		{
			nextMessage: () => {
				onRoom();
				return queue.shift();
			},
			onAcknowledge: () => {
				client.progress();
				settled();
			},
			onReject: (_message, reasonCode) => {
				say(`the broker does not take the message: ${reasonText(reasonCode)} (0x${reasonCode.toString(16)})`);
				rejected++;
				settled();
			},
			onGiveUp: (what) => {
				if (typeof what === "string") return say(`the broker does not bear the ${what}: it is left out`);
				say("the broker closes the connection when it gets the message: given up");
				rejected++;
				settled();
			},
		},
	);
	const endIfDone = () => {
		if (exhausted && unacknowledged === 0) client.finish(rejected === 0 ? EXIT_DONE : EXIT_FAILED);
	};
	const settled = () => {
		unacknowledged--;
		endIfDone();
	};
	const feed = async () => {
		for await (const payload of payloads) {
			while (queue.length >= QUEUE_MAXIMUM) {
				await new Promise<void>((resolve) => {
					onRoom = resolve;
				});
			}
			queue.push({ topic, payload, qos, retain, properties });
			unacknowledged++;
			client.wake();
		}
		exhausted = true;
		endIfDone();
	};

	const payloads = await payloadsOf(source);
	client.start();
	feed().catch((error: Error) => client.fail(error.message));
	const exitCode = await client.ended;
	if (source.from === "stdin" || source.from === "lines") process.stdin.destroy();
	return exitCode;
}

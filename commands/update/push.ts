/** Sends firmware to a station, and tells the result. */
import { randomBytes } from "node:crypto";
import { clock, timer } from "../../hosts/node/ports.ts";
import { readImage } from "../../hosts/node/update-image.ts";
import { readFile, readPrivateKey, signImage } from "../../hosts/node/update-key.ts";
import type { Bytes } from "../../src/host.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { reasonText } from "../../src/net/mqtt/reason-codes.ts";
import { Client } from "../client.ts";
import { EXIT_DONE, EXIT_FAILED } from "../frame.ts";
import type { PushOptions } from "./options.ts";
import { UpdateProgress } from "./progress.ts";
import { UpdateSender } from "./sender.ts";

/** Failures to connect in a row after which to give up: some two minutes, in which a broker may start again. */
const ATTEMPTS_MAXIMUM = 16;
const KEEP_ALIVE_S = 30;
/** Time for the cancellation to reach the broker, in ms. */
const CANCEL_TIMEOUT_MS = 2_000;
/** The station's topics that the sender reads. */
const TOPICS = ["status", "diagnostics", "reply"];
/** Reason codes from here on are refusals (3.1.1, table 3.9; 5.0, table 3-8). */
const REFUSED = 0x80;

/** Resolves with the exit code. Throws an Error in one line where a file cannot be used, before anything is sent. */
export async function push({ broker, tls, topic, key, file }: PushOptions): Promise<number> {
	const privateKey = readPrivateKey(key);
	const image: Bytes = Uint8Array.from(readFile(file));
	const { id } = explained(file, () => readImage(image));
	const signature: Bytes = Uint8Array.from(signImage(image, privateKey));
	const sender = new UpdateSender({ topic, image, id, signature });
	const progress = new UpdateProgress(process.stdout, { topic, id, size: image.length });

	const unanswered = new Set<string>();
	// An `update` without a payload ends the update under way.
	const cancel: Message = { topic: `${topic}/cmd/update`, payload: new Uint8Array(0), qos: 1, retain: false };
	let interruption: "none" | "wanted" | "sent" = "none";
	let pending: unknown;
	let ended = false;
	const interrupted = () => {
		if (!sender.cancellable) return client.fail(progress.line(`interrupted${outlook()}`));
		interruption = "wanted";
		const late = () => client.fail(progress.line("interrupted; the station gives the update up in a minute"));
		if (pending !== undefined) timer.clear(pending);
		pending = timer.set(late, CANCEL_TIMEOUT_MS);
		client.wake();
	};
	const outlook = () => (sender.restarting ? "; the station has the new firmware, and tries it" : "");
	/** After each event: tells, sends, or waits. */
	const proceed = () => {
		if (ended || interruption !== "none") return;
		if (pending !== undefined) timer.clear(pending);
		pending = undefined;
		const { outcome, deadline } = sender;
		if (outcome) {
			ended = true;
			progress.end(outcome.text);
			return void client.finish(outcome.ok ? EXIT_DONE : EXIT_FAILED);
		}
		progress.show(sender.acknowledged, sender.restarting, clock.now());
		if (deadline === Number.POSITIVE_INFINITY) return;
		const tick = () => {
			sender.tick(clock.now());
			client.wake();
			proceed();
		};
		pending = timer.set(tick, Math.max(0, deadline - clock.now()));
	};
	const nextMessage = () => {
		if (interruption === "none") return sender.nextMessage(clock.now());
		if (interruption === "sent") return undefined;
		interruption = "sent";
		return cancel;
	};

	const client: Client<Message> = new Client<Message>(
		{
			...{ broker, tls, protocolVersion: 5, fallback: true, cleanSession: true, keepAlive: KEEP_ALIVE_S },
			...{ username: broker.username, password: broker.password, will: undefined, sessionExpiryInterval: undefined },
			clientId: `veleta-update-${randomBytes(4).toString("hex")}`,
			debug: false,
		},
		{ attempts: ATTEMPTS_MAXIMUM, pipelining: true, onInterrupt: interrupted },
		{
			nextMessage,
			onConnect: () => {
				for (const name of TOPICS) unanswered.add(name);
			},
			onAcknowledge: (message) => {
				client.progress();
				if (message === cancel) client.fail(progress.line("interrupted; the station keeps the firmware that it has"));
			},
			onReject: (_message, reasonCode) => {
				client.fail(progress.line(`the broker does not take the update: ${reasonText(reasonCode)}`));
			},
			onGiveUp: () => client.fail(progress.line("the broker closes the connection when it gets the update")),
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode >= REFUSED) {
					return client.fail(progress.line(`the broker refused the subscription to ${topicFilter}`));
				}
				unanswered.delete(topicFilter.slice(topic.length + 1));
				if (unanswered.size > 0) return;
				sender.subscribed(clock.now());
				proceed();
			},
			onMessage: (message) => {
				sender.receive(message, clock.now());
				client.wake();
				proceed();
			},
		},
	);
	for (const name of TOPICS) client.session.subscribe({ topicFilter: `${topic}/${name}`, qos: 1 });
	client.start();
	const exitCode = await client.ended;
	if (pending !== undefined) timer.clear(pending);
	return exitCode;
}

function explained<Result>(file: string, read: () => Result): Result {
	try {
		return read();
	} catch (error) {
		throw new Error(`${file}: ${(error as Error).message}`);
	}
}

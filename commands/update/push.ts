/** Sends firmware to a station, and tells the result. */
import { randomBytes } from "node:crypto";
import { clock, timer } from "../../hosts/node/ports.ts";
import type { SignedUpdate } from "../../hosts/node/update-manifest.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerAddress } from "../../src/net/broker-url.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { reasonText } from "../../src/net/mqtt/reason-codes.ts";
import { Client, REFUSED } from "../client.ts";
import { EXIT_DONE, EXIT_FAILED } from "../frame.ts";
import { type Output, UpdateProgress } from "./progress.ts";
import { UpdateSender } from "./sender.ts";

/** Failures to connect in a row after which to give up: some two minutes, in which a broker may start again. */
const ATTEMPTS_MAXIMUM = 16;
const KEEP_ALIVE_S = 30;
/** The station's topics that the sender reads: replies, and those that have a level of their own. */
const TOPICS = ["status", "diagnostics", "reply/#"];
/** Of MQTT 5.0, in CONNECT. */
const HAS_PROPERTIES = 5;

export interface PushTerms {
	readonly broker: BrokerAddress;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** The beginning of the station's topics. */
	readonly topic: string;
	readonly update: SignedUpdate;
	/** The firmware's id, as in the diagnostics. */
	readonly id: string;
	readonly output: Output;
}

/** One station's update. */
export interface Push {
	/** Resolves with the exit code. */
	readonly ended: Promise<number>;
	/** Ctrl-C. */
	interrupt(): void;
}

export function push(terms: PushTerms): Push {
	const { broker, tls, username, password, topic, update, id, output } = terms;
	const replyLevel = randomBytes(8).toString("hex");
	const sender = new UpdateSender({ topic, update, id, replyLevel });
	const progress = new UpdateProgress(output, { topic, id, size: update.size });

	const unanswered = new Set<string>();
	let pending: unknown;
	let isOver = false;
	const interrupt = () => {
		const outlook = sender.restarting
			? "; the station has the new firmware, and tries it"
			: sender.acknowledged > 0
				? "; the station keeps the firmware that it has; the same update goes on where it is"
				: "";
		client.fail(progress.line(`interrupted${outlook}`));
	};
	/** After each event: tells, sends, or waits. */
	const proceed = () => {
		if (isOver) return;
		if (pending !== undefined) timer.clear(pending);
		pending = undefined;
		const { outcome, deadline } = sender;
		if (outcome) {
			isOver = true;
			progress.end(outcome.text);
			return void client.finish(outcome.ok ? EXIT_DONE : EXIT_FAILED);
		}
		progress.note(sender.notice);
		progress.show(sender.acknowledged, sender.restarting, sender.onTrial, clock.now());
		if (deadline === Number.POSITIVE_INFINITY) return;
		const tick = () => {
			sender.tick(clock.now());
			client.wake();
			proceed();
		};
		pending = timer.set(tick, Math.max(0, deadline - clock.now()));
	};

	const client: Client<Message> = new Client<Message>(
		{
			...{ broker, tls, protocolVersion: 5, fallback: true, cleanSession: true, keepAlive: KEEP_ALIVE_S },
			...{ username, password, will: undefined, sessionExpiryInterval: undefined },
			clientId: `veleta-update-${randomBytes(4).toString("hex")}`,
			debug: false,
		},
		{ attempts: ATTEMPTS_MAXIMUM, pipelining: true },
		{
			nextMessage: () => sender.nextMessage(clock.now()),
			onConnect: () => {
				for (const name of TOPICS) unanswered.add(name);
			},
			onAcknowledge: () => client.progress(),
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
				sender.subscribed(clock.now(), client.session.protocolVersion === HAS_PROPERTIES);
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
	const ended = client.ended.finally(() => {
		if (pending !== undefined) timer.clear(pending);
	});
	return { ended, interrupt };
}

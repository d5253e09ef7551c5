/** The broker by MQTT: a session that the broker keeps, and a link that connects it. */
import { clock, network, timer } from "../../../hosts/node/ports.ts";
import { Backoff } from "../../../src/net/backoff.ts";
import type { BrokerAddress } from "../../../src/net/broker-url.ts";
import { Link } from "../../../src/net/link.ts";
import { RefusedError } from "../../../src/net/mqtt/errors.ts";
import type { Message, ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { type ProtocolVersion, SUBSCRIPTIONS_MAXIMUM, VERSIONS } from "../../../src/net/mqtt/packet.ts";
import { reasonText } from "../../../src/net/mqtt/reason-codes.ts";
import { Session } from "../../../src/net/mqtt/session.ts";
import { bytesOf, printable } from "../../../src/text.ts";
import { withTlsOptions } from "../../broker-options.ts";
import {
	AWAY_EXPIRY_S,
	type Feed,
	type FeedEvents,
	type FeedOptions,
	filtersOf,
	GROUP_EXPIRY_S,
	MESSAGE_MAXIMUM,
	type OutgoingCommand,
	RECEIVE_MAXIMUM,
} from "./feed.ts";

const KEEP_ALIVE_S = 30;

export interface MqttFeedOptions extends FeedOptions {
	readonly broker: BrokerAddress;
	/** The version of MQTT that the broker is known to speak. */
	readonly protocolVersion?: ProtocolVersion | undefined;
	/** Whether the broker is to keep nothing when the collector is away. */
	readonly cleanSession?: boolean;
}

export class MqttFeed implements Feed {
	readonly hasRetained = true;
	private readonly _session: Session<Message>;
	private readonly _link: Link<Message>;
	private readonly _outgoing: Message[] = [];
	private _version: ProtocolVersion = 5;

	constructor(options: MqttFeedOptions, events: FeedEvents) {
		const { broker, tls, username, password, clientId, protocolVersion, group, cleanSession = false } = options;
		const session = new Session<Message>({
			...{ clientId, username, password, cleanSession, keepAlive: KEEP_ALIVE_S },
			// One of a group has its share of the readings waiting for it, too.
			sessionExpiryInterval: group === undefined ? AWAY_EXPIRY_S : GROUP_EXPIRY_S,
			...(protocolVersion && { protocolVersion }),
			// Before 5.0 a shared subscription is one to a topic that there is not.
			fallback: group === undefined,
			acknowledgesByHand: true,
			receiveMaximum: RECEIVE_MAXIMUM,
			maximumPacketSize: MESSAGE_MAXIMUM,
			nextMessage: () => this._outgoing.shift(),
			onConnect: (sessionPresent, version) => {
				this._version = version;
				const kept = sessionPresent ? "resumed" : "new";
				events.onConnected(`MQTT ${VERSIONS[version]}, session ${kept}`, sessionPresent);
			},
			onMessage: (message) => events.onMessage(message),
			onOversized: () => events.onOversized(),
			onUnsubscribe: (filter) => options.onForgotten?.(filter),
			onSubscribe: (filter, reasonCode) =>
				events.onSubscribed(filter, reasonCode < 0x80 ? undefined : reasonText(reasonCode)),
		});
		for (const topicFilter of filtersOf(options)) session.subscribe({ topicFilter, qos: 1 });
		const room = SUBSCRIPTIONS_MAXIMUM - filtersOf(options).length;
		// The others' turn comes with a later run.
		for (const filter of options.unwanted.slice(0, room)) session.unsubscribe(filter);
		this._session = session;
		this._link = new Link({
			...{ network, clock, timer, broker, tls, session },
			random: Math.random,
			backoff: new Backoff({ random: Math.random }),
			onDisconnect: (reason, _delay, error) => {
				if (error instanceof RefusedError && error.hasOlderVersion) return;
				// A broker may give a reason of its own.
				events.onDisconnected(withTlsOptions(printable(reason)));
			},
		});
	}

	start(): void {
		this._link.start();
	}

	async stop(): Promise<void> {
		// The acknowledgements have to leave.
		await new Promise((resolve) => setImmediate(resolve));
		this._link.stop();
	}

	get connected(): boolean {
		return this._session.connected;
	}

	get takesCommands(): boolean {
		return this._session.connected;
	}

	get correlates(): boolean {
		return this._version === 5;
	}

	acknowledge(messages: readonly ReceivedMessage[]): void {
		for (const message of messages) if (message.qos > 0) this._session.acknowledge(message);
		this._link.wake();
	}

	publish({ station, command, payload, expiry, correlation }: OutgoingCommand): void {
		this._outgoing.push({
			...{ topic: `${station}/cmd/${command}`, payload: bytesOf(payload), qos: 1, retain: false },
			...(this._version === 5 && {
				properties: {
					messageExpiryInterval: expiry,
					...(correlation !== undefined && {
						responseTopic: `${station}/reply`,
						correlationData: bytesOf(correlation),
					}),
				},
			}),
		});
		this._link.wake();
	}
}

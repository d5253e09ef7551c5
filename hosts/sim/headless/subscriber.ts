/**
 * Shows a subscriber's messages: a second MQTT client beside the station's, on the
 * same session code. It comes back when the broker does.
 */
import { randomBytes } from "node:crypto";
import type { TlsOptions } from "../../../src/host.ts";
import { Backoff } from "../../../src/net/backoff.ts";
import type { BrokerAddress } from "../../../src/net/broker-url.ts";
import { Link } from "../../../src/net/link.ts";
import { RefusedError } from "../../../src/net/mqtt/errors.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import type { ProtocolVersion } from "../../../src/net/mqtt/packet.ts";
import { reasonText } from "../../../src/net/mqtt/reason-codes.ts";
import { Session } from "../../../src/net/mqtt/session.ts";
import { clock, network, timer } from "../../node/ports.ts";
import { reportOfCbor } from "../../node/report-cbor.ts";

const KEEP_ALIVE_S = 30;
/** It reconnects soon, whatever the broker does: a user watches. But not three times a second, for hours. */
const RETRY_MS = { base: 500, limit: 2_000 };
/** Larger than anything that a station sends. */
const PACKET_SIZE_MAXIMUM = 1 << 20;

export interface SubscriberOptions {
	readonly broker: BrokerAddress;
	readonly tls: TlsOptions;
	/** The version of MQTT that the broker is known to speak. */
	readonly protocolVersion?: ProtocolVersion;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly filter: string;
	/** A report in CBOR comes as the same in JSON. */
	readonly onMessage: (topic: string, payload: string) => void;
	/** The broker lets the client in but does not let it subscribe, or does not let it in; told once. */
	readonly onRefused: (reason: string) => void;
}

export class Subscriber {
	private readonly _link: Link<Message>;
	private _onSubscribed: () => void = () => {};
	/** Resolves when the first subscription stands, or was refused. */
	readonly subscribed = new Promise<void>((resolve) => {
		this._onSubscribed = resolve;
	});

	constructor(options: SubscriberOptions) {
		const { broker, tls, protocolVersion, username, password, filter, onMessage, onRefused } = options;
		const refused = (reason: string) => {
			this.close();
			this._onSubscribed();
			onRefused(reason);
		};
		const session = new Session({
			// Not of the process id: two containers have the same, and would throw each other out.
			clientId: `veleta-watch-${randomBytes(4).toString("hex")}`,
			...(protocolVersion && { protocolVersion }),
			cleanSession: true,
			keepAlive: KEEP_ALIVE_S,
			maximumPacketSize: PACKET_SIZE_MAXIMUM,
			username,
			password,
			onMessage: ({ topic, payload }) => {
				const report = reportOfCbor(payload);
				onMessage(topic, report ? JSON.stringify(report) : Buffer.from(payload).toString());
			},
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode < 0x80) this._onSubscribed();
				else refused(`it does not allow a subscription to ${topicFilter}: ${reasonText(reasonCode)}`);
			},
		});
		session.subscribe({ topicFilter: filter, qos: 1 });
		this._link = new Link({
			network,
			clock,
			timer,
			broker,
			tls,
			session,
			random: Math.random,
			backoff: new Backoff({ ...RETRY_MS, random: Math.random }),
			onDisconnect: (reason, _retryDelay, error) => {
				if (error instanceof RefusedError && !error.hasOlderVersion) refused(reason);
			},
		});
		this._link.start();
	}

	close(): void {
		this._link.stop();
	}
}

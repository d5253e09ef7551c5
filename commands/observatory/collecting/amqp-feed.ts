/**
 * The broker by AMQP 0-9-1: quorum queues of RabbitMQ, bound to the exchange of its plugin for MQTT, which stations speak.
 * What is not acknowledged, the broker delivers again: to whoever is there.
 */
import type { Channel, ConsumeMessage } from "amqplib";
import { clock } from "../../../hosts/node/ports.ts";
import { AWAY_LIMIT_MS, Backoff } from "../../../src/net/backoff.ts";
import type { ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { messageOf, printable } from "../../../src/text.ts";
import { AmqpConnection, type AmqpOptions, amqpReason, type Connect, within } from "./amqp-connection.ts";
import { EXCHANGE, keyOf, type QueuePlan, queuesOf, topicOf } from "./amqp-queues.ts";
import { type AmqpAddress, SHORT_STRING_MAXIMUM } from "./amqp-url.ts";
import {
	type Feed,
	type FeedEvents,
	type FeedOptions,
	MESSAGE_MAXIMUM,
	type OutgoingCommand,
	RECEIVE_MAXIMUM,
} from "./feed.ts";

/** For queues, bindings and consumers, in ms: without a majority of its nodes a cluster answers nothing. */
const SETUP_MS = 30_000;
/** An attempt that fails within this time, in ms, was refused; later, nobody has answered. */
const PROMPT_MS = 3_000;
/** The first version of RabbitMQ in which a quorum queue drops what was delivered 20 times, unless its declaration says otherwise. */
const LIMITED_MAJOR = 4;

export interface AmqpFeedOptions extends FeedOptions {
	readonly broker: AmqpAddress;
	/** amqplib's own, or a test's. */
	readonly connect?: Connect;
}

/**
 * Two connections: RabbitMQ stops reading from one that publishes while its memory or disk is scarce, and acknowledgements
 * have to come through.
 */
interface Open {
	readonly consuming: AmqpConnection;
	readonly publishing: AmqpConnection;
}

interface Delivery {
	readonly channel: Channel;
	readonly message: ConsumeMessage;
}

export class AmqpFeed implements Feed {
	readonly hasRetained = false;
	readonly correlates = false;
	private readonly _options: AmqpFeedOptions;
	private readonly _events: FeedEvents;
	private readonly _queues: readonly QueuePlan[];
	private readonly _backoff = new Backoff({ random: Math.random });
	private readonly _stop = new AbortController();
	private readonly _deliveries = new WeakMap<ReceivedMessage, Delivery>();
	private _open: Open | undefined;
	private _hasAcknowledged = false;

	constructor(options: AmqpFeedOptions, events: FeedEvents) {
		this._options = options;
		this._events = events;
		this._queues = queuesOf(options);
	}

	start(): void {
		void this._run();
	}

	async stop(): Promise<void> {
		this._stop.abort();
		const open = this._open;
		this._open = undefined;
		await Promise.all([open?.consuming.close(), open?.publishing.close()]);
	}

	get connected(): boolean {
		return this._open !== undefined;
	}

	get takesCommands(): boolean {
		return this._open !== undefined && !this._open.publishing.isBlocked;
	}

	acknowledge(messages: readonly ReceivedMessage[]): void {
		const current = this._open?.consuming.channel;
		for (const message of messages) {
			const delivery = this._deliveries.get(message);
			if (!delivery || delivery.channel !== current) continue;
			this._deliveries.delete(message);
			if (!acknowledged(delivery)) return;
			this._hasAcknowledged = true;
		}
	}

	publish({ station, command, payload, expiry }: OutgoingCommand): void {
		const key = keyOf(`${station}/cmd/${command}`);
		if (!this._open || Buffer.byteLength(key) > SHORT_STRING_MAXIMUM) return;
		// To a subscriber by MQTT a persistent message is one of QoS 1.
		const properties = { persistent: true, expiration: String(1_000 * expiry) };
		try {
			this._open.publishing.channel.publish(EXCHANGE, key, Buffer.from(payload), properties);
		} catch {
			// Its connection has just ended.
		}
	}

	private async _run(): Promise<void> {
		const { signal } = this._stop;
		while (!signal.aborted) {
			const delay = await this._live();
			if (signal.aborted) return;
			await new Promise<void>((resolve) => {
				const done = () => {
					clearTimeout(timer);
					signal.removeEventListener("abort", done);
					resolve();
				};
				const timer = setTimeout(done, delay);
				signal.addEventListener("abort", done);
			});
		}
	}

	/** A connection from its beginning to its end. Resolves with the pause before the next one, in ms. */
	private async _live(): Promise<number> {
		const began = clock.now();
		let open: Open;
		try {
			open = await this._connect();
		} catch (error) {
			const now = clock.now();
			if (!this._stop.signal.aborted) this._events.onDisconnected(`cannot connect: ${messageOf(error)}`);
			return this._backoff.away(now, now < began + PROMPT_MS);
		}
		const acceptedAt = clock.now();
		this._backoff.opening = acceptedAt - began;
		const reason = await Promise.race([open.consuming.ended, open.publishing.ended]);
		for (const connection of Object.values(open)) connection.end(reason);
		this._open = undefined;
		if (!this._stop.signal.aborted) this._events.onDisconnected(`connection closed: ${reason}`);
		const now = clock.now();
		const isProven = this._backoff.lived(now - acceptedAt, this._hasAcknowledged);
		return isProven ? this._backoff.away(now, true) : this._backoff.next(AWAY_LIMIT_MS);
	}

	/** Resolves when messages come. Throws an Error for people. */
	private async _connect(): Promise<Open> {
		const {
			broker,
			tls,
			username,
			password,
			clientId,
			connect = (await import("amqplib")).default.connect,
		} = this._options;
		const options: AmqpOptions = { broker, tls, username, password, name: clientId };
		const consuming = await AmqpConnection.open(options, connect, this._stop.signal);
		const connections = [consuming];
		const giveUp = () => {
			for (const connection of connections) connection.end("by the observatory");
		};
		this._stop.signal.addEventListener("abort", giveUp);
		try {
			const publishing = await AmqpConnection.open(options, connect, this._stop.signal);
			connections.push(publishing);
			const open = { consuming, publishing };
			await within(SETUP_MS, () => this._setUp(open));
			return open;
		} catch (error) {
			// The end of a connection is the reason of whatever failed with it.
			const told = connections.find(({ reason }) => reason !== undefined)?.reason;
			giveUp();
			throw new Error(told ?? amqpReason(error));
		} finally {
			this._stop.signal.removeEventListener("abort", giveUp);
		}
	}

	private async _setUp(open: Open): Promise<void> {
		const { consuming } = open;
		const { channel } = consuming;
		const queues: QueuePlan[] = [];
		for (const queue of this._queues) if (await declared(consuming, queue)) queues.push(queue);
		// Of each consumer.
		await channel.prefetch(RECEIVE_MAXIMUM);
		for (const { name, bound, unbound } of queues) {
			for (const pattern of unbound) await channel.unbindQueue(name, EXCHANGE, pattern);
			for (const pattern of bound) await channel.bindQueue(name, EXCHANGE, pattern);
		}
		// What comes before it is known that everything is granted.
		let early: ConsumeMessage[] | undefined = [];
		for (const { name } of queues) {
			await channel.consume(name, (message) => {
				if (!message) consuming.end(`the broker takes the queue ${name} away`);
				else if (early) early.push(message);
				else this._received(channel, message);
			});
		}
		this._open = open;
		this._hasAcknowledged = false;
		for (const filter of this._options.unwanted) this._options.onForgotten?.(filter);
		const names = queues.map(({ name }) => printable(name)).join(", ");
		const peer = printable(`${consuming.product} ${consuming.version}`);
		this._events.onConnected(`AMQP 0-9-1 (${peer}), ${queues.length === 1 ? "queue" : "queues"} ${names}`, true);
		const first = early;
		early = undefined;
		for (const message of first) this._received(channel, message);
	}

	private _received(channel: Channel, delivery: ConsumeMessage): void {
		const { content, fields } = delivery;
		const topic = topicOf(fields.routingKey);
		const isOversized = content.length > MESSAGE_MAXIMUM;
		if (isOversized) this._events.onOversized();
		if (isOversized || topic === undefined) return void acknowledged({ channel, message: delivery });
		const message: ReceivedMessage = {
			// A copy: amqplib's is a part of all that came with it.
			...{ topic, payload: new Uint8Array(content), qos: 1, retain: false, dup: fields.redelivered },
		};
		this._deliveries.set(message, { channel, message: delivery });
		this._events.onMessage(message);
	}
}

/** Whether it could be said; if not, the connection has just ended. */
function acknowledged({ channel, message }: Delivery): boolean {
	try {
		channel.ack(message);
		return true;
	} catch {
		return false;
	}
}

/** Whether there is such a queue now. Throws amqplib's Error. */
async function declared(connection: AmqpConnection, { name, expiry }: QueuePlan): Promise<boolean> {
	if (expiry === undefined) return isThere(connection, name);
	const isLimited = Number.parseInt(connection.version, 10) >= LIMITED_MAJOR;
	const limit = isLimited ? { "x-delivery-limit": -1 } : {};
	try {
		await connection.aside((channel) =>
			channel.assertQueue(name, {
				...{ durable: true, expires: 1_000 * expiry },
				arguments: { "x-queue-type": "quorum", ...limit },
			}),
		);
		return true;
	} catch (error) {
		// An earlier version of RabbitMQ has made it.
		if (!/inequivalent arg 'x-delivery-limit'/.test(messageOf(error))) throw error;
		return isThere(connection, name);
	}
}

async function isThere(connection: AmqpConnection, name: string): Promise<boolean> {
	try {
		await connection.aside((channel) => channel.checkQueue(name));
		return true;
	} catch (error) {
		if ((error as { code?: unknown }).code === NOT_FOUND) return false;
		throw error;
	}
}

/** AMQP's reply code. */
const NOT_FOUND = 404;

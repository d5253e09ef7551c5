/** One connection by AMQP 0-9-1 with one channel, by the package amqplib; and in plain words why it has ended. */
import { checkServerIdentity, createSecureContext } from "node:tls";
import type { Channel, ChannelModel, connect, SocketOptions } from "amqplib";
import { lookup } from "../../../hosts/node/names.ts";
import { reasonOf } from "../../../hosts/node/node-socket.ts";
import { checkPem } from "../../../hosts/node/tls.ts";
import type { TlsOptions } from "../../../src/host.ts";
import { withoutZone } from "../../../src/net/broker-url.ts";
import { messageOf, printable } from "../../../src/text.ts";
import { withTlsOptions } from "../../broker-options.ts";
import type { AmqpAddress } from "./amqp-url.ts";

/** A peer that is silent for twice as long, in s, is gone. */
const HEARTBEAT_S = 15;
/** From the attempt to connect to an open channel, in ms. */
const OPEN_MS = 20_000;
/** For the farewell, in ms. */
const CLOSE_MS = 2_000;
/** Bytes of a frame: RabbitMQ's own maximum. */
const FRAME_MAXIMUM = 131_072;
/** RabbitMQ's, who lets him in from its own computer only. */
const DEFAULT_USER = "guest";

export type Connect = typeof connect;

export interface AmqpOptions {
	readonly broker: AmqpAddress;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** What the broker's operator sees. */
	readonly name: string;
}

export class AmqpConnection {
	readonly channel: Channel;
	/** Resolves with the reason, for people, when it has ended. */
	readonly ended: Promise<string>;
	/** The same, at once. */
	reason: string | undefined;
	/** Whether the broker takes no messages now: memory or disk is scarce there. */
	isBlocked = false;
	private readonly _model: ChannelModel;
	private readonly _abort: AbortController;
	private _onEnd: (reason: string) => void = () => {};

	private constructor(model: ChannelModel, channel: Channel, abort: AbortController) {
		this._model = model;
		this.channel = channel;
		this._abort = abort;
		this.ended = new Promise((resolve) => {
			this._onEnd = resolve;
		});
		model.on("close", (error) => this.end(error ? amqpReason(error) : "by the broker"));
		model.on("blocked", () => {
			this.isBlocked = true;
		});
		model.on("unblocked", () => {
			this.isBlocked = false;
		});
	}

	/** Throws an Error for people. `signal`: nobody waits for it any more. */
	static async open(options: AmqpOptions, connect: Connect, signal: AbortSignal): Promise<AmqpConnection> {
		const { broker, username, password } = options;
		// An end from before is told to no listener: amqplib was still being loaded.
		if (signal.aborted) throw new Error("ended by the observatory");
		const abort = new AbortController();
		const give = () => abort.abort();
		signal.addEventListener("abort", give);
		let failure: string | undefined;
		try {
			return await within(OPEN_MS, async () => {
				const model = await connect(
					{
						...{ protocol: broker.tls ? "amqps" : "amqp", hostname: broker.host, port: broker.port },
						// amqplib decodes it.
						vhost: encodeURIComponent(broker.vhost),
						username: username ?? DEFAULT_USER,
						password: password ?? (username === undefined ? DEFAULT_USER : ""),
						...{ heartbeat: HEARTBEAT_S, frameMax: FRAME_MAXIMUM, maxFrameSize: FRAME_MAXIMUM },
					},
					socketOptions(options, abort.signal),
				);
				// Without listeners Node ends the program.
				model.on("error", (error) => {
					failure ??= amqpReason(error);
				});
				const channel = await model.createChannel();
				const connection = new AmqpConnection(model, channel, abort);
				for (const emitter of [model, channel]) emitter.on("error", (error) => connection.end(amqpReason(error)));
				return connection;
			});
		} catch (error) {
			abort.abort();
			throw new Error(failure ?? amqpReason(error, broker));
		} finally {
			signal.removeEventListener("abort", give);
		}
	}

	/** Of the broker, such as `3.10.8`; it says so itself. */
	get version(): string {
		return String(this._model.connection.serverProperties.version);
	}

	get product(): string {
		return String(this._model.connection.serverProperties.product);
	}

	/** What may be refused without an end of this connection's channel. Throws the error of `work`. */
	async aside<Result>(work: (channel: Channel) => Promise<Result>): Promise<Result> {
		const channel = await this._model.createChannel();
		let isOpen = true;
		channel.on("error", () => {
			isOpen = false;
		});
		channel.on("close", () => {
			isOpen = false;
		});
		const result = await work(channel);
		if (isOpen) await channel.close();
		return result;
	}

	/** At once. Only the first reason counts. */
	end(reason: string): void {
		this.reason ??= reason;
		this._abort.abort();
		this._onEnd(this.reason);
	}

	/** In good order: what was acknowledged leaves before. */
	async close(): Promise<void> {
		try {
			await within(CLOSE_MS, async () => {
				// The connection's own farewell would overtake what the channel has to send.
				await this.channel.close();
				await this._model.close();
			});
		} catch {
			// It has ended before, or the broker does not answer.
		}
		this.end("by the observatory");
	}
}

function socketOptions({ broker, tls, name }: AmqpOptions, signal: AbortSignal): SocketOptions {
	const { host } = broker;
	// `signal` is an option of every socket (node:net).
	const common = { lookup, noDelay: true, signal, clientProperties: { connection_name: name } } as SocketOptions;
	if (!broker.tls) return common;
	return {
		...common,
		secureContext: createSecureContext(checkPem(tls)),
		checkServerIdentity: (_, certificate) => checkServerIdentity(withoutZone(host), certificate),
		...(tls.alpn !== undefined && { ALPNProtocols: [tls.alpn] }),
		// Whatever the environment says.
		rejectUnauthorized: true,
	};
}

/** Rejects when it takes longer, in ms. */
export async function within<Result>(limit: number, work: () => Promise<Result>): Promise<Result> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`no answer within ${limit / 1_000} s`)), limit);
	});
	try {
		return await Promise.race([work(), late]);
	} finally {
		clearTimeout(timer);
	}
}

/** amqplib's own texts. */
const TEXTS: readonly (readonly [pattern: RegExp, reason: string])[] = [
	[/^Heartbeat timeout$/, `no heartbeat within ${2 * HEARTBEAT_S} s`],
	[/^Unexpected close$/, "by the broker"],
	[/^Socket closed abruptly/, "the broker ended it before AMQP was agreed on; is this its port for AMQP?"],
	[/^(Invalid frame|Frame size|Expected ConnectionStart;)/, "what answers there does not speak AMQP 0-9-1"],
	[/^SASL mechanism/, "the broker takes no passwords (SASL mechanism PLAIN)"],
];

/** Why something failed, for people, with nothing secret: the broker's own words where there are no better ones. */
export function amqpReason(error: unknown, broker?: AmqpAddress): string {
	const message = messageOf(error);
	const code = (error as { code?: unknown }).code;
	if (typeof code === "string") return withTlsOptions(reasonOf(error as NodeJS.ErrnoException));
	// To the last step of the handshake; amqplib keeps the broker's words to itself.
	if (/^Expected ConnectionOpenOk; got <ConnectionClose/.test(message)) {
		return `there is no vhost ${printable(broker?.vhost ?? "")} at the broker, or the user may not use it`;
	}
	const [, said] = /with message "(.*)"$/s.exec(message) ?? [];
	if (said === undefined) return TEXTS.find(([pattern]) => pattern.test(message))?.[1] ?? printable(message);
	if (/^ACCESS_REFUSED - Login was refused/.test(said)) return "the broker refuses the user name or the password";
	if (/^PRECONDITION_FAILED - delivery acknowledgement on channel \d+ timed out/.test(said)) {
		return "readings were not stored within the broker's consumer_timeout; it delivers them again";
	}
	const [, argument, queue] = /^PRECONDITION_FAILED - inequivalent arg '(\S+)' for queue '(\S+)'/.exec(said) ?? [];
	if (queue !== undefined) {
		return printable(
			`the queue ${queue} exists with another ${argument}; rabbitmqctl delete_queue ${queue} removes it, and what it has`,
		);
	}
	return `the broker says: ${printable(said)}`;
}

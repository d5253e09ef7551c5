/**
 * Collects what stations publish: each message is acknowledged when it is stored, so what the store cannot take now waits
 * at the broker.
 */
import { clock } from "../../../hosts/node/ports.ts";
import { type BrokerAddress, showAddress } from "../../../src/net/broker-url.ts";
import type { ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { messageOf, printable } from "../../../src/text.ts";
import type { CommandReply, CommandRequest, Counter } from "../api.ts";
import type { Arrival, ArrivedAnswer } from "../store/arrival.ts";
import { StoreError } from "../store/driver.ts";
import type { Saved, Store } from "../store/store.ts";
import { AmqpFeed } from "./amqp-feed.ts";
import { type AmqpAddress, hasVhost } from "./amqp-url.ts";
import type { Feed, FeedEvents } from "./feed.ts";
import { GapRequests, type Range } from "./gap-requests.ts";
import { type Reply, understood } from "./messages.ts";
import { MqttFeed, type MqttFeedOptions } from "./mqtt-feed.ts";
import { StatusRequests } from "./status-requests.ts";

/** Messages in one transaction. */
const BATCH_MAXIMUM = 500;
/**
 * Messages that wait for one. Beyond them those of earlier connections are forgotten, which come again, unless the broker
 * has lost them; then those of QoS 0, which have no acknowledgement that could hold the broker back.
 */
const WAITING_MAXIMUM = 5_000;
/** Pauses between attempts to store, in ms: the second doubles up to the third. */
const STORE_RETRY = { base: 500, limit: 15_000 };
/** Time between two looks at what stations are to be asked for, in ms. */
const LOOK_MS = 500;
/** For so long a command waits for its reply, in ms; and so many at a time. */
const REPLY_WITHIN_MS = 15_000;
const COMMANDS_MAXIMUM = 64;
/** Topics whose messages are told as ignored, and characters of such a message. */
const TOLD_MAXIMUM = 10;
const EXCERPT_CHARACTERS = 24;
/** How long the broker keeps a command for a station that is away, in s: nobody wants a restart hours later. For one that sleeps, a day. */
const COMMAND_EXPIRY_S = 60;
const ASLEEP_EXPIRY_S = 86_400;
const FAREWELL_MS = 2_000;

export interface CollectorOptions extends Omit<MqttFeedOptions, "broker"> {
	/** One with a vhost is spoken to by AMQP. */
	readonly broker: BrokerAddress | AmqpAddress;
	readonly store: Store;
	/** A line for people, of the broker or the store. */
	readonly tell: (who: "broker" | "store", text: string) => void;
	/** Something is stored. */
	readonly onSaved: (saved: Saved) => void;
}

/** A message that is not stored yet. */
interface Waiting {
	readonly message: ReceivedMessage;
	readonly arrival: Arrival;
	/** In which it came: with the next one, it comes again. */
	readonly connection: number;
}

/** A command that waits for its reply. */
interface Sent {
	readonly station: string;
	readonly command: string;
	/** MQTT 5.0. */
	readonly correlation: string | undefined;
	readonly settle: (reply: CommandReply) => void;
}

export class Collector {
	private readonly _options: CollectorOptions;
	private readonly _feed: Feed;
	private _waiting: Waiting[] = [];
	/** Those of them that are being stored. */
	private _batch: Waiting[] = [];
	private _saving = false;
	private _retryDelay = 0;
	private readonly _gaps = new GapRequests();
	/** Where the broker does not tell. */
	private readonly _statuses: StatusRequests | undefined;
	private _look: NodeJS.Timeout | undefined;
	private readonly _sent: Sent[] = [];
	private _commands = 0;
	/** Why it does not work, for people. */
	private _storeProblem: string | undefined;
	private _brokerProblem: string | undefined = "not connected yet";
	/** Subscriptions that the broker refuses, and what was told of them. */
	private readonly _refused = new Map<string, string>();
	private readonly _toldIgnored = new Set<string>();
	private _hasToldRefused = false;
	private _stopped = false;
	private _hasEnded = false;
	private _onIdle: () => void = () => {};
	/** Ends a pause. */
	private _goOn: () => void = () => {};
	private readonly _counts = {
		...{ messages: 0, readings: 0, duplicates: 0, refused: 0, ignored: 0, dropped: 0, batches: 0 },
		...{ connections: 0, requests: 0 },
	};

	constructor(options: CollectorOptions) {
		this._options = options;
		const events: FeedEvents = {
			onConnected: (text, isResumed) => this._connected(text, isResumed),
			onDisconnected: (reason) => this._disconnected(reason),
			onMessage: (message) => this._received(message),
			onOversized: () => this._ignored("a message of more than 64 KB", ""),
			onSubscribed: (filter, problem) => this._subscribed(filter, problem),
		};
		const { broker } = options;
		this._feed = hasVhost(broker)
			? new AmqpFeed({ ...options, broker }, events)
			: new MqttFeed({ ...options, broker }, events);
		this._statuses = this._feed.hasRetained ? undefined : new StatusRequests();
	}

	/** Throws a `StoreError`. */
	async start(): Promise<void> {
		const { store } = this._options;
		const now = clock.now();
		for (const [topic, gaps] of await store.missing()) this._gaps.missing(topic, gaps, now);
		for (const { topic, status, diagnostics } of await store.stations()) {
			if (status !== "unknown") {
				this._gaps.status(topic, status, now);
				this._statuses?.told(topic);
			}
			this._gaps.queued(topic, diagnostics?.members.queued, now);
		}
		this._look = setInterval(() => this._ask(), LOOK_MS);
		this._feed.start();
	}

	/** Ends in good order: what has come is stored and acknowledged, if that can be done soon. */
	async stop(): Promise<void> {
		this._stopped = true;
		clearInterval(this._look);
		this._goOn();
		for (const sent of this._sent.splice(0))
			sent.settle({ ok: false, reason: "stops", error: "the observatory stops" });
		if (this._saving) {
			const idle = new Promise<void>((resolve) => {
				this._onIdle = resolve;
			});
			await Promise.race([idle, new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref())]);
		}
		// Whatever is stored from now on could not be acknowledged any more.
		this._hasEnded = true;
		await this._feed.stop();
	}

	/** Why readings are not stored now, for people. */
	get problem(): string | undefined {
		return this._storeProblem ?? this._brokerProblem ?? [...this._refused.values()][0];
	}

	/** Readings and values stored since the start. */
	get stored(): number {
		return this._counts.readings;
	}

	/** Messages that are not stored yet. */
	get waiting(): number {
		return this._waiting.length + this._batch.length;
	}

	counters(): Counter[] {
		const { messages, readings, duplicates, refused, ignored, dropped, batches, connections, requests } = this._counts;
		const counter = (name: string, help: string, value: number): Counter => ({
			...{ name: `veleta_observatory_${name}_total`, help, type: "counter", value },
		});
		return [
			counter("messages", "Messages received.", messages),
			counter("readings_stored", "Readings and values stored.", readings),
			counter("duplicates", "Readings and values received again.", duplicates),
			counter("refused", "Readings and values left out: without room, or such as no store takes.", refused),
			counter("ignored", "Messages that are no reading.", ignored),
			counter("dropped", "Messages of QoS 0 dropped, as the store did not take them.", dropped),
			counter("batches", "Transactions of the store.", batches),
			counter("connections", "Connections to the broker.", connections),
			counter("gap_requests", "Requests to stations for missing readings.", requests),
			{
				name: "veleta_observatory_waiting",
				...{ help: "Messages that are not stored yet.", type: "gauge", value: this.waiting },
			},
			{
				name: "veleta_observatory_connected",
				...{ help: "Whether the broker is connected.", type: "gauge", value: this._feed.connected ? 1 : 0 },
			},
		];
	}

	/** Sends a command to a station, and resolves with its reply. */
	command({ topic, command, payload }: CommandRequest): Promise<CommandReply> {
		if (!this._feed.takesCommands)
			return Promise.resolve({
				ok: false,
				reason: "not connected",
				error: this._feed.connected ? "the broker takes no messages now" : "the broker is not connected",
			});
		if (this._sent.length >= COMMANDS_MAXIMUM)
			return Promise.resolve({ ok: false, reason: "too many", error: "too many commands wait" });
		return new Promise((resolve) => {
			const correlation = this._feed.correlates ? `veleta-${++this._commands}` : undefined;
			const sleeps = this._gaps.isAsleep(topic);
			const settle = (reply: CommandReply) => {
				clearTimeout(timeout);
				const index = this._sent.indexOf(sent);
				if (index >= 0) this._sent.splice(index, 1);
				resolve(reply);
			};
			const sent: Sent = { station: topic, command, correlation, settle };
			const timeout = setTimeout(
				() =>
					settle({
						ok: false,
						reason: sleeps ? "asleep" : "no reply",
						error: `no reply within ${REPLY_WITHIN_MS / 1_000} s`,
					}),
				REPLY_WITHIN_MS,
			);
			timeout.unref();
			this._sent.push(sent);
			const expiry = sleeps ? ASLEEP_EXPIRY_S : COMMAND_EXPIRY_S;
			this._feed.publish({ station: topic, command, payload, expiry, correlation });
		});
	}

	private _connected(text: string, isResumed: boolean): void {
		const { tell, broker } = this._options;
		this._counts.connections++;
		this._brokerProblem = undefined;
		// What was not acknowledged comes again.
		if (isResumed) this._waiting = this._waiting.filter(({ message }) => message.qos === 0);
		this._gaps.connected(clock.now());
		tell("broker", `${showAddress(broker)}: connected with ${text}`);
	}

	private _subscribed(filter: string, reason: string | undefined): void {
		if (reason === undefined) return void this._refused.delete(filter);
		const problem = `it refuses the subscription to ${filter}: ${reason}`;
		this._refused.set(filter, problem);
		this._options.tell("broker", problem);
	}

	/** Told once, until it is back. */
	private _disconnected(reason: string): void {
		if (this._brokerProblem !== reason && !this._stopped) this._options.tell("broker", reason);
		this._brokerProblem = reason;
	}

	private _received(message: ReceivedMessage): void {
		this._counts.messages++;
		const { arrival: told, reply } = understood(message, this._options.bases, Date.now());
		const answered = reply && this._replied(reply, message);
		const arrival = told?.kind === "answer" ? answerWithin(told, answered) : (told ?? this._presence(reply));
		if (!arrival) {
			if (!reply && message.payload.length > 0) this._ignored(message.topic, excerpt(message.payload));
			this._feed.acknowledge([message]);
			return;
		}
		const { connections: connection } = this._counts;
		if (this._waiting.length >= WAITING_MAXIMUM) {
			this._waiting = this._waiting.filter((waiting) => waiting.connection === connection || waiting.message.qos === 0);
		}
		if (message.qos === 0 && this._waiting.length >= WAITING_MAXIMUM) {
			this._counts.dropped++;
			return;
		}
		this._waiting.push({ message, arrival, connection });
		this._save();
	}

	/** Each topic is told once, as long as there are few of them. */
	private _ignored(topic: string, payload: string): void {
		this._counts.ignored++;
		if (this._toldIgnored.has(topic) || this._toldIgnored.size >= TOLD_MAXIMUM) return;
		this._toldIgnored.add(topic);
		const what = payload === "" ? "" : `, which is no number, nor a report: "${payload}"`;
		this._options.tell("broker", `ignored: ${printable(topic)}${what}`);
	}

	/** Returns the numbers that were asked for, where it is the answer to our question for them. */
	private _replied({ station, members }: Reply, { properties }: ReceivedMessage): Range | undefined {
		if (members.command === "readings") return this._gaps.answered(station, members.to, clock.now());
		const correlation = properties?.correlationData && Buffer.from(properties.correlationData).toString();
		const sent = this._sent.find(
			(sent) =>
				sent.station === station &&
				sent.command === members.command &&
				(correlation === undefined || sent.correlation === undefined || sent.correlation === correlation),
		);
		sent?.settle({ ...members, ok: members.ok === true });
		return undefined;
	}

	/** That a station is there, where a reply says so that was asked for. */
	private _presence(reply: Reply | undefined): Arrival | undefined {
		if (reply?.members.command !== "status" || !this._statuses?.answered(reply.station)) return undefined;
		// It is not known since when: so it is with what a broker has retained.
		return { kind: "status", status: "online", station: reply.station, receivedAt: Date.now(), isRetained: true };
	}

	/** One batch at a time, of what has come meanwhile. */
	private async _save(): Promise<void> {
		if (this._saving) return;
		this._saving = true;
		// What arrives in the same turn goes with it.
		await new Promise((resolve) => setImmediate(resolve));
		while (this._waiting.length > 0 && !this._hasEnded) {
			this._batch = this._waiting.splice(0, BATCH_MAXIMUM);
			if (await this._saved(this._batch)) {
				this._feed.acknowledge(this._batch.map(({ message }) => message));
				this._batch = [];
				continue;
			}
			this._waiting = [...this._batch, ...this._waiting];
			this._batch = [];
			if (this._stopped) break;
			await this._pause();
		}
		this._saving = false;
		this._onIdle();
	}

	/** Whether the batch is stored, but for what the store can never take. */
	private async _saved(batch: readonly Waiting[]): Promise<boolean> {
		const { store, tell, onSaved } = this._options;
		try {
			const saved = await store.save(batch.map(({ arrival }) => arrival));
			if (this._storeProblem !== undefined) tell("store", "works again");
			this._storeProblem = undefined;
			this._retryDelay = 0;
			await this._count(batch, saved);
			onSaved(saved);
			return true;
		} catch (error) {
			if (error instanceof StoreError && error.isOfData) {
				const [only, ...others] = batch;
				if (others.length === 0) {
					this._counts.refused++;
					tell("store", `${error.message}; what ${printable(only!.message.topic)} brought is left out`);
					return true;
				}
				// One of them is the cause: the others are stored without it.
				const middle = Math.ceil(batch.length / 2);
				return (await this._saved(batch.slice(0, middle))) && (await this._saved(batch.slice(middle)));
			}
			const problem = messageOf(error);
			if (this._storeProblem !== problem) tell("store", `${problem}; readings wait at the broker`);
			this._storeProblem = problem;
			return false;
		}
	}

	private async _count(batch: readonly Waiting[], { fresh, duplicates, refused, changed, incomplete }: Saved) {
		const counts = this._counts;
		counts.batches++;
		counts.readings += fresh.length;
		counts.duplicates += duplicates;
		counts.refused += refused;
		if (refused > 0 && !this._hasToldRefused) {
			this._hasToldRefused = true;
			this._options.tell("store", "there are too many stations, or quantities of one; those of more are left out");
		}
		const now = clock.now();
		for (const { topic, isLate } of fresh) if (isLate) this._gaps.heard(topic, now);
		for (const { arrival } of batch) {
			const { station, isRetained } = arrival;
			if (arrival.kind === "reading") this._statuses?.heard(station);
			if (arrival.kind === "status") this._statuses?.told(station);
			if (arrival.kind === "status" && (changed.has(station) || !isRetained)) {
				this._gaps.status(station, arrival.status, now);
			}
			if (arrival.kind === "diagnostics") this._gaps.queued(station, arrival.members.queued, now);
		}
		const gaps = incomplete.size > 0 ? await this._options.store.missing([...incomplete]) : new Map();
		for (const topic of changed) this._gaps.missing(topic, gaps.get(topic) ?? [], now);
	}

	private async _pause(): Promise<void> {
		const { base, limit } = STORE_RETRY;
		this._retryDelay = Math.min(limit, Math.max(base, 2 * this._retryDelay));
		await new Promise<void>((resolve) => {
			const timer = setTimeout(resolve, this._retryDelay);
			this._goOn = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}

	private _ask(): void {
		if (!this._feed.takesCommands) return;
		for (const station of this._statuses?.due() ?? []) {
			this._feed.publish({ station, command: "status", payload: "", expiry: ASLEEP_EXPIRY_S, correlation: undefined });
		}
		for (const { station, from, to } of this._gaps.due(clock.now())) {
			this._counts.requests++;
			const payload = JSON.stringify({ from, to });
			this._feed.publish({ station, command: "readings", payload, expiry: ASLEEP_EXPIRY_S, correlation: undefined });
		}
	}
}

function excerpt(payload: Uint8Array): string {
	const text = Buffer.from(payload.subarray(0, 4 * EXCERPT_CHARACTERS)).toString();
	return printable(text.length > EXCERPT_CHARACTERS ? `${text.slice(0, EXCERPT_CHARACTERS)}…` : text);
}

/** Of an answer what was asked for. */
function answerWithin(answer: ArrivedAnswer, asked: Range | undefined): ArrivedAnswer | undefined {
	if (!asked) return undefined;
	const gone = answer.gone
		.map(([first, last]) => [Math.max(first, asked.from), Math.min(last, asked.to)] as const)
		.filter(([first, last]) => first <= last);
	return { ...answer, gone };
}

/**
 * Commands to the station: what arrives under `<topic>/cmd/`, checked and
 * carried out, and the replies.
 */
import type { Bytes, Clock, LogLevel } from "./host.js";
import type { Message, ReceivedMessage } from "./net/mqtt/message.js";
import type { Sampler } from "./sensors/sampler.js";
import { INTERVAL_MAXIMUM_S, SENSORS, type Settings } from "./settings.js";
import { ascii, jsonOf } from "./text.js";
import type { Updater } from "./update.js";

/** Replies that wait for the broker; what comes on top is not replied to. */
const REPLIES_MAXIMUM = 8;
/** Senders that wait for a sample; what comes on top is refused. */
const SAMPLE_REQUESTS_MAXIMUM = 4;
const NAMES = "sample, interval, restart, status, update";

/** A command that is not carried out; the message says why, to whoever sent it. */
export class CommandError extends Error {
	override name = "CommandError";
}

/** What a sender gets to know. */
interface Result {
	readonly ok: boolean;
	readonly [member: string]: unknown;
}

/** Where an answer goes: the sender's response topic (5.0), or the station's own. */
interface ReplyAddress {
	readonly command: string;
	readonly topic: string;
	readonly correlationData: Bytes | undefined;
}

export interface CommandsOptions {
	readonly settings: Settings;
	readonly clock: Clock;
	readonly sampler: Sampler;
	readonly log: (level: LogLevel, text: string) => void;
	/** What the station has done so far, for `status`. */
	readonly status: () => object;
	/** Firmware over the air. */
	readonly update: Updater;
	/** The sampler has another deadline. */
	readonly onSchedule: () => void;
	/** A reply waits. */
	readonly onReply: () => void;
	/** Restarts the machine in good order, if it can be restarted. */
	readonly restart: (() => void) | undefined;
}

export class Commands {
	readonly #options: CommandsOptions;
	readonly #replies: Message[] = [];
	readonly #sampleRequests: ReplyAddress[] = [];

	constructor(options: CommandsOptions) {
		this.#options = options;
	}

	/** Whether somebody waits for an answer. */
	get pending(): boolean {
		return this.#replies.length > 0 || this.#sampleRequests.length > 0;
	}

	/** A message to `<topic>/cmd/<name>`. */
	receive(name: string, message: ReceivedMessage): void {
		const { responseTopic, correlationData } = message.properties ?? {};
		const address = {
			command: name,
			topic: responseTopic ?? `${this.#options.settings.topic}/reply`,
			// A copy: the message's bytes are valid while it is handed on only.
			correlationData: correlationData?.slice(),
		};
		try {
			this.#carryOut(name, message, address);
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			this.#reply(address, { ok: false, error: error.message });
		}
	}

	nextReply(): Message | undefined {
		return this.#replies.shift();
	}

	/** Whoever asked for a sample gets to know what came of it. */
	sampled(result: Result): void {
		for (const address of this.#sampleRequests.splice(0)) this.#reply(address, result);
	}

	/**
	 * Throws a `CommandError` for a name or an argument that is none, and for a
	 * retained message: the broker would give the command again on every connection,
	 * and a station that was told to restart would do so for ever.
	 */
	#carryOut(name: string, { payload, retain, dup }: ReceivedMessage, address: ReplyAddress): void {
		const { settings, clock, sampler, update, status, onSchedule, restart } = this.#options;
		const { sensor } = settings;
		const now = clock.now();
		if (retain) throw new CommandError("a retained command is not carried out: publish it without retain");
		switch (name) {
			case "sample":
				if (sampler.deadline === Number.POSITIVE_INFINITY) throw new CommandError("the station stops");
				if (this.#sampleRequests.length >= SAMPLE_REQUESTS_MAXIMUM)
					throw new CommandError("too many wait for a sample");
				this.#sampleRequests.push(address);
				sampler.sampleNow(now);
				return onSchedule();
			case "interval": {
				const interval = parseInterval(payload);
				const shortest = SENSORS[sensor];
				if (!(interval >= shortest && interval <= INTERVAL_MAXIMUM_S)) {
					throw new CommandError(`a ${sensor} needs from ${shortest} to ${INTERVAL_MAXIMUM_S} seconds`);
				}
				sampler.setInterval(interval * 1_000, now);
				onSchedule();
				return this.#reply(address, { ok: true, interval });
			}
			case "restart":
				// The PUBACK of the first one may have been lost in the very restart that it asked for.
				if (dup) throw new CommandError("a restart that is delivered again is not carried out");
				if (!restart) throw new CommandError("this station cannot restart itself");
				this.#reply(address, { ok: true });
				return restart();
			case "status":
				return this.#reply(address, { ok: true, sensor, interval: sampler.interval / 1_000, ...status() });
			default:
				if (name.startsWith("update")) {
					this.#reply(address, update.receive(name, payload));
					if (update.complete) restart?.();
					return;
				}
				throw new CommandError(`no such command; there are ${NAMES}`);
		}
	}

	#reply({ command, topic, correlationData }: ReplyAddress, result: Result): void {
		const { log, onReply } = this.#options;
		if (this.#replies.length >= REPLIES_MAXIMUM) return log("warning", "too many replies wait: one is left out");
		const payload = ascii(JSON.stringify({ command, ...result }));
		this.#replies.push({
			topic,
			payload,
			qos: 1,
			retain: false,
			...(correlationData && { properties: { correlationData } }),
		});
		onReply();
	}
}

/** `30` or `{"interval":30}`. */
function parseInterval(payload: Bytes): number {
	let value = jsonOf(payload);
	if (typeof value === "object" && value !== null && "interval" in value) value = value.interval;
	if (typeof value !== "number") throw new CommandError('needs a number of seconds, such as 30 or {"interval":30}');
	return value;
}

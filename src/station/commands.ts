/**
 * Commands to the station: messages under `<topic>/cmd/`, checked and carried
 * out, and the replies. Their senders are strangers: the station keeps a bounded
 * number of bytes of a command, and logs nothing of it.
 */
import type { Bytes, Host } from "../host.js";
import type { Link } from "../net/link.js";
import type { ReceivedMessage } from "../net/mqtt/message.js";
import { topicNameFault } from "../net/mqtt/topic.js";
import { COMMANDS, type CommandName, INTERVAL_MAXIMUM_S, type Settings, shortestInterval } from "../settings.js";
import { bytesOf, cut, fits, hasControls, jsonOf } from "../text.js";
import type { Discovery } from "./discovery.js";
import type { Outcome, Outgoing, Source } from "./outgoing.js";
import { QuietLog } from "./quiet-log.js";
import type { Recall } from "./recall.js";
import type { Sampling } from "./sampling.js";
import type { Updater } from "./update.js";

/** Bytes of a command's name and of its correlation data: one with more is refused. */
const NAME_MAXIMUM = 64;
const CORRELATION_DATA_MAXIMUM = 64;
/** Bytes of a response topic: a command with a longer one is refused without a reply. */
const RESPONSE_TOPIC_MAXIMUM = 256;
/** Bytes of an error in a reply, whose text may be a driver's: the rest is cut off. */
const ERROR_MAXIMUM = 160;
/** Bytes of the replies that the broker does not have yet; further commands get no reply. An update has four under way. */
const REPLIES_MAXIMUM = 2_048;
/** Bytes of the addresses of senders that wait for a sample; further requests are refused. */
const SAMPLE_REQUESTS_MAXIMUM = 512;
/** Bytes of RAM that the objects take beside their texts: of a sender's address, and of a reply, which has a place in the session. */
const ADDRESS_BYTES = 128;
const REPLY_BYTES = 256;
/** Commands carried out that are known again. A broker has some 20 under way at the most. */
const REMEMBERED = 20;

/** The error of what would take longer than the station lasts. */
export const STOPS = "the station stops";

/** A command that is not carried out; the message tells its sender why. */
export class CommandError extends Error {
	override get name(): string {
		return "CommandError";
	}
}

/** The content of a reply. */
export interface Result {
	readonly ok: boolean;
	readonly [member: string]: unknown;
}

/** Where an answer goes: the sender's response topic (5.0), or the station's own. */
interface ReplyAddress {
	readonly command: string;
	readonly topic: string | undefined;
	readonly correlationData: Bytes | undefined;
	/** Bytes of RAM. */
	readonly size: number;
}

export interface CommandsOptions {
	readonly host: Host;
	readonly settings: Settings;
	readonly sampling: Sampling;
	/** Firmware over the air. */
	readonly update: Updater;
	/** Readings once more. */
	readonly recall: Recall;
	/** For the replies. */
	readonly link: Link<Outgoing>;
	/** Home Assistant is to know of another interval. */
	readonly discovery: Discovery | undefined;
	readonly station: Commanded;
}

/** Of the station. */
interface Commanded {
	/** What it has done so far, for `status`. */
	readonly progress: object;
	/** Restarts the machine in good order, if the host can. */
	restart(): void;
}

export class Commands implements Source {
	readonly noun = "a reply";
	private readonly _options: CommandsOptions;
	/** Where replies go without a response topic. */
	private readonly _topic: string;
	private readonly _replies: Outgoing[] = [];
	/** In RAM, in bytes: of the replies that the broker does not have yet. Each one's size is its tag. */
	private _repliesSize = 0;
	private _sampleRequests: ReplyAddress[] = [];
	/** Whether a redelivered command may have brought the machine down. */
	private _doubtful: boolean;
	/** Fingerprints of the last commands that this run has carried out. */
	private readonly _remembered: number[] = [];
	private readonly _log: QuietLog;

	constructor(options: CommandsOptions) {
		this._options = options;
		this._log = new QuietLog(options.host);
		this._topic = `${options.settings.topic}/reply`;
		this._doubtful = !options.host.startedOnRequest;
	}

	/** Whether a sender waits for a reply. */
	get pending(): boolean {
		return this._replies.length > 0 || this._sampleRequests.length > 0 || this._options.recall.pending;
	}

	/** The broker has begun a new session: it has nothing left from before this start. */
	newSession(): void {
		this._doubtful = false;
	}

	/** A message to `<topic>/cmd/<name>`. */
	receive(name: string, message: ReceivedMessage): void {
		const { dup, qos, retain, properties = {} } = message;
		const { responseTopic: topic, correlationData } = properties;
		if (!dup && !retain && qos > 0) this._doubtful = false;
		if (topic !== undefined && !this._mayReplyTo(topic))
			return this._log.warn("a command is refused: replies do not go to its response topic");
		const length = correlationData?.length ?? 0;
		const isLong = length > CORRELATION_DATA_MAXIMUM;
		const address = {
			command: cut(name, NAME_MAXIMUM),
			topic,
			// A copy: a view would keep all bytes that were read with the message.
			correlationData: isLong ? undefined : correlationData?.slice(),
			size: ADDRESS_BYTES + (topic === undefined ? 0 : bytesOf(topic).length) + (isLong ? 0 : length),
		};
		try {
			if (isLong) throw new CommandError(`correlation data has ${CORRELATION_DATA_MAXIMUM} bytes at the most`);
			if (address.command !== name) throw new CommandError(`a command's name has ${NAME_MAXIMUM} bytes at the most`);
			this._carryOut(name, message, address);
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			// With an offset the sender of an update knows where to go on: at its beginning.
			const offset = isUpdate(name) && dup ? { offset: 0 } : {};
			this._reply(address, { ok: false, error: error.message, ...offset });
		}
	}

	next(): Outgoing | undefined {
		return this._replies.shift();
	}

	settled(size: number, outcome: Outcome): void {
		this._repliesSize -= size;
		if (outcome === "rejected") this._log.warn("the broker does not take a reply to a command");
	}

	/** Replies to the senders that wait for a sample. */
	sampled(result: Result): void {
		const addresses = this._sampleRequests;
		if (addresses.length === 0) return;
		this._sampleRequests = [];
		for (const address of addresses) this._reply(address, result);
	}

	/** Throws a `CommandError` for an unknown name, a wrong argument, and a command that must not be carried out. */
	private _carryOut(name: string, message: ReceivedMessage, address: ReplyAddress): void {
		const { host, settings, sampling, update, recall, discovery, station } = this._options;
		const { sensor } = settings;
		const { payload } = message;
		this._check(isUpdate(name) ? "update" : name, message);
		switch (name) {
			case "sample": {
				if (sampling.closed) throw new CommandError(STOPS);
				let { size } = address;
				for (const waiting of this._sampleRequests) size += waiting.size;
				if (size > SAMPLE_REQUESTS_MAXIMUM) throw new CommandError("too many wait for a sample");
				this._sampleRequests.push(address);
				return sampling.sampleNow();
			}
			case "interval": {
				const interval = parseInterval(payload);
				const shortest = shortestInterval(settings);
				if (!(interval >= shortest && interval <= INTERVAL_MAXIMUM_S)) {
					throw new CommandError(`a ${sensor} needs from ${shortest} to ${INTERVAL_MAXIMUM_S} seconds`);
				}
				sampling.setInterval(interval);
				discovery?.intervalChanged();
				return this._reply(address, { ok: true, interval });
			}
			case "restart":
				if (!host.restart) throw new CommandError("this station cannot restart itself");
				this._reply(address, { ok: true });
				return station.restart();
			case "status":
				return this._reply(address, { ok: true, sensor, ...station.progress });
			case "readings":
				return recall.begin(payload, (result) => this._reply(address, result));
			default:
				this._reply(address, update.receive(name, payload));
				if (update.complete) station.restart();
		}
	}

	/**
	 * Throws a `CommandError` for a command that does not exist, or that the settings
	 * do not allow.
	 *
	 * For a retained command: the broker would deliver it on every connection, and a
	 * station that was told to restart would restart for ever.
	 *
	 * And for a redelivered command that was carried out: its acknowledgement got
	 * lost. After an unexpected start the station has forgotten which commands were,
	 * and one of them may have been the cause: then it carries out no redelivered
	 * command until the broker delivers a new message, which comes after them
	 * [MQTT-4.6.0-1].
	 */
	private _check(name: string, message: ReceivedMessage): void {
		const { commands } = this._options.settings;
		const allowed = commands.length > 0 ? `there are ${commands.join(", ")}` : "there are none";
		if (!COMMANDS.includes(name as CommandName)) throw new CommandError(`no such command; ${allowed}`);
		if (!commands.includes(name as CommandName)) {
			throw new CommandError(`not allowed by the setting commands; ${allowed}`);
		}
		const { retain, dup, qos } = message;
		if (retain) throw new CommandError("a retained command is not carried out: publish it without retain");
		// The PUBACK of the first delivery may have been lost in the restart itself.
		if (dup && name === "restart") throw new CommandError("a restart that is delivered again is not carried out");
		if (dup && this._doubtful) throw new CommandError("delivered again after a start, and not carried out again");
		// A message of QoS 2 never comes again. An update knows by itself which bytes it has.
		if (qos !== 1 || name === "update") return;
		const print = fingerprint(name, message);
		if (dup && this._remembered.includes(print)) {
			throw new CommandError("delivered again, and not carried out again");
		}
		this._remembered.push(print);
		if (this._remembered.length > REMEMBERED) this._remembered.shift();
	}

	/** No reply to a topic of commands, of any station, or of this station's own messages; nor to an invalid topic. */
	private _mayReplyTo(topic: string): boolean {
		if (!fits(topic, RESPONSE_TOPIC_MAXIMUM) || topicNameFault(topic) !== undefined) return false;
		if (hasControls(topic) || topic.startsWith("$") || topic.includes("/cmd/")) return false;
		const isOwn = topic.startsWith(`${this._options.settings.topic}/`);
		return !isOwn || topic === this._topic || topic.startsWith(`${this._topic}/`);
	}

	private _reply(address: ReplyAddress, result: Result): void {
		const { command, topic = this._topic, correlationData } = address;
		const { error } = result;
		const told = typeof error === "string" ? { error: cut(error, ERROR_MAXIMUM) } : {};
		const payload = bytesOf(JSON.stringify({ command, ...result, ...told }));
		const size = REPLY_BYTES + address.size + payload.length;
		if (this._repliesSize + size > REPLIES_MAXIMUM) return this._log.warn("too many replies wait: one is left out");
		this._repliesSize += size;
		this._replies.push({
			topic,
			payload,
			qos: 1,
			retain: false,
			source: this,
			tag: size,
			...(correlationData && { properties: { correlationData } }),
		});
		this._options.link.wake();
	}
}

function isUpdate(name: string): boolean {
	return name === "update" || name.startsWith("update/");
}

/** Equal for two different commands once in some thousand million. */
function fingerprint(name: string, { payload, properties }: ReceivedMessage): number {
	let print = 0;
	for (const bytes of [bytesOf(`${name} ${properties?.responseTopic}`), properties?.correlationData, payload]) {
		for (let index = 0; bytes && index < bytes.length; index++) print = (Math.imul(print, 31) + bytes[index]! + 1) | 0;
	}
	return print;
}

/** `30` or `{"interval":30}`. */
function parseInterval(payload: Bytes): number {
	let value = jsonOf(payload);
	if (typeof value === "object" && value !== null && "interval" in value) value = value.interval;
	if (typeof value !== "number") throw new CommandError('needs a number of seconds, such as 30 or {"interval":30}');
	return value;
}

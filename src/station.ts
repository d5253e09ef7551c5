/** The station: sampler, outbox and session joined. */
import { type Command, CommandError, parseCommand, type ReplyAddress, replyAddress } from "./commands.js";
import type { Bytes, Host } from "./host.js";
import { Backoff } from "./net/backoff.js";
import { showAddress } from "./net/broker-url.js";
import { Link } from "./net/link.js";
import type { Message, ReceivedMessage } from "./net/mqtt/message.js";
import { reasonText } from "./net/mqtt/reason-codes.js";
import { Session } from "./net/mqtt/session.js";
import { Outbox } from "./net/outbox.js";
import { decodeRecord, encodeRecord } from "./net/record.js";
import { reportPayload } from "./net/report.js";
import { BME280 } from "./sensors/bme280.js";
import { DHT } from "./sensors/dht.js";
import { Sampler } from "./sensors/sampler.js";
import type { Sample, Sensor } from "./sensors/sensor.js";
import { Sequence } from "./sequence.js";
import { INTERVAL_MAXIMUM_S, SENSORS, type Settings } from "./settings.js";

/** Given to deliver what is queued when the station is stopped, in ms. */
const FAREWELL_MS = 2_000;

/** A DHT answers with what it measured when it was asked before. From this interval on, in s, it is asked twice. */
const STALE_S = 10;

/** The versions of MQTT by their protocol levels. */
const VERSIONS = Object.freeze({ 3: "3.1", 4: "3.1.1", 5: "5.0" });
/** Replies to commands that wait for the broker; what comes on top is not replied to. */
const REPLIES_MAXIMUM = 8;
/** Senders that wait for a sample; what comes on top is refused. */
const SAMPLE_REQUESTS_MAXIMUM = 4;

/** What the station has done since it started. */
export interface Counters {
	/** Readings accepted by the outbox. */
	readings: number;
	/** Measurements that gave no reading. */
	faults: number;
	/** Readings sent for the first time, and sent again after a reconnect. */
	published: number;
	redelivered: number;
	/** Readings that the broker has. */
	acknowledged: number;
	/** Readings that the broker did not take (MQTT 5.0). */
	rejected: number;
	/** Readings that a full outbox dropped. */
	dropped: number;
	/** Readings that wait. */
	queued: number;
	/** Connections that the broker accepted. */
	connections: number;
}

/** A report under way, with the outbox's handle; or a reply to a command; or the last status message. */
interface Outgoing extends Message {
	readonly handle?: number;
	readonly isFarewell?: true;
}

export class Station {
	readonly #host: Host;
	readonly #settings: Settings;
	readonly #outbox: Outbox;
	readonly #sequence: Sequence;
	readonly #sampler: Sampler;
	readonly #link: Link<Outgoing>;
	readonly #session: Session<Outgoing>;
	readonly #counters = {
		readings: 0,
		faults: 0,
		published: 0,
		redelivered: 0,
		acknowledged: 0,
		rejected: 0,
		connections: 0,
	};
	readonly #replies: Outgoing[] = [];
	readonly #sampleRequests: ReplyAddress[] = [];
	#startedAt = 0;
	#samplerTimer: unknown;
	#farewell: { readonly message: Outgoing; readonly onStopped: () => void; timer: unknown; sent: boolean } | undefined;

	/** Throws an Error where the host has no bus for the sensor. */
	constructor(host: Host, settings: Settings) {
		this.#host = host;
		this.#settings = settings;
		this.#outbox = new Outbox(settings.outbox);
		this.#sequence = new Sequence(host.storage, (error) =>
			host.log("error", `cannot store the sequence number: ${error}`),
		);
		this.#sampler = new Sampler({
			sensor: createSensor(host, settings),
			interval: settings.interval * 1_000,
			onSample: (sample, now) => this.#sampled(sample, now),
			onFault: (reason) => this.#fault(reason),
			onUnavailable: () => host.log("error", `the ${settings.sensor} does not work; readings resume when it does`),
			onRecovered: () => host.log("info", `the ${settings.sensor} works again`),
		});
		this.#session = this.#createSession();
		this.#session.subscribe({ topicFilter: `${settings.topic}/cmd/#`, qos: 1 });
		this.#link = this.#createLink();
	}

	get counters(): Counters {
		return { ...this.#counters, dropped: this.#outbox.dropped, queued: this.#outbox.length };
	}

	/** Whether an answer from the network is due. */
	get awaiting(): boolean {
		return this.#link.awaiting;
	}

	start(): void {
		this.#startedAt = this.#host.clock.now();
		this.#link.start();
		this.#sample();
	}

	/** Ends in good order: no more samples, deliver what is queued for at most `FAREWELL_MS`, say `offline`, disconnect. */
	stop(onStopped: () => void): void {
		if (this.#farewell) return;
		this.#sampler.close();
		this.#setSamplerTimer();
		const timer = this.#host.timer.set(() => this.#stopped(), FAREWELL_MS);
		this.#replyToSampleRequests({ ok: false, error: "the station stops" });
		this.#farewell = { message: { ...this.#status("offline"), isFarewell: true }, onStopped, timer, sent: false };
		this.#link.wake();
	}

	#createSession(): Session<Outgoing> {
		const { id, keepAlive, username, password, broker, topic } = this.#settings;
		const log = (level: "info" | "warning", text: string) => this.#host.log(level, `${showAddress(broker)}: ${text}`);
		return new Session<Outgoing>({
			clientId: `veleta-${id}`,
			keepAlive,
			username,
			password,
			will: this.#status("offline"),
			birth: this.#status("online"),
			nextMessage: () => this.#nextMessage(),
			onConnect: (sessionPresent, version) => {
				this.#counters.connections++;
				log("info", `connected with MQTT ${VERSIONS[version]}, ${sessionPresent ? "session resumed" : "new session"}`);
			},
			onPublish: ({ handle }, redelivered) => {
				if (handle !== undefined) this.#counters[redelivered ? "redelivered" : "published"]++;
			},
			onAcknowledge: (message) => this.#acknowledged(message),
			onReject: (message, reasonCode) => {
				log("warning", `does not take a message to ${message.topic}: ${reasonText(reasonCode)}`);
				this.#acknowledged(message, false);
			},
			onMessage: (message) => {
				// Under an older topic, the broker may keep a subscription that was this station's.
				const prefix = `${topic}/cmd/`;
				if (message.topic.startsWith(prefix)) this.#command(message.topic.slice(prefix.length), message);
			},
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode >= 0x80) log("warning", `no commands: it does not let the station subscribe to ${topicFilter}`);
			},
		});
	}

	#createLink(): Link<Outgoing> {
		const host = this.#host;
		const { network, clock, timer } = host;
		const { broker, id } = this.#settings;
		const address = showAddress(broker);
		return new Link({
			network,
			clock,
			timer,
			broker,
			backoff: new Backoff({ random: () => host.random() }),
			session: this.#session,
			onDisconnect: (reason, retryDelay) => {
				if (retryDelay === 0) {
					const version = VERSIONS[this.#session.protocolVersion];
					return host.log("info", `${address}: does not speak a newer version of MQTT; trying ${version}`);
				}
				host.log("warning", `${address}: ${reason}; next attempt in ${(retryDelay / 1_000).toFixed(1)} s`);
			},
			onTakenOver: () => {
				host.log(
					"warning",
					`${address} keeps closing the connection: is another client using the client id veleta-${id}?`,
				);
			},
		});
	}

	/** Runs the sampler, and again when it next has something to do. */
	#sample(): void {
		this.#samplerTimer = undefined;
		this.#sampler.tick(this.#host.clock.now());
		this.#setSamplerTimer();
	}

	#setSamplerTimer(): void {
		const { clock, timer } = this.#host;
		if (this.#samplerTimer !== undefined) timer.clear(this.#samplerTimer);
		this.#samplerTimer = undefined;
		const { deadline } = this.#sampler;
		if (deadline === Number.POSITIVE_INFINITY) return;
		this.#samplerTimer = timer.set(() => this.#sample(), Math.max(0, deadline - clock.now()));
	}

	#sampled(sample: Sample, now: number): void {
		const dropped = this.#outbox.dropped;
		const seq = this.#sequence.next();
		try {
			this.#outbox.push(encodeRecord({ seq, ticks: now, time: this.#host.clock.time(), sample }));
		} catch (error) {
			return this.#fault(String(error));
		}
		this.#counters.readings++;
		this.#replyToSampleRequests({ ok: true, seq });
		if (dropped === 0 && this.#outbox.dropped > 0) {
			this.#host.log("warning", "the outbox is full: the oldest readings are dropped");
		}
		this.#link.wake();
	}

	#fault(reason: string): void {
		this.#counters.faults++;
		this.#replyToSampleRequests({ ok: false, error: reason });
		this.#host.log("warning", `no reading from the ${this.#settings.sensor}: ${reason}`);
	}

	#nextMessage(): Outgoing | undefined {
		const reply = this.#replies.shift();
		if (reply) return reply;
		const taken = this.#outbox.take();
		if (taken) {
			const payload = reportPayload(decodeRecord(taken.record), this.#host.clock);
			return {
				topic: `${this.#settings.topic}/state`,
				payload: bytesOf(payload),
				qos: 1,
				retain: false,
				handle: taken.handle,
			};
		}
		if (!this.#farewell || this.#farewell.sent) return undefined;
		this.#farewell.sent = true;
		return this.#farewell.message;
	}

	/** The broker has the message, or (5.0) will never take it. */
	#acknowledged({ handle, isFarewell }: Outgoing, accepted = true): void {
		if (isFarewell) return this.#stopped();
		if (handle === undefined) return;
		this.#counters[accepted ? "acknowledged" : "rejected"]++;
		this.#outbox.acknowledge(handle);
	}

	#command(name: string, message: ReceivedMessage): void {
		const { topic } = this.#settings;
		const address = replyAddress(name, message, `${topic}/reply`);
		try {
			this.#carryOut(parseCommand(name, message), address);
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			this.#reply(address, { ok: false, error: error.message });
		}
	}

	#carryOut(command: Command, address: ReplyAddress): void {
		const now = this.#host.clock.now();
		switch (command.name) {
			case "sample":
				if (this.#sampleRequests.length >= SAMPLE_REQUESTS_MAXIMUM)
					throw new CommandError("too many wait for a sample");
				this.#sampleRequests.push(address);
				this.#sampler.sampleNow(now);
				return this.#setSamplerTimer();
			case "interval": {
				const { sensor } = this.#settings;
				const shortest = SENSORS[sensor];
				if (!(command.interval >= shortest && command.interval <= INTERVAL_MAXIMUM_S)) {
					throw new CommandError(`a ${sensor} needs from ${shortest} to ${INTERVAL_MAXIMUM_S} seconds`);
				}
				this.#sampler.setInterval(command.interval * 1_000, now);
				this.#setSamplerTimer();
				return this.#reply(address, { ok: true, interval: command.interval });
			}
			case "restart": {
				const { restart } = this.#host;
				if (!restart) throw new CommandError("this station cannot restart itself");
				this.#reply(address, { ok: true });
				return this.stop(() => restart.call(this.#host));
			}
			case "status": {
				const { sensor } = this.#settings;
				const uptime = Math.round((now - this.#startedAt) / 1_000);
				const interval = this.#sampler.interval / 1_000;
				return this.#reply(address, { ok: true, sensor, interval, uptime, ...this.counters });
			}
		}
	}

	/** Whoever asked for a sample gets to know what came of it. */
	#replyToSampleRequests(result: { ok: boolean; seq?: number; error?: string }): void {
		for (const address of this.#sampleRequests.splice(0)) this.#reply(address, result);
	}

	#reply({ command, topic, correlationData }: ReplyAddress, result: { ok: boolean; [member: string]: unknown }): void {
		if (this.#replies.length >= REPLIES_MAXIMUM)
			return this.#host.log("warning", "too many replies wait: one is left out");
		const payload = bytesOf(JSON.stringify({ command, ...result }));
		this.#replies.push({
			topic,
			payload,
			qos: 1,
			retain: false,
			...(correlationData && { properties: { correlationData } }),
		});
		this.#link.wake();
	}

	#status(status: "online" | "offline"): Message {
		return { topic: `${this.#settings.topic}/status`, payload: bytesOf(status), qos: 1, retain: true };
	}

	#stopped(): void {
		const farewell = this.#farewell;
		if (!farewell) return;
		this.#host.timer.clear(farewell.timer);
		this.#farewell = undefined;
		this.#link.stop();
		const { length } = this.#outbox;
		if (length > 0)
			this.#host.log("warning", `${length} ${length === 1 ? "reading was" : "readings were"} not delivered`);
		farewell.onStopped();
	}
}

function createSensor(host: Host, settings: Settings): Sensor {
	const { sensor: model } = settings;
	const { i2c, pulses } = host;
	if (model === "bme280" || model === "bmp280") {
		if (!i2c) throw new Error(`this host has no I2C bus for a ${model}`);
		return new BME280({ sensor: i2c, model, onDiagnostic: (text) => host.log("info", text) });
	}
	if (!pulses) throw new Error(`this host has no line for a ${model}`);
	const discard = settings.interval >= STALE_S ? "each" : "first";
	return new DHT({ sensor: pulses, model, discard });
}

/** ASCII text as bytes: numbers, JSON of numbers, and status words. */
function bytesOf(text: string): Bytes {
	const bytes = new Uint8Array(text.length);
	for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
	return bytes;
}

/** The station: sampler, outbox and session joined. */
import { type Command, CommandError, parseCommand, type ReplyAddress, replyAddress } from "./commands.js";
import type { Bytes, Host } from "./host.js";
import { Backoff } from "./net/backoff.js";
import { showAddress } from "./net/broker-url.js";
import { Link } from "./net/link.js";
import { SessionDiscardedError } from "./net/mqtt/errors.js";
import type { Message, ReceivedMessage } from "./net/mqtt/message.js";
import { DISCONNECT_WITH_WILL } from "./net/mqtt/packet.js";
import { reasonText } from "./net/mqtt/reason-codes.js";
import { Session } from "./net/mqtt/session.js";
import { reportPayload } from "./net/report.js";
import { TimeSync } from "./net/time-sync.js";
import { Outbox } from "./outbox/outbox.js";
import { BME280 } from "./sensors/bme280.js";
import { DHT } from "./sensors/dht.js";
import { Sampler } from "./sensors/sampler.js";
import type { Sample, Sensor } from "./sensors/sensor.js";
import { INTERVAL_MAXIMUM_S, SENSORS, type Settings } from "./settings.js";

/** When the station is stopped, it goes on delivering for so long, in ms, and is given so long in all. */
const FAREWELL_DELIVERY_MS = 1_500;
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
	/** Readings that were lost, for want of room or to damage, since the flash was first used. */
	dropped: number;
	/** Readings that wait, those of earlier runs included. */
	queued: number;
	/** Connections that the broker accepted. */
	connections: number;
}

/** Told of what the station does. */
export interface Observer {
	/** A reading was accepted, at the monotonic time `now` in ms. */
	onReading?(seq: number, sample: Sample, now: number): void;
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
	readonly #sampler: Sampler;
	readonly #link: Link<Outgoing>;
	readonly #session: Session<Outgoing>;
	readonly #timeSync: TimeSync;
	readonly #observer: Observer;
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
	/** Until the next reading of those that waited may go. */
	#backlogTimer: unknown;
	#diagnosticsTimer: unknown;
	#diagnosticsWanted = false;
	#dropsTold = false;
	#farewell:
		| {
				readonly message: Outgoing;
				readonly onStopped: () => void;
				readonly timer: unknown;
				readonly deliverUntil: number;
				sent: boolean;
				acknowledged: boolean;
		  }
		| undefined;

	/** Throws an Error where the host has no bus for the sensor. */
	constructor(host: Host, settings: Settings, observer: Observer = {}) {
		this.#host = host;
		this.#settings = settings;
		this.#observer = observer;
		this.#outbox = this.#createOutbox();
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
		const { network, timer, clock } = host;
		this.#timeSync = new TimeSync({
			network,
			timer,
			log: (level, text) => host.log(level, text),
			setTime: (time) => clock.setTime?.(time),
		});
	}

	get counters(): Counters {
		const { dropped, length: queued } = this.#outbox;
		return { ...this.#counters, dropped, queued };
	}

	/** Whether an answer from the network is due. */
	get awaiting(): boolean {
		return this.#link.awaiting;
	}

	start(): void {
		const { clock, network } = this.#host;
		this.#startedAt = clock.now();
		const { length } = this.#outbox;
		if (length > 0)
			this.#host.log("info", `${countOf(length)} from before ${length === 1 ? "waits" : "wait"} for the broker`);
		network.onReady = () => {
			this.#timeSync.start();
			this.#link.networkReady();
		};
		this.#timeSync.start();
		this.#link.start();
		this.#sample();
	}

	/**
	 * Ends in good order, within `FAREWELL_MS`: no more samples, deliver what is
	 * queued, say `offline`, disconnect. If there is no time for it, the broker says
	 * `offline`: the will.
	 */
	stop(onStopped: () => void): void {
		if (this.#farewell) return;
		this.#sampler.close();
		this.#timeSync.close();
		this.#setSamplerTimer();
		const timer = this.#host.timer.set(() => this.#stopped(DISCONNECT_WITH_WILL), FAREWELL_MS);
		const deliverUntil = this.#host.clock.now() + FAREWELL_DELIVERY_MS;
		this.#replyToSampleRequests({ ok: false, error: "the station stops" });
		this.#farewell = {
			message: { ...this.#status("offline"), isFarewell: true },
			onStopped,
			timer,
			deliverUntil,
			sent: false,
			acknowledged: false,
		};
		this.#link.wake();
	}

	#createOutbox(): Outbox {
		const host = this.#host;
		const { outbox: ringBytes, order, full, backlogRate } = this.#settings;
		return new Outbox({
			flash: host.flash,
			ringBytes,
			order,
			full,
			backlogRate,
			clock: host.clock,
			onFlash: (problem) => {
				if (problem === undefined) host.log("info", "flash: works again");
				else host.log("error", `flash: ${messageOf(problem)}; readings wait in RAM`);
			},
		});
	}

	#createSession(): Session<Outgoing> {
		const { id, keepAlive, username, password, broker, topic, qos } = this.#settings;
		const log = (level: "info" | "warning", text: string) => this.#host.log(level, `${showAddress(broker)}: ${text}`);
		return new Session<Outgoing>({
			clientId: `veleta-${id}`,
			keepAlive,
			// Which packet ids of QoS 2 an earlier run left unreleased, nobody knows.
			cleanStart: qos === 2,
			username,
			password,
			will: this.#status("offline"),
			birth: this.#status("online"),
			nextMessage: () => this.#nextMessage(),
			onConnect: (sessionPresent, version) => {
				this.#counters.connections++;
				this.#diagnose();
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
			onDisconnect: (reason, retryDelay, error) => {
				if (error instanceof SessionDiscardedError) return;
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
		this.#clear(this.#samplerTimer);
		this.#samplerTimer = undefined;
		const { deadline } = this.#sampler;
		if (deadline === Number.POSITIVE_INFINITY) return;
		this.#samplerTimer = timer.set(() => this.#sample(), Math.max(0, deadline - clock.now()));
	}

	#sampled(sample: Sample, now: number): void {
		const { dropped } = this.#outbox;
		let seq: number | undefined;
		try {
			seq = this.#outbox.push(sample, now);
		} catch (error) {
			return this.#fault(messageOf(error));
		}
		if (this.#outbox.dropped > dropped) this.#tellOfDrops();
		if (seq === undefined) return this.#replyToSampleRequests({ ok: false, error: "no room for the reading" });
		this.#counters.readings++;
		this.#observer.onReading?.(seq, sample, now);
		this.#replyToSampleRequests({ ok: true, seq });
		this.#link.wake();
	}

	#tellOfDrops(): void {
		if (this.#dropsTold) return;
		this.#dropsTold = true;
		this.#host.log("warning", `no more readings can be kept: the ${this.#settings.full} are dropped`);
	}

	#fault(reason: string): void {
		this.#counters.faults++;
		this.#replyToSampleRequests({ ok: false, error: reason });
		this.#host.log("warning", `no reading from the ${this.#settings.sensor}: ${reason}`);
	}

	#nextMessage(): Outgoing | undefined {
		const reply = this.#replies.shift();
		if (reply) return reply;
		const report = this.#nextReport() ?? this.#nextDiagnostics();
		if (report) return report;
		if (!this.#farewell || this.#farewell.sent) return undefined;
		this.#farewell.sent = true;
		return this.#farewell.message;
	}

	#nextReport(): Outgoing | undefined {
		const { clock, timer } = this.#host;
		const now = clock.now();
		if (this.#farewell && now >= this.#farewell.deliverUntil) return undefined;
		const taken = this.#outbox.take(now, this.#farewell !== undefined);
		if (taken) {
			const { topic, qos } = this.#settings;
			const payload = bytesOf(reportPayload(taken.reading));
			return { topic: `${topic}/state`, payload, qos, retain: false, handle: taken.handle };
		}
		const { deadline } = this.#outbox;
		if (deadline === Number.POSITIVE_INFINITY || this.#backlogTimer !== undefined) return undefined;
		this.#backlogTimer = timer.set(
			() => {
				this.#backlogTimer = undefined;
				this.#link.wake();
			},
			Math.max(0, deadline - now),
		);
		return undefined;
	}

	/** The broker has the message, or (5.0) will never take it. */
	#acknowledged({ handle, isFarewell }: Outgoing, accepted = true): void {
		if (handle !== undefined) {
			this.#counters[accepted ? "acknowledged" : "rejected"]++;
			this.#outbox.acknowledge(handle);
		}
		const farewell = this.#farewell;
		if (!farewell) return;
		if (isFarewell) farewell.acknowledged = true;
		// A reading of QoS 2 takes one answer more.
		if (farewell.acknowledged && this.#session.inFlight === 0) this.#stopped();
	}

	/** Diagnostics are wanted now, and again after a while; without a connection, with the next one. */
	#diagnose(): void {
		const { diagnostics } = this.#settings;
		if (diagnostics === 0 || this.#farewell) return;
		this.#clear(this.#diagnosticsTimer);
		this.#diagnosticsTimer = this.#host.timer.set(() => this.#diagnose(), diagnostics * 1_000);
		if (!this.#session.connected) return;
		this.#diagnosticsWanted = true;
		this.#link.wake();
	}

	#nextDiagnostics(): Outgoing | undefined {
		if (!this.#diagnosticsWanted) return undefined;
		this.#diagnosticsWanted = false;
		const payload = bytesOf(JSON.stringify({ uptime: this.#uptime, ...this.counters, ...this.#outbox.wear }));
		return { topic: `${this.#settings.topic}/diagnostics`, payload, qos: 1, retain: true };
	}

	/** Seconds. */
	get #uptime(): number {
		return Math.round((this.#host.clock.now() - this.#startedAt) / 1_000);
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
				const interval = this.#sampler.interval / 1_000;
				return this.#reply(address, { ok: true, sensor, interval, uptime: this.#uptime, ...this.counters });
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

	#clear(timer: unknown): void {
		if (timer !== undefined) this.#host.timer.clear(timer);
	}

	#stopped(reasonCode = 0): void {
		const farewell = this.#farewell;
		if (!farewell) return;
		for (const timer of [farewell.timer, this.#backlogTimer, this.#diagnosticsTimer]) this.#clear(timer);
		this.#farewell = undefined;
		this.#host.network.onReady = undefined;
		this.#link.stop(reasonCode);
		const { length } = this.#outbox;
		if (length > 0) this.#host.log("warning", `${countOf(length)} ${length === 1 ? "was" : "were"} not delivered`);
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

function countOf(readings: number): string {
	return readings === 1 ? "1 reading" : `${readings} readings`;
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

/** ASCII text as bytes: numbers, JSON of numbers, and status words. */
function bytesOf(text: string): Bytes {
	const bytes = new Uint8Array(text.length);
	for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
	return bytes;
}

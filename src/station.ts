/** The station: sampler, outbox and session joined. */
import { Commands, type Reply } from "./commands.js";
import type { Host, Observer } from "./host.js";
import { Backoff } from "./net/backoff.js";
import { showAddress } from "./net/broker-url.js";
import { Link } from "./net/link.js";
import { SessionDiscardedError } from "./net/mqtt/errors.js";
import type { Message } from "./net/mqtt/message.js";
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
import { isPublic, type Settings } from "./settings.js";
import { SleepCycle } from "./sleep-cycle.js";
import { bytesOf, messageOf, printable } from "./text.js";
import { Updater } from "./update.js";

/**
 * When the station is stopped, it goes on delivering for so long, in ms, and is
 * given so long in all. One that falls asleep has had its time to deliver.
 */
const FAREWELL_DELIVERY_MS = 1_500;
const FAREWELL_MS = 2_000;
/** The watchdog lets the next step of the sampler be late by so many ms, and the link. */
const WATCHDOG_MARGIN_MS = 60_000;

/**
 * Largest packet that the station receives, in bytes beside its topic: what `npm run update`
 * sends has some 1,100, and each of them is in RAM while it is incomplete.
 */
const PACKET_SIZE_MAXIMUM = 1_280;
/** A broker of MQTT 5.0 is to hold back only what would take long to read past. */
const PACKET_SIZE_ANNOUNCED = 65_536;

/** Diagnostics that the broker did not bear are left out for so long, in ms: each try ends three connections. */
const DIAGNOSTICS_PAUSE_MS = 3_600_000;

/** A machine that does not sleep because of an update looks again after so many ms. */
const UPDATE_MS = 10_000;

/** A DHT answers with what it measured when it was asked before. From this interval on, in s, it is asked twice. */
const STALE_S = 10;

/** The versions of MQTT by their protocol levels. */
const VERSIONS = Object.freeze({ 3: "3.1", 4: "3.1.1", 5: "5.0" });

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

/** The last status before the station is gone for good, or for a while. */
type LastStatus = "offline" | "asleep";

/** A report under way, with the outbox's handle; or a reply to a command; or diagnostics; or the last status message. */
interface Outgoing extends Message, Partial<Pick<Reply, "replySize">> {
	readonly handle?: number;
}

/** The end, from when it was decided. */
interface Farewell {
	readonly message: Outgoing;
	/** Of the DISCONNECT. */
	readonly reasonCode: number;
	readonly onStopped: () => void;
	readonly timer: unknown;
	readonly deliverUntil: number;
	sent: boolean;
	acknowledged: boolean;
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
	readonly #updater: Updater;
	readonly #commands: Commands;
	/** On machines that sleep between readings. */
	readonly #sleepCycle: SleepCycle | undefined;
	readonly #startedAt: number;
	#samplerTimer: unknown;
	#sleepTimer: unknown;
	/** Until the next reading of those that waited may go. */
	#backlogTimer: unknown;
	#diagnosticsTimer: unknown;
	#diagnosticsWanted = false;
	#diagnosticsDue = Number.NEGATIVE_INFINITY;
	/** Until the broker has them: what would be newer then can wait. */
	#diagnosticsInFlight: Outgoing | undefined;
	#dropsTold = false;
	/** Why there is no reading, as it was told last; `undefined` since there is one again. */
	#faultTold: string | undefined;
	#oversizedTold = false;
	#farewell: Farewell | undefined;

	/** Throws an Error where the host lacks what the settings ask for. */
	constructor(host: Host, settings: Settings, observer: Observer = host.observer ?? {}) {
		this.#host = host;
		this.#settings = settings;
		this.#observer = observer;
		this.#startedAt = host.clock.now();
		if (settings.broker.tls && !host.network.tls) throw new Error("broker: this firmware has no TLS for mqtts://");
		this.#outbox = this.#createOutbox();
		this.#sampler = new Sampler({
			sensor: createSensor(host, settings),
			interval: settings.interval * 1_000,
			onSample: (sample, now) => this.#sampled(sample, now),
			onFault: (reason) => this.#fault(reason),
			onUnavailable: () => host.log("error", `the ${settings.sensor} does not work; readings resume when it does`),
			onRecovered: () => host.log("info", `the ${settings.sensor} works again`),
		});
		this.#updater = new Updater(host, settings.updateKey);
		this.#commands = this.#createCommands();
		this.#sleepCycle = settings.sleep && host.sleep ? new SleepCycle(settings, this.#startedAt) : undefined;
		this.#session = this.#createSession();
		if (settings.commands.length > 0) this.#session.subscribe({ topicFilter: `${settings.topic}/cmd/#`, qos: 1 });
		this.#link = this.#createLink();
		const { network, timer, clock } = host;
		this.#timeSync = new TimeSync({
			network,
			timer,
			log: (level, text) => host.log(level, text),
			setTime: (time) => {
				clock.setTime?.(time);
				// A machine that sleeps may have waited for that.
				this.#link.wake();
			},
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
		const { network, timer } = this.#host;
		const { length } = this.#outbox;
		if (length > 0)
			this.#host.log("info", `${countOf(length)} from before ${length === 1 ? "waits" : "wait"} for the broker`);
		const { broker, commands } = this.#settings;
		if (isPublic(broker)) {
			const commanded = commands.length > 0 ? ", and may send commands" : "; no commands are taken";
			this.#host.log("warning", `${broker.host} is public: everybody reads what is published${commanded}`);
		}
		network.onReady = () => {
			this.#timeSync.start();
			this.#link.networkReady();
		};
		this.#timeSync.start();
		this.#link.start();
		this.#sample();
		if (this.#settings.sleep && !this.#sleepCycle)
			this.#host.log("warning", "sleep: this machine cannot; it stays awake");
		if (this.#sleepCycle)
			this.#sleepTimer = timer.set(() => this.#fallAsleep(), this.#sleepCycle.deadline - this.#startedAt);
	}

	/**
	 * Ends in good order, within `FAREWELL_MS`: no more samples, deliver what is
	 * queued, say `offline`, disconnect. If there is no time for it, the broker says
	 * `offline`: the will.
	 */
	stop(onStopped: () => void): void {
		this.#stop("offline", onStopped);
	}

	#stop(status: LastStatus, onStopped: () => void): void {
		if (this.#farewell) return;
		this.#sampler.close();
		this.#timeSync.close();
		this.#setSamplerTimer();
		const sleeps = status === "asleep";
		const timer = this.#host.timer.set(() => {
			// Whoever gets the DISCONNECT has got the status before it.
			const { sent, reasonCode } = this.#farewell!;
			this.#stopped(sleeps && sent ? reasonCode : DISCONNECT_WITH_WILL);
		}, FAREWELL_MS);
		const deliverUntil = this.#host.clock.now() + (sleeps ? 0 : FAREWELL_DELIVERY_MS);
		this.#farewell = {
			message: this.#status(status),
			reasonCode: sleeps && this.#keepsWill ? DISCONNECT_WITH_WILL : 0,
			onStopped,
			timer,
			deliverUntil,
			sent: false,
			acknowledged: false,
		};
		this.#commands.sampled({ ok: false, error: "the station stops" });
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

	#createCommands(): Commands {
		const { clock, restart, startedOnRequest = false } = this.#host;
		return new Commands({
			settings: this.#settings,
			clock,
			sampler: this.#sampler,
			log: (level, text) => this.#host.log(level, text),
			startedOnRequest,
			status: () => ({ uptime: this.#uptime, ...this.counters }),
			update: this.#updater,
			onSchedule: () => this.#setSamplerTimer(),
			onReply: () => this.#link.wake(),
			restart: restart && (() => this.stop(() => restart.call(this.#host))),
		});
	}

	#createSession(): Session<Outgoing> {
		const { id, keepAlive, username, password, broker, topic, qos, commands } = this.#settings;
		const { lostAfter, sessionExpiryInterval } = this.#sleepCycle ?? {};
		const log = (level: "info" | "warning", text: string) => this.#host.log(level, `${showAddress(broker)}: ${text}`);
		return new Session<Outgoing>({
			clientId: `veleta-${id}`,
			keepAlive,
			// Which packet ids of QoS 2 an earlier run left unreleased, nobody knows.
			cleanStart: qos === 2,
			username,
			password,
			will: {
				...this.#status("offline"),
				...(lostAfter !== undefined && { properties: { willDelayInterval: lostAfter } }),
			},
			...(sessionExpiryInterval !== undefined && { sessionExpiryInterval }),
			birth: this.#status("online"),
			// A command that brings the machine down must not come again for ever.
			acknowledgesFirst: true,
			nextMessage: () => this.#nextMessage(),
			onConnect: (sessionPresent, version) => {
				this.#counters.connections++;
				this.#updater.connected();
				// MQTT 3.1 does not tell whether the broker has something left for the station.
				if (!sessionPresent && version > 3) this.#commands.newSession();
				// It may remember what an earlier run with other settings subscribed to.
				else if (commands.length === 0) this.#session.unsubscribe(`${topic}/cmd/#`);
				this.#observer.onState?.("online");
				this.#diagnose();
				log("info", `connected with MQTT ${VERSIONS[version]}, ${sessionPresent ? "session resumed" : "new session"}`);
			},
			onPublish: ({ handle }, redelivered) => {
				if (handle !== undefined) this.#counters[redelivered ? "redelivered" : "published"]++;
			},
			onAcknowledge: (message) => this.#acknowledged(message),
			onReject: (message, reasonCode) => {
				if (message.replySize === undefined)
					log("warning", `does not take ${this.#nameOf(message)}: ${reasonText(reasonCode)}`);
				this.#acknowledged(message, false);
			},
			maximumPacketSize: PACKET_SIZE_MAXIMUM + bytesOf(topic).length,
			announcedPacketSize: PACKET_SIZE_ANNOUNCED,
			onGiveUp: (what) => this.#gaveUp(what),
			onOversized: (size) => this.#readPast(size),
			onMessage: (message) => {
				// Under an older topic, the broker may keep a subscription that was this station's.
				const prefix = `${topic}/cmd/`;
				if (message.topic.startsWith(prefix)) this.#commands.receive(message.topic.slice(prefix.length), message);
			},
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode >= 0x80) log("warning", `no commands: it does not let the station subscribe to ${topicFilter}`);
			},
		});
	}

	#createLink(): Link<Outgoing> {
		const host = this.#host;
		const { network, clock, timer } = host;
		const { broker, tls, id } = this.#settings;
		const address = showAddress(broker);
		return new Link({
			network,
			clock,
			timer,
			broker,
			tls,
			backoff: new Backoff({ random: () => host.random() }),
			session: this.#session,
			onDisconnect: (reason, retryDelay, error) => {
				this.#observer.onState?.("offline");
				if (error instanceof SessionDiscardedError) return;
				if (retryDelay === 0) {
					const version = VERSIONS[this.#session.protocolVersion];
					return host.log("info", `${address}: does not speak a newer version of MQTT; trying ${version}`);
				}
				host.log("warning", `${address}: ${printable(reason)}; next attempt in ${(retryDelay / 1_000).toFixed(1)} s`);
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
		const now = this.#host.clock.now();
		this.#sampler.tick(now);
		this.#setSamplerTimer();
		this.#feed(now);
	}

	/**
	 * Progress is that the sampler has done its step, and that the link is not late
	 * with its own. No command feeds: none makes the sampler's next step later.
	 */
	#feed(now: number): void {
		const { deadline } = this.#sampler;
		if (deadline === Number.POSITIVE_INFINITY || now - this.#link.deadline >= WATCHDOG_MARGIN_MS) return;
		this.#host.watchdog?.feed(deadline - now + WATCHDOG_MARGIN_MS);
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
		this.#faultTold = undefined;
		this.#sleepCycle?.sampled();
		if (this.#outbox.dropped > dropped) this.#tellOfDrops();
		if (seq === undefined) return this.#commands.sampled({ ok: false, error: "no room for the reading" });
		this.#counters.readings++;
		this.#observer.onReading?.(seq, sample, now);
		this.#commands.sampled({ ok: true, seq });
		this.#link.wake();
	}

	#tellOfDrops(): void {
		if (this.#dropsTold) return;
		this.#dropsTold = true;
		this.#host.log("warning", `no more readings can be kept: the ${this.#settings.full} are dropped`);
	}

	#fault(reason: string): void {
		this.#counters.faults++;
		this.#observer.onFault?.(reason);
		this.#commands.sampled({ ok: false, error: reason });
		// The same for days where there is no sensor: the log has it once, the observer and the sender of a command each time.
		if (reason !== this.#faultTold)
			this.#host.log("warning", `no reading from the ${this.#settings.sensor}: ${reason}`);
		this.#faultTold = reason;
		if (!this.#sleepCycle || this.#sampler.retrying) return;
		this.#sleepCycle.sampled();
		this.#link.wake();
	}

	#nextMessage(): Outgoing | undefined {
		const next = this.#commands.nextReply() ?? this.#nextReport() ?? this.#nextDiagnostics();
		if (next) return next;
		if (!this.#farewell && this.#sleepCycle?.isDone && this.#isIdle) this.#fallAsleep();
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

	/** The broker ends connections on it. */
	#gaveUp(what: Outgoing | "birth message" | "will message"): void {
		const host = this.#host;
		const broker = showAddress(this.#settings.broker);
		if (typeof what === "string")
			return host.log(
				"warning",
				`${broker}: does not bear the ${what} to ${this.#settings.topic}/status: it is left out`,
			);
		const { handle, replySize } = what;
		if (replySize !== undefined) this.#commands.replied(replySize, false);
		const fate = handle === undefined ? "it is left out" : "it is tried again in six hours, or after a restart";
		host.log("warning", `${broker}: closes the connection when it gets ${this.#nameOf(what)}: ${fate}`);
		if (what === this.#diagnosticsInFlight) {
			this.#diagnosticsInFlight = undefined;
			this.#diagnosticsWanted = false;
			this.#diagnosticsDue = host.clock.now() + DIAGNOSTICS_PAUSE_MS;
		}
		if (handle !== undefined) this.#outbox.setAside(handle, host.clock.now());
	}

	/** The broker sent a command that is larger than the station takes. */
	#readPast(size: number): void {
		if (this.#oversizedTold) return;
		this.#oversizedTold = true;
		const broker = showAddress(this.#settings.broker);
		this.#host.log("warning", `${broker}: has a command of ${size} bytes, which is too large to be read`);
	}

	/** For the log: the topic of a reply may be a stranger's. */
	#nameOf({ handle, topic }: Outgoing): string {
		if (handle !== undefined) return "a reading";
		const own = ["status", "diagnostics"].find((level) => topic === `${this.#settings.topic}/${level}`);
		return own === undefined ? "a reply" : `the ${own}`;
	}

	/** The broker has the message, or (5.0) will never take it. */
	#acknowledged(message: Outgoing, accepted = true): void {
		const { handle, replySize } = message;
		if (replySize !== undefined) this.#commands.replied(replySize, accepted);
		if (message === this.#diagnosticsInFlight) this.#diagnosticsInFlight = undefined;
		if (handle !== undefined) {
			this.#counters[accepted ? "acknowledged" : "rejected"]++;
			this.#outbox.acknowledge(handle);
		}
		const farewell = this.#farewell;
		if (!farewell) return;
		if (message === farewell.message) farewell.acknowledged = true;
		// A reading of QoS 2 takes one answer more.
		if (farewell.acknowledged && this.#session.inFlight === 0) this.#stopped(farewell.reasonCode);
	}

	/** Diagnostics are wanted now, and again after a while; without a connection, with the next one. */
	#diagnose(): void {
		const { diagnostics } = this.#settings;
		if (diagnostics === 0 || this.#farewell) return;
		this.#clear(this.#diagnosticsTimer);
		this.#diagnosticsTimer = this.#host.timer.set(() => this.#diagnose(), diagnostics * 1_000);
		if (!this.#session.connected || this.#host.clock.now() < this.#diagnosticsDue) return;
		this.#diagnosticsWanted = true;
		this.#link.wake();
	}

	#nextDiagnostics(): Outgoing | undefined {
		if (!this.#diagnosticsWanted || this.#diagnosticsInFlight) return undefined;
		this.#diagnosticsWanted = false;
		const machine = this.#host.diagnostics?.();
		const payload = bytesOf(
			JSON.stringify({ uptime: this.#uptime, ...this.counters, ...this.#outbox.wear, ...machine }),
		);
		this.#diagnosticsInFlight = { topic: `${this.#settings.topic}/diagnostics`, payload, qos: 1, retain: true };
		return this.#diagnosticsInFlight;
	}

	/** Whether the broker has all there is, and nobody waits for anything. */
	get #isIdle(): boolean {
		const { clock, network } = this.#host;
		if (!this.#session.connected || this.#session.inFlight > 0 || this.#commands.pending) return false;
		// A reading whose time is not known when the machine falls asleep never gets one.
		return this.#outbox.length === this.#outbox.aside && (clock.time() !== undefined || network.ntp === undefined);
	}

	/**
	 * Whether the broker publishes the will of a machine that does not wake again: the
	 * will waits, but for the next connection's start in a new session.
	 */
	get #keepsWill(): boolean {
		return this.#session.protocolVersion === 5 && this.#settings.qos !== 2;
	}

	/** What the machine woke for is done, or its time is over: what was not delivered waits in flash. */
	#fallAsleep(): void {
		const cycle = this.#sleepCycle;
		if (!cycle || this.#farewell) return;
		if (this.#updater.timer !== undefined) {
			// An update is under way, or new firmware has to prove itself first: it is over some time.
			this.#clear(this.#sleepTimer);
			this.#sleepTimer = this.#host.timer.set(() => this.#fallAsleep(), UPDATE_MS);
			return;
		}
		this.#stop("asleep", () => {
			const { clock, log } = this.#host;
			const duration = cycle.sleepFor(clock.now());
			this.#observer.onState?.("asleep");
			log("info", `asleep for ${(duration / 1_000).toFixed(1)} s`);
			this.#host.sleep?.(duration);
		});
		// Nobody to say goodbye to.
		if (!this.#session.connected) this.#stopped();
	}

	/** Seconds. */
	get #uptime(): number {
		return Math.round((this.#host.clock.now() - this.#startedAt) / 1_000);
	}

	#status(status: "online" | LastStatus): Message {
		return { topic: `${this.#settings.topic}/status`, payload: bytesOf(status), qos: 1, retain: true };
	}

	#clear(timer: unknown): void {
		if (timer !== undefined) this.#host.timer.clear(timer);
	}

	#stopped(reasonCode = 0): void {
		const farewell = this.#farewell;
		if (!farewell) return;
		for (const timer of [farewell.timer, this.#backlogTimer, this.#diagnosticsTimer, this.#sleepTimer])
			this.#clear(timer);
		this.#updater.close();
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

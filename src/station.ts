/** The station: sampler, outbox and session joined. */
import { Commands, type Reply } from "./commands.js";
import type { Host, Observer } from "./host.js";
import { Backoff } from "./net/backoff.js";
import { showAddress } from "./net/broker-url.js";
import { Link } from "./net/link.js";
import { SessionDiscardedError } from "./net/mqtt/errors.js";
import type { Message } from "./net/mqtt/message.js";
import { VERSIONS } from "./net/mqtt/packet.js";
import { DISCONNECT_WITH_WILL, reasonText } from "./net/mqtt/reason-codes.js";
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
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _outbox: Outbox;
	private readonly _sampler: Sampler;
	private readonly _link: Link<Outgoing>;
	private readonly _session: Session<Outgoing>;
	private readonly _timeSync: TimeSync;
	private readonly _observer: Observer;
	private readonly _counters = {
		readings: 0,
		faults: 0,
		published: 0,
		redelivered: 0,
		acknowledged: 0,
		rejected: 0,
		connections: 0,
	};
	private readonly _updater: Updater;
	private readonly _commands: Commands;
	/** On machines that sleep between readings. */
	private readonly _sleepCycle: SleepCycle | undefined;
	private readonly _startedAt: number;
	private _samplerTimer: unknown;
	private _sleepTimer: unknown;
	/** Until the next reading of those that waited may go. */
	private _backlogTimer: unknown;
	private _diagnosticsTimer: unknown;
	private _diagnosticsWanted = false;
	private _diagnosticsDue = Number.NEGATIVE_INFINITY;
	/** Until the broker has them: what would be newer then can wait. */
	private _diagnosticsInFlight: Outgoing | undefined;
	private _dropsTold = false;
	/** Why there is no reading, as it was told last; `undefined` since there is one again. */
	private _faultTold: string | undefined;
	private _oversizedTold = false;
	private _farewell: Farewell | undefined;

	/** Throws an Error where the host lacks what the settings ask for. */
	constructor(host: Host, settings: Settings, observer: Observer = host.observer ?? {}) {
		this._host = host;
		this._settings = settings;
		this._observer = observer;
		this._startedAt = host.clock.now();
		if (settings.broker.tls && !host.network.tls) throw new Error("broker: this firmware has no TLS for mqtts://");
		this._outbox = this._createOutbox();
		this._sampler = new Sampler({
			sensor: createSensor(host, settings),
			interval: settings.interval * 1_000,
			onSample: (sample, now) => this._sampled(sample, now),
			onFault: (reason) => this._fault(reason),
			onUnavailable: () => host.log("error", `the ${settings.sensor} does not work; readings resume when it does`),
			onRecovered: () => host.log("info", `the ${settings.sensor} works again`),
		});
		this._updater = new Updater(host, settings.updateKey);
		this._commands = this._createCommands();
		this._sleepCycle = settings.sleep && host.sleep ? new SleepCycle(settings, this._startedAt) : undefined;
		this._session = this._createSession();
		if (settings.commands.length > 0) this._session.subscribe({ topicFilter: `${settings.topic}/cmd/#`, qos: 1 });
		this._link = this._createLink();
		const { network, timer, clock } = host;
		this._timeSync = new TimeSync({
			network,
			timer,
			log: (level, text) => host.log(level, text),
			setTime: (time) => {
				clock.setTime?.(time);
				// A machine that sleeps may have waited for that.
				this._link.wake();
			},
		});
	}

	get counters(): Counters {
		const { dropped, length: queued } = this._outbox;
		return { ...this._counters, dropped, queued };
	}

	/** Whether an answer from the network is due. */
	get awaiting(): boolean {
		return this._link.awaiting;
	}

	start(): void {
		const { network, timer } = this._host;
		const { length } = this._outbox;
		if (length > 0)
			this._host.log("info", `${countOf(length)} from before ${length === 1 ? "waits" : "wait"} for the broker`);
		const { broker, commands } = this._settings;
		if (isPublic(broker)) {
			const commanded = commands.length > 0 ? ", and may send commands" : "; no commands are taken";
			this._host.log("warning", `${broker.host} is public: everybody reads what is published${commanded}`);
		}
		network.onReady = () => {
			this._timeSync.start();
			this._link.networkReady();
		};
		this._timeSync.start();
		this._link.start();
		this._sample();
		if (this._settings.sleep && !this._sleepCycle)
			this._host.log("warning", "sleep: this machine cannot; it stays awake");
		if (this._sleepCycle)
			this._sleepTimer = timer.set(() => this._fallAsleep(), this._sleepCycle.deadline - this._startedAt);
	}

	/**
	 * Ends in good order, within `FAREWELL_MS`: no more samples, deliver what is
	 * queued, say `offline`, disconnect. If there is no time for it, the broker says
	 * `offline`: the will.
	 */
	stop(onStopped: () => void): void {
		this._stop("offline", onStopped);
	}

	private _stop(status: LastStatus, onStopped: () => void): void {
		if (this._farewell) return;
		this._sampler.close();
		this._timeSync.close();
		this._setSamplerTimer();
		const sleeps = status === "asleep";
		const timer = this._host.timer.set(() => {
			// Whoever gets the DISCONNECT has got the status before it.
			const { sent, reasonCode } = this._farewell!;
			this._stopped(sleeps && sent ? reasonCode : DISCONNECT_WITH_WILL);
		}, FAREWELL_MS);
		const deliverUntil = this._host.clock.now() + (sleeps ? 0 : FAREWELL_DELIVERY_MS);
		this._farewell = {
			message: this._status(status),
			reasonCode: sleeps && this._keepsWill ? DISCONNECT_WITH_WILL : 0,
			onStopped,
			timer,
			deliverUntil,
			sent: false,
			acknowledged: false,
		};
		this._commands.sampled({ ok: false, error: "the station stops" });
		this._link.wake();
	}

	private _createOutbox(): Outbox {
		const host = this._host;
		const { outbox: ringBytes, order, full, backlogRate } = this._settings;
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

	private _createCommands(): Commands {
		const { clock, restart, startedOnRequest = false } = this._host;
		return new Commands({
			settings: this._settings,
			clock,
			sampler: this._sampler,
			log: (level, text) => this._host.log(level, text),
			startedOnRequest,
			status: () => ({ uptime: this._uptime, ...this.counters }),
			update: this._updater,
			onSchedule: () => this._setSamplerTimer(),
			onReply: () => this._link.wake(),
			restart: restart && (() => this.stop(() => restart.call(this._host))),
		});
	}

	private _createSession(): Session<Outgoing> {
		const { id, keepAlive, username, password, broker, topic, qos, commands } = this._settings;
		const { lostAfter, sessionExpiryInterval } = this._sleepCycle ?? {};
		const log = (level: "info" | "warning", text: string) => this._host.log(level, `${showAddress(broker)}: ${text}`);
		return new Session<Outgoing>({
			clientId: `veleta-${id}`,
			keepAlive,
			// Which packet ids of QoS 2 an earlier run left unreleased, nobody knows.
			cleanStart: qos === 2,
			username,
			password,
			will: {
				...this._status("offline"),
				...(lostAfter !== undefined && { properties: { willDelayInterval: lostAfter } }),
			},
			...(sessionExpiryInterval !== undefined && { sessionExpiryInterval }),
			birth: this._status("online"),
			// A command that brings the machine down must not come again for ever.
			acknowledgesFirst: true,
			nextMessage: () => this._nextMessage(),
			onConnect: (sessionPresent, version) => {
				this._counters.connections++;
				this._updater.connected();
				// MQTT 3.1 does not tell whether the broker has something left for the station.
				if (!sessionPresent && version > 3) this._commands.newSession();
				// It may remember what an earlier run with other settings subscribed to.
				else if (commands.length === 0) this._session.unsubscribe(`${topic}/cmd/#`);
				this._observer.onState?.("online");
				this._diagnose();
				log("info", `connected with MQTT ${VERSIONS[version]}, ${sessionPresent ? "session resumed" : "new session"}`);
			},
			onPublish: ({ handle }, redelivered) => {
				if (handle !== undefined) this._counters[redelivered ? "redelivered" : "published"]++;
			},
			onAcknowledge: (message) => this._acknowledged(message),
			onReject: (message, reasonCode) => {
				if (message.replySize === undefined)
					log("warning", `does not take ${this._nameOf(message)}: ${reasonText(reasonCode)}`);
				this._acknowledged(message, false);
			},
			maximumPacketSize: PACKET_SIZE_MAXIMUM + bytesOf(topic).length,
			announcedPacketSize: PACKET_SIZE_ANNOUNCED,
			onGiveUp: (what) => this._gaveUp(what),
			onOversized: (size) => this._readPast(size),
			onMessage: (message) => {
				// Under an older topic, the broker may keep a subscription that was this station's.
				const prefix = `${topic}/cmd/`;
				if (message.topic.startsWith(prefix)) this._commands.receive(message.topic.slice(prefix.length), message);
			},
			onSubscribe: (topicFilter, reasonCode) => {
				if (reasonCode >= 0x80) log("warning", `no commands: it does not let the station subscribe to ${topicFilter}`);
			},
		});
	}

	private _createLink(): Link<Outgoing> {
		const host = this._host;
		const { network, clock, timer } = host;
		const { broker, tls, id } = this._settings;
		const address = showAddress(broker);
		return new Link({
			network,
			clock,
			timer,
			broker,
			tls,
			backoff: new Backoff({ random: () => host.random() }),
			session: this._session,
			onDisconnect: (reason, retryDelay, error) => {
				this._observer.onState?.("offline");
				if (error instanceof SessionDiscardedError) return;
				if (retryDelay === 0) {
					const version = VERSIONS[this._session.protocolVersion];
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
	private _sample(): void {
		this._samplerTimer = undefined;
		const now = this._host.clock.now();
		this._sampler.tick(now);
		this._setSamplerTimer();
		this._feed(now);
	}

	/**
	 * Progress is that the sampler has done its step, and that the link is not late
	 * with its own. No command feeds: none makes the sampler's next step later.
	 */
	private _feed(now: number): void {
		const { deadline } = this._sampler;
		if (deadline === Number.POSITIVE_INFINITY || now - this._link.deadline >= WATCHDOG_MARGIN_MS) return;
		this._host.watchdog?.feed(deadline - now + WATCHDOG_MARGIN_MS);
	}

	private _setSamplerTimer(): void {
		const { clock, timer } = this._host;
		this._clear(this._samplerTimer);
		this._samplerTimer = undefined;
		const { deadline } = this._sampler;
		if (deadline === Number.POSITIVE_INFINITY) return;
		this._samplerTimer = timer.set(() => this._sample(), Math.max(0, deadline - clock.now()));
	}

	private _sampled(sample: Sample, now: number): void {
		const { dropped } = this._outbox;
		let seq: number | undefined;
		try {
			seq = this._outbox.push(sample, now);
		} catch (error) {
			return this._fault(messageOf(error));
		}
		this._faultTold = undefined;
		this._sleepCycle?.sampled();
		if (this._outbox.dropped > dropped) this._tellOfDrops();
		if (seq === undefined) return this._commands.sampled({ ok: false, error: "no room for the reading" });
		this._counters.readings++;
		this._observer.onReading?.(seq, sample, now);
		this._commands.sampled({ ok: true, seq });
		this._link.wake();
	}

	private _tellOfDrops(): void {
		if (this._dropsTold) return;
		this._dropsTold = true;
		this._host.log("warning", `no more readings can be kept: the ${this._settings.full} are dropped`);
	}

	private _fault(reason: string): void {
		this._counters.faults++;
		this._observer.onFault?.(reason);
		this._commands.sampled({ ok: false, error: reason });
		// The same for days where there is no sensor: the log has it once, the observer and the sender of a command each time.
		if (reason !== this._faultTold)
			this._host.log("warning", `no reading from the ${this._settings.sensor}: ${reason}`);
		this._faultTold = reason;
		if (!this._sleepCycle || this._sampler.retrying) return;
		this._sleepCycle.sampled();
		this._link.wake();
	}

	private _nextMessage(): Outgoing | undefined {
		const next = this._commands.nextReply() ?? this._nextReport() ?? this._nextDiagnostics();
		if (next) return next;
		if (!this._farewell && this._sleepCycle?.isDone && this._isIdle) this._fallAsleep();
		if (!this._farewell || this._farewell.sent) return undefined;
		this._farewell.sent = true;
		return this._farewell.message;
	}

	private _nextReport(): Outgoing | undefined {
		const { clock, timer } = this._host;
		const now = clock.now();
		if (this._farewell && now >= this._farewell.deliverUntil) return undefined;
		const taken = this._outbox.take(now, this._farewell !== undefined);
		if (taken) {
			const { topic, qos } = this._settings;
			const payload = bytesOf(reportPayload(taken.reading));
			return { topic: `${topic}/state`, payload, qos, retain: false, handle: taken.handle };
		}
		const { deadline } = this._outbox;
		if (deadline === Number.POSITIVE_INFINITY || this._backlogTimer !== undefined) return undefined;
		this._backlogTimer = timer.set(
			() => {
				this._backlogTimer = undefined;
				this._link.wake();
			},
			Math.max(0, deadline - now),
		);
		return undefined;
	}

	/** The broker ends connections on it. */
	private _gaveUp(what: Outgoing | "birth message" | "will message"): void {
		const host = this._host;
		const broker = showAddress(this._settings.broker);
		if (typeof what === "string")
			return host.log(
				"warning",
				`${broker}: does not bear the ${what} to ${this._settings.topic}/status: it is left out`,
			);
		const { handle, replySize } = what;
		if (replySize !== undefined) this._commands.replied(replySize, false);
		const fate = handle === undefined ? "it is left out" : "it is tried again in six hours, or after a restart";
		host.log("warning", `${broker}: closes the connection when it gets ${this._nameOf(what)}: ${fate}`);
		if (what === this._diagnosticsInFlight) {
			this._diagnosticsInFlight = undefined;
			this._diagnosticsWanted = false;
			this._diagnosticsDue = host.clock.now() + DIAGNOSTICS_PAUSE_MS;
		}
		if (handle !== undefined) this._outbox.setAside(handle, host.clock.now());
	}

	/** The broker sent a command that is larger than the station takes. */
	private _readPast(size: number): void {
		if (this._oversizedTold) return;
		this._oversizedTold = true;
		const broker = showAddress(this._settings.broker);
		this._host.log("warning", `${broker}: has a command of ${size} bytes, which is too large to be read`);
	}

	/** For the log: the topic of a reply may be a stranger's. */
	private _nameOf({ handle, topic }: Outgoing): string {
		if (handle !== undefined) return "a reading";
		const own = ["status", "diagnostics"].find((level) => topic === `${this._settings.topic}/${level}`);
		return own === undefined ? "a reply" : `the ${own}`;
	}

	/** The broker has the message, or (5.0) will never take it. */
	private _acknowledged(message: Outgoing, accepted = true): void {
		const { handle, replySize } = message;
		if (replySize !== undefined) this._commands.replied(replySize, accepted);
		if (message === this._diagnosticsInFlight) this._diagnosticsInFlight = undefined;
		if (handle !== undefined) {
			this._counters[accepted ? "acknowledged" : "rejected"]++;
			this._outbox.acknowledge(handle);
		}
		const farewell = this._farewell;
		if (!farewell) return;
		if (message === farewell.message) farewell.acknowledged = true;
		// A reading of QoS 2 takes one answer more.
		if (farewell.acknowledged && this._session.inFlight === 0) this._stopped(farewell.reasonCode);
	}

	/** Diagnostics are wanted now, and again after a while; without a connection, with the next one. */
	private _diagnose(): void {
		const { diagnostics } = this._settings;
		if (diagnostics === 0 || this._farewell) return;
		this._clear(this._diagnosticsTimer);
		this._diagnosticsTimer = this._host.timer.set(() => this._diagnose(), diagnostics * 1_000);
		if (!this._session.connected || this._host.clock.now() < this._diagnosticsDue) return;
		this._diagnosticsWanted = true;
		this._link.wake();
	}

	private _nextDiagnostics(): Outgoing | undefined {
		if (!this._diagnosticsWanted || this._diagnosticsInFlight) return undefined;
		this._diagnosticsWanted = false;
		const machine = this._host.diagnostics?.();
		const payload = bytesOf(
			JSON.stringify({ uptime: this._uptime, ...this.counters, ...this._outbox.wear, ...machine }),
		);
		this._diagnosticsInFlight = { topic: `${this._settings.topic}/diagnostics`, payload, qos: 1, retain: true };
		return this._diagnosticsInFlight;
	}

	/** Whether the broker has all there is, and nobody waits for anything. */
	private get _isIdle(): boolean {
		const { clock, network } = this._host;
		if (!this._session.connected || this._session.inFlight > 0 || this._commands.pending) return false;
		// A reading whose time is not known when the machine falls asleep never gets one.
		return this._outbox.length === this._outbox.aside && (clock.time() !== undefined || network.ntp === undefined);
	}

	/**
	 * Whether the broker publishes the will of a machine that does not wake again: the
	 * will waits, but for the next connection's start in a new session.
	 */
	private get _keepsWill(): boolean {
		return this._session.protocolVersion === 5 && this._settings.qos !== 2;
	}

	/** What the machine woke for is done, or its time is over: what was not delivered waits in flash. */
	private _fallAsleep(): void {
		const cycle = this._sleepCycle;
		if (!cycle || this._farewell) return;
		if (this._updater.timer !== undefined) {
			// An update is under way, or new firmware has to prove itself first: it is over some time.
			this._clear(this._sleepTimer);
			this._sleepTimer = this._host.timer.set(() => this._fallAsleep(), UPDATE_MS);
			return;
		}
		this._stop("asleep", () => {
			const { clock, log } = this._host;
			const duration = cycle.sleepFor(clock.now());
			this._observer.onState?.("asleep");
			log("info", `asleep for ${(duration / 1_000).toFixed(1)} s`);
			this._host.sleep?.(duration);
		});
		// Nobody to say goodbye to.
		if (!this._session.connected) this._stopped();
	}

	/** Seconds. */
	private get _uptime(): number {
		return Math.round((this._host.clock.now() - this._startedAt) / 1_000);
	}

	private _status(status: "online" | LastStatus): Message {
		return { topic: `${this._settings.topic}/status`, payload: bytesOf(status), qos: 1, retain: true };
	}

	private _clear(timer: unknown): void {
		if (timer !== undefined) this._host.timer.clear(timer);
	}

	private _stopped(reasonCode = 0): void {
		const farewell = this._farewell;
		if (!farewell) return;
		for (const timer of [farewell.timer, this._backlogTimer, this._diagnosticsTimer, this._sleepTimer])
			this._clear(timer);
		this._updater.close();
		this._farewell = undefined;
		this._host.network.onReady = undefined;
		this._link.stop(reasonCode);
		const { length } = this._outbox;
		if (length > 0) this._host.log("warning", `${countOf(length)} ${length === 1 ? "was" : "were"} not delivered`);
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

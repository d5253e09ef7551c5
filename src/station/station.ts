/** The station: sampler, outbox and session joined. */

import type { Host, Observer } from "../host.js";
import { Backoff } from "../net/backoff.js";
import { Link } from "../net/link.js";
import { SessionDiscardedError } from "../net/mqtt/errors.js";
import { DISCONNECT_WITH_WILL } from "../net/mqtt/reason-codes.js";
import { Session } from "../net/mqtt/session.js";
import { isAboutDates, TimeSync } from "../net/time-sync.js";
import type { Sample } from "../sensors/sensor.js";
import { isPublic, type Settings } from "../settings.js";
import { BrokerLog } from "./broker-log.js";
import { Commands, STOPS } from "./commands.js";
import { Diagnostics } from "./diagnostics.js";
import { Discovery } from "./discovery.js";
import { Farewell } from "./farewell.js";
import { LogLines } from "./log-lines.js";
import type { Outgoing } from "./outgoing.js";
import { Recall } from "./recall.js";
import { Reports, WILL_TOLD } from "./reports.js";
import { Sampling, type SamplingEvents } from "./sampling.js";
import { SessionEvents } from "./session-events.js";
import { SleepCycle } from "./sleep-cycle.js";
import type { LastStatus } from "./status.js";
import { type Judged, Updater } from "./update.js";

/**
 * How long a station that is stopped goes on delivering readings, in ms, before
 * it says goodbye. One that falls asleep has had its time to deliver.
 */
const DELIVERY_MS = 1_500;
const NOTHING = () => {};

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
	/** Refusals of readings by the broker (MQTT 5.0), each of which goes on waiting. */
	rejected: number;
	/** Readings that were lost, for want of room or to damage, since the flash was first used. */
	dropped: number;
	/** Readings that wait, those of earlier runs included. */
	queued: number;
	/** Connections that the broker accepted. */
	connections: number;
}

/** The same as diagnostics and the command `status` tell it. */
export interface Progress extends Counters {
	/** Seconds since the start. */
	readonly uptime: number;
	/** Seconds between readings. */
	readonly interval: number;
}

export class Station implements Judged, SamplingEvents {
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _observer: Observer;
	private readonly _startedAt: number;
	private readonly _brokerLog: BrokerLog;
	private readonly _reports: Reports;
	private readonly _sampling: Sampling;
	private readonly _updater: Updater;
	private readonly _recall: Recall;
	private readonly _commands: Commands;
	private readonly _diagnostics: Diagnostics;
	/** Where the log is published, too. */
	private readonly _logLines: LogLines | undefined;
	/** Where Home Assistant is to know the station, or has known it. */
	private readonly _discovery: Discovery | undefined;
	/** On machines that sleep between readings. */
	private readonly _sleepCycle: SleepCycle | undefined;
	private readonly _events: SessionEvents;
	private readonly _session: Session<Outgoing>;
	private readonly _link: Link<Outgoing>;
	private readonly _timeSync: TimeSync;
	/** From the decision to stop to the end of the connection. */
	private _farewell: Farewell | undefined;
	private _onStopped: () => void = NOTHING;

	/** Throws an Error where the host lacks what the settings ask for. */
	constructor(machine: Host, settings: Settings, observer: Observer = machine.observer ?? {}) {
		if (settings.broker.tls && !machine.network.tls) throw new Error("broker: this host has no TLS");
		let host = machine;
		if (settings.log !== "off") {
			const lines = new LogLines(machine, settings);
			host = { ...machine, log: (level, text) => lines.add(level, text) };
			this._logLines = lines;
		}
		const { timer, clock } = host;
		this._host = host;
		this._settings = settings;
		this._observer = observer;
		this._startedAt = clock.now();
		this._brokerLog = new BrokerLog(settings, host);
		if (settings.sleep && host.sleep) {
			this._sleepCycle = new SleepCycle({
				clock,
				timer,
				settings,
				isBusy: () => this._updater.busy,
				isDone: () => this._isDone,
				onEnd: () => this._fallAsleep(),
			});
		}
		const events = new SessionEvents(settings, this._sleepCycle);
		const session = new Session<Outgoing>(events);
		if (settings.commands.length > 0) session.subscribe({ topicFilter: events.commandFilter, qos: 1 });
		this._events = events;
		this._session = session;
		const link = this._createLink();
		if (this._logLines) this._logLines.link = link;
		const reports = new Reports(host, settings, link, this._brokerLog, observer);
		// Who sleeps would tell it at each wake. After the power came on somebody may be looking.
		if (!host.startedOnRequest) reports.brokerTraits &= ~WILL_TOLD;
		session.expect(reports.brokerTraits & ~WILL_TOLD);
		const sampling = new Sampling(host, settings, reports, link, this);
		const update = new Updater(host, settings, this);
		this._link = link;
		this._reports = reports;
		this._sampling = sampling;
		this._updater = update;
		this._diagnostics = new Diagnostics(host, settings, link, reports, this);
		if (settings.homeAssistant !== "" || reports.memo() !== "") {
			const sleeps = this._sleepCycle !== undefined;
			this._discovery = new Discovery(host, settings, session, link, reports, sampling, this._diagnostics, sleeps);
		}
		this._recall = new Recall(host, settings, reports, link);
		this._commands = new Commands({
			host,
			settings,
			sampling,
			update,
			recall: this._recall,
			link,
			discovery: this._discovery,
			station: this,
		});
		events.parts = {
			observer,
			brokerLog: this._brokerLog,
			reports,
			commands: this._commands,
			diagnostics: this._diagnostics,
			discovery: this._discovery,
			station: this,
			session,
		};
		this._timeSync = new TimeSync(host, settings.timeServer, link);
	}

	get counters(): Counters {
		const { counters, dropped, queued } = this._reports;
		return { ...counters, faults: this._sampling.faults, connections: this._events.connections, dropped, queued };
	}

	/** Whether an answer from the network is due. */
	get awaiting(): boolean {
		return this._link.awaiting;
	}

	/** What it lacks to be a station that works, and that its owner reaches. */
	get missing(): string | undefined {
		const { connections, takesCommands } = this._events;
		if (connections === 0) return "no broker";
		if (!takesCommands) return "no subscription to its commands";
		return this._reports.counters.acknowledged > 0 ? undefined : "no acknowledged reading";
	}

	/** New firmware has been confirmed: who has sent it is told. */
	confirmed(): void {
		this._diagnostics.wanted();
	}

	start(): void {
		const { network, log } = this._host;
		const { broker, commands, sleep } = this._settings;
		const { queued } = this._reports;
		if (queued > 0) log("info", `${countOf(queued)} from before ${queued === 1 ? "waits" : "wait"} for the broker`);
		if (isPublic(broker)) {
			const commanded = commands.length > 0 ? ", and commands are taken" : "; no commands are taken";
			log("warning", `${broker.host} is public: anybody can read and publish there${commanded}`);
		}
		network.onReady = () => {
			this._timeSync.start();
			this._link.networkReady();
		};
		this._timeSync.start();
		this._link.start();
		this._sampling.start();
		if (sleep && !this._sleepCycle) log("warning", "sleep: this machine cannot; it stays awake");
		this._sleepCycle?.start();
	}

	/**
	 * Ends in good order, within two seconds: no more samples, deliver what is
	 * queued, say `offline`, disconnect. If there is no time for it, the broker says
	 * `offline`: the will.
	 */
	stop(onStopped: () => void): void {
		// Also where it was about to restart, or to sleep.
		this._onStopped = onStopped;
		this._stop("offline", this._host.clock.now() + DELIVERY_MS, onStopped);
	}

	/** Stops, and then restarts the machine, where the host can. */
	restart(): void {
		const host = this._host;
		if (host.restart) this._stop("offline", host.clock.now() + DELIVERY_MS, () => host.restart?.());
	}

	private _createLink(): Link<Outgoing> {
		const { network, clock, timer, random } = this._host;
		const { broker, tls } = this._settings;
		return new Link({
			network,
			clock,
			timer,
			broker,
			tls,
			random,
			backoff: new Backoff({ random }),
			session: this._session,
			onDisconnect: (reason, retryDelay, error, isTakenOver) => {
				this._observer.onState?.("offline");
				if (error instanceof SessionDiscardedError) return;
				if (retryDelay === 0) this._brokerLog.tooOld(this._session.protocolVersion);
				else this._brokerLog.disconnected(reason, retryDelay);
				if (isTakenOver) this._brokerLog.takenOver();
				if (isAboutDates(reason)) this._timeSync.doubt();
			},
			onSettled: () => {
				this._diagnostics.nothingInFlight();
				(this._farewell ?? this._sleepCycle)?.nothingInFlight();
			},
		});
	}

	onSample(seq: number | undefined, sample: Sample, now: number): void {
		this._sleepCycle?.sampled();
		this._discovery?.sampled();
		if (seq === undefined) this._commands.sampled({ ok: false, error: "no room for the reading" });
		else {
			this._observer.onReading?.(seq, sample, now);
			this._commands.sampled({ ok: true, seq });
		}
	}

	onFault(reason: string): void {
		this._observer.onFault?.(reason);
		this._commands.sampled({ ok: false, error: reason });
		if (this._sampling.retrying) return;
		this._discovery?.sampled();
		if (!this._sleepCycle) return;
		this._sleepCycle.sampled();
		this._link.wake();
	}

	nextMessage(): Outgoing | undefined {
		const now = this._host.clock.now();
		const urgent = this._commands.next() ?? this._reports.next(now) ?? this._recall.next(now);
		// The end of a recall is a reply.
		const next = urgent ?? this._commands.next() ?? this._diagnostics.next(now) ?? this._logLines?.next();
		return next ?? (this._diagnostics.held ? undefined : (this._discovery?.next(now) ?? this._farewell?.next()));
	}

	/** Whether the broker has all there is, and nobody waits for anything. */
	private get _isDone(): boolean {
		const { clock, network } = this._host;
		if (this._commands.pending || !this._reports.delivered) return false;
		// A reading whose time is not known when the machine falls asleep never gets one.
		return clock.time() !== undefined || network.udp === undefined;
	}

	private _fallAsleep(): void {
		this._stop("asleep", this._host.clock.now(), () => {
			const { duration } = this._sleepCycle!;
			this._observer.onState?.("asleep");
			this._host.log("info", `asleep for ${(duration / 1_000).toFixed(1)} s`);
			this._host.sleep?.(duration);
		});
		// Nobody to say goodbye to.
		if (!this._session.connected) this._farewell?.end();
	}

	/** Readings are delivered until the monotonic time `deliverUntil` in ms. */
	private _stop(status: LastStatus, deliverUntil: number, onStopped: () => void): void {
		if (this._farewell) return;
		this._onStopped = onStopped;
		const { timer } = this._host;
		const { topic, qos } = this._settings;
		this._sampling.close();
		this._timeSync.close();
		this._diagnostics.finish(deliverUntil, status === "offline");
		this._discovery?.close();
		this._sleepCycle?.close();
		this._reports.finish(deliverUntil);
		// The broker publishes the will of a machine that does not wake again: the will
		// waits, but for the next connection's start in a new session.
		const keepsWill = status === "asleep" && this._session.protocolVersion === 5 && qos !== 2;
		this._farewell = new Farewell({
			timer,
			topic,
			status,
			reasonCode: keepsWill ? DISCONNECT_WITH_WILL : 0,
			onEnd: (reasonCode) => this._end(reasonCode),
		});
		this._commands.sampled({ ok: false, error: STOPS });
		this._recall.close();
		this._link.wake();
	}

	private _end(reasonCode: number): void {
		this._farewell = undefined;
		this._reports.close();
		this._diagnostics.close();
		this._logLines?.close();
		this._updater.close();
		this._host.network.onReady = undefined;
		this._link.stop(reasonCode);
		// Where this run has found no version that the broker answers to, the next one begins with another; and what it has learnt.
		this._reports.brokerTraits = this._session.traits + (this._reports.brokerTraits & WILL_TOLD);
		const { queued } = this._reports;
		if (queued > 0) this._host.log("warning", `${countOf(queued)} ${queued === 1 ? "was" : "were"} not delivered`);
		this._onStopped();
	}

	/** For the diagnostics and the command `status`. */
	get progress(): Progress {
		const uptime = Math.round((this._host.clock.now() - this._startedAt) / 1_000);
		return { uptime, interval: this._sampling.interval, ...this.counters };
	}
}

function countOf(readings: number): string {
	return readings === 1 ? "1 reading" : `${readings} readings`;
}

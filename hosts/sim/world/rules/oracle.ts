/** Watches a world from both ends, and tells the first thing that is not as it should be. */
import type { Bytes, LogLevel } from "../../../../src/host.ts";
import type { Sample } from "../../../../src/sensors/sensor.ts";
import type { Counters } from "../../../../src/station/station.ts";
import { reportOfCbor } from "../../../node/report-cbor.ts";
import { BOOT_MS, type Board } from "../board/board.ts";
import { type BoardClock, EPOCH } from "../board/clock.ts";
import type { BoardObserver } from "../board/observer.ts";
import type { Probe } from "../board/probe.ts";
import type { Broker, BrokerObserver, TakenMessage } from "../broker/broker.ts";
import { POISON } from "../broker/reasons.ts";
import type { Health } from "../faults/health.ts";
import { WRONG_MS } from "../network/time-server.ts";
import type { Plan } from "../plan.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Trace } from "../trace.ts";
import { Calls } from "./calls.ts";
import { Losses } from "./losses.ts";
import { PacketStream } from "./packet-stream.ts";
import { Progress } from "./progress.ts";
import { Readings } from "./readings.ts";
import { Recalls } from "./recalls.ts";
import { Silence } from "./silence.ts";
import { SleepRules } from "./sleep-rules.ts";
import { StatusRule } from "./status-rule.ts";

export interface Violation {
	readonly kind: string;
	readonly text: string;
	/** The world's ms. */
	readonly time: number;
}

/** Timers that fire late, and a clock that runs fast or slow, in ms. */
const LATENESS_MS = 200;
/** Longer than any sensor takes for a measurement, in ms. */
const MEASUREMENT_MS = 10_000;
/** What a clock that runs fast or slow makes of a time, at most. */
const DRIFT_MAXIMUM = 0.03;
/** Longer than a segment is on its way, in ms. */
const UNDERWAY_MS = 15_000;
/** What could not be read is looked for again after a while, in ms. */
const FLASH_AFTERMATH_MS = 120_000;
/** A time server may be wrong by some seconds, and its answer takes longer one way than the other, in ms. */
const TIME_TOLERANCE_MS = WRONG_MS + 500;
/** What the station may have running at its calmest. */
const TIMERS_MAXIMUM = 8;

const FLASH_FAILS = /^flash: .*; readings wait in RAM$/s;
const FLASH_WORKS = "flash: works again";
const OLDER_VERSION = "does not speak a newer version of MQTT";
/** Connections in a row that the broker may end on a message while no reading arrives, none is set aside, and no PINGRESP is missing. */
const POISON_ENDS_MAXIMUM = 20;
const BIRTH_GIVEN_UP = "does not bear the birth message";
const SET_ASIDE = /closes the connection when it gets a reading|does not take a reading, but others/;
const VALUES_LEFT_OUT = "when it gets a value";
/** Errors that tell of a fault outside of the station. */
const EXPECTED_ERRORS = [FLASH_FAILS, /^the \w+ does not work; readings resume when it does$/];

export interface OracleOptions {
	readonly plan: Plan;
	readonly scheduler: Scheduler;
	readonly probe: Probe;
	readonly health: Health;
	readonly trace: Trace;
	readonly onViolation: (violation: Violation) => void;
}

export class Oracle implements BoardObserver, BrokerObserver {
	readonly readings: Readings;
	readonly calls: Calls;
	readonly silence: Silence;
	/** Of a station that sleeps. */
	readonly sleep: SleepRules | undefined;
	readonly counts = { powerCuts: 0, restarts: 0, sleeps: 0, connections: 0, boots: 0 };
	/** Both are there only after the oracle. */
	board!: Board;
	broker!: Broker;
	private readonly _options: OracleOptions;
	private readonly _losses: Losses;
	private readonly _recalls: Recalls;
	private readonly _progress: Progress;
	private readonly _status: StatusRule;
	private readonly _outgoing = new PacketStream();
	/** The last two reports that the broker has taken at `state`. */
	private _atState: readonly string[] = [];
	/** For an hour the station publishes none. */
	private _valuesLeftOut = false;
	private _clock: BoardClock | undefined;
	private _offset: number | undefined;
	private _poweredAt = 0;
	/** Since when the station has had the sensor to ask, sleep included. */
	private _askedFrom = 0;
	private _boot = 0;
	private _poisonEnds = 0;
	/** Whether readings wait in RAM because the flash refuses; and whether it ever did in this period. */
	private _flashFails = false;
	/** Restarts that the station was told to make. */
	private _restartsWanted = 0;
	/** Of the last power-on period's end. */
	private _counters: Counters | undefined;

	constructor(options: OracleOptions) {
		this._options = options;
		const { plan, health } = options;
		const { qos, order, full } = plan.settings;
		const violate = (kind: string, text: string) => this.violate(kind, text);
		const isAskedFor = (seq: number) => this._recalls.covers(seq);
		this.readings = new Readings({ qos, order, full, isAskedFor, violate });
		this.calls = new Calls({ lateness: plan.lateness + LATENESS_MS, violate });
		this.silence = new Silence({ lateness: plan.lateness + LATENESS_MS, violate });
		this._losses = new Losses({ plan, readings: this.readings, violate });
		if (plan.blocks === 0) this._losses.flashFailed();
		this._recalls = new Recalls({ plan, readings: this.readings, violate });
		this._progress = new Progress({ plan, health, violate });
		this._status = new StatusRule({ plan, health, violate });
		if (plan.sleep) this.sleep = new SleepRules({ plan, sleep: plan.sleep, health, violate });
	}

	get settleMs(): number {
		return this._progress.settleMs;
	}

	/** What the station counts, or counted when it was last there. */
	get counters(): Counters | undefined {
		return this.board.station?.counters ?? this._counters;
	}

	/** Readings of the backlog that leave in a second, at least. */
	get pace(): number {
		return this._progress.pace;
	}

	violate(kind: string, text: string): void {
		this._options.onViolation({ kind, text, time: this._now });
	}

	private get _now(): number {
		return this._options.scheduler.now;
	}

	private _note(text: string): void {
		this._options.trace.note(this._now, text);
	}

	/** Somebody asks for readings again. */
	asksAgain(from: number, to: number): void {
		this._note(`readings ${from} to ${to} are asked for`);
		this._recalls.asked(from, to, this._now);
	}

	/** A command is on its way to the station, at QoS 1. */
	commanded(name: string): void {
		if (name === "restart") this._restartsWanted++;
	}

	// What the board tells.

	onPowerOn(boot: number, clock: BoardClock, wakes: boolean): void {
		const { plan, probe } = this._options;
		this._note(wakes ? `wakes (${boot})` : `power on (${boot})`);
		this.counts.boots++;
		this._poisonEnds = 0;
		this._clock = clock;
		this._offset = undefined;
		this._poweredAt = this._now;
		this._boot = boot;
		this._flashFails = plan.blocks === 0;
		this.readings.poweredOn(boot);
		this.calls.reset(this._now, true);
		this._progress.interrupted(this._now);
		this._status.poweredOn(this._now);
		this.sleep?.poweredOn(this._now, wakes);
		if (wakes) this._judgeSampling();
		else this._askedFrom = probe.askedAt = this._now;
	}

	/** The station is there, with what it found in its flash. */
	onStarted(): void {
		if (this._flashFails) this.readings.numbersLost();
		const { counters } = this.board.station!;
		this._losses.started(counters);
		this.sleep?.started(counters, this._clock!);
	}

	onAsleep(duration: number): void {
		this.silence.ended(this._now);
		this._note(`asleep for ${(duration / 1_000).toFixed(1)} s`);
		this.counts.sleeps++;
		const { counters } = this.board.station!;
		this._counters = counters;
		this.sleep?.fellAsleep(this._now, duration, counters, this.board.sockets);
		this._losses.powerCut(counters, { orderly: this._flashIsWell, flashRefuses: this._flashRefuses });
		this.readings.powerCut(this._now, undefined);
	}

	onPowerCut(inFlash: boolean, restart: boolean): void {
		this.silence.ended(this._now);
		this._note(restart ? "restart" : inFlash ? "power cut while the flash works" : "power cut");
		this.counts[restart ? "restarts" : "powerCuts"]++;
		if (this.counts.restarts > this._restartsWanted) this.violate("commands", "a restart is carried out again");
		const { station } = this.board;
		if (station) {
			this._counters = station.counters;
			this._losses.powerCut(station.counters, { flashRefuses: this._flashRefuses });
		}
		// The reading that was being written; or whatever, but then its number is not seen.
		const ticks = this._clock?.now() ?? 0;
		const pending = { ticks, truth: this._options.probe.truth, offset: this._offset };
		this.readings.powerCut(this._now, inFlash ? pending : undefined);
		this._options.health.disturbed("power");
		this._options.health.ended("power", this._now);
		this._status.powerLost(this._now);
		this.sleep?.powerLost();
	}

	onReading(seq: number, _sample: Sample, ticks: number): void {
		const { probe, trace } = this._options;
		trace.note(this._now, `reading ${seq}`);
		const sample = {
			ticks,
			at: this._now,
			offset: this._offset,
			truth: probe.truth,
			volatile: this._flashFails,
			hindered: !this._flashIsWell,
		};
		this.readings.accepted(seq, sample);
		const entry = this.readings.entries.get(seq)!;
		if (!sample.hindered) this._progress.accepted(entry);
		this.sleep?.accepted(entry);
	}

	onClockSet(offset: number): void {
		this._offset = offset;
		this.readings.clockSet(offset);
	}

	/** Whoever lies to it, the station's clock is right, but for the seconds that nobody could tell. */
	onTimeTold(time: number): void {
		const off = time - (EPOCH + this._now);
		if (Math.abs(off) > TIME_TOLERANCE_MS) this.violate("time", `sets its clock, and is off by ${off / 1_000} s`);
	}

	onLog(level: LogLevel, text: string): void {
		this._note(`${level}: ${text}`);
		if (FLASH_FAILS.test(text)) this._flashFailed();
		else if (text === FLASH_WORKS) this._flashFails = false;
		else if (text.includes(OLDER_VERSION)) this.calls.triesAtOnce();
		else if (SET_ASIDE.test(text)) this._setAside();
		else if (text.includes(VALUES_LEFT_OUT)) {
			this._valuesLeftOut = true;
			this.calls.mayReturnAgain();
		}
		const silence = /no (PINGRESP|acknowledgement) within/.exec(text);
		if (silence) this._silent(silence[1] === "PINGRESP");
		else if (text.includes(BIRTH_GIVEN_UP)) this._status.birthGivenUp(this._now);
		if (level === "error" && !EXPECTED_ERRORS.some((expected) => expected.test(text))) this.violate("error", text);
	}

	/** Which message it is that a broker ends connections on, a station finds out between answers to PINGREQs. */
	private _silent(noPingresp: boolean): void {
		if (noPingresp) this._poisonEnds = 0;
		this.silence.saidSo(this._now, noPingresp);
	}

	/** At QoS 2 the broker's session goes with a reading that is given up, which before MQTT 5.0 takes a connection of its own. */
	private _setAside(): void {
		this._recalls.blurred();
		this._poisonEnds = 0;
		this.readings.setAside(this._now);
		this._losses.setAside();
		this.calls.mayReturnAgain();
	}

	private _flashFailed(): void {
		this._flashFails = true;
		this._losses.flashFailed();
		if (this._flashIsWell) this.violate("error", "the flash does not refuse, but the station says so");
	}

	/** Some operations fail, or have failed not long ago. */
	private get _flashRefuses(): boolean {
		const well = this._options.health.wellSince("flash");
		return well > 0 && well >= this._now - FLASH_AFTERMATH_MS;
	}

	private get _flashIsWell(): boolean {
		const { plan } = this._options;
		return !this._flashRefuses && plan.worn === 0 && plan.blocks > 0;
	}

	/** Whether the station has said that its flash refuses, and not yet that it works again: it looks with each reading. */
	get flashFails(): boolean {
		return this._flashFails;
	}

	/** Bits of the flash have changed by themselves. */
	flashDamaged(): void {
		this._recalls.blurred();
		this._losses.flashDamaged();
	}

	onException(error: unknown): void {
		this.violate("exception", error instanceof Error ? (error.stack ?? error.message) : String(error));
	}

	onAttempt(): void {
		this._note("attempt to connect");
		this.calls.attempt(this._now);
	}

	onOpened(): void {
		this._outgoing.reset();
		this.calls.opened(this._now);
		this.silence.opened(this._now);
	}

	onRefused(): void {
		this.calls.refused(this._now);
	}

	onGivenUp(): void {
		this.calls.givenUp(this._now);
		this.silence.ended(this._now);
	}

	onNetwork(ready: boolean): void {
		this._note(ready ? "the network is there" : "the network is gone");
		if (ready) this.calls.networkReady(this._now);
		else this.calls.networkLost();
	}

	onBytes(direction: "sent" | "received", bytes: Bytes): void {
		this._options.trace.bytes(this._now, direction, bytes);
		if (direction === "sent") {
			const isRest = this._outgoing.push(bytes);
			return this.silence.sent(this._now, this.board.station?.awaiting ?? false, isRest);
		}
		this.silence.received(this._now);
		if (!this.silence.isDue) return;
		// The station looks at it first.
		this._options.scheduler.after(0, () => this.silence.settled(this._now, this.board.station?.awaiting ?? false));
	}

	// What the broker tells.

	onPublish(message: TakenMessage): void {
		if (!message.isWill) this.calls.delivered();
		this._published(message, false);
	}

	onRefuse(message: TakenMessage, _reasonCode: number): void {
		this._published(message, true);
	}

	private _published({ topic, payload, qos, dup, retain, isWill, time }: TakenMessage, refused: boolean): void {
		const { topic: base, payload: form } = this._options.plan.settings;
		const isState = topic === `${base}/state`;
		if (isState || topic === `${base}/late`) {
			const text = form === "cbor" ? JSON.stringify(reportOfCbor(payload) ?? {}) : textOf(payload);
			const entry = this.readings.delivered({
				isState,
				retain,
				payload: text,
				qos,
				dup,
				time,
				refused,
				hindered: !this._flashIsWell,
				flashWellSince: this._options.health.wellSince("flash"),
			});
			if (entry) this._progress.delivered(entry, this._now);
			if (refused) this._recalls.blurred();
			if (isState && !refused && text !== this._atState.at(-1)) this._atState = [...this._atState.slice(-1), text];
			this._poisonEnds = 0;
		} else if (topic === `${base}/reply`) {
			const text = textOf(payload);
			this._note(`reply ${text}`);
			this.sleep?.replied(this._now);
			const { health } = this._options;
			this._recalls.replied(text, health.wellSince("flash"), health.wellSince("connection", "power"));
		} else if (topic === `${base}/status`) {
			const text = textOf(payload);
			this._note(`status ${text}${isWill ? " (will)" : ""}${refused ? " refused" : ""}`);
			if (refused) this._status.refused(this._now);
			else if (isWill) this.sleep?.willPublished(this._now);
			else this.sleep?.told(text, this._now);
		}
	}

	onConnect(_clientId: string, { version, sessionPresent }: { version: 3 | 4 | 5; sessionPresent: boolean }): void {
		this._note(
			`the broker accepts a connection with version ${version}, session ${sessionPresent ? "present" : "new"}`,
		);
		this._options.trace.version = version;
		this.counts.connections++;
		// A CONNECT may have been on its way since before the power was cut: then nobody can know whose it is.
		const certain = this._now - this._poweredAt > UNDERWAY_MS;
		this.readings.connected(version, sessionPresent, this._now, certain ? this._boot : undefined);
		// Before MQTT 5.0, what the broker has of an earlier session is ended by a connection of its own.
		this.calls.accepted(this._now, version < 5 && this._options.plan.settings.qos === 2);
		this._status.connected(version);
		this.sleep?.connected(version);
	}

	onDisconnect(_clientId: string, reason: string): void {
		this._note(`the broker's connection ends: ${reason}`);
		if (reason === POISON && ++this._poisonEnds > POISON_ENDS_MAXIMUM) {
			this.violate("given up", `the broker ended ${this._poisonEnds} connections on a message, and it still comes`);
		}
	}

	onViolation(_clientId: string, what: string, limit: boolean): void {
		this._note(`the broker sees a violation: ${what}`);
		if (!limit) this.violate("protocol", what);
	}

	// What time tells.

	tick(): void {
		const { plan } = this._options;
		const { board, broker } = this;
		const now = this._now;
		this.calls.tick(now, board.powered && board.ready);
		this.silence.judge(now);
		this._status.tick(now, board, broker);
		const station = board.station;
		if (station || board.asleep) this._judgeSampling();
		if (!station) return;
		const { counters } = station;
		this._losses.counted(counters);
		this.sleep?.tick(now);
		if (!this.sleep?.isEnding(now))
			this._progress.tick(now, counters, broker.connectedSince(`veleta-${plan.settings.id}`), this._poweredAt);
	}

	/** A reading is due each interval. A station that sleeps may be late by the time that it was awake. */
	private _judgeSampling(): void {
		const { plan, probe } = this._options;
		const { sleep, settings } = plan;
		const quiet = this._now - Math.max(probe.askedAt, this._askedFrom);
		const most = sleep ? sleep.cycle * (1 + DRIFT_MAXIMUM) + BOOT_MS : 2_000 * settings.interval;
		if (quiet > most + MEASUREMENT_MS) {
			this.violate("sampling", `the sensor has not been asked for ${Math.round(quiet / 1_000)} s`);
		}
	}

	/**
	 * Each quantity's own topic has the number of the newest reading at `state`, or of the one before it, whose values may
	 * wait for an acknowledgement that got lost; unless the broker has lost what it retained.
	 */
	private _judgeValues(): void {
		const { topic, values } = this._options.plan.settings;
		if (!values || this._valuesLeftOut) return;
		for (const name of ["temperature", "humidity", "pressure"]) {
			const value = this.broker.status(`${topic}/${name}`);
			const expected = this._atState.map((text) => JSON.parse(text)[name]).filter((number) => number !== undefined);
			if (value === undefined || expected.length === 0 || expected.some((number) => `${number}` === value)) continue;
			this.violate("values", `the ${name} is ${value}, and of the newest readings ${expected.join(" and ")}`);
		}
	}

	/** Everything is calm and nothing waits: now the sums must be right. */
	atTheEnd(): void {
		const { plan, health } = this._options;
		const { board } = this;
		if (board.sockets > 1) this.violate("levels", `${board.sockets} sockets are open`);
		if (board.timers > TIMERS_MAXIMUM) this.violate("levels", `${board.timers} timers are set`);
		// Whatever sessions the broker has lost meanwhile: a command reaches the station.
		const { id, topic } = plan.settings;
		if (!this.broker.isSubscribed(`veleta-${id}`, `${topic}/cmd/#`))
			this.violate("commands", "the broker has no subscription to them");
		if (plan.settings.qos === 0) return;
		this._judgeValues();
		this._losses.atTheEnd(this.counters!, health.wellSince("flash") === 0);
	}
}

/** A character for each byte. */
function textOf({ buffer, byteOffset, length }: Bytes): string {
	return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

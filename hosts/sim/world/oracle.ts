/** Watches a world from both ends, and tells the first thing that is not as it should be. */
import type { Bytes, LogLevel } from "../../../src/host.ts";
import type { Sample } from "../../../src/sensors/sensor.ts";
import type { Counters } from "../../../src/station.ts";
import { BOOT_MS, type Board, type BoardObserver } from "./board.ts";
import type { Broker, BrokerObserver, TakenMessage } from "./broker.ts";
import { POISON } from "./broker-reasons.ts";
import { Calls } from "./calls.ts";
import type { BoardClock } from "./clock.ts";
import type { Health } from "./health.ts";
import { Losses } from "./losses.ts";
import type { Plan } from "./plan.ts";
import type { Probe } from "./probe.ts";
import { Progress } from "./progress.ts";
import { Readings } from "./readings.ts";
import type { Scheduler } from "./scheduler.ts";
import { SleepRules } from "./sleep-rules.ts";
import { StatusRule } from "./status.ts";
import type { Trace } from "./trace.ts";

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
/** What the station may have running at its calmest. */
const TIMERS_MAXIMUM = 8;

const FLASH_FAILS = /^flash: .*; readings wait in RAM$/s;
const FLASH_WORKS = "flash: works again";
const OLDER_VERSION = "does not speak a newer version of MQTT";
/** Connections in a row that the broker may end on a message while no reading arrives and none is set aside. */
const POISON_ENDS_MAXIMUM = 20;
const BIRTH_GIVEN_UP = "does not bear the birth message";
const SET_ASIDE = "closes the connection when it gets a reading";
/** Errors that tell of a fault outside of the station. */
const EXPECTED_ERRORS = [FLASH_FAILS, /^the (bme280|bmp280|dht22|dht11) does not work; readings resume when it does$/];

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
	/** Of a station that sleeps. */
	readonly sleep: SleepRules | undefined;
	readonly counts = { powerCuts: 0, restarts: 0, sleeps: 0, connections: 0, boots: 0 };
	/** Both are there only after the oracle. */
	board!: Board;
	broker!: Broker;
	readonly #options: OracleOptions;
	readonly #losses: Losses;
	readonly #progress: Progress;
	readonly #status: StatusRule;
	#clock: BoardClock | undefined;
	#offset: number | undefined;
	#poweredAt = 0;
	/** Since when the station has had the sensor to ask, sleep included. */
	#askedFrom = 0;
	#boot = 0;
	#poisonEnds = 0;
	/** Whether readings wait in RAM because the flash refuses; and whether it ever did in this period. */
	#flashFails = false;
	/** Restarts that the station was told to make. */
	#restartsWanted = 0;
	/** Of the last power-on period's end. */
	#counters: Counters | undefined;

	constructor(options: OracleOptions) {
		this.#options = options;
		const { plan, health } = options;
		const { qos, order, full } = plan.settings;
		const violate = (kind: string, text: string) => this.violate(kind, text);
		this.readings = new Readings({ qos, order, full, violate });
		this.calls = new Calls({ lateness: plan.lateness + LATENESS_MS, violate });
		this.#losses = new Losses({ plan, readings: this.readings, violate });
		if (plan.blocks === 0) this.#losses.flashFailed();
		this.#progress = new Progress({ plan, health, violate });
		this.#status = new StatusRule({ plan, health, violate });
		if (plan.sleep) this.sleep = new SleepRules({ plan, sleep: plan.sleep, health, violate });
	}

	get settleMs(): number {
		return this.#progress.settleMs;
	}

	/** What the station counts, or counted when it was last there. */
	get counters(): Counters | undefined {
		return this.board.station?.counters ?? this.#counters;
	}

	/** Readings of the backlog that leave in a second, at least. */
	get pace(): number {
		return this.#progress.pace;
	}

	violate(kind: string, text: string): void {
		this.#options.onViolation({ kind, text, time: this.#now });
	}

	get #now(): number {
		return this.#options.scheduler.now;
	}

	#note(text: string): void {
		this.#options.trace.note(this.#now, text);
	}

	/** A command is on its way to the station, at QoS 1. */
	commanded(name: string): void {
		if (name === "restart") this.#restartsWanted++;
	}

	// What the board tells.

	onPowerOn(boot: number, clock: BoardClock, wakes: boolean): void {
		const { plan, probe } = this.#options;
		this.#note(wakes ? `wakes (${boot})` : `power on (${boot})`);
		this.counts.boots++;
		this.#poisonEnds = 0;
		this.#clock = clock;
		this.#offset = undefined;
		this.#poweredAt = this.#now;
		this.#boot = boot;
		this.#flashFails = plan.blocks === 0;
		this.readings.poweredOn(boot);
		this.calls.reset(this.#now, true);
		this.#progress.interrupted(this.#now);
		this.#status.poweredOn(this.#now);
		this.sleep?.poweredOn(this.#now, wakes);
		if (wakes) this.#judgeSampling();
		else this.#askedFrom = probe.askedAt = this.#now;
	}

	/** The station is there, with what it found in its flash. */
	onStarted(): void {
		if (this.#flashFails) this.readings.numbersLost();
		const { counters } = this.board.station!;
		this.#losses.started(counters);
		this.sleep?.started(counters, this.#clock!);
	}

	onAsleep(duration: number): void {
		this.#note(`asleep for ${(duration / 1_000).toFixed(1)} s`);
		this.counts.sleeps++;
		const { counters } = this.board.station!;
		this.#counters = counters;
		this.sleep?.fellAsleep(this.#now, duration, counters, this.board.sockets);
		this.#losses.powerCut(counters, { orderly: this.#flashIsWell, flashRefuses: this.#flashRefuses });
		this.readings.powerCut(this.#now, undefined);
	}

	onPowerCut(inFlash: boolean, restart: boolean): void {
		this.#note(restart ? "restart" : inFlash ? "power cut while the flash works" : "power cut");
		this.counts[restart ? "restarts" : "powerCuts"]++;
		if (this.counts.restarts > this.#restartsWanted) this.violate("commands", "a restart is carried out again");
		const { station } = this.board;
		if (station) {
			this.#counters = station.counters;
			this.#losses.powerCut(station.counters, { flashRefuses: this.#flashRefuses });
		}
		// The reading that was being written; or whatever, but then its number is not seen.
		const ticks = this.#clock?.now() ?? 0;
		const pending = { ticks, truth: this.#options.probe.truth, offset: this.#offset };
		this.readings.powerCut(this.#now, inFlash ? pending : undefined);
		this.#options.health.disturbed("power");
		this.#options.health.ended("power", this.#now);
		this.#status.powerLost(this.#now);
		this.sleep?.powerLost();
	}

	onReading(seq: number, _sample: Sample, ticks: number): void {
		const { probe, trace } = this.#options;
		trace.note(this.#now, `reading ${seq}`);
		const sample = {
			ticks,
			at: this.#now,
			offset: this.#offset,
			truth: probe.truth,
			volatile: this.#flashFails,
			hindered: !this.#flashIsWell,
		};
		this.readings.accepted(seq, sample);
		const entry = this.readings.entries.get(seq)!;
		if (!sample.hindered) this.#progress.accepted(entry);
		this.sleep?.accepted(entry);
	}

	onClockSet(offset: number): void {
		this.#offset = offset;
		this.readings.clockSet(offset);
	}

	onLog(level: LogLevel, text: string): void {
		this.#note(`${level}: ${text}`);
		if (FLASH_FAILS.test(text)) this.#flashFailed();
		else if (text === FLASH_WORKS) this.#flashFails = false;
		else if (text.includes(OLDER_VERSION)) this.calls.triesAtOnce();
		else if (text.includes(SET_ASIDE)) this.#setAside();
		else if (text.includes(BIRTH_GIVEN_UP)) this.#status.birthGivenUp(this.#now);
		if (level === "error" && !EXPECTED_ERRORS.some((expected) => expected.test(text))) this.violate("error", text);
	}

	/** At QoS 2 the broker's session goes with a reading that is given up, which before MQTT 5.0 takes a connection of its own. */
	#setAside(): void {
		this.#poisonEnds = 0;
		this.readings.setAside(this.#now);
		this.#losses.setAside();
		this.calls.mayReturnAgain();
	}

	#flashFailed(): void {
		this.#flashFails = true;
		this.#losses.flashFailed();
		if (this.#flashIsWell) this.violate("error", "the flash does not refuse, but the station says so");
	}

	/** Some operations fail, or have failed not long ago. */
	get #flashRefuses(): boolean {
		const well = this.#options.health.wellSince("flash");
		return well > 0 && well >= this.#now - FLASH_AFTERMATH_MS;
	}

	get #flashIsWell(): boolean {
		const { plan } = this.#options;
		return !this.#flashRefuses && plan.worn === 0 && plan.blocks > 0;
	}

	/** Whether the station has said that its flash refuses, and not yet that it works again: it looks with each reading. */
	get flashFails(): boolean {
		return this.#flashFails;
	}

	/** Bits of the flash have changed by themselves. */
	flashDamaged(): void {
		this.#losses.flashDamaged();
	}

	onException(error: unknown): void {
		this.violate("exception", error instanceof Error ? (error.stack ?? error.message) : String(error));
	}

	onAttempt(): void {
		this.#note("attempt to connect");
		this.calls.attempt(this.#now);
	}

	onGivenUp(): void {
		this.calls.givenUp(this.#now);
	}

	onNetwork(ready: boolean): void {
		this.#note(ready ? "the network is there" : "the network is gone");
		if (ready) this.calls.networkReady(this.#now);
		else this.calls.networkLost();
	}

	onBytes(direction: "sent" | "received", bytes: Bytes): void {
		this.#options.trace.bytes(this.#now, direction, bytes);
	}

	// What the broker tells.

	onPublish(message: TakenMessage): void {
		this.#published(message, false);
	}

	onRefuse(message: TakenMessage, _reasonCode: number): void {
		this.#published(message, true);
	}

	#published({ topic, payload, qos, dup, isWill, time }: TakenMessage, refused: boolean): void {
		const base = this.#options.plan.settings.topic;
		if (topic === `${base}/state`) {
			const entry = this.readings.delivered({
				payload: textOf(payload),
				qos,
				dup,
				time,
				refused,
				hindered: !this.#flashIsWell,
				flashWellSince: this.#options.health.wellSince("flash"),
			});
			if (entry) this.#progress.delivered(entry, this.#now);
			this.#poisonEnds = 0;
		} else if (topic === `${base}/status`) {
			this.#note(`status ${textOf(payload)}${isWill ? " (will)" : ""}${refused ? " refused" : ""}`);
			if (refused) this.#status.refused();
			else if (isWill) this.sleep?.willPublished(this.#now);
			else this.sleep?.told(textOf(payload), this.#now);
		}
	}

	onConnect(_clientId: string, { version, sessionPresent }: { version: 3 | 4 | 5; sessionPresent: boolean }): void {
		this.#note(
			`the broker accepts a connection with version ${version}, session ${sessionPresent ? "present" : "new"}`,
		);
		this.#options.trace.version = version;
		this.counts.connections++;
		// A CONNECT may have been on its way since before the power was cut: then nobody can know whose it is.
		const certain = this.#now - this.#poweredAt > UNDERWAY_MS;
		this.readings.connected(version, sessionPresent, this.#now, certain ? this.#boot : undefined);
		// Before MQTT 5.0, what the broker has of an earlier session is ended by a connection of its own.
		this.calls.accepted(this.#now, version < 5 && this.#options.plan.settings.qos === 2);
		this.#status.connected(version);
		this.sleep?.connected(version);
	}

	onDisconnect(_clientId: string, reason: string): void {
		this.#note(`the broker's connection ends: ${reason}`);
		if (reason === POISON && ++this.#poisonEnds > POISON_ENDS_MAXIMUM) {
			this.violate("given up", `the broker ended ${this.#poisonEnds} connections on a message, and it still comes`);
		}
	}

	onViolation(_clientId: string, what: string, limit: boolean): void {
		this.#note(`the broker sees a violation: ${what}`);
		if (!limit) this.violate("protocol", what);
	}

	// What time tells.

	tick(): void {
		const { plan } = this.#options;
		const { board, broker } = this;
		const now = this.#now;
		this.calls.tick(now, board.powered && board.ready);
		this.#status.tick(now, board, broker);
		const station = board.station;
		if (station || board.asleep) this.#judgeSampling();
		if (!station) return;
		const { counters } = station;
		this.#losses.counted(counters);
		this.sleep?.tick(now);
		if (!this.sleep?.isEnding(now))
			this.#progress.tick(now, counters, broker.connectedSince(`veleta-${plan.settings.id}`), this.#poweredAt);
	}

	/** A reading is due each interval. A station that sleeps may be late by the time that it was awake. */
	#judgeSampling(): void {
		const { plan, probe } = this.#options;
		const { sleep, settings } = plan;
		const quiet = this.#now - Math.max(probe.askedAt, this.#askedFrom);
		const most = sleep ? sleep.cycle * (1 + DRIFT_MAXIMUM) + BOOT_MS : 2_000 * settings.interval;
		if (quiet > most + MEASUREMENT_MS) {
			this.violate("sampling", `the sensor has not been asked for ${Math.round(quiet / 1_000)} s`);
		}
	}

	/** Everything is calm and nothing waits: now the sums must be right. */
	atTheEnd(): void {
		const { plan, health } = this.#options;
		const { board } = this;
		if (board.sockets > 1) this.violate("levels", `${board.sockets} sockets are open`);
		if (board.timers > TIMERS_MAXIMUM) this.violate("levels", `${board.timers} timers are set`);
		if (plan.settings.qos === 0) return;
		this.#losses.atTheEnd(this.counters!, health.wellSince("flash") === 0);
	}
}

function textOf(bytes: Bytes): string {
	return String.fromCharCode(...bytes);
}

/**
 * A simulated board: the ports of a station for as long as it has power. A
 * power cut ends everything at once; the chip and the flash are there again
 * afterwards, everything else begins anew.
 */
import type { Flash, Host, NetworkPort } from "../../../../src/host.ts";
import type { Settings } from "../../../../src/settings.ts";
import { Station } from "../../../../src/station/station.ts";
import { type FlashChip, PowerCut } from "../../devices/flash-chip.ts";
import type { Network } from "../network/network.ts";
import type { TimeServer } from "../network/time-server.ts";
import type { Random } from "../random.ts";
import type { Event, Scheduler } from "../scheduler.ts";
import { BoardClock, type Crystal } from "./clock.ts";
import type { BoardObserver } from "./observer.ts";
import type { Probe } from "./probe.ts";
import { watchedNetwork } from "./watched-network.ts";

/** From a restart, or the end of a sleep, to the station's start, in ms. */
export const BOOT_MS = 350;
/** How long the power is gone that was cut in the middle of a write, in ms, on average. */
const OFF_MS = 60_000;
/** Longest time from power-on until a board with Wi-Fi has joined its network, in ms. */
export const JOIN_MS = 4_000;

export interface BoardOptions {
	readonly scheduler: Scheduler;
	readonly random: Random;
	readonly network: Network;
	readonly timeServer: TimeServer;
	readonly probe: Probe;
	/** `undefined`: the board has none. */
	readonly flash: FlashChip | undefined;
	readonly settings: Settings;
	readonly crystal: Crystal;
	/** How a board sleeps whose station asks for it. */
	readonly sleep?: Sleep | undefined;
	/** Whether the station sets its clock, or others do. */
	readonly asksForTime: boolean;
	/** Whether the network tells when it is there. */
	readonly hasWifi: boolean;
	/** Largest lateness of a timer, in ms. */
	readonly lateness: number;
	readonly observer: BoardObserver;
}

/** Deep sleep: all is lost but the wall clock, which another oscillator drives on. */
export interface Sleep {
	/** That oscillator's deviation in parts per million: positive runs fast. */
	readonly drift: number;
	/** The radio is turned off before the last packets have left. */
	readonly hasty: boolean;
}

/** From power-on to the power cut, or to sleep. */
interface Period {
	readonly boot: number;
	/** Whether the station asked for it. */
	readonly startedOnRequest: boolean;
	readonly clock: BoardClock;
	readonly timers: Set<Event>;
	network: NetworkPort & { ready?: boolean };
	alive: boolean;
	sockets: number;
	station: Station | undefined;
}

export class Board {
	private readonly _options: BoardOptions;
	private _period: Period | undefined;
	private _powerOn: Event | undefined;
	/** Since when it sleeps, in the world's ms, and what the wall clock showed then. */
	private _asleep: { readonly since: number; readonly time: number | undefined } | undefined;
	private _boots = 0;

	constructor(options: BoardOptions) {
		this._options = options;
	}

	get powered(): boolean {
		return this._period !== undefined;
	}

	get asleep(): boolean {
		return this._asleep !== undefined;
	}

	/** The station, while it has power and could be started. */
	get station(): Station | undefined {
		return this._period?.station;
	}

	get clock(): BoardClock | undefined {
		return this._period?.clock;
	}

	/** Timers that the station has set. */
	get timers(): number {
		return this._period?.timers.size ?? 0;
	}

	/** Sockets that the station has open. */
	get sockets(): number {
		return this._period?.sockets ?? 0;
	}

	/** Whether the board's network is there. */
	get ready(): boolean {
		return this._period !== undefined && (this._period.network.ready ?? true);
	}

	/** `kept`: what the wall clock shows; `startedOnRequest`: the station restarted itself, or slept. */
	powerOn(kept?: number, startedOnRequest = this.asleep): void {
		this._options.scheduler.cancel(this._powerOn);
		if (this._period) return;
		const wakes = this.asleep;
		this._asleep = undefined;
		const { scheduler, crystal, hasWifi, observer, random, flash } = this._options;
		flash?.powerOn();
		const clock = new BoardClock({ ...crystal, world: scheduler, onSet: (offset) => observer.onClockSet(offset) });
		const period: Period = {
			boot: ++this._boots,
			startedOnRequest,
			clock,
			timers: new Set(),
			alive: true,
			network: undefined as unknown as NetworkPort,
			sockets: 0,
			station: undefined,
		};
		this._period = period;
		observer.onPowerOn(period.boot, clock, wakes);
		if (kept !== undefined) clock.setTime(kept);
		const host = this._host(period);
		period.network = host.network;
		if (hasWifi) {
			this._after(period, 200 + random.next() * JOIN_MS, () => this.networkChanged());
		}
		this._guard(period, () => {
			const station = new Station(host, this._options.settings, {
				onReading: (seq, sample, now) => {
					if (period.alive) observer.onReading(seq, sample, now);
				},
			});
			if (!period.alive) return;
			period.station = station;
			observer.onStarted();
			station.start();
		});
	}

	/**
	 * The power is gone for `duration` ms. `keepsTime`: a battery keeps the wall
	 * clock going; `restart`: the station did it to itself.
	 */
	powerCut(duration: number, { keepsTime = false, inFlash = false, restart = false } = {}): void {
		const period = this._period;
		if (!period && !this._asleep) return;
		const { scheduler, network, observer } = this._options;
		const time = period ? period.clock.time() : this._timeAsleep;
		observer.onPowerCut(inFlash, restart);
		if (period) {
			this._end(period);
			network.powerLost();
		}
		this._asleep = undefined;
		scheduler.cancel(this._powerOn);
		const kept = keepsTime && time !== undefined ? time + duration : undefined;
		this._powerOn = scheduler.after(duration, () => this.powerOn(kept, restart));
	}

	private _end(period: Period): void {
		period.alive = false;
		for (const timer of period.timers) this._options.scheduler.cancel(timer);
		this._period = undefined;
	}

	/** The station falls asleep for `duration` ms. */
	private _sleep(period: Period, duration: number): void {
		const { scheduler, network, observer, sleep = { drift: 0, hasty: false } } = this._options;
		const time = period.clock.time();
		observer.onAsleep?.(duration);
		this._end(period);
		network.stationAsleep(sleep.hasty);
		this._asleep = { since: scheduler.now, time };
		// That oscillator counts what has passed, too: the wall clock takes its word for it.
		const kept = time === undefined ? undefined : time + duration + BOOT_MS;
		this._powerOn = scheduler.after((duration + BOOT_MS) / (1 + sleep.drift / 1_000_000), () => this.powerOn(kept));
	}

	private get _timeAsleep(): number | undefined {
		if (this._asleep?.time === undefined) return undefined;
		return this._asleep.time + this._options.scheduler.now - this._asleep.since;
	}

	/** The network of a board with Wi-Fi has come or gone. */
	networkChanged(): void {
		const period = this._period;
		if (!period || !this._options.hasWifi) return;
		const ready = this._options.network.conditions.linkUp;
		if (period.network.ready === ready) return;
		period.network.ready = ready;
		this._options.observer.onNetwork(ready);
		if (ready) this._guard(period, () => period.network.onReady?.());
	}

	private _host(period: Period): Host {
		const { probe, flash, observer, random, asksForTime, hasWifi, settings } = this._options;
		const { clock } = period;
		const dice = random.fork(`boot ${period.boot}`);
		return {
			clock: asksForTime
				? { now: () => clock.now(), time: () => clock.time(), setTime: (time) => this._setTime(period, time) }
				: { now: () => clock.now(), time: () => clock.time() },
			timer: {
				// In whole ms, as real ones.
				set: (callback, delay) => this._after(period, clock.worldDelay(Math.ceil(delay)) + this._lateness(), callback),
				clear: (timer) => {
					period.timers.delete(timer as Event);
					this._options.scheduler.cancel(timer as Event);
				},
			},
			random: () => dice.next(),
			...probe.port(() => period.alive),
			network: {
				...watchedNetwork(this._options.network, {
					observer,
					power: period,
					broker: settings.broker.host,
					isWebSocket: settings.broker.path !== undefined,
					guard: (run) => this._guard(period, run),
				}),
				...(asksForTime && { udp: this._udp(period) }),
				...(hasWifi && { ready: false }),
			},
			...(flash && { flash: this._flash(period, flash) }),
			log: (level, text) => {
				if (period.alive) observer.onLog(level, text);
			},
			startedOnRequest: period.startedOnRequest,
			restart: () => {
				if (period.alive) this.powerCut(BOOT_MS, { keepsTime: true, restart: true });
			},
			sleep: (duration) => {
				if (period.alive) this._sleep(period, duration);
			},
		};
	}

	/** The station has set its clock. */
	private _setTime(period: Period, time: number): void {
		if (!period.alive) return;
		this._options.observer.onTimeTold(time);
		period.clock.setTime(time);
	}

	private _udp(period: Period): NonNullable<NetworkPort["udp"]> {
		return this._options.timeServer.port(
			() => period.alive,
			(run) => this._guard(period, run),
		);
	}

	private _lateness(): number {
		const { lateness, random } = this._options;
		return lateness === 0 ? 0 : random.next() * lateness;
	}

	private _after(period: Period, delay: number, callback: () => void): Event | undefined {
		if (!period.alive) return undefined;
		const timer = this._options.scheduler.after(delay, () => {
			period.timers.delete(timer);
			this._guard(period, callback);
		});
		period.timers.add(timer);
		return timer;
	}

	/** Runs what is the station's. What it throws at a power cut is of no interest any more. */
	private _guard(period: Period, run: () => void): void {
		if (!period.alive) return;
		try {
			run();
		} catch (error) {
			if (period.alive) this._options.observer.onException(error);
		}
	}

	/** A cut in the middle leaves the flash as it is, and the station dead while it is still on the stack. */
	private _flash(period: Period, chip: FlashChip): Flash {
		const { random } = this._options;
		const operation = <Result>(run: () => Result): Result => {
			if (!period.alive) throw new Error("no power");
			try {
				return run();
			} catch (error) {
				if (error instanceof PowerCut) this.powerCut(200 + random.exponential(OFF_MS), { inFlash: true });
				throw error;
			}
		};
		return {
			status: () => chip.status(),
			read: (byteLength, byteOffset) => operation(() => chip.read(byteLength, byteOffset)),
			write: (bytes, byteOffset) => operation(() => chip.write(bytes, byteOffset)),
			eraseBlock: (block) => operation(() => chip.eraseBlock(block)),
		};
	}
}

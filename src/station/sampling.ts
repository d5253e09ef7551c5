/** When the sensor is asked, what its faults are, and the watchdog, which is fed by that. */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import type { Link } from "../net/link.js";
import { createSensor } from "../sensors/create-sensor.js";
import type { SensorModel } from "../sensors/models.js";
import { Sampler, type SamplerEvents } from "../sensors/sampler.js";
import type { Sample } from "../sensors/sensor.js";
import type { Settings } from "../settings.js";
import { messageOf } from "../text.js";
import { Changes } from "./changes.js";
import type { Outgoing } from "./outgoing.js";
import type { Reports } from "./reports.js";

/** How late, in ms, the next step of the sampler or of the link may be before the watchdog bites. */
const WATCHDOG_MARGIN_MS = 60_000;

/** What becomes of samples. */
export interface SamplingEvents {
	/** A sample was taken that is to be published, and kept as the reading `seq` if there was room. */
	onSample(seq: number | undefined, sample: Sample, now: number): void;
	/** A measurement gave no reading; `reason` is for a person. */
	onFault(reason: string): void;
}

export class Sampling implements SamplerEvents {
	private readonly _sampler: Sampler;
	private readonly _host: Host;
	private readonly _sensor: SensorModel;
	private readonly _reports: Reports;
	private readonly _link: Link<Outgoing>;
	private readonly _events: SamplingEvents;
	private readonly _alarm: Alarm;
	private _faults = 0;
	private readonly _changes: Changes;
	/** Whether a sample was told in this step. */
	private _hasSampled = false;
	/** Whether somebody has asked for the next sample. */
	private _isRequested = false;
	/** The last reason for a missing reading that was logged; `undefined` since there is a reading again. */
	private _faultTold: string | undefined;

	/** A `link` that is late with its next step keeps the watchdog hungry. Throws an Error where the host lacks the bus of the sensor. */
	constructor(host: Host, settings: Settings, reports: Reports, link: Link<Outgoing>, events: SamplingEvents) {
		const { interval, samples } = settings;
		this._host = host;
		this._sensor = settings.sensor;
		this._reports = reports;
		this._link = link;
		this._events = events;
		this._alarm = new Alarm(host.timer);
		this._changes = new Changes(settings.change);
		const sensor = createSensor(settings, host);
		this._sampler = new Sampler({ sensor, interval: interval * 1_000, samples }, this);
	}

	/** Measurements that gave no reading. */
	get faults(): number {
		return this._faults;
	}

	start(): void {
		this._step();
	}

	close(): void {
		this._sampler.close();
		this._alarm.clear();
	}

	/** Time in s from one sample to the next. */
	get interval(): number {
		return this._sampler.interval / 1_000;
	}

	/** See `Sampler.setInterval`. */
	setInterval(interval: number): void {
		this._sampler.setInterval(interval * 1_000, this._host.clock.now());
		this._setAlarm();
	}

	/** See `Sampler.sampleNow`. */
	sampleNow(): void {
		this._isRequested = true;
		this._sampler.sampleNow(this._host.clock.now());
		this._setAlarm();
	}

	/** Whether a failed measurement is tried again before the next slot. */
	get retrying(): boolean {
		return this._sampler.retrying;
	}

	/** Whether there will be no more samples. */
	get closed(): boolean {
		return this._sampler.deadline === Number.POSITIVE_INFINITY;
	}

	private _setAlarm(): void {
		const { deadline } = this._sampler;
		if (deadline === Number.POSITIVE_INFINITY) this._alarm.clear();
		else this._alarm.set(() => this._step(), deadline - this._host.clock.now());
	}

	private _step(): void {
		const now = this._host.clock.now();
		this._sampler.tick(now);
		this._setAlarm();
		// Not where the sample is told: what follows goes as far as a command's reply, and a board's stack is small. Also
		// without room: a reading that takes it may have waited long enough to be tried again.
		if (this._hasSampled) this._link.wake();
		this._hasSampled = false;
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

	onSample(sample: Sample, now: number): void {
		this._faultTold = undefined;
		if (!this._isRequested && !this._changes.isDue(sample, now, this._sampler.interval)) return;
		this._isRequested = false;
		let seq: number | undefined;
		try {
			seq = this._reports.push(sample, now);
		} catch (error) {
			return this.onFault(messageOf(error));
		}
		if (seq !== undefined) this._changes.kept(sample, now);
		this._hasSampled = true;
		this._events.onSample(seq, sample, now);
	}

	onFault(reason: string): void {
		this._faults++;
		// Without a sensor the reason is the same for days.
		if (reason !== this._faultTold) this._host.log("warning", `no reading from the ${this._sensor}: ${reason}`);
		this._faultTold = reason;
		this._events.onFault(reason);
	}

	onUnavailable(): void {
		this._host.log("error", `the ${this._sensor} does not work; readings resume when it does`);
	}

	onRecovered(): void {
		this._host.log("info", `the ${this._sensor} works again`);
	}
}

/**
 * Decides when a sensor measures. It sets no timer and reads no clock: its owner
 * calls `tick` with the time, not later than `deadline` if readings are to be on
 * time, and gets the results by its events.
 */
import { Median } from "./median.js";
import { type Measurement, type Sample, type Sensor, SensorError } from "./sensor.js";

export interface SamplerOptions {
	readonly sensor: Sensor;
	/** Time in ms from one sample to the next. */
	readonly interval: number;
	/** Measurements of which a sample is the median: a whole number, by default 1. */
	readonly samples?: number;
}

/** What a sampler tells. */
export interface SamplerEvents {
	onSample(sample: Sample, now: number): void;
	/** A measurement failed, the `consecutive`th in a row; `reason` is for a person. It may be one of several for a sample. */
	onFault(reason: string, now: number, consecutive: number): void;
	/** The eighth measurement in a row failed: the sensor counts as gone. Told once. */
	onUnavailable?(now: number): void;
	/** The sensor that was gone has given a sample: told once, before the sample. */
	onRecovered?(now: number): void;
}

/** Quick attempts after a failed one; then the next slot has its turn. */
const RETRIES = 3;
/** Failures in a row that make a sensor unavailable. From then on it is asked once a slot, without quick attempts. */
const MISSES_UNTIL_UNAVAILABLE = 8;
/** Longest measurement, in ms: a longer one is abandoned and counts as failed. */
const LONGEST_MEASUREMENT_MS = 30_000;
/**
 * A start that is late by at most this part of the sensor's minimum interval counts
 * as punctual. Otherwise, with slots as close as the sensor allows, one late ms on
 * a busy host would cost the next slot; and sensors are not that exact.
 */
const LATENESS = 0.05;
/** More than the rounding error of a sum of times, and less than matters to a sensor. */
const ROUNDING_MS = 0.5;
/** A driver that never waits cannot keep its owner from everything else. */
const SHORTEST_STEP_MS = 1;

export class Sampler {
	private readonly _sensor: Sensor;
	private readonly _samples: number;
	private readonly _events: SamplerEvents;
	private _interval: number;
	/** The time of a slot; the others follow at multiples of the interval, so that delays do not add up. */
	private _origin: number | undefined;
	/** When the next measurement is due. */
	private _due = 0;
	/** Before this the sensor must not be asked. */
	private _earliest = 0;
	private _measurement: Measurement | undefined;
	private _startedAt = 0;
	private _stepDue = 0;
	/** Of the measurements for the next sample, if there are to be several. */
	private readonly _median: Median | undefined;
	/** Quick attempts for it. */
	private _retries = 0;
	private _misses = 0;
	private _closed = false;

	constructor({ sensor, interval, samples = 1 }: SamplerOptions, events: SamplerEvents) {
		if (!(interval > 0)) throw new RangeError("the interval must be positive");
		this._sensor = sensor;
		this._samples = samples;
		this._events = events;
		this._interval = interval;
		if (samples > 1) this._median = new Median();
	}

	/** Time in ms from one sample to the next. */
	get interval(): number {
		return this._interval;
	}

	/**
	 * From now on a sample each `interval` ms, counted from the last one; an unchanged
	 * interval changes nothing. The next sample does not get later: frequent calls do
	 * not keep the sensor from measuring.
	 */
	setInterval(interval: number, now: number): void {
		if (!(interval > 0)) throw new RangeError("the interval must be positive");
		if (interval === this._interval) return;
		this._interval = interval;
		if (this._origin === undefined) return;
		this._origin = this._startedAt;
		this._due = Math.min(this._due, this._nextSlot(now));
		if (this._measurement === undefined) this._origin = this._due;
	}

	/** When `tick` is to be called next, in ms; Infinity once closed. The first sample is due at once. */
	get deadline(): number {
		if (this._closed) return Number.POSITIVE_INFINITY;
		return this._measurement === undefined ? Math.max(this._due, this._earliest) : this._stepDue;
	}

	/** Whether the last measurements failed so often that the sensor counts as gone. */
	get unavailable(): boolean {
		return this._misses >= MISSES_UNTIL_UNAVAILABLE;
	}

	/** Whether a failed measurement is tried again before the next slot. */
	get retrying(): boolean {
		return this._retries > 0;
	}

	/**
	 * Takes the next step if it is due. An exception of the driver, of whatever kind,
	 * is a failed measurement.
	 */
	tick(now: number): void {
		if (now < this.deadline || this._closed) return;
		let step: IteratorResult<number, Sample> | undefined;
		let sample: Sample | undefined;
		try {
			if (this._measurement === undefined) {
				this._begin(now);
				this._measurement = this._sensor.measure(this._hasSome);
			}
			step = this._measurement.next();
		} catch (error) {
			sample = this._missed(describe(error), now);
		}
		if (step) sample = step.done ? this._succeeded(step.value, now) : this._wait(step.value, now);
		if (!sample) return;
		this._retries = 0;
		this._events.onSample(sample, now);
	}

	private _begin(now: number): void {
		const { deadline } = this;
		const punctual = this._origin !== undefined && now - deadline <= this._sensor.minimumInterval * LATENESS;
		this._startedAt = punctual ? deadline : now;
		this._origin ??= now;
	}

	private _wait(delay: number, now: number): Sample | undefined {
		this._stepDue = now + Math.max(SHORTEST_STEP_MS, delay);
		// Compared so that NaN as a delay fails, too.
		if (this._stepDue <= this._startedAt + LONGEST_MEASUREMENT_MS) return undefined;
		this._abandon();
		return this._missed(`the measurement would take longer than ${LONGEST_MEASUREMENT_MS / 1_000} s`, now);
	}

	/**
	 * Asks for a sample soon, beside the slots: as soon as the sensor may be asked
	 * again. A measurement under way is the answer.
	 */
	sampleNow(now: number): void {
		this._due = Math.min(this._due, now);
	}

	/** Abandons a measurement under way and closes the sensor. Calling it twice does no harm. */
	close(): void {
		if (this._closed) return;
		this._closed = true;
		this._abandon();
		this._sensor.close();
	}

	private _abandon(): void {
		try {
			this._measurement?.return(undefined as never);
		} catch {
			// The measurement is abandoned anyway.
		}
		this._measurement = undefined;
	}

	/** Returns the sample, if it is one. */
	private _succeeded(sample: Sample, now: number): Sample | undefined {
		this._finish(now);
		const recovered = this.unavailable;
		this._misses = 0;
		this._due = this._nextSlot(now);
		if (recovered) this._events.onRecovered?.(now);
		const { _median: median } = this;
		if (!median) return sample;
		median.add(sample);
		if (median.count >= this._samples || !this._hasTime) return median.take();
		this._due = this._earliest;
		return undefined;
	}

	/** Returns the sample that the measurements which did not fail are, if no further one is to come. */
	private _missed(reason: string, now: number): Sample | undefined {
		this._finish(now);
		this._misses++;
		this._due = this._nextSlot(now);
		const again = this._retries < RETRIES && !this.unavailable && this._hasTime;
		if (again) {
			this._retries++;
			this._due = this._earliest;
		} else if (!this._hasSome) {
			this._retries = 0;
		}
		this._events.onFault(reason, now, this._misses);
		if (this._misses === MISSES_UNTIL_UNAVAILABLE) this._events.onUnavailable?.(now);
		return !again && this._hasSome ? this._median!.take() : undefined;
	}

	/** Whether there are measurements for the next sample. */
	private get _hasSome(): boolean {
		return this._median !== undefined && this._median.count > 0;
	}

	/** Whether the sensor may be asked again before the next slot. */
	private get _hasTime(): boolean {
		return this._earliest < this._due - ROUNDING_MS;
	}

	private _finish(now: number): void {
		this._measurement = undefined;
		const { minimumInterval } = this._sensor;
		// A measurement longer than the minimum interval has asked the sensor more than once, last near its end.
		const since = now - this._startedAt > minimumInterval ? now : this._startedAt;
		this._earliest = since + minimumInterval;
	}

	/** The first slot after `now` at which the sensor may be asked; earlier slots are left out. */
	private _nextSlot(now: number): number {
		const interval = this._interval;
		const origin = this._origin ?? now;
		const passed = Math.floor((now - origin) / interval);
		const allowed = Math.ceil((this._earliest - ROUNDING_MS - origin) / interval);
		return origin + Math.max(passed + 1, allowed) * interval;
	}
}

function describe(error: unknown): string {
	if (error instanceof SensorError) return error.message;
	return `the driver failed: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
}

/**
 * Decides when a sensor measures. It sets no timer and reads no clock: its owner
 * calls `tick` with the time, not later than `deadline` if readings are to be on
 * time, and is told what came of it.
 */
import { type Measurement, type Sample, type Sensor, SensorError } from "./sensor.js";

export interface SamplerOptions {
	readonly sensor: Sensor;
	/** Time in ms from one sample to the next. */
	readonly interval: number;
	readonly onSample: (sample: Sample, now: number) => void;
	/** A measurement failed, the `consecutive`th in a row; `reason` is for a person. */
	readonly onFault: (reason: string, now: number, consecutive: number) => void;
	/** So many failed in a row that the sensor counts as gone: told once. */
	readonly onUnavailable?: (now: number) => void;
	/** The sensor that was gone has given a sample: told once, before the sample. */
	readonly onRecovered?: (now: number) => void;
}

/** Quick attempts after a failed one; then the next slot has its turn. */
const RETRIES = 3;
/** Failures in a row that make a sensor unavailable. From then on it is asked once a slot, without quick attempts. */
const MISSES_UNTIL_UNAVAILABLE = 8;
/** A measurement that wants to take longer, in ms, is abandoned and counts as failed. */
const LONGEST_MEASUREMENT_MS = 30_000;
/**
 * A start that a busy host made late by at most this part of the sensor's interval
 * counts as punctual. Otherwise, with slots as close as the sensor allows, one
 * late ms would cost the next slot; and sensors are not that exact.
 */
const LATENESS = 0.05;
/** More than rounding can make of a sum of times, and less than any sensor would notice. */
const ROUNDING_MS = 0.5;
/** So that a driver that never waits cannot keep its owner from everything else. */
const SHORTEST_STEP_MS = 1;

export class Sampler {
	readonly #options: SamplerOptions;
	#interval: number;
	/** The time of a slot; the others follow at multiples of the interval, so that delays do not add up. */
	#origin: number | undefined;
	/** When the next measurement is wanted. */
	#due = 0;
	/** Before this the sensor must not be asked. */
	#earliest = 0;
	#measurement: Measurement | undefined;
	#startedAt = 0;
	#stepDue = 0;
	#retries = 0;
	#misses = 0;
	#closed = false;

	constructor(options: SamplerOptions) {
		if (!(options.interval > 0)) throw new RangeError("the interval must be positive");
		this.#options = options;
		this.#interval = options.interval;
	}

	/** Time in ms from one sample to the next. */
	get interval(): number {
		return this.#interval;
	}

	/**
	 * From now on a sample each `interval` ms, counted from the last one; the interval
	 * that there is changes nothing. The next sample does not get later: whoever sets
	 * intervals all the time does not keep the sensor from measuring.
	 */
	setInterval(interval: number, now: number): void {
		if (!(interval > 0)) throw new RangeError("the interval must be positive");
		if (interval === this.#interval) return;
		this.#interval = interval;
		if (this.#origin === undefined) return;
		this.#origin = this.#startedAt;
		this.#due = Math.min(this.#due, this.#nextSlot(now));
		if (this.#measurement === undefined) this.#origin = this.#due;
	}

	/** When `tick` has something to do, in ms; Infinity once closed. The first sample is wanted at once. */
	get deadline(): number {
		if (this.#closed) return Number.POSITIVE_INFINITY;
		return this.#measurement === undefined ? Math.max(this.#due, this.#earliest) : this.#stepDue;
	}

	/** Whether the last measurements failed so often that the sensor counts as gone. */
	get unavailable(): boolean {
		return this.#misses >= MISSES_UNTIL_UNAVAILABLE;
	}

	/** Whether a failed measurement is tried again before the next slot. */
	get retrying(): boolean {
		return this.#retries > 0;
	}

	/**
	 * Takes the next step if it is due. An exception of the driver, of whatever kind,
	 * is a failed measurement.
	 */
	tick(now: number): void {
		if (now < this.deadline || this.#closed) return;
		let step: IteratorResult<number, Sample>;
		try {
			if (this.#measurement === undefined) {
				this.#begin(now);
				this.#measurement = this.#options.sensor.measure();
			}
			step = this.#measurement.next();
		} catch (error) {
			this.#missed(describe(error), now);
			return;
		}
		if (step.done) this.#succeeded(step.value, now);
		else this.#wait(step.value, now);
	}

	#begin(now: number): void {
		const { deadline } = this;
		const punctual = this.#origin !== undefined && now - deadline <= this.#options.sensor.minimumInterval * LATENESS;
		this.#startedAt = punctual ? deadline : now;
		this.#origin ??= now;
	}

	#wait(delay: number, now: number): void {
		this.#stepDue = now + Math.max(SHORTEST_STEP_MS, delay);
		// Compared so that a delay that is not a number fails, too.
		if (this.#stepDue <= this.#startedAt + LONGEST_MEASUREMENT_MS) return;
		this.#abandon();
		this.#missed(`the measurement would take longer than ${LONGEST_MEASUREMENT_MS / 1_000} s`, now);
	}

	/**
	 * Asks for a sample soon, beside the slots: as soon as the sensor may be asked
	 * again. A measurement under way is the answer.
	 */
	sampleNow(now: number): void {
		this.#due = Math.min(this.#due, now);
	}

	/** Abandons a measurement under way and closes the sensor. Calling it twice does no harm. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#abandon();
		this.#options.sensor.close();
	}

	#abandon(): void {
		try {
			this.#measurement?.return(undefined as never);
		} catch {
			// It was not going to have a say any more.
		}
		this.#measurement = undefined;
	}

	#succeeded(sample: Sample, now: number): void {
		this.#finish(now);
		const recovered = this.unavailable;
		this.#misses = 0;
		this.#retries = 0;
		this.#due = this.#nextSlot(now);
		if (recovered) this.#options.onRecovered?.(now);
		this.#options.onSample(sample, now);
	}

	#missed(reason: string, now: number): void {
		this.#finish(now);
		this.#misses++;
		this.#due = this.#nextSlot(now);
		if (this.#retries < RETRIES && !this.unavailable && this.#earliest < this.#due) {
			this.#retries++;
			this.#due = this.#earliest;
		} else {
			this.#retries = 0;
		}
		this.#options.onFault(reason, now, this.#misses);
		if (this.#misses === MISSES_UNTIL_UNAVAILABLE) this.#options.onUnavailable?.(now);
	}

	#finish(now: number): void {
		this.#measurement = undefined;
		const { minimumInterval } = this.#options.sensor;
		// A longer measurement has asked the sensor more than once, the last time near its end.
		const since = now - this.#startedAt > minimumInterval ? now : this.#startedAt;
		this.#earliest = since + minimumInterval;
	}

	/** The first slot after `now` at which the sensor may be asked; those before it are left out. */
	#nextSlot(now: number): number {
		const interval = this.#interval;
		const origin = this.#origin ?? now;
		const passed = Math.floor((now - origin) / interval);
		const allowed = Math.ceil((this.#earliest - ROUNDING_MS - origin) / interval);
		return origin + Math.max(passed + 1, allowed) * interval;
	}
}

function describe(error: unknown): string {
	if (error instanceof SensorError) return error.message;
	return `the driver failed: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
}

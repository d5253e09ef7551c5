/** Runs measurements to their end on a clock that only they move. */
import type { Measurement, Sample, Sensor } from "../../../src/sensors/sensor.ts";
import { SensorError } from "../../../src/sensors/sensor.ts";
import { fail } from "../../harness/harness.ts";

/** More steps than any measurement needs. */
const STEPS_MAXIMUM = 100;

export class FakeClock {
	time = 0;

	now(): number {
		return this.time;
	}
}

export interface Outcome {
	readonly sample: Sample;
	/** The waits in ms that the driver asked for. */
	readonly waits: readonly number[];
}

/** Waits as the measurement asks. What it throws goes through. */
export function finish(measurement: Measurement, clock: FakeClock): Outcome {
	const waits: number[] = [];
	while (waits.length <= STEPS_MAXIMUM) {
		const step = measurement.next();
		if (step.done) return { sample: step.value, waits };
		waits.push(step.value);
		clock.time += step.value;
	}
	return fail(`the measurement did not end within ${STEPS_MAXIMUM} steps`);
}

/** One sample, `sensor.minimumInterval` after whatever was before. */
export function measure(sensor: Sensor, clock: FakeClock): Sample {
	clock.time += sensor.minimumInterval;
	return finish(sensor.measure(), clock).sample;
}

/** One measurement that must fail with a `SensorError`; returns its reason. */
export function refusal(sensor: Sensor, clock: FakeClock): string {
	try {
		return fail(`expected no sample, got ${JSON.stringify(measure(sensor, clock))}`);
	} catch (error) {
		if (error instanceof SensorError) return error.message;
		throw error;
	}
}

import { createSensor as createSimulated } from "../../../hosts/sim/devices/simulated-sensor.ts";
import { unsteady, weatherAt } from "../../../hosts/sim/devices/weather.ts";
import type { Clock, Host } from "../../../src/host.ts";
import { createSensor } from "../../../src/sensors/create-sensor.ts";
import { SENSORS, type SensorModel } from "../../../src/sensors/models.ts";
import type { Sample, Sensor } from "../../../src/sensors/sensor.ts";
import { near, ok, test, throws } from "../../harness/harness.ts";

const TIME = 1_772_323_200_000;
const time = { now: 10_000 };
const clock: Clock = { now: () => time.now, time: () => TIME + time.now };

/** Runs a measurement as a sampler does. */
function sampleOf(sensor: Sensor): Sample {
	const measurement = sensor.measure();
	for (;;) {
		const { done, value } = measurement.next();
		if (done) return value;
		time.now += value;
	}
}

const MODELS = Object.keys(SENSORS) as SensorModel[];
/** s between samples: so long that none is of an earlier time. */
const INTERVAL = 60;

function bench(model: SensorModel) {
	const weather = { temperature: 30, humidity: 0.4, pressure: 99_000 };
	const simulated = createSimulated({ sensor: model, clock, seed: 1, weather: () => weather });
	time.now += 2_000;
	const sensor = createSensor({ sensor: model, interval: INTERVAL }, {
		...simulated.ports,
		log: () => {},
	} as unknown as Host);
	return { weather, simulated, sensor };
}

test("a sensor on a bench measures what is set, from the next sample on", () => {
	for (const model of MODELS) {
		const { weather, sensor } = bench(model);
		near(sampleOf(sensor).thermometer.temperature, 30, 0.1, model);
		weather.temperature = 10;
		time.now += 3_000;
		near(sampleOf(sensor).thermometer.temperature, 10, 0.1, model);
	}
});

test("an unplugged sensor gives no reading, and one that is plugged in again works like a new one", () => {
	for (const model of MODELS) {
		const { simulated, sensor } = bench(model);
		sampleOf(sensor);
		simulated.silence(true);
		simulated.silence(true);
		time.now += 3_000;
		throws(() => sampleOf(sensor), /.+/);
		simulated.silence(false);
		let sample: Sample | undefined;
		// Settling is the sampler's business; here it may take some attempts.
		for (let attempt = 0; attempt < 5 && !sample; attempt++) {
			time.now += 3_000;
			try {
				sample = sampleOf(sensor);
			} catch {
				// Not yet.
			}
		}
		ok(sample, `the ${model} stays silent`);
		near(sample.thermometer.temperature, 30, 0.1, model);
	}
});

test("weather that is set never rests, and stays within what air can hold", () => {
	const calm = { temperature: 20, humidity: 1, pressure: 101_325 };
	const seen = new Set<number>();
	for (let at = 0; at < 1_000; at++) {
		const { temperature, humidity, pressure } = unsteady(calm, TIME + at);
		near(temperature, 20, 0.01);
		near(pressure, 101_325, 1);
		ok(humidity <= 1 && humidity > 0.999, `${humidity}`);
		seen.add(temperature);
	}
	ok(seen.size > 900, `${seen.size} different values`);
	ok(weatherAt(TIME, 1).temperature !== unsteady(weatherAt(TIME, 1), TIME).temperature);
});

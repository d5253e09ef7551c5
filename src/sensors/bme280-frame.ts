/** From the data registers of a BME280 or BMP280 to values that can be believed: pure. */
import { type Calibration, type Conditions, compensate, type RawCounts } from "./compensation.js";
import { SensorError } from "./sensor.js";

/** A channel's registers when it was skipped, or since the reset. */
const SKIPPED_20 = 0x80000;
const SKIPPED_16 = 0x8000;
/** Datasheet table 1, operating range; the lower limit of pressure is Bosch's, as in its driver. */
const TEMPERATURE_RANGE = Object.freeze([-40, 85] as const);
const PRESSURE_RANGE = Object.freeze([30_000, 110_000] as const);
/**
 * Percent. In condensing or very dry air a working chip is beyond 0..100 by its accuracy, 3, with hysteresis, 1, and some
 * years of drift; a broken one, or a disturbed bus, by far more: 0xFFFF stands for some 250.
 */
const HUMIDITY_RANGE = Object.freeze([-10, 110] as const);

/**
 * The channel in a burst of the data registers (see `decodeFrame`) that the chip has
 * skipped, or that happens to have its sentinel as its true value: the next measurement
 * tells.
 *
 * The sentinels are looked for here, channel by channel, rather than by the formulas:
 * decoded, they look like a mild day at 700 hPa, which no range check finds. In a
 * measurement of all channels a sentinel means that the chip was reset in between.
 */
export function skippedChannel(frame: Uint8Array): "temperature" | "pressure" | "humidity" | undefined {
	const { temperature, pressure, humidity } = countsOf(frame);
	if (temperature === SKIPPED_20) return "temperature";
	if (pressure === SKIPPED_20) return "pressure";
	return humidity === SKIPPED_16 ? "humidity" : undefined;
}

/**
 * The values in a burst of the data registers: 8 bytes, or 6 without humidity.
 * Throws a `SensorError` for those that cannot be believed.
 */
export function decodeFrame(calibration: Calibration, frame: Uint8Array): Conditions {
	for (const [byte, digit] of [
		[0x00, "0x00"],
		[0xff, "0xff"],
	] as const) {
		if (frame.every((other) => other === byte)) throw new SensorError(`the chip sent nothing but ${digit}`);
	}
	const skipped = skippedChannel(frame);
	if (skipped !== undefined) throw new SensorError(`the chip skipped the ${skipped}`);
	return inRange(compensate(calibration, countsOf(frame)));
}

/** The counts in a burst of the data registers. Six bytes have no humidity. */
export function countsOf(frame: Uint8Array): RawCounts {
	const at = (index: number) => frame[index] ?? 0;
	const counts20 = (index: number) => (at(index) << 12) | (at(index + 1) << 4) | (at(index + 2) >> 4);
	const counts = { temperature: counts20(3), pressure: counts20(0) };
	return frame.length > 6 ? { ...counts, humidity: (at(6) << 8) | at(7) } : counts;
}

/** Judges the values before any limit is put on them. Compares so that NaN fails, too. */
function inRange(conditions: Conditions): Conditions {
	const { temperature, pressure, humidity } = conditions;
	within("temperature", temperature, 1, "°C", TEMPERATURE_RANGE);
	within("pressure", pressure, 0, "Pa", PRESSURE_RANGE);
	if (humidity === undefined) return conditions;
	within("humidity", humidity * 100, 1, "%", HUMIDITY_RANGE);
	return { temperature, pressure, humidity: Math.min(1, Math.max(0, humidity)) };
}

function within(name: string, value: number, digits: number, unit: string, [low, high]: readonly [number, number]) {
	if (value >= low && value <= high) return;
	throw new SensorError(`a ${name} of ${value.toFixed(digits)} ${unit} is not within ${low}..${high} ${unit}`);
}

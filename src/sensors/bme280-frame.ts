/** From the data registers of a BME280 or BMP280 to values that can be believed: pure. */
import { type Calibration, type Conditions, compensate, type RawCounts } from "./compensation.js";
import { hex } from "./registers.js";
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
	return skippedIn(countsOf(frame));
}

function skippedIn({ temperature, pressure, humidity }: RawCounts): ReturnType<typeof skippedChannel> {
	if (temperature === SKIPPED_20) return "temperature";
	if (pressure === SKIPPED_20) return "pressure";
	return humidity === SKIPPED_16 ? "humidity" : undefined;
}

/**
 * The values in a burst of the data registers: 8 bytes, or 6 without humidity.
 * Throws a `SensorError` for those that cannot be believed.
 */
export function decodeFrame(calibration: Calibration, frame: Uint8Array): Conditions {
	const first = frame[0]!;
	if ((first === 0x00 || first === 0xff) && frame.every((byte) => byte === first)) {
		throw new SensorError(`the chip sent nothing but ${hex(first)}`);
	}
	const counts = countsOf(frame);
	const skipped = skippedIn(counts);
	if (skipped !== undefined) throw new SensorError(`the chip skipped the ${skipped}`);
	return inRange(compensate(calibration, counts));
}

/** The counts in a burst of the data registers. Six bytes have no humidity. */
export function countsOf(frame: Uint8Array): RawCounts {
	const pressure = (frame[0]! << 12) | (frame[1]! << 4) | (frame[2]! >> 4);
	const temperature = (frame[3]! << 12) | (frame[4]! << 4) | (frame[5]! >> 4);
	return frame.length > 6
		? { temperature, pressure, humidity: (frame[6]! << 8) | frame[7]! }
		: { temperature, pressure };
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

function within(name: string, value: number, digits: number, unit: string, range: readonly [number, number]) {
	if (value >= range[0] && value <= range[1]) return;
	throw new SensorError(`a ${name} of ${value.toFixed(digits)} ${unit} is not within ${range.join("..")} ${unit}`);
}

/**
 * A reading as it goes on the wire. The one place where ECMA-419's units
 * become those of people and home automation: °C, % and hPa.
 */
import type { Reading } from "../reading.js";
import { isoTime } from "../text.js";

/** Decimals on the wire, as powers of ten: the resolution of the best sensor. */
const TEMPERATURE_STEPS = 100;
const HUMIDITY_STEPS = 10;
const PRESSURE_STEPS = 100;

/**
 * The report's JSON text, for instance
 * `{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}`.
 * A reading whose time is not known has no `time`.
 */
export function reportPayload({ seq, time, sample }: Reading): string {
	const { thermometer, hygrometer, barometer } = sample;
	return JSON.stringify({
		temperature: round(thermometer.temperature, TEMPERATURE_STEPS),
		humidity: hygrometer && round(hygrometer.humidity * 100, HUMIDITY_STEPS),
		pressure: barometer && round(barometer.pressure / 100, PRESSURE_STEPS),
		time: isoTime(time),
		seq,
	});
}

function round(value: number, steps: number): number {
	// Adding 0 makes -0 a 0.
	return Math.round(value * steps) / steps + 0;
}

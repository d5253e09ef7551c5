/**
 * A reading as it goes on the wire. The one place where ECMA-419's units
 * become those that people and home automation expect: °C, % and hPa.
 */
import type { Clock } from "../host.js";
import type { Reading } from "../reading.js";

/** Decimals on the wire, as powers of ten: what the best of the sensors resolves. */
const TEMPERATURE_STEPS = 100;
const HUMIDITY_STEPS = 10;
const PRESSURE_STEPS = 100;

/**
 * The report's JSON text, for instance
 * `{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}`.
 * A reading from before the clock was set gets its time now, if the clock is
 * set by now; else its report has no `time`.
 */
export function reportPayload(reading: Reading, clock: Clock): string {
	const { thermometer, hygrometer, barometer } = reading.sample;
	const time = reading.time ?? timeOf(reading.ticks, clock);
	return JSON.stringify({
		temperature: round(thermometer.temperature, TEMPERATURE_STEPS),
		humidity: hygrometer && round(hygrometer.humidity * 100, HUMIDITY_STEPS),
		pressure: barometer && round(barometer.pressure / 100, PRESSURE_STEPS),
		time: time === undefined ? undefined : new Date(time).toISOString(),
		seq: reading.seq,
	});
}

function timeOf(ticks: number, clock: Clock): number | undefined {
	const time = clock.time();
	return time === undefined ? undefined : time - (clock.now() - ticks);
}

function round(value: number, steps: number): number {
	// Adding 0 makes -0 a 0.
	return Math.round(value * steps) / steps + 0;
}

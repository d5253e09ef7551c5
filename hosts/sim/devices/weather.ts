/** A believable day after another, computed from the time alone. */
import { noise } from "./random.js";

/** The air around a sensor: degrees Celsius, relative humidity from 0 to 1, pascals. */
export interface Weather {
	readonly temperature: number;
	readonly humidity: number;
	readonly pressure: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365.25 * DAY_MS;

/** The weather at a time in ms since 1970; another `seed` is another place. */
export function weatherAt(time: number, seed = 0): Weather {
	// Warmest at the end of July and at three in the afternoon, coldest twelve hours before.
	const season = 8 * wave(time - 210 * DAY_MS, YEAR_MS);
	const day = 5 * wave(time - 15 * HOUR_MS, DAY_MS);
	const airMass = drift(time, 2 * DAY_MS, seed + 1, 3);
	const temperature =
		14 + season + day + airMass + drift(time, 7 * MINUTE_MS, seed + 2, 0.15) + jitter(time, seed + 3, 0.02);
	// The air keeps its water over the day, so that it is humid in the morning and dry in the afternoon.
	const dewPoint = 6 + 0.7 * season + airMass + drift(time, 9 * HOUR_MS, seed + 4, 2.5);
	const humidity =
		Math.min(0.99, vapourPressure(dewPoint) / vapourPressure(temperature)) + jitter(time, seed + 5, 0.001);
	// Highs and lows pass in days; the atmosphere's tide has its crests at ten in the morning and in the evening.
	const pressure =
		101_500 +
		drift(time, 4 * DAY_MS, seed + 6, 1_500) +
		drift(time, 11 * HOUR_MS, seed + 7, 250) +
		80 * wave(time - 10 * HOUR_MS, DAY_MS / 2) +
		jitter(time, seed + 8, 2);
	return { temperature, humidity, pressure };
}

/** The weather with a sensor's noise, at a time in ms since 1970: a sensor that gives the same bits for ever is broken. */
export function unsteady({ temperature, humidity, pressure }: Weather, time: number): Weather {
	return {
		temperature: temperature + jitter(time, 1, 0.01),
		humidity: Math.min(1, Math.max(0, humidity + jitter(time, 2, 0.0004))),
		pressure: pressure + jitter(time, 3, 1),
	};
}

/** From −1 to 1, with its crest at 0. */
function wave(time: number, period: number): number {
	return Math.cos((2 * Math.PI * time) / period);
}

/** Smooth noise within ±`amplitude` that finds a new direction each `period`. */
function drift(time: number, period: number, seed: number, amplitude: number): number {
	const position = time / period;
	const before = Math.floor(position);
	const between = position - before;
	const from = noise(seed, before);
	const to = noise(seed, before + 1);
	const blend = between * between * (3 - 2 * between);
	return amplitude * (2 * (from + (to - from) * blend) - 1);
}

/** Noise within ±`amplitude`, different in each millisecond. */
function jitter(time: number, seed: number, amplitude: number): number {
	return amplitude * (2 * noise(seed, Math.floor(time)) - 1);
}

/** Magnus formula with Sonntag's coefficients, to a constant factor. */
function vapourPressure(temperature: number): number {
	return Math.exp((17.62 * temperature) / (243.12 + temperature));
}

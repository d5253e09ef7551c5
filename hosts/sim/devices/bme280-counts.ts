/** From physical values to a BME280's counts: the compensation run backwards. */
import { type Calibration, compensate } from "../../../src/sensors/compensation.js";
import type { Weather } from "./weather.js";

/** Counts of 20, 20 and 16 bits. */
export interface Counts {
	readonly temperature: number;
	readonly pressure: number;
	readonly humidity: number;
}

const LARGEST_20 = 0xfffff;
const LARGEST_16 = 0xffff;

/** The counts that the compensation turns into these values, or the nearest that exist. */
export function countsFor(calibration: Calibration, weather: Weather): Counts {
	const temperature = search(LARGEST_20, (counts) => at({ temperature: counts }).temperature >= weather.temperature);
	const pressure = search(LARGEST_20, (counts) => at({ temperature, pressure: counts }).pressure <= weather.pressure);
	const humidity = search(
		LARGEST_16,
		(counts) => (at({ temperature, humidity: counts }).humidity ?? 1) >= weather.humidity,
	);
	return { temperature, pressure, humidity };

	function at(counts: Partial<Counts>) {
		return compensate(calibration, { temperature: 0, pressure: 0, ...counts });
	}
}

/** The first of 0..`last` for which `reached` holds, or `last`. `reached` must hold for all later ones, too. */
function search(last: number, reached: (counts: number) => boolean): number {
	let low = 0;
	let high = last;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (reached(middle)) high = middle;
		else low = middle + 1;
	}
	return low;
}

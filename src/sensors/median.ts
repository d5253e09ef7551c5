/** The median of some measurements, of each quantity for itself: one that is far off does not move it. */
import type { Sample } from "./sensor.js";

export class Median {
	// Numbers, and not the samples: these would be objects in a board's RAM.
	private _temperatures: number[] = [];
	private _humidities: number[] = [];
	private _pressures: number[] = [];

	/** Measurements since the last median. */
	get count(): number {
		return this._temperatures.length;
	}

	add({ thermometer, hygrometer, barometer }: Sample): void {
		this._temperatures.push(thermometer.temperature);
		if (hygrometer) this._humidities.push(hygrometer.humidity);
		if (barometer) this._pressures.push(barometer.pressure);
	}

	/** The median, in the units of a sample; of an even number the mean of the two in the middle. There is a measurement. */
	take(): Sample {
		const temperature = medianOf(this._temperatures)!;
		const humidity = medianOf(this._humidities);
		const pressure = medianOf(this._pressures);
		this._temperatures = [];
		this._humidities = [];
		this._pressures = [];
		return {
			thermometer: { temperature },
			...(humidity !== undefined && { hygrometer: { humidity } }),
			...(pressure !== undefined && { barometer: { pressure } }),
		};
	}
}

function medianOf(values: number[]): number | undefined {
	values.sort((a, b) => a - b);
	const middle = values.length >> 1;
	const upper = values[middle];
	return upper === undefined || values.length % 2 === 1 ? upper : (values[middle - 1]! + upper) / 2;
}

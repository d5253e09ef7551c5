/**
 * Notices a humidity that stands still while the temperature moves: air that gets
 * warmer gets drier, so the humidity's part of the sensor may be broken. It may also be
 * true, in fog or in a dry box, so this is no fault.
 */

/** Readings in a row with one humidity, from which on it is told. */
const READINGS = 100;

export class StillHumidity {
	private _humidity: number | undefined;
	private _readings = 0;
	private _coldest = 0;
	private _hottest = 0;

	/**
	 * Takes each reading; returns the words for a person, once for a humidity that
	 * stands still. `humidity` is as the sensor has it: a BME280's counts, since the
	 * temperature moves what is computed of them; a BMP280 has none. The temperature has
	 * moved when it has by `step` in °C, which is more than the sensor's last digit.
	 */
	next(humidity: number | undefined, temperature: number, step: number): string | undefined {
		if (humidity === undefined) return undefined;
		if (humidity !== this._humidity) {
			this._humidity = humidity;
			this._readings = 0;
			this._coldest = this._hottest = temperature;
		}
		this._readings++;
		this._coldest = Math.min(this._coldest, temperature);
		this._hottest = Math.max(this._hottest, temperature);
		const moved = this._hottest - this._coldest;
		if (this._readings < READINGS || moved < step) return undefined;
		const readings = this._readings;
		// Once: no count gets from there to a hundred.
		this._readings = Number.NEGATIVE_INFINITY;
		return `the humidity has stood still for ${readings} readings, in which the temperature moved by ${moved.toFixed(1)} °C: the sensor may be broken`;
	}
}

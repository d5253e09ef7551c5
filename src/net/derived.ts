/** What can be computed of temperature and relative humidity. */

/** The names of a report. */
export const DERIVED = Object.freeze(["dewPoint", "absoluteHumidity", "heatIndex"] as const);
export type DerivedName = (typeof DERIVED)[number];

/**
 * A derived quantity, of a temperature in °C and a relative humidity in %; `undefined`
 * where its formula does not hold.
 *
 * - `dewPoint`, in °C, and `absoluteHumidity`, in g/m³, have Magnus's vapour pressure over
 *   water, 6.112 hPa · exp(17.62 t / (243.12 + t)) [WMO-No. 8, annex 4.B; D. Sonntag,
 *   1990], also below 0 °C: relative humidity is told over water there, too. 216.7 g K/J
 *   is the molar mass of water by the gas constant. Air without vapour has no dew point.
 * - `heatIndex`, in °C, is how hot it feels in the shade [NOAA, "The Heat Index
 *   Equation"]: L. P. Rothfusz's regression [NWS SR 90-23, 1990] on R. G. Steadman's
 *   table of 1979, which goes from 20 to 50 °C; beyond there is no index.
 *
 * One function: each takes a hundred bytes of a board's flash beside its code.
 */
export function derivedOf(name: DerivedName, temperature: number, humidity: number): number | undefined {
	if (name !== "heatIndex") {
		const exponent = (17.62 * temperature) / (243.12 + temperature);
		if (name === "absoluteHumidity")
			return (((216.7 * humidity) / 100) * 6.112 * Math.exp(exponent)) / (temperature + 273.15);
		const saturated = exponent + Math.log(humidity / 100);
		return humidity > 0 ? (243.12 * saturated) / (17.62 - saturated) : undefined;
	}
	if (!(temperature >= 20 && temperature <= 50)) return undefined;
	const t = 1.8 * temperature + 32;
	// NOAA's simple formula, averaged with the temperature: it counts as long as it gives less than 80 °F.
	let index = 1.05 * t - 5.15 + 0.0235 * humidity;
	if (index >= 80) {
		// The regression, by powers of the humidity.
		index =
			t * (2.04901523 - 0.00683783 * t) -
			42.379 +
			humidity *
				(t * (0.00122874 * t - 0.22475541) + 10.14333127 + humidity * (t * (0.00085282 - 0.00000199 * t) - 0.05481717));
		if (t >= 80 && t <= 112 && humidity < 13) index -= ((13 - humidity) / 4) * Math.sqrt((17 - Math.abs(t - 95)) / 17);
		if (t >= 80 && t <= 87 && humidity > 85) index += ((humidity - 85) * (87 - t)) / 50;
	}
	return (index - 32) / 1.8;
}

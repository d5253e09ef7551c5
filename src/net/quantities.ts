/**
 * The quantities of a report: what was measured, with its offsets, and what is derived
 * of it. The one place where ECMA-419's units become those of people and home
 * automation: °C, % and hPa. It works on a reading when it is sent: the outbox has what
 * was measured, so that other settings hold for the readings that wait, too.
 */
import type { SensorModel } from "../sensors/models.js";
import type { Sample } from "../sensors/sensor.js";
import type { Settings } from "../settings.js";
import { type DerivedName, derivedOf } from "./derived.js";

export type QuantityName = "temperature" | "humidity" | "pressure" | "seaLevelPressure" | DerivedName;
/** In the order of a report; what a reading does not give is `undefined`, and JSON leaves it out. */
export type Quantities = { [name in QuantityName]?: number | undefined };

export interface Quantity {
	readonly name: QuantityName;
	readonly unit: "°C" | "%" | "hPa" | "g/m³";
	/** At the most: a number in JSON has no zeros at its end. */
	readonly decimals: number;
}

/** The settings that matter here. */
export type Corrections = Pick<Settings, "offsets" | "altitude" | "derived">;

/** Decimals on the wire, as powers of ten: the resolution of the best sensor. What is derived has as many as the temperature. */
const STEPS = 100;
const HUMIDITY_STEPS = 10;

/**
 * The pressure at sea level is that of the standard atmosphere's gradient, 6.5 K/km,
 * from the temperature at the station: p (1 + 0.0065 h / T)^5.257. The exponent is
 * g M / (R · 0.0065 K/m).
 */
export function quantitiesOf(sample: Sample, { offsets, altitude, derived }: Corrections): Quantities {
	const measured = measuredOf(sample);
	const temperature = measured.temperature + (offsets.temperature ?? 0);
	let { humidity, pressure } = measured;
	if (humidity !== undefined) humidity = Math.min(100, Math.max(0, humidity + (offsets.humidity ?? 0)));
	if (pressure !== undefined) pressure += offsets.pressure ?? 0;
	const quantities: Quantities = {
		temperature: round(temperature),
		humidity: round(humidity, HUMIDITY_STEPS),
		pressure: round(pressure),
	};
	if (pressure !== undefined && altitude !== undefined)
		quantities.seaLevelPressure = round(pressure * (1 + (0.0065 * altitude) / (temperature + 273.15)) ** 5.257);
	if (humidity !== undefined && derived) {
		for (const name of derived) quantities[name] = round(derivedOf(name, temperature, humidity));
	}
	return quantities;
}

/** What was measured, in °C, % and hPa, not rounded. */
export interface Measured {
	readonly temperature: number;
	readonly humidity: number | undefined;
	readonly pressure: number | undefined;
}

export function measuredOf({ thermometer, hygrometer, barometer }: Sample): Measured {
	return {
		temperature: thermometer.temperature,
		humidity: hygrometer && hygrometer.humidity * 100,
		pressure: barometer && barometer.pressure / 100,
	};
}

/** Adding 0 makes -0 a 0. */
function round(value: number | undefined, steps = STEPS): number | undefined {
	return value === undefined ? undefined : Math.round(value * steps) / steps + 0;
}

/**
 * The quantities of a station's reports. A report lacks one of them where a formula does
 * not hold, or where a sensor lost a part of its measurement.
 */
export function quantitiesWith(
	sensor: SensorModel,
	{ altitude, derived }: Pick<Corrections, "altitude" | "derived">,
): Quantity[] {
	// Here and not outside, where it would be in a board's RAM.
	const measured: Readonly<Record<SensorModel, readonly QuantityName[]>> = {
		bme280: ["temperature", "humidity", "pressure"],
		bmp280: ["temperature", "pressure"],
		dht22: ["temperature", "humidity"],
		dht11: ["temperature", "humidity"],
	};
	const units: Readonly<Record<QuantityName, Quantity["unit"]>> = {
		temperature: "°C",
		humidity: "%",
		pressure: "hPa",
		seaLevelPressure: "hPa",
		dewPoint: "°C",
		absoluteHumidity: "g/m³",
		heatIndex: "°C",
	};
	// A set has each name once, at its first place, like the members of an object.
	const names = new Set(measured[sensor]);
	if (names.has("pressure") && altitude !== undefined) names.add("seaLevelPressure");
	if (names.has("humidity") && derived) for (const name of derived) names.add(name);
	return Array.from(names, (name) => ({
		name,
		unit: units[name],
		decimals: Math.log10(name === "humidity" ? HUMIDITY_STEPS : STEPS),
	}));
}

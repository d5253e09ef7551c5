import { DERIVED, derivedOf } from "../../../src/net/derived.ts";
import { equal, near, ok, test } from "../../harness/harness.ts";

/** Published values, or such as were computed elsewhere: °C, %, and the result to its last digit. */
const DEW_POINTS = [
	[20, 50, 9.255],
	[25, 60, 16.693],
	[35, 80, 31.028],
	[-10, 80, -12.797],
] as const;
const ABSOLUTE_HUMIDITIES = [
	[20, 50, 8.62],
	[25, 60, 13.78],
	[30, 70, 21.18],
] as const;
/** °F, %, °F: by NOAA's own rules, the simple formula, the regression and each of its adjustments. */
const HEAT_INDICES = [
	[75, 50, 74.775],
	[80, 40, 79.79],
	[90, 50, 94.6],
	[90, 70, 105.92],
	[100, 50, 118.32],
	[110, 40, 135.66],
	[86, 90, 105.39],
	[95, 10, 89.45],
] as const;

const celsius = (fahrenheit: number) => (fahrenheit - 32) / 1.8;
const fahrenheit = (temperature: number) => temperature * 1.8 + 32;

for (const [temperature, humidity, dewPoint] of DEW_POINTS) {
	test(`the dew point of ${temperature} °C and ${humidity} % is ${dewPoint} °C`, () => {
		near(derivedOf("dewPoint", temperature, humidity)!, dewPoint, 0.000_5);
	});
}

for (const [temperature, humidity, absolute] of ABSOLUTE_HUMIDITIES) {
	test(`air of ${temperature} °C and ${humidity} % has ${absolute} g/m³ of water`, () => {
		near(derivedOf("absoluteHumidity", temperature, humidity)!, absolute, 0.005);
	});
}

for (const [temperature, humidity, index] of HEAT_INDICES) {
	test(`the heat index of ${temperature} °F and ${humidity} % is ${index} °F`, () => {
		near(fahrenheit(derivedOf("heatIndex", celsius(temperature), humidity)!), index, 0.005);
	});
}

/** What a sensor can measure, with offsets. */
function everyAir(visit: (temperature: number, humidity: number) => void): void {
	for (let temperature = -60; temperature <= 105; temperature += 2.5)
		for (let humidity = 0; humidity <= 100; humidity += humidity < 1 ? 0.01 : 1) visit(temperature, humidity);
}

test("air is never colder than its dew point, and as cold when it is saturated", () => {
	let saturated = 0;
	everyAir((temperature, humidity) => {
		const dewPoint = derivedOf("dewPoint", temperature, humidity);
		if (humidity === 0) return equal(dewPoint, undefined);
		if (humidity < 100) return ok(dewPoint! < temperature, `${dewPoint} at ${temperature} °C, ${humidity} %`);
		near(dewPoint!, temperature, 1e-9);
		saturated++;
	});
	// The loop's steps have no sum of exactly 100.
	for (let temperature = -60; temperature <= 105; temperature++) {
		near(derivedOf("dewPoint", temperature, 100)!, temperature, 1e-9);
		saturated++;
	}
	ok(saturated > 100);
});

test("air at its dew point is saturated with the vapour that it has", () => {
	everyAir((temperature, humidity) => {
		const dewPoint = derivedOf("dewPoint", temperature, humidity);
		if (dewPoint === undefined) return;
		// The same vapour pressure: the densities differ as the absolute temperatures do.
		const here = derivedOf("absoluteHumidity", temperature, humidity)! * (temperature + 273.15);
		const there = derivedOf("absoluteHumidity", dewPoint, 100)! * (dewPoint + 273.15);
		near(there / here, 1, 1e-9);
	});
});

test("more humidity is more water, a higher dew point, and no water is none", () => {
	for (let temperature = -40; temperature <= 85; temperature += 5) {
		equal(derivedOf("absoluteHumidity", temperature, 0), 0);
		for (let humidity = 1; humidity < 100; humidity++) {
			for (const name of ["dewPoint", "absoluteHumidity"] as const) {
				ok(derivedOf(name, temperature, humidity + 1)! > derivedOf(name, temperature, humidity)!, name);
			}
		}
	}
});

/** NOAA's page in its own terms: °F and %. */
function heatIndexOf(T: number, RH: number): number {
	const simple = 0.5 * (T + 61.0 + (T - 68.0) * 1.2 + RH * 0.094);
	if ((simple + T) / 2 < 80) return (simple + T) / 2;
	let HI = -42.379 + 2.04901523 * T + 10.14333127 * RH - 0.22475541 * T * RH - 0.00683783 * T * T;
	HI += -0.05481717 * RH * RH + 0.00122874 * T * T * RH + 0.00085282 * T * RH * RH - 0.00000199 * T * T * RH * RH;
	if (RH < 13 && T >= 80 && T <= 112) HI -= ((13 - RH) / 4) * Math.sqrt((17 - Math.abs(T - 95)) / 17);
	if (RH > 85 && T >= 80 && T <= 87) HI += ((RH - 85) / 10) * ((87 - T) / 5);
	return HI;
}

test("the heat index is NOAA's from 20 to 50 °C, and beyond there is none", () => {
	// Between the limits of the rules, where the last bit of a sum decides nothing.
	for (let temperature = 20.1; temperature < 50; temperature += 0.2) {
		for (let humidity = 0.5; humidity < 100; humidity++) {
			const index = derivedOf("heatIndex", temperature, humidity)!;
			near(fahrenheit(index), heatIndexOf(fahrenheit(temperature), humidity), 1e-6, `${temperature} °C, ${humidity} %`);
		}
	}
	for (const humidity of [0, 50, 100]) {
		for (const temperature of [20, 50]) ok(Number.isFinite(derivedOf("heatIndex", temperature, humidity)));
		for (const temperature of [-40, 19.99, 50.01, 85]) equal(derivedOf("heatIndex", temperature, humidity), undefined);
	}
});

test("whatever is derived is a number, or left out", () => {
	everyAir((temperature, humidity) => {
		for (const name of DERIVED) {
			const value = derivedOf(name, temperature, humidity);
			ok(value === undefined || Number.isFinite(value), `${name} is ${value} at ${temperature} °C, ${humidity} %`);
		}
	});
});

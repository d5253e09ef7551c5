import { DERIVED } from "../../../src/net/derived.ts";
import { type QuantityName, quantitiesOf, quantitiesWith } from "../../../src/net/quantities.ts";
import { SENSORS, type SensorModel } from "../../../src/sensors/models.ts";
import type { Sample } from "../../../src/sensors/sensor.ts";
import { parseSettings } from "../../../src/settings.ts";
import { deepEqual, equal, near, ok, test } from "../../harness/harness.ts";

/** °C, %, hPa, as a sensor tells them. */
function sampleOf(temperature: number, humidity?: number, pressure?: number): Sample {
	return {
		thermometer: { temperature },
		...(humidity !== undefined && { hygrometer: { humidity: humidity / 100 } }),
		...(pressure !== undefined && { barometer: { pressure: pressure * 100 } }),
	};
}

/** The quantities that there are, as a report has them. */
const reported = (sample: Sample, settings: object): Record<string, number> =>
	JSON.parse(JSON.stringify(quantitiesOf(sample, parseSettings(settings))));

test("without settings the quantities are those that were measured, and nothing else is computed", () => {
	deepEqual(reported(sampleOf(21.534, 45.19, 1013.2504), {}), {
		temperature: 21.53,
		humidity: 45.2,
		pressure: 1013.25,
	});
	deepEqual(reported(sampleOf(-0.001), {}), { temperature: 0 });
	deepEqual(reported(sampleOf(20, 50, 1000), { derived: false }), reported(sampleOf(20, 50, 1000), {}));
	deepEqual(reported(sampleOf(20, 50, 1000), { derived: [] }), reported(sampleOf(20, 50, 1000), {}));
});

test("offsets are added in the units of a report", () => {
	const offsets = { temperature: -1.25, humidity: 3.5, pressure: -0.75 };
	deepEqual(reported(sampleOf(21.53, 45.2, 1013.25), { offsets }), {
		temperature: 20.28,
		humidity: 48.7,
		pressure: 1012.5,
	});
	deepEqual(reported(sampleOf(21.53, 45.2, 1013.25), { offsets: { humidity: 3.5 } }), {
		temperature: 21.53,
		humidity: 48.7,
		pressure: 1013.25,
	});
	deepEqual(reported(sampleOf(1), { offsets: { temperature: -1 } }), { temperature: 0 });
});

test("the example of docs/settings.md is what it says", () => {
	const settings = {
		offsets: { temperature: -0.8, humidity: 2 },
		altitude: 667,
		derived: ["dewPoint", "heatIndex"],
	};
	equal(
		JSON.stringify(quantitiesOf(sampleOf(22.33, 43.2, 929.9), parseSettings(settings))),
		'{"temperature":21.53,"humidity":45.2,"pressure":929.9,"seaLevelPressure":1004.11,"dewPoint":9.15,"heatIndex":21.22}',
	);
	near(reported(sampleOf(0, 80, 929.9), { altitude: 667 }).seaLevelPressure! - 5.6, 1004.5, 0.06);
	near(reported(sampleOf(20, 80, 929.9), { altitude: 667 }).seaLevelPressure!, 1004.5, 0.05);
});

test("a humidity with its offset stays between 0 and 100 %", () => {
	for (const [humidity, offset, expected] of [
		[97, 5, 100],
		[97, 3, 100],
		[97, 2.9, 99.9],
		[3, -5, 0],
		[3, -2.9, 0.1],
		[0, -50, 0],
		[100, 50, 100],
	] as const)
		equal(reported(sampleOf(20, humidity), { offsets: { humidity: offset } }).humidity, expected);
});

test("an offset of what the sensor does not measure changes nothing", () => {
	deepEqual(reported(sampleOf(20), { offsets: { humidity: 5, pressure: 5 }, altitude: 100, derived: DERIVED }), {
		temperature: 20,
	});
});

test("a station of AEMET at 667 m has its pressure at sea level to 0.3 hPa", () => {
	const { pressure, seaLevelPressure } = reported(sampleOf(0.1, 80, 929.9), { altitude: 667 });
	equal(pressure, 929.9);
	// 1009.9 in AEMET's report.
	equal(seaLevelPressure, 1010.13);
});

test("at sea level the pressure is that at sea level; above it is lower, below higher", () => {
	const at = (altitude: number) => reported(sampleOf(15, 50, 1000), { altitude }).seaLevelPressure!;
	equal(at(0), 1000);
	let before = 0;
	for (let altitude = -500; altitude <= 9_000; altitude += 100) {
		ok(at(altitude) > before, `${altitude} m`);
		before = at(altitude);
	}
	ok(at(-500) < 1000 && at(100) > 1000);
	// The standard atmosphere, 1013.25 hPa at sea level, has 8.5 °C at 1000 m.
	equal(reported(sampleOf(8.5, 50, 898.75), { altitude: 1_000 }).seaLevelPressure, 1013.28);
});

test("what is derived is derived of the values with their offsets, before they are rounded", () => {
	const settings = { altitude: 667, derived: ["dewPoint", "absoluteHumidity"] };
	const plain = reported(sampleOf(20, 50, 929.9), settings);
	deepEqual(plain, {
		temperature: 20,
		humidity: 50,
		pressure: 929.9,
		seaLevelPressure: 1004.51,
		dewPoint: 9.26,
		absoluteHumidity: 8.62,
	});
	const offsets = { temperature: 1, humidity: -4, pressure: 10 };
	deepEqual(reported(sampleOf(19, 54, 919.9), { ...settings, offsets }), plain);
	// 0.04 % are not in the report, and make a difference.
	equal(reported(sampleOf(20, 5.04), settings).humidity, reported(sampleOf(20, 4.96), settings).humidity);
	ok(reported(sampleOf(20, 5.04), settings).dewPoint! > reported(sampleOf(20, 4.96), settings).dewPoint!);
});

test("a saturated air's dew point is its temperature, and never above it, in the report, too", () => {
	for (let hundredths = -4_000; hundredths <= 8_500; hundredths += 7) {
		const temperature = hundredths / 100;
		for (const offset of [0, 0.1, -3.7]) {
			const settings = { offsets: { temperature: offset }, derived: ["dewPoint"] };
			const saturated = reported(sampleOf(temperature, 100), settings);
			equal(saturated.dewPoint, saturated.temperature);
			const almost = reported(sampleOf(temperature, 99.99), settings);
			ok(almost.dewPoint! <= almost.temperature!, `${temperature}`);
		}
	}
});

test("quantities that are derived come in the order of the settings, each once", () => {
	const names = (derived: readonly string[]) =>
		Object.keys(reported(sampleOf(25, 50, 1000), { altitude: 5, derived })).slice(3);
	deepEqual(names(["heatIndex", "dewPoint"]), ["seaLevelPressure", "heatIndex", "dewPoint"]);
	deepEqual(names(["dewPoint", "heatIndex", "dewPoint"]), ["seaLevelPressure", "dewPoint", "heatIndex"]);
	deepEqual(names(["absoluteHumidity"]), ["seaLevelPressure", "absoluteHumidity"]);
});

test("without vapour there is no dew point, and in the cold no heat index: null is nowhere", () => {
	const derived = [...DERIVED];
	deepEqual(reported(sampleOf(25, 0), { derived }), {
		temperature: 25,
		humidity: 0,
		absoluteHumidity: 0,
		heatIndex: 24.28,
	});
	deepEqual(Object.keys(reported(sampleOf(19.99, 50), { derived })), [
		"temperature",
		"humidity",
		"dewPoint",
		"absoluteHumidity",
	]);
});

/** A sample of each sensor in which nothing is missing, on a summer's day. */
const SAMPLES: Readonly<Record<SensorModel, Sample>> = {
	bme280: sampleOf(31.237, 43.456, 987.6543),
	bmp280: sampleOf(31.237, undefined, 987.6543),
	dht22: sampleOf(31.2, 43.4),
	dht11: sampleOf(31, 43),
};

for (const sensor of Object.keys(SENSORS) as SensorModel[]) {
	test(`the quantities that a ${sensor} will have are those that it has, whatever the settings`, () => {
		for (const height of [{}, { altitude: 0 }, { altitude: 300 }]) {
			for (const derived of [false, [], ["heatIndex", "dewPoint", "heatIndex"], DERIVED] as const) {
				const settings = { ...height, derived };
				const list = quantitiesWith(sensor, settings);
				const values = reported(SAMPLES[sensor], settings);
				deepEqual(
					list.map(({ name }) => name),
					Object.keys(values),
				);
				for (const { name, decimals } of list) equal(values[name], Number(values[name]!.toFixed(decimals)), name);
			}
		}
	});
}

test("each quantity has its unit and its decimals", () => {
	const all = quantitiesWith("bme280", { altitude: 0, derived: DERIVED });
	const expected: readonly (readonly [QuantityName, string, number])[] = [
		["temperature", "°C", 2],
		["humidity", "%", 1],
		["pressure", "hPa", 2],
		["seaLevelPressure", "hPa", 2],
		["dewPoint", "°C", 2],
		["absoluteHumidity", "g/m³", 2],
		["heatIndex", "°C", 2],
	];
	deepEqual(
		all.map(({ name, unit, decimals }) => [name, unit, decimals]),
		expected,
	);
});

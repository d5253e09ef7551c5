import { createRandom, noise } from "../../../hosts/sim/devices/random.ts";
import { type Weather, weatherAt } from "../../../hosts/sim/devices/weather.ts";
import { deepEqual, near, ok, test } from "../../harness/harness.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** 2026-03-01T00:00Z. */
const START = 1_772_323_200_000;

/** Every `step` ms for `duration` ms. */
function series(duration: number, step: number, seed = 1): Weather[] {
	return Array.from({ length: Math.floor(duration / step) }, (_, index) => weatherAt(START + index * step, seed));
}
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("the weather depends on the time and the seed alone", () => {
	deepEqual(weatherAt(START, 1), weatherAt(START, 1));
	ok(weatherAt(START, 1).temperature !== weatherAt(START, 2).temperature);
	ok(weatherAt(START, 1).temperature !== weatherAt(START + 1, 1).temperature);
});

test("two years of weather at ten places are within every sensor's range", () => {
	for (let seed = 0; seed < 10; seed++) {
		for (const { temperature, humidity, pressure } of series(730 * DAY, 7 * HOUR, seed)) {
			ok(temperature > -10 && temperature < 45, `${temperature} °C`);
			ok(humidity > 0.1 && humidity <= 1, `${humidity}`);
			ok(pressure > 98_000 && pressure < 105_000, `${pressure} Pa`);
		}
	}
});

test("afternoons are warmer and drier than mornings, summers warmer than winters", () => {
	const year = series(365 * DAY, HOUR);
	const at = (hour: number) => year.filter((_, index) => index % 24 === hour);
	const warmth = (hours: Weather[]) => mean(hours.map(({ temperature }) => temperature));
	const water = (hours: Weather[]) => mean(hours.map(({ humidity }) => humidity));
	ok(warmth(at(15)) > warmth(at(3)) + 8);
	ok(water(at(15)) < water(at(3)) - 0.1);
	const july = year.slice(122 * 24, 153 * 24);
	const january = year.slice(306 * 24, 337 * 24);
	ok(warmth(july) > warmth(january) + 10);
});

test("nothing jumps: within ten seconds no value moves by more than a sensor's accuracy", () => {
	const day = series(DAY, 10_000);
	for (const [index, now] of day.entries()) {
		const before = day[index - 1];
		if (before === undefined) continue;
		near(now.temperature, before.temperature, 0.1);
		near(now.humidity, before.humidity, 0.01);
		near(now.pressure, before.pressure, 10);
	}
});

test("the noise is uniform and has no memory", () => {
	const random = createRandom(42);
	const values = Array.from({ length: 20_000 }, random);
	ok(values.every((value) => value >= 0 && value < 1));
	near(mean(values), 0.5, 0.01);
	near(mean(values.map((value) => (value - 0.5) ** 2)), 1 / 12, 0.002);
	near(mean(values.slice(1).map((value, index) => (value - 0.5) * (values[index]! - 0.5))), 0, 0.002);
	// Also far beyond 32 bits, where times are.
	const times = Array.from({ length: 20_000 }, (_, index) => noise(1, START + index * 1_000));
	near(mean(times), 0.5, 0.01);
	near(mean(times.slice(1).map((value, index) => (value - 0.5) * (times[index]! - 0.5))), 0, 0.002);
});

import { Median } from "../../../src/sensors/median.ts";
import type { Sample } from "../../../src/sensors/sensor.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

const sample = (temperature: number, humidity?: number, pressure?: number): Sample => ({
	thermometer: { temperature },
	...(humidity !== undefined && { hygrometer: { humidity } }),
	...(pressure !== undefined && { barometer: { pressure } }),
});

test("the median of one measurement is that measurement", () => {
	const median = new Median();
	median.add(sample(21.5, 0.45, 101_325));
	deepEqual(median.take(), sample(21.5, 0.45, 101_325));
	equal(median.count, 0);
});

test("each quantity has its own median, sorted by number and not by text", () => {
	const median = new Median();
	for (const [temperature, humidity, pressure] of [
		[-10, 0.1, 99_000],
		[9, 1, 100_000],
		[-9, 0.5, 101_000],
		[100, 0.09, 98_000],
		[10, 0.9, 110_000],
	] as const)
		median.add(sample(temperature, humidity, pressure));
	equal(median.count, 5);
	deepEqual(median.take(), sample(9, 0.5, 100_000));
});

test("a quantity that some measurements lack is the median of the others; one that all lack is none", () => {
	const median = new Median();
	median.add(sample(20, 0.4));
	median.add(sample(22));
	median.add(sample(21, 0.5));
	deepEqual(median.take(), sample(21, (0.4 + 0.5) / 2));
	median.add(sample(20));
	deepEqual(median.take(), sample(20));
});

/** Which samples are published with the setting `change`. */
import type { Sample } from "../../../src/sensors/sensor.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Changes } from "../../../src/station/changes.ts";
import { deepEqual, test } from "../../harness/harness.ts";

const MINUTE = 60_000;

/** The positions of those samples, a minute apart, that are published; `humidity` is in %, `pressure` in hPa. */
function published(
	change: object,
	samples: readonly (readonly [temperature: number, humidity?: number, pressure?: number])[],
) {
	const changes = new Changes(parseSettings({ change }).change);
	return samples.flatMap(([temperature, humidity, pressure], index) => {
		const sample: Sample = {
			thermometer: { temperature },
			...(humidity !== undefined && { hygrometer: { humidity: humidity / 100 } }),
			...(pressure !== undefined && { barometer: { pressure: pressure * 100 } }),
		};
		if (!changes.isDue(sample, index * MINUTE, MINUTE)) return [];
		changes.kept(sample, index * MINUTE);
		return [index];
	});
}

const temperatures = (...values: number[]) => values.map((value) => [value] as const);

test("without thresholds every sample is", () => {
	deepEqual(published({}, temperatures(20, 20, 20)), [0, 1, 2]);
	deepEqual(published({ atMost: 2 }, temperatures(20, 20, 20)), [0, 1, 2]);
});

test("the first one is, then one that differs by the threshold from the last that was", () => {
	deepEqual(published({ temperature: 0.5 }, temperatures(20, 20.4, 20.49, 19.6, 19.5, 20, 20.5)), [0, 4, 5, 6]);
});

test("a slow change is told, too, since it adds up", () => {
	deepEqual(
		published({ temperature: 0.5, atMost: 100 }, temperatures(20, 20.2, 20.4, 20.6, 20.8, 21, 21.2)),
		[0, 3, 6],
	);
});

test("a difference that is the threshold counts, whatever its last bit is", () => {
	for (let tenth = -400; tenth < 800; tenth++) {
		const [from, to] = [tenth / 10, (tenth + 1) / 10];
		deepEqual(published({ temperature: 0.1 }, temperatures(from, to)), [0, 1], `${from} to ${to}`);
		deepEqual(published({ temperature: 0.2 }, temperatures(from, to)), [0], `${from} to ${to}`);
	}
});

test("each quantity has its threshold, in a report's units; one without is no reason", () => {
	const change = { humidity: 2, pressure: 0.5 };
	deepEqual(
		published(change, [
			[20, 45, 1_000],
			[30, 46.9, 1_000.4],
			[30, 47, 1_000],
			[30, 47, 1_000.5],
			[0, 47, 1_000.5],
		]),
		[0, 2, 3],
	);
});

test("with 0 any change counts, and none does not", () => {
	deepEqual(published({ temperature: 0 }, temperatures(20, 20, 20.01, 20.01)), [0, 2]);
});

test("at least each `atMost` intervals there is one, counted from the last", () => {
	const still = Array.from({ length: 20 }, () => 20);
	deepEqual(published({ temperature: 1, atMost: 5 }, temperatures(...still)), [0, 5, 10, 15]);
	deepEqual(published({ temperature: 1 }, temperatures(...still)), [0, 10]);
	deepEqual(
		published({ temperature: 1, atMost: 5 }, temperatures(20, 20, 25, ...still.map(() => 25))),
		[0, 2, 7, 12, 17, 22],
	);
	deepEqual(published({ temperature: 1, atMost: 1 }, temperatures(20, 20, 20)), [0, 1, 2]);
});

test("a quantity that comes or goes has changed", () => {
	deepEqual(published({ humidity: 5 }, [[20, 45], [20], [20], [20, 45]]), [0, 1, 3]);
});

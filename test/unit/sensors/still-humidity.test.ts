import { decodeFrame, dht22Sample } from "../../../src/sensors/dht-frame.ts";
import { StillHumidity } from "../../../src/sensors/still-humidity.ts";
import data from "../../data/dht-pulse-trains.json";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";

test("it is told when both have come: a hundred readings, and a move of the temperature", () => {
	const late = new StillHumidity();
	for (let reading = 1; reading <= 500; reading++) equal(late.next(0.5, 20, 1), undefined);
	equal(late.next(0.5, 20.9, 1), undefined);
	equal(
		late.next(0.5, 19.9, 1),
		"the humidity has stood still for 502 readings, in which the temperature moved by 1.0 °C: the sensor may be broken",
	);
	equal(late.next(0.5, 30, 1), undefined);
});

test("another humidity begins a new count", () => {
	const humidity = new StillHumidity();
	let told = 0;
	const read = (value: number, times: number) => {
		for (let reading = 0; reading < times; reading++) if (humidity.next(value, 20 + 2 * (reading % 2), 1)) told++;
	};
	read(0.5, 99);
	read(0.501, 1);
	read(0.5, 99);
	equal(told, 0);
	read(0.5, 1);
	equal(told, 1);
	read(0.501, 1);
	read(0.5, 200);
	equal(told, 2);
});

test("recorded sensors stand still for no hundred readings", () => {
	const frames = data.frames.filter(({ capture }) => !/dht11/i.test(capture));
	ok(frames.length > 40, `${frames.length}`);
	const humidity = new StillHumidity();
	const told = Array.from({ length: 10 * frames.length }, (_, index) => {
		const { thermometer, hygrometer } = dht22Sample(decodeFrame(frames[index % frames.length]!.durationsUs));
		return humidity.next(hygrometer!.humidity, thermometer.temperature, 1);
	});
	deepEqual(
		told.filter((text) => text !== undefined),
		[],
	);
});

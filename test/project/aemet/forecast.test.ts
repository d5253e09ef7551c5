/** Forecasts as lists by time. */
import assert from "node:assert/strict";
import test from "node:test";
import { dailyIn, hourlyIn, NOTICE } from "../../../commands/aemet/forecast.ts";
import { utcOf, zoneOf } from "../../../commands/aemet/local-time.ts";
import { recorded } from "../../harness/aemet-records.ts";

const daily = dailyIn(recorded("daily-28065"), "28065")!;
const hourly = hourlyIn(recorded("hourly-32054"), "32054")!;

test("of whom it is, for what, and of when", () => {
	const { forecast, ...about } = daily;
	assert.deepEqual(about, {
		source: "AEMET",
		notice: NOTICE,
		municipality: "28065",
		name: "Getafe",
		province: "Madrid",
		issued: "2021-01-09T10:54:00.000Z",
	});
	assert.equal(recorded("daily-28065")[0].origen.copyright, NOTICE);
	assert.equal(forecast.length, 5);
});

test("today: what is over of it does not count", () => {
	const { parts, ...today } = daily.forecast[0]!;
	assert.deepEqual(today, {
		time: "2021-01-08T23:00:00.000Z",
		temperatureMinimum: -1,
		temperatureMaximum: 2,
		feelsLikeMinimum: -9,
		feelsLikeMaximum: 1,
		humidityMinimum: 75,
		humidityMaximum: 100,
		uv: 1,
		skyCode: "36",
		sky: "Cubierto con nieve",
		precipitationProbability: 100,
		snowLevel: 500,
		wind: 4.2,
		windDirection: 90,
	});
	assert.deepEqual(
		(parts as { time: string; until: string }[]).map(({ time, until }) => [time, until]),
		[
			["2021-01-09T05:00:00.000Z", "2021-01-09T11:00:00.000Z"],
			["2021-01-09T11:00:00.000Z", "2021-01-09T17:00:00.000Z"],
			["2021-01-09T17:00:00.000Z", "2021-01-09T23:00:00.000Z"],
		],
	);
});

test("periods become fewer from day to day, and vanish", () => {
	assert.deepEqual(
		daily.forecast.map(({ parts }) => (parts as object[] | undefined)?.length),
		[3, 4, 2, 2, undefined],
	);
	assert.deepEqual(daily.forecast[4], {
		time: "2021-01-12T23:00:00.000Z",
		...{ temperatureMinimum: -11, temperatureMaximum: 0, feelsLikeMinimum: -11, feelsLikeMaximum: 0 },
		...{ humidityMinimum: 65, humidityMaximum: 100 },
		...{ skyCode: "12", sky: "Poco nuboso", precipitationProbability: 0, wind: 0 },
	});
});

test("hours: all is text, wind and gust come by turns, probabilities are of six hours", () => {
	assert.equal(hourly.issued, "2020-10-02T15:25:49.000Z");
	assert.equal(hourly.forecast.length, 16);
	assert.deepEqual(hourly.forecast[0], {
		time: "2020-10-02T06:00:00.000Z",
		...{ skyCode: "45", sky: "Muy nuboso con lluvia escasa", temperature: 10, feelsLike: 10, humidity: 94 },
		...{ precipitation: 0.1, snowfall: 0, wind: 1.9, windDirection: 270, gust: 4.2 },
		...{ precipitationProbability: 100, stormProbability: 55, snowProbability: 0 },
	});
	const probabilities = hourly.forecast.map(({ stormProbability }) => stormProbability);
	assert.deepEqual(probabilities, [...Array(6).fill(55), ...Array(6).fill(50), ...Array(4).fill(0)]);
});

/** A forecast of hours with these temperatures, a day each. */
function hours(days: Record<string, string[]>, more: object = {}): Record<string, unknown>[] {
	const dia = Object.entries(days).map(([fecha, periods]) => ({
		fecha,
		temperatura: periods.map((periodo, at) => ({ periodo, value: String(at) })),
		...more,
	}));
	const of = hourlyIn([{ prediccion: { dia } }], "28065");
	return (of?.forecast ?? []) as unknown as Record<string, unknown>[];
}

test("summer time begins: the hour that is left out is none of its own", () => {
	const times = hours({ "2021-03-28T00:00:00": ["01", "02", "03", "04"] }).map(({ time }) => time);
	assert.deepEqual(times, ["2021-03-28T00:00:00.000Z", "2021-03-28T01:00:00.000Z", "2021-03-28T02:00:00.000Z"]);
});

test("summer time ends: the hour that is there twice is two hours", () => {
	const entries = hours({ "2021-10-31T00:00:00": ["01", "02", "02", "03"] });
	assert.deepEqual(
		entries.map(({ time, temperature }) => [time, temperature]),
		[
			["2021-10-30T23:00:00.000Z", 0],
			["2021-10-31T00:00:00.000Z", 1],
			["2021-10-31T01:00:00.000Z", 2],
			["2021-10-31T02:00:00.000Z", 3],
		],
	);
});

test("a probability reaches over midnight into the next day", () => {
	const entries = hours(
		{ "2021-06-01T00:00:00": ["19", "20", "23"], "2021-06-02T00:00:00": ["00", "01", "02"] },
		{ probPrecipitacion: [{ periodo: "2002", value: "40" }] },
	);
	assert.deepEqual(
		entries.map(({ precipitationProbability }) => precipitationProbability),
		[undefined, 40, 40, 40, 40, undefined],
	);
});

test("the Canary Islands have an hour of their own", () => {
	assert.equal(zoneOf("35016"), "Atlantic/Canary");
	assert.equal(zoneOf("38038"), "Atlantic/Canary");
	const noon = Date.UTC(2021, 6, 1, 12);
	assert.equal(utcOf(noon, "Europe/Madrid"), noon - 7_200_000);
	assert.equal(utcOf(noon, "Atlantic/Canary"), noon - 3_600_000);
	assert.equal(utcOf(Date.UTC(2021, 0, 1, 12), "Atlantic/Canary"), Date.UTC(2021, 0, 1, 12));
});

test("what is none, or of another municipality, is none", () => {
	assert.equal(dailyIn(recorded("daily-28065"), "28079"), undefined);
	for (const data of [[], [null], [{}], [{ prediccion: { dia: "x" } }], [{ prediccion: { dia: [{ fecha: 7 }] } }]])
		assert.equal(dailyIn(data, "28065"), undefined);
	// A number has lost its zero.
	assert.ok(dailyIn([{ id: 4_013, prediccion: { dia: [{ fecha: "2021-01-01T00:00:00" }] } }], "04013"));
});

test("wrong types leave gaps, and nothing else", () => {
	const wrong = [null, 7, "x", [], {}, { value: {} }];
	const data = JSON.parse(JSON.stringify(recorded("daily-28065")));
	for (const day of data[0].prediccion.dia)
		for (const name of Object.keys(day)) if (name !== "fecha") day[name] = wrong[name.length % wrong.length];
	for (const entry of dailyIn(data, "28065")!.forecast) assert.deepEqual(Object.keys(entry), ["time"]);
});

/** Observations as a station's reports. */
import assert from "node:assert/strict";
import test from "node:test";
import { observationsIn, reportOf, timeOf } from "../../../commands/aemet/observations.ts";
import { recorded } from "../../harness/aemet-records.ts";

const NOW = Date.UTC(2021, 0, 8, 23, 30);

test("Madrid, Retiro: ten hours, by time", () => {
	const { place, observations, refused } = observationsIn(recorded("observation-3195").reverse(), "3195", NOW);
	assert.equal(place, "MADRID RETIRO");
	assert.equal(refused, 0);
	assert.deepEqual(
		observations.map(({ time }) => new Date(time).getUTCHours()),
		[14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
	);
	assert.equal(
		reportOf(observations[0]!),
		'{"temperature":0.1,"humidity":97,"pressure":929.9,"seaLevelPressure":1009.9,"dewPoint":-0.3,' +
			'"temperatureMinimum":-0.1,"temperatureMaximum":0.2,"precipitation":1.2,"time":"2021-01-08T14:00:00.000Z"}',
	);
});

test("Chipiona: wind, no pressure, the other form of fint", () => {
	const { observations } = observationsIn(recorded("observation-5906X"), "5906X", Date.UTC(2021, 5, 1, 12));
	assert.equal(
		reportOf(observations[0]!),
		'{"temperature":23,"humidity":74,"temperatureMinimum":22.4,"temperatureMaximum":23,"wind":4.7,"windDirection":271,' +
			'"gust":7.4,"gustDirection":270,"precipitation":0,"time":"2021-06-01T10:00:00.000Z"}',
	);
});

test("both forms of fint, and what is none", () => {
	const at = Date.UTC(2021, 0, 8, 14);
	for (const fint of [
		"2021-01-08T14:00:00",
		"2021-01-08T14:00:00+0000",
		"2021-01-08T14:00Z",
		"2021-01-08T15:00:00+01:00",
	])
		assert.equal(timeOf(fint), at, fint);
	for (const fint of ["", "2021-01-08", "8/1/2021 14:00", "2021-13-08T14:00:00", 1_610_114_400, null, undefined])
		assert.equal(timeOf(fint), undefined, String(fint));
});

const record = (members: object) => ({ idema: "3195", fint: "2021-01-08T14:00:00", ta: 1, ...members });
const quantities = (members: object) => observationsIn([record(members)], "3195", NOW).observations[0]?.quantities;

for (const [what, members, expected] of [
	["a number as text", { ta: "0.4" }, { temperature: 0.4 }],
	["a comma", { ta: "-0,4" }, { temperature: -0.4 }],
	["blank", { hr: "" }, { temperature: 1 }],
	["-0", { ta: -0 }, { temperature: 0 }],
	["-0 as text", { ta: "-0" }, { temperature: 0 }],
	["too little to be measured", { prec: "Ip" }, { temperature: 1, precipitation: 0 }],
	["a value that cannot be", { hr: 101, pres: 12, vv: -1, dv: 999 }, { temperature: 1 }],
	["what is no number", { hr: null, pres: {}, vv: [1], dv: true, prec: "NaN", vis: "0x10" }, { temperature: 1 }],
] as const) {
	test(`${what}`, () => {
		const found = quantities(members);
		assert.deepEqual(found, expected);
		for (const value of Object.values(found!)) assert.ok(!Object.is(value, -0));
	});
}

test("what is of another station, of no time, of the future, or without a value, is refused", () => {
	const data = [
		record({ idema: "3196" }),
		record({ fint: "yesterday" }),
		record({ fint: "2021-01-09T02:00:00" }),
		record({ fint: "1970-01-01T00:00:00" }),
		record({ ta: "" }),
		null,
		"3195",
		record({}),
	];
	const { observations, refused } = observationsIn(data, "3195", NOW);
	assert.equal(observations.length, 1);
	assert.equal(refused, 7);
});

test("a time that is there twice is there once, as it was last", () => {
	const { observations } = observationsIn([record({ ta: 1 }), record({ ta: 2 })], "3195", NOW);
	assert.deepEqual(
		observations.map(({ quantities }) => quantities),
		[{ temperature: 2 }],
	);
});

test("a name has no control characters, and is bounded", () => {
	const { place } = observationsIn([record({ ubi: `A\u001b[2J\n${"B".repeat(1_000)}` })], "3195", NOW);
	assert.match(place!, /^A \[2J B{122}$/);
});

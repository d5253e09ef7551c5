import { reportPayload, reportText } from "../../../src/net/report.ts";
import { parseSettings } from "../../../src/settings.ts";
import { bytesOf } from "../../../src/text.ts";
import { equal, test } from "../../harness/harness.ts";

const NOON = Date.UTC(2026, 10, 21, 12);
const PLAIN = parseSettings({});
const reading = {
	seq: 42,
	time: NOON,
	sample: {
		thermometer: { temperature: 21.53 },
		hygrometer: { humidity: 0.4519 },
		barometer: { pressure: 101_325.04 },
	},
};

test("a report is in °C, % and hPa, with the time of the reading and its number", () => {
	equal(
		reportText(reading, PLAIN),
		'{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}',
	);
});

test("a report has no member that the sensor does not measure", () => {
	const sample = { thermometer: { temperature: -0.001 } };
	equal(reportText({ ...reading, sample }, PLAIN), '{"temperature":0,"time":"2026-11-21T12:00:00.000Z","seq":42}');
});

test("a report of a reading whose time is not known has no time", () => {
	const sample = { thermometer: { temperature: 1 } };
	equal(reportText({ seq: 1, time: undefined, sample }, PLAIN), '{"temperature":1,"seq":1}');
});

test("what is derived comes after what was measured, and before the time", () => {
	const settings = parseSettings({
		offsets: { temperature: 4, humidity: 0.3, pressure: -1 },
		altitude: 667,
		derived: ["dewPoint", "absoluteHumidity", "heatIndex"],
	});
	equal(
		reportText(reading, settings),
		'{"temperature":25.53,"humidity":45.5,"pressure":1012.25,"seaLevelPressure":1091.92,"dewPoint":12.88,' +
			'"absoluteHumidity":10.76,"heatIndex":25.43,"time":"2026-11-21T12:00:00.000Z","seq":42}',
	);
});

test("in CBOR a report is a map of integers: number, ms since 1970, and hundredths", () => {
	const settings = parseSettings({ payload: "cbor", altitude: 667, derived: ["heatIndex", "dewPoint"] });
	const hexOf = (
		one: typeof reading | { seq: number; time: undefined; sample: { thermometer: { temperature: number } } },
	) => Array.from(reportPayload(one, settings), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
	equal(
		hexOf(reading),
		"a8 00 18 2a 01 1b 00 00 01 a1 fd fa 46 00 02 19 08 69 03 19 11 a8 04 1a 00 01 8b cd 05 1a 00 01 ab 63 " +
			"06 19 03 93 08 19 08 4a",
	);
	equal(hexOf({ seq: 1, time: undefined, sample: { thermometer: { temperature: -0.57 } } }), "a2 00 01 02 38 38");
});

test("by default a report is its text", () => {
	equal(`${reportPayload(reading, PLAIN)}`, `${bytesOf(reportText(reading, PLAIN))}`);
});

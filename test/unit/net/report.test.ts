import { reportPayload } from "../../../src/net/report.ts";
import { parseSettings } from "../../../src/settings.ts";
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
		reportPayload(reading, PLAIN),
		'{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}',
	);
});

test("a report has no member that the sensor does not measure", () => {
	const sample = { thermometer: { temperature: -0.001 } };
	equal(reportPayload({ ...reading, sample }, PLAIN), '{"temperature":0,"time":"2026-11-21T12:00:00.000Z","seq":42}');
});

test("a report of a reading whose time is not known has no time", () => {
	const sample = { thermometer: { temperature: 1 } };
	equal(reportPayload({ seq: 1, time: undefined, sample }, PLAIN), '{"temperature":1,"seq":1}');
});

test("what is derived comes after what was measured, and before the time", () => {
	const settings = parseSettings({
		offsets: { temperature: 4, humidity: 0.3, pressure: -1 },
		altitude: 667,
		derived: ["dewPoint", "absoluteHumidity", "heatIndex"],
	});
	equal(
		reportPayload(reading, settings),
		'{"temperature":25.53,"humidity":45.5,"pressure":1012.25,"seaLevelPressure":1091.92,"dewPoint":12.88,' +
			'"absoluteHumidity":10.76,"heatIndex":25.43,"time":"2026-11-21T12:00:00.000Z","seq":42}',
	);
});

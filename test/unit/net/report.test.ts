import { decodeRecord, encodeRecord } from "../../../src/net/record.ts";
import { reportPayload } from "../../../src/net/report.ts";
import type { Reading } from "../../../src/reading.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";

const NOON = Date.UTC(2026, 10, 21, 12);
const clock = (now: number, time: number | undefined) => ({ now: () => now, time: () => time });
const reading: Reading = {
	seq: 42,
	ticks: Number.NaN,
	time: NOON,
	sample: {
		thermometer: { temperature: 21.53 },
		hygrometer: { humidity: 0.4519 },
		barometer: { pressure: 101_325.04 },
	},
};

test("a report is in °C, % and hPa, with the time of the reading and its number", () => {
	equal(
		reportPayload(reading, clock(0, undefined)),
		'{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}',
	);
});

test("a report has no member that the sensor does not measure", () => {
	const sample = { thermometer: { temperature: -0.001 } };
	equal(
		reportPayload({ ...reading, sample }, clock(0, undefined)),
		'{"temperature":0,"time":"2026-11-21T12:00:00.000Z","seq":42}',
	);
});

test("a reading from before the clock was set gets its time when the clock is set", () => {
	const early = { ...reading, ticks: 5_000, time: undefined };
	equal(JSON.parse(reportPayload(early, clock(5_000, undefined))).time, undefined);
	equal(JSON.parse(reportPayload(early, clock(65_000, NOON))).time, "2026-11-21T11:59:00.000Z");
});

test("a record gives back the reading that it was made of", () => {
	deepEqual(decodeRecord(encodeRecord(reading)), reading);
	const early: Reading = {
		seq: 0xffff_ffff,
		ticks: 12.5,
		time: undefined,
		sample: { thermometer: { temperature: -40 } },
	};
	deepEqual(decodeRecord(encodeRecord(early)), early);
	const damp: Reading = { ...early, sample: { ...early.sample, hygrometer: { humidity: 1 } } };
	deepEqual(decodeRecord(encodeRecord(damp)), damp);
	const thin: Reading = { ...early, sample: { ...early.sample, barometer: { pressure: 30_000 } } };
	deepEqual(decodeRecord(encodeRecord(thin)), thin);
});

test("a queued reading takes less than a third of its report's bytes, and far less than 1.3 times", () => {
	const payload = reportPayload(reading, clock(0, undefined));
	ok(1 + encodeRecord(reading).length < payload.length / 3);
});

test("a value that does not fit is refused, not bent", () => {
	const sample = (temperature: number) => ({ ...reading, sample: { thermometer: { temperature } } });
	throws(() => encodeRecord(sample(Number.NaN)), /temperature of NaN/);
	throws(() => encodeRecord(sample(400)), /temperature of 400/);
	throws(() => encodeRecord({ ...reading, sample: { ...reading.sample, hygrometer: { humidity: 1.01 } } }), /humidity/);
	throws(() => encodeRecord({ ...reading, sample: { ...reading.sample, barometer: { pressure: -1 } } }), /pressure/);
});

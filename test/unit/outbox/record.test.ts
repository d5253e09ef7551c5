import {
	decodeClockNote,
	decodeReading,
	encodeClockNote,
	encodeReading,
	type Kept,
} from "../../../src/outbox/record.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";

const kept: Kept = {
	seq: 42,
	when: Date.UTC(2026, 10, 21, 12),
	run: undefined,
	sample: {
		thermometer: { temperature: 21.53 },
		hygrometer: { humidity: 0.4519 },
		barometer: { pressure: 101_325.04 },
	},
};

test("a record gives back the reading that it was made of", () => {
	const thermometer = { temperature: -40 };
	for (const reading of [
		kept,
		{ seq: 0xffff_ffff, when: 12, run: 0, sample: { thermometer } },
		{ seq: 1, when: 2 ** 48 - 1, run: 0xffff, sample: { thermometer, hygrometer: { humidity: 1 } } },
		{ seq: 0, when: 0, run: 7, sample: { thermometer, barometer: { pressure: 30_000 } } },
	]) {
		deepEqual(decodeReading(encodeReading(reading)), reading);
	}
});

test("a record fits a slot of the log, and is no note", () => {
	const { kind, body } = encodeReading(kept);
	ok(body.length <= 15);
	ok(kind < 0x80);
	equal(decodeClockNote(encodeReading(kept)), undefined);
});

test("a clock note gives back what it was made of, and is one", () => {
	const note = encodeClockNote(0xffff, 1_795_000_000_000.5, 42);
	ok(note.kind >= 0x80);
	equal(note.seq, 42);
	deepEqual(decodeClockNote(note), { run: 0xffff, startedAt: 1_795_000_000_000.5 });
});

test("a value that does not fit is refused, not bent", () => {
	const sample = (temperature: number) => ({ ...kept, sample: { thermometer: { temperature } } });
	throws(() => encodeReading(sample(Number.NaN)), /temperature of NaN/);
	throws(() => encodeReading(sample(400)), /temperature of 400/);
	throws(() => encodeReading({ ...kept, sample: { ...kept.sample, hygrometer: { humidity: 1.01 } } }), /humidity/);
	throws(() => encodeReading({ ...kept, sample: { ...kept.sample, barometer: { pressure: -1 } } }), /pressure/);
	throws(() => encodeReading({ ...kept, sample: { ...kept.sample, barometer: { pressure: 200_000 } } }), /pressure/);
	throws(() => encodeReading({ ...kept, when: -1 }), /time of -1/);
});

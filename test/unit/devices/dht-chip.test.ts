import { DHTChip, type DHTChipOptions } from "../../../hosts/sim/devices/dht-chip.ts";
import type { PulseCapture } from "../../../src/host.ts";
import { decodeFrame } from "../../../src/sensors/dht-frame.ts";
import data from "../../data/dht-pulse-trains.json";
import { createPulseCapture } from "../../harness/buses.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";
import { FakeClock } from "../sensors/drive.ts";

function bench(options: Partial<DHTChipOptions> = {}) {
	const clock = new FakeClock();
	const weather = { temperature: -7.84, humidity: 0.703, pressure: 101_325 };
	const chip = new DHTChip({ clock, weather: () => weather, model: "dht22", ...options });
	const capture = new (createPulseCapture(chip, clock))({});
	clock.time = 1_000;
	return { clock, weather, chip, capture };
}

/** A start signal of `startLow` ms, and what is there 10 ms later. */
function ask(capture: PulseCapture, clock: FakeClock, startLow = 20): number[] | undefined {
	capture.hold();
	clock.time += startLow;
	capture.release();
	clock.time += 10;
	const levels = capture.read();
	return levels && Array.from(levels);
}

test("a frame is made of the recorded durations", () => {
	const { capture, clock } = bench();
	const levels = ask(capture, clock)!;
	const recorded = data.frames.find(({ capture }) => capture.startsWith("am2322"))!;
	equal(levels.length, 84);
	equal([...decodeFrame(levels)].join(), recorded.bytes.join());
	// Level by level within 3 µs of the real sensor with the same bytes, but for the release in front.
	for (const [index, level] of recorded.durationsUs.entries()) {
		ok(Math.abs(level - levels[index + 1]!) <= 3, `level ${index}: ${levels[index + 1]} µs for ${level} µs`);
	}
});

test("a DHT11 tells whole percents and degrees, and stays within its range", () => {
	const { capture, clock, weather } = bench({ model: "dht11" });
	ask(capture, clock);
	Object.assign(weather, { temperature: 27.4, humidity: 0.361 });
	clock.time += 1_000;
	deepEqual([...decodeFrame(ask(capture, clock)!)], [70, 0, 0, 0, 70]);
	clock.time += 1_000;
	deepEqual([...decodeFrame(ask(capture, clock)!)], [36, 0, 27, 0, 63]);
});

test("an answer tells what was measured at the request before", () => {
	const { capture, clock, weather } = bench();
	const bytes = () => {
		clock.time += 2_000;
		return [...decodeFrame(ask(capture, clock)!)];
	};
	weather.temperature = 23.8;
	deepEqual(bytes().slice(2, 4), [0x80, 78]);
	weather.temperature = 25;
	deepEqual(bytes().slice(2, 4), [0, 238]);
	deepEqual(bytes().slice(2, 4), [0, 250]);
});

test("a start signal that is too short is none", () => {
	for (const [model, startLow] of [
		["dht22", 1],
		["dht11", 18],
	] as const) {
		const { capture, clock } = bench({ model });
		equal(ask(capture, clock, startLow - 0.1), undefined);
		ok(ask(capture, clock, startLow));
	}
});

test("a sensor is silent in its first second, and again after it lost its power", () => {
	const { capture, clock, chip } = bench();
	clock.time = 0;
	equal(ask(capture, clock), undefined);
	clock.time = 1_000;
	ok(ask(capture, clock));
	clock.time = 5_000;
	chip.powerOn();
	equal(ask(capture, clock), undefined);
});

test("a sensor asked again too soon is silent; after 782 ms, as recorded, it answers", () => {
	const { capture, clock } = bench();
	ok(ask(capture, clock));
	clock.time += 72 - 30;
	equal(ask(capture, clock), undefined);
	clock.time += 782 - 72 - 30;
	ok(ask(capture, clock));
});

test("a frame is there when it has passed, not before, and only until the next release", () => {
	const { capture, clock } = bench();
	capture.hold();
	clock.time += 20;
	capture.release();
	equal(capture.read(), undefined);
	clock.time += 4;
	equal(capture.read(), undefined);
	clock.time += 2;
	ok(capture.read());
	capture.hold();
	clock.time += 20;
	capture.release();
	clock.time += 10;
	equal(capture.read(), undefined);
});

test("faults spoil a frame in the ways that are theirs", () => {
	const { capture, clock, chip } = bench({ seed: 3 });
	const good = [...decodeFrame(ask(capture, clock)!)];
	const spoilt = (fault: DHTChip["fault"]) => {
		chip.fault = fault;
		clock.time += 2_000;
		return ask(capture, clock);
	};
	equal(spoilt("absent"), undefined);
	equal(spoilt("truncated")!.length, 51);
	equal(spoilt("glitch")!.length, 86);
	deepEqual([...decodeFrame(spoilt("zeros")!)], [0, 0, 0, 0, 0]);
	const flipped = [...decodeFrame(spoilt("flippedBit")!)].map((byte, index) => byte ^ good[index]!);
	equal(flipped.filter((bits) => bits !== 0).length, 1);
	ok(spoilt("noise")!.some((level) => level > 85 || level < 20));
});

test("recorded frames come one after another and over again, the last one first", () => {
	const recordings = data.frames.slice(0, 2).map(({ capture, startHighUs, durationsUs }) => ({
		name: capture,
		model: "dht22" as const,
		startHigh: startHighUs,
		durations: durationsUs,
	}));
	const { capture, clock } = bench({ recordings });
	for (const { startHigh, durations } of [recordings[1]!, ...recordings, ...recordings]) {
		clock.time += 2_000;
		deepEqual(ask(capture, clock), [startHigh, ...durations]);
	}
});

test("a pin is in use until it is closed", () => {
	const { chip, clock, capture: first } = bench();
	first.close();
	const PulseCapture = createPulseCapture(chip, clock);
	const capture = new PulseCapture({});
	throws(() => new PulseCapture({}), /^inUse$/);
	capture.close();
	capture.close();
	throws(() => capture.hold(), /^closed$/);
	new PulseCapture({}).close();
});

import { BME280Chip } from "../../../hosts/sim/devices/bme280-chip.ts";
import { DHTChip } from "../../../hosts/sim/devices/dht-chip.ts";
import { BME280 } from "../../../src/sensors/bme280.ts";
import { DHT } from "../../../src/sensors/dht.ts";
import { Sampler } from "../../../src/sensors/sampler.ts";
import { type Measurement, type Sample, type Sensor, SensorError } from "../../../src/sensors/sensor.ts";
import { createI2C, createPulseCapture } from "../../harness/buses.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";
import { FakeClock } from "./drive.ts";

const SAMPLE: Sample = { thermometer: { temperature: 20 } };

/** A sensor that waits 10 ms and then does what `script` does; without one, gives a sample. */
class ScriptedSensor implements Sensor {
	readonly minimumInterval: number;
	script: (() => Sample) | undefined;
	under = 0;
	closed = 0;

	constructor(minimumInterval = 2_000) {
		this.minimumInterval = minimumInterval;
	}

	*measure(): Measurement {
		equal(++this.under, 1, "measurements at a time");
		try {
			yield 10;
			return this.script?.() ?? SAMPLE;
		} finally {
			this.under--;
		}
	}

	close(): void {
		this.closed++;
	}
}

const broken = () => {
	throw new SensorError("broken");
};

/** A sampler with a transcript of all that it tells; with a median also of its temperatures. */
function bench(sensor: Sensor, interval: number, clock = new FakeClock(), samples?: number) {
	const transcript: string[] = [];
	const sampler = new Sampler(
		{ sensor, interval, ...(samples !== undefined && { samples }) },
		{
			onSample: ({ thermometer }, now) =>
				transcript.push(`${now} sample${samples ? ` ${thermometer.temperature}` : ""}`),
			onFault: (reason, now, consecutive) => transcript.push(`${now} ${reason} (${consecutive})`),
			onUnavailable: (now) => transcript.push(`${now} unavailable`),
			onRecovered: (now) => transcript.push(`${now} recovered`),
		},
	);
	/** Ticks exactly at the deadlines until `end`. */
	const runUntil = (end: number) => {
		while (sampler.deadline <= end) {
			clock.time = Math.max(clock.time, sampler.deadline);
			sampler.tick(clock.time);
		}
		clock.time = Math.max(clock.time, end);
	};
	/** What was told since the last call. */
	const told = () => transcript.splice(0);
	return { sampler, clock, runUntil, told };
}

test("the first sample is taken at once, the others on a grid that does not drift", () => {
	const { runUntil, told } = bench(new ScriptedSensor(), 60_000, Object.assign(new FakeClock(), { time: 5 }));
	runUntil(180_015);
	deepEqual(told(), ["15 sample", "60015 sample", "120015 sample", "180015 sample"]);
});

test("a tick before the deadline does nothing", () => {
	const { sampler, told } = bench(new ScriptedSensor(), 60_000);
	sampler.tick(0);
	equal(sampler.deadline, 10);
	sampler.tick(9.9);
	deepEqual(told(), []);
	sampler.tick(10);
	equal(sampler.deadline, 60_000);
	for (let now = 11; now < 60_000; now += 97) sampler.tick(now);
	deepEqual(told(), ["10 sample"]);
});

test("slots that nobody ticked in are left out", () => {
	const { sampler, told } = bench(new ScriptedSensor(), 10_000);
	sampler.tick(0);
	sampler.tick(12);
	sampler.tick(47_123);
	sampler.tick(47_150);
	equal(sampler.deadline, 50_000);
	deepEqual(told(), ["12 sample", "47150 sample"]);
});

test("an interval shorter than the sensor's is stretched", () => {
	const { runUntil, told } = bench(new ScriptedSensor(2_000), 500);
	runUntil(6_100);
	deepEqual(told(), ["10 sample", "2010 sample", "4010 sample", "6010 sample"]);
});

test("an interval equal to the sensor's is kept", () => {
	const { runUntil, told } = bench(new ScriptedSensor(2_000), 2_000);
	runUntil(6_100);
	deepEqual(told(), ["10 sample", "2010 sample", "4010 sample", "6010 sample"]);
});

test("starts that a busy host makes a little late cost no slot and add up to no drift", () => {
	const { sampler, told } = bench(new ScriptedSensor(2_000), 2_000);
	const starts: number[] = [];
	sampler.tick(0);
	for (let slot = 1; slot <= 50; slot++) {
		sampler.tick(sampler.deadline + 40);
		starts.push(sampler.deadline);
		sampler.tick(sampler.deadline + 40);
	}
	deepEqual(
		starts,
		Array.from({ length: 50 }, (_, index) => (index + 1) * 2_000),
	);
	equal(told().length, 50);
});

test("a start that comes far too late keeps the sensor's interval to the next", () => {
	const { sampler } = bench(new ScriptedSensor(2_000), 2_000);
	sampler.tick(0);
	sampler.tick(10);
	sampler.tick(3_000);
	sampler.tick(3_010);
	equal(sampler.deadline, 6_000);
});

test("after a failure come three quick attempts, the sensor's interval apart, and then the next slot", () => {
	const sensor = new ScriptedSensor(2_000);
	sensor.script = broken;
	const { runUntil, told, sampler } = bench(sensor, 60_000);
	runUntil(59_999);
	deepEqual(told(), ["10 broken (1)", "2010 broken (2)", "4010 broken (3)", "6010 broken (4)"]);
	equal(sampler.deadline, 60_000);
});

test("a quick attempt that succeeds leaves the grid as it was, and the next failure has three of its own", () => {
	const sensor = new ScriptedSensor(2_000);
	let attempt = 0;
	sensor.script = () => (++attempt === 1 ? broken() : SAMPLE);
	const { runUntil, told } = bench(sensor, 60_000);
	runUntil(59_999);
	deepEqual(told(), ["10 broken (1)", "2010 sample"]);
	sensor.script = broken;
	runUntil(119_999);
	deepEqual(told(), ["60010 broken (1)", "62010 broken (2)", "64010 broken (3)", "66010 broken (4)"]);
});

test("where slots are as close as quick attempts, only slots are", () => {
	const sensor = new ScriptedSensor(2_000);
	sensor.script = broken;
	const { runUntil, told } = bench(sensor, 2_000);
	runUntil(6_100);
	deepEqual(told(), ["10 broken (1)", "2010 broken (2)", "4010 broken (3)", "6010 broken (4)"]);
});

test("after eight failures the sensor is unavailable, told once, and then asked once a slot until it recovers", () => {
	const sensor = new ScriptedSensor(2_000);
	sensor.script = broken;
	const { runUntil, told, sampler } = bench(sensor, 60_000);
	runUntil(66_009);
	equal(sampler.unavailable, false);
	equal(told().length, 7);
	runUntil(180_100);
	deepEqual(told(), ["66010 broken (8)", "66010 unavailable", "120010 broken (9)", "180010 broken (10)"]);
	equal(sampler.unavailable, true);
	sensor.script = undefined;
	runUntil(300_100);
	deepEqual(told(), ["240010 recovered", "240010 sample", "300010 sample"]);
	equal(sampler.unavailable, false);
});

test("seven failures and a sample are silent about availability", () => {
	const sensor = new ScriptedSensor(2_000);
	let attempt = 0;
	sensor.script = () => (++attempt % 8 === 0 ? SAMPLE : broken());
	const { runUntil, told } = bench(sensor, 60_000);
	runUntil(3_600_000);
	const words = told();
	ok(words.some((word) => word.endsWith("sample")));
	ok(words.every((word) => !/available|recovered/.test(word)));
});

test("an extra sample comes as soon as the sensor may be asked, and moves no slot", () => {
	const { sampler, clock, runUntil, told } = bench(new ScriptedSensor(2_000), 60_000);
	runUntil(1_000);
	sampler.sampleNow(clock.time);
	sampler.sampleNow(clock.time);
	equal(sampler.deadline, 2_000);
	runUntil(30_000);
	sampler.sampleNow(clock.time);
	equal(sampler.deadline, 30_000);
	runUntil(120_010);
	deepEqual(told(), ["10 sample", "2010 sample", "30010 sample", "60010 sample", "120010 sample"]);
});

test("an extra sample asked for when a slot is overdue is that slot's", () => {
	const { sampler, runUntil, told } = bench(new ScriptedSensor(2_000), 10_000);
	runUntil(10);
	sampler.sampleNow(10_050);
	equal(sampler.deadline, 10_000);
	sampler.tick(10_050);
	sampler.tick(10_060);
	equal(sampler.deadline, 20_000);
	deepEqual(told(), ["10 sample", "10060 sample"]);
});

test("a sensor that takes no time and needs no rest is asked once a slot", () => {
	// biome-ignore lint/correctness/useYield: there is nothing to wait for.
	const measure = function* () {
		return SAMPLE;
	};
	const { sampler, told } = bench({ minimumInterval: 0, measure, close: () => {} }, 10_000);
	for (let count = 0; count < 10; count++) sampler.tick(0);
	deepEqual(told(), ["0 sample"]);
	equal(sampler.deadline, 10_000);
});

test("an extra sample asked for during a measurement is that measurement's", () => {
	const { sampler, runUntil, told } = bench(new ScriptedSensor(2_000), 60_000);
	sampler.tick(0);
	sampler.sampleNow(5);
	runUntil(59_999);
	deepEqual(told(), ["10 sample"]);
});

test("a thousand requests for extra samples keep the sensor's interval", () => {
	const { sampler, clock, runUntil, told } = bench(new ScriptedSensor(2_000), 60_000);
	for (let count = 0; count < 1_000; count++) {
		sampler.sampleNow(clock.time);
		runUntil(clock.time + 10);
	}
	equal(told().length, 5);
});

test("whatever a driver throws is a fault, and the sampler goes on", () => {
	const sensor = new ScriptedSensor(2_000);
	const { runUntil, told } = bench(sensor, 60_000);
	for (const [index, thrown] of [new TypeError("no such thing"), "a text", undefined].entries()) {
		sensor.script = () => {
			throw thrown;
		};
		runUntil(index * 2_000 + 10);
	}
	sensor.script = undefined;
	runUntil(6_010);
	deepEqual(told(), [
		"10 the driver failed: TypeError: no such thing (1)",
		"2010 the driver failed: a text (2)",
		"4010 the driver failed: undefined (3)",
		"6010 sample",
	]);
});

test("a driver that throws before its first step is a fault, too", () => {
	const sensor: Sensor = {
		minimumInterval: 1_000,
		measure: () => {
			throw new Error("not a generator");
		},
		close: () => {},
	};
	const { runUntil, told } = bench(sensor, 60_000);
	runUntil(10);
	deepEqual(told(), ["0 the driver failed: Error: not a generator (1)"]);
});

test("a measurement that will not end is abandoned", () => {
	let abandoned = 0;
	const endless = (wait: number): Sensor => ({
		minimumInterval: 1_000,
		*measure() {
			try {
				for (;;) yield wait;
			} finally {
				abandoned++;
			}
		},
		close: () => {},
	});
	for (const wait of [0, 1_000, Number.NaN, Number.POSITIVE_INFINITY]) {
		const { runUntil, told } = bench(endless(wait), 60_000);
		// Delays that make no sense are refused at once.
		runUntil(wait <= 1_000 ? 30_001 : 0);
		const [word] = told();
		ok(word?.endsWith("the measurement would take longer than 30 s (1)"), `${wait}: ${word}`);
	}
	equal(abandoned, 4);
});

test("what a listener throws is the listener's, and leaves the sampler in order", () => {
	const sensor = new ScriptedSensor(2_000);
	const events = {
		onSample: () => {
			throw new Error("listener");
		},
		onFault: () => {
			throw new Error("expected no fault");
		},
	};
	const sampler = new Sampler({ sensor, interval: 60_000 }, events);
	sampler.tick(0);
	throws(() => sampler.tick(10), /^listener$/);
	equal(sampler.deadline, 60_000);
	equal(sensor.under, 0);
});

test("close abandons the measurement, closes the sensor once and leaves nothing due", () => {
	const sensor = new ScriptedSensor();
	const { sampler, told } = bench(sensor, 60_000);
	sampler.tick(0);
	equal(sensor.under, 1);
	sampler.close();
	sampler.close();
	equal(sensor.under, 0);
	equal(sensor.closed, 1);
	equal(sampler.deadline, Number.POSITIVE_INFINITY);
	sampler.sampleNow(20);
	sampler.tick(60_000);
	deepEqual(told(), []);
});

test("a listener may close the sampler", () => {
	const sensor = new ScriptedSensor();
	const sampler = new Sampler({ sensor, interval: 60_000 }, { onSample: () => sampler.close(), onFault: () => {} });
	sampler.tick(0);
	sampler.tick(10);
	equal(sampler.deadline, Number.POSITIVE_INFINITY);
});

test("an interval that is not positive is refused", () => {
	for (const interval of [0, -1, Number.NaN]) {
		throws(() => bench(new ScriptedSensor(), interval), /^the interval must be positive$/);
	}
});

const weather = { temperature: 21, humidity: 0.45, pressure: 101_325 };

test("a BME280 pulled from its bus and put back, as a station tells it", () => {
	const clock = new FakeClock();
	const chip = new BME280Chip({ clock, weather: () => weather });
	const sensor = new BME280({ sensor: { io: createI2C(new Map([[0x76, chip]])) }, model: "bme280" });
	const { runUntil, told } = bench(sensor, 60_000, clock);
	runUntil(59_999);
	chip.fault = "absent";
	runUntil(179_999);
	chip.fault = "none";
	chip.powerOn();
	runUntil(240_047);
	deepEqual(told(), [
		"49 sample",
		"60000 the bus failed at register 0xd0: write failed (1)",
		"61000 no chip answered at 0x76 or 0x77: write failed (2)",
		"62000 no chip answered at 0x76 or 0x77: write failed (3)",
		"63000 no chip answered at 0x76 or 0x77: write failed (4)",
		"120000 no chip answered at 0x76 or 0x77: write failed (5)",
		"121000 no chip answered at 0x76 or 0x77: write failed (6)",
		"122000 no chip answered at 0x76 or 0x77: write failed (7)",
		"123000 no chip answered at 0x76 or 0x77: write failed (8)",
		"123000 unavailable",
		"180049 recovered",
		"180049 sample",
		"240047 sample",
	]);
});

test("a DHT22 is left alone for its two seconds even after its long first measurement", () => {
	const clock = new FakeClock();
	const chip = new DHTChip({ clock, model: "dht22", weather: () => weather });
	const sensor = new DHT({ sensor: { io: createPulseCapture(chip, clock) }, model: "dht22" });
	const { runUntil, told } = bench(sensor, 2_000, clock);
	runUntil(3_000);
	chip.fault = "truncated";
	runUntil(3_100);
	chip.fault = "none";
	runUntil(10_100);
	deepEqual(told(), [
		"3052 the frame is incomplete: 51 levels instead of 84 (1)",
		"5078 sample",
		"8026 sample",
		"10026 sample",
	]);
});

test("at the sensor's shortest interval every slot has its sample, whatever fractions the times have", () => {
	for (const begin of [0.1, 1 / 3, 1_234.567_89, 9_007.199_254]) {
		const { runUntil, told } = bench(new ScriptedSensor(1_000), 1_000, Object.assign(new FakeClock(), { time: begin }));
		runUntil(begin + 600_500);
		equal(told().length, 601, `from ${begin} ms`);
	}
});

test("another interval counts from the last sample, and the next sample is not later than it was", () => {
	for (const [from, to, at, expected] of [
		[60_000, 10_000, 61_000, ["70010 sample", "80010 sample"]],
		[60_000, 10_000, 95_000, ["100010 sample", "110010 sample"]],
		[60_000, 60_000, 61_000, ["120010 sample", "180010 sample"]],
		[60_000, 60_000, 119_999, ["120010 sample", "180010 sample"]],
		[60_000, 90_000, 61_000, ["120010 sample", "210010 sample"]],
		[10_000, 60_000, 21_000, ["30010 sample", "90010 sample"]],
	] as const) {
		const { sampler, runUntil, told } = bench(new ScriptedSensor(), from);
		runUntil(at);
		told();
		sampler.setInterval(to, at);
		runUntil(220_000);
		deepEqual(told().slice(0, 2), expected, `${from} to ${to} at ${at}`);
	}
});

test("an interval that is set before the first sample, during one, or before another attempt keeps none of them", () => {
	const first = bench(new ScriptedSensor(), 60_000);
	first.sampler.setInterval(30_000, 0);
	first.runUntil(31_000);
	deepEqual(first.told(), ["10 sample", "30010 sample"]);

	const during = bench(new ScriptedSensor(), 60_000);
	during.sampler.tick(0);
	during.sampler.setInterval(30_000, 5);
	during.runUntil(31_000);
	deepEqual(during.told(), ["10 sample", "30010 sample"]);

	const sensor = new ScriptedSensor();
	const retried = bench(sensor, 60_000);
	sensor.script = broken;
	retried.runUntil(11);
	sensor.script = undefined;
	retried.sampler.setInterval(30_000, 20);
	retried.runUntil(33_000);
	deepEqual(retried.told(), ["10 broken (1)", "2010 sample", "32010 sample"]);
});

test("whoever sets intervals all the time postpones no sample, and asks the sensor no sooner than it may be asked", () => {
	let random = 1;
	const next = (range: number) => {
		random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
		return Math.floor((random / 2_147_483_648) * range);
	};
	for (let round = 0; round < 50; round++) {
		const { sampler, clock, runUntil, told } = bench(new ScriptedSensor(), 60_000);
		let last = Number.NEGATIVE_INFINITY;
		for (let step = 0; step < 200; step++) {
			const { deadline, interval } = sampler;
			const other = 2_000 + next(90_000);
			sampler.setInterval(other, clock.time);
			ok(sampler.deadline <= deadline, `postponed from ${deadline} to ${sampler.deadline}`);
			ok(sampler.deadline <= clock.time + Math.min(interval, other), "longer than either interval");
			runUntil(clock.time + next(5_000));
			for (const line of told()) {
				const time = Number.parseInt(line, 10);
				ok(time - last >= 2_000, `${time} after ${last}`);
				last = time;
			}
		}
	}
});

/** A sensor that gives these temperatures in turn; it fails where there is none, and goes on with 20 °C. */
function sensorOf(temperatures: readonly (number | undefined)[], minimumInterval = 1_000): ScriptedSensor {
	const sensor = new ScriptedSensor(minimumInterval);
	let index = 0;
	sensor.script = () => {
		const temperature = index < temperatures.length ? temperatures[index++] : 20;
		return temperature === undefined ? broken() : { thermometer: { temperature } };
	};
	return sensor;
}

test("a sample is the median of several measurements, which come as soon as the sensor may be asked", () => {
	const { runUntil, told, sampler } = bench(sensorOf([21, 80, 23, 22, 20]), 60_000, new FakeClock(), 5);
	runUntil(4_009);
	deepEqual(told(), []);
	runUntil(4_010);
	deepEqual(told(), ["4010 sample 22"]);
	equal(sampler.deadline, 60_000);
	runUntil(180_000);
	deepEqual(told(), ["64010 sample 20", "124010 sample 20"]);
});

test("of an even number of measurements it is the mean of the two in the middle", () => {
	const { runUntil, told } = bench(sensorOf([21, 80, 23, 22]), 60_000, new FakeClock(), 4);
	runUntil(60_000);
	deepEqual(told(), ["3010 sample 22.5"]);
});

test("a measurement that fails is tried again, and told of; without those that failed it is the median of the others", () => {
	const { runUntil, told } = bench(sensorOf([21, undefined, 23, 22]), 60_000, new FakeClock(), 3);
	runUntil(59_999);
	deepEqual(told(), ["1010 broken (1)", "3010 sample 22"]);
	const gone = bench(sensorOf([21, undefined, 24, undefined, undefined, undefined]), 60_000, new FakeClock(), 3);
	gone.runUntil(59_999);
	deepEqual(gone.told(), [
		"1010 broken (1)",
		"3010 broken (1)",
		"4010 broken (2)",
		"5010 broken (3)",
		"5010 sample 22.5",
	]);
});

test("where all measurements fail there is no sample, and the next one begins anew", () => {
	const { runUntil, told } = bench(
		sensorOf([undefined, undefined, undefined, undefined, 21, 22, 23]),
		60_000,
		new FakeClock(),
		3,
	);
	runUntil(62_010);
	deepEqual(told(), ["10 broken (1)", "1010 broken (2)", "2010 broken (3)", "3010 broken (4)", "62010 sample 22"]);
});

test("at the shortest interval for several measurements each slot has its sample; a failure makes it one of fewer", () => {
	const sensor = sensorOf([20, 21, 25, 20, undefined, 21, 19, 30, 22]);
	const { runUntil, told } = bench(sensor, 3_000, new FakeClock(), 3);
	runUntil(12_000);
	deepEqual(told(), ["2010 sample 21", "4010 broken (1)", "5010 sample 20.5", "8010 sample 22", "11010 sample 20"]);
});

test("measurements that come late are no reason to leave a slot out", () => {
	const { sampler, told } = bench(sensorOf([20, 21, 22, 23]), 3_000, new FakeClock(), 3);
	sampler.tick(0);
	sampler.tick(10);
	// The third measurement would be at the time of the next sample's first.
	sampler.tick(2_000);
	sampler.tick(2_010);
	deepEqual(told(), ["2010 sample 20.5"]);
	equal(sampler.deadline, 3_000);
});

test("a sample that is asked for is a median, too; asked for meanwhile, the one under way is the answer", () => {
	const { sampler, runUntil, told } = bench(sensorOf([]), 60_000, new FakeClock(), 3);
	runUntil(1_500);
	sampler.sampleNow(1_500);
	runUntil(30_000);
	sampler.sampleNow(30_000);
	runUntil(59_999);
	deepEqual(told(), ["2010 sample 20", "32010 sample 20"]);
});

test("a DHT22 is asked each two seconds for a median: after the first it has nothing old", () => {
	const clock = new FakeClock();
	const chip = new DHTChip({ clock, model: "dht22", weather: () => weather });
	const sensor = new DHT({ sensor: { io: createPulseCapture(chip, clock) }, model: "dht22", discard: "each" });
	const { runUntil, told } = bench(sensor, 60_000, clock, 5);
	runUntil(120_000);
	// Each first one takes two requests.
	deepEqual(told(), ["11078 sample 21", "70078 sample 21"]);
});

import { DHTChip, type DHTChipOptions, type DHTFault } from "../../../hosts/sim/devices/dht-chip.ts";
import { parseReplay } from "../../../hosts/sim/devices/replay.ts";
import type { PulseCapture } from "../../../src/host.ts";
import { DHT, type DHTOptions } from "../../../src/sensors/dht.ts";
import data from "../../data/dht-pulse-trains.json";
import { createPulseCapture } from "../../harness/buses.ts";
import { deepEqual, equal, match, near, test, throws } from "../../harness/harness.ts";
import { FakeClock, finish, measure, refusal } from "./drive.ts";

function bench(model: "dht11" | "dht22", options: Partial<DHTOptions> & { chip?: Partial<DHTChipOptions> } = {}) {
	const clock = new FakeClock();
	const weather = { temperature: 21, humidity: 0.45, pressure: 101_325 };
	const chip = new DHTChip({ clock, model, weather: () => weather, ...options.chip });
	const { chip: _chip, ...rest } = options;
	const sensor = new DHT({ sensor: { io: createPulseCapture(chip, clock), pin: 4 }, model, ...rest });
	return { clock, weather, chip, sensor };
}

/** A capture that does nothing but give `pulses`, and counts its calls. */
function scripted(pulses: () => ArrayLike<number> | undefined) {
	const calls: string[] = [];
	class Scripted implements PulseCapture {
		constructor(options: { readonly [option: string]: unknown }) {
			calls.push(`open ${JSON.stringify(options)}`);
		}
		hold(): void {
			calls.push("hold");
		}
		release(): void {
			calls.push("release");
		}
		read(): ArrayLike<number> | undefined {
			calls.push("read");
			return pulses();
		}
		close(): void {
			calls.push("close");
		}
	}
	return { io: Scripted, calls };
}

const [am2302] = data.frames.filter(({ capture }) => capture === "am2302/am2302_1mhz.sr");

test("the first sample waits for the sensor's start and discards one frame, the later ones do not", () => {
	for (const [model, interval] of [
		["dht11", 1_000],
		["dht22", 2_000],
	] as const) {
		const { sensor, clock } = bench(model);
		equal(sensor.minimumInterval, interval);
		const { sample, waits } = finish(sensor.measure(), clock);
		deepEqual(waits, [1_000, 20, 6, interval, 20, 6]);
		deepEqual(sample, { thermometer: { temperature: 21 }, hygrometer: { humidity: 0.45 } });
		clock.time += interval;
		deepEqual(finish(sensor.measure(), clock).waits, [20, 6]);
	}
});

test("a sensor answers with what it measured before, so the frame from power-up never becomes a sample", () => {
	const { sensor, clock, weather } = bench("dht22");
	const measurement = sensor.measure();
	measurement.next();
	clock.time += 1_000;
	// The sensor took its first value when it got power, at 21 °C.
	weather.temperature = -7.8;
	deepEqual(finish(measurement, clock).sample.thermometer, { temperature: -7.8 });
});

test("a sensor asked twice for each sample gives what surrounds it now", () => {
	const { sensor, clock, weather } = bench("dht22", { discard: "each" });
	measure(sensor, clock);
	clock.time += 3_600_000;
	weather.temperature = 3.2;
	const { sample, waits } = finish(sensor.measure(), clock);
	deepEqual(sample.thermometer, { temperature: 3.2 });
	deepEqual(waits, [20, 6, 2_000, 20, 6]);
});

test("recorded frames of each model pass through the driver in their order", () => {
	for (const replay of parseReplay(JSON.stringify(data))) {
		if (replay.kind === "bme280") continue;
		const { sensor, clock } = bench(replay.kind, { chip: { recordings: replay.recordings } });
		const recorded = data.frames.filter(({ capture }) => capture.startsWith("dht11") === (replay.kind === "dht11"));
		for (const { bytes } of [...recorded, ...recorded]) {
			const { thermometer, hygrometer } = measure(sensor, clock);
			const [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = bytes;
			const expected =
				replay.kind === "dht11"
					? [b2, b0 / 100]
					: [(b2 & 0x80 ? -1 : 1) * ((((b2 & 0x7f) << 8) | b3) / 10), ((b0 << 8) | b1) / 1_000];
			near(thermometer.temperature, expected[0]!, 1e-9);
			near(hygrometer!.humidity, expected[1]!, 1e-9);
		}
	}
});

test("edges that come up to 5 µs early or late make no difference", () => {
	const { sensor, clock, weather } = bench("dht22", { chip: { jitter: 5, seed: 7 } });
	for (let count = 0; count < 50; count++) {
		const { thermometer } = measure(sensor, clock);
		equal(thermometer.temperature, weather.temperature);
	}
});

function refusalAfterGood(fault: DHTFault): string {
	const { sensor, clock, chip } = bench("dht22");
	measure(sensor, clock);
	chip.fault = fault;
	const reason = refusal(sensor, clock);
	chip.fault = "none";
	measure(sensor, clock);
	return reason;
}

test("failure: silence is told after a bounded time", () => {
	equal(refusalAfterGood("absent"), "the sensor did not answer");
	const { sensor, clock, chip } = bench("dht22");
	chip.fault = "absent";
	throws(() => finish(sensor.measure(), clock), /^the sensor did not answer$/);
	equal(clock.time, 1_000 + 20 + 6 + 4 * 2);
});

test("failure: a frame that breaks off is refused", () => {
	match(refusalAfterGood("truncated"), /^the frame is incomplete: 51 levels instead of 84$/);
});

test("failure: a wrong bit is refused", () => {
	equal(refusalAfterGood("flippedBit"), "the checksum is wrong");
});

test("failure: a spike is refused", () => {
	match(refusalAfterGood("glitch"), /^the frame has 2 levels too many$/);
});

test("failure: a frame of zeros is refused", () => {
	equal(refusalAfterGood("zeros"), "the sensor sent nothing but zeros");
});

test("failure: noise never becomes a sample", () => {
	const { sensor, clock, chip } = bench("dht22", { chip: { seed: 11 } });
	measure(sensor, clock);
	chip.fault = "noise";
	for (let count = 0; count < 200; count++) match(refusal(sensor, clock), /^the (frame|checksum) /);
});

test("failure: the other model is told by its frames", () => {
	const clock = new FakeClock();
	const weather = () => ({ temperature: 21, humidity: 0.45, pressure: 101_325 });
	const dht11 = new DHTChip({ clock, model: "dht11", weather });
	const dht22 = new DHTChip({ clock, model: "dht22", weather });
	match(
		refusal(new DHT({ sensor: { io: createPulseCapture(dht11, clock) }, model: "dht22" }), clock),
		/set `sensor` to dht11$/,
	);
	match(
		refusal(new DHT({ sensor: { io: createPulseCapture(dht22, clock) }, model: "dht11" }), clock),
		/set `sensor` to dht22$/,
	);
});

test("failure: at most one level is silence, too", () => {
	for (const pulses of [[], [31]]) {
		const { io } = scripted(() => pulses);
		const sensor = new DHT({ sensor: { io }, model: "dht22" });
		equal(refusal(sensor, new FakeClock()), "the sensor did not answer");
	}
});

test("a sensor that fell silent may have lost its power: its next frame is discarded", () => {
	const { sensor, clock, chip, weather } = bench("dht22");
	measure(sensor, clock);
	chip.fault = "absent";
	refusal(sensor, clock);
	chip.fault = "none";
	weather.temperature = 30;
	clock.time += 2_000;
	const { waits, sample } = finish(sensor.measure(), clock);
	deepEqual(waits, [20, 6, 2_000, 20, 6]);
	deepEqual(sample.thermometer, { temperature: 30 });
});

test("the line is opened once, at the first measurement, with its options as they were given", () => {
	const { io, calls } = scripted(() => am2302!.durationsUs);
	const sensor = new DHT({ sensor: { io, pin: 4 }, model: "dht22" });
	deepEqual(calls, []);
	const clock = new FakeClock();
	deepEqual(measure(sensor, clock), { thermometer: { temperature: 23.8 }, hygrometer: { humidity: 0.721 } });
	measure(sensor, clock);
	deepEqual(calls, ['open {"pin":4}', ...Array.from({ length: 3 }, () => ["hold", "release", "read"]).flat()]);
});

test("a measurement abandoned during the start signal lets the line go", () => {
	const { io, calls } = scripted(() => undefined);
	const measurement = new DHT({ sensor: { io }, model: "dht22" }).measure();
	measurement.next();
	equal(measurement.next().value, 20);
	measurement.return(undefined as never);
	deepEqual(calls.slice(1), ["hold", "release"]);
});

test("a line that cannot be used is a fault in words, and is opened anew", () => {
	let broken = true;
	const { io, calls } = scripted(() => {
		if (broken) throw new Error("no channel");
		return am2302!.durationsUs;
	});
	const sensor = new DHT({ sensor: { io }, model: "dht22" });
	const clock = new FakeClock();
	equal(refusal(sensor, clock), "the line cannot be used: no channel");
	broken = false;
	measure(sensor, clock);
	equal(calls.filter((call) => call.startsWith("open")).length, 2);
});

test("close releases the line, twice without harm, and ends the sensor's life", () => {
	const { sensor, clock } = bench("dht22");
	measure(sensor, clock);
	sensor.close();
	sensor.close();
	equal(refusal(sensor, clock), "the sensor is closed");
});

test("a humidity that stands still while the temperature moves is told once, in a DHT, too", () => {
	for (const [model, moved] of [
		["dht22", "2.0"],
		["dht11", "2.0"],
	] as const) {
		const doubts: string[] = [];
		const { sensor, clock, weather } = bench(model, {
			host: { log: (level, text) => doubts.push(`${level}: ${text}`) },
		});
		Object.assign(weather, { temperature: 20, humidity: 0.45 });
		for (let count = 1; count <= 150; count++) {
			measure(sensor, clock);
			weather.temperature += 0.02;
		}
		deepEqual(doubts, [
			`warning: the humidity has stood still for 100 readings, in which the temperature moved by ${moved} °C: the sensor may be broken`,
		]);
	}
});

import { BME280Chip, type BME280ChipOptions, type BME280Fault } from "../../../hosts/sim/devices/bme280-chip.ts";
import type { I2CChip } from "../../../hosts/sim/devices/i2c-bus.ts";
import { parseReplay } from "../../../hosts/sim/devices/replay.ts";
import type { I2COptions } from "../../../src/host.ts";
import { BME280, type BME280Options } from "../../../src/sensors/bme280.ts";
import { decodeFrame } from "../../../src/sensors/bme280-frame.ts";
import { parseCalibration } from "../../../src/sensors/compensation.ts";
import data from "../../data/bme280-vectors.json";
import { createI2C } from "../../harness/buses.ts";
import { deepEqual, equal, match, near, ok, test, throws } from "../../harness/harness.ts";
import { FakeClock, finish, measure, refusal } from "./drive.ts";

interface Bench {
	readonly clock: FakeClock;
	readonly chip: BME280Chip;
	readonly chips: Map<number, I2CChip>;
	readonly weather: { temperature: number; humidity: number; pressure: number };
	readonly diagnostics: string[];
	readonly doubts: string[];
	/** Addresses of bus objects as they were opened. */
	readonly opened: number[];
	readonly sensor: BME280;
}

function bench(options: Partial<BME280Options> & { chip?: Partial<BME280ChipOptions>; at?: number } = {}): Bench {
	const clock = new FakeClock();
	const weather = { temperature: 21.53, humidity: 0.452, pressure: 101_325 };
	const chip = new BME280Chip({ clock, weather: () => weather, ...options.chip });
	const chips = new Map<number, I2CChip>([[options.at ?? 0x76, chip]]);
	const opened: number[] = [];
	const diagnostics: string[] = [];
	const io = class extends createI2C(chips) {
		constructor(busOptions: I2COptions) {
			super(busOptions);
			opened.push(busOptions.address);
		}
	};
	const { chip: _chip, at: _at, ...rest } = options;
	const doubts: string[] = [];
	const host: BME280Options["host"] = { log: (level, text) => (level === "info" ? diagnostics : doubts).push(text) };
	const sensor = new BME280({ sensor: { io, data: 21, clock: 22 }, model: "bme280", host, ...rest });
	return { clock, chip, chips, weather, diagnostics, doubts, opened, sensor };
}

function nearWeather({ sensor, clock, weather }: Bench): void {
	const { thermometer, hygrometer, barometer } = measure(sensor, clock);
	near(thermometer.temperature, weather.temperature, 0.01);
	near(hygrometer!.humidity, weather.humidity, 0.000_2);
	near(barometer!.pressure, weather.pressure, 1);
}

/** Whether the two bytes of a register's write are in a transcript. */
type Transfer = { time: number; bytes: number[] };

function recordWrites(board: Bench): Transfer[] {
	const transfers: Transfer[] = [];
	const { chip } = board;
	board.chips.set(0x76, {
		get holdsBus() {
			return chip.holdsBus;
		},
		read: (byteLength) => chip.read(byteLength),
		write: (bytes) => {
			transfers.push({ time: board.clock.time, bytes: [...bytes] });
			return chip.write(bytes);
		},
	});
	return transfers;
}

/** Registers of a real chip. */
const recorded = (() => {
	const [replay] = parseReplay(JSON.stringify(data), "periph-i2c");
	if (replay?.kind !== "bme280") throw new Error("no recording");
	return replay.recordings[0]!;
})();
/** Frames of that chip, each with other bytes from one of its registers on. */
const withFrames = (...changes: [register: number, ...bytes: number[]][]) => {
	const frames = changes.map(([register, ...bytes]) => {
		const frame = Uint8Array.from(recorded.frames[0]!);
		frame.set(bytes, register - 0xf7);
		return frame;
	});
	return { chip: { recording: { ...recorded, frames } } };
};

test("the driver reads back what surrounds the chip", () => {
	const board = bench();
	nearWeather(board);
	Object.assign(board.weather, { temperature: -12.7, humidity: 0.83, pressure: 93_050 });
	nearWeather(board);
	deepEqual(board.diagnostics, ["BME280 found at 0x76"]);
});

test("the recorded registers of a real chip give the values that were published with them", () => {
	const { sensor, clock } = bench({ chip: { recording: recorded } });
	const { thermometer, hygrometer, barometer } = measure(sensor, clock);
	near(thermometer.temperature, 23.72, 0.01);
	near(hygrometer!.humidity, 0.653_056, 0.000_08);
	near(barometer!.pressure, 100_942.695, 1);
});

test("the constructor touches no bus", () => {
	const board = bench();
	const transfers = recordWrites(board);
	deepEqual(board.opened, []);
	deepEqual(transfers, []);
});

test("a start resets and reads the calibration twice; a measurement sets ctrl_hum before ctrl_meas and reads one burst", () => {
	const board = bench();
	const transfers = recordWrites(board);
	const { waits } = finish(board.sensor.measure(), board.clock);
	// 2 ms start-up; 1.25 + 2 · 2.3 + (16 · 2.3 + 0.575) + (2.3 + 0.575) = 46.1 ms at the most.
	deepEqual(waits, [2, 47]);
	deepEqual(transfers, [
		{ time: 0, bytes: [0xd0] },
		{ time: 0, bytes: [0xe0, 0xb6] },
		{ time: 2, bytes: [0xf3] },
		{ time: 2, bytes: [0x88] },
		{ time: 2, bytes: [0xe1] },
		{ time: 2, bytes: [0x88] },
		{ time: 2, bytes: [0xe1] },
		{ time: 2, bytes: [0xf5, 0x00] },
		{ time: 2, bytes: [0xd0] },
		{ time: 2, bytes: [0xf2, 0b001] },
		{ time: 2, bytes: [0xf4, 0b010_101_01] },
		{ time: 49, bytes: [0xf3] },
		{ time: 49, bytes: [0xf7] },
	]);
	transfers.length = 0;
	finish(board.sensor.measure(), board.clock);
	deepEqual(
		transfers.map(({ bytes }) => bytes),
		[[0xd0], [0xf2, 0b001], [0xf4, 0b010_101_01], [0xf3], [0xf7]],
	);
});

test("a BMP280 is asked for no humidity", () => {
	const board = bench({ model: "bmp280", chip: { model: "bmp280" } });
	const transfers = recordWrites(board);
	const { sample, waits } = finish(board.sensor.measure(), board.clock);
	deepEqual(waits, [2, 44]);
	equal(sample.hygrometer, undefined);
	near(sample.thermometer.temperature, 21.53, 0.01);
	near(sample.barometer!.pressure, 101_325, 1);
	ok(transfers.every(({ bytes }) => bytes[0] !== 0xf2 && bytes[0] !== 0xe1));
	deepEqual(board.diagnostics, ["BMP280 found at 0x76"]);
});

test("a BME280 serves as a BMP280", () => {
	const { sensor, clock } = bench({ model: "bmp280" });
	const sample = measure(sensor, clock);
	equal(sample.hygrometer, undefined);
	near(sample.barometer!.pressure, 101_325, 1);
});

test("a chip at the second address is found, and each bus object is closed before the next", () => {
	const board = bench({ at: 0x77 });
	nearWeather(board);
	deepEqual(board.opened, [0x76, 0x77]);
	deepEqual(board.diagnostics, ["BME280 found at 0x77"]);
});

test("another chip at the first address does not hide the right one at the second", () => {
	const board = bench({ at: 0x77 });
	board.chips.set(0x76, { holdsBus: false, write: () => true, read: (count) => new Uint8Array(count).fill(0x61) });
	nearWeather(board);
});

test("with an address given, no other is tried", () => {
	const board = bench({ at: 0x77, address: 0x76 });
	equal(refusal(board.sensor, board.clock), "no chip answered at 0x76: write failed");
	deepEqual(board.opened, [0x76]);
});

// The failure table of real installations: each cause once looked like weather to somebody.

test("failure: an absent chip is named with both addresses", () => {
	const board = bench({ at: 0x40 });
	equal(refusal(board.sensor, board.clock), "no chip answered at 0x76 or 0x77: write failed");
});

test("failure: the sentinel of a skipped temperature is rejected", () => {
	equal(refusalWith("skipsTemperature"), "the chip skipped the temperature");
});

test("failure: the sentinel of a skipped pressure is rejected", () => {
	equal(refusalWith("skipsPressure"), "the chip skipped the pressure");
});

test("failure: the sentinel of a skipped humidity is rejected", () => {
	equal(refusalWith("skipsHumidity"), "the chip skipped the humidity");
});

test("a true value that equals a sentinel is no skipped channel: the next measurement has its neighbour", () => {
	for (const [sentinel, neighbour] of [
		[
			[0xfd, 0x80, 0x00],
			[0xfd, 0x80, 0x01],
		],
		[
			[0xfa, 0x80, 0x00, 0x00],
			[0xfa, 0x80, 0x00, 0x80],
		],
		[
			[0xf7, 0x80, 0x00, 0x00],
			[0xf7, 0x80, 0x00, 0x10],
		],
	] satisfies [number, ...number[]][][]) {
		for (const sentinels of [1, 2]) {
			const { sensor, clock } = bench(withFrames(...new Array(sentinels).fill(sentinel), neighbour!));
			const { sample, waits } = finish(sensor.measure(), clock);
			deepEqual(waits, [2, ...new Array(sentinels + 1).fill(47)]);
			const [register, ...bytes] = neighbour!;
			const frame = Uint8Array.from(recorded.frames[0]!);
			frame.set(bytes, register! - 0xf7);
			const { temperature, pressure, humidity } = decodeFrame(parseCalibration(recorded.first, recorded.second), frame);
			deepEqual(sample, { thermometer: { temperature }, hygrometer: { humidity }, barometer: { pressure } });
		}
	}
});

test("air at rest at the very counts of a sentinel gives a reading each time", () => {
	const { sensor, clock, diagnostics } = bench(withFrames([0xfd, 0x80, 0x00]));
	for (let count = 0; count < 40; count++) near(measure(sensor, clock).hygrometer!.humidity, 0.732_27, 0.000_1);
	deepEqual(diagnostics, ["BME280 found at 0x76"]);
});

test("a sentinel three times in a row is a skipped channel", () => {
	const skips = [0xfd, 0x80, 0x00] as [number, ...number[]];
	const { sensor, clock } = bench(withFrames(skips, skips, skips, [0xfd, 0x7a, 0x76]));
	equal(refusal(sensor, clock), "the chip skipped the humidity");
	near(measure(sensor, clock).hygrometer!.humidity, 0.653_06, 0.000_1);
});

test("a chip that loses its power while it measures gives a reading all the same", () => {
	const board = bench();
	nearWeather(board);
	board.clock.time += 1_000;
	const measurement = board.sensor.measure();
	board.clock.time += measurement.next().value as number;
	board.chip.powerOn();
	board.clock.time += 2;
	near(finish(measurement, board.clock).sample.hygrometer!.humidity, board.weather.humidity, 0.000_2);
	deepEqual(board.diagnostics, ["BME280 found at 0x76"]);
});

test("failure: the sentinels that a reset leaves behind are rejected", () => {
	const board = bench();
	nearWeather(board);
	board.chip.powerOn();
	board.chip.fault = "frozen";
	equal(refusal(board.sensor, board.clock), "the chip skipped the temperature");
});

test("failure: data of nothing but 0x00 is rejected", () => {
	equal(refusalWith("dataZeros"), "the chip sent nothing but 0x00");
});

test("failure: data of nothing but 0xFF is rejected", () => {
	equal(refusalWith("dataOnes"), "the chip sent nothing but 0xff");
});

test("failure: a calibration of zeros is rejected", () => {
	equal(refusalWith("calibrationZeros"), "the calibration is damaged: every byte from 0x88 on is 0");
});

test("failure: a BMP280 sold as a BME280 is told by its id, with what to do", () => {
	const { sensor, clock } = bench({ chip: { model: "bmp280" } });
	equal(
		refusal(sensor, clock),
		"the chip at 0x76 is a BMP280 (id 0x58), which measures no humidity: set `sensor` to bmp280",
	);
});

test("failure: a bus that echoes the register's number is rejected", () => {
	match(refusalWith("echo"), /its id is 0xd0, an echo of the register number: check the wiring$/);
});

test("failure: a bus of zeros, or of ones, is rejected", () => {
	match(refusalWith("zeros"), /its id is 0x00, nothing but zeros: check the wiring$/);
	match(refusalWith("ones"), /its id is 0xff, nothing but ones: check the wiring$/);
});

test("failure: a stuck bus is a fault, and the driver recovers when the bus does", () => {
	const board = bench();
	nearWeather(board);
	board.chip.fault = "stuck";
	equal(refusal(board.sensor, board.clock), "the bus failed at register 0xd0: write failed");
	for (let attempt = 0; attempt < 20; attempt++) {
		equal(refusal(board.sensor, board.clock), "no chip answered at 0x76 or 0x77: write failed");
	}
	board.chip.fault = "none";
	nearWeather(board);
});

function refusalWith(fault: BME280Fault): string {
	const { sensor, clock, chip } = bench();
	chip.fault = fault;
	return refusal(sensor, clock);
}

test("a chip that never finishes copying its calibration is waited for five times", () => {
	const { sensor, clock, chip } = bench();
	chip.fault = "neverReady";
	throws(() => finish(sensor.measure(), clock), /did not start: its calibration is not there/);
	equal(clock.time, 2 + 4 * 2);
});

test("a chip that never finishes measuring is waited for five times", () => {
	const { sensor, clock, chip } = bench();
	chip.fault = "neverDone";
	throws(() => finish(sensor.measure(), clock), /^the chip did not finish measuring$/);
	equal(clock.time, 2 + 47 + 4 * 2);
});

test("other chips are named", () => {
	for (const [id, pattern] of [
		[0x61, /^the chip at 0x76 is no BME280 or BMP280: its id is 0x61, a BME680's$/],
		[0x55, /its id is 0x55, a BMP180's$/],
		[0x2a, /its id is 0x2a$/],
	] as const) {
		const board = bench();
		board.chips.set(0x76, { holdsBus: false, write: () => true, read: (count) => new Uint8Array(count).fill(id) });
		match(refusal(board.sensor, board.clock), pattern);
	}
});

test("a BMP388 or BMP390 is named by its id at another register", () => {
	for (const [id, name] of [
		[0x50, "BMP388"],
		[0x60, "BMP390"],
	] as const) {
		for (const elsewhere of [0x00, 0xff, 0x2a]) {
			const board = bench();
			let register = 0;
			board.chips.set(0x76, {
				holdsBus: false,
				write: ([first = 0]) => {
					register = first;
					return true;
				},
				read: (count) => Uint8Array.from({ length: count }, (_, index) => (register + index === 0 ? id : elsewhere)),
			});
			const shown = id.toString(16);
			equal(
				refusal(board.sensor, board.clock),
				`the chip at 0x76 is no BME280 or BMP280: its id is 0x${shown} at register 0x00, a ${name}'s`,
			);
		}
	}
});

/** Flips a bit of what the chip gives from `register` on, in those reads of it whose number, from 1, is in `flips`. */
function flipReads(board: Bench, register: number, byte: number, flips: (read: number) => boolean): void {
	const { chip } = board;
	let pointer = 0;
	let reads = 0;
	board.chips.set(0x76, {
		get holdsBus() {
			return chip.holdsBus;
		},
		write: (bytes) => {
			pointer = bytes[0]!;
			return chip.write(bytes);
		},
		read: (byteLength) => {
			const bytes = chip.read(byteLength)!;
			if (pointer === register && flips(++reads)) bytes[byte]! ^= 0x10 << (reads % 4);
			return bytes;
		},
	});
}

test("one wrong bit in a read of the calibration is in no reading", () => {
	const options = { chip: { recording: recorded } };
	for (const model of ["bme280", "bmp280"] as const) {
		for (const [register, length] of [
			[0x88, 26],
			[0xe1, model === "bme280" ? 7 : 0],
		] as const) {
			for (let byte = 0; byte < length; byte++) {
				for (const wrong of [1, 2]) {
					const board = bench({ ...options, model });
					flipReads(board, register, byte, (read) => read === wrong);
					const { thermometer, barometer, hygrometer } = measure(board.sensor, board.clock);
					near(thermometer.temperature, 23.722_089, 1e-6);
					near(barometer!.pressure, 100_942.965_5, 1e-3);
					if (hygrometer) near(hygrometer.humidity, 0.653_061_19, 1e-8);
				}
			}
		}
	}
});

test("a calibration that is never read twice alike is a fault, and the next start may find it whole", () => {
	const board = bench();
	let disturbed = true;
	flipReads(board, 0x88, 3, () => disturbed);
	for (let count = 0; count < 4; count++) {
		equal(refusal(board.sensor, board.clock), "the calibration reads differently each time: check the wiring");
	}
	disturbed = false;
	nearWeather(board);
});

test("values beyond the datasheet's range are rejected", () => {
	const board = bench();
	const rejected = (weather: Partial<Bench["weather"]>, pattern: RegExp) => {
		const before = { ...board.weather };
		Object.assign(board.weather, weather);
		match(refusal(board.sensor, board.clock), pattern);
		Object.assign(board.weather, before);
		nearWeather(board);
	};
	rejected({ temperature: 86 }, /^a temperature of 86\.0 °C is not within -40\.\.85 °C$/);
	rejected({ temperature: -41 }, /^a temperature of -41\.0 °C/);
	rejected({ pressure: 29_000 }, /^a pressure of 29000 Pa is not within 30000\.\.110000 Pa$/);
	rejected({ pressure: 111_000 }, /^a pressure of 111000 Pa/);
});

test("humidity at its limits is a reading", () => {
	const board = bench();
	board.weather.humidity = 0;
	near(measure(board.sensor, board.clock).hygrometer!.humidity, 0, 0.000_1);
	board.weather.humidity = 1;
	near(measure(board.sensor, board.clock).hygrometer!.humidity, 1, 0.000_1);
});

test("after an error of the bus the chip is searched for and started anew", () => {
	const board = bench();
	nearWeather(board);
	board.chip.fault = "absent";
	refusal(board.sensor, board.clock);
	board.chip.fault = "none";
	board.chip.powerOn();
	nearWeather(board);
	deepEqual(board.opened, [0x76, 0x76]);
	equal(board.diagnostics.length, 2);
});

test("a chip that has moved to the other address is found again", () => {
	const board = bench();
	nearWeather(board);
	board.chips.delete(0x76);
	board.chips.set(0x77, board.chip);
	refusal(board.sensor, board.clock);
	nearWeather(board);
	deepEqual(board.opened, [0x76, 0x76, 0x77]);
});

test("a chip that was exchanged for another kind is noticed before its data are read", () => {
	const board = bench();
	nearWeather(board);
	board.chips.set(0x76, new BME280Chip({ clock: board.clock, weather: () => board.weather, model: "bmp280" }));
	equal(refusal(board.sensor, board.clock), "the chip at 0x76 has changed: its id was 0x60 and is 0x58");
	match(refusal(board.sensor, board.clock), /is a BMP280/);
});

test("two implausible measurements keep the chip; the third starts it anew", () => {
	const board = bench();
	nearWeather(board);
	board.chip.fault = "dataOnes";
	for (let failure = 1; failure <= 3; failure++) refusal(board.sensor, board.clock);
	deepEqual(board.opened, [0x76]);
	refusal(board.sensor, board.clock);
	deepEqual(board.opened, [0x76, 0x76]);
	board.chip.fault = "none";
	nearWeather(board);
	deepEqual(board.opened, [0x76, 0x76]);
});

test("failures count only in a row", () => {
	const board = bench();
	for (let round = 0; round < 5; round++) {
		board.chip.fault = "dataOnes";
		refusal(board.sensor, board.clock);
		refusal(board.sensor, board.clock);
		board.chip.fault = "none";
		nearWeather(board);
	}
	deepEqual(board.opened, [0x76]);
});

test("sixteen equal frames are readings, and start the chip anew; further ones are none, until a frame differs", () => {
	const board = bench();
	board.chip.fault = "repeats";
	for (let count = 0; count < 16; count++) nearWeather(board);
	deepEqual(board.diagnostics, ["BME280 found at 0x76", "16 measurements gave the same bits: starting the chip anew"]);
	for (let count = 0; count < 100; count++) {
		equal(
			refusal(board.sensor, board.clock),
			"every measurement gives the same bits, also after the chip was started anew",
		);
	}
	// The first start, the one after sixteen frames, and one after each third failure.
	equal(board.opened.length, 2 + 33);
	board.chip.fault = "none";
	board.weather.temperature += 0.1;
	for (let count = 0; count < 100; count++) nearWeather(board);
	equal(board.opened.length, 2 + 33);
});

test("failures between equal frames do not make readings of them", () => {
	const board = bench();
	board.chip.fault = "repeats";
	for (let count = 0; count < 16; count++) nearWeather(board);
	for (const fault of ["absent", "stuck", "zeros", "ones", "echo"] as const) {
		board.chip.fault = fault;
		for (let count = 0; count < 5; count++) refusal(board.sensor, board.clock);
		board.chip.fault = "repeats";
		match(refusal(board.sensor, board.clock), /^every measurement gives the same bits/);
	}
});

test("a humidity that stands still while the temperature moves is told once, and stays a reading", () => {
	const board = bench();
	const { doubts } = board;
	nearWeather(board);
	board.chip.fault = "stillHumidity";
	for (let count = 2; count <= 300; count++) {
		board.weather.temperature += 0.02;
		near(measure(board.sensor, board.clock).thermometer.temperature, board.weather.temperature, 0.01);
		equal(doubts.length, count < 100 ? 0 : 1);
	}
	deepEqual(doubts, [
		"the humidity has stood still for 100 readings, in which the temperature moved by 2.0 °C: the sensor may be broken",
	]);
});

test("a humidity that stands still is not told while the temperature does, nor is a BMP280's", () => {
	const still = bench();
	nearWeather(still);
	still.chip.fault = "stillHumidity";
	for (let count = 0; count < 200; count++) measure(still.sensor, still.clock);
	const bmp280 = bench({ model: "bmp280", chip: { model: "bmp280" } });
	for (let count = 0; count < 200; count++) {
		bmp280.weather.temperature += 0.02;
		measure(bmp280.sensor, bmp280.clock);
	}
	deepEqual([still.doubts, bmp280.doubts], [[], []]);
});

test("air at rest gives readings for ever: a working chip's lowest bits are noise", () => {
	for (const options of [
		{},
		{ model: "bmp280", chip: { model: "bmp280" } },
		{ chip: { recording: recorded } },
	] as const) {
		const { sensor, clock, opened } = bench(options);
		for (let count = 0; count < 200; count++) measure(sensor, clock);
		deepEqual(opened, [0x76]);
	}
});

test("a chip that freezes gives readings again after it was started anew", () => {
	const board = bench();
	nearWeather(board);
	board.chip.fault = "frozen";
	board.weather.temperature = 25;
	for (let count = 1; count < 16; count++)
		near(measure(board.sensor, board.clock).thermometer.temperature, 21.53, 0.01);
	board.chip.fault = "none";
	nearWeather(board);
	deepEqual(board.opened, [0x76, 0x76]);
});

test("the bus gets its options as they were given, and a speed that they may change", () => {
	const seen: I2COptions[] = [];
	const io = class extends createI2C(new Map()) {
		constructor(options: I2COptions) {
			super(options);
			seen.push(options);
		}
	};
	const clock = new FakeClock();
	refusal(new BME280({ sensor: { io, data: 21, clock: 22 }, model: "bme280", address: 0x77 }), clock);
	refusal(new BME280({ sensor: { io, hz: 400_000 }, model: "bme280", address: 0x77 }), clock);
	deepEqual(seen, [
		{ hz: 100_000, data: 21, clock: 22, address: 0x77 },
		{ hz: 400_000, address: 0x77 },
	]);
});

test("a bus that cannot be opened, or gives too few bytes, is a fault in words", () => {
	const clock = new FakeClock();
	const broken = class extends createI2C(new Map()) {
		constructor(options: I2COptions) {
			super(options);
			throw new RangeError("data required");
		}
	};
	equal(
		refusal(new BME280({ sensor: { io: broken }, model: "bme280", address: 0x76 }), clock),
		"no chip answered at 0x76: data required",
	);
	const board = bench();
	nearWeather(board);
	board.chips.set(0x76, { holdsBus: false, write: () => true, read: () => new Uint8Array(0) });
	equal(refusal(board.sensor, board.clock), "the bus failed at register 0xd0: 0 bytes instead of 1");
});

test("a bus may answer with a Uint8Array, even the same each time", () => {
	const board = bench();
	const io = class extends createI2C(board.chips) {
		private readonly _buffer = new Uint8Array(64);
		override read(byteLength: number): Uint8Array {
			const bytes = this._buffer.subarray(0, byteLength);
			bytes.set(new Uint8Array(super.read(byteLength) as ArrayBuffer));
			return bytes;
		}
	};
	const sensor = new BME280({
		sensor: { io },
		model: "bme280",
		host: { log: (_, text) => board.diagnostics.push(text) },
	});
	for (let count = 0; count < 20; count++) {
		board.weather.temperature += 0.05;
		near(measure(sensor, board.clock).thermometer.temperature, board.weather.temperature, 0.01);
	}
	deepEqual(board.diagnostics, ["BME280 found at 0x76"]);
});

test("close releases the bus, twice without harm, and ends the sensor's life", () => {
	const board = bench();
	nearWeather(board);
	board.sensor.close();
	board.sensor.close();
	equal(refusal(board.sensor, board.clock), "the sensor is closed");
	// The address is free: on ESP32 a second bus object there would be refused.
	new (createI2C(board.chips))({ address: 0x76 }).close();
	equal(board.opened.length, 1);
});

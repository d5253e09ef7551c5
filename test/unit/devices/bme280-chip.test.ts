import { BME280Chip, type BME280ChipOptions } from "../../../hosts/sim/devices/bme280-chip.ts";
import { countsFor } from "../../../hosts/sim/devices/bme280-counts.ts";
import { compensate, parseCalibration } from "../../../src/sensors/compensation.ts";
import data from "../../data/bme280-vectors.json";
import { createI2C } from "../../harness/buses.ts";
import { deepEqual, equal, near, ok, test, throws } from "../../harness/harness.ts";
import { FakeClock } from "../sensors/drive.ts";

const periph = data.vectors.find(({ name }) => name === "periph-i2c")!;
const bytes = (dump: string) => Uint8Array.from(dump.split(" "), (byte) => Number.parseInt(byte, 16));
const calibration = parseCalibration(bytes(periph.bytes!.reg0x88), bytes(periph.bytes!.reg0xE1));
const SENTINELS = [0x80, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x00];

function bench(options: Partial<BME280ChipOptions> = {}) {
	const clock = new FakeClock();
	const weather = { temperature: 23.722_089, humidity: 0.653_061_19, pressure: 100_942.965_5 };
	const chip = new BME280Chip({ clock, weather: () => weather, ...options });
	const read = (register: number, count: number) => {
		chip.write(Uint8Array.of(register));
		return [...chip.read(count)!];
	};
	const write = (...values: number[]) => chip.write(Uint8Array.from(values));
	clock.time = 2;
	return { clock, weather, chip, read, write };
}

/** ctrl_meas with these codes, in forced mode. */
const forced = (temperature: number, pressure: number) => (temperature << 5) | (pressure << 2) | 1;

test("registers are read one after another from the one that was written", () => {
	const { read, chip } = bench();
	deepEqual(read(0x88, 26), [...bytes(periph.bytes!.reg0x88)]);
	deepEqual(read(0xe1, 7), [...bytes(periph.bytes!.reg0xE1)]);
	deepEqual(read(0xd0, 1), [0x60]);
	deepEqual([...chip.read(2)!], [0, 0]);
});

test("until its first measurement, the data registers hold sentinels", () => {
	deepEqual(bench().read(0xf7, 8), SENTINELS);
});

test("the calibration is copied for 2 ms after a reset, and other words reset nothing", () => {
	const { clock, read, write } = bench();
	write(0xf2, 3);
	write(0xe0, 0x55);
	deepEqual(read(0xf2, 1), [3]);
	write(0xe0, 0xb6);
	deepEqual([read(0xf3, 1), read(0x88, 2), read(0xf2, 1)], [[0x01], [0, 0], [0]]);
	clock.time += 1.9;
	deepEqual(read(0xf3, 1), [0x01]);
	clock.time += 0.1;
	deepEqual([read(0xf3, 1), read(0x88, 2)], [[0x00], [0x10, 0x6e]]);
});

test("a forced measurement takes its typical time and falls asleep; at full resolution it gives the counts of the real chip", () => {
	const { clock, read, write } = bench();
	write(0xf2, 1);
	write(0xf4, forced(5, 5));
	// 1 + 2 · 16 + (2 · 16 + 0.5) + (2 + 0.5) ms.
	clock.time += 67.9;
	deepEqual([read(0xf3, 1), read(0xf4, 1), read(0xf7, 8)], [[0x08], [forced(5, 5)], SENTINELS]);
	clock.time += 0.1;
	deepEqual([read(0xf3, 1), read(0xf4, 1)], [[0x00], [forced(5, 5) & ~1]]);
	const [p1 = 0, p2 = 0, p3 = 0, t1 = 0, t2 = 0, t3 = 0, h1 = 0, h2 = 0] = read(0xf7, 8);
	near((t1 << 12) | (t2 << 4) | (t3 >> 4), periph.adc.T, 1);
	near((p1 << 12) | (p2 << 4) | (p3 >> 4), periph.adc.P!, 1);
	near((h1 << 8) | h2, periph.adc.H!, 1);
});

test("oversampling decides on the bits: 16 for one sample, one more with each doubling", () => {
	for (const [code, empty] of [
		[1, 0xf0],
		[2, 0x70],
		[3, 0x30],
		[4, 0x10],
	] as const) {
		const { clock, read, write, weather } = bench();
		let union = 0;
		for (let step = 0; step < 64; step++) {
			weather.temperature += 0.001_7;
			write(0xf4, forced(code, 1));
			clock.time += 100;
			union |= read(0xfc, 1)[0]!;
		}
		equal(union & empty, 0, `code ${code}`);
		equal(union | empty, 0xf0, `code ${code}`);
	}
});

test("a channel without samples holds its sentinel", () => {
	const { clock, read, write } = bench();
	write(0xf4, forced(1, 0));
	clock.time += 100;
	const frame = read(0xf7, 8);
	deepEqual(frame.slice(0, 3), SENTINELS.slice(0, 3));
	ok(frame[3] !== 0x80 || frame[4] !== 0);
	deepEqual(frame.slice(6), SENTINELS.slice(6));
});

test("ctrl_hum counts only after the next write of ctrl_meas", () => {
	const { clock, read, write } = bench();
	const humidity = () => {
		clock.time += 100;
		return read(0xfd, 2);
	};
	write(0xf4, forced(1, 1));
	write(0xf2, 1);
	deepEqual(humidity(), [0x80, 0x00]);
	write(0xf4, forced(1, 1));
	ok(humidity()[1] !== 0);
});

test("ctrl_meas written during a forced measurement waits for its end", () => {
	const { clock, read, write } = bench();
	write(0xf4, forced(1, 1));
	clock.time += 1;
	write(0xf4, forced(2, 2));
	deepEqual(read(0xf4, 1), [forced(1, 1)]);
	clock.time += 5;
	deepEqual([read(0xf3, 1), read(0xf4, 1)], [[0x08], [forced(2, 2)]]);
	clock.time += 100;
	deepEqual(read(0xf3, 1), [0x00]);
});

test("normal mode measures again and again, and ignores config", () => {
	const { clock, read, write, weather } = bench();
	write(0xf5, 0b001_000_00);
	write(0xf4, forced(1, 1) | 3);
	write(0xf5, 0);
	deepEqual(read(0xf5, 1), [0b001_000_00]);
	// 5.5 ms of measuring, 62.5 ms of standby.
	clock.time += 5.5;
	const first = read(0xf7, 6);
	deepEqual(read(0xf3, 1), [0x00]);
	weather.temperature += 5;
	clock.time += 62.4;
	deepEqual([read(0xf3, 1), read(0xf7, 6)], [[0x00], first]);
	clock.time += 1;
	deepEqual([read(0xf3, 1), read(0xf7, 6)], [[0x08], first]);
	clock.time += 5;
	ok(read(0xfa, 1)[0]! > first[3]!);
	write(0xf4, 0);
	write(0xf5, 0);
	deepEqual(read(0xf5, 1), [0]);
});

test("a BMP280 has no humidity", () => {
	const { clock, read, write } = bench({ model: "bmp280" });
	write(0xf2, 1);
	write(0xf4, forced(1, 1));
	clock.time += 100;
	deepEqual([read(0xd0, 1), read(0xf2, 1), read(0xfd, 2)], [[0x58], [0], [0x80, 0x00]]);
	deepEqual(read(0xe1, 7), [0, 0, 0, 0, 0, 0, 0]);
	deepEqual(read(0xa0, 2), [0, 0]);
});

test("recorded frames come one after another and over again", () => {
	const frames = [bytes("4a 52 c0 80 96 c0 7a 76"), bytes("4a 52 d0 80 96 d0 7a 77")];
	const { clock, read, write } = bench({
		recording: { name: "two", first: bytes(periph.bytes!.reg0x88), second: bytes(periph.bytes!.reg0xE1), frames },
	});
	write(0xf2, 1);
	for (const frame of [...frames, ...frames]) {
		write(0xf4, forced(1, 1));
		clock.time += 100;
		deepEqual(read(0xf7, 8), [...frame]);
	}
});

/** Twenty measurements in full resolution. */
function measured({ clock, read, write }: ReturnType<typeof bench>, between = (_index: number) => {}): number[][] {
	return Array.from({ length: 20 }, (_, index) => {
		between(index);
		write(0xf2, 5);
		write(0xf4, forced(5, 5));
		clock.time += 200;
		return read(0xf7, 8);
	});
}
const neighboursDiffer = (frames: readonly number[][]) =>
	frames.every((frame, index) => index === 0 || frame.join() !== frames[index - 1]!.join());

test("air at rest, or a single recorded frame, comes with noise in the lowest bits, and exact at first", () => {
	const exact = bytes(periph.bytes!.reg0xF7);
	const recording = { first: bytes(periph.bytes!.reg0x88), second: bytes(periph.bytes!.reg0xE1), frames: [exact] };
	const recorded = measured(bench({ recording: { name: "one", ...recording } }));
	deepEqual(recorded[0], [...exact]);
	const allowed = [0, 0, 0x10, 0, 0, 0x10, 0, 1];
	for (const frames of [recorded, measured(bench())]) {
		ok(neighboursDiffer(frames));
		for (const frame of frames) {
			ok(
				frame.every((byte, index) => ((byte ^ frames[0]![index]!) & ~allowed[index]!) === 0),
				frame.join(),
			);
		}
	}
});

test("a chip that repeats itself gives the same bits whatever the weather, also after a reset", () => {
	const board = bench();
	measured(board);
	board.chip.fault = "repeats";
	const frames = measured(board, (index) => {
		board.weather.temperature += 0.1;
		if (index !== 10) return;
		board.write(0xe0, 0xb6);
		board.clock.time += 2;
	});
	for (const frame of frames) deepEqual(frame, frames[0]);
	board.chip.fault = "none";
	ok(neighboursDiffer(measured(board)));
});

test("a broken humidity stands still while the rest moves", () => {
	const board = bench();
	const [before] = measured(board).slice(-1);
	board.chip.fault = "stillHumidity";
	const frames = measured(board, () => {
		Object.assign(board.weather, {
			temperature: board.weather.temperature + 0.1,
			humidity: board.weather.humidity - 0.01,
		});
	});
	for (const frame of frames) deepEqual(frame.slice(6), before!.slice(6));
	ok(neighboursDiffer(frames.map((frame) => frame.slice(3, 6))));
});

test("counts for physical values decode to these values all over the ranges", () => {
	for (let temperature = -40; temperature <= 85; temperature += 12.5) {
		for (let pressure = 30_000; pressure <= 110_000; pressure += 10_000) {
			const humidity = (temperature + 40) / 125;
			const result = compensate(calibration, countsFor(calibration, { temperature, humidity, pressure }));
			near(result.temperature, temperature, 0.000_5);
			near(result.pressure, pressure, 0.25);
			near(result.humidity!, humidity, 0.000_2);
		}
	}
});

test("the bus throws as Moddable's does on ESP32", () => {
	const { chip } = bench();
	const I2C = createI2C(new Map([[0x76, chip]]));
	throws(() => new I2C({} as { address: number }), /^address required$/);
	throws(() => new I2C({ address: 128 }), /^invalid address$/);
	throws(() => new I2C({ address: 0x76, hz: 0 }), /^invalid hz$/);
	const bus = new I2C({ address: 0x76, hz: 100_000 });
	equal(throws(() => new I2C({ address: 0x76 }), /^duplicate address$/).name, "RangeError");
	const nobody = new I2C({ address: 0x77 });
	throws(() => nobody.write(Uint8Array.of(0xd0)), /^write failed$/);
	throws(() => nobody.read(1), /^read failed$/);
	bus.write(Uint8Array.of(0xd0));
	deepEqual([...new Uint8Array(bus.read(1) as ArrayBuffer)], [0x60]);
	bus.close();
	bus.close();
	throws(() => bus.read(1), /^closed$/);
	new I2C({ address: 0x76 }).close();
});

test("a chip that holds the data line silences the whole bus", () => {
	const { chip } = bench();
	const other = bench().chip;
	const I2C = createI2C(
		new Map([
			[0x76, chip],
			[0x77, other],
		]),
	);
	const bus = new I2C({ address: 0x77 });
	chip.fault = "stuck";
	throws(() => bus.write(Uint8Array.of(0xd0)), /^write failed$/);
	throws(() => bus.read(1), /^read failed$/);
	chip.fault = "none";
	bus.write(Uint8Array.of(0xd0));
});

/**
 * A BME280 or BMP280 at its registers (BST-BME280-DS002 sections 3.3 and 5,
 * BST-BMP280-DS001 sections 3.6 and 4). Not modelled: the filter's memory and SPI.
 */
import { compensate, parseCalibration } from "../../../src/sensors/compensation.js";
import { type Counts, countsFor } from "./bme280-counts.js";
import { I2CBus, type I2CChip, SimulatedI2C } from "./i2c-bus.js";
import type { ChipOptions, Ports, ProbedChip, SensorChip } from "./sensor-chip.js";
import type { Weather } from "./weather.js";

/** Registers of a real chip: calibration from 0x88 (26 bytes) and 0xE1 (7), and data from 0xF7 (8 each). */
export interface BME280Recording {
	readonly name: string;
	readonly first: Uint8Array;
	readonly second: Uint8Array;
	readonly frames: readonly Uint8Array[];
}

/** Faults of a chip; the names that begin with "skips" leave one channel out. */
export type BME280Fault =
	| "none"
	/** No acknowledgement. */
	| "absent"
	/** It holds the data line low: no transfer on the bus works. */
	| "stuck"
	/** Every read gives 0x00, 0xFF, or the register's number. */
	| "zeros"
	| "ones"
	| "echo"
	| "calibrationZeros"
	| "dataZeros"
	| "dataOnes"
	| "skipsTemperature"
	| "skipsPressure"
	| "skipsHumidity"
	/** Measurements leave the data registers as they were. */
	| "frozen"
	/** Measurements give the same bits again, also after a reset. */
	| "repeats"
	/** The humidity's bits stay as they were, and the other channels' do not. */
	| "stillHumidity"
	/** im_update, or measuring, never goes away. */
	| "neverReady"
	| "neverDone";

export interface BME280ChipOptions extends ChipOptions {
	readonly model?: "bme280" | "bmp280";
	/** By default 0x76, as most boards on sale are wired. */
	readonly address?: number;
	/**
	 * The chip has its calibration; and its frames as data, one after another and over again, if there are frames. A single
	 * one stands for air at rest, and has a converter's noise from the second time on.
	 */
	readonly recording?: BME280Recording;
}

/** Registers of a chip that was sold: periph.io's test data. */
const CALIBRATION: BME280Recording = Object.freeze({
	name: "periph-i2c",
	first: Uint8Array.from([
		...[0x10, 0x6e, 0x6c, 0x66, 0x32, 0x00, 0x5d, 0x95, 0xb8, 0xd5, 0xd0, 0x0b, 0x77],
		...[0x1e, 0x9d, 0xff, 0xf9, 0xff, 0xac, 0x26, 0x0a, 0xd8, 0xbd, 0x10, 0x00, 0x4b],
	]),
	second: Uint8Array.of(0x6e, 0x01, 0x00, 0x13, 0x05, 0x00, 0x1e),
	frames: Object.freeze([]),
});
/** The data registers from the reset to the first measurement; a skipped channel keeps its part. */
const SENTINELS = Uint8Array.of(0x80, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x00);
const CHIP_IDS = Object.freeze({ bme280: 0x60, bmp280: 0x58 });
const RESET_WORD = 0xb6;
/** Time in ms in which the calibration is copied after a reset. */
const COPY_MS = 2;
/** ctrl_meas, config: standby times in ms by t_sb. */
const STANDBY_MS = Object.freeze({
	bme280: Object.freeze([0.5, 62.5, 125, 250, 500, 1_000, 10, 20]),
	bmp280: Object.freeze([0.5, 62.5, 125, 250, 500, 1_000, 2_000, 4_000]),
});
const NORMAL_MODE = 3;
const ADDRESS = 0x76;
/**
 * Channels whose lowest bit is another one while the air rests, measurement by measurement: no two neighbours are equal,
 * nor are they among those in which one channel is changed.
 */
const NOISE: readonly string[] = Object.freeze(["", "PH", "TH", "PT"]);

export class BME280Chip implements I2CChip, SensorChip {
	fault: BME280Fault = "none";
	private readonly _options: BME280ChipOptions;
	private readonly _model: "bme280" | "bmp280";
	private readonly _recording: BME280Recording;
	private _frame = 0;
	/** The last measurement without noise, as a text, and how often it came again; and with noise. */
	private _exact = "";
	private _repetitions = 0;
	private _converted: Uint8Array | undefined;
	private _pointer = 0;
	private _copiedAt = 0;
	private _ctrlHum = 0;
	private _ctrlMeas = 0;
	private _config = 0;
	/** ctrl_hum at the last write to ctrl_meas, which puts it into effect. */
	private _humidityOversampling = 0;
	/** Written during a forced measurement, and waiting for its end. */
	private _nextCtrlMeas: number | undefined;
	/** When the measurement under way ends; Infinity without one. */
	private _doneAt = Number.POSITIVE_INFINITY;
	private _data = SENTINELS.slice();

	constructor(options: BME280ChipOptions) {
		this._options = options;
		this._model = options.model ?? "bme280";
		this._recording = options.recording ?? CALIBRATION;
		this.powerOn();
	}

	ports(): Ports {
		const bus = new I2CBus(new Map([[this._options.address ?? ADDRESS, this]]));
		return { i2c: { io: SimulatedI2C, bus } };
	}

	powerOn(): void {
		this._copiedAt = this._options.clock.now() + COPY_MS;
		this._ctrlHum = this._ctrlMeas = this._config = this._humidityOversampling = 0;
		this._nextCtrlMeas = undefined;
		this._doneAt = Number.POSITIVE_INFINITY;
		this._data = SENTINELS.slice();
	}

	get holdsBus(): boolean {
		return this.fault === "stuck";
	}

	/** A register's number, alone to be read from, or before each value to be written. */
	write(bytes: Uint8Array): boolean {
		if (this.fault === "absent") return false;
		this._proceed();
		for (let index = 0; index < bytes.length; index += 2) {
			this._pointer = bytes[index] ?? 0;
			const value = bytes[index + 1];
			if (value !== undefined) this._writeRegister(this._pointer, value);
		}
		return true;
	}

	read(byteLength: number): Uint8Array | undefined {
		if (this.fault === "absent") return undefined;
		this._proceed();
		const bytes = new Uint8Array(byteLength);
		for (let at = 0; at < byteLength; at++) bytes[at] = this._readRegister((this._pointer + at) & 0xff);
		this._pointer = (this._pointer + byteLength) & 0xff;
		return bytes;
	}

	private get _copying(): boolean {
		return this._options.clock.now() < this._copiedAt || this.fault === "neverReady";
	}

	private _writeRegister(register: number, value: number): void {
		if (this._copying) return;
		if (register === 0xe0 && value === RESET_WORD) this.powerOn();
		if (register === 0xf2 && this._model === "bme280") this._ctrlHum = value & 7;
		if (register === 0xf5 && (this._ctrlMeas & 3) !== NORMAL_MODE) this._config = value;
		if (register !== 0xf4) return;
		const forcedUnderWay = this._doneAt !== Number.POSITIVE_INFINITY && (this._ctrlMeas & 3) !== NORMAL_MODE;
		if (forcedUnderWay) this._nextCtrlMeas = value;
		else this._control(value, this._options.clock.now());
	}

	/** Takes ctrl_meas into effect. */
	private _control(value: number, now: number): void {
		this._ctrlMeas = value;
		this._humidityOversampling = this._ctrlHum;
		this._doneAt = (value & 3) === 0 ? Number.POSITIVE_INFINITY : now + this._measuringTime;
	}

	/** Typical time in ms. */
	private get _measuringTime(): number {
		const { temperature, pressure, humidity } = this._oversampling;
		return 1 + 2 * temperature + (pressure && 2 * pressure + 0.5) + (humidity && 2 * humidity + 0.5);
	}

	/** Samples for each channel: 0, 1, 2, 4, 8 or 16. */
	private get _oversampling(): { temperature: number; pressure: number; humidity: number } {
		const times = (code: number) => (code === 0 ? 0 : 2 ** Math.min(code - 1, 4));
		return {
			temperature: times(this._ctrlMeas >> 5),
			pressure: times((this._ctrlMeas >> 2) & 7),
			humidity: times(this._humidityOversampling),
		};
	}

	/** Catches up with the time since the last transfer. */
	private _proceed(): void {
		const now = this._options.clock.now();
		if (now < this._doneAt || this.fault === "neverDone") return;
		if (this.fault !== "frozen") this._data = this._measured();
		if ((this._ctrlMeas & 3) === NORMAL_MODE) {
			const standby = STANDBY_MS[this._model][this._config >> 5] ?? 0;
			const period = standby + this._measuringTime;
			this._doneAt += period * (Math.floor((now - this._doneAt) / period) + 1);
			return;
		}
		const doneAt = this._doneAt;
		this._ctrlMeas &= ~3;
		this._doneAt = Number.POSITIVE_INFINITY;
		const next = this._nextCtrlMeas;
		this._nextCtrlMeas = undefined;
		if (next === undefined) return;
		this._control(next, doneAt);
		this._proceed();
	}

	/** The data registers after a measurement. */
	private _measured(): Uint8Array<ArrayBuffer> {
		const frame = this._convert();
		const data = SENTINELS.slice();
		const { temperature, pressure, humidity } = this._oversampling;
		if (pressure > 0 && this.fault !== "skipsPressure") data.set(frame.subarray(0, 3), 0);
		if (temperature > 0 && this.fault !== "skipsTemperature") data.set(frame.subarray(3, 6), 3);
		if (humidity > 0 && this.fault !== "skipsHumidity") data.set(frame.subarray(6, 8), 6);
		return data;
	}

	/** All channels of a measurement. */
	private _convert(): Uint8Array {
		const { frames, first, second } = this._recording;
		const before = this._converted;
		if (this.fault === "repeats" && before) return before;
		const exact = frames[this._frame++ % frames.length] ?? this._encoded(first, second);
		// Where nothing changes, a converter's lowest bits do all the same.
		const text = exact.join();
		this._repetitions = frames.length <= 1 && text === this._exact ? this._repetitions + 1 : 0;
		this._exact = text;
		const frame = this._withNoise(exact, this._repetitions);
		if (this.fault === "stillHumidity" && before) frame.set(before.subarray(6), 6);
		this._converted = frame;
		return frame;
	}

	/** Flips lowest bits. A recording has all 20 bits of pressure and temperature. */
	private _withNoise(exact: Uint8Array, step: number): Uint8Array {
		const frame = exact.slice();
		const noise = NOISE[step % NOISE.length]!;
		const { temperature, pressure } = this._oversampling;
		const flip20 = (index: number, samples: number) => {
			const bit = this._recording.frames.length > 0 ? 1 : this._lowestBit(samples);
			frame[index + 1]! ^= bit >> 4;
			frame[index + 2]! ^= (bit & 0x0f) << 4;
		};
		if (noise.includes("P")) flip20(0, pressure);
		if (noise.includes("T")) flip20(3, temperature);
		if (noise.includes("H")) frame[7]! ^= 1;
		return frame;
	}

	/** Of the 20 bits of a channel. Each doubling of the samples gives a bit; the filter gives all. */
	private _lowestBit(samples: number): number {
		const filtered = ((this._config >> 2) & 7) !== 0;
		return filtered || samples === 0 ? 1 : 16 / samples;
	}

	private _encoded(first: Uint8Array, second: Uint8Array): Uint8Array {
		const counts = countsFor(parseCalibration(first, second), this._options.weather());
		const { temperature, pressure } = this._oversampling;
		const rounded = (value: number, samples: number) => value & -this._lowestBit(samples);
		return frameOf({
			pressure: rounded(counts.pressure, pressure),
			temperature: rounded(counts.temperature, temperature),
			humidity: counts.humidity,
		});
	}

	private _readRegister(register: number): number {
		if (this.fault === "zeros") return 0;
		if (this.fault === "ones") return 0xff;
		if (this.fault === "echo") return register;
		if (register === 0xd0) return CHIP_IDS[this._model];
		if (register === 0xf2) return this._ctrlHum;
		if (register === 0xf3) return this._status;
		if (register === 0xf4) return this._ctrlMeas;
		if (register === 0xf5) return this._config;
		if (register >= 0xf7 && register <= 0xfe) return this._readData(register - 0xf7);
		return this._readCalibration(register);
	}

	private get _status(): number {
		const now = this._options.clock.now();
		const standby = now < this._doneAt - this._measuringTime;
		const measuring = this._doneAt !== Number.POSITIVE_INFINITY && !standby;
		return (measuring ? 0x08 : 0) | (this._copying ? 0x01 : 0);
	}

	private _readData(index: number): number {
		if (this.fault === "dataZeros") return 0;
		if (this.fault === "dataOnes") return 0xff;
		return this._data[index] ?? 0;
	}

	/** A BMP280 has nothing where a BME280 has its humidity's calibration. */
	private _readCalibration(register: number): number {
		if (this._copying || this.fault === "calibrationZeros") return 0;
		const { first, second } = this._recording;
		const last = this._model === "bme280" ? 0xa1 : 0x9f;
		if (register >= 0x88 && register <= last) return first[register - 0x88] ?? 0;
		if (register >= 0xe1 && this._model === "bme280") return second[register - 0xe1] ?? 0;
		return 0;
	}
}

/** The data registers with these counts. */
function frameOf({ pressure, temperature, humidity }: Counts): Uint8Array {
	const bytes20 = (value: number) => [value >> 12, (value >> 4) & 0xff, (value & 0x0f) << 4];
	return Uint8Array.from([...bytes20(pressure), ...bytes20(temperature), humidity >> 8, humidity & 0xff]);
}

/** Frames by the weather that they stand for: finding one is slow. */
const FRAMES = new WeakMap<Weather, Uint8Array>();

/** The chip in a world. It measures at full resolution. */
export function createProbedBME280({
	weather,
	model = "bme280",
	...options
}: Omit<BME280ChipOptions, "recording">): ProbedChip {
	const calibration = parseCalibration(CALIBRATION.first, CALIBRATION.second);
	let measured: Uint8Array | undefined;
	const measure = () => {
		const air = weather();
		measured = FRAMES.get(air) ?? frameOf(countsFor(calibration, air));
		FRAMES.set(air, measured);
		return measured;
	};
	const frames = Object.defineProperty([] as Uint8Array[], 0, { get: measure });
	const at = (index: number) => measured?.[index] ?? Number.NaN;
	const counts20 = (index: number) => at(index) * 4_096 + at(index + 1) * 16 + Math.floor(at(index + 2) / 16);
	return {
		chip: new BME280Chip({ ...options, weather, model, recording: { ...CALIBRATION, frames } }),
		faults: [
			...(["absent", "stuck", "zeros", "ones", "echo", "calibrationZeros", "dataZeros", "dataOnes"] as const),
			...(["skipsTemperature", "skipsPressure", "skipsHumidity", "frozen", "neverReady", "neverDone"] as const),
		] satisfies BME280Fault[],
		deceptive: [],
		truth() {
			const counts = { temperature: counts20(3), pressure: counts20(0), humidity: at(6) * 256 + at(7) };
			const { temperature, pressure, humidity = Number.NaN } = compensate(calibration, counts);
			const hygrometer = model === "bme280" && { hygrometer: { humidity } };
			return { thermometer: { temperature }, ...hygrometer, barometer: { pressure } };
		},
	};
}

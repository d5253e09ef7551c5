/**
 * A BME280 or BMP280 at its registers (BST-BME280-DS002 sections 3.3 and 5,
 * BST-BMP280-DS001 sections 3.6 and 4). Not modelled: the filter's memory and SPI.
 */
import { parseCalibration } from "../../../src/sensors/compensation.js";
import { countsFor } from "./bme280-counts.js";
import type { I2CChip } from "./i2c-bus.js";
import type { Weather } from "./weather.js";

/** What a real chip once held: calibration from 0x88 (26 bytes) and 0xE1 (7), and data from 0xF7 (8 each). */
export interface BME280Recording {
	readonly name: string;
	readonly first: Uint8Array;
	readonly second: Uint8Array;
	readonly frames: readonly Uint8Array[];
}

/** What is wrong with a chip; the names that begin with "skips" leave one channel out. */
export type BME280Fault =
	| "none"
	/** No acknowledgement. */
	| "absent"
	/** It holds the data line: nobody on the bus can talk. */
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
	/** im_update, or measuring, never goes away. */
	| "neverReady"
	| "neverDone";

export interface BME280ChipOptions {
	/** Time in ms. */
	readonly clock: { now(): number };
	/** What surrounds the chip at this moment. */
	readonly weather: () => Weather;
	readonly model?: "bme280" | "bmp280";
	/** Gives the calibration; and the data, one frame after another and over again, if it has frames. */
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
const SENTINELS = Object.freeze([0x80, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x00]);
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

export class BME280Chip implements I2CChip {
	/** May change at any time. */
	fault: BME280Fault = "none";
	readonly #options: BME280ChipOptions;
	readonly #model: "bme280" | "bmp280";
	readonly #recording: BME280Recording;
	#frame = 0;
	#pointer = 0;
	#copiedAt = 0;
	#ctrlHum = 0;
	#ctrlMeas = 0;
	#config = 0;
	/** ctrl_hum as it was when ctrl_meas was written last: what counts. */
	#humidityOversampling = 0;
	/** Written during a forced measurement, and waiting for its end. */
	#nextCtrlMeas: number | undefined;
	/** When the measurement under way ends; Infinity without one. */
	#doneAt = Number.POSITIVE_INFINITY;
	#data = Uint8Array.from(SENTINELS);

	constructor(options: BME280ChipOptions) {
		this.#options = options;
		this.#model = options.model ?? "bme280";
		this.#recording = options.recording ?? CALIBRATION;
		this.powerOn();
	}

	/** Takes the power away for a moment. */
	powerOn(): void {
		this.#copiedAt = this.#options.clock.now() + COPY_MS;
		this.#ctrlHum = this.#ctrlMeas = this.#config = this.#humidityOversampling = 0;
		this.#nextCtrlMeas = undefined;
		this.#doneAt = Number.POSITIVE_INFINITY;
		this.#data = Uint8Array.from(SENTINELS);
	}

	get holdsBus(): boolean {
		return this.fault === "stuck";
	}

	/** A register's number, alone to be read from, or before each value to be written. */
	write(bytes: Uint8Array): boolean {
		if (this.fault === "absent") return false;
		this.#proceed();
		for (let index = 0; index < bytes.length; index += 2) {
			this.#pointer = bytes[index] ?? 0;
			const value = bytes[index + 1];
			if (value !== undefined) this.#writeRegister(this.#pointer, value);
		}
		return true;
	}

	read(byteLength: number): Uint8Array | undefined {
		if (this.fault === "absent") return undefined;
		this.#proceed();
		const bytes = Uint8Array.from({ length: byteLength }, (_, offset) =>
			this.#readRegister((this.#pointer + offset) & 0xff),
		);
		this.#pointer = (this.#pointer + byteLength) & 0xff;
		return bytes;
	}

	get #copying(): boolean {
		return this.#options.clock.now() < this.#copiedAt || this.fault === "neverReady";
	}

	#writeRegister(register: number, value: number): void {
		if (this.#copying) return;
		if (register === 0xe0 && value === RESET_WORD) this.powerOn();
		if (register === 0xf2 && this.#model === "bme280") this.#ctrlHum = value & 7;
		if (register === 0xf5 && (this.#ctrlMeas & 3) !== NORMAL_MODE) this.#config = value;
		if (register !== 0xf4) return;
		const forcedUnderWay = this.#doneAt !== Number.POSITIVE_INFINITY && (this.#ctrlMeas & 3) !== NORMAL_MODE;
		if (forcedUnderWay) this.#nextCtrlMeas = value;
		else this.#control(value, this.#options.clock.now());
	}

	/** Takes ctrl_meas into effect. */
	#control(value: number, now: number): void {
		this.#ctrlMeas = value;
		this.#humidityOversampling = this.#ctrlHum;
		this.#doneAt = (value & 3) === 0 ? Number.POSITIVE_INFINITY : now + this.#measuringTime;
	}

	/** Typical time in ms. */
	get #measuringTime(): number {
		const { temperature, pressure, humidity } = this.#oversampling;
		return 1 + 2 * temperature + (pressure && 2 * pressure + 0.5) + (humidity && 2 * humidity + 0.5);
	}

	/** Samples for each channel: 0, 1, 2, 4, 8 or 16. */
	get #oversampling(): { temperature: number; pressure: number; humidity: number } {
		const times = (code: number) => (code === 0 ? 0 : 2 ** Math.min(code - 1, 4));
		return {
			temperature: times(this.#ctrlMeas >> 5),
			pressure: times((this.#ctrlMeas >> 2) & 7),
			humidity: times(this.#humidityOversampling),
		};
	}

	/** Does what was to happen since the last transfer. */
	#proceed(): void {
		const now = this.#options.clock.now();
		if (now < this.#doneAt || this.fault === "neverDone") return;
		if (this.fault !== "frozen") this.#data = this.#measured();
		if ((this.#ctrlMeas & 3) === NORMAL_MODE) {
			const standby = STANDBY_MS[this.#model][this.#config >> 5] ?? 0;
			const period = standby + this.#measuringTime;
			this.#doneAt += period * (Math.floor((now - this.#doneAt) / period) + 1);
			return;
		}
		const doneAt = this.#doneAt;
		this.#ctrlMeas &= ~3;
		this.#doneAt = Number.POSITIVE_INFINITY;
		const next = this.#nextCtrlMeas;
		this.#nextCtrlMeas = undefined;
		if (next === undefined) return;
		this.#control(next, doneAt);
		this.#proceed();
	}

	/** The data registers after a measurement. */
	#measured(): Uint8Array<ArrayBuffer> {
		const { frames, first, second } = this.#recording;
		const frame = frames[this.#frame++ % frames.length] ?? this.#encoded(first, second);
		const data = Uint8Array.from(SENTINELS);
		const { temperature, pressure, humidity } = this.#oversampling;
		if (pressure > 0 && this.fault !== "skipsPressure") data.set(frame.subarray(0, 3), 0);
		if (temperature > 0 && this.fault !== "skipsTemperature") data.set(frame.subarray(3, 6), 3);
		if (humidity > 0 && this.fault !== "skipsHumidity") data.set(frame.subarray(6, 8), 6);
		return data;
	}

	#encoded(first: Uint8Array, second: Uint8Array): Uint8Array {
		const counts = countsFor(parseCalibration(first, second), this.#options.weather());
		const { temperature, pressure } = this.#oversampling;
		// Each doubling of the samples gives a bit; the filter gives all 20.
		const filtered = ((this.#config >> 2) & 7) !== 0;
		const rounded = (value: number, samples: number) =>
			filtered || samples === 0 ? value : value & (0xfffff << (4 - Math.log2(samples)));
		const bytes20 = (value: number) => [value >> 12, (value >> 4) & 0xff, (value & 0x0f) << 4];
		return Uint8Array.from([
			...bytes20(rounded(counts.pressure, pressure)),
			...bytes20(rounded(counts.temperature, temperature)),
			counts.humidity >> 8,
			counts.humidity & 0xff,
		]);
	}

	#readRegister(register: number): number {
		if (this.fault === "zeros") return 0;
		if (this.fault === "ones") return 0xff;
		if (this.fault === "echo") return register;
		if (register === 0xd0) return CHIP_IDS[this.#model];
		if (register === 0xf2) return this.#ctrlHum;
		if (register === 0xf3) return this.#status;
		if (register === 0xf4) return this.#ctrlMeas;
		if (register === 0xf5) return this.#config;
		if (register >= 0xf7 && register <= 0xfe) return this.#readData(register - 0xf7);
		return this.#readCalibration(register);
	}

	get #status(): number {
		const now = this.#options.clock.now();
		const standby = now < this.#doneAt - this.#measuringTime;
		const measuring = this.#doneAt !== Number.POSITIVE_INFINITY && !standby;
		return (measuring ? 0x08 : 0) | (this.#copying ? 0x01 : 0);
	}

	#readData(index: number): number {
		if (this.fault === "dataZeros") return 0;
		if (this.fault === "dataOnes") return 0xff;
		return this.#data[index] ?? 0;
	}

	/** A BMP280 has nothing where a BME280 has its humidity's calibration. */
	#readCalibration(register: number): number {
		if (this.#copying || this.fault === "calibrationZeros") return 0;
		const { first, second } = this.#recording;
		const last = this.#model === "bme280" ? 0xa1 : 0x9f;
		if (register >= 0x88 && register <= last) return first[register - 0x88] ?? 0;
		if (register >= 0xe1 && this.#model === "bme280") return second[register - 0xe1] ?? 0;
		return 0;
	}
}

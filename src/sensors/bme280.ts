/** Driver of Bosch's BME280 (temperature, pressure, humidity) and BMP280 (without humidity) on I2C. */
import type { Host, I2C, I2CConstructor } from "../host.js";
import { messageOf } from "../text.js";
import { countsOf, decodeFrame, skippedChannel } from "./bme280-frame.js";
import { CALIBRATION_BYTES, type Calibration, HUMIDITY_CALIBRATION_BYTES, parseCalibration } from "./compensation.js";
import { SENSORS } from "./models.js";
import { BusError, hex, readRegisters, request, writeRegister } from "./registers.js";
import { type Measurement, type Sample, type Sensor, SensorError } from "./sensor.js";
import { StillHumidity } from "./still-humidity.js";

export interface BME280Options {
	/** The bus: `io` and its further options, such as pins. */
	readonly sensor: { readonly io: I2CConstructor; readonly [option: string]: unknown };
	readonly model: "bme280" | "bmp280";
	/** Where the chip is, if it is not to be searched for. */
	readonly address?: number;
	/** Its log gets what is no fault, in words for a person. */
	readonly host?: Pick<Host, "log">;
}

/** Where the chip can be: its SDO pin decides. */
const ADDRESSES: readonly number[] = Object.freeze([0x76, 0x77]);
/** Standard mode: long wires and weak pull-ups work, and a burst of 8 bytes takes 1 ms. */
const DEFAULT_HZ = 100_000;

const CHIP_ID = 0xd0;
/** Of the pressure sensors that came after the BMP280. */
const BMP3_CHIP_ID = 0x00;
const RESET = 0xe0;
const CTRL_HUM = 0xf2;
const STATUS = 0xf3;
const CTRL_MEAS = 0xf4;
const CONFIG = 0xf5;
const DATA = 0xf7;
const CALIBRATION = 0x88;
const HUMIDITY_CALIBRATION = 0xe1;

const RESET_WORD = 0xb6;
const MEASURING = 0x08;
const IM_UPDATE = 0x01;
const FORCED_MODE = 1;

const BME280_ID = 0x60;
/** The second and third are samples that were sold. */
const BMP280_IDS: readonly number[] = Object.freeze([0x58, 0x56, 0x57]);
/** Ids of other chips at these addresses, and of a bus without a chip. */
const OTHER_IDS: Readonly<Record<number, string>> = Object.freeze({
	0: "nothing but zeros: check the wiring",
	85: "a BMP180's",
	97: "a BME680's",
	[CHIP_ID]: "an echo of the register number: check the wiring",
	255: "nothing but ones: check the wiring",
});

/** At their own register. */
const BMP3_IDS: Readonly<Record<number, string>> = Object.freeze({ 80: "a BMP388's", 96: "a BMP390's" });

/**
 * Reads of the calibration until two in a row are equal. I2C has no checksum, and a bit that is wrong here would be wrong in
 * every reading until the next start.
 */
const CALIBRATION_READS = 5;
/** Datasheet table 1, start-up time. */
const START_UP_MS = 2;
const START_UP_POLLS = 5;
/** Beyond the maximum measuring time; afterwards the measurement has failed. */
const MEASURING_POLLS = 5;
const POLL_MS = 2;
/**
 * Measurements in a row until a channel's sentinel counts as one. A chip that was reset in between has a value in the
 * next; and a true value that equals the sentinel moves by its noise.
 */
const CONVERSIONS = 3;

/**
 * Oversampling, as register codes (1, 2, 3, 4, 5 for 1, 2, 4, 8, 16 times). A
 * station asks once in a while and has 46 ms to spare, so pressure, whose noise is
 * greatest in published decimals, is averaged most. Temperature is doubled:
 * it corrects the other two, and at 17 bits a true value equals the skipped
 * sentinel half as often as at 16. Humidity drifts by more than its noise.
 */
const OVERSAMPLING = Object.freeze({ temperature: 2, pressure: 5, humidity: 1 });

/** Failed measurements in a row, after which the chip is searched for and started anew. */
const FAILURES_BEFORE_RESTART = 3;
/**
 * Equal frames in a row, after which the chip is started anew: a working chip's lowest bits are noise. If that does not
 * help, they are no readings until one differs.
 */
const EQUAL_FRAMES_BEFORE_RESTART = 16;

/** In °C, for `StillHumidity`. */
const TEMPERATURE_STEP = 1;

/** A chip that has been started. */
interface Chip {
	readonly bus: I2C;
	readonly address: number;
	readonly id: number;
	readonly calibration: Calibration;
}

export class BME280 implements Sensor {
	readonly minimumInterval = SENSORS.bme280 * 1_000;
	private readonly _options: BME280Options;
	/** The one open bus object: a second one at the same address is refused on ESP32. */
	private _bus: I2C | undefined;
	private _chip: Chip | undefined;
	private _failures = 0;
	/** Kept when the chip is started anew: only then it shows whether that has helped. */
	private _lastFrame: Uint8Array = new Uint8Array(0);
	private _equalFrames = 0;
	private readonly _stillHumidity = new StillHumidity();
	private _closed = false;

	/** Touches no bus: the first measurement does. */
	constructor(options: BME280Options) {
		this._options = options;
	}

	/**
	 * Measures once, in forced mode; searches for the chip and starts it first where
	 * that is needed. Throws a `SensorError` when the bus fails or the values cannot
	 * be believed.
	 *
	 * After a bus error the driver starts the chip anew at once: the chip may have
	 * lost its power, and only a newly opened bus recovers from a transfer that broke
	 * off. Values out of range may be a disturbance; three in a row are not.
	 */
	*measure(): Measurement {
		if (this._closed) throw new SensorError("the sensor is closed");
		try {
			const chip = (this._chip ??= yield* this._start());
			checkId(chip);
			// In this generator and not in one of its own: XS copies the frame of each at each step.
			for (let conversion = 1; ; conversion++) {
				this._begin(chip.bus);
				yield measuringTime(this._measuresHumidity);
				for (let attempt = 1; isSet(chip.bus, MEASURING); attempt++) {
					if (attempt === MEASURING_POLLS) throw new SensorError("the chip did not finish measuring");
					yield POLL_MS;
				}
				const frame = readRegisters(chip.bus, DATA, this._measuresHumidity ? 8 : 6);
				// A channel may have been skipped.
				if (conversion < CONVERSIONS && skippedChannel(frame) !== undefined) continue;
				const sample = this._sampleOf(frame, chip.calibration);
				this._failures = 0;
				return sample;
			}
		} catch (error) {
			this._failures++;
			if (error instanceof BusError || this._failures % FAILURES_BEFORE_RESTART === 0) this._forget();
			throw error;
		}
	}

	close(): void {
		this._closed = true;
		this._forget();
	}

	private _forget(): void {
		this._chip = undefined;
		const bus = this._bus;
		this._bus = undefined;
		try {
			bus?.close();
		} catch {
			// The bus may be dead; it is given up anyway.
		}
	}

	/** Finds the chip, resets it, and reads and checks its calibration. */
	private *_start(): Generator<number, Chip, void> {
		const { bus, address, id } = this._probe();
		writeRegister(bus, RESET, RESET_WORD);
		yield START_UP_MS;
		for (let attempt = 1; isSet(bus, IM_UPDATE); attempt++) {
			if (attempt === START_UP_POLLS)
				throw new SensorError(`the chip at ${hex(address)} did not start: its calibration is not there`);
			yield POLL_MS;
		}
		const calibration = this._readCalibration(bus);
		// Filter off, as the readings are far apart. Writes to it count in sleep mode only, which follows a reset.
		writeRegister(bus, CONFIG, 0);
		this._options.host?.log("info", `${id === BME280_ID ? "BME280" : "BMP280"} found at ${hex(address)}`);
		return { bus, address, id, calibration };
	}

	private _readCalibration(bus: I2C): Calibration {
		const withHumidity = this._measuresHumidity;
		let before: Uint8Array | undefined;
		for (let count = 1; count <= CALIBRATION_READS; count++) {
			const bytes = new Uint8Array(CALIBRATION_BYTES + (withHumidity ? HUMIDITY_CALIBRATION_BYTES : 0));
			const first = bytes.subarray(0, CALIBRATION_BYTES);
			const second = withHumidity ? bytes.subarray(CALIBRATION_BYTES) : undefined;
			first.set(readRegisters(bus, CALIBRATION, first.length));
			second?.set(readRegisters(bus, HUMIDITY_CALIBRATION, second.length));
			if (before && isEqual(before, bytes)) return parseCalibration(first, second);
			before = bytes;
		}
		throw new SensorError("the calibration reads differently each time: check the wiring");
	}

	private get _measuresHumidity(): boolean {
		return this._options.model === "bme280";
	}

	/** Asks at each address for the chip's id and leaves the bus open where it is the right one. */
	private _probe(): { bus: I2C; address: number; id: number } {
		const { sensor, address: only } = this._options;
		const { io, ...options } = sensor;
		const addresses = only === undefined ? ADDRESSES : [only];
		let stranger: SensorError | undefined;
		let silence = "";
		for (const address of addresses) {
			this._forget();
			try {
				const bus = new io({ hz: DEFAULT_HZ, ...options, address });
				this._bus = bus;
				const [id = 0] = request(bus, CHIP_ID, 1);
				const objection = this._objection(bus, id, address);
				if (objection === undefined) return { bus, address, id };
				stranger ??= objection;
			} catch (error) {
				silence = messageOf(error);
			}
		}
		this._forget();
		throw stranger ?? new BusError(`no chip answered at ${addresses.map(hex).join(" or ")}: ${silence}`);
	}

	/** The error for a chip with this id, or `undefined` if it is the right one. */
	private _objection(bus: I2C, id: number, address: number): SensorError | undefined {
		if (id === BME280_ID) return undefined;
		if (BMP280_IDS.includes(id)) {
			if (!this._measuresHumidity) return undefined;
			return new SensorError(
				`the chip at ${hex(address)} is a BMP280 (id ${hex(id)}), which measures no humidity: set \`sensor\` to bmp280`,
			);
		}
		const [other = 0] = request(bus, BMP3_CHIP_ID, 1);
		const later = BMP3_IDS[other];
		const known = later ?? OTHER_IDS[id];
		const its = later ? `${hex(other)} at register ${hex(BMP3_CHIP_ID)}` : hex(id);
		const name = known === undefined ? "" : `, ${known}`;
		return new SensorError(`the chip at ${hex(address)} is no BME280 or BMP280: its id is ${its}${name}`);
	}

	/** Begins a measurement in forced mode. */
	private _begin(bus: I2C): void {
		// Written each time: a chip that was without power for a moment has forgotten it.
		if (this._measuresHumidity) writeRegister(bus, CTRL_HUM, OVERSAMPLING.humidity);
		writeRegister(bus, CTRL_MEAS, (OVERSAMPLING.temperature << 5) | (OVERSAMPLING.pressure << 2) | FORCED_MODE);
	}

	private _sampleOf(frame: Uint8Array, calibration: Calibration): Sample {
		const conditions = decodeFrame(calibration, frame);
		this._watchForFreeze(frame);
		const doubt = this._stillHumidity.next(countsOf(frame).humidity, conditions.temperature, TEMPERATURE_STEP);
		if (doubt !== undefined) this._options.host?.log("warning", doubt);
		return {
			thermometer: { temperature: conditions.temperature },
			...(conditions.humidity !== undefined && { hygrometer: { humidity: conditions.humidity } }),
			barometer: { pressure: conditions.pressure },
		};
	}

	/** Throws a `SensorError` for bits that stay the same whatever is done. */
	private _watchForFreeze(frame: Uint8Array): void {
		this._equalFrames = isEqual(frame, this._lastFrame) ? this._equalFrames + 1 : 1;
		this._lastFrame = frame;
		if (this._equalFrames < EQUAL_FRAMES_BEFORE_RESTART) return;
		if (this._equalFrames > EQUAL_FRAMES_BEFORE_RESTART) {
			throw new SensorError("every measurement gives the same bits, also after the chip was started anew");
		}
		this._options.host?.log("info", `${this._equalFrames} measurements gave the same bits: starting the chip anew`);
		this._forget();
	}
}

/** For arrays of one length; an empty one equals none. */
function isEqual(bytes: Uint8Array, others: Uint8Array): boolean {
	return bytes.every((byte, index) => byte === others[index]);
}

/** Maximum measuring time in whole ms (datasheet section 9.1, in µs: 1250 and 2300 for each sample, 575 for each of P and H). */
function measuringTime(withHumidity: boolean): number {
	const times = (code: number) => 2_300 * 2 ** (code - 1);
	const { temperature, pressure, humidity } = OVERSAMPLING;
	const microseconds = 1_250 + times(temperature) + times(pressure) + 575 + (withHumidity ? times(humidity) + 575 : 0);
	return Math.ceil(microseconds / 1_000);
}

/** The id shows that the chip was replaced or the bus fails, which values may not show. */
function checkId(chip: Chip): void {
	const id = readRegisters(chip.bus, CHIP_ID, 1)[0]!;
	if (id === chip.id) return;
	throw new BusError(`the chip at ${hex(chip.address)} has changed: its id was ${hex(chip.id)} and is ${hex(id)}`);
}

/** Whether a bit of the status register is set. */
function isSet(bus: I2C, bit: number): boolean {
	return (readRegisters(bus, STATUS, 1)[0]! & bit) !== 0;
}

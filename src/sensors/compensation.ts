/**
 * From a BME280's or BMP280's counts to physical values: pure arithmetic.
 *
 * The formulas are the double-precision ones of the datasheets (BST-BME280-DS002
 * appendix 8.1, BST-BMP280-DS001 section 8.1): a board's doubles are soft, but a
 * few dozen of them each minute cost nothing, and the 64-bit integer variant
 * would need BigInt.
 */
import { SensorError } from "./sensor.js";

/** Bytes of calibration from register 0x88 and from 0xE1. */
export const CALIBRATION_BYTES = 26;
export const HUMIDITY_CALIBRATION_BYTES = 7;

/** Trimming parameters under the datasheet's names without `dig_`. */
export interface Calibration {
	readonly T1: number;
	readonly T2: number;
	readonly T3: number;
	readonly P1: number;
	readonly P2: number;
	readonly P3: number;
	readonly P4: number;
	readonly P5: number;
	readonly P6: number;
	readonly P7: number;
	readonly P8: number;
	readonly P9: number;
	/** A BMP280 has none. */
	readonly humidity?: HumidityCalibration;
}
export interface HumidityCalibration {
	readonly H1: number;
	readonly H2: number;
	readonly H3: number;
	readonly H4: number;
	readonly H5: number;
	readonly H6: number;
}

/** Counts as the chip's data registers hold them: 20, 20 and 16 bits. */
export interface RawCounts {
	readonly temperature: number;
	readonly pressure: number;
	readonly humidity?: number;
}

/** Degrees Celsius, pascals, relative humidity from 0 to 1. */
export interface Conditions {
	readonly temperature: number;
	readonly pressure: number;
	readonly humidity?: number;
}

/**
 * Reads a calibration (datasheet table 16): `first` from register 0x88, 26 bytes;
 * `second` from 0xE1, 7 bytes, for a chip that measures humidity. Throws a
 * `SensorError` for bytes that no factory wrote.
 */
export function parseCalibration(first: Uint8Array, second?: Uint8Array): Calibration {
	const words = new DataView(first.buffer, first.byteOffset, CALIBRATION_BYTES);
	const unsigned = (register: number) => words.getUint16(register - 0x88, true);
	const signed = (register: number) => words.getInt16(register - 0x88, true);
	rejectUniform("0x88", first);
	const calibration = {
		T1: unsigned(0x88),
		T2: signed(0x8a),
		T3: signed(0x8c),
		P1: unsigned(0x8e),
		P2: signed(0x90),
		P3: signed(0x92),
		P4: signed(0x94),
		P5: signed(0x96),
		P6: signed(0x98),
		P7: signed(0x9a),
		P8: signed(0x9c),
		P9: signed(0x9e),
	};
	rejectEmpty("T1", calibration.T1);
	rejectEmpty("P1", calibration.P1);
	if (second === undefined) return calibration;

	rejectUniform("0xE1", second);
	const bytes = new DataView(second.buffer, second.byteOffset, HUMIDITY_CALIBRATION_BYTES);
	const shared = bytes.getUint8(4);
	return {
		...calibration,
		humidity: {
			H1: words.getUint8(0xa1 - 0x88),
			H2: bytes.getInt16(0, true),
			H3: bytes.getUint8(2),
			// Two 12-bit numbers share 0xE5. Their upper eight bits carry the sign.
			H4: bytes.getInt8(3) * 16 + (shared & 0x0f),
			H5: bytes.getInt8(5) * 16 + (shared >> 4),
			H6: bytes.getInt8(6),
		},
	};
}

/** Zeros, ones or an echo instead of a calibration: the bus is at fault, or the chip has not copied its memory. */
function rejectUniform(register: string, bytes: Uint8Array): void {
	if (bytes.every((byte) => byte === bytes[0])) {
		throw new SensorError(`the calibration is damaged: every byte from ${register} on is ${bytes[0]}`);
	}
}

/** T1 and P1 are factors near 28,000 and 37,000; a trimming of 0 or 0xFFFF is erased memory. */
function rejectEmpty(name: string, value: number): void {
	if (value === 0 || value === 0xffff) throw new SensorError(`the calibration is damaged: ${name} is ${value}`);
}

/**
 * The physical values of one measurement, as they come out of the formulas: the
 * datasheet's limits for humidity would make 100 % of any nonsense. The formulas
 * take 0x80000 and 0x8000, which stand for a skipped channel, like any number.
 * `bme280-frame.ts` checks both.
 */
export function compensate(calibration: Calibration, raw: RawCounts): Conditions {
	const fine = fineTemperature(calibration, raw.temperature);
	const conditions = { temperature: fine / 5_120, pressure: compensatePressure(calibration, raw.pressure, fine) };
	if (calibration.humidity === undefined || raw.humidity === undefined) return conditions;
	return { ...conditions, humidity: compensateHumidity(calibration.humidity, raw.humidity, fine) };
}

/** The datasheet's t_fine: 1/5120 degrees Celsius. */
function fineTemperature({ T1, T2, T3 }: Calibration, raw: number): number {
	const difference = raw / 16_384 - T1 / 1_024;
	return difference * T2 + (difference / 8) ** 2 * T3;
}

function compensatePressure(calibration: Calibration, raw: number, fine: number): number {
	const { P1, P2, P3, P4, P5, P6, P7, P8, P9 } = calibration;
	const t = fine / 2 - 64_000;
	const offset = (t * t * P6) / 131_072 + (t * P5) / 2 + P4 * 65_536;
	const sensitivity = P1 * (1 + ((P3 * t * t) / 524_288 + P2 * t) / (524_288 * 32_768));
	// A sensitivity of 0 gives no number, which the driver rejects.
	const linear = ((1_048_576 - raw - offset / 4_096) * 6_250) / sensitivity;
	return linear + ((P9 * linear * linear) / 2_147_483_648 + (P8 * linear) / 32_768 + P7) / 16;
}

function compensateHumidity(calibration: HumidityCalibration, raw: number, fine: number): number {
	const { H1, H2, H3, H4, H5, H6 } = calibration;
	const t = fine - 76_800;
	const difference = raw - (H4 * 64 + (H5 / 16_384) * t);
	const slope = (H2 / 65_536) * (1 + (H6 / 67_108_864) * t * (1 + (H3 / 67_108_864) * t));
	const linear = difference * slope;
	return (linear * (1 - (H1 * linear) / 524_288)) / 100;
}

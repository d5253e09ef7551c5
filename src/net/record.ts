/**
 * A reading as a record of the outbox: binary, a fifth of its report's size,
 * and with its time still open to be told later.
 *
 * | bytes | content                                                         |
 * |-------|-----------------------------------------------------------------|
 * | 1     | flags: which of the following are there                         |
 * | 4     | `seq`                                                           |
 * | 8     | time as a double: wall-clock ms, or monotonic ms until it is known |
 * | 2     | temperature in 0.01 °C, signed                                  |
 * | 2     | relative humidity in 0.01 %, if any                             |
 * | 4     | pressure in 0.01 Pa, if any                                     |
 */
import type { Bytes } from "../host.js";
import type { Reading } from "../reading.js";
import type { Sample } from "../sensors/sensor.js";

const HAS_TIME = 1;
const HAS_HUMIDITY = 2;
const HAS_PRESSURE = 4;
const LONGEST = 21;

/** Throws a RangeError when a value does not fit: no number is published that was not measured. */
export function encodeRecord({ seq, ticks, time, sample }: Reading): Bytes {
	const record = new Uint8Array(LONGEST);
	const view = new DataView(record.buffer);
	const { thermometer, hygrometer, barometer } = sample;
	view.setUint8(
		0,
		(time === undefined ? 0 : HAS_TIME) | (hygrometer ? HAS_HUMIDITY : 0) | (barometer ? HAS_PRESSURE : 0),
	);
	view.setUint32(1, seq);
	view.setFloat64(5, time ?? ticks);
	view.setInt16(13, fitting("temperature", thermometer.temperature, 100, -0x8000, 0x7fff));
	let at = 15;
	if (hygrometer) {
		view.setUint16(at, fitting("humidity", hygrometer.humidity, 10_000, 0, 10_000));
		at += 2;
	}
	if (barometer) {
		view.setUint32(at, fitting("pressure", barometer.pressure, 100, 0, 0xffffffff));
		at += 4;
	}
	return record.slice(0, at);
}

/** The reading of a record; its `ticks` are NaN if it has a `time`. */
export function decodeRecord(record: Bytes): Reading {
	const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
	const flags = view.getUint8(0);
	const when = view.getFloat64(5);
	const sample: Sample = { thermometer: { temperature: view.getInt16(13) / 100 } };
	let at = 15;
	if (flags & HAS_HUMIDITY) {
		sample.hygrometer = { humidity: view.getUint16(at) / 10_000 };
		at += 2;
	}
	if (flags & HAS_PRESSURE) sample.barometer = { pressure: view.getUint32(at) / 100 };
	const seq = view.getUint32(1);
	return flags & HAS_TIME
		? { seq, ticks: Number.NaN, time: when, sample }
		: { seq, ticks: when, time: undefined, sample };
}

function fitting(name: string, value: number, scale: number, lowest: number, highest: number): number {
	const scaled = Math.round(value * scale);
	if (!(scaled >= lowest && scaled <= highest)) throw new RangeError(`a ${name} of ${value} cannot be recorded`);
	return scaled;
}

/**
 * Readings and notes as records: binary, a fifth of a report's size, and with a
 * time that a later note can tell.
 *
 * A reading's kind has a bit for each of its values; its body:
 *
 * | bytes | content                                                             |
 * |-------|---------------------------------------------------------------------|
 * | 6     | wall-clock ms since 1970; or, until it is known, monotonic ms       |
 * | 2     | temperature in 0.01 °C, signed                                      |
 * | 2     | relative humidity in 0.01 %, if any                                 |
 * | 3     | pressure in 0.01 Pa, if any                                         |
 * | 2     | the run whose monotonic time it is, unless the wall-clock time is known |
 *
 * A clock note tells the wall-clock time at which a run's monotonic time was 0: 8
 * bytes, a double, and the run's 2 bytes.
 *
 * A broker note tells what the station has found out of a broker: the CRC of its
 * address, 2 bytes; its traits, 1 byte; and the number of the first reading behind that,
 * 4 bytes, which earlier versions have left out: then it is the one behind the note.
 *
 * A memo is an ASCII text between `<` and `>`, over as many notes as it takes. Of the whole ones the last one counts.
 */
import type { Bytes } from "../host.js";
import type { Sample } from "../sensors/sensor.js";
import { COMPLETE, type LogRecord } from "./slot.js";

const HAS_TIME = COMPLETE;
const HAS_HUMIDITY = 2;
const HAS_PRESSURE = 4;
/** Kinds from 0x80 on are notes; the odd ones are written anew in each block. */
const CLOCK_NOTE = 0x80;
export const BROKER_NOTE = 0x81;
export const MEMO_NOTE = 0x83;
/** What earlier versions have written in its place. */
export const EARLIER_MEMO_NOTE = 0x82;

const TEMPERATURE_AT = 6;
const HUMIDITY_AT = 8;
const PRESSURE_AT = 10;
const RUN_AT = 13;
const READING_BYTES = 15;
const NOTE_RUN_AT = 8;
const NOTE_BYTES = 10;
const TRAITS_AT = 2;
const SINCE_AT = 3;
const BROKER_NOTE_BYTES = 7;

/** A reading as it is kept. */
export interface Kept {
	readonly seq: number;
	/** Wall-clock ms since 1970, or, with a `run`, ms of that run's monotonic time. */
	readonly when: number;
	/** The run, from one start of the station to the next; modulo 2^16. */
	readonly run: number | undefined;
	readonly sample: Sample;
}

/** Throws a RangeError when a value does not fit: a number that was not measured must not be published. */
export function encodeReading({ seq, when, run, sample }: Kept): LogRecord {
	const body = new Uint8Array(READING_BYTES);
	const view = new DataView(body.buffer);
	const { thermometer, hygrometer, barometer } = sample;
	const whole = fitting("time", when, 1, 0, 2 ** 48 - 1);
	view.setUint16(0, Math.floor(whole / 2 ** 32));
	view.setUint32(2, whole % 2 ** 32);
	view.setInt16(TEMPERATURE_AT, fitting("temperature", thermometer.temperature, 100, -0x8000, 0x7fff));
	if (hygrometer) view.setUint16(HUMIDITY_AT, fitting("humidity", hygrometer.humidity, 10_000, 0, 10_000));
	if (barometer) {
		const pressure = fitting("pressure", barometer.pressure, 100, 0, 0xff_ffff);
		view.setUint8(PRESSURE_AT, pressure >> 16);
		view.setUint16(PRESSURE_AT + 1, pressure & 0xffff);
	}
	view.setUint16(RUN_AT, run ?? 0);
	const kind = (run === undefined ? HAS_TIME : 0) | (hygrometer ? HAS_HUMIDITY : 0) | (barometer ? HAS_PRESSURE : 0);
	return { kind, seq, body };
}

export function decodeReading({ kind, seq, body }: LogRecord): Kept {
	const view = viewOf(body);
	const sample: Sample = { thermometer: { temperature: view.getInt16(TEMPERATURE_AT) / 100 } };
	if (kind & HAS_HUMIDITY) sample.hygrometer = { humidity: view.getUint16(HUMIDITY_AT) / 10_000 };
	if (kind & HAS_PRESSURE) {
		sample.barometer = {
			pressure: (view.getUint8(PRESSURE_AT) * 0x10000 + view.getUint16(PRESSURE_AT + 1)) / 100,
		};
	}
	const when = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
	return { seq, when, run: kind & HAS_TIME ? undefined : view.getUint16(RUN_AT), sample };
}

/** `startedAt`: wall-clock ms since 1970 at which the run's monotonic time was 0. */
export function encodeClockNote(run: number, startedAt: number, seq: number): LogRecord {
	const body = new Uint8Array(NOTE_BYTES);
	const view = new DataView(body.buffer);
	view.setFloat64(0, startedAt);
	view.setUint16(NOTE_RUN_AT, run);
	return { kind: CLOCK_NOTE, seq, body };
}

/** `undefined` for a record that is no clock note. */
export function decodeClockNote({ kind, body }: LogRecord): { run: number; startedAt: number } | undefined {
	if (kind !== CLOCK_NOTE) return undefined;
	const view = viewOf(body);
	return { run: view.getUint16(NOTE_RUN_AT), startedAt: view.getFloat64(0) };
}

/** `broker`: the CRC of its address. `traits`: as the session has them. `since`: the last number when that was found out. */
export function encodeBrokerNote(broker: number, traits: number, since: number, seq: number): LogRecord {
	const body = new Uint8Array(BROKER_NOTE_BYTES);
	const view = viewOf(body);
	view.setUint16(0, broker);
	view.setUint8(TRAITS_AT, traits);
	view.setUint32(SINCE_AT, since + 1);
	return { kind: BROKER_NOTE, seq, body };
}

/** Of a broker note. */
export function decodeBrokerNote({ seq, body }: LogRecord): { broker: number; traits: number; since: number } {
	const view = viewOf(body);
	const since = (view.getUint32(SINCE_AT) || seq + 1) - 1;
	return { broker: view.getUint16(0), traits: view.getUint8(TRAITS_AT), since };
}

function viewOf({ buffer, byteOffset, byteLength }: Bytes): DataView {
	return new DataView(buffer, byteOffset, byteLength);
}

function fitting(name: string, value: number, scale: number, lowest: number, highest: number): number {
	const scaled = Math.round(value * scale);
	if (!(scaled >= lowest && scaled <= highest)) throw new RangeError(`a ${name} of ${value} cannot be recorded`);
	return scaled;
}
